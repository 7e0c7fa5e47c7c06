"""Rows of the matrix products and of ops/{lu,solves,decompositions,orthogonal,…}.py."""

from __future__ import annotations

import numpy as np

from op_table import FLOATS, NUMBERS, Row


def adjoint(x):
    return np.swapaxes(x, -2, -1).conj()


def transposed(x):
    return np.swapaxes(x, -2, -1)


def addmm(c, x, y, beta, alpha):
    return beta * c + alpha * (x @ y)


def positive_definite(gc, x):
    n = x.shape[-1]
    return x @ x.mT.conj() + 2 * gc.eye(n, dtype=x.dtype, device=x.device)


def dominant(gc, x):
    """Well conditioned matrices: the diagonal outweighs the rest."""
    return x + 6 * gc.eye(x.shape[-1], dtype=x.dtype, device=x.device)


def np_dominant(x):
    return x + 6 * np.eye(x.shape[-1], dtype=x.dtype)


def np_positive_definite(x):
    return x @ adjoint(x) + 2 * np.eye(x.shape[-1], dtype=x.dtype)


def hermitian(x):
    return x + x.mT.conj()


def np_hermitian(x):
    return x + adjoint(x)


def triangle(x, upper, unit):
    part = np.triu(x, 1) if upper else np.tril(x, -1)
    eye = np.eye(x.shape[-1], dtype=x.dtype)
    return part + (eye if unit else x * eye)


def solve_triangular(x, y, upper, unit):
    return np.linalg.solve(triangle(np_dominant(x), upper, unit), y)


def lu_parts(gc, x):
    """What LU gives, in the form that its factors multiply back to."""
    p, lower, upper = gc.linalg.lu(x)
    return p @ lower @ upper, lower, upper


def first_of(name):
    return lambda gc, *xs, **options: getattr(gc.linalg, name)(*xs, **options)[0]


def exponential(x):
    term = result = np.eye(x.shape[-1], dtype="float64")
    for k in range(1, 60):
        term = term @ x.astype("float64") / k
        result = result + term
    return result.astype(x.dtype)


def gauge_free_svd(gc, x, full_matrices):
    u, s, vh = gc.linalg.svd(x, full_matrices=full_matrices)
    k = s.shape[-1]
    return u[..., :k] @ vh[..., :k, :], s, u.abs() ** 2 if not full_matrices else s


def gauge_free_eigh(gc, x, UPLO):
    values, vectors = gc.linalg.eigh(hermitian(x), UPLO=UPLO)
    return values, vectors.abs() ** 2


def gauge_free_eig(gc, x):
    values, vectors = gc.linalg.eig(x)
    return values.abs().sum(-1), (vectors.abs() ** 4).sum((-2, -1))


def numpy_eigh(x, UPLO):
    values, vectors = np.linalg.eigh(np_hermitian(x))
    return values, np.abs(vectors) ** 2


def reflections(gc, x, tau):
    q = gc.linalg.householder_product(x, tau)
    return q, gc.ormqr(x, tau, x)


MATRICES = (((3, 4), (4, 2)), ((2, 3, 4), (2, 4, 2)), ((3, 4), (2, 4, 2)))
SIDES = [{"upper": u, "unit": d} for u in (False, True) for d in (False, True)]
BATCH = ((2, 3, 3),)

