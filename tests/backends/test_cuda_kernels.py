"""CUDA kernels, compiled by g++ for the CPU shim and run on the fake CuPy, against NumPy."""

from __future__ import annotations

import itertools
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import cuda_shim
import fakecupy
from cuda_shim import nvrtc_check
from fakecupy.cublas import FakeCublas
from gradcore.backends.cpu import conv as cpu_conv
from gradcore.backends.cpu import pool as cpu_pool
from gradcore.backends.cuda import (
    OVERRIDES,
    compile,
    conv,
    cublas,
    cudnn,
    index,
    optim,
    pool,
    random,
    reduce,
    softmax,
)

pytestmark = pytest.mark.skipif(not cuda_shim.have_compiler(), reason="g++ runs the kernels")

ml_dtypes = pytest.importorskip("ml_dtypes")
FLOATS = ["float32", "float64", "float16", ml_dtypes.bfloat16]
TOLERANCE = {"float32": 2e-5, "float64": 1e-12, "float16": 4e-3, "bfloat16": 3e-2}


@pytest.fixture(autouse=True)
def cp():
    cupy = fakecupy.install(2)
    library = FakeCublas()
    cublas.use_library(library)
    cudnn.enable(False)
    cupy.library = library
    yield cupy
    del cupy.library
    cudnn.enable(True)
    cublas.use_library(None)


def normal(shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def check(got, want, scale=1.0):
    got = got.get()
    name = got.dtype.name
    assert got.shape == want.shape
    wide = want.astype(np.float64)
    np.testing.assert_allclose(
        got.astype(np.float64), wide, rtol=TOLERANCE.get(name, 0), atol=scale * TOLERANCE[name]
    )


# ---- softmax ------------------------------------------------------------------------------------


def reference_softmax(x, axis, log):
    x = x.astype(np.float64)
    shifted = x - x.max(axis, keepdims=True)
    total = np.exp(shifted).sum(axis, keepdims=True)
    return shifted - np.log(total) if log else np.exp(shifted) / total


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("shape", "axis"), [((5, 7), 1), ((3, 1000), -1), ((4, 6, 5), 1), ((9,), 0), ((2, 1, 3), 1)]
)
def test_softmax(cp, dtype, shape, axis):
    x = normal(shape, dtype)
    g = normal(shape, dtype, 1)
    for log, forward, backward in (
        (False, softmax.softmax, softmax.softmax_backward),
        (True, softmax.log_softmax, softmax.log_softmax_backward),
    ):
        want = reference_softmax(x, axis, log)
        out = forward(cp, cp.asarray(x), axis=axis)
        check(out, want)
        y, dy = out.get().astype(np.float64), g.astype(np.float64)
        if log:
            want_dx = dy - np.exp(y) * dy.sum(axis, keepdims=True)
        else:
            want_dx = y * (dy - (dy * y).sum(axis, keepdims=True))
        check(backward(cp, cp.asarray(g), out, axis=axis), want_dx, scale=4.0)


def test_softmax_edges(cp):
    x = cp.asarray(np.array([[np.inf, 1], [-np.inf, -np.inf], [np.nan, 0], [1e4, -1e4]], "f4"))
    got = softmax.softmax(cp, x, axis=1).get()
    assert np.isnan(got[:3]).all()
    assert got[3].tolist() == [1, 0]
    assert softmax.softmax(cp, cp.empty((0, 3), "float32"), axis=1).shape == (0, 3)
    assert float(softmax.softmax(cp, cp.asarray(2.0), axis=0)) == 1
    assert softmax.softmax(cp, cp.arange(3), axis=0) is NotImplemented
    transposed = cp.asarray(normal((4, 6))).T
    check(softmax.softmax(cp, transposed, axis=1), reference_softmax(transposed.get(), 1, False))


