"""Memory is freed by reference counting alone: the collector is switched off in these tests."""

from __future__ import annotations

import gc
import weakref

import pytest

import gradcore as torch
from gradcore.autograd.graph import saved_tensors_hooks


@pytest.fixture(autouse=True)
def no_collector():
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def is_freed(make):
    """Whether the graph of what ``make`` returns goes away with the last name for it."""
    y = make()
    node = weakref.ref(y.grad_fn)
    tensor = weakref.ref(y)
    del y
    return node() is None and tensor() is None


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        y = x * x
        ctx.save_for_backward(x, y)
        return y

    @staticmethod
    def backward(ctx, g):
        x, _ = ctx.saved_tensors
        return g * 2 * x


def inplace(x):
    y = x * 1
    y[0] = 5.0
    y.mul_(2)
    return y


def watched(x):
    y = x * 2
    y.register_hook(lambda g: g)
    y.retain_grad()
    y.grad_fn.register_hook(lambda a, b: None)
    y.grad_fn.metadata["x"] = 1
    return y


def packed(x):
    with saved_tensors_hooks(lambda t: t, lambda t: t):
        return x.exp() * x


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x * x,
        lambda x: x.exp(),
        lambda x: x.tanh() + x.sigmoid(),
        lambda x: x.max(dim=0).values,
        lambda x: x.softmax(0),
        lambda x: x.view(1, 2)[0],
        lambda x: x.unbind(0)[1],
        lambda x: torch.stack([x, x]).sum(0),
        Square.apply,
        inplace,
        watched,
        packed,
    ],
)
def test_graphs_are_freed(function):
    x = leaf(1.0, 2.0)
    assert is_freed(lambda: function(x))


@pytest.mark.parametrize("function", [lambda x: x * x, lambda x: x.exp(), Square.apply, inplace])
def test_graphs_are_freed_after_backward(function):
    x = leaf(1.0, 2.0)

    def make():
        y = function(x)
        y.sum().backward(retain_graph=True)
        return y

    assert is_freed(make)


def test_graphs_of_derivatives_are_freed():
    x = leaf(1.0, 2.0)

    def make():
        (first,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
        (second,) = torch.autograd.grad(first.sum(), x, create_graph=True)
        return second

    assert is_freed(make)


def test_saved_values_are_freed_during_backward():
    x = leaf(1.0, 2.0)
    y = x * 2
    z = (y * y).sum()
    saved = weakref.ref(y)
    del y
    assert saved() is not None
    z.backward()
    assert saved() is None
    assert z.grad_fn is not None


def test_leaves_are_freed_with_their_hooks_and_gradients():
    x = leaf(1.0, 2.0)
    x.register_hook(lambda g: g)
    x.register_post_accumulate_grad_hook(lambda t: None)
    (x * 2).sum().backward()
    node = (x * 2).grad_fn.next_functions[0][0]
    gone = weakref.ref(x)
    del x, node
    assert gone() is None


def test_a_failing_backward_leaves_nothing_behind():
    x = leaf(1.0, 2.0)

    def make():
        y = x * x
        handle = y.register_hook(lambda g: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            y.sum().backward()
        handle.remove()
        return y

    assert is_freed(make)


def test_a_training_loop_makes_no_garbage():
    w, b = leaf(1.0, 2.0), leaf(0.5)
    x = torch.ones(4, 2, dtype=torch.float64)

    def step():
        loss = ((x * w).sum(1).tanh() + b).exp().mean()
        loss.backward()
        with torch.no_grad():
            for parameter in (w, b):
                parameter -= 0.1 * parameter.grad
                parameter.grad = None

    step()
    gc.collect()
    for _ in range(3):
        step()
    assert gc.collect() == 0


def test_long_graphs_are_freed_without_recursion():
    y = leaf(1.0)
    for _ in range(200_000):
        y = y + 1
    first = weakref.ref(y.grad_fn)
    del y
    assert first() is None
