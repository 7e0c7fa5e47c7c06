"""Evenly spaced numbers of the CPU, against plain formulas."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import sequences

LARGE = 200_001  # several blocks, on several threads


@pytest.mark.parametrize(
    "start, step, size",
    [(0, 1, 7), (5, -2, 3), (3, 7, 0), (2**62, 2**60, 3), (-(2**63), 2**62, 4), (2**63 - 5, 2, 3)],
)
def test_arange_of_integers_is_exact(start, step, size):
    out = sequences.arange(start, step, size, np.dtype("int64"))
    assert out.tolist() == [start + step * i for i in range(size)]


@pytest.mark.parametrize("size", [0, 1, 50, LARGE])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int32"])
def test_arange_of_floats(dtype, size):
    out = sequences.arange(-3.5, 0.25, size, np.dtype(dtype))
    expected = -3.5 + 0.25 * np.arange(size)
    assert out.dtype == dtype
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(out, expected.astype(dtype))


@pytest.mark.parametrize("steps", [2, 3, 100, LARGE])
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "complex64"])
def test_linspace_is_exact_at_both_ends(dtype, steps):
    out = sequences.linspace(-3, 7, steps, np.dtype(dtype))
    assert out.dtype == dtype and out[0] == -3 and out[-1] == 7
    if dtype != "int64":
        np.testing.assert_allclose(out, np.linspace(-3, 7, steps), 1e-5, 1e-6)


@pytest.mark.parametrize("steps", [0, 1])
def test_linspace_of_no_step(steps):
    assert sequences.linspace(2.5, 9, steps, np.dtype("f4")).tolist() == [2.5] * steps


@pytest.mark.parametrize("steps", [0, 1, 5, LARGE])
@pytest.mark.parametrize("dtype", ["float32", "float64", "float16", "int64", "complex64"])
def test_logspace(dtype, steps):
    out = sequences.logspace(0, 3, steps, 2.0, np.dtype(dtype))
    expected = np.logspace(0, 3, steps, base=2.0)
    assert out.dtype == dtype
    if dtype == "int64":
        assert out[:1].tolist() == [1] * min(steps, 1) and (steps < 2 or out[-1] == 8)
    else:
        np.testing.assert_allclose(out, expected, 1e-3 if dtype == "float16" else 1e-6)


def test_logspace_overflows_quietly():
    out = sequences.logspace(0, 400, 3, 10.0, np.dtype("float32"))
    assert out.tolist() == [1, np.inf, np.inf]