# ---- matrix products ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, "complex64", "complex128"])
@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 4), (4, 5)), ((4,), (4,)), ((4,), (4, 5)), ((3, 4), (4,)), ((2, 3, 4), (4, 5)),
        ((2, 3, 4), (2, 4, 5)), ((2, 1, 3, 4), (5, 4, 2)), ((3, 4), (2, 4, 5)), ((2, 3, 4), (4,)),
        ((1, 4), (4, 1)), ((3, 1), (1, 5)), ((6, 2, 1, 4), (1, 2, 4, 3)), ((0, 4), (4, 5)),
        ((3, 0), (0, 5)), ((4,), (2, 4, 5)),
    ],
)  # fmt: skip
def test_matmul(cp, dtype, a, b):
    x, y = normal(a, dtype), normal(b, dtype, 1)
    wide = np.complex128 if np.dtype(dtype).kind == "c" else np.float64
    want = x.astype(wide) @ y.astype(wide)
    got = cublas.matmul(cp, cp.asarray(x), cp.asarray(y))
    assert got.dtype == dtype
    assert got.shape == want.shape
    tolerance = TOLERANCE.get(np.dtype(dtype).name, 1e-5) * 4
    np.testing.assert_allclose(got.get().astype(wide), want, tolerance, tolerance)


def test_matmul_takes_transposes_as_flags(cp, monkeypatch):
    q, k = cp.asarray(normal((2, 3, 5, 4))), cp.asarray(normal((2, 3, 6, 4), seed=1))
    want = q.get() @ k.get().swapaxes(-1, -2)
    monkeypatch.setattr(cp, "ascontiguousarray", lambda *a: pytest.fail("an operand was copied"))
    got = cublas.matmul(cp, q, k.swapaxes(-1, -2))
    np.testing.assert_allclose(got.get(), want, 1e-5, 1e-5)
    a, b = cp.asarray(normal((7, 4))).T, cp.asarray(normal((3, 7), seed=2)).T
    np.testing.assert_allclose(cublas.matmul(cp, a, b).get(), a.get() @ b.get(), 1e-5, 1e-5)


def test_matmul_copies_what_has_no_dense_axis(cp):
    a = cp.asarray(normal((6, 8)))[::2, ::2]
    b = cp.asarray(normal((8, 5)))[::2]
    np.testing.assert_allclose(cublas.matmul(cp, a, b).get(), a.get() @ b.get(), 1e-5, 1e-5)


def test_matmul_handles_are_per_device_and_follow_the_stream(cp):
    def product():
        cublas.matmul(cp, cp.ones((2, 2), "float32"), cp.ones((2, 2), "float32"))

    product()
    product()
    assert cp.library.calls == ["create", "stream", "workspace", "gemm", "gemm"]
    with cp.cuda.Stream(non_blocking=True):
        product()
    assert cp.library.calls[5:] == ["stream", "workspace", "gemm"]
    with cp.cuda.Device(1):
        product()
    assert cp.library.calls[8:] == ["create", "stream", "workspace", "gemm"]


def test_matmul_tf32_is_a_switch(cp):
    a = cp.ones((2, 2), "float32")
    cublas.matmul(cp, a, a)
    cublas.allow_tf32(True)
    try:
        cublas.matmul(cp, a, a)
    finally:
        cublas.allow_tf32(False)
    assert cp.library.compute_types == [68, 77]


def test_linear_and_addmm(cp):
    x, w, b = (cp.asarray(normal(shape)) for shape in ((2, 3, 4), (5, 4), (5,)))
    want = x.get() @ w.get().T + b.get()
    np.testing.assert_allclose(cublas.linear(cp, x, w, b).get(), want, 1e-5, 1e-5)
    y, c = w.T, cp.full((3, 5), np.nan, "float32")
    got = cublas.addmm(cp, c, x[0], y, beta=0, alpha=2)
    np.testing.assert_allclose(got.get(), 2 * (x[0].get() @ y.get()), 1e-5, 1e-5)
    got = cublas.addmm(cp, b, x[0], y, beta=0.5, alpha=1)
    np.testing.assert_allclose(got.get(), x[0].get() @ y.get() + 0.5 * b.get(), 1e-5, 1e-5)


def test_matmul_in_capture_and_declines(cp):
    a = cp.ones((2, 2), "float32")
    cublas.matmul(cp, a, a)
    with fakecupy.capturing():
        cublas.matmul(cp, a, a)
    assert cublas.matmul(cp, cp.ones((2, 2), "int64"), cp.ones((2, 2), "int64")) is NotImplemented
    assert cublas.matmul(cp, a, cp.ones((2, 2), "float64")) is NotImplemented


