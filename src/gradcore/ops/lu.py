"""LU decomposition with partial pivoting, and systems solved with it."""

from __future__ import annotations

import warnings
from typing import Any

from . import factorizations as F
from . import results
from .joining import cat_op
from .linalg import mT
from .matrix_checks import (
    adjoint,
    broadcast_batches,
    columns,
    inexact,
    matrices,
    product,
    raise_for,
    rows,
    same_dtype,
    unit_matrix,
)
from .moving import tril_op, triu_op
from .op import op
from .operand import require_tensor
from .outputs import takes_exact_out
from .registry import public
from .triangular import check_system, solve_from_right, solve_triangular_op


@op(name="lu_factor", outputs=3, differentiable=(0,), grad_name="LinalgLuFactorExBackward0")
def lu_factor_op(xp, x):
    return F.lu(xp, x)


@op
def permutation_matrix(xp, x, *, rows, dtype):
    """The matrices P of A = P L U in ``dtype``, from pivots."""
    return F.permutation(xp, x, rows, dtype)


def _unit_lower(factors: Any, size: int) -> Any:
    """L of compact factors: unit diagonal, (…, m, size)."""
    lower = tril_op(columns(factors, None, size), diagonal=-1)
    return lower + unit_matrix(columns(factors, None, size))


def _lu_grad(g0, out0, out1, x_shape, x_dtype):
    """The gradient of A = P L U, with the factors split at k = min(m, n)."""
    m, n = x_shape[-2:]
    k = min(m, n)
    corner, g_corner = (columns(rows(v, None, k), None, k) for v in (out0, g0))
    lower = adjoint(corner)  # its upper triangle, with a unit diagonal, is L1^H
    through_l = product(adjoint(_unit_lower(corner, k)), tril_op(g_corner, diagonal=-1))
    through_u = product(triu_op(g_corner, diagonal=0), adjoint(triu_op(corner, diagonal=0)))
    right = bottom = None
    if n > k:
        g_right, u_right = (columns(v, k, None) for v in (g0, out0))
        through_l = through_l - product(g_right, adjoint(u_right))
        right = solve_triangular_op(lower, g_right, upper=True, unit=True)
    if m > k:
        g_bottom, l_bottom = (rows(v, k, None) for v in (g0, out0))
        through_u = through_u - product(adjoint(l_bottom), g_bottom)
        bottom = solve_from_right(g_bottom, adjoint(corner), upper=False)
    middle = tril_op(through_l, diagonal=-1) + triu_op(through_u, diagonal=0)
    top = solve_triangular_op(lower, middle, upper=True, unit=True)
    result = solve_from_right(top, adjoint(corner), upper=False)
    ndim = len(x_shape)
    if right is not None:
        result = cat_op(result, right, dim=ndim - 1)
    if bottom is not None:
        result = cat_op(result, bottom, dim=ndim - 2)
    return product(permutation_matrix(out1, rows=m, dtype=x_dtype), result)


lu_factor_op.vjp(x=_lu_grad)


def _check_pivot(pivot: bool) -> None:
    if not pivot:
        raise RuntimeError("linalg.lu_factor: LU without pivoting is not implemented on the CPU")


def _factored(function: str, A: Any, pivot: bool) -> Any:
    if require_tensor(function, "A", A).ndim < 2:
        raise RuntimeError(
            f"torch.lu_factor: Expected tensor with 2 or more dimensions. Got size: "
            f"{list(A.shape)} instead"
        )
    inexact("torch.lu_factor", A)
    _check_pivot(pivot)
    return lu_factor_op(A)


@takes_exact_out
def lu_factor_ex(A, *, pivot=True, check_errors=False):
    """``(LU, pivots, info)``: the compact LU factors of matrices, without an error check.

    >>> torch.linalg.lu_factor_ex(torch.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """
    factors, pivots, info = _factored("linalg_lu_factor_ex", A, pivot)
    if check_errors:
        raise_for("torch.linalg.lu_factor_ex", info, _zero_pivot)
    return results.linalg_lu_factor_ex((factors, pivots, info))


def _zero_pivot(info: int) -> str:
    return (
        f"U[{info},{info}] is zero and using it on lu_solve would result in a division by zero. "
        "If you still want to perform the factorization, consider calling linalg.lu(A, pivot) or "
        "linalg.lu_factor_ex(A, pivot)"
    )


@takes_exact_out
def lu_factor(A, *, pivot=True):
    """``(LU, pivots)``: L and U in one matrix and the swapped rows, int32, counted from 1.

    >>> torch.linalg.lu_factor(torch.tensor([[1.0, 2.0], [4.0, 4.0]])).pivots
    tensor([2, 2], dtype=torch.int32)
    """
    factors, pivots, info = _factored("linalg_lu_factor", A, pivot)
    raise_for("torch.linalg.lu_factor", info, _zero_pivot)
    return results.linalg_lu_factor((factors, pivots))


