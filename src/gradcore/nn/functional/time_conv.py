"""A convolution over time with the batch in the middle."""

from __future__ import annotations

from typing import Any

from ...ops.registry import FUNCTIONS


def conv_tbc(input: Any, weight: Any, bias: Any, pad: int = 0) -> Any:
    """A 1-d convolution of (time, batch, channels) with a weight (width, in, out).

    ``pad`` zeros are put before and after the times. RuntimeError for sizes that do not fit.

    >>> F.conv_tbc(torch.ones(5, 2, 3), torch.ones(2, 3, 4), torch.zeros(4)).shape
    torch.Size([4, 2, 4])
    """
    if input.ndim != 3:
        raise RuntimeError("Input must have 3 dims: time, batch, in_channel")
    if weight.ndim != 3:
        raise RuntimeError(
            "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels."
        )
    if bias.ndim != 1:
        raise RuntimeError("Bias must be 1-D")
    if input.shape[2] != weight.shape[1]:
        raise RuntimeError("Input dim 2 (input channels) is not == dim 1 in the weight tensor")
    if weight.shape[2] != bias.shape[0]:
        raise RuntimeError("Bias size must equal dim 2 in the weight tensor (output channels).")
    conv1d = FUNCTIONS["conv1d"]
    out = conv1d(input.permute(1, 2, 0), weight.permute(2, 1, 0), bias, padding=pad)
    return out.permute(2, 0, 1)
