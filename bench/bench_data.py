"""DataLoader against PyTorch's: ``python bench/bench_data.py [--rounds N]``.

An epoch over a TensorDataset of 60,000 rows of 784 floats, shuffled, in batches of 128, without
workers and with two. Both libraries in turn; the ratio is that of the best times. Worker processes
go on from epoch to epoch (``persistent_workers``), so that their start is not counted.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import Any

import torch
import torch.utils.data

import gradcore
import gradcore.utils.data

ROWS, COLUMNS, BATCH = 60_000, 784, 128
BOUND = 0.7


def loader(T: Any, workers: int) -> Any:
    data = T.utils.data.TensorDataset(T.zeros(ROWS, COLUMNS), T.zeros(ROWS, dtype=T.int64))
    return T.utils.data.DataLoader(
        data, BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0
    )


def epoch(batches: Any) -> float:
    """Seconds for one epoch."""
    start = time.perf_counter()
    rows = sum(len(labels) for _, labels in batches)
    elapsed = time.perf_counter() - start
    assert rows == ROWS
    return elapsed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=4, help="epochs that are measured")
    options = parser.parse_args()
    missed = []
    for workers in (0, 2):
        loaders = {T.__name__: loader(T, workers) for T in (gradcore, torch)}
        for batches in loaders.values():
            epoch(batches)
        best = dict.fromkeys(loaders, float("inf"))
        for _ in range(options.rounds):
            for name, batches in loaders.items():
                best[name] = min(best[name], epoch(batches))
        ratio = best["gradcore"] / best["torch"]
        print(
            f"{workers} workers: {best['gradcore'] * 1e3:7.1f} ms, PyTorch "
            f"{best['torch'] * 1e3:7.1f} ms, ratio {ratio:.2f}",
            flush=True,
        )
        if ratio > BOUND:
            missed.append(f"{workers} workers")
        del loaders
    if missed:
        sys.exit(f"over the bound of {BOUND}: {', '.join(missed)}")


if __name__ == "__main__":
    main()
