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
    return xp.where(x > 0, x, x * slope)


leaky_relu.vjp(x=lambda g, x, slope: where(x > 0, g, g * slope))


@op(pointwise=True)
def elu(xp, x, *, alpha):
    return xp.where(x > 0, x, xp.expm1(xp.minimum(x, 0.0)) * alpha)


elu.vjp(x=lambda g, x, alpha: where(x > 0, g, g * exp(where(x > 0, 0.0, x)) * alpha))


@op(pointwise=True)
def softplus(xp, x, *, beta, threshold):
    """``log(1 + exp(beta * x)) / beta``, x itself where ``beta * x`` is above threshold."""
    scaled = x * beta
    return xp.where(scaled > threshold, x, xp.log1p(xp.exp(scaled)) / beta)


def _softplus_grad(g: Any, x: Any, beta: float, threshold: float) -> Any:
    return where(x * beta > threshold, g, g * sigmoid(x * beta))


softplus.vjp(x=_softplus_grad)
