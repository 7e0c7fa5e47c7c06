"""Random functions give numbers of the right kind on every device."""

from __future__ import annotations

import numpy as np
import pytest

import gradcore as torch


@pytest.fixture
def where(device):
    torch.manual_seed(0)
    return device


def test_randperm(where):
    order = torch.randperm(1000, device=where)
    assert str(order.device) == where and order.dtype == torch.int64
    assert sorted(order.tolist()) == list(range(1000)) != order.tolist()
    assert torch.randperm(0, device=where).shape == (0,)
    with pytest.raises(RuntimeError, match="negative dimension"):
        torch.randperm(-1, device=where)


def test_multinomial_without_replacement(where):
    weights = torch.tensor([[0.0, 1, 2, 3], [5, 0, 0, 1]], device=where)
    chosen = torch.multinomial(weights, 2)
    assert str(chosen.device) == where and chosen.shape == (2, 2)
    assert all(len(set(row)) == 2 for row in chosen.tolist())
    assert 0 not in chosen[0].tolist() and set(chosen[1].tolist()) == {0, 3}


def test_multinomial_with_replacement_follows_the_weights(where):
    weights = torch.tensor([[0.0, 1, 3], [2, 2, 0]], device=where)
    chosen = torch.multinomial(weights, 20_000, replacement=True).cpu().numpy()
    shares = np.stack([np.bincount(row, minlength=3) / 20_000 for row in chosen])
    # 5 standard deviations of a share of 20,000 draws
    assert np.abs(shares - [[0, 0.25, 0.75], [0.5, 0.5, 0]]).max() < 0.018
    assert shares[0, 0] == 0 == shares[1, 2]


@pytest.mark.parametrize("bad", [[-1.0, 2.0], [float("nan"), 1.0], [0.0, 0.0]])
def test_multinomial_refuses_what_is_no_distribution(where, bad):
    with pytest.raises(RuntimeError, match="probability tensor|invalid multinomial"):
        torch.multinomial(torch.tensor(bad, device=where), 1)


@pytest.mark.parametrize(
    "drawn",
    [
        lambda x, g: torch.randperm(4, device=x.device, generator=g),
        lambda x, g: torch.multinomial(x, 2, generator=g),
        lambda x, g: torch.empty_like(x).normal_(generator=g),
    ],
)
def test_generator_of_another_device(where, drawn):
    x = torch.ones(4, device=where)
    if where == "cpu":
        assert drawn(x, torch.Generator()).device == x.device
    else:
        with pytest.raises(RuntimeError, match="device type for generator"):
            drawn(x, torch.Generator())
