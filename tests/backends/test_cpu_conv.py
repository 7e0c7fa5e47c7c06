"""The CPU convolution kernels against a plain sum over kernel positions, and as adjoints."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcore.backends.cpu import conv_winograd
from gradcore.backends.cpu.conv import conv, conv_input, conv_weight
from gradcore.backends.cpu.conv_geometry import Geometry
from gradcore.backends.cpu.conv_strips import strips_pay
from gradcore.backends.cpu.conv_taps import taps_pay


def reference(x, w, b, stride, padding, dilation, groups):
    """The defining sum in float64, one kernel position and group at a time."""
    x, w = x.astype(np.float64), w.astype(np.float64)
    n = x.ndim - 2
    padded = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    out_size = tuple(
        (padded.shape[2 + i] - dilation[i] * (w.shape[2 + i] - 1) - 1) // stride[i] + 1
        for i in range(n)
    )
    out = np.zeros((x.shape[0], w.shape[0], *out_size))
    outputs, channels = w.shape[0] // groups, w.shape[1]
    for tap in itertools.product(*(range(k) for k in w.shape[2:])):
        read = tuple(
            slice(t * d, t * d + s * (o - 1) + 1 if o else t * d, s)
            for t, d, s, o in zip(tap, dilation, stride, out_size, strict=True)
        )
        seen = padded[(slice(None), slice(None), *read)]
        for i in range(groups):
            rows = slice(i * outputs, (i + 1) * outputs)
            part = seen[:, i * channels : (i + 1) * channels]
            weight = w[(rows, slice(None), *tap)]
            out[:, rows] += np.moveaxis(np.tensordot(part, weight, (1, 1)), -1, 1)
    if b is not None:
        out += b.reshape(-1, *(1,) * n)
    return out


def close(got, want, dtype):
    """Largest difference relative to the largest value."""
    tolerance = 2e-5 if dtype == np.float32 else 1e-12
    assert got.dtype == dtype
    assert got.shape == want.shape
    assert got.flags.c_contiguous
    if want.size:
        assert np.abs(got - want).max() <= tolerance * max(np.abs(want).max(), 1.0)


def arrays(x_shape, w_shape, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(x_shape).astype(dtype)
    w = rng.standard_normal(w_shape).astype(dtype)
    return x, w, rng.standard_normal(w_shape[0]).astype(dtype)


def check_all(x, w, b, stride, padding, dilation, groups):
    """`conv` against the sum; the adjoints by <conv(x, w), g> = <x, input> = <w, weight>."""
    dtype = x.dtype
    settings_ = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    want = reference(x, w, b, stride, padding, dilation, groups)
    close(conv(np, x, w, b, **settings_), want, dtype)
    plain = reference(x, w, None, stride, padding, dilation, groups)
    close(conv(np, x, w, **settings_), plain, dtype)
    rng = np.random.default_rng(1)
    g = rng.standard_normal(want.shape).astype(dtype)
    for_input = conv_input(np, g, w, input_size=x.shape[2:], **settings_)
    for_weight = conv_weight(np, x, g, kernel_size=w.shape[2:], **settings_)
    assert for_input.shape == x.shape
    assert for_weight.shape == w.shape
    # Random directions catch what the one inner product with x (or w) would let cancel.
    scale = np.linalg.norm(g) * np.linalg.norm(x) * np.linalg.norm(w) + 1e-30
    tolerance = (2e-5 if dtype == np.float32 else 1e-12) * scale
    for _ in range(3):
        other_x = rng.standard_normal(x.shape)
        inner = (reference(other_x, w, None, stride, padding, dilation, groups) * g).sum()
        assert abs(inner - (other_x * for_input).sum()) <= tolerance
        other_w = rng.standard_normal(w.shape)
        inner = (reference(x, other_w, None, stride, padding, dilation, groups) * g).sum()
        assert abs(inner - (other_w * for_weight).sum()) <= tolerance
    bias = rng.standard_normal(x.shape[1]).astype(dtype)
    with_bias = conv_input(np, g, w, bias, input_size=x.shape[2:], **settings_)
    want = for_input + bias.reshape(-1, *(1,) * (x.ndim - 2))
    close(with_bias, want.astype(np.float64), dtype)


CASES = [
    # x, w, stride, padding, dilation, groups
    ((2, 3, 9), (4, 3, 3), (1,), (1,), (1,), 1),
    ((2, 3, 9), (4, 3, 2), (2,), (3,), (2,), 1),
    ((3, 4, 8, 8), (6, 4, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((3, 4, 7, 10), (6, 4, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((3, 4, 7, 10), (6, 2, 3, 3), (1, 1), (1, 1), (1, 1), 2),
    ((2, 16, 13, 9), (24, 16, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 32, 16, 16), (32, 32, 3, 3), (1, 1), (0, 0), (1, 1), 1),
    ((3, 32, 10, 6), (48, 32, 3, 3), (1, 1), (2, 2), (1, 1), 1),
    ((2, 32, 4, 4), (40, 32, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((5, 64, 2, 2), (64, 64, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((1, 40, 21, 18), (33, 40, 3, 3), (1, 1), (1, 0), (1, 1), 1),
    ((4, 64, 33, 30), (64, 64, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((3, 40, 11, 11), (32, 40, 3, 3), (1, 1), (4, 5), (1, 1), 1),
    ((2, 5, 11, 11), (3, 5, 3, 3), (2, 2), (1, 1), (1, 1), 1),
    ((2, 3, 40, 36), (8, 3, 7, 7), (2, 2), (3, 3), (1, 1), 1),
    ((2, 3, 12, 13), (8, 3, 4, 5), (3, 2), (2, 1), (1, 2), 1),
    ((4, 1, 28, 28), (6, 1, 5, 5), (1, 1), (2, 2), (1, 1), 1),
    ((4, 6, 14, 14), (16, 6, 5, 5), (1, 1), (0, 0), (1, 1), 1),
    ((2, 8, 6, 6), (4, 8, 3, 3), (1, 1), (5, 5), (1, 1), 1),
    ((2, 8, 6, 6), (4, 8, 3, 3), (2, 2), (5, 4), (3, 2), 1),
    ((3, 16, 9, 9), (32, 16, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((3, 16, 9, 9), (32, 8, 1, 1), (1, 1), (0, 0), (1, 1), 2),
    ((3, 16, 9, 9), (32, 16, 1, 1), (2, 2), (0, 0), (1, 1), 1),
    ((3, 16, 9, 9), (32, 16, 1, 1), (1, 1), (1, 1), (1, 1), 1),
    ((3, 8, 9, 9), (8, 1, 3, 3), (1, 1), (1, 1), (1, 1), 8),
    ((3, 8, 9, 9), (16, 1, 3, 3), (1, 1), (1, 1), (1, 1), 8),
    ((3, 8, 9, 12), (8, 1, 3, 5), (2, 1), (1, 2), (1, 1), 8),
    ((3, 8, 9, 12), (8, 1, 3, 3), (1, 1), (2, 2), (2, 2), 8),
    ((3, 8, 9, 12), (8, 1, 3, 3), (2, 3), (7, 4), (2, 1), 8),
    ((2, 8, 30), (8, 1, 7), (1,), (3,), (1,), 8),
    # two outputs of a row at once: padded or not, kernels taller or wider than high
    ((5, 2, 9, 12), (3, 2, 5, 5), (1, 1), (2, 2), (1, 1), 1),
    ((3, 3, 8, 12), (4, 3, 2, 7), (1, 1), (0, 1), (1, 1), 1),
    ((2, 1, 6, 8), (4, 1, 5, 5), (1, 1), (4, 4), (1, 1), 1),
    # one product for each kernel position: of any stride and dilation
    ((16, 128, 4, 4), (130, 128, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((40, 129, 3, 4), (128, 129, 3, 4), (2, 1), (1, 2), (1, 1), 1),
    ((20, 128, 4, 5), (128, 128, 3, 3), (1, 1), (3, 3), (3, 2), 1),
    ((130, 128, 2), (128, 128, 5), (1,), (3,), (1,), 1),
    # transformed weights larger than the cache
    ((3, 96, 12, 15), (100, 96, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 3, 5, 6, 7), (4, 3, 3, 2, 3), (1, 1, 1), (1, 0, 1), (1, 1, 1), 1),
    ((2, 4, 5, 6, 7), (4, 2, 2, 2, 3), (2, 1, 2), (1, 2, 1), (1, 2, 1), 2),
    ((2, 4, 5, 6, 7), (4, 1, 3, 3, 3), (1, 1, 1), (1, 1, 1), (1, 1, 1), 4),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_kernel(case, dtype):
    x_shape, w_shape, *rest = case
    check_all(*arrays(x_shape, w_shape, dtype), *rest)


def test_cases_reach_every_kernel():
    """The sizes above are chosen for their kernels; this fails when a choice moves away."""
    geometries = [
        Geometry(x[0], x[1], w[0], groups, x[2:], w[2:], stride, padding, dilation)
        for x, w, stride, padding, dilation, groups in CASES
    ]
    assert sum(strips_pay(geometry) for geometry in geometries) >= 3
    assert sum(strips_pay(geometry, adjoint=True) for geometry in geometries) >= 5
    assert sum(taps_pay(geometry) for geometry in geometries) >= 4
    winograd = [g for g in geometries if conv_winograd.winograd_pays(g)]
    weights = [36 * 4 * g.channels * g.outputs for g in winograd]
    assert min(weights) <= conv_winograd._WIDE_BYTES < max(weights)


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_geometry(data):
    dims = data.draw(st.integers(1, 3))

    def draw(low, high):
        return tuple(data.draw(st.integers(low, high)) for _ in range(dims))

    kernel, stride, dilation, padding = draw(1, 4), draw(1, 3), draw(1, 3), draw(0, 5)
    size = tuple(
        max(1, d * (k - 1) + 1 - 2 * p) + data.draw(st.integers(0, 6))
        for k, d, p in zip(kernel, dilation, padding, strict=True)
    )
    groups = data.draw(st.integers(1, 3))
    channels, outputs = data.draw(st.integers(1, 3)), data.draw(st.integers(1, 3))
    x_shape = (data.draw(st.integers(1, 4)), channels * groups, *size)
    w_shape = (outputs * groups, channels, *kernel)
    dtype = data.draw(st.sampled_from([np.float32, np.float64]))
    check_all(*arrays(x_shape, w_shape, dtype), stride, padding, dilation, groups)


@pytest.mark.parametrize(
    "case", [CASES[2], CASES[6], CASES[8], CASES[14], CASES[20], CASES[24]], ids=str
)
def test_inputs_of_any_layout_are_read_and_left_alone(case):
    x_shape, w_shape, stride, padding, dilation, groups = case
    x, w, b = arrays(x_shape, w_shape)
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    g = np.random.default_rng(2).standard_normal(conv(np, x, w, **options).shape)
    g = g.astype(np.float32)
    for change in (
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=-1)[..., ::2],
        lambda a: (
            np.ascontiguousarray(np.moveaxis(a, 1, -1)).swapaxes(1, -1).swapaxes(2, -1)
            if a.ndim == 4
            else a
        ),
        lambda a: a[..., ::-1].copy()[..., ::-1],
    ):
        changed = [change(a) for a in (x, w, g)]
        kept = [a.copy() for a in changed]
        for array in changed:
            array.flags.writeable = False
        cx, cw, cg = changed
        np.testing.assert_allclose(
            conv(np, cx, cw, b, **options), conv(np, cx.copy(), cw.copy(), b, **options), 1e-4, 1e-4
        )
        np.testing.assert_allclose(
            conv_input(np, cg, cw, input_size=x_shape[2:], **options),
            conv_input(np, cg.copy(), cw.copy(), input_size=x_shape[2:], **options),
            1e-4,
            1e-4,
        )
        np.testing.assert_allclose(
            conv_weight(np, cx, cg, kernel_size=w_shape[2:], **options),
            conv_weight(np, cx.copy(), cg.copy(), kernel_size=w_shape[2:], **options),
            1e-4,
            1e-3,
        )
        for array, copy in zip(changed, kept, strict=True):
            np.testing.assert_array_equal(array, copy)


def test_broadcast_gradient():
    """The gradient of a sum is an expanded scalar: every stride is zero."""
    x, w, _ = arrays((2, 32, 8, 8), (32, 32, 3, 3))
    options = {"stride": (1, 1), "padding": (1, 1), "dilation": (1, 1), "groups": 1}
    g = np.broadcast_to(np.float32(1.0), (2, 32, 8, 8))
    np.testing.assert_allclose(
        conv_input(np, g, w, input_size=(8, 8), **options),
        conv_input(np, g.copy(), w, input_size=(8, 8), **options),
        rtol=1e-5,
        atol=1e-4,
    )
    np.testing.assert_allclose(
        conv_weight(np, x, g, kernel_size=(3, 3), **options),
        conv_weight(np, x, g.copy(), kernel_size=(3, 3), **options),
        rtol=1e-5,
        atol=1e-4,
    )


@pytest.mark.parametrize("groups", [1, 4])
@pytest.mark.parametrize(
    ("x_shape", "size"), [((0, 4, 8, 8), (8, 8)), ((2, 4, 0, 8), (0, 8)), ((2, 4, 2, 2), (2, 2))]
)
def test_nothing_to_sum(x_shape, size, groups):
    """Zero images, and outputs without rows: bias-only and zero results."""
    w = np.ones((4, 4 // groups, 3, 3), np.float32)
    options = {"stride": (1, 1), "padding": (1, 0), "dilation": (1, 1), "groups": groups}
    x = np.ones(x_shape, np.float32)
    out_size = tuple(n + 2 * p - 2 for n, p in zip(size, (1, 0), strict=True))
    g = np.ones((x_shape[0], 4, *out_size), np.float32)
    b = np.arange(4, dtype=np.float32)
    assert conv(np, x, w, b, **options).shape == g.shape
    got = conv_input(np, g, w, b, input_size=size, **options)
    assert got.shape == x_shape
    got = conv_weight(np, x, g, kernel_size=(3, 3), **options)
    assert got.shape == w.shape
    if g.size == 0:
        np.testing.assert_array_equal(got, 0)


@pytest.mark.parametrize("dtype", [np.int64, np.complex64, np.complex128, np.float16, np.bool_])
def test_other_dtypes_are_declined(dtype):
    x, w = np.ones((1, 2, 5, 5), dtype), np.ones((2, 2, 3, 3), dtype)
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    assert conv(np, x, w, **options) is NotImplemented
    assert conv_input(np, x, w, input_size=(7, 7), **options) is NotImplemented
    assert conv_weight(np, x, x[:, :, :3, :3], kernel_size=(3, 3), **options) is NotImplemented


def test_mixed_dtypes_are_declined():
    x, w = np.ones((1, 2, 5, 5), np.float32), np.ones((2, 2, 3, 3), np.float64)
    options = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    assert conv(np, x, w, **options) is NotImplemented
