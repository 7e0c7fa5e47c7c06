"""The negative log likelihood without weights, in a few small array calls.

The generic body makes masks and factors for what is ignored: 20 us for 1000 targets, this 6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np


def nll_loss(
    xp: Any,
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    ignore_index: int,
    reduction: str,
) -> Any:
    """Only (N, C), and targets that all are classes.

    Raises:
        IndexError: a target is neither a class nor `ignore_index`.
    """
    if weight is not None or x.ndim != 2 or not x.flags.c_contiguous or target.dtype != np.int64:
        return NotImplemented
    rows, classes = x.shape
    if not rows or 0 <= ignore_index < classes:
        return NotImplemented
    if np.maximum.reduce(target.view(np.uint64)) >= classes:  # negative ones are the largest
        wrong = target[((target < 0) | (target >= classes)) & (target != ignore_index)]
        if wrong.size:
            raise IndexError(f"Target {wrong[0]} is out of bounds.")
        return NotImplemented
    losses = np.negative(x.reshape(-1).take(target + np.arange(0, x.size, classes)))
    total = np.asarray(rows, x.dtype)
    if reduction == "none":
        return losses, total
    loss = np.add.reduce(losses, dtype=x.dtype)
    return (loss / total if reduction == "mean" else loss), total


OVERRIDES: dict[str, Callable[..., Any]] = {"nll_loss": nll_loss}
