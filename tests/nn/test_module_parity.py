"""The errors and texts of nn.Module equal PyTorch's."""

from __future__ import annotations

import pytest

import gradcore

torch = pytest.importorskip("torch")


def outcome(action, library):
    """What the action returns, or the error that it raises, as text."""
    try:
        result = action(library, library.nn)
    except Exception as error:
        text = str(error.args[0]) if isinstance(error, KeyError) else str(error)
        return type(error).__name__, text.replace("gradcore.", "torch.")
    return result.replace("gradcore.", "torch.") if isinstance(result, str) else result


def net(nn):
    return nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.Sequential(nn.ReLU()))


def load(state, **options):
    return lambda lib, nn: nn.Linear(2, 3).load_state_dict(state(lib), **options)


ERRORS = {
    "no forward": lambda lib, nn: nn.Module()(lib.ones(1)),
    "constructor argument": lambda lib, nn: nn.Module(3),
    "constructor keyword": lambda lib, nn: nn.Module(size=3),
    "no attribute": lambda lib, nn: nn.Linear(1, 1).missing,
    "parameter of wrong type": lambda lib, nn: setattr(nn.Linear(1, 1), "weight", 3),
    "module of wrong type": lambda lib, nn: setattr(nn.Sequential(nn.ReLU()), "0", 3),
    "buffer of wrong type": lambda lib, nn: setattr(nn.BatchNorm1d(1), "running_mean", 3),
    "register_parameter of a number": lambda lib, nn: nn.Module().register_parameter("a", 3),
    "register_parameter with a dot": lambda lib, nn: nn.Module().register_parameter("a.b", None),
    "register_parameter without a name": lambda lib, nn: nn.Module().register_parameter("", None),
    "register_parameter that exists": lambda lib, nn: nn.ReLU().register_parameter("inplace", None),
    "register_parameter named 3": lambda lib, nn: nn.Module().register_parameter(3, None),
    "register_parameter that is no leaf": lambda lib, nn: nn.Module().register_parameter(
        "a", nn.Parameter(lib.ones(1)) * 2
    ),
    "register_buffer of a number": lambda lib, nn: nn.Module().register_buffer("a", 3),
    "register_buffer that exists": lambda lib, nn: nn.ReLU().register_buffer("inplace", None),
    "register_buffer with a dot": lambda lib, nn: nn.Module().register_buffer("a.b", None),
    "add_module of a number": lambda lib, nn: nn.Module().add_module("a", 3),
    "add_module with a dot": lambda lib, nn: nn.Module().add_module("a.b", nn.ReLU()),
    "add_module without a name": lambda lib, nn: nn.Module().add_module("", nn.ReLU()),
    "add_module that exists": lambda lib, nn: nn.ReLU().add_module("inplace", nn.ReLU()),
    "Parameter of integers": lambda lib, nn: nn.Parameter(lib.ones(2, dtype=lib.int64)),
    "train of a number": lambda lib, nn: nn.Linear(1, 1).train(3),
    "get_submodule": lambda lib, nn: net(nn).get_submodule("2.5"),
    "get_submodule of a parameter": lambda lib, nn: net(nn).get_submodule("0.weight"),
    "get_parameter of a buffer": lambda lib, nn: net(nn).get_parameter("1.running_mean"),
    "get_buffer of a parameter": lambda lib, nn: net(nn).get_buffer("1.weight"),
    "set_submodule without a name": lambda lib, nn: net(nn).set_submodule("", nn.ReLU()),
    "to an integer dtype": lambda lib, nn: nn.Linear(1, 1).to(lib.int64),
    "missing and unexpected keys": load(lambda lib: {"other": lib.ones(1)}),
    "wrong shapes": load(lambda lib: {"weight": lib.ones(3, 3), "bias": lib.ones(1)}),
    "not a tensor": load(lambda lib: {"weight": 3, "bias": lib.ones(3)}, strict=False),
    "not a dict": load(lambda lib: 3),
    "two kinds of backward hooks": lambda lib, nn: two_kinds(nn.ReLU()),
}


def two_kinds(module):
    module.register_full_backward_hook(lambda *a: None)
    module.register_backward_hook(lambda *a: None)


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    expected = outcome(ERRORS[name], torch)
    assert isinstance(expected, tuple), f"PyTorch accepts this: {expected}"
    assert outcome(ERRORS[name], gradcore) == expected


TEXTS = {
    "sequential": lambda lib, nn: repr(net(nn)),
    "empty": lambda lib, nn: repr(nn.Sequential()),
    "repeated": lambda lib, nn: repr(nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()])),
    "dict": lambda lib, nn: repr(nn.ModuleDict({"a": nn.ReLU(), "b": net(nn)})),
    "parameters": lambda lib, nn: repr(nn.ParameterList([nn.Parameter(lib.ones(2, 3))])),
    "keys": lambda lib, nn: list(net(nn).state_dict()),
    "metadata": lambda lib, nn: dict(net(nn).state_dict()._metadata),
    "result of loading": lambda lib, nn: repr(net(nn).load_state_dict(net(nn).state_dict())),
    "dir": lambda lib, nn: [n for n in dir(net(nn)) if n in ("0", "forward", "training", "weight")],
    "parameter": lambda lib, nn: repr(nn.Parameter(lib.ones(2))),
    "module names": lambda lib, nn: [n for n, _ in net(nn).named_modules(prefix="top")],
}


@pytest.mark.parametrize("name", TEXTS)
def test_texts(name):
    assert outcome(TEXTS[name], gradcore) == outcome(TEXTS[name], torch)


def test_state_dicts_are_exchangeable():
    """PyTorch's values loaded into gradcore give PyTorch's output."""
    theirs, ours = net(torch.nn), net(gradcore.nn)
    state = {k: gradcore.tensor(v.numpy()) for k, v in theirs.state_dict().items()}
    ours.load_state_dict(state)
    x = torch.randn(4, 2)
    expected = theirs(x).detach().numpy()
    found = ours(gradcore.tensor(x.numpy())).detach().numpy()
    assert abs(found - expected).max() < 1e-6
