"""The package ``gradcore.utils`` itself."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import gradcore

SOURCE = Path(__file__).resolve().parents[2] / "src"


def test_modules_load_on_first_use():
    code = (
        "import sys, gradcore; gradcore.utils; assert 'gradcore.utils.data' not in sys.modules;"
        "gradcore.utils.data.DataLoader; gradcore.utils.checkpoint.checkpoint"
    )
    subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": str(SOURCE)}, check=True)
    assert {"data", "checkpoint", "safetensors"} <= set(dir(gradcore.utils))


def test_unknown_name():
    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        gradcore.utils.no_such_name  # noqa: B018
