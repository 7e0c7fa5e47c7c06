"""Functions of matrices: powers, exponential, pseudo-inverse, rank, least squares."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np

from . import results
from .complex import is_complex
from .joining import cat_op
from .matrix_checks import (
    adjoint,
    columns,
    inexact,
    matrices,
    product,
    rows,
    square,
    unit_matrix,
)
from .moving import tril_op
from .op import op
from .operand import is_tensor, require_tensor
from .outputs import takes_exact_out, takes_out
from .pointwise import gt, maximum
from .promotion import name_of
from .reduce import sum_op
from .registry import public
from .shape import to_dtype
from .solves import inv

# ----------------------------------------------------------------------------------- powers


@public
@takes_exact_out
def matrix_power(A, n):
    """Square matrices to an integer power; a negative one of the inverse.

    >>> torch.matrix_power(torch.tensor([[1.0, 1.0], [0.0, 1.0]]), 3)
    tensor([[1., 3.],
            [0., 1.]])
    """
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(
            f"linalg_matrix_power(): argument 'n' (position 2) must be int, not {type(n).__name__}"
        )
    n = operator.index(n)
    square("linalg.matrix_power", A)
    if n == 0:
        return unit_matrix(A) + tril_op(A, diagonal=-A.shape[-1])  # zeros that A has a part in
    if n < 0:
        A, n = inv(A), -n
    result = None
    while n:
        if n & 1:
            result = A if result is None else product(result, A)
        n >>= 1
        if n:
            A = product(A, A)
    return result.clone() if result is A else result


# Numerator of the [13/13] Padé approximant of exp, and the 1-norm up to which it is accurate
# (Higham, "The scaling and squaring method for the matrix exponential revisited", 2005).
_PADE = (
    64764752532480000.0, 32382376266240000.0, 7771770303897600.0, 1187353796428800.0,
    129060195264000.0, 10559470521600.0, 670442572800.0, 33522128640.0, 1323241920.0, 40840800.0,
    960960.0, 16380.0, 182.0, 1.0,
)  # fmt: skip
_PADE_RADIUS = 5.371920351148152


def _pade(xp: Any, a: Any) -> Any:
    b = _PADE
    eye = xp.broadcast_to(xp.eye(a.shape[-1], dtype=a.dtype), a.shape)
    a2 = xp.matmul(a, a)
    a4 = xp.matmul(a2, a2)
    a6 = xp.matmul(a2, a4)
    odd = xp.matmul(a6, b[13] * a6 + b[11] * a4 + b[9] * a2)
    odd = xp.matmul(a, odd + b[7] * a6 + b[5] * a4 + b[3] * a2 + b[1] * eye)
    even = xp.matmul(a6, b[12] * a6 + b[10] * a4 + b[8] * a2)
    even = even + b[6] * a6 + b[4] * a4 + b[2] * a2 + b[0] * eye
    return xp.linalg.solve(even - odd, even + odd)


@op(name="matrix_exp", grad_name="LinalgMatrixExpBackward0")
def matrix_exp_op(xp, x):
    if x.size == 0:
        return xp.array(x)
    # The coefficients span 17 decimal digits, so float64 it is.
    wide = x.astype("complex128" if x.dtype.kind == "c" else "float64")
    norm = float(xp.abs(wide).sum(axis=-2).max())
    if not math.isfinite(norm):
        return xp.full(x.shape, math.nan, dtype=x.dtype)
    squarings = max(0, math.ceil(math.log2(norm / _PADE_RADIUS))) if norm else 0
    result = _pade(xp, wide / 2.0**squarings)
    for _ in range(squarings):
        result = xp.matmul(result, result)
    return result.astype(x.dtype)


def _matrix_exp_grad(g, x):
    """The upper right block of exp([[A^H, g], [0, A^H]])."""
    n, ndim = x.shape[-1], x.ndim
    turned = adjoint(x)
    top = cat_op(turned, g, dim=ndim - 1)
    bottom = cat_op(turned * 0, turned, dim=ndim - 1)
    whole = matrix_exp_op(cat_op(top, bottom, dim=ndim - 2))
    return columns(rows(whole, None, n), n, None)


matrix_exp_op.vjp(x=_matrix_exp_grad)


@public
def matrix_exp(A):
    """The matrix exponential of (*, n, n).

    >>> torch.matrix_exp(torch.tensor([[0.0, 1.0], [0.0, 0.0]]))
    tensor([[1., 1.],
            [0., 1.]])
    """
    inexact("linalg.matrix_exp", square("linalg.matrix_exp", A), low=True)
    return matrix_exp_op(A)


# ---------------------------------------------------------------------- rank, pseudo-inverse


def _singular_values(x: Any, hermitian: bool) -> Any:
    from .decompositions import eigvalsh, svdvals

    return abs(eigvalsh(x)) if hermitian else svdvals(x)


def _tolerance(xp: Any, x: Any, largest: Any, atol: Any, rtol: Any) -> Any:
    """max(atol, rtol * largest) with PyTorch's defaults, one per matrix."""
    if rtol is None:
        default = float(np.finfo(x.dtype).eps) * max(x.shape[-2:])
        rtol = xp.where(xp.asarray(atol) > 0, 0.0, default)
    return xp.maximum(xp.asarray(atol), xp.asarray(rtol) * largest)


