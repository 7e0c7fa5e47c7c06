"""One cycle over the whole training (arXiv 1708.07120)."""

from __future__ import annotations

import math
from typing import Any

from ..optimizer import Optimizer
from .base import LRScheduler, one_per_group, require_optimizer
from .momentum import momentum_bounds, set_momentum, uses_beta1


def _phase(end: float, rates: tuple[str, str], momentums: tuple[str, str]) -> dict[str, Any]:
    """A stretch of the schedule: its last step, and between which options of a group it goes."""
    return {
        "end_step": end,
        "start_lr": rates[0],
        "end_lr": rates[1],
        "start_momentum": momentums[0],
        "end_momentum": momentums[1],
    }


def _count_steps(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    if total_steps is None and (epochs is None or steps_per_epoch is None):
        raise ValueError("You must define either total_steps OR (epochs AND steps_per_epoch)")
    if total_steps is not None:
        named = {"total_steps": total_steps}
    else:
        named = {"epochs": epochs, "steps_per_epoch": steps_per_epoch}
    for name, value in named.items():
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    return math.prod(named.values())


class OneCycleLR(LRScheduler):
    """From ``max_lr / div_factor`` up to ``max_lr``, then down far below the start.

    Call ``step`` after every batch.

    Args:
        optimizer: whose rates are set.
        max_lr: the highest rate, a number or a list with one for each group.
        total_steps: steps of the cycle; or else ``epochs * steps_per_epoch``.
        epochs, steps_per_epoch: see ``total_steps``.
        pct_start: the share of the steps that go up.
        anneal_strategy: "cos" or "linear".
        cycle_momentum: move the momentum (or ``betas[0]``) the other way.
        base_momentum, max_momentum: its bounds.
        div_factor: the first rate is ``max_lr`` divided by this.
        final_div_factor: the last rate is the first divided by this.
        three_phase: come back to the first rate, then go down.
        last_epoch: the step to resume at.

    Raises:
        TypeError: not an optimizer.
        ValueError: arguments out of range, ``cycle_momentum`` for an optimizer without momentum,
            and in ``step`` more steps than announced.

    >>> optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    >>> plan = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1.0, total_steps=4)
    >>> [(optimizer.step(), plan.step(), round(plan.get_last_lr()[0], 3))[2] for _ in range(3)]
    [0.812, 0.283, 0.0]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        max_lr: float | list[float],
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: float | list[float] = 0.85,
        max_momentum: float | list[float] = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        require_optimizer(optimizer)
        self.total_steps = _count_steps(total_steps, epochs, steps_per_epoch)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        self._schedule_phases = self._phases(pct_start, three_phase)
        self._anneal_func_type = anneal_strategy
        rates = one_per_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for rate, group in zip(rates, optimizer.param_groups, strict=True):
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self.use_beta1 = uses_beta1(optimizer)
            fresh = last_epoch == -1
            momentum_bounds(optimizer, base_momentum, max_momentum, self.use_beta1, fresh)
        super().__init__(optimizer, last_epoch)

    def _phases(self, share: float, three_phase: bool) -> list[dict[str, Any]]:
        last = self.total_steps - 1
        top = float(share * self.total_steps) - 1
        falls, rises = ("max_momentum", "base_momentum"), ("base_momentum", "max_momentum")
        first = _phase(top, ("initial_lr", "max_lr"), falls)
        if not three_phase:
            return [first, _phase(last, ("max_lr", "min_lr"), rises)]
        back = float(2 * share * self.total_steps) - 2
        return [
            first,
            _phase(back, ("max_lr", "initial_lr"), rises),
            _phase(last, ("initial_lr", "min_lr"), ("max_momentum", "max_momentum")),
        ]

    def _between(self, start: Any, end: Any, share: float) -> Any:
        """The value at ``share`` (0 to 1) of the way."""
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)
        return (end - start) * share + start

    def get_lr(self) -> list[Any]:
        """The rates for ``last_epoch``; sets the momentums on the way."""
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        start = 0.0
        for phase in self._schedule_phases:
            if step <= phase["end_step"] or phase is self._schedule_phases[-1]:
                break
            start = phase["end_step"]
        share = (step - start) / (phase["end_step"] - start)
        rates = []
        for group in self.optimizer.param_groups:
            ends = group[phase["start_lr"]], group[phase["end_lr"]]
            rates.append(self._between(*ends, share))
            if self.cycle_momentum:
                ends = group[phase["start_momentum"]], group[phase["end_momentum"]]
                set_momentum(group, self._between(*ends, share), self.use_beta1)
        return rates
