"""QR decomposition and products of Householder reflections."""

from __future__ import annotations

from typing import Any

from . import results
from .complex import is_complex, real_of, to_complex
from .joining import cat_op
from .matrix_checks import (
    adjoint,
    column,
    columns,
    diagonal_matrix,
    diagonal_of,
    inexact,
    matrices,
    product,
    unit_matrix,
)
from .moving import tril_op, triu_op
from .op import op
from .outputs import takes_exact_out
from .registry import public
from .triangular import solve_from_right, solve_triangular_op


@op(name="qr", outputs=2, grad_name="LinalgQrBackward0")
def qr_op(xp, x, *, mode):
    if mode == "r":
        r = xp.linalg.qr(x, mode="r")
        return xp.zeros((0,), dtype=x.dtype), r
    q, r = xp.linalg.qr(x, mode=mode)
    return q, r


def _qr_grad(g0, g1, out0, out1, x_shape, mode):
    m, n = x_shape[-2:]
    if mode == "r":
        raise RuntimeError(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. "
            "Please use linalg.qr(A, mode='reduced') if you are going to differentiate through "
            "linalg.qr."
        )
    if mode == "complete" and m > n:
        raise RuntimeError(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols. "
        )
    if m >= n:
        return _tall_qr_grad(g0, g1, out0, out1)
    right = columns(g1, m, None)
    g0 = g0 + product(out0, columns(out1, m, None), adjoint(right))
    left = _tall_qr_grad(g0, columns(g1, None, m), out0, columns(out1, None, m))
    return cat_op(left, product(out0, right), dim=len(x_shape) - 1)


def _tall_qr_grad(g_q, g_r, q, r):
    """(g_q + Q sym(triu(g_r R^H - Q^H g_q))) R^-H; sym(X) is X + X^H with its diagonal halved."""
    upper = triu_op(product(g_r, adjoint(r)) - product(adjoint(q), g_q), diagonal=0)
    above = triu_op(upper, diagonal=1)
    middle = diagonal_of(upper)
    if is_complex(middle):
        middle = to_complex(real_of(middle))
    both = above + adjoint(above) + diagonal_matrix(middle)
    return solve_from_right(g_q + product(q, both), adjoint(r), upper=False)


qr_op.vjp(x=_qr_grad)


@takes_exact_out
def linalg_qr(A, mode="reduced"):
    """``(Q, R)`` with A = Q R: Q with orthonormal columns, R upper triangular.

    mode: "reduced" ((*, m, k), (*, k, n)), "complete" ((*, m, m), (*, m, n)) or "r" (no Q).

    >>> torch.linalg.qr(torch.tensor([[1.0, 1.0], [1.0, 0.0]])).R.abs()
    tensor([[1.4142, 0.7071],
            [0.0000, 0.7071]])
    """
    inexact("linalg.qr", matrices("linalg.qr", A))
    if mode not in ("reduced", "complete", "r"):
        raise RuntimeError(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    return results.linalg_qr(qr_op(A, mode=mode))


@public
@takes_exact_out
def qr(input, some=True):
    """``(Q, R)``: reduced if ``some``, else complete.

    >>> torch.qr(torch.tensor([[1.0, 1.0], [1.0, 0.0]])).R.abs()
    tensor([[1.4142, 0.7071],
            [0.0000, 0.7071]])
    """
    return results.qr(linalg_qr(input, "reduced" if some else "complete"))


@op(name="geqrf", outputs=2, differentiable=())
def geqrf_op(xp, x):
    packed, tau = xp.linalg.qr(x, mode="raw")
    return packed.swapaxes(-2, -1).copy(), tau


@public
@takes_exact_out
def geqrf(input):
    """``(a, tau)``: R and the Householder vectors of the QR decomposition, as LAPACK has them.

    >>> torch.geqrf(torch.tensor([[3.0], [4.0]])).a
    tensor([[-5.0000],
            [ 0.5000]])
    """
    if input.ndim < 2:
        raise RuntimeError("torch.geqrf: input must have at least 2 dimensions.")
    return results.geqrf(geqrf_op(input))


# ---------------------------------------------------------------------- Householder products


def _reflections(A: Any, tau: Any) -> tuple[Any, Any]:
    """V and T with H1 H2 … Hk = I - V T V^H (the compact WY form)."""
    k = tau.shape[-1]
    v = tril_op(columns(A, None, k), diagonal=-1)
    v = v + unit_matrix(v)
    overlaps = triu_op(product(adjoint(v), v), diagonal=1)
    scaled = overlaps * column(tau)
    t = solve_triangular_op(scaled, diagonal_matrix(tau), upper=True, unit=True)
    return v, t


def _check_reflectors(name: str, A: Any, tau: Any) -> None:
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if A.shape[-2] < A.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-2] must be greater than or equal to input.shape[-1]"
        )
    if A.shape[-1] < tau.shape[-1]:
        raise RuntimeError(
            f"{name}: input.shape[-1] must be greater than or equal to tau.shape[-1]"
        )
    if A.ndim - tau.ndim != 1:
        raise RuntimeError(
            f"{name}: Expected tau to have one dimension less than input, but got tau.ndim equal "
            f"to {tau.ndim} and input.ndim is equal to {A.ndim}"
        )
    if tuple(A.shape[:-2]) != tuple(tau.shape[:-1]):
        raise RuntimeError(
            f"{name}: Expected batch dimensions of tau to be equal to input.shape[:-2], but got "
            f"{list(tau.shape[:-1])}"
        )
    if A._array.dtype != tau._array.dtype:
        raise RuntimeError(f"{name}: tau dtype {tau.dtype} does not match input dtype {A.dtype}")


@public(name="orgqr")
@takes_exact_out
def householder_product(A, tau):
    """The first columns of H1 H2 … Hk, with H = I - tau v v^H and v below the diagonal of A.

    >>> a, tau = torch.geqrf(torch.tensor([[3.0], [4.0]]))
    >>> torch.orgqr(a, tau)
    tensor([[-0.6000],
            [-0.8000]])
    """
    _check_reflectors("torch.linalg.householder_product", A, tau)
    v, t = _reflections(A, tau)
    unit = unit_matrix(A)
    return unit - product(v, t, adjoint(v), unit)


@public
@takes_exact_out
def ormqr(input, tau, other, left=True, transpose=False):
    """``other`` multiplied from the left (or right) by Q = H1 H2 … Hk, or by Q^H.

    >>> a, tau = torch.geqrf(torch.tensor([[3.0], [4.0]]))
    >>> torch.ormqr(a, tau, torch.tensor([[5.0], [0.0]]))
    tensor([[-3.],
            [-4.]])
    """
    if input.ndim < 2 or other.ndim < 2:
        name = "input" if input.ndim < 2 else "other"
        raise RuntimeError(f"torch.ormqr: {name} must have at least 2 dimensions.")
    side = -2 if left else -1
    if other.shape[side] < tau.shape[-1]:
        raise RuntimeError(
            f"torch.ormqr: other.shape[{side}] must be greater than or equal to tau.shape[-1]"
        )
    if tau.shape[-1] != min(other.shape[side], input.shape[-1]):
        raise RuntimeError(
            f"torch.ormqr: tau.shape[-1] must be equal to min(other.shape[{side}], input.shape[-1])"
        )
    if input.shape[-2] != other.shape[side]:
        raise RuntimeError(f"torch.ormqr: input.shape[-2] must be equal to other.shape[{side}]")
    v, t = _reflections(input, tau)
    if transpose:
        t = adjoint(t)
    if left:
        return other - product(v, t, adjoint(v), other)
    return other - product(other, v, t, adjoint(v))
