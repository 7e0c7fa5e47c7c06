"""softmax and log_softmax in one pass over memory each way."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from .compile import Array, is_float, launch, row_launch, split_axis


def softmax(xp: ModuleType, x: Array, *, axis: int) -> Any:
    """exp(x) / sum(exp(x)) along ``axis``."""
    return _forward(xp, x, axis, take_log=0)


def log_softmax(xp: ModuleType, x: Array, *, axis: int) -> Any:
    """x - log(sum(exp(x))) along ``axis``."""
    return _forward(xp, x, axis, take_log=1)


def softmax_backward(xp: ModuleType, g: Array, out: Array, *, axis: int) -> Any:
    """Gradient of :func:`softmax` from its result."""
    return _backward(xp, g, out, axis, is_log=0)


def log_softmax_backward(xp: ModuleType, g: Array, out: Array, *, axis: int) -> Any:
    """Gradient of :func:`log_softmax` from its result."""
    return _backward(xp, g, out, axis, is_log=1)


def _forward(xp: ModuleType, x: Array, axis: int, take_log: int) -> Any:
    if not is_float(x.dtype):
        return NotImplemented
    if x.ndim == 0:
        return _forward(xp, x.reshape(1), 0, take_log).reshape(())
    x = xp.ascontiguousarray(x)
    out = xp.empty(x.shape, x.dtype)
    _launch(xp, "", x, [x, out], axis, take_log)
    return out


def _backward(xp: ModuleType, g: Array, out: Array, axis: int, is_log: int) -> Any:
    if not is_float(out.dtype) or g.dtype != out.dtype:
        return NotImplemented
    if out.ndim == 0:
        return _backward(xp, g.reshape(1), out.reshape(1), 0, is_log).reshape(())
    g, out = xp.ascontiguousarray(g), xp.ascontiguousarray(out)
    dx = xp.empty(out.shape, out.dtype)
    _launch(xp, "_backward", out, [g, out, dx], axis, is_log)
    return dx


def _launch(
    xp: ModuleType, suffix: str, like: Array, arrays: list[Array], axis: int, flag: int
) -> None:
    outer, n, inner = split_axis(like.shape, axis)
    if like.size == 0:
        return
    if inner == 1:
        args = [*arrays, outer, n, flag]
        launch(xp, f"softmax.softmax_rows{suffix}", like.dtype, args, **row_launch(outer, n))
    else:
        args = [*arrays, outer, n, inner, flag]
        kernel = f"softmax.softmax_columns{suffix}"
        launch(xp, kernel, like.dtype, args, threads=outer * inner)
