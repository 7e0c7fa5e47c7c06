"""RMSprop."""

from __future__ import annotations

from typing import Any

from .kernels import new_step
from .options import check_lr, check_not_negative
from .per_parameter import PerParameter, as_real, count, rate, zeros_like

__all__ = ["RMSprop"]


class RMSprop(PerParameter):
    """RMSprop (Hinton's lecture 6e): divides by the root of the running mean square.

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate, a number or a one-element tensor.
        alpha: the share of the running mean square that is kept.
        eps: added to its root.
        weight_decay: times the parameter, added to its gradient.
        momentum: the share of past steps that is kept.
        centered: subtract the square of the running mean (arXiv 1308.0850).
        capturable: keep the step count on the device (CUDA only, else AssertionError in step).
        foreach: chooses among kernels in PyTorch; here one path serves all.
        maximize: step along the gradient instead of against it.
        differentiable: record the step, so that gradients flow through it.

    Raises:
        ValueError: options out of range.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> x.square().sum().backward()
    >>> torch.optim.RMSprop([x], lr=0.1).step()
    >>> x.data
    tensor([ 5.9605e-08, -1.0000e+00])
    """

    _later_options = {**PerParameter._later_options, "momentum": 0, "centered": False}

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(epsilon=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha)
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _begin(self, param: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_step(param, group)
        state["square_avg"] = zeros_like(param)
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(param)
        if group["centered"]:
            state["grad_avg"] = zeros_like(param)

    def _update_one(self, param: Any, grad: Any, state: dict[str, Any], group: dict) -> None:
        alpha, lr = group["alpha"], rate(group)
        count(state, group)
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        param, grad, square = as_real(param, grad, state["square_avg"])
        square.mul_(alpha).addcmul_(grad, grad, value=1 - alpha)
        variance = square
        if group["centered"]:
            (mean,) = as_real(state["grad_avg"])
            mean.lerp_(grad, 1 - alpha)
            variance = square - mean * mean
        elif group["differentiable"]:  # what sqrt saves must not be written to later
            variance = square.clone()
        step = grad / (variance.sqrt() + group["eps"])
        if group["momentum"] > 0:
            (buffer,) = as_real(state["momentum_buffer"])
            step = buffer.mul_(group["momentum"]).add_(step)
        param.sub_(step * lr)
