"""Rprop."""

from __future__ import annotations

from typing import Any

from ..ops.registry import FUNCTIONS
from .kernels import new_step
from .options import check_lr, number
from .per_parameter import PerParameter, as_real, count, full_like, zeros_like

__all__ = ["Rprop"]


class Rprop(PerParameter):
    """Resilient backpropagation (Riedmiller and Braun, 1993): only signs of gradients count.

    Args:
        params: see :class:`Optimizer`.
        lr: the size of the first steps, a number or a one-element tensor.
        etas: what a step size is multiplied by when the gradient's sign has changed, and when not.
        step_sizes: the smallest and the largest step.
        capturable: keep the step count on the device (CUDA only, else AssertionError in step).
        foreach: chooses among kernels in PyTorch; here one path serves all.
        maximize: step along the gradient instead of against it.
        differentiable: record the step, so that gradients flow through it.

    Raises:
        ValueError: options out of range.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> x.square().sum().backward()
    >>> torch.optim.Rprop([x], lr=0.1).step()
    >>> x.data
    tensor([ 0.9000, -1.9000])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def _begin(self, param: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_step(param, group)
        state["prev"] = zeros_like(param)
        state["step_size"] = full_like(param, number(group["lr"]))

    def _update_one(self, param: Any, grad: Any, state: dict[str, Any], group: dict) -> None:
        less, more = group["etas"]
        smallest, largest = group["step_sizes"]
        count(state, group)
        param, grad, before, size = as_real(param, grad, state["prev"], state["step_size"])
        agreement = (grad * before).detach()
        turned = agreement < 0
        factor = FUNCTIONS["ones_like"](agreement)
        factor = factor.masked_fill(agreement > 0, more).masked_fill(turned, less)
        size.mul_(factor).clamp_(smallest, largest)
        grad = grad.masked_fill(turned, 0)
        param.sub_(grad.sign() * (size.clone() if group["differentiable"] else size))
        before.copy_(grad)
