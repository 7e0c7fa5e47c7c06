"""``autograd.functional``: products with Jacobians and Hessians, and the matrices themselves."""

from __future__ import annotations

import pytest

import gradcore as torch
from gradcore.autograd.functional import hessian, hvp, jacobian, jvp, vhp, vjp


def tensor(*values):
    return torch.tensor(values, dtype=torch.float64)


def square(x):
    return x * x


def two(x, y):
    return x * y, (x + 2 * y).sum()


def scalar(x, y):
    return (x**2 * y).sum()


def cube(x):
    return (x**3).sum()


def test_jacobian_of_one_input_and_output():
    matrix = jacobian(square, tensor(1.0, 2.0))
    assert matrix.tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert not matrix.requires_grad


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"vectorize": True},
        {"vectorize": True, "strategy": "forward-mode"},
    ],
)
def test_jacobian_of_several_inputs_and_outputs(options):
    result = jacobian(two, (tensor(1.0, 2.0), tensor(3.0, 4.0)), **options)
    assert [[block.tolist() for block in row] for row in result] == [
        [[[3.0, 0.0], [0.0, 4.0]], [[1.0, 0.0], [0.0, 2.0]]],
        [[1.0, 1.0], [2.0, 2.0]],
    ]


def test_shapes_of_the_jacobian():
    matrix = jacobian(lambda x: x.sum(0), torch.ones(2, 3))
    assert matrix.shape == (3, 2, 3)
    assert jacobian(lambda x: x.sum(), torch.ones(2)).shape == (2,)
    assert jacobian(lambda x: x.reshape(1), torch.ones(())).shape == (1,)


def test_jacobian_of_an_independent_output_is_zero():
    assert jacobian(lambda x: torch.ones(2), tensor(1.0)).tolist() == [[0.0], [0.0]]
    with pytest.raises(RuntimeError, match="Output 0 of the user-provided function does not requi"):
        jacobian(lambda x: torch.ones(2), tensor(1.0), strict=True)


def test_jacobian_can_be_differentiated():
    x = tensor(1.0, 2.0).requires_grad_()
    matrix = jacobian(lambda x: x**3, x, create_graph=True)
    assert matrix.requires_grad
    matrix.sum().backward()
    assert x.grad.tolist() == [6.0, 12.0]


def test_jacobian_strategy():
    with pytest.raises(AssertionError, match="Expected strategy to be either"):
        jacobian(square, tensor(1.0), strategy="sideways")
    with pytest.raises(NotImplementedError, match="only implemented for `vectorize=True`"):
        jacobian(square, tensor(1.0), strategy="forward-mode")


def test_vectorize_contradicts_strict():
    with pytest.raises(RuntimeError, match="`strict=True` and `vectorized=True` are not supported"):
        jacobian(square, tensor(1.0), strict=True, vectorize=True)


def test_hessian():
    x, y = tensor(1.0, 2.0), tensor(3.0, 4.0)
    blocks = hessian(scalar, (x, y))
    assert blocks[0][0].tolist() == [[6.0, 0.0], [0.0, 8.0]]
    assert blocks[0][1].tolist() == [[2.0, 0.0], [0.0, 4.0]]
    assert blocks[1][1].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    assert hessian(cube, x).tolist() == [[6.0, 0.0], [0.0, 12.0]]


@pytest.mark.parametrize("strategy", ["reverse-mode", "forward-mode"])
def test_vectorized_hessian(strategy):
    result = hessian(cube, tensor(1.0, 2.0), vectorize=True, outer_jacobian_strategy=strategy)
    assert result.tolist() == [[6.0, 0.0], [0.0, 12.0]]


def test_hessian_wants_a_number():
    with pytest.raises(RuntimeError, match="should contain a single element"):
        hessian(square, tensor(1.0, 2.0))


def test_vjp():
    value, result = vjp(square, tensor(1.0, 2.0), tensor(10.0, 100.0))
    assert value.tolist() == [1.0, 4.0]
    assert result.tolist() == [20.0, 400.0]
    assert not value.requires_grad
    value, result = vjp(cube, tensor(1.0, 2.0))
    assert result.tolist() == [3.0, 12.0]


def test_jvp():
    value, result = jvp(square, tensor(1.0, 2.0), tensor(10.0, 100.0))
    assert value.tolist() == [1.0, 4.0]
    assert result.tolist() == [20.0, 400.0]
    _, (first, second) = jvp(two, (tensor(1.0, 2.0), tensor(3.0, 4.0)), (tensor(1.0, 0.0),) * 2)
    assert first.tolist() == [4.0, 0.0]
    assert second.item() == 3.0


def test_vhp_and_hvp():
    x, v = tensor(1.0, 2.0), tensor(10.0, 100.0)
    for product in (vhp, hvp):
        value, result = product(cube, x, v)
        assert value.item() == 9.0
        assert result.tolist() == [60.0, 1200.0]


def test_products_can_be_differentiated():
    x = tensor(1.0, 2.0).requires_grad_()
    v = tensor(1.0, 1.0)
    for product in (vjp, jvp):
        _, result = product(lambda x: x**3, x, v, create_graph=True)
        (g,) = torch.autograd.grad(result.sum(), x)
        assert g.tolist() == [6.0, 12.0]
    for product in (vhp, hvp):
        _, result = product(cube, x, v, create_graph=True)
        (g,) = torch.autograd.grad(result.sum(), x)
        assert g.tolist() == [6.0, 6.0]


def test_vector_is_needed_for_more_than_a_number():
    with pytest.raises(
        RuntimeError, match="The vector v can only be None if the user-provided fun"
    ):
        vjp(square, tensor(1.0, 2.0))
    with pytest.raises(
        RuntimeError, match="The vector v can only be None if the input to the user"
    ):
        jvp(square, tensor(1.0, 2.0))


def test_vector_of_a_wrong_shape():
    with pytest.raises(RuntimeError, match="v has invalid size: should be"):
        vjp(square, tensor(1.0, 2.0), tensor(1.0))
    with pytest.raises(RuntimeError, match="v is a tuple of invalid length: should be 2 but got 1"):
        jvp(two, (tensor(1.0), tensor(2.0)), (tensor(1.0),))


def test_inputs_and_outputs_must_be_tensors():
    with pytest.raises(
        TypeError, match="The inputs given to jacobian must be either a Tensor or a"
    ):
        jacobian(square, 3.0)
    with pytest.raises(TypeError, match="value at index 1 has type"):
        jacobian(two, (tensor(1.0), 2))
    with pytest.raises(TypeError, match="The outputs of the user-provided function given to vjp"):
        vjp(lambda x: 3.0, tensor(1.0))


def test_strict_products():
    with pytest.raises(
        RuntimeError, match="The output of the user-provided function is independent"
    ):
        vjp(lambda x, y: x * 2, (tensor(1.0), tensor(1.0)), tensor(1.0), strict=True)
    with pytest.raises(
        RuntimeError, match="jacobian of the user-provided function with respect to"
    ):
        vhp(lambda x: x.sum(), tensor(1.0, 2.0), tensor(1.0, 1.0), strict=True)


def test_inputs_are_left_alone():
    x = tensor(1.0, 2.0)
    jacobian(square, x)
    hessian(cube, x)
    assert not x.requires_grad
    assert x.grad is None


def test_results_in_no_grad():
    with torch.no_grad():
        assert jacobian(square, tensor(1.0)).tolist() == [[2.0]]
        assert vjp(square, tensor(1.0), tensor(1.0))[1].tolist() == [2.0]
