"""What several tests of kernels share.

Some install the fake CuPy for themselves; the tests after them must not see it.
"""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest

import gradcore
from gradcore.backends.cpu.native import calls, row_loops


@pytest.fixture(autouse=True)
def leave_no_fake_cupy():
    yield
    if not os.environ.get("GRADCORE_FAKE_CUDA"):
        for name in [n for n in sys.modules if n.partition(".")[0] in ("cupy", "cupyx")]:
            del sys.modules[name]


def get_at_once(lazy, nanoseconds):
    """`LazyCall.get` for any amount of work."""
    if lazy.call is None:
        lazy.call = lazy.build()
    return lazy.call


@pytest.fixture
def compile_at_once(monkeypatch):
    """Kernels are used where they would not pay, too."""
    monkeypatch.setattr(calls.LazyCall, "get", get_at_once)
    with np.errstate(all="ignore"):
        yield


@pytest.fixture(params=[1, 3])
def threads(request, monkeypatch):
    """One thread, or three that share also what is too small to be worth it."""
    before = gradcore.get_num_threads()
    gradcore.set_num_threads(request.param)
    monkeypatch.setattr(row_loops, "_SHARED_FROM_NS", 0.0)
    yield request.param
    gradcore.set_num_threads(before)
