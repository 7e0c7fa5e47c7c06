"""DataParallel: batches split over the fake CUDA devices, or the module itself without any."""

from __future__ import annotations

import collections

import numpy as np
import pytest

import gradcore
from conftest import DEVICES
from gradcore import nn
from gradcore.nn.parallel import data_parallel, gather, replicate, scatter

needs_two = pytest.mark.skipif("cuda:1" not in DEVICES, reason="needs two CUDA devices")


def network():
    gradcore.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4).eval(), nn.ReLU(), nn.Linear(4, 2))


@pytest.mark.skipif(len(DEVICES) > 1, reason="for machines without CUDA")
def test_without_devices_the_module_runs():
    net, x = network(), gradcore.randn(5, 3)
    parallel = nn.DataParallel(net)
    np.testing.assert_array_equal(parallel(x).detach().numpy(), net(x).detach().numpy())
    assert next(iter(parallel.state_dict())).startswith("module.")
    np.testing.assert_array_equal(data_parallel(net, x).detach(), net(x).detach())


@needs_two
def test_outputs_and_gradients_are_those_of_one_device():
    x = gradcore.randn(5, 3)
    single = network()
    single(x).square().sum().backward()
    net = network().to("cuda:0")
    out = nn.DataParallel(net, device_ids=[0, 1])(x.to("cuda:0"))
    assert str(out.device) == "cuda:0"
    np.testing.assert_allclose(out.detach().cpu(), single(x).detach(), rtol=1e-5)
    out.square().sum().backward()
    for ours, theirs in zip(net.parameters(), single.parameters(), strict=True):
        np.testing.assert_allclose(ours.grad.cpu(), theirs.grad, rtol=1e-4, atol=1e-6)


@needs_two
def test_the_module_must_be_on_the_first_device():
    with pytest.raises(RuntimeError, match="on device cuda:0 .* found one of them on device: cpu"):
        data_parallel(network(), gradcore.ones(4, 3), device_ids=[0, 1])


@needs_two
def test_scatter_and_gather_keep_containers():
    Pair = collections.namedtuple("Pair", ["a", "b"])
    x = gradcore.arange(6.0).reshape(3, 2).to("cuda:0")
    pieces = scatter({"pair": Pair(x, 7), "list": [x]}, [0, 1])
    assert [p["pair"].a.shape[0] for p in pieces] == [2, 1]
    assert [str(p["pair"].a.device) for p in pieces] == ["cuda:0", "cuda:1"]
    assert pieces[1]["pair"].b == 7
    joined = gather([{"x": p["list"][0]} for p in pieces], 0)
    np.testing.assert_array_equal(joined["x"].cpu(), x.cpu())


@needs_two
def test_replicas_share_nothing_but_gradients():
    net = nn.Linear(2, 2).to("cuda:0")
    first, second = replicate(net, [0, 1])
    assert list(second.parameters()) == []
    second(gradcore.ones(1, 2, device="cuda:1")).sum().backward()
    assert net.weight.grad is not None
    assert first is not second
