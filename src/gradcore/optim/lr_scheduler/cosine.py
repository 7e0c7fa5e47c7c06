"""Schedules along half a cosine (arXiv 1608.03983)."""

from __future__ import annotations

import math
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, group_values


def _half_cosine(share: float) -> float:
    """1 at 0, 0 at 1."""
    return (1 + math.cos(math.pi * share)) / 2


class CosineAnnealingLR(LRScheduler):
    """From the initial rate down to ``eta_min`` at epoch ``T_max``, then up again, and so on.

    Args:
        optimizer: whose rates are set.
        T_max: epochs of one way.
        eta_min: the lowest rate.
        last_epoch: where to resume.

    >>> optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    >>> plan = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=4)
    >>> [(optimizer.step(), plan.step(), round(plan.get_last_lr()[0], 3))[2] for _ in range(3)]
    [0.854, 0.5, 0.146]
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        epoch, lowest = self.last_epoch, self.eta_min
        rates = group_values(self.optimizer, "lr")
        if self._is_initial:
            return rates
        if self._step_count == 1 and epoch > 0:
            return self._get_closed_form_lr()
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:
            # The rate before was eta_min, from which no factor leads up again.
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            pairs = zip(self.base_lrs, rates, strict=True)
            return [rate + (base - lowest) * rise for base, rate in pairs]
        factor = _half_cosine(epoch / self.T_max) / _half_cosine((epoch - 1) / self.T_max)
        return [factor * (rate - lowest) + lowest for rate in rates]

    def _get_closed_form_lr(self) -> list[Any]:
        share = _half_cosine(self.last_epoch / self.T_max)
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """From the initial rate down to ``eta_min`` again and again.

    ``step(epoch)`` takes fractions of epochs.

    Args:
        optimizer: whose rates are set.
        T_0: epochs of the first way down.
        T_mult: what the epochs are multiplied by at each restart.
        eta_min: the lowest rate.
        last_epoch: where to resume.

    Raises:
        ValueError: ``T_0`` or ``T_mult`` is no positive integer, ``eta_min`` no number.

    >>> optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    >>> plan = torch.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
    >>> [(optimizer.step(), plan.step(), round(plan.get_last_lr()[0], 3))[2] for _ in range(3)]
    [0.5, 1.0, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        if T_0 <= 0 or not isinstance(T_0, int):
            raise ValueError(f"Expected positive integer T_0, but got {T_0}")
        if T_mult < 1 or not isinstance(T_mult, int):
            raise ValueError(f"Expected integer T_mult >= 1, but got {T_mult}")
        if not isinstance(eta_min, (float, int)):
            raise ValueError(
                f"Expected float or int eta_min, but got {eta_min} of type {type(eta_min)}"
            )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        share = _half_cosine(self.T_cur / self.T_i)
        return [self.eta_min + (base - self.eta_min) * share for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Set the rates of the next epoch, or of ``epoch``, a number that may have a fraction.

        Raises:
            ValueError: a negative ``epoch``.
        """
        if epoch is None and self.last_epoch >= 0:
            epoch = self.last_epoch + 1
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
        else:
            epoch = 0 if epoch is None else epoch
            if epoch < 0:
                raise ValueError(f"Expected non-negative epoch, but got {epoch}")
            self._jump(epoch)
        self.last_epoch = math.floor(epoch)
        self._set_rates(self.get_lr)

    def _jump(self, epoch: float) -> None:
        """Find the way down that ``epoch`` is on."""
        if epoch < self.T_0:
            self.T_i, self.T_cur = self.T_0, epoch
        elif self.T_mult == 1:
            self.T_cur = epoch % self.T_0
        else:
            ways = int(math.log(epoch / self.T_0 * (self.T_mult - 1) + 1, self.T_mult))
            done = self.T_0 * (self.T_mult**ways - 1) / (self.T_mult - 1)
            self.T_i, self.T_cur = self.T_0 * self.T_mult**ways, epoch - done
