"""The losses that are worth an op of their own; ``nn.functional`` reduces the elementwise ones."""

from __future__ import annotations

import math
from typing import Any

from .op import op
from .pointwise import clamp_scalar, where
from .sharing import is_recording
from .softmax import log_softmax_backward, log_softmax_op
from .unary import abs as absolute
from .unary import exp, log, sigmoid

# ------------------------------------------------------------------------ squared error


@op(pointwise=True)
def scaled_difference(xp, x, y, scale):
    return (x - y) * scale


scaled_difference.vjp(
    x=lambda g, scale: g * scale,
    y=lambda g, scale: -(g * scale),
    scale=lambda g, x, y: g * (x - y),
)


@op(promotion="same")
def mse_loss(xp, x, y, *, reduction):
    """The mean or the sum of ``(x - y) ** 2`` over arrays of one shape."""
    difference = (x - y).reshape(-1)
    total = xp.dot(difference, difference.conj())
    return total / x.size if reduction == "mean" else total


def _mse_scale(g, x, reduction):
    return g * (2 / max(math.prod(x.shape), 1) if reduction == "mean" else 2)


mse_loss.vjp(
    x=lambda g, x, y, reduction: scaled_difference(x, y, _mse_scale(g, x, reduction)),
    y=lambda g, x, y, reduction: scaled_difference(y, x, _mse_scale(g, x, reduction)),
)


@op(pointwise=True, name="mse_loss_elements", grad_name="MseLossBackward0")
def squared_difference(xp, x, y):
    return (x - y) * (x - y)


squared_difference.vjp(x=lambda g, x, y: g * (x - y) * 2, y=lambda g, x, y: g * (y - x) * 2)


# --------------------------------------------------------------- negative log likelihood


@op(outputs=2, differentiable=(0,), tied=True)
def nll_loss(xp, x, target, weight=None, *, ignore_index, reduction):
    """``-weight[t] * x[:, t]`` for each target t: (loss, sum of the weights that counted).

    Shapes: x (N, C, …), target (N, …), weight (C,). The loss is a scalar, or (N, …) for the
    reduction "none". Targets equal to ``ignore_index`` count for nothing.
    """
    counted, safe, factors = _target_weights(xp, x, target, weight, ignore_index)
    picked = xp.take_along_axis(x, xp.expand_dims(safe, 1), 1).reshape(target.shape)
    # An ignored element may be inf, and inf * 0 is nan.
    losses = xp.where(counted, -picked * factors, xp.zeros((), x.dtype))
    total = factors.sum(dtype=x.dtype)
    if reduction == "none":
        return losses, total
    loss = losses.sum(dtype=x.dtype)
    return (loss / total if reduction == "mean" else loss), total


def _target_weights(xp: Any, x: Any, target: Any, weight: Any, ignore_index: int) -> tuple:
    """Where targets count, the targets with 0 elsewhere, and their weights with 0 elsewhere."""
    counted = target != ignore_index
    safe = xp.where(counted, target, 0)
    if weight is None:
        return counted, safe, counted.astype(x.dtype)
    return counted, safe, xp.where(counted, weight[safe], xp.zeros((), weight.dtype))


@op
def nll_loss_backward(xp, y, total, target, weight=None, *, shape, ignore_index, reduction):
    """The adjoint of nll_loss in x."""
    out = xp.zeros(shape, y.dtype)
    counted, safe, factors = _target_weights(xp, out, target, weight, ignore_index)
    values = -factors * (y / total if reduction == "mean" else y)
    values = xp.where(counted, values, xp.zeros((), y.dtype)).astype(y.dtype, copy=False)
    xp.put_along_axis(out, xp.expand_dims(safe, 1), xp.expand_dims(values, 1), 1)
    return out


def _nll_grad(g0, out1, target, weight, x_shape, ignore_index, reduction):
    return nll_loss_backward(
        g0,
        out1,
        target,
        weight,
        shape=x_shape,
        ignore_index=ignore_index,
        reduction=reduction,
    )


def _nll_second(g, target, weight, ignore_index, reduction):
    return nll_loss(g, target, weight, ignore_index=ignore_index, reduction=reduction)[0]


nll_loss.vjp(x=_nll_grad)
nll_loss_backward.vjp(y=_nll_second)


# ------------------------------------------------------------------------ cross entropy


@op(outputs=2, differentiable=())
def softmax_parts(xp, x):
    """The maximum of each row, and the sum of ``exp(x - maximum)``, both (N, 1)."""
    high = x.max(axis=1, keepdims=True)
    return high, xp.exp(x - high).sum(axis=1, keepdims=True)


@op(differentiable=())
def softmax_minus_one_hot(xp, x, high, sums, target, factors):
    """``(softmax(x) - one_hot(target)) * factors`` by rows: the gradient of the cross entropy."""
    out = xp.exp(x - high)
    out *= factors[:, None] / sums
    out[xp.arange(len(x)), target] -= factors
    return out


