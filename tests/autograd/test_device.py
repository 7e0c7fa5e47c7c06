"""Autograd on every device: gradients live where their tensors do."""

from __future__ import annotations

import pytest

import gradcore as torch
from gradcore.autograd import Function, grad, gradcheck
from gradcore.autograd.functional import hessian, jacobian
from gradcore.autograd.graph import get_gradient_edge, save_on_cpu
from gradcore.func import hessian as func_hessian
from gradcore.func import jacfwd, vmap
from gradcore.utils.checkpoint import checkpoint


@pytest.fixture
def x(device):
    values = torch.tensor([1.0, 2.0], dtype=torch.float64)
    return values.to(device).requires_grad_()


def test_backward(x, device):
    (x * x).sum().backward()
    assert x.grad.device == torch.device(device)
    assert x.grad.tolist() == [2.0, 4.0]


def test_second_derivative(x):
    (first,) = grad((x**3).sum(), x, create_graph=True)
    (second,) = grad(first.sum(), x)
    assert second.tolist() == [6.0, 12.0]


def test_zeros_for_unused_outputs(x, device):
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            assert b.device == torch.device(device)
            return a * 2 + b * 3

    Two.apply(x)[0].sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_backward_from_an_edge(x):
    y = (x * x).sum()
    (g,) = grad(get_gradient_edge(y), x)
    assert g.tolist() == [2.0, 4.0]


def test_unused_input(x, device):
    other = torch.ones(2, requires_grad=True, device=device)
    (g,) = grad(x.sum(), other, materialize_grads=True)
    assert g.device == torch.device(device)
    assert g.tolist() == [0.0, 0.0]


def test_write_into_a_view(x):
    base = x * 1
    base[1:].mul_(5)
    base.sum().backward()
    assert x.grad.tolist() == [1.0, 5.0]


def test_stale_value(x, device):
    y = x * 1
    z = y * y
    y.add_(1)
    kind = "DoubleTensor" if device == "cpu" else r"cuda\.DoubleTensor"
    with pytest.raises(RuntimeError, match=rf"operation: \[torch\.{kind} \[2\]\], which is output"):
        z.sum().backward()


def test_save_on_cpu(x, device):
    with save_on_cpu():
        y = (x * x).exp().sum()
    (g,) = grad(y, x)
    assert g.device == torch.device(device)
    assert torch.allclose(g, (x.detach() ** 2).exp() * 2 * x.detach())


def test_gradcheck(x):
    assert gradcheck(lambda x: x.sin() * x, (x,))
    assert gradcheck(lambda x: x.sin() * x, (x,), fast_mode=True)


def test_matrices(x):
    def cube(x):
        return (x**3).sum()

    assert jacobian(lambda x: x * x, x).tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert hessian(cube, x).tolist() == [[6.0, 0.0], [0.0, 12.0]]
    assert func_hessian(cube)(x.detach()).tolist() == [[6.0, 0.0], [0.0, 12.0]]
    assert jacfwd(lambda x: x * x)(x.detach()).tolist() == [[2.0, 0.0], [0.0, 4.0]]


def test_vmap(x):
    rows = torch.stack([x, x * 2]).detach()
    assert vmap(torch.dot)(rows, rows).tolist() == [5.0, 20.0]
    noise = vmap(lambda r: r + torch.rand_like(r), randomness="same")(rows * 0)
    assert noise[0].tolist() == noise[1].tolist()


@pytest.mark.parametrize("use_reentrant", [True, False])
def test_random_numbers_of_a_checkpoint(x, use_reentrant):
    drawn = []

    def function(x):
        noise = torch.rand_like(x)
        drawn.append(noise.tolist())
        return (x * noise).sum()

    checkpoint(function, x * 1, use_reentrant=use_reentrant).backward()
    assert drawn[0] == drawn[1]
    assert x.grad.tolist() == drawn[0]


def test_gradient_of_another_device(x, device):
    if device == "cpu":
        pytest.skip("needs another device than the CPU")
    with pytest.raises(RuntimeError, match="device"):
        (x * 2).backward(torch.ones(2, dtype=torch.float64))
