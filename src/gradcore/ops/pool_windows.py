"""Maxima of windows of uneven sizes or random places, and putting maxima back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .op import op
from .pool import adaptive_bounds, gather_planes, max_pool_backward


def _along(table: Any, axis: int, n: int) -> Any:
    """A table (*lead, out, k) of one of n axes in the shape (*lead, out_1 …, k_1 …)."""
    lead = table.ndim - 2
    shape = [*table.shape[:lead]] + [1] * (2 * n)
    shape[lead + axis], shape[lead + n + axis] = table.shape[lead:]
    return table.reshape(shape)


def _window_maxima(xp: Any, x: Any, tables: Sequence[Any], lead: tuple) -> tuple[Any, Any]:
    """Maxima over the elements that the tables list, and their flat positions."""
    n = len(tables)
    spread = [_along(table, axis, n) for axis, table in enumerate(tables)]
    flat = x[(*lead, *spread)]
    out = flat.shape[2 : 2 + n]
    flat = flat.reshape((*x.shape[:2], *out, math.prod(flat.shape[2 + n :])))
    # argmax takes the first of equal values, and nan before all numbers, as PyTorch does
    winner = flat.argmax(axis=-1)[..., None]
    positions = 0
    for size, index in zip(x.shape[2:], spread, strict=True):
        positions = positions * size + index
    positions = positions.reshape(
        (*positions.shape[: positions.ndim - 2 * n], *out, flat.shape[-1])
    )
    positions = xp.broadcast_to(positions, flat.shape)
    values = xp.take_along_axis(flat, winner, axis=-1)[..., 0]
    return values, xp.take_along_axis(positions, winner, axis=-1)[..., 0]


def _adaptive_table(xp: Any, size: int, parts: int) -> Any:
    """(parts, longest): the positions of each part; shorter ones repeat their last."""
    bounds = adaptive_bounds(size, parts)
    longest = max((end - start for start, end in bounds), default=1)
    rows = [[min(start + i, end - 1) for i in range(longest)] for start, end in bounds]
    return xp.asarray(rows, dtype="int64").reshape((parts, longest))


@op(outputs=2, differentiable=(0,), grad_name="AdaptiveMaxPool2DBackward0", tied=True)
def adaptive_max_pool(xp, x, *, output_size):
    """Maxima over ``output_size`` nearly equal parts of (N, C, *), and their flat positions."""
    sizes = zip(x.shape[2:], output_size, strict=True)
    tables = [_adaptive_table(xp, size, parts) for size, parts in sizes]
    return _window_maxima(xp, x, tables, (slice(None), slice(None)))


def _random_table(xp: Any, sample: Any, size: int, kernel: int, parts: int) -> Any:
    """(N, C, parts, kernel): windows at pseudo-random distances (Graham, 2014)."""
    steps = xp.arange(parts, dtype=sample.dtype)
    alpha = (size - kernel) / (parts - 1) if parts > 1 else 0.0
    starts = ((steps + sample) * alpha).astype("int64") - (sample * alpha).astype("int64")
    starts[..., -1] = size - kernel
    return starts[..., None] + xp.arange(kernel, dtype="int64")


@op(outputs=2, differentiable=(0,), grad_name="FractionalMaxPool2DBackward0")
def fractional_max_pool(xp, x, samples, *, kernel, output_size):
    """Maxima over windows that ``samples`` (N, C, n) place, one number per spatial dimension."""
    n = len(kernel)
    tables = [
        _random_table(xp, samples[..., i : i + 1], x.shape[2 + i], kernel[i], output_size[i])
        for i in range(n)
    ]
    batch = xp.arange(x.shape[0]).reshape((-1, 1) + (1,) * (2 * n))
    channel = xp.arange(x.shape[1]).reshape((1, -1) + (1,) * (2 * n))
    return _window_maxima(xp, x, tables, (batch, channel))


for _pooling in (adaptive_max_pool, fractional_max_pool):
    _pooling.vjp(x=lambda g0, out1, x_shape: max_pool_backward(g0, out1, spatial=x_shape[2:]))


@op(grad_name="MaxUnpool2DBackward0")
def max_unpool(xp, x, indices, *, spatial):
    """Zero planes of sizes ``spatial`` with x (N, C, *) put at its flat ``indices``."""
    planes, size = x.shape[0] * x.shape[1], math.prod(spatial)
    flat = indices.reshape((planes, -1)) + xp.arange(planes, dtype="int64")[:, None] * size
    out = xp.zeros(planes * size, dtype=x.dtype)
    out[flat.reshape(-1)] = x.reshape(-1)
    return out.reshape((*x.shape[:2], *spatial))


def _read_back(g, indices):
    return gather_planes(g, indices)


max_unpool.vjp(x=_read_back)
