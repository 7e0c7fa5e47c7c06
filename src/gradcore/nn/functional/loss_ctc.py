"""Connectionist temporal classification."""

from __future__ import annotations

from typing import Any

from ...autograd.variable import TensorBase
from ...ops import ctc
from ...ops.operand import require_tensor
from ...ops.promotion import name_of
from ...ops.registry import FUNCTIONS
from ...tensor.creation import tensor
from .reduction import checked_reduction, reduced


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: str = "mean",
    zero_infinity: bool = False,
) -> Any:
    """``-log p(target)`` over all ways to stretch targets by blanks (Graves et al., 2006).

    Args:
        log_probs: (T, N, C) or (T, C), the output of log_softmax.
        targets: (N, S), or (sum of the lengths,), without blanks.
        input_lengths, target_lengths: (N,) tensors or tuples.
        blank: the number of the blank label.
        reduction: "mean" divides by the target lengths first.
        zero_infinity: 0 (and no gradient) instead of inf where the input is too short.

    >>> scores = torch.zeros(4, 1, 3).log_softmax(-1)
    >>> F.ctc_loss(scores, torch.tensor([[1, 2]]), (4,), (2,))
    tensor(0.8432)
    """
    reduction = checked_reduction(reduction, None, None)
    require_tensor("ctc_loss", "log_probs", log_probs)
    require_tensor("ctc_loss", "targets", targets, 2)
    batched = log_probs.ndim == 3
    lengths = [_lengths(v) for v in (input_lengths, target_lengths)]
    if not batched:
        log_probs = log_probs.unsqueeze(1)
    _check(log_probs, targets, lengths[0], lengths[1], blank)
    padded = _padded(targets, lengths[1], batched)
    device = log_probs.device
    counts = [tensor(values, device=device) for values in lengths]
    losses, _ = ctc.ctc_loss(
        log_probs, padded.to(device), *counts, blank=blank, zero_infinity=zero_infinity
    )
    if zero_infinity:
        losses = FUNCTIONS["where"](losses == float("inf"), 0.0, losses)
    if reduction == "mean":
        losses = losses / counts[1].clamp_min(1)
    return reduced(losses if batched or reduction != "none" else losses.squeeze(0), reduction)


def _lengths(value: Any) -> list[int]:
    if isinstance(value, TensorBase):
        if value.is_floating_point():  # type: ignore[attr-defined]
            raise RuntimeError("input_lengths must be integral")
        return [int(n) for n in value.reshape((-1,)).tolist()]  # type: ignore[attr-defined]
    return [int(n) for n in (value if isinstance(value, (list, tuple)) else [value])]


def _check(log_probs: Any, targets: Any, inputs: list[int], wanted: list[int], blank: int) -> None:
    steps, batch, classes = log_probs.shape
    if log_probs._array.dtype.kind not in "fV":
        raise NotImplementedError(
            f"\"ctc_loss_cpu\" not implemented for '{name_of(log_probs._array.dtype)}'"
        )
    if not 0 <= blank < classes:
        raise RuntimeError("blank must be in label range")
    for name, values in (("input_lengths", inputs), ("target_lengths", wanted)):
        if len(values) != batch:
            raise RuntimeError(f"{name} must be of size batch_size")
        if min(values, default=0) < 0:
            raise RuntimeError(f"Expected {name} to have value at least 0, but got value "
                               f"{min(values)} (while checking arguments for "
                               "ctc_loss_allocate_outputs)")  # fmt: skip
    if max(inputs, default=0) > steps:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {steps}, but got value {max(inputs)} "
            "(while checking arguments for ctc_loss_allocate_outputs)"
        )
    flat = targets.ndim == 1
    needed = sum(wanted) if flat else max(wanted, default=0)
    found = targets.shape[0] if flat else targets.shape[1]
    if (flat and needed != found) or found < needed:
        least = "" if flat else "at least "
        raise RuntimeError(
            f"Expected tensor to have size {least}{needed} at dimension {0 if flat else 1}, but "
            f"got size {found} for argument #2 'targets' (while checking arguments for "
            "ctc_loss_allocate_outputs)"
        )


def _padded(targets: Any, lengths: list[int], batched: bool) -> Any:
    """Targets as (N, S); what is beyond a target's length does not matter."""
    targets = targets.long()
    if targets.ndim == 2:
        return targets[:, : max(max(lengths, default=0), 0)]
    if not batched:
        return targets.unsqueeze(0)
    longest, start, rows = max(lengths, default=0), 0, []
    for length in lengths:
        row = targets[start : start + length]
        missing = row.new_zeros((longest - length,))
        rows.append(FUNCTIONS["cat"]((row, missing)))
        start += length
    return FUNCTIONS["stack"](rows)
