"""The CPU kernels of the cross entropy against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import loss
from gradcore.backends.cpu.threads import get_num_threads, set_num_threads
from gradcore.ops import loss as ops

RNG = np.random.default_rng(0)


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request):
    before = get_num_threads()
    set_num_threads(request.param)
    yield request.param
    set_num_threads(before)


@pytest.mark.parametrize("dtype", "fd")
@pytest.mark.parametrize("shape", [(900, 10), (300, 700), (2, 70_000), (70_000, 2)], ids=str)
def test_parts_and_gradient(shape, dtype):
    x = (RNG.standard_normal(shape) * 30 + 200).astype(dtype)
    target, factors = RNG.integers(0, shape[1], shape[0]), RNG.random(shape[0]).astype(dtype)
    high, sums = loss.softmax_parts(np, x)
    wide = x.astype("d")
    exponentials = np.exp(wide - wide.max(1, keepdims=True))
    np.testing.assert_array_equal(high, x.max(1, keepdims=True))
    tolerance = 2e-5 if dtype == "f" else 1e-12
    np.testing.assert_allclose(sums, exponentials.sum(1, keepdims=True), tolerance)
    result = loss.softmax_minus_one_hot(np, x, high, sums, target, factors)
    expected = exponentials / exponentials.sum(1, keepdims=True)
    expected[np.arange(len(x)), target] -= 1
    np.testing.assert_allclose(result, expected * factors[:, None], tolerance, tolerance)


@pytest.mark.parametrize("wrong", [-1, 3, -101])
def test_targets_out_of_bounds(wrong):
    x, options = np.zeros((2, 3)), {"ignore_index": -100, "reduction": "mean"}
    with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds."):
        loss.cross_entropy(np, x, np.array([0, wrong]), None, None, None, **options)
    ignored = loss.cross_entropy(np, x, np.array([0, -100]), None, None, None, **options)
    assert ignored is NotImplemented


@pytest.mark.parametrize("reduction", ["none", "sum", "mean"])
@pytest.mark.parametrize("dtype", "fd")
def test_without_weights_and_masks(reduction, dtype):
    x = RNG.standard_normal((50, 7)).astype(dtype) * 20
    target = RNG.integers(0, 7, 50, dtype=np.uint8)
    options = {"ignore_index": -100, "reduction": reduction}
    arguments = [x, target, *ops.softmax_parts.body(np, x)]
    found = loss.cross_entropy(np, *arguments, **options)
    for result, value in zip(found, ops.cross_entropy.body(np, *arguments, **options), strict=True):
        assert np.asarray(result).dtype == (dtype if np.asarray(value).dtype.kind == "f" else "q")
        np.testing.assert_allclose(result, value, 1e-6)


def test_weights_and_ignored_classes_are_left_to_the_generic_body():
    x, target = np.zeros((2, 3)), np.array([0, 2])
    parts = ops.softmax_parts.body(np, x)
    options = {"ignore_index": 1, "reduction": "mean"}
    assert loss.cross_entropy(np, x, target, *parts, None, **options) is NotImplemented
    options["ignore_index"] = -100
    assert loss.cross_entropy(np, x, target, *parts, np.ones(3), **options) is NotImplemented


def test_what_does_not_fit_is_declined():
    assert loss.softmax_parts(np, np.zeros((3, 4), "f")) is NotImplemented
    assert loss.softmax_parts(np, np.zeros((300, 400), "e")) is NotImplemented
