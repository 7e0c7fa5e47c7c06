"""Adaptive, fractional and norm pooling layers, and unpooling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .. import functional as F
from .module import Module
from .pooling import _AdaptiveNd
from .utils import ntuple

__all__ = [
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "FractionalMaxPool2d",
    "FractionalMaxPool3d",
    "LPPool1d",
    "LPPool2d",
    "LPPool3d",
    "MaxUnpool1d",
    "MaxUnpool2d",
    "MaxUnpool3d",
]


class _AdaptiveMaxPoolNd(_AdaptiveNd):
    """What the adaptive max poolings share."""

    __constants__ = ["output_size", "return_indices"]

    def __init__(self, output_size: Any, return_indices: bool = False) -> None:
        super().__init__(output_size)
        self.return_indices = return_indices

    def forward(self, input: Any) -> Any:
        return type(self)._function(input, self._sizes(input), self.return_indices)


class AdaptiveMaxPool1d(_AdaptiveMaxPoolNd):
    """Maxima over ``output_size`` even parts of (N, C, L) or (C, L).

    ``return_indices``: also return their positions, as :class:`MaxUnpool1d` wants them.

    >>> nn.AdaptiveMaxPool1d(2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 2])
    """

    _ndim = 1
    _function = staticmethod(F.adaptive_max_pool1d)


class AdaptiveMaxPool2d(_AdaptiveMaxPoolNd):
    """Maxima over even parts of (N, C, H, W); None in ``output_size``: the input's own size.

    >>> nn.AdaptiveMaxPool2d(2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 2, 2])
    """

    _ndim = 2
    _function = staticmethod(F.adaptive_max_pool2d)


class AdaptiveMaxPool3d(_AdaptiveMaxPoolNd):
    """Maxima over even parts of (N, C, D, H, W); None in ``output_size``: the input's own size.

    >>> nn.AdaptiveMaxPool3d(2)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 2, 2, 2])
    """

    _ndim = 3
    _function = staticmethod(F.adaptive_max_pool3d)


class _FractionalMaxPoolNd(Module):
    """What the fractional max poolings share."""

    __constants__ = ["kernel_size", "return_indices", "output_size", "output_ratio"]
    _ndim: int
    _function: Callable[..., Any]

    def __init__(
        self,
        kernel_size: Any,
        output_size: Any = None,
        output_ratio: Any = None,
        return_indices: bool = False,
        _random_samples: Any = None,
    ) -> None:
        super().__init__()
        parse = ntuple(self._ndim, "sizes")
        name = type(self).__name__
        self.kernel_size = parse(kernel_size)
        if min(self.kernel_size) <= 0:
            raise ValueError(f"kernel_size must greater than zero, but got {self.kernel_size}")
        self.return_indices = return_indices
        self.register_buffer("_random_samples", _random_samples)
        self.output_size = parse(output_size) if output_size is not None else None
        self.output_ratio = parse(output_ratio) if output_ratio is not None else None
        if output_size is None and output_ratio is None:
            raise ValueError(
                f"{name} requires specifying either an output size, or a pooling ratio"
            )
        if output_size is not None and output_ratio is not None:
            raise ValueError("only one of output_size and output_ratio may be specified")
        if self.output_ratio is not None and not all(0 < r < 1 for r in self.output_ratio):
            raise ValueError(f"output_ratio must be between 0 and 1 (got {output_ratio})")

    def forward(self, input: Any) -> Any:
        return type(self)._function(
            input,
            self.kernel_size,
            self.output_size,
            self.output_ratio,
            self.return_indices,
            _random_samples=self._random_samples,
        )


class FractionalMaxPool2d(_FractionalMaxPoolNd):
    """Maxima over windows at random distances of (N, C, H, W) (Graham, arXiv 1412.6071).

    Args:
        kernel_size: an int or a pair.
        output_size: the output's sizes, or …
        output_ratio: … their ratio to the input's, between 0 and 1.
        return_indices: also return the positions of the maxima.

    >>> nn.FractionalMaxPool2d(2, output_size=3)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 3, 3])
    """

    _ndim = 2
    _function = staticmethod(F.fractional_max_pool2d)


class FractionalMaxPool3d(_FractionalMaxPoolNd):
    """:class:`FractionalMaxPool2d` of (N, C, D, H, W).

    >>> nn.FractionalMaxPool3d(2, output_ratio=0.5)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 4, 4, 4])
    """

    _ndim = 3
    _function = staticmethod(F.fractional_max_pool3d)


class _MaxUnpoolNd(Module):
    """What the unpoolings share."""

    _ndim: int
    _function: Callable[..., Any]

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0) -> None:
        super().__init__()
        parse = ntuple(self._ndim, "sizes")
        self.kernel_size = parse(kernel_size)
        self.stride = parse(kernel_size if stride is None else stride)
        self.padding = parse(padding)

    def forward(self, input: Any, indices: Any, output_size: Any = None) -> Any:
        """``output_size`` chooses among the sizes that pooling maps to the input's."""
        return type(self)._function(
            input, indices, self.kernel_size, self.stride, self.padding, output_size
        )

    def extra_repr(self) -> str:
        return f"kernel_size={self.kernel_size}, stride={self.stride}, padding={self.padding}"


