"""The names of ``gradcore.autograd``, most of which load on first use."""

from __future__ import annotations

import subprocess
import sys

import pytest

import gradcore.autograd


@pytest.mark.parametrize("name", gradcore.autograd.__all__)
def test_every_name_is_there(name):
    assert getattr(gradcore.autograd, name) is not None
    assert name in dir(gradcore.autograd)


def test_unknown_names():
    with pytest.raises(AttributeError, match=r"module 'gradcore\.autograd' has no attribute 'no'"):
        _ = gradcore.autograd.no


def test_functions_and_modules_of_one_name():
    from gradcore.autograd.gradcheck import GradcheckError

    assert issubclass(GradcheckError, RuntimeError)
    assert callable(gradcore.autograd.gradcheck)


def test_what_loads_on_first_use():
    code = (
        "import sys, gradcore\n"
        "lazy = {'gradcore.autograd.' + n for n in ('functional', 'comparison', 'legacy')}\n"
        "assert not lazy & set(sys.modules), lazy & set(sys.modules)\n"
        "gradcore.autograd.functional.jacobian, gradcore.autograd.Variable\n"
        "gradcore.autograd.graph.saved_tensors_hooks, gradcore.autograd.anomaly_mode\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
