"""``backward``: where gradients arrive, what is kept of the graph, and which calls are refused."""

from __future__ import annotations

import pytest

import gradcore as torch


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_scalar_output_starts_with_one():
    x = leaf(1.0, 2.0, 3.0)
    (x * x).sum().backward()
    assert x.grad.tolist() == [2.0, 4.0, 6.0]
    assert x.grad.dtype is torch.float64
    assert not x.grad.requires_grad
    assert x.grad.grad_fn is None


def test_single_element_of_any_rank_starts_with_one():
    x = torch.ones(1, 1, 1, requires_grad=True)
    (x * 3).backward()
    assert x.grad.tolist() == [[[3.0]]]


def test_gradients_accumulate():
    x = leaf(1.0, 2.0)
    for _ in range(3):
        (x * 2).sum().backward()
    assert x.grad.tolist() == [6.0, 6.0]


def test_accumulation_writes_into_the_same_gradient():
    x = leaf(1.0, 2.0)
    (x * 2).sum().backward()
    held = x.grad
    (x * 3).sum().backward()
    assert x.grad is held
    assert held.tolist() == [5.0, 5.0]
    assert held._version == 1


def test_given_gradient_is_neither_kept_nor_changed():
    """PyTorch keeps it here, and adds the second gradient to the caller's tensor."""
    x = leaf(1.0, 2.0)
    g = torch.tensor([5.0, 7.0], dtype=torch.float64)
    y = x.view(2)
    y.backward(g, retain_graph=True)
    y.backward(g)
    assert x.grad.tolist() == [10.0, 14.0]
    assert g.tolist() == [5.0, 7.0]


def test_two_leaves_do_not_share_one_gradient():
    x, y = leaf(1.0, 2.0), leaf(3.0, 4.0)
    (x + y).backward(torch.ones(2, dtype=torch.float64))
    x.grad.mul_(10)
    assert y.grad.tolist() == [1.0, 1.0]


def test_several_roots_and_their_vectors():
    x = leaf(1.0, 2.0)
    y, z = x * 2, (x * x).sum()
    torch.autograd.backward([y, z], [torch.tensor([1.0, 10.0], dtype=torch.float64), None])
    assert x.grad.tolist() == [4.0, 24.0]


def test_one_root_twice():
    x = leaf(3.0)
    y = x * x
    torch.autograd.backward([y, y])
    assert x.grad.tolist() == [12.0]


def test_root_that_is_a_leaf():
    x = leaf(3.0)
    x.backward()
    assert x.grad.tolist() == [1.0]


def test_a_value_used_twice_gets_both_gradients():
    x = leaf(2.0)
    y = x * x
    z = y * x + y
    z.backward()
    assert x.grad.tolist() == [3 * 4.0 + 2 * 2.0]


def test_second_backward_of_a_freed_graph():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward()
    with pytest.raises(RuntimeError, match="Trying to backward through the graph a second time"):
        y.backward()


def test_second_backward_where_nothing_was_saved():
    x = leaf(1.0, 2.0)
    y = (x + x).sum()
    y.backward()
    y.backward()
    assert x.grad.tolist() == [4.0, 4.0]


def test_retain_graph():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    assert x.grad.tolist() == [4.0, 8.0]
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()


def test_create_graph_keeps_the_graph_and_gives_a_differentiable_gradient():
    x = leaf(2.0, 3.0)
    (x**3).sum().backward(create_graph=True)
    first = x.grad
    assert first.requires_grad
    x.grad = None
    first.sum().backward()
    assert x.grad.tolist() == [12.0, 18.0]


def test_create_graph_accumulates_out_of_place():
    x = leaf(2.0)
    (x**3).backward(create_graph=True)
    first = x.grad
    (x**2).backward(create_graph=True)
    assert first.tolist() == [12.0]
    assert x.grad.tolist() == [16.0]
    x.grad = None


def test_retain_graph_false_with_create_graph_frees():
    x = leaf(2.0)
    y = x**3
    y.backward(create_graph=True, retain_graph=False)
    with pytest.raises(RuntimeError, match="a second time"):
        y.backward()
    x.grad = None


def test_inputs_restrict_what_is_filled():
    x, w = leaf(1.0), leaf(2.0)
    y = x * w
    y.backward(inputs=[x])
    assert x.grad.tolist() == [2.0]
    assert w.grad is None


def test_inputs_may_be_one_tensor():
    x, w = leaf(1.0), leaf(2.0)
    torch.autograd.backward(x * w, inputs=w)
    assert x.grad is None
    assert w.grad.tolist() == [1.0]


def test_non_leaf_inputs_accumulate():
    x = leaf(3.0)
    y = x * x
    z = y * 2
    z.backward(inputs=[y], retain_graph=True)
    assert y.grad.tolist() == [2.0]
    assert x.grad is None
    z.backward(inputs=[x, y])
    assert y.grad.tolist() == [4.0]
    assert x.grad.tolist() == [12.0]


