"""Moving elements between channels and positions: pixel and channel shuffles, one-hot."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ...ops.embedding import one_hot_op
from ...ops.extrema import aminmax_op
from ...ops.operand import require_tensor


def _check_planes(name: str, input: Any) -> None:
    require_tensor(name, "self", input)
    if input.ndim < 3:
        raise RuntimeError(
            f"{name} expects input to have at least 3 dimensions, but got input with "
            f"{input.ndim} dimension(s)"
        )


def pixel_shuffle(input: Any, upscale_factor: int) -> Any:
    """(*, C * r * r, H, W) as (*, C, H * r, W * r) with r = ``upscale_factor``.

    >>> F.pixel_shuffle(torch.zeros(1, 8, 2, 2), 2).shape
    torch.Size([1, 2, 4, 4])
    """
    _check_planes("pixel_shuffle", input)
    r = upscale_factor
    if r <= 0:
        raise RuntimeError(f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    if channels % (r * r):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}"
        )
    n = len(lead)
    parts = input.reshape((*lead, channels // (r * r), r, r, height, width))
    order = (*range(n), n, n + 3, n + 1, n + 4, n + 2)
    return parts.permute(order).reshape((*lead, channels // (r * r), height * r, width * r))


def pixel_unshuffle(input: Any, downscale_factor: int) -> Any:
    """(*, C, H * r, W * r) as (*, C * r * r, H, W): undoes :func:`pixel_shuffle`.

    >>> F.pixel_unshuffle(torch.zeros(1, 2, 4, 4), 2).shape
    torch.Size([1, 8, 2, 2])
    """
    _check_planes("pixel_unshuffle", input)
    r = downscale_factor
    if r <= 0:
        raise RuntimeError(f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    for size, name, dim in ((height, "height", -2), (width, "width", -1)):
        if size % r:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({dim})={size} is not divisible by {r}"
            )
    n = len(lead)
    parts = input.reshape((*lead, channels, height // r, r, width // r, r))
    order = (*range(n), n, n + 2, n + 4, n + 1, n + 3)
    return parts.permute(order).reshape((*lead, channels * r * r, height // r, width // r))


def channel_shuffle(input: Any, groups: int) -> Any:
    """(N, C, *) with its channels dealt out over ``groups``: (g, C / g) as (C / g, g).

    >>> F.channel_shuffle(torch.arange(4).reshape(1, 4, 1), 2).flatten()
    tensor([0, 2, 1, 3])
    """
    require_tensor("channel_shuffle", "self", input)
    if input.ndim < 3:
        raise RuntimeError(
            "channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{list(input.shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    batch, channels, *sizes = input.shape
    if channels % groups:
        raise RuntimeError(
            "Number of channels must be divisible by groups. Got "
            f"{channels} channels and {groups} groups."
        )
    parts = input.reshape((batch, groups, channels // groups, math.prod(sizes)))
    return parts.transpose(1, 2).reshape(input.shape)


native_channel_shuffle = channel_shuffle


def one_hot(tensor: Any, num_classes: int = -1) -> Any:
    """int64 indices (*) as zeros and ones (*, num_classes); -1: as many as the largest needs.

    RuntimeError for an index below 0 or not below ``num_classes``.

    >>> F.one_hot(torch.tensor([2, 0]))
    tensor([[0, 0, 1],
            [1, 0, 0]])
    """
    require_tensor("one_hot", "self", tensor)
    if tensor._array.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if tensor.numel() == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return tensor.new_zeros((*tensor.shape, num_classes))
    low, high = (int(x.item()) for x in aminmax_op(tensor, axes=None, keepdims=False))
    if low < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = high + 1
    elif num_classes < 1:
        raise RuntimeError("num_classes should be positive")
    elif high >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return one_hot_op(tensor, classes=num_classes)