@op(outputs=4, differentiable=(0,), grad_name="NllLossBackward0")
def cross_entropy(xp, x, target, high, sums, weight=None, *, ignore_index, reduction):
    """``nll_loss(log_softmax(x), target)`` for (N, C), without an array of that shape.

    ``high`` and ``sums`` are :func:`softmax_parts` of x. Further results: the sum of the weights
    that counted, and the weight and the class of each row, 0 and 0 where it is ignored.
    """
    counted, safe, factors = _target_weights(xp, x, target, weight, ignore_index)
    picked = xp.take_along_axis(x, xp.expand_dims(safe, 1), 1) - high - xp.log(sums)
    losses = xp.where(counted, -picked[:, 0] * factors, xp.zeros((), x.dtype))
    total = factors.sum(dtype=x.dtype)
    if reduction != "none":
        loss = losses.sum(dtype=x.dtype)
        losses = loss / total if reduction == "mean" else loss
    return losses, total, factors, safe


def _cross_entropy_grad(
    g0, x, target, high, sums, weight, out1, out2, out3, x_shape, ignore_index, reduction
):
    if is_recording():
        options = {"ignore_index": ignore_index, "reduction": reduction}
        to_log = nll_loss_backward(g0, out1, target, weight, shape=x_shape, **options)
        return log_softmax_backward(to_log, log_softmax_op(x, axis=1), axis=1)
    scaled = out2 * (g0 / out1 if reduction == "mean" else g0)
    # where every row is ignored, the mean divides by 0
    return softmax_minus_one_hot(x, high, sums, out3, where(out2 == 0, 0.0, scaled))


cross_entropy.vjp(x=_cross_entropy_grad)


# ------------------------------------------------------------------- elementwise losses


@op(pointwise=True, name="smooth_l1_loss")
def smooth_l1_elements(xp, x, y, *, beta):
    """``d * d / (2 * beta)`` where d = |x - y| is below beta, ``d - beta / 2`` elsewhere."""
    # With the smaller of d and beta both are (d - near / 2) * near / beta: no choice.
    d = xp.abs(x - y)
    near = xp.minimum(d, beta)
    area = (d - near * 0.5) * near
    return area if beta == 1 else area * (1 / beta)


smooth_l1_elements.vjp(
    x=lambda g, x, y, beta: g * clamp_scalar((x - y) / beta, low=-1.0, high=1.0),
    y=lambda g, x, y, beta: g * clamp_scalar((y - x) / beta, low=-1.0, high=1.0),
)


@op(pointwise=True, name="huber_loss")
def huber_elements(xp, x, y, *, delta):
    """``d * d / 2`` where d = |x - y| is at most delta, ``delta * (d - delta / 2)`` elsewhere."""
    d = xp.abs(x - y)
    near = xp.minimum(d, delta)
    return (d - near * 0.5) * near


huber_elements.vjp(
    x=lambda g, x, y, delta: g * clamp_scalar(x - y, low=-delta, high=delta),
    y=lambda g, x, y, delta: g * clamp_scalar(y - x, low=-delta, high=delta),
)

# PyTorch's lower bound of the logarithms in binary_cross_entropy.
_LOWEST_LOG = -100.0
_SMALLEST = 1e-12


@op(pointwise=True, name="binary_cross_entropy")
def bce_elements(xp, x, y):
    """``-(y * log(x) + (1 - y) * log(1 - x))``, the logarithms at least -100."""
    positive = xp.maximum(xp.log(x), _LOWEST_LOG)
    negative = xp.maximum(xp.log1p(-x), _LOWEST_LOG)
    return (y - 1) * negative - y * positive


def _bce_target_grad(g, x):
    return g * (_bounded_log(1 - x) - _bounded_log(x))


def _bounded_log(x):
    return clamp_scalar(log(x), low=_LOWEST_LOG, high=None)


bce_elements.vjp(
    x=lambda g, x, y: g * (x - y) / clamp_scalar(x * (1 - x), low=_SMALLEST, high=None),
    y=_bce_target_grad,
)


@op(pointwise=True, name="binary_cross_entropy_with_logits")
def bce_logits_elements(xp, x, y):
    """``(1 - y) * x + log(1 + exp(-x))`` without overflow."""
    return (1 - y) * x - xp.minimum(x, 0.0) + xp.log1p(xp.exp(-xp.abs(x)))


bce_logits_elements.vjp(x=lambda g, x, y: g * (sigmoid(x) - y), y=lambda g, x: -(g * x))


@op(pointwise=True, name="weighted_bce_with_logits")
def bce_logits_weighted(xp, x, y, weight):
    """The same with the positive part times ``weight`` (``pos_weight``)."""
    factor = (weight - 1) * y + 1
    return (1 - y) * x + factor * (xp.log1p(xp.exp(-xp.abs(x))) - xp.minimum(x, 0.0))


def _weighted_logits_grad(g, x, y, weight):
    factor = (weight - 1) * y + 1
    return g * ((1 - y) - factor * sigmoid(-x))


def _softplus_of_minus(x):
    """``log(1 + exp(-x))`` without overflow."""
    return log(1 + exp(-absolute(x))) - where(x < 0, x, 0.0)


bce_logits_weighted.vjp(
    x=_weighted_logits_grad,
    y=lambda g, x, weight: g * ((weight - 1) * _softplus_of_minus(x) - x),
    weight=lambda g, x, y: g * y * _softplus_of_minus(x),
)
