"""gradcore against PyTorch, interleaved in one run: ``python bench/vs_torch.py [--filter TEXT]``.

A round times each library for one slot, and the order alternates; the ratio is the median of the
rounds' ratios. Below 1 gradcore is faster. Both use the same number of threads, and both keep
freed memory (glibc's mmap and trim thresholds are raised, so neither pays for page faults).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any

_MALLOC = {
    "MALLOC_TRIM_THRESHOLD_": "4000000000",
    "MALLOC_MMAP_THRESHOLD_": "4000000000",
    "OMP_NUM_THREADS": "2",
    "OPENBLAS_NUM_THREADS": "2",
}
# The bounds that this project sets itself, by group: (geometric mean, worst single ratio).
GOALS = {"elementwise": (0.9, 1.5), "reductions": (0.9, 1.5), "conv2d": (1.0, 1.6)}


# Threads of a library watch for work after its last call: OpenMP's for some ms, OpenBLAS's for 26.
# On a core where they do, those of the other library would have to wait.
_SETTLE = 0.03


def time_slot(run: Any, seconds: float, synchronize: Any) -> float:
    """Seconds for one call, from as many calls as fit into the slot."""
    time.sleep(_SETTLE)
    run()
    count, start = 0, time.perf_counter()
    while True:
        run()
        count += 1
        elapsed = time.perf_counter() - start
        if elapsed >= seconds:
            break
    synchronize()
    return (time.perf_counter() - start) / count


def compare(workload: Any, libraries: dict, device: str, rounds: int, slot: float) -> dict:
    """Median times of both libraries and the median of their ratios."""
    from workloads import Inputs

    runs, wait = {}, {}
    for name, T in libraries.items():
        runs[name] = workload.setup(T, Inputs(T, device, workload.name))
        wait[name] = T.cuda.synchronize if device != "cpu" else (lambda: None)
        runs[name]()
        runs[name]()
    times: dict[str, list[float]] = {name: [] for name in libraries}
    for i in range(rounds):
        order = list(libraries) if i % 2 == 0 else list(libraries)[::-1]
        for name in order:
            times[name].append(time_slot(runs[name], slot, wait[name]))
    ours, theirs = times["gradcore"], times["torch"]
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        "workload": workload.name,
        "gradcore_us": statistics.median(ours) * 1e6,
        "torch_us": statistics.median(theirs) * 1e6,
        "ratio": statistics.median(ratios),
    }


def report(rows: list[dict]) -> None:
    """Geometric means by group, against this project's goals."""
    groups: dict[str, list[float]] = {}
    for row in rows:
        groups.setdefault(row["workload"].partition("/")[0], []).append(row["ratio"])
    print()
    for group, ratios in groups.items():
        mean = math.exp(statistics.fmean(map(math.log, ratios)))
        goal = GOALS.get(group)
        wanted = "" if goal is None else f"   goal: mean <= {goal[0]}, worst <= {goal[1]}"
        print(f"{group:14s} geometric mean {mean:5.2f}   worst {max(ratios):5.2f}{wanted}")


def arguments(description: str | None, rounds: int, slot_ms: float) -> argparse.Namespace:
    """The command line; starts the interpreter anew where malloc is not set up as wanted."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--filter", default="", help="only workloads whose name contains this")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--slot-ms", type=float, default=slot_ms)
    parser.add_argument("--threads", type=int, help="default: the cores of this machine")
    parser.add_argument("--json", type=Path, help="write the rows to this file")
    options = parser.parse_args()
    if any(os.environ.get(k) != v for k, v in _MALLOC.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | _MALLOC)
    return options


def measure(workloads: dict, options: argparse.Namespace) -> list[dict]:
    """Compare all workloads that the options choose; prints a line for each."""
    import torch

    import gradcore

    threads = options.threads or gradcore.get_num_threads()
    gradcore.set_num_threads(threads)
    torch.set_num_threads(threads)
    print(f"gradcore {gradcore.__version__}, torch {torch.__version__}, {threads} threads")
    rows = []
    for name, workload in workloads.items():
        if options.filter not in name:
            continue
        libraries = {"gradcore": gradcore, "torch": torch}
        row = compare(workload, libraries, options.device, options.rounds, options.slot_ms / 1e3)
        rows.append(row)
        print(
            f"{name:58s} {row['gradcore_us']:11.1f} us {row['torch_us']:11.1f} us"
            f"   ratio {row['ratio']:5.2f}",
            flush=True,
        )
    if options.json:
        options.json.write_text(json.dumps(rows, indent=1))
    return rows


def main() -> None:
    from workloads import WORKLOADS

    report(measure(WORKLOADS, arguments(__doc__, rounds=7, slot_ms=40)))


if __name__ == "__main__":
    main()
