"""``autograd.functional`` against PyTorch: values, nesting, flags, and errors in strict mode."""

from __future__ import annotations

import itertools
import re
import warnings

import pytest

torch = pytest.importorskip("torch")

import gradcore  # noqa: E402

FUNCTIONS = {
    "square": (1, lambda T, x: x * x),
    "cube sum": (1, lambda T, x: (x**3).sum()),
    "linear": (1, lambda T, x: x.sum() * 2),
    "constant": (1, lambda T, x: T.ones(2, dtype=T.float64)),
    "constant number": (1, lambda T, x: T.ones((), dtype=T.float64)),
    "two outputs": (1, lambda T, x: (x.sin(), x.sum())),
    "one of two outputs constant": (1, lambda T, x: (x.sin(), T.ones(1, dtype=T.float64))),
    "product": (2, lambda T, x, y: x * y),
    "first only": (2, lambda T, x, y: x * x),
    "number of two": (2, lambda T, x, y: (x * x * y).sum()),
    "number of the first": (2, lambda T, x, y: (x**3).sum()),
    "two of two": (2, lambda T, x, y: (x * y, y.exp().sum())),
}
CALLS = ("jacobian", "hessian", "vjp", "jvp", "vhp", "hvp")
FLAGS = list(itertools.product((False, True), (False, True)))


def plain(library, value):
    """A result without its library: nested lists, whether it requires grad, and its dtype."""
    if isinstance(value, tuple):
        return tuple(plain(library, v) for v in value)
    numbers = [round(v, 9) + 0.0 for v in value.detach().reshape(-1).tolist()]
    return numbers, tuple(value.shape), value.requires_grad


def run(library, name, count, function, strict, create_graph, vector):
    functional = library.autograd.functional
    tensors = [
        library.tensor([0.5, -1.5], dtype=library.float64),
        library.tensor([2.0, 0.25], dtype=library.float64),
    ]
    inputs = tensors[0] if count == 1 else tuple(tensors[:count])
    arguments = []
    if name in ("vjp", "jvp", "vhp", "hvp"):
        if vector == "number":
            v = library.tensor(3.0, dtype=library.float64)
        else:
            v = library.tensor([1.0, 10.0], dtype=library.float64)
        arguments = [v if count == 1 or name == "vjp" else (v,) * count]
        if vector is None:
            arguments = []
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            result = getattr(functional, name)(
                lambda *xs: function(library, *xs),
                inputs,
                *arguments,
                strict=strict,
                create_graph=create_graph,
            )
    except (RuntimeError, TypeError) as error:
        return type(error).__name__, re.sub(r"\b(torch|gradcore)\.", "", str(error))
    return plain(library, result)


@pytest.mark.parametrize("function", FUNCTIONS)
@pytest.mark.parametrize("name", CALLS)
def test_results(name, function):
    count, body = FUNCTIONS[function]
    for strict, create_graph in FLAGS:
        for vector in ("vector", "number", None):
            options = strict, create_graph, vector
            found = run(gradcore, name, count, body, *options)
            assert found == run(torch, name, count, body, *options), options
