"""``gradcheck`` and ``gradgradcheck``: they must catch gradients that are wrong."""

from __future__ import annotations

import pytest

import gradcore as torch
from gradcore.autograd import Function, gradcheck, gradgradcheck
from gradcore.autograd.gradcheck import GradcheckError


def leaf(*values, dtype=torch.float64):
    return torch.tensor(values, dtype=dtype, requires_grad=True)


class Wrong(Function):
    """x ** 2 whose gradient is off by a factor."""

    factor = 1.01

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * x

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 2 * x * Wrong.factor


class WrongSecond(Function):
    """x ** 3 with the right gradient, whose own gradient is wrong."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * (x * x.detach())


FUNCTIONS = [
    (lambda x: x * x, 1),
    (lambda x: x.sin().sum(), 1),
    (lambda x, y: (x * y, x + y), 2),
    (lambda x, y: x @ y, 2),
    (lambda x: x.reshape(-1, 1).expand(-1, 3), 1),
    (lambda x: x.exp().cumsum(0), 1),
]


@pytest.mark.parametrize("fast_mode", [False, True])
@pytest.mark.parametrize(("function", "count"), FUNCTIONS)
def test_right_gradients(function, count, fast_mode):
    inputs = tuple(leaf(0.3 + i, -1.2, 0.7) for i in range(count))
    assert gradcheck(function, inputs, fast_mode=fast_mode)
    assert gradgradcheck(function, inputs, fast_mode=fast_mode)


@pytest.mark.parametrize("fast_mode", [False, True])
def test_wrong_gradient(fast_mode):
    x = leaf(1.0, 2.0)
    message = "Jacobian mismatch for output 0 with respect to input 0"
    with pytest.raises(GradcheckError, match=message):
        gradcheck(Wrong.apply, (x,), fast_mode=fast_mode)
    assert gradcheck(Wrong.apply, (x,), fast_mode=fast_mode, raise_exception=False) is False


def test_one_wrong_entry():
    class Slip(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            result = g * 2
            result[1] = 0
            return result

    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradcheck(Slip.apply, (leaf(1.0, 2.0, 3.0),))


@pytest.mark.parametrize("fast_mode", [False, True])
def test_wrong_second_derivative(fast_mode):
    x = leaf(1.0, 2.0)
    assert gradcheck(WrongSecond.apply, (x,), fast_mode=fast_mode)
    with pytest.raises(GradcheckError, match="Jacobian mismatch"):
        gradgradcheck(WrongSecond.apply, (x,), fast_mode=fast_mode)


def test_the_input_and_output_that_are_wrong_are_named():
    def function(x, y):
        return x * 1, Wrong.apply(y)

    with pytest.raises(GradcheckError, match="for output 1 with respect to input 1"):
        gradcheck(function, (leaf(1.0), leaf(2.0)))


def test_detached_output_that_depends_on_the_input():
    with pytest.raises(GradcheckError, match="Numerical gradient for function expected to be zero"):
        gradcheck(lambda x: x.detach() * 2, (leaf(1.0),))


def test_output_that_does_not_depend_on_the_input():
    assert gradcheck(lambda x: x.detach() * 0, (leaf(1.0),))


def test_missing_gradient():
    class Lost(Function):
        @staticmethod
        def forward(ctx, x, y):
            return x * y

        @staticmethod
        def backward(ctx, g):
            return None, g

    with pytest.raises(
        GradcheckError, match="Jacobian mismatch for output 0 with respect to input"
    ):
        gradcheck(Lost.apply, (leaf(2.0), leaf(1.0)))


def test_backward_that_ignores_its_argument():
    class Ignores(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g + (g == 0).to(g.dtype) * 0 + 1e-9

    with pytest.raises(GradcheckError, match="backward not multiplied by grad_output"):
        gradcheck(Ignores.apply, (leaf(1.0),), atol=1e-3)


def test_backward_that_is_not_deterministic():
    calls = []

    class Unsteady(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 1

        @staticmethod
        def backward(ctx, g):
            calls.append(1)
            return g * (1 + 1e-6 * (len(calls) % 2))

    with pytest.raises(GradcheckError, match="Backward is not reentrant"):
        gradcheck(Unsteady.apply, (leaf(1.0),))
    assert gradcheck(Unsteady.apply, (leaf(1.0),), nondet_tol=1e-4)


def test_backward_that_cannot_take_missing_gradients():
    class Needs(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 1, x * 2

        @staticmethod
        def backward(ctx, a, b):
            if a is None or b is None:
                raise RuntimeError("no gradient")
            return a + 2 * b

    with pytest.raises((GradcheckError, RuntimeError), match=r"no gradient|undefined output grads"):
        gradcheck(Needs.apply, (leaf(1.0),))


def test_dtype_of_the_gradient():
    """The engine casts gradients, so the check of dtypes passes here too."""
    assert gradcheck(lambda x: x * 2, (leaf(1.0),), check_grad_dtypes=True)


def test_complex_inputs_and_outputs():
    z = torch.tensor([0.5 + 1j, -1.0 + 0.3j], dtype=torch.complex128, requires_grad=True)
    assert gradcheck(lambda z: z * z, (z,))
    assert gradcheck(lambda z: z.abs(), (z,))
    assert gradcheck(torch.view_as_real, (z,))
    x = leaf(1.0, 2.0)
    assert gradcheck(lambda x: x * (1 + 2j), (x,))
    assert gradgradcheck(lambda z: z * z, (z,))


def test_wrong_gradient_of_a_complex_function():
    class Conj(Function):
        @staticmethod
        def forward(ctx, z):
            ctx.save_for_backward(z)
            return z * z

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    z = torch.tensor([0.5 + 1j], dtype=torch.complex128, requires_grad=True)
    with pytest.raises(
        GradcheckError, match=r"While considering the .* part of complex outputs onl"
    ):
        gradcheck(Conj.apply, (z,))


def test_single_precision_warns():
    x = torch.tensor([1.0], requires_grad=True)
    with pytest.warns(
        UserWarning, match="Input #0 requires gradient and is not a double precision"
    ):
        gradcheck(lambda x: x * 2, (x,), atol=1.0)


def test_no_input_needs_a_gradient():
    with pytest.raises(ValueError, match="gradcheck expects at least one input tensor to require"):
        gradcheck(lambda x: x * 2, (torch.ones(1, dtype=torch.float64),))


def test_overlapping_input():
    x = leaf(1.0).expand(3)
    with pytest.raises(RuntimeError, match="has a dimension with stride 0"):
        gradcheck(lambda x: x * 2, (x,))


def test_inputs_keep_their_values():
    x = leaf(1.0, 2.0)
    gradcheck(lambda x: x * x, (x,))
    assert x.tolist() == [1.0, 2.0]
    assert x.grad is None


def test_other_arguments_pass_through():
    assert gradcheck(lambda x, n, c: x**n * c, (leaf(1.0), 2, torch.ones(1, dtype=torch.float64)))


def test_vectors_of_gradgradcheck():
    x = leaf(1.0, 2.0)
    v = leaf(0.5, 2.0)
    assert gradgradcheck(lambda x: x**3, (x,), (v,))
    assert gradgradcheck(lambda x: x**3, (x,), gen_non_contig_grad_outputs=True)
