"""Where arrays live: one backend per array library, found by the type of an array."""

from __future__ import annotations

from .cpu.memory import keep_freed_memory
from .numpy_backend import NumpyBackend
from .registry import register
from .switches import Cudnn, Mkldnn, Mps
from .symbolic_backend import SymbolicBackend

register(NumpyBackend())
register(SymbolicBackend())
keep_freed_memory()

cudnn, mkldnn, mkl, mps = Cudnn(), Mkldnn(), Mkldnn(), Mps()


def __getattr__(name: str):
    """``backends.cuda`` loads on first use."""
    if name == "cuda":
        import importlib

        return importlib.import_module(f"{__name__}.cuda")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
