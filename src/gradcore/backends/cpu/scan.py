"""Running sums."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import memory
from .blocks import GRAIN, as_lines, is_half
from .threads import get_num_threads, parallel_for

_FLOAT32 = np.dtype(np.float32)
_INT64 = np.dtype(np.int64)
# With fewer columns, calling an addition per row takes longer than NumPy's chain of additions.
_FEW_COLUMNS = 256


def cumsum(xp: Any, x: np.ndarray, *, axis: int) -> np.ndarray:
    """The running sum along `axis`; of integers and bools in int64."""
    dtype = _INT64 if x.dtype.kind in "biu" else x.dtype
    if not x.ndim or not x.size:
        return x.astype(dtype)
    values = x.astype(_FLOAT32 if is_half(dtype) else dtype, copy=False)
    lines = as_lines(values, axis % x.ndim)
    out = memory.empty(lines.shape, values.dtype)
    with np.errstate(all="ignore"):
        if lines.ndim == 3 and lines.shape[2] >= _FEW_COLUMNS:
            _add_rows(lines, out)
        elif lines.shape[0] >= get_num_threads():
            _accumulate(lines, out)
        else:
            for line, target in zip(lines, out, strict=True):
                _accumulate_long(line, target)
    return out.reshape(x.shape).astype(dtype, copy=False)


def _add_rows(lines: np.ndarray, out: np.ndarray) -> None:
    """One vector addition per row: the calls are short, so that threads would only wait for the
    GIL. `np.add.accumulate` walks down the columns instead and takes 4 times as long.
    """
    out[:, 0] = lines[:, 0]
    for before, after, row in zip(
        np.moveaxis(out, 1, 0)[:-1],
        np.moveaxis(out, 1, 0)[1:],
        np.moveaxis(lines, 1, 0)[1:],
        strict=True,
    ):
        np.add(before, row, after)


def _accumulate(lines: np.ndarray, out: np.ndarray) -> None:
    def work(start: int, stop: int) -> None:
        np.add.accumulate(lines[start:stop], axis=1, out=out[start:stop])

    width = lines.size // lines.shape[0]
    parallel_for(work, lines.shape[0], -(-GRAIN // 2 // width), uses_blas=False)


def _accumulate_long(line: np.ndarray, out: np.ndarray) -> None:
    """Each thread scans a part; then each part gets the sum of those before it."""
    parts = max(1, min(get_num_threads(), len(line) // GRAIN))
    bounds = [len(line) * i // parts for i in range(parts + 1)]

    def scan(start: int, stop: int) -> None:
        for i in range(start, stop):
            part = slice(bounds[i], bounds[i + 1])
            np.add.accumulate(line[part], axis=0, out=out[part])

    parallel_for(scan, parts, 1, uses_blas=False)
    for low, high in zip(bounds[1:-1], bounds[2:], strict=True):
        np.add(out[low:high], out[low - 1], out[low:high])
