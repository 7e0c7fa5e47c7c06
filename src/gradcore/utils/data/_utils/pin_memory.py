"""Copying the tensors of a batch into page-locked memory."""

from __future__ import annotations

import collections.abc
from typing import Any

from ....autograd.variable import TensorBase
from .collate import _rebuilt


def pin_memory(data: Any, device: Any = None) -> Any:
    """``data`` with every tensor inside (and everything with a ``pin_memory`` method) pinned."""
    if isinstance(data, TensorBase) or hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, (str, bytes)):
        return data
    if isinstance(data, collections.abc.Mapping):
        return _rebuilt(data, {key: pin_memory(value) for key, value in data.items()}, dict)
    if isinstance(data, tuple):
        pinned = [pin_memory(value) for value in data]
        return type(data)(*pinned) if hasattr(data, "_fields") else pinned
    if isinstance(data, collections.abc.Sequence):
        return _rebuilt(data, [pin_memory(value) for value in data], list)
    return data
