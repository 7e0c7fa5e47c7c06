"""Transforms of images, for PIL images and tensors alike, as ``torchvision.transforms``.

The classes draw from gradcore's generator what torchvision draws from PyTorch's, so the same seed
gives the same crops. ``functional`` has the functions behind them.
"""

from __future__ import annotations

import importlib
from typing import Any

from . import autoaugment, transforms
from . import functional as functional
from .autoaugment import *  # noqa: F403
from .transforms import *  # noqa: F403

__all__ = transforms.__all__ + autoaugment.__all__


def __getattr__(name: str) -> Any:
    if name == "v2":
        return importlib.import_module(f"{__name__}.v2")
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
