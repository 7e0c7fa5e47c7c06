"""Normalisation: batch, layer, group and instance norm are one op over different axes.

``out = (x - mean) / sqrt(var + eps) * weight + bias``, with mean and (biased) variance over
``axes``; ``weight`` and ``bias`` have the shape ``param_shape`` when they meet ``x``.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable
from typing import Any

from .op import Op, op
from .pointwise import mul
from .shape import sum_to
from .sharing import is_recording, one_of


def _wide(x: Any) -> Any:
    """16-bit floats as float32: statistics of many of them need more digits."""
    return x.astype("float32") if x.dtype.itemsize == 2 else x


def _moments(xp: Any, x: Any, axes: tuple[int, ...]) -> tuple[Any, Any, Any]:
    """The mean, the biased variance (both with their axes kept) and ``x - mean``."""
    mean = x.mean(axis=axes, keepdims=True)
    centered = x - mean
    return mean, (centered * centered).mean(axis=axes, keepdims=True), centered


def _normalize(xp, x, weight, bias, axes, param_shape, eps):
    work = _wide(x)
    mean, var, out = _moments(xp, work, axes)
    out *= 1 / xp.sqrt(var + eps)
    if weight is not None:
        out *= weight.reshape(param_shape)
    if bias is not None:
        out += bias.reshape(param_shape)
    return out.astype(x.dtype, copy=False), mean, var


def _normalize_backward(xp, y, x, weight, mean, var, axes, param_shape, eps):
    """Gradients of x, and of weight and bias in ``param_shape``, from that of the output."""
    work, grad = _wide(x), _wide(y)
    invstd = 1 / xp.sqrt(var + eps)
    unit = (work - mean) * invstd
    other = tuple(i for i, n in enumerate(param_shape) if n == 1 and x.shape[i] != 1)
    grad_weight = (grad * unit).sum(axis=other, keepdims=True)
    grad_bias = grad.sum(axis=other, keepdims=True)
    if weight is not None:
        grad = grad * weight.reshape(param_shape)
    grad_x = grad - grad.mean(axis=axes, keepdims=True)
    grad_x -= unit * (grad * unit).mean(axis=axes, keepdims=True)
    grad_x *= invstd
    return grad_x.astype(x.dtype, copy=False), grad_weight, grad_bias


class _Shared(threading.local):
    """The last backward call's results that its node's other rules will ask for.

    The gradients of x, weight and bias come from the same passes over x and the gradient, but
    each has a rule of its own. ``key`` holds weak references, so nothing big is kept alive.
    """

    key: tuple = ()
    results: list = []


_shared = _Shared()


def _one_of(backward: Op, which: int, g: Any, x: Any, weight: Any, stats: tuple, **options: Any):
    held = _shared
    mean = stats[0]
    same = held.key and held.key[0]() is g and held.key[1]() is mean
    if not same or held.results[which] is None:
        held.results = list(backward(g, x, weight, *stats, **options))
        held.key = (weakref.ref(g), weakref.ref(mean))
    result = held.results[which]
    held.results[which] = None
    if which != 0:
        held.results[0] = None  # asked for first, if at all
    return result


def _family(name: str, grad_name: str) -> tuple[Op, Op]:
    """The op ``name`` and the op of its gradients, with the rules of both."""

    def forward(xp, x, weight=None, bias=None, *, axes, param_shape, eps):
        return _normalize(xp, x, weight, bias, axes, param_shape, eps)

    def backward(xp, y, x, weight, mean, var, *, axes, param_shape, eps):
        return _normalize_backward(xp, y, x, weight, mean, var, axes, param_shape, eps)

    normalize = op(forward, name=name, grad_name=grad_name, outputs=3, differentiable=(0,))
    gradients = op(backward, name=f"{name}_backward", outputs=3)

    def x_rule(g0, x, weight, out1, out2, axes, param_shape, eps):
        options = {"axes": axes, "param_shape": param_shape, "eps": eps}
        return _one_of(gradients, 0, g0, x, weight, (out1, out2), **options)

    def weight_rule(g0, x, weight, out1, out2, weight_shape, axes, param_shape, eps):
        options = {"axes": axes, "param_shape": param_shape, "eps": eps}
        result = _one_of(gradients, 1, g0, x, weight, (out1, out2), **options)
        return result.reshape(weight_shape)

    def bias_rule(g0, x, weight, out1, out2, bias_shape, axes, param_shape, eps):
        options = {"axes": axes, "param_shape": param_shape, "eps": eps}
        result = _one_of(gradients, 2, g0, x, weight, (out1, out2), **options)
        return result.reshape(bias_shape)

    normalize.vjp(x=x_rule, weight=weight_rule, bias=bias_rule)
    gradients.vjp(y=_second_y, x=_second_x, weight=_second_weight)
    return normalize, gradients


# ------------------------------------------------------------------- second derivatives


class _Parts:
    """What the second derivatives share, recomputed from x so that it can be differentiated.

    With ``unit = (x - mean) * invstd`` and h the gradient times the weight, the gradient of x is
    ``invstd * project(h)``, where project takes out the parts along 1 and along unit.
    """

    def __init__(self, x: Any, weight: Any, axes: tuple, param_shape: tuple, eps: float) -> None:
        self.shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
        self.count = math.prod(x.shape[i] for i in axes)
        centered = x - self.mean(x)
        self.invstd = (self.mean(centered * centered) + eps) ** -0.5
        self.unit = centered * self.invstd
        self.weight = 1 if weight is None else weight.reshape(param_shape)

    def mean(self, value: Any) -> Any:
        return sum_to(value, shape=self.shape) / self.count

    def project(self, value: Any) -> Any:
        return value - self.mean(value) - self.unit * self.mean(value * self.unit)


def _second_y(g0, g1, g2, x, weight, axes, param_shape, eps):
    parts = _Parts(x, weight, axes, param_shape, eps)
    through_x = parts.project(g0) * parts.invstd * parts.weight
    return through_x + parts.unit * g1 + g2


def _second_x(g0, g1, y, x, weight, axes, param_shape, eps):
    parts = _Parts(x, weight, axes, param_shape, eps)
    h, unit, invstd = y * parts.weight, parts.unit, parts.invstd
    along = g0 * parts.mean(h * unit) + h * parts.mean(g0 * unit)
    to_unit = y * g1 - along * invstd
    to_invstd = parts.mean(g0 * parts.project(h))
    return parts.project(to_unit) * invstd - to_invstd * invstd * invstd * unit


def _second_weight(g0, y, x, weight, axes, param_shape, eps):
    parts = _Parts(x, weight, axes, param_shape, eps)
    product = y * parts.project(g0) * parts.invstd
    return sum_to(product, shape=tuple(param_shape)).reshape(weight.shape)


batch_norm_op, batch_norm_backward = _family("batch_norm", "NativeBatchNormBackward0")
layer_norm_op, layer_norm_backward = _family("layer_norm", "NativeLayerNormBackward0")


# -------------------------------------------------------- batch norm with given statistics


def _channel_shape(x: Any) -> tuple[int, ...]:
    return (1, x.shape[1]) + (1,) * (x.ndim - 2)


@op(grad_name="NativeBatchNormBackward0", tied=True)
def batch_norm_fixed(xp, x, mean, var, weight=None, bias=None, *, eps):
    """Batch norm in evaluation: one multiplication and one addition per element."""
    shape = _channel_shape(x)
    scale = 1 / xp.sqrt(var + eps)
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    out = x * scale.reshape(shape)
    out += shift.reshape(shape)
    return out.astype(x.dtype, copy=False)


def _fixed_x(g, var, weight, eps):
    scale = (var + eps) ** -0.5
    if weight is not None:
        scale = scale * weight
    return mul(g, scale.reshape(_channel_shape(g)))


@op(outputs=2, differentiable=())
def batch_norm_fixed_sums(xp, y, x, mean, var, *, eps):
    """The gradients of weight and bias of :func:`batch_norm_fixed` from that of its result."""
    shape, axes = _channel_shape(x), (0, *range(2, x.ndim))
    work, grad = _wide(x), _wide(y)
    products = (grad * (work - mean.reshape(shape))).sum(axis=axes) / xp.sqrt(var + eps)
    return products.astype(y.dtype, copy=False), grad.sum(axis=axes).astype(y.dtype, copy=False)


def _fixed_sums(g, x, mean, var, eps):
    if not is_recording():
        sums = batch_norm_fixed_sums(g, x, mean, var, eps=eps)
        return dict(zip(("weight", "bias"), sums, strict=True))
    shape = _channel_shape(x)
    product = g * (x - mean.reshape(shape)) * ((var + eps) ** -0.5).reshape(shape)
    sums = (sum_to(term, shape=shape).reshape((x.shape[1],)) for term in (product, g))
    return dict(zip(("weight", "bias"), sums, strict=True))


def _fixed_rule(name: str) -> Callable[..., Any]:
    def rule(g, x, mean, var, eps):
        return one_of(name, (g, x), lambda: _fixed_sums(g, x, mean, var, eps))

    return rule


batch_norm_fixed.vjp(x=_fixed_x, weight=_fixed_rule("weight"), bias=_fixed_rule("bias"))


@op
def running_average(xp, held, new, *, momentum, factor):
    """``(1 - momentum) * held + momentum * factor * new``, in the shape of ``held``."""
    return held * (1 - momentum) + new.reshape(held.shape) * (momentum * factor)
