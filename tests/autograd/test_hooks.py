"""Hooks of tensors: before accumulation, after it, retained gradients, and several at once."""

from __future__ import annotations

import copy
import pickle

import pytest

import gradcore as torch
from gradcore.autograd.graph import register_multi_grad_hook


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def test_hook_sees_the_whole_gradient_once():
    x = leaf(1.0, 2.0)
    seen = []
    x.register_hook(lambda g: seen.append(g.tolist()))
    (x * 2 + x * 3).sum().backward()
    assert seen == [[5.0, 5.0]]
    assert x.grad.tolist() == [5.0, 5.0]


def test_hook_replaces_the_gradient():
    x = leaf(1.0, 2.0)
    y = x * 2
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    assert x.grad.tolist() == [20.0, 20.0]


def test_hooks_run_in_the_order_of_their_registration():
    x = leaf(1.0)
    x.register_hook(lambda g: g + 1)
    x.register_hook(lambda g: g * 10)
    (x * 2).backward()
    assert x.grad.tolist() == [30.0]


def test_removed_hooks():
    x = leaf(1.0)
    handle = x.register_hook(lambda g: g * 10)
    kept = x.register_hook(lambda g: g + 1)
    handle.remove()
    handle.remove()
    (x * 2).backward()
    assert x.grad.tolist() == [3.0]
    with kept:
        pass
    (x * 2).backward()
    assert x.grad.tolist() == [5.0]


def test_hooks_get_gradients_that_do_not_require_grad():
    x = leaf(1.0)
    flags = []
    x.register_hook(lambda g: flags.append((g.requires_grad, torch.is_grad_enabled())))
    (x * x).backward()
    (x * x).backward(create_graph=True)
    assert flags == [(False, False), (True, True)]
    x.grad = None


def test_hooks_that_return_nonsense():
    x = leaf(1.0, 2.0)
    handle = x.register_hook(lambda g: 3)
    with pytest.raises(TypeError, match="expected Variable, but hook returned 'int'"):
        (x * 2).sum().backward()
    handle.remove()
    handle = x.register_hook(lambda g: torch.ones(5, dtype=torch.float64))
    with pytest.raises(RuntimeError, match="has changed the size of value"):
        (x * 2).sum().backward()
    handle.remove()
    x.register_hook(lambda g: g.float())
    with pytest.raises(RuntimeError, match="has changed the type of value"):
        (x * 2).sum().backward()


def test_hook_on_what_needs_no_gradient():
    with pytest.raises(
        RuntimeError, match="cannot register a hook on a tensor that doesn't require"
    ):
        torch.ones(1).register_hook(print)
    with pytest.raises(
        RuntimeError, match="cannot register a hook on a tensor that doesn't require"
    ):
        torch.ones(1).register_post_accumulate_grad_hook(print)


def test_hook_on_one_of_several_outputs():
    x = leaf(1.0, 2.0)
    first, second = x.unbind(0)
    second.register_hook(lambda g: g * 100)
    (first + second).backward()
    assert x.grad.tolist() == [1.0, 100.0]


def test_hook_as_a_decorator():
    x = leaf(1.0)

    @x.register_hook
    def double(g):
        return g * 2

    x.backward()
    assert x.grad.tolist() == [2.0]


def test_post_accumulate_hook_sees_the_accumulated_gradient():
    x = leaf(1.0)
    seen = []
    x.register_post_accumulate_grad_hook(lambda t: seen.append((t is x, t.grad.tolist())))
    (x * 2).backward()
    (x * 3 + x).backward()
    assert seen == [(True, [2.0]), (True, [6.0])]


def test_post_accumulate_hook_may_drop_the_gradient():
    x = leaf(1.0)

    def step(t):
        with torch.no_grad():
            t.sub_(t.grad * 0.5)
        t.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * 2).backward()
    assert x.tolist() == [0.0]
    assert x.grad is None


def test_post_accumulate_hook_of_a_non_leaf():
    y = leaf(1.0) * 2
    with pytest.raises(
        RuntimeError, match="post accumulate grad hooks cannot be registered on non"
    ):
        y.register_post_accumulate_grad_hook(print)


def test_post_accumulate_hooks_do_not_run_for_grad():
    x = leaf(1.0)
    seen = []
    x.register_post_accumulate_grad_hook(seen.append)
    torch.autograd.grad(x * 2, x)
    assert seen == []


def test_tensor_hook_runs_before_post_accumulate_hook():
    x = leaf(1.0)
    order = []
    x.register_post_accumulate_grad_hook(lambda t: order.append("after"))
    x.register_hook(lambda g: order.append("before"))
    x.backward()
    assert order == ["before", "after"]


def test_retain_grad():
    x = leaf(1.0, 2.0)
    y = x * 2
    assert not y.retains_grad
    y.retain_grad()
    assert y.retains_grad
    y.sum().backward()
    assert y.grad.tolist() == [1.0, 1.0]


def test_retained_gradient_accumulates():
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    y.backward(retain_graph=True)
    y.backward()
    assert y.grad.tolist() == [2.0]


def test_retained_gradient_is_what_the_hooks_make_of_it():
    x = leaf(1.0)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 7)
    y.backward()
    assert y.grad.tolist() == [7.0]


def test_retain_grad_of_leaves_and_of_what_needs_none():
    x = leaf(1.0)
    x.retain_grad()
    assert not x.retains_grad
    with pytest.raises(RuntimeError, match="can't retain_grad on Tensor that has requires_grad=Fa"):
        torch.ones(1).retain_grad()


def test_several_gradients_at_once():
    x, y, z = leaf(1.0), leaf(2.0), leaf(3.0)
    seen = []
    handle = register_multi_grad_hook(
        [x, y, z], lambda grads: seen.append([None if g is None else g.item() for g in grads])
    )
    (x * y).backward()
    (x * y * z).backward()
    assert seen == [[2.0, 1.0, None], [6.0, 3.0, 2.0]]
    handle.remove()
    (x * y).backward()
    assert len(seen) == 2


def test_the_first_of_several_gradients():
    x, y = leaf(1.0), leaf(2.0)
    seen = []
    register_multi_grad_hook([x, y], lambda g: seen.append(g.item()), mode="any")
    (x * y).backward()
    assert len(seen) == 1
    with pytest.raises(
        ValueError, match=r"Expects mode to be one of \('all', 'any'\) but got some"
    ):
        register_multi_grad_hook([x, y], print, mode="some")


def double(g):
    return g * 2


def test_handles_can_be_pickled_with_what_they_belong_to():
    x = leaf(1.0)
    handle = x.register_hook(double)
    again = pickle.loads(pickle.dumps(handle))
    again.remove()
    handle.remove()
    x.backward()
    assert x.grad.tolist() == [1.0]


def test_deep_copies_of_leaves_have_their_values_only():
    x = leaf(1.0)
    x.backward()
    other = copy.deepcopy(x)
    assert other.requires_grad
    assert other.grad.tolist() == [1.0]
    other.grad.add_(1)
    assert x.grad.tolist() == [1.0]
    with pytest.raises(RuntimeError, match="Only Tensors created explicitly by the user"):
        copy.deepcopy(x * 2)
