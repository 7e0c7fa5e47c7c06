"""Wrong calls of autograd's functions: PyTorch's exception types and messages."""

from __future__ import annotations

import re

import pytest

torch = pytest.importorskip("torch")

import gradcore  # noqa: E402


def batched(shape):
    return lambda T, x: T.autograd.grad(x * x, x, T.ones(*shape), is_grads_batched=True)


def edge_with(*sizes):
    def call(T, x):
        edge = T.autograd.graph.get_gradient_edge(x * 2)
        return T.autograd.grad(edge, x, T.ones(*sizes) if sizes else None)

    return call


def set_flag(T, x):
    y = x * 2
    y.requires_grad = False


CALLS = {
    "vector: batched, no rows": batched((2,)),
    "vector: batched, 0-d": lambda T, x: T.autograd.grad(
        x.sum(), x, T.tensor(1.0), is_grads_batched=True
    ),
    "vector: batched, several sizes": lambda T, x: T.autograd.grad(
        [x * x, x.sum()], x, [T.ones(3, 2), T.ones(4)], is_grads_batched=True
    ),
    "vector: missing": lambda T, x: T.autograd.grad(x * 2, x),
    "vector: shape": lambda T, x: T.autograd.grad(x * 2, x, T.ones(3)),
    "vector: count": lambda T, x: T.autograd.backward([x * 2, x], [T.ones(2)]),
    "vector: number": lambda T, x: T.autograd.backward([x.sum()], [1.0]),
    "vector: edge": edge_with(3),
    "vector: edge without": edge_with(),
    "root: no history": lambda T, x: T.autograd.backward(T.ones(1)),
    "root: no history, several elements": lambda T, x: T.autograd.backward(T.ones(2)),
    "root: integer": lambda T, x: T.autograd.backward(x.int()),
    "inputs: empty": lambda T, x: T.autograd.grad(x.sum(), []),
    "inputs: empty for backward": lambda T, x: x.sum().backward(inputs=[]),
    "inputs: number": lambda T, x: T.autograd.grad(x.sum(), [3]),
    "inputs: without gradient": lambda T, x: T.autograd.grad(x.sum(), T.ones(2)),
    "inputs: unused": lambda T, x: T.autograd.grad(x.sum(), x.view(2)),
    "inputs: second unused": lambda T, x: T.autograd.grad(x.sum(), [x, x * 2]),
    "inputs: without gradient for backward": lambda T, x: x.sum().backward(inputs=[T.ones(2)]),
    "contradiction": lambda T, x: T.autograd.grad(
        x.sum(), x, allow_unused=False, materialize_grads=True
    ),
    "flag: of a non-leaf": set_flag,
    "flag: of a non-leaf, method": lambda T, x: (x * 2).requires_grad_(False),
    "retain": lambda T, x: T.ones(2).retain_grad(),
    "hook": lambda T, x: T.ones(2).register_hook(print),
    "edge: none": lambda T, x: T.autograd.graph.get_gradient_edge(T.ones(2)),
    "freed": lambda T, x: [(y := (x * x).sum()).backward(), y.backward()],
    "mode: no bool": lambda T, x: T.set_grad_enabled(1.5),
    "multi hook: mode": lambda T, x: T.autograd.graph.register_multi_grad_hook(
        [x], print, mode="1"
    ),
    "write: leaf": lambda T, x: x.mul_(2),
    "write: view of a leaf": lambda T, x: x[:1].mul_(2),
    "write: shape": lambda T, x: T.ones(2).add_(T.ones(3, 2)),
    "write: dtype": lambda T, x: T.ones(2, dtype=T.int64).mul_(0.5),
    "write: expanded": lambda T, x: T.ones(1).expand(3).add_(1),
    "write: out": lambda T, x: T.mul(x, 2, out=T.ones(2)),
    "variable": lambda T, x: T.autograd.Variable([1]),
    "gradcheck: nothing to check": lambda T, x: T.autograd.gradcheck(T.sin, T.ones(2).double()),
    "gradcheck: no mode": lambda T, x: T.autograd.gradcheck(
        T.sin, x.double(), check_backward_ad=False
    ),
    "jacobian: strategy": lambda T, x: T.autograd.functional.jacobian(T.sin, x, strategy="up"),
    "jacobian: input": lambda T, x: T.autograd.functional.jacobian(T.sin, 3),
    "jacobian: output": lambda T, x: T.autograd.functional.jacobian(lambda x: 3, x),
    "hessian: output": lambda T, x: T.autograd.functional.hessian(T.sin, x),
    "vjp: no vector": lambda T, x: T.autograd.functional.vjp(T.sin, x),
    "vjp: vector": lambda T, x: T.autograd.functional.vjp(T.sin, x, T.ones(3)),
    "jvp: vectors": lambda T, x: T.autograd.functional.jvp(T.add, (x, x), (T.ones(2),)),
    "vhp: output": lambda T, x: T.autograd.functional.vhp(lambda x: (x, x), x, T.ones(2)),
}


def error_of(library, call):
    x = library.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(Exception) as caught:
        call(library, x)
    text = str(caught.value).splitlines()[0]
    return type(caught.value).__name__, re.sub(r"\b(torch|gradcore)\.", "", text)


@pytest.mark.parametrize("name", CALLS)
def test_error(name):
    assert error_of(gradcore, CALLS[name]) == error_of(torch, CALLS[name])
