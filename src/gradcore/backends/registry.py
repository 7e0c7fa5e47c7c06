"""Which backend an array belongs to, and which one serves a device."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterable
from sys import getrefcount
from typing import Any

import numpy as np

from .device import device
from .protocol import Backend

# Inside ``with quiet():`` NumPy gives no floating point warnings: PyTorch has none.
quiet = functools.partial(np.errstate, all="ignore")

_by_array_type: dict[type, Backend] = {}
_by_device_type: dict[str, Backend] = {}


def register(backend: Backend) -> None:
    """Make ``backend`` serve its array type and its device type."""
    _by_array_type[backend.array_type] = backend
    _by_device_type[backend.device_type] = backend


def find_backend(value: Any) -> Backend | None:
    """The backend of an array or of a scalar of an array library; None for anything else."""
    backend = _by_array_type.get(type(value))
    if backend is None:
        for candidate in _by_array_type.values():
            if isinstance(value, (candidate.array_type, *candidate.scalar_types)):
                return candidate
    return backend


def backend_of(array: Any) -> Backend:
    """The backend of a raw array, found by its type."""
    backend = find_backend(array)
    if backend is None:
        kind = type(array)
        raise TypeError(f"{kind.__module__}.{kind.__name__} is not an array of gradcore")
    return backend


def is_array(value: Any) -> bool:
    """Whether ``value`` is a raw array of a registered backend."""
    return type(value) in _by_array_type


def backend_for(where: device) -> Backend:
    """The backend that serves a device; an error that says what is missing where none does."""
    backend = _by_device_type.get(where.type)
    if backend is not None:
        return backend
    if where.type == "cuda":
        from .cupy_backend import load

        return load()
    raise RuntimeError(
        f"gradcore has no backend for device type '{where.type}': it has cpu and cuda"
    )


def device_of(array: Any) -> device:
    return backend_of(array).device_of(array)


def write(target: Any, values: Any) -> None:
    """``target[...] = values`` (an array of the same device, or a number) on its own device."""
    backend = backend_of(target)
    with backend.on(backend.device_of(target)):
        target[...] = values


def new(fill: str, like: Any, shape: tuple | None = None, dtype: Any = None) -> Any:
    """``zeros``, ``ones`` or ``empty`` where ``like`` is; its shape and dtype by default."""
    backend = backend_of(like)
    with backend.on(backend.device_of(like)):
        make = getattr(backend.xp, fill)
        return make(like.shape if shape is None else shape, like.dtype if dtype is None else dtype)


def cast(array: Any, dtype: Any) -> Any:
    """``array.astype(dtype)`` on its own device."""
    backend = backend_of(array)
    with backend.on(backend.device_of(array)):
        return array.astype(dtype)


def is_only_holder(array: Any) -> bool:
    """Whether no other array shares the memory of ``array``.

    Large results on the CPU lie in blocks (``cpu/memory.py``), so their ``base`` is not None. Who
    else has an array in that memory holds the base as well: three references are those of
    ``array``, of the variable here and of the question itself.
    """
    base = array.base
    return base is None or getrefcount(base) <= 3


def raise_if_mixed(arrays: Iterable[Any]) -> None:
    """PyTorch's error for tensors on different devices."""
    devices: list[device] = []
    for array in arrays:
        if is_array(array) and (where := device_of(array)) not in devices:
            devices.append(where)
    if len(devices) > 1:
        raise RuntimeError(
            "Expected all tensors to be on the same device, but found at least two devices, "
            f"{devices[0]} and {devices[1]}!"
        )


class _Defaults(threading.local):
    def __init__(self) -> None:
        self.stack: list[device] = []


_global_default = device("cpu")
_defaults = _Defaults()


def default_device() -> device:
    """Where factory functions put tensors when no device is given."""
    stack = _defaults.stack
    return stack[-1] if stack else _global_default


def set_default_device(where: device | None) -> None:
    global _global_default
    _global_default = device("cpu") if where is None else where


def push_default_device(where: device) -> None:
    _defaults.stack.append(where)


def pop_default_device() -> None:
    _defaults.stack.pop()
