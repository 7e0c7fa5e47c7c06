"""Automatic differentiation: the graph, backward, and what users reach through ``autograd``."""

from __future__ import annotations

from typing import Any

from .backward import backward, grad
from .gradcheck import gradcheck, gradgradcheck
from .modes import enable_grad, inference_mode, no_grad, set_grad_enabled

# What is not needed to import gradcore loads on first use: module and name in it (the module
# itself where there is none).
_LAZY = {
    "Function": ("function", "Function"),
    "Variable": ("legacy", "Variable"),
    "anomaly_mode": ("anomaly", ""),
    "detect_anomaly": ("anomaly", "detect_anomaly"),
    "function": ("function", ""),
    "functional": ("functional", ""),
    "grad_mode": ("modes", ""),
    "graph": ("graph", ""),
    "set_detect_anomaly": ("anomaly", "set_detect_anomaly"),
}

__all__ = [
    "Function",
    "Variable",
    "anomaly_mode",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "grad_mode",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    import importlib

    module, attribute = _LAZY[name]
    found: Any = importlib.import_module(f"{__name__}.{module}")
    if attribute:
        found = getattr(found, attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_LAZY})
