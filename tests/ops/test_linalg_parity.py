"""Linear algebra and matrix products against PyTorch: values, gradients, out= and errors."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

LIBRARIES = (torch, gradcore)


def matrices(t, dtype="float64"):
    """The tensors that the expressions below use, of the library ``t``."""
    rng = np.random.default_rng(3)
    square = rng.standard_normal((3, 3)) + 2 * np.eye(3)
    arrays = {
        "a": square,
        "b": rng.standard_normal((3, 2)),
        "wide": rng.standard_normal((2, 4)),
        "tall": rng.standard_normal((4, 2)),
        "batch": rng.standard_normal((2, 3, 3)) + 2 * np.eye(3),
        "v": rng.standard_normal(3),
        "w": rng.standard_normal(3),
        "spd": square @ square.T + np.eye(3),
        "singular": np.ones((3, 3)),
        "tau": rng.uniform(0.2, 1, 2),
    }
    if dtype == "complex128":
        arrays = {k: x + 0.5j * rng.standard_normal(x.shape) for k, x in arrays.items()}
        arrays["spd"] = square @ square.T + np.eye(3) + 0j
    return {k: t.tensor(x) for k, x in arrays.items()}


def evaluate(expression, t, tensors):
    return eval(expression, tensors | {"t": t, "L": t.linalg})


def outcomes(result):
    return list(result) if isinstance(result, (tuple, list)) else [result]


def host(x):
    return x.detach().resolve_conj().numpy()


# Functions whose results do not depend on a free sign or phase.
EXPRESSIONS = (
    """
L.inv(batch)|L.det(batch)|L.slogdet(a)|t.logdet(spd)|L.solve(batch, b)|L.solve(a, v)
L.solve(a, b.mT, left=False)|L.inv_ex(a)|L.solve_ex(a, b)|L.lu(batch)|L.lu(tall)|L.lu(wide)
L.lu_factor(batch)|L.lu_solve(*L.lu_factor(a), b)|L.lu_solve(*L.lu_factor(a), b, adjoint=True)
L.lu_solve(*L.lu_factor(a), b.mT, left=False)|L.cholesky(spd)|L.cholesky(spd, upper=True)
L.cholesky_ex(spd)|t.cholesky_solve(b, L.cholesky(spd))|L.eigvalsh(spd)|L.svdvals(batch)
L.solve_triangular(a, b, upper=True)|L.solve_triangular(a, b, upper=False, unitriangular=True)
L.solve_triangular(a, b.mT, upper=True, left=False)|t.triangular_solve(b, a, transpose=True)
L.qr(tall)|L.qr(wide)|L.qr(wide, mode="complete")|L.pinv(tall)|L.pinv(wide)
L.pinv(spd, hermitian=True)|L.matrix_power(a, 3)|L.matrix_power(a, -2)|L.matrix_exp(batch)
L.lstsq(tall, tall).solution|L.householder_product(tall, tau)|t.ormqr(tall, tau, tall)
t.ormqr(tall, tau, tall, transpose=True)|t.ormqr(tall, tau, wide, left=False)
L.vector_norm(v, 3)|L.matrix_norm(a, "nuc")|L.matrix_norm(batch, 2)|L.matrix_norm(a, 1)
L.norm(a)|L.norm(a, "fro")|L.norm(a, float("inf"))|L.norm(v, 0)|L.cond(a)
L.multi_dot([tall, wide, tall])|L.vecdot(v, w)|L.cross(v, w)|L.vander(v)|L.tensorsolve(a, v)
L.tensorinv(a, ind=1)|L.eigvals(a).abs().sum()|L.eig(a)[0].prod()|L.diagonal(batch)
t.mm(a, b)|t.bmm(batch, batch)|t.mv(a, v)|t.dot(v, w)|t.vdot(v, w)|t.outer(v, w)|t.inner(v, w)
t.addmm(b, a, b, beta=0.5, alpha=2)|t.addmv(v, a, w, alpha=2)|t.addr(a, v, w, beta=3)
t.baddbmm(batch, batch, batch, alpha=2)|t.addbmm(a, batch, batch, beta=2)|t.kron(a, b)
t.tensordot(batch, a, dims=([2], [0]))|t.chain_matmul(tall, wide, tall)|t.trace(tall)
t.einsum("bij,jk->bik", batch, b)|t.einsum("ii", a)|t.einsum("...ij,...ij->...", batch, a)
t.matmul(batch, v)|t.matmul(v, batch)|t.matmul(wide.mT, wide)|t.cov(a)|t.corrcoef(a)
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("dtype", ["float64", "complex128"])
@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_values_and_gradients(expression, dtype):
    if dtype == "complex128" and ("pinv(spd" in expression or "norm(v, 0)" in expression):
        pytest.skip("not differentiable there")
    rng = np.random.default_rng(5)
    found, weights = [], None
    for t in LIBRARIES:
        tensors = {k: x.requires_grad_() for k, x in matrices(t, dtype).items()}
        results = outcomes(evaluate(expression, t, tensors))
        moving = [r for r in results if r.requires_grad]
        if weights is None:
            weights = [np.asarray(rng.standard_normal(tuple(r.shape))) for r in moving]
        total = sum((r * t.tensor(w)).abs().sum() if r.is_complex() else (r * t.tensor(w)).sum()
                    for r, w in zip(moving, weights, strict=True))  # fmt: skip
        gradients = t.autograd.grad(total, list(tensors.values()), allow_unused=True)
        found.append((results, gradients))
    (wanted, wanted_grads), (got, got_grads) = found
    for a, b in zip(wanted, got, strict=True):
        np.testing.assert_allclose(host(b), host(a), rtol=1e-9, atol=1e-10)
        assert host(a).dtype == host(b).dtype
    for a, b in zip(wanted_grads, got_grads, strict=True):
        if a is not None:
            np.testing.assert_allclose(host(b), host(a), rtol=1e-7, atol=1e-8)


