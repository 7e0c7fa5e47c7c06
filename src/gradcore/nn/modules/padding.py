"""Padding layers."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .module import Module
from .utils import ntuple

__all__ = [
    f"{kind}Pad{n}d"
    for kind in ("Circular", "Constant", "Reflection", "Replication", "Zero")
    for n in (1, 2, 3)
]


class _PadNd(Module):
    """Pads the last ``_ndim`` dimensions by ``_mode``.

    ``padding`` is an int, or (last dim before, last dim after, second to last before, …);
    negative amounts cut off.
    """

    __constants__ = ["padding"]
    _ndim: int
    _mode: str
    padding: tuple[int, ...]

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = ntuple(2 * self._ndim, "sizes")(padding)

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(_PadNd):
    __constants__ = ["padding", "value"]
    _mode = "constant"

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__(padding)
        self.value = value

    def forward(self, input: Any) -> Any:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Pads (N, C, L) or (C, L) with ``value``.

    >>> nn.ConstantPad1d(1, 9.0)(torch.tensor([[[1.0, 2.0]]]))
    tensor([[[9., 1., 2., 9.]]])
    """

    _ndim = 1


class ConstantPad2d(_ConstantPadNd):
    """Pads (N, C, H, W) or (C, H, W) with ``value``.

    >>> nn.ConstantPad2d(1, 9.0)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 3, 6, 6])
    """

    _ndim = 2


class ConstantPad3d(_ConstantPadNd):
    """Pads (N, C, D, H, W) or (C, D, H, W) with ``value``.

    >>> nn.ConstantPad3d(1, 9.0)(torch.zeros(1, 3, 4, 4, 4)).shape
    torch.Size([1, 3, 6, 6, 6])
    """

    _ndim = 3


class _ZeroPadNd(_ConstantPadNd):
    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad1d(_ZeroPadNd):
    """Pads (N, C, L) or (C, L) with zeros.

    >>> nn.ZeroPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[0., 1., 2., 3., 0.]]])
    """

    _ndim = 1


class ZeroPad2d(_ZeroPadNd):
    """Pads (N, C, H, W) or (C, H, W) with zeros.

    >>> nn.ZeroPad2d(1)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 3, 6, 6])
    """

    _ndim = 2


class ZeroPad3d(_ZeroPadNd):
    """Pads (N, C, D, H, W) or (C, D, H, W) with zeros.

    >>> nn.ZeroPad3d(1)(torch.zeros(1, 3, 4, 4, 4)).shape
    torch.Size([1, 3, 6, 6, 6])
    """

    _ndim = 3


class _ReflectionPadNd(_PadNd):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Pads (N, C, L) or (C, L) with its mirror image; the edge itself is not repeated.

    >>> nn.ReflectionPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[2., 1., 2., 3., 2.]]])
    """

    _ndim = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Pads (N, C, H, W) or (C, H, W) with its mirror image.

    >>> nn.ReflectionPad2d(1)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 3, 6, 6])
    """

    _ndim = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Pads (N, C, D, H, W) or (C, D, H, W) with its mirror image.

    >>> nn.ReflectionPad3d(1)(torch.zeros(1, 3, 4, 4, 4)).shape
    torch.Size([1, 3, 6, 6, 6])
    """

    _ndim = 3


class _ReplicationPadNd(_PadNd):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Pads (N, C, L) or (C, L) with its edges.

    >>> nn.ReplicationPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[1., 1., 2., 3., 3.]]])
    """

    _ndim = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Pads (N, C, H, W) or (C, H, W) with its edges.

    >>> nn.ReplicationPad2d(1)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 3, 6, 6])
    """

    _ndim = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Pads (N, C, D, H, W) or (C, D, H, W) with its edges.

    >>> nn.ReplicationPad3d(1)(torch.zeros(1, 3, 4, 4, 4)).shape
    torch.Size([1, 3, 6, 6, 6])
    """

    _ndim = 3


class _CircularPadNd(_PadNd):
    _mode = "circular"

    def forward(self, input: Any) -> Any:
        if input.dim() not in (self._ndim + 1, self._ndim + 2):
            raise ValueError(
                f"expected {self._ndim + 1}D or {self._ndim + 2}D input (got {input.dim()}D input)"
            )
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """Pads (N, C, L) or (C, L) with its other end.

    >>> nn.CircularPad1d(1)(torch.tensor([[[1.0, 2.0, 3.0]]]))
    tensor([[[3., 1., 2., 3., 1.]]])
    """

    _ndim = 1


class CircularPad2d(_CircularPadNd):
    """Pads (N, C, H, W) or (C, H, W) with its other ends.

    >>> nn.CircularPad2d(1)(torch.zeros(1, 3, 4, 4)).shape
    torch.Size([1, 3, 6, 6])
    """

    _ndim = 2


class CircularPad3d(_CircularPadNd):
    """Pads (N, C, D, H, W) or (C, D, H, W) with its other ends.

    >>> nn.CircularPad3d(1)(torch.zeros(1, 3, 4, 4, 4)).shape
    torch.Size([1, 3, 6, 6, 6])
    """

    _ndim = 3
