"""Saving and loading against PyTorch: ``python bench/bench_serialization.py [--folder DIR]``.

The same tensors are saved and loaded by both, in turn, and the best of a few times counts:
500 MB in ten tensors, in 500 tensors, and 20,000 small tensors. gradcore's files are on the disk
when ``save`` returns and PyTorch's are not; the files of both are in the page cache when they are
read. Then the memory that a load takes at most, measured in a process of its own.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

import gradcore

BOUND = 1.0  # for 500 MB; the small tensors are for information
MEMORY_BOUND = 1.1
MIB = 1 << 20
CASES: dict[str, tuple[Callable, float | None]] = {
    "10 tensors of 50 MB": (lambda T: [T.ones(50 * MIB // 4) for _ in range(10)], BOUND),
    "500 tensors of 1 MB": (lambda T: [T.ones(MIB // 4) for _ in range(500)], BOUND),
    "20000 tensors of 256 B": (lambda T: [T.ones(64) for _ in range(20000)], None),
}
# VmHWM is the most memory that the process ever had.
PEAK = """
import sys
import gradcore

def peak():
    with open("/proc/self/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1])

gradcore.load(sys.argv[2])  # imports what load needs
before = peak()
state = gradcore.load(sys.argv[1])
print(peak() - before)
"""


def seconds(run: Callable[[], Any]) -> float:
    os.sync()
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def compare(make: Callable, folder: Path, rounds: int) -> dict[str, dict[str, float]]:
    """The best times in seconds: {"save": {"gradcore": …, "torch": …}, "load": …}."""
    libraries = {"gradcore": gradcore, "torch": torch}
    states = {name: dict(enumerate(make(T))) for name, T in libraries.items()}
    best: dict[str, dict[str, float]] = {"save": {}, "load": {}}
    for i in range(rounds):
        for name in list(libraries)[:: 1 if i % 2 else -1]:
            T, path = libraries[name], folder / f"{name}.pt"
            path.unlink(missing_ok=True)
            for what, run in (
                ("save", lambda T=T, path=path, name=name: T.save(states[name], path)),
                ("load", lambda T=T, path=path: T.load(path)),
            ):
                best[what][name] = min(seconds(run), best[what].get(name, float("inf")))
    return best


def peak_of_load(folder: Path) -> float:
    """The most memory that loading 500 MB takes, as a multiple of the file."""
    large, small = folder / "large.pt", folder / "small.pt"
    gradcore.save(CASES["10 tensors of 50 MB"][0](gradcore), large)
    gradcore.save(gradcore.ones(1), small)
    command = [sys.executable, "-c", PEAK, str(large), str(small)]
    peak = int(subprocess.run(command, check=True, capture_output=True).stdout) * 1024
    return peak / large.stat().st_size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--folder", type=Path, help="on the disk that is to be measured")
    parser.add_argument("--rounds", type=int, default=4, help="times that each case is measured")
    options = parser.parse_args()
    missed = []
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        for name, (make, bound) in CASES.items():
            for what, times in compare(make, Path(folder), options.rounds).items():
                ours, theirs = times["gradcore"], times["torch"]
                print(
                    f"{what} {name:24s} {ours * 1e3:8.1f} ms, PyTorch {theirs * 1e3:8.1f} ms, "
                    f"ratio {ours / theirs:.2f}",
                    flush=True,
                )
                if bound is not None and ours / theirs > bound:
                    missed.append(f"{what} {name}")
        peak = peak_of_load(Path(folder))
    print(f"peak memory of load: {peak:.2f} times the file")
    if peak > MEMORY_BOUND:
        missed.append("peak memory")
    if missed:
        sys.exit(f"over the bound: {', '.join(missed)}")


if __name__ == "__main__":
    main()
