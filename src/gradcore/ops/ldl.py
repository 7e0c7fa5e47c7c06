"""LDL decomposition of symmetric and Hermitian matrices, with LAPACK's pivoting and format.

L has a unit diagonal and D blocks of size 1 and 2. Matrices are factored one by one: the next
pivot depends on values.
"""

from __future__ import annotations

import math
from typing import Any

from . import results
from .factorizations import magnitude
from .matrix_checks import inexact, raise_for, same_dtype, square
from .op import op
from .outputs import takes_exact_out
from .triangular import check_system

# Bunch and Kaufman's bound on the growth of elements (1977).
_GROWTH = (1 + math.sqrt(17)) / 8


def _choose_pivot(xp: Any, a: Any, k: int) -> tuple[int, int] | None:
    """The row to swap in and the size of the block (1 or 2); None where the column is 0."""
    size = float(magnitude(xp, a[k, k]))
    below = magnitude(xp, a[k + 1 :, k])
    largest = float(below.max()) if below.size else 0.0
    if max(size, largest) == 0:
        return None
    if size >= _GROWTH * largest:
        return k, 1
    i = k + 1 + int(below.argmax())
    row_largest = float(magnitude(xp, a[i, k:i]).max())
    if i + 1 < a.shape[0]:
        row_largest = max(row_largest, float(magnitude(xp, a[i + 1 :, i]).max()))
    if size >= _GROWTH * largest * (largest / row_largest):
        return k, 1
    if float(magnitude(xp, a[i, i])) >= _GROWTH * row_largest:
        return i, 1
    return i, 2


def _swap(xp: Any, a: Any, k: int, i: int, step: int, conj: Any) -> None:
    """Exchange rows and columns of the lower triangle: ``k + step - 1`` with ``i``."""
    j = k + step - 1
    if i == j:
        return
    held = xp.array(a[i + 1 :, j])
    a[i + 1 :, j] = a[i + 1 :, i]
    a[i + 1 :, i] = held
    held = conj(xp.array(a[j + 1 : i, j]))
    a[j + 1 : i, j] = conj(a[i, j + 1 : i])
    a[i, j + 1 : i] = held
    a[i, j] = conj(a[i, j])
    held = xp.array(a[j, j])
    a[j, j] = a[i, i]
    a[i, i] = held
    if step == 2:
        held = xp.array(a[k + 1, k])
        a[k + 1, k] = a[i, k]
        a[i, k] = held


def _eliminate(xp: Any, a: Any, k: int, step: int, conj: Any) -> None:
    """Columns k … of L, and what is left of A below."""
    end = k + step
    columns = xp.array(a[end:, k:end])
    block = xp.array(a[k:end, k:end])
    if step == 2:
        block[0, 1] = conj(block[1, 0])
        factor = xp.linalg.solve(block.swapaxes(0, 1), columns.swapaxes(0, 1)).swapaxes(0, 1)
    else:
        factor = columns / block
    a[end:, end:] -= xp.tril(xp.matmul(factor, conj(columns).swapaxes(0, 1)))
    a[end:, k:end] = factor


def _factor(xp: Any, a: Any, hermitian: bool) -> tuple[list[int], int]:
    """Factor one matrix in place; its pivots (from 1, negative for blocks of 2) and info."""

    def conj(v: Any) -> Any:
        return v.conj() if hermitian else v

    k, n, info = 0, a.shape[0], 0
    pivots = [0] * n
    diagonal = xp.arange(n)
    while k < n:
        if hermitian:  # imaginary rounding errors there would grow with every column
            a[diagonal, diagonal] = a[diagonal, diagonal].real
        chosen = _choose_pivot(xp, a, k)
        if chosen is None:
            info = info or k + 1
            pivots[k] = k + 1
            k += 1
            continue
        i, step = chosen
        _swap(xp, a, k, i, step, conj)
        _eliminate(xp, a, k, step, conj)
        pivots[k] = i + 1
        if step == 2:
            pivots[k] = pivots[k + 1] = -(i + 1)
        k += step
    return pivots, info


@op(name="ldl_factor", outputs=3, differentiable=())
def ldl_factor_op(xp, x, *, hermitian):
    n, count = x.shape[-1], math.prod(x.shape[:-2])
    work = xp.tril(xp.array(x)).reshape((count, n, n))
    pivots, infos = [], []
    for i in range(count):
        found, info = _factor(xp, work[i], hermitian)
        pivots.append(found)
        infos.append(info)
    batch = x.shape[:-2]
    return (
        work.reshape(x.shape),
        xp.asarray(pivots, dtype="int32").reshape((*batch, n)),
        xp.asarray(infos, dtype="int32").reshape(batch),
    )


