"""Reading and writing at indices on the CPU: bounds checked, rows copied, sums accumulated.

NumPy's fancy indexing walks several index arrays element by element (gather of 1000 x 1000: 3.2
ms). Flat positions, computed block by block so that they stay in the cache, and ``take`` need a
third of that, and ``np.add.at`` on one-dimensional arrays (1.4 ns per element) is the fastest sum
by index that NumPy has; on rows it needs 5 times as long.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from .copy import copy_into
from .memory import empty
from .threads import parallel_for

Array = np.ndarray

# Elements below which a second thread costs more than it saves.
_GRAIN = 1 << 16
# Elements up to which the starts of the rows are kept for the next call: 64 times 8 KB at most.
_SMALL = 1 << 10
# Elements of a row from which adding it whole beats adding its elements one by one.
_LONG_ROW = 16
# Elements of a row from which a Python loop over rows (0.6 us each) beats the copies of the rounds.
_VERY_LONG_ROW = 512
# Rows with one index up to which they are added in rounds.
_ROUNDS = 8
# Flat positions computed at a time: 256 KB of int64.
_BLOCK = 1 << 15


# -------------------------------------------------------------------------------- bounds


def raise_out_of_range(index: Array, size: int, axis: int, wraps: bool, name: str) -> None:
    low = -size if wraps else 0
    bad = int(index[(index < low) | (index >= size)].flat[0])
    if name == "index_select":
        raise IndexError("index out of range in self")
    if name in ("take", "put"):
        raise IndexError(
            f"out of range: tried to access index {bad} on a tensor of {size} elements."
        )
    text = f"index {bad} is out of bounds for dimension {axis} with size {size}"
    if name == "index_copy":
        raise IndexError(f"index_copy_(): {text}")
    raise (IndexError if name in ("index", "index_fill") else RuntimeError)(text)


def _are_below(index: Array, size: int) -> bool:
    """Whether all are in [0, size): negative ones are the largest when read as unsigned."""
    unsigned = index.view(np.uint64)
    if index.size < 2 * _GRAIN or not index.flags.c_contiguous:
        return bool(np.maximum.reduce(unsigned, axis=None) < size)
    flat, found = unsigned.reshape(-1), []

    def look(start: int, stop: int) -> None:
        found.append(np.maximum.reduce(flat[start:stop]) < size)

    parallel_for(look, flat.size, _GRAIN, uses_blas=False)
    return all(found)


def checked_index(xp: Any, index: Array, *, size: int, axis: int, wraps: bool, name: str) -> Any:
    """The index as int64 with nothing negative; IndexError or RuntimeError by PyTorch's rules."""
    index = index.astype(np.int64, copy=False)
    if not index.size or _are_below(index, size):
        return index
    if not wraps or index.min() < -size or index.max() >= size:
        raise_out_of_range(index, size, axis, wraps, name)
    return np.where(index < 0, index + size, index)


# ------------------------------------------------------------------------ slices of a dimension


