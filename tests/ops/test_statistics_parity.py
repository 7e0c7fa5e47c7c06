"""Covariance, integrals, distances and histograms against PyTorch: values, gradients, errors."""

import warnings

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

RANDOM = np.random.default_rng(0).uniform(-2, 2, (4, 3)).astype(np.float32)
MANY = np.random.default_rng(1).uniform(-2, 2, (40, 3)).astype(np.float32)

VALUES = [
    "cov(x)", "cov(x[0])", "cov(x, correction=0)", "cov(ints)", "cov(T.tensor(3.), correction=0)",
    "cov(x, fweights=T.tensor([1, 2, 3]))", "cov(x, aweights=T.tensor([1., 0.5, 3.]))",
    "cov(x, correction=2, fweights=T.tensor([1, 2, 3]), aweights=T.tensor([1., 0.5, 3.]))",
    "cov(complexes)", "corrcoef(x)", "corrcoef(complexes)", "corrcoef(x[0])", "corrcoef(ints)",
    "trapezoid(x)", "trapezoid(x, dx=0.5, dim=0)", "trapezoid(x, T.tensor([0., 1., 4.]))",
    "trapezoid(x, x)", "trapz(ints)", "trapezoid(T.ones(0))", "trapezoid(T.ones(1))",
    "cumulative_trapezoid(x)", "cumulative_trapezoid(x, T.arange(4.), dim=0)",
    "cumulative_trapezoid(x, dx=2)", "cumulative_trapezoid(T.ones(0))",
    "cdist(x, many)", "cdist(x, x)", "cdist(x, x, p=1.)", "cdist(x, x, p=0.)",
    "cdist(x, x, p=float('inf'))", "cdist(many, many, compute_mode='donot_use_mm_for_euclid_dist')",
    "cdist(x[None], T.stack([x, x + 1]))", "cdist(x[:0], x)", "cdist(x[:, :0], x[:, :0])",
    "renorm(x, 2, 0, 1.5)", "renorm(x, 1, -1, 2)", "renorm(x, 2.5, 1, 0)",
    "histogram(x, 4)", "histogram(x, 3, range=(-1., 2.))", "histogram(x, T.tensor([-1., 0., 0.5]))",
    "histogram(x, 3, weight=x * x, density=True)", "histogram(T.ones(3), 2)",
    "histogram(T.zeros(0), 2)", "histogramdd(x, 2)", "histogramdd(x, [2, 3, 1])",
    "histogramdd(x, [2, 3, 2], range=[-2., 2., -2., 1., -1., 3.], density=True)",
    "histogramdd(x, [T.tensor([-2., 0., 2.])] * 3, weight=T.arange(4.))",
    "norm(x, float('inf'), 0)", "dist(x, x + 1, 3)",
]  # fmt: skip

REFUSED = [
    "cov(x[None])", "cov(x > 0)", "cov(x, fweights=x)", "cov(x, fweights=T.tensor([1, 2]))",
    "cov(x, fweights=T.tensor([1, -2, 3]))", "cov(x, fweights=T.tensor([0, 0, 0]))",
    "cov(x, fweights=T.tensor([1., 2, 3]))", "cov(x, aweights=T.tensor([1, 2, 3]))",
    "cov(x, aweights=T.tensor([1., -2, 3]))", "corrcoef(x[None])",
    "trapezoid(x > 0)", "trapezoid(x, x > 0)", "trapezoid(x, T.ones(2))", "trapezoid(x, dx=2j)",
    "trapezoid(T.tensor(1.))", "cumulative_trapezoid(x, T.ones(2))",
    "cdist(x, x[0])", "cdist(x, x[:, :2])", "cdist(ints, ints)", "cdist(x, x, p=-1.)",
    "cdist(x, x, compute_mode='fast')", "renorm(x, -1, 0, 1)", "renorm(x, 2, 5, 1)",
    "renorm(x, 2, 0, -1)", "renorm(x[0], 2, 0, 1)", "renorm(x, 2j, 0, 1)",
    "histogram(x, 0)", "histogram(x, 3, range=(1., 0.))", "histogram(x, 3, range=(1.,))",
    "histogram(x, 3, weight=x[0])", "histogram(x, 3, weight=x.double())", "histogram(ints, 3)",
    "histogram(x, T.tensor([0, 1, 2]))", "histogram(x, T.zeros(1, 3))",
    "histogram(T.tensor([float('nan'), 1]), 3)", "histogramdd(x, [2, 3])", "histogramdd(x[0], 2)",
    "histogramdd(x, 2, range=[0., 1.])", "histogramdd(x, 2, weight=T.ones(3))",
]  # fmt: skip


