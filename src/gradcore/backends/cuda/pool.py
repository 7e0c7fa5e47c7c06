"""Max and average pooling over one to three spatial dimensions."""

from __future__ import annotations

from math import prod
from types import ModuleType
from typing import Any

from .compile import C_TYPES, Array, arithmetic_dtype, is_float, launch
from .window import Window, window


def max_pool(
    xp: ModuleType,
    x: Array,
    *,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    ceil_mode: bool,
) -> Any:
    """Maximum of every window of ``x`` (N, C, *size), and where it was.

    Returns:
        The maxima and int64 indices that are flat in the input's plane, both (N, C, *out).
    """
    if x.dtype.name not in C_TYPES:
        return NotImplemented
    spatial = len(kernel)
    seen = window(x.shape[-spatial:], kernel, stride, padding, dilation, ceil_mode)
    shape = (*x.shape[:-spatial], *seen.out)
    out, indices = xp.empty(shape, x.dtype), xp.empty(shape, "int64")
    planes = prod(x.shape[:-spatial])
    args = [xp.ascontiguousarray(x), out, indices, planes, *seen.arguments()]
    launch(xp, "pool.max_pool", x.dtype, args, threads=planes * seen.positions)
    return out, indices


def max_pool_backward(xp: ModuleType, g: Array, indices: Array, *, spatial: tuple[int, ...]) -> Any:
    """Each gradient ``g`` (N, C, *out) added where its maximum was: (N, C, *spatial)."""
    if not is_float(g.dtype):
        return NotImplemented
    planes_shape = g.shape[: g.ndim - len(spatial)]
    planes, size = prod(planes_shape), prod(spatial)
    dx = xp.zeros((*planes_shape, *spatial), arithmetic_dtype(g.dtype))
    positions = prod(g.shape[g.ndim - len(spatial) :])
    args = [xp.ascontiguousarray(g), xp.ascontiguousarray(indices), dx, planes, positions, size]
    launch(xp, "pool.max_pool_backward", g.dtype, args, threads=planes * positions)
    return dx.astype(g.dtype, copy=False)


def avg_pool(
    xp: ModuleType,
    x: Array,
    *,
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Any:
    """Mean of every window of ``x`` (N, C, *size): (N, C, *out)."""
    if not is_float(x.dtype):
        return NotImplemented
    spatial = len(kernel)
    seen = window(x.shape[-spatial:], kernel, stride, padding, (1,) * spatial, ceil_mode)
    out = xp.empty((*x.shape[:-spatial], *seen.out), x.dtype)
    _average(xp, "avg_pool", x, out, seen, count_include_pad, divisor, out.size)
    return out


def avg_pool_backward(
    xp: ModuleType,
    g: Array,
    *,
    spatial: tuple[int, ...],
    kernel: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Any:
    """Adjoint of :func:`avg_pool`: ``g`` (N, C, *out) to (N, C, *spatial)."""
    if not is_float(g.dtype):
        return NotImplemented
    seen = window(spatial, kernel, stride, padding, (1,) * len(kernel), ceil_mode)
    dx = xp.empty((*g.shape[: -len(kernel)], *spatial), g.dtype)
    _average(xp, "avg_pool_backward", g, dx, seen, count_include_pad, divisor, dx.size)
    return dx


def _average(
    xp: ModuleType,
    name: str,
    source: Array,
    target: Array,
    seen: Window,
    count_include_pad: bool,
    divisor: int | None,
    threads: int,
) -> None:
    planes = prod(source.shape[: source.ndim - len(seen.kernel)])
    options = [int(count_include_pad), divisor or 0]
    args = [xp.ascontiguousarray(source), target, planes, *options, *seen.arguments()]
    launch(xp, f"pool.{name}", source.dtype, args, threads=threads)
