"""``autograd.Function``: contexts, gradients of all orders, and what is refused."""

from __future__ import annotations

import gc
import weakref

import pytest

import gradcore as torch
from gradcore.autograd import Function
from gradcore.autograd.function import once_differentiable


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


class CubeApart(Function):
    """Cube in the style of a separate setup_context."""

    @staticmethod
    def forward(x):
        return x**3

    @staticmethod
    def setup_context(ctx, inputs, output):
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return g * 3 * x * x


@pytest.mark.parametrize("cube", [Cube, CubeApart])
def test_first_and_second_derivative(cube):
    x = leaf(2.0, 3.0)
    y = cube.apply(x)
    assert y.tolist() == [8.0, 27.0]
    (first,) = torch.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    assert first.tolist() == [12.0, 27.0]
    assert second.tolist() == [12.0, 18.0]


@pytest.mark.parametrize("cube", [Cube, CubeApart])
def test_gradcheck(cube):
    x = leaf(0.5, -1.5)
    assert torch.autograd.gradcheck(cube.apply, (x,))
    assert torch.autograd.gradgradcheck(cube.apply, (x,))


def test_name_of_the_node():
    y = Cube.apply(leaf(1.0))
    assert y.grad_fn.name() == "CubeBackward"
    assert type(y.grad_fn).__name__ == "CubeBackward"
    assert y.grad_fn.next_functions[0][0].name() == "torch::autograd::AccumulateGrad"
    assert "grad_fn=<CubeBackward>" in repr(y)


def test_forward_does_not_record():
    class Probe(Function):
        @staticmethod
        def forward(ctx, x):
            assert not torch.is_grad_enabled()
            y = x * 2
            assert not y.requires_grad
            return y

        @staticmethod
        def backward(ctx, g):
            assert not torch.is_grad_enabled()
            return g * 2

    Probe.apply(leaf(1.0)).backward()


def test_backward_records_with_create_graph():
    class Probe(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            assert torch.is_grad_enabled()
            return g * 2

    x = leaf(1.0)
    torch.autograd.grad(Probe.apply(x), x, create_graph=True)


def test_nothing_is_recorded_without_need():
    y = Cube.apply(torch.ones(2))
    assert not y.requires_grad
    assert y.grad_fn is None
    with torch.no_grad():
        assert not Cube.apply(leaf(1.0)).requires_grad


def test_needs_input_grad():
    seen = []

    class Probe(Function):
        @staticmethod
        def forward(ctx, a, b, c, flag):
            seen.append(ctx.needs_input_grad)
            return a + b + c

        @staticmethod
        def backward(ctx, g):
            seen.append(ctx.needs_input_grad)
            return g, None, g, None

    Probe.apply(leaf(1.0), torch.ones(1, dtype=torch.float64), leaf(1.0), True).backward()
    assert seen == [(True, False, True, False)] * 2


def test_other_values_pass_through_forward():
    class Several(Function):
        @staticmethod
        def forward(ctx, x, factor, names):
            ctx.factor = factor
            return x * factor, "text", len(names), None

        @staticmethod
        def backward(ctx, g, *others):
            assert others == (None, None, None)
            return g * ctx.factor, None, None

    x = leaf(1.0, 2.0)
    y, text, count, nothing = Several.apply(x, 3, ["a", "b"])
    assert (text, count, nothing) == ("text", 2, None)
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_unused_outputs_get_zeros():
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            seen.append(b)
            return a * 2 + b * 3

    x = leaf(1.0, 2.0)
    Two.apply(x)[0].sum().backward()
    assert seen[0].tolist() == [0.0, 0.0]
    assert seen[0].dtype is torch.float64
    assert x.grad.tolist() == [2.0, 2.0]


def test_unused_outputs_get_none_where_asked():
    seen = []

    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, a, b):
            seen.append(b)
            return a * 2

    Two.apply(leaf(1.0))[0].backward()
    assert seen == [None]


def test_missing_gradients_end_there():
    class Stop(Function):
        @staticmethod
        def forward(ctx, x, w):
            return x * w

        @staticmethod
        def backward(ctx, g):
            return None, g

    x, w = leaf(1.0), leaf(1.0)
    (Stop.apply(x * 2, w)).backward()
    assert x.grad is None
    assert w.grad.tolist() == [1.0]