# ---- convolution --------------------------------------------------------------------------------

CONVOLUTIONS = [
    # x, w, stride, padding, dilation, groups
    ((2, 3, 7, 6), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1),
    ((2, 4, 8, 9), (6, 2, 3, 2), (2, 1), (0, 1), (1, 2), 2),
    ((1, 4, 5, 5), (3, 4, 1, 1), (1, 1), (0, 0), (1, 1), 1),
    ((2, 4, 5, 5), (8, 1, 3, 3), (1, 2), (1, 1), (1, 1), 4),
    ((2, 3, 9), (5, 3, 4), (3,), (2,), (1,), 1),
    ((1, 2, 4, 5, 6), (4, 1, 2, 3, 2), (1, 2, 1), (0, 1, 1), (1, 1, 2), 2),
    ((2, 2, 3, 4, 3), (3, 2, 2, 2, 2), (1, 1, 2), (1, 0, 1), (1, 1, 1), 1),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_convolution(cp, dtype, case):
    x_shape, w_shape, stride, padding, dilation, groups = case
    settings = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    x, w, b = normal(x_shape, dtype), normal(w_shape, dtype, 1), normal(w_shape[:1], dtype, 2)
    wide = [a.astype(np.float64) for a in (x, w, b)]
    want = cpu_conv.conv(np, *wide, **settings)
    got = conv.conv(cp, *map(cp.asarray, (x, w, b)), **settings)
    check(got, want, scale=8.0)
    g = normal(want.shape, dtype, 3)
    size, kernel = x_shape[2:], w_shape[2:]
    want = cpu_conv.conv_input(np, g.astype(float), wide[1], input_size=size, **settings)
    got = conv.conv_input(cp, cp.asarray(g), cp.asarray(w), input_size=size, **settings)
    check(got, want, scale=8.0)
    want = cpu_conv.conv_weight(np, wide[0], g.astype(float), kernel_size=kernel, **settings)
    got = conv.conv_weight(cp, cp.asarray(x), cp.asarray(g), kernel_size=kernel, **settings)
    check(got, want, scale=16.0)


def test_convolution_in_chunks_of_images(cp, monkeypatch):
    monkeypatch.setattr(conv, "_COLUMN_BYTES", 4000)
    for dtype in ("float32", ml_dtypes.bfloat16):
        test_convolution(cp, dtype, ((5, 3, 7, 6), (4, 3, 3, 3), (1, 1), (1, 1), (1, 1), 1))
        test_convolution(cp, dtype, ((5, 4, 6, 6), (4, 2, 3, 3), (2, 2), (1, 1), (1, 1), 2))


def test_transposed_convolution_bias_and_empty(cp):
    settings = {"stride": (1, 1), "padding": (0, 0), "dilation": (1, 1), "groups": 1}
    b = cp.asarray(normal(3))
    none = cp.empty((0, 3, 5, 5), "float32")
    w = cp.asarray(normal((4, 3, 2, 2)))
    assert conv.conv(cp, none, w, **settings).shape == (0, 4, 4, 4)
    g = cp.zeros((2, 4, 4, 4), "float32")
    got = conv.conv_input(cp, g, w, b, input_size=(5, 5), **settings)
    np.testing.assert_array_equal(got.get(), np.broadcast_to(b.get()[:, None, None], (2, 3, 5, 5)))
    ints = cp.ones((1, 1, 2, 2), "int64")
    assert conv.conv(cp, ints, ints, **settings) is NotImplemented


# ---- pooling ------------------------------------------------------------------------------------

POOLS = [
    ((2, 3, 8, 7), (2, 2), (2, 2), (0, 0), (1, 1), False),
    ((2, 3, 8, 7), (3, 2), (2, 1), (1, 1), (1, 2), False),
    ((1, 2, 7, 9), (3, 3), (2, 2), (1, 1), (1, 1), True),
    ((2, 2, 10), (4,), (3,), (2,), (1,), True),
    ((1, 2, 5, 6, 4), (2, 3, 2), (2, 2, 1), (1, 1, 0), (1, 1, 1), False),
]


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("case", POOLS)
def test_max_pool(cp, dtype, case):
    shape, kernel, stride, padding, dilation, ceil_mode = case
    settings = {"kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation}
    x = normal(shape, dtype).round(1)
    x.flat[5] = np.nan
    want, where = cpu_pool.max_pool(np, x.astype(float), ceil_mode=ceil_mode, **settings)
    got, indices = pool.max_pool(cp, cp.asarray(x), ceil_mode=ceil_mode, **settings)
    np.testing.assert_array_equal(got.get().astype(float), want)
    np.testing.assert_array_equal(indices.get(), where)
    g = normal(want.shape, dtype, 1)
    spatial = shape[2:]
    want = cpu_pool.max_pool_backward(np, g.astype(float), where, spatial=spatial)
    check(pool.max_pool_backward(cp, cp.asarray(g), indices, spatial=spatial), want, scale=4.0)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("case", POOLS)
@pytest.mark.parametrize(("with_padding", "divisor"), [(True, None), (False, None), (True, 3)])
def test_avg_pool(cp, dtype, case, with_padding, divisor):
    shape, kernel, stride, padding, _, ceil_mode = case
    settings = {
        "kernel": kernel, "stride": stride, "padding": padding, "ceil_mode": ceil_mode,
        "count_include_pad": with_padding, "divisor": divisor,
    }  # fmt: skip
    x = normal(shape, dtype)
    want = cpu_pool.avg_pool(np, x.astype(float), **settings)
    check(pool.avg_pool(cp, cp.asarray(x), **settings), want, scale=2.0)
    g = normal(want.shape, dtype, 1)
    want = cpu_pool.avg_pool_backward(np, g.astype(float), spatial=shape[2:], **settings)
    got = pool.avg_pool_backward(cp, cp.asarray(g), spatial=shape[2:], **settings)
    check(got, want, scale=4.0)


# ---- reductions ---------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize(
    ("shape", "axes"),
    [((6, 5, 7), (0, 2)), ((4, 300), (1,)), ((3, 4, 2, 5), (2, 3)), ((70, 2, 70), (0, 2)),
     ((5, 4), (0, 1)), ((9, 3), (0,))],
)  # fmt: skip
def test_moments(cp, dtype, shape, axes):
    x = (normal(shape, dtype) + 100).astype(dtype)
    mean, variance = reduce.moments(cp, cp.asarray(x), axes=axes)
    wide = x.astype(np.float64)
    assert mean.dtype == (np.float64 if dtype == "float64" else np.float32)
    np.testing.assert_allclose(mean.get(), wide.mean(axes), 1e-5)
    np.testing.assert_allclose(variance.get(), wide.var(axes), 2e-4)
    assert reduce.moments(cp, cp.asarray(normal((2, 3, 4))), axes=(1,)) is NotImplemented


@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8", "int32"])
@pytest.mark.parametrize(("shape", "axis"), [((5, 40), 1), ((3, 7, 4), 1), ((6,), 0), ((4, 1), -1)])
def test_extremes(cp, dtype, shape, axis):
    x = (np.random.default_rng(0).integers(0, 9, shape)).astype(dtype)
    for function, find in ((reduce.max_with_index, "max"), (reduce.min_with_index, "min")):
        values, indices = function(cp, cp.asarray(x), axis=axis, keepdims=False)
        np.testing.assert_array_equal(values.get(), getattr(x, find)(axis))
        np.testing.assert_array_equal(indices.get(), getattr(x, "arg" + find)(axis))
    if x.dtype.kind == "f":
        x.flat[0] = x.flat[-1] = np.nan
        values, indices = reduce.max_with_index(cp, cp.asarray(x), axis=axis, keepdims=True)
        np.testing.assert_array_equal(values.get(), x.max(axis, keepdims=True))
        np.testing.assert_array_equal(indices.get(), x.argmax(axis, keepdims=True))


def test_extremes_of_large_integers_are_exact(cp):
    x = np.array([2**60, 2**60 + 1, 2**60 - 1])
    values, indices = reduce.max_with_index(cp, cp.asarray(x), axis=0, keepdims=False)
    assert (int(values), int(indices)) == (2**60 + 1, 1)


# ---- indices ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [*FLOATS, "int64", "int32", "uint8"])
def test_sums_by_index(cp, dtype):
    rng = np.random.default_rng(0)
    g = rng.integers(0, 5, (4, 3, 6)).astype(dtype)
    ids = rng.integers(0, 5, (4, 3))
    want = np.zeros((5, 6))
    np.add.at(want, ids, g.astype(float))
    options = {"rows": 5, "scale_grad_by_freq": False}
    got = index.embedding_backward(cp, cp.asarray(g), cp.asarray(ids), padding_idx=2, **options)
    want[2] = 0
    assert got.dtype == dtype
    np.testing.assert_array_equal(got.get().astype(float), want)
    x = rng.integers(0, 5, (4, 7, 2)).astype(dtype)
    source = rng.integers(0, 5, (4, 3, 2)).astype(dtype)
    where = np.array([6, 0, 6])
    want = x.astype(float)
    np.add.at(want, (slice(None), where), 2 * source.astype(float))
    arrays = [cp.asarray(a) for a in (x, where, source)]
    got = index.index_add(cp, *arrays, axis=1, alpha=2)
    np.testing.assert_array_equal(got.get().astype(float), want)
    at = rng.integers(0, 7, source.shape)
    want = x.astype(float)
    for i, j, k in itertools.product(*map(range, source.shape)):
        want[i, at[i, j, k], k] += float(source[i, j, k])
    arrays = [cp.asarray(a) for a in (x, at, source)]
    got = index.scatter_add(cp, *arrays, axis=1)
    np.testing.assert_array_equal(got.get().astype(float), want)


def test_an_index_out_of_range_stops_the_kernel(cp):
    g = cp.ones((2, 3), "float32")
    with pytest.raises(cuda_shim.ShimError, match="trap"):
        index.embedding_backward(
            cp, g, cp.asarray([0, 5]), rows=5, padding_idx=-1, scale_grad_by_freq=False
        )


# ---- random numbers -----------------------------------------------------------------------------


def reference_philox(seed, counter):
    """The published algorithm in Python integers."""
    mask = 2**32 - 1
    c = [counter & mask, counter >> 32, 0, 0]
    key = [seed & mask, seed >> 32]
    for _ in range(10):
        p0, p1 = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(p1 >> 32) ^ c[1] ^ key[0], p1 & mask, (p0 >> 32) ^ c[3] ^ key[1], p0 & mask]
        key = [(key[0] + 0x9E3779B9) & mask, (key[1] + 0xBB67AE85) & mask]
    return c


