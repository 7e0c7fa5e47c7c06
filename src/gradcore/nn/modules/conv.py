"""Convolutions and transposed convolutions in one, two and three dimensions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

from ...ops.registry import FUNCTIONS
from .. import functional as F
from .. import init
from ..parameter import Parameter
from .module import Module
from .utils import ntuple, reversed_repeated

__all__ = [
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
]

_PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


class _ConvNd(Module):
    """What all convolutions share; ``_ndim`` is the number of spatial dimensions."""

    __constants__ = [
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    ]
    _ndim: int
    _function: Callable[..., Any]
    transposed = False
    weight: Any
    bias: Any

    def _setup(
        self,
        in_channels: int,
        out_channels: int,
        geometry: dict[str, Any],
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any,
        dtype: Any,
    ) -> None:
        """Check and keep the arguments and make the parameters."""
        Module.__init__(self)
        _check_arguments(in_channels, out_channels, groups, geometry, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        parse = ntuple(self._ndim, "sizes")
        for name, value in geometry.items():
            setattr(self, name, value if isinstance(value, str) else parse(value))
        self.transposed = type(self).transposed
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._padding_amounts()
        shape = (out_channels, in_channels // groups, *self.kernel_size)
        if self.transposed:
            shape = (in_channels, out_channels // groups, *self.kernel_size)
        empty = FUNCTIONS["empty"]
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _padding_amounts(self) -> Any:
        """The padding in the order that ``F.pad`` wants."""
        if not isinstance(self.padding, str):
            return reversed_repeated(self.padding, 2)
        amounts = [0, 0] * self._ndim
        if self.padding == "same":
            for i, (d, k) in enumerate(zip(self.dilation, self.kernel_size, strict=True)):
                total = d * (k - 1)
                at = 2 * (self._ndim - 1 - i)
                amounts[at : at + 2] = [total // 2, total - total // 2]
        return amounts

    def reset_parameters(self) -> None:
        """Draw new initial values, uniform in ±1 / sqrt(fan_in)."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        parts = [
            f"{self.in_channels}, {self.out_channels}, kernel_size={self.kernel_size}, "
            f"stride={self.stride}"
        ]
        if self.padding != (0,) * len(self.padding):
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * self._ndim:
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * self._ndim:
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.setdefault("padding_mode", "zeros")


def _check_arguments(
    in_channels: int, out_channels: int, groups: int, geometry: dict, padding_mode: str
) -> None:
    if groups <= 0:
        raise ValueError("groups must be a positive integer")
    if in_channels % groups != 0:
        raise ValueError("in_channels must be divisible by groups")
    if out_channels % groups != 0:
        raise ValueError("out_channels must be divisible by groups")
    padding, stride = geometry["padding"], geometry["stride"]
    if isinstance(padding, str):
        if padding not in ("same", "valid"):
            raise ValueError(
                f"Invalid padding string {padding!r}, should be one of {{'same', 'valid'}}"
            )
        strides = stride if isinstance(stride, Sequence) else (stride,)
        if padding == "same" and any(s != 1 for s in strides):
            raise ValueError("padding='same' is not supported for strided convolutions")
    if padding_mode not in _PADDING_MODES:
        raise ValueError(
            f"padding_mode must be one of {set(_PADDING_MODES)}, but got "
            f"padding_mode='{padding_mode}'"
        )


