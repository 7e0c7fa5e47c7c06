"""The CPU kernels of reductions against NumPy in float64: values, accuracy, layouts, threads."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from gradcore.backends.cpu import argreduce, block_reduce, blocks, reduce, sums
from gradcore.backends.cpu.threads import get_num_threads, set_num_threads

RNG = np.random.default_rng(0)
EPS = {"float32": 1.2e-7, "float64": 2.3e-16}


@pytest.fixture(autouse=True)
def quiet():
    """The backend runs its kernels with NumPy's floating point warnings off."""
    with np.errstate(all="ignore"):
        yield


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    """One thread, or three that share also what is too small to be worth it."""
    if request.param > 1:
        monkeypatch.setattr(reduce, "_GRAIN_BYTES", 4000)
        for name in ("_BLOCK", "_GRAIN"):
            monkeypatch.setattr(block_reduce, name, 1000)
        for name in ("GRAIN", "_SERIAL_BLOCK", "_PARALLEL_BLOCK"):
            monkeypatch.setattr(blocks, name, 1000)
        monkeypatch.setattr(argreduce, "_SMALL", 100)
        monkeypatch.setattr(argreduce, "_CHUNK", 1000)
    before = get_num_threads()
    set_num_threads(request.param)
    yield request.param
    set_num_threads(before)


def layouts(shape, dtype="float32"):
    """The same kind of array in every layout that kernels treat differently."""
    x = RNG.uniform(0.5, 1.5, shape).astype(dtype)
    yield "dense", x
    yield "transposed", np.ascontiguousarray(x.T).T
    wide = np.zeros((*shape[:-1], 2 * shape[-1]), dtype)
    wide[..., ::2] = x
    yield "strided", wide[..., ::2]
    yield "reversed", np.ascontiguousarray(x[::-1])[::-1]
    yield "repeated", np.broadcast_to(x[:1], shape)


def all_axes(ndim):
    yield None
    for count in range(1, ndim + 1):
        yield from itertools.combinations(range(ndim), count)


def compare(found, expected, tolerance):
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


