"""Compiled batch, layer, group and instance norm against NumPy's kernels in float64."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore
from gradcore.backends.cpu import native, normalization
from gradcore.backends.cpu.native import norms, row_loops

pytestmark = [
    pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed"),
    pytest.mark.usefixtures("compile_at_once"),
]

# shape, axes, param_shape
CASES = {
    "layer norm": ((150, 100), (1,), (1, 100)),
    "layer norm of long rows": ((3, 9_000), (1,), (1, 9_000)),
    "layer norm over two axes": ((6, 5, 20), (1, 2), (1, 5, 20)),
    "layer norm of everything": ((5, 20), (0, 1), (5, 20)),
    "group norm": ((6, 4, 3, 9, 8), (2, 3, 4), (1, 4, 3, 1, 1)),
    "group norm of large images": ((2, 2, 3, 80, 70), (2, 3, 4), (1, 2, 3, 1, 1)),
    "group norm of small images": ((7, 4, 3, 2, 3), (2, 3, 4), (1, 4, 3, 1, 1)),
    "instance norm": ((4, 5, 200), (2,), (1, 5, 1)),
    "instance norm of short channels": ((4, 5, 7), (2,), (1, 5, 1)),
    "batch norm": ((7, 12, 9, 8), (0, 2, 3), (1, 12, 1, 1)),
    "batch norm of long channels": ((3, 2, 9_000), (0, 2), (1, 2, 1)),
    "batch norm of small images": ((40, 12, 5, 5), (0, 2, 3), (1, 12, 1, 1)),
    "batch norm of a matrix": ((300, 70), (0,), (1, 70)),
    "batch norm of many columns": ((9, 1_000), (0,), (1, 1_000)),
    "batch norm of one channel": ((9, 1, 50), (0, 2), (1, 1, 1)),
}
by_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
by_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
TOLERANCE = {"float32": 1e-6, "float64": 2e-15}


def operands(case, dtype, offset=3.0):
    shape, _, param_shape = case
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, *shape))
    weight, bias = rng.standard_normal((2, np.prod(param_shape)))
    return [a.astype(dtype) for a in (x + offset, y, weight, bias)]


def wide(*arrays):
    return [None if a is None else a.astype("d") for a in arrays]


def assert_close(found, expected, scale=1):
    for a, b in zip(found, expected, strict=True):
        assert a.shape == b.shape
        tolerance = TOLERANCE[a.dtype.name] * scale
        size = max(np.abs(b).max(), 1)
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance * size)


@by_case
@by_dtype
@pytest.mark.parametrize("has_parameters", [True, False], ids=["parameters", "none"])
def test_results_and_gradients(case, dtype, has_parameters, threads):
    x, y, weight, bias = operands(case, dtype)
    if not has_parameters:
        weight = bias = None
    options = {"axes": case[1], "param_shape": case[2], "eps": 1e-5}
    found = norms.normalize(np, x, weight, bias, **options)
    expected = normalization.normalize(np, *wide(x, weight, bias), **options)
    assert all(a.dtype == dtype for a in found)
    assert_close(found, expected, scale=2)
    gradients = norms.normalize_backward(np, y, x, weight, *found[1:], **options)
    expected = normalization.normalize_backward(np, *wide(y, x, weight), *expected[1:], **options)
    assert all(a.dtype == dtype for a in gradients)
    assert_close(gradients, expected, scale=2)


@by_case
def test_the_number_of_threads_changes_no_bit(case, monkeypatch):
    monkeypatch.setattr(row_loops, "_SHARED_FROM_NS", 0.0)
    x, y, weight, bias = operands(case, "float32")
    options = {"axes": case[1], "param_shape": case[2], "eps": 1e-5}
    before = gradcore.get_num_threads()
    results = []
    for threads in (1, 2, 3):
        gradcore.set_num_threads(threads)
        found = norms.normalize(np, x, weight, bias, **options)
        gradients = norms.normalize_backward(np, y, x, weight, *found[1:], **options)
        results.append([*found, *gradients])
    gradcore.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@by_case
def test_a_mean_far_from_zero_costs_no_accuracy(case):
    """The variance is that of deviations; sums of squares would be off by 10 %."""
    x, *_ = operands(case, "float32", offset=1000.0)
    options = {"axes": case[1], "param_shape": case[2], "eps": 1e-5}
    _, mean, var = norms.normalize(np, x, **options)
    np.testing.assert_allclose(mean, x.astype("d").mean(case[1], keepdims=True), rtol=2e-7)
    np.testing.assert_allclose(var, x.astype("d").var(case[1], keepdims=True), rtol=5e-7)


@by_case
def test_what_is_not_finite_stays_in_its_row_or_channel(case):
    x, _, weight, bias = operands(case, "float32")
    options = {"axes": case[1], "param_shape": case[2], "eps": 1e-5}
    x[(0,) * x.ndim] = np.inf
    out, mean, var = norms.normalize(np, x, weight, bias, **options)
    expected = normalization.normalize(np, x, weight, bias, **options)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(expected[0]))
    np.testing.assert_array_equal(mean[~np.isfinite(mean)], np.inf)
    assert np.isnan(var.ravel()[0])


@by_dtype
def test_arrays_that_are_not_dense(dtype):
    x, y, weight, bias = operands(CASES["batch norm"], dtype)
    options = {"axes": (0, 2, 3), "param_shape": (1, 12, 1, 1), "eps": 1e-5}
    strided = [np.asfortranarray(a) for a in (x, y)]
    weights = np.repeat(weight, 2)[::2]
    found = norms.normalize(np, strided[0], weights, bias, **options)
    expected = norms.normalize(np, x, weight, bias, **options)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)
    found = norms.normalize_backward(np, *strided[::-1], weights, *found[1:], **options)
    expected = norms.normalize_backward(np, y, x, weight, *expected[1:], **options)
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_array_equal(a, b)


@by_dtype
@pytest.mark.parametrize("shape", [(50, 30), (5, 7, 3), (6, 4, 9, 20)], ids=str)
def test_given_statistics(shape, dtype, threads):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    mean, var, weight, bias = rng.uniform(0.5, 2, (4, shape[1])).astype(dtype)
    for parameters in ((weight, bias), (weight, None), (None, bias), (None, None)):
        found = norms.batch_norm_fixed(np, x, mean, var, *parameters, eps=1e-5)
        expected = normalization.batch_norm_fixed(np, *wide(x, mean, var, *parameters), eps=1e-5)
        assert found.dtype == dtype
        assert_close([found], [expected], scale=2)


@by_dtype
@pytest.mark.parametrize("shape", [(5, 7, 70), (6, 4, 9, 20)], ids=str)
def test_gradients_of_parameters_with_given_statistics(shape, dtype, threads):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((2, *shape)).astype(dtype)
    mean, var = rng.uniform(0.5, 2, (2, shape[1])).astype(dtype)
    found = norms.batch_norm_fixed_sums(np, y, x, mean, var, eps=1e-5)
    expected = normalization.batch_norm_fixed_sums(np, *wide(y, x, mean, var), eps=1e-5)
    assert [a.dtype for a in found] == [dtype, dtype]
    assert_close(found, expected, scale=2)


def test_declines_what_it_does_not_cover():
    x = np.ones((4, 3, 5), "float32")
    options = {"axes": (1,), "param_shape": (1, 3, 1), "eps": 1e-5}
    assert norms.normalize(np, x, **options) is NotImplemented
    options = {"axes": (2,), "param_shape": (1, 1, 5), "eps": 1e-5}
    assert norms.normalize(np, x.astype("float16"), **options) is NotImplemented
    assert norms.normalize(np, x, np.ones(5), **options) is NotImplemented
    assert norms.normalize(np, x[:0], **options) is NotImplemented
    assert norms.batch_norm_fixed(np, x, np.ones(3), np.ones(3), eps=0.0) is NotImplemented
    stats = np.ones(3, "float32")
    short = norms.batch_norm_fixed_sums(np, x, x, stats, stats, eps=0.0)
    assert short is NotImplemented
