"""Cross entropy's passes over the logits, block by block, over the threads."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import memory, scratch
from .blocks import direct_broadcast, map_blocks, row_extremes, row_sums

# The generic bodies are faster below.
_SMALLEST = 4096
# Smaller arrays are one block.
_SMALL = 65_536
# Elements that are worth waking a thread for.
_GRAIN = 500_000


def _run(work: Callable[[int, int], None], x: np.ndarray) -> None:
    def rows(start: int, stop: int) -> None:
        with direct_broadcast(x.shape[1]):
            work(start, stop)

    if x.size > _SMALL:
        map_blocks(rows, len(x), x.shape[1], _GRAIN)
    else:
        rows(0, len(x))


def _fits(x: np.ndarray) -> bool:
    return x.ndim == 2 and x.size >= _SMALLEST and x.dtype.char in "fd"


def softmax_parts(xp: Any, x: np.ndarray) -> Any:
    """The maximum of each row of (N, C), and the sum of `exp(x - maximum)`, both (N, 1)."""
    if not _fits(x):
        return NotImplemented
    high, sums = (np.empty((len(x), 1), x.dtype) for _ in range(2))

    def work(start: int, stop: int) -> None:
        part, top = x[start:stop], high[start:stop]
        with scratch.borrow(part.nbytes) as block:
            exponentials = block.view(x.dtype).reshape(part.shape)
            top[:, 0] = row_extremes(np.maximum, part)
            np.exp(np.subtract(part, top, exponentials), exponentials)
            sums[start:stop, 0] = row_sums(exponentials)

    _run(work, x)
    return high, sums


def softmax_minus_one_hot(
    xp: Any,
    x: np.ndarray,
    high: np.ndarray,
    sums: np.ndarray,
    target: np.ndarray,
    factors: np.ndarray,
) -> np.ndarray:
    """`(softmax(x) - one_hot(target)) * factors` by rows, from the parts of the softmax."""
    if not _fits(x) or factors.dtype != x.dtype:
        return NotImplemented
    out = memory.empty(x.shape, x.dtype)

    def work(start: int, stop: int) -> None:
        rows = slice(start, stop)
        part, own = out[rows], factors[rows]
        np.exp(np.subtract(x[rows], high[rows], part), part)
        np.multiply(part, own[:, None] / sums[rows], part)
        part[np.arange(len(part)), target[rows]] -= own

    _run(work, x)
    return out


def cross_entropy(
    xp: Any,
    x: np.ndarray,
    target: np.ndarray,
    high: np.ndarray,
    sums: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    ignore_index: int,
    reduction: str,
) -> Any:
    """Checks the targets, and needs no masks where all count the same; else the generic body.

    Raises:
        IndexError: one is neither a class nor `ignore_index`; below 0 it would count from the end.
    """
    classes = x.shape[1]
    if target.min() < 0 or target.max() >= classes:
        wrong = target[((target < 0) | (target >= classes)) & (target != ignore_index)]
        if wrong.size:
            raise IndexError(f"Target {wrong[0]} is out of bounds.")
        return NotImplemented
    if weight is not None or 0 <= ignore_index < classes:
        return NotImplemented
    losses = np.log(sums[:, 0])
    losses -= x[np.arange(len(x)), target] - high[:, 0]
    total = np.full((), len(x), x.dtype)
    if reduction != "none":
        losses = np.add.reduce(losses)
        losses = losses / total if reduction == "mean" else losses
    return losses, total, np.ones(len(x), x.dtype), target.astype(np.int64)


OVERRIDES: dict[str, Callable[..., Any]] = {
    "cross_entropy": cross_entropy,
    "softmax_minus_one_hot": softmax_minus_one_hot,
    "softmax_parts": softmax_parts,
}
