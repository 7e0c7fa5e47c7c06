"""Compiled weighted sums at points against the ops' bodies."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import native
from gradcore.backends.cpu.native import calls, sample
from gradcore.ops import resample

pytestmark = pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed")

# images, channels, elements, neighbours, points
CASES = {
    "bilinear": (2, 6, 50, 4, 70),
    "one channel": (3, 1, 9, 4, 20),
    "nearest": (2, 5, 30, 1, 600),
    "three dimensions": (1, 8, 64, 8, 1030),
    "bicubic": (1, 4, 40, 16, 33),
}


@pytest.fixture(autouse=True)
def compile_at_once(monkeypatch):
    monkeypatch.setattr(calls, "is_eager", lambda: True)
    monkeypatch.setattr(sample, "_NS", 1e6)  # several chunks for arrays of any size
    for kernel in (sample._gather_weighted, sample._scatter_weighted, sample._dot_gathered):
        kernel.cache_clear()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_sums_at_points(case, dtype):
    batch, channels, size, count, points = case
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal((batch, channels, n)).astype(dtype) for n in (size, points))
    weights = rng.random((batch, count, points)).astype(dtype)
    indices = rng.integers(-1, size, (batch, count, points))
    indices[0, 0, :3] = -1000
    found = [
        sample.gather_weighted(np, x, weights, indices),
        sample.scatter_weighted(np, y, weights, indices, size=size),
        sample.dot_gathered(np, y, x, indices),
    ]
    expected = [
        resample.gather_weighted.body(np, x, weights, indices),
        resample.scatter_weighted.body(np, y, weights, indices, size=size),
        resample.dot_gathered.body(np, y, x, indices),
    ]
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    for one, other in zip(found, expected, strict=True):
        assert one.dtype == dtype
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)


def test_outside_is_zero_whatever_is_inside():
    x = np.full((1, 1, 4), np.inf, "float32")
    indices = np.full((1, 1, 3), -1)
    found = sample.gather_weighted(np, x, np.ones((1, 1, 3), "float32"), indices)
    assert found.tolist() == [[[0, 0, 0]]]


def test_what_is_declined():
    x, weights = np.ones((1, 2, 4), "float32"), np.ones((1, 4, 3), "float32")
    indices = np.zeros((1, 4, 3), int)
    for operands in (
        (x.astype("float16"), weights, indices),
        (x, weights.astype("float64"), indices),
        (x[:, :0], weights, indices),
        (x, weights[..., :0], indices[..., :0]),
    ):
        assert sample.gather_weighted(np, *operands) is NotImplemented
