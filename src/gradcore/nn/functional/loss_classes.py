"""Losses of classification: cross entropies and the negative log likelihood."""

from __future__ import annotations

from typing import Any

import numpy as np

from ...ops import loss as L
from ...ops.operand import require_tensor
from ...ops.promotion import name_of
from ...ops.registry import FUNCTIONS
from .reduction import checked_reduction, reduced, reject_integers


def binary_cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """``-(target * log(input) + (1 - target) * log(1 - input))``, input in [0, 1].

    >>> F.binary_cross_entropy(torch.tensor([0.5, 0.9]), torch.tensor([1.0, 1.0]))
    tensor(0.3993)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    require_tensor("binary_cross_entropy", "input", input)
    if target.shape != input.shape:
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}) is deprecated. Please ensure they have the same size."
        )
    reject_integers("binary_cross_entropy", input)
    if target._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"Found dtype {name_of(target._array.dtype)} but expected {name_of(input._array.dtype)}"
        )
    if input.device.type == "cpu" and not bool(((input >= 0) & (input <= 1)).all()):
        raise RuntimeError("all elements of input should be between 0 and 1")
    losses = L.bce_elements(input, target)
    return reduced(losses if weight is None else losses * weight, reduction)


def binary_cross_entropy_with_logits(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Any = None,
) -> Any:
    """:func:`binary_cross_entropy` of ``sigmoid(input)``, without overflow.

    >>> F.binary_cross_entropy_with_logits(torch.zeros(2), torch.ones(2))
    tensor(0.6931)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    require_tensor("binary_cross_entropy_with_logits", "input", input)
    if target.shape != input.shape:
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})"
        )
    if pos_weight is None:
        losses = L.bce_logits_elements(input, target)
    else:
        losses = L.bce_logits_weighted(input, target, pos_weight)
    return reduced(losses if weight is None else losses * weight, reduction)


# ------------------------------------------------------------------------ classification


def nll_loss(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Any:
    """``-weight[t] * input[:, t]`` of log-probabilities (N, C, …) or (C,) and class numbers.

    The mean is over the sum of the weights of the targets that are not ``ignore_index``.

    >>> F.nll_loss(torch.tensor([[0.2, 0.8]]).log(), torch.tensor([1]))
    tensor(0.2231)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    require_tensor("nll_loss_nd", "input", input)
    require_tensor("nll_loss_nd", "target", target, 2)
    _check_classes(input, target, weight)
    options = {"ignore_index": ignore_index, "reduction": reduction}
    if input.ndim == 1:
        losses, _ = L.nll_loss(input.unsqueeze(0), target.reshape((1,)), weight, **options)
        return losses.reshape(()) if reduction == "none" else losses
    return L.nll_loss(input, target, weight, **options)[0]


# Compared as dtypes: NumPy puts a dtype's name together at each call, which takes 1 us.
_CLASS_NUMBERS = (np.dtype("int64"), np.dtype("uint8"))


def _check_classes(input: Any, target: Any, weight: Any) -> None:
    """Shapes, dtypes and (on the CPU) the range of the targets."""
    shape, wanted = input._array.shape, target._array.shape
    if len(shape) == 0:
        raise ValueError(
            f"Expected input batch_size ({0}) to match target batch_size ({len(wanted)})."
            if wanted
            else "Expected 1 or more dimensions (got 0)"
        )
    classes = shape[0] if len(shape) == 1 else shape[1]
    if len(shape) > 1 and (not wanted or shape[0] != wanted[0]):
        raise ValueError(
            f"Expected input batch_size ({shape[0]}) to match target batch_size "
            f"({wanted[0] if wanted else 0})."
        )
    if len(shape) == 2 and len(wanted) > 1:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if len(shape) > 2 and shape[2:] != wanted[1:]:
        expected = [shape[0], *shape[2:]]
        raise RuntimeError(f"Expected target size {expected}, got {list(wanted)}")
    if target._array.dtype not in _CLASS_NUMBERS:
        found = name_of(target._array.dtype)
        raise RuntimeError(f"expected target dtype to be Long or Byte, but got {found}")
    if weight is not None and (weight.ndim != 1 or weight.numel() != classes):
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but "
            f"got weight tensor of shape: {list(weight.shape)}"
        )


def cross_entropy(
    input: Any,
    target: Any,
    weight: Any = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Any:
    """The cross entropy of logits (N, C, …) or (C,) with class numbers or probabilities.

    >>> F.cross_entropy(torch.tensor([[2.0, 0.0, 0.0]]), torch.tensor([0]))
    tensor(0.2395)
    """
    reduction = checked_reduction(reduction, size_average, reduce)
    require_tensor("cross_entropy_loss", "input", input)
    require_tensor("cross_entropy_loss", "target", target, 2)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    class_dim = 0 if input.ndim == 1 else 1
    if input._array.shape == target._array.shape:
        if target._array.dtype.kind not in "fV":
            raise RuntimeError(
                "Expected floating point type for target with class probabilities, got "
                f"{name_of(target._array.dtype)}"
            )
        if ignore_index >= 0:
            raise RuntimeError("ignore_index is not supported for floating point target")
        log_p = FUNCTIONS["log_softmax"](input, class_dim)
        return _with_probabilities(log_p, target, weight, reduction, label_smoothing, class_dim)
    if label_smoothing == 0 and input.ndim == 2 and input._array.dtype.char in "fd":
        _check_classes(input, target, weight)
        if input._array.size:
            options = {"ignore_index": ignore_index, "reduction": reduction}
            high, sums = L.softmax_parts(input)
            return L.cross_entropy(input, target, high, sums, weight, **options)[0]
    log_p = FUNCTIONS["log_softmax"](input, class_dim)
    loss = nll_loss(log_p, target, weight, ignore_index=ignore_index, reduction=reduction)
    if label_smoothing == 0:
        return loss
    uniform = _uniform_part(log_p, target, weight, ignore_index, reduction, class_dim)
    return loss * (1 - label_smoothing) + uniform * (label_smoothing / input.shape[class_dim])


def _class_shape(weight: Any, ndim: int, class_dim: int) -> Any:
    """``weight`` so that it broadcasts along the class dimension."""
    return weight.reshape(tuple(-1 if d == class_dim else 1 for d in range(ndim)))


def _with_probabilities(
    log_p: Any, target: Any, weight: Any, reduction: str, smoothing: float, class_dim: int
) -> Any:
    if smoothing > 0:
        target = target * (1 - smoothing) + smoothing / log_p.shape[class_dim]
    products = log_p * target
    if weight is not None:
        products = products * _class_shape(weight, log_p.ndim, class_dim)
    if reduction == "none":
        return -products.sum(class_dim)
    count = log_p.numel() // log_p.shape[class_dim]
    return -products.sum() / (count if reduction == "mean" else 1)


def _uniform_part(
    log_p: Any, target: Any, weight: Any, ignore_index: int, reduction: str, class_dim: int
) -> Any:
    """The loss against equal probabilities, of the targets that count."""
    losses = -log_p
    if weight is not None:
        losses = losses * _class_shape(weight, log_p.ndim, class_dim)
    losses = losses.sum(class_dim)
    ignored = target == ignore_index
    losses = losses.masked_fill(ignored, 0.0)
    if reduction != "mean":
        return reduced(losses, reduction)
    if weight is None:
        return losses.sum() / (~ignored).sum()
    return losses.sum() / weight[target.masked_fill(ignored, 0)].masked_fill(ignored, 0.0).sum()
