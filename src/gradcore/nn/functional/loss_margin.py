"""Losses with a margin: they are zero where the distance is large enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...ops.operand import require_tensor
from ...ops.promotion import name_of
from ...ops.registry import FUNCTIONS
from .activation import logsigmoid
from .distance import pairwise_distance
from .reduction import checked_reduction, reduced


def hinge_embedding_loss(
    input: Any,
    target: Any,
    margin: float = 1.0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """``input`` where ``target`` is 1, ``max(0, margin - input)`` where it is -1.

    >>> F.hinge_embedding_loss(torch.tensor([0.5, 0.25]), torch.tensor([1.0, -1.0]))
    tensor(0.6250)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    where = FUNCTIONS["where"]
    far = where(target != 1, (margin - input).clamp_min(0), 0)
    return reduced(far + where(target != -1, input, 0), reduction)


def soft_margin_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """``log(1 + exp(-target * input))`` for targets of 1 and -1.

    >>> F.soft_margin_loss(torch.zeros(2), torch.ones(2))
    tensor(0.6931)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    return reduced((-(input * target)).exp().log1p(), reduction)


def margin_ranking_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """``max(0, margin - target * (input1 - input2))``: target 1 ranks input1 higher.

    >>> F.margin_ranking_loss(torch.tensor([1.0]), torch.tensor([3.0]), torch.ones(1))
    tensor(2.)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    if not input1.dim() == input2.dim() == target.dim():
        raise RuntimeError(
            "margin_ranking_loss : All input tensors should have same dimension but got sizes: "
            f"input1: {input1.size()}, input2: {input2.size()}, target: {target.size()} "
        )
    return reduced((-target * (input1 - input2) + margin).clamp_min(0), reduction)


# PyTorch adds it to the squared lengths.
_SMALLEST_SQUARE = 1e-12


