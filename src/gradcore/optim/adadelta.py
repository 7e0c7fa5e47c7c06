"""Adadelta."""

from __future__ import annotations

from typing import Any

from .kernels import new_step
from .options import check_lr, check_not_negative
from .per_parameter import PerParameter, as_real, count, rate, zeros_like

__all__ = ["Adadelta"]


class Adadelta(PerParameter):
    """Adadelta (arXiv 1212.5701): steps as large as past steps are for such gradients.

    Args:
        params: see :class:`Optimizer`.
        lr: what steps are multiplied by, a number or a one-element tensor.
        rho: the share of the running mean squares that is kept.
        eps: added to both mean squares.
        weight_decay: times the parameter, added to its gradient.
        foreach: chooses among kernels in PyTorch; here one path serves all.
        capturable: keep the step count on the device (CUDA only, else AssertionError in step).
        maximize: step along the gradient instead of against it.
        differentiable: record the step, so that gradients flow through it.

    Raises:
        ValueError: options out of range.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> x.square().sum().backward()
    >>> torch.optim.Adadelta([x], lr=1.0).step()
    >>> x.data
    tensor([ 0.9968, -1.9968])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_not_negative(epsilon=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _begin(self, param: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_step(param, group)
        state["square_avg"] = zeros_like(param)
        state["acc_delta"] = zeros_like(param)

    def _update_one(self, param: Any, grad: Any, state: dict[str, Any], group: dict) -> None:
        rho, eps = group["rho"], group["eps"]
        count(state, group)
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        square, moved = state["square_avg"], state["acc_delta"]
        param, grad, square, moved = as_real(param, grad, square, moved)
        square.mul_(rho).addcmul_(grad, grad, value=1 - rho)
        delta = (moved + eps).sqrt() / (square + eps).sqrt() * grad
        moved.mul_(rho).addcmul_(delta, delta, value=1 - rho)
        param.sub_(delta * rate(group))
