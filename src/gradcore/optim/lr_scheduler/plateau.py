"""A rate that falls when a measured quantity stops to improve."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ..optimizer import Optimizer
from .base import EPOCH_DEPRECATED, LRScheduler, group_values, require_optimizer, set_value


class ReduceLROnPlateau(LRScheduler):
    """The rate times ``factor`` when the metric has not improved for ``patience`` epochs.

    Args:
        optimizer: whose rates are set.
        mode: whether the metric is to become smaller ("min") or larger ("max").
        factor: what rates are multiplied by, below 1.
        patience: epochs without improvement that are borne.
        threshold: the least improvement that counts.
        threshold_mode: whether it is relative to the best so far ("rel") or not ("abs").
        cooldown: epochs after a reduction in which nothing is counted.
        min_lr: the lowest rate, a number or a list with one for each group.
        eps: reductions by less are left out.
        verbose: accepted as before PyTorch 2.7: True prints reductions.

    Raises:
        TypeError: not an optimizer.
        ValueError: ``factor`` not below 1, unknown modes, a list of another length than the groups.

    >>> optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    >>> plan = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0)
    >>> [(plan.step(loss), plan.get_last_lr()[0])[1] for loss in (3.0, 2.0, 2.0)]
    [1.0, 1.0, 0.1]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        mode: str = "min",
        factor: float = 0.1,
        patience: int = 10,
        threshold: float = 1e-4,
        threshold_mode: str = "rel",
        cooldown: int = 0,
        min_lr: float | list[float] = 0,
        eps: float = 1e-8,
        *,
        verbose: bool = False,
    ) -> None:
        if factor >= 1.0:
            raise ValueError("Factor should be < 1.0.")
        self.factor = factor
        require_optimizer(optimizer)
        self.optimizer = optimizer
        groups = optimizer.param_groups
        self.default_min_lr = None if isinstance(min_lr, (list, tuple)) else min_lr
        if isinstance(min_lr, (list, tuple)):
            if len(min_lr) != len(groups):
                raise ValueError(f"expected {len(groups)} min_lrs, got {len(min_lr)}")
            self.min_lrs = list(min_lr)
        else:
            self.min_lrs = [min_lr] * len(groups)
        self.patience = patience
        self.cooldown = cooldown
        self.eps = eps
        self.last_epoch = 0
        self._last_lr = group_values(optimizer, "lr")
        if mode not in ("min", "max"):
            raise ValueError(f"mode {mode} is unknown!")
        if threshold_mode not in ("rel", "abs"):
            raise ValueError(f"threshold mode {threshold_mode} is unknown!")
        self.mode = mode
        self.threshold = threshold
        self.threshold_mode = threshold_mode
        self.mode_worse = math.inf if mode == "min" else -math.inf
        if verbose:
            self.verbose = True
        self._reset()

    def _reset(self) -> None:
        """Forget all metrics."""
        self.best = self.mode_worse
        self.cooldown_counter = 0
        self.num_bad_epochs = 0

    def step(self, metrics: Any, epoch: int | None = None) -> None:  # type: ignore[override]
        """Look at the metric of an epoch, a number or a one-element tensor."""
        current = float(metrics)
        if epoch is None:
            epoch = self.last_epoch + 1
        else:
            warnings.warn(EPOCH_DEPRECATED, UserWarning, stacklevel=2)
        self.last_epoch = epoch
        if self._is_better(current, self.best):
            self.best = current
            self.num_bad_epochs = 0
        else:
            self.num_bad_epochs += 1
        if self.in_cooldown:
            self.cooldown_counter -= 1
            self.num_bad_epochs = 0
        if self.num_bad_epochs > self.patience:
            self._reduce_lr(epoch)
            self.cooldown_counter = self.cooldown
            self.num_bad_epochs = 0
        self._last_lr = group_values(self.optimizer, "lr")

    def _reduce_lr(self, epoch: int) -> None:
        groups = self.optimizer.param_groups
        if len(groups) != len(self.min_lrs):
            if self.default_min_lr is None:
                raise RuntimeError(
                    f"The number of param groups in the `optimizer` ({len(groups)}) differs from "
                    f"when `ReduceLROnPlateau` was initialized ({len(self.min_lrs)}), usually due "
                    "to a new param group being added to the optimizer. Please modify the "
                    "`min_lrs` field to match the length of the `optimizer` param groups."
                )
            self.min_lrs = [self.default_min_lr] * len(groups)
        for i, (group, lowest) in enumerate(zip(groups, self.min_lrs, strict=True)):
            before = float(group["lr"])
            after = max(before * self.factor, lowest)
            if before - after > self.eps:
                set_value(group, "lr", after)
                if getattr(self, "verbose", False):
                    print(f"Epoch {epoch:5d}: reducing learning rate of group {i} to {after:.4e}.")

    @property
    def in_cooldown(self) -> bool:
        """Whether the last reduction is less than ``cooldown`` epochs ago."""
        return self.cooldown_counter > 0

    def _is_better(self, a: float, best: float) -> bool:
        margin = self.threshold if self.threshold_mode == "abs" else best * self.threshold
        if self.threshold_mode == "rel" and math.isinf(best):
            margin = 0.0
        return a < best - margin if self.mode == "min" else a > best + margin
