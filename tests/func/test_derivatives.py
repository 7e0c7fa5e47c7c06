"""Derivatives as functions: values, structures, combinations, and what autograd sees of them."""

from __future__ import annotations

import pytest

import gradcore as torch
from gradcore.func import (
    grad,
    grad_and_value,
    hessian,
    jacfwd,
    jacrev,
    jvp,
    linearize,
    vjp,
)


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def cube(x):
    return (x**3).sum()


def product(x, y):
    return (x * y).sum()


def test_grad():
    x = tensor(1.0, 2.0)
    g = grad(cube)(x)
    assert g.tolist() == [3.0, 12.0]
    assert not g.requires_grad
    assert not x.requires_grad
    assert x.grad is None


def test_grad_of_grad():
    x = torch.tensor(2.0, dtype=torch.float64)
    assert grad(grad(lambda x: x**4))(x).item() == 48.0
    assert grad(grad(grad(lambda x: x**4)))(x).item() == 48.0


def test_argnums():
    x, y = tensor(1.0, 2.0), tensor(3.0, 4.0)
    assert grad(product, argnums=1)(x, y).tolist() == [1.0, 2.0]
    assert grad(product, argnums=-1)(x, y).tolist() == [1.0, 2.0]
    both = grad(product, argnums=(0, 1))(x, y)
    assert isinstance(both, tuple)
    assert [g.tolist() for g in both] == [[3.0, 4.0], [1.0, 2.0]]
    for wrong, message in (
        (2, "Got argnum=2, but only 2 positional inputs"),
        ((0, 0), "argnums elements must be unique"),
        ((), "argnums must be non-empty"),
        (1.5, "argnums must be int or Tuple"),
    ):
        with pytest.raises(RuntimeError, match=message):
            grad(product, argnums=wrong)(x, y)


def test_keyword_arguments_are_passed_on():
    g = grad(lambda x, factor=1: (x * factor).sum())(tensor(1.0), factor=5)
    assert g.tolist() == [5.0]


def test_nested_arguments():
    def loss(parameters, x):
        return (x * parameters["w"] + parameters["b"][0]).sum()

    parameters = {"w": tensor(1.0, 2.0), "b": [tensor(3.0)]}
    g = grad(loss)(parameters, tensor(5.0, 7.0))
    assert list(g) == ["w", "b"]
    assert g["w"].tolist() == [5.0, 7.0]
    assert g["b"][0].tolist() == [2.0]


def test_aux():
    def loss(x):
        y = x * 2
        return y.sum(), {"y": y, "text": tensor(1.0)}

    x = tensor(1.0, 2.0)
    g, aux = grad(loss, has_aux=True)(x)
    assert g.tolist() == [2.0, 2.0]
    assert aux["y"].tolist() == [2.0, 4.0]
    assert not aux["y"].requires_grad
    g, (value, aux) = grad_and_value(loss, has_aux=True)(x)
    assert value.item() == 6.0
    with pytest.raises(
        RuntimeError, match=r"should be a tuple: \(output, aux\) if has_aux is True"
    ):
        grad(cube, has_aux=True)(x)


def test_grad_and_value():
    g, value = grad_and_value(cube)(tensor(1.0, 2.0))
    assert g.tolist() == [3.0, 12.0]
    assert value.item() == 9.0
    assert not value.requires_grad


def test_output_must_be_a_number():
    with pytest.raises(RuntimeError, match="to return a scalar Tensor, got tensor with 1 dims"):
        grad(torch.sin)(tensor(1.0, 2.0))
    with pytest.raises(RuntimeError, match="to return a Tensor, got <class 'float'>"):
        grad(lambda x: 3.0)(tensor(1.0))


def test_independent_output_gives_zeros():
    assert grad(lambda x: tensor(1.0).sum())(tensor(1.0, 2.0)).tolist() == [0.0, 0.0]


def test_autograd_sees_through():
    x = tensor(1.0, 2.0).requires_grad_()
    g = grad(cube)(x)
    assert g.requires_grad
    g.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_autograd_sees_captured_tensors():
    w = tensor(3.0, 4.0).requires_grad_()
    g = grad(lambda x: (x * x * w).sum())(tensor(1.0, 2.0))
    assert g.requires_grad
    g.sum().backward()
    assert w.grad.tolist() == [2.0, 4.0]