SHAPES = [(3, 5, 7), (30, 13, 40), (90, 200), (2, 3, 9001), (9001, 3), (70_000,)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("name", ["sum", "mean", "amax", "amin", "prod"])
def test_values_over_all_axes_and_layouts(name, shape, threads):
    reference = {"amax": np.max, "amin": np.min}.get(name, getattr(np, name))
    for (layout, x), axes in itertools.product(layouts(shape), all_axes(len(shape))):
        if name == "prod":
            x = (x - 0.5) ** 0.001  # its product stays a normal number
        for keepdims in (False, True):
            found = np.asarray(getattr(reduce, name)(np, x, axes=axes, keepdims=keepdims))
            expected = reference(x.astype("d"), axis=axes, keepdims=keepdims)
            assert found.dtype == x.dtype, layout
            # Products of n numbers are wrong by up to n roundings, sums by log(n).
            bound = 4 * EPS["float32"] * (x.size**0.5 if name == "prod" else 8)
            compare(found, expected, bound)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("shape", [(1_000_000,), (3, 300_000), (300_000, 3), (100, 40, 100)])
def test_sums_are_as_accurate_as_pairwise_addition(shape, dtype):
    x = RNG.random(shape).astype(dtype)
    exact = x.astype(np.longdouble)
    for axes in all_axes(len(shape)):
        found = reduce.sum(np, x, axes=axes, keepdims=False)
        error = np.max(np.abs(found / exact.sum(axis=axes) - 1))
        assert error < 8 * EPS[dtype]


@pytest.mark.parametrize("axes", [None, (0,), (1,)])
def test_sums_keep_inf_and_nan_where_they_are(axes):
    x = np.ones((50, 60), "float32")
    x[3, 4], x[5, 6], x[7, 8], x[9, 8] = np.inf, np.nan, np.inf, -np.inf
    found = reduce.sum(np, x, axes=axes, keepdims=False)
    np.testing.assert_array_equal(found, x.astype("d").sum(axis=axes))


@pytest.mark.parametrize("shape", [(0,), (0, 3), (3, 0), (2, 0, 3)])
def test_sums_of_nothing(shape):
    x = np.ones(shape, "float32")
    for axes in all_axes(len(shape)):
        found = reduce.sum(np, x, axes=axes, keepdims=False)
        np.testing.assert_array_equal(found, x.sum(axis=axes))
        found = reduce.mean(np, x, axes=axes, keepdims=True)
        np.testing.assert_array_equal(found, x.sum(axis=axes, keepdims=True) * np.float32("nan"))


def test_integers_are_summed_in_int64(threads):
    x = RNG.integers(-(2**30), 2**30, (100, 110), dtype="int32")
    assert reduce.sum(np, x, axes=None, keepdims=False) == x.sum(dtype="int64")
    np.testing.assert_array_equal(
        reduce.sum(np, x > 0, axes=(0,), keepdims=False), (x > 0).sum(axis=0)
    )


def test_half_precision_is_summed_in_float32(threads):
    x = np.ones((5000, 30), "float16")
    found = reduce.sum(np, x, axes=(0,), keepdims=False)
    assert found.dtype == np.float16
    np.testing.assert_array_equal(found, np.full(30, 5000))
    assert reduce.mean(np, x, axes=None, keepdims=False) == 1


def test_declined_arrays_are_left_to_the_caller():
    assert sums.dense_sum(np.ones((4, 4), "float32")[:, ::2], None) is None
    assert sums.dense_sum(np.ones((4, 4), "int64"), None) is None
    assert sums.dense_sum(np.ones((4, 4), "complex64"), None) is None


# ------------------------------------------------------------------------ extremes and truth


@pytest.mark.parametrize("name", ["amax", "amin"])
@pytest.mark.parametrize("shape", [(40, 50), (200, 70), (3000, 9)])
def test_extremes_propagate_nan(name, shape, threads):
    x = RNG.uniform(-1, 1, shape).astype("float32")
    x[3, 4] = x[-1, -1] = np.nan
    for axes in (None, (0,), (1,)):
        found = getattr(reduce, name)(np, x, axes=axes, keepdims=False)
        np.testing.assert_array_equal(found, getattr(np, name)(x, axis=axes))


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@pytest.mark.parametrize("shape", [(40, 50), (600, 70), (3000, 9), (5, 30, 40)])
@pytest.mark.parametrize("values", ["distinct", "ties", "nan"])
def test_positions_are_those_of_the_first(name, shape, values, threads):
    x = RNG.permutation(np.prod(shape)).reshape(shape).astype("float32")
    if values == "ties":
        x %= 3
    if values == "nan":
        x[RNG.random(shape) < 0.01] = np.nan
    for axis in (None, *range(x.ndim)):
        found = getattr(argreduce, name)(np, x, axis=axis, keepdims=False)
        np.testing.assert_array_equal(found, getattr(np, name)(x, axis=axis))
    which = {"argmax": "max", "argmin": "min"}[name]
    for axis, keepdims in itertools.product(range(x.ndim), (False, True)):
        kernel = getattr(argreduce, f"{which}_with_index")
        found, positions = kernel(np, x, axis=axis, keepdims=keepdims)
        expected = getattr(np, which)(x, axis=axis, keepdims=keepdims)
        np.testing.assert_array_equal(found, expected)
        expected = getattr(np, name)(x, axis=axis, keepdims=keepdims)
        np.testing.assert_array_equal(positions, expected)


@pytest.mark.parametrize("name", ["any", "all"])
def test_truth_of_nan_is_true(name, threads):
    x = np.full((120, 100), np.nan if name == "all" else 0, "float32")
    x[7] = 0 if name == "all" else np.nan
    for axes in (None, (0,), (1,)):
        found = getattr(reduce, name)(np, x, axes=axes, keepdims=False)
        np.testing.assert_array_equal(found, getattr(np, name)(x != 0, axis=axes))


# ------------------------------------------------------------- variance, logsumexp and norms


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_variance_over_all_axes_and_layouts(shape, threads):
    for (_, x), axes in itertools.product(layouts(shape), all_axes(len(shape))):
        options = {"axes": axes, "correction": 0, "keepdims": False}
        variance, mean = block_reduce.var_mean(np, x, **options)
        wide = x.astype("d")
        np.testing.assert_allclose(mean, wide.mean(axis=axes), rtol=5e-6)
        np.testing.assert_allclose(variance, wide.var(axis=axes), rtol=2e-5, atol=1e-10)
        deviation, _ = block_reduce.std_mean(np, x, **options)
        np.testing.assert_array_equal(deviation, np.sqrt(variance))


def test_variance_far_from_zero_does_not_cancel(threads):
    """The mean of squares less the square of the mean would leave no digit."""
    x = (RNG.standard_normal(70_000) + 10_000).astype("float32")
    variance, _ = block_reduce.var_mean(np, x, axes=None, correction=0, keepdims=False)
    assert variance == pytest.approx(x.astype("d").var(), rel=1e-4)


@pytest.mark.parametrize("offset", [0, 200, -200])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_logsumexp_neither_overflows_nor_underflows(shape, offset, threads):
    for (_, x), axes in itertools.product(layouts(shape), all_axes(len(shape))):
        x = x + np.float32(offset)
        found = block_reduce.logsumexp(np, x, axes=axes, keepdims=False)
        wide = x.astype("d") - offset
        expected = np.log(np.exp(wide).sum(axis=axes)) + offset
        np.testing.assert_allclose(found, expected, rtol=2e-6, atol=2e-6)


def test_logsumexp_of_infinities():
    x = np.array([[-np.inf, -np.inf], [np.inf, 0], [-np.inf, 1], [np.nan, 1]], "float32")
    found = block_reduce.logsumexp(np, x, axes=(1,), keepdims=False)
    np.testing.assert_array_equal(found, np.array([-np.inf, np.inf, 1, np.nan], "float32"))


@pytest.mark.parametrize("p", [0.0, 0.5, 1.0, 2.0, 3.0, np.inf, -np.inf])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_norms_over_all_axes_and_layouts(shape, p, threads):
    for (_, x), axes in itertools.product(layouts(shape), all_axes(len(shape))):
        size = x.astype("d")
        if np.isinf(p):
            expected = (np.max if p > 0 else np.min)(size, axis=axes)
        else:
            total = ((size != 0) if p == 0 else size**p).sum(axis=axes)
            expected = total if p == 0 else total ** (1 / p)
        found = block_reduce.vector_norm(np, -x, p=p, axes=axes, keepdims=False)
        np.testing.assert_allclose(found, expected, rtol=2e-5)


def test_complex_arrays_are_declined():
    x = np.ones((3, 3), "complex64")
    options = {"axes": None, "keepdims": False}
    assert block_reduce.vector_norm(np, x, p=2.0, **options) is NotImplemented
    assert block_reduce.logsumexp(np, x, **options) is NotImplemented
    assert block_reduce.var_mean(np, x, correction=1, **options) is NotImplemented


# -------------------------------------------------------------------- nansum and long products


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_nansum(shape, threads):
    for (_, x), axes in itertools.product(layouts(shape), all_axes(len(shape))):
        for share in (0, 0.3):
            x = np.where(RNG.random(shape) < share, np.float32(np.nan), x)
            for keepdims in (False, True):
                found = np.asarray(reduce.nansum(np, x, axes=axes, keepdims=keepdims))
                expected = np.nansum(x.astype("d"), axis=axes, keepdims=keepdims)
                compare(found, expected, 1e-5)


def test_nansum_of_infinities():
    x = np.array([[np.inf, np.nan, 1], [np.inf, -np.inf, 1], [np.nan] * 3], "float32")
    found = reduce.nansum(np, x, axes=(1,), keepdims=False)
    np.testing.assert_array_equal(found, np.array([np.inf, np.nan, 0], "float32"))
    assert np.isnan(x[0, 1])


@pytest.mark.parametrize("shape", [(255,), (256,), (8191,), (100_003,), (7, 9001)], ids=str)
def test_every_factor_of_a_long_product_counts_once(shape):
    x = np.ones(shape, "float32")
    places = RNG.choice(shape[-1], 20, replace=False)
    x[..., places] = RNG.choice([0.5, 2.0, 3.0, -1.0], 20)
    found = reduce.prod(np, x, axes=(len(shape) - 1,), keepdims=False)
    np.testing.assert_array_equal(found, np.prod(x.astype("d"), axis=-1).astype("float32"))