def test_empty_inputs():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match=r"`inputs` argument to `backward\(\)` cannot be empty"):
        x.backward(inputs=[])


def test_non_scalar_without_vector():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="grad can be implicitly created only for scalar"):
        (x * 2).backward()


def test_vector_of_another_shape():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match=r"Mismatch in shape: grad_output\[0\] has a shape of"):
        (x * 2).backward(torch.ones(3, dtype=torch.float64))


def test_vector_that_is_no_tensor():
    x = leaf(1.0, 2.0)
    with pytest.raises(TypeError, match="gradients can be either Tensors or None, but got list"):
        torch.autograd.backward([x * 2], [[1.0, 1.0]])


def test_as_many_vectors_as_tensors():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="got 2 tensors and 1 gradients"):
        torch.autograd.backward([x * 2, x * 3], [torch.ones(1, dtype=torch.float64)])


def test_root_without_history():
    with pytest.raises(RuntimeError, match="element 0 of tensors does not require grad and does"):
        torch.ones(()).backward()


def test_complex_root_needs_a_vector():
    x = torch.tensor(1.0 + 1j, requires_grad=True)
    with pytest.raises(RuntimeError, match=r"only for real scalar outputs but got .*complex64"):
        (x * 2).backward()


def test_real_vector_for_a_complex_root():
    x = torch.tensor([1.0 + 1j], requires_grad=True)
    with pytest.raises(RuntimeError, match="both grad_output and output are required to have the"):
        (x * 2).backward(torch.ones(1))


def test_former_name_of_grad_tensors():
    x = leaf(1.0, 2.0)
    vector = torch.tensor([1.0, 3.0], dtype=torch.float64)
    with pytest.warns(FutureWarning, match="`grad_variables` is deprecated"):
        torch.autograd.backward([x * 2], grad_variables=[vector])
    assert x.grad.tolist() == [2.0, 6.0]
    with (
        pytest.warns(FutureWarning),
        pytest.raises(RuntimeError, match=r"both passed to `backward\(\)`"),
    ):
        torch.autograd.backward([x * 2], [vector], grad_variables=[vector])


def test_gradient_of_a_non_leaf_is_not_kept_and_reading_it_warns():
    x = leaf(1.0)
    y = x * 2
    y.backward()
    with pytest.warns(UserWarning, match="not a leaf Tensor is being accessed"):
        assert y.grad is None


def test_gradient_has_the_dtype_and_shape_of_the_leaf():
    x = torch.ones(3, dtype=torch.float32, requires_grad=True)
    y = x.double() * torch.ones(2, 3, dtype=torch.float64)
    y.sum().backward()
    assert x.grad.dtype is torch.float32
    assert x.grad.tolist() == [2.0, 2.0, 2.0]


def test_grad_assignment_is_checked():
    x = leaf(1.0, 2.0)
    with pytest.raises(TypeError, match="assigned grad expected to be a Tensor or None"):
        x.grad = 3
    with pytest.raises(RuntimeError, match=r"attempting to assign a gradient of size '\[3\]' to a"):
        x.grad = torch.ones(3, dtype=torch.float64)
    with pytest.raises(RuntimeError, match="can't assign Variable as its own grad"):
        x.grad = x


def test_long_chain():
    x = leaf(1.0)
    y = x
    for _ in range(100_000):
        y = y + 1
    y.backward()
    assert x.grad.tolist() == [1.0]
    del y


def test_wide_reuse_of_one_value():
    x = leaf(1.0)
    y = x * 1
    total = y
    for _ in range(2_000):
        total = total + y
    total.backward()
    assert x.grad.tolist() == [2_001.0]


def test_backward_inside_of_backward():
    """A gradient hook that runs a backward pass of its own."""
    inner = leaf(5.0)

    def hook(grad):
        with torch.enable_grad():
            (inner * inner).backward()
        return grad * 2

    x = leaf(3.0)
    y = x * x
    y.register_hook(hook)
    (y * 1).backward()
    assert inner.grad.tolist() == [10.0]
    assert x.grad.tolist() == [12.0]


def test_nested_backward_several_levels_deep():
    class Nested(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, depth):
            ctx.depth = depth
            return x * 2

        @staticmethod
        def backward(ctx, g):
            if ctx.depth:
                with torch.enable_grad():
                    z = leaf(1.0)
                    Nested.apply(z, ctx.depth - 1).sum().backward()
                return z.grad * g, None
            return g * 2, None

    x = leaf(1.0)
    Nested.apply(x, 30).backward()
    assert x.grad.tolist() == [2.0]


def test_requires_grad_turned_off_after_the_forward_pass():
    x = leaf(1.0)
    y = x * 2
    x.requires_grad_(False)
    y.backward()
    assert x.grad is None