REFUSED = (
    """
L.inv(v)|L.inv(b)|L.inv(a.long())|L.inv(singular)|L.inv(a.half())
L.inv_ex(singular, check_errors=True)|L.solve(singular, b)|L.solve(a, wide)|L.cholesky(-spd)
L.solve(a, b.float())|L.cholesky(v)
L.det(b)|L.slogdet(v)|L.eigh(b)|L.eigh(a, "X")|L.eig(a.long())|L.svd(v)|L.svd(a.long())
L.qr(v)|L.qr(a, "x")|L.solve_triangular(a, v, upper=True)|L.solve_triangular(a, wide, upper=True)
L.matrix_power(b, 2)|L.matrix_power(a, 1.5)|L.matrix_exp(a.long())|L.lu_factor(singular)
L.lu_factor(a, pivot=False)|L.lstsq(a, wide)|L.lstsq(tall, tall, driver="abc")|L.matrix_rank(v)
L.norm(a, "x")|L.norm(batch, "fro")|L.norm(a, 2, dim=(0, 1, 2))|L.matrix_norm(v)
L.matrix_norm(a, 3)|L.matrix_norm(a, "nuc", dim=(1, 1))|L.cond(b, 1)|L.tensorinv(b)
L.tensorinv(a, ind=0)|L.multi_dot([a])|L.multi_dot([a, wide])|L.cross(b, b)|L.vecdot(v, v.float())
L.vander(v > 0)|L.vander(v, N=1)|t.triangular_solve(b, wide)|t.cholesky_inverse(v)
L.householder_product(wide, tau)|L.lu_solve(a, v.long(), b)|t.mm(a, wide)|t.mm(a, b.float())
t.mm(a > 0, a > 0)|t.mv(a, tau)|t.dot(v, tau)|t.dot(v, v.float())|t.bmm(batch, a)
t.addmm(b, a, wide)|t.addmv(tau, a, v)|t.addr(b, v, v)
t.outer(a, v)|t.inner(a, wide)|t.trace(v)|t.tensordot(a, wide, dims=1)|t.tensordot(a, a, dims=3)
t.mm(a, a, out=t.empty(0, dtype=t.float32))|L.inv(a, out=t.empty(0, dtype=t.float32))
t.einsum("ij,jk", a)|t.einsum("ij->k", a)|t.einsum("i", a)|t.einsum("ij,jk->ik", a, wide)
t.einsum("i.j", a)|t.matmul(v.sum(), a)|t.chain_matmul(v)|t.kron(1, a)
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("expression", REFUSED)
def test_refusals_read_the_same(expression):
    raised = []
    for t in LIBRARIES:
        with pytest.raises((RuntimeError, TypeError, IndexError, ValueError)) as caught:
            evaluate(expression, t, matrices(t))
        raised.append(caught.value)
    wanted, got = raised
    kinds = [k for k in type(wanted).__mro__ if k.__module__ == "builtins"]
    assert isinstance(got, kinds[0])
    assert str(got).split("\n")[0] == str(wanted).split("\n")[0].replace("torch.T", "gradcore.T")


def test_linalg_error_is_a_runtime_error():
    assert issubclass(gradcore.linalg.LinAlgError, RuntimeError)
    with pytest.raises(gradcore.linalg.LinAlgError, match="Batch element 1"):
        gradcore.linalg.inv(gradcore.tensor([[[1.0, 2], [3, 4]], [[1, 1], [1, 1]]]))


def test_singular_solutions_without_a_check():
    for t in LIBRARIES:
        info = t.linalg.solve_ex(t.ones(2, 2), t.ones(2)).info
        assert info.item() == 2
        assert str(info.dtype).endswith("int32")


def test_determinant_of_a_singular_matrix_has_its_cofactors_as_gradient():
    for t in LIBRARIES:
        x = t.tensor([[1.0, 2, 3], [2, 4, 6], [1, 0, 1]], dtype=t.float64, requires_grad=True)
        t.linalg.det(x).backward()
        expected = [[4.0, 4, -4], [-2, -2, 2], [0, 0, 0]]
        np.testing.assert_allclose(x.grad.numpy(), expected, atol=1e-12)


def test_out_is_written_and_returned():
    a = gradcore.eye(2) * 2
    out = gradcore.empty(2, 2)
    assert gradcore.linalg.inv(a, out=out) is out
    assert out.tolist() == [[0.5, 0], [0, 0.5]]
    pair = gradcore.empty(2), gradcore.empty(2, 2)
    values, _ = gradcore.linalg.eigh(a, out=pair)
    assert values is pair[0]
    assert pair[0].tolist() == [2, 2]


def test_results_have_names():
    a = gradcore.eye(2)
    assert gradcore.linalg.svd(a)._fields == ("U", "S", "Vh")
    assert gradcore.linalg.slogdet(a).logabsdet.item() == 0
    assert gradcore.svd(a).V.shape == (2, 2)


def test_ldl_pivots_are_those_of_lapack():
    rng = np.random.default_rng(0)
    a = rng.standard_normal((7, 7))
    a = a + a.T
    wanted = torch.linalg.ldl_factor(torch.tensor(a))
    got = gradcore.linalg.ldl_factor(gradcore.tensor(a))
    assert got.pivots.tolist() == wanted.pivots.tolist()
    np.testing.assert_allclose(got.LD.numpy(), wanted.LD.numpy(), atol=1e-12)


def test_low_rank_factors_give_the_matrix_back():
    rng = np.random.default_rng(0)
    a = gradcore.tensor(rng.standard_normal((8, 2)) @ rng.standard_normal((2, 6)))
    u, s, v = gradcore.svd_lowrank(a, q=3)
    assert gradcore.allclose(u * s @ v.mT, a)
    u, s, v = gradcore.pca_lowrank(a, q=3)
    assert gradcore.allclose(u * s @ v.mT, a - a.mean(0))