def test_result_in_no_grad():
    x = tensor(1.0, 2.0).requires_grad_()
    with torch.no_grad():
        g = grad(cube)(x)
    assert g.tolist() == [3.0, 12.0]
    assert not g.requires_grad


def test_no_grad_inside_is_respected():
    def function(x):
        with torch.no_grad():
            shift = x**2
        return (x**2 - shift).sum()

    assert grad(function)(tensor(1.0, 2.0)).tolist() == [2.0, 4.0]


def test_writing_inside():
    def function(x):
        y = x * 2
        y.mul_(x)
        y[0] = 5.0
        return y.sum()

    assert grad(function)(tensor(1.0, 3.0)).tolist() == [0.0, 12.0]


def test_hooks_of_the_caller_do_not_run():
    x = tensor(1.0).requires_grad_()
    seen = []
    x.register_hook(seen.append)
    grad(cube)(x)
    assert seen == []
    assert x.grad is None


def test_vjp():
    value, pull = vjp(lambda x: x**2, tensor(1.0, 2.0))
    assert value.tolist() == [1.0, 4.0]
    (g,) = pull(tensor(10.0, 100.0))
    assert g.tolist() == [20.0, 400.0]
    (g,) = pull(tensor(1.0, 1.0))
    assert g.tolist() == [2.0, 4.0]


def test_vjp_of_structures():
    def function(x, y):
        return {"a": x * y, "b": (x + y, y)}

    x, y = tensor(1.0, 2.0), tensor(3.0, 4.0)
    _, pull = vjp(function, x, y)
    one = tensor(1.0, 1.0)
    first, second = pull({"a": one, "b": (one * 10, one * 100)})
    assert first.tolist() == [13.0, 14.0]
    assert second.tolist() == [111.0, 112.0]
    with pytest.raises(
        RuntimeError, match="Expected pytree structure of cotangents to be the same"
    ):
        pull(one)


def test_vjp_with_aux():
    value, pull, aux = vjp(lambda x: (x.sin(), x), tensor(0.0), has_aux=True)
    assert value.tolist() == [0.0]
    assert aux.tolist() == [0.0]
    assert pull(tensor(1.0))[0].tolist() == [1.0]


def test_vjp_wants_floating_outputs():
    with pytest.raises(RuntimeError, match="All outputs of f must be floating-point or complex"):
        vjp(lambda x: x.argmax(), tensor(1.0, 2.0))


def test_jvp():
    value, product = jvp(lambda x: x**2, (tensor(1.0, 2.0),), (tensor(10.0, 100.0),))
    assert value.tolist() == [1.0, 4.0]
    assert product.tolist() == [20.0, 400.0]


def test_jvp_of_several():
    x, y = tensor(1.0, 2.0), tensor(3.0, 4.0)
    value, product = jvp(lambda x, y: (x * y, x), (x, y), (tensor(1.0, 1.0), tensor(10.0, 10.0)))
    assert value[0].tolist() == [3.0, 8.0]
    assert product[0].tolist() == [13.0, 24.0]
    assert product[1].tolist() == [1.0, 1.0]


def test_jvp_of_an_independent_output():
    x = tensor(1.0)
    _, product = jvp(lambda x: tensor(5.0), (x,), (x,))
    assert product.tolist() == [0.0]
    with pytest.raises(RuntimeError, match="The output of f is independent of the inputs"):
        jvp(lambda x: tensor(5.0), (x,), (x,), strict=True)


def test_jvp_checks_its_arguments():
    x = tensor(1.0)
    with pytest.raises(RuntimeError, match="Expected primals to be a tuple"):
        jvp(torch.sin, x, (x,))
    with pytest.raises(RuntimeError, match="to have the same python structure"):
        jvp(torch.sin, (x,), (x, x))
    with pytest.raises(RuntimeError, match="Expected tangents to only contain Tensors"):
        jvp(torch.sin, (x,), (3.0,))


