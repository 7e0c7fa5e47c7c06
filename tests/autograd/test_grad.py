"""``autograd.grad``: gradients as values, without touching ``.grad``."""

from __future__ import annotations

import pytest

import gradcore as torch
from gradcore.autograd import grad
from gradcore.autograd.graph import get_gradient_edge


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_gradients_are_returned_and_not_accumulated():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    result = grad((x * w).sum(), [x, w])
    assert isinstance(result, tuple)
    assert [g.tolist() for g in result] == [[3.0, 4.0], [1.0, 2.0]]
    assert x.grad is None
    assert w.grad is None


def test_single_tensors_instead_of_sequences():
    x = leaf(2.0)
    (g,) = grad(x * x, x)
    assert g.tolist() == [4.0]


def test_input_that_is_an_output():
    x = leaf(2.0)
    y = x * x
    gy, gx = grad(y, [y, x])
    assert gy.tolist() == [1.0]
    assert gx.tolist() == [4.0]


def test_intermediate_values():
    x = leaf(2.0)
    y = x * x
    z = y * y
    gy, gx = grad(z, [y, x])
    assert gy.tolist() == [8.0]
    assert gx.tolist() == [32.0]


def test_the_same_input_twice():
    x = leaf(2.0)
    first, second = grad(x * x, [x, x])
    assert first.tolist() == second.tolist() == [4.0]


def test_inputs_further_back_than_others_are_not_run():
    """A node behind the inputs must not run: its graph stays usable."""
    x = leaf(2.0)
    y = x * x
    z = y * 3
    grad(z, y)
    grad(y, x)


def test_unused_input():
    x, w = leaf(1.0), leaf(1.0)
    with pytest.raises(RuntimeError, match="The differentiated Tensor at index 1 appears to not"):
        grad(x * 2, [x, w])
    assert grad(x * 2, [x, w], allow_unused=True)[1] is None
    assert grad(x * 2, [x, w], materialize_grads=True)[1].tolist() == [0.0]


def test_materialize_grads_contradicts_allow_unused_false():
    x = leaf(1.0)
    with pytest.raises(ValueError, match="Expected allow_unused to be True or not passed when"):
        grad(x * 2, x, allow_unused=False, materialize_grads=True)


def test_input_that_needs_no_gradient():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match="One of the differentiated Tensors does not require"):
        grad(x * 2, torch.ones(1))


def test_no_inputs():
    x = leaf(1.0)
    with pytest.raises(RuntimeError, match=r"`inputs` argument to `grad\(\)` cannot be empty"):
        grad(x * 2, [])


def test_second_and_third_derivative():
    x = leaf(2.0)
    (first,) = grad(x**4, x, create_graph=True)
    (second,) = grad(first, x, create_graph=True)
    (third,) = grad(second, x)
    assert [first.item(), second.item(), third.item()] == [32.0, 48.0, 48.0]
    assert not third.requires_grad


def test_gradient_of_a_linear_function_does_not_require_grad():
    x = leaf(2.0)
    (g,) = grad(x * 3, x, create_graph=True)
    assert not g.requires_grad


def test_derivative_with_respect_to_the_vector():
    x = leaf(2.0, 3.0)
    v = leaf(1.0, 1.0)
    (g,) = grad(x * x, x, v, create_graph=True)
    (back,) = grad(g, v, torch.tensor([1.0, 10.0], dtype=torch.float64))
    assert back.tolist() == [4.0, 60.0]


def test_retain_graph():
    x = leaf(2.0)
    y = x * x
    grad(y, x, retain_graph=True)
    grad(y, x)
    with pytest.raises(RuntimeError, match="a second time"):
        grad(y, x)


def test_only_the_path_to_the_inputs_is_freed():
    x, w = leaf(2.0), leaf(3.0)
    y = x * x
    z = w * w
    out = y + z
    grad(out, x)
    (g,) = grad(out, w)
    assert g.tolist() == [6.0]


def test_several_outputs():
    x = leaf(2.0)
    (g,) = grad([x * 2, x * x], x)
    assert g.tolist() == [6.0]


def test_batched_vectors():
    x = leaf(1.0, 2.0, 3.0)
    rows = torch.eye(3, dtype=torch.float64)
    (jacobian,) = grad(x * x, x, rows, is_grads_batched=True)
    assert jacobian.tolist() == [[2.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.0, 6.0]]


def test_batched_vectors_with_create_graph():
    x = leaf(1.0, 2.0)
    rows = torch.eye(2, dtype=torch.float64)
    (jacobian,) = grad(x**3, x, rows, is_grads_batched=True, create_graph=True)
    (second,) = grad(jacobian.sum(), x)
    assert second.tolist() == [6.0, 12.0]


def test_batched_vectors_of_a_wrong_shape():
    x = leaf(1.0, 2.0)
    with pytest.raises(RuntimeError, match="If `is_grads_batched=True`, we interpret the first"):
        grad(x * x, x, torch.ones(2, dtype=torch.float64), is_grads_batched=True)


def test_batched_vectors_with_unused_inputs():
    x, w = leaf(1.0, 2.0), leaf(1.0)
    rows = torch.eye(2, dtype=torch.float64)
    found = grad(x * 2, [x, w], rows, is_grads_batched=True, allow_unused=True)
    assert found[0].shape == (2, 2)
    assert found[1] is None


def test_only_inputs_is_deprecated():
    x = leaf(1.0)
    with pytest.warns(FutureWarning, match="only_inputs argument is deprecated"):
        grad(x * 2, x, only_inputs=False)


def test_hook_of_an_input_changes_its_gradient():
    x = leaf(2.0)
    x.register_hook(lambda g: g * 10)
    (g,) = grad(x * x, x)
    assert g.tolist() == [40.0]


def test_gradient_edges_stand_for_tensors():
    x = leaf(2.0)
    y = x * x
    z = y * 3
    edge_y, edge_z = get_gradient_edge(y), get_gradient_edge(z)
    del y, z
    (g,) = grad(edge_z, edge_y, torch.ones(1, dtype=torch.float64))
    assert g.tolist() == [3.0]


def test_result_is_independent_of_the_graphs_memory():
    x = leaf(1.0, 2.0)
    v = torch.ones(2, dtype=torch.float64)
    (g,) = grad(x.view(2), x, v)
    g.add_(1)
    assert x.tolist() == [1.0, 2.0]


def test_view_of_an_input_taken_before_is_not_part_of_the_graph():
    x = leaf(1.0, 2.0)
    y = x * 2
    other = y.view(2)
    with pytest.raises(RuntimeError, match="appears to not have been used"):
        grad(y.sum(), other)
