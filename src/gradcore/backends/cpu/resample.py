"""Resampling along one axis: bands of the matrix (inputs, outputs) as products, over the threads.

A tap is a gather, a product and a sum: 1 ns per output, and gathering single numbers is the most
of it. A product with the part of the matrix that a few outputs need does many times the arithmetic
and takes less: bilinear enlargement of (4, 64, 64, 64) to twice the size went from 14.7 to 3.1 ms.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np

from . import memory
from .blocks import is_half
from .threads import parallel_for

_FLOAT32 = np.dtype(np.float32)
# Outputs per product: half of them leaves the BLAS short rows, twice as many wastes arithmetic.
_BAND = 32
# A product takes 0.02 ns per input, a tap 1 ns.
_INPUTS_PER_TAP = 40
# A thread gets at least this many nanoseconds of work.
_GRAIN_NS = 1e5


class _Band(NamedTuple):
    """The weights (inputs, outputs) from the inputs in one range to the outputs in another."""

    inputs: slice
    outputs: slice
    weights: np.ndarray


# Tables of taps live in caches of their own (ops/resample.py); the bands go when they go.
_bands: WeakKeyDictionary[Any, dict[np.dtype, list[_Band]]] = WeakKeyDictionary()


def _bands_of(taps: Any, dtype: np.dtype) -> list[_Band]:
    by_dtype = _bands.setdefault(taps, {})
    if dtype not in by_dtype:
        starts = range(0, taps.outputs, _BAND)
        by_dtype[dtype] = [_band(taps, start, dtype) for start in starts]
    return by_dtype[dtype]


def _band(taps: Any, start: int, dtype: np.dtype) -> _Band:
    stop = min(start + _BAND, taps.outputs)
    indices, weights = taps.indices[:, start:stop], taps.weights[:, start:stop]
    # A tap of weight 0 only fills a column up, and may point anywhere.
    used = indices[weights != 0]
    low, high = (int(used.min()), int(used.max()) + 1) if used.size else (0, 1)
    matrix = np.zeros((high - low, stop - start), dtype)
    inside = np.clip(indices - low, 0, high - low - 1)
    np.add.at(matrix, (inside, np.arange(stop - start)), weights)
    return _Band(slice(low, high), slice(start, stop), matrix)


def resample(xp: Any, x: np.ndarray, *, axis: int, taps: Any) -> Any:
    """The op's body; declines other dtypes, infinities and bands with too few weights."""
    half = is_half(x.dtype)
    if not x.size or (x.dtype.kind != "f" and not half):
        return NotImplemented
    shape = (*x.shape[:axis], taps.outputs, *x.shape[axis + 1 :])
    lines = (math.prod(x.shape[:axis]), x.shape[axis], math.prod(x.shape[axis + 1 :]))
    if taps.weights is None:
        out = memory.empty((lines[0], taps.outputs, lines[2]), x.dtype)
        _gather(x.reshape(lines), taps.indices[0], out)
        return out.reshape(shape)
    work = np.ascontiguousarray(x, _FLOAT32 if half else x.dtype)
    bands = _bands_of(taps, work.dtype)
    widest = max(len(band.weights) for band in bands)
    # 0 * inf would be nan in outputs that the input is no part of.
    if widest > _INPUTS_PER_TAP * len(taps.indices) or not np.isfinite(work.max() - work.min()):
        return NotImplemented
    out = memory.empty((lines[0], taps.outputs, lines[2]), work.dtype)
    if lines[2] == 1:
        _last_axis(work.reshape(lines[:2]), bands, out[:, :, 0], widest)
    else:
        _inner_axis(work.reshape(lines), bands, out, widest)
    return out.reshape(shape).astype(x.dtype, copy=False)


def _gather(x: np.ndarray, indices: np.ndarray, out: np.ndarray) -> None:
    def work(start: int, stop: int) -> None:
        # Without "clip" take checks all indices first, and writes into memory of its own.
        np.take(x[start:stop], indices, axis=1, out=out[start:stop], mode="clip")

    grain = _GRAIN_NS / max(out[0].size * 0.5, 1)
    parallel_for(work, len(x), max(1, int(grain)), uses_blas=False)


def _last_axis(x: np.ndarray, bands: list[_Band], out: np.ndarray, widest: int) -> None:
    def work(start: int, stop: int) -> None:
        for band in bands:
            np.matmul(x[start:stop, band.inputs], band.weights, out=out[start:stop, band.outputs])

    parallel_for(work, len(x), max(1, int(_GRAIN_NS / (out.shape[1] * widest * 0.02))))


def _inner_axis(x: np.ndarray, bands: list[_Band], out: np.ndarray, widest: int) -> None:
    def work(start: int, stop: int) -> None:
        for band in bands:
            parts = x[start:stop, band.inputs]
            np.matmul(band.weights.T, parts, out=out[start:stop, band.outputs])

    parallel_for(work, len(x), max(1, int(_GRAIN_NS / (out[0].size * widest * 0.02))))


OVERRIDES = {"resample": resample}