def _unpacked(factors: Any, pivots: Any) -> tuple[Any, Any, Any]:
    m, n = factors.shape[-2:]
    size = min(m, n)
    p = permutation_matrix(pivots, rows=m, dtype=factors._array.dtype)
    upper = triu_op(rows(factors, None, size), diagonal=0)
    return p, _unit_lower(factors, size), upper


@takes_exact_out
def lu(A, *, pivot=True):
    """``(P, L, U)`` with A = P L U, L lower triangular with unit diagonal, U upper triangular.

    >>> torch.linalg.lu(torch.tensor([[1.0, 2.0], [4.0, 4.0]])).U
    tensor([[4., 4.],
            [0., 1.]])
    """
    factors, pivots, _ = _factored("linalg_lu", A, pivot)
    return results.linalg_lu(_unpacked(factors, pivots))


@public(method=False)
@takes_exact_out
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True):
    """``(P, L, U)`` from what ``linalg.lu_factor`` gave; empty tensors for what is not asked.

    >>> LU, pivots = torch.linalg.lu_factor(torch.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> torch.lu_unpack(LU, pivots)[2]
    tensor([[4., 4.],
            [0., 1.]])
    """
    if LU_pivots._array.dtype.name != "int32":
        raise RuntimeError(
            "torch.lu_unpack: LU_pivots is expected to be a contiguous tensor of torch.int32 "
            "dtype.\nNote: this function is intended to be used with the output produced by "
            "torch.linalg.lu_factor"
        )
    p, lower, upper = _unpacked(matrices("torch.lu_unpack", LU_data), LU_pivots)
    empty = basic_empty(LU_data)
    return results.lu_unpack(
        (
            p if unpack_pivots else empty,
            lower if unpack_data else empty,
            upper if unpack_data else empty,
        )
    )


def basic_empty(like: Any) -> Any:
    """A tensor without elements, of the dtype and device of ``like``."""
    return columns(like.detach().reshape((1, like.numel())), 0, 0).reshape((0,))


@public(name="lu")
def lu_legacy(A, pivot=True, get_infos=False, out=None):
    """``(LU, pivots)`` or ``(LU, pivots, infos)`` (deprecated: ``linalg.lu_factor``).

    >>> torch.lu(torch.tensor([[1.0, 2.0], [4.0, 4.0]]))[0]
    tensor([[4.0000, 4.0000],
            [0.2500, 1.0000]])
    """
    warnings.warn(
        "torch.lu is deprecated in favor of torch.linalg.lu_factor / torch.linalg.lu_factor_ex "
        "and will be removed in a future PyTorch release.",
        UserWarning,
        stacklevel=2,
    )
    factors, pivots, info = _factored("lu", A, pivot)
    if get_infos:
        return results._lu_with_info((factors, pivots, info))
    raise_for("lu", info, _zero_pivot)
    return factors, pivots


def _check_pivots(function: str, pivots: Any) -> None:
    if pivots._array.dtype.name != "int32":
        raise RuntimeError(f"{function}: pivots should be a Tensor of scalar type torch.int32")


@takes_exact_out
def linalg_lu_solve(LU, pivots, B, *, left=True, adjoint=False):
    """X with A X = B (X A = B unless ``left``) from the LU of A; A^H for A with ``adjoint``.

    >>> LU, pivots = torch.linalg.lu_factor(torch.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> torch.linalg.lu_solve(LU, pivots, torch.tensor([[3.0], [8.0]]))
    tensor([[1.],
            [1.]])
    """
    _check_pivots("linalg.lu_solve", pivots)
    inexact("linalg.lu_solve", LU)
    same_dtype("linalg.lu_solve", LU, B, ("LU", "B"))
    check_system("linalg.lu_solve", LU, B, left)
    if not left:
        # X A = B is A^H X^H = B^H
        transposed = linalg_lu_solve(LU, pivots, _adjoint(B), adjoint=not adjoint)
        return _adjoint(transposed)
    n = LU.shape[-1]
    p = permutation_matrix(pivots, rows=n, dtype=LU._array.dtype)
    factors, b = broadcast_batches(LU, B)
    if adjoint:
        y = solve_triangular_op(_adjoint(factors), b, upper=False, unit=False)
        return product(p, solve_triangular_op(_adjoint(factors), y, upper=True, unit=True))
    y = solve_triangular_op(factors, product(mT(p), b), upper=False, unit=True)
    return solve_triangular_op(factors, y, upper=True, unit=False)


_adjoint = adjoint


@public
@takes_exact_out
def lu_solve(b, LU_data, LU_pivots):
    """X with A X = b from the LU of A.

    >>> LU, pivots = torch.linalg.lu_factor(torch.tensor([[1.0, 2.0], [4.0, 4.0]]))
    >>> torch.lu_solve(torch.tensor([[3.0], [8.0]]), LU, pivots)
    tensor([[1.],
            [1.]])
    """
    return linalg_lu_solve(LU_data, LU_pivots, b)
