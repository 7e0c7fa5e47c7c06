"""Focal loss: Lin et al., "Focal loss for dense object detection" (arXiv:1708.02002)."""

from __future__ import annotations

from typing import Any

from ... import sigmoid
from ...nn import functional as F
from ._reduction import reduced

__all__ = ["sigmoid_focal_loss"]


def sigmoid_focal_loss(
    inputs: Any, targets: Any, alpha: float = 0.25, gamma: float = 2, reduction: str = "none"
) -> Any:
    """Cross entropy in which examples that are easy by now count less.

    Args:
        inputs: scores before the sigmoid, of any shape.
        targets: floats of the same shape: 0 for the negative class, 1 for the positive one.
        alpha: weight of the positive class, ``1 - alpha`` is that of the negative one; -1: none.
        gamma: exponent of the factor ``1 - p`` for the right class.
        reduction: "none", "mean" or "sum".

    Raises:
        ValueError: alpha outside [0, 1] and not -1, or an unknown reduction.
    """
    if not 0 <= alpha <= 1 and alpha != -1:
        raise ValueError(
            f"Invalid alpha value: {alpha}. alpha must be in the range [0,1] or -1 for ignore."
        )
    p = sigmoid(inputs)
    entropy = F.binary_cross_entropy_with_logits(inputs, targets, reduction="none")
    right = p * targets + (1 - p) * (1 - targets)
    loss = entropy * (1 - right) ** gamma
    if alpha >= 0:
        loss = (alpha * targets + (1 - alpha) * (1 - targets)) * loss
    return loss.mean() if reduction == "mean" else reduced(loss, reduction)