def test_mark_non_differentiable():
    class SortLike(Function):
        @staticmethod
        def forward(ctx, x):
            index = (x > 1).to(torch.float64)
            ctx.mark_non_differentiable(index)
            return x * 2, index

        @staticmethod
        def backward(ctx, g, g_index):
            assert g_index.tolist() == [0.0, 0.0]
            return g * 2

    x = leaf(1.0, 2.0)
    y, index = SortLike.apply(x)
    assert y.requires_grad
    assert not index.requires_grad
    assert index.grad_fn is None
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_integer_outputs_never_require_grad():
    class Index(Function):
        @staticmethod
        def forward(ctx, x):
            return x.argmax(), x * 1

        @staticmethod
        def backward(ctx, a, b):
            return b

    index, y = Index.apply(leaf(1.0, 2.0))
    assert not index.requires_grad
    assert y.requires_grad


def test_once_differentiable():
    class Once(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        @once_differentiable
        def backward(ctx, g):
            assert not torch.is_grad_enabled()
            (x,) = ctx.saved_tensors
            return g * 2 * x

    x, v = leaf(3.0), leaf(1.0)
    (first,) = torch.autograd.grad(Once.apply(x), x, v, create_graph=True)
    assert first.tolist() == [6.0]
    assert first.requires_grad
    with pytest.raises(RuntimeError, match="trying to differentiate twice a function that was"):
        first.backward()


def test_save_for_backward_keeps_none_and_outputs():
    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(None, y)
            return y

        @staticmethod
        def backward(ctx, g):
            nothing, y = ctx.saved_tensors
            assert nothing is None
            return g * y

    x = leaf(0.0, 1.0)
    assert torch.autograd.gradcheck(Exp.apply, (x,))
    assert torch.autograd.gradgradcheck(Exp.apply, (x,))


def test_saved_input_is_the_same_tensor():
    class Keep(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * 1

        @staticmethod
        def backward(ctx, g):
            assert ctx.saved_tensors[0] is x
            return g

    x = leaf(1.0)
    Keep.apply(x).backward()


def test_saved_tensors_are_checked_and_freed():
    x = leaf(1.0)
    w = x * 2
    y = Cube.apply(w)
    with torch.no_grad():
        w.add_(1)
    with pytest.raises(RuntimeError, match="has been modified by an inplace operation"):
        y.backward()
    y = Cube.apply(leaf(1.0))
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_saved_tensors_can_be_read_from_the_node():
    x = leaf(2.0)
    y = Cube.apply(x)
    assert y.grad_fn.saved_tensors[0] is x
    assert y.grad_fn.needs_input_grad == (True,)
    y.backward()
    with pytest.raises(RuntimeError, match="after they have already been freed"):
        _ = y.grad_fn.saved_tensors


def test_attributes_of_the_context_can_be_read_from_the_node():
    class Attribute(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.note = "kept"
            return x * 1

        @staticmethod
        def backward(ctx, g):
            return g

    assert Attribute.apply(leaf(1.0)).grad_fn.note == "kept"


def test_broadcast_gradient_is_summed_and_cast():
    class Cast(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return torch.ones(3, 2, dtype=torch.float32)

    x = leaf(1.0, 2.0)
    Cast.apply(x).sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]
    assert x.grad.dtype is torch.float64


def test_vjp_is_another_name_of_backward():
    class Vjp(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def vjp(ctx, g):
            return g * 2

    x = leaf(1.0)
    Vjp.apply(x).backward()
    assert x.grad.tolist() == [2.0]


def test_keyword_arguments_and_defaults():
    class Scale(Function):
        @staticmethod
        def forward(x, factor=2.0):
            return x * factor

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.factor = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None

    x = leaf(1.0)
    Scale.apply(x).backward()
    assert x.grad.tolist() == [2.0]
    Scale.apply(x, factor=5.0).backward()
    assert x.grad.tolist() == [7.0]
    Scale.apply(factor=1.0, x=x).backward()
    assert x.grad.tolist() == [8.0]


def test_keyword_arguments_beside_a_context():
    class Scale(Function):
        @staticmethod
        def forward(ctx, x, factor=2.0):
            ctx.factor = factor
            assert ctx.needs_input_grad[0]
            return x * factor

        @staticmethod
        def backward(ctx, g):
            return g * ctx.factor, None

    x = leaf(1.0)
    Scale.apply(x, factor=5.0).backward()
    Scale.apply(x=x).backward()
    assert x.grad.tolist() == [7.0]
    with pytest.raises(TypeError, match="unexpected keyword argument 'other'"):
        Scale.apply(x, other=1)


def test_nodes_and_contexts_are_freed_without_the_collector():
    class Kept(Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 2
            ctx.save_for_backward(x, y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * 2

    gc.disable()
    try:
        y = Kept.apply(leaf(1.0) * 1)
        node = weakref.ref(y.grad_fn)
        del y
        assert node() is None
    finally:
        gc.enable()
