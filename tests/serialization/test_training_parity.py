"""Training that begins in gradcore or PyTorch goes on in the other with the same numbers."""

from __future__ import annotations

import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import gradcore  # noqa: E402

# Layers that give (N, 3) for inputs of the given shape, an optimizer and its options.
FAMILIES = {
    "perceptron": (
        lambda nn: nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.LayerNorm(16), nn.Linear(16, 3)),
        (8, 5), "SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    ),
    "convolutions": (
        lambda nn: nn.Sequential(
            nn.Conv2d(2, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(),
            nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, groups=2), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(8, 3),
        ),
        (6, 2, 8, 8), "Adam", {"lr": 0.01, "amsgrad": True},
    ),
    "recurrent": (
        lambda nn: Last(nn, nn.LSTM(4, 6, num_layers=2, bidirectional=True, batch_first=True)),
        (5, 7, 4), "RMSprop", {"lr": 0.01, "centered": True, "momentum": 0.5},
    ),
    "transformer": (
        lambda nn: nn.Sequential(
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, norm_first=True),
            nn.TransformerEncoderLayer(8, 2, 16, dropout=0.0, batch_first=True, activation="gelu"),
            nn.Flatten(), nn.Linear(40, 3),
        ),
        # The gradient of the keys' bias is 0 but for rounding, which a small eps would blow up.
        (4, 5, 8), "AdamW", {"lr": 0.01, "weight_decay": 0.1, "eps": 1e-3},
    ),
    "transposed": (
        lambda nn: nn.Sequential(
            nn.ConvTranspose1d(3, 6, 4, stride=2), nn.GroupNorm(2, 6), nn.PReLU(6),
            nn.Flatten(), nn.LazyLinear(3),
        ),
        (4, 3, 5), "Adagrad", {"lr": 0.05, "lr_decay": 0.1},
    ),
}  # fmt: skip


def Last(nn, recurrent):
    """The last output of a recurrent layer, and a Linear."""

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.recurrent = recurrent
            self.head = nn.Linear(12, 3)

        def forward(self, x):
            return self.head(self.recurrent(x)[0][:, -1])

    return Model()


class Training:
    """One of the families in one of the packages."""

    def __init__(self, package, family):
        self.package = package
        build, self.shape, optimizer, options = FAMILIES[family]
        package.manual_seed(0)
        self.model = build(package.nn)
        self.forward(0)  # a lazy layer gets its weights
        self.optimizer = getattr(package.optim, optimizer)(self.model.parameters(), **options)

    def forward(self, number):
        inputs = np.random.default_rng(number).normal(size=self.shape).astype(np.float32)
        return self.model(self.package.from_numpy(inputs))

    def steps(self, numbers):
        losses = []
        for number in numbers:
            labels = self.package.arange(self.shape[0]) % 3
            loss = self.package.nn.functional.cross_entropy(self.forward(number), labels)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            losses.append(loss.item())
        return losses

    def saved(self):
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict()}
        file = io.BytesIO()
        self.package.save(state, file)
        return file.getvalue()

    def load(self, data):
        state = self.package.load(io.BytesIO(data))
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("first", ["gradcore", "torch"])
def test_next_three_steps(family, first):
    packages = [gradcore, torch] if first == "gradcore" else [torch, gradcore]
    begun, other = (Training(package, family) for package in packages)
    begun.steps(range(3))
    other.load(begun.saved())
    losses = [training.steps(range(3, 6)) for training in (begun, other)]
    np.testing.assert_allclose(*losses, rtol=2e-5)
    states = [training.model.state_dict() for training in (begun, other)]
    assert list(states[0]) == list(states[1])
    for name, value in states[0].items():
        np.testing.assert_allclose(
            value.numpy(), states[1][name].numpy(), rtol=1e-4, atol=1e-5, err_msg=name
        )
