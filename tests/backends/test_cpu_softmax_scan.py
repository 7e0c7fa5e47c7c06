"""The CPU kernels of softmax and of running sums and products against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import blocks, scan, softmax
from gradcore.backends.cpu.threads import get_num_threads, set_num_threads

RNG = np.random.default_rng(0)
SHAPES = [(7,), (5, 6), (30, 101), (9, 20, 80), (2, 10_003), (10_003, 2), (3, 50, 300)]
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)


@pytest.fixture(autouse=True)
def quiet():
    """The backend runs its kernels with NumPy's floating point warnings off."""
    with np.errstate(all="ignore"):
        yield


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    """One thread, or three that share also what is too small to be worth it."""
    if request.param > 1:
        for name in ("GRAIN", "_SERIAL_BLOCK", "_PARALLEL_BLOCK"):
            monkeypatch.setattr(blocks, name, 1000)
        monkeypatch.setattr(softmax, "_SMALL", 100)
        monkeypatch.setattr(softmax, "_GRAIN", 1000)
        monkeypatch.setattr(scan, "GRAIN", 1000)
    before = get_num_threads()
    set_num_threads(request.param)
    yield request.param
    set_num_threads(before)


def softmax_of(x, axis):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


@by_shape
@pytest.mark.parametrize("offset", [0, 500, -500])
def test_softmax_neither_overflows_nor_underflows(shape, offset, threads):
    x = RNG.uniform(-9, 9, shape).astype("float32") + np.float32(offset)
    for axis in range(x.ndim):
        expected = softmax_of(x.astype("d"), axis)
        found = softmax.softmax(np, x, axis=axis)
        np.testing.assert_allclose(found, expected, rtol=1e-5)
        found = softmax.log_softmax(np, x, axis=axis)
        np.testing.assert_allclose(found, np.log(expected), rtol=1e-5, atol=1e-5)


def test_softmax_of_lines_of_different_size():
    """Every line is accurate, wherever the others are."""
    x = np.array([[-300, -301, -302], [0, 1, 2], [80, 81, 100]], "float32")
    found = softmax.softmax(np, x, axis=1)
    np.testing.assert_allclose(found, softmax_of(x.astype("d"), 1), rtol=1e-5)


def test_softmax_of_infinities_and_nan():
    x = np.array([[-np.inf, 0, 0], [np.inf, 0, 0], [-np.inf] * 3, [np.nan, 0, 0]], "float32")
    found = softmax.softmax(np, x, axis=1)
    nan = [np.nan] * 3
    np.testing.assert_array_equal(found[1:], np.array([nan, nan, nan], "float32"))
    np.testing.assert_array_equal(found[0], np.array([0, 0.5, 0.5], "float32"))


@by_shape
def test_gradients(shape, threads):
    x, g = (RNG.uniform(-2, 2, shape).astype("float32") for _ in range(2))
    for axis in range(x.ndim):
        y = softmax_of(x.astype("d"), axis)
        found = softmax.softmax_backward(np, g, y.astype("float32"), axis=axis)
        expected = y * (g - (g * y).sum(axis, keepdims=True))
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)
        found = softmax.log_softmax_backward(np, g, np.log(y).astype("float32"), axis=axis)
        expected = g - y * g.sum(axis, keepdims=True, dtype="d")
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=2e-5)


def test_half_precision_is_computed_in_float32():
    x = RNG.uniform(-9, 9, (40, 3000)).astype("float16")
    found = softmax.softmax(np, x, axis=1)
    assert found.dtype == np.float16
    expected = softmax_of(x.astype("d"), 1).astype("float16")
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-7)


def test_layouts_do_not_matter():
    x = RNG.uniform(-2, 2, (40, 30)).astype("float32")
    for y in (np.ascontiguousarray(x.T).T, np.repeat(x, 2, axis=1)[:, ::2]):
        np.testing.assert_allclose(
            softmax.softmax(np, y, axis=1), softmax.softmax(np, x, axis=1), rtol=1e-6
        )


# -------------------------------------------------------------------------- running sums


@by_shape
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bool", "float16"])
def test_cumsum(shape, dtype, threads):
    x = (RNG.random(shape) * 3).astype(dtype)
    exact = "int64" if x.dtype.kind in "ib" else "float64"
    for axis in range(x.ndim):
        found = scan.cumsum(np, x, axis=axis)
        expected = np.cumsum(x, axis, dtype=exact)
        assert found.dtype == ("int64" if exact == "int64" else x.dtype)
        if exact == "int64":
            np.testing.assert_array_equal(found, expected)
        else:
            expected = expected.astype(x.dtype).astype("d")
            tolerance = {"float16": 1e-3, "float32": 5e-6, "float64": 1e-12}[dtype]
            np.testing.assert_allclose(found.astype("d"), expected, rtol=tolerance)


@by_shape
def test_cumsum_from_the_end(shape, threads):
    x = RNG.random(shape)
    for axis in range(x.ndim):
        found = scan.cumsum(np, x, axis=axis, reverse=True)
        assert found.flags.c_contiguous
        expected = np.flip(np.cumsum(np.flip(x, axis), axis), axis)
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@by_shape
def test_cumprod(shape, threads):
    x = RNG.random(shape) ** 1e-4
    for axis in range(x.ndim):
        found = scan.cumprod(np, x, axis=axis)
        np.testing.assert_allclose(found, np.cumprod(x, axis), rtol=1e-10)


def test_cumprod_stays_zero_after_a_zero():
    """Whatever follows: parts of a line must not be multiplied on their own, 0 * inf is nan."""
    x = np.full(20_000, 4, "float32")
    x[1] = 0
    np.testing.assert_array_equal(scan.cumprod(np, x, axis=0)[1:], np.zeros(19_999, "float32"))
