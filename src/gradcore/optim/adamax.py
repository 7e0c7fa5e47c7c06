"""Adamax."""

from __future__ import annotations

from typing import Any

from ..ops.registry import FUNCTIONS
from .kernels import new_step
from .options import check_betas, check_lr, check_not_negative
from .per_parameter import PerParameter, as_real, count, move, rate, zeros_like

__all__ = ["Adamax"]


class Adamax(PerParameter):
    """Adamax (arXiv 1412.6980, section 7): Adam with the largest past gradient as its scale.

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate, a number or a one-element tensor.
        betas: the shares of the running mean and of the running maximum that are kept.
        eps: added to the size of the gradient.
        weight_decay: times the parameter, added to its gradient.
        foreach: chooses among kernels in PyTorch; here one path serves all.
        maximize: step along the gradient instead of against it.
        differentiable: record the step, so that gradients flow through it.
        capturable: keep the step count on the device (CUDA only, else AssertionError in step).

    Raises:
        ValueError: options out of range.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> x.square().sum().backward()
    >>> torch.optim.Adamax([x], lr=0.1).step()
    >>> x.data
    tensor([ 0.9000, -1.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(epsilon=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _begin(self, param: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_step(param, group)
        state["exp_avg"] = zeros_like(param)
        state["exp_inf"] = zeros_like(param)

    def _update_one(self, param: Any, grad: Any, state: dict[str, Any], group: dict) -> None:
        beta1, beta2 = group["betas"]
        step = count(state, group)
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        mean, largest = state["exp_avg"], state["exp_inf"]
        param, grad, mean, largest = as_real(param, grad, mean, largest)
        mean.lerp_(grad, 1 - beta1)
        largest.copy_(FUNCTIONS["maximum"](largest * beta2, grad.abs() + group["eps"]))
        if group["differentiable"]:  # what the division saves must not be written to later
            mean, largest = mean.clone(), largest.clone()
        move(param, mean, largest, rate(group) / (1 - beta1**step))
