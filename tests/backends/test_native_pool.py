"""Compiled pooling against NumPy's kernels."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import native
from gradcore.backends.cpu import pool as numpy_pool
from gradcore.backends.cpu.native import calls, pool

pytestmark = pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed")

# size, kernel, stride, padding, dilation, ceil_mode
CASES = {
    "2x2": ((28, 28), (2, 2), (2, 2), (0, 0), (1, 1), False),
    "3x3 of stride 2": ((56, 40), (3, 3), (2, 2), (1, 1), (1, 1), False),
    "all different": ((13, 21), (3, 2), (2, 3), (1, 0), (2, 3), True),
    "windows beyond the end": ((7, 9), (3, 4), (3, 4), (1, 2), (1, 1), True),
    "narrow": ((5, 2), (3, 3), (1, 1), (1, 1), (1, 1), False),
    "every window at an edge": ((3, 4), (5, 5), (1, 1), (2, 2), (1, 1), False),
    "dilation into the padding": ((9, 11), (3, 3), (2, 1), (1, 1), (3, 4), False),
    "gaps": ((17, 18), (1, 2), (3, 5), (0, 1), (1, 1), False),
    "one dimension": ((50,), (3,), (2,), (1,), (2,), True),
}


@pytest.fixture(autouse=True)
def compile_at_once(monkeypatch):
    monkeypatch.setattr(calls, "is_eager", lambda: True)
    for kernel in (
        pool._max_pool, pool._avg_pool, pool._max_pool_backward, pool._avg_pool_backward,
    ):  # fmt: skip
        kernel.cache_clear()


def numbers(*shape, dtype="float32"):
    """With ties, infinities and what is no number."""
    rng = np.random.default_rng(0)
    x = rng.integers(-5, 5, shape).astype(dtype)
    for value in (np.nan, np.inf, -np.inf):
        x[rng.random(shape) < 0.03] = value
    return x


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_max_pool(case, dtype):
    size, kernel, stride, padding, dilation, ceil_mode = case
    options = {
        "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation,
        "ceil_mode": ceil_mode,
    }  # fmt: skip
    x = numbers(3, 5, *size, dtype=dtype)
    x[2, 1:3] = -np.inf  # the first position of every window that is inside
    x[1, 2] = np.nan  # the last one
    out, indices = pool.max_pool(np, x, **options)
    expected, positions = numpy_pool.max_pool(np, x, **options)
    assert out.dtype == x.dtype
    assert indices.dtype == np.int64
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(indices, positions)

    g = np.random.default_rng(1).standard_normal(out.shape).astype(dtype)
    found = pool.max_pool_backward(np, g, indices, spatial=size)
    want = numpy_pool.max_pool_backward(np, g, indices, spatial=size)
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("count_include_pad", [False, True])
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_avg_pool(case, count_include_pad, dtype):
    size, kernel, stride, padding, _, ceil_mode = case
    for divisor in (None, 7):
        options = {
            "kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode,
            "count_include_pad": count_include_pad, "divisor": divisor,
        }  # fmt: skip
        x = np.random.default_rng(0).standard_normal((3, 5, *size)).astype(dtype)
        x[0, 0, ..., 0] = np.nan  # spreads to the windows that hold it, and to no other
        out = pool.avg_pool(np, x, **options)
        expected = numpy_pool.avg_pool(np, x, **options)
        assert out.dtype == x.dtype
        np.testing.assert_allclose(out, expected, rtol=0, atol=1e-6)

        g = np.random.default_rng(1).standard_normal(out.shape).astype(dtype)
        found = pool.avg_pool_backward(np, g, spatial=size, **options)
        want = numpy_pool.avg_pool_backward(np, g, spatial=size, **options)
        np.testing.assert_allclose(found, want, rtol=0, atol=2e-6)


def test_many_planes_are_shared_among_threads():
    x = numbers(64, 16, 20, 24)
    options = {
        "kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "dilation": (1, 1),
        "ceil_mode": False,
    }  # fmt: skip
    pairs = zip(pool.max_pool(np, x, **options), numpy_pool.max_pool(np, x, **options), strict=True)
    for found, expected in pairs:
        np.testing.assert_array_equal(found, expected)


def test_arrays_in_any_order_of_memory():
    x = numbers(2, 10, 12, 3).transpose(0, 3, 1, 2)
    options = {
        "kernel": (2, 2), "stride": (2, 2), "padding": (1, 1), "dilation": (1, 1),
        "ceil_mode": False,
    }  # fmt: skip
    out, indices = pool.max_pool(np, x, **options)
    np.testing.assert_array_equal(out, numpy_pool.max_pool(np, x, **options)[0])
    g, places = (np.asfortranarray(a) for a in (np.nan_to_num(out), indices))
    found = pool.max_pool_backward(np, g, places, spatial=(10, 12))
    want = numpy_pool.max_pool_backward(np, g, places, spatial=(10, 12))
    np.testing.assert_allclose(found, want, rtol=1e-6)


def test_what_is_left_to_numpy():
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "ceil_mode": False}
    for x, kernel in (
        (np.ones((1, 1, 4, 4), np.int64), (2, 2)),
        (np.ones((1, 1, 4, 4), np.float16), (2, 2)),
        (np.ones((0, 1, 4, 4), np.float32), (2, 2)),
        (np.ones((1, 1, 9, 9), np.float32), (9, 9)),
    ):
        assert pool.max_pool(np, x, kernel=kernel, **options) is NotImplemented
    cube = {key: 3 * value[:1] for key, value in options.items() if key != "ceil_mode"}
    x = np.ones((1, 1, 4, 4, 4), np.float32)
    assert pool.max_pool(np, x, kernel=(2, 2, 2), ceil_mode=False, **cube) is NotImplemented