ROWS = [
    Row(op="mm", inputs=MATRICES[0], reference=np.matmul, dtypes=NUMBERS, complex=True,
        edges=[((0, 4), (4, 2)), ((3, 0), (0, 2))]),
    Row(op="bmm", inputs=MATRICES[1], reference=np.matmul, dtypes=NUMBERS, complex=True,
        edges=[((0, 3, 4), (0, 4, 2))]),
    Row(op="matmul", inputs=MATRICES[1], reference=np.matmul, dtypes=NUMBERS, complex=True),
    Row(op="matmul", inputs=MATRICES[2], reference=np.matmul),
    Row(op="mv", inputs=((3, 4), (4,)), reference=np.matmul, dtypes=NUMBERS, complex=True,
        edges=[((0, 4), (4,)), ((3, 0), (0,))]),
    Row(op="dot", inputs=((4,), (4,)), reference=np.dot, dtypes=NUMBERS, complex=True,
        edges=[((0,), (0,))]),
    Row(op="linear", inputs=((2, 3, 4), (5, 4), (5,)), reference=lambda x, w, b: x @ w.T + b),
    Row(op="linear", inputs=((3, 4), (5, 4)), reference=lambda x, w: x @ w.T, complex=True),
    Row(op="addmm", inputs=((3, 2), (3, 4), (4, 2)), reference=addmm, complex=True,
        params=[{"beta": b, "alpha": a} for b, a in ((1, 1), (0.5, 2), (0, 1))]),
    Row(op="trace", inputs=((3, 4),), reference=np.trace, dtypes=NUMBERS, complex=True,
        edges=[((0, 2),)]),
    Row(op="unit_matrix", inputs=((2, 3, 4),), order=0,
        reference=lambda x: np.broadcast_to(np.eye(3, 4, dtype=x.dtype), x.shape)),
    Row(op="permutation_matrix", inputs=(lambda rng: np.array([[3, 3, 3], [2, 2, 3]], "int32"),),
        params=[{"rows": 3, "dtype": "float32"}], order=0,
        reference=lambda p, rows, dtype: np.array(
            [[[0, 1, 0], [0, 0, 1], [1, 0, 0]], [[0, 1, 0], [1, 0, 0], [0, 0, 1]]], dtype)),
    Row(op="solve_triangular", inputs=((2, 3, 3), (2, 3, 2)), params=SIDES, complex=True,
        reference=solve_triangular,
        call=lambda gc, x, y, upper, unit: gc.linalg.solve_triangular(
            dominant(gc, x), y, upper=upper, unitriangular=unit)),
    Row(op="solve_triangular", inputs=((2, 3, 3), (2, 2, 3)), params=SIDES,
        reference=lambda x, y, upper, unit: transposed(
            np.linalg.solve(transposed(triangle(np_dominant(x), upper, unit)), transposed(y))),
        call=lambda gc, x, y, upper, unit: gc.linalg.solve_triangular(
            dominant(gc, x), y, upper=upper, left=False, unitriangular=unit)),
    Row(op="lu_factor", inputs=BATCH, reference=None, call=lu_parts, complex=True),
    Row(op="lu_factor", inputs=((4, 2),), reference=None, call=lu_parts, complex=True),
    Row(op="lu_factor", inputs=((2, 4),), reference=None, call=lu_parts, complex=True),
    Row(op="lu_factor", inputs=((2, 3, 3), (2, 3, 2)), reference=np.linalg.solve,
        call=lambda gc, x, y: gc.linalg.lu_solve(*gc.linalg.lu_factor(x), y)),
    Row(op="solve_ex", inputs=((2, 3, 3), (3, 2)), call=first_of("solve_ex"), complex=True,
        reference=np.linalg.solve),
    Row(op="solve_ex", inputs=((3, 3), (3,)), call=lambda gc, x, y: gc.linalg.solve(x, y),
        reference=np.linalg.solve),
    Row(op="inv_ex", inputs=BATCH, call=first_of("inv_ex"), reference=np.linalg.inv, complex=True),
    Row(op="det", inputs=BATCH, reference=np.linalg.det, complex=True),
    Row(op="slogdet", inputs=BATCH, reference=np.linalg.slogdet),
    Row(op="slogdet", inputs=BATCH, reference=None, complex=True,
        call=lambda gc, x: gc.linalg.slogdet(x)[1]),
    Row(op="cholesky_ex", inputs=BATCH, complex=True,
        reference=lambda x: np.linalg.cholesky(np_positive_definite(x)),
        call=lambda gc, x: gc.linalg.cholesky(positive_definite(gc, x))),
    Row(op="cholesky_ex", inputs=BATCH, complex=True,
        reference=lambda x: np.linalg.inv(np_positive_definite(x)),
        call=lambda gc, x: gc.cholesky_inverse(gc.linalg.cholesky(positive_definite(gc, x)))),
    Row(op="eigh", inputs=BATCH, params=[{"UPLO": "L"}, {"UPLO": "U"}], reference=numpy_eigh,
        call=gauge_free_eigh, complex=True),
    Row(op="eig", inputs=((3, 3),), reference=None, call=gauge_free_eig, complex=True),
    Row(op="svd", inputs=((2, 4, 3),), params=[{"full_matrices": f} for f in (False, True)],
        reference=None, call=gauge_free_svd, complex=True),
    Row(op="svd", inputs=((2, 4),), params=[{"full_matrices": False}], reference=None,
        call=gauge_free_svd, complex=True),
    Row(op="svd", inputs=((4, 3),), call=lambda gc, x: gc.linalg.svdvals(x),
        reference=lambda x: np.linalg.svd(x, compute_uv=False)),
    Row(op="qr", inputs=((2, 4, 3),), params=[{"mode": "reduced"}], complex=True,
        reference=lambda x, mode: tuple(np.linalg.qr(x, mode))),
    Row(op="qr", inputs=((2, 4),), params=[{"mode": "reduced"}, {"mode": "complete"}],
        reference=lambda x, mode: tuple(np.linalg.qr(x, mode)), complex=True),
    Row(op="qr", inputs=((4, 3),), params=[{"mode": "r"}], order=0,
        reference=lambda x, mode: (np.zeros(0, x.dtype), np.linalg.qr(x, "r"))),
    Row(op="geqrf", inputs=((4, 3),), order=0,
        reference=lambda x: (np.linalg.qr(x, "raw")[0].T, np.linalg.qr(x, "raw")[1])),
    Row(op="householder_product", inputs=((4, 2), (2,)), reference=None, call=reflections,
        complex=True),
    Row(op="pinv", inputs=((4, 3),), complex=True, reference=np.linalg.pinv,
        call=lambda gc, x: gc.linalg.pinv(x)),
    Row(op="pinv", inputs=((3, 3),), reference=lambda x: np.linalg.pinv(np_hermitian(x)),
        call=lambda gc, x: gc.linalg.pinv(hermitian(x), hermitian=True)),
    Row(op="matrix_exp", inputs=((2, 3, 3),), reference=None, complex=True),
    Row(op="matrix_exp", inputs=((3, 3),), domain=(-8, 8), reference=None, order=1),
    Row(op="matrix_exp", inputs=((3, 3),), domain=(-1, 1), reference=exponential, order=0),
]  # fmt: skip

