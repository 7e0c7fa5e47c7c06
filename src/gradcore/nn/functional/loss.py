"""Losses of regression, and of distributions against distributions."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...autograd.modes import no_grad
from ...ops import loss as L
from ...ops.operand import require_tensor
from ...ops.registry import FUNCTIONS
from .reduction import checked_reduction, legacy_reduction, reduced, reject_integers


def _weighted(losses: Any, weight: Any, reduction: str, size: Any) -> Any:
    """The mean is over the sum of the weights."""
    if tuple(weight.shape) != tuple(size):
        raise ValueError("Weights and input must have the same size.")
    losses = losses * weight
    if reduction == "mean":
        return losses.sum() / weight.sum()
    return reduced(losses, reduction)


def _same_size(name: str, input: Any, target: Any) -> tuple[Any, Any]:
    """Both at their common shape; a warning where that differs from either's."""
    require_tensor(name, "input", input)
    require_tensor(name, "target", target, 2)
    if input._array.shape != target._array.shape:
        warnings.warn(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )
        return FUNCTIONS["broadcast_tensors"](input, target)
    return input, target


def mse_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """``(input - target) ** 2``, averaged, summed, or as it is.

    >>> F.mse_loss(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
    tensor(2.5000)
    """
    size = input.shape
    reduction = checked_reduction(reduction, size_average, reduce)
    input, target = _same_size("mse_loss", input, target)
    if weight is not None:
        return _weighted(L.squared_difference(input, target), weight, reduction, size)
    reject_integers("mse", input, target)
    if reduction == "none":
        return L.squared_difference(input, target)
    return L.mse_loss(input, target, reduction=reduction)


def l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Any = None,
) -> Any:
    """``|input - target|``, averaged, summed, or as it is.

    >>> F.l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
    tensor(1.5000)
    """
    size = input.shape
    reduction = checked_reduction(reduction, size_average, reduce)
    input, target = _same_size("l1_loss", input, target)
    losses = (input - target).abs()
    if weight is not None:
        return _weighted(losses, weight, reduction, size)
    return reduced(losses, reduction)


def smooth_l1_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Any:
    """Quadratic for differences below ``beta``, linear above.

    >>> F.smooth_l1_loss(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
    tensor(1.)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    input, target = _same_size("smooth_l1_loss", input, target)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return reduced((input - target).abs(), reduction)
    reject_integers("smooth_l1", input, target)
    return reduced(L.smooth_l1_elements(input, target, beta=beta), reduction)


def huber_loss(
    input: Any, target: Any, reduction: str = "mean", delta: float = 1.0, weight: Any = None
) -> Any:
    """Quadratic for differences up to ``delta``, linear above.

    >>> F.huber_loss(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
    tensor(1.)
    """
    size = input.shape
    reduction = checked_reduction(reduction, None, None)
    input, target = _same_size("huber_loss", input, target)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    reject_integers("huber", input, target)
    losses = L.huber_elements(input, target, delta=delta)
    if weight is not None:
        if tuple(weight.shape) != tuple(size):
            raise ValueError("Weights and input must have the same size.")
        losses = losses * weight
    return reduced(losses, reduction)


def kl_div(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Any:
    """``target * (log(target) - input)`` of log-probabilities ``input``.

    Args:
        reduction: also "batchmean": the sum divided by the first dimension's size.
        log_target: ``target`` holds log-probabilities too.

    >>> p, q = torch.tensor([[0.5, 0.5]]), torch.tensor([[1.0, 0.0]])
    >>> F.kl_div(p.log(), q, reduction="batchmean")
    tensor(0.6931)
    """
    if size_average is not None or reduce is not None:
        kind = legacy_reduction(size_average, reduce)
    else:
        if reduction == "mean":
            warnings.warn(
                "reduction: 'mean' divides the total loss by both the batch size and the support "
                "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
                "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
                "major release.",
                stacklevel=2,
            )
        batchmean = reduction == "batchmean"
        kind = "sum" if batchmean else checked_reduction(reduction, None, None)
    require_tensor("kl_div", "input", input)
    require_tensor("kl_div", "target", target, 2)
    if target._array.dtype.kind not in "fV" or input._array.dtype.kind not in "fV":
        raise RuntimeError("kl_div: Integral inputs not supported.")
    if log_target:
        losses = target.exp() * (target - input)
    else:
        losses = FUNCTIONS["xlogy"](target, target) - target * input
    total = reduced(losses, kind)
    if reduction == "batchmean" and input.dim() != 0:
        return total / input.size(0)
    return total


def poisson_nll_loss(
    input: Any,
    target: Any,
    log_input: bool = True,
    full: bool = False,
    size_average: bool | None = None,
    eps: float = 1e-8,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """``exp(input) - target * input``; ``input - target * log(input + eps)`` unless log_input.

    ``full`` adds Stirling's approximation of ``log(target!)`` for targets above 1.

    >>> F.poisson_nll_loss(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]))
    tensor(1.0537)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    if log_input:
        losses = input.exp() - target * input
    else:
        losses = input - target * (input + eps).log()
    if full:
        stirling = target * target.log() - target + 0.5 * (2 * math.pi * target).log()
        losses = losses + stirling.masked_fill(target <= 1, 0)
    return reduced(losses, reduction)


def gaussian_nll_loss(
    input: Any,
    target: Any,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Any:
    """``(log(var) + (input - target) ** 2 / var) / 2`` with ``var`` at least ``eps``.

    ``var`` has the input's shape, or its last dimension is 1 or missing, or it is a number;
    ``full`` adds ``log(2 * pi) / 2``.

    >>> F.gaussian_nll_loss(torch.tensor([1.0, 2.0]), torch.tensor([0.0, 4.0]), torch.ones(2))
    tensor(1.2500)
    """
    if isinstance(var, float):
        if var < 0:
            raise ValueError("var has negative entry/entries")
        var = FUNCTIONS["full_like"](input.detach(), var)
    elif bool((var < 0).any()):
        raise ValueError("var has negative entry/entries")
    if var.size() != input.size():
        var = _fitting_variance(var, input)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not valid")
    var = var.clone()
    with no_grad():
        var.clamp_(min=eps)
    losses = 0.5 * (var.log() + (input - target) ** 2 / var)
    if full:
        losses = losses + 0.5 * math.log(2 * math.pi)
    return reduced(losses, reduction)


def _fitting_variance(var: Any, input: Any) -> Any:
    """A variance that broadcasts against the input in one dimension."""
    size, wanted = tuple(var.shape), tuple(input.shape)
    if wanted[:-1] == size:
        return var.unsqueeze(-1)
    differing = [v for n, v in zip(wanted, size, strict=False) if n != v]
    if len(size) == len(wanted) and differing == [1]:
        return var
    raise ValueError("var is of incorrect size")
