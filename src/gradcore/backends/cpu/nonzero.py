"""Positions of what is not zero, block by block of rows.

``np.nonzero`` of 1000 x 1000 takes 3.2 ms for a mask and 13 ms for float32, and stacking what it
returns 2 ms more. Flat positions within a block fit into int32, which divides in half the time of
int64: 2.7 ms in all.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from .threads import parallel_for

# Elements searched at a time: their positions take 128 KB.
_BLOCK = 1 << 15
_GRAIN = 1 << 16
_INT32 = np.dtype("int32")


def nonzero(xp: Any, x: np.ndarray) -> Any:
    """One row per position; coordinate after coordinate in memory, as PyTorch lays them out."""
    if x.ndim == 0:
        return NotImplemented
    row = prod(x.shape[1:])
    if x.ndim == 1 or x.size < _BLOCK or row > np.iinfo(_INT32).max - _BLOCK:
        return np.array(np.nonzero(x if x.dtype.kind == "b" else x != 0)).T
    height = max(1, _BLOCK // row)
    starts = range(0, len(x), height)
    mask, counts = np.empty(x.shape, np.bool_), np.zeros(len(starts) + 1, np.int64)

    def search(first: int, last: int) -> None:
        for i in range(first, last):
            rows = slice(starts[i], starts[i] + height)
            counts[i + 1] = np.count_nonzero(np.not_equal(x[rows], 0, out=mask[rows]))

    grain = max(1, _GRAIN // (row * height))
    parallel_for(search, len(starts), grain, uses_blas=False)
    ends = np.cumsum(counts)
    out = np.empty((x.ndim, ends[-1]), np.int64)

    def write(first: int, last: int) -> None:
        for i in range(first, last):
            found = np.flatnonzero(mask[starts[i] : starts[i] + height]).astype(_INT32)
            _write_positions(out[:, ends[i] : ends[i + 1]], found, x.shape, starts[i])

    parallel_for(write, len(starts), grain, uses_blas=False)
    return out.T


def _write_positions(
    out: np.ndarray, flat: np.ndarray, shape: tuple[int, ...], first_row: int
) -> None:
    """The coordinates of flat positions that count from ``first_row`` of the first dimension."""
    for d in range(len(shape) - 1, 0, -1):
        n = _INT32.type(shape[d])
        rest = flat // n
        out[d] = flat - rest * n
        flat = rest
    np.add(flat, first_row, out[0], dtype=np.int64)


OVERRIDES: dict[str, Callable[..., Any]] = {"nonzero": nonzero}
