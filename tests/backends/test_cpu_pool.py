"""The CPU pooling kernels against plain loops over windows."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcore.backends.cpu.pool import (
    adaptive_max_pool,
    avg_pool,
    avg_pool_backward,
    gather_planes,
    max_pool,
    max_pool_backward,
)
from gradcore.ops import pool_windows


def out_length(n, k, s, p, d, ceil_mode):
    """Windows counted one by one: those that fit; with ceil_mode one that starts early enough."""
    count = 0
    while count * s + d * (k - 1) + 1 <= n + 2 * p:
        count += 1
    if ceil_mode and (count - 1) * s + d * (k - 1) + 1 < n + 2 * p and count * s < n + p:
        count += 1
    return count


def loop_max(x, kernel, stride, padding, dilation, ceil_mode):
    size = x.shape[2:]
    out_size = tuple(
        out_length(*args, ceil_mode)
        for args in zip(size, kernel, stride, padding, dilation, strict=True)
    )
    out = np.empty((*x.shape[:2], *out_size), x.dtype)
    indices = np.empty(out.shape, np.int64)
    for where in np.ndindex(*out.shape):
        best, position = None, None
        for tap in itertools.product(*(range(k) for k in kernel)):
            at = tuple(
                o * s - p + t * d
                for o, s, p, t, d in zip(where[2:], stride, padding, tap, dilation, strict=True)
            )
            if any(not 0 <= a < n for a, n in zip(at, size, strict=True)):
                continue
            value = x[(*where[:2], *at)]
            if best is None or value > best or value != value:
                best, position = value, np.ravel_multi_index(at, size)
        out[where], indices[where] = best, position
    return out, indices


def loop_avg(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    size, ones = x.shape[2:], (1,) * len(kernel)
    out_size = tuple(
        out_length(*args, ceil_mode)
        for args in zip(size, kernel, stride, padding, ones, strict=True)
    )
    out = np.empty((*x.shape[:2], *out_size), np.float64)
    for where in np.ndindex(*out.shape):
        starts = [o * s - p for o, s, p in zip(where[2:], stride, padding, strict=True)]
        stops = [
            min(start + k, n + p)
            for start, k, n, p in zip(starts, kernel, size, padding, strict=True)
        ]
        inner = tuple(
            slice(max(start, 0), min(stop, n))
            for start, stop, n in zip(starts, stops, size, strict=True)
        )
        if count_include_pad:
            count = np.prod([stop - start for start, stop in zip(starts, stops, strict=True)])
        else:
            count = np.prod([part.stop - part.start for part in inner])
        out[where] = x[(*where[:2], *inner)].astype(np.float64).sum() / (divisor or count)
    return out


@st.composite
def pooling(draw, dilated):
    """(x shape, kernel, stride, padding, dilation) with at least one window."""
    dims = draw(st.integers(1, 3))

    def ints(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(dims))

    kernel, stride = ints(1, 4), ints(1, 4)
    dilation = ints(1, 3) if dilated else (1,) * dims
    padding = tuple(
        draw(st.integers(0, k // 2 if d < k else 0)) for k, d in zip(kernel, dilation, strict=True)
    )
    # At least `dilation` elements: no window steps over the whole input.
    size = tuple(
        max(d, d * (k - 1) + 1 - 2 * p) + draw(st.integers(0, 5))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    )
    return (
        (draw(st.integers(1, 3)), draw(st.integers(1, 3)), *size),
        kernel,
        stride,
        padding,
        dilation,
    )


@settings(max_examples=120, deadline=None)
@given(shape=pooling(dilated=True), ceil_mode=st.booleans(), data=st.data())
def test_max_pool(shape, ceil_mode, data):
    """Few distinct values, so that ties, NaN and windows of -inf alone are common."""
    x_shape, kernel, stride, padding, dilation = shape
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.int64, np.uint8]))
    seed = data.draw(st.integers(0, 99))
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 4, x_shape).astype(dtype)
    if dtype in (np.float32, np.float64) and data.draw(st.booleans()):
        x[rng.random(x_shape) < 0.4] = -np.inf
        x[rng.random(x_shape) < 0.1] = np.nan
    want = loop_max(x, kernel, stride, padding, dilation, ceil_mode)
    got = max_pool(
        np, x, kernel=kernel, stride=stride, padding=padding, dilation=dilation,
        ceil_mode=ceil_mode,
    )  # fmt: skip
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1])
    assert got[0].dtype == dtype
    assert got[1].dtype == np.int64


@settings(max_examples=120, deadline=None)
@given(
    shape=pooling(dilated=False),
    ceil_mode=st.booleans(),
    count_include_pad=st.booleans(),
    divisor=st.sampled_from([None, 1, 3]),
    dtype=st.sampled_from([np.float32, np.float64]),
)
def test_avg_pool_and_its_adjoint(shape, ceil_mode, count_include_pad, divisor, dtype):
    x_shape, kernel, stride, padding, _ = shape
    rng = np.random.default_rng(0)
    x = rng.standard_normal(x_shape).astype(dtype)
    options = {
        "kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode,
        "count_include_pad": count_include_pad, "divisor": divisor,
    }  # fmt: skip
    tolerance = 1e-5 if dtype == np.float32 else 1e-12
    got = avg_pool(np, x, **options)
    assert got.dtype == dtype
    np.testing.assert_allclose(got, loop_avg(x, *options.values()), tolerance, tolerance)
    g = rng.standard_normal(got.shape).astype(dtype)
    back = avg_pool_backward(np, g, spatial=x_shape[2:], **options)
    assert back.shape == x_shape
    assert back.dtype == dtype
    # The map is linear: its adjoint is checked against the map applied to every unit vector's sum.
    for _ in range(3):
        other = rng.standard_normal(x_shape)
        inner = (avg_pool(np, other, **options) * g).sum()
        assert abs(inner - (other * back).sum()) <= tolerance * (1 + np.abs(g).sum())


@pytest.mark.parametrize("overlap", [False, True])
def test_gather_and_scatter_are_adjoint(overlap):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((3, 4, 9, 8))
    stride = (1, 2) if overlap else (3, 3)
    out, indices = max_pool(
        np, x, kernel=(3, 3), stride=stride, padding=(1, 1), dilation=(1, 1), ceil_mode=False
    )
    np.testing.assert_array_equal(gather_planes(np, x, indices), out)
    g = rng.standard_normal(out.shape)
    back = max_pool_backward(np, g, indices, spatial=(9, 8))
    want = np.zeros((12, 72))
    np.add.at(want, (np.arange(12)[:, None], indices.reshape(12, -1)), g.reshape(12, -1))
    np.testing.assert_allclose(back.reshape(12, 72), want)
    if overlap:
        assert len(np.unique(indices[0, 0])) < indices[0, 0].size


def test_many_planes_use_threads_and_give_the_same():
    """Enough planes for several groups and ranges."""
    x = np.random.default_rng(0).standard_normal((6, 50, 40, 36)).astype(np.float32)
    options = {"kernel": (3, 2), "stride": (2, 2), "padding": (1, 0), "ceil_mode": True}
    out, indices = max_pool(np, x, dilation=(1, 1), **options)
    mean = avg_pool(np, x, count_include_pad=True, divisor=None, **options)
    one, one_index = max_pool(np, x[4:5, 7:8], dilation=(1, 1), **options)
    np.testing.assert_array_equal(out[4:5, 7:8], one)
    np.testing.assert_array_equal(indices[4:5, 7:8], one_index)
    one = avg_pool(np, x[4:5, 7:8], count_include_pad=True, divisor=None, **options)
    np.testing.assert_array_equal(mean[4:5, 7:8], one)
    back = max_pool_backward(np, out, indices, spatial=(40, 36))
    np.testing.assert_allclose(
        back[4:5, 7:8],
        max_pool_backward(np, out[4:5, 7:8], indices[4:5, 7:8], spatial=(40, 36)),
    )


def test_large_window_and_non_contiguous_input():
    """More than 256 window positions, and an input of reversed, strided planes."""
    x = np.random.default_rng(0).standard_normal((2, 40, 50, 4)).transpose(0, 3, 1, 2)[:, :, ::-1]
    got = max_pool(
        np, x, kernel=(20, 20), stride=(7, 9), padding=(3, 2), dilation=(1, 1), ceil_mode=False
    )
    want = loop_max(x, (20, 20), (7, 9), (3, 2), (1, 1), False)
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1])


def test_no_images():
    x = np.empty((0, 3, 8, 8), np.float32)
    options = {"kernel": (2, 2), "stride": (2, 2), "padding": (0, 0), "ceil_mode": False}
    out, indices = max_pool(np, x, dilation=(1, 1), **options)
    assert out.shape == indices.shape == (0, 3, 4, 4)
    assert max_pool_backward(np, out, indices, spatial=(8, 8)).shape == x.shape
    assert gather_planes(np, x, indices).shape == out.shape
    options |= {"count_include_pad": True, "divisor": None}
    assert avg_pool(np, x, **options).shape == out.shape
    assert avg_pool_backward(np, out, spatial=(8, 8), **options).shape == x.shape


@pytest.mark.parametrize("dtype", [np.complex64, np.bool_])
def test_max_pool_declines_what_has_no_order(dtype):
    options = {"kernel": (2,), "stride": (2,), "padding": (0,), "dilation": (1,)}
    assert max_pool(np, np.ones((1, 1, 4), dtype), ceil_mode=False, **options) is NotImplemented


@pytest.mark.parametrize("dtype", [np.complex64, np.int64, np.float16])
def test_avg_pool_declines_other_dtypes(dtype):
    options = {
        "kernel": (2,), "stride": (2,), "padding": (0,), "ceil_mode": False,
        "count_include_pad": True, "divisor": None,
    }  # fmt: skip
    x = np.ones((1, 1, 4), dtype)
    assert avg_pool(np, x, **options) is NotImplemented
    assert avg_pool_backward(np, x, spatial=(8,), **options) is NotImplemented


@pytest.mark.parametrize(
    ("shape", "output_size"),
    [((2, 3, 12), (4,)), ((2, 3, 12, 10), (4, 5)), ((1, 2, 4, 6, 8), (2, 1, 4)), ((3, 2, 7), (7,))],
    ids=str,
)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int32"])
def test_adaptive_maxima_of_equal_parts(shape, output_size, dtype):
    """Small integers: many ties, of which the first counts."""
    x = np.random.default_rng(0).integers(-3, 3, shape).astype(dtype)
    kernel = tuple(n // o for n, o in zip(shape[2:], output_size, strict=True))
    none, ones = (0,) * len(kernel), (1,) * len(kernel)
    want = loop_max(x, kernel, kernel, none, ones, False)
    for planes in (x, np.asfortranarray(x)):
        got = adaptive_max_pool(np, planes, output_size=output_size)
        np.testing.assert_array_equal(got[0], want[0])
        np.testing.assert_array_equal(got[1], want[1])


def test_adaptive_maxima_of_nan_match_the_generic_body():
    x = np.random.default_rng(0).standard_normal((2, 3, 8, 8)).astype("f")
    x[0, 0, 2, 3] = x[0, 0, 3, 2] = x[1, 2] = np.nan
    got = adaptive_max_pool(np, x, output_size=(2, 4))
    want = pool_windows.adaptive_max_pool.body(np, x, output_size=(2, 4))
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1])


@pytest.mark.parametrize(
    ("shape", "output_size"), [((1, 1, 7), (3,)), ((1, 1, 2), (4,)), ((1, 1, 4), (0,))], ids=str
)
def test_adaptive_maxima_of_unequal_parts_are_declined(shape, output_size):
    assert adaptive_max_pool(np, np.ones(shape, "f"), output_size=output_size) is NotImplemented
