"""Schedules that move the momentum against the rate."""

from __future__ import annotations

from typing import Any

from ..optimizer import Optimizer
from .base import one_per_group


def uses_beta1(optimizer: Optimizer) -> bool:
    """Whether the momentum is ``betas[0]``; ValueError for an optimizer without any."""
    if "momentum" not in optimizer.defaults and "betas" not in optimizer.defaults:
        raise ValueError(
            "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
        )
    return "betas" in optimizer.defaults


def set_momentum(group: dict[str, Any], value: Any, beta1: bool) -> None:
    """Set the momentum of a group."""
    if beta1:
        group["betas"] = (value, *group["betas"][1:])
    else:
        group["momentum"] = value


def momentum_bounds(
    optimizer: Optimizer, lowest: Any, highest: Any, beta1: bool, fresh: bool
) -> tuple[list[Any], list[Any]]:
    """The bounds for each group; ``fresh``: put them into the groups and start at the highest."""
    bounds = (
        one_per_group("base_momentum", optimizer, lowest),
        one_per_group("max_momentum", optimizer, highest),
    )
    if fresh:
        for low, high, group in zip(*bounds, optimizer.param_groups, strict=True):
            set_momentum(group, high, beta1)
            group["max_momentum"] = high
            group["base_momentum"] = low
    return bounds
