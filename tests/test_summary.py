"""The table of a model's layers."""

from __future__ import annotations

import pytest

import gradcore as torch
import gradcore.summary as summary_module
from gradcore import nn


class Block(nn.Module):
    """A module with children, one of them called twice."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 3, padding=1)
        self.act = nn.ReLU()

    def forward(self, x):
        return self.act(self.conv(self.act(self.conv(x)))) + x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(Block(), nn.BatchNorm2d(3), nn.MaxPool2d(2))
        self.head = nn.Linear(3 * 4 * 4, 10)

    def forward(self, x):
        return self.head(self.features(x).flatten(1))


TABLE = """\
----------------------------------------------------------------
        Layer (type)               Output Shape         Param #
================================================================
            Conv2d-1              [-1, 3, 8, 8]              84
              ReLU-2              [-1, 3, 8, 8]               0
            Conv2d-3              [-1, 3, 8, 8]              84
              ReLU-4              [-1, 3, 8, 8]               0
             Block-5              [-1, 3, 8, 8]               0
       BatchNorm2d-6              [-1, 3, 8, 8]               6
         MaxPool2d-7              [-1, 3, 4, 4]               0
            Linear-8                   [-1, 10]             490
================================================================
Total params: 664
Trainable params: 664
Non-trainable params: 0
----------------------------------------------------------------
Input size (MB): 0.00
Forward/backward pass size (MB): 0.01
Params size (MB): 0.00
Estimated Total Size (MB): 0.01
----------------------------------------------------------------
"""


def test_table_is_that_of_torchsummary(capsys):
    torch.summary(Net(), (3, 8, 8), device="cpu")
    assert capsys.readouterr().out == TABLE


def test_function_and_module_are_one(capsys):
    summary_module.summary(Net(), (3, 8, 8), device="cpu")
    assert capsys.readouterr().out == TABLE


def test_cuda_without_a_gpu_runs_on_the_cpu(capsys):
    if not torch.cuda.is_available():
        torch.summary(Net(), (3, 8, 8))
        assert capsys.readouterr().out == TABLE


def test_frozen_parameters_and_batch_size(capsys):
    net = Net()
    net.head.requires_grad_(False)
    torch.summary(net, (3, 8, 8), batch_size=64, device="cpu")
    out = capsys.readouterr().out
    assert "Trainable params: 174\nNon-trainable params: 490" in out
    assert "[64, 3, 8, 8]" in out and "Input size (MB): 0.05" in out


def test_tree(capsys):
    torch.summary(Net(), (3, 8, 8), device="cpu", depth=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[3:6]] == [
        ["Net", "[-1,", "10]", "--", "--"],
        ["├─Sequential:", "features", "[-1,", "3,", "4,", "4]", "90", "10,371"],
        ["├─Linear:", "head", "[-1,", "10]", "490", "480"],
    ]
    assert "Mult-adds per sample: 10,851" in lines


class TwoInputs(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5, 4)
        self.linear = nn.Linear(4, 2)

    def forward(self, words, x):
        return self.linear(self.embedding(words).sum(1) + x)


def test_several_inputs_with_dtypes(capsys):
    sizes = [(3,), (4,)]
    torch.summary(TwoInputs(), sizes, device="cpu", dtypes=[torch.int64, torch.float32])
    assert "Embedding-1                 [-1, 3, 4]              20" in capsys.readouterr().out


def test_nothing_is_left_behind():
    net = Net().eval()
    with pytest.raises(RuntimeError):
        torch.summary(net, (4, 8, 8), device="cpu")
    assert not net.training
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in net.modules())


def test_unknown_device():
    with pytest.raises(AssertionError, match="Input device is not valid"):
        torch.summary(Net(), (3, 8, 8), device="tpu")
