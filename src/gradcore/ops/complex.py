"""Complex numbers: their parts, their making and their angles.

Gradients follow PyTorch: of a real function L the gradient of z is dL/dRe z + i dL/dIm z.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import strided
from .op import op
from .operand import require_tensor
from .outputs import takes_out
from .pointwise import eq, where
from .promotion import name_of
from .registry import public
from .shape import to_dtype
from .unary import conj_physical as conj_op
from .unary import cos, sin


def real_of(x: Any) -> Any:
    """The real part, for arrays and Tensors of any dtype, with its gradient."""
    return strided.real(x) if is_complex(x) else x


def imag_of(x: Any) -> Any:
    """The imaginary part of a complex array or Tensor, with its gradient."""
    return strided.imag(x)


def is_complex(x: Any) -> bool:
    """Whether an array or Tensor is complex."""
    return getattr(x, "_array", x).dtype.kind == "c"


def complex_dtype(dtype: np.dtype) -> np.dtype:
    """The complex dtype whose parts have this floating point dtype."""
    if dtype.kind == "c":
        return dtype
    return np.dtype("complex128" if dtype.itemsize == 8 else "complex64")


def to_complex(x: Any) -> Any:
    """A real array or Tensor as complex numbers."""
    dtype = getattr(x, "_array", x).dtype
    return x if dtype.kind == "c" else to_dtype(x, dtype=complex_dtype(dtype))


@op(name="complex", grad_name="ComplexBackward0")
def complex_from_parts(xp, x, y):
    dtype = "complex128" if x.dtype.itemsize == 8 else "complex64"
    x, y = xp.broadcast_arrays(x, y)
    out = xp.empty(x.shape, dtype)
    # x + 1j * y would make nan of an infinite y
    out.real[...] = x
    out.imag[...] = y
    return out


complex_from_parts.vjp(x=lambda g: real_of(g), y=lambda g: imag_of(g))  # noqa: PLW0108


@op(pointwise=True, promotion="float", name="angle")
def angle_op(xp, x):
    return xp.arctan2(xp.zeros_like(x), x + 0.0)  # -0.0 has angle 0


@op(name="complex_angle", grad_name="AngleBackward0")
def complex_angle(xp, x):
    return xp.arctan2(x.imag, x.real)


angle_op.vjp(x=lambda g: g * 0)


def _complex_angle_grad(g, x):
    size = strided.real(x * x.conj())
    zero = size == 0
    return where(zero, 0.0, (x * 1j) * (g / where(zero, 1.0, size)))


complex_angle.vjp(x=_complex_angle_grad)


@public
@takes_out
def angle(input):
    """The angle of complex numbers in radians; 0 or pi for real ones.

    >>> torch.angle(torch.tensor([1 + 1j, -1 + 0j]))
    tensor([0.7854, 3.1416])
    """
    require_tensor("angle", "input", input)
    return complex_angle(input) if is_complex(input) else angle_op(input)


def _two_parts(x: Any, y: Any) -> None:
    dtypes = [v._array.dtype for v in (x, y)]
    if any(d.name not in ("float16", "float32", "float64") for d in dtypes):
        names = " and ".join(map(name_of, dtypes))
        raise RuntimeError(
            f"Expected both inputs to be Half, Float or Double tensors but got {names}"
        )
    if dtypes[0] != dtypes[1]:
        raise RuntimeError(
            f"Expected object of scalar type {name_of(dtypes[0])} but got scalar type "
            f"{name_of(dtypes[1])} for second argument"
        )


@public(name="complex", method=False)
@takes_out
def complex(real, imag):
    """Complex numbers from real and imaginary parts of one floating point dtype.

    >>> torch.complex(torch.tensor([1.0, 2.0]), torch.tensor([3.0, -4.0]))
    tensor([1.+3.j, 2.-4.j])
    """
    _two_parts(require_tensor("complex", "real", real), require_tensor("complex", "imag", imag, 2))
    return complex_from_parts(real, imag)


@public(method=False)
@takes_out
def polar(abs, angle):
    """Complex numbers from absolute values and angles of one floating point dtype.

    >>> torch.polar(torch.tensor([2.0]), torch.tensor([0.5]))
    tensor([1.7552+0.9589j])
    """
    _two_parts(require_tensor("polar", "abs", abs), require_tensor("polar", "angle", angle, 2))
    return complex_from_parts(abs * cos(angle), abs * sin(angle))


@public
def isreal(input):
    """Whether each element's imaginary part is 0.

    >>> torch.isreal(torch.tensor([1 + 0j, 1j]))
    tensor([ True, False])
    """
    require_tensor("isreal", "input", input)
    if is_complex(input):
        return eq(strided.imag(input), 0)
    return eq(input.detach(), input.detach()) | True


@public(inplace=True)
@takes_out
def conj_physical(input):
    """The complex conjugate in new memory; a real tensor itself.

    >>> torch.conj_physical(torch.tensor([1 + 2j]))
    tensor([1.-2.j])
    """
    require_tensor("conj_physical", "input", input)
    return conj_op(input) if is_complex(input) else input


@public
def resolve_conj(input):
    """The tensor itself: conjugates are never lazy here.

    >>> torch.resolve_conj(torch.tensor([1 + 2j]))
    tensor([1.+2.j])
    """
    return require_tensor("resolve_conj", "input", input)


@public
def resolve_neg(input):
    """The tensor itself: negatives are never lazy here.

    >>> torch.resolve_neg(torch.tensor([1.0]))
    tensor([1.])
    """
    return require_tensor("resolve_neg", "input", input)


@public
def is_conj(input):
    """Whether a conjugate is pending: never.

    >>> torch.is_conj(torch.tensor([1 + 2j]))
    False
    """
    require_tensor("is_conj", "input", input)
    return False


@public
def is_neg(input):
    """Whether a negation is pending: never.

    >>> torch.is_neg(torch.tensor([1.0]))
    False
    """
    require_tensor("is_neg", "input", input)
    return False
