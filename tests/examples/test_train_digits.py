"""The example programme: it learns, and a resumed run is the uninterrupted one."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

import gradcore

FILE = Path(__file__).resolve().parents[2] / "examples" / "train_digits.py"


@pytest.fixture(scope="module")
def digits():
    spec = importlib.util.spec_from_file_location("train_digits", FILE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_quick_mode_learns_and_tells_of_every_epoch(digits, capsys):
    accuracy = digits.main(["--quick"])
    lines = capsys.readouterr().out.splitlines()
    assert [re.match(r"epoch +(\d)/3  loss \d\.\d+  test accuracy", line)[1] for line in lines] == [
        "1",
        "2",
        "3",
    ]
    assert accuracy > 0.9


def test_resumed_run_equals_the_uninterrupted_one(digits, tmp_path, capsys):
    whole, parts = tmp_path / "whole.pt", tmp_path / "parts.pt"
    small = ["--batch-size", "256"]
    accuracy = digits.main([*small, "--epochs", "2", "--checkpoint", str(whole)])
    digits.main([*small, "--epochs", "1", "--checkpoint", str(parts)])
    resumed = digits.main([*small, "--epochs", "2", "--checkpoint", str(parts), "--resume"])
    assert resumed == accuracy
    assert "resumed after epoch 1" in capsys.readouterr().out
    a, b = gradcore.load(whole), gradcore.load(parts)
    assert listed(a) == listed(b)


def listed(value):
    """A checkpoint as lists and numbers, which can be compared."""
    if isinstance(value, gradcore.Tensor):
        return value.tolist()
    if isinstance(value, dict):
        return {key: listed(entry) for key, entry in value.items()}
    return [listed(entry) for entry in value] if isinstance(value, list) else value


def test_another_seed_is_another_run(digits, capsys):
    digits.main(["--epochs", "1", "--batch-size", "512"])
    digits.main(["--epochs", "1", "--batch-size", "512", "--seed", "1"])
    first, second = (re.search(r"loss (\S+)", x)[1] for x in capsys.readouterr().out.splitlines())
    assert first != second


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "--resume needs --checkpoint"),
        (["--resume", "--checkpoint", "no_such_file"], "there is no file no_such_file"),
    ],
)
def test_resume_without_a_file(digits, capsys, arguments, message):
    with pytest.raises(SystemExit):
        digits.main(arguments)
    assert message in capsys.readouterr().err