def index_select(xp: Any, x: Array, index: Array, *, axis: int) -> Any:
    if index.ndim != 1 or not x.flags.c_contiguous or not index.size or not x.size:
        return NotImplemented
    if index.size * x.size <= _SMALL:
        return x.take(index, axis, mode="clip")
    outer, n, inner = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
    out = np.empty((*x.shape[:axis], index.size, *x.shape[axis + 1 :]), x.dtype)
    source, target = x.reshape(outer, n, inner), out.reshape(outer, index.size, inner)
    if outer == 1:

        def copy_rows(start: int, stop: int) -> None:
            np.take(source[0], index[start:stop], axis=0, out=target[0, start:stop], mode="clip")

        parallel_for(copy_rows, index.size, max(1, _GRAIN // inner), uses_blas=False)
    else:

        def copy_blocks(start: int, stop: int) -> None:
            np.take(source[start:stop], index, axis=1, out=target[start:stop], mode="clip")

        parallel_for(copy_blocks, outer, max(1, _GRAIN // (index.size * inner)), uses_blas=False)
    return out


def _copied(x: Array) -> Array:
    """``x`` in C order in new memory."""
    out = empty(x.shape, x.dtype)
    copy_into(out, x)
    return out


def _can_sum(out: Array, values: Array) -> bool:
    return out.dtype == values.dtype and out.dtype.kind in "fciu" and out.flags.c_contiguous


def _add_slices(out: Array, index: Array, values: Array, axis: int) -> None:
    """Add the slices of ``values`` at ``index`` of a dimension of ``out``."""
    if not values.size:
        return
    n, inner = out.shape[axis], prod(out.shape[axis + 1 :])
    values = np.ascontiguousarray(values).reshape(-1, index.size, inner)
    if inner >= _LONG_ROW:
        for block, added in zip(out.reshape(-1, n, inner), values, strict=True):
            _add_rows(block, index, added)
        return
    flat = out.reshape(-1)
    rest = (index[:, None] * inner + np.arange(inner)).reshape(-1)
    if len(values) == 1:
        _add_flat(flat, rest, values.reshape(-1))
        return
    blocks = max(1, _BLOCK // rest.size)
    starts = np.arange(len(values))[:, None] * (n * inner)
    for first in range(0, len(values), blocks):
        places = starts[first : first + blocks] + rest
        np.add.at(flat, places.reshape(-1), values[first : first + blocks].reshape(-1))


def _add_flat(flat: Array, places: Array, values: Array) -> None:
    for first in range(0, places.size, _BLOCK):
        part = slice(first, first + _BLOCK)
        np.add.at(flat, places[part], values[part])


def _add_rows(out: Array, index: Array, values: Array) -> None:
    """Add rows of ``values`` to rows of ``out``: in round k, the k-th row of every index.

    Within a round no index comes twice, so that whole rows are added at once; indices that come
    often are summed on their own, or there would be as many rounds as they have rows.
    """
    if out.shape[1] >= _VERY_LONG_ROW:
        targets, add = list(out), np.add  # indexing ``out`` each time takes 0.1 us more
        for place, row in zip(index.tolist(), values, strict=True):
            add(targets[place], row, targets[place])
        return
    order = np.argsort(index, kind="stable")
    keys = index[order]
    firsts = np.flatnonzero(np.concatenate(([True], keys[1:] != keys[:-1])))
    counts = np.diff(firsts, append=keys.size)
    often = counts > _ROUNDS
    for first, count in zip(firsts[often].tolist(), counts[often].tolist(), strict=True):
        out[keys[first]] += values[order[first : first + count]].sum(axis=0, dtype=out.dtype)
    firsts, counts = firsts[~often], counts[~often]
    for k in range(int(counts.max(initial=0))):
        firsts = firsts[counts > k]
        counts = counts[counts > k]
        rows = keys[firsts + k]
        out[rows] = out.take(rows, axis=0) + values.take(order[firsts + k], axis=0)


def index_select_backward(xp: Any, x: Array, index: Array, *, axis: int, size: int) -> Any:
    out = np.zeros((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)
    if index.ndim != 1 or not _can_sum(out, x):
        return NotImplemented
    _add_slices(out, index, x, axis)
    return out


def index_add(
    xp: Any, x: Array, index: Array, source: Array, *, axis: int, alpha: Any = 1, out: Any = None
) -> Any:
    target = _copied(x) if out is None else out
    if index.ndim != 1 or not _can_sum(target, source):
        return NotImplemented
    if alpha != 1:
        source = source * np.asarray(alpha).astype(source.dtype)
    _add_slices(target, index, source, axis)
    return target


def embedding_backward(
    xp: Any, y: Array, indices: Array, *, rows: int, padding_idx: int, scale_grad_by_freq: bool
) -> Any:
    out = np.zeros((rows, y.shape[-1]), y.dtype)
    if scale_grad_by_freq or not _can_sum(out, y):
        return NotImplemented
    places, values = indices.reshape(-1), y.reshape(-1, y.shape[-1])
    if padding_idx >= 0:
        kept = places != padding_idx
        if not kept.all():
            places, values = places[kept], values[kept]
    _add_slices(out, places, values, 0)
    return out


# --------------------------------------------------------------------------- gather and scatter


def _starts(shape: tuple[int, ...], sizes: tuple[int, ...], axis: int) -> Array:
    """Flat position in a C-contiguous array of ``shape`` of each element of ``sizes``, without
    what ``axis`` adds: an array with length 1 along it."""
    places = np.zeros((1,) * len(sizes), np.int64)
    stride = 1
    for d in range(len(shape) - 1, -1, -1):
        if d != axis:
            along = np.arange(sizes[d]) * stride
            places = places + along.reshape((-1,) + (1,) * (len(sizes) - d - 1))
        stride *= shape[d]
    return places


# Small programs gather from the same sizes again and again, and making the starts is most of it.
_known_starts = lru_cache(maxsize=64)(_starts)


def _for_blocks(index: Array, shape: tuple[int, ...], axis: int, work: Any, threads: bool) -> None:
    """``work(rows, places)``: the flat places of blocks of rows of ``index``."""
    stride = prod(shape[axis + 1 :])
    if index.size <= _SMALL:
        places = _known_starts(shape, index.shape, axis) + (
            index if stride == 1 else index * stride
        )
        work(slice(None), places)
        return
    starts = _starts(shape, index.shape, axis)
    rows = max(1, _BLOCK // max(1, prod(index.shape[1:])))

    def run(first: int, last: int) -> None:
        for start in range(first, last, rows):
            block = slice(start, min(start + rows, last))
            own = starts if starts.shape[0] == 1 else starts[block]
            part = index[block]
            work(block, (part if stride == 1 else part * stride) + own)

    if threads:
        grain = max(1, _GRAIN // max(1, prod(index.shape[1:])))
        parallel_for(run, index.shape[0], grain, uses_blas=False)
    else:
        run(0, index.shape[0])


def gather(xp: Any, x: Array, index: Array, *, axis: int) -> Any:
    if not x.flags.c_contiguous or not index.size or index.ndim == 0:
        return NotImplemented
    out = np.empty(index.shape, x.dtype)
    flat = x.reshape(-1)

    def read(block: slice, places: Array) -> None:
        np.take(flat, places, out=out[block], mode="clip")

    _for_blocks(index, x.shape, axis, read, threads=True)
    return out


def _scatter_sum(out: Array, index: Array, src: Array, axis: int) -> None:
    flat = out.reshape(-1)

    def add(block: slice, places: Array) -> None:
        np.add.at(flat, places.reshape(-1), src[block].reshape(-1))

    _for_blocks(index, out.shape, axis, add, threads=False)


def _cropped(x: Array, shape: tuple[int, ...]) -> Array:
    return x if x.shape == shape else x[tuple(slice(0, n) for n in shape)]


def gather_backward(xp: Any, x: Array, index: Array, *, axis: int, shape: tuple[int, ...]) -> Any:
    out = np.zeros(shape, x.dtype)
    if index.ndim == 0 or not _can_sum(out, x):
        return NotImplemented
    _scatter_sum(out, index, x, axis)
    return out


def scatter_add(xp: Any, x: Array, index: Array, src: Array, *, axis: int, out: Any = None) -> Any:
    target = _copied(x) if out is None else out
    if index.ndim == 0 or not _can_sum(target, src):
        return NotImplemented
    _scatter_sum(target, index, _cropped(src, index.shape), axis)
    return target


def scatter(xp: Any, x: Array, index: Array, src: Array, *, axis: int, out: Any = None) -> Any:
    target = _copied(x) if out is None else out
    if index.ndim == 0 or not target.flags.c_contiguous or src.dtype != target.dtype:
        return NotImplemented
    flat, values = target.reshape(-1), _cropped(src, index.shape)

    def put(block: slice, places: Array) -> None:
        flat[places.reshape(-1)] = values[block].reshape(-1)  # NumPy's quick case: 1-d

    # Along another axis than the first, blocks of rows write into different rows.
    _for_blocks(index, target.shape, axis, put, threads=axis > 0)
    return target


_REDUCTIONS = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}


def scatter_reduce(
    xp: Any,
    x: Array,
    index: Array,
    src: Array,
    *,
    axis: int,
    reduce: str,
    include_self: bool = True,
    out: Any = None,
) -> Any:
    target = _copied(x) if out is None else out
    if index.ndim == 0 or not include_self or not _can_sum(target, src):
        return NotImplemented
    flat, values = target.reshape(-1), _cropped(src, index.shape)

    def combine(block: slice, places: Array) -> None:
        _REDUCTIONS[reduce].at(flat, places.reshape(-1), values[block].reshape(-1))

    _for_blocks(index, target.shape, axis, combine, threads=False)
    return target


def scatter_value(
    xp: Any, x: Array, index: Array, *, axis: int, value: Any, out: Any = None
) -> Any:
    target = _copied(x) if out is None else out
    if index.ndim == 0 or not target.flags.c_contiguous:
        return NotImplemented
    flat = target.reshape(-1)

    def put(block: slice, places: Array) -> None:
        flat[places.reshape(-1)] = value

    _for_blocks(index, target.shape, axis, put, threads=axis > 0)
    return target


# ----------------------------------------------------------------------------- index arrays


def index(xp: Any, x: Array, *indices: Array, dims: tuple[int, ...]) -> Any:
    """Only leading dimensions, which then are one: rows of a matrix."""
    covered = len(dims)
    if dims != tuple(range(covered)) or not x.flags.c_contiguous:
        return NotImplemented
    places = indices[0] if covered == 1 else _flat_places(x.shape[:covered], indices)
    rest = x.shape[covered:]
    rows = x.reshape((prod(x.shape[:covered]), *rest))
    if x.size <= _SMALL or not places.size:
        return rows[places]
    found = index_select(xp, rows, np.ascontiguousarray(places).reshape(-1), axis=0)
    return found if found is NotImplemented else found.reshape(places.shape + rest)


def _flat_places(shape: tuple[int, ...], indices: tuple) -> Array:
    places = indices[0]
    for n, index in zip(shape[1:], indices[1:], strict=True):
        places = places * n + index
    return places


def index_backward(
    xp: Any, x: Array, *indices: Array, dims: tuple[int, ...], shape: tuple[int, ...]
) -> Any:
    """Only leading dimensions, which then are one: rows of a matrix."""
    out = np.zeros(shape, x.dtype)
    if dims != tuple(range(len(dims))) or not _can_sum(out, x) or not x.size:
        return NotImplemented
    places = np.ascontiguousarray(_flat_places(shape[: len(dims)], indices)).reshape(-1)
    rest = shape[len(dims) :]
    merged = out.reshape((prod(shape[: len(dims)]), *rest))
    _add_slices(merged, places, x.reshape((places.size, *rest)), 0)
    return out


def masked_fill(xp: Any, x: Array, mask: Array, *, value: Any, out: Any = None) -> Any:
    if x.shape != mask.shape or x.ndim == 0:
        return NotImplemented
    in_place = out is not None
    target = out if in_place else np.empty(x.shape, x.dtype)
    value = np.asarray(value).astype(x.dtype)

    def fill(start: int, stop: int) -> None:
        block = slice(start, stop)
        if not in_place:
            target[block] = x[block]
        np.copyto(target[block], value, where=mask[block])

    parallel_for(fill, x.shape[0], max(1, _GRAIN // max(1, prod(x.shape[1:]))), uses_blas=False)
    return target


OVERRIDES: dict[str, Callable[..., Any]] = {
    "checked_index": checked_index,
    "embedding_backward": embedding_backward,
    "gather": gather,
    "index": index,
    "gather_backward": gather_backward,
    "index_add": index_add,
    "index_backward": index_backward,
    "index_select": index_select,
    "index_select_backward": index_select_backward,
    "masked_fill": masked_fill,
    "scatter": scatter,
    "scatter_add": scatter_add,
    "scatter_reduce": scatter_reduce,
    "scatter_value": scatter_value,
}
