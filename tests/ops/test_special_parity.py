"""Special and further elementwise functions against PyTorch: values, gradients, errors."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

POINTS = np.array([0.3, -0.7, 1.0, 0.0, 2.5, -3.2, 11.0, math.inf, -math.inf, math.nan])
UNIT = np.array([0.0, 1e-300, 1e-12, 0.02, 0.3, 0.5, 0.9, 1 - 1e-12, 1.0, 1.5, -0.5])

# The functions in which PyTorch is as accurate as float64 allows.
FUNCTIONS = """lgamma digamma i0 sinc special.i0e special.i1 special.i1e special.ndtr
    special.log_ndtr special.entr special.erfcx special.modified_bessel_i0
    special.modified_bessel_i1 special.modified_bessel_k0 special.modified_bessel_k1
    special.scaled_modified_bessel_k0 special.scaled_modified_bessel_k1
    special.spherical_bessel_j0 nan_to_num deg2rad rad2deg angle sign isposinf isneginf isreal
    square""".split()
UNIT_FUNCTIONS = "special.ndtri logit erfinv".split()


def function_of(t, name):
    for part in name.split("."):
        t = getattr(t, part)
    return t


def both(name, values, *others):
    results = []
    for t in (torch, gradcore):
        x = t.tensor(values).requires_grad_()
        out = function_of(t, name)(x, *others)
        gradient = None
        if out.requires_grad:
            (gradient,) = t.autograd.grad(out.sum(), x)
        results.append((out.detach().numpy(), None if gradient is None else gradient.numpy()))
    return results


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FUNCTIONS + UNIT_FUNCTIONS)
def test_values_and_slopes(name, dtype):
    points = (UNIT if name in UNIT_FUNCTIONS else POINTS).astype(dtype)
    (wanted, slope), (got, own_slope) = both(name, points)
    precision = {"float64": 1e-12, "float32": 2e-5}[dtype]
    np.testing.assert_allclose(got, wanted, rtol=precision, atol=precision)
    assert got.dtype == wanted.dtype
    if slope is not None:
        finite = np.isfinite(points)
        # PyTorch's trigamma has 9 digits.
        precision = max(precision, 1e-8)
        np.testing.assert_allclose(own_slope[finite], slope[finite], precision, precision)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_integers_give_floats_where_pytorch_does(name):
    wanted, got = (function_of(t, name)(t.tensor([1, 2, 3])) for t in (torch, gradcore))
    assert str(got.dtype).split(".")[1] == str(wanted.dtype).split(".")[1]
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=1e-6)


EXPRESSIONS = (
    """
t.polygamma(0, x)|t.polygamma(1, x)|t.polygamma(3, x)|t.mvlgamma(x + 2, 3)|t.igamma(y, x)
t.igammac(y, x)|t.special.zeta(2.0, x)|t.special.zeta(x + 1.5, 2.0)|t.special.xlog1py(2, x)
t.special.xlog1py(x, 0.5)|t.xlogy(x, 2.0)|t.xlogy(2.0, x)|t.logit(x, 0.2)
t.heaviside(x.detach() - 0.5, y.detach())
t.special.hermite_polynomial_h(x, 5)|t.special.legendre_polynomial_p(x, n)
t.special.chebyshev_polynomial_t(x, n)|t.special.laguerre_polynomial_l(0.3, n)
t.special.shifted_chebyshev_polynomial_u(x, n)|t.special.hermite_polynomial_he(x, -2)
t.addcmul(x, x, y, value=0.3)|t.addcdiv(x, x, y, value=2)|t.lerp(x, y, 0.3)|t.lerp(x, y, x)
t.ldexp(x, n)|t.float_power(x, 2)|t.float_power(2, x)|t.frexp(x).mantissa|t.frexp(x).exponent
t.gcd(n, n + 2)|t.lcm(n, n + 2)|t.nextafter(x, y)|t.isclose(x, x + 1e-7)|t.isclose(n, n)
t.dist(x, y, 3)|t.polar(x, y)|t.complex(x, y)|t.angle(t.polar(x, y))|t.hypot(x, y)
t.div(n - 3, 2, rounding_mode="trunc")|t.div(x - 1, 0.4, rounding_mode="trunc")
t.div(x - 1, 0.4, rounding_mode="floor")|t.pow(n + 1, n - 3)|t.pow(2, n)|t.div(7.0, 2.0)
t.special.multigammaln(x + 3, 2)|t.special.expit(x)
t.clamp(x, 0.4, 0.6)|t.clamp(n, 1.5)|t.copysign(x, -1)|t.rsub(x, 2, alpha=3)
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_functions_of_several_arguments(expression):
    found = []
    for t in (torch, gradcore):
        names = {
            "t": t,
            "x": t.tensor([0.25, 0.7, 1.9, 3.5]).double(),
            "y": t.tensor([0.5, 2.0, 1.5, 6.0]).double(),
            "n": t.tensor([0, 1, 4, 7]),
        }
        leaves = [names["x"].requires_grad_(), names["y"].requires_grad_()]
        out = eval(expression, names)
        total = (out.abs() if out.is_complex() else out).sum()
        gradients = []
        if out.requires_grad and "igamma" not in expression and "zeta(x" not in expression:
            gradients = t.autograd.grad(total, leaves, allow_unused=True)
        found.append((out.detach(), gradients))
    (wanted, slopes), (got, own_slopes) = found
    assert str(got.dtype).split(".")[1] == str(wanted.dtype).split(".")[1]
    precision = 1e-5 if got.dtype == gradcore.float32 else 1e-8
    np.testing.assert_allclose(got.numpy(), wanted.numpy(), rtol=precision, atol=precision / 100)
    for a, b in zip(slopes, own_slopes, strict=True):
        if a is not None:
            np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-9, atol=1e-11)


