"""Layers are found in the files in which PyTorch has them, and its pickled models load."""

from __future__ import annotations

import importlib
import io

import pytest

import gradcore

torch = pytest.importorskip("torch")


@pytest.mark.parametrize("name", gradcore.nn.modules.__all__)
def test_layers_are_where_pytorch_has_them(name):
    path = getattr(torch.nn, name).__module__
    module = importlib.import_module(path.replace("torch", "gradcore", 1))
    assert getattr(module, name) is getattr(gradcore.nn, name)


@pytest.mark.parametrize(
    "path",
    ["batchnorm._BatchNorm", "conv._ConvNd", "instancenorm._InstanceNorm", "loss._WeightedLoss",
     "utils._ntuple", "utils._pair", "utils._quadruple", "utils._single", "utils._triple"],
)  # fmt: skip
def test_private_names_that_programs_use(path):
    file, _, name = path.partition(".")
    assert hasattr(importlib.import_module(f"torch.nn.modules.{file}"), name)
    assert hasattr(importlib.import_module(f"gradcore.nn.modules.{file}"), name)


def test_pickled_models_of_pytorch_load():
    layers = [
        torch.nn.AdaptiveMaxPool2d(2), torch.nn.Softmax(1), torch.nn.ReLU6(), torch.nn.CTCLoss(),
        torch.nn.ChannelShuffle(2), torch.nn.LSTMCell(2, 3), torch.nn.MarginRankingLoss(),
    ]  # fmt: skip
    file = io.BytesIO()
    torch.save(torch.nn.Sequential(*layers), file)
    file.seek(0)
    loaded = gradcore.load(file, weights_only=False)
    assert [type(layer).__name__ for layer in loaded] == [type(layer).__name__ for layer in layers]
    assert all(type(layer).__module__.startswith("gradcore.") for layer in loaded)
