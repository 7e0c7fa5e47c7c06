"""Weighted sums of elements at given points (grid_sample), some channels at a time.

Gathering is the most of it, and a gather of 16 bytes takes as long as one of 4: the channels are
interleaved by four (float32), so that one of them finds the elements of four channels. With what a
tile of channels needs in the L2 cache, sampling (4, 64, 64, 64) at 64 x 64 points of each image,
bilinear, went from 12 to 3.7 ms.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Any

import numpy as np

from . import memory
from .threads import parallel_for

# Bytes of a gathered item; elements that a tile gathers.
_ITEM = 16
_TILE = 262_144
# A thread takes at least this many gathered elements, 0.5 ns each.
_GRAIN = 262_144


def _is_served(x: np.ndarray, other: np.ndarray, indices: np.ndarray) -> bool:
    """Whether interleaving, which reads all of `x`, pays."""
    _, count, points = indices.shape
    if x.dtype.name not in ("float32", "float64") or x.dtype != other.dtype:
        return False
    return x.size > 0 and 2 * count * points > x.shape[2]


def _for_tiles(x: np.ndarray, indices: np.ndarray, work: Callable[[int, slice], None]) -> None:
    """`work(image, channels)` over the threads; channels in multiples of those of an item."""
    batch, channels, _ = x.shape
    _, count, points = indices.shape
    lanes = _ITEM // x.itemsize
    rows = max(1, _TILE // (points * count * lanes)) * lanes
    firsts = range(0, channels, rows)

    def run(start: int, stop: int) -> None:
        for tile in range(start, stop):
            image, position = divmod(tile, len(firsts))
            first = firsts[position]
            work(image, slice(first, min(first + rows, channels)))

    grain = max(1, _GRAIN // (min(rows, channels) * points * count))
    with np.errstate(all="ignore"):
        parallel_for(run, batch * len(firsts), grain, uses_blas=False)


def _interleaved(x: np.ndarray, more: int = 0) -> np.ndarray:
    """`x` (C, S) as (ceil(C / lanes), S + more, lanes); what is added is 0."""
    lanes = _ITEM // x.itemsize
    groups = -(-len(x) // lanes)
    out = memory.empty((groups, x.shape[1] + more, lanes), x.dtype)
    out[:, x.shape[1] :] = 0
    for lane in range(lanes):
        channels = x[lane::lanes]
        out[: len(channels), : x.shape[1], lane] = channels
        out[len(channels) :, :, lane] = 0
    return out


def _read(x: np.ndarray, places: np.ndarray) -> np.ndarray:
    """What `x` (C, S) has at `places` (K, P), 0 at S: (groups, K, P * lanes)."""
    source = _interleaved(x, more=1)
    items = source.view(f"V{_ITEM}")[:, :, 0]
    values = memory.empty((len(source), *places.shape, source.shape[2]), x.dtype)
    # Without "clip" take checks all indices first, and writes into memory of its own.
    np.take(items, places, axis=1, out=values.view(items.dtype)[..., 0], mode="clip")
    return values.reshape(len(source), len(places), -1)


def _places(indices: np.ndarray, size: int) -> np.ndarray:
    """The indices, with ``size`` for what is below 0, which is large without a sign."""
    return np.minimum(indices.view(np.uint64), size).view(np.int64)


def gather_weighted(xp: Any, x: np.ndarray, weights: np.ndarray, indices: np.ndarray) -> Any:
    """The op's body."""
    if not _is_served(x, weights, indices):
        return NotImplemented
    out = memory.empty((*x.shape[:2], indices.shape[2]), x.dtype)
    places = _places(indices, x.shape[2])
    lanes = _ITEM // x.itemsize
    factors = np.repeat(weights, lanes, axis=2)

    def work(image: int, channels: slice) -> None:
        values = _read(x[image, channels], places[image])
        sums = memory.empty((len(values), values.shape[2]), x.dtype)
        np.einsum("gkp,kp->gp", values, factors[image], out=sums)
        target = out[image, channels]
        for lane in range(min(lanes, len(target))):
            rows = target[lane::lanes]
            np.copyto(rows, sums.reshape(len(sums), -1, lanes)[: len(rows), :, lane])

    _for_tiles(x, indices, work)
    return out


def dot_gathered(xp: Any, y: np.ndarray, x: np.ndarray, indices: np.ndarray) -> Any:
    """The op's body."""
    if not _is_served(x, y, indices):
        return NotImplemented
    out = np.zeros(indices.shape, x.dtype)
    places = _places(indices, x.shape[2])
    lock = Lock()

    def work(image: int, channels: slice) -> None:
        values = _read(x[image, channels], places[image])
        factors = _interleaved(y[image, channels])
        sums = np.einsum("gkp,gp->kp", values, factors.reshape(len(factors), -1))
        sums = sums.reshape(*indices.shape[1:], -1).sum(axis=2)
        with lock:
            out[image] += sums

    _for_tiles(x, indices, work)
    return out


def scatter_weighted(
    xp: Any, y: np.ndarray, weights: np.ndarray, indices: np.ndarray, *, size: int
) -> Any:
    """The op's body."""
    if y.dtype.kind != "f" or y.dtype != weights.dtype or not (y.size and indices.size):
        return NotImplemented
    batch, channels = y.shape[:2]
    sums = np.zeros((batch, channels, size + 1), y.dtype)
    places = _places(indices, size)

    def work(image: int, part: slice) -> None:
        target = sums[image, part]
        starts = np.arange(len(target))[:, None] * (size + 1)
        for at, factor in zip(places[image], weights[image], strict=True):
            values = np.multiply(y[image, part], factor)
            np.add.at(target.reshape(-1), (starts + at).reshape(-1), values.reshape(-1))

    _for_tiles(y, indices, work)
    return np.ascontiguousarray(sums[:, :, :size])


OVERRIDES: dict[str, Callable[..., Any]] = {
    "dot_gathered": dot_gathered,
    "gather_weighted": gather_weighted,
    "scatter_weighted": scatter_weighted,
}
