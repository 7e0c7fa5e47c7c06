"""Does a training loop grow? ``python bench/memory.py`` runs 1,000 steps with the collector off.

Prints the process's memory after 100 steps and after 1,000, and fails if it grew by over 2 MB:
a training loop makes no reference cycles, so counting references frees everything.
"""

from __future__ import annotations

import gc
import sys

import gradcore as torch
from gradcore import nn


def resident_mb() -> float:
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def main() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.2), nn.Linear(8 * 49, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters())
    loss_function = nn.CrossEntropyLoss()
    x, y = torch.randn(32, 1, 14, 14), torch.randint(0, 10, (32,))
    gc.collect()
    gc.disable()
    before = 0.0
    for step in range(1, 1001):
        optimizer.zero_grad()
        loss_function(model(x), y).backward()
        optimizer.step()
        if step == 100:
            before = resident_mb()
    after = resident_mb()
    print(f"after 100 steps {before:.1f} MB, after 1000 steps {after:.1f} MB")
    if after - before > 2:
        sys.exit("memory grows")


if __name__ == "__main__":
    main()