class MaxUnpool1d(_MaxUnpoolNd):
    """Maxima (N, C, L) back at the indices that :class:`MaxPool1d` gave, zeros elsewhere.

    >>> pooled = nn.MaxPool1d(2, return_indices=True)(torch.zeros(1, 3, 8))
    >>> nn.MaxUnpool1d(2)(*pooled).shape
    torch.Size([1, 3, 8])
    """

    _ndim = 1
    _function = staticmethod(F.max_unpool1d)


class MaxUnpool2d(_MaxUnpoolNd):
    """Maxima (N, C, H, W) back at the indices that :class:`MaxPool2d` gave, zeros elsewhere.

    >>> pooled = nn.MaxPool2d(2, return_indices=True)(torch.zeros(1, 3, 8, 8))
    >>> nn.MaxUnpool2d(2)(*pooled).shape
    torch.Size([1, 3, 8, 8])
    """

    _ndim = 2
    _function = staticmethod(F.max_unpool2d)


class MaxUnpool3d(_MaxUnpoolNd):
    """Maxima (N, C, D, H, W) back at the indices that :class:`MaxPool3d` gave.

    >>> pooled = nn.MaxPool3d(2, return_indices=True)(torch.zeros(1, 3, 8, 8, 8))
    >>> nn.MaxUnpool3d(2)(*pooled).shape
    torch.Size([1, 3, 8, 8, 8])
    """

    _ndim = 3
    _function = staticmethod(F.max_unpool3d)


class _LPPoolNd(Module):
    """What the norm poolings share."""

    __constants__ = ["norm_type", "kernel_size", "stride", "ceil_mode"]
    _function: Callable[..., Any]

    def __init__(
        self, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
    ) -> None:
        super().__init__()
        self.norm_type = norm_type
        self.kernel_size = kernel_size
        self.stride = stride
        self.ceil_mode = ceil_mode

    def forward(self, input: Any) -> Any:
        return type(self)._function(
            input, float(self.norm_type), self.kernel_size, self.stride, self.ceil_mode
        )

    def extra_repr(self) -> str:
        return (
            f"norm_type={self.norm_type}, kernel_size={self.kernel_size}, stride={self.stride}, "
            f"ceil_mode={self.ceil_mode}"
        )


class LPPool1d(_LPPoolNd):
    """``sum(x ** p) ** (1 / p)`` over windows of (N, C, L) or (C, L), p = ``norm_type``.

    >>> nn.LPPool1d(2, 2)(torch.zeros(1, 3, 8)).shape
    torch.Size([1, 3, 4])
    """

    _function = staticmethod(F.lp_pool1d)


class LPPool2d(_LPPoolNd):
    """``sum(x ** p) ** (1 / p)`` over windows of (N, C, H, W) or (C, H, W).

    >>> nn.LPPool2d(2, 2)(torch.zeros(1, 3, 8, 8)).shape
    torch.Size([1, 3, 4, 4])
    """

    _function = staticmethod(F.lp_pool2d)


class LPPool3d(_LPPoolNd):
    """``sum(x ** p) ** (1 / p)`` over windows of (N, C, D, H, W) or (C, D, H, W).

    >>> nn.LPPool3d(2, 2)(torch.zeros(1, 3, 8, 8, 8)).shape
    torch.Size([1, 3, 4, 4, 4])
    """

    _function = staticmethod(F.lp_pool3d)
