"""Stochastic gradient descent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.variable import TensorBase
from .kernels import run_kernel, zeros_like
from .optimizer import Optimizer
from .options import check_choices, check_fused, is_recorded, number

__all__ = ["SGD"]


class SGD(Optimizer):
    """Stochastic gradient descent with momentum: ``v = momentum * v + (1 - dampening) * g``,
    ``p = p - lr * v``. The first v is g.

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate, a number or a one-element tensor.
        momentum: the share of v that is kept.
        dampening: the share of g that is left out after the first step.
        weight_decay: times the parameter, added to its gradient.
        nesterov: step along ``g + momentum * v`` (needs momentum and no dampening).
        maximize: step along the gradient instead of against it.
        foreach, fused: choose among kernels in PyTorch; here one kernel serves all.
        differentiable: record the step, so that gradients flow through it.

    Raises:
        ValueError: a negative option, or nesterov without momentum.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> x.square().sum().backward()
    >>> torch.optim.SGD([x], lr=0.1, momentum=0.9).step()
    >>> x.data
    tensor([ 0.8000, -1.6000])
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        if isinstance(lr, TensorBase) and lr.numel() != 1:  # type: ignore[attr-defined]
            raise ValueError("Tensor lr must be 1-element")
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_choices(defaults)

    _kernel_state = ("momentum_buffer",)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", False)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; ``closure`` recomputes the loss, which is returned."""
        return self._run_step(closure)

    def _update(self, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p._grad is not None]
        if not params:
            return
        if group["fused"]:
            for param in params:
                check_fused(param)
        if not group["momentum"]:
            self._update_together(params, None, group)
            return
        state = self.state
        try:
            buffers = [state[p]["momentum_buffer"]._array for p in params]
        except (AttributeError, KeyError):  # None, or not there yet
            self._update_with_new(params, group)
        else:
            self._update_together(params, buffers, group)

    def _update_with_new(self, params: list, group: dict[str, Any]) -> None:
        """Update when some parameters have no momentum buffer yet."""
        new = [p for p in params if self.state[p].get("momentum_buffer") is None]
        held = [p for p in params if self.state[p].get("momentum_buffer") is not None]
        if held:
            buffers = [self.state[p]["momentum_buffer"]._array for p in held]
            self._update_together(held, buffers, group)
        for param, buffer in zip(new, zeros_like(new), strict=True):
            self.state[param]["momentum_buffer"] = buffer
        buffers = [self.state[p]["momentum_buffer"]._array for p in new]
        self._update_together(new, buffers, group, first=True)

    def _update_together(
        self, params: list, buffers: list | None, group: dict[str, Any], first: bool = False
    ) -> None:
        """Update parameters that all have a buffer, or need none; ``first``: it is still empty."""
        if not group["differentiable"]:
            options = {
                "lr": number(group["lr"]),
                "momentum": group["momentum"],
                "dampening": group["dampening"],
                "weight_decay": number(group["weight_decay"]),
                "nesterov": group["nesterov"],
                "maximize": group["maximize"],
                "first": first,
            }
            if run_kernel("sgd", params, [buffers], options, self._memory_of(group)):
                return
        with self._mode():
            for param in params:
                buffer = None if buffers is None else self.state[param]["momentum_buffer"]
                update_one(param, param._grad, buffer, group, first)


def update_one(param: Any, grad: Any, buffer: Any, group: dict[str, Any], first: bool) -> None:
    """The step of one parameter in public tensor operations, in place."""
    momentum, decay, lr = group["momentum"], group["weight_decay"], group["lr"]
    if group["maximize"]:
        grad = -grad
    if is_recorded(decay) or decay != 0:
        grad = grad + param.clone() * decay if is_recorded(decay) else grad + param * number(decay)
    if buffer is not None:
        if first:
            buffer.copy_(grad.detach())
        else:
            buffer.mul_(momentum).add_(grad, alpha=1 - group["dampening"])
        grad = grad + buffer * momentum if group["nesterov"] else buffer
    if is_recorded(lr):
        param.sub_(grad.clone() * lr)
    else:
        param.add_(grad, alpha=-number(lr))
