"""``gradcore.vision``: transforms, datasets, models and helpers for images, as torchvision.

Submodules load on first use; what reads or writes image files needs Pillow
(``pip install "gradcore[vision]"``).
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["cam", "datasets", "io", "models", "ops", "transforms", "utils"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")


def __dir__() -> list[str]:
    return __all__
