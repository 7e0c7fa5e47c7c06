"""Adafactor."""

from __future__ import annotations

from typing import Any

from ..backends.dtype import finfo
from ..ops.registry import FUNCTIONS
from .kernels import advance, new_step
from .options import number
from .per_parameter import PerParameter

__all__ = ["Adafactor"]


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ValueError(message)


class Adafactor(PerParameter):
    """Adafactor (arXiv 1804.04235): the mean squares of a matrix as a row times a column.

    Args:
        params: see :class:`Optimizer`; real ones.
        lr: the learning rate, a number or a one-element tensor; bounds the relative step.
        beta2_decay: the share of step t in the mean squares is ``t ** beta2_decay``.
        eps: the least mean square (None: that of the dtype's precision), and the least size of a
            parameter that steps are relative to.
        d: the root mean square that updates are clipped to.
        weight_decay: the share of the parameter that is taken off, times ``lr``.
        foreach: chooses among kernels in PyTorch; here one path serves all.
        maximize: step along the gradient instead of against it.

    Raises:
        ValueError: options out of range.

    >>> x = nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> x.square().sum().backward()
    >>> torch.optim.Adafactor([x], lr=0.1).step()
    >>> x.data
    tensor([ 0.8419, -1.8419])
    """

    _later_options = {"foreach": None}

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        if hasattr(lr, "numel"):
            _require(lr.numel() == 1, "Tensor lr must be 1-element")
        least, size = eps
        _require(lr >= 0.0, f"Learning rate should be >= 0 but is: {lr}")
        _require(beta2_decay <= 0.0, f"beta2_decay should be <= 0 but is: {beta2_decay}")
        _require(least is None or least >= 0.0, f"epsilon1 should be >= 0 but is: {least}")
        _require(size >= 0.0, f"epsilon2 should be >= 0 but is: {size}")
        _require(d >= 1.0, f"Clipping threshold d should be >= 1 but is: {d}")
        _require(weight_decay >= 0.0, f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def _begin(self, param: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        if param.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        state["step"] = new_step(param, group)
        shape = list(param.shape)
        if len(shape) > 1:
            state["row_var"] = param.new_zeros([*shape[:-1], 1])
            state["col_var"] = param.new_zeros([*shape[:-2], 1, shape[-1]])
        else:
            state["variance"] = FUNCTIONS["zeros_like"](param.detach())

    def _update_one(self, param: Any, grad: Any, state: dict[str, Any], group: dict) -> None:
        lr, (least, size) = number(group["lr"]), group["eps"]
        if least is None:
            least = finfo(param.dtype).eps
        step = advance([state["step"]])[0]
        share = step ** group["beta2_decay"]
        pace = max(size, _root_mean_square(param)) * min(lr, 1 / step**0.5)
        if group["weight_decay"] != 0:
            param.mul_(1 - lr * group["weight_decay"])
        if grad.dim() > 1:
            row, column = state["row_var"], state["col_var"]
            row.lerp_((grad * grad).mean(dim=-1, keepdim=True), share)
            column.lerp_((grad * grad).mean(dim=-2, keepdim=True), share)
            estimate = (row @ column) / row.mean(dim=-2, keepdim=True).clamp(min=least)
        else:
            estimate = state["variance"].lerp_(grad * grad, share)
        update = grad * estimate.clamp(min=least * least).rsqrt()
        excess = max(1.0, _root_mean_square(update) / group["d"])
        param.add_(update, alpha=-pace / excess)


def _root_mean_square(x: Any) -> float:
    return x.norm(2).item() / x.numel() ** 0.5