def test_philox_known_answers():
    # kat_vectors of Random123 1.14 for philox4x32-10.
    assert reference_philox(0, 0) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]


def test_philox_bits_and_offset(cp):
    stream = random.PhiloxStream(cp, 123 << 40)
    words = random.bits64(stream, (5,)).get().view(np.uint32)
    want = [word for i in range(3) for word in reference_philox(123 << 40, i)][:10]
    assert words.tolist() == want
    assert stream.state.get().tolist() == [123 << 40, 3]
    again = random.bits64(stream, (2,)).get().view(np.uint32)
    assert again.tolist() == reference_philox(123 << 40, 3)


@pytest.mark.parametrize("dtype", FLOATS)
def test_uniform_and_normal(cp, dtype):
    stream = random.PhiloxStream(cp, 7)
    u = cp.empty((101, 99), dtype)
    with fakecupy.forbid_syncs(), fakecupy.capturing():
        random.fill_uniform(u, stream, 2, 5)
    values = u.get().astype(float)
    assert values.min() >= 2
    assert values.max() < 5
    assert abs(values.mean() - 3.5) < 0.05
    assert abs(values.std() - math.sqrt(9 / 12)) < 0.05
    random.fill_normal(u, stream, 1.0, 2.0)
    values = (u.get().astype(float) - 1) / 2
    assert np.isfinite(values).all()
    moments = [values.mean(), (values**2).mean(), (values**3).mean(), (values**4).mean()]
    np.testing.assert_allclose(moments, [0, 1, 0, 3], atol=0.2)
    # Pairs of Box-Muller must not be correlated.
    flat = values.ravel()[:9998]
    assert abs(np.corrcoef(flat[::2], flat[1::2])[0, 1]) < 0.05


