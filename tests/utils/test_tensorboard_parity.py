"""SummaryWriter writes the protocol buffers that PyTorch's writes."""

from __future__ import annotations

import inspect
import io
import re

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("tensorboard")

from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader  # noqa: E402
from tensorboard.compat.proto.event_pb2 import Event  # noqa: E402
from torch.utils.tensorboard import SummaryWriter as TorchWriter  # noqa: E402

import gradcore  # noqa: E402
from gradcore.utils.tensorboard import SummaryWriter  # noqa: E402


def events(folder):
    """What the event files in ``folder`` say, by their places, without the times."""
    result = {}
    for file in sorted(folder.rglob("events.out.tfevents.*")):
        found = [Event.FromString(text) for text in RawEventFileLoader(str(file)).Load()]
        place = str(file.relative_to(folder).parent)
        result[place] = [event for event in found if not event.file_version or event.step]
        for event in result[place]:
            event.wall_time = 0
            for value in event.summary.value:
                value.image.encoded_image_string = pixels(value.image.encoded_image_string)
    return result


def pixels(png):
    """The picture in a PNG file, whose compression may differ."""
    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(png))).tobytes() if png else b""


def both(tmp_path, write, **options):
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    with SummaryWriter(ours, **options) as writer:
        write(writer, gradcore)
    with TorchWriter(theirs, **options) as writer:
        write(writer, torch)
    expected = events(theirs)
    assert any(expected.values())
    assert events(ours) == expected
    return ours, theirs


RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.random((3, 6, 5), dtype=np.float32)
NORMAL = RANDOM.standard_normal(1000)
LABELS = RANDOM.integers(0, 2, 100)
PREDICTIONS = RANDOM.random(100)
COUNTS = RANDOM.integers(0, 9, (4, 12))

