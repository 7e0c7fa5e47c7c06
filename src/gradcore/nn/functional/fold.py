"""Fold and unfold."""

from __future__ import annotations

from typing import Any

from ...ops.fold import block_counts, col2im, im2col
from ...ops.operand import require_tensor


def _pair(name: str, value: Any) -> tuple[int, int]:
    if isinstance(value, int):
        return (value, value)
    value = tuple(int(v) for v in value)
    if len(value) == 1:
        return value * 2
    if len(value) != 2:
        raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(value)}")
    return value


def _geometry(kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> dict[str, tuple]:
    geometry = {
        "kernel": _pair("kernel_size", kernel_size),
        "dilation": _pair("dilation", dilation),
        "padding": _pair("padding", padding),
        "stride": _pair("stride", stride),
    }
    for name, label in (("kernel", "kernel size"), ("dilation", "dilation"), ("stride", "stride")):
        if min(geometry[name]) <= 0:
            height, width = geometry[name]
            raise RuntimeError(
                f"{label} should be greater than zero, but got {name}_height: {height} "
                f"{name}_width: {width}"
            )
    if min(geometry["padding"]) < 0:
        height, width = geometry["padding"]
        raise RuntimeError(
            f"padding should be non-negative, but got pad_height: {height} pad_width: {width}"
        )
    return geometry


def unfold(
    input: Any, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
) -> Any:
    """The sliding blocks of (N, C, H, W) or (C, H, W) as columns: (N, C * kH * kW, blocks).

    >>> F.unfold(torch.ones(1, 2, 3, 3), kernel_size=2).shape
    torch.Size([1, 8, 4])
    """
    require_tensor("im2col", "self", input)
    geometry = _geometry(kernel_size, dilation, padding, stride)
    shape = tuple(input.shape)
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {list(shape)}"
        )
    blocks = block_counts(shape[-2:], **geometry)
    if min(blocks) < 1:
        raise RuntimeError(
            f"Given input with spatial size ({shape[-2]}, {shape[-1]}), "
            f"kernel_size={geometry['kernel']}, dilation={geometry['dilation']}, "
            f"padding={geometry['padding']}, calculated shape of the array of sliding blocks as "
            f"{blocks}, but its components must be at least one."
        )
    if len(shape) == 3:
        return im2col(input.unsqueeze(0), **geometry).squeeze(0)
    return im2col(input, **geometry)


def fold(
    input: Any,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Any:
    """Columns (N, C * kH * kW, blocks) added up to (N, C, H, W): the adjoint of :func:`unfold`.

    >>> F.fold(torch.ones(1, 4, 2), (2, 3), kernel_size=2)
    tensor([[[[1., 2., 1.],
              [1., 2., 1.]]]])
    """
    require_tensor("col2im", "self", input)
    size = _pair("output_size", output_size)
    geometry = _geometry(kernel_size, dilation, padding, stride)
    shape = tuple(input.shape)
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {list(shape)}"
        )
    area = geometry["kernel"][0] * geometry["kernel"][1]
    if shape[-2] % area:
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={shape[-2]} and kernel_size={geometry['kernel']}."
        )
    blocks = block_counts(size, **geometry)
    if shape[-1] != blocks[0] * blocks[1] or min(blocks) < 1:
        raise RuntimeError(
            f"Given output_size={size}, kernel_size={geometry['kernel']}, "
            f"dilation={geometry['dilation']}, padding={geometry['padding']}, "
            f"stride={geometry['stride']}, expected size of input's dimension 2 to match the "
            f"calculated number of sliding blocks {blocks[0]} * {blocks[1]} = "
            f"{blocks[0] * blocks[1]}, but got input.size(2)={shape[-1]}."
        )
    if len(shape) == 2:
        return col2im(input.unsqueeze(0), size=size, **geometry).squeeze(0)
    return col2im(input, size=size, **geometry)
