"""Normalisation layers as functions."""

from __future__ import annotations

import math
from typing import Any

from ...autograd.inplace import assign
from ...autograd.modes import no_grad
from ...ops import norm as N
from ...ops.operand import require_tensor
from ...ops.promotion import name_of


def _check_batch_size(size: Any) -> None:
    if math.prod(size) == size[1]:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {size}"
        )


def _check_channels(input: Any, **per_channel: Any) -> None:
    channels = input._array.shape[1]
    for name, value in per_channel.items():
        if value is not None and value.numel() != channels:
            raise RuntimeError(
                f"{name} should contain {channels} elements not {value.numel()}"
            )


def batch_norm(
    input: Any,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalise each channel of ``input`` (N, C, …).

    ``training``: by the batch's own mean and variance, which also move the running ones by
    ``momentum``; otherwise by the running ones. ValueError for one value per channel in training.
    """
    require_tensor("batch_norm", "input", input)
    if training:
        _check_batch_size(input.shape)
        if eps <= 0.0:
            raise ValueError(f"batch_norm eps must be positive during training, but got {eps}")
    elif eps < 0.0:
        raise ValueError(f"batch_norm eps must be non-negative, but got {eps}")
    if input._array.dtype.kind not in "fV":
        raise NotImplementedError(
            f"\"batch_norm\" not implemented for '{name_of(input._array.dtype)}'"
        )
    _check_channels(
        input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if not training:
        if running_mean is None or running_var is None:
            missing = "running_mean" if running_mean is None else "running_var"
            raise RuntimeError(f"Expected {missing} to be defined in evaluation mode")
        return N.batch_norm_fixed(input, running_mean, running_var, weight, bias, eps=eps)
    ndim, shape = input.ndim, input._array.shape
    out, mean, var = N.batch_norm_op(
        input,
        weight,
        bias,
        axes=(0, *range(2, ndim)),
        param_shape=(1, shape[1]) + (1,) * (ndim - 2),
        eps=eps,
    )
    if running_mean is not None or running_var is not None:
        count = math.prod(shape) // shape[1]
        with no_grad():
            _move(running_mean, mean, momentum, 1.0)
            _move(running_var, var, momentum, count / (count - 1))
    return out


def _move(held: Any, new: Any, momentum: float, factor: float) -> None:
    """Move a running statistic towards the batch's."""
    if held is not None:
        moved = N.running_average(held, new, momentum=momentum, factor=factor)
        assign(held, moved, "running_average")


def layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Normalise over the last dimensions, whose sizes are ``normalized_shape``."""
    require_tensor("layer_norm", "input", input)
    normalized = tuple(normalized_shape)
    shape = tuple(input._array.shape)
    if not normalized:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and tuple(value.shape) != normalized:
            raise RuntimeError(
                f"Expected {name} to be of same shape as normalized_shape, but got {name} of shape "
                f"{list(value.shape)} and normalized_shape = {list(normalized)}"
            )
    lead = len(shape) - len(normalized)
    if lead < 0 or shape[lead:] != normalized:
        expected = "".join(f", {n}" for n in normalized)
        raise RuntimeError(
            f"Given normalized_shape={list(normalized)}, expected input with shape [*{expected}], "
            f"but got input of size{list(shape)}"
        )
    if input._array.dtype.kind not in "fV":
        raise NotImplementedError(
            f"\"LayerNormKernelImpl\" not implemented for '{name_of(input._array.dtype)}'"
        )
    out, _, _ = N.layer_norm_op(
        input,
        weight,
        bias,
        axes=tuple(range(lead, len(shape))),
        param_shape=(1,) * lead + normalized,
        eps=eps,
    )
    return out