def evaluate(T, call):
    names = {
        "T": T,
        "x": T.tensor(RANDOM),
        "many": T.tensor(MANY),
        "ints": T.tensor([[1, 2, 4], [3, 3, 1]]),
        "complexes": T.tensor([[1 + 2j, 3 - 1j, 0j], [1j, 2 + 0j, 1 - 1j]]),
    }
    return eval(f"T.{call}", names)


def flat(result):
    if isinstance(result, (tuple, list)):
        return [leaf for part in result for leaf in flat(part)]
    return [result]


@pytest.mark.parametrize("call", VALUES)
def test_values(call):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        expected, found = (flat(evaluate(T, call)) for T in (torch, gradcore))
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert str(a.dtype).split(".")[1] == str(b.dtype).split(".")[1]
        assert tuple(a.shape) == tuple(b.shape)
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("call", REFUSED)
def test_errors(call):
    with pytest.raises(Exception) as expected:
        evaluate(torch, call)
    with pytest.raises(type(expected.value)) as found:
        evaluate(gradcore, call)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize("T", [torch, gradcore], ids=["torch", "gradcore"])
def test_both_spacings_are_refused(T):
    with pytest.raises(TypeError, match="trapezoid"):
        T.trapezoid(T.ones(3), T.ones(3), dx=1.0)


@pytest.mark.parametrize("T", [torch, gradcore], ids=["torch", "gradcore"])
def test_too_few_observations_warn(T):
    with pytest.warns(UserWarning, match="degrees of freedom is <= 0"):
        assert np.isnan(T.cov(T.tensor([3.0])).item())


@pytest.mark.parametrize("call", ["cdist(x, x)", "cdist(x, many)", "cdist(x, x, p=1.)"])
def test_gradient_of_equal_rows_is_zero_not_nan(call):
    def gradient(T):
        x, many = (T.tensor(a[:3], requires_grad=True) for a in (RANDOM, MANY))
        eval(f"T.{call}", {"T": T, "x": x, "many": many}).sum().backward()
        return x.grad.numpy()

    np.testing.assert_allclose(gradient(gradcore), gradient(torch), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("T", [torch, gradcore], ids=["torch", "gradcore"])
def test_sum_to_size(T):
    x = T.tensor(RANDOM)
    assert x.sum_to_size(4, 3) is x or T is torch
    assert tuple(x.sum_to_size(1, 3).shape) == (1, 3)
    assert x.sum_to_size((3,)).tolist() == pytest.approx(RANDOM.sum(0).tolist(), rel=1e-5)
    for size in ((2, 3), (1, 1, 4, 3)):
        with pytest.raises(RuntimeError, match="is not expandable to size"):
            x.sum_to_size(size)


@pytest.mark.parametrize("T", [torch, gradcore], ids=["torch", "gradcore"])
def test_renorm_in_place_and_out(T):
    x = T.full((2, 2), 3.0)
    x.renorm_(2, 0, 1.0)
    np.testing.assert_allclose(x.numpy(), np.full((2, 2), 0.5**0.5), rtol=1e-5)
    out = T.zeros(2, 2)
    assert T.renorm(T.ones(2, 2), 1, 0, 1.0, out=out) is out
    np.testing.assert_allclose(out.numpy(), np.full((2, 2), 0.5), rtol=1e-5)
