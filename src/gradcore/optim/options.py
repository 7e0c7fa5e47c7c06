"""Checks and conversions of the options that optimizers share."""

from __future__ import annotations

from typing import Any

from ..autograd.variable import TensorBase

# What PyTorch names in its messages.
_FUSED_DEVICES = ["mps", "cuda", "xpu", "hpu", "cpu", "mtia"]
_CAPTURABLE_DEVICES = ["cuda", "xpu", "hpu", "privateuseone", "xla"]


def check_lr(lr: Any) -> None:
    """ValueError unless ``lr`` is a number >= 0, or a tensor of one."""
    if isinstance(lr, TensorBase) and lr.numel() != 1:  # type: ignore[attr-defined]
        raise ValueError("Tensor lr must be 1-element")
    if not lr >= 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")


def check_not_negative(**values: Any) -> None:
    """ValueError for a negative (or nan) value, by its name in PyTorch's message."""
    for name, value in values.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {name} value: {value}")


def check_betas(betas: tuple[Any, Any]) -> None:
    """ValueError unless both shares are in [0, 1)."""
    for i, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {beta}")


def check_choices(options: dict[str, Any]) -> None:
    """PyTorch's errors for contradicting ``fused``, ``foreach`` and ``differentiable``."""
    if options["fused"]:
        if options["differentiable"]:
            raise RuntimeError("`fused` does not support `differentiable`")
        if options["foreach"]:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def check_fused(param: Any) -> None:
    """PyTorch's error for ``fused=True`` with a parameter that has no fused kernel."""
    if not param.is_floating_point():
        raise RuntimeError(
            "`fused=True` requires all the params to be floating point Tensors of supported "
            f"devices: {_FUSED_DEVICES} but {param.dtype} and {param.device.type}"
        )


def check_capturable(param: Any, step: Any) -> None:
    """PyTorch's error for ``capturable=True`` where nothing can be captured."""
    if param.device.type not in _CAPTURABLE_DEVICES or step.device.type != param.device.type:
        raise AssertionError(
            "If capturable=True, params and state_steps must be on supported devices: "
            f"{_CAPTURABLE_DEVICES}."
        )


def number(value: Any) -> Any:
    """A Python number of an option that may be a one-element tensor."""
    return value.item() if isinstance(value, TensorBase) else value


def is_recorded(value: Any) -> bool:
    """Whether an option is a tensor that gradients are computed for."""
    return isinstance(value, TensorBase) and value._rg
