"""Norms of vectors and matrices, and condition numbers."""

from __future__ import annotations

import math
from typing import Any

from .decompositions import svdvals
from .matrix_checks import inexact, matrices, square
from .operand import normalize_dim, require_tensor
from .outputs import takes_exact_out
from .pointwise import where
from .reduce import checked_vector_norm
from .reduce_arguments import axes_of, cast
from .registry import public
from .solves import inv_op
from .unary import isnan
from .views import movedim

_MATRIX_ORDERS = (1, -1, 2, -2, math.inf, -math.inf)


def _check_norm_dtype(name: str, x: Any, dtype: Any) -> None:
    inexact(name, x, low=True)
    if dtype is None:
        return
    from ..backends.dtype import to_numpy_dtype
    from .promotion import can_cast, name_of

    wanted, given = to_numpy_dtype(dtype), x._array.dtype
    if wanted.kind not in "fcV":
        raise RuntimeError(
            f"{name}: dtype should be floating point or complex. Got {name_of(wanted)}"
        )
    if (wanted.kind == "c") != (given.kind == "c"):
        kind = "complex" if given.kind == "c" else "real"
        raise RuntimeError(
            f"{name}: dtype should be {kind} for {kind} inputs, but got {name_of(wanted)}"
        )
    if not can_cast(given, wanted) or wanted.itemsize < given.itemsize:
        raise RuntimeError(
            f"{name}: the dtype of the input ({name_of(given)}) should be convertible without "
            f"narrowing to the specified dtype ({name_of(wanted)})"
        )


@takes_exact_out
def vector_norm(x, ord=2, dim=None, keepdim=False, *, dtype=None):
    """The vector norm over ``dim`` (all of them if None): ``ord`` is a number or ±inf.

    >>> torch.linalg.vector_norm(torch.tensor([3.0, -4.0]), ord=float("inf"))
    tensor(4.)
    """
    require_tensor("linalg_vector_norm", "x", x)
    _check_norm_dtype("linalg.vector_norm", x, dtype)
    return checked_vector_norm(cast(x, dtype), float(ord), axes_of(dim, x.ndim), keepdim)


def _two_dims(dim: Any, ndim: int) -> tuple[int, int]:
    dims = tuple(dim)
    if len(dims) != 2:
        raise RuntimeError(
            f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dims))}"
        )
    first, second = (normalize_dim(d, ndim) for d in dims)
    if first == second:
        raise RuntimeError(
            f"linalg.matrix_norm: dims must be different. Got ({dims[0]}, {dims[1]})"
        )
    return first, second


def _spectral(x: Any, ord: Any, dims: tuple[int, int], keepdim: bool) -> Any:
    values = svdvals(movedim(x, dims, (-2, -1)))
    if ord == "nuc":
        result = values.sum(-1)
    else:
        result = values.amax(-1) if ord > 0 else values.amin(-1)
    if keepdim:
        for d in sorted(dims):
            result = result.unsqueeze(d)
    return result


@takes_exact_out
def matrix_norm(A, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """The norm of the matrices in two dimensions: "fro", "nuc", ±1, ±2 or ±inf.

    >>> torch.linalg.matrix_norm(torch.tensor([[1.0, -7.0], [2.0, 3.0]]), 1)
    tensor(10.)
    """
    matrices("linalg.matrix_norm", A)
    dims = _two_dims(dim, A.ndim)
    _check_norm_dtype("linalg.matrix_norm", A, dtype)
    A = cast(A, dtype)
    if ord == "fro":
        return checked_vector_norm(A, 2.0, dims, keepdim)
    if ord not in ("nuc", *_MATRIX_ORDERS):
        shown = ord if isinstance(ord, str) else f"{ord:g}"
        raise RuntimeError(f"linalg.matrix_norm: Order {shown} not supported.")
    if ord == "nuc" or abs(ord) == 2:
        return _spectral(A, ord, dims, keepdim)
    across, along = dims if abs(ord) == 1 else dims[::-1]
    sums = checked_vector_norm(A, 1.0, (across,), True)
    result = sums.amax(along, keepdim=True) if ord > 0 else sums.amin(along, keepdim=True)
    return result if keepdim else result.squeeze(dims)


@takes_exact_out
def linalg_norm(A, ord=None, dim=None, keepdim=False, *, dtype=None):
    """A vector norm (one dim, or no ``ord``) or a matrix norm (two dims).

    >>> torch.linalg.norm(torch.tensor([3.0, 4.0]))
    tensor(5.)
    """
    require_tensor("linalg_norm", "A", A)
    if dim is not None:
        dim = (dim,) if isinstance(dim, int) else tuple(dim)
        if len(dim) not in (1, 2):
            raise RuntimeError(
                f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}"
            )
    elif ord is not None and A.ndim not in (1, 2):
        raise RuntimeError(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
            f"{A.ndim}D."
        )
    if ord is not None and (len(dim) == 2 if dim is not None else A.ndim == 2):
        return matrix_norm(A, ord, dim or (-2, -1), keepdim, dtype=dtype)
    if isinstance(ord, str):
        raise RuntimeError(
            f"linalg.norm: If ord is a string, the input must be 2D or dim of length 2. Got {ord}"
        )
    return vector_norm(A, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


@public(method=False)
@takes_exact_out
def nuclear_norm(input, dim=None, keepdim=False):
    """The sum of the singular values of a matrix, or of those in two dims.

    >>> torch.nuclear_norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]))
    tensor(7.)
    """
    dims = (-2, -1) if dim is None else axes_of(dim, input.ndim)
    return matrix_norm(input, "nuc", dims, keepdim)


@public(method=False)
@takes_exact_out
def frobenius_norm(input, dim, keepdim=False):
    """The square root of the sum of squares over ``dim`` (an int or several; () for all).

    >>> torch.frobenius_norm(torch.tensor([[3.0, 0.0], [0.0, 4.0]]), (0, 1))
    tensor(5.)
    """
    return vector_norm(input, 2, dim or None, keepdim)


@takes_exact_out
def cond(A, p=None):
    """The condition number: the norm of a matrix times that of its inverse; inf for singular.

    ``p`` is None or 2 (ratio of singular values), -2, "fro", "nuc", ±1 or ±inf.

    >>> torch.linalg.cond(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
    tensor(2.6180)
    """
    matrices("linalg.cond", A)
    inexact("linalg.cond", A)
    if p is None or p in (2, -2):
        values = svdvals(A)
        if values.shape[-1] == 0:
            return values.sum(-1)
        largest, smallest = values.amax(-1), values.amin(-1)
        result = smallest / largest if p == -2 else largest / smallest
        return where(isnan(result) & ~isnan(largest), float("inf"), result)
    square(f"linalg.cond(ord={p})", A)
    if 0 in A.shape[-2:]:
        return matrix_norm(A, "fro")
    inverse, info = inv_op(A)
    size = matrix_norm(A, p) * matrix_norm(inverse, p)
    return where(info == 0, size, float("inf"))
