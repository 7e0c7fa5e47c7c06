"""Tests here may install the fake CuPy for themselves; the tests after them must not see it."""

from __future__ import annotations

import os
import sys

import pytest


@pytest.fixture(autouse=True)
def leave_no_fake_cupy():
    yield
    if not os.environ.get("GRADCORE_FAKE_CUDA"):
        for name in [n for n in sys.modules if n.partition(".")[0] in ("cupy", "cupyx")]:
            del sys.modules[name]
