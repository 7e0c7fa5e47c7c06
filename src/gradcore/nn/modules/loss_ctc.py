"""Connectionist temporal classification as a module."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .loss import _Loss

__all__ = ["CTCLoss"]


class CTCLoss(_Loss):
    """``-log p(target)`` over all ways to stretch targets by blanks (Graves et al., 2006).

    Args:
        blank: the number of the blank label.
        reduction: "mean" divides by the target lengths first.
        zero_infinity: 0 instead of inf where the input is too short for its target.

    >>> scores = torch.zeros(4, 1, 3).log_softmax(-1)
    >>> nn.CTCLoss()(scores, torch.tensor([[1, 2]]), (4,), (2,))
    tensor(0.8432)
    """

    __constants__ = ["blank", "reduction"]

    def __init__(
        self, blank: int = 0, reduction: str = "mean", zero_infinity: bool = False
    ) -> None:
        super().__init__(reduction=reduction)
        self.blank = blank
        self.zero_infinity = zero_infinity

    def forward(self, log_probs: Any, targets: Any, input_lengths: Any, target_lengths: Any) -> Any:
        return F.ctc_loss(
            log_probs,
            targets,
            input_lengths,
            target_lengths,
            self.blank,
            self.reduction,
            self.zero_infinity,
        )
