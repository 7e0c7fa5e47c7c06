"""Data loading, checkpointing and other tools around training."""

from __future__ import annotations

_SUBMODULES = ("checkpoint", "data", "rng_states", "safetensors")


def __getattr__(name: str):
    """Submodules load on first use."""
    if name in _SUBMODULES:
        import importlib

        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
