"""Devices for the tests.

``GRADCORE_FAKE_CUDA=n`` adds n devices of the fake CuPy (two unless n says otherwise);
``GRADCORE_REAL_CUDA=1`` adds the CUDA devices that are there.
"""

from __future__ import annotations

import os

# Compiled kernels are not kept in the user's cache directory.
os.environ.setdefault("GRADCORE_CACHE", "")

DEVICES = ["cpu"]

if os.environ.get("GRADCORE_FAKE_CUDA"):
    # Before gradcore is imported, so that nothing can have looked for the real package.
    import fakecupy
    import fakecupy.cublas

    count = max(2, int(os.environ["GRADCORE_FAKE_CUDA"]))
    fakecupy.install(count)
    DEVICES += ["cuda:0", "cuda:1"]

    from gradcore.backends.cuda import cublas, cudnn

    cublas.use_library(fakecupy.cublas.FakeCublas())
    cudnn.enable(False)
elif os.environ.get("GRADCORE_REAL_CUDA"):
    import gradcore

    DEVICES += [f"cuda:{i}" for i in range(min(2, gradcore.cuda.device_count()))]

import pytest  # noqa: E402


@pytest.fixture(params=DEVICES)
def device(request):
    """The devices that the tests run on, one after the other."""
    return request.param
