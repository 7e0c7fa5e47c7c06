"""NAdam."""

from __future__ import annotations

from typing import Any

from .kernels import new_step
from .options import check_betas, check_lr, check_not_negative, number
from .per_parameter import PerParameter, as_real, count, move, rate, zeros_like

__all__ = ["NAdam"]


class NAdam(PerParameter):
    """Adam with Nesterov's momentum (Dozat, 2016).

    Args:
        params: see :class:`Optimizer`.
        lr: the learning rate, a number or a one-element tensor.
        betas: the shares of the running mean and of the running mean square that are kept.
        eps: added to the root mean square.
        weight_decay: times the parameter, added to its gradient.
        momentum_decay: how fast the momentum of early steps rises to ``betas[0]``.
        decoupled_weight_decay: shrink the parameter itself, as :class:`AdamW`.
        foreach: chooses among kernels in PyTorch; here one path serves all.
        maximize: step along the gradient instead of against it.
        capturable: keep the step count on the device (CUDA only, else AssertionError in step).
        differentiable: record the step, so that gradients flow through it.

    Raises:
        ValueError: options out of range.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> x.square().sum().backward()
    >>> torch.optim.NAdam([x], lr=0.1).step()
    >>> x.data
    tensor([ 0.8944, -1.8944])
    """

    _later_options = {**PerParameter._later_options, "decoupled_weight_decay": False}

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_not_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def _begin(self, param: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        state["step"] = new_step(param, group)
        state["mu_product"] = new_step(param, group).fill_(1.0)
        state["exp_avg"] = zeros_like(param)
        state["exp_avg_sq"] = zeros_like(param)

    def _update_one(self, param: Any, grad: Any, state: dict[str, Any], group: dict) -> None:
        beta1, beta2 = group["betas"]
        lr, decay = rate(group), group["weight_decay"]
        mean, square, product = state["exp_avg"], state["exp_avg_sq"], state["mu_product"]
        param, grad, mean, square = as_real(param, grad, mean, square)
        step = count(state, group)
        if decay != 0 and group["decoupled_weight_decay"]:
            param.mul_(1 - lr * decay)
        elif decay != 0:
            grad = grad.add(param, alpha=decay)
        at, after = (step * group["momentum_decay"], (step + 1) * group["momentum_decay"])
        mu = beta1 * (1.0 - 0.5 * 0.96**at)
        mu_next = beta1 * (1.0 - 0.5 * 0.96**after)
        product.mul_(mu)
        mean.lerp_(grad, 1 - beta1)
        square.mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
        root = (square / (1 - beta2**step)).sqrt() + group["eps"]
        if not group["capturable"]:
            product = number(product)
        if group["differentiable"]:  # what the division saves must not be written to later
            mean = mean.clone()
        move(param, grad, root, lr * (1.0 - mu) / (1.0 - product))
        move(param, mean, root, lr * mu_next / (1.0 - product * mu_next))
