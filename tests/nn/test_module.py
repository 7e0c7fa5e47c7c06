"""nn.Module: registration, walking, modes, conversion, and what state_dict gives and takes."""

from __future__ import annotations

import copy
import os
import pickle
from collections import OrderedDict

import numpy as np
import pytest

import gradcore
from gradcore import nn

DICTIONARIES = (
    "_parameters",
    "_buffers",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_pre_hooks",
    "_state_dict_hooks",
    "_load_state_dict_pre_hooks",
    "_modules",
)


class Block(nn.Module):
    """A parameter, two buffers and a module of its own."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(gradcore.ones(3))
        self.register_buffer("seen", gradcore.zeros(3))
        self.register_buffer("scratch", gradcore.zeros(2), persistent=False)
        self.linear = nn.Linear(3, 3)

    def forward(self, x):
        return self.linear(x) * self.scale


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.block = Block()
        self.head = nn.Linear(3, 2, bias=False)

    def forward(self, x):
        return self.head(self.block(x))


def names(pairs):
    return [name for name, _ in pairs]


# ------------------------------------------------------------------------ registration


def test_the_eight_dictionaries_hold_the_modules_own_entries():
    net = Net()
    for key in DICTIONARIES:
        assert isinstance(getattr(net, key), dict)
    assert list(net._parameters) == []
    assert list(net._modules) == ["block", "head"]
    assert list(net.block._parameters) == ["scale"]
    assert list(net.block._buffers) == ["seen", "scratch"]
    assert list(net.block._modules) == ["linear"]
    assert not (net._forward_hooks or net._forward_pre_hooks or net._backward_hooks)


def test_ways_of_calling_the_base_constructor():
    class Old(nn.Module):
        def __init__(self):
            nn.Module.__init__(self)
            self.weight = nn.Parameter(gradcore.ones(1))

    class Classic(nn.Module):
        def __init__(self):
            super(Classic, self).__init__()  # noqa: UP008
            self.weight = nn.Parameter(gradcore.ones(1))

    assert names(Old().named_parameters()) == names(Classic().named_parameters()) == ["weight"]


@pytest.mark.parametrize("value", ["parameter", "module", "buffer"])
def test_assignment_before_init_is_refused(value):
    class Early(nn.Module):
        def __init__(self):
            if value == "parameter":
                self.x = nn.Parameter(gradcore.ones(1))
            elif value == "module":
                self.x = nn.Linear(1, 1)
            else:
                self.register_buffer("x", gradcore.ones(1))

    with pytest.raises(AttributeError, match=f"cannot assign {value}s? before Module.__init__"):
        Early()


def test_plain_tensors_are_not_registered():
    module = nn.Module()
    module.constant = gradcore.ones(2)
    assert "constant" in module.__dict__
    assert list(module.parameters()) == []
    assert module.state_dict() == {}


def test_an_attribute_changes_its_kind():
    module = nn.Module()
    module.x = 1
    module.x = nn.Parameter(gradcore.ones(1))
    assert "x" not in module.__dict__
    assert list(module._parameters) == ["x"]
    module.x = None
    assert module.x is None
    assert list(module.parameters()) == []
    del module.x
    assert not hasattr(module, "x")


def test_parameter_data_can_be_replaced():
    conv = nn.Conv2d(1, 1, 2, bias=False)
    parameter = conv.weight
    conv.weight.data = gradcore.full((1, 1, 2, 2), 2.0)
    assert conv.weight is parameter
    assert conv(gradcore.ones(1, 1, 2, 2)).item() == 8.0


def test_the_same_parameter_is_listed_once():
    a = nn.Linear(2, 2, bias=False)
    b = nn.Linear(2, 2, bias=False)
    b.weight = a.weight
    net = nn.Sequential(a, b, a)
    assert names(net.named_parameters()) == ["0.weight"]
    every = names(net.named_parameters(remove_duplicate=False))
    assert every == ["0.weight", "1.weight", "2.weight"]
    assert list(net.state_dict()) == ["0.weight", "1.weight", "2.weight"]


# ----------------------------------------------------------------------------- walking


def test_names_of_everything():
    net = Net()
    assert names(net.named_parameters()) == [
        "block.scale",
        "block.linear.weight",
        "block.linear.bias",
        "head.weight",
    ]
    assert names(net.named_parameters("net", recurse=False)) == []
    assert names(net.named_buffers("net")) == ["net.block.seen", "net.block.scratch"]
    assert names(net.named_modules()) == ["", "block", "block.linear", "head"]
    assert names(net.named_children()) == ["block", "head"]
    assert list(net.children()) == [net.block, net.head]
    assert list(net.modules()) == [net, net.block, net.block.linear, net.head]
    assert len(list(nn.MaxPool2d(2).parameters())) == 0


def test_looking_up_by_path():
    net = Net()
    assert net.get_submodule("block.linear") is net.block.linear
    assert net.get_submodule("") is net
    assert net.get_parameter("block.linear.bias") is net.block.linear.bias
    assert net.get_buffer("block.seen") is net.block.seen
    net.set_submodule("block.linear", nn.Identity())
    assert isinstance(net.block.linear, nn.Identity)


def test_apply_visits_children_first():
    order = []
    net = Net()
    assert net.apply(lambda m: order.append(type(m).__name__)) is net
    assert order == ["Linear", "Block", "Linear", "Net"]


def test_train_and_eval_reach_every_module():
    net = Net()
    assert net.training
    assert net.eval() is net
    assert not any(m.training for m in net.modules())
    net.train()
    assert all(m.training for m in net.modules())


def test_zero_grad_and_requires_grad():
    net = Net()
    net(gradcore.ones(1, 3)).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad(set_to_none=False)
    assert all(float(p.grad.abs().sum()) == 0 for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())
    net.requires_grad_(False)
    assert not net(gradcore.ones(1, 3)).requires_grad


# -------------------------------------------------------------------------- conversion


def test_conversion_keeps_parameter_objects():
    net = Net()
    held = list(net.parameters())
    assert net.double() is net
    assert all(a is b for a, b in zip(held, net.parameters(), strict=True))
    assert {p.dtype for p in net.parameters()} == {gradcore.float64}
    assert net.block.seen.dtype == gradcore.float64
    net.to(gradcore.float32)
    assert net.block.seen.dtype == gradcore.float32
    norm = nn.BatchNorm1d(2).double()
    assert norm.num_batches_tracked.dtype == gradcore.int64


def test_conversion_takes_gradients_along(device):
    net = nn.Linear(2, 1)
    net(gradcore.ones(1, 2)).sum().backward()
    net.to(device, gradcore.float64)
    assert net.weight.grad.dtype == gradcore.float64
    assert str(net.weight.grad.device) == str(net.weight.device) == device
    np.testing.assert_array_equal(net.weight.grad.cpu().numpy(), [[1.0, 1.0]])


def test_copies_are_independent():
    net = Net()
    twin = copy.deepcopy(net)
    with gradcore.no_grad():
        twin.head.weight.zero_()
    assert float(net.head.weight.abs().sum()) > 0
    loaded = pickle.loads(pickle.dumps(net))
    assert (loaded.head.weight == net.head.weight).all()
    assert isinstance(loaded.head.weight, nn.Parameter)


# -------------------------------------------------------------------------- state_dict


def test_state_dict_names_and_memory():
    net = Net()
    state = net.state_dict()
    assert isinstance(state, OrderedDict)
    assert list(state) == [
        "block.scale",
        "block.seen",
        "block.linear.weight",
        "block.linear.bias",
        "head.weight",
    ]
    assert not state["head.weight"].requires_grad
    state["head.weight"].zero_()
    assert float(net.head.weight.abs().sum()) == 0
    assert net.state_dict(keep_vars=True)["head.weight"] is net.head.weight
    assert next(iter(net.state_dict(prefix="net."))) == "net.block.scale"


def test_load_state_dict_copies_values():
    source, target = Net(), Net()
    held = target.head.weight
    result = target.load_state_dict(source.state_dict())
    assert target.head.weight is held
    assert (held == source.head.weight).all()
    assert repr(result) == "<All keys matched successfully>"
    with gradcore.no_grad():
        source.head.weight.zero_()
    assert float(held.abs().sum()) > 0


def test_load_state_dict_assign_takes_the_tensors():
    net = nn.Linear(2, 2)
    state = {"weight": gradcore.zeros(2, 2), "bias": nn.Parameter(gradcore.zeros(2))}
    net.load_state_dict(state, assign=True)
    assert net.bias is state["bias"]
    assert isinstance(net.weight, nn.Parameter)
    state["weight"].fill_(3.0)
    assert float(net.weight.sum()) == 12.0


def test_load_state_dict_that_is_not_strict():
    net = nn.Linear(2, 2)
    missing, unexpected = net.load_state_dict({"extra": gradcore.ones(1)}, strict=False)
    assert missing == ["weight", "bias"]
    assert unexpected == ["extra"]
    with pytest.raises(RuntimeError, match="size mismatch for weight"):
        net.load_state_dict({"weight": gradcore.ones(1, 1)}, strict=False)


def test_extra_state():
    class Counting(nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 0

        def get_extra_state(self):
            return self.count

        def set_extra_state(self, state):
            self.count = state

    source, target = nn.Sequential(Counting()), nn.Sequential(Counting())
    source[0].count = 5
    assert source.state_dict() == {"0._extra_state": 5}
    target.load_state_dict(source.state_dict())
    assert target[0].count == 5


def test_state_dict_hooks():
    net, calls = nn.Linear(1, 1), []
    net.register_state_dict_pre_hook(lambda m, prefix, keep: calls.append(("pre", prefix)))
    net.register_state_dict_post_hook(lambda m, state, prefix, meta: state.__delitem__("bias"))
    net.register_load_state_dict_pre_hook(
        lambda m, state, *rest: state.setdefault("bias", gradcore.full((1,), 7.0))
    )
    net.register_load_state_dict_post_hook(lambda m, keys: calls.append(("post", list(keys))))
    state = net.state_dict()
    assert list(state) == ["weight"]
    net.load_state_dict(state)
    assert float(net.bias) == 7.0
    assert calls == [("pre", ""), ("post", [[], []])]


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_processes_share_the_memory_of_a_shared_model():
    model = nn.Linear(2, 1, bias=False).share_memory()
    assert model.weight.is_shared()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:  # writes where the parent reads, and tells so
        model.weight.data.fill_(7.0)
        os.write(writer, b"x")
        os._exit(0)
    os.read(reader, 1)
    os.waitpid(child, 0)
    assert model.weight.tolist() == [[7.0, 7.0]]
