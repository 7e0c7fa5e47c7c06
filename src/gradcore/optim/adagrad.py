"""Adagrad."""

from __future__ import annotations

from typing import Any

from .kernels import new_step
from .options import check_choices, check_fused, check_lr, check_not_negative
from .per_parameter import PerParameter, as_real, count, full_like, rate

__all__ = ["Adagrad"]


class Adagrad(PerParameter):
    """Adagrad (Duchi, Hazan and Singer, 2011): divides by the root of all squares so far.

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate, a number or a one-element tensor.
        lr_decay: the rate of step t is ``lr / (1 + (t - 1) * lr_decay)``.
        weight_decay: times the parameter, added to its gradient.
        initial_accumulator_value: what the sums of squares begin with.
        eps: added to their roots.
        foreach, fused: choose among kernels in PyTorch; here one path serves all.
        maximize: step along the gradient instead of against it.
        differentiable: record the step, so that gradients flow through it.

    Raises:
        ValueError: options out of range.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> x.square().sum().backward()
    >>> torch.optim.Adagrad([x], lr=0.1).step()
    >>> x.data
    tensor([ 0.9000, -1.9000])
    """

    _later_options = {"foreach": None, "maximize": False, "differentiable": False, "fused": None}

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_lr(lr)
        check_not_negative(
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            epsilon=eps,
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_choices(defaults)
        for group in self.param_groups:
            for param in group["params"]:
                self._begin(param, self.state[param], group)

    def _begin(self, param: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_step(param, group)
        state["sum"] = full_like(param, self.defaults["initial_accumulator_value"])

    def _update_one(self, param: Any, grad: Any, state: dict[str, Any], group: dict) -> None:
        if group["fused"]:
            check_fused(param)
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        pace = rate(group) / (1 + (count(state, group) - 1) * group["lr_decay"])
        param, grad, total = as_real(param, grad, state["sum"])
        total.addcmul_(grad, grad)
        param.addcdiv_(grad, total.sqrt() + group["eps"], value=-pace)
