"""Compiled gamma functions against NumPy's kernels and the C library's."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gradcore.backends.cpu import native, pointwise, special_float32
from gradcore.backends.program import trace
from gradcore.backends.special import special

pytestmark = pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed")

INTEGERS = np.arange(-4.0, 5)
EXTREMES = [math.nan, math.inf, -math.inf, -0.0, 1e-44, -1e-44, 3.4e38, -3.4e38, 1e9, -8388607.5]


def numbers():
    rng = np.random.default_rng(0)
    near = [n + rng.uniform(-1e-3, 1e-3, 500) for n in INTEGERS]
    wide = 10.0 ** rng.uniform(-40, 37, 2000)
    parts = [rng.uniform(-9, 9, 5000), rng.uniform(-200, 200, 5000), *near, wide, -wide]
    return np.concatenate([*parts, INTEGERS, EXTREMES]).astype(np.float32)


def compiled(name, x):
    program = trace(lambda xp, x: getattr(special(xp), name)(x), ("array",))
    found = pointwise.run(program, (x,), ())
    (plan,) = program.cpu_plans.values()
    assert any(plan.kernels.values()), "no kernel was compiled"
    return found


@pytest.mark.parametrize("name", ["lgamma", "digamma"])
def test_gamma_functions_equal_numpys(name):
    x = numbers()
    expected = np.empty_like(x)
    with np.errstate(all="ignore"):
        getattr(special_float32, name)(x.copy(), expected)
    found = compiled(name, x)
    np.testing.assert_allclose(found, expected, rtol=3e-7, atol=1e-7 if name == "digamma" else 0)
    np.testing.assert_array_equal(np.signbit(found[x == 0]), np.signbit(expected[x == 0]))


def test_lgamma_is_rounded_once():
    x = np.random.default_rng(1).uniform(-30, 40, 5000).astype(np.float32)
    exact = np.array([math.lgamma(float(value)) for value in x])
    np.testing.assert_allclose(compiled("lgamma", x), exact, rtol=6e-8, atol=1e-13)
