"""Gradients of convolutions, for who writes a backward pass by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops.conv import conv_input, conv_weight, to_tuple

__all__ = [
    "conv1d_input",
    "conv1d_weight",
    "conv2d_input",
    "conv2d_weight",
    "conv3d_input",
    "conv3d_weight",
]


def _geometry(n: int, stride: Any, padding: Any, dilation: Any, groups: int) -> dict[str, Any]:
    values = {"stride": stride, "padding": padding, "dilation": dilation}
    return {name: to_tuple(v, n, name) for name, v in values.items()} | {"groups": groups}


def _by_input(n: int, input_size: Sequence[int], weight: Any, grad_output: Any, *how: Any) -> Any:
    size = tuple(input_size)[-n:]
    return conv_input(grad_output, weight.conj(), input_size=size, **_geometry(n, *how))


def _by_weight(n: int, input: Any, weight_size: Sequence[int], grad_output: Any, *how: Any) -> Any:
    size = tuple(weight_size)[-n:]
    return conv_weight(input.conj(), grad_output, kernel_size=size, **_geometry(n, *how))


def conv1d_input(
    input_size: Sequence[int],
    weight: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of ``conv1d`` by its input of ``input_size``, from that of its output.

    >>> nn.grad.conv1d_input((1, 1, 4), torch.ones(1, 1, 2), torch.ones(1, 1, 3))
    tensor([[[1., 2., 2., 1.]]])
    """
    return _by_input(1, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv1d_weight(
    input: Any,
    weight_size: Sequence[int],
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of ``conv1d`` by its weight of ``weight_size``, from that of its output.

    >>> nn.grad.conv1d_weight(torch.arange(4.0).reshape(1, 1, 4), (1, 1, 2), torch.ones(1, 1, 3))
    tensor([[[3., 6.]]])
    """
    return _by_weight(1, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv2d_input(
    input_size: Sequence[int],
    weight: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of ``conv2d`` by its input of ``input_size``, from that of its output.

    >>> nn.grad.conv2d_input((1, 1, 2, 3), torch.ones(1, 1, 2, 2), torch.ones(1, 1, 1, 2)).tolist()
    [[[[1.0, 2.0, 1.0], [1.0, 2.0, 1.0]]]]
    """
    return _by_input(2, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv2d_weight(
    input: Any,
    weight_size: Sequence[int],
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of ``conv2d`` by its weight of ``weight_size``, from that of its output.

    >>> nn.grad.conv2d_weight(torch.ones(1, 1, 3, 3), (1, 1, 1, 2), torch.ones(1, 1, 3, 2)).tolist()
    [[[[6.0, 6.0]]]]
    """
    return _by_weight(2, input, weight_size, grad_output, stride, padding, dilation, groups)


def conv3d_input(
    input_size: Sequence[int],
    weight: Any,
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of ``conv3d`` by its input of ``input_size``, from that of its output.

    >>> x_size, w, g = (1, 1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2), torch.ones(1, 1, 1, 1, 1)
    >>> nn.grad.conv3d_input(x_size, w, g).sum()
    tensor(8.)
    """
    return _by_input(3, input_size, weight, grad_output, stride, padding, dilation, groups)


def conv3d_weight(
    input: Any,
    weight_size: Sequence[int],
    grad_output: Any,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Any:
    """The gradient of ``conv3d`` by its weight of ``weight_size``, from that of its output.

    >>> x, w_size, g = torch.ones(1, 1, 3, 3, 3), (1, 1, 1, 1, 1), torch.ones(1, 1, 3, 3, 3)
    >>> nn.grad.conv3d_weight(x, w_size, g).item()
    27.0
    """
    return _by_weight(3, input, weight_size, grad_output, stride, padding, dilation, groups)
