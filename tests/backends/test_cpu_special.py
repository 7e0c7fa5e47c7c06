"""The float32 special functions against the float64 ones, on ordinary and extreme arguments."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import special

EXTREME = [np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 1e-30, -1e-30, 3e20, 0.5, -0.5]
# name: (from, to, relative error)
RANGES = {
    "digamma": (0.01, 40, 3e-7),
    "erf": (-5, 5, 4e-7),
    "erfc": (-5, 9, 9e-7),
    "erfinv": (-0.9999999, 0.9999999, 5e-7),
    "expit": (-80, 80, 3e-7),
    "lgamma": (0.01, 40, 1e-7),
}


def wide(name, x):
    with np.errstate(all="ignore"):
        return getattr(special, name)(x.astype("f8"))


@pytest.mark.parametrize("name", RANGES)
def test_float32_is_accurate(name):
    low, high, tolerance = RANGES[name]
    x = np.random.default_rng(0).uniform(low, high, 50_000).astype("f4")
    with np.errstate(all="ignore"):
        got = getattr(special, name)(x)
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, wide(name, x), rtol=tolerance, atol=1e-37)


@pytest.mark.parametrize("name", [*RANGES, "logit"])
def test_extreme_arguments(name):
    x = np.array(EXTREME, "f4")
    with np.errstate(all="ignore"):
        got, want = getattr(special, name)(x), wide(name, x).astype("f4")
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-37)
    if name in ("erf", "erfinv"):
        assert (np.signbit(got[3:5]) == [False, True]).all()


def test_erfinv_of_numbers_next_to_one():
    x = 1 - np.arange(9, dtype="f4") * np.float32(2**-24)
    with np.errstate(all="ignore"):
        got = special.erfinv(x)
    assert got[0] == np.inf
    np.testing.assert_allclose(got[1:], wide("erfinv", x)[1:], rtol=5e-7)


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_gamma_functions_of_negative_numbers(name):
    x = np.random.default_rng(0).uniform(-20, 0, 40_000).astype("f4")
    with np.errstate(all="ignore"):
        got = getattr(special, name)(x)
    want = wide(name, x)
    np.testing.assert_allclose(got, want, rtol=2e-7, atol=1e-12)


def test_lgamma_next_to_its_zeros():
    x = np.array([1, 2], "f4")
    assert special.lgamma(x).tolist() == [0, 0]
    near = np.concatenate([np.nextafter(x, np.float32(0)), np.nextafter(x, np.float32(9))])
    np.testing.assert_allclose(special.lgamma(near), wide("lgamma", near), rtol=1e-6)


@pytest.mark.parametrize("name", [*RANGES, "logit"])
def test_out_and_shapes(name):
    x = np.random.default_rng(0).uniform(0.1, 0.9, (30, 40)).astype("f4")
    function = getattr(special, name)
    want = function(x)
    np.testing.assert_array_equal(function(x, out=np.empty_like(x)), want)
    np.testing.assert_array_equal(function(x.T), want.T)
    assert function(x[0, 0]).shape == () and function(x[:0]).shape == (0, 40)
    held = x.copy()
    assert function(held, out=held) is held
    np.testing.assert_array_equal(held, want)
