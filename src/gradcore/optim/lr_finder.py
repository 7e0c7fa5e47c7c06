"""The learning rate range test (Smith, arXiv 1506.01186, section 3.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from copy import deepcopy
from typing import Any

from ..nn.modules.module import Module
from .optimizer import Optimizer

__all__ = ["LRFinder"]


class LRFinder:
    """Trains for some batches with rising rates, and shows where the loss falls fastest.

    >>> finder = LRFinder(model, optimizer, nn.CrossEntropyLoss())      # doctest: +SKIP
    >>> finder.range_test(train_loader, end_lr=10, num_iter=100)        # doctest: +SKIP
    >>> finder.suggestion()                                             # doctest: +SKIP

    After a test the model and the optimizer are as they were before it; ``history`` holds what
    was seen: {"lr": rates, "loss": smoothed losses}.

    Args:
        model: what is trained.
        optimizer: whose rates, in all groups, are set.
        criterion: ``criterion(model(inputs), targets)`` is the loss.
        device: where batches are moved (None: they stay).
    """

    def __init__(
        self,
        model: Module,
        optimizer: Optimizer,
        criterion: Callable[[Any, Any], Any],
        device: Any = None,
    ) -> None:
        if not isinstance(optimizer, Optimizer):
            raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")
        self.model = model
        self.optimizer = optimizer
        self.criterion = criterion
        self.device = device
        self.history: dict[str, list[float]] = {"lr": [], "loss": []}
        self.diverged = False

    def range_test(
        self,
        train_loader: Iterable[Any],
        start_lr: float = 1e-7,
        end_lr: float = 10.0,
        num_iter: int = 100,
        step_mode: str = "exp",
        smooth_f: float = 0.05,
        diverge_th: float = 5.0,
    ) -> None:
        """Train ``num_iter`` batches with rates from ``start_lr`` to ``end_lr``.

        Args:
            train_loader: gives (inputs, targets), again and again if it is short.
            start_lr, end_lr: the first and the last rate.
            num_iter: batches, at least 2.
            step_mode: rates at equal ratios ("exp") or equal distances ("linear").
            smooth_f: the share of the new loss in the smoothed one; 1 for no smoothing.
            diverge_th: stop when the smoothed loss exceeds the best one by this factor, or is not
                finite.

        Raises:
            ValueError: arguments out of range, or no batches.
        """
        _check(start_lr, end_lr, num_iter, step_mode, smooth_f)
        self.history = {"lr": [], "loss": []}
        self.diverged = False
        weights, state = deepcopy(self.model.state_dict()), deepcopy(self.optimizer.state_dict())
        was_training = self.model.training
        self.model.train()
        try:
            batches = _forever(train_loader)
            for rate in _rates(start_lr, end_lr, num_iter, step_mode):
                if self.diverged:
                    break
                self._record(rate, self._train(next(batches), rate), smooth_f, diverge_th)
        finally:
            self.model.load_state_dict(weights)
            self.optimizer.load_state_dict(state)
            self.optimizer.zero_grad()
            self.model.train(was_training)

    def _train(self, batch: Any, rate: float) -> float:
        inputs, targets = batch
        if self.device is not None:
            inputs, targets = inputs.to(self.device), targets.to(self.device)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.zero_grad()
        loss = self.criterion(self.model(inputs), targets)
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def _record(self, rate: float, loss: float, share: float, limit: float) -> None:
        losses = self.history["loss"]
        if losses:
            loss = share * loss + (1 - share) * losses[-1]
        best = min(losses, default=loss)
        # A loss that may be negative has no scale to exceed by a factor.
        self.diverged = not math.isfinite(loss) or (best > 0 and loss > limit * best)
        if math.isfinite(loss):
            self.history["lr"].append(rate)
            losses.append(loss)

    def suggestion(self, skip_start: int = 10, skip_end: int = 5) -> float:
        """The rate at which the loss falls most steeply over the logarithm of the rate.

        Args:
            skip_start, skip_end: entries of the history to leave out.

        Raises:
            RuntimeError: fewer than three entries are left.
        """
        rates, losses = self._kept(skip_start, skip_end)
        if len(rates) < 3:
            raise RuntimeError(
                f"LRFinder.suggestion() needs three points of the range test, but only "
                f"{len(rates)} are left: run a longer one, or skip fewer"
            )
        slopes = [
            (losses[i + 1] - losses[i - 1]) / math.log(rates[i + 1] / rates[i - 1])
            for i in range(1, len(rates) - 1)
        ]
        return rates[1 + slopes.index(min(slopes))]

    def plot(
        self,
        skip_start: int = 10,
        skip_end: int = 5,
        log_lr: bool = True,
        suggest_lr: bool = True,
        ax: Any = None,
    ) -> Any:
        """Draw the loss over the rate with matplotlib; returns the axes.

        Args:
            skip_start, skip_end: entries of the history to leave out.
            log_lr: a logarithmic axis of rates.
            suggest_lr: mark :meth:`suggestion`.
            ax: the axes to draw into (None: new ones).

        Raises:
            ImportError: matplotlib is not installed.
        """
        rates, losses = self._kept(skip_start, skip_end)
        if ax is None:
            ax = _new_axes()
        ax.plot(rates, losses)
        if suggest_lr:
            best = self.suggestion(skip_start, skip_end)
            ax.scatter([best], [losses[rates.index(best)]], color="red", label=f"{best:.2e}")
            ax.legend()
        if log_lr:
            ax.set_xscale("log")
        ax.set_xlabel("Learning rate")
        ax.set_ylabel("Loss")
        return ax

    def _kept(self, skip_start: int, skip_end: int) -> tuple[list[float], list[float]]:
        if skip_start < 0 or skip_end < 0:
            raise ValueError(
                f"skip_start and skip_end must not be negative, but got {skip_start}, {skip_end}"
            )
        stop = len(self.history["lr"]) - skip_end
        return self.history["lr"][skip_start:stop], self.history["loss"][skip_start:stop]


def _check(start_lr: float, end_lr: float, num_iter: int, step_mode: str, smooth_f: float) -> None:
    if not 0 < start_lr < end_lr:
        raise ValueError(f"expected 0 < start_lr < end_lr, but got {start_lr} and {end_lr}")
    if num_iter < 2:
        raise ValueError(f"num_iter must be at least 2, but got {num_iter}")
    if step_mode not in ("exp", "linear"):
        raise ValueError(f"step_mode must be 'exp' or 'linear', but got {step_mode!r}")
    if not 0 < smooth_f <= 1:
        raise ValueError(f"smooth_f must be above 0 and at most 1, but got {smooth_f}")


def _rates(start: float, end: float, count: int, mode: str) -> Iterator[float]:
    for i in range(count):
        share = i / (count - 1)
        yield start * (end / start) ** share if mode == "exp" else start + (end - start) * share


def _forever(loader: Iterable[Any]) -> Iterator[Any]:
    """The batches of ``loader``, from the beginning again at the end."""
    while True:
        empty = True
        for batch in loader:
            empty = False
            yield batch
        if empty:
            raise ValueError("train_loader gives no batches")


def _new_axes() -> Any:
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            "LRFinder.plot() needs matplotlib: pip install 'gradcore[plot]'"
        ) from error
    return plt.subplots()[1]
