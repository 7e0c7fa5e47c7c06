"""Weighted sums of elements at given points (grid_sample), compiled: elements are read in place.

Shapes: x (N, C, S), indices and weights (N, K, P), y (N, C, P). Indices out of range read a 0, and
what is added there is lost.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from ..memory import empty
from .calls import Call, LazyCall
from .loops import Kernel, Pointer
from .row_loops import start
from .values import FLOAT32, FLOAT64, INT32, INT64, Value, minimum, select

UINT32 = np.dtype(np.uint32)

# Nanoseconds per element read on one thread: NumPy's gathers, and these.
_NUMPY_NS, _NS = 0.8, 0.3
# Channels of one visit to the indices; 1 or 4 of them take 5 to 10 % longer.
_CHANNELS = 2
# Points of one visit to the channels: the sums of 8 neighbours stay in the L1 cache.
_POINTS = 512
# Neighbours beyond which the code gets long.
_MOST = 64


def _inside(index: Value, size: Value) -> Value:
    return index.to(UINT32) < size.to(INT32)


def _value(line: Pointer, index: Value, inside: Value) -> Value:
    """What the line has at an index; 0 out of range, whatever it has elsewhere."""
    return select(inside, line[select(inside, index, 0).to(INT64)], 0)


@cache
def _gather_weighted(dtype: np.dtype, count: int) -> LazyCall:
    """Arrays: x, weights, indices, out; numbers: channels, S, P. Items: groups of channels."""

    def build() -> Call:
        kernel = Kernel()
        x, weights, indices = kernel.array(dtype), kernel.array(dtype), kernel.array(INT32)
        out = kernel.array(dtype)
        channels, size, points = (kernel.integer_argument() for _ in range(3))
        groups = (channels + (_CHANNELS - 1)) // _CHANNELS
        with kernel.loop(kernel.start, kernel.stop) as item:
            image, first = item // groups, item % groups * _CHANNELS
            # Beyond the last channel it is computed again.
            planes = [image * channels + minimum(first + i, channels - 1) for i in range(_CHANNELS)]
            lines, targets = [x + p * size for p in planes], [out + p * points for p in planes]
            own, factors = (array + image * points * count for array in (indices, weights))
            with kernel.loop(0, points, parallel=True) as p:
                sums = [kernel.constant(0, dtype)] * _CHANNELS
                for k in range(count):
                    index, factor = own[points * k + p], factors[points * k + p]
                    inside = _inside(index, size)
                    sums = [
                        total + _value(line, index, inside) * factor
                        for total, line in zip(sums, lines, strict=True)
                    ]
                for target, total in zip(targets, sums, strict=True):
                    target[p] = total
        return Call(kernel, arrays=4, numbers=3)

    return LazyCall(build)


@cache
def _scatter_weighted(dtype: np.dtype, count: int) -> LazyCall:
    """Arrays: y, weights, indices, out; numbers: channels, S, P. Items: planes of out."""

    def build() -> Call:
        kernel = Kernel()
        y, weights, indices = kernel.array(dtype), kernel.array(dtype), kernel.array(INT32)
        out = kernel.array(dtype)
        channels, size, points = (kernel.integer_argument() for _ in range(3))
        with kernel.loop(kernel.start, kernel.stop) as plane:
            line, target = y + plane * points, out + plane * size
            first = plane // channels * points * count
            own, factors = indices + first, weights + first
            with kernel.loop(0, size, parallel=True) as i:
                target[i] = 0
            with kernel.loop(0, points) as p:
                value = line[p]
                for k in range(count):
                    index = own[points * k + p]
                    with kernel.when(_inside(index, size)):
                        place = index.to(INT64)
                        target[place] = target[place] + value * factors[points * k + p]
        return Call(kernel, arrays=4, numbers=3)

    return LazyCall(build)


@cache
def _dot_gathered(dtype: np.dtype, count: int) -> LazyCall:
    """Arrays: y, x, indices, out; numbers: channels, S, P. Items: blocks of points of an image."""

    def build() -> Call:
        kernel = Kernel()
        y, x, indices = kernel.array(dtype), kernel.array(dtype), kernel.array(INT32)
        out = kernel.array(dtype)
        channels, size, points = (kernel.integer_argument() for _ in range(3))
        blocks = (points + (_POINTS - 1)) // _POINTS
        with kernel.loop(kernel.start, kernel.stop) as item:
            image, first = item // blocks, item % blocks * _POINTS
            last = minimum(first + _POINTS, points)
            own, sums = (array + image * points * count for array in (indices, out))
            for k in range(count):
                with kernel.loop(first, last, parallel=True) as p:
                    sums[points * k + p] = 0
            with kernel.loop(image * channels, (image + 1) * channels) as plane:
                line, factors = x + plane * size, y + plane * points
                with kernel.loop(first, last, parallel=True) as p:
                    factor = factors[p]
                    for k in range(count):
                        at = points * k + p
                        index = own[at]
                        value = _value(line, index, _inside(index, size))
                        sums[at] = sums[at] + value * factor
        return Call(kernel, arrays=4, numbers=3)

    return LazyCall(build)


# ---- the ops ------------------------------------------------------------------------------------


def _call(
    kernel: Callable[..., LazyCall],
    x: np.ndarray,
    other: np.ndarray,
    indices: np.ndarray,
    size: int,
) -> Call | None:
    """The kernel for these operands, if there is one; `size` is that of the indexed dimension."""
    count = indices.shape[1]
    if x.dtype not in (FLOAT32, FLOAT64) or x.dtype != other.dtype or indices.dtype != INT64:
        return None
    if not (x.size and indices.size and size) or count > _MOST or size >= 2**31:
        return None
    return kernel(x.dtype, count).get(x.shape[1] * indices.size * _NUMPY_NS)


def _narrow(indices: np.ndarray, size: int) -> np.ndarray:
    """As int32: processors gather twice as many elements at once as with int64."""
    if indices.shape[1] and (indices.min() < -1 or indices.max() >= size):
        indices = np.where((indices < 0) | (indices >= size), -1, indices)
    return np.ascontiguousarray(indices, dtype=np.int32)


def _run(
    call: Call, arrays: list[np.ndarray], numbers: tuple[int, ...], items: int, reads: int
) -> np.ndarray:
    dense = [np.ascontiguousarray(x) for x in arrays]
    start(call, dense, numbers, items, reads * _NS)
    return dense[-1]


def gather_weighted(xp: Any, x: np.ndarray, weights: np.ndarray, indices: np.ndarray) -> Any:
    """As `cpu.sample.gather_weighted`."""
    batch, channels, size = x.shape
    points = indices.shape[2]
    call = _call(_gather_weighted, x, weights, indices, size)
    if call is None:
        return NotImplemented
    arrays = [x, weights, _narrow(indices, size), empty((batch, channels, points), x.dtype)]
    groups = batch * -(-channels // _CHANNELS)
    return _run(call, arrays, (channels, size, points), groups, channels * indices.size)


def scatter_weighted(
    xp: Any, y: np.ndarray, weights: np.ndarray, indices: np.ndarray, *, size: int
) -> Any:
    """As `cpu.sample.scatter_weighted`."""
    batch, channels, points = y.shape
    call = _call(_scatter_weighted, y, weights, indices, size)
    if call is None:
        return NotImplemented
    arrays = [y, weights, _narrow(indices, size), empty((batch, channels, size), y.dtype)]
    return _run(call, arrays, (channels, size, points), batch * channels, channels * indices.size)


def dot_gathered(xp: Any, y: np.ndarray, x: np.ndarray, indices: np.ndarray) -> Any:
    """As `cpu.sample.dot_gathered`."""
    batch, channels, size = x.shape
    points = indices.shape[2]
    call = _call(_dot_gathered, x, y, indices, size)
    if call is None:
        return NotImplemented
    arrays = [y, x, _narrow(indices, size), empty(indices.shape, x.dtype)]
    blocks = batch * -(-points // _POINTS)
    return _run(call, arrays, (channels, size, points), blocks, channels * indices.size)


OVERRIDES: dict[str, Callable[..., Any]] = {
    "dot_gathered": dot_gathered,
    "gather_weighted": gather_weighted,
    "scatter_weighted": scatter_weighted,
}
