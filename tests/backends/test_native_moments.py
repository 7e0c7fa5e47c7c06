"""Compiled variance and standard deviation against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import block_reduce, native
from gradcore.backends.cpu.native import moments

pytestmark = [
    pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed"),
    pytest.mark.usefixtures("compile_at_once"),
]

by_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
TOLERANCE = {"float32": 1e-6, "float64": 2e-15}


def numbers(shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).uniform(-9, 9, shape).astype(dtype)


def assert_close(found, expected, scale=1):
    assert found.shape == expected.shape
    tolerance = TOLERANCE[found.dtype.name] * scale
    size = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * size)


@by_dtype
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((30, 101), (1,)),
        ((4, 5, 6), (1, 2)),
        ((50_000,), (0,)),
        ((3, 40_000), None),
        ((9, 1), (1,)),
    ],
)
def test_variance_and_mean(shape, axes, dtype, threads):
    x = numbers(shape, dtype) + 100
    for keepdims in (False, True):
        options = {"axes": axes, "correction": 0, "keepdims": keepdims}
        found = moments.var_mean(np, x, **options)
        expected = block_reduce.var_mean(np, x.astype("d"), **options)
        for a, b in zip(found, expected, strict=True):
            assert_close(a, b, scale=2)
        deviation, mean = moments.std_mean(np, x, **options)
        np.testing.assert_array_equal(deviation, np.sqrt(found[0]))
        np.testing.assert_array_equal(mean, found[1])


def test_variance_without_degrees_of_freedom():
    x = np.array([[1.0], [np.inf]], "float32")
    var, mean = moments.var_mean(np, x, axes=(1,), correction=1, keepdims=False)
    assert np.isnan(var).all()
    np.testing.assert_array_equal(mean, [1, np.inf])


def test_variance_of_equal_numbers():
    """No rounding error makes it negative, which would have no square root."""
    x = np.repeat(np.random.default_rng(0).uniform(-9, 9, (200, 1)), 999, axis=1).astype("float32")
    deviation, _ = moments.std_mean(np, x, axes=(1,), correction=1, keepdims=True)
    np.testing.assert_array_less(deviation, 1e-9)


def test_declines_what_it_does_not_cover():
    x, options = numbers((4, 5)), {"correction": 1, "keepdims": False}
    assert moments.var_mean(np, x, axes=(0,), **options) is NotImplemented
    assert moments.var_mean(np, x, axes=(), **options) is NotImplemented
    assert moments.var_mean(np, x.T, axes=(1,), **options) is NotImplemented
    assert moments.std_mean(np, x.astype("float16"), axes=None, **options) is NotImplemented
