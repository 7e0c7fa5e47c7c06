"""Elementwise functions beside Python's operators: addcmul, lerp, gcd, nan_to_num, isclose …"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import pointwise as P
from . import unary as U
from .op import op
from .operand import is_tensor, require_tensor
from .outputs import takes_exact_out, takes_out
from .promotion import C_NAMES, category, is_differentiable_dtype, name_of, result_dtype
from .registry import public
from .results import frexp as frexp_result
from .shape import to_dtype


def refuse(kernel: str, x: Any, kinds: str) -> None:
    """NotImplementedError where the dtype of ``x`` is of one of these kinds."""
    if x._array.dtype.kind in kinds:
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{name_of(x._array.dtype)}'")


# ------------------------------------------------------------------------------- products


@op(pointwise=True, name="addcmul", grad_name="AddcmulBackward0")
def addcmul_op(xp, x, y, z, value):
    return xp.add(x, xp.multiply(xp.multiply(y, z), value))


@op(pointwise=True, name="addcdiv", grad_name="AddcdivBackward0")
def addcdiv_op(xp, x, y, z, value):
    return xp.add(x, xp.multiply(xp.divide(y, z), value))


addcmul_op.vjp(
    x=lambda g: g,
    y=lambda g, z, value: g * P.conj(z * value),
    z=lambda g, y, value: g * P.conj(y * value),
)
addcdiv_op.vjp(
    x=lambda g: g,
    y=lambda g, z, value: g * P.conj(value / z),
    z=lambda g, y, z, value: -g * P.conj(y * value / (z * z)),
)


@public(inplace=True)
@takes_out
def addcmul(input, tensor1, tensor2, *, value=1):
    """``input + value * tensor1 * tensor2``, elementwise with broadcasting.

    ``value`` loses its fraction where all tensors are integers, as in PyTorch.
    """
    for i, (name, x) in enumerate((("input", input), ("tensor1", tensor1), ("tensor2", tensor2))):
        require_tensor("addcmul", name, x, i + 1)
    dtype = result_dtype([x._array for x in (input, tensor1, tensor2)])
    if dtype.kind == "b":
        raise NotImplementedError("\"addcmul_cpu_out\" not implemented for 'Bool'")
    if dtype.kind in "iu":
        value = int(value)
    return addcmul_op(input, tensor1, tensor2, value)


@public(inplace=True)
@takes_out
def addcdiv(input, tensor1, tensor2, *, value=1):
    """``input + value * tensor1 / tensor2``, elementwise; RuntimeError for integers."""
    for i, (name, x) in enumerate((("input", input), ("tensor1", tensor1), ("tensor2", tensor2))):
        require_tensor("addcdiv", name, x, i + 1)
    if category(tensor1._array.dtype) < 2 and category(tensor2._array.dtype) < 2:
        raise RuntimeError(
            "Integer division with addcdiv is no longer supported, and in a future  release "
            "addcdiv will perform a true division of tensor1 and tensor2. The historic addcdiv "
            "behavior can be implemented as (input + value * torch.trunc(tensor1 / "
            "tensor2)).to(input.dtype) for integer inputs and as (input + value * tensor1 / "
            "tensor2) for float inputs. The future addcdiv behavior is just the latter "
            "implementation: (input + value * tensor1 / tensor2), for all dtypes."
        )
    return addcdiv_op(input, tensor1, tensor2, value)


@op(pointwise=True, grad_name="LerpBackward0")
def lerp_scalar(xp, x, y, weight):
    """``x + weight * (y - x)`` for a number below 1/2: x is the nearer end."""
    return xp.add(x, xp.multiply(xp.subtract(y, x), weight))


lerp_scalar.vjp(
    x=lambda g, weight: g * P.conj(1 - weight),
    y=lambda g, weight: g * P.conj(weight),
)


@op(pointwise=True, name="lerp", grad_name="LerpBackward1")
def lerp_op(xp, x, y, weight):
    # From the nearer end, so that weights 0 and 1 give the ends exactly.
    step = xp.subtract(y, x)
    near = xp.add(x, xp.multiply(weight, step))
    return xp.where(xp.abs(weight) < 0.5, near, xp.subtract(y, step * (1 - weight)))


lerp_op.vjp(
    x=lambda g, weight: g * P.conj(1 - weight),
    y=lambda g, weight: g * P.conj(weight),
    weight=lambda g, x, y: g * P.conj(y - x),
)


@public(inplace=True)
@takes_exact_out
def lerp(input, end, weight):
    """``input + weight * (end - input)``; ``weight`` is a number or a tensor.

    All tensors have one floating point (or complex) dtype.
    """
    require_tensor("lerp", "input", input)
    require_tensor("lerp", "end", end, 2)
    for name, x in (("end", end), ("weight", weight)):
        if is_tensor(x) and x._array.dtype != input._array.dtype:
            names = [C_NAMES[v._array.dtype.name] for v in (input, x)]
            raise RuntimeError(f"expected dtype {names[0]} for `{name}` but got dtype {names[1]}")
    refuse(f"lerp_kernel_{'tensor' if is_tensor(weight) else 'scalar'}", input, "biu")
    if is_tensor(weight):
        return lerp_op(input, end, weight)
    if abs(weight) < 0.5:
        return lerp_scalar(input, end, weight)
    return lerp_scalar(end, input, 1 - weight)


@public(inplace=True)
@takes_out
def ldexp(input, other):
    """``input * 2 ** other``."""
    require_tensor("ldexp", "input", input)
    require_tensor("ldexp", "other", other, 2)
    return P.mul(input, P.pow(2.0, other))


@op(name="frexp", outputs=2, differentiable=(0,))
def frexp_op(xp, x):
    if x.dtype.itemsize == 2:
        mantissa, exponent = xp.frexp(x.astype("float32"))
        return mantissa.astype(x.dtype), exponent
    return xp.frexp(x)


frexp_op.vjp(x=lambda g0, out1, x_dtype: g0 / U.exp2(to_dtype(out1, dtype=x_dtype)))


@public
@takes_exact_out
def frexp(input):
    """``(mantissa, exponent)``: input = mantissa * 2 ** exponent with 0.5 <= |mantissa| < 1.

    The exponent is int32. RuntimeError unless the input is floating point.
    """
    if require_tensor("frexp", "input", input)._array.dtype.kind not in "fV":
        raise RuntimeError("torch.frexp() only supports floating-point dtypes")
    return frexp_result(frexp_op(input))


def _wide_dtype(*values: Any) -> np.dtype:
    dtype = result_dtype([getattr(v, "_array", v) for v in values])
    return np.dtype("complex128" if dtype.kind == "c" else "float64")


@public
@takes_out
def float_power(input, exponent):
    """``input ** exponent`` in float64 (complex128 where one of them is complex)."""
    if not is_tensor(input) and not is_tensor(exponent):
        require_tensor("float_power", "input", input)
    dtype = _wide_dtype(input, exponent)
    power = P.pow
    if not is_tensor(exponent):
        power = _power_of_number
    base, exponent = (
        to_dtype(v, dtype=dtype) if is_tensor(v) and v._array.dtype != dtype else v
        for v in (input, exponent)
    )
    return power(base, exponent)


def _power_of_number(base: Any, exponent: Any) -> Any:
    return P.pow_scalar(base, exponent=exponent)


@public(name="float_power_", function_too=False)
def float_power_(self, exponent):
    """In-place ``float_power``; only for tensors that have its dtype already."""
    from ..autograd.inplace import inplace

    wanted, found = _wide_dtype(self, exponent), self._array.dtype
    if wanted != found:
        raise RuntimeError(
            f"the base given to float_power_ has dtype {name_of(found)} but the operation's "
            f"result requires dtype {name_of(wanted)}"
        )
    return inplace(float_power, "float_power_")(self, exponent)


# ------------------------------------------------------------------------ integers, floats


@op(pointwise=True, name="gcd")
def gcd_op(xp, x, y):
    return xp.gcd(x, y)


@op(pointwise=True, name="lcm")
def lcm_op(xp, x, y):
    return xp.lcm(x, y)


@op(pointwise=True, name="nextafter")
def nextafter_op(xp, x, y):
    return xp.nextafter(x, y)


nextafter_op.vjp(x=lambda g, x, y: P.where(x == y, 0.0, g), y=lambda g: g * 0)


def _two_tensors(name: str, input: Any, other: Any) -> None:
    require_tensor(name, "input", input)
    require_tensor(name, "other", other, 2)


@public(inplace=True)
@takes_out
def gcd(input, other):
    """The greatest common divisor of integers, never negative."""
    _two_tensors("gcd", input, other)
    refuse("gcd_cpu", input, "bfcV")
    refuse("gcd_cpu", other, "bfcV")
    return gcd_op(input, other)


@public(inplace=True)
@takes_out
def lcm(input, other):
    """The least common multiple of integers, never negative."""
    _two_tensors("lcm", input, other)
    refuse("lcm_cpu", input, "bfcV")
    refuse("lcm_cpu", other, "bfcV")
    return lcm_op(input, other)


@public(inplace=True)
@takes_out
def nextafter(input, other):
    """The next floating point number after ``input`` in the direction of ``other``."""
    _two_tensors("nextafter", input, other)
    refuse("nextafter_cpu", input, "biuc")
    return nextafter_op(input, other)


@op(pointwise=True, promotion="float", name="deg2rad", grad_name="MulBackward0")
def deg2rad_op(xp, x):
    return xp.multiply(x, math.pi / 180)


@op(pointwise=True, promotion="float", name="rad2deg", grad_name="MulBackward0")
def rad2deg_op(xp, x):
    return xp.multiply(x, 180 / math.pi)


deg2rad_op.vjp(x=lambda g: g * (math.pi / 180))
rad2deg_op.vjp(x=lambda g: g * (180 / math.pi))


@public(inplace=True)
@takes_out
def deg2rad(input):
    """Degrees as radians."""
    if require_tensor("deg2rad", "input", input)._array.dtype.kind == "c":
        raise RuntimeError("deg2rad is not supported for complex tensors.")
    return deg2rad_op(input)


@public(inplace=True)
@takes_out
def rad2deg(input):
    """Radians as degrees."""
    if require_tensor("rad2deg", "input", input)._array.dtype.kind == "c":
        raise RuntimeError("rad2deg is not supported for complex tensors.")
    return rad2deg_op(input)


@op(pointwise=True, name="nan_to_num")
def nan_to_num_op(xp, x, *, nan, posinf, neginf, saturates=False):
    """``saturates``: posinf and neginf are the extremes of the dtype of ``x``."""
    if saturates:
        return xp.where(x != x, nan, xp.minimum(xp.maximum(x, neginf), posinf))
    x = xp.where(x != x, nan, x)
    return xp.where(x == math.inf, posinf, xp.where(x == -math.inf, neginf, x))


nan_to_num_op.vjp(x=lambda g, x: P.where(U.isfinite(x), g, 0.0))


@public(inplace=True)
@takes_exact_out
def nan_to_num(input, nan=None, posinf=None, neginf=None):
    """``input`` with nan and ±inf replaced: by 0 and the dtype's extremes unless given."""
    dtype = require_tensor("nan_to_num", "input", input)._array.dtype
    if not is_differentiable_dtype(dtype):
        return input.clone()
    if dtype.kind == "c":
        from .complex import complex_from_parts
        from .strided import imag, real

        options = {"nan": nan, "posinf": posinf, "neginf": neginf}
        return complex_from_parts(
            nan_to_num(real(input), **options), nan_to_num(imag(input), **options)
        )
    from ..backends.dtype import finfo, from_numpy_dtype

    limits = finfo(from_numpy_dtype(dtype))
    return nan_to_num_op(
        input,
        nan=0.0 if nan is None else float(nan),
        posinf=limits.max if posinf is None else float(posinf),
        neginf=limits.min if neginf is None else float(neginf),
        saturates=posinf is None and neginf is None,
    )


