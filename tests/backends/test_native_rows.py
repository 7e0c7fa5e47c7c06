"""Compiled softmax, logsumexp and cross entropy against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import block_reduce, native, nll, softmax
from gradcore.backends.cpu.native import rows
from gradcore.ops import loss as generic

pytestmark = [
    pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed"),
    pytest.mark.usefixtures("compile_at_once"),
]

SHAPES = [(7,), (5, 1), (128, 10), (9, 20, 80), (30, 101), (64, 1000), (2, 10_003)]
by_shape = pytest.mark.parametrize("shape", SHAPES, ids=str)
by_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])
TOLERANCE = {"float32": 1e-6, "float64": 2e-15}


def numbers(shape, dtype="float32", seed=0):
    return np.random.default_rng(seed).uniform(-9, 9, shape).astype(dtype)


def assert_close(found, expected, scale=1):
    assert found.shape == expected.shape
    tolerance = TOLERANCE[found.dtype.name] * scale
    size = np.abs(expected[np.isfinite(expected)]).max(initial=0)
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance * size)


@by_shape
@by_dtype
@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_and_gradient(name, shape, dtype, threads):
    x, g = numbers(shape, dtype), numbers(shape, dtype, 1)
    axis = x.ndim - 1
    forward, backward = rows.OVERRIDES[name], rows.OVERRIDES[f"{name}_backward"]
    out = forward(np, x, axis=axis)
    expected = softmax.OVERRIDES[name](np, x.astype("d"), axis=axis)
    assert out.dtype == dtype
    assert_close(out, expected)
    gradient = softmax.OVERRIDES[f"{name}_backward"](np, g.astype("d"), expected, axis=axis)
    assert_close(backward(np, g, out, axis=axis), gradient, scale=8)


EXTREME_ROWS = [
    [0, np.nan, 1], [np.inf, 0, 1], [-np.inf, 0, 1], [-np.inf] * 3, [np.inf, -np.inf, 0],
    [1000, 999, -1000], [-1000, -1001, -1002], [3e38, 3e38, -3e38], [-0.0, 0.0, 1e-42],
]  # fmt: skip


@by_dtype
@pytest.mark.parametrize("length", [3, 16, 70])
def test_rows_with_what_is_no_ordinary_number(length, dtype):
    x = np.repeat(np.array(EXTREME_ROWS, dtype), length // 3 + 1, axis=1)[:, :length].copy()
    x[:, 0] = np.array(EXTREME_ROWS, dtype)[:, 0]
    high = x.max(axis=1, keepdims=True)
    shifted = x.astype("d") - high
    total = np.exp(shifted).sum(axis=1, keepdims=True)
    kwargs = {"rtol": 1e-6, "atol": 1e-37}
    np.testing.assert_allclose(
        rows.OVERRIDES["softmax"](np, x, axis=1), np.exp(shifted) / total, **kwargs
    )
    logarithms = rows.OVERRIDES["log_softmax"](np, x, axis=1)
    np.testing.assert_allclose(logarithms, (shifted - np.log(total)).astype(dtype), **kwargs)
    found = rows.logsumexp(np, x, axes=(1,), keepdims=False)
    expected = block_reduce.logsumexp(np, x.astype("d"), axes=(1,), keepdims=False)
    np.testing.assert_allclose(found, expected.astype(dtype), **kwargs)


@by_shape
@by_dtype
def test_logsumexp(shape, dtype, threads):
    x = numbers(shape, dtype)
    for keepdims in (False, True):
        options = {"axes": (x.ndim - 1,), "keepdims": keepdims}
        expected = block_reduce.logsumexp(np, x.astype("d"), **options)
        assert_close(np.asarray(rows.logsumexp(np, x, **options)), expected)


def test_declines_what_it_does_not_cover():
    x = numbers((4, 5))
    forward, backward = rows.OVERRIDES["softmax"], rows.OVERRIDES["softmax_backward"]
    assert forward(np, x, axis=0) is NotImplemented
    assert forward(np, x.astype("float16"), axis=1) is NotImplemented
    assert forward(np, x[:0], axis=1) is NotImplemented
    assert forward(np, numbers((20_000, 3)), axis=1) is NotImplemented
    assert backward(np, x, x.astype("d"), axis=1) is NotImplemented
    assert rows.logsumexp(np, x, axes=(0,), keepdims=False) is NotImplemented
    assert rows.logsumexp(np, x, axes=None, keepdims=False) is NotImplemented
    assert rows.softmax_parts(np, x.T) is NotImplemented
    options = {"ignore_index": -100, "reduction": "mean"}
    labels = np.zeros((4, 2), np.int64)
    assert rows.nll_loss(np, numbers((4, 5, 2)), labels, **options) is NotImplemented
    weight = np.ones(5)
    assert rows.nll_loss(np, x, labels[:, 0], weight, **options) is NotImplemented


def test_rows_that_are_not_dense():
    x, g = numbers((40, 30)).T, numbers((30, 80))[:, ::2]
    out = rows.OVERRIDES["softmax"](np, x, axis=1)
    np.testing.assert_array_equal(out, rows.OVERRIDES["softmax"](np, x.copy(), axis=1))
    found = rows.OVERRIDES["softmax_backward"](np, g, out, axis=1)
    np.testing.assert_array_equal(
        found, rows.OVERRIDES["softmax_backward"](np, g.copy(), out, axis=1)
    )


# ------------------------------------------------------------------------- cross entropy


@pytest.fixture(params=["plain", "weights", "ignored", "ignored class", "uint8"])
def labels(request):
    """Targets of 130 rows with 10 classes, a weight, and the ignored index."""
    rng = np.random.default_rng(0)
    target, weight, ignored = rng.integers(0, 10, 130), None, -100
    if request.param != "plain":
        weight = rng.uniform(0.5, 2, 10)
    if request.param == "ignored":
        target[rng.random(130) < 0.3] = ignored
    if request.param == "ignored class":
        ignored = 3
    if request.param == "uint8":
        target = target.astype(np.uint8)
    return target, weight, ignored


@by_dtype
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_and_gradient(labels, reduction, dtype, threads):
    target, weight, ignored = labels
    x = numbers((130, 10), dtype)
    weight = None if weight is None else weight.astype(dtype)
    options = {"ignore_index": ignored, "reduction": reduction}
    high, sums = rows.softmax_parts(np, x)
    wide = x.astype("d")
    expected_parts = generic.softmax_parts.body(np, wide)
    assert_close(high, expected_parts[0])
    assert_close(sums, expected_parts[1])
    own = None if weight is None else weight.astype("d")
    found = rows.cross_entropy(np, x, target, high, sums, weight, **options)
    expected = generic.cross_entropy.body(np, wide, target, *expected_parts, own, **options)
    for a, b in zip(found, expected, strict=True):
        assert a.dtype == (dtype if b.dtype.kind == "f" else np.int64)
        assert_close(a.astype(dtype), np.asarray(b, "d"))
    _, _, factors, classes = found
    gradient = rows.softmax_minus_one_hot(np, x, high, sums, classes, factors)
    expected = generic.softmax_minus_one_hot.body(np, wide, *expected_parts, *expected[:1:-1])
    assert_close(gradient, expected)


@by_dtype
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_nll_loss_and_gradient(labels, reduction, dtype, threads):
    target, weight, ignored = labels
    x = numbers((130, 10), dtype)
    weight = None if weight is None else weight.astype(dtype)
    options = {"ignore_index": ignored, "reduction": reduction}
    own = None if weight is None else weight.astype("d")
    loss, total = rows.nll_loss(np, x, target, weight, **options)
    expected = generic.nll_loss.body(np, x.astype("d"), target, own, **options)
    assert_close(loss, np.asarray(expected[0]))
    assert_close(total, np.asarray(expected[1]))
    y = numbers(np.shape(loss), dtype, 1)
    options["shape"] = x.shape
    found = rows.nll_loss_backward(np, y, total, target, weight, **options)
    wide = generic.nll_loss_backward.body(
        np, y.astype("d"), total.astype("d"), target, own, **options
    )
    assert_close(found, wide, scale=2)


def test_no_row_that_counts():
    x, target = numbers((4, 3)), np.full(4, -100)
    options = {"ignore_index": -100, "reduction": "mean"}
    loss, total = rows.nll_loss(np, x, target, **options)
    assert np.isnan(loss)
    assert total == 0
    gradient = rows.nll_loss_backward(
        np, np.ones((), "float32"), total, target, shape=(4, 3), **options
    )
    np.testing.assert_array_equal(gradient, np.zeros((4, 3)))


@pytest.mark.parametrize("wrong", [-1, 3, 1000, -101])
def test_targets_that_are_no_class(wrong):
    x, target = numbers((4, 3)), np.array([0, -100, wrong, 2])
    options = {"ignore_index": -100, "reduction": "sum"}
    with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds."):
        rows.nll_loss(np, x, target, **options)
    with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds."):
        rows.cross_entropy(np, x, target, *rows.softmax_parts(np, x), **options)


def test_ignored_rows_may_hold_anything():
    x = numbers((3, 4))
    x[1] = np.nan
    target = np.array([0, -100, 2])
    options = {"ignore_index": -100, "reduction": "sum"}
    high, sums = rows.softmax_parts(np, x)
    loss = rows.cross_entropy(np, x, target, high, sums, **options)[0]
    kept, labels = x[[0, 2]], target[[0, 2]]
    log_p = softmax.log_softmax(np, kept.astype("d"), axis=1)
    expected = nll.nll_loss(np, log_p, labels, **options)[0]
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
