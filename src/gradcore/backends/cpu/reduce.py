"""Reductions over big arrays, on several threads: `f(xp, x, *, axes, keepdims)`.

`axes` is a tuple of axes (negative ones too) or None for all. One thread reads about 30 GB/s,
which is what limits sums and maxima; what takes longer per element (variances, logsumexp) is done
in blocks that fit the L2 cache, so that memory is read once.

16-bit floats are summed in float32. Results have NumPy's dtypes: sums and products of integers
and bools are int64.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod as product_of
from typing import Any

import numpy as np

from .argreduce import argmax, argmin, max_with_index, min_with_index
from .blocks import is_half, map_blocks, row_extremes, row_products, row_sums
from .scan import cumsum
from .threads import get_num_threads, parallel_for

__all__ = [
    "all", "amax", "amin", "any", "argmax", "argmin", "cumsum", "logsumexp", "max_with_index",
    "mean", "min_with_index", "prod", "sum", "var_mean",
]  # fmt: skip

Axes = tuple[int, ...] | None
# Reduces one part of the array over the axes, which stay as axes of length 1.
Kernel = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]

_FLOAT32 = np.dtype(np.float32)
_INT64 = np.dtype(np.int64)
# Adding this many rows one after the other loses 8 bits of a float32 at worst, about 4 usually.
_ROWS = 256
# A thread gets at least this much to read: 4 MB take 140 us, and waking it costs 10 to 60.
_GRAIN_BYTES = 2**22
# Elements that are reduced at once where a block is read more than once.
_BLOCK = 65_536


def _normalised(axes: Axes, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axes is None else tuple(sorted(axis % ndim for axis in axes))


def _finished(result: np.ndarray, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
    return result if keepdims else result.reshape(_kept_shape(result.shape, axes))


def _kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for axis, length in enumerate(shape) if axis not in axes)


def _reduce(x: np.ndarray, axes: Axes, keepdims: bool, kernel: Kernel) -> np.ndarray:
    """Run `kernel` on parts of `x` on several threads.

    The parts are slices along an axis that is kept, where one is long enough; else along one that
    is reduced, and `kernel` reduces their results once more.
    """
    axes = _normalised(axes, x.ndim)
    threads = get_num_threads()
    parts = min(threads, x.nbytes // _GRAIN_BYTES)
    if parts < 2 or not axes:
        return _finished(kernel(x, axes), axes, keepdims)
    if len(axes) == x.ndim and x.flags.c_contiguous:
        partial = _reduce_parts(x.reshape(-1), (0,), 0, parts, kernel)
        result = kernel(partial, (0,)).reshape((1,) * x.ndim)
    else:
        lengths = [1 if axis in axes else length for axis, length in enumerate(x.shape)]
        axis = int(np.argmax(lengths))
        if lengths[axis] >= threads:
            result = _reduce_parts(x, axes, axis, parts, kernel)
        else:
            axis = max(axes, key=lambda a: x.shape[a])
            result = kernel(_reduce_parts(x, axes, axis, parts, kernel), (axis,))
    return _finished(result, axes, keepdims)


def _reduce_parts(
    x: np.ndarray, axes: tuple[int, ...], axis: int, parts: int, kernel: Kernel
) -> np.ndarray:
    """`kernel` of each of `parts` slices of `x` along `axis`, joined along that axis."""
    length = x.shape[axis]
    bounds = [length * i // parts for i in range(parts + 1)]
    results: list[Any] = [None] * parts
    before = (slice(None),) * axis

    def work(start: int, stop: int) -> None:
        for i in range(start, stop):
            results[i] = kernel(x[(*before, slice(bounds[i], bounds[i + 1]))], axes)

    parallel_for(work, parts, 1, uses_blas=False)
    return np.concatenate(results, axis=axis)


# ------------------------------------------------------------------------- sums and products


def _sum_kernel(dtype: np.dtype) -> Kernel:
    def kernel(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        if is_half(x.dtype):
            return _sum_of_half(x, axes)
        if dtype.itemsize <= 8 and dtype.kind in "fc":
            return _accurate_sum(x, axes, dtype)
        return np.add.reduce(x, axis=axes, dtype=dtype, keepdims=True)

    return kernel


def _accurate_sum(x: np.ndarray, axes: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """The sum with an error as of pairwise addition, which NumPy has along the last axis only."""
    trailing = _trailing(x, axes)
    if trailing and x.dtype == dtype:
        rows = x.reshape(*x.shape[: x.ndim - trailing], -1)
        result = row_sums(rows).reshape(*rows.shape[:-1], *(1,) * trailing)
        axes = axes[: len(axes) - trailing]
        return _accurate_sum(result, axes, dtype) if axes else result
    longest = max(axes, key=lambda axis: x.shape[axis])
    if x.shape[longest] <= _ROWS:
        return np.add.reduce(x, axis=axes, dtype=dtype, keepdims=True)
    before = (slice(None),) * longest
    partial = [
        np.add.reduce(x[(*before, slice(i, i + _ROWS))], axis=axes, dtype=dtype, keepdims=True)
        for i in range(0, x.shape[longest], _ROWS)
    ]
    return _accurate_sum(np.concatenate(partial, axis=longest), (longest,), dtype)


def _trailing(x: np.ndarray, axes: tuple[int, ...]) -> int:
    """How many of the last axes are all in `axes` and lie in memory as one, if they are long."""
    count, stride, length = 0, x.itemsize, 1
    for axis in reversed(range(x.ndim)):
        if axis not in axes or (x.strides[axis] != stride and x.shape[axis] != 1):
            break
        count, stride, length = count + 1, stride * x.shape[axis], length * x.shape[axis]
    return count if length > 1 else 0


def _sum_of_half(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The sum in float32, converting blocks that stay in cache."""
    longest = max(axes, key=lambda axis: x.shape[axis])
    step = max(1, _BLOCK * x.shape[longest] // max(x.size, 1))
    before = (slice(None),) * longest
    partial = [
        np.add.reduce(x[(*before, slice(i, i + step))].astype(_FLOAT32), axis=axes, keepdims=True)
        for i in range(0, max(x.shape[longest], 1), step)
    ]
    return np.add.reduce(np.concatenate(partial, axis=longest), axis=longest, keepdims=True)


def _total(x: np.ndarray, axes: Axes, keepdims: bool) -> np.ndarray:
    """The sum in the dtype that it is computed in."""
    if x.dtype.kind in "biu":
        dtype = _INT64
    else:
        dtype = _FLOAT32 if is_half(x.dtype) else x.dtype
    if axes == () or not x.ndim:
        return x.astype(dtype)
    return _reduce(x, axes, keepdims, _sum_kernel(dtype))


def sum(xp: Any, x: np.ndarray, *, axes: Axes = None, keepdims: bool = False) -> np.ndarray:
    """The sum over `axes`; of integers and bools in int64."""
    total = _total(x, axes, keepdims)
    return total.astype(x.dtype) if is_half(x.dtype) else total


def mean(xp: Any, x: np.ndarray, *, axes: Axes = None, keepdims: bool = False) -> np.ndarray:
    """The mean over `axes` of a floating or complex array."""
    count = product_of(x.shape[axis] for axis in _normalised(axes, x.ndim))
    total = _total(x, axes, keepdims)
    with np.errstate(all="ignore"):
        np.true_divide(total, count, out=total)
    return total.astype(x.dtype, copy=False)


def prod(xp: Any, x: np.ndarray, *, axes: Axes = None, keepdims: bool = False) -> np.ndarray:
    """The product over `axes`; of integers and bools in int64."""
    if x.dtype.kind in "biu":
        dtype = _INT64
    else:
        dtype = _FLOAT32 if is_half(x.dtype) else x.dtype
    values = x.astype(_FLOAT32) if is_half(x.dtype) else x

    def kernel(part: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        return np.multiply.reduce(part, axis=axes, dtype=dtype, keepdims=True)

    with np.errstate(all="ignore"):
        result = _reduce(values, axes, keepdims, kernel)
    return result.astype(x.dtype) if is_half(x.dtype) else result


# -------------------------------------------------------------------------- maxima and truth


def _extreme(ufunc: np.ufunc, x: np.ndarray, axes: Axes, keepdims: bool) -> np.ndarray:
    def kernel(part: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        if is_half(part.dtype):  # NumPy compares these one by one
            part = part.astype(_FLOAT32)
        trailing = _trailing(part, axes)
        if trailing and part.size:
            rows = part.reshape(*part.shape[: part.ndim - trailing], -1)
            part = row_extremes(ufunc, rows).reshape(*rows.shape[:-1], *(1,) * trailing)
            axes = axes[: len(axes) - trailing]
        return ufunc.reduce(part, axis=axes, keepdims=True) if axes else part

    return _reduce(x, axes, keepdims, kernel).astype(x.dtype, copy=False)


def amax(xp: Any, x: np.ndarray, *, axes: Axes = None, keepdims: bool = False) -> np.ndarray:
    """The maximum over `axes`; nan where there is one.

    Raises:
        ValueError: there is no element to take the maximum of.
    """
    return _extreme(np.maximum, x, axes, keepdims)


def amin(xp: Any, x: np.ndarray, *, axes: Axes = None, keepdims: bool = False) -> np.ndarray:
    """The minimum over `axes`; nan where there is one.

    Raises:
        ValueError: there is no element to take the minimum of.
    """
    return _extreme(np.minimum, x, axes, keepdims)


def any(xp: Any, x: np.ndarray, *, axes: Axes = None, keepdims: bool = False) -> np.ndarray:
    """Whether an element over `axes` is not zero, as bool."""
    return _reduce(x, axes, keepdims, _truth_kernel(np.logical_or))


def all(xp: Any, x: np.ndarray, *, axes: Axes = None, keepdims: bool = False) -> np.ndarray:
    """Whether no element over `axes` is zero, as bool."""
    return _reduce(x, axes, keepdims, _truth_kernel(np.logical_and))


def _truth_kernel(ufunc: np.ufunc) -> Kernel:
    def kernel(part: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        return ufunc.reduce(part != 0, axis=axes, keepdims=True)

    return kernel


# -------------------------------------------------------------------- variance and logsumexp


def var_mean(
    xp: Any,
    x: np.ndarray,
    *,
    axes: Axes = None,
    correction: float = 1,
    keepdims: bool = False,
) -> Any:
    """The variance and the mean over `axes`, of a real floating array.

    Each block is read from memory once and then from cache: its mean, then the squares of what is
    left. Blocks are merged by Chan, Golub and LeVeque's formula (1983). The variance is the sum of
    squares divided by `max(count - correction, 0)`.
    """
    if x.dtype.kind == "c":
        return NotImplemented
    axes = _normalised(axes, x.ndim)
    count = product_of(x.shape[axis] for axis in axes)
    with np.errstate(all="ignore"):
        centre, squares = _moments(x, axes)
        variance = squares / np.asarray(max(count - correction, 0), squares.dtype)
    return tuple(
        _finished(result, axes, keepdims).astype(x.dtype, copy=False)
        for result in (variance, centre)
    )


def _moments(x: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the sum of squared deviations, with the axes kept as length 1."""
    count = product_of(x.shape[axis] for axis in axes)
    dtype = _FLOAT32 if is_half(x.dtype) else x.dtype
    shape = tuple(1 if axis in axes else length for axis, length in enumerate(x.shape))
    centre, squares = np.empty(shape, dtype), np.empty(shape, dtype)
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    if count <= 2 * _BLOCK and kept and x.size and (x.ndim - 1 in axes or count < 64):
        axis = max(kept, key=lambda a: x.shape[a])
        before = (slice(None),) * axis

        def work(start: int, stop: int) -> None:
            where = (*before, slice(start, stop))
            centre[where], squares[where] = _block_moments(x[where], axes, dtype)

        map_blocks(work, x.shape[axis], x.size // x.shape[axis])
        return centre, squares
    return _merged_moments(x, axes, dtype)


def _block_moments(
    block: np.ndarray, axes: tuple[int, ...], dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    block = block.astype(dtype, copy=False)
    if not axes:
        return block.copy(), np.where(np.isfinite(block), 0, np.nan).astype(dtype)
    centre = _accurate_sum(block, axes, dtype)
    centre /= product_of(block.shape[axis] for axis in axes)
    deviation = block - centre
    trailing = _trailing(deviation, axes)
    if trailing:
        rows = deviation.reshape(*block.shape[: block.ndim - trailing], -1)
        squares = row_products(rows, rows).reshape(*rows.shape[:-1], *(1,) * trailing)
        axes = axes[: len(axes) - trailing]
    else:
        squares = np.multiply(deviation, deviation, deviation)
    return centre, _accurate_sum(squares, axes, dtype) if axes else squares


def _merged_moments(
    x: np.ndarray, axes: tuple[int, ...], dtype: np.dtype
) -> tuple[np.ndarray, np.ndarray]:
    """The moments of blocks along the longest reduced axis, merged."""
    if len(axes) == x.ndim and x.flags.c_contiguous and x.ndim > 1:
        centre, squares = _merged_moments(x.reshape(-1), (0,), dtype)
        return centre.reshape((1,) * x.ndim), squares.reshape((1,) * x.ndim)
    if not axes or not x.size:
        return _block_moments(x, axes, dtype)
    axis = max(axes, key=lambda a: x.shape[a])
    length = x.shape[axis]
    step = max(1, _BLOCK * length // x.size)
    starts = range(0, length, step)
    found: list[Any] = [None] * len(starts)
    before = (slice(None),) * axis

    def work(first: int, last: int) -> None:
        for i in range(first, last):
            block = x[(*before, slice(starts[i], starts[i] + step))]
            found[i] = _block_moments(block, axes, dtype)

    map_blocks(work, len(starts), x.size // len(starts))
    centres = np.concatenate([centre for centre, _ in found], axis=axis)
    squares = np.concatenate([square for _, square in found], axis=axis)
    lengths = np.minimum(np.arange(step, length + step, step), length) - np.asarray(starts)
    weights = (lengths / length).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    centre = np.sum(centres * weights, axis=axis, keepdims=True)
    share = product_of(x.shape[a] for a in axes) * weights
    between = np.sum((centres - centre) ** 2 * share, axis=axis, keepdims=True)
    total = np.sum(squares, axis=axis, keepdims=True, dtype=between.dtype) + between
    return centre.astype(dtype), total.astype(dtype)


def logsumexp(xp: Any, x: np.ndarray, *, axes: Axes = None, keepdims: bool = False) -> np.ndarray:
    """log(sum(exp(x))) over `axes` of a real floating array, without overflow."""
    axes = _normalised(axes, x.ndim)
    dtype = _FLOAT32 if is_half(x.dtype) else x.dtype
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    if not kept or not x.size:
        with np.errstate(all="ignore"):
            return _finished(_block_logsumexp(x, axes, dtype), axes, keepdims).astype(x.dtype)
    shape = tuple(1 if axis in axes else length for axis, length in enumerate(x.shape))
    result = np.empty(shape, x.dtype)
    axis = max(kept, key=lambda a: x.shape[a])
    before = (slice(None),) * axis

    def work(start: int, stop: int) -> None:
        where = (*before, slice(start, stop))
        result[where] = _block_logsumexp(x[where], axes, dtype)

    with np.errstate(all="ignore"):
        map_blocks(work, x.shape[axis], x.size // x.shape[axis])
    return _finished(result, axes, keepdims)


def _block_logsumexp(block: np.ndarray, axes: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    block = block.astype(dtype, copy=False)
    highest = np.maximum.reduce(block, axis=axes, keepdims=True, initial=-np.inf)
    # Where all are -inf, or one is inf, the difference would be nan.
    highest = np.where(np.isinf(highest), 0, highest).astype(dtype, copy=False)
    shifted = block - highest
    np.exp(shifted, shifted)
    total = _accurate_sum(shifted, axes, dtype) if axes else shifted
    np.log(total, total)
    return np.add(total, highest, total)
