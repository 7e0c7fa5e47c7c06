"""Cutting reductions into blocks that fit a core's cache, over the threads; and their inner parts.

NumPy's own reductions of rows are slow where these are short: maxima take 120 ns per row of 100
float32 elements, against 55 in `row_extremes`, and 6 ns per element in rows of 16, against 0.6.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from .threads import get_num_threads, parallel_for

# Elements per block. One thread works best within its L2 cache. With several, each call hands the
# GIL over, which costs up to 30 us when two want it at once: fewer, longer calls win.
_SERIAL_BLOCK = 65_536
_PARALLEL_BLOCK = 262_144
# Elements that are worth waking a thread for, where each takes about 1 ns.
GRAIN = 131_072
_STRIP = 256
# Sums of longer rows are cut into pieces of this length: einsum adds in 16 to 64 plain running
# sums, each of which then takes at most 256 terms.
_LONGEST_SUM = 4096
# Sums between this and its inverse are far from the ends of float32, 1e-38 and 3e38.
_LARGE = 1e20
# Elements that a fold of long rows combines at once.
_PIECE = 128
# Shorter rows are reduced faster as columns of a copy.
_TRANSPOSE_BELOW = 32


def is_half(dtype: np.dtype) -> bool:
    """Whether it is float16 or bfloat16, which are computed with in float32."""
    return dtype.itemsize == 2 and dtype.kind in "fV"


def as_lines(x: np.ndarray, axis: int) -> np.ndarray:
    """`x` as (before, along, after) around `axis`, without the last where it would be 1."""
    before, after = prod(x.shape[:axis]), prod(x.shape[axis + 1 :])
    return x.reshape((before, x.shape[axis], after)[: 2 if after == 1 else 3])


def map_blocks(
    work: Callable[[int, int], object], length: int, width: int, grain: int | None = None
) -> None:
    """Call `work(start, stop)` over `range(length)` in blocks, on several threads.

    Args:
        work: called with the ends of a block.
        length: number of items.
        width: elements per item.
        grain: elements that are worth waking a thread for, `GRAIN` if None.
    """
    width = max(width, 1)
    grain = GRAIN if grain is None else grain
    several = get_num_threads() > 1 and length * width >= 2 * grain
    step = max(1, (_PARALLEL_BLOCK if several else _SERIAL_BLOCK) // width)

    def run(start: int, stop: int) -> None:
        for low in range(start, stop, step):
            work(low, min(low + step, stop))

    parallel_for(run, length, -(-grain // width), uses_blas=False)


def map_lines(
    work: Callable[[Any], object], shape: tuple[int, ...], grain: int | None = None
) -> None:
    """Call `work(where)` with indices that cut an array of `as_lines` into blocks of whole lines.

    An index takes a range of the first axis or, where one item of that is more than a block, a
    range of the last axis of one item.
    """
    item = prod(shape[1:])
    if len(shape) == 2 or item <= _PARALLEL_BLOCK:
        map_blocks(lambda low, high: work(slice(low, high)), shape[0], item, grain)
        return
    # Strips narrower than 256 columns cost more in short loops than the cache saves.
    width = min(shape[1], _SERIAL_BLOCK // _STRIP)
    for row in range(shape[0]):

        def strip(low: int, high: int, row: int = row) -> None:
            work((slice(row, row + 1), slice(None), slice(low, high)))

        map_blocks(strip, shape[2], width, grain)


def exponential_sums(x: np.ndarray, out: np.ndarray, sums: Callable[..., Any]) -> Any:
    """`sums(exp(x))`, with exp(x) left in `out`; None where that is not accurate.

    Sums far from overflow and underflow need no subtraction of the maximum, which takes as long
    as exp itself. Terms that underflow are then below 1e-18 of their sum.
    """
    np.exp(x, out)
    total = sums(out)
    if np.maximum.reduce(total, axis=None) < _LARGE:
        if np.minimum.reduce(total, axis=None) > 1 / _LARGE:
            return total
    return None


def row_sums(x: np.ndarray) -> np.ndarray:
    """The sums over the last axis of a float array, with an error as of pairwise addition."""
    length = x.shape[-1]
    if length <= _LONGEST_SUM:
        return np.einsum("...i->...", x)
    whole = length - length % _LONGEST_SUM
    pieces = x[..., :whole].reshape(*x.shape[:-1], -1, _LONGEST_SUM)
    sums = np.add.reduce(np.einsum("...i->...", pieces), axis=-1)
    return np.add(sums, np.einsum("...i->...", x[..., whole:]))


def row_products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """The sums over the last axis of x * y, with an error as of pairwise addition."""
    length = x.shape[-1]
    if length <= _LONGEST_SUM:
        return np.vecdot(x, y)
    whole = length - length % _LONGEST_SUM
    shape = (*x.shape[:-1], -1, _LONGEST_SUM)
    pieces = (x[..., :whole].reshape(shape), y[..., :whole].reshape(shape))
    sums = np.add.reduce(np.vecdot(*pieces), axis=-1)
    return np.add(sums, np.vecdot(x[..., whole:], y[..., whole:]))


def row_extremes(ufunc: np.ufunc, x: np.ndarray) -> np.ndarray:
    """The maxima (or minima, by `ufunc`) over the last axis, which must not be empty."""
    length = x.shape[-1]
    if x.size < 2 * length or not x.flags.c_contiguous:
        return ufunc.reduce(x, axis=-1)
    if length < _TRANSPOSE_BELOW:
        columns = x.reshape(-1, length).T.copy()
        return ufunc.reduce(columns, axis=0).reshape(x.shape[:-1])
    starts = np.arange(0, x.size, length)
    return ufunc.reduceat(x.reshape(-1), starts).reshape(x.shape[:-1])


def row_folds(ufunc: np.ufunc, x: np.ndarray) -> np.ndarray:
    """`ufunc` reduced over the last axis, vector by vector.

    `np.multiply.reduce` takes one element after the other there, 1.2 ns or more each; this takes
    0.4 to 0.7.
    """
    length = x.shape[-1]
    if length >= 2 * _PIECE:
        whole = length - length % _PIECE
        folded = ufunc.reduce(x[..., :whole].reshape(*x.shape[:-1], -1, _PIECE), axis=-2)
        if whole < length:
            head = folded[..., : length - whole]
            ufunc(head, x[..., whole:], head)
        x, length = folded, _PIECE
    columns = x.reshape(-1, length).T
    return ufunc.reduce(columns.copy(), axis=0).reshape(x.shape[:-1])
