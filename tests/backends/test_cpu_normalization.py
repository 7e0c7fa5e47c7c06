"""The CPU kernels of batch, layer and group norm against the generic bodies in float64."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import blocks, normalization
from gradcore.backends.cpu.threads import get_num_threads, set_num_threads
from gradcore.ops.op import OPS

RNG = np.random.default_rng(0)
# Shape, axes of the statistics, shape of the parameters.
CASES = {
    "batch norm, long channels": ((8, 3, 90, 90), (0, 2, 3), (1, 3, 1, 1)),
    "batch norm, short channels": ((5, 40, 3, 3), (0, 2, 3), (1, 40, 1, 1)),
    "batch norm of vectors": ((700, 6), (0,), (1, 6)),
    "instance norm": ((4, 6, 9, 10), (2, 3), (1, 6, 1, 1)),
    "layer norm": ((7, 90, 33), (2,), (1, 1, 33)),
    "layer norm, two axes": ((11, 8, 33), (1, 2), (1, 8, 33)),
    "layer norm, an axis of length 1": ((6, 1, 33), (1, 2), (1, 1, 33)),
    "layer norm, long rows": ((3, 5, 5000), (2,), (1, 1, 5000)),
    "group norm": ((3, 2, 4, 5, 6), (2, 3, 4), (1, 2, 4, 1, 1)),
    "group norm, large samples": ((2, 3, 4, 60, 70), (2, 3, 4), (1, 3, 4, 1, 1)),
    "one element per channel": ((9, 4, 1, 1), (0, 2, 3), (1, 4, 1, 1)),
}
by_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request, monkeypatch):
    """One thread, or three that share blocks of a few hundred elements."""
    if request.param > 1:
        monkeypatch.setattr(normalization, "_GRAIN", 100)
        for name in ("_SERIAL_BLOCK", "_PARALLEL_BLOCK"):
            monkeypatch.setattr(blocks, name, 400)
    before = get_num_threads()
    set_num_threads(request.param)
    yield request.param
    set_num_threads(before)


def arguments(case, dtype, with_parameters):
    shape, axes, param_shape = case
    x = (RNG.standard_normal(shape) * 2 + 3).astype(dtype)
    flat = [n for n in param_shape if n != 1] or [1]
    parameters = [RNG.standard_normal(flat).astype(dtype) for _ in range(2)]
    options = {"axes": axes, "param_shape": param_shape, "eps": 1e-5}
    return x, *(parameters if with_parameters else (None, None)), options


def as_float64(*arrays):
    return [None if x is None else x.astype("d") for x in arrays]


def assert_close(results, expected, dtype):
    tolerance = 1e-4 if dtype == "f" else 1e-11
    for result, value in zip(results, expected, strict=True):
        assert result.shape == value.shape
        assert result.dtype == dtype
        np.testing.assert_allclose(result, value, tolerance, tolerance * np.abs(value).max())


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("with_parameters", [True, False])
@by_case
def test_forward_and_backward(case, dtype, with_parameters):
    x, weight, bias, options = arguments(case, dtype, with_parameters)
    forward, backward = OPS["batch_norm"].body, OPS["batch_norm_backward"].body
    results = normalization.normalize(np, x, weight, bias, **options)
    expected = forward(np, *as_float64(x, weight, bias), **options)
    assert_close(results, expected, dtype)
    g = RNG.standard_normal(x.shape).astype(dtype)
    gradients = normalization.normalize_backward(np, g, x, weight, *results[1:], **options)
    wide = as_float64(g, x, weight)
    assert_close(gradients, backward(np, *wide, *expected[1:], **options), dtype)


@by_case
def test_inputs_in_another_memory_order(case):
    x, weight, bias, options = arguments(case, "f", True)
    other = np.asfortranarray(x)
    results = normalization.normalize(np, x, weight, bias, **options)
    for a, b in zip(
        normalization.normalize(np, other, weight, bias, **options), results, strict=True
    ):
        np.testing.assert_array_equal(a, b)
    g = np.broadcast_to(np.float32(2), x.shape)
    stats = results[1:]
    expected = normalization.normalize_backward(np, g.copy(), x, weight, *stats, **options)
    given = normalization.normalize_backward(np, g, other, weight, *stats, **options)
    for a, b in zip(given, expected, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_mean_far_from_zero_costs_no_digits():
    x = (RNG.standard_normal((16, 4, 50)) + 1e4).astype("f")
    options = {"axes": (0, 2), "param_shape": (1, 4, 1), "eps": 0.0}
    out, _, var = normalization.normalize(np, x, **options)
    np.testing.assert_allclose(var.reshape(-1), x.astype("d").var((0, 2)), 1e-3)
    np.testing.assert_allclose(out.std((0, 2)), 1, 1e-3)


@pytest.mark.parametrize("shape", [(700, 6), (5, 40, 3, 3), (8, 3, 90, 9)], ids=str)
@pytest.mark.parametrize("with_parameters", [True, False])
def test_batch_norm_by_given_statistics(shape, with_parameters):
    x = RNG.standard_normal(shape).astype("f")
    mean, weight, bias = (RNG.standard_normal(shape[1]).astype("f") for _ in range(3))
    var = RNG.random(shape[1]).astype("f") + np.float32(0.1)
    arguments = [x, mean, var, *([weight, bias] if with_parameters else [None, None])]
    out = normalization.batch_norm_fixed(np, *arguments, eps=1e-3)
    expected = OPS["batch_norm_fixed"].body(np, *as_float64(*arguments), eps=1e-3)
    assert_close([out], [expected], "f")
    given = normalization.batch_norm_fixed(np, np.asfortranarray(x), *arguments[1:], eps=1e-3)
    np.testing.assert_array_equal(given, out)


@pytest.mark.parametrize("shape", [(700, 6), (5, 40, 3, 3), (8, 3, 90, 9)], ids=str)
def test_gradients_of_parameters_with_given_statistics(shape):
    x, y = RNG.standard_normal((2, *shape)).astype("f")
    mean = RNG.standard_normal(shape[1]).astype("f")
    var = RNG.random(shape[1]).astype("f") + np.float32(0.1)
    found = normalization.batch_norm_fixed_sums(np, y, x, mean, var, eps=1e-3)
    body = OPS["batch_norm_fixed_sums"].body
    assert_close(found, body(np, *as_float64(y, x, mean, var), eps=1e-3), "f")
    given = normalization.batch_norm_fixed_sums(np, y, np.asfortranarray(x), mean, var, eps=1e-3)
    np.testing.assert_array_equal(given, found)


def test_what_does_not_fit_is_declined():
    x = RNG.standard_normal((3, 4, 5)).astype("f")
    by_last = {"axes": (2,), "param_shape": (1, 1, 5), "eps": 1e-5}
    assert normalization.normalize(np, x.astype("e"), **by_last) is NotImplemented
    assert normalization.normalize(np, x[:0], **by_last) is NotImplemented
    stats = np.ones(4, "f")
    declined = normalization.batch_norm_fixed(np, x.astype("e"), stats, stats, eps=1e-5)
    assert declined is NotImplemented
    odd = {"axes": (1,), "param_shape": (1, 4, 1), "eps": 1e-5}
    assert normalization.normalize(np, x, **odd) is NotImplemented
