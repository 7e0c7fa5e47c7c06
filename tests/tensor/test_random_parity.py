"""The public random functions give PyTorch's numbers for the same seed."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

EXACT = {
    "rand": lambda T: T.rand(5, 7),
    "rand_float64": lambda T: T.rand(33, dtype=T.float64),
    "randint": lambda T: T.randint(-5, 1000, (50,)),
    "randint_like": lambda T: T.randint_like(T.zeros(8), 9),
    "randperm": lambda T: T.randperm(101),
    "rand_like": lambda T: T.rand_like(T.zeros(3, 3)),
    "random_": lambda T: T.empty(20).random_(0, 1000),
    "bernoulli": lambda T: T.bernoulli(T.full((100,), 0.3)),
}
CLOSE = {
    "randn": lambda T: T.randn(100),
    "randn_small": lambda T: T.randn(5),
    "normal_": lambda T: T.empty(33).normal_(2.0, 3.0),
    "uniform_": lambda T: T.empty(40).uniform_(-0.3, 0.7),
    "normal_tensor": lambda T: T.normal(T.arange(20.0), 2.0),
    "exponential_": lambda T: T.empty(40).exponential_(2.0),
}


def draw(T, function):
    T.manual_seed(7)
    return function(T).numpy(), T.rand(3).numpy()


@pytest.mark.parametrize("name", EXACT)
def test_bit_for_bit(name):
    for ours, theirs in zip(draw(gradcore, EXACT[name]), draw(torch, EXACT[name]), strict=True):
        assert ours.dtype == theirs.dtype
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", CLOSE)
def test_to_a_few_ulp(name):
    for ours, theirs in zip(draw(gradcore, CLOSE[name]), draw(torch, CLOSE[name]), strict=True):
        np.testing.assert_array_max_ulp(ours, theirs, 8)


def test_state_is_interchangeable():
    torch.manual_seed(3)
    torch.randn(5)
    gradcore.set_rng_state(gradcore.from_numpy(torch.get_rng_state().numpy()))
    np.testing.assert_array_equal(gradcore.rand(6).numpy(), torch.rand(6).numpy())
