"""Cutting reductions into blocks that fit a core's cache, over the threads; and their inner parts.

NumPy's own reductions of rows are slow where these are short: maxima take 120 ns per row of 100
float32 elements, against 55 in `row_extremes`, and 6 ns per element in rows of 16, against 0.6.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from .threads import get_num_threads, parallel_for

# Elements per block. One thread works best within its 2 MB L2 cache. With several, each call hands
# the GIL over, which costs up to 50 us when two want it at once: fewer, longer calls win (softmax
# of 4 M elements: 3.2 ms on one thread, 3.2 on two by small blocks, 1.9 by large ones).
_SERIAL_BLOCK = 131_072
_PARALLEL_BLOCK = 524_288
# Elements that are worth waking a thread for, where each takes about 1 ns.
GRAIN = 500_000
_STRIP = 256
# Sums of longer rows are cut into pieces of this length: einsum adds in 16 to 64 plain running
# sums, each of which then takes at most 256 terms.
_LONGEST_SUM = 4096
# Sums between this and its inverse are far from the ends of float32, 1e-38 and 3e38.
_LARGE = 1e20
# Elements that a fold of long rows combines at once, at least, and how often.
_PIECE = 128
_FOLDS = 64
# Shorter rows are reduced faster as columns of a copy.
_TRANSPOSE_BELOW = 32
# Rows of at least this length meet a number each faster without NumPy's buffer.
_UNBUFFERED = 192
# The smallest that NumPy takes.
_NO_BUFFER = 16


def is_half(dtype: np.dtype) -> bool:
    """Whether it is float16 or bfloat16, which are computed with in float32."""
    return dtype.itemsize == 2 and dtype.kind in "fV"


def as_lines(x: np.ndarray, axis: int) -> np.ndarray:
    """`x` as (before, along, after) around `axis`, without the last where it would be 1."""
    before, after = prod(x.shape[:axis]), prod(x.shape[axis + 1 :])
    return x.reshape((before, x.shape[axis], after)[: 2 if after == 1 else 3])


def block_size(size: int, grain: int | None = None) -> int:
    """Elements per block of an array of `size`, of which a thread takes at least `grain`."""
    grain = GRAIN if grain is None else grain
    several = get_num_threads() > 1 and size >= 2 * grain
    return _PARALLEL_BLOCK if several else _SERIAL_BLOCK


def map_blocks(
    work: Callable[[int, int], object],
    length: int,
    width: int,
    grain: int | None = None,
    *,
    uses_blas: bool = False,
) -> None:
    """Call `work(start, stop)` over `range(length)` in blocks, on several threads.

    Args:
        work: called with the ends of a block.
        length: number of items.
        width: elements per item.
        grain: elements that are worth waking a thread for, `GRAIN` if None.
        uses_blas: whether `work` may call the BLAS (see `parallel_for`).
    """
    width = max(width, 1)
    grain = GRAIN if grain is None else grain
    step = max(1, block_size(length * width, grain) // width)

    def run(start: int, stop: int) -> None:
        for low in range(start, stop, step):
            work(low, min(low + step, stop))

    parallel_for(run, length, -(-grain // width), uses_blas=uses_blas)


def map_lines(
    work: Callable[[Any], object],
    shape: tuple[int, ...],
    grain: int | None = None,
    *,
    uses_blas: bool = False,
) -> None:
    """Call `work(where)` with indices that cut an array of `as_lines` into blocks of whole lines.

    An index takes a range of the first axis or, where one item of that is more than a block, a
    range of the last axis of one item.
    """
    item = prod(shape[1:])
    if len(shape) == 2 or item <= 2 * _SERIAL_BLOCK:
        map_blocks(
            lambda low, high: work(slice(low, high)), shape[0], item, grain, uses_blas=uses_blas
        )
        return
    # Strips narrower than 256 columns cost more in short loops than the cache saves.
    width = min(shape[1], _SERIAL_BLOCK // _STRIP)
    for row in range(shape[0]):

        def strip(low: int, high: int, row: int = row) -> None:
            work((slice(row, row + 1), slice(None), slice(low, high)))

        map_blocks(strip, shape[2], width, grain, uses_blas=uses_blas)


@contextmanager
def direct_broadcast(length: int) -> Iterator[None]:
    """Within it, this thread's operations on rows of that length read broadcast operands in place.

    NumPy's iterator repeats a broadcast operand in a buffer of 8192 elements, so that one inner
    loop takes several rows: with a column of numbers 0.26 ns per float32 element in rows of 1000.
    Where the buffer cannot hold a row it leaves that out: 0.11 ns.
    """
    if length < _UNBUFFERED:
        yield
        return
    before = np.setbufsize(_NO_BUFFER)
    try:
        yield
    finally:
        np.setbufsize(before)


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

    `np.multiply.reduce` takes one element after the other there, 0.9 ns or more each; this takes
    0.15 to 0.5. Folding at most 64 times at once keeps products of numbers near 0.5 from becoming
    subnormal, which would take a hundred cycles each.
    """
    length = x.shape[-1]
    while length >= 2 * _PIECE:
        piece = max(_PIECE, length // _FOLDS)
        whole = length - length % piece
        folded = ufunc.reduce(x[..., :whole].reshape(*x.shape[:-1], -1, piece), axis=-2)
        if whole < length:
            head = folded[..., : length - whole]
            ufunc(head, x[..., whole:], head)
        x, length = folded, piece
    columns = x.reshape(-1, length).T
    return ufunc.reduce(columns.copy(), axis=0).reshape(x.shape[:-1])
