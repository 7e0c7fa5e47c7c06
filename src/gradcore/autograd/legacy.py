"""``Variable``: what tensors with gradients were called once."""

from __future__ import annotations

import warnings
from typing import Any

from .variable import TensorBase, classes


class _VariableMeta(type):
    """Makes every tensor an instance of Variable."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, TensorBase)


class Variable(metaclass=_VariableMeta):
    """``Variable(data, requires_grad=False)`` is a tensor of the memory of ``data``.

    Tensors record gradients themselves today; programs that still wrap them work through this.
    TypeError if ``data`` is no tensor; ``volatile`` has no effect, as in PyTorch, and warns.
    """

    def __new__(
        cls, data: Any = None, requires_grad: bool = False, volatile: bool | None = None
    ) -> Any:
        if volatile:
            warnings.warn(
                "volatile was removed and now has no effect. Use `with torch.no_grad():` instead.",
                UserWarning,
                stacklevel=2,
            )
        if data is None:
            return classes.tensor().requires_grad_(requires_grad)
        if not isinstance(data, TensorBase):
            raise TypeError(f"Variable data has to be a tensor, but got {type(data).__name__}")
        return data.detach().requires_grad_(requires_grad)  # type: ignore[attr-defined]
