"""Singular values and principal components of matrices of low rank, by random projection.

Halko, Martinsson and Tropp, "Finding structure with randomness", 2009, algorithm 4.4.
"""

from __future__ import annotations

from typing import Any

from ..ops.decompositions import linalg_svd
from ..ops.matrix_checks import adjoint, product
from ..ops.operand import require_tensor
from ..ops.orthogonal import linalg_qr
from ..ops.registry import public
from .random import randn


class _Shifted:
    """A - M as something to multiply with, without making the difference."""

    def __init__(self, a: Any, m: Any) -> None:
        self.a, self.m = a, m

    def times(self, x: Any) -> Any:
        result = product(self.a, x)
        return result if self.m is None else result - product(self.m, x)

    def adjoint(self) -> _Shifted:
        return _Shifted(adjoint(self.a), None if self.m is None else adjoint(self.m))


def _approximate_range(matrix: _Shifted, q: int, niter: int) -> Any:
    """An orthonormal basis of about what the matrix maps to."""
    a = matrix.a
    x = matrix.times(randn(a.shape[-1], q, dtype=a.dtype, device=a.device))
    basis = linalg_qr(x)[0]
    for _ in range(niter):
        other = linalg_qr(matrix.adjoint().times(basis))[0]
        basis = linalg_qr(matrix.times(other))[0]
    return basis


@public(method=False)
def svd_lowrank(A, q=6, niter=2, M=None):
    """``(U, S, V)`` of about the q largest singular values of ``A - M``.

    A: (*, m, n); ``niter`` subspace iterations make small gaps between singular values harmless.

    >>> torch.svd_lowrank(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), q=2)[1]
    tensor([1.6180, 0.6180])
    """
    require_tensor("svd_lowrank", "A", A)
    q, niter = 6 if q is None else q, 2 if niter is None else niter
    if M is not None:
        M = M.broadcast_to(tuple(A.shape))
    wide = A.shape[-2] < A.shape[-1]
    matrix = _Shifted(A, M).adjoint() if wide else _Shifted(A, M)
    basis = _approximate_range(matrix, q, niter)
    u, s, vh = linalg_svd(adjoint(matrix.adjoint().times(basis)), full_matrices=False)
    u, v = product(basis, u), adjoint(vh)
    return (v, s, u) if wide else (u, s, v)


@public(method=False)
def pca_lowrank(A, q=None, center=True, niter=2):
    """``(U, S, V)`` of about the q largest principal components of the rows of A (*, m, n).

    >>> torch.pca_lowrank(torch.tensor([[1.0, 0.0], [-1.0, 0.0]]), q=1)[1]
    tensor([1.4142])
    """
    require_tensor("pca_lowrank", "A", A)
    smaller = min(A.shape[-2:])
    if q is None:
        q = min(6, smaller)
    elif not 0 <= q <= smaller:
        raise ValueError(
            f"q(={q}) must be non-negative integer and not greater than min(m, n)={smaller}"
        )
    if niter < 0:
        raise ValueError(f"niter(={niter}) must be non-negative integer")
    if center:
        A = A - A.mean(-2, keepdim=True)
    return svd_lowrank(A, q, niter)
