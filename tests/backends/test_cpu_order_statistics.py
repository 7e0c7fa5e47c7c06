"""Median, nanmedian and mode by sorted values against the generic bodies, which sort indices."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import blocks, order_statistics
from gradcore.backends.cpu.threads import get_num_threads, set_num_threads
from gradcore.ops.op import OPS

RNG = np.random.default_rng(0)
SHAPES = [(1,), (2,), (9,), (40, 31), (5, 6, 70), (3, 2001), (2001, 3)]
KINDS = ["distinct", "tied", "nan", "ties and nan", "all nan", "infinite"]
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
by_name = pytest.mark.parametrize("name", ["median", "nanmedian", "mode"])


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request, monkeypatch):
    """One thread, or three that share blocks of a few rows."""
    if request.param > 1:
        for name in ("GRAIN", "_SERIAL_BLOCK", "_PARALLEL_BLOCK"):
            monkeypatch.setattr(blocks, name, 300)
    before = get_num_threads()
    set_num_threads(request.param)
    yield request.param
    set_num_threads(before)


def values(shape, kind, dtype="float32"):
    x = RNG.standard_normal(shape) if kind == "distinct" else RNG.integers(0, 5, shape)
    x = np.asarray(x, dtype)
    if kind in ("nan", "ties and nan"):
        x[RNG.random(shape) < 0.2] = np.nan
    if kind == "all nan":
        x[...] = np.nan
    if kind == "infinite":
        x[RNG.random(shape) < 0.4] = np.inf
        x[RNG.random(shape) < 0.4] = -np.inf
    return x


def assert_same(found, expected):
    for result, value in zip(found, expected, strict=True):
        assert result.dtype == value.dtype
        np.testing.assert_array_equal(result, value)


@by_name
@by_shape
@pytest.mark.parametrize("kind", KINDS)
def test_values_and_indices(name, shape, kind):
    kernel, body = getattr(order_statistics, name), OPS[name].body
    x = values(shape, kind)
    for axis in range(x.ndim):
        for keepdims in (False, True):
            expected = body(np, x, axis=axis, keepdims=keepdims)
            assert_same(kernel(np, x, axis=axis, keepdims=keepdims), expected)
            assert_same(kernel(np, np.asfortranarray(x), axis=axis, keepdims=keepdims), expected)


@by_name
@pytest.mark.parametrize("dtype", ["float64", "float16", "uint8", "int64"])
def test_dtypes(name, dtype):
    x = values((30, 41), "tied", dtype)
    expected = OPS[name].body(np, x, axis=1, keepdims=False)
    assert_same(getattr(order_statistics, name)(np, x, axis=1, keepdims=False), expected)


def test_mode_of_bools():
    x = RNG.random((20, 9)) < 0.5
    expected = OPS["mode"].body(np, x, axis=1, keepdims=False)
    assert_same(order_statistics.mode(np, x, axis=1, keepdims=False), expected)


@pytest.mark.parametrize("name", ["median_all", "nanmedian_all"])
@by_shape
@pytest.mark.parametrize("kind", KINDS)
def test_of_all_elements(name, shape, kind):
    x = values(shape, kind)
    found = getattr(order_statistics, name)(np, x)
    assert found.shape == () and found.dtype == x.dtype
    np.testing.assert_array_equal(found, OPS[name].body(np, x))


@by_name
def test_nothing_to_choose_from_is_declined(name):
    kernel = getattr(order_statistics, name)
    assert kernel(np, np.ones((0, 3), "f"), axis=1, keepdims=False) is NotImplemented
    assert kernel(np, np.float32(1).reshape(()), axis=0, keepdims=False) is NotImplemented