def test_streams_repeat_and_continue(cp):
    def draw(stream):
        out = cp.empty(10, "float32")
        random.fill_uniform(out, stream)
        return out.get().tolist()

    stream = random.PhiloxStream(cp, 3)
    first, second = draw(stream), draw(stream)
    assert first != second
    assert draw(stream.manual_seed(3)) == first
    state = stream.get_state()
    assert draw(stream) == second
    stream.set_state(state)
    assert draw(stream) == second
    assert stream.manual_seed(-1).initial_seed() == 2**64 - 1
    with pytest.raises(RuntimeError):
        stream.manual_seed(2**64)


def test_other_fills(cp):
    stream = random.PhiloxStream(cp, 5)
    out = cp.empty(4000, "int64")
    random.fill_random_from_to(out, stream, -3, 4)
    assert sorted(set(out.get().tolist())) == list(range(-3, 4))
    random.fill_random_from_to(out, stream, -(2**63), None)
    assert out.get().min() < -(2**62)
    random.fill_random(out, stream)
    assert out.get().min() >= 0
    half = cp.empty(4000, "float16")
    random.fill_random_from_to(half, stream, 0, 10)
    assert sorted(set(half.get().tolist())) == list(range(10))
    with pytest.raises(RuntimeError, match="less than"):
        random.fill_random_from_to(half, stream, 3, 3)
    with pytest.raises(RuntimeError, match="std >= 0"):
        random.fill_normal(half, stream, 0, -1)
    small = cp.empty(4000, "uint8")
    random.fill_random(small, stream)
    assert (small.get().min(), small.get().max()) == (0, 255)
    mask = cp.empty(4000, "bool")
    random.fill_bernoulli(mask, stream, 0.25)
    assert abs(mask.get().mean() - 0.25) < 0.03
    x = cp.empty(4000, "float32")
    random.fill_exponential(x, stream, 2.0)
    assert abs(x.get().mean() - 0.5) < 0.05
    random.fill_geometric(x, stream, 0.5)
    assert abs(x.get().mean() - 2) < 0.1
    assert x.get().min() == 1
    random.fill_log_normal(x, stream, 0.0, 0.5)
    assert abs(np.log(x.get()).std() - 0.5) < 0.05
    random.fill_cauchy(x, stream, 1.0, 2.0)
    assert abs(np.median(x.get()) - 1) < 0.3
    z = cp.empty(2000, "complex64")
    random.fill_normal(z, stream)
    assert abs(np.abs(z.get()).std() - math.sqrt(1 - math.pi / 4)) < 0.05


