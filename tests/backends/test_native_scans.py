"""Compiled scans, reductions and triangles against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import native, reduce, scan
from gradcore.backends.cpu.native import calls, scans

pytestmark = pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed")

SHAPES = [(1,), (7,), (3, 5), (4, 64), (9, 130), (2, 3, 40), (1, 70001), (5, 5000)]
ROWS = [shape for shape in SHAPES if shape[-1] >= 40]
ODD = [np.nan, np.inf, -np.inf, 0.0, -0.0]


@pytest.fixture(autouse=True)
def every_call(monkeypatch):
    monkeypatch.setattr(calls.LazyCall, "get", _compiled)


def _compiled(lazy, nanoseconds):
    lazy.call = lazy.call or lazy.build()
    return lazy.call


def numbers(shape, dtype, odd=False):
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape).astype(dtype)
    if odd:
        x[rng.random(shape) < 0.05] = np.nan
        places = rng.random(shape) < 0.1
        x[places] = rng.choice(ODD, places.sum())
    return x


def assert_same(found, expected, dtype):
    assert found.dtype == dtype
    assert found.shape == expected.shape
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    # float32 is rounded once, float64 at every addition
    epsilon = np.finfo(dtype).eps * (1 if dtype == np.float32 else 50)
    np.testing.assert_allclose(found, expected, rtol=8 * epsilon, atol=epsilon * scale)


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("reverse", [False, True])
def test_cumsum(shape, dtype, reverse):
    x = numbers(shape, dtype)
    found = scans.cumsum(np, x, axis=-1, reverse=reverse)
    ordered = x[..., ::-1] if reverse else x
    expected = np.cumsum(ordered.astype("longdouble"), -1)
    assert_same(found, expected[..., ::-1] if reverse else expected, np.dtype(dtype))


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_cumprod(shape, dtype):
    x = 1 + numbers(shape, dtype) / 1000
    found = scans.cumprod(np, x, axis=-1)
    expected = np.cumprod(x.astype("longdouble"), -1)
    if dtype == "f":
        assert_same(found, expected, np.dtype(dtype))
    else:
        np.testing.assert_allclose(found, expected, rtol=1e-11)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [100, 40000])
def test_running_sums_keep_nan_and_inf_where_they_are(length, reverse):
    x = np.ones((1, length), np.float32)
    x[0, length // 3] = np.inf
    x[0, length // 2] = np.nan
    found = scans.cumsum(np, x, axis=1, reverse=reverse)
    ordered = x[:, ::-1] if reverse else x
    expected = np.cumsum(ordered, 1)
    np.testing.assert_array_equal(found, expected[:, ::-1] if reverse else expected)


@pytest.mark.parametrize("name", ["cummax", "cummin"])
@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("kind", ["plain", "odd", "ties"])
def test_running_extremes(name, dtype, shape, kind):
    x = numbers(shape, dtype, odd=kind == "odd")
    if kind == "ties":
        x = np.round(x)
    values, places = scans.OVERRIDES[name](np, x, axis=x.ndim - 1)
    expected, where = scan.OVERRIDES[name](np, x, axis=x.ndim - 1)
    assert (values.dtype, places.dtype) == (x.dtype, np.int64)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(places, where)


@pytest.mark.parametrize("name", ["cummax", "cummin"])
@pytest.mark.parametrize("length", [32000, 32001, 32015])
@pytest.mark.parametrize("odd", [0.0, np.nan, np.inf, -np.inf])
def test_running_extremes_of_a_long_row(name, length, odd):
    x = np.cumsum(numbers((length,), "f"))
    x[[length // 2, length // 2 + 9000]] = odd
    values, places = scans.OVERRIDES[name](np, x, axis=0)
    expected, where = scan.OVERRIDES[name](np, x, axis=0)
    np.testing.assert_array_equal(values, expected)
    np.testing.assert_array_equal(places, where)


@pytest.mark.parametrize("name", ["amax", "amin", "aminmax", "prod"])
@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("shape", ROWS, ids=str)
@pytest.mark.parametrize("keepdims", [False, True])
def test_reductions(name, dtype, shape, keepdims):
    last = len(shape) - 1
    for axes in ((last,), (-1,), None, tuple(range(last + 1))):
        for odd in (False, True):
            x = numbers(shape, dtype, odd=odd)
            if name == "prod" and not odd:
                x = 1 + x / 1000
            with np.errstate(all="ignore"):
                found = scans.OVERRIDES[name](np, x, axes=axes, keepdims=keepdims)
                expected = reduce.OVERRIDES[name](np, x, axes=axes, keepdims=keepdims)
            for a, b in zip(np.atleast_1d(found), np.atleast_1d(expected), strict=True):
                assert (a.dtype, a.shape) == (b.dtype, b.shape)
                np.testing.assert_allclose(a, b, rtol=0 if name != "prod" else 2e-5)


@pytest.mark.parametrize("lowest", [np.inf, -np.inf])
def test_extremes_of_infinities(lowest):
    x = np.full((2, 50), lowest, np.float32)
    low, high = scans.OVERRIDES["aminmax"](np, x, axes=(1,), keepdims=False)
    assert (low == lowest).all()
    assert (high == lowest).all()


@pytest.mark.parametrize("dtype", ["f", "d", "?", "h", "i", "F", "e"])
@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (3, 5), (2, 40, 33), (2, 3, 4, 4)], ids=str)
@pytest.mark.parametrize("diagonal", [-50, -2, -1, 0, 1, 3, 50])
def test_triangles(dtype, shape, diagonal):
    x = np.arange(1, 1 + np.prod(shape)).reshape(shape).astype(dtype)
    for name in ("tril", "triu"):
        found = scans.OVERRIDES[name](np, x, diagonal=diagonal)
        assert found.dtype == x.dtype
        np.testing.assert_array_equal(found, getattr(np, name)(x, diagonal))


def test_declines_what_it_has_no_kernel_for():
    for x in (np.zeros((0, 40), "f"), np.zeros((40, 0), "f"), np.zeros((40, 40), "i")):
        assert scans.cumsum(np, x, axis=1) is NotImplemented
        assert scans.OVERRIDES["cummax"](np, x, axis=1) is NotImplemented
        assert scans.OVERRIDES["amax"](np, x, axes=(1,), keepdims=False) is NotImplemented
    x = np.zeros((40, 40), "f")
    assert scans.cumsum(np, x, axis=0) is NotImplemented
    assert scans.cumsum(np, x.T, axis=1) is NotImplemented
    assert scans.cumprod(np, np.float32(1)[...], axis=0) is NotImplemented
    assert scans.OVERRIDES["prod"](np, x, axes=(0,), keepdims=False) is NotImplemented
    assert scans.OVERRIDES["prod"](np, x, axes=(), keepdims=False) is NotImplemented
    assert scans.tril(np, np.zeros((3, 3), "D"), diagonal=0) is NotImplemented
    assert scans.triu(np, np.zeros((3, 0), "f"), diagonal=0) is NotImplemented
