"""Elementwise arithmetic and mathematics."""

from __future__ import annotations

import math
from typing import Any

from .op import identity, op


def conj(x: Any) -> Any:
    """The complex conjugate of an array, a Tensor or a number; itself where it is real."""
    if isinstance(x, (int, float, complex)):
        return x.conjugate()
    return x.conj()


# --------------------------------------------------------------------------- arithmetic


@op(pointwise=True)
def add(xp, x, y):
    return xp.add(x, y)


add.vjp(x=identity, y=identity)


@op(pointwise=True)
def sub(xp, x, y):
    return xp.subtract(x, y)


sub.vjp(x=identity, y=lambda g: -g)


@op(pointwise=True)
def mul(xp, x, y):
    return xp.multiply(x, y)


mul.vjp(x=lambda g, y: g * conj(y), y=lambda g, x: g * conj(x))


@op(pointwise=True, promotion="float")
def div(xp, x, y):
    return xp.divide(x, y)


div.vjp(x=lambda g, y: g / conj(y), y=lambda g, y, out: -g * conj(out / y))


@op(pointwise=True)
def neg(xp, x):
    return xp.negative(x)


neg.vjp(x=lambda g: -g)


@op(pointwise=True)
def pow_scalar(xp, x, *, exponent):
    return _power(xp, x, exponent)


def _power(xp: Any, x: Any, exponent: Any) -> Any:
    # xp.power takes 10 times as long as these (pow() of libm for every element).
    if exponent == 2:
        return xp.multiply(x, x)
    if exponent == 3:
        return xp.multiply(xp.multiply(x, x), x)
    if exponent == 0.5:
        return xp.sqrt(x)
    if exponent == -1:
        return xp.divide(1, x)
    return xp.power(x, exponent)


def _pow_scalar_grad(g, x, exponent):
    if exponent == 0:
        return g * 0
    if exponent == 1:
        return g
    return g * conj(exponent * x ** (exponent - 1))


pow_scalar.grad_name = "PowBackward0"
pow_scalar.vjp(x=_pow_scalar_grad)


@op(pointwise=True)
def pow(xp, x, y):
    return xp.power(x, y)


def _pow_base_grad(g, x, y):
    # 0 ** (0 - 1) is inf, but the derivative of x ** 0 is 0.
    return where(y == 0, 0.0, g * conj(y * x ** (y - 1)))


def _pow_exponent_grad(g, x, y, out):
    # 0 ** y has slope 0 in y where it is defined; log(0) would make it nan.
    if isinstance(x, (int, float)):
        return (
            g * conj(out * math.log(x)) if x > 0 else _any_base_exponent_grad(g, y * 0 + x, y, out)
        )
    return _any_base_exponent_grad(g, x, y, out)


def _any_base_exponent_grad(g, x, y, out):
    return where((x == 0) & (y.real >= 0), 0.0, g * conj(out * log(x)))


pow.grad_name = "PowBackward1"
pow.vjp(x=_pow_base_grad, y=_pow_exponent_grad)


@op(pointwise=True, promotion=None)
def where(xp, condition, x, y):
    return xp.where(condition, x, y)


where.vjp(
    x=lambda g, condition: where(condition, g, 0.0),
    y=lambda g, condition: where(condition, 0.0, g),
)


@op(pointwise=True)
def maximum(xp, x, y):
    return xp.maximum(x, y)


# Where both are equal each gets half, as in PyTorch.
maximum.vjp(
    x=lambda g, x, y: where(x == y, g / 2, where(x > y, g, 0.0)),
    y=lambda g, x, y: where(x == y, g / 2, where(x < y, g, 0.0)),
)


@op(pointwise=True)
def minimum(xp, x, y):
    return xp.minimum(x, y)


minimum.vjp(
    x=lambda g, x, y: where(x == y, g / 2, where(x < y, g, 0.0)),
    y=lambda g, x, y: where(x == y, g / 2, where(x > y, g, 0.0)),
)


@op(pointwise=True)
def fmax(xp, x, y):
    return xp.fmax(x, y)


def _known_larger(x, y):
    """Where x is what fmax takes: it is at least y, or y is nan."""
    return (x >= y) | (y != y)


fmax.vjp(
    x=lambda g, x, y: where(_known_larger(x, y), g, 0.0),
    y=lambda g, x, y: where(_known_larger(x, y), 0.0, g),
)


@op(pointwise=True)
def fmin(xp, x, y):
    return xp.fmin(x, y)


def _known_smaller(x, y):
    return (x <= y) | (y != y)


fmin.vjp(
    x=lambda g, x, y: where(_known_smaller(x, y), g, 0.0),
    y=lambda g, x, y: where(_known_smaller(x, y), 0.0, g),
)


@op(pointwise=True)
def clamp_scalar(xp, x, *, low, high):
    if low is not None:
        x = xp.maximum(x, low)
    return x if high is None else xp.minimum(x, high)


def _clamp_grad(g, x, low, high):
    inside = x == x
    if low is not None:
        inside = inside & (x >= low)
    if high is not None:
        inside = inside & (x <= high)
    return where(inside | (x != x), g, 0.0)


clamp_scalar.grad_name = "ClampBackward1"
clamp_scalar.vjp(x=_clamp_grad)


