"""Averages of weights over training: stochastic weight averaging (arXiv 1803.05407) and EMA."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from copy import deepcopy
from typing import Any

from ..autograd.modes import no_grad
from ..backends.dtype import DTYPES
from ..nn.modules.batchnorm import _BatchNorm
from ..nn.modules.module import Module
from ..ops.registry import FUNCTIONS
from .lr_scheduler.base import LRScheduler, one_per_group
from .optimizer import Optimizer

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def get_ema_avg_fn(decay: float = 0.999) -> Callable[[Any, Any, Any], Any]:
    """``f(average, value, count)``: the exponential moving average that keeps ``decay``.

    >>> average = torch.optim.swa_utils.get_ema_avg_fn(decay=0.75)
    >>> average(torch.tensor(4.0), torch.tensor(8.0), 1)
    tensor(5.)
    """
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn() -> Callable[[Any, Any, Any], Any]:
    """``f(average, value, count)``: the mean of ``count`` values and one more.

    >>> average = torch.optim.swa_utils.get_swa_avg_fn()
    >>> average(torch.tensor(4.0), torch.tensor(8.0), torch.tensor(3))
    tensor(5.)
    """

    @no_grad()
    def swa_update(averaged_param: Any, current_param: Any, num_averaged: Any) -> Any:
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[[Any, Any, Any], None]:
    """``f(averages, values, count)``: :func:`get_ema_avg_fn` over lists, in place.

    >>> x = torch.tensor(4.0)
    >>> torch.optim.swa_utils.get_ema_multi_avg_fn(0.75)([x], [torch.tensor(8.0)], 1)
    >>> x
    tensor(5.)
    """
    average = get_ema_avg_fn(decay)

    @no_grad()
    def ema_update(ema_param_list: Any, current_param_list: Any, num_averaged: Any) -> None:
        for held, value in zip(ema_param_list, current_param_list, strict=True):
            held.copy_(average(held, value, num_averaged))

    return ema_update


def get_swa_multi_avg_fn() -> Callable[[Any, Any, Any], None]:
    """``f(averages, values, count)``: :func:`get_swa_avg_fn` over lists, in place.

    >>> x = torch.tensor(4.0)
    >>> torch.optim.swa_utils.get_swa_multi_avg_fn()([x], [torch.tensor(8.0)], torch.tensor(3))
    >>> x
    tensor(5.)
    """
    average = get_swa_avg_fn()

    @no_grad()
    def swa_update(averaged_param_list: Any, current_param_list: Any, num_averaged: Any) -> None:
        for held, value in zip(averaged_param_list, current_param_list, strict=True):
            held.copy_(average(held, value, num_averaged))

    return swa_update


class AveragedModel(Module):
    """A copy of a model whose parameters are averages of the model's.

    ``n_averaged`` counts the calls of :meth:`update_parameters`.

    Args:
        model: what is averaged; ``module`` is its copy.
        device: where the averages are.
        avg_fn: ``f(average, value, count)`` gives the new average; None: the mean.
        multi_avg_fn: ``f(averages, values, count)`` updates lists of one device and dtype in place.
        use_buffers: average the buffers too; else they are copied.

    Raises:
        AssertionError: both functions are given.

    >>> model = nn.Linear(2, 1)
    >>> average = torch.optim.swa_utils.AveragedModel(model)
    >>> average.update_parameters(model)
    >>> average.n_averaged
    tensor(1)
    """

    def __init__(
        self,
        model: Module,
        device: Any = None,
        avg_fn: Callable[[Any, Any, Any], Any] | None = None,
        multi_avg_fn: Callable[[Any, Any, Any], None] | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer(
            "n_averaged", FUNCTIONS["zeros"]((), dtype=DTYPES["int64"], device=device)
        )
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.module(*args, **kwargs)

    @no_grad()
    def update_parameters(self, model: Module) -> None:
        """Take the present values of ``model`` into the averages; the first call copies them."""
        held: list[Any] = list(self.module.parameters())
        new: list[Any] = list(model.parameters())
        if self.use_buffers:
            held += self.module.buffers()
            new += model.buffers()
        pairs = [(a.detach(), b.detach().to(a.device)) for a, b in zip(held, new, strict=False)]
        if self.n_averaged == 0:
            for average, value in pairs:
                average.copy_(value)
        elif self.multi_avg_fn is not None:
            self._update_lists(pairs)
        else:
            function = self.avg_fn or get_swa_avg_fn()
            for average, value in pairs:
                average.copy_(function(average, value, self.n_averaged.to(average.device)))
        if not self.use_buffers:
            for mine, theirs in zip(self.module.buffers(), model.buffers(), strict=True):
                mine.detach().copy_(theirs.detach().to(mine.device))
        self.n_averaged += 1

    def _update_lists(self, pairs: list[tuple[Any, Any]]) -> None:
        kinds: dict[Any, list[tuple[Any, Any]]] = {}
        for average, value in pairs:
            kinds.setdefault((average.device, average.dtype), []).append((average, value))
        for (device, _), members in kinds.items():
            averages, values = map(list, zip(*members, strict=True))
            self.multi_avg_fn(averages, values, self.n_averaged.to(device))  # type: ignore[misc]


@no_grad()
def update_bn(loader: Iterable[Any], model: Module, device: Any = None) -> None:
    """Recompute the running statistics of batch normalisation in one pass over ``loader``.

    Args:
        loader: gives batches; of tuples and lists the first member is the input.
        model: runs in training mode, then goes back to the mode it was in.
        device: where inputs are moved.

    >>> model = nn.BatchNorm1d(1)
    >>> torch.optim.swa_utils.update_bn([torch.tensor([[1.0], [3.0]])], model)
    >>> model.running_mean
    tensor([2.])
    """
    layers = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain mean over the batches
    was_training = model.training
    model.train()
    for batch in loader:
        batch = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(batch if device is None else batch.to(device))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """From the rates of the groups to ``swa_lr``, where it stays.

    Args:
        optimizer: whose rates are set.
        swa_lr: a number, or a list with one for each group.
        anneal_epochs: epochs of the way there.
        anneal_strategy: "cos" or "linear".
        last_epoch: where to resume.

    Raises:
        ValueError: an unknown strategy, negative epochs, or a list of another length than the
            groups.

    >>> optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    >>> plan = torch.optim.swa_utils.SWALR(optimizer, swa_lr=0.5, anneal_epochs=2)
    >>> [(optimizer.step(), plan.step(), round(plan.get_last_lr()[0], 3))[2] for _ in range(3)]
    [0.75, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | list[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = one_per_group("swa_lr", optimizer, swa_lr)
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, step: int) -> float:
        """The share of ``swa_lr`` in the rate of a step."""
        share = max(0, min(1, step / max(1, self.anneal_epochs)))
        return share if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * share)) / 2

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, share = self._share(step - 1), self._share(step)
        rates = []
        for group in self.optimizer.param_groups:
            goal = group["swa_lr"]
            start = goal if before == 1 else (group["lr"] - before * goal) / (1 - before)
            rates.append(goal * share + start * (1 - share))
        return rates
