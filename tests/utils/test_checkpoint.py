"""Checkpointing: the same gradients, with the function run again in backward."""

from __future__ import annotations

import contextlib

import pytest

import gradcore as torch
from gradcore import nn
from gradcore.utils.checkpoint import (
    CheckpointError,
    checkpoint,
    checkpoint_sequential,
    set_checkpoint_debug_enabled,
    set_checkpoint_early_stop,
)

both = pytest.mark.parametrize("use_reentrant", [True, False])


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


@both
def test_gradients_and_number_of_runs(use_reentrant):
    calls = []

    def function(x, w):
        calls.append(torch.is_grad_enabled())
        return (x * w).exp().sin()

    x, w = leaf(0.1, 0.2), leaf(1.0, 2.0)
    function(x, w).sum().backward()
    expected = x.grad.tolist(), w.grad.tolist()
    x.grad = w.grad = None
    calls.clear()
    y = checkpoint(function, x, w, use_reentrant=use_reentrant)
    assert calls == [not use_reentrant]
    y.sum().backward()
    assert calls == [not use_reentrant, True]
    assert (x.grad.tolist(), w.grad.tolist()) == expected


@both
def test_random_numbers_are_the_same_again(use_reentrant):
    drawn = []

    def function(x):
        noise = torch.rand(3, dtype=torch.float64)
        drawn.append(noise.tolist())
        return x * noise

    torch.manual_seed(7)
    x = leaf(1.0, 2.0, 3.0)
    y = checkpoint(function, x * 1, use_reentrant=use_reentrant)
    after = torch.rand(1).item()
    torch.manual_seed(7)
    torch.rand(3, dtype=torch.float64)
    assert torch.rand(1).item() == after
    state = torch.get_rng_state()
    y.sum().backward()
    assert drawn[0] == drawn[1]
    assert x.grad.tolist() == drawn[0]
    assert torch.equal(torch.get_rng_state(), state)


@both
def test_random_numbers_may_go_on(use_reentrant):
    drawn = []

    def function(x):
        drawn.append(torch.rand(1).item())
        return x.exp()

    y = checkpoint(function, leaf(1.0) * 1, use_reentrant=use_reentrant, preserve_rng_state=False)
    y.backward()
    assert drawn[0] != drawn[1]


@both
def test_several_outputs_and_other_arguments(use_reentrant):
    def function(x, factor, nothing, flag):
        assert nothing is None
        return x.exp() * factor, flag, x.sin()

    x = leaf(0.5)
    a, flag, b = checkpoint(function, x, 3, None, "yes", use_reentrant=use_reentrant)
    assert flag == "yes"
    (a + b).backward()
    expected = 3 * x.detach().exp() + x.detach().cos()
    assert torch.allclose(x.grad, expected)


def test_keyword_arguments():
    def function(x, *, factor):
        return x.exp() * factor

    x = leaf(0.0)
    checkpoint(function, x, factor=4.0, use_reentrant=False).backward()
    assert x.grad.tolist() == [4.0]
    with pytest.raises(ValueError, match="Unexpected keyword arguments: factor"):
        checkpoint(function, x, factor=4.0, use_reentrant=True)


@both
def test_module(use_reentrant):
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    x = torch.ones(4, 3, requires_grad=True)
    layer(x).sum().backward()
    expected = layer.weight.grad.clone()
    layer.zero_grad()
    checkpoint(layer, x, use_reentrant=use_reentrant).sum().backward()
    assert torch.equal(layer.weight.grad, expected)


@both
@pytest.mark.filterwarnings("ignore:None of the inputs have requires_grad")
def test_nested(use_reentrant):
    def inner(x):
        return x.exp()

    def outer(x):
        return checkpoint(inner, x.sin(), use_reentrant=use_reentrant).sin()

    x = leaf(0.3)
    outer_value = checkpoint(outer, x, use_reentrant=use_reentrant)
    outer_value.backward()
    reference = leaf(0.3)
    reference.sin().exp().sin().backward()
    assert torch.allclose(x.grad, reference.grad)


def test_autograd_grad_and_inputs():
    x = leaf(2.0)
    y = checkpoint(lambda x: x * x * x, x, use_reentrant=False)
    (g,) = torch.autograd.grad(y, x)
    assert g.tolist() == [12.0]
    y = checkpoint(lambda x: x * x * x, x, use_reentrant=True)
    with pytest.raises(RuntimeError, match=r"incompatible with \.grad\(\) or passing an `inputs`"):
        torch.autograd.grad(y, x)


def test_second_derivative():
    x = leaf(2.0)
    y = checkpoint(lambda x: x**3, x, use_reentrant=False)
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    assert second.tolist() == [12.0]


def test_retained_graph_runs_again_each_time():
    calls = []

    def function(x):
        calls.append(1)
        return x * x

    x = leaf(2.0)
    y = checkpoint(function, x, use_reentrant=False)
    y.backward(retain_graph=True)
    y.backward()
    assert len(calls) == 3
    assert x.grad.tolist() == [8.0]


