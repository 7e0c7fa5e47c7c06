"""The random mask of dropout: a hash of each element's position, tile by tile, over the threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import memory, scratch
from .threads import parallel_for

# Elements per tile: two tiles of 32-bit integers fit the L2 cache.
_TILE = 65_536
# As in ops/dropout.py, unsigned: their shifts need no masks.
_SPREAD, _FIRST, _SECOND = (np.uint32(n) for n in (0x9E3779B1, 0x7FEB352D, 0x846CA68B))


def dropout_mask(
    xp: Any, row: np.ndarray, column: np.ndarray, seed: np.ndarray, *, threshold: int
) -> np.ndarray:
    """The body of `dropout_mask` for row (R, 1), column (C,) and a 0-d seed, all int32."""
    if row.ndim != 2 or row.shape[1] != 1 or column.ndim != 1 or seed.ndim:
        return NotImplemented
    rows, columns = len(row), len(column)
    out = memory.empty((rows, columns), np.dtype(bool))
    starts, offsets, key = row.view(np.uint32), column.view(np.uint32), seed.view(np.uint32)
    step = max(1, _TILE // max(columns, 1))

    def tile(start: int, stop: int) -> None:
        shape = (stop - start, columns)
        size = shape[0] * columns
        with scratch.borrow(8 * size) as block:
            both = block.view(np.uint32)
            x, shifted = both[:size].reshape(shape), both[size : 2 * size].reshape(shape)
            np.add(starts[start:stop], offsets, x)
            np.multiply(x, _SPREAD, x)
            np.bitwise_xor(x, key, x)
            for shift, factor in ((16, _FIRST), (15, _SECOND)):
                np.bitwise_xor(x, np.right_shift(x, np.uint32(shift), shifted), x)
                np.multiply(x, factor, x)
            np.bitwise_xor(x, np.right_shift(x, np.uint32(16), shifted), x)
            np.greater_equal(x.view(np.int32), np.int32(threshold), out[start:stop])

    def work(start: int, stop: int) -> None:
        for low in range(start, stop, step):
            tile(low, min(low + step, stop))

    parallel_for(work, rows, step, uses_blas=False)
    return out


OVERRIDES: dict[str, Callable[..., Any]] = {"dropout_mask": dropout_mask}