REFUSED = (
    """
t.polygamma(-1, x)|t.polygamma(1.5, x)|t.mvlgamma(x, 0)|t.igamma(x, 1.0)|t.gcd(x, x)|t.gcd(n, 2)
t.lcm(x, x)|t.nextafter(n, n)|t.maximum(x, 2)|t.maximum(2, x)|t.heaviside(x, 1.0)|t.hypot(x, 1.0)
t.logical_and(x, 2)|t.atan2(1.0, x)|t.isclose(x, 1.0)|t.isclose(x, x.float())|t.frexp(n)
t.isclose(x, x, rtol=-1.0)|t.lerp(x, x.float(), 0.5)|t.lerp(n, n, 0.5)|t.lerp(x, x, x.float())
t.polar(x, x.float())|t.complex(n, n)|t.addcdiv(n, n, n)|x.float().float_power_(2)
t.pow(n, -1)|t.div(n, 0, rounding_mode="trunc")|t.div(x, x, rounding_mode="up")
t.deg2rad(x + 1j)|t.isposinf(x + 1j)|t.i0(x + 1j)|t.logit(x + 1j)|t.special.bessel_j0(x + 1j)
t.imag(x)|t.ldexp(x, 2)|t.dist(x, 1)|t.sub(x > 0, x > 0)
""".replace("\n", "|")
    .strip("|")
    .split("|")
)


@pytest.mark.parametrize("expression", REFUSED)
def test_refusals_read_the_same(expression):
    raised = []
    for t in (torch, gradcore):
        names = {"t": t, "x": t.tensor([0.5, 1.0]).double(), "n": t.tensor([1, 2])}
        with pytest.raises((RuntimeError, TypeError, NotImplementedError)) as caught:
            eval(expression, names)
        raised.append(caught.value)
    assert type(raised[1]) is type(raised[0])
    assert str(raised[1]).split("\n")[0] == str(raised[0]).split("\n")[0]


def test_bessel_functions_are_more_accurate_than_pytorch_needs():
    x = np.linspace(0.1, 40, 200)
    for name in ("bessel_j0", "bessel_j1", "bessel_y0", "bessel_y1"):
        wanted, got = (getattr(t.special, name)(t.tensor(x)).numpy() for t in (torch, gradcore))
        np.testing.assert_allclose(got, wanted, atol=2e-6)


def test_out_and_in_place():
    x = gradcore.tensor([0.2, 0.4])
    out = gradcore.empty(2)
    assert gradcore.special.ndtri(x, out=out) is out
    assert gradcore.allclose(gradcore.special.ndtr(out), x)
    assert x.lerp_(gradcore.ones(2), 0.5) is x
    assert gradcore.allclose(x, gradcore.tensor([0.6, 0.7]))


def test_kernels_are_quiet_at_poles():
    """They are called with NumPy's warnings on, too, and warnings are errors here."""
    from gradcore.backends.cpu import special

    poles = np.array([0.0, -0.0, -1.0, -2.0, math.inf, -math.inf, math.nan])
    assert special.lgamma(poles)[:-1].tolist() == [math.inf] * 6
    digamma = special.digamma(poles)
    assert digamma[0] == -math.inf
    assert digamma[1] == math.inf
    assert np.isnan(digamma[[2, 3, 5, 6]]).all()


def test_sigmoid_of_large_negative_numbers_is_relatively_accurate():
    x = [-20.0, -50.0, -87.0, -1.0, 0.0, 90.0]
    found = gradcore.sigmoid(gradcore.tensor(x)).numpy()
    np.testing.assert_allclose(found, torch.sigmoid(torch.tensor(x)).numpy(), rtol=1e-6)
