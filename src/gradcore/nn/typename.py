"""Names of types as PyTorch's messages give them."""

from __future__ import annotations

from typing import Any

from ..autograd.variable import TensorBase
from ..backends import dtype as dtypes
from ..ops.promotion import name_of


def typename(value: Any) -> str:
    """ "torch.FloatTensor" for tensors (with this package's name), else module and class."""
    if isinstance(value, TensorBase):
        place = "cuda." if value.device.type == "cuda" else ""  # type: ignore[attr-defined]
        return f"{dtypes.PACKAGE_NAME}.{place}{name_of(value._array.dtype)}Tensor"
    kind = value if hasattr(value, "__qualname__") else type(value)
    module = getattr(kind, "__module__", None)
    if module in (None, "builtins", "__builtin__"):
        return kind.__qualname__
    return f"{module}.{kind.__qualname__}"
