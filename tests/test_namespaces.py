"""``gradcore.types`` and ``gradcore.version``: names that programs import."""

from __future__ import annotations

import os
import subprocess
import sys

import gradcore as torch


def test_types_are_for_annotations():
    assert isinstance(2.5, torch.types.Number)
    assert isinstance(torch.device("cpu"), torch.types.Device)
    assert torch.Size in torch.types._size.__args__
    assert str in torch.types.FileLike.__args__


def test_version_of_the_package():
    assert torch.version.__version__ == torch.__version__
    assert torch.version.hip is None
    assert not hasattr(torch.version, "missing")


def test_version_of_cuda_is_none_without_it():
    code = "import gradcore; print(gradcore.version.cuda, gradcore.cuda.is_available())"
    hidden = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=hidden
    )
    assert run.stdout.split() == ["None", "False"]