def test_linearize():
    value, push = linearize(lambda x: x.sin() * 2, tensor(0.0, 0.0))
    assert value.tolist() == [0.0, 0.0]
    assert push(tensor(1.0, 3.0)).tolist() == [2.0, 6.0]
    assert push(tensor(2.0, 5.0)).tolist() == [4.0, 10.0]
    with pytest.raises(RuntimeError, match="tangent:0 with shape"):
        push(tensor(1.0))


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobian(jacobian):
    matrix = jacobian(lambda x: x**2)(tensor(1.0, 2.0))
    assert matrix.tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert not matrix.requires_grad


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobian_of_structures(jacobian):
    def function(x, y):
        return {"product": x * y, "sum": y.sum()}

    x, y = tensor(1.0, 2.0), tensor(3.0, 4.0)
    first = jacobian(function)(x, y)
    assert first["product"].tolist() == [[3.0, 0.0], [0.0, 4.0]]
    assert first["sum"].tolist() == [0.0, 0.0]
    both = jacobian(function, argnums=(0, 1))(x, y)
    assert both["product"][1].tolist() == [[1.0, 0.0], [0.0, 2.0]]
    assert both["sum"][1].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_shapes_of_jacobians(jacobian):
    matrix = jacobian(lambda x: x.sum(0))(torch.ones(2, 3))
    assert matrix.shape == (3, 2, 3)
    assert jacobian(lambda x: x.sum())(torch.ones(2)).shape == (2,)
    assert jacobian(lambda x: x * torch.ones(2))(torch.tensor(1.0)).shape == (2,)


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobian_with_aux(jacobian):
    matrix, aux = jacobian(lambda x: (x**2, x.sum()), has_aux=True)(tensor(1.0, 2.0))
    assert matrix.tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert aux.item() == 3.0


@pytest.mark.parametrize("jacobian", [jacrev, jacfwd])
def test_jacobian_of_complex_functions(jacobian):
    with pytest.raises(RuntimeError, match="Expected all inputs to be real"):
        jacobian(lambda x: x)(torch.ones(1, dtype=torch.complex64))


@pytest.mark.parametrize("chunk_size", [1, 2, 100])
def test_chunks(chunk_size):
    matrix = jacrev(lambda x: x**2, chunk_size=chunk_size)(tensor(1.0, 2.0, 3.0))
    assert matrix.diagonal().tolist() == [2.0, 4.0, 6.0]
    with pytest.raises(ValueError, match="`chunk_size` should be greater than 0"):
        jacrev(cube, chunk_size=0)


@pytest.mark.parametrize(
    "of",
    [
        hessian,
        lambda f: jacrev(jacrev(f)),
        lambda f: jacfwd(jacfwd(f)),
        lambda f: jacrev(jacfwd(f)),
    ],
)
def test_hessian(of):
    matrix = of(lambda x: (x**3).sum() + x[0] * x[1])(tensor(1.0, 2.0))
    assert matrix.tolist() == [[6.0, 1.0], [1.0, 12.0]]


def test_hessian_of_two_arguments():
    blocks = hessian(lambda x, y: (x**2 * y).sum(), argnums=(0, 1))(tensor(1.0), tensor(3.0))
    values = [[block.item() for block in row] for row in blocks]
    assert values == [[6.0, 2.0], [2.0, 0.0]]


def test_jacobian_seen_by_autograd():
    x = tensor(1.0, 2.0).requires_grad_()
    jacrev(lambda x: x**3)(x).sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]
    x.grad = None
    jacfwd(lambda x: x**3)(x).sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_hessian_vector_product():
    x, v = tensor(1.0, 2.0), tensor(10.0, 100.0)
    _, product = jvp(grad(cube), (x,), (v,))
    assert product.tolist() == [60.0, 1200.0]


def test_integers_cannot_be_differentiated():
    with pytest.raises(RuntimeError, match="only Tensors of floating point"):
        grad(lambda x: x.sum())(torch.tensor([1, 2]))
    with pytest.raises(ValueError, match="Thing passed to transform API must be Tensor"):
        grad(lambda x: x)(3.0)


def test_in_inference_mode():
    with torch.inference_mode():
        g = grad(cube)(torch.tensor([1.0, 2.0], dtype=torch.float64))
    assert g.tolist() == [3.0, 12.0]
