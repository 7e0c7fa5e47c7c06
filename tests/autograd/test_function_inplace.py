"""``autograd.Function`` with writes in place, and with outputs that are inputs or views of them."""

from __future__ import annotations

import pytest

import gradcore as torch
from gradcore.autograd import Function


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


class Double(Function):
    """Doubles its argument in place."""

    @staticmethod
    def forward(ctx, x):
        x.mul_(2)
        ctx.mark_dirty(x)
        return x

    @staticmethod
    def backward(ctx, g):
        return g * 2


def test_dirty_input_is_the_output():
    x = leaf(1.0, 3.0)
    y = x * 1
    z = Double.apply(y)
    assert z is y
    assert y.tolist() == [2.0, 6.0]
    assert y.grad_fn.name() == "DoubleBackward"
    (y * y).sum().backward()
    assert x.grad.tolist() == [8.0, 24.0]


def test_dirty_input_without_history():
    y = torch.ones(2)
    assert Double.apply(y) is y
    assert not y.requires_grad


def test_dirty_leaf():
    x = leaf(1.0)
    with pytest.raises(
        RuntimeError, match="a leaf Variable that requires grad has been used in an"
    ):
        Double.apply(x)


def test_dirty_input_must_be_returned():
    class Forgets(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(RuntimeError, match="Some elements marked as dirty during the forward"):
        Forgets.apply(leaf(1.0) * 1)


def test_marking_counts_as_a_write():
    """``forward`` may have written through other libraries, which count nothing."""

    class Marks(Function):
        @staticmethod
        def forward(ctx, x):
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g

    y = leaf(1.0) * 1
    Marks.apply(y)
    assert y._version == 1
    Double.apply(y)
    assert y._version == 3


def test_dirty_view_rebases_its_base():
    x = leaf(1.0, 2.0, 3.0)
    base = x * 1
    Double.apply(base[:2])
    assert base.tolist() == [2.0, 4.0, 3.0]
    assert base.grad_fn.name() == "torch::autograd::CopySlices"
    (base * torch.tensor([1.0, 10.0, 100.0], dtype=torch.float64)).sum().backward()
    assert x.grad.tolist() == [2.0, 20.0, 100.0]


def test_dirty_view_with_a_second_output():
    class Two(Function):
        @staticmethod
        def forward(ctx, x):
            x.mul_(2)
            ctx.mark_dirty(x)
            return x, x + 1

        @staticmethod
        def backward(ctx, a, b):
            return a + b

    base = leaf(1.0, 2.0) * 1
    with pytest.raises(RuntimeError, match="If your Function modifies inplace an input that is a"):
        Two.apply(base[:1])


def test_dirty_input_that_gets_a_history():
    class Write(Function):
        @staticmethod
        def forward(ctx, target, source):
            target.copy_(source)
            ctx.mark_dirty(target)
            return target

        @staticmethod
        def backward(ctx, g):
            return None, g

    target = torch.zeros(2, dtype=torch.float64)
    x = leaf(1.0, 2.0)
    Write.apply(target, x)
    assert target.requires_grad
    target.sum().backward()
    assert x.grad.tolist() == [1.0, 1.0]


def test_returned_input_is_another_tensor_with_a_history():
    class Identity(Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    x = leaf(1.0, 2.0)
    y = Identity.apply(x)
    assert y is not x
    assert y.grad_fn.name() == "IdentityBackward"
    assert x.is_leaf
    assert y.data_ptr() == x.data_ptr()
    y.sum().backward()
    assert x.grad.tolist() == [5.0, 5.0]


def test_returned_and_saved_input_with_setup_context():
    class Identity(Function):
        @staticmethod
        def forward(x):
            return x

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.save_for_backward(*inputs)

        @staticmethod
        def backward(ctx, g):
            return g

    with pytest.raises(RuntimeError, match="An input that has been returned as-is as output is"):
        Identity.apply(leaf(1.0))


class Narrow(Function):
    """The first two elements, as a view."""

    @staticmethod
    def forward(ctx, x):
        ctx.size = x.shape
        return x[:2]

    @staticmethod
    def backward(ctx, g):
        full = torch.zeros(ctx.size, dtype=g.dtype)
        full[:2] = g * 100
        return full


def test_returned_view_has_the_functions_gradient():
    x = leaf(1.0, 2.0, 3.0)
    y = Narrow.apply(x)
    assert y.grad_fn.name() == "NarrowBackward"
    y.sum().backward()
    assert x.grad.tolist() == [100.0, 100.0, 0.0]


def test_writing_into_a_returned_view():
    x = leaf(1.0, 2.0, 3.0)
    y = Narrow.apply(x * 1)
    message = "Output 0 of Narrow is a view and is being modified inplace. This view was"
    with pytest.raises(RuntimeError, match=message):
        y.mul_(2)


def test_writing_into_one_of_several_returned_views():
    class Halves(Function):
        @staticmethod
        def forward(ctx, x):
            return x[:1], x[1:]

        @staticmethod
        def backward(ctx, a, b):
            return torch.cat([a, b])

    x = leaf(1.0, 2.0)
    first, second = Halves.apply(x * 1)
    message = "Output 1 of Halves is a view and is being modified inplace. This view is"
    with pytest.raises(RuntimeError, match=message):
        second.mul_(2)
    (first + second * 3).sum().backward()
    assert x.grad.tolist() == [1.0, 3.0]


def test_writing_into_a_plain_output_is_fine():
    class Triple(Function):
        @staticmethod
        def forward(ctx, x):
            return x * 3

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = leaf(1.0, 2.0)
    y = Triple.apply(x)
    y.mul_(2)
    y.sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_saved_output_that_is_written_later():
    class Exp(Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    y = Exp.apply(leaf(1.0))
    y.mul_(2)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


def test_the_same_tensor_returned_twice():
    class Twice(Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 2
            return y, y

        @staticmethod
        def backward(ctx, a, b):
            return a * 2 + b * 2

    x = leaf(1.0)
    first, second = Twice.apply(x)
    (first + 10 * second).backward()
    assert x.grad.tolist() == [22.0]
