"""Activation layers with corners: Hardtanh, ReLU6, Threshold, Hardshrink, Softshrink."""

from __future__ import annotations

from typing import Any

from .. import functional as F
from .activation import with_inplace
from .module import Module

__all__ = [
    "Hardshrink",
    "Hardtanh",
    "ReLU6",
    "Softshrink",
    "Threshold",
]


class Hardtanh(Module):
    """x held between ``min_val`` and ``max_val``.

    >>> nn.Hardtanh()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """

    __constants__ = ["min_val", "max_val", "inplace"]

    def __init__(
        self,
        min_val: float = -1.0,
        max_val: float = 1.0,
        inplace: bool = False,
        min_value: float | None = None,
        max_value: float | None = None,
    ) -> None:
        super().__init__()
        self.min_val = _renamed(min_value, "min_value", "min_val", min_val)
        self.max_val = _renamed(max_value, "max_value", "max_val", max_val)
        self.inplace = inplace
        if self.max_val <= self.min_val:
            raise AssertionError("max_val must be larger than min_val")

    def forward(self, input: Any) -> Any:
        return F.hardtanh(input, self.min_val, self.max_val, self.inplace)

    def extra_repr(self) -> str:
        text = f"min_val={self.min_val}, max_val={self.max_val}"
        return with_inplace(text, self.inplace)


def _renamed(old: float | None, old_name: str, new_name: str, new: float) -> float:
    if old is None:
        return new
    import warnings

    warnings.warn(
        f"keyword argument `{old_name}` is deprecated and rename to `{new_name}`",
        FutureWarning,
        stacklevel=3,
    )
    return old


class ReLU6(Hardtanh):
    """x held between 0 and 6.

    >>> nn.ReLU6()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """

    def __init__(self, inplace: bool = False) -> None:
        super().__init__(0.0, 6.0, inplace)

    def forward(self, input: Any) -> Any:
        return F.relu6(input, self.inplace)

    def extra_repr(self) -> str:
        return "inplace=True" if self.inplace else ""


class Threshold(Module):
    """x above ``threshold``, ``value`` elsewhere.

    >>> nn.Threshold(0.5, 9.0)(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([9., 9., 2.])
    """

    __constants__ = ["threshold", "value", "inplace"]

    def __init__(self, threshold: float, value: float, inplace: bool = False) -> None:
        super().__init__()
        self.threshold = threshold
        self.value = value
        self.inplace = inplace

    def forward(self, input: Any) -> Any:
        return F.threshold(input, self.threshold, self.value, self.inplace)

    def extra_repr(self) -> str:
        return with_inplace(f"threshold={self.threshold}, value={self.value}", self.inplace)


class _Shrink(Module):
    """What Hardshrink and Softshrink share."""

    __constants__ = ["lambd"]

    def __init__(self, lambd: float = 0.5) -> None:
        super().__init__()
        self.lambd = lambd

    def extra_repr(self) -> str:
        return str(self.lambd)


class Hardshrink(_Shrink):
    """0 within ``lambd`` of 0, x elsewhere.

    >>> nn.Hardshrink()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.,  0.,  2.])
    """

    def forward(self, input: Any) -> Any:
        return F.hardshrink(input, self.lambd)


class Softshrink(_Shrink):
    """x moved towards 0 by ``lambd``, 0 where it is nearer.

    >>> nn.Softshrink()(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.5000,  0.0000,  1.5000])
    """

    def forward(self, input: Any) -> Any:
        return F.softshrink(input, self.lambd)