CALLS = {
    "scalar": lambda w, t: w.add_scalar("a/b", 0.1, 3),
    "scalar of a tensor": lambda w, t: w.add_scalar("a", t.tensor([[2.5]]), 3, 10.0),
    "scalar of bfloat16": lambda w, t: w.add_scalar("a", t.tensor(2.5).bfloat16()),
    "scalar of NumPy": lambda w, t: w.add_scalar("a", np.float64(0.1), np.int64(2)),
    "scalar in the new style": lambda w, t: w.add_scalar("a", 0.1, 3, new_style=True),
    "scalar in double precision": lambda w, t: w.add_scalar(
        "a", 0.1, 3, new_style=True, double_precision=True
    ),
    "scalars": lambda w, t: w.add_scalars("losses/all", {"train": 0.1, "test": 2}, 5),
    "histogram": lambda w, t: w.add_histogram("h", t.tensor(NORMAL).float(), 1),
    "histogram of one value": lambda w, t: w.add_histogram("h", t.tensor([0])),
    "histogram by Doane": lambda w, t: w.add_histogram("h", NORMAL, bins="doane"),
    "histogram with limits": lambda w, t: w.add_histogram("h", NORMAL, bins=[-1, 0, 0.5]),
    "histogram with few bins": lambda w, t: w.add_histogram("h", NORMAL, bins=50, max_bins=7),
    "histogram that is known": lambda w, t: w.add_histogram_raw(
        "h", 0.0, 2.0, 3, 3.0, 5.0, [1.0, 2.0], [1, 2], 4
    ),
    "image": lambda w, t: w.add_image("i", t.tensor(IMAGE), 2),
    "image out of range": lambda w, t: w.add_image("i", t.tensor(IMAGE * 3 - 1)),
    "image HWC": lambda w, t: w.add_image("i", IMAGE.transpose(1, 2, 0), dataformats="HWC"),
    "image WH": lambda w, t: w.add_image("i", t.tensor(IMAGE[0]), dataformats="WH"),
    "image of bytes": lambda w, t: w.add_image("i", (IMAGE[:1] * 255).astype(np.uint8)),
    "images": lambda w, t: w.add_images("i", t.tensor(np.stack([IMAGE] * 11)), 2),
    "images NHWC": lambda w, t: w.add_images(
        "i", np.stack([IMAGE[:1]] * 3).transpose(0, 2, 3, 1), dataformats="NHWC"
    ),
    "boxes": lambda w, t: w.add_image_with_boxes(
        "i", np.zeros((3, 40, 40)), t.tensor([[1, 2, 30, 35], [5, 5, 9, 9]]), 1, labels=["a", "b"]
    ),
    "boxes with a label missing": lambda w, t: w.add_image_with_boxes(
        "i", np.zeros((3, 40, 40)), t.tensor([[1, 2, 30, 35], [5, 5, 9, 9]]), 1, labels="a"
    ),
    "boxes, larger": lambda w, t: w.add_image_with_boxes(
        "i", np.zeros((3, 40, 40)), t.tensor([[1.0, 2.0, 30.0, 35.0]]), rescale=2
    ),
    "audio": lambda w, t: w.add_audio("s", t.tensor(np.sin(np.arange(100.0)))[None], 1, 8000),
    "text": lambda w, t: w.add_text("t", "**größer**", 7),
    "curve": lambda w, t: w.add_pr_curve("c", t.tensor(LABELS), t.tensor(PREDICTIONS), 1),
    "curve with weights": lambda w, t: w.add_pr_curve(
        "c", LABELS, PREDICTIONS, 1, num_thresholds=10, weights=PREDICTIONS
    ),
    "curve with many thresholds": lambda w, t: w.add_pr_curve(
        "c", LABELS, PREDICTIONS, num_thresholds=500
    ),
    "curve that is known": lambda w, t: w.add_pr_curve_raw(
        "c", *COUNTS, PREDICTIONS[:12], PREDICTIONS[12:24], 3, num_thresholds=12
    ),
    "charts": lambda w, t: w.add_custom_scalars(
        {"one": {"a": ["Multiline", ["x", "y"]], "b": ["Margin", ["x", "y", "z"]]}, "two": {}}
    ),
    "chart of lines": lambda w, t: w.add_custom_scalars_multilinechart(["x", "y"], "c", "d"),
    "chart of a margin": lambda w, t: w.add_custom_scalars_marginchart(["x", "y", "z"]),
    "mesh": lambda w, t: w.add_mesh(
        "m",
        t.tensor([[[1.0, 1, 1], [0, 1, 0], [1, 0, 0]]]),
        colors=t.tensor([[[255, 0, 0], [0, 255, 0], [0, 0, 255]]]),
        faces=t.tensor([[[0, 1, 2]]]),
        config_dict={"lights": [{"cls": "AmbientLight"}], "camera": {"fov": 75}},
        global_step=1,
    ),
    "points": lambda w, t: w.add_mesh("m", t.tensor([[[1.0, 1, 1], [0, 1, 0]]])),
    "hyperparameters": lambda w, t: w.add_hparams(
        {"lr": 0.1, "size": 3, "kind": "a", "flag": True, "none": None, "t": t.tensor([2.0])},
        {"loss": 0.5, "accuracy": t.tensor(1.0)},
        {"kind": ["a", "b"], "size": [3, 4]},
        run_name="run",
        global_step=2,
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_same_events(tmp_path, name):
    both(tmp_path, CALLS[name])


DTYPES = "float16 bfloat16 float32 float64 int8 uint8 int16 int32 int64 bool complex64 complex128"


@pytest.mark.parametrize("dtype", DTYPES.split())
def test_same_tensors(tmp_path, dtype):
    def write(writer, t):
        writer.add_tensor("x", t.tensor([[0, 1, 2]]).to(getattr(t, dtype)), 2)

    both(tmp_path, write)


def test_same_figures(tmp_path):
    plt = pytest.importorskip("matplotlib.pyplot")

    def write(writer, t):
        figures = [plt.figure(figsize=(2, 1)) for _ in range(3)]
        figures[0].add_subplot().plot([1, 2, 3])
        writer.add_figure("one", figures[0], 1, close=False)
        writer.add_figure("three", figures)
        assert not plt.get_fignums()

    both(tmp_path, write)


def test_same_session_start(tmp_path):
    def write(writer, t):
        writer.add_scalar("a", 1.0, 6)

    ours, _ = both(tmp_path, write, purge_step=5, filename_suffix=".x", max_queue=1, flush_secs=1)
    assert [file.suffix for file in ours.iterdir()] == [".x"]


def test_same_embeddings(tmp_path):
    vectors = RANDOM.random((5, 3), dtype=np.float32)
    images = RANDOM.random((5, 3, 4, 6), dtype=np.float32)

    def write(writer, t):
        writer.add_scalar("a", 1)
        writer.add_embedding(t.tensor(vectors), list("abcde"), t.tensor(images), 3, "a/b%\\c")
        rows = [[i, str(i)] for i in range(5)]
        writer.add_embedding(vectors, rows, metadata_header=["number", "text"])

    ours, theirs = both(tmp_path, write)
    files = [f.relative_to(ours) for f in sorted(ours.rglob("*.*")) if "tfevents" not in f.name]
    assert len(files) == 6
    for file in files:
        mine, expected = (ours / file).read_bytes(), (theirs / file).read_bytes()
        if file.suffix == ".png":
            mine, expected = pixels(mine), pixels(expected)
        assert mine == expected, file


ERRORS = {
    "scalar of three": lambda w, t: w.add_scalar("a", t.zeros(3)),
    "scalar of a word": lambda w, t: w.add_scalar("a", "word"),
    "scalar of a list": lambda w, t: w.add_scalar("a", [1]),
    "empty histogram": lambda w, t: w.add_histogram("a", t.zeros(0)),
    "limits and counts": lambda w, t: w.add_histogram_raw("a", 0, 1, 1, 1, 1, [1], [1, 2]),
    "axes twice": lambda w, t: w.add_image("a", t.zeros(3, 4, 4), dataformats="CCW"),
    "axes too few": lambda w, t: w.add_image("a", t.zeros(1, 3, 4, 4)),
    "two channels": lambda w, t: w.add_images("a", t.zeros(1, 2, 4, 4)),
    "stereo": lambda w, t: w.add_audio("a", t.zeros(2, 4)),
    "labels": lambda w, t: w.add_embedding(t.zeros(3, 2), [1, 2]),
    "vectors": lambda w, t: w.add_embedding(t.zeros(3)),
    "margin": lambda w, t: w.add_custom_scalars_marginchart(["a"]),
    "mesh": lambda w, t: w.add_mesh("a", t.zeros(3, 3)),
    "hparams list": lambda w, t: w.add_hparams([], {}),
    "hparams value": lambda w, t: w.add_hparams({"a": [1]}, {}),
    "hparams domain": lambda w, t: w.add_hparams({"a": 1}, {}, {"b": [1]}),
    "hparams domain type": lambda w, t: w.add_hparams({"a": 1}, {}, {"a": ["x"]}),
    "hparams domains": lambda w, t: w.add_hparams({"a": 1}, {}, 3),
}


@pytest.mark.parametrize("name", ERRORS)
def test_same_errors(tmp_path, name):
    with TorchWriter(tmp_path / "theirs") as writer, pytest.raises(Exception) as expected:
        ERRORS[name](writer, torch)
    with SummaryWriter(tmp_path / "ours") as writer, pytest.raises(expected.type) as found:
        ERRORS[name](writer, gradcore)
    message = re.sub(r"torch\.Size\(\[(.*)\]\)", r"(\1)", str(expected.value))
    assert str(found.value).replace("gradcore.", "torch.") == message


def test_same_signatures():
    for name, method in vars(TorchWriter).items():
        if name.startswith("add_") and name != "add_onnx_graph":
            mine = inspect.signature(getattr(SummaryWriter, name)).parameters.values()
            expected = inspect.signature(method).parameters.values()
            assert [(p.name, p.default) for p in mine] == [(p.name, p.default) for p in expected]