@op(pointwise=True)
def pow_integers(xp, x, y):
    """``x ** y`` of integers; a negative power is 0 unless x is 1 or -1, as for C's integers."""
    negative = xp.where(x == 1, x, xp.where(x == -1, xp.where((y & 1) == 1, x, x * x), x * 0))
    return xp.where(y < 0, negative, xp.power(x, xp.maximum(y, 0)))


@op(pointwise=True, grad_name="DivBackward2")
def floor_divide(xp, x, y):
    return xp.floor_divide(x, y)


@op(pointwise=True, grad_name="DivBackward2")
def trunc_divide(xp, x, y):
    return xp.trunc(xp.divide(x, y))


@op(pointwise=True)
def trunc_divide_integers(xp, x, y):
    return xp.floor_divide(xp.subtract(x, xp.fmod(x, y)), y)


for _rounded in (floor_divide, trunc_divide):
    _rounded.vjp(x=lambda g: g * 0, y=lambda g, x: g * 0)


@op(pointwise=True)
def remainder(xp, x, y):
    return xp.remainder(x, y)


remainder.vjp(x=identity, y=lambda g, x, y: -g * floor(x / y))


@op(pointwise=True)
def fmod(xp, x, y):
    return xp.fmod(x, y)


fmod.vjp(x=identity, y=lambda g, x, y: -g * trunc(x / y))


@op(pointwise=True, promotion="float")
def atan2(xp, y, x):
    return xp.arctan2(y, x)


atan2.vjp(
    y=lambda g, y, x: g * (x / (x * x + y * y)),
    x=lambda g, y, x: -g * (y / (x * x + y * y)),
)


@op(pointwise=True, promotion="float")
def hypot(xp, x, y):
    return xp.hypot(x, y)


hypot.vjp(x=lambda g, x, out: g * (x / out), y=lambda g, y, out: g * (y / out))


@op(pointwise=True, promotion="float")
def logaddexp(xp, x, y):
    return xp.logaddexp(x, y)


logaddexp.vjp(x=lambda g, x, y: g / (exp(y - x) + 1), y=lambda g, x, y: g / (exp(x - y) + 1))


@op(pointwise=True, promotion="float")
def logaddexp2(xp, x, y):
    return xp.logaddexp2(x, y)


logaddexp2.vjp(x=lambda g, x, y: g / (exp2(y - x) + 1), y=lambda g, x, y: g / (exp2(x - y) + 1))


@op(pointwise=True, promotion="float")
def copysign(xp, x, y):
    return xp.copysign(x, y)


copysign.vjp(x=lambda g, x, out: where(x == 0, 0.0, g * (out / x)), y=lambda g: g * 0)


@op(pointwise=True, promotion="float")
def xlogy(xp, x, y):
    return xp.where((x == 0) & ~xp.isnan(y), 0.0, xp.multiply(x, xp.log(y)))


xlogy.vjp(
    x=lambda g, x, y: where((x == 0) & (y <= 0), 0.0, g * log(y)), y=lambda g, x, y: g * x / y
)


@op(pointwise=True)
def heaviside(xp, x, y):
    # xp.heaviside keeps nan and turns integers into floats.
    return xp.where(x == 0, y, xp.full_like(x, x > 0))


# ------------------------------------------------------------ comparisons, logic and bits


@op(pointwise=True, promotion="compare")
def eq(xp, x, y):
    return xp.equal(x, y)


@op(pointwise=True, promotion="compare")
def ne(xp, x, y):
    return xp.not_equal(x, y)


@op(pointwise=True, promotion="compare")
def lt(xp, x, y):
    return xp.less(x, y)


@op(pointwise=True, promotion="compare")
def le(xp, x, y):
    return xp.less_equal(x, y)


@op(pointwise=True, promotion="compare")
def gt(xp, x, y):
    return xp.greater(x, y)


@op(pointwise=True, promotion="compare")
def ge(xp, x, y):
    return xp.greater_equal(x, y)


@op(pointwise=True, promotion="compare")
def logical_and(xp, x, y):
    return xp.logical_and(x, y)


@op(pointwise=True, promotion="compare")
def logical_or(xp, x, y):
    return xp.logical_or(x, y)


@op(pointwise=True, promotion="compare")
def logical_xor(xp, x, y):
    return xp.logical_xor(x, y)


@op(pointwise=True, promotion=None)
def logical_not(xp, x):
    return xp.logical_not(x)


@op(pointwise=True)
def bitwise_and(xp, x, y):
    return xp.bitwise_and(x, y)


@op(pointwise=True)
def bitwise_or(xp, x, y):
    return xp.bitwise_or(x, y)


@op(pointwise=True)
def bitwise_xor(xp, x, y):
    return xp.bitwise_xor(x, y)


@op(pointwise=True)
def bitwise_not(xp, x):
    return xp.invert(x)


@op(pointwise=True)
def left_shift(xp, x, y):
    return xp.left_shift(x, y)


@op(pointwise=True)
def right_shift(xp, x, y):
    return xp.right_shift(x, y)


# The rules above use these, and these use the ones above.
from .unary import exp, exp2, floor, log, trunc  # noqa: E402