def _solve(xp: Any, a: Any, pivots: list[int], b: Any, hermitian: bool) -> Any:
    """X with P L D L^T P^T X = B, for one matrix."""
    x = xp.array(b)
    blocks, k = [], 0
    while k < len(pivots):
        step = 1 if pivots[k] > 0 else 2
        blocks.append((k, step))
        i, j = abs(pivots[k]) - 1, k + step - 1
        if i != j:
            x[[i, j]] = x[[j, i]]
        end = k + step
        x[end:] -= xp.matmul(a[end:, k:end], x[k:end])
        block = xp.array(a[k:end, k:end])
        if step == 2:
            block[0, 1] = block[1, 0].conj() if hermitian else block[1, 0]
            x[k:end] = xp.linalg.solve(block, x[k:end])
        else:
            x[k:end] = x[k:end] / block
        k = end
    for k, step in reversed(blocks):
        end = k + step
        lower = a[end:, k:end].swapaxes(0, 1)
        x[k:end] -= xp.matmul(lower.conj() if hermitian else lower, x[end:])
        i, j = abs(pivots[k]) - 1, end - 1
        if i != j:
            x[[i, j]] = x[[j, i]]
    return x


@op(name="ldl_solve", grad_name="LinalgLdlSolveBackward0")
def ldl_solve_op(xp, x, pivots, y, *, hermitian):
    shape, n = y.shape, x.shape[-1]
    count = math.prod(shape[:-2])
    factors = xp.broadcast_to(x, (*shape[:-2], n, n)).reshape((count, n, n))
    rows = xp.broadcast_to(pivots, (*shape[:-2], n)).reshape((count, n)).tolist()
    b = y.reshape((count, *shape[-2:]))
    solved = [_solve(xp, factors[i], rows[i], b[i], hermitian) for i in range(count)]
    return xp.stack(solved).reshape(shape) if solved else xp.array(y)


def _ldl_solve_grad(g, x, pivots, hermitian):
    if hermitian:
        return ldl_solve_op(x, pivots, g, hermitian=True)
    return ldl_solve_op(x, pivots, g.conj(), hermitian=False).conj()


ldl_solve_op.vjp(y=_ldl_solve_grad)


def _factored(function: str, A: Any, hermitian: bool) -> Any:
    inexact(function, square(function, A))
    return ldl_factor_op(A, hermitian=hermitian and A._array.dtype.kind == "c")


@takes_exact_out
def ldl_factor_ex(A, *, hermitian=False, check_errors=False):
    """``(LD, pivots, info)`` of symmetric (``hermitian``: Hermitian) matrices.

    LD holds D on its block diagonal and L below; only the lower triangle of A is read.

    >>> torch.linalg.ldl_factor_ex(torch.tensor([[4.0, 2.0], [2.0, 5.0]])).info
    tensor(0, dtype=torch.int32)
    """
    factors, pivots, info = _factored("torch.linalg.ldl_factor_ex", A, hermitian)
    if check_errors:
        raise_for("torch.linalg.ldl_factor_ex", info, _singular)
    return results.linalg_ldl_factor_ex((factors, pivots, info))


def _singular(info: int) -> str:
    return (
        f"The factorization failed because D[{info},{info}] is zero and using it on ldl_solve "
        "would result in a division by zero."
    )


@takes_exact_out
def ldl_factor(A, *, hermitian=False):
    """``(LD, pivots)``, as :func:`ldl_factor_ex`; LinAlgError where D is singular.

    >>> torch.linalg.ldl_factor(torch.tensor([[4.0, 2.0], [2.0, 5.0]])).LD
    tensor([[4.0000, 0.0000],
            [0.5000, 4.0000]])
    """
    factors, pivots, info = _factored("torch.linalg.ldl_factor", A, hermitian)
    raise_for("torch.linalg.ldl_factor", info, _singular)
    return results.linalg_ldl_factor((factors, pivots))


@takes_exact_out
def ldl_solve(LD, pivots, B, *, hermitian=False):
    """X with A X = B, from the LDL decomposition of A; differentiable in B alone.

    >>> LD, pivots = torch.linalg.ldl_factor(torch.tensor([[4.0, 2.0], [2.0, 5.0]]))
    >>> torch.linalg.ldl_solve(LD, pivots, torch.tensor([[6.0], [7.0]]))
    tensor([[1.],
            [1.]])
    """
    check_system("torch.linalg.ldl_solve", LD, B, True)
    same_dtype("torch.linalg.ldl_solve", LD, B, ("LD", "B"))
    if pivots._array.dtype.kind not in "iu":
        raise RuntimeError(
            f"torch.linalg.ldl_solve: Expected pivots to be integers. Got {pivots.dtype}"
        )
    from .shape import broadcast_shape, expand

    shape = (*broadcast_shape(tuple(LD.shape[:-2]), tuple(B.shape[:-2])), *B.shape[-2:])
    b = B if tuple(B.shape) == shape else expand(B, shape=shape)
    return ldl_solve_op(LD, pivots, b, hermitian=hermitian and LD._array.dtype.kind == "c")
