"""CPU kernels that read and write at positions, against NumPy's plain functions."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import index, nll, nonzero, products, triangles, views
from gradcore.backends.cpu.threads import get_num_threads, set_num_threads

RNG = np.random.default_rng(0)


@pytest.fixture(params=[1, 3], autouse=True)
def threads(request):
    before = get_num_threads()
    set_num_threads(request.param)
    yield request.param
    set_num_threads(before)


# ------------------------------------------------------------------------------- nonzero


@pytest.mark.parametrize("dtype", ["f4", "?", "i8", "c8", "f2"])
@pytest.mark.parametrize(
    "shape",
    [(7,), (0,), (0, 3), (3, 0), (5, 4), (300, 999), (40, 50, 60), (2, 40_000), (40_000, 2)],
    ids=str,
)
def test_nonzero(shape, dtype):
    x = (RNG.random(shape) > 0.5).astype(dtype)
    for array in (x, x.T):
        out = nonzero.nonzero(np, array)
        np.testing.assert_array_equal(out, np.argwhere(array))
        assert out.dtype == np.int64 and out.T.flags.c_contiguous


def test_nonzero_of_nan_and_negative_zero():
    x = np.array([[np.nan, 0.0], [-0.0, -np.inf]])
    assert nonzero.nonzero(np, x).tolist() == [[0, 0], [1, 1]]


# ----------------------------------------------------------------------------- triangles


@pytest.mark.parametrize("diagonal", [-500, -300, -299, -64, -1, 0, 1, 65, 399, 400, 500])
@pytest.mark.parametrize("name", ["tril", "triu"])
def test_triangles(name, diagonal):
    x = RNG.standard_normal((2, 300, 400))
    x[0, ::3] = np.inf
    kernel, expected = getattr(triangles, name), getattr(np, name)
    for array in (x, x.transpose(0, 2, 1), x[1].astype("i4"), x[0] > 0):
        out = kernel(np, array, diagonal=diagonal)
        assert out.dtype == array.dtype
        np.testing.assert_array_equal(out, expected(array, diagonal))


def test_triangles_decline_what_is_narrow():
    assert triangles.tril(np, np.ones((500, 20)), diagonal=0) is NotImplemented


# ------------------------------------------------------------------------------ products


@pytest.mark.parametrize("dtype", ["f4", "f8", "c8"])
@pytest.mark.parametrize("batch", [(8,), (7, 3)], ids=str)
def test_batches_of_products(batch, dtype):
    x = RNG.standard_normal((*batch, 100, 120)).astype(dtype)
    y = RNG.standard_normal((*batch, 120, 130)).astype(dtype)
    turned = np.ascontiguousarray(y.swapaxes(-1, -2)).swapaxes(-1, -2)
    for right in (y, turned):
        out = products.matmul(np, x, right)
        assert out.dtype == dtype
        np.testing.assert_allclose(out, np.matmul(x, y), 1e-3, 1e-3)


def test_products_decline_small_broadcast_and_integer_batches():
    x = np.ones((8, 100, 120))
    for a, b in ((x, x[0].T), (x[:, :2], x[:, :2].swapaxes(1, 2)), (x > 0, x.swapaxes(1, 2) > 0)):
        assert products.matmul(np, a, b) is NotImplemented


def test_products_decline_batches_that_would_be_copied():
    x = np.ones((9, 8, 100, 120)).swapaxes(0, 1)
    assert products.matmul(np, x, x.swapaxes(2, 3)) is NotImplemented


# --------------------------------------------------------------------------------- views


@pytest.mark.parametrize(
    "have, wanted",
    [((3,), (2, 3)), ((3, 1), (3, 4)), ((), (2, 2)), ((1, 2), (4, 3, 2)), ((0, 1), (0, 5))],
    ids=str,
)
def test_expand(have, wanted):
    x = np.asarray(RNG.random(have))
    out = views.expand(np, x, shape=wanted)
    np.testing.assert_array_equal(out, np.broadcast_to(x, wanted))
    if x.size:
        assert np.may_share_memory(out, x) and not out.flags.writeable


def test_expand_that_repeats_nothing_can_be_written():
    x = np.zeros(3)
    views.expand(np, x, shape=(1, 3))[0, 1] = 5
    assert x.tolist() == [0, 5, 0]


@pytest.mark.parametrize("axis, size, step", [(0, 2, 1), (1, 3, 2), (1, 5, 9), (0, 0, 1)])
def test_unfold(axis, size, step):
    x = np.arange(20.0).reshape(4, 5)
    out = views.unfold(np, x, axis=axis, size=size, step=step)
    starts = range(0, x.shape[axis] - size + 1, step)
    windows = [np.take(x, range(s, s + size), axis) for s in starts]
    np.testing.assert_array_equal(out, np.moveaxis(np.stack(windows, axis), axis + 1, -1))
    if size:
        out[..., 0] = -1
        assert (x == -1).any()


def test_views_decline_what_is_not_contiguous():
    x = np.ones((4, 6)).T
    assert views.expand(np, x, shape=(2, 6, 4)) is NotImplemented
    assert views.unfold(np, x, axis=0, size=2, step=1) is NotImplemented


# ----------------------------------------------------------------------- index and scatter


@pytest.mark.parametrize("bad", [-1, 1000])
def test_one_bad_index_among_many(bad):
    places = RNG.integers(0, 1000, 400_000)
    options = {"size": 1000, "axis": 0, "wraps": False, "name": "gather"}
    assert index.checked_index(np, places, **options) is places
    places[-7] = bad
    with pytest.raises(RuntimeError, match=f"index {bad} is out of bounds"):
        index.checked_index(np, places, **options)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_scatter_over_threads(axis):
    """Along every axis with distinct places, where the result is defined."""
    shape = (60, 70, 80)
    x = RNG.random(shape)
    src = RNG.random(shape)
    places = np.argsort(RNG.random(shape), axis=axis)
    expected, filled = x.copy(), x.copy()
    np.put_along_axis(expected, places, src, axis)
    np.testing.assert_array_equal(index.scatter(np, x, places, src, axis=axis), expected)
    np.put_along_axis(filled, places, 2.0, axis)
    np.testing.assert_array_equal(index.scatter_value(np, x, places, axis=axis, value=2), filled)


def test_scatter_keeps_the_last_of_equal_places():
    """PyTorch leaves it open; along the last axis it must not depend on the threads."""
    x, src = np.zeros((500, 300)), RNG.random((500, 300))
    places = np.zeros((500, 300), np.int64)
    out = index.scatter(np, x, places, src, axis=1)
    np.testing.assert_array_equal(out[:, 0], src[:, -1])


def test_index_add_of_long_rows():
    x, source = RNG.random((50, 600)), RNG.random((90, 600))
    places = RNG.integers(0, 50, 90)
    expected = x.copy()
    np.add.at(expected, places, source)
    np.testing.assert_allclose(index.index_add(np, x, places, source, axis=0), expected, 1e-12)


# ------------------------------------------------------------------ negative log likelihood


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_nll_loss(reduction):
    x, target = RNG.standard_normal((9, 4)).astype("f"), RNG.integers(0, 4, 9)
    loss, total = nll.nll_loss(np, x, target, ignore_index=-100, reduction=reduction)
    losses = -x[np.arange(9), target]
    expected = losses if reduction == "none" else getattr(losses, reduction)()
    np.testing.assert_allclose(loss, expected, 1e-6)
    assert loss.dtype == x.dtype and total == 9


@pytest.mark.parametrize("wrong", [-1, 4])
def test_nll_loss_of_a_target_out_of_bounds(wrong):
    with pytest.raises(IndexError, match=f"Target {wrong} is out of bounds"):
        nll.nll_loss(
            np, np.zeros((2, 4)), np.array([-100, wrong]), ignore_index=-100, reduction="mean"
        )


def test_nll_loss_declines_ignored_targets():
    options = {"reduction": "mean"}
    x, target = np.zeros((2, 4)), np.array([2, 1])
    for ignored in (-100, 1):
        target[0] = ignored
        assert nll.nll_loss(np, x, target, ignore_index=ignored, **options) is NotImplemented
    assert nll.nll_loss(np, x, target, np.ones(4), ignore_index=-1, **options) is NotImplemented
