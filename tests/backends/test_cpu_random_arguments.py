"""Arguments that the CPU's random functions refuse, with PyTorch's errors."""

import math

import numpy as np
import pytest

from gradcore.backends.cpu import random as cpu_random
from gradcore.backends.cpu.random import MT19937Stream


@pytest.fixture
def stream() -> MT19937Stream:
    return MT19937Stream(42)


FLOATS, INTS = np.zeros(3, np.float32), np.zeros(3, np.int64)
COMPLEX = np.zeros(3, np.complex64)


@pytest.mark.parametrize(
    ("error", "message", "fill", "args"),
    [
        (RuntimeError, "found from=2 > to=1", cpu_random.fill_uniform, (FLOATS, 2, 1)),
        (RuntimeError, "to is out of bounds for float", cpu_random.fill_uniform, (FLOATS, 0, 1e39)),
        (RuntimeError, "from is out of bounds", cpu_random.fill_uniform, (FLOATS, math.nan, 1)),
        (RuntimeError, "exceed the limit", cpu_random.fill_uniform, (FLOATS, -3e38, 3e38)),
        (NotImplementedError, "for 'Long'", cpu_random.fill_uniform, (INTS,)),
        (RuntimeError, "found std -1", cpu_random.fill_normal, (FLOATS, 0, -1)),
        (NotImplementedError, "normal_kernel_cpu", cpu_random.fill_normal, (INTS,)),
        (NotImplementedError, "'ComplexFloat'", cpu_random.fill_random, (COMPLEX,)),
        (RuntimeError, "from=3 >= to=3", cpu_random.fill_random_from_to, (INTS, 3, 3)),
        (RuntimeError, "only integral", cpu_random.fill_random_from_to, (COMPLEX, 0, 3)),
        (ValueError, "Overflow", cpu_random.fill_random_from_to, (INTS, 0, 2**63)),
        (RuntimeError, "to - 1 is out .* unsigned char", cpu_random.fill_random_from_to,
         (np.zeros(3, np.uint8), 0, 257)),
        (RuntimeError, "lambda=0", cpu_random.fill_exponential, (FLOATS, 0)),
        (RuntimeError, "you specified Long", cpu_random.fill_exponential, (INTS,)),
        (RuntimeError, "got p=1", cpu_random.fill_geometric, (FLOATS, 1)),
        (NotImplementedError, "geometric_cpu", cpu_random.fill_geometric, (COMPLEX, 0.5)),
        (RuntimeError, "std=0", cpu_random.fill_log_normal, (FLOATS, 0, 0)),
        (NotImplementedError, "log_normal_cpu", cpu_random.fill_log_normal, (INTS,)),
        (RuntimeError, "sigma=0", cpu_random.fill_cauchy, (FLOATS, 0, 0)),
        (RuntimeError, "you specified long int", cpu_random.fill_cauchy, (INTS,)),
        (RuntimeError, "got p=1.5", cpu_random.fill_bernoulli, (FLOATS, 1.5)),
        (RuntimeError, "p_in >= 0", cpu_random.fill_bernoulli, (FLOATS, FLOATS - 1)),
        (RuntimeError, "broadcast", cpu_random.fill_bernoulli, (FLOATS, np.zeros(4))),
        (NotImplementedError, "'Long'", cpu_random.fill_bernoulli, (FLOATS, INTS)),
    ],
)  # fmt: skip
def test_fill_errors(stream, error, message, fill, args):
    out, *rest = args
    state = stream.get_state()
    with pytest.raises(error, match=message):
        fill(out, stream, *rest)
    assert np.array_equal(stream.get_state(), state)


@pytest.mark.parametrize(
    ("weights", "samples", "message"),
    [
        (np.ones(3), 4, "cannot sample n_sample > prob_dist"),
        (np.ones(3), 0, "cannot sample n_sample <= 0 samples"),
        (np.zeros(3), 2, "sum of probabilities <= 0"),
        (np.array([1.0, -1.0]), 1, "element < 0"),
        (np.array([1.0, math.inf]), 1, "element < 0"),
        (np.array([1, 2]), 1, "got: Long"),
        (np.ones((2, 2, 2)), 1, "prob_dist must be 1 or 2 dim"),
    ],
)
def test_multinomial_errors(stream, weights, samples, message):
    with pytest.raises(RuntimeError, match=message):
        cpu_random.multinomial(weights, stream, samples)


@pytest.mark.parametrize(
    ("n", "dtype", "error", "message"),
    [
        (-1, np.int64, RuntimeError, "negative dimension -1"),
        (2050, np.float16, RuntimeError, "greater than 2049 for Half"),
        (257, np.uint8, RuntimeError, "type uint8_t without overflow"),
        (2, np.bool_, NotImplementedError, "'Bool'"),
        (2, np.uint16, NotImplementedError, "'UInt16'"),
    ],
)
def test_randperm_errors(stream, n, dtype, error, message):
    with pytest.raises(error, match=message):
        cpu_random.randperm(n, stream, dtype)


def test_rejection_sampler_errors(stream):
    with pytest.raises(RuntimeError, match="non-negative"):
        cpu_random.poisson(np.array([-1.0]), stream)
    with pytest.raises(NotImplementedError, match="poisson_cpu"):
        cpu_random.poisson(INTS, stream)
    with pytest.raises(ValueError, match="for prob, got: Long"):
        cpu_random.binomial(FLOATS, INTS, stream)
    with pytest.raises(RuntimeError, match="float64 but expected float32"):
        cpu_random.binomial(FLOATS, np.zeros(3), stream)
    with pytest.raises(RuntimeError, match=">= 0"):
        cpu_random.standard_gamma(np.array([-1.0]), stream)


def test_a_floating_dtype_that_skips_integers_warns(stream):
    out = np.empty(3, np.float16)
    with pytest.warns(UserWarning, match=r"to - 1 is out of bounds \[-\(2\^11\), 2\^11\]"):
        cpu_random.fill_random_from_to(out, stream, 0, 4000)
    assert np.all(out < 4000)


def test_empty_arrays_draw_nothing(stream):
    state = stream.get_state()
    for fill in (cpu_random.fill_uniform, cpu_random.fill_normal, cpu_random.fill_random):
        fill(np.empty((0, 3), np.float32), stream)
    assert cpu_random.randperm(0, stream).size == 0
    assert np.array_equal(stream.get_state(), state)
