"""The public elementwise functions and Python's operators.

Functions without options of their own are made from their op by ``unary`` and ``binary``; the
others are written out below.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.dispatch import binary, unary
from ..autograd.inplace import write_out
from ..autograd.variable import TensorBase
from ..ops import pointwise as P
from ..ops import unary as U
from ..ops.operand import as_operand, require_tensor
from ..ops.promotion import BOOL, category, result_dtype
from ..ops.registry import FUNCTIONS, public
from .creation import tensor

# name of the op, one line of documentation, aliases
_UNARY: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (U.exp, "e to the power of each element", ()),
    (U.exp2, "2 to the power of each element", ()),
    (U.expm1, "exp(x) - 1, exact near 0", ()),
    (U.log, "Natural logarithm", ()),
    (U.log2, "Logarithm to base 2", ()),
    (U.log10, "Logarithm to base 10", ()),
    (U.log1p, "log(1 + x), exact near 0", ()),
    (U.sqrt, "Square root", ()),
    (U.rsqrt, "1 / sqrt(x)", ()),
    (U.reciprocal, "1 / x", ()),
    (U.sin, "Sine", ()),
    (U.cos, "Cosine", ()),
    (U.tan, "Tangent", ()),
    (U.asin, "Inverse sine", ("arcsin",)),
    (U.acos, "Inverse cosine", ("arccos",)),
    (U.atan, "Inverse tangent", ("arctan",)),
    (U.sinh, "Hyperbolic sine", ()),
    (U.cosh, "Hyperbolic cosine", ()),
    (U.tanh, "Hyperbolic tangent", ()),
    (U.asinh, "Inverse hyperbolic sine", ("arcsinh",)),
    (U.acosh, "Inverse hyperbolic cosine", ("arccosh",)),
    (U.atanh, "Inverse hyperbolic tangent", ("arctanh",)),
    (U.floor, "Largest integer that is not above x", ()),
    (U.ceil, "Smallest integer that is not below x", ()),
    (U.trunc, "x without its fraction", ("fix",)),
    (U.frac, "The fraction of x, with its sign", ()),
    (U.abs, "Absolute value", ("absolute",)),
    (U.sigmoid, "1 / (1 + exp(-x))", ()),
    (U.relu, "max(x, 0)", ()),
    (U.erf, "Error function", ()),
    (U.erfc, "1 - erf(x), exact for large x", ()),
    (U.erfinv, "Inverse of the error function", ()),
    (P.neg, "-x", ("negative",)),
    (P.logical_not, "not x", ()),
    (P.bitwise_not, "Every bit flipped; logical not of bools", ()),
)
_PREDICATES: tuple[tuple[Any, str], ...] = (
    (U.isnan, "Whether each element is nan"),
    (U.isinf, "Whether each element is infinite"),
    (U.isfinite, "Whether each element is a finite number"),
    (U.signbit, "Whether each element has its sign bit set"),
)
_BINARY: tuple[tuple[Any, str, tuple[str, ...]], ...] = (
    (P.maximum, "The larger of two; nan wins", ()),
    (P.minimum, "The smaller of two; nan wins", ()),
    (P.fmax, "The larger of two; a number wins over nan", ()),
    (P.fmin, "The smaller of two; a number wins over nan", ()),
    (P.remainder, "x - floor(x / y) * y: has the sign of y", ()),
    (P.fmod, "x - trunc(x / y) * y: has the sign of x", ()),
    (P.atan2, "Angle of the point (other, input), by quadrant", ("arctan2",)),
    (P.hypot, "sqrt(x * x + y * y)", ()),
    (P.logaddexp, "log(exp(x) + exp(y)) without overflow", ()),
    (P.logaddexp2, "log2(2 ** x + 2 ** y) without overflow", ()),
    (P.copysign, "|x| with the sign of y", ()),
    (P.heaviside, "0 below 0, y at 0, 1 above", ()),
    (P.eq, "Elementwise x == y", ()),
    (P.ne, "Elementwise x != y", ("not_equal",)),
    (P.lt, "Elementwise x < y", ("less",)),
    (P.le, "Elementwise x <= y", ("less_equal",)),
    (P.gt, "Elementwise x > y", ("greater",)),
    (P.ge, "Elementwise x >= y", ("greater_equal",)),
    (P.logical_and, "x and y", ()),
    (P.logical_or, "x or y", ()),
    (P.logical_xor, "x or y, but not both", ()),
    (P.bitwise_and, "x & y", ()),
    (P.bitwise_or, "x | y", ()),
    (P.bitwise_xor, "x ^ y", ()),
    (P.left_shift, "x << y", ()),
    (P.right_shift, "x >> y", ()),
)

# Of the functions of two arguments these take a number first, and those take no number at all.
_NUMBER_FIRST = """remainder bitwise_and bitwise_or bitwise_xor bitwise_left_shift
    bitwise_right_shift""".split()
_TENSORS_ONLY = """maximum minimum fmax fmin atan2 hypot logaddexp logaddexp2 heaviside logical_and
    logical_or logical_xor""".split()
_RENAMED = {"left_shift": "bitwise_left_shift", "right_shift": "bitwise_right_shift"}


def _named(function: Callable, name: str, doc: str, signature: str) -> Callable:
    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}.\n\n``{name}({signature})``, elementwise with broadcasting."
    return function


def _with_out(call: Callable, name: str) -> Callable:
    """A binary operator as a function that checks its input and takes ``out=``."""

    number_first, tensors_only = name in _NUMBER_FIRST, name in _TENSORS_ONLY
    second = "values" if name == "heaviside" else "other"

    def function(input: Any, other: Any, *, out: Any = None) -> Any:
        if not isinstance(input, TensorBase):
            if not number_first or not isinstance(other, TensorBase):
                require_tensor(name, "input", input)
        elif tensors_only and not isinstance(other, TensorBase):
            require_tensor(name, second, other, 2)
        if out is not None:
            return write_out(call, out, input, other)
        result = call(input, other)
        if result is NotImplemented:
            require_tensor(name, "other", other, 2)
        return result

    return function


OPERATORS: dict[str, Callable[..., Any]] = {}

for _op, _doc, _aliases in _UNARY:
    _function = _named(unary(_op), _op.name, _doc, "input, *, out=None")
    public(name=_op.name, inplace=True, aliases=_aliases)(_function)
for _op, _doc in _PREDICATES:
    public(name=_op.name)(_named(unary(_op), _op.name, _doc, "input"))
for _op, _doc, _aliases in _BINARY:
    OPERATORS[_op.name] = binary(_op)
    _public_name = _RENAMED.get(_op.name, _op.name)
    _function = _with_out(OPERATORS[_op.name], _public_name)
    _function = _named(_function, _public_name, _doc, "input, other, *, out=None")
    public(name=_public_name, inplace=True, aliases=_aliases)(_function)

_sign, _sgn, _square = map(unary, (U.sign, U.sgn, U.square))


@public(inplace=True)
def sign(input, *, out=None):
    """-1, 0 or 1 by the sign of each element; bools as they are."""
    if require_tensor("sign", "input", input)._array.dtype.kind == "b":
        return FUNCTIONS["bitwise_or"](input, input, out=out)
    if input._array.dtype.kind == "c":
        raise NotImplementedError(
            "Unlike NumPy, torch.sign doesn't allow complex numbers. Use torch.sgn instead."
        )
    return _sign(input, out=out)


@public(inplace=True)
def sgn(input, *, out=None):
    """``sign(x)``; ``x / |x|`` for complex x, 0 where it is 0."""
    kind = require_tensor("sgn", "input", input)._array.dtype.kind
    return _sgn(input, out=out) if kind == "c" else sign(input, out=out)


@public(inplace=True)
def square(input, *, out=None):
    """``x * x``; bools give int64."""
    if require_tensor("square", "input", input)._array.dtype.kind == "b":
        return pow(input, 2, out=out)
    return _square(input, out=out)


_add, _sub, _mul, _div, _pow = map(binary, (P.add, P.sub, P.mul, P.div, P.pow))


def _scaled(other: Any, alpha: Any) -> Any:
    return (
        other
        if alpha == 1
        else _mul(other, alpha)
        if isinstance(other, TensorBase)
        else (other * alpha)
    )


def _check_alpha(input: Any, other: Any, alpha: Any) -> None:
    dtype = result_dtype([getattr(v, "_array", v) for v in (input, other)])
    if isinstance(alpha, bool) and category(dtype) != BOOL:
        raise RuntimeError("Boolean alpha only supported for Boolean results.")
    if isinstance(alpha, float) and category(dtype) < 2:
        raise RuntimeError(
            "For integral input tensors, argument alpha must not be a floating point number."
        )


def _forbid_bool(input: Any, other: Any) -> None:
    both = [getattr(v, "_array", v) for v in (input, other)]
    kinds = [
        getattr(getattr(v, "dtype", None), "kind", "b" if isinstance(v, bool) else "") for v in both
    ]
    if kinds == ["b", "b"]:
        raise RuntimeError(
            "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` "
            "or `logical_xor()` operator instead."
        )
    if "b" in kinds:
        raise RuntimeError(
            "Subtraction, the `-` operator, with a bool tensor is not supported. If you are "
            "trying to invert a mask, use the `~` or `logical_not()` operator instead."
        )


def _binary_call(name: str, call: Callable, input: Any, other: Any, out: Any) -> Any:
    if out is not None:
        return write_out(call, out, input, other)
    if not isinstance(input, TensorBase) and not isinstance(other, TensorBase):
        if name == "pow" or not isinstance(input, (int, float, complex)):
            require_tensor(name, "input", input)
        input = tensor(input)
    result = call(input, other)
    if result is NotImplemented:
        require_tensor(name, "other", other, 2)
    return result


@public(inplace=True)
def add(input, other, *, alpha=1, out=None):
    """``input + alpha * other``, with broadcasting and type promotion."""
    if alpha != 1 or isinstance(alpha, bool):
        _check_alpha(input, other, alpha)
        other = _scaled(other, alpha)
    return _binary_call("add", _add, input, other, out)


def _subtract(input, other):
    if (isinstance(input, TensorBase) and input._array.dtype.kind == "b") or (
        isinstance(other, TensorBase) and other._array.dtype.kind == "b"
    ):
        _forbid_bool(input, other)
    return _sub(input, other)


@public(inplace=True, aliases=("subtract",))
def sub(input, other, *, alpha=1, out=None):
    """``input - alpha * other``; RuntimeError for bool tensors."""
    if alpha != 1:
        _check_alpha(input, other, alpha)
        other = _scaled(other, alpha)
    return _binary_call("sub", _subtract, input, other, out)


@public(aliases=())
def rsub(input, other, *, alpha=1):
    """``other - alpha * input``."""
    return sub(other, require_tensor("rsub", "input", input), alpha=alpha)


@public(inplace=True, aliases=("multiply",))
def mul(input, other, *, out=None):
    """``input * other``, with broadcasting and type promotion."""
    return _binary_call("mul", _mul, input, other, out)


@public(inplace=True, aliases=("divide",))
def div(input, other, *, rounding_mode=None, out=None):
    """``input / other``: true division, or rounded as "trunc" or "floor" says."""
    if rounding_mode is None:
        return _binary_call("div", _div, input, other, out)
    if rounding_mode == "floor":
        return floor_divide(input, other, out=out)
    if rounding_mode != "trunc":
        raise RuntimeError(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    return _binary_call("div", _truncated_quotient, input, other, out)


@public(inplace=True)
def true_divide(input, other, *, out=None):
    """``input / other``, floating point also for integers."""
    return _binary_call("true_divide", _div, input, other, out)


_trunc_divide = binary(P.trunc_divide)
_trunc_divide_integers = binary(P.trunc_divide_integers)
_floor_divide_op = binary(P.floor_divide)


def _are_integral(*operands: Any) -> bool:
    return category(result_dtype([getattr(v, "_array", v) for v in operands])) < 2


def _truncated_quotient(input: Any, other: Any) -> Any:
    if not _are_integral(input, other):
        return _trunc_divide(input, other)
    _check_zero_division(input, other)
    return _trunc_divide_integers(input, other)


def _check_zero_division(input: Any, other: Any) -> None:
    """Integer division by zero is PyTorch's RuntimeError on the CPU."""
    x, y = (getattr(v, "_array", v) for v in (input, other))
    integral = all(getattr(getattr(v, "dtype", None), "kind", "i") in "iub" for v in (x, y))
    if (
        integral
        and not isinstance(y, float)
        and not isinstance(x, float)
        and (getattr(y, "device", "cpu") == "cpu" or not hasattr(y, "dtype"))
    ):
        if not (y != 0 if not hasattr(y, "all") else bool((y != 0).all())):
            raise RuntimeError("ZeroDivisionError")


