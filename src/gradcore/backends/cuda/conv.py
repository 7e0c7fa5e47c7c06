"""Convolution, its gradients and transposed convolution over one to three spatial dimensions.

cuDNN serves them where its frontend is installed (`cudnn.py`). Otherwise depthwise weights run
directly, and everything else is a matrix product with columns of (channel, tap) by (image,
position): one strided product per chunk of images, each column block written once.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from types import ModuleType
from typing import Any

from . import cudnn
from .compile import NULL, Array, arithmetic_dtype, is_float, launch
from .cublas import multiply_into
from .window import Window, window

# Columns of one chunk of images: they pass through memory twice, so small beats all at once.
_COLUMN_BYTES = 256 << 20

Ints = tuple[int, ...]


def conv(
    xp: ModuleType,
    x: Array,
    w: Array,
    b: Array | None = None,
    *,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Any:
    """Cross-correlation of ``x`` (N, C, *size) with ``w`` (O, C/groups, *kernel), plus ``b`` (O,).

    Returns:
        (N, O, *out), or NotImplemented for dtypes that are not floating.
    """
    if not _supported(x, w, b):
        return NotImplemented
    seen = window(x.shape[2:], w.shape[2:], stride, padding, dilation)
    out_shape = (x.shape[0], w.shape[0], *seen.out)
    if 0 in out_shape or x.size == 0 or w.size == 0:
        return _constant(xp, out_shape, x.dtype, b)
    result = cudnn.conv(xp, x, w, seen, groups)
    if result is not NotImplemented:
        return _add_bias(result, b)
    if _is_depthwise(x.shape[1], w, groups):
        return _depthwise(xp, "depthwise", x, w, b, out_shape, seen)
    return _add_bias(_by_columns(xp, x, w, seen, groups, out_shape), b)


def conv_input(
    xp: ModuleType,
    g: Array,
    w: Array,
    b: Array | None = None,
    *,
    input_size: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Any:
    """Adjoint of :func:`conv` in ``x``: ``g`` (N, O, *out) to (N, C, *input_size), plus ``b`` (C,).

    Returns:
        The array, or NotImplemented for dtypes that are not floating.
    """
    if not _supported(g, w, b):
        return NotImplemented
    seen = window(input_size, w.shape[2:], stride, padding, dilation)
    g = _lengthened(xp, g, seen.out)
    channels = w.shape[1] * groups
    shape = (g.shape[0], channels, *seen.size)
    if 0 in shape or g.size == 0 or w.size == 0:
        return _constant(xp, shape, g.dtype, b)
    result = cudnn.conv_input(xp, g, w, seen, groups)
    if result is not NotImplemented:
        return _add_bias(result, b)
    if _is_depthwise(channels, w, groups):
        return _depthwise(xp, "depthwise_input", g, w, b, shape, seen)
    return _add_bias(_input_by_columns(xp, g, w, seen, groups, shape), b)


def conv_weight(
    xp: ModuleType,
    x: Array,
    g: Array,
    *,
    kernel_size: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    groups: int,
) -> Any:
    """Adjoint of :func:`conv` in ``w``: ``x`` and ``g`` to (O, C/groups, *kernel_size).

    Returns:
        The array, or NotImplemented for dtypes that are not floating.
    """
    if not _supported(x, g):
        return NotImplemented
    seen = window(x.shape[2:], kernel_size, stride, padding, dilation)
    g = _lengthened(xp, g, seen.out)
    channels, outputs = x.shape[1] // groups, g.shape[1]
    shape = (outputs, channels, *seen.kernel)
    if 0 in shape or x.size == 0 or g.size == 0:
        return xp.zeros(shape, x.dtype)
    result = cudnn.conv_weight(xp, x, g, seen, groups)
    if result is not NotImplemented:
        return result
    if channels == 1 and groups > 1:
        dw = xp.empty(shape, x.dtype)
        arrays = [xp.ascontiguousarray(x), xp.ascontiguousarray(g), dw]
        args = [*arrays, x.shape[0], outputs, outputs // groups, *seen.arguments()]
        launch(xp, "conv.depthwise_weight", x.dtype, args, grid=outputs * seen.taps)
        return dw
    return _weight_by_columns(xp, x, g, seen, groups, shape)


def _lengthened(xp: ModuleType, g: Array, out: Ints) -> Array:
    """``g`` followed by zeros: an output padding of the stride or more leaves room for windows."""
    if tuple(g.shape[2:]) == tuple(out):
        return g
    whole = xp.zeros((*g.shape[:2], *out), g.dtype)
    whole[(slice(None), slice(None), *(slice(0, n) for n in g.shape[2:]))] = g
    return whole


def _supported(first: Array, *others: Array | None) -> bool:
    dtype = first.dtype
    spatial = first.ndim - 2
    return is_float(dtype) and spatial <= 3 and all(a is None or a.dtype == dtype for a in others)


def _constant(xp: ModuleType, shape: Ints, dtype: Any, b: Array | None) -> Array:
    """The result where nothing is summed: the bias alone."""
    return _add_bias(xp.zeros(shape, dtype), b)


def _add_bias(out: Array, b: Array | None) -> Array:
    if b is not None:
        out += b.reshape(-1, *(1,) * (out.ndim - 2))
    return out


def _is_depthwise(channels: int, w: Array, groups: int) -> bool:
    return groups == channels and groups > 1 and w.shape[1] == 1


def _depthwise(
    xp: ModuleType, name: str, source: Array, w: Array, b: Array | None, shape: Ints, seen: Window
) -> Array:
    outputs = w.shape[0]
    channels = shape[1] if name == "depthwise_input" else source.shape[1]
    out = xp.empty(shape, source.dtype)
    bias = NULL if b is None else xp.ascontiguousarray(b)
    arrays = [xp.ascontiguousarray(source), xp.ascontiguousarray(w), bias, out]
    args = [*arrays, shape[0], outputs, outputs // channels, *seen.arguments()]
    launch(xp, f"conv.{name}", source.dtype, args, threads=out.size)
    return out


def _chunks(images: int, image_bytes: int) -> Iterator[slice]:
    step = max(1, _COLUMN_BYTES // max(image_bytes, 1))
    for start in range(0, images, step):
        yield slice(start, min(start + step, images))


def _is_pointwise(seen: Window) -> bool:
    """Kernel 1, stride 1, no padding: the input is its own columns."""
    return seen.taps == 1 and seen.size == seen.out and not any(seen.padding)


def _columns(xp: ModuleType, x: Array, seen: Window) -> Array:
    """(C * taps, n, positions) of ``x`` (n, C, *size), C-contiguous."""
    images, channels = x.shape[:2]
    columns = xp.empty((channels * seen.taps, images, seen.positions), x.dtype)
    args = [x, columns, images, channels, channels * prod(seen.size), *seen.arguments()]
    launch(xp, "conv.im2col", x.dtype, args, threads=columns.size)
    return columns


def _rows(total: int, groups: int, group: int) -> slice:
    return slice(group * (total // groups), (group + 1) * (total // groups))


def _stacked(xp: ModuleType, matrix: Array, images: int) -> Array:
    """One matrix for every image, without a copy."""
    return xp.broadcast_to(matrix[None], (images, *matrix.shape))


def _by_columns(
    xp: ModuleType, x: Array, w: Array, seen: Window, groups: int, shape: Ints
) -> Array:
    x = xp.ascontiguousarray(x)
    weight = xp.ascontiguousarray(w).reshape(w.shape[0], -1)
    out = xp.empty((shape[0], shape[1], seen.positions), x.dtype)
    image_bytes = x.shape[1] * seen.taps * seen.positions * x.itemsize
    for part in _chunks(shape[0], image_bytes):
        images = part.stop - part.start
        if _is_pointwise(seen):
            columns = x[part].reshape(images, x.shape[1], -1)
        else:
            columns = _columns(xp, x[part], seen).transpose(1, 0, 2)
        for group in range(groups):
            rows = _rows(shape[1], groups, group)
            seen_by = _rows(columns.shape[1], groups, group)
            matrix = _stacked(xp, weight[rows], images)
            multiply_into(xp, matrix, columns[:, seen_by], out[part, rows])
    return out.reshape(shape)


def _input_by_columns(
    xp: ModuleType, g: Array, w: Array, seen: Window, groups: int, shape: Ints
) -> Array:
    g = xp.ascontiguousarray(g).reshape(g.shape[0], g.shape[1], -1)
    weight = xp.ascontiguousarray(w).reshape(w.shape[0], -1)
    dx = xp.empty(shape, g.dtype)
    channels = shape[1]
    rows_of_columns = channels * seen.taps
    image_bytes = rows_of_columns * seen.positions * g.itemsize
    for part in _chunks(shape[0], image_bytes):
        images = part.stop - part.start
        if _is_pointwise(seen):
            columns, target = None, dx[part].reshape(images, channels, -1)
        else:
            columns = xp.empty((rows_of_columns, images, seen.positions), g.dtype)
            target = columns.transpose(1, 0, 2)
        for group in range(groups):
            rows = _rows(g.shape[1], groups, group)
            written = _rows(rows_of_columns, groups, group)
            matrix = _stacked(xp, weight[rows].T, images)
            multiply_into(xp, matrix, g[part, rows], target[:, written])
        if columns is not None:
            size = channels * prod(seen.size)
            args = [columns, dx[part], images, channels, size, *seen.arguments()]
            launch(xp, "conv.col2im", g.dtype, args, threads=images * size)
    return dx


def _weight_by_columns(
    xp: ModuleType, x: Array, g: Array, seen: Window, groups: int, shape: Ints
) -> Array:
    x = xp.ascontiguousarray(x)
    g = g.reshape(g.shape[0], g.shape[1], -1)
    image_bytes = x.shape[1] * seen.taps * seen.positions * x.itemsize
    parts = list(_chunks(x.shape[0], image_bytes))
    # Chunks add up in float32 for the 16-bit types: their own sums would round every time.
    dtype = x.dtype if len(parts) == 1 else arithmetic_dtype(x.dtype)
    dw = xp.empty((shape[0], prod(shape[1:])), dtype)
    for number, part in enumerate(parts):
        columns = _columns(xp, x[part], seen).reshape(x.shape[1] * seen.taps, -1)
        flat = xp.ascontiguousarray(g[part].transpose(1, 0, 2)).reshape(shape[0], -1)
        for group in range(groups):
            rows = _rows(shape[0], groups, group)
            matrix = columns[_rows(columns.shape[0], groups, group)].T
            multiply_into(xp, flat[None, rows], matrix[None], dw[None, rows], number > 0)
    return dw.astype(x.dtype, copy=False).reshape(shape)
