"""A process that is killed while it saves leaves a whole checkpoint, the old or the new one.

``GRADCORE_KILLS=n`` kills n times instead of 20.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = int(os.environ.get("GRADCORE_KILLS", "20"))
SOURCE = Path(__file__).resolve().parents[2] / "src"

# Forks a process that saves ever new checkpoints, kills it some time after the first, and looks.
SCRIPT = """
import os, random, signal, sys, time
import gradcore, gradcore.serialization

path, kills = sys.argv[1], int(sys.argv[2])
random.seed(0)

def save_for_ever(start, started):
    for step in range(start, 10**9):
        value = gradcore.full((300_000,), float(step))
        gradcore.save({"step": step, "model": value, "optimizer": value * 2}, path)
        os.write(started, b"x")

def newest():
    saved = gradcore.load(path)
    step = saved["step"]
    assert saved["model"].eq(step).all().item(), "a mixture of checkpoints"
    assert saved["optimizer"].eq(2 * step).all().item(), "a mixture of checkpoints"
    return step

gradcore.save({"step": 0, "model": gradcore.zeros(1), "optimizer": gradcore.zeros(1)}, path)
last = 0
for _ in range(kills):
    seen, started = os.pipe()
    child = os.fork()
    if child == 0:
        save_for_ever(last + 1, started)
    os.read(seen, 1)
    time.sleep(0.05 * random.random())
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    os.close(seen), os.close(started)
    step = newest()
    assert step > last, "an older checkpoint came back"
    last = step
print("steps", last)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_while_saving(tmp_path):
    path = tmp_path / "checkpoint.pt"
    result = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(path), str(KILLS)],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        capture_output=True,
        text=True,
        timeout=120 + KILLS,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert int(result.stdout.split()[-1]) >= KILLS
