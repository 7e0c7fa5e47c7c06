"""``torch.utils.tensorboard``: event files that TensorBoard shows.

Needs the package tensorboard (``pip install "gradcore[tensorboard]"``), which loads on first use.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["FileWriter", "RecordWriter", "SummaryWriter"]

_SOURCES = {"FileWriter": "writer", "SummaryWriter": "writer", "RecordWriter": "protobufs"}


def __getattr__(name: str) -> Any:
    if name in _SOURCES:
        return getattr(importlib.import_module(f"{__name__}.{_SOURCES[name]}"), name)
    if name in ("summary", "writer"):
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