# Functions made of these.
ROWS += [
    Row(op="cross", inputs=((2, 3), (2, 3)), reference=np.cross, dtypes=NUMBERS,
        call=lambda gc, x, y: gc.linalg.cross(x, y)),
    Row(op="kron", inputs=((2, 3), (3, 2)), reference=np.kron, dtypes=NUMBERS,
        call=lambda gc, x, y: gc.kron(x, y)),
    Row(op="tensordot", inputs=((2, 3, 4), (4, 3, 2)), dtypes=NUMBERS,
        reference=lambda x, y: np.tensordot(x, y, ([1, 2], [1, 0])),
        call=lambda gc, x, y: gc.tensordot(x, y, ([1, 2], [1, 0]))),
    Row(op="einsum", inputs=((2, 3, 4), (4, 3, 5)), dtypes=FLOATS,
        reference=lambda x, y: np.einsum("bij,jik->bk", x, y),
        call=lambda gc, x, y: gc.einsum("bij,jik->bk", x, y)),
    Row(op="multi_dot", inputs=((2, 6), (6, 3), (3, 4)),
        reference=lambda x, y, z: np.linalg.multi_dot([x, y, z]),
        call=lambda gc, x, y, z: gc.linalg.multi_dot([x, y, z])),
    Row(op="matrix_power", inputs=((2, 3, 3),), params=[{"n": n} for n in (0, 1, 3, -2)],
        reference=np.linalg.matrix_power, call=lambda gc, x, n: gc.linalg.matrix_power(x, n)),
    Row(op="lstsq", inputs=((4, 2), (4, 3)), reference=lambda a, b: np.linalg.lstsq(a, b)[0],
        call=lambda gc, a, b: gc.linalg.lstsq(a, b).solution),
    Row(op="cond", inputs=BATCH, params=[{"p": p} for p in (None, 1, np.inf, "fro", -2)],
        reference=lambda x, p: np.linalg.cond(x, p), call=lambda gc, x, p: gc.linalg.cond(x, p)),
    Row(op="matrix_norm", inputs=((3, 4),),
        params=[{"p": p} for p in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf)],
        reference=lambda x, p: np.linalg.norm(x, p),
        call=lambda gc, x, p: gc.linalg.matrix_norm(x, p)),
    Row(op="matrix_rank", inputs=((4, 3),), order=0, reference=np.linalg.matrix_rank,
        call=lambda gc, x: gc.linalg.matrix_rank(x)),
]  # fmt: skip


def indefinite(gc, x, **options):
    """Symmetric matrices that need blocks of 2."""
    factors, pivots = gc.linalg.ldl_factor(hermitian(x), **options)
    return factors, pivots


def solve_with_ldl(gc, x, y):
    return gc.linalg.ldl_solve(*indefinite(gc, x.detach(), hermitian=True), y, hermitian=True)


ROWS += [
    Row(op="ldl_factor", inputs=((2, 5, 5),), reference=None, order=0, call=indefinite,
        params=[{"hermitian": False}]),
    Row(op="ldl_solve", inputs=((2, 5, 5), (2, 5, 3)), differentiable=(False, True), complex=True,
        reference=lambda x, y: np.linalg.solve(np_hermitian(x), y), call=solve_with_ldl),
]  # fmt: skip
