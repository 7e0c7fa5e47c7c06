"""Compiled convolutions against NumPy's kernels in float64."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import conv, native
from gradcore.backends.cpu.conv_geometry import Geometry

pytestmark = pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed")

# batch, channels, outputs, groups, size, kernel, stride, padding, dilation
CASES = {
    "one channel": (5, 1, 6, 1, (28, 28), (5, 5), (1, 1), (2, 2), (1, 1)),
    "3x3": (5, 32, 20, 1, (14, 14), (3, 3), (1, 1), (1, 1), (1, 1)),
    "stride 2": (3, 16, 6, 1, (9, 7), (3, 3), (2, 2), (1, 1), (1, 1)),
    "strides and groups": (3, 4, 6, 2, (9, 7), (3, 2), (2, 3), (1, 0), (2, 1)),
    "padding beyond the kernel": (3, 4, 8, 4, (19, 17), (3, 2), (1, 3), (3, 4), (2, 3)),
    "depthwise": (2, 8, 8, 8, (16, 16), (3, 3), (1, 1), (1, 1), (1, 1)),
    "rows that need strips": (1, 40, 9, 1, (90, 110), (3, 3), (1, 1), (0, 1), (1, 1)),
    "inputs that reach no output": (2, 16, 5, 1, (8, 8), (1, 1), (2, 2), (0, 0), (1, 1)),
    "small": (2, 3, 5, 1, (2, 2), (3, 3), (1, 1), (1, 1), (1, 1)),
    "wide kernel": (2, 3, 5, 1, (2, 9), (1, 9), (1, 1), (0, 8), (1, 1)),
    "one dimension": (4, 24, 10, 2, (50,), (5,), (2,), (2,), (1,)),
}


@pytest.fixture(params=CASES.values(), ids=CASES)
def case(request):
    batch, channels, outputs, groups, size, kernel, stride, padding, dilation = request.param
    geometry = Geometry(batch, channels, outputs, groups, size, kernel, stride, padding, dilation)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((batch, channels, *size))
    w = rng.standard_normal((outputs, channels // groups, *kernel))
    g = rng.standard_normal((batch, outputs, *geometry.out))
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    return geometry, x, w, g, options


def assert_close(found, expected):
    assert found.dtype == np.float32
    assert found.flags.c_contiguous
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-5 * scale)


def single(*arrays):
    return [a.astype(np.float32) for a in arrays]


def test_forward(case):
    geometry, x, w, _, options = case
    b = np.random.default_rng(1).standard_normal(geometry.outputs)
    for bias in (None, b):
        expected = conv.conv(np, x, w, bias, **options)
        x32, w32 = single(x, w)
        bias32 = None if bias is None else bias.astype(np.float32)
        assert_close(native.conv.conv(x32, w32, bias32, geometry), expected)


def test_adjoint_in_the_input(case):
    geometry, _, w, g, options = case
    b = np.random.default_rng(1).standard_normal(geometry.channels)
    expected = conv.conv_input(np, g, w, b, input_size=geometry.size, **options)
    g32, w32, b32 = single(g, w, b)
    assert_close(native.conv.conv_input(g32, w32, b32, geometry), expected)


def test_adjoint_in_the_weight(case):
    geometry, x, _, g, options = case
    x32, g32 = single(x, g)
    found = native.conv.conv_weight(x32, g32, geometry)
    if found is None:
        pytest.skip("left to NumPy's kernels")
    assert_close(found, conv.conv_weight(np, x, g, kernel_size=geometry.kernel, **options))


def test_arrays_in_any_order_of_memory():
    geometry = Geometry(2, 16, 4, 1, (8, 6), (3, 3), (1, 1), (1, 1), (1, 1))
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 8, 6, 16)).transpose(0, 3, 1, 2).astype(np.float32)
    w = rng.standard_normal((3, 3, 16, 4)).T.astype(np.float32)
    g = rng.standard_normal((4, 2, 8, 6)).swapaxes(0, 1).astype(np.float32)
    dense = [np.ascontiguousarray(a) for a in (x, w, g)]
    results = [
        (native.conv.conv(a, b, None, geometry), native.conv.conv_weight(a, c, geometry))
        for a, b, c in ((x, w, g), dense)
    ]
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_not_finite_values_stay_local():
    x = np.zeros((4, 20, 12, 12), np.float32)
    x[0, 3, 6, 6] = np.inf
    w = np.ones((7, 20, 3, 3), np.float32)
    ones = (1, 1)
    out = conv.conv(np, x, w, stride=ones, padding=ones, dilation=ones, groups=1)
    expected = np.zeros((12, 12), bool)
    expected[5:8, 5:8] = True
    np.testing.assert_array_equal(np.isinf(out[0]), np.broadcast_to(expected, out[0].shape))
    assert np.isfinite(out[1:]).all()
    assert not np.isnan(out).any()
