"""The CPU's resampling and sampling kernels against the generic bodies."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import resample as cpu_resample
from gradcore.backends.cpu import sample as cpu_sample
from gradcore.ops import resample as ops
from gradcore.ops.op import OPS

TABLES = {
    "nearest": ops.nearest_taps(70, 90, False, None),
    "linear": ops.linear_taps(70, 131, False, None),
    "corners": ops.linear_taps(70, 33, True, None),
    "cubic": ops.cubic_taps(70, 140, False, None),
    "antialias": ops.antialias_taps(70, 9, "bilinear", False, None),
    "transposed": ops.linear_taps(131, 70, False, None).transposed,
}


def random(seed, *shape, dtype="float32"):
    return np.random.default_rng(seed).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", TABLES)
def test_resample(name, dtype, axis):
    taps = TABLES[name]
    shape = [3, 4, 5]
    shape[axis] = taps.inputs
    x = random(0, *shape, dtype=dtype)
    got = cpu_resample.resample(np, x, axis=axis, taps=taps)
    want = OPS["resample"].body(np, x, axis=axis, taps=taps)
    assert got.dtype == want.dtype
    tolerance = {"float16": 2e-3, "float32": 1e-6, "float64": 1e-14}[dtype]
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_resample_keeps_infinities_where_they_are():
    x = random(1, 4, 70)
    x[1, 3] = np.inf
    taps = TABLES["linear"]
    assert cpu_resample.resample(np, x, axis=1, taps=taps) is NotImplemented
    out = OPS["resample"](x, axis=1, taps=taps)
    assert np.isfinite(out[:, 20:]).all() and not np.isfinite(out[1]).all()


def test_resample_declines_few_taps_from_many_inputs():
    taps = ops.linear_taps(4000, 10, False, None)
    assert cpu_resample.resample(np, random(2, 2, 4000), axis=1, taps=taps) is NotImplemented


def test_resample_of_columns_of_a_larger_array():
    x = random(3, 6, 140)[:, ::2]
    taps = TABLES["linear"]
    want = OPS["resample"].body(np, x, axis=1, taps=taps)
    got = cpu_resample.resample(np, x, axis=1, taps=taps)
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def points(channels, dtype):
    """Elements, weights, indices (some below 0), and values of the outputs."""
    rng = np.random.default_rng(channels)
    indices = rng.integers(-9, 50, (2, 3, 400))
    arrays = [random(i, *shape, dtype=dtype) for i, shape in
              enumerate([(2, channels, 50), (2, 3, 400), (2, channels, 400)])]  # fmt: skip
    return arrays[0], arrays[1], indices, arrays[2]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("channels", [1, 3, 4, 300])
def test_sampling_at_points(channels, dtype):
    x, weights, indices, y = points(channels, dtype)
    calls = {
        "gather_weighted": ((x, weights, indices), {}),
        "scatter_weighted": ((y, weights, indices), {"size": 50}),
        "dot_gathered": ((y, x, indices), {}),
    }
    tolerance = 1e-3 if dtype == "float32" else 1e-11
    for name, (arguments, options) in calls.items():
        got = getattr(cpu_sample, name)(np, *arguments, **options)
        want = OPS[name].body(np, *arguments, **options)
        assert got.dtype == want.dtype
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)


def test_few_points_of_large_images_are_left_to_the_generic_body():
    _, weights, indices, _ = points(4, "float32")
    large = np.zeros((2, 4, 5000), "float32")
    assert cpu_sample.gather_weighted(np, large, weights, indices) is NotImplemented


def test_what_is_outside_counts_for_nothing_beside_infinite_elements():
    x, weights, indices, _ = points(4, "float32")
    x[...] = np.inf
    indices[...] = -1
    assert not cpu_sample.gather_weighted(np, x, weights, indices).any()
