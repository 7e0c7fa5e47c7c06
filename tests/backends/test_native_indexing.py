"""Compiled reading and writing at indices against NumPy's kernels and the ops' bodies."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore
from gradcore.backends.cpu import index as numpy_index
from gradcore.backends.cpu import native
from gradcore.backends.cpu.native import calls, indexing

pytestmark = pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed")

RNG = np.random.default_rng(0)
# shape, axis, length of the index: one and many blocks, with and without columns to share
CASES = {
    "vector": ((50,), 0, 70),
    "rows": ((40, 300), 0, 90),
    "narrow rows": ((40, 3), 0, 90),
    "columns": ((60, 30), 1, 45),
    "middle": ((7, 11, 20), 1, 25),
    "last of three": ((3, 4, 9), 2, 13),
    "single": ((1, 1), 0, 5),
}
DTYPES = ["float32", "float64"]


@pytest.fixture(autouse=True)
def compile_at_once(monkeypatch):
    monkeypatch.setattr(calls, "is_eager", lambda: True)
    # Several chunks for arrays of any size.
    monkeypatch.setattr(indexing, "_NS", 1e6)
    for kernel in (indexing._check, indexing._read, indexing._write, indexing._add_lines):
        kernel.cache_clear()


def normal(shape, dtype):
    return RNG.standard_normal(shape).astype(dtype)


def operands(case, dtype):
    """x, an index of each element, an index of each slice, and what is written."""
    shape, axis, length = case
    wide = (*shape[:axis], length, *shape[axis + 1 :])
    places = RNG.integers(0, shape[axis], wide)
    return normal(shape, dtype), places, RNG.integers(0, shape[axis], length), normal(wide, dtype)


def close(found, expected, dtype):
    assert found.dtype == dtype
    tolerance = 1e-5 if dtype == "float32" else 1e-13
    np.testing.assert_allclose(found, expected, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_reading(case, dtype):
    axis = case[1]
    x, places, lines, _ = operands(case, dtype)
    found = indexing.gather(np, x, places, axis=axis)
    np.testing.assert_array_equal(found, np.take_along_axis(x, places, axis))
    assert found.dtype == dtype
    found = indexing.index_select(np, x, lines, axis=axis)
    np.testing.assert_array_equal(found, x.take(lines, axis))
    if axis == 0:
        pairs = lines[: len(lines) // 2 * 2].reshape(-1, 2)
        np.testing.assert_array_equal(indexing.index(np, x, pairs, dims=(0,)), x[pairs])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_writing_elements(case, dtype):
    axis = case[1]
    x, places, _, src = operands(case, dtype)
    before = x.copy()
    for name in ("scatter", "scatter_add"):
        expected = getattr(numpy_index, name)(np, x, places, src, axis=axis)
        close(getattr(indexing, name)(np, x, places, src, axis=axis), expected, dtype)
        np.testing.assert_array_equal(x, before)
        own = x.copy()
        assert getattr(indexing, name)(np, own, places, src, axis=axis, out=own) is own
        close(own, expected, dtype)
    found = indexing.gather_backward(np, src, places, axis=axis, shape=x.shape)
    expected = numpy_index.gather_backward(np, src, places, axis=axis, shape=x.shape)
    close(found, expected, dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_adding_slices(case, dtype):
    axis = case[1]
    x, _, lines, src = operands(case, dtype)
    for alpha in (1, -2.5):
        found = indexing.index_add(np, x, lines, src, axis=axis, alpha=alpha)
        close(found, numpy_index.index_add(np, x, lines, src, axis=axis, alpha=alpha), dtype)
    options = {"axis": axis, "size": x.shape[axis]}
    found = indexing.index_select_backward(np, src, lines, **options)
    close(found, numpy_index.index_select_backward(np, src, lines, **options), dtype)
    if axis == 0:
        options = {"dims": (0,), "shape": x.shape}
        found = indexing.index_backward(np, src, lines, **options)
        close(found, numpy_index.index_backward(np, src, lines, **options), dtype)


@pytest.mark.parametrize("padding", [-1, 3])
def test_embedding_backward(padding):
    y, places = normal((6, 20, 40), "float32"), RNG.integers(0, 9, (6, 20))
    options = {"rows": 9, "padding_idx": padding, "scale_grad_by_freq": False}
    found = indexing.embedding_backward(np, y, places, **options)
    close(found, numpy_index.embedding_backward(np, y, places, **options), "float32")
    assert padding < 0 or not found[padding].any()


def test_last_of_several_writes_wins():
    src = np.arange(40, dtype="float32").reshape(2, 20)
    found = indexing.scatter(np, np.zeros((2, 3), "float32"), np.ones((2, 20), int), src, axis=1)
    assert found.tolist() == [[0, 19, 0], [0, 39, 0]]


def test_sums_are_the_same_every_time():
    x, places, lines, src = operands(CASES["rows"], "float32")
    for add, at in ((indexing.scatter_add, places), (indexing.index_add, lines)):
        first = add(np, x, at, src, axis=0)
        for _ in range(3):
            np.testing.assert_array_equal(add(np, x, at, src, axis=0), first)


def test_operands_that_are_not_dense():
    x, places, _, src = operands(CASES["columns"], "float32")
    wide = normal((70, 99), "float32")
    found = indexing.scatter_add(np, np.asfortranarray(x), places, wide, axis=1)
    close(found, numpy_index.scatter_add(np, x, places, wide, axis=1), "float32")
    found = indexing.gather(np, x, np.asfortranarray(places), axis=1)
    np.testing.assert_array_equal(found, np.take_along_axis(x, places, 1))
    found = indexing.index_add(np, x, places[0, ::2], src[:, ::2], axis=1)
    close(found, numpy_index.index_add(np, x, places[0, ::2], src[:, ::2], axis=1), "float32")


def test_what_is_declined():
    x, places, lines, src = operands(CASES["rows"], "float32")
    declined = [
        indexing.gather(np, x.astype("int32"), places, axis=0),
        indexing.gather(np, x[:, ::2], places[:, :150], axis=0),
        indexing.gather(np, x, places[:, :5], axis=0),
        indexing.gather(np, x, places[:0], axis=0),
        indexing.index_select(np, x[:0], lines, axis=0),
        indexing.scatter_add(np, x, places, src.astype("float64"), axis=0),
        indexing.scatter(np, x, places[:40], x, axis=0, out=x),
        indexing.index_add(np, x, lines[:0], src[:0], axis=0),
        indexing.index_select_backward(np, src[:0], lines[:0], axis=0, size=3),
    ]
    assert all(result is NotImplemented for result in declined)


@pytest.mark.parametrize("bad", [-41, -1, 40, 2**40])
def test_kernels_follow_no_bad_index(bad):
    x, places, lines, src = operands(CASES["rows"], "float32")
    places[70, 200] = lines[60] = bad
    for run in (
        lambda: indexing.gather(np, x, places, axis=0),
        lambda: indexing.index_select(np, x, lines, axis=0),
        lambda: indexing.scatter(np, x, places, src, axis=0),
        lambda: indexing.scatter_add(np, x, places, src, axis=0),
        lambda: indexing.index_add(np, x, lines, src, axis=0),
    ):
        with pytest.raises(IndexError, match="out of range"):
            run()


def test_checked_index():
    index = RNG.integers(0, 10, (300, 50))
    assert indexing.checked_index(np, index, size=10, axis=0, wraps=True, name="x") is index
    index[7, 7] = -1  # NumPy's kernel counts it from the end, or raises
    options = {"size": 10, "axis": 0, "name": "gather"}
    assert indexing.checked_index(np, index, wraps=True, **options) is NotImplemented


@pytest.mark.parametrize("bad", [-301, 300])
def test_errors_are_pytorchs(bad):
    x, index = gradcore.ones(300, 300), gradcore.zeros(300, 300, dtype=gradcore.int64)
    index[299, 299] = bad
    text = f"index {bad} is out of bounds for dimension 1 with size 300"
    with pytest.raises(RuntimeError, match=text):
        x.gather(1, index)
    with pytest.raises(RuntimeError, match=text):
        x.scatter_add(1, index, x)
    with pytest.raises(IndexError, match="out of range in self"):
        x.index_select(0, index[299])
    with pytest.raises(IndexError):
        x[index[299]]
