"""Compiled random fills against NumPy's generator and kernels."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from gradcore.backends.cpu import native
from gradcore.backends.cpu import random as cpu_random
from gradcore.backends.cpu.native import calls
from gradcore.backends.cpu.native import random as compiled
from gradcore.backends.cpu.random import MT19937Stream

pytestmark = pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed")

# Within the first block of 624 words, up to its end, just beyond, several blocks, several chunks.
SIZES = [1, 16, 100, 623, 624, 625, 1248, 5000, 100_003]


@pytest.fixture(autouse=True)
def compile_at_once(monkeypatch):
    monkeypatch.setattr(calls, "is_eager", lambda: True)
    compiled._kernel.cache_clear()


@pytest.fixture
def without(monkeypatch):
    """A function that calls another one without compiled kernels."""

    def call(function, *args):
        with monkeypatch.context() as patch:
            patch.setattr(compiled, "_kernel", lambda kind, dtype: None)
            return function(*args)

    return call


def assert_in_step(stream, other):
    np.testing.assert_array_equal(stream.get_state(), other.get_state())


def test_the_state_is_found():
    assert compiled._finds_state()


@pytest.mark.parametrize("dtype", ["uint32", "uint64"])
def test_bits(dtype):
    stream, generator = MT19937Stream(7), np.random.MT19937(0)
    generator.state = np.random.RandomState(7).get_state(legacy=False)
    numbers = np.random.Generator(generator)
    for size in SIZES:
        out = np.empty(size, dtype)
        assert stream.fill("bits", out)
        expected = numbers.integers(0, np.iinfo(dtype).max, size, dtype, endpoint=True)
        np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(
        stream._bits.state["state"]["key"], generator.state["state"]["key"]
    )
    assert stream._bits.state["state"]["pos"] == generator.state["state"]["pos"]


def test_fills_of_several_tiles(monkeypatch):
    monkeypatch.setattr(compiled, "_TILE", 1024)
    stream, other = MT19937Stream(3), MT19937Stream(3)
    out = np.empty(5000, np.uint64)
    assert stream.fill("bits", out)
    monkeypatch.undo()
    np.testing.assert_array_equal(out, other.bits64(5000))
    assert_in_step(stream, other)


FILLS = {
    "uniform": (cpu_random.fill_uniform, (0.0, 1.0)),
    "uniform between": (cpu_random.fill_uniform, (-3.0, 0.7)),
    "bernoulli": (cpu_random.fill_bernoulli, (0.3,)),
    "never": (cpu_random.fill_bernoulli, (0.0,)),
    "always": (cpu_random.fill_bernoulli, (1.0,)),
    "exponential": (cpu_random.fill_exponential, (2.0,)),
}


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
def test_fills_are_numpys_bit_for_bit(fill, dtype, without):
    function, arguments = fill
    stream, other = MT19937Stream(11), MT19937Stream(11)
    for size in SIZES:
        out, expected = np.empty(size, dtype), np.empty(size, dtype)
        function(out, stream, *arguments)
        without(function, expected, other, *arguments)
        np.testing.assert_array_equal(out, expected)
        assert_in_step(stream, other)


@pytest.mark.parametrize("moments", [(0.0, 1.0), (-1.0, 3.0), (5.0, 0.0)])
def test_normal_numbers(moments, without):
    stream, other = MT19937Stream(5), MT19937Stream(5)
    for size in SIZES:
        out, expected = (np.empty(size, np.float32) for _ in range(2))
        cpu_random.fill_normal(out, stream, *moments)
        without(cpu_random.fill_normal, expected, other, *moments)
        np.testing.assert_allclose(out, expected, rtol=3e-7, atol=3e-6)
        assert_in_step(stream, other)


def test_moments_of_a_million_normal_numbers():
    stream = MT19937Stream(0)
    out = np.empty(1 << 20, np.float32)
    assert stream.fill("normal", out, 0.0, 1.0)
    assert np.isfinite(out).all()
    assert abs(out.mean()) < 5e-3
    assert abs(out.std() - 1) < 5e-3
    assert 4.5 < abs(out).max() < 5.8  # sqrt(-2 log(2**-24)) = 5.77


def test_uniform_numbers_never_reach_the_upper_bound():
    out = np.empty(100_000, np.float32)
    low, high = 1.0, float(np.nextafter(np.float32(1), np.float32(2)))
    cpu_random.fill_uniform(out, MT19937Stream(0), low, high)
    assert (out == low).all()


def test_arrays_are_filled_in_the_order_of_memory(without):
    for view in (lambda a: a.T, lambda a: a[:, ::2], lambda a: a[::-1]):
        out, expected = np.zeros((40, 30), np.float32), np.zeros((40, 30), np.float32)
        cpu_random.fill_uniform(view(out), MT19937Stream(1))
        without(cpu_random.fill_uniform, view(expected), MT19937Stream(1))
        np.testing.assert_array_equal(out, expected)


def test_threads_that_share_a_stream_draw_different_numbers():
    stream, together = MT19937Stream(2), [np.empty(50_000, np.uint32) for _ in range(4)]
    threads = [threading.Thread(target=stream.fill, args=("bits", out)) for out in together]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = MT19937Stream(2).bits32(200_000).reshape(4, -1)
    assert sorted(a.tolist() for a in together) == sorted(expected.tolist())


def test_what_is_left_to_numpy():
    stream, before = MT19937Stream(0), MT19937Stream(0)
    assert not stream.fill("normal", np.empty(16), 0.0, 1.0)
    assert not stream.fill("uniform", np.empty(16, np.float16), 1.0, 0.0, 1.0)
    assert not stream.fill("unit", np.empty(0, np.float32))
    assert_in_step(stream, before)
