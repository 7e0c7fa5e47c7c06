"""Normalisation layers as functions."""

from __future__ import annotations

import math
from typing import Any

from ...autograd.inplace import assign
from ...autograd.modes import no_grad
from ...backends.dtype import finfo
from ...ops import norm as N
from ...ops.operand import require_tensor
from ...ops.padding import pad
from ...ops.pool import avg_pool2d, avg_pool3d
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
            raise RuntimeError(f"{name} should contain {channels} elements not {value.numel()}")


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

    >>> x = torch.tensor([[1.0], [3.0]])
    >>> F.batch_norm(x, None, None, training=True).flatten()
    tensor([-1.0000,  1.0000])
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
    if (running_mean is not None or running_var is not None) and input.numel():
        count = math.prod(shape) // shape[1]
        with no_grad():
            _move(running_mean, mean, momentum, 1.0)
            _move(running_var, var, momentum, count / (count - 1))
    return out


def _move(held: Any, new: Any, momentum: float, factor: float) -> None:
    """Move a running statistic towards the batch's."""
    if held is not None:
        moved = N.running_average(held, new, momentum=momentum, factor=factor)
        assign(held, moved)


def layer_norm(
    input: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Normalise over the last dimensions, whose sizes are ``normalized_shape``.

    >>> F.layer_norm(torch.tensor([1.0, 3.0]), (2,))
    tensor([-1.0000,  1.0000])
    """
    require_tensor("layer_norm", "input", input)
    normalized = tuple(normalized_shape)
    _check_normalized(input, normalized, weight=weight, bias=bias)
    if input._array.dtype.kind not in "fV":
        raise NotImplementedError(
            f"\"LayerNormKernelImpl\" not implemented for '{name_of(input._array.dtype)}'"
        )
    lead = input.ndim - len(normalized)
    out, _, _ = N.layer_norm_op(
        input,
        weight,
        bias,
        axes=tuple(range(lead, input.ndim)),
        param_shape=(1,) * lead + normalized,
        eps=eps,
    )
    return out


def _check_normalized(input: Any, normalized: tuple[int, ...], **parameters: Any) -> None:
    """The input must end in ``normalized``, and the parameters must have that shape."""
    shape = tuple(input._array.shape)
    if not normalized:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
            "element, but got normalized_shape = []"
        )
    for name, value in parameters.items():
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


def rms_norm(
    input: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None
) -> Any:
    """``input / sqrt(mean(input ** 2) + eps)`` over the last dimensions, times ``weight``.

    ``eps`` is the dtype's machine epsilon where it is None (arXiv 1910.07467).

    >>> F.rms_norm(torch.tensor([1.0, 7.0]), (2,))
    tensor([0.2000, 1.4000])
    """
    require_tensor("rms_norm", "input", input)
    normalized = tuple(normalized_shape)
    _check_normalized(input, normalized, weight=weight)
    # 16-bit floats are averaged in float32
    wide = input.float() if input.element_size() == 2 else input
    if eps is None:
        eps = float(finfo(wide.dtype).eps)
    squares = wide.abs().square() if wide.is_complex() else wide * wide
    mean = squares.mean(tuple(range(input.ndim - len(normalized), input.ndim)), keepdim=True)
    out = wide * (mean + eps).rsqrt()
    if weight is not None:
        out = out * weight
    return out.type_as(input) if weight is None or weight.dtype == input.dtype else out


def group_norm(
    input: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Any:
    """Normalise each of ``num_groups`` groups of channels of (N, C, *) (arXiv 1803.08494).

    >>> F.group_norm(torch.tensor([[1.0, 3.0, 0.0, 4.0]]), 2)
    tensor([[-1.0000,  1.0000, -1.0000,  1.0000]])
    """
    require_tensor("group_norm", "input", input)
    if input.dim() < 2:
        raise RuntimeError(
            f"Expected at least 2 dimensions for input tensor but received {input.dim()}"
        )
    batch, channels, *sizes = input.shape
    _check_batch_size([batch * channels // num_groups, num_groups, *sizes])
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise RuntimeError(
            "Expected number of channels in input to be divisible by num_groups, but got input of "
            f"shape {list(input.shape)} and num_groups={num_groups}"
        )
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and (value.dim() != 1 or value.numel() != channels):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in input, "
                f"but got {name} of shape {list(value.shape)} and input of shape "
                f"{list(input.shape)}"
            )
    per_group = channels // num_groups
    parts = input.reshape((batch, num_groups, per_group, *sizes))
    out, _, _ = N.layer_norm_op(
        parts,
        weight,
        bias,
        axes=tuple(range(2, parts.ndim)),
        param_shape=(1, num_groups, per_group) + (1,) * len(sizes),
        eps=eps,
    )
    return out.reshape(input.shape)


def instance_norm(
    input: Any,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Any:
    """Normalise each channel of each sample of (N, C, *) (arXiv 1607.08022).

    ``use_input_stats``: by its own mean and variance, which also move the running ones (averaged
    over the batch); otherwise by the running ones.

    >>> F.instance_norm(torch.tensor([[[1.0, 3.0]]]))
    tensor([[[-1.0000,  1.0000]]])
    """
    require_tensor("instance_norm", "input", input)
    if use_input_stats:
        _check_spatial_size(input.shape)
    elif running_mean is None or running_var is None:
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    _check_channels(
        input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if not use_input_stats:
        return N.batch_norm_fixed(input, running_mean, running_var, weight, bias, eps=eps)
    ndim, shape = input.ndim, input._array.shape
    out, mean, var = N.batch_norm_op(
        input,
        weight,
        bias,
        axes=tuple(range(2, ndim)),
        param_shape=(1, shape[1]) + (1,) * (ndim - 2),
        eps=eps,
    )
    count = math.prod(shape[2:])
    with no_grad():
        _move(running_mean, mean.mean(0), momentum, 1.0)
        _move(running_var, var.mean(0), momentum, count / (count - 1))
    return out


def _check_spatial_size(size: Any) -> None:
    if math.prod(size[2:]) == 1:
        raise ValueError(
            f"Expected more than 1 spatial element when training, got input size {size}"
        )


def local_response_norm(
    input: Any, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Any:
    """``input / (k + alpha * mean of squares of size channels around it) ** beta``: (N, C, *).

    >>> F.local_response_norm(torch.ones(1, 2, 1), 2, k=0.0, alpha=1.0).shape
    torch.Size([1, 2, 1])
    """
    if input.dim() < 3:
        raise ValueError(
            "Expected 3D or higher dimensionality                          "
            f"input (got {input.dim()} dimensions)"
        )
    if input.numel() == 0:
        return input
    squares, around = input * input, (size // 2, (size - 1) // 2)
    if input.dim() == 3:
        padded = pad(squares.unsqueeze(1), (0, 0, *around))
        mean = avg_pool2d(padded, (size, 1), stride=1).squeeze(1)
    else:
        batch, channels, first = input.shape[:3]
        planes = squares.reshape((batch, 1, channels, first, -1))
        padded = pad(planes, (0, 0, 0, 0, *around))
        mean = avg_pool3d(padded, (size, 1, 1), stride=1).reshape(input.shape)
    return input / (mean * alpha + k).pow(beta)