@op(name="pinv", grad_name="LinalgPinvBackward0")
def pinv_op(xp, x, atol, rtol=None, *, hermitian):
    """The pseudo-inverse; singular values up to max(atol, rtol * largest) count as 0."""
    if x.size == 0:
        return xp.zeros((*x.shape[:-2], x.shape[-1], x.shape[-2]), dtype=x.dtype)
    if hermitian:
        values, u = xp.linalg.eigh(x)
        vh = u.swapaxes(-2, -1).conj()
    else:
        u, values, vh = xp.linalg.svd(x, full_matrices=False)
    size = xp.abs(values)
    limit = _tolerance(xp, x, size.max(axis=-1), atol, rtol)[..., None]
    kept = size > limit
    inverse = xp.where(kept, 1 / xp.where(kept, values, xp.ones_like(values)), 0)
    v = vh.swapaxes(-2, -1).conj()
    scaled = v * inverse.astype(values.dtype)[..., None, :]
    return xp.matmul(scaled, u.swapaxes(-2, -1).conj()).astype(x.dtype, copy=False)


def _pinv_grad(g, x, out):
    """Golub and Pereyra's formula (1973), which needs no factor of x, only a constant rank."""
    p, ph, gh = out, adjoint(out), adjoint(g)
    first = product(ph, g, ph)
    second = product(gh - product(x, p, gh), p, ph)
    third = product(ph, p, gh - product(gh, p, x))
    return second + third - first


pinv_op.vjp(x=_pinv_grad)


def _as_tolerance(value: Any, x: Any) -> Any:
    if value is None or is_tensor(value):
        return value
    from .reduce_arguments import scalar_tensor

    return scalar_tensor(float(value), np.dtype("float64"), x)


@takes_out
def pinv(A, *, atol=None, rtol=None, hermitian=False, rcond=None):
    """The Moore-Penrose inverse of matrices (*, m, n): (*, n, m).

    Singular values up to ``max(atol, rtol * largest)`` count as 0; ``rtol`` is by default
    ``max(m, n)`` times the dtype's epsilon, or 0 where ``atol`` is given.

    >>> torch.linalg.pinv(torch.tensor([[3.0], [4.0]]))
    tensor([[0.1200, 0.1600]])
    """
    require_tensor("linalg_pinv", "A", A)
    if A.ndim < 2 or A._array.dtype.kind not in "fc":
        raise RuntimeError(
            f"linalg.pinv({name_of(A._array.dtype)}{{{list(A.shape)}}}): expected a tensor with 2 "
            "or more dimensions of float, double, cfloat or cdouble types"
        )
    rtol = rcond if rtol is None else rtol
    atol = 0.0 if atol is None else atol
    return pinv_op(A, _as_tolerance(atol, A), _as_tolerance(rtol, A), hermitian=hermitian)


@public
def pinverse(input, rcond=1e-15):
    """``linalg.pinv(input, rcond)``.

    >>> torch.pinverse(torch.tensor([[3.0], [4.0]]))
    tensor([[0.1200, 0.1600]])
    """
    return pinv(input, rtol=rcond)


@takes_out
def matrix_rank(A, tol=None, hermitian=False, *, atol=None, rtol=None):
    """How many singular values of each matrix are above ``max(atol, rtol * largest)``; int64.

    >>> torch.linalg.matrix_rank(torch.tensor([[1.0, 2.0], [2.0, 4.0]]))
    tensor(1)
    """
    name = "torch.matrix_rank" if tol is not None else "torch.linalg.matrix_rank"
    matrices(name, A, "input")
    x = A.detach()
    if tol is not None:
        atol, rtol = tol, 0.0
    if 0 in x.shape[-2:]:
        return to_dtype(sum_op(x, axes=(x.ndim - 2, x.ndim - 1), keepdims=False),
                        dtype=np.dtype("int64"))  # fmt: skip
    sizes = _singular_values(x, hermitian)
    largest = sizes.amax(-1)
    if rtol is None:
        default = float(np.finfo(x._array.dtype).eps) * max(x.shape[-2:])
        rtol = default if atol is None else _default_where_zero(atol, default)
    limit = largest * rtol
    if atol is not None:
        limit = maximum(limit, atol if is_tensor(atol) else limit * 0 + atol)
    return sum_op(gt(sizes, limit.unsqueeze(-1)), axes=(sizes.ndim - 1,), keepdims=False)


def _default_where_zero(atol: Any, default: float) -> Any:
    if is_tensor(atol):
        return to_dtype(~gt(atol, 0), dtype=np.dtype("float64")) * default
    return 0.0 if atol > 0 else default


# ----------------------------------------------------------------------------- least squares

_DRIVERS = ("gels", "gelsy", "gelsd", "gelss")


