"""Hooks on what is saved for backward."""

from __future__ import annotations

import pytest

import gradcore as torch
from gradcore.autograd.graph import (
    disable_saved_tensors_hooks,
    save_on_cpu,
    saved_tensors_hooks,
)


def leaf(*values):
    return torch.tensor(values, dtype=torch.float64, requires_grad=True)


def same(x):
    return x


def test_pack_and_unpack():
    packed, unpacked = [], []

    def pack(tensor):
        packed.append(tensor.tolist())
        return tensor.numpy(force=True).copy()

    def unpack(array):
        unpacked.append(array.tolist())
        return torch.from_numpy(array)

    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    with saved_tensors_hooks(pack, unpack):
        y = (x * w).exp()
    assert sorted(packed[:2]) == [[1.0, 2.0], [3.0, 4.0]]
    assert len(packed) == 3
    assert unpacked == []
    y.sum().backward()
    assert sorted(unpacked) == sorted(packed)
    expected = (x.detach() * w.detach()).exp() * w.detach()
    assert torch.allclose(x.grad, expected)


def test_outside_of_the_context_nothing_is_packed():
    with saved_tensors_hooks(lambda t: 1 / 0, same):
        pass
    x = leaf(2.0)
    (x * x).backward()
    assert x.grad.tolist() == [4.0]


def test_hooks_may_change_values():
    x = leaf(2.0)
    with saved_tensors_hooks(lambda t: t * 10, same):
        y = x * x
    y.backward()
    assert x.grad.tolist() == [40.0]


def test_the_innermost_hooks_count():
    x = leaf(2.0)
    with saved_tensors_hooks(lambda t: t * 10, same):
        with saved_tensors_hooks(lambda t: t * 100, same):
            y = x * x
        z = x * x
    y.backward()
    assert x.grad.tolist() == [400.0]
    x.grad = None
    z.backward()
    assert x.grad.tolist() == [40.0]


def test_second_derivative_through_hooks():
    x = leaf(2.0)
    with saved_tensors_hooks(lambda t: t.numpy(force=True).copy(), torch.from_numpy):
        y = x * x * x
    (first,) = torch.autograd.grad(y, x, create_graph=True)
    (second,) = torch.autograd.grad(first, x)
    assert first.tolist() == [12.0]
    assert second.tolist() == [12.0]


def test_hooks_run_without_recording():
    flags = []

    def pack(tensor):
        flags.append(torch.is_grad_enabled())
        return tensor

    x = leaf(2.0)
    with saved_tensors_hooks(pack, same):
        y = x * x
    assert set(flags) == {False}
    assert y.requires_grad


def test_operations_inside_hooks_are_not_packed_again():
    calls = []

    def pack(tensor):
        calls.append(1)
        return tensor.exp().log()

    x = leaf(2.0)
    with saved_tensors_hooks(pack, same):
        y = x.sin()
    assert len(calls) == 1
    y.backward()


def test_unpack_must_give_a_tensor():
    x = leaf(2.0)
    with saved_tensors_hooks(same, lambda packed: "no"):
        y = x * x
    with pytest.raises(TypeError, match="Output of saved tensor unpack_hook expected to be a Tens"):
        y.backward()


def test_pack_must_not_write():
    x = leaf(2.0)

    def pack(tensor):
        with torch.no_grad():
            tensor.mul_(2)
        return tensor

    with (
        pytest.raises(RuntimeError, match="A saved tensor pack hook is modifying its input in pla"),
        saved_tensors_hooks(pack, same),
    ):
        (x * 1).exp().sin()


def test_errors_of_hooks_reach_the_caller():
    x = leaf(2.0)
    with pytest.raises(ZeroDivisionError), saved_tensors_hooks(lambda t: 1 / 0, same):
        x * x
    with saved_tensors_hooks(same, lambda t: 1 / 0):
        y = x * x
    with pytest.raises(ZeroDivisionError):
        y.backward()


def test_custom_functions_save_through_hooks():
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            return g * 2 * ctx.saved_tensors[0]

    x = leaf(2.0)
    with saved_tensors_hooks(lambda t: t * 10, same):
        y = Square.apply(x)
    y.backward()
    assert x.grad.tolist() == [40.0]


def test_disabled():
    with disable_saved_tensors_hooks("not here"):
        with pytest.raises(RuntimeError, match="not here"), saved_tensors_hooks(same, same):
            pass
        x = leaf(2.0)
        (x * x).backward()
    with saved_tensors_hooks(same, same):
        pass


def test_disabling_while_hooks_are_set():
    with (
        saved_tensors_hooks(same, same),
        pytest.raises(RuntimeError, match="too late"),
        disable_saved_tensors_hooks("too late"),
    ):
        pass


@pytest.mark.parametrize("pin_memory", [False])
def test_save_on_cpu(pin_memory):
    x = leaf(2.0, 3.0)
    with save_on_cpu(pin_memory=pin_memory):
        y = (x * x).sin()
    y.sum().backward()
    expected = (x.detach() ** 2).cos() * 2 * x.detach()
    assert torch.allclose(x.grad, expected)


def test_saved_values_that_change_afterwards_are_not_noticed():
    """What a hook keeps is its own affair: a copy stays right."""
    x = leaf(2.0)
    y = x * 1
    with saved_tensors_hooks(lambda t: t.clone(), same):
        z = y * y
    with torch.no_grad():
        y.mul_(10)
    z.backward()
    assert x.grad.tolist() == [4.0]
