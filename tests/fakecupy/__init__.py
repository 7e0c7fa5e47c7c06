"""A strict fake of CuPy 14 over NumPy, so that code for CUDA is tested where there is no GPU.

`install(n)` puts it into `sys.modules` as `cupy` and `cupyx` with `n` virtual devices. Arrays are
opaque to the host, only names, keywords and ufunc loops of the real package exist
(`cupy_api.json`, written by `generate_api.py`), operands must live on the current device, every
host synchronization is logged, and kernels run the same CUDA source through `tests/cuda_shim`.

What it cannot show: the numerics of cuBLAS and of fast math, races between streams, launch limits
of the hardware, and speed.
"""

from __future__ import annotations

import importlib.machinery
import sys
from types import ModuleType
from typing import Any

import numpy as np

from . import devices, extras, functions, kernels, state
from .arrays import ndarray
from .state import SYNCS, HostSync, capturing, forbid_syncs

__all__ = ["SYNCS", "HostSync", "capturing", "forbid_syncs", "install", "ndarray", "uninstall"]

_MODULES = (
    "cupy", "cupy.cuda", "cupy.cuda.runtime", "cupy.cuda.memory_hook", "cupy.random",
    "cupy.linalg", "cupy.fft", "cupy.lib", "cupy.lib.stride_tricks", "cupyx", "cupyx.scipy",
    "cupyx.scipy.special",
)  # fmt: skip


def _cupy_attribute(name: str) -> Any:
    value = functions.lookup(name)
    if value is None and name not in ("newaxis",):
        raise AttributeError(f"module 'cupy' has no attribute {name!r}")
    return value


def _module(name: str, values: dict[str, Any] | None = None, getter: Any = None) -> ModuleType:
    module = ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=True)
    module.__path__ = []
    module.__dict__.update(values or {})
    if getter is not None:
        module.__getattr__ = getter
    return module


def install(n: int) -> ModuleType:
    """Make the fake importable as `cupy` with `n` virtual devices; returns the fake module.

    Raises ImportError when the real CuPy was imported before.
    """
    present = sys.modules.get("cupy")
    if present is not None and not getattr(present, "is_fake", False):
        raise ImportError("the real cupy is imported already")
    state.device_count = n
    if present is not None:
        return present
    modules = {name: _module(name) for name in _MODULES}
    cupy = modules["cupy"] = _module("cupy", kernels.PUBLIC, _cupy_attribute)
    cupy.is_fake = True
    cupy.__version__ = state.API["version"]
    cupy.ndarray = ndarray
    modules["cupy.cuda"] = _module("cupy.cuda", devices.PUBLIC)
    modules["cupy.cuda.runtime"] = devices.runtime
    modules["cupy.cuda.memory_hook"] = _module(
        "cupy.cuda.memory_hook", {"MemoryHook": state.MemoryHook}
    )
    modules["cupy.random"] = _module("cupy.random", getter=extras.random_attribute)
    for name, source in (("linalg", np.linalg), ("fft", np.fft)):
        path = f"cupy.{name}"
        modules[path] = _module(path, getter=functions.submodule(path, source))
    path = "cupy.lib.stride_tricks"
    modules[path] = _module(path, getter=functions.submodule(path, np.lib.stride_tricks))
    modules["cupyx"] = _module("cupyx", extras.CUPYX)
    modules["cupyx.scipy.special"] = _module("cupyx.scipy.special", getter=extras.special_attribute)
    for name, module in modules.items():
        parent, _, child = name.rpartition(".")
        if parent:
            setattr(modules[parent], child, module)
    sys.modules.update(modules)
    return cupy


def uninstall() -> None:
    """Take the fake out of `sys.modules` again."""
    if getattr(sys.modules.get("cupy"), "is_fake", False):
        for name in _MODULES:
            sys.modules.pop(name, None)
