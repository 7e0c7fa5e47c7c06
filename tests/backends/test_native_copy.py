"""Compiled copies and casts against NumPy's."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

from gradcore.backends.cpu import copy, native

pytestmark = pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed")

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
DTYPES = [np.dtype(c) for c in "?bhilBHILefdFD"] + [BFLOAT16]
# Ties between 16-bit floats, their largest numbers, subnormal ones and what small integers wrap.
SPECIAL = [
    np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-40, 6e-8, 65504, 65519, 65520, 1e38, -1e38, 0.5, 2.5,
    1.00048828125, 1.0009765625, 1.00390625, 255, 256, 300, -1, -128, -129, 40_000,
]  # fmt: skip


@pytest.fixture(autouse=True)
def compile_all(monkeypatch):
    monkeypatch.setattr(copy, "_COMPILED_FROM", 0)


def numbers(dtype, size=5000):
    values = np.random.default_rng(0).standard_normal(size) * 100
    values[: len(SPECIAL)] = SPECIAL
    with np.errstate(all="ignore"):
        return values.astype(dtype)


def assert_same_bits(got, want):
    """Equal bit for bit, but for the bits of what is no number."""
    equal = (got.view(np.uint8) == want.view(np.uint8)).reshape(got.size, -1).all(axis=1)
    if got.dtype.kind in "fV":
        wide = got.astype(np.float64), want.astype(np.float64)
        equal |= np.isnan(wide[0]) & np.isnan(wide[1])
    assert equal.all()


@pytest.mark.filterwarnings("ignore:invalid value encountered:RuntimeWarning")
@pytest.mark.filterwarnings("ignore:overflow encountered:RuntimeWarning")
@pytest.mark.parametrize("source", DTYPES, ids=str)
def test_casts(source):
    x = numbers(source)
    for target in DTYPES:
        if source.kind == "c" and target.kind != "c":
            continue
        out = np.empty(x.shape, target)
        copy.copy_into(out, x)
        assert_same_bits(out, x.astype(target))


@pytest.mark.parametrize("target", [np.float16, BFLOAT16, np.float64, np.uint8], ids=str)
def test_these_are_compiled(target):
    x = np.arange(5000, dtype=np.float32)
    out = np.empty(5000, target)
    assert copy._copy_compiled(out, x)
    assert_same_bits(out, x.astype(target))


def test_copies_keep_the_bits_of_nan():
    x = np.arange(0x7C00, 0x8000, dtype=np.uint16).repeat(8).view(np.float16)
    out = np.empty_like(x)
    assert copy._copy_compiled(out, x)
    np.testing.assert_array_equal(out.view(np.uint16), x.view(np.uint16))


def test_arrays_with_strides():
    base = np.random.default_rng(0).standard_normal((40, 30, 50)).astype(np.float32)
    sources = [base[:, ::2, 3:40], base[::-1], base.transpose(1, 0, 2), base.transpose(2, 1, 0)]
    for x in [*sources, np.broadcast_to(base[:1], base.shape), base[..., ::2], base[..., :3]]:
        for target in (np.float32, np.float16):
            out = np.empty(x.shape, target)
            copy.copy_into(out, x)
            np.testing.assert_array_equal(out, x.astype(target))
            wide = np.zeros((*x.shape[:-1], x.shape[-1] + 5), target)
            copy.copy_into(wide[..., 2:-3], x)
            np.testing.assert_array_equal(wide[..., 2:-3], out)
            assert not wide[..., :2].any()
            assert not wide[..., -3:].any()


def test_short_rows_and_strides_are_left_to_numpy():
    x = np.zeros((4000, 4), np.float32)
    assert not copy._copy_compiled(np.empty((4000, 2), np.float32), x[:, :2])
    assert not copy._copy_compiled(np.empty((4, 4000), np.float32), x.T)
    assert not copy._copy_compiled(np.empty(16000, np.float16), x.reshape(-1).astype(np.float64))
