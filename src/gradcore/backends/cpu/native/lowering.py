"""What each elementwise instruction becomes: NumPy's name -> a function of typed values.

An instruction that is missing here, or raises `Unsupported` for a dtype, leaves its whole program
to NumPy. The operands come converted to the dtype that NumPy computes in.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from . import maths
from .values import BOOL, Unsupported, Value, maximum, minimum, select


def _only_float(x: Value) -> None:
    if x.dtype.kind != "f":
        raise Unsupported(f"a floating-point function of {x.dtype}")


def _intrinsic(name: str) -> Callable[..., Value]:
    def lowered(x: Value, *rest: Value) -> Value:
        _only_float(x)
        return x.function.call(name, x, *rest)

    return lowered


def _rounding(name: str) -> Callable[[Value], Value]:
    """A function to an integer: integers are their own."""

    def lowered(x: Value) -> Value:
        return x.function.call(name, x) if x.dtype.kind == "f" else x

    return lowered


def _divide(x: Value, y: Value) -> Value:
    _only_float(x)
    return x / y


def _sign(x: Value) -> Value:
    if x.dtype == BOOL:
        raise Unsupported("the sign of a bool")
    return select(x > 0, 1, select(x < 0, -1, x))


def _signbit(x: Value) -> Value:
    return (x.bits() if x.dtype.kind == "f" else x) < 0


def _is_finite(x: Value) -> Value:
    _only_float(x)
    return abs(x) < math.inf


def _is_infinite(x: Value) -> Value:
    _only_float(x)
    return abs(x) == math.inf


def _is_nan(x: Value) -> Value:
    _only_float(x)
    return x.is_nan()


def _fmax(x: Value, y: Value) -> Value:
    return select((x > y) | y.is_nan(), x, y) if x.dtype.kind == "f" else maximum(x, y)


def _fmin(x: Value, y: Value) -> Value:
    return select((x < y) | y.is_nan(), x, y) if x.dtype.kind == "f" else minimum(x, y)


def _clip(x: Value, low: Value, high: Value) -> Value:
    return minimum(maximum(x, low), high)


def _integer(function: Callable[..., Value]) -> Callable[..., Value]:
    def lowered(x: Value, *rest: Value) -> Value:
        if x.dtype.kind == "f":
            raise Unsupported(f"a bit operation on {x.dtype}")
        return function(x, *rest)

    return lowered


def _truth(function: Callable[..., Value]) -> Callable[..., Value]:
    def lowered(*operands: Value) -> Value:
        return function(*(x.to(BOOL) for x in operands))

    return lowered


def _logaddexp(x: Value, y: Value) -> Value:
    difference = select(x == y, 0.0, -abs(x - y))  # inf - inf is nan, but they are 0 apart
    return maximum(x, y) + maths.log1p(maths.exp(difference))


def _logaddexp2(x: Value, y: Value) -> Value:
    difference = select(x == y, 0.0, -abs(x - y))
    return maximum(x, y) + maths.log1p(maths.exp2(difference)) * (1 / math.log(2))


def _where(condition: Value, x: Value, y: Value) -> Value:
    return select(condition.to(BOOL), x, y)


def _same(x: Value) -> Value:
    return x


LOWERINGS: dict[str, Callable[..., Any]] = {
    "absolute": abs,
    "add": Value.__add__,
    "bitwise_and": _integer(Value.__and__),
    "bitwise_or": _integer(Value.__or__),
    "bitwise_xor": _integer(Value.__xor__),
    "ceil": _rounding("ceil"),
    "clip": _clip,
    "conjugate": _same,
    "cos": maths.cos,
    "copysign": _intrinsic("copysign"),
    "deg2rad": lambda x: x * (math.pi / 180),
    "digamma": maths.digamma,
    "divide": _divide,
    "equal": Value.__eq__,
    "erf": maths.erf,
    "erfc": maths.erfc,
    "erfinv": maths.erfinv,
    "exp": maths.exp,
    "exp2": maths.exp2,
    "expit": maths.expit,
    "expm1": maths.expm1,
    "fabs": _intrinsic("fabs"),
    "floor": _rounding("floor"),
    "floor_divide": maths.floor_divide,
    "fmax": _fmax,
    "fmin": _fmin,
    "fmod": maths.fmod,
    "greater": Value.__gt__,
    "greater_equal": Value.__ge__,
    "invert": _integer(Value.__invert__),
    "isfinite": _is_finite,
    "isinf": _is_infinite,
    "isnan": _is_nan,
    "less": Value.__lt__,
    "less_equal": Value.__le__,
    "lgamma": maths.lgamma,
    "log": maths.log,
    "log10": maths.log10,
    "log1p": maths.log1p,
    "log2": maths.log2,
    "logaddexp": _logaddexp,
    "logaddexp2": _logaddexp2,
    "logical_and": _truth(Value.__and__),
    "logical_not": _truth(Value.__invert__),
    "logical_or": _truth(Value.__or__),
    "logical_xor": _truth(Value.__xor__),
    "logit": maths.logit,
    "maximum": maximum,
    "minimum": minimum,
    "multiply": Value.__mul__,
    "negative": Value.__neg__,
    "not_equal": Value.__ne__,
    "positive": _same,
    "rad2deg": lambda x: x * (180 / math.pi),
    "real": _same,
    "reciprocal": lambda x: _divide(x.coerced(1), x),
    "remainder": maths.remainder,
    "rint": _rounding("rint"),
    "sign": _sign,
    "signbit": _signbit,
    "sin": maths.sin,
    "sqrt": _intrinsic("sqrt"),
    "square": lambda x: x * x,
    "subtract": Value.__sub__,
    "tanh": maths.tanh,
    "trunc": _rounding("trunc"),
    "where": _where,
}
