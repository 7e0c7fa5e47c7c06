"""Activation functions, each one pass over its input."""

from __future__ import annotations

import math
from typing import Any

from ..backends.special import special
from .op import op
from .pointwise import where
from .unary import erf, exp, sigmoid, tanh

_SQRT_HALF = math.sqrt(0.5)
_PDF_FACTOR = 1 / math.sqrt(2 * math.pi)
# The approximation of Hendrycks and Gimpel (arXiv 1606.08415).
_TANH_FACTOR, _CUBIC = math.sqrt(2 / math.pi), 0.044715


@op(pointwise=True)
def gelu(xp, x):
    """``x * Phi(x)`` with the normal distribution function Phi."""
    return x * 0.5 * (special(xp).erf(x * _SQRT_HALF) + 1)


def _gelu_grad(g, x):
    return g * ((erf(x * _SQRT_HALF) + 1) * 0.5 + x * exp(x * x * -0.5) * _PDF_FACTOR)


gelu.vjp(x=_gelu_grad)


@op(pointwise=True, grad_name="GeluBackward0")
def gelu_tanh(xp, x):
    """gelu with Phi approximated by a tanh."""
    return x * 0.5 * (xp.tanh((x + x * x * x * _CUBIC) * _TANH_FACTOR) + 1)


def _gelu_tanh_grad(g, x):
    t = tanh((x + x * x * x * _CUBIC) * _TANH_FACTOR)
    slope = (x * x * (3 * _CUBIC) + 1) * _TANH_FACTOR
    return g * 0.5 * (t + 1 + x * (1 - t * t) * slope)


gelu_tanh.vjp(x=_gelu_tanh_grad)


@op(pointwise=True)
def silu(xp, x):
    """``x * sigmoid(x)``."""
    return x / (xp.exp(-x) + 1)


def _silu_grad(g, x):
    s = sigmoid(x)
    return g * (s * (x * (1 - s) + 1))


silu.vjp(x=_silu_grad)


@op(pointwise=True)
def leaky_relu(xp, x, *, slope):
    if slope == 0:  # where x is inf, x * slope is nan
        return xp.where(x > 0, x, x * slope)
    # Two passes; the choice by a mask takes five.
    return xp.maximum(x, x * slope) if slope <= 1 else xp.minimum(x, x * slope)


leaky_relu.vjp(x=lambda g, x, slope: where(x > 0, g, g * slope))


@op(pointwise=True)
def elu(xp, x, *, alpha, scale, input_scale):
    """``scale * x`` above 0, ``scale * alpha * (exp(input_scale * x) - 1)`` below."""
    exponential = xp.expm1(_times(xp.minimum(x, 0.0), input_scale))
    if scale == 1 and alpha > 0 and input_scale > 0 and alpha * input_scale <= 1:
        # There the exponential is above the line, and 0 where x is positive.
        return xp.maximum(x, _times(exponential, alpha))
    return _times(xp.maximum(x, 0.0), scale) + _times(exponential, alpha * scale)


def _times(x: Any, factor: float) -> Any:
    return x if factor == 1 else x * factor


def _elu_grad(g, x, alpha, scale, input_scale):
    below = exp(where(x > 0, 0.0, x) * input_scale) * (alpha * scale * input_scale)
    return g * where(x > 0, scale, below)


elu.vjp(x=_elu_grad)


@op(pointwise=True)
def softplus(xp, x, *, beta, threshold):
    """``log(1 + exp(beta * x)) / beta``, x itself where ``beta * x`` is above threshold."""
    if beta == 1:
        return xp.where(x > threshold, x, xp.log1p(xp.exp(x)))
    scaled = x * beta
    return xp.where(scaled > threshold, x, xp.log1p(xp.exp(scaled)) / beta)


def _softplus_grad(g: Any, x: Any, beta: float, threshold: float) -> Any:
    return where(x * beta > threshold, g, g * sigmoid(x * beta))


softplus.vjp(x=_softplus_grad)


@op(pointwise=True, name="log_sigmoid", grad_name="LogSigmoidBackward0")
def log_sigmoid(xp, x):
    """``log(sigmoid(x))`` without overflow."""
    return xp.minimum(x, 0.0) - xp.log1p(xp.exp(-xp.abs(x)))


log_sigmoid.vjp(x=lambda g, x: g * sigmoid(-x))


@op(pointwise=True)
def mish(xp, x):
    """``x * tanh(log(1 + exp(x)))``."""
    return x * xp.tanh(xp.log1p(xp.exp(x)))


def _mish_grad(g, x):
    t = tanh(softplus(x, beta=1.0, threshold=20.0))
    return g * (t + x * sigmoid(x) * (1 - t * t))


mish.vjp(x=_mish_grad)


# ------------------------------------------------------------------- piecewise linear


@op(pointwise=True)
def hardtanh(xp, x, *, low, high):
    """x held between ``low`` and ``high``; the gradient at both is 0."""
    return xp.minimum(xp.maximum(x, low), high)


def _hardtanh_grad(g, x, low, high):
    return where((x > low) & (x < high), g, 0.0)


hardtanh.vjp(x=_hardtanh_grad)


@op(pointwise=True)
def hardsigmoid(xp, x):
    """``(x + 3) / 6`` held between 0 and 1."""
    return xp.minimum(xp.maximum(x + 3, 0.0), 6.0) * (1 / 6)


hardsigmoid.vjp(x=lambda g, x: where((x > -3) & (x < 3), g / 6, 0.0))


@op(pointwise=True)
def hardswish(xp, x):
    """``x * hardsigmoid(x)``."""
    return x * xp.minimum(xp.maximum(x + 3, 0.0), 6.0) * (1 / 6)


def _hardswish_grad(g, x):
    return where(x <= -3, 0.0, where(x < 3, g * (x / 3 + 0.5), g))


hardswish.vjp(x=_hardswish_grad)


@op(pointwise=True)
def threshold(xp, x, *, limit, value):
    """x above ``limit``, ``value`` elsewhere."""
    return xp.where(x <= limit, value, x)


threshold.vjp(x=lambda g, x, limit: where(x <= limit, 0.0, g))


@op(pointwise=True)
def hardshrink(xp, x, *, limit):
    """0 from ``-limit`` to ``limit``, x elsewhere."""
    return xp.where((x >= -limit) & (x <= limit), 0.0, x)


def _shrink_grad(g, x, limit):
    return where((x >= -limit) & (x <= limit), 0.0, g)


hardshrink.vjp(x=_shrink_grad)


@op(pointwise=True)
def softshrink(xp, x, *, limit):
    """x moved towards 0 by ``limit``, 0 where it is nearer."""
    return x - xp.minimum(xp.maximum(x, -limit), limit)


softshrink.vjp(x=_shrink_grad)


@op(pointwise=True)
def prelu(xp, x, weight):
    """x above 0, ``weight * x`` below."""
    return xp.where(x > 0, x, x * weight)


prelu.vjp(
    x=lambda g, x, weight: where(x > 0, g, g * weight),
    weight=lambda g, x: where(x > 0, 0.0, g * x),
)
