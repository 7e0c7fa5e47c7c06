"""Without the package tensorboard, its first use says what to install."""

from __future__ import annotations

import importlib
import sys

import pytest

import gradcore.utils.tensorboard


@pytest.mark.parametrize("name", ["SummaryWriter", "FileWriter", "RecordWriter"])
def test_message_names_the_extra(monkeypatch, name):
    for module in list(sys.modules):
        if module.startswith("gradcore.utils.tensorboard."):
            monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, "tensorboard.compat", None)
    package = importlib.reload(gradcore.utils.tensorboard)
    with pytest.raises(ImportError, match=r'pip install "gradcore\[tensorboard\]"') as error:
        getattr(package, name)
    assert error.value.name == "tensorboard"


def test_names():
    assert {"FileWriter", "RecordWriter", "SummaryWriter"} <= set(dir(gradcore.utils.tensorboard))
    with pytest.raises(AttributeError, match="has no attribute 'NoSuchName'"):
        gradcore.utils.tensorboard.NoSuchName  # noqa: B018
