"""LU, Cholesky and triangular systems for NumPy-like libraries, batched.

NumPy has no LU and no triangular solver, and its Cholesky says nothing about where it failed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np


def magnitude(xp: Any, x: Any) -> Any:
    """What LAPACK compares pivots by: |re| + |im| for complex numbers."""
    return xp.abs(x.real) + xp.abs(x.imag) if x.dtype.kind == "c" else xp.abs(x)


def lu(xp: Any, x: Any) -> tuple[Any, Any, Any]:
    """LU with partial pivoting, as LAPACK's getrf.

    Returns L and U in one array, the pivot rows (from 1, int32), and info: 0, or the number of
    the first column (from 1) whose pivot is 0.
    """
    batch, (m, n) = x.shape[:-2], x.shape[-2:]
    count, size = math.prod(batch), min(m, n)
    work = xp.array(x.reshape((count, m, n)))
    pivots = xp.zeros((count, size), dtype="int32")
    info = xp.zeros((count,), dtype="int32")
    every = xp.arange(count)
    for j in range(size):
        chosen = magnitude(xp, work[:, j:, j]).argmax(axis=1) + j
        pivots[:, j] = chosen + 1
        swapped = work[every, chosen]
        work[every, chosen] = work[:, j]
        work[:, j] = swapped
        pivot = work[:, j, j]
        zero = pivot == 0
        info = xp.where(zero & (info == 0), j + 1, info).astype("int32")
        below = work[:, j + 1 :, j] / xp.where(zero, xp.ones_like(pivot), pivot)[:, None]
        work[:, j + 1 :, j] = below
        work[:, j + 1 :, j + 1 :] -= below[:, :, None] * work[:, j, None, j + 1 :]
    return work.reshape(x.shape), pivots.reshape((*batch, size)), info.reshape(batch)


def permutation(xp: Any, pivots: Any, rows: int, dtype: Any) -> Any:
    """The matrices P of A = P L U, from the rows that were swapped."""
    batch, size = pivots.shape[:-1], pivots.shape[-1]
    count = math.prod(batch)
    swaps = pivots.reshape((count, size)) - 1
    order = xp.array(xp.broadcast_to(xp.arange(rows), (count, rows)))
    every = xp.arange(count)
    for j in range(size):
        held = order[every, swaps[:, j]]
        order[every, swaps[:, j]] = order[:, j]
        order[:, j] = held
    matrix = xp.arange(rows)[None, :, None] == order[:, None, :]
    return matrix.astype(dtype).reshape((*batch, rows, rows))


def solve_triangular(xp: Any, a: Any, b: Any, upper: bool, unit: bool) -> Any:
    """X with A X = B; only one triangle of A is read. A zero on the diagonal gives inf or nan."""
    if not upper:  # turned around it is an upper one
        flipped = solve_triangular(xp, a[..., ::-1, ::-1], b[..., ::-1, :], True, unit)
        return flipped[..., ::-1, :]
    n = a.shape[-1]
    eye = xp.eye(n, dtype=a.dtype)
    if unit:
        a = xp.triu(a, 1) + eye
    try:
        # An upper triangle is its own LU: LAPACK's general solver substitutes, and no more.
        return xp.linalg.solve(xp.triu(a), b)
    except np.linalg.LinAlgError:
        return _substitute(xp, a, b)


def _substitute(xp: Any, a: Any, b: Any) -> Any:
    """Back substitution, row by row."""
    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    x = xp.array(xp.broadcast_to(b, (*shape, *b.shape[-2:])))
    for i in reversed(range(a.shape[-1])):
        known = xp.matmul(a[..., i : i + 1, i + 1 :], x[..., i + 1 :, :])
        x[..., i : i + 1, :] = (x[..., i : i + 1, :] - known) / a[..., i : i + 1, i : i + 1]
    return x


def solve_lu(xp: Any, factors: Any, pivots: Any, b: Any) -> Any:
    """X with A X = B, from the LU of A."""
    n = factors.shape[-1]
    p = permutation(xp, pivots, n, factors.dtype)
    y = solve_triangular(xp, factors, xp.matmul(p.swapaxes(-2, -1), b), False, True)
    return _substitute(xp, factors, y)


def cholesky(xp: Any, x: Any) -> tuple[Any, Any]:
    """The lower factor, and info: 0, or the order of the first minor that is not positive."""
    try:
        factor = xp.linalg.cholesky(x)
    except np.linalg.LinAlgError:
        return _cholesky_by_columns(xp, x)
    return factor, xp.zeros(x.shape[:-2], dtype="int32")


def _cholesky_by_columns(xp: Any, x: Any) -> tuple[Any, Any]:
    factor = xp.tril(x)
    info = xp.zeros(x.shape[:-2], dtype="int32")
    for j in range(x.shape[-1]):
        done = factor[..., j, :j]
        rest = factor[..., j, j].real - (done * done.conj()).real.sum(axis=-1)
        bad = ~(rest > 0)
        info = xp.where(bad & (info == 0), j + 1, info).astype("int32")
        pivot = xp.sqrt(xp.where(bad, xp.ones_like(rest), rest))
        below = xp.matmul(factor[..., j + 1 :, :j], done.conj()[..., None])[..., 0]
        factor[..., j, j] = pivot
        factor[..., j + 1 :, j] = (factor[..., j + 1 :, j] - below) / pivot[..., None]
    return factor, info
