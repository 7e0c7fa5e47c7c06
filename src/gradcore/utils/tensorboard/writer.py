"""``SummaryWriter``: what a training run tells TensorBoard."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from . import summary
from .arrays import figure_to_image, to_numpy
from .embedding import embedding_info, encode, write_config, write_embedding
from .file_writer import FileWriter
from .graph import graph
from .protobufs import Event, ProjectorConfig, SessionLog

__all__ = ["FileWriter", "SummaryWriter"]


class SummaryWriter:
    """Writes event files into a folder, which ``tensorboard --logdir`` shows.

    Every ``add_…`` takes a tag (parts between slashes group what TensorBoard shows), the value,
    ``global_step`` (the x axis) and ``walltime`` (seconds since 1970; now by default).

        >>> with SummaryWriter("runs/first") as writer:
        ...     writer.add_scalar("loss", 0.5, global_step=1)

    Args:
        log_dir: the folder; ``runs/<date>_<time>_<host><comment>`` by default.
        comment: the end of the default folder's name.
        purge_step: hide what an earlier run in this folder wrote at this step and after.
        max_queue: how many events wait before ``add_…`` waits for the thread that writes.
        flush_secs: how often they are written to the disk.
        filename_suffix: the end of the event files' names.

    Raises OSError (PermissionError, NotADirectoryError …) where ``log_dir`` cannot be written to.
    """

    def __init__(
        self,
        log_dir: str | os.PathLike | None = None,
        comment: str = "",
        purge_step: int | None = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        filename_suffix: str = "",
    ) -> None:
        if not log_dir:
            now = datetime.now().strftime("%b%d_%H-%M-%S")
            log_dir = os.path.join("runs", f"{now}_{socket.gethostname()}{comment}")
        self.log_dir = log_dir
        self.purge_step = purge_step
        self.max_queue = max_queue
        self.flush_secs = flush_secs
        self.filename_suffix = filename_suffix
        self.file_writer: FileWriter | None = None
        # The writers of this folder and of the curves of add_scalars, by folder; None if closed.
        self.all_writers: dict[str, FileWriter] | None = None
        self.default_bins = _default_bins()
        self._projector_config = ProjectorConfig()
        self._get_file_writer()

    def _new_writer(self, log_dir: Any) -> FileWriter:
        return FileWriter(log_dir, self.max_queue, self.flush_secs, self.filename_suffix)

    def _get_file_writer(self) -> FileWriter:
        """The writer of ``log_dir``, opened again if it was closed."""
        if self.all_writers is None or self.file_writer is None:
            self.file_writer = self._new_writer(self.log_dir)
            self.all_writers = {self.file_writer.get_logdir(): self.file_writer}
            if self.purge_step is not None:
                step = self.purge_step
                self.file_writer.add_event(Event(step=step, file_version="brain.Event:2"))
                log = SessionLog(status=SessionLog.START)
                self.file_writer.add_event(Event(step=step, session_log=log))
                self.purge_step = None
        return self.file_writer

    def get_logdir(self) -> str | os.PathLike:
        """The folder of the event files."""
        return self.log_dir

    def _add(self, content: Any, global_step: Any, walltime: float | None) -> None:
        self._get_file_writer().add_summary(content, global_step, walltime)

    def add_scalar(
        self,
        tag: str,
        scalar_value: Any,
        global_step: Any = None,
        walltime: float | None = None,
        new_style: bool = False,
        double_precision: bool = False,
    ) -> None:
        """A number: Python's, NumPy's, or a tensor of one element (AssertionError for more).

        ``new_style`` writes a tensor instead of a simple value, which loads faster; with
        ``double_precision`` a float64.
        """
        content = summary.scalar(
            tag, scalar_value, new_style=new_style, double_precision=double_precision
        )
        self._add(content, global_step, walltime)

    def add_scalars(
        self,
        main_tag: str,
        tag_scalar_dict: Mapping[str, Any],
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Several numbers in one chart; each key is a run ``<log_dir>/<main_tag>_<key>``."""
        walltime = time.time() if walltime is None else walltime
        folder = f"{self._get_file_writer().get_logdir()}/{main_tag.replace('/', '_')}_"
        assert self.all_writers is not None
        for tag, value in tag_scalar_dict.items():
            content = summary.scalar(main_tag, value)
            if folder + tag not in self.all_writers:
                self.all_writers[folder + tag] = self._new_writer(folder + tag)
            self.all_writers[folder + tag].add_summary(content, global_step, walltime)

    def add_tensor(
        self, tag: str, tensor: Any, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """A whole tensor. ValueError for 2 GB and more."""
        self._add(summary.tensor_proto(tag, tensor), global_step, walltime)

    def add_histogram(
        self,
        tag: str,
        values: Any,
        global_step: Any = None,
        bins: Any = "tensorflow",
        walltime: float | None = None,
        max_bins: int | None = None,
    ) -> None:
        """How the elements of ``values`` are distributed.

        ``bins`` is "tensorflow" (growing by a tenth from 1e-12 to 1e20, and as many below zero)
        or what ``numpy.histogram`` takes. Raises ValueError where no element lies within them.
        """
        if isinstance(bins, str) and bins == "tensorflow":
            bins = self.default_bins
        self._add(summary.histogram(tag, values, bins, max_bins=max_bins), global_step, walltime)

    def add_histogram_raw(
        self,
        tag: str,
        min: float,
        max: float,
        num: int,
        sum: float,
        sum_squares: float,
        bucket_limits: Sequence[float],
        bucket_counts: Sequence[float],
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """A histogram that is known already: the right limits of the buckets and their counts."""
        if len(bucket_limits) != len(bucket_counts):
            raise ValueError("len(bucket_limits) != len(bucket_counts), see the document.")
        content = summary.histogram_raw(
            tag, min, max, num, sum, sum_squares, bucket_limits, bucket_counts
        )
        self._add(content, global_step, walltime)

    def add_image(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "CHW",
    ) -> None:
        """An image whose axes ``dataformats`` names: CHW, HWC, HW, WH …

        One, three or four channels; uint8 from 0 to 255, or other numbers from 0 to 1.
        """
        content = summary.image(tag, img_tensor, dataformats=dataformats)
        self._add(content, global_step, walltime)

    def add_images(
        self,
        tag: str,
        img_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        dataformats: str = "NCHW",
    ) -> None:
        """Images (N, C, H, W), or as ``dataformats`` says, in a grid with rows of eight."""
        content = summary.image(tag, img_tensor, dataformats=dataformats)
        self._add(content, global_step, walltime)

    def add_image_with_boxes(
        self,
        tag: str,
        img_tensor: Any,
        box_tensor: Any,
        global_step: Any = None,
        walltime: float | None = None,
        rescale: float = 1,
        dataformats: str = "CHW",
        labels: str | Sequence[str] | None = None,
    ) -> None:
        """An image with red rectangles: rows of xmin, ymin, xmax, ymax, (N, 4), and N labels.

        As in PyTorch, labels of another number are left out.
        """
        if isinstance(labels, str):
            labels = [labels]
        if labels is not None and len(labels) != box_tensor.shape[0]:
            labels = None
        content = summary.image_boxes(tag, img_tensor, box_tensor, rescale, dataformats, labels)
        self._add(content, global_step, walltime)

    def add_figure(
        self,
        tag: str,
        figure: Any,
        global_step: Any = None,
        close: bool = True,
        walltime: float | None = None,
    ) -> None:
        """A matplotlib figure, or a list of them in a grid; ``close`` closes them."""
        layout = "NCHW" if isinstance(figure, list) else "CHW"
        self.add_image(tag, figure_to_image(figure, close), global_step, walltime, layout)

    def add_video(
        self,
        tag: str,
        vid_tensor: Any,
        global_step: Any = None,
        fps: float = 4,
        walltime: float | None = None,
    ) -> None:
        """Videos (N, T, C, H, W) side by side, ``fps`` frames a second, as a GIF."""
        self._add(summary.video(tag, vid_tensor, fps), global_step, walltime)

    def add_audio(
        self,
        tag: str,
        snd_tensor: Any,
        global_step: Any = None,
        sample_rate: int = 44100,
        walltime: float | None = None,
    ) -> None:
        """One channel of sound (1, L), values from -1 to 1."""
        self._add(summary.audio(tag, snd_tensor, sample_rate), global_step, walltime)

    def add_text(
        self, tag: str, text_string: str, global_step: Any = None, walltime: float | None = None
    ) -> None:
        """A string, shown as Markdown."""
        self._add(summary.text(tag, text_string), global_step, walltime)

    def add_graph(
        self,
        model: Any,
        input_to_model: Any = None,
        verbose: bool = False,
        use_strict_trace: bool = True,
    ) -> None:
        """The operations of one run of ``model`` on ``input_to_model``, by module.

        ``input_to_model`` is a tensor or a tuple of them; ``verbose`` prints the graph;
        ``use_strict_trace=False`` allows models that return lists or dicts.
        """
        drawn = graph(model, input_to_model, verbose, use_strict_trace)
        self._get_file_writer().add_graph(drawn)

    def add_embedding(
        self,
        mat: Any,
        metadata: Sequence[Any] | None = None,
        label_img: Any = None,
        global_step: Any = None,
        tag: str = "default",
        metadata_header: Sequence[str] | None = None,
    ) -> None:
        """Vectors (N, D) for the projector, with N labels and N images (N, C, H, W).

        With ``metadata_header`` each label is a row with a value for each of its columns. Raises
        AssertionError where the numbers differ.
        """
        step = 0 if global_step is None else int(global_step)
        subdir = f"{step:05d}/{encode(tag)}"
        folder = self._get_file_writer().get_logdir()
        vectors = to_numpy(mat)
        write_embedding(os.path.join(folder, subdir), vectors, metadata, label_img, metadata_header)
        info = embedding_info(subdir, tag, step, metadata is not None, label_img)
        self._projector_config.embeddings.append(info)
        write_config(folder, self._projector_config)

    def add_pr_curve(
        self,
        tag: str,
        labels: Any,
        predictions: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Precision and recall at each threshold: binary labels, predictions from 0 to 1."""
        content = summary.pr_curve(tag, labels, predictions, num_thresholds, weights)
        self._add(content, global_step, walltime)

    def add_pr_curve_raw(
        self,
        tag: str,
        true_positive_counts: Any,
        false_positive_counts: Any,
        true_negative_counts: Any,
        false_negative_counts: Any,
        precision: Any,
        recall: Any,
        global_step: Any = None,
        num_thresholds: int = 127,
        weights: Any = None,
        walltime: float | None = None,
    ) -> None:
        """The same of counts that are known already, one for each threshold."""
        content = summary.pr_curve_raw(
            tag,
            true_positive_counts,
            false_positive_counts,
            true_negative_counts,
            false_negative_counts,
            precision,
            recall,
            num_thresholds,
            weights,
        )
        self._add(content, global_step, walltime)

    def add_custom_scalars_multilinechart(
        self, tags: Sequence[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """A chart of several scalars."""
        self.add_custom_scalars({category: {title: ["Multiline", tags]}})

    def add_custom_scalars_marginchart(
        self, tags: Sequence[str], category: str = "default", title: str = "untitled"
    ) -> None:
        """A chart of a scalar between two others: its tag, the lower and the upper bound's."""
        if len(tags) != 3:
            raise AssertionError(f"Expected 3 tags, got {len(tags)}.")
        self.add_custom_scalars({category: {title: ["Margin", tags]}})

    def add_custom_scalars(self, layout: Mapping[str, Mapping[str, Sequence[Any]]]) -> None:
        """Charts of scalars: ``{category: {title: ["Multiline" or "Margin", tags]}}``, once."""
        self._add(summary.custom_scalars(layout), None, None)

    def add_mesh(
        self,
        tag: str,
        vertices: Any,
        colors: Any = None,
        faces: Any = None,
        config_dict: Mapping[str, Any] | None = None,
        global_step: Any = None,
        walltime: float | None = None,
    ) -> None:
        """Point clouds or surfaces: vertices, colors and faces are (B, N, 3).

        ``config_dict`` configures three.js: camera, material, light.
        """
        content = summary.mesh(tag, vertices, colors, faces, config_dict)
        self._add(content, global_step, walltime)

    def add_hparams(
        self,
        hparam_dict: dict[str, Any],
        metric_dict: dict[str, Any],
        hparam_domain_discrete: dict[str, list] | None = None,
        run_name: str | None = None,
        global_step: Any = None,
    ) -> None:
        """Hyperparameters and the metrics they led to, to be compared between runs.

        They are written into the folder ``run_name`` (the time by default) within ``log_dir``.
        Raises TypeError where an argument is no dict, ValueError for values of other types.
        """
        if type(hparam_dict) is not dict or type(metric_dict) is not dict:
            raise TypeError("hparam_dict and metric_dict should be dictionary.")
        contents = summary.hparams(hparam_dict, metric_dict, hparam_domain_discrete)
        folder = self._get_file_writer().get_logdir()
        with SummaryWriter(os.path.join(folder, run_name or str(time.time()))) as writer:
            for content in contents:
                writer._add(content, global_step, None)
            for tag, value in metric_dict.items():
                writer.add_scalar(tag, value, global_step)

    def flush(self) -> None:
        """Write everything that waits to the disk."""
        for writer in (self.all_writers or {}).values():
            writer.flush()

    def close(self) -> None:
        """Write everything that waits and close the files; a later ``add_…`` opens new ones."""
        for writer in (self.all_writers or {}).values():
            writer.flush()
            writer.close()
        self.file_writer = self.all_writers = None

    def __enter__(self) -> SummaryWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def _default_bins() -> list[float]:
    """The limits of TensorFlow's buckets."""
    buckets = []
    value = 1e-12
    while value < 1e20:
        buckets.append(value)
        value *= 1.1
    return [*(-x for x in reversed(buckets)), 0, *buckets]
