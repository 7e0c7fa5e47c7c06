"""Averaged models beside PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")
torch.set_num_threads(1)


def model_of(library):
    nn = library.nn
    model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    rng = np.random.default_rng(0)
    with library.no_grad():
        for param in model.parameters():
            param.copy_(library.tensor(rng.standard_normal(param.shape).astype("float32")))
    return model


def averaged(library, make, steps=4, **options):
    """The state of an averaged model over some changes of the model."""
    utils = library.optim.swa_utils
    model = model_of(library)
    average = utils.AveragedModel(model, **make(utils), **options)
    rng = np.random.default_rng(1)
    for _ in range(steps):
        x = library.tensor(rng.standard_normal((8, 3)).astype("float32"))
        model(x)
        with library.no_grad():
            for param in model.parameters():
                param.add_(library.tensor(rng.standard_normal(param.shape).astype("float32")))
        average.update_parameters(model)
    return {key: value.numpy() for key, value in average.state_dict().items()}


WAYS = {
    "mean": lambda utils: {},
    "ema": lambda utils: {"avg_fn": utils.get_ema_avg_fn(0.7)},
    "swa": lambda utils: {"avg_fn": utils.get_swa_avg_fn()},
    "multi ema": lambda utils: {"multi_avg_fn": utils.get_ema_multi_avg_fn(0.7)},
    "multi swa": lambda utils: {"multi_avg_fn": utils.get_swa_multi_avg_fn()},
    "own": lambda utils: {"avg_fn": lambda a, b, n: (a + b) / (n + 1)},
}


@pytest.mark.parametrize("use_buffers", [False, True])
@pytest.mark.parametrize("way", WAYS)
def test_averages(way, use_buffers):
    if way == "multi swa" and use_buffers:
        pytest.skip("PyTorch cannot average the integer buffer of a BatchNorm this way")
    make = WAYS[way]
    ours = averaged(gradcore, make, use_buffers=use_buffers)
    theirs = averaged(torch, make, use_buffers=use_buffers)
    assert list(ours) == list(theirs)
    for key, value in theirs.items():
        assert ours[key].dtype == value.dtype
        np.testing.assert_allclose(ours[key], value, 1e-5, 1e-5, err_msg=key)


def test_averaged_models_compute_and_stay_apart():
    model = model_of(gradcore)
    average = gradcore.optim.swa_utils.AveragedModel(model)
    average.update_parameters(model)
    x = gradcore.ones(4, 3)
    average.eval()
    model.eval()
    assert gradcore.equal(average(x), model(x))
    with gradcore.no_grad():
        model[0].weight.zero_()
    assert not gradcore.equal(average.module[0].weight, model[0].weight)


def test_refused_averages():
    for library in (gradcore, torch):
        utils = library.optim.swa_utils
        both = {"avg_fn": utils.get_swa_avg_fn(), "multi_avg_fn": utils.get_swa_multi_avg_fn()}
        with pytest.raises(AssertionError, match="Only one of avg_fn and multi_avg_fn"):
            utils.AveragedModel(library.nn.Linear(1, 1), **both)
        for make in (utils.get_ema_avg_fn, utils.get_ema_multi_avg_fn):
            with pytest.raises(ValueError, match=r"Invalid decay value 1.5 provided"):
                make(1.5)


@pytest.mark.parametrize("as_pairs", [False, True])
def test_update_bn(as_pairs):
    results = []
    for library in (gradcore, torch):
        model = model_of(library)
        rng = np.random.default_rng(2)
        batches = [library.tensor(rng.standard_normal((8, 3)).astype("float32")) for _ in range(3)]
        model.eval()
        loader = [(b, None) for b in batches] if as_pairs else batches
        library.optim.swa_utils.update_bn(loader, model, device="cpu")
        assert not model.training
        assert model[1].momentum == 0.1
        results.append([model[1].running_mean.numpy(), model[1].running_var.numpy()])
    for got, want in zip(*results, strict=True):
        np.testing.assert_allclose(got, want, 1e-5, 1e-6)


@pytest.mark.parametrize("strategy", ["cos", "linear"])
@pytest.mark.parametrize("epochs", [0, 1, 5])
def test_swalr(strategy, epochs):
    results = []
    for library in (gradcore, torch):
        params = [library.ones(1, requires_grad=True) for _ in range(2)]
        groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.5}]
        optimizer = library.optim.SGD(groups, lr=0.1)
        scheduler = library.optim.swa_utils.SWALR(optimizer, [0.01, 0.02], epochs, strategy)
        rates = [[group["lr"] for group in optimizer.param_groups]]
        for _ in range(8):
            optimizer.step()
            scheduler.step()
            rates.append(scheduler.get_last_lr())
        results.append(rates)
        with pytest.raises(ValueError, match="anneal_strategy must be one of 'cos' or 'linear'"):
            library.optim.swa_utils.SWALR(optimizer, 0.1, anneal_strategy="square")
        with pytest.raises(ValueError, match="anneal_epochs must be equal or greater than 0"):
            library.optim.swa_utils.SWALR(optimizer, 0.1, anneal_epochs=-1)
        results[-1].append(sorted(set(scheduler.state_dict()) - {"anneal_func"}))
    assert results[0].pop() == results[1].pop()
    for got, want in zip(*results, strict=True):
        assert got == pytest.approx(want, rel=1e-12)