def test_dropout(cp):
    x = cp.asarray(normal((50, 41)) + 10)
    out, mask = random.dropout(x, random.PhiloxStream(cp, 1), 0.3)
    kept = mask.get()
    assert abs(kept.mean() - 0.7) < 0.04
    want = np.where(kept, x.get() * np.float32(1 / 0.7), 0)
    np.testing.assert_allclose(out.get(), want, 1e-6)
    out, mask = random.dropout(x, random.PhiloxStream(cp, 1), 1.0)
    assert not out.get().any()


# ---- optimizers ---------------------------------------------------------------------------------

SHAPES = [(3, 5), (40000,), (1,), (0,), (7, 2, 2)]


def arrays_like(cp, count, seed=0):
    lists = []
    for k in range(count):
        lists.append([cp.asarray(normal(shape, "float32", seed + k)) for shape in SHAPES])
    return lists


def test_sgd(cp):
    parameters, gradients, buffers = arrays_like(cp, 3)
    hyper = {"lr": 0.1, "momentum": 0.9, "dampening": 0.2, "weight_decay": 0.01}
    want_p = [p.get().astype(float) for p in parameters]
    want_b = [None] * len(want_p)
    for step in range(3):
        first = step == 0
        assert optim.sgd(cp, parameters, gradients, buffers, nesterov=True, first=first, **hyper)
        for i, gradient in enumerate(gradients):
            g = gradient.get() + 0.01 * want_p[i]
            want_b[i] = g if first else 0.9 * want_b[i] + 0.8 * g
            want_p[i] = want_p[i] - 0.1 * (g + 0.9 * want_b[i])
    for i in range(len(want_p)):
        np.testing.assert_allclose(parameters[i].get(), want_p[i], 1e-4, 1e-5)
        np.testing.assert_allclose(buffers[i].get(), want_b[i], 1e-4, 1e-5)
    before = [p.get() for p in parameters]
    assert optim.sgd(cp, parameters, gradients, None, lr=0.5, maximize=True)
    for was, p, g in zip(before, parameters, gradients, strict=True):
        np.testing.assert_allclose(p.get(), was + 0.5 * g.get(), 1e-5, 1e-6)


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("amsgrad", [False, True])
def test_adam(cp, decoupled, amsgrad):
    parameters, gradients = arrays_like(cp, 2)
    averages, squares, largest = ([cp.zeros_like(p) for p in parameters] for _ in range(3))
    p, m, v, top = (
        [a.get().astype(float) for a in arrays]
        for arrays in (parameters, averages, squares, largest)
    )
    for step in range(1, 4):
        done = optim.adam(
            cp, parameters, gradients, averages, squares, largest if amsgrad else None,
            step=step, lr=0.01, beta1=0.9, beta2=0.99, eps=1e-8, weight_decay=0.1,
            decoupled=decoupled,
        )  # fmt: skip
        assert done
        for i, gradient in enumerate(gradients):
            g = gradient.get().astype(float)
            if decoupled:
                p[i] = p[i] * (1 - 0.01 * 0.1)
            else:
                g = g + 0.1 * p[i]
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.99 * v[i] + 0.01 * g * g
            top[i] = np.maximum(top[i], v[i]) if amsgrad else v[i]
            root = np.sqrt(top[i] / (1 - 0.99**step)) + 1e-8
            p[i] = p[i] - 0.01 / (1 - 0.9**step) * m[i] / root
    for got, want in zip(parameters, p, strict=True):
        np.testing.assert_allclose(got.get(), want, 2e-4, 2e-5)


