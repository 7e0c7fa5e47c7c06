"""The learning rate range test."""

from __future__ import annotations

import copy
import math
import sys

import numpy as np
import pytest

import gradcore
from gradcore import nn, optim
from gradcore.optim.lr_finder import LRFinder


@pytest.fixture
def parts():
    gradcore.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1))
    x = gradcore.randn(64, 4)
    y = x.sum(dim=1, keepdim=True)
    batches = [(x[i : i + 16], y[i : i + 16]) for i in range(0, 64, 16)]
    return model, optim.SGD(model.parameters(), lr=0.123, momentum=0.9), batches


def test_rates_rise_until_the_loss_diverges(parts):
    model, optimizer, batches = parts
    finder = LRFinder(model, optimizer, nn.MSELoss())
    finder.range_test(batches, start_lr=1e-5, end_lr=1e4, num_iter=90)
    rates, losses = finder.history["lr"], finder.history["loss"]
    assert finder.diverged
    assert len(rates) == len(losses) < 90
    np.testing.assert_allclose(np.diff(np.log(rates)), math.log(1e9) / 89)
    assert losses[-1] > 5 * min(losses) or len(losses) < 90
    suggested = finder.suggestion()
    assert 1e-4 < suggested < rates[losses.index(min(losses))] * 1.5


def test_everything_is_restored(parts):
    model, optimizer, batches = parts
    loss = nn.MSELoss()(model(batches[0][0]), batches[0][1])
    loss.backward()
    optimizer.step()
    model.eval()
    weights = copy.deepcopy(model.state_dict())
    state = copy.deepcopy(optimizer.state_dict())
    LRFinder(model, optimizer, nn.MSELoss()).range_test(batches, num_iter=10)
    for key, value in model.state_dict().items():
        assert gradcore.equal(value, weights[key])
    assert optimizer.param_groups[0]["lr"] == 0.123
    for number, held in optimizer.state_dict()["state"].items():
        assert gradcore.equal(held["momentum_buffer"], state["state"][number]["momentum_buffer"])
    assert not model.training
    assert all(param.grad is None for param in model.parameters())


def test_weights_are_restored_after_an_error(parts):
    model, optimizer, batches = parts
    weights = copy.deepcopy(model.state_dict())
    with pytest.raises(ZeroDivisionError):
        LRFinder(model, optimizer, nn.MSELoss()).range_test(
            (batches[0] if i < 2 else 1 / 0 for i in range(3)), start_lr=0.1
        )
    assert gradcore.equal(model[0].weight, weights["0.weight"])
    assert optimizer.param_groups[0]["lr"] == 0.123


def test_linear_rates_without_smoothing(parts):
    model, optimizer, batches = parts
    finder = LRFinder(model, optimizer, nn.MSELoss(), device="cpu")
    finder.range_test(batches, 0.001, 0.01, num_iter=10, step_mode="linear", smooth_f=1.0)
    np.testing.assert_allclose(finder.history["lr"], np.linspace(0.001, 0.01, 10))
    assert not finder.diverged
    with gradcore.no_grad():
        first = nn.MSELoss()(model(batches[0][0]), batches[0][1]).item()
    assert finder.history["loss"][0] == pytest.approx(first)


def test_suggestion_is_the_steepest_descent(parts):
    finder = LRFinder(*parts[:2], nn.MSELoss())
    finder.history = {"lr": [1e-4, 1e-3, 1e-2, 1e-1, 1.0], "loss": [1.0, 0.95, 0.9, 0.3, 0.4]}
    assert finder.suggestion(0, 0) == 1e-2
    with pytest.raises(RuntimeError, match=r"needs three points of the range test, but only 2"):
        finder.suggestion(3, 0)
    with pytest.raises(ValueError, match="must not be negative"):
        finder.suggestion(-1, 0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"start_lr": 0}, "expected 0 < start_lr < end_lr"),
        ({"start_lr": 20}, "expected 0 < start_lr < end_lr"),
        ({"num_iter": 1}, "num_iter must be at least 2"),
        ({"step_mode": "square"}, "step_mode must be 'exp' or 'linear'"),
        ({"smooth_f": 0}, "smooth_f must be above 0"),
    ],
)
def test_refused_arguments(parts, options, message):
    finder = LRFinder(*parts[:2], nn.MSELoss())
    with pytest.raises(ValueError, match=message):
        finder.range_test(parts[2], **options)
    with pytest.raises(ValueError, match="train_loader gives no batches"):
        finder.range_test([])
    with pytest.raises(TypeError, match="Linear is not an Optimizer"):
        LRFinder(parts[0], nn.Linear(1, 1), nn.MSELoss())


class Axes:
    """What plot needs of matplotlib's axes."""

    def __init__(self):
        self.calls = {}

    def __getattr__(self, name):
        return lambda *args, **kwargs: self.calls.update({name: args})


def test_plot(parts, monkeypatch):
    finder = LRFinder(*parts[:2], nn.MSELoss())
    finder.history = {"lr": [1e-3, 1e-2, 1e-1, 1.0], "loss": [1.0, 0.9, 0.3, 0.25]}
    axes = finder.plot(0, 0, ax=Axes())
    assert axes.calls["plot"] == (finder.history["lr"], finder.history["loss"])
    assert axes.calls["set_xscale"] == ("log",)
    assert axes.calls["scatter"] == ([1e-2], [0.9])
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"needs matplotlib: pip install 'gradcore\[plot\]'"):
        finder.plot(0, 0)
