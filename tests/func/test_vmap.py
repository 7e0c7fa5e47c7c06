"""``vmap``: dimensions, structures, random numbers, and derivatives of examples."""

from __future__ import annotations

import pytest

import gradcore as torch
from gradcore.func import grad, jacrev, vmap


def matrix(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def test_along_the_first_dimension():
    a, b = matrix([1.0, 2.0], [3.0, 4.0]), matrix([5.0, 6.0], [7.0, 8.0])
    assert vmap(torch.dot)(a, b).tolist() == [17.0, 53.0]


def test_dimensions_of_arguments():
    a, b = matrix([1.0, 2.0], [3.0, 4.0]), torch.tensor([5.0, 6.0], dtype=torch.float64)
    assert vmap(torch.dot, in_dims=(1, None))(a, b).tolist() == [23.0, 34.0]
    assert vmap(torch.dot, in_dims=(-1, None))(a, b).tolist() == [23.0, 34.0]
    assert vmap(torch.mul, in_dims=(0, 1))(a, a).tolist() == [[1.0, 6.0], [6.0, 16.0]]


def test_dimensions_of_results():
    x = torch.arange(6.0).reshape(2, 3)
    assert vmap(lambda r: r * 2, out_dims=1)(x).tolist() == (x * 2).t().tolist()
    first, second = vmap(lambda r: (r, r.sum()), out_dims=(-1, 0))(x)
    assert first.shape == (3, 2)
    assert second.shape == (2,)


def test_nested_arguments_and_results():
    def function(d, pair):
        return {"sum": d["x"] + pair[0], "list": [pair[1] * 2]}

    x = torch.arange(4.0).reshape(2, 2)
    result = vmap(function, in_dims=({"x": 0}, (None, 0)))({"x": x}, (torch.ones(2), x))
    assert result["sum"].tolist() == (x + 1).tolist()
    assert result["list"][0].tolist() == (x * 2).tolist()
    result = vmap(function, in_dims=(0, (None, 0)))({"x": x}, (torch.ones(2), x))
    assert result["sum"].shape == (2, 2)


def test_vmap_of_vmap():
    x, y = torch.arange(3.0), torch.arange(4.0)
    outer = vmap(vmap(torch.mul, in_dims=(None, 0)), in_dims=(0, None))(x, y)
    assert outer.tolist() == torch.outer(x, y).tolist()


def test_keyword_arguments_are_the_same_for_all():
    x, y = torch.arange(3.0), torch.arange(2.0)
    assert vmap(lambda x, y: x * y)(x, y=y).tolist() == [[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]]


def test_gradients_of_examples():
    w = torch.tensor([1.0, 2.0], dtype=torch.float64)
    x = matrix([1.0, 2.0], [3.0, 4.0], [5.0, 6.0])
    gradients = vmap(grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))(w, x)
    assert gradients.tolist() == [[10.0, 20.0], [66.0, 88.0], [170.0, 204.0]]


def test_gradient_through_vmap():
    x = matrix([1.0, 2.0], [3.0, 4.0]).requires_grad_()
    vmap(lambda r: (r * r).sum())(x).sum().backward()
    assert x.grad.tolist() == [[2.0, 4.0], [6.0, 8.0]]
    found = grad(lambda x: vmap(lambda r: (r * r).sum())(x).sum())(x.detach())
    assert found.tolist() == [[2.0, 4.0], [6.0, 8.0]]


def test_batch_of_jacobians():
    x = matrix([1.0, 2.0], [3.0, 4.0])
    found = vmap(jacrev(lambda r: r**2))(x)
    assert found.tolist() == [[[2.0, 0.0], [0.0, 4.0]], [[6.0, 0.0], [0.0, 8.0]]]


@pytest.mark.parametrize("chunk_size", [None, 1, 2, 7])
def test_chunks(chunk_size):
    x = torch.arange(5.0)
    assert vmap(lambda x: x * 2, chunk_size=chunk_size)(x).tolist() == (x * 2).tolist()


def test_chunk_size_is_positive():
    with pytest.raises(ValueError, match="chunk_size should be None or greater than 0"):
        vmap(torch.sin, chunk_size=0)


def test_random_numbers():
    x = torch.zeros(4)

    def noisy(x):
        return x + torch.rand(())

    with pytest.raises(
        RuntimeError, match="called random operation while in randomness error mode"
    ):
        vmap(noisy)(x)
    same = vmap(noisy, randomness="same")(x)
    assert len(set(same.tolist())) == 1
    different = vmap(noisy, randomness="different")(x)
    assert len(set(different.tolist())) == 4
    with pytest.raises(RuntimeError, match="Only allowed values for randomness are"):
        vmap(noisy, randomness="none")(x)


def test_constant_results():
    assert vmap(lambda x: torch.ones(()))(torch.zeros(3)).tolist() == [1.0, 1.0, 1.0]
    constant = torch.ones(2)
    assert vmap(lambda x: constant, out_dims=None)(torch.zeros(3)).tolist() == [1.0, 1.0]
    with pytest.raises(ValueError, match="can not return a BatchedTensor when out_dim is None"):
        vmap(lambda x: x * 2, out_dims=None)(torch.zeros(3))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: vmap(torch.mul)(torch.ones(2), torch.ones(3)), "same size in the mapped dimensio"),
        (
            lambda: vmap(torch.mul, in_dims=(0, None, 0))(torch.ones(2), 1),
            "not compatible with the",
        ),
        (lambda: vmap(torch.mul)(torch.ones(2), 3), "cannot vmap over non-Tensor arguments"),
        (lambda: vmap(torch.sin, in_dims=1)(torch.ones(2)), "dimensionality 1 so expected in_dim"),
        (lambda: vmap(torch.sin, in_dims=None)(torch.ones(2)), "expected `in_dims` to be int or a"),
        (lambda: vmap(torch.sin, in_dims=(None,))(torch.ones(2)), "Expected at least one Tensor"),
        (lambda: vmap(lambda: 1)(), "got no inputs"),
        (lambda: vmap(lambda x: 3)(torch.ones(2)), "must only return Tensors, got type"),
        (lambda: vmap(lambda x: (x, x), out_dims=(0, 0, 0))(torch.ones(2)), "out_dims is not comp"),
    ],
)
def test_wrong_calls(call, message):
    with pytest.raises(ValueError, match=message):
        call()
