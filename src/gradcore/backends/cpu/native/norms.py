"""Batch, layer, group and instance norm with their gradients, compiled: two passes over memory.

The layouts are those of ``cpu/normalization.py``: rows or channels are read once for the mean and
the variance, or for the two sums of the gradient, and again, mostly from cache, for the result.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .. import normalization
from ..memory import empty
from ..sums import dense_sum
from . import norm_columns, norm_rows
from .calls import LazyCall, bits_of
from .row_loops import NUMPY_CALL_NS, by_dtype, start

# Nanoseconds per element on one thread: NumPy's passes, and these.
_NUMPY_NS, _FORWARD_NS, _BACKWARD_NS = 2.0, 0.4, 0.6
# Rows whose gradients of the parameters are added up in the dtype of the array.
_ROWS_PER_SUM = 64
# Shorter runs of a channel lie side by side.
_SHORT = 64
# Columns that a thread takes at least: with 25, two threads that write to the same cache lines take
# 1800 us for 10,000 rows of 100 numbers.
_LEAST_COLUMNS = 256

_ROWS = by_dtype(norm_rows.build_forward), by_dtype(norm_rows.build_backward)
_ROWS_OF_CHANNELS = (
    by_dtype(norm_rows.build_channels_forward),
    by_dtype(norm_rows.build_channels_backward),
)
_RUNS = by_dtype(norm_columns.build_forward), by_dtype(norm_columns.build_backward)
_COLUMNS = (
    by_dtype(norm_columns.build_columns_forward),
    by_dtype(norm_columns.build_columns_backward),
)
_FIXED = by_dtype(norm_columns.build_fixed)
_FIXED_SUMS = by_dtype(norm_columns.build_fixed_sums)
_FIXED_COLUMNS = by_dtype(norm_columns.build_columns_fixed)


class _Form(NamedTuple):
    """How an array is normalized, and with which kernels.

    Attributes:
        kernels: forward and backward.
        numbers: of the kernels, forward and backward.
        items: of the kernels, forward and backward.
        sums: shape of what the backward kernel adds up for weight and bias.
        parameters: numbers in the kernels' weight.
        summed: the axis of `sums` that is added up after it, or None.
        repeats: how often each number of the weight occurs in the kernels' weight.
        columns: numbers in a line of scratch memory.
        least: items that a thread takes at least.
        kept: shape of mean and variance.
        size: elements.
    """

    kernels: tuple[LazyCall, LazyCall]
    numbers: tuple[tuple[int, ...], tuple[int, ...]]
    items: tuple[int, int]
    sums: tuple[int, ...]
    parameters: int
    summed: int | None = None
    repeats: int = 1
    columns: int = 0
    least: int = 1
    kept: tuple[int, ...] = ()
    size: int = 0

    def parameter(self, value: np.ndarray | None, default: float, dtype: np.dtype) -> np.ndarray:
        """A weight or bias as the kernels take it; all `default` for None."""
        if value is None:
            return _constant(default, self.parameters, dtype.char)
        if self.repeats > 1:
            return np.repeat(value, self.repeats)
        return _dense(value)

    def scratch(self, dtype: np.dtype) -> tuple[np.ndarray, ...]:
        """Memory that the kernels want beside their operands."""
        if not self.columns:
            return ()
        return np.empty(2 * self.columns), np.empty(4 * self.columns, dtype)

    def gradients(self, sums: np.ndarray, shape: tuple[int, ...]) -> list[np.ndarray]:
        """The gradients of weight and bias, from what the backward kernel added up."""
        totals: Any = sums
        if self.summed is not None and sums.shape[self.summed] > 1:
            totals = dense_sum(sums, (self.summed,))
        if self.repeats > 1:
            totals = np.add.reduce(totals.reshape(2, -1, self.repeats), axis=2)
        return list(totals.reshape(2, *shape))


@lru_cache(maxsize=1024)
def _form(
    shape: tuple[int, ...],
    char: str,
    axes: tuple[int, ...],
    param_shape: tuple[int, ...],
    eps: float,
) -> _Form | None:
    """The form of an array; None where there is no kernel."""
    layout = normalization._layout(shape, axes, param_shape)
    if layout is None:
        return None
    make = _form_of_columns if isinstance(layout, normalization._Columns) else _form_of_rows
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(shape))
    return make(layout, char, bits_of(float(eps)))._replace(kept=kept, size=prod(shape))


def _form_of_columns(layout: Any, char: str, eps: int) -> _Form:
    batch, channels, length = layout.shape
    if channels == 1:
        batch, length = 1, batch * length
    is_short = length < _SHORT
    forward, backward = _COLUMNS if is_short else _RUNS
    numbers = (eps, batch, channels, length)
    return _Form(
        kernels=(forward[char], backward[char]),
        numbers=(numbers, numbers),
        items=(channels, channels),
        sums=(2, channels),
        parameters=channels,
        least=-(-_LEAST_COLUMNS // length) if is_short else 1,
        columns=channels * length if is_short else 0,
    )


def _form_of_rows(layout: Any, char: str, eps: int) -> _Form:
    samples, groups, _ = layout.shape
    channels, run = layout.parts
    rows, parameters = samples * groups, groups * channels
    if run > 1:
        forward, backward = _ROWS_OF_CHANNELS
        return _Form(
            kernels=(forward[char], backward[char]),
            numbers=((eps, groups, channels, run), (eps, groups, channels, run, rows)),
            items=(rows, rows),
            sums=(2, samples, parameters),
            summed=1,
            parameters=parameters,
        )
    forward, backward = _ROWS
    blocks = -(-rows // _ROWS_PER_SUM)
    return _Form(
        kernels=(forward[char], backward[char]),
        numbers=((eps, groups, channels), (eps, groups, channels, rows, _ROWS_PER_SUM)),
        items=(rows, blocks),
        sums=(blocks, 2, parameters),
        summed=0,
        parameters=parameters,
        repeats=layout.repeats,
    )


def _fits(x: np.ndarray, *others: np.ndarray | None) -> bool:
    """Whether all are float32, or all float64, and there is something to compute."""
    dtype = x.dtype
    if dtype.char not in "fd" or not x.size:
        return False
    for other in others:
        if other is not None and other.dtype != dtype:
            return False
    return True


def _dense(x: np.ndarray) -> np.ndarray:
    return x if x.flags.c_contiguous else np.ascontiguousarray(x)


@lru_cache(maxsize=16)
def _constant(value: float, size: int, char: str) -> np.ndarray:
    """The weight or bias of what has none."""
    return np.full(size, value, char)


def normalize(xp, x, weight=None, bias=None, *, axes, param_shape, eps):
    """`(x - mean) / sqrt(var + eps) * weight + bias`, mean and biased variance over `axes`.

    The body of `batch_norm` and `layer_norm` (see ops/norm.py) for float32 and float64.
    """
    if not _fits(x, weight, bias):
        return NotImplemented
    dtype = x.dtype
    form = _form(x.shape, dtype.char, axes, param_shape, eps)
    call = None if form is None else form.kernels[0].get(NUMPY_CALL_NS + form.size * _NUMPY_NS)
    if call is None:
        return NotImplemented
    mean, var = np.empty(form.kept, dtype), np.empty(form.kept, dtype)
    out = empty(x.shape, dtype)
    parameters = form.parameter(weight, 1.0, dtype), form.parameter(bias, 0.0, dtype)
    arrays = (_dense(x), *parameters, out, mean, var, *form.scratch(dtype))
    start(call, arrays, form.numbers[0], form.items[0], form.size * _FORWARD_NS, form.least)
    return out, mean, var


def normalize_backward(xp, y, x, weight, mean, var, *, axes, param_shape, eps):
    """The gradients of x, and of weight and bias in `param_shape`, from that of the result."""
    if not _fits(x, y, weight, mean, var):
        return NotImplemented
    dtype = x.dtype
    form = _form(x.shape, dtype.char, axes, param_shape, eps)
    call = None if form is None else form.kernels[1].get(NUMPY_CALL_NS + form.size * 2 * _NUMPY_NS)
    if call is None:
        return NotImplemented
    grad_x, sums = empty(x.shape, dtype), np.empty(form.sums, dtype)
    weight = form.parameter(weight, 1.0, dtype)
    arrays = (_dense(y), _dense(x), weight, _dense(mean), _dense(var), grad_x, sums)
    arrays += form.scratch(dtype)
    start(call, arrays, form.numbers[1], form.items[1], form.size * _BACKWARD_NS, form.least)
    return grad_x, *form.gradients(sums, param_shape)


def batch_norm_fixed(xp, x, mean, var, weight=None, bias=None, *, eps):
    """Batch norm by given statistics: a multiplication and an addition."""
    if not _fits(x, mean, var, weight, bias):
        return NotImplemented
    batch, channels = x.shape[:2]
    length = x.size // (batch * channels)
    is_short = length < _SHORT
    kernels = _FIXED_COLUMNS if is_short else _FIXED
    call = kernels[x.dtype.char].get(NUMPY_CALL_NS + x.size * _NUMPY_NS)
    if call is None:
        return NotImplemented
    scale = 1 / np.sqrt(var + x.dtype.type(eps))
    if weight is not None:
        scale *= weight
    shift = -mean * scale if bias is None else bias - mean * scale
    if is_short and length > 1:
        scale, shift = np.repeat(scale, length), np.repeat(shift, length)
    out = empty(x.shape, x.dtype)
    numbers = (channels * length,) if is_short else (channels, length)
    items = batch if is_short else batch * channels
    start(call, (_dense(x), scale, shift, out), numbers, items, x.size * _FORWARD_NS)
    return out


def batch_norm_fixed_sums(xp, y, x, mean, var, *, eps):
    """The gradients of weight and bias of `batch_norm_fixed`, of long runs."""
    if not _fits(x, y, mean, var):
        return NotImplemented
    batch, channels = x.shape[:2]
    length = x.size // (batch * channels)
    if length < _SHORT:
        return NotImplemented
    call = _FIXED_SUMS[x.dtype.char].get(NUMPY_CALL_NS + x.size * _NUMPY_NS)
    if call is None:
        return NotImplemented
    sums = np.empty((2, channels), x.dtype)
    arrays = (_dense(y), _dense(x), _dense(mean), _dense(var), sums)
    numbers = bits_of(float(eps)), batch, channels, length
    start(call, arrays, numbers, channels, x.size * _FORWARD_NS)
    return sums[0], sums[1]


OVERRIDES: dict[str, Callable[..., Any]] = {
    "batch_norm": normalize,
    "batch_norm_backward": normalize_backward,
    "batch_norm_fixed": batch_norm_fixed,
    "batch_norm_fixed_sums": batch_norm_fixed_sums,
    "layer_norm": normalize,
    "layer_norm_backward": normalize_backward,
}
