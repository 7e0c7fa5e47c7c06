"""Moments for the normalization layers, and extremes with their positions."""

from __future__ import annotations

from math import prod
from types import ModuleType
from typing import Any

from .compile import (
    BLOCK,
    C_TYPES,
    Array,
    arithmetic_dtype,
    is_float,
    launch,
    row_launch,
    split_axis,
)

# Enough blocks to fill the 132 multiprocessors of an H200 twice.
_BLOCKS = 264


def moments(xp: ModuleType, x: Array, *, axes: tuple[int, ...]) -> Any:
    """Mean and biased variance of ``x`` over ``axes``, in one pass (Welford's algorithm).

    ``axes`` must leave one run of neighbouring axes: all but the channel axis (batch norm), or
    the last ones (layer norm).

    Returns:
        Two float32 (float64 for float64) arrays with the shape of the axes that are left, or
        NotImplemented where the axes or the dtype do not fit.
    """
    axes = tuple(sorted(axis % x.ndim for axis in axes))
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    if not is_float(x.dtype) or (kept and kept != list(range(kept[0], kept[-1] + 1))):
        return NotImplemented
    first, last = (kept[0], kept[-1] + 1) if kept else (x.ndim, x.ndim)
    if not kept:
        first = last = 0
    shape = x.shape[first:last]
    outer, count, inner = prod(x.shape[:first]), prod(shape), prod(x.shape[last:])
    x = xp.ascontiguousarray(x)
    dtype = arithmetic_dtype(x.dtype)
    mean, variance = xp.empty(shape, dtype), xp.empty(shape, dtype)
    splits = max(1, min(_BLOCKS // max(count, 1), outer * inner // (8 * BLOCK)))
    partial = xp.empty((count, splits, 3), dtype)
    args = [x, partial, outer, count, inner, splits]
    launch(xp, "reduce.moments_partial", x.dtype, args, grid=count * splits)
    args = [partial, mean, variance, count, splits]
    launch(xp, "reduce.moments_merge", x.dtype, args, threads=count)
    return mean, variance


def max_with_index(xp: ModuleType, x: Array, *, axis: int, keepdims: bool) -> Any:
    """Maxima along ``axis`` and the int64 positions of the first of each; NaN counts as largest."""
    return _extreme(xp, x, axis, keepdims, sign=1)


def min_with_index(xp: ModuleType, x: Array, *, axis: int, keepdims: bool) -> Any:
    """Minima along ``axis`` and the int64 positions of the first of each; NaN counts as least."""
    return _extreme(xp, x, axis, keepdims, sign=-1)


def _extreme(xp: ModuleType, x: Array, axis: int, keepdims: bool, sign: int) -> Any:
    if x.dtype.name not in C_TYPES or x.ndim == 0 or x.shape[axis] == 0:
        return NotImplemented
    outer, n, inner = split_axis(x.shape, axis)
    axis %= x.ndim
    shape = x.shape[:axis] + (1,) * keepdims + x.shape[axis + 1 :]
    x = xp.ascontiguousarray(x)
    values, indices = xp.empty(shape, x.dtype), xp.empty(shape, "int64")
    if inner == 1:
        rows = row_launch(outer, 32)
        args = [x, values, indices, outer, n, sign]
        launch(xp, "reduce.extreme_rows", x.dtype, args, **rows)
    else:
        args = [x, values, indices, outer, n, inner, sign]
        launch(xp, "reduce.extreme_columns", x.dtype, args, threads=outer * inner)
    return values, indices
