"""Muon."""

from __future__ import annotations

import math
from typing import Any

from .per_parameter import PerParameter, zeros_like

__all__ = ["Muon"]


class Muon(PerParameter):
    """Momentum whose steps are made orthogonal by Newton and Schulz's iteration, for matrices.

    See https://kellerjordan.github.io/posts/muon/ and, for the adjusted rates, arXiv 2502.16982.
    The iteration runs in float32; PyTorch rounds to bfloat16 in it, which changes a step by up to
    two percent.

    Args:
        params: see :class:`Optimizer`; matrices (two dimensions).
        lr: the learning rate, a number or a one-element tensor.
        weight_decay: the share of the parameter that is taken off, times ``lr``.
        momentum: the share of the running mean that is kept.
        nesterov: step along the gradient and the running mean.
        ns_coefficients: (a, b, c) of the polynomial ``a x + b x^3 + c x^5``.
        eps: the least norm that a gradient is divided by.
        ns_steps: iterations, below 100.
        adjust_lr_fn: "original" (None): times ``sqrt(max(1, rows / columns))``; or
            "match_rms_adamw": times ``0.2 sqrt(max(rows, columns))``.

    Raises:
        ValueError: options out of range, parameters that are no matrices.

    >>> w = nn.Parameter(torch.eye(2))
    >>> (3 * w).sum().backward()
    >>> torch.optim.Muon([w], lr=0.1, weight_decay=0.0).step()
    >>> w.shape
    torch.Size([2, 2])
    """

    _later_options: dict[str, Any] = {}

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = (3.4445, -4.7750, 2.0315),
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        if hasattr(lr, "numel") and lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
        named = {"Learning rate": lr, "momentum": momentum, "weight decay": weight_decay}
        for name, value in named.items():
            if not value >= 0.0:
                raise ValueError(f"{name} should be >= 0 but is: {value}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                if param.ndim != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with size: "
                        f"{param.size()}"
                    )

    def _begin(self, param: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        if param.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        state["momentum_buffer"] = zeros_like(param)

    def _update_one(self, param: Any, grad: Any, state: dict[str, Any], group: dict) -> None:
        lr, momentum = float(group["lr"]), group["momentum"]
        buffer = state["momentum_buffer"].lerp_(grad, 1 - momentum)
        update = grad.lerp(buffer, momentum) if group["nesterov"] else buffer
        update = orthogonalized(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        param.mul_(1 - lr * group["weight_decay"])
        scale = _scale(group["adjust_lr_fn"], *param.shape)
        param.add_(update.to(param.dtype), alpha=-lr * scale)


def orthogonalized(x: Any, coefficients: tuple, steps: int, eps: float) -> Any:
    """``x`` of shape (n, m) with all singular values moved close to 1; float32.

    Raises:
        ValueError: 100 steps or more, or not three coefficients.
    """
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = coefficients
    tall = x.size(0) > x.size(1)
    x = x.float()
    x = x.t() if tall else x
    x = x / x.norm().clamp(min=eps)
    for _ in range(steps):
        gram = x @ x.t()
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.t() if tall else x


def _scale(rule: str | None, rows: int, columns: int) -> float:
    if rule == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))
