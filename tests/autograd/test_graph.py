"""The graph as users see it: nodes, edges, hooks of nodes, and notes on them."""

from __future__ import annotations

import gc
import weakref

import pytest

import gradcore as torch
from gradcore.autograd.graph import (
    GradientEdge,
    Node,
    get_gradient_edge,
    increment_version,
)


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_names():
    x = leaf(1.0, 2.0)
    y = x * 2
    assert y.grad_fn.name() == "MulBackward0"
    assert y.grad_fn.next_functions[0][0].name() == "torch::autograd::AccumulateGrad"
    assert x.grad_fn is None
    assert y.sum().grad_fn.name() == "SumBackward0"
    assert x.exp().grad_fn.name() == "ExpBackward0"


def test_nodes_are_nodes():
    assert isinstance((leaf(1.0) * 2).grad_fn, Node)


def test_edges():
    x, w = leaf(1.0), leaf(2.0)
    y = x * w
    z = y + 1
    (edge, slot), constant = z.grad_fn.next_functions
    assert edge is y.grad_fn
    assert slot == 0
    assert constant == (None, 0)
    (first, _), (second, _) = y.grad_fn.next_functions
    assert first.variable is x
    assert second.variable is w


def test_edge_to_a_later_output():
    x = leaf(1.0, 2.0, 3.0)
    y = x.unbind(0)[2] * 2
    assert y.grad_fn.next_functions[0] == (x.unbind(0)[0].grad_fn, 2) or (
        y.grad_fn.next_functions[0][1] == 2
    )


def test_the_node_of_a_leaf_is_one_while_it_is_held():
    x = leaf(1.0)
    first = (x * 2).grad_fn.next_functions[0][0]
    second = (x * 3).grad_fn.next_functions[0][0]
    assert first is second


def test_walk_from_a_loss_to_the_leaves():
    x, w, b = leaf(1.0), leaf(2.0), leaf(3.0)
    loss = ((x * w + b) ** 2).sum()
    found, stack = set(), [loss.grad_fn]
    while stack:
        node = stack.pop()
        if node.name() == "torch::autograd::AccumulateGrad":
            found.add(id(node.variable))
        stack += [n for n, _ in node.next_functions if n is not None]
    assert found == {id(x), id(w), id(b)}


def test_metadata_stays_with_the_node():
    y = leaf(1.0) * 2
    y.grad_fn.metadata["note"] = [1, 2]
    assert y.grad_fn.metadata == {"note": [1, 2]}


def test_post_hook_sees_and_replaces_gradients_of_the_inputs():
    x = leaf(1.0, 2.0)
    y = x * 3
    seen = []

    def hook(grad_inputs, grad_outputs):
        seen.append((grad_inputs[0].tolist(), grad_outputs[0].tolist()))
        return (grad_inputs[0] * 10, *grad_inputs[1:])

    y.grad_fn.register_hook(hook)
    y.sum().backward()
    assert seen == [([3.0, 3.0], [1.0, 1.0])]
    assert x.grad.tolist() == [30.0, 30.0]


def test_pre_hook_replaces_gradients_of_the_outputs():
    x = leaf(1.0, 2.0)
    y = x * 3
    handle = y.grad_fn.register_prehook(lambda grads: (grads[0] * 2,))
    y.sum().backward(retain_graph=True)
    assert x.grad.tolist() == [6.0, 6.0]
    handle.remove()
    x.grad = None
    y.sum().backward()
    assert x.grad.tolist() == [3.0, 3.0]


def test_order_of_hooks():
    x = leaf(1.0)
    y = x * 3
    order = []
    y.grad_fn.register_prehook(lambda g: order.append("pre"))
    y.register_hook(lambda g: order.append("tensor"))
    y.grad_fn.register_hook(lambda a, b: order.append("post"))
    y.backward()
    assert order == ["tensor", "pre", "post"]


def test_hooks_of_a_leafs_node():
    x = leaf(1.0)
    y = x * 2
    node = y.grad_fn.next_functions[0][0]
    order = []
    node.register_prehook(lambda grads: order.append(("pre", grads[0].item(), x.grad)))
    node.register_hook(lambda a, grads: order.append(("post", grads[0].item(), x.grad.item())))
    y.backward()
    assert order == [("pre", 2.0, None), ("post", 2.0, 2.0)]


def test_hook_that_returns_a_wrong_number_of_gradients():
    y = leaf(1.0) * 3
    y.grad_fn.register_hook(lambda a, b: (None,) * 7)
    with pytest.raises(RuntimeError, match="has returned an incorrect number of values"):
        y.backward()


def test_hooks_run_in_graphs_of_several_outputs():
    x = leaf(1.0, 2.0)
    pieces = x.unbind(0)
    seen = []
    pieces[0].grad_fn.register_prehook(lambda grads: seen.append([g is None for g in grads]))
    pieces[1].backward()
    assert len(seen) == 1
    assert seen[0][1] is False


def test_gradient_edges():
    x = leaf(1.0)
    y = x * 2
    edge = get_gradient_edge(y)
    assert isinstance(edge, GradientEdge)
    assert edge.node is y.grad_fn
    assert edge.output_nr == 0
    assert get_gradient_edge(x).node.name() == "torch::autograd::AccumulateGrad"
    with pytest.raises(RuntimeError, match="It is not possible to get the gradient edge for a Ten"):
        get_gradient_edge(torch.ones(1))


def test_backward_from_and_to_edges():
    x = leaf(1.0, 2.0)
    y = (x * 2).sum()
    torch.autograd.backward(get_gradient_edge(y), inputs=[x])
    assert x.grad.tolist() == [2.0, 2.0]
    y = (x * 2).sum()
    torch.autograd.backward(y, inputs=[get_gradient_edge(x)])
    assert x.grad.tolist() == [4.0, 4.0]


def test_increment_version():
    x, y = torch.ones(2), torch.ones(2)
    increment_version(x)
    increment_version([x, y])
    assert (x._version, y._version) == (2, 1)


def test_nodes_do_not_keep_their_outputs():
    gc.disable()
    try:
        x = leaf(1.0)
        y = x * 2
        node, value = y.grad_fn, weakref.ref(y)
        del y
        assert value() is None
        assert node.name() == "MulBackward0"
    finally:
        gc.enable()


def test_output_number():
    first, second = leaf(1.0, 2.0).unbind(0)
    assert (first.output_nr, second.output_nr) == (0, 1)
    assert first.grad_fn is second.grad_fn
