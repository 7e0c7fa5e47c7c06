"""Triangular systems of equations."""

from __future__ import annotations

from typing import Any

from . import factorizations as F
from . import results
from .linalg import mT
from .matrix_checks import adjoint, broadcast_batches, matrices, product, square
from .moving import tril_op, triu_op
from .op import op
from .outputs import takes_exact_out
from .registry import public


@op(name="solve_triangular", grad_name="LinalgSolveTriangularBackward0")
def solve_triangular_op(xp, x, y, *, upper, unit):
    return F.solve_triangular(xp, x, y, upper, unit)


def _triangle(x: Any, upper: bool, unit: bool) -> Any:
    keep = triu_op if upper else tril_op
    return keep(x, diagonal=(1 if upper else -1) if unit else 0)


def _triangular_matrix_grad(g, x, out, upper, unit):
    solved = solve_triangular_op(adjoint(x), g, upper=not upper, unit=unit)
    return _triangle(-product(solved, adjoint(out)), upper, unit)


solve_triangular_op.vjp(
    x=_triangular_matrix_grad,
    y=lambda g, x, upper, unit: solve_triangular_op(adjoint(x), g, upper=not upper, unit=unit),
)


def solve_from_right(b: Any, a: Any, *, upper: bool, unit: bool = False) -> Any:
    """X with X A = B for a triangular A."""
    return mT(solve_triangular_op(mT(a), mT(b), upper=not upper, unit=unit))


def check_system(function: str, a: Any, b: Any, left: bool) -> None:
    """RuntimeError unless A is square and B has as many rows (columns unless ``left``)."""
    square(function, a)
    matrices(function, b, "B")
    if b.shape[-2 if left else -1] != a.shape[-2]:
        raise RuntimeError(
            f"{function}: Incompatible shapes of A and B for the equation "
            f"{'AX = B' if left else 'XA = B'} ({a.shape[-2]}x{a.shape[-1]} and "
            f"{b.shape[-2]}x{b.shape[-1]})"
        )


@takes_exact_out
def solve_triangular(A, B, *, upper, left=True, unitriangular=False):
    """X with A X = B (X A = B unless ``left``) for a triangular A; batches broadcast.

    Only the triangle that ``upper`` names is read, and with ``unitriangular`` not its diagonal.

    >>> A = torch.tensor([[1.0, 1.0], [0.0, 2.0]])
    >>> torch.linalg.solve_triangular(A, torch.tensor([[3.0], [2.0]]), upper=True)
    tensor([[2.],
            [1.]])
    """
    check_system("linalg.solve_triangular", A, B, left)
    a, b = broadcast_batches(A, B)
    if left:
        return solve_triangular_op(a, b, upper=upper, unit=unitriangular)
    return solve_from_right(b, a, upper=upper, unit=unitriangular)


@public
@takes_exact_out
def triangular_solve(b, A, upper=True, transpose=False, unitriangular=False):
    """``(solution, cloned_coefficient)`` of A X = b for a triangular A (its transpose).

    >>> A = torch.tensor([[1.0, 1.0], [0.0, 2.0]])
    >>> torch.triangular_solve(torch.tensor([[3.0], [2.0]]), A).solution
    tensor([[2.],
            [1.]])
    """
    if b.ndim < 2:
        raise RuntimeError(
            "torch.triangular_solve: Expected b to have at least 2 dimensions, but it has "
            f"{b.ndim} dimensions instead"
        )
    if A.ndim < 2:
        raise RuntimeError(
            "torch.triangular_solve: Expected A to have at least 2 dimensions, but it has "
            f"{A.ndim} dimensions instead"
        )
    if A.shape[-1] != A.shape[-2]:
        raise RuntimeError(
            f"A must be batches of square matrices, but they are {A.shape[-2]} by {A.shape[-1]} "
            "matrices"
        )
    if b.shape[-2] != A.shape[-2]:
        raise RuntimeError(
            f"Incompatible matrix sizes for triangular_solve: each A matrix is {A.shape[-1]} by "
            f"{A.shape[-1]} but each b matrix is {b.shape[-2]} by {b.shape[-1]}"
        )
    a, b = broadcast_batches(A, b)
    side, upward = (mT(a), not upper) if transpose else (a, upper)
    solution = solve_triangular_op(side, b, upper=upward, unit=unitriangular)
    return results.triangular_solve((solution, a.clone()))