def test_optimizers_decline_what_they_cannot_see(cp):
    a = cp.ones((4, 4), "float32")
    assert optim.sgd(cp, [a.T[:2]], [a[:2]], None, lr=0.1) is False
    assert optim.sgd(cp, [a], [a.astype("float64")], None, lr=0.1) is False
    assert optim.sgd(cp, [], [], None, lr=0.1) is True
    assert float(a.sum()) == 16


# ---- the sources --------------------------------------------------------------------------------

SOURCES = [
    (area, name, wide)
    for area in compile.AREAS
    for name in ("float32", "float64", "float16", "bfloat16", "int64")
    for wide in (False, True)
    if name != "int64" or area in ("reduce", "index")
]


@pytest.mark.parametrize(("area", "dtype_name", "wide"), SOURCES)
def test_sources_compile_for_hopper(area, dtype_name, wide):
    nvrtc_check.require()
    cubin = nvrtc_check.compile_cubin(compile.module_source(area, dtype_name, wide))
    assert cubin[:4] == b"\x7fELF"


@pytest.mark.parametrize(
    ("area", "dtype_name"), [("softmax", "float32"), ("reduce", "float32"), ("conv", "float32")]
)
def test_results_do_not_depend_on_thread_order(area, dtype_name):
    """A missing barrier shows as a difference between threads run forwards and in reverse."""
    kernels = cuda_shim.load(compile.module_source(area, dtype_name, False))
    x, out = normal((3, 500)), {}
    for reverse in (False, True):
        result = np.full((3, 500), np.nan, np.float32)
        if area == "softmax":
            args = [x, result, *map(np.int32, (3, 500, 0))]
            kernels["softmax_rows"]((3,), (128,), args, reverse)
        elif area == "reduce":
            args = [x, result, *map(np.int32, (1, 3, 500, 1))]
            kernels["moments_partial"]((3,), (256,), args, reverse)
        else:
            window = [1, 1, 500, 1, 1, 500, 1, 1, 1, 1, 1, 1, 0, 0, 0, 1, 1, 1]
            args = [x, x, result, *map(np.int32, (1, 3, 1, *window))]
            kernels["depthwise_weight"]((3,), (256,), args, reverse)
        out[reverse] = result
    np.testing.assert_array_equal(out[False], out[True])


