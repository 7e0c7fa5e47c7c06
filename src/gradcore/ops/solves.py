"""Linear systems, inverses and determinants."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from . import factorizations as F
from . import results
from .complex import imag_of, is_complex, to_complex
from .cumulative import exclusive_products
from .linalg import mT
from .matrix_checks import (
    adjoint,
    column,
    inexact,
    product,
    raise_for,
    row,
    same_dtype,
    square,
    unit_matrix,
)
from .op import op
from .operand import require_tensor
from .outputs import takes_exact_out
from .pointwise import where
from .registry import public
from .triangular import check_system
from .unary import log

# -------------------------------------------------------------------------- solve and inverse


@op(name="solve_ex", outputs=2, differentiable=(0,), grad_name="LinalgSolveExBackward0")
def solve_op(xp, x, y):
    shape = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    try:
        return xp.linalg.solve(x, y), xp.zeros(x.shape[:-2], dtype="int32")
    except np.linalg.LinAlgError:
        factors, pivots, info = F.lu(xp, x)
        result = F.solve_lu(xp, factors, pivots, y)
        return xp.array(xp.broadcast_to(result, (*shape, *y.shape[-2:]))), info


solve_op.vjp(
    x=lambda g0, x, out0: -product(solve_op(adjoint(x), g0)[0], adjoint(out0)),
    y=lambda g0, x: solve_op(adjoint(x), g0)[0],
)


@op(name="inv_ex", outputs=2, differentiable=(0,), grad_name="LinalgInvExBackward0")
def inv_op(xp, x):
    try:
        return xp.linalg.inv(x), xp.zeros(x.shape[:-2], dtype="int32")
    except np.linalg.LinAlgError:
        factors, pivots, info = F.lu(xp, x)
        eye = xp.broadcast_to(xp.eye(x.shape[-1], dtype=x.dtype), x.shape)
        return F.solve_lu(xp, factors, pivots, eye), info


inv_op.vjp(x=lambda g0, out0: -product(adjoint(out0), g0, adjoint(out0)))


def _solved(function: str, A: Any, B: Any, left: bool) -> tuple[Any, Any]:
    square(function, A)
    inexact(function, A)
    require_tensor(function, "B", B, 2)
    same_dtype(function, A, B)
    vector = B.ndim == 1 or (B.ndim == A.ndim - 1 and tuple(B.shape) == tuple(A.shape[:-1]))
    if vector and not left:
        raise RuntimeError(
            f"{function}: Vector broadcasting of the left hand side is not supported for "
            "left=False. In this case linalg.solve is equivalent to B / A.squeeze(-1)"
        )
    b = B.unsqueeze(-1) if vector else B
    check_system(function, A, b, left)
    if left:
        result, info = solve_op(A, b)
    else:
        result, info = solve_op(mT(A), mT(b))
        result = mT(result)
    return (result.squeeze(-1) if vector else result), info


def _singular_solve(info: int) -> str:
    return "The solver failed because the input matrix is singular."


@takes_exact_out
def solve(A, B, *, left=True):
    """X with A X = B (X A = B unless ``left``).

    A: (*, n, n); B: (*, n, k), or vectors (*, n); batches broadcast. LinAlgError where A is
    singular.

    >>> torch.linalg.solve(torch.tensor([[2.0, 0.0], [0.0, 4.0]]), torch.tensor([2.0, 8.0]))
    tensor([1., 2.])
    """
    result, info = _solved("linalg.solve", A, B, left)
    raise_for("torch.linalg.solve", info, _singular_solve)
    return result


@takes_exact_out
def solve_ex(A, B, *, left=True, check_errors=False):
    """``(result, info)`` as :func:`solve`, without the error check.

    >>> torch.linalg.solve_ex(torch.zeros(2, 2), torch.ones(2)).info
    tensor(1, dtype=torch.int32)
    """
    result, info = _solved("linalg.solve", A, B, left)
    if check_errors:
        raise_for("torch.linalg.solve_ex", info, _singular_solve)
    return results.linalg_solve_ex((result, info))


def _singular(info: int) -> str:
    return (
        f"The diagonal element {info} is zero, the inversion could not be completed because the "
        "input matrix is singular."
    )


@public(name="inverse")
@takes_exact_out
def inv(A):
    """The inverse of matrices (*, n, n). LinAlgError where one is singular.

    >>> torch.inverse(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor([[0.5000, 0.0000],
            [0.0000, 0.2500]])
    """
    result, info = inv_op(inexact("linalg.inv", square("linalg.inv", A)))
    raise_for("linalg.inv", info, _singular)
    return result


@takes_exact_out
def inv_ex(A, *, check_errors=False):
    """``(inverse, info)`` without an error check: info is 0, or names a zero pivot.

    >>> torch.linalg.inv_ex(torch.zeros(2, 2)).info
    tensor(1, dtype=torch.int32)
    """
    result, info = inv_op(inexact("linalg.inv_ex", square("linalg.inv_ex", A)))
    if check_errors:
        raise_for("linalg.inv_ex", info, _singular)
    return results.linalg_inv_ex((result, info))


# -------------------------------------------------------------------------------- determinants


@op(name="det", grad_name="LinalgDetBackward0")
def det_op(xp, x):
    return xp.linalg.det(x)


def _det_grad(g, x, out):
    """``g`` times the conjugate cofactors of x: det(A)^* A^-H where A can be inverted."""
    if bool((out != 0).all()):
        return product(inv_op(adjoint(x))[0], diagonal_like(g * out.conj(), x))
    from .decompositions import svd_op

    u, s, vh = svd_op(x, full_matrices=False)
    others = exclusive_products(s, s.ndim - 1)
    sign = (det_op(u) * det_op(vh)).conj() * g
    return product(u * row(others), vh) * column(sign.reshape((*sign.shape, 1)))


def diagonal_like(values: Any, x: Any) -> Any:
    """``values`` times the unit matrix, for each matrix of ``x``."""
    return unit_matrix(x) * column(values.reshape((*values.shape, 1)))


det_op.vjp(x=_det_grad)


@op(name="slogdet", outputs=2, grad_name="LinalgSlogdetBackward0")
def slogdet_op(xp, x):
    sign, size = xp.linalg.slogdet(x)
    return sign, size


def _slogdet_grad(g0, g1, x, out0):
    if is_complex(x):
        angle = imag_of(g0 * out0.conj())
        g1 = to_complex(g1) + angle * 1j
    return product(inv_op(adjoint(x))[0], diagonal_like(g1, x))


slogdet_op.vjp(x=_slogdet_grad)


@public
@takes_exact_out
def det(A):
    """The determinants of matrices (*, n, n).

    >>> torch.det(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(8.)
    """
    return det_op(inexact("linalg.det", square("linalg.det", A)))


@takes_exact_out
def linalg_slogdet(A):
    """``(sign, logabsdet)``: det(A) = sign * exp(logabsdet); (0, -inf) for a singular A.

    >>> torch.linalg.slogdet(torch.tensor([[-2.0, 0.0], [0.0, 4.0]])).sign
    tensor(-1.)
    """
    inexact("linalg.slogdet", square("linalg.slogdet", A))
    return results.linalg_slogdet(slogdet_op(A))


@public
@takes_exact_out
def slogdet(input):
    """``(sign, logabsdet)`` of the determinants.

    >>> torch.slogdet(torch.tensor([[-2.0, 0.0], [0.0, 4.0]])).logabsdet
    tensor(2.0794)
    """
    return results.slogdet(linalg_slogdet(input))


@public
def logdet(input):
    """The logarithms of determinants: nan for negative ones, -inf for 0.

    >>> torch.logdet(torch.tensor([[2.0, 0.0], [0.0, 4.0]]))
    tensor(2.0794)
    """
    sign, size = slogdet_op(inexact("logdet", square("logdet", input)))
    if is_complex(input):
        return log(sign) + size
    return where(sign == -1, float("nan"), size)


# ---------------------------------------------------------------------------------- tensors


def _prod(sizes: Any) -> int:
    total = 1
    for n in sizes:
        total *= n
    return total


@takes_exact_out
def tensorinv(A, ind=2):
    """The inverse of ``A`` as a map of its last dimensions to its first ``ind``.

    >>> torch.linalg.tensorinv(torch.eye(6).reshape(2, 3, 6)).shape
    torch.Size([6, 2, 3])
    """
    ind = operator.index(ind)
    if ind <= 0:
        raise RuntimeError(f"Expected a strictly positive integer for 'ind', but got {ind}")
    shape = tuple(A.shape)
    size, other = _prod(shape[:ind]), _prod(shape[ind:])
    if size != other:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
            f"prod(self.shape[:ind]), but got {other} != {size}"
        )
    result, info = inv_op(inexact("linalg.inv", A.reshape((size, size))))
    raise_for("linalg.inv", info, _singular)
    return result.reshape((*shape[ind:], *shape[:ind]))


@takes_exact_out
def tensorsolve(A, B, dims=None):
    """X with ``tensordot(A, X, X.ndim) == B``; ``dims`` of A are moved to its end first.

    >>> torch.linalg.tensorsolve(torch.eye(6).reshape(2, 3, 6), torch.ones(2, 3)).shape
    torch.Size([6])
    """
    from .views import movedim

    if dims is not None:
        A = movedim(A, tuple(dims), tuple(range(A.ndim - len(dims), A.ndim)))
    shape = tuple(A.shape[B.ndim :])
    size, rows_ = _prod(shape), _prod(A.shape[: B.ndim])
    if size != rows_:
        raise RuntimeError(
            "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
            f"prod(self.shape[:other.ndim]), but got {size} != {rows_}"
        )
    return solve(A.reshape((rows_, size)), B.reshape((-1,))).reshape(shape)
