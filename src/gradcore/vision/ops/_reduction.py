"""The ends of the losses."""

from __future__ import annotations

from typing import Any


def reduced(loss: Any, reduction: str) -> Any:
    """The loss as it is, its mean (0 for no elements) or its sum; ValueError for other names."""
    if reduction == "none":
        return loss
    if reduction == "mean":
        return loss.mean() if loss.numel() > 0 else 0.0 * loss.sum()
    if reduction == "sum":
        return loss.sum()
    raise ValueError(
        f"Invalid Value for arg 'reduction': '{reduction} \n"
        " Supported reduction modes: 'none', 'mean', 'sum'"
    )