def address_sanitizer():
    """The runtime that must be loaded before anything else, or None."""
    found = subprocess.run(
        ["g++", "-print-file-name=libasan.so"], capture_output=True, text=True, check=False
    ).stdout.strip()
    return found if Path(found).is_absolute() else None


def sanitized(script):
    """Run a script with kernels under AddressSanitizer; its exit status and what it printed."""
    runtime = address_sanitizer()
    if runtime is None:
        pytest.skip("libasan comes with g++")
    environment = {**os.environ, "LD_PRELOAD": runtime, "ASAN_OPTIONS": "detect_leaks=0"}
    paths = [str(Path(__file__).parents[1]), *sys.path]
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, paths))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    return done.returncode, done.stdout + done.stderr


SANITIZED = """
import cuda_shim, fakecupy
from fakecupy import kernels

load = cuda_shim.load
cuda_shim.load = lambda source, names=None, options=(): load(source, names, options, True)
cupy = fakecupy.install(1)
import numpy as np
from gradcore.backends.cuda import conv, cudnn, index, optim, pool, random, reduce, softmax

cudnn.enable(False)

def normal(*shape):
    return cupy.asarray(np.random.default_rng(0).standard_normal(shape).astype(np.float32))

x, w = normal(2, 4, 7, 5), normal(6, 2, 3, 2)
window = dict(stride=(2, 1), padding=(1, 1), dilation=(1, 2), groups=2)
y = conv.conv(cupy, x, w, **window)
conv.conv_input(cupy, y, w, input_size=(7, 5), **window)
conv.conv_weight(cupy, x, y, kernel_size=(3, 2), **window)
w, window["groups"] = normal(8, 1, 3, 2), 4
y = conv.conv(cupy, x, w, **window)
conv.conv_input(cupy, y, w, input_size=(7, 5), **window)
conv.conv_weight(cupy, x, y, kernel_size=(3, 2), **window)
size = dict(kernel=(3, 2), stride=(2, 2), padding=(1, 1), ceil_mode=True)
y, indices = pool.max_pool(cupy, x, dilation=(1, 1), **size)
pool.max_pool_backward(cupy, y, indices, spatial=(7, 5))
size.update(count_include_pad=False, divisor=None)
y = pool.avg_pool(cupy, x, **size)
pool.avg_pool_backward(cupy, y, spatial=(7, 5), **size)
for axis in (1, 3):
    softmax.softmax_backward(cupy, x, softmax.softmax(cupy, x, axis=axis), axis=axis)
    reduce.max_with_index(cupy, x, axis=axis, keepdims=False)
reduce.moments(cupy, x, axes=(0, 2, 3))
index.embedding_backward(cupy, x[0, 0], cupy.asarray([1, 0, 2, 2, 1, 0, 3]), rows=4,
                         padding_idx=-1, scale_grad_by_freq=False)
stream = random.PhiloxStream(cupy, 1)
random.dropout(x, stream, 0.5)
random.fill_normal(cupy.empty(13, "float32"), stream)
optim.sgd(cupy, [x], [x + 1], None, lr=0.1)
print("all kernels ran")
"""


def test_kernels_stay_inside_their_arrays():
    status, output = sanitized(SANITIZED)
    assert "all kernels ran" in output, output[-3000:]
    assert status == 0


def test_a_write_out_of_bounds_would_be_found():
    script = (
        SANITIZED.split("x, w =")[0]
        + """
source = 'extern "C" __global__ void k(float* x) { x[threadIdx.x + 1] = 0; }'
cupy.RawKernel(source, "k")((1,), (32,), (cupy.zeros(32, "float32"),))
"""
    )
    status, output = sanitized(script)
    assert status != 0
    assert "heap-buffer-overflow" in output


def test_every_override_is_a_function():
    assert all(callable(body) for body in OVERRIDES.values())
