"""Versions of what gradcore runs on (``torch.version``)."""

from __future__ import annotations

from . import __version__ as __version__  # noqa: PLC0414
from .backends import cupy_backend

debug = False
# What PyTorch may be built for, and gradcore does not run on.
hip = rocm = xpu = None


def __getattr__(name: str) -> str | None:
    """``cuda``: the version of the CUDA runtime, as "12.8"; None where CUDA cannot be used."""
    if name != "cuda":
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    if not cupy_backend.is_available():
        return None
    version = cupy_backend.load().xp.cuda.runtime.runtimeGetVersion()
    return f"{version // 1000}.{version % 1000 // 10}"
