"""Devices for the tests: ``GRADCORE_FAKE_CUDA=1`` adds two devices of the fake CuPy."""

from __future__ import annotations

import os

DEVICES = ["cpu"]

if os.environ.get("GRADCORE_FAKE_CUDA"):
    # Before gradcore is imported, so that nothing can have looked for the real package.
    import fakecupy

    fakecupy.install(2)
    DEVICES += ["cuda:0", "cuda:1"]

import pytest  # noqa: E402


@pytest.fixture(params=DEVICES)
def device(request):
    """The devices that the tests run on, one after the other."""
    return request.param