def _check_least_squares(A: Any, B: Any, driver: Any) -> bool:
    """Whether B holds vectors; RuntimeError for what does not fit."""
    name = "torch.linalg.lstsq"
    require_tensor("linalg_lstsq", "input", A)
    require_tensor("linalg_lstsq", "b", B, 2)
    if A.ndim < 2:
        raise RuntimeError(f"{name}: input must have at least 2 dimensions.")
    if B.ndim < 1:
        raise RuntimeError(f"{name}: other must have at least 1 dimension.")
    if A._array.dtype != B._array.dtype:
        raise RuntimeError(f"{name}: input and other must have the same dtype")
    gap = A.ndim - B.ndim
    if not 0 <= gap <= 1:
        raise RuntimeError(
            f"{name}: input.dim() must be greater or equal to other.dim() and (input.dim() - "
            "other.dim()) <= 1"
        )
    vector = gap == 1 and tuple(A.shape[:-1]) == tuple(B.shape)
    if not vector and A.shape[-2] != B.shape[-2]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-2)")
    if vector and A.shape[-2] != B.shape[-1]:
        raise RuntimeError(f"{name}: input.size(-2) should match other.size(-1)")
    if driver is not None and driver not in _DRIVERS:
        raise RuntimeError(
            f"{name}: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    return vector


@takes_out
def lstsq(A, B, rcond=None, *, driver=None):
    """``(solution, residuals, rank, singular_values)`` of min ||A X - B||.

    A: (*, m, n); B: (*, m, k) or vectors (*, m). ``driver`` is "gelsy" unless given. Residuals
    where m > n and the rank is full, but for "gelsy"; the rank but for "gels"; singular values
    for "gelsd" and "gelss"; otherwise empty tensors.

    >>> torch.linalg.lstsq(torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0], [1.5]])).solution
    tensor([[1.2500]])
    """
    vector = _check_least_squares(A, B, driver)
    inexact("torch.linalg.lstsq", A)
    driver = driver or "gelsy"
    b = B.unsqueeze(-1) if vector else B
    m, n = A.shape[-2:]
    cutoff = float(np.finfo(A._array.dtype).eps) * max(m, n) if rcond is None else rcond
    solution = product(pinv(A, rtol=cutoff), b)
    nothing = abs(columns(solution.reshape((1, solution.numel())), 0, 0).reshape((0,)))
    empty_rank = to_dtype(nothing.detach(), dtype=np.dtype("int64"))
    rank = matrix_rank(A, rtol=cutoff) if driver != "gels" else empty_rank
    values = _singular_values(A.detach(), False) if driver in ("gelsd", "gelss") else None
    residuals = nothing
    full = driver == "gels" or bool((rank == n).all().item())
    if m > n and full and driver != "gelsy":
        error = product(A, solution) - b
        size = abs(error) if is_complex(error) else error
        residuals = sum_op(size * size, axes=(size.ndim - 2,), keepdims=False)
    return results.linalg_lstsq(
        (
            solution.squeeze(-1) if vector else solution,
            residuals,
            rank,
            nothing.detach() if values is None else values,
        )
    )


def vander(x, *, N=None):
    """The Vandermonde matrix: the powers 0 … N - 1 of each element, in a new last dimension.

    >>> torch.linalg.vander(torch.tensor([2, 3]), N=3)
    tensor([[1, 2, 4],
            [1, 3, 9]])
    """
    if x._array.dtype.kind == "b":
        raise RuntimeError(
            "linalg.vander supports floating point, complex, and integer tensors, but got Bool"
        )
    if (x.ndim == 0 and N is None) or (N is not None and N <= 1):
        raise RuntimeError("N must be greater than 1.")
    x = x if x.ndim else x.reshape((1,))
    return _powers(x, x.shape[-1] if N is None else N)


def _powers(x: Any, n: int) -> Any:
    from .cumulative import cumprod

    ones = unit_power(x)
    if n == 1:
        return ones.unsqueeze(-1)
    repeated = x.unsqueeze(-1).expand((*x.shape, n - 1))
    powers = cumprod(repeated, -1)
    if powers._array.dtype != ones._array.dtype:
        ones = to_dtype(ones, dtype=powers._array.dtype)
    return cat_op(ones.unsqueeze(-1), powers, dim=x.ndim)


def unit_power(x: Any) -> Any:
    """Ones in the shape and dtype of ``x``."""
    return x.detach() * 0 + 1


@public(name="vander", method=False)
def vander_of_vector(x, N=None, increasing=False):
    """The Vandermonde matrix of a vector: falling powers, rising ones if ``increasing``.

    >>> torch.vander(torch.tensor([2, 3]), N=3)
    tensor([[4, 2, 1],
            [9, 3, 1]])
    """
    from .moving import flip

    if x.ndim != 1:
        raise RuntimeError("x must be a one-dimensional tensor.")
    n = x.shape[0] if N is None else N
    if n < 0:
        raise RuntimeError("N must be non-negative.")
    if n == 0:
        return unit_power(x).reshape((x.shape[0], 1))[:, :0]
    powers = _powers(x, n)
    return powers if increasing else flip(powers, (-1,))
