"""Forward and backward hooks of modules."""

from __future__ import annotations

import pytest

import gradcore
from gradcore import nn
from gradcore.nn.modules import module as module_file


class Double(nn.Module):
    def forward(self, x, add=0.0):
        return x * 2 + add


def test_order_of_hooks():
    order = []
    net = Double()
    net.register_forward_pre_hook(lambda m, args: order.append("pre"))
    net.register_forward_hook(lambda m, args, out: order.append("forward"))
    net.register_full_backward_pre_hook(lambda m, grad: order.append("backward pre"))
    net.register_full_backward_hook(lambda m, grad_in, grad_out: order.append("backward"))
    net(gradcore.ones(1, requires_grad=True)).sum().backward()
    assert order == ["pre", "forward", "backward pre", "backward"]


def test_hooks_get_tuples_and_may_replace():
    net = Double()
    first = net.register_forward_pre_hook(lambda m, args: (args[0] + 1,))
    assert float(net(gradcore.ones(()))) == 4.0
    second = net.register_forward_hook(lambda m, args, out: (args, out))
    args, out = net(gradcore.ones(()))
    assert isinstance(args, tuple)
    assert (float(args[0]), float(out)) == (2.0, 4.0)
    first.remove()
    second.remove()
    assert float(net(gradcore.ones(()))) == 2.0


def test_a_pre_hook_may_return_one_value():
    net = Double()
    net.register_forward_pre_hook(lambda m, args: args[0] * 10)
    assert float(net(gradcore.ones(()))) == 20.0


def test_hooks_with_keywords():
    net, seen = Double(), []
    net.register_forward_pre_hook(lambda m, args, kw: (args, {"add": 5.0}), with_kwargs=True)
    net.register_forward_hook(lambda m, args, kw, out: seen.append(kw), with_kwargs=True)
    assert float(net(gradcore.ones(()), add=1.0)) == 7.0
    assert seen == [{"add": 5.0}]


def test_prepended_hooks_run_first():
    net, order = Double(), []
    net.register_forward_hook(lambda *a: order.append(1))
    net.register_forward_hook(lambda *a: order.append(0), prepend=True)
    net(gradcore.ones(1))
    assert order == [0, 1]


def test_always_called_hooks_run_after_errors():
    class Broken(nn.Module):
        def forward(self, x):
            raise ValueError("broken")

    net, seen = Broken(), []
    net.register_forward_hook(lambda m, args, out: seen.append(out), always_call=True)
    with pytest.raises(ValueError, match="broken"):
        net(gradcore.ones(1))
    assert seen == [None]


def test_full_backward_hooks_see_and_replace_gradients():
    net, seen = Double(), []

    def hook(module, grad_input, grad_output):
        seen.append((float(grad_input[0]), float(grad_output[0])))
        return (grad_input[0] * 100,)

    net.register_full_backward_hook(hook)
    x = gradcore.ones((), requires_grad=True)
    net(x).backward()
    assert seen == [(2.0, 1.0)]
    assert float(x.grad) == 200.0


def test_backward_pre_hooks_replace_the_outputs_gradient():
    net = Double()
    net.register_full_backward_pre_hook(lambda m, grad_output: (grad_output[0] * 3,))
    x = gradcore.ones((), requires_grad=True)
    net(x).backward()
    assert float(x.grad) == 6.0


def test_old_backward_hooks():
    net, seen = nn.ReLU(), []
    net.register_backward_hook(lambda m, gi, go: seen.append((type(gi), float(go[0]))))
    x = gradcore.ones((), requires_grad=True)
    net(x * 3).backward()
    assert seen == [(tuple, 1.0)]
    with pytest.raises(RuntimeError, match="Cannot use both regular backward hooks and full"):
        net.register_full_backward_hook(lambda *a: None)


def test_global_hooks():
    seen = []
    handles = [
        module_file.register_module_forward_pre_hook(lambda m, args: seen.append("pre")),
        module_file.register_module_forward_hook(lambda m, args, out: seen.append("forward")),
        module_file.register_module_full_backward_hook(lambda *a: seen.append("backward")),
    ]
    try:
        nn.Sequential(nn.ReLU())(gradcore.ones(1, requires_grad=True)).sum().backward()
    finally:
        for handle in handles:
            handle.remove()
    assert seen == ["pre", "pre", "forward", "forward", "backward", "backward"]
    nn.ReLU()(gradcore.ones(1))
    assert len(seen) == 6


def test_registration_hooks():
    seen = []
    handles = [
        module_file.register_module_parameter_registration_hook(
            lambda m, name, p: seen.append(name)
        ),
        module_file.register_module_module_registration_hook(lambda m, name, p: seen.append(name)),
        module_file.register_module_buffer_registration_hook(lambda m, name, p: seen.append(name)),
    ]
    try:
        nn.Sequential(nn.BatchNorm1d(1))
    finally:
        for handle in handles:
            handle.remove()
    assert seen == ["weight", "bias", "running_mean", "running_var", "num_batches_tracked", "0"]