def test_running_again_stops_early():
    reached = []

    def function(x):
        y = x.exp()
        reached.append("middle")
        z = y + 1
        reached.append("end")
        return z

    x = leaf(1.0)
    checkpoint(function, x, use_reentrant=False).backward()
    assert reached == ["middle", "end", "middle"] or reached == ["middle", "end"]
    reached.clear()
    with set_checkpoint_early_stop(False):
        y = checkpoint(function, x, use_reentrant=False)
    y.backward()
    assert reached == ["middle", "end", "middle", "end"]


def test_nothing_is_run_again_without_need():
    calls = []

    def function(x):
        calls.append(1)
        return x + 1

    x = leaf(1.0)
    checkpoint(function, x, use_reentrant=False).backward()
    assert len(calls) == 1


def test_in_no_grad_the_function_just_runs():
    x = leaf(1.0)
    with torch.no_grad():
        assert not checkpoint(torch.exp, x, use_reentrant=False).requires_grad


def shrinking():
    """A function that saves less when it runs again."""
    runs = []

    def function(x):
        runs.append(1)
        return x.exp() if len(runs) == 1 else x + 1

    return function


def test_second_run_that_saves_less():
    y = checkpoint(shrinking(), leaf(1.0), use_reentrant=False)
    with pytest.raises(CheckpointError, match="A different number of tensors was saved during the"):
        y.backward()


def test_second_run_that_saves_more():
    runs = []

    def function(x):
        runs.append(1)
        return x.exp() if len(runs) == 1 else x.exp().sin().exp()

    with set_checkpoint_early_stop(False):
        y = checkpoint(function, leaf(1.0), use_reentrant=False)
    with pytest.raises(CheckpointError, match="trying to save more tensors during recomputation"):
        y.backward()


def test_second_run_with_other_shapes():
    sizes = iter([2, 3])

    def function(x):
        return x.expand(next(sizes)).exp()

    x = leaf(1.0)
    y = checkpoint(function, x, use_reentrant=False)
    with pytest.raises(
        CheckpointError, match="have different metadata than during the forward pass"
    ):
        y.sum().backward()


def test_determinism_check_can_be_left_out():
    with pytest.raises(ValueError, match="determinism_check should be one of"):
        checkpoint(torch.exp, leaf(1.0), use_reentrant=False, determinism_check="sometimes")
    checkpoint(torch.exp, leaf(1.0), use_reentrant=False, determinism_check="none").backward()


def test_contexts_of_both_runs():
    log = []

    @contextlib.contextmanager
    def context(name):
        log.append(name)
        try:
            yield
        finally:
            log.append("end of " + name)

    x = leaf(1.0)
    y = checkpoint(
        torch.exp,
        x,
        use_reentrant=False,
        context_fn=lambda: (context("forward"), context("recompute")),
    )
    y.backward()
    assert log == ["forward", "end of forward", "recompute", "end of recompute"]
    with pytest.raises(ValueError, match="Passing `context_fn` or `debug` is only supported when"):
        checkpoint(torch.exp, x, use_reentrant=True, context_fn=lambda: None)


def test_debug_mode_says_more():
    y = checkpoint(shrinking(), leaf(1.0), use_reentrant=False, debug=True)
    with pytest.raises(CheckpointError, match="during the original forward"):
        y.backward()
    with set_checkpoint_debug_enabled(True):
        y = checkpoint(shrinking(), leaf(1.0), use_reentrant=False)
    with pytest.raises(CheckpointError, match="during the original forward"):
        y.backward()


def test_reentrant_without_inputs_that_need_gradients():
    with pytest.warns(UserWarning, match="None of the inputs have requires_grad=True"):
        y = checkpoint(torch.exp, torch.ones(1), use_reentrant=True)
    assert not y.requires_grad


def test_reentrance_should_be_chosen():
    with pytest.warns(UserWarning, match="the use_reentrant parameter should be passed explicitly"):
        checkpoint(torch.exp, leaf(1.0))


@both
@pytest.mark.parametrize("segments", [1, 2, 3, 4])
def test_sequential(segments, use_reentrant):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2), nn.Sigmoid())
    x = torch.ones(2, 3, requires_grad=True)
    model(x).sum().backward()
    expected = [p.grad.clone() for p in model.parameters()]
    model.zero_grad()
    y = checkpoint_sequential(model, segments, x, use_reentrant=use_reentrant)
    y.sum().backward()
    found = [p.grad for p in model.parameters()]
    assert all(torch.allclose(a, b) for a, b in zip(found, expected, strict=True))


def test_sequential_takes_a_list():
    x = leaf(0.2)
    y = checkpoint_sequential([torch.sin, torch.exp, torch.cos], 2, x, use_reentrant=False)
    y.backward()
    reference = leaf(0.2)
    reference.sin().exp().cos().backward()
    assert torch.allclose(x.grad, reference.grad)


def test_memory_of_the_first_run_is_not_held():
    import gc
    import weakref

    kept = []

    def function(x):
        y = x.exp()
        kept.append(weakref.ref(y))
        return y.sin()

    gc.disable()
    try:
        z = checkpoint(function, leaf(1.0), use_reentrant=False)
        assert kept[0]() is None
        z.backward()
        assert kept[1]() is None
    finally:
        gc.enable()