def cosine_embedding_loss(
    input1: Any,
    input2: Any,
    target: Any,
    margin: float = 0,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """``1 - cos`` where ``target`` is 1, ``max(0, cos - margin)`` where it is -1.

    Shapes: inputs (N, D) with targets (N,), or (D,) with a scalar target.

    >>> x, y = torch.tensor([[3.0, 4.0]]), torch.tensor([[3.0, 0.0]])
    >>> F.cosine_embedding_loss(x, y, torch.ones(1))
    tensor(0.4000)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    ndim = target.dim()
    if ndim > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if input1.dim() != ndim + 1 or input2.dim() != ndim + 1:
        raise RuntimeError(
            f"{ndim}D target tensor expects {ndim + 1}D input tensors, but found inputs with sizes "
            f"{list(input1.shape)} and {list(input2.shape)}."
        )
    where = FUNCTIONS["where"]
    product = (input1 * input2).sum(ndim)
    squares = [(x * x).sum(ndim) + _SMALLEST_SQUARE for x in (input1, input2)]
    cosine = product / (squares[0] * squares[1]).sqrt()
    losses = where(target == 1, 1 - cosine, 0)
    losses = losses + where(target == -1, (cosine - margin).clamp_min(0), 0)
    return reduced(losses, reduction)


# ------------------------------------------------------------------------ many classes


def multilabel_soft_margin_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """The binary cross entropies of logits (*, C) with targets of 0 and 1, averaged over C.

    >>> F.multilabel_soft_margin_loss(torch.zeros(1, 2), torch.ones(1, 2))
    tensor(0.6931)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    losses = -(target * logsigmoid(input) + (1 - target) * logsigmoid(-input))
    if weight is not None:
        losses = losses * weight
    return reduced(losses.sum(-1) / input.size(-1), reduction)


def _as_rows(name: str, input: Any) -> Any:
    """Scores of one sample (C,) as (1, C)."""
    require_tensor(name, "input", input)
    if input.ndim > 2 or (input.ndim == 2 and input.shape[1] == 0) or tuple(input.shape) == (0,):
        raise RuntimeError(
            "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
            f"{list(input.shape)}"
        )
    return input.reshape((1, -1)) if input.ndim < 2 else input


def _require_long(target: Any) -> None:
    if target._array.dtype.name != "int64":
        raise RuntimeError(f"expected scalar type Long but found {name_of(target._array.dtype)}")


def multi_margin_loss(
    input: Any,
    target: Any,
    p: int = 1,
    margin: float = 1.0,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """``sum(max(0, margin - x[t] + x[i]) ** p) / C`` over the classes i that are not t.

    Shapes: input (N, C) or (C,), target (N,) or (); weight (C,) multiplies by the target's.

    >>> F.multi_margin_loss(torch.tensor([[0.25, 1.0]]), torch.tensor([0]))
    tensor(0.8750)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    if p not in (1, 2):
        raise ValueError("only p == 1 and p == 2 supported")
    if weight is not None and weight.dim() != 1:
        raise ValueError("weight must be one-dimensional")
    scores = _as_rows("multi_margin_loss", input)
    _check_multi_margin(input, scores, target, weight)
    column = target.reshape((-1, 1))
    terms = (margin - scores.gather(1, column) + scores).clamp_min(0)
    if p == 2:
        terms = terms * terms
    if weight is not None:
        terms = terms * weight[column]
    losses = terms.scatter(1, column, 0.0).sum(1) / scores.size(1)
    return reduced(losses.reshape(target.shape) if input.ndim < 2 else losses, reduction)


def _check_multi_margin(input: Any, scores: Any, target: Any, weight: Any) -> None:
    rows, classes = scores.shape
    if target.ndim > 1 or target.numel() != rows:
        raise RuntimeError(
            "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
            f"samples (batch size). Expected target size [{rows}], but got {list(target.shape)}. "
            f"Input has shape {list(input.shape)}."
        )
    if weight is not None and weight.numel() != classes:
        raise RuntimeError(
            f"inconsistent weight size, expected {classes} but got {list(weight.shape)}"
        )
    _require_long(target)
    if target.device.type == "cpu" and bool(((target < 0) | (target >= classes)).any()):
        raise RuntimeError("target out of range")


def multilabel_margin_loss(
    input: Any,
    target: Any,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """``sum(max(0, 1 - (x[t] - x[i]))) / C`` over the targets t and the other classes i.

    Shapes: input and target (N, C) or (C,); a row of targets ends at its first -1.

    >>> F.multilabel_margin_loss(torch.tensor([[0.5, 1.0]]), torch.tensor([[0, -1]]))
    tensor(0.7500)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    scores = _as_rows("multilabel_margin_loss", input)
    if target.shape != input.shape:
        raise RuntimeError(
            f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}"
        )
    _require_long(target)
    classes = scores.size(1)
    target = target.reshape(scores.shape)
    if target.device.type == "cpu" and bool(((target < -1) | (target >= classes)).any()):
        raise RuntimeError("argument #2 'target' is out of range")
    listed = (target < 0).cumsum(1) == 0
    safe = target.masked_fill(~listed, 0)
    is_target = FUNCTIONS["zeros_like"](scores.detach()).scatter_add(
        1, safe, listed.to(scores.dtype)
    )
    terms = 1 - scores.gather(1, safe).unsqueeze(2) + scores.unsqueeze(1)
    counted = listed.unsqueeze(2) & (is_target == 0).unsqueeze(1)
    losses = (terms.clamp_min(0) * counted).sum((1, 2)) / classes
    return reduced(losses.reshape(()) if input.ndim < 2 else losses, reduction)


# -------------------------------------------------------------------------- triplets


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2,
    eps: float = 1e-6,
    swap: bool = False,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """``max(0, margin + d(anchor, positive) - d(anchor, negative))`` with the p-norm distance.

    ``swap``: the negative's distance is the smaller of those from the anchor and the positive.

    >>> anchor, far = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])
    >>> F.triplet_margin_loss(anchor, far, anchor).round(decimals=3)
    tensor(6.)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    return _triplets(
        (anchor, positive, negative),
        lambda a, b: pairwise_distance(a, b, p, eps),
        margin,
        swap,
        reduction,
    )


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Any, Any], Any] | None = None,
    margin: float = 1.0,
    swap: bool = False,
    reduction: str = "mean",
) -> Any:
    """:func:`triplet_margin_loss` with any distance (the Euclidean one where it is None).

    >>> anchor, far = torch.zeros(1, 2), torch.tensor([[3.0, 4.0]])
    >>> F.triplet_margin_with_distance_loss(anchor, anchor, far)
    tensor(0.)
    """
    reduction = checked_reduction(reduction, None, None)
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplets((anchor, positive, negative), distance, margin, swap, reduction)


def _triplets(
    triplet: tuple, distance: Callable[[Any, Any], Any], margin: float, swap: bool, reduction: str
) -> Any:
    if margin <= 0:
        raise ValueError(f"margin must be greater than 0, got {margin}")
    anchor, positive, negative = triplet
    if not anchor.ndim == positive.ndim == negative.ndim:
        raise RuntimeError(
            "The anchor, positive, and negative tensors are expected to have the same number of "
            f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative "
            f"{negative.ndim}D inputs"
        )
    near, far = distance(anchor, positive), distance(anchor, negative)
    if swap:
        far = FUNCTIONS["minimum"](far, distance(positive, negative))
    return reduced((margin + near - far).clamp_min(0), reduction)
