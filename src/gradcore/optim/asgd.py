"""ASGD."""

from __future__ import annotations

from typing import Any

from ..ops.registry import FUNCTIONS
from .kernels import new_step
from .options import check_lr, check_not_negative, number
from .per_parameter import PerParameter, as_real, count, rate, zeros_like

__all__ = ["ASGD"]


class ASGD(PerParameter):
    """Averaged stochastic gradient descent (Polyak and Juditsky, 1992).

    The average of the parameters since step ``t0`` is in ``state[param]["ax"]``.

    Args:
        params: see :class:`Optimizer`.
        lr: the first learning rate, a number or a one-element tensor.
        lambd: the decay term.
        alpha: the power in ``eta = lr / (1 + lambd * lr * t) ** alpha``.
        t0: the step after which averaging begins.
        weight_decay: times the parameter, added to its gradient.
        foreach: chooses among kernels in PyTorch; here one path serves all.
        maximize: step along the gradient instead of against it.
        differentiable: record the step, so that gradients flow through it.
        capturable: keep the counters on the device (CUDA only, else AssertionError in step).

    Raises:
        ValueError: options out of range.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> x.square().sum().backward()
    >>> torch.optim.ASGD([x], lr=0.1).step()
    >>> x.data
    tensor([ 0.8000, -1.6000])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_lr(lr)
        check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _begin(self, param: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_step(param, group)
        state["eta"] = new_step(param, group).fill_(number(group["lr"]))
        state["mu"] = new_step(param, group).fill_(1.0)
        state["ax"] = zeros_like(param)

    def _update_one(self, param: Any, grad: Any, state: dict[str, Any], group: dict) -> None:
        lambd, lr, captured = group["lambd"], rate(group), group["capturable"]
        eta = state["eta"] if captured else number(state["eta"])
        mu = state["mu"] if captured else number(state["mu"])
        param, grad, average = as_real(param, grad, state["ax"])
        step = count(state, group)
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        param.mul_(1 - lambd * eta)
        param.sub_(grad * eta)
        if captured or mu != 1:
            average.add_((param - average) * mu)
        else:
            average.copy_(param)
        averaged = step - group["t0"]
        averaged = FUNCTIONS["clamp"](averaged, min=1) if captured else max(1, averaged)
        if group["foreach"] and not captured:  # PyTorch's path rounds to the counter's dtype here
            growth = 1 + lambd * lr * state["step"]
            power = (growth.double() ** group["alpha"]).to(growth.dtype)
            state["eta"].copy_(power.reciprocal() * lr)
        else:
            state["eta"].fill_(lr / (1 + lambd * lr * step) ** group["alpha"])
        state["mu"].fill_(1 / averaged)
