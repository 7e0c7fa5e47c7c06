"""Reductions over big arrays, on several threads: `f(xp, x, *, axes, keepdims)`.

`axes` is a tuple of axes (negative ones too) or None for all. One thread reads about 30 GB/s,
which is what limits sums and maxima; what takes longer per element (variances, logsumexp) is done
in blocks that fit the L2 cache, so that memory is read once (`block_reduce.py`).

16-bit floats are summed in float32. Results have NumPy's dtypes: sums and products of integers
and bools are int64.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod as product_of
from typing import Any

import numpy as np

from .blocks import is_half, row_extremes, row_folds, row_sums
from .sums import dense_sum
from .threads import get_num_threads, parallel_for

Axes = tuple[int, ...] | None
# Reduces one part of the array over the axes, which stay as axes of length 1.
Kernel = Callable[[np.ndarray, tuple[int, ...]], np.ndarray]

_FLOAT32 = np.dtype(np.float32)
_INT64 = np.dtype(np.int64)
# Adding this many rows one after the other loses 8 bits of a float32 at worst, about 4 usually.
_ROWS = 256
# A thread gets at least this much to read: 2 MB take 70 us, and waking it costs 10 to 60.
_GRAIN_BYTES = 2**21
# Elements that are reduced at once where a block is read more than once.
_BLOCK = 65_536


def normalised(axes: Axes, ndim: int) -> tuple[int, ...]:
    return tuple(range(ndim)) if axes is None else tuple(sorted(axis % ndim for axis in axes))


def finished(result: np.ndarray, axes: tuple[int, ...], keepdims: bool) -> np.ndarray:
    return result if keepdims else result.reshape(_kept_shape(result.shape, axes))


def _with_ones(shape: tuple[int, ...], axes: Axes) -> tuple[int, ...]:
    """`shape` with the reduced axes as axes of length 1."""
    if axes is None:
        return (1,) * len(shape)
    return tuple([1 if axis in axes else length for axis, length in enumerate(shape)])


def _kept_shape(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(length for axis, length in enumerate(shape) if axis not in axes)


def reduce_parts(
    x: np.ndarray, axes: Axes, keepdims: bool, kernel: Kernel, merge: Kernel | None = None
) -> np.ndarray:
    """Run `kernel` on parts of `x` on several threads.

    The parts are slices along an axis that is kept, where one is long enough; else along one that
    is reduced, and `merge` (without it, `kernel`) reduces their results once more.
    """
    merge = merge or kernel
    axes = normalised(axes, x.ndim)
    threads = get_num_threads()
    parts = min(threads, x.nbytes // _GRAIN_BYTES)
    if parts < 2 or not axes:
        return finished(kernel(x, axes), axes, keepdims)
    if len(axes) == x.ndim and x.flags.c_contiguous:
        partial = _results_of_parts(x.reshape(-1), (0,), 0, parts, kernel)
        result = merge(partial, (0,)).reshape((1,) * x.ndim)
    else:
        lengths = [1 if axis in axes else length for axis, length in enumerate(x.shape)]
        axis = int(np.argmax(lengths))
        if lengths[axis] >= threads:
            result = _results_of_parts(x, axes, axis, parts, kernel)
        else:
            axis = max(axes, key=lambda a: x.shape[a])
            result = merge(_results_of_parts(x, axes, axis, parts, kernel), (axis,))
    return finished(result, axes, keepdims)


def _results_of_parts(
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
            return accurate_sum(x, axes, dtype)
        return np.add.reduce(x, axis=axes, dtype=dtype, keepdims=True)

    return kernel


def accurate_sum(x: np.ndarray, axes: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """The sum with an error as of pairwise addition, which NumPy has along the last axis only."""
    trailing = trailing_axes(x, axes)
    if trailing and x.dtype == dtype:
        rows = x.reshape(*x.shape[: x.ndim - trailing], -1)
        result = row_sums(rows).reshape(*rows.shape[:-1], *(1,) * trailing)
        axes = axes[: len(axes) - trailing]
        return accurate_sum(result, axes, dtype) if axes else result
    longest = max(axes, key=lambda axis: x.shape[axis])
    if x.shape[longest] <= _ROWS:
        return np.add.reduce(x, axis=axes, dtype=dtype, keepdims=True)
    before = (slice(None),) * longest
    partial = [
        np.add.reduce(x[(*before, slice(i, i + _ROWS))], axis=axes, dtype=dtype, keepdims=True)
        for i in range(0, x.shape[longest], _ROWS)
    ]
    return accurate_sum(np.concatenate(partial, axis=longest), (longest,), dtype)


def trailing_axes(x: np.ndarray, axes: tuple[int, ...]) -> int:
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


def _sum_dtype(x: np.ndarray) -> np.dtype:
    """The dtype that sums and products are computed in."""
    if x.dtype.kind in "biu":
        return _INT64
    return _FLOAT32 if is_half(x.dtype) else x.dtype


def _total(x: np.ndarray, axes: Axes, keepdims: bool) -> np.ndarray:
    """The sum in the dtype that it is computed in."""
    total = dense_sum(x, axes)
    if total is not None:
        return total.reshape(_with_ones(x.shape, axes)) if keepdims else total
    dtype = _sum_dtype(x)
    if axes == () or not x.ndim:
        return x.astype(dtype)
    return reduce_parts(x, axes, keepdims, _sum_kernel(dtype))


def sum(xp: Any, x: np.ndarray, *, axes: Axes, keepdims: bool) -> np.ndarray:
    """The sum over `axes`; of integers and bools in int64."""
    total = _total(x, axes, keepdims)
    return total.astype(x.dtype) if is_half(x.dtype) else total


def mean(xp: Any, x: np.ndarray, *, axes: Axes, keepdims: bool) -> np.ndarray:
    """The mean over `axes` of a floating or complex array."""
    count = x.size if axes is None else product_of([x.shape[axis] for axis in axes])
    total = _total(x, axes, keepdims)
    np.true_divide(total, count, total)
    return total.astype(x.dtype) if is_half(x.dtype) else total


def nansum(xp: Any, x: np.ndarray, *, axes: Axes, keepdims: bool) -> np.ndarray:
    """The sum over `axes` with nan counted as 0; a sum that is a number had none."""
    total = sum(xp, x, axes=axes, keepdims=keepdims)
    if not np.isnan(total).any():
        return total
    numbers = x.copy()
    np.copyto(numbers, 0, where=np.isnan(x))
    return sum(xp, numbers, axes=axes, keepdims=keepdims)


def prod(xp: Any, x: np.ndarray, *, axes: Axes, keepdims: bool) -> np.ndarray:
    """The product over `axes`; of integers and bools in int64."""
    dtype = _sum_dtype(x)
    values = x.astype(dtype, copy=False)

    def kernel(part: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        trailing = trailing_axes(part, axes)
        if trailing:
            rows = part.reshape(*part.shape[: part.ndim - trailing], -1)
            part = row_folds(np.multiply, rows).reshape(*rows.shape[:-1], *(1,) * trailing)
            axes = axes[: len(axes) - trailing]
        if not axes:
            return part
        return np.multiply.reduce(part, axis=axes, dtype=dtype, keepdims=True)

    result = reduce_parts(values, axes, keepdims, kernel)
    return result.astype(x.dtype) if is_half(x.dtype) else result


# -------------------------------------------------------------------------- maxima and truth


def block_extremes(ufunc: np.ufunc, x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """The maxima or minima over `axes`, which stay with length 1, on one thread."""
    trailing = trailing_axes(x, axes)
    if trailing and x.size:
        rows = x.reshape(*x.shape[: x.ndim - trailing], -1)
        x = row_extremes(ufunc, rows).reshape(*rows.shape[:-1], *(1,) * trailing)
        axes = axes[: len(axes) - trailing]
    return ufunc.reduce(x, axis=axes, keepdims=True) if axes else x


def _extreme(ufunc: np.ufunc, x: np.ndarray, axes: Axes, keepdims: bool) -> np.ndarray:
    def kernel(part: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        # NumPy compares halves one by one.
        return block_extremes(ufunc, part.astype(_FLOAT32) if is_half(part.dtype) else part, axes)

    if x.nbytes < 2 * _GRAIN_BYTES and not keepdims and x.size and x.flags.c_contiguous:
        if axes is None and not is_half(x.dtype):
            return ufunc.reduce(x.reshape(-1))
        if axes == (x.ndim - 1,) and not is_half(x.dtype):
            return row_extremes(ufunc, x)
        if axes == (0,) and not is_half(x.dtype):
            return ufunc.reduce(x, axis=0)
    return reduce_parts(x, axes, keepdims, kernel).astype(x.dtype, copy=False)


def amax(xp: Any, x: np.ndarray, *, axes: Axes, keepdims: bool) -> np.ndarray:
    """The maximum over `axes`; nan where there is one.

    Raises:
        ValueError: there is no element to take the maximum of.
    """
    return _extreme(np.maximum, x, axes, keepdims)


def amin(xp: Any, x: np.ndarray, *, axes: Axes, keepdims: bool) -> np.ndarray:
    """The minimum over `axes`; nan where there is one.

    Raises:
        ValueError: there is no element to take the minimum of.
    """
    return _extreme(np.minimum, x, axes, keepdims)


def aminmax(xp: Any, x: np.ndarray, *, axes: Axes, keepdims: bool) -> tuple[np.ndarray, np.ndarray]:
    """The minimum and the maximum over `axes`."""
    return amin(xp, x, axes=axes, keepdims=keepdims), amax(xp, x, axes=axes, keepdims=keepdims)


def any(xp: Any, x: np.ndarray, *, axes: Axes, keepdims: bool) -> np.ndarray:
    """Whether an element over `axes` is not zero, as bool."""
    return reduce_parts(x, axes, keepdims, _truth_kernel(np.logical_or))


def all(xp: Any, x: np.ndarray, *, axes: Axes, keepdims: bool) -> np.ndarray:
    """Whether no element over `axes` is zero, as bool."""
    return reduce_parts(x, axes, keepdims, _truth_kernel(np.logical_and))


def _truth_kernel(ufunc: np.ufunc) -> Kernel:
    def kernel(part: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        return ufunc.reduce(part != 0, axis=axes, keepdims=True)

    return kernel


OVERRIDES: dict[str, Callable[..., Any]] = {
    "all": all,
    "amax": amax,
    "amin": amin,
    "aminmax": aminmax,
    "any": any,
    "mean": mean,
    "nansum": nansum,
    "prod": prod,
    "sum": sum,
}
