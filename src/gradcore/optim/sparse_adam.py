"""SparseAdam."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .optimizer import Optimizer
from .options import check_betas, check_lr

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Adam for sparse gradients, which touches only the rows that occur in them.

    Tensors of gradcore are dense, their gradients too, so ``step`` raises as PyTorch's does for
    dense gradients; :class:`Adam` is what to use.

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate, a number or a one-element tensor.
        betas: the shares of the running mean and of the running mean square that are kept.
        eps: added to the root mean square.
        maximize: step along the gradient instead of against it.

    Raises:
        ValueError: options out of range, or complex parameters.

    >>> torch.optim.SparseAdam([nn.Parameter(torch.zeros(2))], lr=0.1).defaults["lr"]
    0.1
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        maximize: bool = False,
    ) -> None:
        check_lr(lr)
        if not lr > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_betas(betas)
        super().__init__(params, {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize})
        places = [
            [g, i]
            for g, group in enumerate(self.param_groups)
            for i, param in enumerate(group["params"])
            if param.is_complex()
        ]
        if places:
            raise ValueError(
                f"Complex params at indices {places}: SparseAdam does not support complex "
                "parameters"
            )

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Returns what ``closure`` returns.

        Raises:
            RuntimeError: a parameter has a gradient, which is dense.
        """
        return self._run_step(closure)

    def _update(self, group: dict[str, Any]) -> None:
        if any(param._grad is not None for param in group["params"]):
            raise RuntimeError(
                "SparseAdam does not support dense gradients, please consider Adam instead"
            )