class _Conv(_ConvNd):
    """A convolution: constructor and forward of Conv1d, Conv2d and Conv3d."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        geometry = {
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "output_padding": 0,
        }
        self._setup(in_channels, out_channels, geometry, groups, bias, padding_mode, device, dtype)

    def forward(self, input: Any) -> Any:
        return self._conv_forward(input, self.weight, self.bias)

    def _conv_forward(self, input: Any, weight: Any, bias: Any) -> Any:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = 0
        function = type(self)._function
        return function(input, weight, bias, self.stride, padding, self.dilation, self.groups)


class Conv1d(_Conv):
    """Cross-correlation of (N, C, L) with ``out_channels`` learned kernels.

    Args:
        in_channels, out_channels: C of the input and of the output.
        kernel_size, stride, dilation: an int, or one per spatial dimension.
        padding: the same, or "same" (output as large as the input, stride 1 only), or "valid".
        groups: the channels are split into that many groups that do not see each other.
        bias: add a learned number per output channel.
        padding_mode: "zeros", "reflect", "replicate" or "circular".

    Raises:
        ValueError: channels that ``groups`` does not divide, or an unknown padding.

    >>> nn.Conv1d(3, 6, kernel_size=3, padding=1)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 6, 8])
    """

    _ndim = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Cross-correlation of (N, C, H, W); arguments as in :class:`Conv1d`.

    >>> nn.Conv2d(3, 6, kernel_size=3, padding=1)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 6, 8, 8])
    """

    _ndim = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """Cross-correlation of (N, C, D, H, W); arguments as in :class:`Conv1d`.

    >>> nn.Conv3d(3, 6, kernel_size=3, padding=1)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 6, 8, 8, 8])
    """

    _ndim = 3
    _function = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    """A transposed convolution: constructor and forward of ConvTranspose1d to 3d."""

    transposed = True

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(f'Only "zeros" padding mode is supported for {type(self).__name__}')
        geometry = {
            "kernel_size": kernel_size,
            "stride": stride,
            "padding": padding,
            "dilation": dilation,
            "output_padding": output_padding,
        }
        self._setup(in_channels, out_channels, geometry, groups, bias, padding_mode, device, dtype)

    def forward(self, input: Any, output_size: Any = None) -> Any:
        """``output_size`` chooses among the sizes that stride > 1 leaves open."""
        output_padding = self.output_padding
        if output_size is not None:
            output_padding = self._output_padding(input, list(output_size))
        return type(self)._function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            output_padding,
            self.groups,
            self.dilation,
        )

    def _output_padding(self, input: Any, output_size: list[int]) -> list[int]:
        n = self._ndim
        lead = 2 if input.dim() == n + 2 else 1
        if len(output_size) == lead + n:
            output_size = output_size[lead:]
        if len(output_size) != n:
            raise ValueError(
                f"ConvTranspose{n}D: for {input.dim()}D input, output_size must have {n} or "
                f"{lead + n} elements (got {len(output_size)})"
            )
        smallest = [
            (input.size(lead + d) - 1) * self.stride[d]
            - 2 * self.padding[d]
            + self.dilation[d] * (self.kernel_size[d] - 1)
            + 1
            for d in range(n)
        ]
        largest = [size + self.stride[d] - 1 for d, size in enumerate(smallest)]
        for size, low, high in zip(output_size, smallest, largest, strict=True):
            if not low <= size <= high:
                raise ValueError(
                    f"requested an output size of {output_size}, but valid sizes range from "
                    f"{smallest} to {largest} (for an input of {input.size()[2:]})"
                )
        return [size - low for size, low in zip(output_size, smallest, strict=True)]


class ConvTranspose1d(_ConvTransposeNd):
    """The adjoint of :class:`Conv1d`: (N, C, L) to a longer signal.

    ``output_padding`` is added to the output's size, where ``stride`` leaves it open; the other
    arguments are as in :class:`Conv1d`, and padding_mode must be "zeros" (ValueError).

    >>> nn.ConvTranspose1d(3, 6, kernel_size=2, stride=2)(torch.zeros(1, 3, 4)).shape
    torch.Size([1, 6, 8])
    """

    _ndim = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """The adjoint of :class:`Conv2d`; arguments as in :class:`ConvTranspose1d`.

    >>> nn.ConvTranspose2d(3, 6, kernel_size=2, stride=2)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 6, 8, 8])
    """

    _ndim = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """The adjoint of :class:`Conv3d`; arguments as in :class:`ConvTranspose1d`.

    >>> nn.ConvTranspose3d(3, 6, kernel_size=2, stride=2)(torch.zeros(1, 3, 4, 4, 4)).shape
    torch.Size([1, 6, 8, 8, 8])
    """

    _ndim = 3
    _function = staticmethod(F.conv_transpose3d)
