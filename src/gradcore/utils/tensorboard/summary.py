"""The ``Summary`` protocol buffers that ``SummaryWriter`` writes, one function for each kind."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...autograd.variable import TensorBase
from .arrays import to_numpy
from .hparams import hparams
from .media import audio, image, image_boxes, video
from .protobufs import (
    HistogramProto,
    MeshPluginData,
    PrCurvePluginData,
    Summary,
    SummaryMetadata,
    TensorProto,
    TensorShapeProto,
    TextPluginData,
    layouts,
    mesh_metadata,
)

__all__ = [
    "audio",
    "custom_scalars",
    "histogram",
    "histogram_raw",
    "hparams",
    "image",
    "image_boxes",
    "mesh",
    "pr_curve",
    "pr_curve_raw",
    "scalar",
    "tensor_proto",
    "text",
    "video",
]

# TensorBoard's plugin cannot show more thresholds.
_MOST_THRESHOLDS = 127
_LARGEST_TENSOR = 2**31


def shape_proto(shape: Sequence[int]) -> TensorShapeProto:
    """A shape as a protocol buffer."""
    return TensorShapeProto(dim=[TensorShapeProto.Dim(size=size) for size in shape])


def _for_plugin(name: str, content: bytes = b"") -> SummaryMetadata:
    data = SummaryMetadata.PluginData(plugin_name=name, content=content)
    return SummaryMetadata(plugin_data=data)


def scalar(
    name: str,
    tensor: Any,
    collections: Any = None,
    new_style: bool = False,
    double_precision: bool = False,
) -> Summary:
    """One number: a ``simple_value``, or with ``new_style`` a tensor.

    ``collections`` has no meaning outside TensorFlow, and no function here passes it.

    Raises AssertionError for several elements, ValueError for a string that is no number.
    """
    array = to_numpy(tensor).squeeze()
    if array.ndim != 0:
        raise AssertionError(
            "Tensor should contain one element (0 dimensions).             "
            f"Was given size: {array.size} and {array.ndim} dimensions."
        )
    number = float(array)
    if not new_style:
        return Summary(value=[Summary.Value(tag=name, simple_value=number)])
    if double_precision:
        proto = TensorProto(double_val=[number], dtype="DT_DOUBLE")
    else:
        proto = TensorProto(float_val=[number], dtype="DT_FLOAT")
    return Summary(value=[Summary.Value(tag=name, tensor=proto, metadata=_for_plugin("scalars"))])


# ---------------------------------------------------------------------------- tensors


def _as_float_bits(x: Any) -> list[int]:
    """The bits of each value as a float32: what PyTorch puts into ``half_val``."""
    return [struct.unpack("i", struct.pack("f", value))[0] for value in x.flatten().tolist()]


def _as_pairs(x: Any) -> list[float]:
    return [part for value in x.flatten().tolist() for part in (value.real, value.imag)]


def _as_list(x: Any) -> list[Any]:
    return x.flatten().tolist()


# dtype -> (name in the protocol buffer, its field, the values)
_TENSOR_FIELDS = {
    "float16": ("DT_HALF", "half_val", _as_float_bits),
    "bfloat16": ("DT_BFLOAT16", "half_val", _as_float_bits),
    "float32": ("DT_FLOAT", "float_val", _as_list),
    "float64": ("DT_DOUBLE", "double_val", _as_list),
    "uint8": ("DT_UINT8", "uint32_val", _as_list),
    "int8": ("DT_INT8", "int_val", _as_list),
    "int16": ("DT_INT16", "int_val", _as_list),
    "int32": ("DT_INT32", "int_val", _as_list),
    "int64": ("DT_INT64", "int64_val", _as_list),
    "complex64": ("DT_COMPLEX64", "scomplex_val", _as_pairs),
    "complex128": ("DT_COMPLEX128", "dcomplex_val", _as_pairs),
    "bool": ("DT_BOOL", "bool_val", _as_list),
}


def tensor_proto(tag: str, tensor: Any) -> Summary:
    """A whole tensor. Raises TypeError for anything else, ValueError for 2 GB and more."""
    if not isinstance(tensor, TensorBase):
        raise TypeError(f"tensor should be a Tensor, got {type(tensor).__name__}")
    if tensor.numel() * tensor.element_size() >= _LARGEST_TENSOR:
        raise ValueError("tensor is bigger than protocol buffer's hard limit of 2GB in size")
    name, field, values = _TENSOR_FIELDS[str(tensor.dtype).removeprefix("torch.")]
    data = {field: values(tensor.detach())}
    proto = TensorProto(dtype=name, tensor_shape=shape_proto(tensor.shape), **data)
    return Summary(value=[Summary.Value(tag=tag, metadata=_for_plugin("tensor"), tensor=proto)])


# ---------------------------------------------------------------------------- histograms


def histogram_raw(
    name: str,
    min: float,
    max: float,
    num: int,
    sum: float,
    sum_squares: float,
    bucket_limits: Any,
    bucket_counts: Any,
) -> Summary:
    """A histogram of which everything is known already."""
    histo = HistogramProto(
        min=min,
        max=max,
        num=num,
        sum=sum,
        sum_squares=sum_squares,
        bucket_limit=bucket_limits,
        bucket=bucket_counts,
    )
    return Summary(value=[Summary.Value(tag=name, histo=histo)])


def histogram(name: str, values: Any, bins: Any, max_bins: int | None = None) -> Summary:
    """The histogram of all elements of ``values``; ``bins`` are ``numpy.histogram``'s.

    Raises ValueError where there is no element, or none within the bins.
    """
    histo = make_histogram(to_numpy(values).astype(float), bins, max_bins)
    return Summary(value=[Summary.Value(tag=name, histo=histo)])


def make_histogram(values: np.ndarray, bins: Any, max_bins: int | None = None) -> HistogramProto:
    """See :func:`histogram`; with ``max_bins``, neighbours are merged until about as few remain."""
    if values.size == 0:
        raise ValueError("The input has no element.")
    values = values.reshape(-1)
    counts, limits = np.histogram(values, bins=bins)
    if max_bins is not None and len(counts) > max_bins:
        counts, limits = _merged(counts, limits, len(counts) // max_bins)
    filled = counts.nonzero()[0]
    if not filled.size:
        raise ValueError(
            f"values has no element within the bins, which go from {limits[0]:g} to {limits[-1]:g}"
        )
    first, last = filled[0], filled[-1]
    # TensorBoard takes a bucket's right limit only; the empty one in front tells where the first
    # filled one begins.
    counts = np.concatenate([[0], counts[first : last + 1]])
    return HistogramProto(
        min=values.min(),
        max=values.max(),
        num=len(values),
        sum=values.sum(),
        sum_squares=values.dot(values),
        bucket_limit=limits[first : last + 2].tolist(),
        bucket=counts.tolist(),
    )


def _merged(counts: np.ndarray, limits: np.ndarray, together: int) -> tuple[np.ndarray, np.ndarray]:
    rest = len(counts) % together
    if rest:
        counts = np.pad(counts, (0, together - rest))
    counts = counts.reshape(-1, together).sum(axis=1)
    return counts, np.append(limits[:-1:together], limits[-1])


# ---------------------------------------------------------------------------- text and charts


def text(tag: str, text: str) -> Summary:
    """A string, shown as Markdown. Raises TypeError for anything else."""
    if not isinstance(text, str):
        raise TypeError(f"text_string should be a str, got {type(text).__name__}")
    metadata = _for_plugin("text", TextPluginData(version=0).SerializeToString())
    proto = TensorProto(
        dtype="DT_STRING", string_val=[text.encode("utf-8")], tensor_shape=shape_proto([1])
    )
    return Summary(
        value=[Summary.Value(tag=tag + "/text_summary", metadata=metadata, tensor=proto)]
    )


def custom_scalars(layout: Mapping[str, Mapping[str, Sequence[Any]]]) -> Summary:
    """Charts of several scalars: ``{category: {title: ["Multiline", tags]}}``.

    "Margin" instead takes three tags: a value and its lower and upper bounds. Raises
    AssertionError for another number of them.
    """
    categories = [
        layouts.Category(title=name, chart=[_chart(*chart) for chart in charts.items()])
        for name, charts in layout.items()
    ]
    text = layouts.Layout(category=categories).SerializeToString()
    proto = TensorProto(dtype="DT_STRING", string_val=[text], tensor_shape=TensorShapeProto())
    value = Summary.Value(
        tag="custom_scalars__config__", tensor=proto, metadata=_for_plugin("custom_scalars")
    )
    return Summary(value=[value])


def _chart(title: str, properties: Sequence[Any]) -> Any:
    kind, tags = properties
    if kind != "Margin":
        return layouts.Chart(title=title, multiline=layouts.MultilineChartContent(tag=tags))
    if len(tags) != 3:
        raise AssertionError("len(tags) != 3")
    value, lower, upper = tags
    content = layouts.MarginChartContent
    series = content.Series(value=value, lower=lower, upper=upper)
    return layouts.Chart(title=title, margin=content(series=[series]))


# ---------------------------------------------------------------------------- precision and recall


def pr_curve(
    tag: str, labels: Any, predictions: Any, num_thresholds: int = 127, weights: Any = None
) -> Summary:
    """Precision and recall of ``predictions`` (0 to 1) of binary ``labels``, by threshold."""
    num_thresholds = min(num_thresholds, _MOST_THRESHOLDS)
    data = compute_curve(to_numpy(labels), to_numpy(predictions), num_thresholds, weights)
    return _curve(tag, data, num_thresholds)


def pr_curve_raw(
    tag: str,
    tp: Any,
    fp: Any,
    tn: Any,
    fn: Any,
    precision: Any,
    recall: Any,
    num_thresholds: int = 127,
    weights: Any = None,
) -> Summary:
    """The same of counts that are known already; ``weights`` is in PyTorch's signature only.

    Raises TypeError for ``weights``, which the counts must contain already.
    """
    if weights is not None:
        raise TypeError("weights should be None: the counts contain them already")
    data = np.stack([to_numpy(x) for x in (tp, fp, tn, fn, precision, recall)])
    return _curve(tag, data, min(num_thresholds, _MOST_THRESHOLDS))


def _curve(tag: str, data: np.ndarray, num_thresholds: int) -> Summary:
    plugin = PrCurvePluginData(version=0, num_thresholds=num_thresholds)
    proto = TensorProto(
        dtype="DT_FLOAT", float_val=data.reshape(-1).tolist(), tensor_shape=shape_proto(data.shape)
    )
    metadata = _for_plugin("pr_curves", plugin.SerializeToString())
    return Summary(value=[Summary.Value(tag=tag, metadata=metadata, tensor=proto)])


def compute_curve(
    labels: np.ndarray, predictions: np.ndarray, num_thresholds: int, weights: Any = None
) -> np.ndarray:
    """Rows of true and false positives, true and false negatives, precision, recall.

    As in TensorBoard's pr_curve plugin: a prediction falls into bucket ⌊p (n - 1)⌋, and what is
    positive at a threshold is what lies in its bucket or above.
    """
    weights = 1.0 if weights is None else to_numpy(weights)
    buckets = np.floor(predictions * (num_thresholds - 1)).astype(np.int32)
    true = labels.astype(np.float64)
    tp, fp = (
        np.histogram(buckets, num_thresholds, (0, num_thresholds - 1), weights=share * weights)[0]
        for share in (true, 1.0 - true)
    )
    tp, fp = tp[::-1].cumsum()[::-1], fp[::-1].cumsum()[::-1]
    tn, fn = fp[0] - fp, tp[0] - tp
    least = 1e-7  # keeps an empty bucket from dividing by zero
    precision = tp / np.maximum(least, tp + fp)
    recall = tp / np.maximum(least, tp + fn)
    return np.stack([tp, fp, tn, fn, precision, recall])


# ---------------------------------------------------------------------------- meshes


def mesh(
    tag: str,
    vertices: Any,
    colors: Any,
    faces: Any,
    config_dict: Mapping[str, Any] | None,
    display_name: str | None = None,
    description: str | None = None,
) -> Summary:
    """Point clouds, or with ``faces`` surfaces: arrays (B, N, 3), the first is ``vertices``.

    ``config_dict`` configures three.js. Raises ValueError for other shapes.
    """
    config = "{}" if config_dict is None else json.dumps(dict(config_dict), sort_keys=True)
    given = [
        (x if isinstance(x, (list, tuple)) else to_numpy(x), kind)
        for x, kind in (
            (vertices, MeshPluginData.VERTEX),
            (faces, MeshPluginData.FACE),
            (colors, MeshPluginData.COLOR),
        )
        if x is not None
    ]
    components = mesh_metadata.get_components_bitmask([kind for _, kind in given])
    values = []
    for x, kind in given:
        array = np.asarray(x)
        metadata = mesh_metadata.create_summary_metadata(
            tag, display_name, kind, components, array.shape, description, json_config=config
        )
        proto = TensorProto(
            dtype="DT_FLOAT",
            float_val=array.reshape(-1).tolist(),
            tensor_shape=shape_proto(array.shape),
        )
        name = mesh_metadata.get_instance_name(tag, kind)
        values.append(Summary.Value(tag=name, tensor=proto, metadata=metadata))
    return Summary(value=values)
