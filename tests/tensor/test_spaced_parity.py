"""arange, range, linspace, logspace and the other factories: values and refusals as PyTorch's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

VALUES = [
    "T.arange(5)", "T.arange(1, 2.5, 0.5)", "T.arange(5, 0, -2)", "T.arange(3, dtype=T.float16)",
    "T.arange(T.tensor(4))", "T.arange(0, 1, 0.1, dtype=T.float64)", "T.arange(2, 2)",
    "T.range(1, 4)", "T.range(0, 1, 0.25)", "T.range(1, 4, dtype=T.int64)",
    "T.linspace(0, 1, 5)", "T.linspace(3, -3, 7, dtype=T.float64)", "T.linspace(0, 10, 4).int()",
    "T.linspace(0, 10, 4, dtype=T.int32)", "T.linspace(2, 5, 1)", "T.linspace(2, 5, 0)",
    "T.linspace(T.tensor(0.0), T.tensor(1), 3)", "T.linspace(0, 1, T.tensor(3))",
    "T.linspace(0, 2j, 3)", "T.linspace(1, 2, steps=3)",
    "T.logspace(0, 2, 3)", "T.logspace(0, 2, 3, base=2)", "T.logspace(0, 1, 3, T.tensor(4.0))",
    "T.logspace(T.tensor(1.0), 0, 4, dtype=T.float64)",
]  # fmt: skip

REFUSED = [
    "T.linspace(0, 1, 2.5)", "T.linspace(T.tensor(0.0), 1, True)", "T.linspace(0, 1, 'a')",
    "T.linspace('a', 1, 3)", "T.linspace(0, 1, -2)", "T.linspace(0, 1, None)",
    "T.linspace(T.tensor([0.0]), T.tensor(1.0), 2)", "T.linspace(1, T.tensor([0.0, 1.0]), 2)",
    "T.linspace(0, 1, T.tensor([3]))", "T.linspace(0, 2j, 3, dtype=T.float32)",
    "T.logspace(0, 1, 2.5)", "T.logspace(T.tensor(0.0), 1, 2.5)", "T.logspace(0, 1, 2, 'x')",
    "T.logspace(0, 1, 3, 2j)", "T.logspace(0, 1, -1)", "T.arange(0, 1, 'a')", "T.arange(0, 1, 0)",
    "T.arange(5, 1)", "T.arange(0, float('inf'))", "T.arange(float('nan'))", "T.range(0, 1, 0)",
    "T.range(5, 1)", "T.eye(2.5)", "T.eye(-1)", "T.eye(2, -1)", "T.full((2,), 'a')",
    "T.full(2, 1)",
    "T.multinomial(T.tensor([1.0, float('nan')]), 2, True)",
    "T.multinomial(T.tensor([1.0, float('inf')]), 2, True)",
    "T.multinomial(T.tensor([1.0, float('inf')]), 2)", "T.multinomial(T.tensor([1.0, -1.0]), 1)",
    "T.multinomial(T.tensor([1.0, -1.0]), 3, True)", "T.multinomial(T.zeros(2), 1)",
    "T.nn.functional.cross_entropy(T.ones(3, 4), T.ones(3))",
    "T.nn.functional.cross_entropy(T.ones(3, 4), T.ones(3).int())",
    "T.nn.functional.nll_loss(T.ones(3, 4, 2), T.ones(3, 2))",
]  # fmt: skip


def evaluate(package, expression):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(expression, {"T": package})


@pytest.mark.parametrize("expression", VALUES)
def test_values(expression):
    expected, got = (evaluate(package, expression).numpy() for package in (torch, gradcore))
    assert got.dtype == expected.dtype
    np.testing.assert_allclose(got, expected, rtol=2e-7)


@pytest.mark.parametrize("expression", REFUSED)
def test_refusals(expression):
    with pytest.raises(Exception) as expected:
        evaluate(torch, expression)
    with pytest.raises(expected.type) as got:
        evaluate(gradcore, expression)
    assert str(got.value).split("\n")[0] == str(expected.value).split("\n")[0]