@public(inplace=True)
def floor_divide(input, other, *, out=None):
    """``floor(input / other)``; RuntimeError for an integer division by zero."""
    _check_zero_division(input, other)
    return _binary_call("floor_divide", _floor_divide_op, input, other, out)


_pow_scalar = P.pow_scalar


def _power(input, exponent):
    if isinstance(exponent, (int, float, complex)) and isinstance(input, TensorBase):
        kind = input._array.dtype.kind
        if kind in "iu" and isinstance(exponent, int) and exponent < 0:
            raise RuntimeError("Integers to negative integer powers are not allowed.")
        if (
            (kind in "fV" and not isinstance(exponent, complex))
            or (kind in "iu" and isinstance(exponent, int))
            or kind == "c"
        ):
            return _pow_scalar(input, exponent=exponent)
    if isinstance(exponent, TensorBase) and exponent._array.dtype.kind == "i":
        if _are_integral(input, exponent):
            return P.pow_integers(input, exponent)
    return _pow(input, exponent)


@public(inplace=True)
def pow(input, exponent, *, out=None):
    """``input ** exponent``; either may be a number. Integers stay integers."""
    return _binary_call("pow", _power, input, exponent, out)


@public(inplace=True)
def round(input, *, decimals=0, out=None):
    """The nearest integer, halves to even; with ``decimals``, the nearest multiple of 10**-n."""
    if out is not None:
        return write_out(round, out, input, decimals=decimals)
    if decimals == 0:
        return U.round(require_tensor("round", "input", input))
    if input._array.dtype.kind != "f":
        raise RuntimeError("round_decimals is only implemented for floating point tensors")
    scale = 10.0 ** builtin_abs(decimals)
    if decimals > 0:
        return _div(U.round(_mul(input, scale)), scale)
    return _mul(U.round(_div(input, scale)), scale)


