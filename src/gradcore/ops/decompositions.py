"""Cholesky, QR, eigenvalue and singular value decompositions, and Householder products.

Derivatives after https://people.maths.ox.ac.uk/gilesm/files/NA-08-01.pdf (Giles, 2008); for complex
matrices https://arxiv.org/abs/1909.02659. As in PyTorch, a gradient that would change with the
free phases of the factors has no meaning.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from . import factorizations as F
from . import results
from .complex import complex_dtype, is_complex, real_of, to_complex
from .linalg import mT
from .matrix_checks import (
    LinAlgError,
    adjoint,
    column,
    columns,
    diagonal_matrix,
    diagonal_of,
    inexact,
    matrices,
    off_diagonal,
    product,
    quotient,
    raise_for,
    row,
    square,
    unit_matrix,
)
from .moving import tril_op
from .op import op
from .outputs import takes_exact_out
from .registry import public
from .shape import expand
from .solves import solve_op
from .triangular import solve_from_right, solve_triangular_op

# ------------------------------------------------------------------------------- Cholesky


@op(name="cholesky_ex", outputs=2, differentiable=(0,), grad_name="LinalgCholeskyExBackward0")
def cholesky_op(xp, x, *, upper):
    if not upper:
        return F.cholesky(xp, x)
    factor, info = F.cholesky(xp, adjoint(x))
    return adjoint(factor), info


def _cholesky_grad(g0, out0, upper):
    """L^-H Phi(L^H g) L^-1 made Hermitian; Phi halves the diagonal of the lower triangle."""
    if upper:
        g0, out0 = adjoint(g0), adjoint(out0)
    lower = tril_op(product(adjoint(out0), g0), diagonal=0)
    both = (lower + adjoint(tril_op(lower, diagonal=-1))) * 0.5
    inner = solve_from_right(both, out0, upper=False)
    return solve_triangular_op(adjoint(out0), inner, upper=True, unit=False)


cholesky_op.vjp(x=_cholesky_grad)


def _not_positive(info: int) -> str:
    return (
        "The factorization could not be completed because the input is not positive-definite "
        f"(the leading minor of order {info} is not positive-definite)."
    )


def _cholesky(function: str, A: Any, upper: bool) -> tuple[Any, Any]:
    inexact(function, square(function, A))
    return cholesky_op(A, upper=upper)


@takes_exact_out
def linalg_cholesky(A, *, upper=False):
    """L with A = L L^H (U with A = U^H U): lower triangular factors of (*, n, n).

    Only one triangle of A is read. LinAlgError where A is not positive definite.

    >>> torch.linalg.cholesky(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    factor, info = _cholesky("linalg.cholesky", A, upper)
    raise_for("linalg.cholesky", info, _not_positive)
    return factor


@takes_exact_out
def cholesky_ex(A, *, upper=False, check_errors=False):
    """``(L, info)``; info is 0, or the order of the first minor that is not positive definite.

    >>> torch.linalg.cholesky_ex(torch.tensor([[4.0, 2.0], [2.0, -5.0]])).info
    tensor(2, dtype=torch.int32)
    """
    factor, info = _cholesky("linalg.cholesky_ex", A, upper)
    if check_errors:
        raise_for("linalg.cholesky_ex", info, _not_positive)
    return results.linalg_cholesky_ex((factor, info))


@public
@takes_exact_out
def cholesky(input, upper=False):
    """The Cholesky factor of matrices: lower unless ``upper``.

    >>> torch.cholesky(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
    tensor([[2., 0.],
            [1., 2.]])
    """
    factor, info = _cholesky("cholesky", input, upper)
    raise_for("cholesky", info, _not_positive)
    return factor


@public
@takes_exact_out
def cholesky_solve(B, L, upper=False):
    """X with A X = B, from the Cholesky factor of A.

    >>> L = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    >>> torch.cholesky_solve(torch.tensor([[2.0], [8.0]]), L)
    tensor([[2.],
            [2.]])
    """
    for name, x in (("b", B), ("u", L)):
        if x.ndim < 2:
            raise RuntimeError(
                f"{name} should have at least 2 dimensions, but has {x.ndim} dimensions instead"
            )
    first = adjoint(L) if upper else L
    y = solve_triangular_op(first, B, upper=False, unit=False)
    return solve_triangular_op(adjoint(first), y, upper=True, unit=False)


@public
@takes_exact_out
def cholesky_inverse(L, upper=False):
    """The inverse of A, from its Cholesky factor.

    >>> torch.cholesky_inverse(torch.tensor([[1.0, 0.0], [1.0, 1.0]]))
    tensor([[ 2., -1.],
            [-1.,  1.]])
    """
    square("cholesky_inverse", L)
    return cholesky_solve(unit_matrix(L), L, upper)


# ------------------------------------------------------------------------------ eigenvalues


def _differences(values: Any) -> Any:
    """``values[j] - values[i]`` off the diagonal, 1 on it."""
    gaps = row(values) - column(values)
    return gaps + unit_matrix(gaps)


@op(name="eigh", outputs=2, grad_name="LinalgEighBackward0")
def eigh_op(xp, x, *, UPLO):
    values, vectors = xp.linalg.eigh(x, UPLO=UPLO)
    return values, vectors


def _eigh_grad(g0, g1, out0, out1):
    turned = quotient(product(adjoint(out1), g1), _differences(out0))
    middle = off_diagonal(turned) + diagonal_matrix(to_complex(g0) if is_complex(g1) else g0)
    return product(out1, middle, adjoint(out1))


eigh_op.vjp(x=_eigh_grad)


def _symmetric(function: str, A: Any, UPLO: str) -> Any:
    square(function, A)
    if UPLO.upper() not in ("L", "U"):
        raise RuntimeError(f"Expected UPLO argument to be 'L' or 'U', but got {UPLO}")
    if A._array.dtype.kind not in "fc":
        from .reduce_arguments import not_implemented

        raise not_implemented("linalg_eigh_cpu", A)
    try:
        return eigh_op(inexact(function, A), UPLO=UPLO.upper())
    except np.linalg.LinAlgError:
        raise LinAlgError(
            f"{function}: The algorithm failed to converge because the input matrix is "
            "ill-conditioned or has too many repeated eigenvalues (error code: 1)."
        ) from None


@takes_exact_out
def eigh(A, UPLO="L"):
    """``(eigenvalues, eigenvectors)`` of symmetric or Hermitian matrices, in ascending order.

    Only the triangle that ``UPLO`` names ("L" or "U") is read.

    >>> torch.linalg.eigh(torch.tensor([[1.0, 1.0], [1.0, 0.0]])).eigenvalues
    tensor([-0.6180,  1.6180])
    """
    return results.linalg_eigh(_symmetric("linalg.eigh", A, UPLO))


@takes_exact_out
def eigvalsh(A, UPLO="L"):
    """The eigenvalues of symmetric or Hermitian matrices, in ascending order.

    >>> torch.linalg.eigvalsh(torch.tensor([[1.0, 1.0], [1.0, 0.0]]))
    tensor([-0.6180,  1.6180])
    """
    return _symmetric("linalg.eigvalsh", A, UPLO)[0]


@op(name="eig", outputs=2, grad_name="LinalgEigBackward0")
def eig_op(xp, x):
    values, vectors = xp.linalg.eig(x)
    dtype = complex_dtype(x.dtype)
    return values.astype(dtype), vectors.astype(dtype)


def _eig_grad(g0, g1, out0, out1):
    overlap = product(adjoint(out1), g1)
    along = real_of(diagonal_of(overlap))
    tangent = overlap - product(adjoint(out1), out1 * row(to_complex(along)))
    turned = off_diagonal(quotient(tangent, _differences(out0).conj()))
    middle = turned + diagonal_matrix(g0)
    return solve_op(adjoint(out1), product(middle, adjoint(out1)))[0]


eig_op.vjp(x=_eig_grad)


def _general(function: str, A: Any) -> Any:
    square(function, A)
    if A._array.dtype.kind not in "fc":
        from .promotion import name_of

        raise RuntimeError(f"Unknown Complex ScalarType for {name_of(A._array.dtype)}")
    try:
        return eig_op(inexact(function, A))
    except np.linalg.LinAlgError:
        raise RuntimeError(
            f"torch.{function}: input tensor should not contain infs or NaNs."
        ) from None


@takes_exact_out
def eig(A):
    """``(eigenvalues, eigenvectors)`` of square matrices, complex, in no particular order.

    >>> torch.linalg.eig(torch.tensor([[0.0, 1.0], [-2.0, 0.0]])).eigenvalues.imag.abs()
    tensor([1.4142, 1.4142])
    """
    return results.linalg_eig(_general("linalg.eig", A))


@takes_exact_out
def eigvals(A):
    """The eigenvalues of square matrices, complex.

    >>> torch.linalg.eigvals(torch.tensor([[0.0, 1.0], [-2.0, 0.0]])).imag.abs()
    tensor([1.4142, 1.4142])
    """
    return _general("linalg.eig", A)[0]


# -------------------------------------------------------------------------- singular values


@op(name="svd", outputs=3, grad_name="LinalgSvdBackward0")
def svd_op(xp, x, *, full_matrices):
    u, s, vh = xp.linalg.svd(x, full_matrices=full_matrices)
    return u, s, vh


def _skew(x: Any) -> Any:
    return x - adjoint(x)


def _svd_grad(g0, g1, g2, out0, out1, out2, x_shape):
    m, n = x_shape[-2:]
    k = min(m, n)
    u, g_u = columns(out0, None, k), columns(g0, None, k)
    v, g_v = (columns(mT(x), None, k).conj() for x in (out2, g2))
    s = to_complex(out1) if is_complex(u) else out1
    g_s = to_complex(g1) if is_complex(u) else g1
    gaps = _differences(s * s)
    from_u, from_v = _skew(product(adjoint(u), g_u)), _skew(product(adjoint(v), g_v))
    middle = quotient(from_u, gaps) * row(s) + column(s) * quotient(from_v, gaps)
    middle = off_diagonal(middle) + diagonal_matrix(g_s)
    if is_complex(u):
        middle = middle + diagonal_matrix(quotient(diagonal_of(from_u), s * 2))
    result = product(u, middle, adjoint(v))
    if m > k:
        outside = quotient(g_u, row(s) + g_u * 0)
        result = result + product(outside - product(u, adjoint(u), outside), adjoint(v))
    if n > k:
        outside = quotient(g_v, row(s) + g_v * 0)
        result = result + product(u, adjoint(outside - product(v, adjoint(v), outside)))
    return result


svd_op.vjp(x=_svd_grad)


def _decomposed(function: str, A: Any, full_matrices: bool) -> Any:
    inexact(function, matrices(function, A))
    try:
        return svd_op(A, full_matrices=full_matrices)
    except np.linalg.LinAlgError:
        raise LinAlgError(
            f"{function}: The algorithm failed to converge because the input matrix contained "
            "non-finite values."
        ) from None


def _check_driver(driver: Any) -> None:
    if driver is not None:
        raise RuntimeError(
            "torch.linalg.svd: keyword argument `driver=` is only supported on CUDA inputs with "
            "cuSOLVER backend."
        )


@takes_exact_out
def linalg_svd(A, full_matrices=True, *, driver=None):
    """``(U, S, Vh)`` with A = U diag(S) Vh; S is real and descending.

    Shapes: (*, m, m), (*, k), (*, n, n), or (*, m, k), (*, k), (*, k, n) unless full_matrices.

    >>> torch.linalg.svd(torch.tensor([[1.0, 1.0], [0.0, 1.0]])).S
    tensor([1.6180, 0.6180])
    """
    _check_driver(driver)
    return results.linalg_svd(_decomposed("linalg.svd", A, full_matrices))


@takes_exact_out
def svdvals(A, *, driver=None):
    """The singular values of matrices, descending.

    >>> torch.linalg.svdvals(torch.tensor([[1.0, 1.0], [0.0, 1.0]]))
    tensor([1.6180, 0.6180])
    """
    _check_driver(driver)
    return _decomposed("linalg.svd", A, False)[1]


@public
@takes_exact_out
def svd(input, some=True, compute_uv=True):
    """``(U, S, V)`` with input = U diag(S) V^H; zeros for U and V unless ``compute_uv``.

    >>> torch.svd(torch.tensor([[1.0, 1.0], [0.0, 1.0]])).S
    tensor([1.6180, 0.6180])
    """
    u, s, vh = _decomposed("linalg.svd", input, not some)
    if compute_uv:
        return results.svd((u, s, adjoint(vh)))
    m, n = input.shape[-2:]
    zeros = [
        expand(columns(input.detach(), 0, 1) * 0, shape=(*input.shape[:-2], m, m)).clone(),
        expand(mT(input.detach())[..., :1] * 0, shape=(*input.shape[:-2], n, n)).clone(),
    ]
    return results.svd((zeros[0], s, zeros[1]))
