"""float32 to float16 by integers, against NumPy's conversion."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import copy, half

RNG = np.random.default_rng(0)


def converted(x):
    out = np.empty(x.shape, np.float16)
    with np.errstate(all="ignore"):
        half.to_half(x, out)
        return out, x.astype(np.float16)


def assert_same_bits(x):
    out, expected = converted(x)
    numbers = ~np.isnan(x)
    np.testing.assert_array_equal(np.isnan(out), ~numbers)
    np.testing.assert_array_equal(out.view("u2")[numbers], expected.view("u2")[numbers])


def test_every_float16_and_what_lies_between():
    """All 65536 values, their neighbours in float32, and the ties between two of them."""
    exact = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
    exact = exact[np.isfinite(exact)].view(np.uint32)
    offsets = np.array([0, 1, 2, 0xFFF, 0x1000, 0x1001, 0x1FFF, 2**32 - 1], np.uint32)
    values = (exact[:, None] + offsets).reshape(-1).view(np.float32)
    assert_same_bits(values[~np.isnan(values)])


def test_subnormal_results():
    ties = np.arange(1 << 13, dtype=np.float32) * np.float32(2.0**-26)
    assert_same_bits(np.concatenate([ties, -ties, RNG.uniform(-1e-7, 1e-7, 5000).astype("f")]))


def test_the_ends():
    largest = [65504, 65519.996, 65520, 65535.996, 65536, 3.4e38, np.inf]
    smallest = [0.0, 2.0**-149, 2.0**-25, np.nextafter(np.float32(2.0**-25), 1), 2.0**-14]
    values = np.array(largest + smallest, np.float32)
    assert_same_bits(np.concatenate([values, -values]))


def test_random_bits_with_nan():
    bits = RNG.integers(0, 2**32, 1 << 18, dtype=np.uint64).astype(np.uint32)
    assert_same_bits(bits.view(np.float32))


@pytest.mark.parametrize("size", [0, 1, (1 << 17) + 3])
def test_sizes(size):
    assert_same_bits(RNG.standard_normal(size).astype("f"))


@pytest.mark.parametrize("source", ["f4", "f8", "i8", "?", "c8"])
@pytest.mark.parametrize("target", ["f2", "f4", "f8", "i4", "?", "c16"])
def test_casts_of_large_arrays(source, target):
    x = (RNG.random((400, 500)) * 3).astype(source)
    out = copy.to_dtype(np, x, dtype=np.dtype(target))
    if x.dtype.kind == "c" and target != "c16":
        assert out is NotImplemented
        return
    assert out.dtype == target and out.flags.c_contiguous
    np.testing.assert_array_equal(out, x.astype(target))


def test_casts_decline_small_and_transposed_arrays():
    x = RNG.random((400, 500))
    assert copy.to_dtype(np, x.T, dtype=np.dtype("f4")) is NotImplemented
    assert copy.to_dtype(np, x[:3], dtype=np.dtype("f4")) is NotImplemented
