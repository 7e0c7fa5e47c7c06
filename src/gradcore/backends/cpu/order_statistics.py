"""Median, nanmedian and mode: from sorted values, with the place of the chosen one looked up.

NumPy sorts and partitions values in 1 to 6 ns per element, indices in 60 to 100. nan counts as the
largest value; of equal elements the one that a stable sort puts at the middle is taken.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .blocks import is_half, map_blocks

_FLOAT32 = np.dtype(np.float32)
# Finds the values of rows and their positions.
Finder = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def _comparable(x: np.ndarray) -> np.ndarray:
    """16-bit floats, which NumPy compares one by one, as float32."""
    return x.astype(_FLOAT32) if is_half(x.dtype) else x


def _by_rows(find: Finder, x: np.ndarray, axis: int, keepdims: bool) -> Any:
    """Run `find` on blocks of lines along `axis`; values in the dtype of `x` and int64 indices."""
    if not x.ndim or not x.size:
        return NotImplemented
    moved = np.moveaxis(x, axis, -1)
    rows = _comparable(np.ascontiguousarray(moved)).reshape(-1, x.shape[axis])
    values, indices = np.empty(len(rows), rows.dtype), np.empty(len(rows), np.int64)

    def work(start: int, stop: int) -> None:
        values[start:stop], indices[start:stop] = find(rows[start:stop])

    map_blocks(work, *rows.shape)
    shape = (*x.shape[:axis], *(1,) * keepdims, *x.shape[axis + 1 :])
    return values.reshape(shape).astype(x.dtype, copy=False), indices.reshape(shape)


# -------------------------------------------------------------------------------- medians


def _middle(rows: np.ndarray, ignore_nan: bool) -> np.ndarray:
    """The rank of the median in each row, counted from 0; of the first nan where nan counts."""
    length = rows.shape[1]
    if rows.dtype.kind != "f":
        return np.full(len(rows), (length - 1) // 2)
    numbers = length - np.count_nonzero(np.isnan(rows), axis=1)
    middle = (np.maximum(numbers, 1) - 1) // 2
    return middle if ignore_nan else np.where(numbers < length, numbers, middle)


def _at_ranks(rows: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """The elements of those ranks; rows of one rank are partitioned together."""
    values = np.empty(len(rows), rows.dtype)
    for rank in np.unique(ranks):
        chosen = ranks == rank
        part = rows if chosen.all() else rows[chosen]
        values[chosen] = np.partition(part, rank, axis=1)[:, rank]
    return values


def _place(rows: np.ndarray, values: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    """Where the elements of those ranks and values stand if equal ones keep their order."""
    equal = rows == values[:, None]
    if rows.dtype.kind == "f" and np.isnan(values).any():
        equal |= np.isnan(rows) & np.isnan(values)[:, None]
    places = equal.argmax(axis=1)
    tied = np.flatnonzero(np.count_nonzero(equal, axis=1) > 1)
    if tied.size:
        smaller = np.count_nonzero(rows[tied] < values[tied, None], axis=1)
        nans = np.isnan(values[tied]) if rows.dtype.kind == "f" else False
        # nan is first looked for, and nothing is smaller than it by comparison
        before = np.where(nans, 0, ranks[tied] - smaller)
        counted = np.cumsum(equal[tied], axis=1)
        places[tied] = (counted > before[:, None]).argmax(axis=1)
    return places


def _medians(ignore_nan: bool) -> Finder:
    def find(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        ranks = _middle(rows, ignore_nan)
        values = _at_ranks(rows, ranks)
        return values, _place(rows, values, ranks)

    return find


def median(xp: Any, x: np.ndarray, *, axis: int, keepdims: bool) -> Any:
    """The lower middle element along `axis` and its index; the first nan where there is one."""
    return _by_rows(_medians(ignore_nan=False), x, axis, keepdims)


def nanmedian(xp: Any, x: np.ndarray, *, axis: int, keepdims: bool) -> Any:
    """The lower middle element along `axis` of what is not nan, and its index."""
    return _by_rows(_medians(ignore_nan=True), x, axis, keepdims)


def _median_of_all(x: np.ndarray, ignore_nan: bool) -> np.ndarray:
    row = _comparable(x).reshape(1, -1)
    return _at_ranks(row, _middle(row, ignore_nan)).reshape(()).astype(x.dtype, copy=False)


def median_all(xp: Any, x: np.ndarray) -> np.ndarray:
    """The lower middle element of all; nan if there is one."""
    return _median_of_all(x, ignore_nan=False)


def nanmedian_all(xp: Any, x: np.ndarray) -> np.ndarray:
    """The lower middle element of all that are not nan."""
    return _median_of_all(x, ignore_nan=True)


# ----------------------------------------------------------------------------------- mode


def _modes(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    ordered = np.sort(rows, axis=1)
    position = np.arange(rows.shape[1], dtype=np.int32)
    starts = np.zeros(rows.shape, np.int32)
    np.multiply(ordered[:, 1:] != ordered[:, :-1], position[1:], starts[:, 1:])
    np.maximum.accumulate(starts, axis=1, out=starts)
    longest = np.subtract(position, starts, starts).argmax(axis=1)
    values = ordered[np.arange(len(rows)), longest]
    last = rows.shape[1] - 1 - (rows == values[:, None])[:, ::-1].argmax(axis=1)
    # nan equals nothing, so it is the mode only of rows that hold nothing else
    return values, np.where(values == values, last, 0)


def mode(xp: Any, x: np.ndarray, *, axis: int, keepdims: bool) -> Any:
    """The most frequent element along `axis`, the smallest of several, and where it is last."""
    return _by_rows(_modes, x, axis, keepdims)


OVERRIDES: dict[str, Callable[..., Any]] = {
    "median": median,
    "median_all": median_all,
    "mode": mode,
    "nanmedian": nanmedian,
    "nanmedian_all": nanmedian_all,
}
