"""Convolution with compiled kernels: which sums over lines the three maps are.

The maps are those of ``cpu/conv.py``, for float32 and one or two spatial dimensions.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from ..conv_geometry import Geometry
from ..conv_winograd import winograd_pays
from ..memory import empty
from . import conv_lines, conv_weights
from .conv_lines import Lines
from .jit import is_available, is_eager

_FLOAT32 = np.dtype(np.float32)


def _flat(geometry: Geometry) -> Any:
    """The same convolution with two spatial dimensions (a Geometry of pairs)."""
    if len(geometry.size) == 2:
        return geometry
    return Geometry(
        geometry.batch, geometry.channels, geometry.outputs, geometry.groups,
        (1, *geometry.size), (1, *geometry.kernel), (1, *geometry.stride),
        (0, *geometry.padding), (1, *geometry.dilation),
    )  # fmt: skip


class _Part(NamedTuple):
    """A part of a map: what is summed, with which weights, and where in the output it goes."""

    lines: Lines
    weights_at: np.ndarray
    weight_steps: tuple[int, int]
    start: int
    row_step: int
    column_step: int


@lru_cache(maxsize=256)
def _forward(geometry: Geometry) -> _Part:
    flat = _flat(geometry)
    (kh, kw), (dh, dw), (ph, pw) = flat.kernel, flat.dilation, flat.padding
    offsets = tuple((i * dh - ph, j * dw - pw) for i, j in product(range(kh), range(kw)))
    lines = Lines(
        flat.batch, flat.channels, flat.outputs, flat.groups,
        flat.size, flat.out, flat.stride, offsets,
    )  # fmt: skip
    row = flat.channels // flat.groups * flat.taps
    group = flat.outputs // flat.groups * row
    return _Part(lines, np.arange(row), (group, row), 0, flat.out[1], 1)


@lru_cache(maxsize=256)
def _adjoint(geometry: Geometry) -> list[_Part]:
    """One part for every remainder of the input position modulo the stride that has a tap."""
    flat = _flat(geometry)
    parts = []
    inputs = flat.channels // flat.groups
    outputs = flat.outputs // flat.groups
    for phase in product(*map(range, flat.stride)):
        taps = [_taps_of(flat, axis, phase[axis]) for axis in (0, 1)]
        ends = zip(flat.size, phase, flat.stride, strict=True)
        height, width = (-(-(n - at) // s) for n, at, s in ends)
        offsets = tuple((row, column) for (_, row), (_, column) in product(*taps))
        if not offsets or height <= 0 or width <= 0:
            continue
        lines = Lines(
            flat.batch, flat.outputs, flat.channels, flat.groups,
            flat.out, (height, width), (1, 1), offsets,
        )  # fmt: skip
        numbers = np.array([i * flat.kernel[1] + j for (i, _), (j, _) in product(*taps)])
        row = inputs * flat.taps
        weights_at = (np.arange(outputs)[:, None] * row + numbers).ravel()
        steps = (outputs * row, flat.taps)
        start = phase[0] * flat.size[1] + phase[1]
        row_step = flat.stride[0] * flat.size[1]
        parts.append(_Part(lines, weights_at, steps, start, row_step, flat.stride[1]))
    return parts


def _taps_of(geometry: Geometry, axis: int, phase: int) -> list[tuple[int, int]]:
    """(tap, offset) along an axis: output position Y + offset reaches input Y * stride + phase."""
    stride, padding = geometry.stride[axis], geometry.padding[axis]
    dilation = geometry.dilation[axis]
    found = []
    for tap in range(geometry.kernel[axis]):
        offset, rest = divmod(phase + padding - tap * dilation, stride)
        if not rest:
            found.append((tap, offset))
    return found


def _run(part: _Part, x: np.ndarray, w: np.ndarray, bias: np.ndarray, out: np.ndarray) -> None:
    channel = out.size // (out.shape[0] * out.shape[1])
    steps = (out.shape[1] * channel, channel, part.row_step, part.column_step)
    memory = out.reshape(-1)[part.start :]
    conv_lines.run(part.lines, x, w, part.weights_at, part.weight_steps, bias, memory, steps)


def _bias(b: np.ndarray | None, channels: int) -> np.ndarray:
    return np.zeros(channels, np.float32) if b is None else np.ascontiguousarray(b)


# Multiplications from which on the call pays.
_FEWEST_PRODUCTS = 0 if is_eager() else 1 << 15
# From this many channels on small images and 3x3 kernels are faster by other methods.
_MANY_CHANNELS = 96
_SMALL_IMAGE = 64


def is_faster(geometry: Geometry) -> bool:
    """Whether these kernels are faster than NumPy's."""
    return is_available() and _is_faster(geometry)


@lru_cache(maxsize=1024)
def _is_faster(geometry: Geometry) -> bool:
    if len(geometry.size) > 2 or geometry.taps == 1:
        return False
    depth = geometry.channels // geometry.groups * geometry.taps
    if geometry.batch * geometry.outputs * prod(geometry.out) * depth < _FEWEST_PRODUCTS:
        return False
    is_small = prod(geometry.out) <= _SMALL_IMAGE
    is_wide = min(geometry.channels, geometry.outputs) // geometry.groups >= _MANY_CHANNELS
    return not (is_wide and (is_small or winograd_pays(geometry)))


def conv(
    x: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry
) -> np.ndarray | None:
    """The cross-correlation; None where NumPy's kernels have to compute it."""
    out = empty((geometry.batch, geometry.outputs, *geometry.out), _FLOAT32)
    bias = _bias(b, geometry.outputs)
    _run(_forward(geometry), np.ascontiguousarray(x), np.ascontiguousarray(w), bias, out)
    return out


def conv_input(
    g: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry
) -> np.ndarray | None:
    """Its adjoint in the input; None where NumPy's kernels have to compute it."""
    shape = (geometry.batch, geometry.channels, *geometry.size)
    parts = _adjoint(geometry)
    out = empty(shape, _FLOAT32)
    bias = _bias(b, geometry.channels)
    if sum(prod(part.lines.out) for part in parts) < prod(geometry.size):
        out[...] = bias.reshape(-1, *(1,) * len(geometry.size))  # some inputs reach no output
    g, w = np.ascontiguousarray(g), np.ascontiguousarray(w)
    for part in parts:
        _run(part, g, w, bias, out)
    return out


def conv_weight(x: np.ndarray, g: np.ndarray, geometry: Geometry) -> np.ndarray | None:
    """Its adjoint in the weight; None where NumPy's kernels have to compute it."""
    flat = _flat(geometry)
    if flat.dilation[1] != 1:
        return None
    x = np.ascontiguousarray(x).reshape(geometry.batch, geometry.channels, *flat.size)
    g = np.ascontiguousarray(g).reshape(geometry.batch, geometry.outputs, *flat.out)
    weight = conv_weights.run(x, g, flat)
    return weight.reshape(*weight.shape[:2], *geometry.kernel)
