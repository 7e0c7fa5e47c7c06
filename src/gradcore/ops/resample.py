"""Resampling along one dimension: each output is a weighted sum of a few inputs.

Which inputs, with which weights, is a table made once for each pair of sizes. The adjoint is the
same op with the transposed table, so one op has derivatives of every order.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from .op import op


class Taps:
    """A sparse matrix (outputs, inputs): ``indices`` and ``weights``, both (taps, outputs).

    ``weights`` is None where all are 1 (a single tap).
    """

    def __init__(self, inputs: int, indices: np.ndarray, weights: np.ndarray | None) -> None:
        self.inputs = inputs
        self.indices = indices
        self.weights = weights
        self._transposed: Taps | None = None

    @property
    def outputs(self) -> int:
        return self.indices.shape[1]

    @property
    def is_identity(self) -> bool:
        """Whether every output is the input in its place."""
        if self.inputs != self.outputs:
            return False
        weights = 1.0 if self.weights is None else self.weights
        inside = self.indices == np.arange(self.outputs)
        return bool(np.all(np.where(inside, weights, 0).sum(0) == 1))

    @property
    def transposed(self) -> Taps:
        if self._transposed is None:
            self._transposed = self._transpose()
            self._transposed._transposed = self
        return self._transposed

    def _transpose(self) -> Taps:
        """For every input the outputs that it goes to; short lists are filled up with weight 0."""
        taps, outputs = self.indices.shape
        weights = np.ones((taps, outputs)) if self.weights is None else self.weights
        sources = self.indices.ravel()
        order = np.argsort(sources, kind="stable")
        counts = np.bincount(sources, minlength=self.inputs)
        rank = np.arange(taps * outputs) - np.repeat(np.cumsum(counts) - counts, counts)
        indices = np.zeros((max(int(counts.max()), 1), self.inputs), np.int64)
        values = np.zeros(indices.shape)
        at = (rank, sources[order])
        indices[at] = np.tile(np.arange(outputs), taps)[order]
        values[at] = weights.ravel()[order]
        return Taps(outputs, indices, values)


@op(grad_name="UpsampleBackward0")
def resample(xp, x, *, axis, taps):
    """``sum over k of weights[k] * x[indices[k]]`` along ``axis``."""
    if taps.weights is None:
        return xp.take(x, xp.asarray(taps.indices[0]), axis=axis)
    shape = tuple(-1 if i == axis else 1 for i in range(x.ndim))
    work = x.astype("float32") if x.dtype.itemsize == 2 else x
    out = None
    for indices, weights in zip(taps.indices, taps.weights, strict=True):
        column = xp.asarray(weights.astype(work.dtype)).reshape(shape)
        part = xp.take(work, xp.asarray(indices), axis=axis)
        part *= column
        out = part if out is None else xp.add(out, part, out=out)
    return out.astype(x.dtype, copy=False)


resample.vjp(x=lambda g, axis, taps: resample(g, axis=axis, taps=taps.transposed))


# ------------------------------------------------------------------------------- tables


def source_scale(inputs: int, outputs: int, align_corners: bool, scale: float | None) -> float:
    """How far apart in the input two neighbouring outputs are."""
    if align_corners:
        return (inputs - 1) / (outputs - 1) if outputs > 1 else 0.0
    return 1.0 / scale if scale is not None and scale > 0 else inputs / outputs


@lru_cache(maxsize=256)
def nearest_taps(inputs: int, outputs: int, exact: bool, scale: float | None) -> Taps:
    """The input at ``floor(i * scale)``; ``exact``: at ``floor((i + 0.5) * scale)``."""
    if inputs == outputs and not exact:
        scale = None
    # PyTorch computes these positions in float32.
    step = np.float32(1.0 / scale if scale is not None else inputs / outputs)
    positions = np.arange(outputs, dtype=np.float32) + np.float32(0.5 if exact else 0)
    found = np.floor(positions * step).astype(np.int64)
    return Taps(inputs, np.clip(found, 0, inputs - 1)[None], None)


def _centers(inputs: int, outputs: int, align_corners: bool, scale: float | None) -> np.ndarray:
    step = source_scale(inputs, outputs, align_corners, scale)
    at = np.arange(outputs, dtype=np.float64)
    return at * step if align_corners else (at + 0.5) * step - 0.5


@lru_cache(maxsize=256)
def linear_taps(inputs: int, outputs: int, align_corners: bool, scale: float | None) -> Taps:
    """Two neighbours, weighted by nearness; equal sizes stay as they are, whatever the scale."""
    scale = None if inputs == outputs else scale
    at = np.maximum(_centers(inputs, outputs, align_corners, scale), 0.0)
    left = np.minimum(np.floor(at).astype(np.int64), inputs - 1)
    right = np.minimum(left + 1, inputs - 1)
    fraction = np.minimum(at - left, 1.0)
    return Taps(inputs, np.stack([left, right]), np.stack([1 - fraction, fraction]))


# The coefficient of cubic convolution (Keys, 1981) that PyTorch uses; Pillow's is -0.5.
_CUBIC, _CUBIC_ANTIALIAS = -0.75, -0.5


def _cubic(distance: np.ndarray, a: float) -> np.ndarray:
    d = np.abs(distance)
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0.0))


@lru_cache(maxsize=256)
def cubic_taps(inputs: int, outputs: int, align_corners: bool, scale: float | None) -> Taps:
    """Four neighbours, weighted by a cubic."""
    at = _centers(inputs, outputs, align_corners, scale)
    first = np.floor(at).astype(np.int64)
    offsets = np.arange(-1, 3)[:, None]
    weights = _cubic(at - (first + offsets), _CUBIC)
    return Taps(inputs, np.clip(first + offsets, 0, inputs - 1), weights)


def _lanczos(distance: np.ndarray) -> np.ndarray:
    return np.where(np.abs(distance) < 3, np.sinc(distance) * np.sinc(distance / 3), 0.0)


# mode: (reach, filter); all are widened by the scale where that is above 1
_FILTERS: dict[str, tuple[float, Callable[[np.ndarray], np.ndarray]]] = {
    "bilinear": (1.0, lambda d: np.maximum(1 - np.abs(d), 0.0)),
    "bicubic": (2.0, lambda d: _cubic(d, _CUBIC_ANTIALIAS)),
    "lanczos": (3.0, _lanczos),
}


ANTIALIASED = tuple(_FILTERS)


@lru_cache(maxsize=256)
def antialias_taps(
    inputs: int, outputs: int, mode: str, align_corners: bool, scale: float | None
) -> Taps:
    """The filter of an interpolation, as wide as one output where that is above one input."""
    step = source_scale(inputs, outputs, align_corners, None if inputs == outputs else scale)
    widening = max(step, 1.0)
    reach, function = _FILTERS[mode]
    support = reach * widening
    centers = step * (np.arange(outputs) + 0.5)
    low = np.maximum((centers - support + 0.5).astype(np.int64), 0)
    high = np.minimum((centers + support + 0.5).astype(np.int64), inputs)
    at = low + np.arange(max(int((high - low).max()), 1))[:, None]
    weights = np.where(at < high, function((at - centers + 0.5) / widening), 0.0)
    total = weights.sum(0)
    weights = weights / np.where(total == 0, 1.0, total)
    return Taps(inputs, np.clip(at, 0, inputs - 1), weights)
