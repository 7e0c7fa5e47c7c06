"""Compiled products, attention and recurrent layers against NumPy's."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore.nn  # noqa: F401  (registers the operations of layers)
from gradcore.backends.cpu import native, threads
from gradcore.backends.cpu.native import attention, gemm, recurrent
from gradcore.ops.op import OPS

pytestmark = pytest.mark.skipif(
    not native.is_available() or gemm.library(np.dtype(np.float32)) is None,
    reason="llvmlite or the BLAS's own functions are missing",
)

FORMS = {
    "as it is": lambda a: a,
    "transposed": lambda a: np.ascontiguousarray(a.swapaxes(-1, -2)).swapaxes(-1, -2),
    "part of more": lambda a: np.concatenate([a, a], axis=-1)[..., : a.shape[-1]],
}


@pytest.fixture(autouse=True)
def two_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    yield
    threads.set_num_threads(before)


def normal(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def assert_close(found, expected):
    assert found.shape == expected.shape
    precision = 30 * np.finfo(found.dtype).eps * max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, rtol=0, atol=precision)


# ------------------------------------------------------------------------------- products


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("right", FORMS)
@pytest.mark.parametrize("left", FORMS)
def test_products_of_matrices_of_any_form(left, right, dtype):
    x, y = normal(130, 70, dtype=dtype), normal(70, 61, seed=1, dtype=dtype)
    bias = normal(61, seed=2, dtype=dtype)
    for b in (None, bias):
        found = gemm.product(FORMS[left](x), FORMS[right](y), b)
        assert_close(found, x @ y if b is None else x @ y + b)


@pytest.mark.parametrize("shape", [(3, 90, 50, 40), (2, 3, 90, 50, 40), (40, 33, 20, 31)])
def test_products_of_batches(shape):
    *batch, n, m, p = shape
    x, y = normal(*batch, n, m), normal(*batch, p, m, seed=1).swapaxes(-1, -2)
    assert_close(gemm.product(x, y), np.matmul(x, y))


def test_what_has_no_form_is_left_to_numpy():
    x = normal(200, 200)
    assert gemm.product(x[:, ::2], x[::2]) is None
    assert gemm.product(x[::-1], x) is None
    assert gemm.product(x.astype(np.float16), x.astype(np.float16)) is None
    assert gemm.product(x[:8, :8], x[:8, :8]) is None


def test_linear_layers_of_any_leading_shape():
    x, w, b = normal(4, 50, 60), normal(70, 60, seed=1), normal(70, seed=2)
    assert_close(gemm.linear(np, x, w, b), x @ w.T + b)


# ------------------------------------------------------------------------------- attention

SIZES = [(2, 3, 70, 90, 8, 5), (1, 2, 130, 70, 8, 8), (2, 2, 100, 100, 16, 16)]


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("size", SIZES)
def test_attention(size, causal):
    batch, heads, queries, keys, depth, width = size
    q, k = normal(batch, heads, queries, depth), normal(batch, heads, keys, depth, seed=1)
    v, g = normal(batch, heads, keys, width, seed=2), normal(batch, heads, queries, width, seed=3)
    options = {"scale": 0.3, "causal": causal}
    found = attention.attention(np, q, k, v, **options)
    assert_close(found, OPS["attention"].body(np, q, k, v, **options))
    found = attention.attention_backward(np, g, q, k, v, **options)
    expected = OPS["attention_backward"].body(np, g, q, k, v, **options)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other)


def test_attention_of_arrays_that_are_not_contiguous():
    q, k, v = (normal(2, 100, 3, 16, seed=i).swapaxes(1, 2) for i in range(3))
    options = {"scale": 0.25, "causal": True}
    expected = OPS["attention"].body(np, q, k, v, **options)
    assert_close(attention.attention(np, q, k, v, **options), expected)


def test_a_bias_is_left_to_numpy():
    q = normal(1, 1, 200, 64)
    found = attention.attention(np, q, q, q, normal(200, 200), scale=1.0, causal=False)
    assert found is NotImplemented


# ------------------------------------------------------------------------ recurrent layers


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("steps", "batch", "size"), [(5, 30, 64), (9, 3, 72), (3, 70, 40)])
def test_lstm(steps, batch, size, reverse):
    gates, weight = normal(steps, batch, 4 * size), normal(4 * size, size, seed=1) / size**0.5
    h, c = normal(batch, size, seed=2), normal(batch, size, seed=3)
    found = recurrent.lstm(np, gates, weight, h, c, reverse=reverse)
    expected = OPS["lstm"].body(np, gates, weight, h, c, reverse=reverse)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other)
    y, y_cells = normal(steps, batch, size, seed=4), normal(steps, batch, size, seed=5)
    given = (y, y_cells, weight, h, c, *expected)
    found = recurrent.lstm_backward(np, *given, reverse=reverse)
    expected = OPS["lstm_backward"].body(np, *given, reverse=reverse)
    for one, other in zip(found, expected, strict=True):
        assert_close(one, other)


def test_masks_and_odd_sizes_are_left_to_numpy():
    gates, weight = normal(9, 90, 4 * 30), normal(4 * 30, 30)
    h = normal(90, 30)
    assert recurrent.lstm(np, gates, weight, h, h, reverse=False) is NotImplemented
    mask = np.ones((9, 90, 1), np.float32)
    gates, weight, h = normal(9, 90, 4 * 32), normal(4 * 32, 32), normal(90, 32)
    assert recurrent.lstm(np, gates, weight, h, h, mask, reverse=False) is NotImplemented
