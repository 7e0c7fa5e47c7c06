"""Values and derivatives where a formula divides by zero or meets inf and NaN, as PyTorch's."""

from __future__ import annotations

import math

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

INF = math.inf


def derivatives(package, function, *arrays):
    """The value, the first derivatives, and the derivatives of the sum of those."""
    inputs = [package.tensor(a, dtype=package.float64, requires_grad=True) for a in arrays]
    out = function(package, *inputs)
    first = package.autograd.grad(out.sum(), inputs, create_graph=True)
    results = [out, *first]
    for grad in first:
        second = [None] * len(inputs)
        if grad.requires_grad:
            second = package.autograd.grad(grad.sum(), inputs, retain_graph=True, allow_unused=True)
        results += [
            package.zeros_like(x) if g is None else g for x, g in zip(inputs, second, strict=True)
        ]
    return [r.numpy(force=True) for r in results]


def compare(function, *arrays):
    results = (derivatives(package, function, *arrays) for package in (torch, gradcore))
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("ord", [0.5, 1, 1.5, 2, 3.5, INF, -0.5, -1, -2, -INF])
@pytest.mark.parametrize("values", [np.zeros(5), np.array([1.0, -2.0, 3.0])])
def test_norms(ord, values):
    compare(lambda package, x: package.linalg.vector_norm(x, ord), values)


def test_norms_of_rows_of_which_one_is_zero():
    rows = np.array([[0.0, 0.0], [3.0, 4.0]])
    compare(lambda package, x: package.linalg.norm(x, dim=1), rows)


@pytest.mark.parametrize("name", ["logaddexp", "logaddexp2"])
def test_logaddexp_of_infinities(name):
    x, y = [-INF, -INF, 1.0, INF, INF, 2.0, 5.0], [-INF, 2.0, -INF, INF, -INF, 2.0, -5.0]
    compare(lambda package, a, b: getattr(package, name)(a, b), x, y)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
def test_polygamma_of_negative_numbers_beside_what_is_no_number(n):
    x = [-8.974583, math.nan, -8.3387, 3.0, INF, -20.5, -0.25]
    expected, got = (
        package.polygamma(n, package.tensor(x, dtype=package.float64)).numpy()
        for package in (torch, gradcore)
    )
    np.testing.assert_allclose(got, expected, rtol=1e-9)


@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_nearest_samples_have_zero_derivatives_by_their_places(padding):
    rng = np.random.default_rng(0)
    image, grid = rng.standard_normal((1, 2, 4, 4)), rng.uniform(-1.2, 1.2, (1, 3, 3, 2))
    grid[0, 0, 0, 0], grid[0, 1, 1, 1] = math.nan, INF

    def sample(package, x, places):
        return package.nn.functional.grid_sample(
            x, places, mode="nearest", padding_mode=padding, align_corners=False
        )

    compare(sample, image, grid)
