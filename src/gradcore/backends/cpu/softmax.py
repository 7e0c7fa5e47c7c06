"""Softmax and its relatives along one axis, with their gradients: tile by tile, over the threads.

A tile holds whole lines along the axis and stays in the L2 cache from the maximum to the division.
16-bit floats are computed with in float32.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import memory
from .blocks import (
    as_lines,
    direct_broadcast,
    exponential_sums,
    is_half,
    map_lines,
    row_extremes,
    row_products,
    row_sums,
)
from .reduce import accurate_sum

_FLOAT32 = np.dtype(np.float32)
# Smaller arrays are one tile.
_SMALL = 65_536
# Elements that are worth waking a thread for.
_GRAIN = 500_000


def _by_tiles(kernel: Callable[..., None], arrays: tuple[np.ndarray, ...], axis: int) -> Any:
    """Run `kernel(*tiles, out)` over arrays of one shape; the axis is axis 1 of the tiles."""
    first = arrays[0]
    half = is_half(first.dtype)
    if first.dtype.kind != "f" and not half:
        return NotImplemented
    if not first.ndim:
        return _by_tiles(kernel, tuple(x.reshape(1) for x in arrays), 0).reshape(())
    views = [as_lines(x, axis % first.ndim) for x in arrays]
    out = memory.empty(views[0].shape, first.dtype)

    def work(where: Any) -> None:
        tiles = [view[where] for view in views]
        target = out[where]
        if half:
            result = np.empty(target.shape, _FLOAT32)
            kernel(*(tile.astype(_FLOAT32) for tile in tiles), result)
            target[...] = result
        else:
            with direct_broadcast(target.shape[-1]):
                kernel(*tiles, target)

    if out.size > _SMALL:
        map_lines(work, out.shape, _GRAIN)
    elif out.size:
        work(...)
    return out.reshape(first.shape)


def _sum(x: np.ndarray) -> np.ndarray:
    return row_sums(x)[:, None] if x.ndim == 2 else accurate_sum(x, (1,), x.dtype)


def _sum_of_products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    if x.ndim == 2:
        return row_products(x, y)[:, None]
    return accurate_sum(x * y, (1,), x.dtype)


def _shift(x: np.ndarray, out: np.ndarray) -> None:
    """x minus its maximum along the axis, so that exp cannot overflow."""
    if x.ndim == 2:
        highest = row_extremes(np.maximum, x)[:, None]
    else:
        highest = np.maximum.reduce(x, axis=1, keepdims=True)
    np.subtract(x, highest, out)


def _softmax(x: np.ndarray, out: np.ndarray) -> None:
    total = exponential_sums(x, out, _sum)
    if total is None:
        _shift(x, out)
        np.exp(out, out)
        total = _sum(out)
    np.multiply(out, 1 / total, out)


def _log_softmax(x: np.ndarray, out: np.ndarray) -> None:
    _shift(x, out)
    np.subtract(out, np.log(_sum(np.exp(out))), out)


def _softmax_backward(g: np.ndarray, result: np.ndarray, out: np.ndarray) -> None:
    np.subtract(g, _sum_of_products(g, result), out)
    np.multiply(out, result, out)


def _log_softmax_backward(g: np.ndarray, result: np.ndarray, out: np.ndarray) -> None:
    np.exp(result, out)
    np.multiply(out, _sum(g), out)
    np.subtract(g, out, out)


def softmax(xp: Any, x: np.ndarray, *, axis: int) -> np.ndarray:
    """exp(x) / sum(exp(x)) along `axis`; NotImplemented for dtypes that are not floating."""
    return _by_tiles(_softmax, (x,), axis)


def log_softmax(xp: Any, x: np.ndarray, *, axis: int) -> np.ndarray:
    """x - log(sum(exp(x))) along `axis`; NotImplemented for dtypes that are not floating."""
    return _by_tiles(_log_softmax, (x,), axis)


def softmax_backward(xp: Any, g: np.ndarray, out: np.ndarray, *, axis: int) -> np.ndarray:
    """The gradient of softmax's input, from that of its result and the result `out`."""
    return _by_tiles(_softmax_backward, (g, out), axis)


def log_softmax_backward(xp: Any, g: np.ndarray, out: np.ndarray, *, axis: int) -> np.ndarray:
    """The gradient of log_softmax's input, from that of its result and the result `out`."""
    return _by_tiles(_log_softmax_backward, (g, out), axis)


OVERRIDES: dict[str, Callable[..., Any]] = {
    "log_softmax": log_softmax,
    "log_softmax_backward": log_softmax_backward,
    "softmax": softmax,
    "softmax_backward": softmax_backward,
}
