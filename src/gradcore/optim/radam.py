"""RAdam."""

from __future__ import annotations

from typing import Any

from ..ops.registry import FUNCTIONS
from .kernels import new_step
from .options import check_betas, check_lr, check_not_negative
from .per_parameter import PerParameter, as_real, count, rate, zeros_like

__all__ = ["RAdam"]


class RAdam(PerParameter):
    """Rectified Adam (arXiv 1908.03265): no division while the mean square is unreliable.

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate, a number or a one-element tensor.
        betas: the shares of the running mean and of the running mean square that are kept.
        eps: added to the root mean square.
        weight_decay: times the parameter, added to its gradient.
        decoupled_weight_decay: shrink the parameter itself, as :class:`AdamW`.
        foreach: chooses among kernels in PyTorch; here one path serves all.
        maximize: step along the gradient instead of against it.
        capturable: keep the step count on the device (CUDA only, else AssertionError in step).
        differentiable: record the step, so that gradients flow through it.

    Raises:
        ValueError: options out of range.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> x.square().sum().backward()
    >>> torch.optim.RAdam([x], lr=0.1).step()
    >>> x.data
    tensor([ 0.8000, -1.6000])
    """

    _later_options = {**PerParameter._later_options, "decoupled_weight_decay": False}

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _begin(self, param: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_step(param, group)
        state["exp_avg"] = zeros_like(param)
        state["exp_avg_sq"] = zeros_like(param)

    def _update_one(self, param: Any, grad: Any, state: dict[str, Any], group: dict) -> None:
        beta1, beta2 = group["betas"]
        lr, decay = rate(group), group["weight_decay"]
        mean, square = state["exp_avg"], state["exp_avg_sq"]
        param, grad, mean, square = as_real(param, grad, mean, square)
        step = count(state, group)
        if decay != 0 and group["decoupled_weight_decay"]:
            param.mul_(1 - lr * decay)
        elif decay != 0:
            grad = grad.add(param, alpha=decay)
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        correction = 1 - beta2**step
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / correction
        update = mean / (1 - beta1**step) * lr
        if group["capturable"]:
            rectified = _rectification(length, longest) * (correction**0.5)
            scaled = update * rectified / (square.sqrt() + group["eps"])
            update = FUNCTIONS["where"](length > 5.0, scaled, update)
        elif length > 5.0:
            rectified = _rectification(length, longest) * correction**0.5
            update = update * rectified / (square.sqrt() + group["eps"])
        param.sub_(update)


def _rectification(length: Any, longest: float) -> Any:
    """r of the paper, from the lengths of the moving average now (rho_t) and at last (rho_inf)."""
    above = (length - 4) * (length - 2) * longest
    return (above / ((longest - 4) * (longest - 2) * length)) ** 0.5
