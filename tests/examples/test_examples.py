"""Every example runs in quick mode, as its users start it, and what it promises can be seen."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import gradcore

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SOURCE = Path(gradcore.__file__).resolve().parents[1]
# A loose bound of what quick mode reaches; guessing gives 0.1, 1/6 and 0.5.
QUICK = {
    "train_digits": (r"test accuracy (\S+)%", lambda x: x > 80),
    "lenet_digits": (r"test accuracy (\S+)%", lambda x: x > 30),
    "resnet_shapes": (r"loss (\S+)", lambda x: x < 2.5),
    "lstm_text": (r"test accuracy (\S+)%", lambda x: x > 45),
    "gpt": (r"test loss (\S+) nats", lambda x: x < 3.3),
    "vae_digits": (r"test loss (\S+) nats", lambda x: x < 31),
    "dcgan_digits": (r"discriminator (\S+)", lambda x: x < 1.38),
    "feature_maps": (r"test accuracy (\S+)%", lambda x: x > 70),
    "train": (r"validation accuracy (\S+)%", lambda x: x > 30),
    # Where Fashion-MNIST is missing these two run on noise, and guess.
    "fashion_mnist": (r"test accuracy (\S+)%", lambda x: x > 3),
    "transfer_learning": (r"fine tuned: .* test accuracy (\S+)%", lambda x: x > 10),
    "grad_cam": (r"largest on the shape in (\S+)% of", lambda x: x > 20),
}
HELPERS = {"pictures"}
PILLOW = {"fashion_mnist", "transfer_learning", "grad_cam"}


def run(name: str, *arguments: str, check: bool = True) -> subprocess.CompletedProcess:
    # One BLAS thread: the work is small, and several would wait for each other in a busy machine.
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "error", str(EXAMPLES / f"{name}.py"), *arguments]
    return subprocess.run(
        command, capture_output=True, encoding="utf-8", env=environment, check=check, timeout=300
    )


@pytest.mark.parametrize("name", QUICK)
def test_quick_mode(name, tmp_path, monkeypatch):
    if name in PILLOW:
        pytest.importorskip("PIL")
    monkeypatch.setenv("HOME", str(tmp_path))
    options = ["--output", str(tmp_path / "picture.png")] if name == "grad_cam" else []
    result = run(name, "--quick", *options, check=False)
    assert result.returncode == 0, result.stderr
    pattern, good = QUICK[name]
    numbers = re.findall(pattern, result.stdout)
    assert numbers, result.stdout
    assert good(float(numbers[-1])), result.stdout


def test_every_example_is_tested_and_listed():
    names = {path.stem for path in EXAMPLES.glob("*.py")} - HELPERS
    assert names == set(QUICK)
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert names == set(re.findall(r"^\| \[(\w+)\.py\]\(\1\.py\)", readme, re.M))


@pytest.mark.parametrize("name", [*QUICK, *HELPERS])
def test_numpy_alone_is_enough(name):
    """To import: three programmes load the package that opens images when they need it."""
    tree = ast.parse((EXAMPLES / f"{name}.py").read_text(encoding="utf-8"))
    modules = {
        a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names
    }
    modules |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    known = {"gradcore", "numpy", *QUICK, *HELPERS, *sys.stdlib_module_names}
    assert {module.partition(".")[0] for module in modules} <= known


def test_resumed_training_equals_the_uninterrupted_one(tmp_path):
    """Also with augmentation, a schedule and averaged weights."""
    options = ["--model", "mlp", "--epochs", "2", "--output"]
    run("train", *options, str(tmp_path / "whole"))
    # Stopped after the first epoch: the schedule must be that of two.
    stop = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); import train;"
        "run = train.Run(train.parse_arguments(sys.argv[1:])); output = run.arguments.output;"
        "output.mkdir(); run.arguments.epochs = 1; run.fit()"
    )
    command = [sys.executable, "-c", stop, str(EXAMPLES), *options, str(tmp_path / "parts")]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    resumed = run("train", *options, str(tmp_path / "parts"), "--resume")
    assert "resumed after epoch 1" in resumed.stdout
    whole, parts = (
        json.loads((tmp_path / folder / "history.json").read_text())
        for folder in ("whole", "parts")
    )
    assert [entry["epoch"] for entry in parts] == [1, 2]
    assert parts == whole
    first, second = (gradcore.load(tmp_path / f / "last.pt") for f in ("whole", "parts"))
    for name, value in first["averaged"].items():
        assert gradcore.equal(value, second["averaged"][name]), name


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_training_on_clothes_equals_the_uninterrupted_one(tmp_path):
    """With workers, random transforms and dropout; killed in the middle of an epoch."""
    pytest.importorskip("PIL")
    options = ["--quick", "--batch-size", "16", "--save-every", "1", "--data", str(tmp_path)]
    run("fashion_mnist", *options, "--output", str(tmp_path / "whole"))
    folder = tmp_path / "parts"
    command = [sys.executable, str(EXAMPLES / "fashion_mnist.py"), *options, "--output", folder]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
    shown = b""
    while shown.count(b"\r") < 20:  # of 76 steps
        shown += process.stdout.read1()
    process.kill()
    process.communicate()
    resumed = run("fashion_mnist", *options, "--output", str(folder), "--resume")
    step = int(re.search(r"resumed after step (\d+)", resumed.stdout)[1])
    assert 19 <= step < 76
    whole, parts = (gradcore.load(tmp_path / f / "checkpoint.pt") for f in ("whole", "parts"))
    assert str(parts["parts"]["optimizer"]) == str(whole["parts"]["optimizer"])
    assert gradcore.equal(parts["random"]["cpu"], whole["random"]["cpu"])
    for name, value in whole["parts"]["model"].items():
        assert gradcore.equal(value, parts["parts"]["model"][name]), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--resume"], "--resume and --tensorboard need --output"),
        (["--resume", "--output", "no_such_folder"], "there is no file no_such_folder"),
    ],
)
def test_wrong_options(arguments, message):
    result = run("train", *arguments, check=False)
    assert result.returncode == 2
    assert message in result.stderr
