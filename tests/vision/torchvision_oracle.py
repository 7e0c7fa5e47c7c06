"""torchvision to compare with, for tests: ``torch, torchvision = torchvision_oracle.load()``."""

from __future__ import annotations

import importlib
import warnings

import pytest

# Wheels from PyPI are built for CUDA; beside a PyTorch for the CPU their compiled library does not
# load, and torchvision fails to import because these operations are not there to be described.
_OPERATIONS = [
    "nms",
    "qnms",
    *[
        prefix + name + suffix
        for name in ("roi_align", "roi_pool", "ps_roi_align", "ps_roi_pool", "deform_conv2d")
        for prefix, suffix in (("", ""), ("_", "_backward"))
    ],
]
_libraries = []


def load():
    """(torch, torchvision), or skip the tests of the module that calls this."""
    torch = pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch, importlib.import_module("torchvision")
        except ModuleNotFoundError:
            pytest.skip("torchvision is not installed", allow_module_level=True)
        except RuntimeError:
            pass
        library = torch.library.Library("torchvision", "FRAGMENT")
        _libraries.append(library)
        for name in _OPERATIONS:
            library.define(f"{name}(Tensor x) -> Tensor")
        return torch, importlib.import_module("torchvision")
