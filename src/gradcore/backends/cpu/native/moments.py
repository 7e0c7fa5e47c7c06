"""Variance and standard deviation of rows and of whole arrays, compiled: one pass over memory."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from .calls import Call
from .row_loops import NUMPY_CALL_NS, Moments, RowKernel, by_dtype, start
from .values import FLOAT64, minimum

# Nanoseconds per element on one thread: NumPy's passes, and this one.
_NUMPY_NS, _NS = 0.8, 0.15
# Numbers of a single row that a thread takes at once.
_BLOCK = 1 << 14


def _build(dtype: np.dtype) -> Call:
    """Items are runs of an array, the last of which may be shorter.

    Arrays: x, float64 sums and sums of squared deviations of the runs; numbers: run, size.
    """
    kernel = RowKernel()
    x, totals, squares = kernel.array(dtype), kernel.array(FLOAT64), kernel.array(FLOAT64)
    run, size = kernel.integer_argument(), kernel.integer_argument()
    with kernel.loop(kernel.start, kernel.stop) as item:
        first = item * run
        line = x + first
        moments = Moments(kernel, dtype)
        moments.add(minimum(size - first, run), line.__getitem__)
        totals[item], squares[item] = moments.total.value, moments.squares.value
    return Call(kernel, arrays=3, numbers=2)


_KERNELS = by_dtype(_build)


def _merged(totals: np.ndarray, squares: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The sums of all blocks, by Chan, Golub and LeVeque's formula (1983)."""
    lengths = np.full(len(totals), float(_BLOCK))
    lengths[-1] = size - _BLOCK * (len(totals) - 1)
    total = np.add.reduce(totals, keepdims=True)
    distance = totals / lengths - total / size
    between = lengths * distance * distance
    return total, np.add.reduce(squares + between, keepdims=True)


def var_mean(xp: Any, x: np.ndarray, *, axes: Any, correction: float, keepdims: bool) -> Any:
    """The variance and the mean over the last axes of a dense float32 or float64 array.

    The variance is the sum of squared deviations divided by `max(count - correction, 0)`.
    """
    lazy = _KERNELS.get(x.dtype.char)
    if lazy is None or not x.size or not x.flags.c_contiguous:
        return NotImplemented
    lead = 0 if axes is None else x.ndim - len(axes)
    if lead == x.ndim or (axes and sorted(a % x.ndim for a in axes) != list(range(lead, x.ndim))):
        return NotImplemented
    call = lazy.get(NUMPY_CALL_NS + x.size * _NUMPY_NS)
    if call is None:
        return NotImplemented
    before, count = x.shape[:lead], prod(x.shape[lead:])
    rows = x.size // count
    run = _BLOCK if rows == 1 else count
    items = -(-x.size // run)
    totals, squares = np.empty(items), np.empty(items)
    start(call, (x, totals, squares), (run, x.size), items, x.size * _NS)
    if items > rows:
        totals, squares = _merged(totals, squares, x.size)
    shape = before + (1,) * (x.ndim - lead) if keepdims else before
    variance = squares / np.float64(max(count - correction, 0))
    return tuple(
        result.astype(x.dtype, copy=False).reshape(shape) for result in (variance, totals / count)
    )


def std_mean(xp: Any, x: np.ndarray, *, axes: Any, correction: float, keepdims: bool) -> Any:
    """The standard deviation and the mean over the last axes, as `var_mean`."""
    result = var_mean(xp, x, axes=axes, correction=correction, keepdims=keepdims)
    if result is NotImplemented:
        return result
    return np.sqrt(result[0]), result[1]


OVERRIDES: dict[str, Callable[..., Any]] = {"std_mean": std_mean, "var_mean": var_mean}
