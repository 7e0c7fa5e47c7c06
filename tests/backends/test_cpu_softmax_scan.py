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
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_cumsum_from_the_end(shape, dtype, threads):
    x = RNG.random(shape).astype(dtype)
    for axis in range(x.ndim):
        found = scan.cumsum(np, x, axis=axis, reverse=True)
        assert found.flags.c_contiguous
        expected = np.flip(np.cumsum(np.flip(x, axis), axis, dtype="d"), axis)
        np.testing.assert_allclose(found, expected, rtol=5e-6 if dtype == "float32" else 1e-12)


@pytest.mark.parametrize("length", [1000, 1009, 9001], ids=str)
@pytest.mark.parametrize("special", [np.inf, -np.inf, np.nan, 3e38])
@pytest.mark.parametrize("reverse", [False, True])
def test_cumsum_keeps_the_elements_before_what_is_not_finite(length, special, reverse):
    """A product with zeros and ones would make nan of them."""
    x = RNG.random((20, length)).astype("float32")
    x[3, 100] = x[3, 700] = special
    found = scan.cumsum(np, x, axis=1, reverse=reverse)
    ordered = x[:, ::-1] if reverse else x
    expected = np.cumsum(ordered, axis=1, dtype="d").astype("float32")
    np.testing.assert_allclose(found[:, ::-1] if reverse else found, expected, rtol=5e-6)


def test_float32_cumsum_is_rounded_about_once():
    x = RNG.standard_normal((50, 1000)).astype("float32")
    exact = np.cumsum(x, axis=1, dtype="d")
    error = np.abs(scan.cumsum(np, x, axis=1) - exact)
    assert error.max() < 3e-7 * np.abs(exact).max()


def logcumsumexp_of(x, axis):
    return np.logaddexp.accumulate(x.astype("d"), axis=axis)


@by_shape
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("width", [5, 300])
def test_logcumsumexp(shape, dtype, width, threads):
    """Also where the first terms underflow beside the maximum."""
    x = RNG.uniform(-width, width, shape).astype(dtype)
    tolerance = {"float16": 2e-3, "float32": 3e-6, "float64": 1e-13}[dtype]
    for axis in range(x.ndim):
        found = scan.logcumsumexp(np, x, axis=axis)
        assert found.dtype == x.dtype
        expected = logcumsumexp_of(x, axis)
        np.testing.assert_allclose(found.astype("d"), expected, tolerance, tolerance * width)


def test_logcumsumexp_of_infinities_and_nan():
    x = RNG.standard_normal((6, 40)).astype("float32")
    x[0, 5], x[1, 7], x[2, 9] = np.nan, np.inf, -np.inf
    x[3], x[4, :3] = -np.inf, -np.inf
    found = scan.logcumsumexp(np, x, axis=1)
    np.testing.assert_allclose(found, logcumsumexp_of(x, 1), 1e-5, 1e-6)
    for row in range(6):  # whatever the other rows of its block hold
        alone = scan.logcumsumexp(np, x[row : row + 1], axis=1)
        np.testing.assert_allclose(alone[0], found[row], 1e-5, 1e-6)


def test_logcumsumexp_declines():
    assert scan.logcumsumexp(np, np.float32(1).reshape(()), axis=0) is NotImplemented
    assert scan.logcumsumexp(np, np.ones(3, np.complex64), axis=0) is NotImplemented


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