builtin_abs = __builtins__["abs"] if isinstance(__builtins__, dict) else __builtins__.abs


@public(aliases=())
def conj(input):
    """The complex conjugate; a real tensor itself."""
    return U.conj_physical(input) if input._array.dtype.kind == "c" else input


@public
def positive(input):
    """``+input``; RuntimeError for bool tensors."""
    if input._array.dtype.kind == "b":
        raise RuntimeError("The `+` operator, on a bool tensor is not supported.")
    return input


def _reflected(call: Callable) -> Callable:
    def operator(self, other):
        if not isinstance(other, (TensorBase, int, float, complex)):
            other = as_operand(other)
            if other is NotImplemented:
                return NotImplemented
        return call(other, self)

    return operator


def _floor_divide(input, other):
    if not isinstance(other, (TensorBase, int, float)) and as_operand(other) is NotImplemented:
        return NotImplemented
    return floor_divide(input, other)


OPERATORS = {
    "__add__": _add, "__radd__": _add, "__mul__": _mul, "__rmul__": _mul,
    "__sub__": _subtract, "__rsub__": _reflected(_subtract),
    "__truediv__": _div, "__rtruediv__": _reflected(_div),
    "__floordiv__": _floor_divide, "__rfloordiv__": _reflected(floor_divide),
    "__mod__": OPERATORS["remainder"], "__rmod__": _reflected(OPERATORS["remainder"]),
    "__pow__": _power, "__rpow__": _reflected(_power),
    "__neg__": FUNCTIONS["neg"], "__pos__": positive, "__abs__": FUNCTIONS["abs"],
    "__invert__": FUNCTIONS["bitwise_not"],
    "__eq__": OPERATORS["eq"], "__ne__": OPERATORS["ne"], "__lt__": OPERATORS["lt"],
    "__le__": OPERATORS["le"], "__gt__": OPERATORS["gt"], "__ge__": OPERATORS["ge"],
    "__and__": OPERATORS["bitwise_and"], "__rand__": OPERATORS["bitwise_and"],
    "__or__": OPERATORS["bitwise_or"], "__ror__": OPERATORS["bitwise_or"],
    "__xor__": OPERATORS["bitwise_xor"], "__rxor__": OPERATORS["bitwise_xor"],
    "__lshift__": OPERATORS["left_shift"], "__rshift__": OPERATORS["right_shift"],
    "__rlshift__": _reflected(OPERATORS["left_shift"]),
    "__rrshift__": _reflected(OPERATORS["right_shift"]),
}  # fmt: skip

# operator -> the public in-place function behind it
INPLACE_OPERATORS = {
    "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_",
    "__ifloordiv__": "floor_divide_", "__imod__": "remainder_", "__ipow__": "pow_",
    "__iand__": "bitwise_and_", "__ior__": "bitwise_or_", "__ixor__": "bitwise_xor_",
    "__ilshift__": "bitwise_left_shift_", "__irshift__": "bitwise_right_shift_",
}  # fmt: skip
