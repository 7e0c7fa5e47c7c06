"""Pooling layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functional as F
from .module import Module
from .utils import list_with_default, ntuple

__all__ = [
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
]


class _MaxPoolNd(Module):
    """What MaxPool1d, MaxPool2d and MaxPool3d share."""

    __constants__ = [
        "kernel_size",
        "stride",
        "padding",
        "dilation",
        "return_indices",
        "ceil_mode",
    ]
    _function: Callable[..., Any]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        return_indices: bool = False,
        ceil_mode: bool = False,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.dilation = dilation
        self.return_indices = return_indices
        self.ceil_mode = ceil_mode

    def forward(self, input: Any) -> Any:
        return type(self)._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
            ceil_mode=self.ceil_mode,
            return_indices=self.return_indices,
        )

    def extra_repr(self) -> str:
        return (
            f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}, "
            f"dilation={self.dilation}, ceil_mode={self.ceil_mode}"
        )


class MaxPool1d(_MaxPoolNd):
    """Maxima over windows of (N, C, L) or (C, L).

    Args:
        kernel_size, stride, padding, dilation: an int, or one per spatial dimension; the stride
            is the kernel size where it is None.
        return_indices: also return where the maxima are.
        ceil_mode: round the output's size up instead of down.

    >>> nn.MaxPool1d(3, stride=2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 3])
    """

    _function = staticmethod(F.max_pool1d)


class MaxPool2d(_MaxPoolNd):
    """Maxima over windows of (N, C, H, W) or (C, H, W); arguments as in :class:`MaxPool1d`.

    >>> nn.MaxPool2d(3, stride=2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 3, 3])
    """

    _function = staticmethod(F.max_pool2d)


class MaxPool3d(_MaxPoolNd):
    """Maxima over windows of (N, C, D, H, W); arguments as in :class:`MaxPool1d`.

    >>> nn.MaxPool3d(3, stride=2)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 3, 3, 3])
    """

    _function = staticmethod(F.max_pool3d)


class AvgPool1d(Module):
    """Means over windows of (N, C, L) or (C, L).

    Args:
        kernel_size, stride, padding: an int or a tuple of one; the stride is the kernel size where
            it is None.
        ceil_mode: round the output's size up instead of down.
        count_include_pad: divide by the window's size, its padding included.

    >>> nn.AvgPool1d(2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 4])
    """

    __constants__ = ["kernel_size", "stride", "padding", "ceil_mode", "count_include_pad"]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ) -> None:
        super().__init__()
        parse = ntuple(1, "_single")
        self.kernel_size = parse(kernel_size)
        self.stride = parse(kernel_size if stride is None else stride)
        self.padding = parse(padding)
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad

    def forward(self, input: Any) -> Any:
        return F.avg_pool1d(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class _AvgPoolNd(Module):
    """What AvgPool2d and AvgPool3d share."""

    __constants__ = [
        "kernel_size",
        "stride",
        "padding",
        "ceil_mode",
        "count_include_pad",
        "divisor_override",
    ]
    _function: Callable[..., Any]

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = kernel_size if stride is None else stride
        self.padding = padding
        self.ceil_mode = ceil_mode
        self.count_include_pad = count_include_pad
        self.divisor_override = divisor_override

    def forward(self, input: Any) -> Any:
        return type(self)._function(
            input,
            self.kernel_size,
            self.stride,
            self.padding,
            self.ceil_mode,
            self.count_include_pad,
            self.divisor_override,
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class AvgPool2d(_AvgPoolNd):
    """Means over windows of (N, C, H, W) or (C, H, W).

    Arguments as in :class:`AvgPool1d`; ``divisor_override`` divides the sums instead of the
    window's size.

    >>> nn.AvgPool2d(2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    _function = staticmethod(F.avg_pool2d)


class AvgPool3d(_AvgPoolNd):
    """Means over windows of (N, C, D, H, W); arguments as in :class:`AvgPool2d`.

    >>> nn.AvgPool3d(2)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 4, 4, 4])
    """

    _function = staticmethod(F.avg_pool3d)


class _AdaptiveNd(Module):
    """What the adaptive poolings share; ``_ndim`` is the number of spatial dimensions."""

    __constants__ = ["output_size"]
    _ndim: int
    _function: Callable[..., Any]

    def __init__(self, output_size: Any) -> None:
        super().__init__()
        self.output_size = output_size

    def _sizes(self, input: Any) -> Any:
        """The output's sizes, those that are None taken from the input."""
        size = self.output_size
        if self._ndim > 1 and not isinstance(size, int):
            return list_with_default(size, list(input.shape))
        return size

    def forward(self, input: Any) -> Any:
        return type(self)._function(input, self._sizes(input))

    def extra_repr(self) -> str:
        return f"output_size={self.output_size}"


class AdaptiveAvgPool1d(_AdaptiveNd):
    """Means over ``output_size`` even parts of (N, C, L) or (C, L).

    >>> nn.AdaptiveAvgPool1d(2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 2])
    """

    _ndim = 1
    _function = staticmethod(F.adaptive_avg_pool1d)


class AdaptiveAvgPool2d(_AdaptiveNd):
    """Means over even parts of (N, C, H, W); None in ``output_size``: the input's own size.

    >>> nn.AdaptiveAvgPool2d(2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 2, 2])
    """

    _ndim = 2
    _function = staticmethod(F.adaptive_avg_pool2d)


class AdaptiveAvgPool3d(_AdaptiveNd):
    """Means over even parts of (N, C, D, H, W); None in ``output_size``: the input's own size.

    >>> nn.AdaptiveAvgPool3d(2)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 2, 2, 2])
    """

    _ndim = 3
    _function = staticmethod(F.adaptive_avg_pool3d)
