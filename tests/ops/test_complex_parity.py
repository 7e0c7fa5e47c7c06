"""Gradients of complex functions against PyTorch, which follows the same convention."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

EXPRESSIONS = (
    """
z.abs()|z.angle()|z.real|z.imag|z.conj()|z.sgn()|z * w|z / w|z ** 2|z ** w|2.0 ** z|z ** 0.5
z.exp()|z.log()|z.sqrt()|z.rsqrt()|z.reciprocal()|z.sin()|z.cos()|z.tan()|z.tanh()|z.sigmoid()
z.asin()|z.acos()|z.atan()|z.sinh()|z.cosh()|z.asinh()|z.acosh()|z.atanh()|z.log1p()|z.expm1()
z.log2()|z.log10()|z.exp2()|z.square()|-z|z + x|z * x|x - z|x / z|z.sum()|z.mean()|z.prod()
z.cumsum(0)|z.cumprod(0)|t.view_as_real(z)|t.view_as_complex(t.view_as_real(z) * 2)
t.polar(x, x)|t.complex(x, x * 2)|t.outer(z, w)|t.dot(z, w)|t.vdot(z, w)|z @ w|t.sinc(z)
t.lerp(z, w, z)|t.addcmul(z, w, z, value=2j)|t.where(x > 1, z, w)|t.stack([z, w])|z[1:]
t.linalg.vector_norm(z)|t.linalg.vector_norm(z, 3)|z.var()|z.std()|z.flip(0)
t.conj_physical(z)|t.fft.fft(z)|t.float_power(z, 2)|t.cross(z, w, 0)|t.addmv(z, t.outer(z, w), w)
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_gradients(expression):
    rng = np.random.default_rng(2)
    arrays = {"z": rng.standard_normal(3) + 1j * rng.standard_normal(3),
              "w": rng.standard_normal(3) + 1j * rng.standard_normal(3),
              "x": rng.uniform(0.5, 2, 3)}  # fmt: skip
    found = []
    for t in (torch, gradcore):
        tensors = {k: t.tensor(a).requires_grad_() for k, a in arrays.items()}
        out = eval(expression, tensors | {"t": t})
        weights = np.random.default_rng(3).standard_normal((2, *out.shape))
        cotangent = weights[0] + 1j * weights[1] if out.is_complex() else weights[0]
        leaves = list(tensors.values())
        gradients = t.autograd.grad(out, leaves, t.tensor(cotangent), allow_unused=True)
        found.append((out.detach().resolve_conj(), gradients))
    (wanted, slopes), (got, own_slopes) = found
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-10, atol=1e-12)
    for a, b in zip(slopes, own_slopes, strict=True):
        assert (a is None) == (b is None)
        if a is not None:
            a = a.resolve_conj().numpy()
            assert b.numpy().dtype == a.dtype
            np.testing.assert_allclose(b.numpy(), a, rtol=1e-9, atol=1e-10)


def test_queries():
    z = gradcore.ones(2, dtype=gradcore.complex64)
    assert not z.is_conj()
    assert not z.is_neg()
    assert z.resolve_conj() is z
    assert z.resolve_neg() is z
    assert gradcore.isreal(z).tolist() == [True, True]
    assert gradcore.isreal(z * 1j).tolist() == [False, False]