# ---------------------------------------------------------------------------- comparisons


@public
@takes_exact_out
def isposinf(input):
    """Whether each element is +inf."""
    if require_tensor("isposinf", "input", input)._array.dtype.kind == "c":
        raise RuntimeError("isposinf does not support complex inputs.")
    return P.eq(input, math.inf)


@public
@takes_exact_out
def isneginf(input):
    """Whether each element is -inf."""
    if require_tensor("isneginf", "input", input)._array.dtype.kind == "c":
        raise RuntimeError("isneginf does not support complex inputs.")
    return P.eq(input, -math.inf)


@public
def isclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether ``|input - other| <= atol + rtol * |other|``, elementwise; equal infinities are.

    RuntimeError for different dtypes or negative tolerances.
    """
    _two_tensors("isclose", input, other)
    if input._array.dtype != other._array.dtype:
        names = [name_of(x._array.dtype) for x in (input, other)]
        raise RuntimeError(f"{names[0]} did not match {names[1]}")
    for name, tolerance in (("rtol", rtol), ("atol", atol)):
        if tolerance < 0:
            raise RuntimeError(
                f"{name} must be greater than or equal to zero, but got {tolerance:g}"
            )
    input, other = input.detach(), other.detach()
    close = P.eq(input, other)
    if equal_nan and is_differentiable_dtype(input._array.dtype):
        close = P.logical_or(close, P.logical_and(U.isnan(input), U.isnan(other)))
    if rtol == 0 and atol == 0:
        return close
    if not is_differentiable_dtype(input._array.dtype):
        input, other = (to_dtype(x, dtype=np.dtype("float64")) for x in (input, other))
    error = U.abs(P.sub(input, other))
    allowed = P.add(P.mul(U.abs(other), rtol), atol)
    within = P.logical_and(P.le(error, allowed), U.isfinite(error))
    return P.logical_or(close, within)


@public
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether :func:`isclose` holds for all elements, as a Python bool."""
    _two_tensors("allclose", input, other)
    return bool(isclose(input, other, rtol, atol, equal_nan).all().item())


_FIRST_LOOK = 1000  # elements


@op(name="equal", promotion="compare", differentiable=())
def equal_op(xp, x, y):
    """Whether all elements of two arrays of one shape are equal."""
    # Tensors that differ mostly do so at once: a first look at few elements saves the rest.
    if x.size > 2 * _FIRST_LOOK:
        few = max(1, _FIRST_LOOK * len(x) // x.size)
        first = (x[:few] == y[:few]).all()
        if not first:
            return first
    return (x == y).all()


@public
def equal(input, other):
    """Whether both have the same shape and elements, as a Python bool."""
    _two_tensors("equal", input, other)
    if input._array.shape != other._array.shape:
        return False
    return bool(equal_op(input, other).item())


@public
@takes_out
def dist(input, other, p=2):
    """The ``p``-norm of ``input - other``."""
    from .reduce import norm

    _two_tensors("dist", input, other)
    return norm(P.sub(input, other), p)
