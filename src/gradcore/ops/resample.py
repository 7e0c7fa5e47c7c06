"""Resampling: each output is a weighted sum of a few inputs.

Along one dimension, which inputs, with which weights, is a table made once for each pair of sizes.
The adjoint is the same op with the transposed table, so one op has derivatives of every order.
At points that are given, three ops are the gradients of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from .index import add_at
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


# ------------------------------------------------------------------------------- points
# Shapes: x (N, C, S), indices and weights (N, K, P), y (N, C, P). Indices below 0 read a 0, and
# what is added there is lost.


def _read(xp: Any, x: Any, indices: Any, k: int) -> Any:
    """The k-th input of every output: (N, C, P)."""
    places = xp.expand_dims(indices[:, k], 1)
    values = xp.take_along_axis(x, xp.maximum(places, 0), axis=2)
    return xp.where(places < 0, xp.zeros((), x.dtype), values)


@op(grad_name="GridSampler2DBackward0")
def gather_weighted(xp, x, weights, indices):
    """``sum over k of weights[:, k] * x[indices[:, k]]`` along the last dimension."""
    return sum(
        _read(xp, x, indices, k) * xp.expand_dims(weights[:, k], 1) for k in range(indices.shape[1])
    )


@op
def scatter_weighted(xp, y, weights, indices, *, size):
    """The adjoint of gather_weighted in x, which has ``size`` elements along its last dimension."""
    batch, channels = y.shape[:2]
    sums = xp.zeros(batch * channels * (size + 1), y.dtype)
    starts = xp.arange(batch * channels).reshape((batch, channels, 1)) * (size + 1)
    for k in range(indices.shape[1]):
        own = xp.expand_dims(indices[:, k], 1)
        places = starts + xp.where(own < 0, size, own)
        values = y * xp.expand_dims(weights[:, k], 1)
        add_at(xp, sums, places.reshape(-1), values.reshape(-1))
    return sums.reshape((batch, channels, size + 1))[:, :, :size].copy()


@op
def dot_gathered(xp, y, x, indices):
    """The adjoint of gather_weighted in the weights: sums over the channels."""
    return xp.stack(
        [(y * _read(xp, x, indices, k)).sum(axis=1) for k in range(indices.shape[1])], axis=1
    )


def _to_y(g, weights, indices):
    return gather_weighted(g, weights, indices)


def _to_weights(g, x, indices):
    return dot_gathered(g, x, indices)


gather_weighted.vjp(
    x=lambda g, weights, indices, x_shape: scatter_weighted(g, weights, indices, size=x_shape[2]),
    weights=_to_weights,
)
scatter_weighted.vjp(y=_to_y, weights=lambda g, y, indices: dot_gathered(y, g, indices))
dot_gathered.vjp(
    y=lambda g, x, indices: gather_weighted(x, g, indices),
    x=lambda g, y, indices, x_shape: scatter_weighted(y, g, indices, size=x_shape[2]),
)


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
