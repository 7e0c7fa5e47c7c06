"""``func`` against ``torch.func``: random combinations of transforms, and their errors."""

from __future__ import annotations

import itertools
import re
import warnings

import pytest

torch = pytest.importorskip("torch")

import gradcore  # noqa: E402
import gradcore.func  # noqa: E402

FUNCTIONS = {
    "cube": lambda T, x: x**3,
    "mixed": lambda T, x: x.sin() * x.sum(),
    "linear": lambda T, x: x * 2,
    "constant": lambda T, x: T.ones(2, dtype=T.float64),
    "matrix": lambda T, x: x[:, None] * x.exp(),
    "captured": lambda T, x: x * T.tensor([2.0, 3.0], dtype=T.float64),
}
# Each makes a function of one tensor out of another.
TRANSFORMS = {
    "grad": lambda T, f: T.func.grad(lambda x: f(x).sum()),
    "value": lambda T, f: lambda x: T.func.grad_and_value(lambda x: f(x).sum())(x)[1],
    "jacrev": lambda T, f: T.func.jacrev(f),
    "jacfwd": lambda T, f: T.func.jacfwd(f),
    "vjp": lambda T, f: lambda x: (lambda y, pull: pull(y.cos())[0])(*T.func.vjp(f, x)),
    "jvp": lambda T, f: lambda x: T.func.jvp(f, (x,), (x * 2,))[1],
    "vmap": lambda T, f: lambda x: T.func.vmap(lambda s: f(x * s))(x),
    "plain": lambda T, f: f,
}


def transformed(T, function, names):
    result = lambda x: FUNCTIONS[function](T, x)
    for name in names:
        result = TRANSFORMS[name](T, result)
    return result


def run(T, function, names):
    """The value, and the gradient that plain autograd sees."""
    x = T.tensor([0.5, -1.25], dtype=T.float64, requires_grad=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        y = transformed(T, function, names)(x)
        alone = transformed(T, function, names)(x.detach())
    assert not alone.requires_grad
    if y.requires_grad:
        y.sum().backward()
    results = [y, T.zeros_like(x) if x.grad is None else x.grad]
    # PyTorch has zeros without memory, which the addition makes real.
    values = [round(v, 8) + 0.0 for t in results for v in (t.detach() + 0).reshape(-1).tolist()]
    return tuple(y.shape), values


@pytest.mark.parametrize("function", FUNCTIONS)
def test_combinations(function):
    for names in itertools.product(TRANSFORMS, TRANSFORMS):
        assert run(gradcore, function, names) == run(torch, function, names), names


def arguments(T):
    return T.tensor([1.0, 2.0]), T.tensor([3.0, 4.0])


ERRORS = {
    "grad of a vector": lambda T, x, y: T.func.grad(T.sin)(x),
    "grad of a number": lambda T, x, y: T.func.grad(lambda x: 3)(x),
    "grad at an integer": lambda T, x, y: T.func.grad(lambda x: x)(3),
    "grad of an integer tensor": lambda T, x, y: T.func.grad(lambda x: x.sum())(T.tensor([1])),
    "argnums outside": lambda T, x, y: T.func.grad(T.dot, argnums=2)(x, y),
    "argnums twice": lambda T, x, y: T.func.grad(T.dot, argnums=(0, 0))(x, y),
    "argnums empty": lambda T, x, y: T.func.grad(T.dot, argnums=())(x, y),
    "argnums of a wrong type": lambda T, x, y: T.func.grad(T.dot, argnums=(0, 1.0))(x, y),
    "no aux": lambda T, x, y: T.func.grad(T.dot, has_aux=True)(x, y),
    "no aux of vjp": lambda T, x, y: T.func.vjp(T.sin, x, has_aux=True),
    "vjp of nothing": lambda T, x, y: T.func.vjp(lambda x: None, x),
    "vjp of a number": lambda T, x, y: T.func.vjp(lambda x: 3, x),
    "vjp of integers": lambda T, x, y: T.func.vjp(T.argmax, x),
    "jvp of a tensor": lambda T, x, y: T.func.jvp(T.sin, x, (x,)),
    "jvp with numbers": lambda T, x, y: T.func.jvp(T.sin, (x,), (3,)),
    "jvp of nothing": lambda T, x, y: T.func.jvp(T.sin, (), ()),
    "strict jvp": lambda T, x, y: T.func.jvp(lambda x: y, (x,), (x,), strict=True),
    "jacrev in chunks": lambda T, x, y: T.func.jacrev(T.sin, chunk_size=0),
    "complex jacrev": lambda T, x, y: T.func.jacrev(T.abs)(T.ones(1, dtype=T.complex64)),
    "complex jacfwd": lambda T, x, y: T.func.jacfwd(T.abs)(T.ones(1, dtype=T.complex64)),
    "complex output": lambda T, x, y: T.func.jacrev(lambda x: x * 1j)(x),
    "vmap of sizes": lambda T, x, y: T.func.vmap(T.mul)(x, T.ones(3)),
    "vmap of a number": lambda T, x, y: T.func.vmap(T.mul)(x, 3),
    "vmap of nothing": lambda T, x, y: T.func.vmap(lambda: 3)(),
    "vmap without dims": lambda T, x, y: T.func.vmap(T.mul, in_dims=(None, None))(x, y),
    "vmap along too much": lambda T, x, y: T.func.vmap(T.mul, in_dims=1)(x, y),
    "vmap along a float": lambda T, x, y: T.func.vmap(T.sin, in_dims=(0.5,))(x),
    "vmap in chunks": lambda T, x, y: T.func.vmap(T.sin, chunk_size=0),
    "vmap with randomness": lambda T, x, y: T.func.vmap(T.sin, randomness="no")(x),
    "vmap to a number": lambda T, x, y: T.func.vmap(lambda x: 3)(x),
}


def error_of(T, call):
    with pytest.raises(Exception) as caught:
        call(T, *arguments(T))
    text = re.sub(r"\b(torch|gradcore)\.", "", str(caught.value)).splitlines()[0]
    return type(caught.value).__name__, text


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    assert error_of(gradcore, ERRORS[name]) == error_of(torch, ERRORS[name])
