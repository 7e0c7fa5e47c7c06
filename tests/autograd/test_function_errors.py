"""``autograd.Function``: what users may get wrong."""

from __future__ import annotations

import pytest

import gradcore as torch
from gradcore.autograd import Function


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


def test_only_tensors_can_be_saved():
    class Bad(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(3)
            return x * 1

    with pytest.raises(
        TypeError, match="save_for_backward can only save variables, but argument 0"
    ):
        Bad.apply(leaf(1.0))


def test_wrong_number_of_gradients():
    class Few(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return g

    message = r"function FewBackward returned an incorrect number of gradients \(expected 2, got 1"
    with pytest.raises(RuntimeError, match=message):
        Few.apply(leaf(1.0), leaf(1.0)).backward()


def test_more_gradients_than_inputs_are_fine_if_none():
    class Many(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g, None, None

    x = leaf(1.0)
    Many.apply(x).backward()
    assert x.grad.tolist() == [1.0]


def test_gradient_of_a_wrong_shape():
    class Shape(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return torch.ones(5, dtype=torch.float64)

    message = r"Function ShapeBackward returned an invalid gradient at index 0 - got \[5\] but"
    with pytest.raises(RuntimeError, match=message):
        Shape.apply(leaf(1.0, 2.0)).sum().backward()


def test_gradient_that_is_no_tensor():
    class Number(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return 2.0

    with pytest.raises((RuntimeError, TypeError), match="expected Variable or None"):
        Number.apply(leaf(1.0)).backward()


def test_gradient_for_an_argument_that_is_no_tensor():
    class Extra(Function):
        @staticmethod
        def forward(ctx, x, n):
            return x * n

        @staticmethod
        def backward(ctx, g):
            return g, g

    with pytest.raises(RuntimeError, match="returned a gradient different than None at position 2"):
        Extra.apply(leaf(1.0), 2).backward()


def test_forward_missing():
    class Empty(Function):
        pass

    with pytest.raises(NotImplementedError, match="You must implement the forward function"):
        Empty.apply(leaf(1.0))


def test_backward_missing():
    class NoBackward(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    with pytest.raises(NotImplementedError, match="You must implement either the backward or vjp"):
        NoBackward.apply(leaf(1.0)).backward()


def test_backward_and_vjp():
    class Both(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g

        @staticmethod
        def vjp(ctx, g):
            return g

    with pytest.raises(RuntimeError, match="Implementing both 'backward' and 'vjp'"):
        Both.apply(leaf(1.0)).backward()


def test_error_inside_backward_reaches_the_caller():
    class Fails(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            raise LookupError("mine")

    with pytest.raises(LookupError, match="mine"):
        Fails.apply(leaf(1.0)).backward()
    assert torch.is_grad_enabled()


def test_instances_are_of_no_use():
    with pytest.warns(DeprecationWarning, match="should not be instantiated"):
        instance = Cube()
    with pytest.raises(RuntimeError, match="Legacy autograd function with non-static forward"):
        instance(leaf(1.0))


def test_keyword_only_parameters():
    class Scale(Function):
        @staticmethod
        def forward(x, *, factor=2.0):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            pass

    with pytest.raises(TypeError, match="unexpected keyword argument 'factor'"):
        Scale.apply(leaf(1.0), factor=3.0)
