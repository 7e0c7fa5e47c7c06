"""Every common operation on a million elements against PyTorch: ``python bench/ops_vs_torch.py``.

Prints one ratio per operation (below 1 gradcore is faster), the geometric mean, and what is
slower than three times PyTorch. Options as of bench/vs_torch.py.
"""

from __future__ import annotations

import math
import statistics

from op_workloads import OP_WORKLOADS
from vs_torch import arguments, measure

GOAL_MEAN, GOAL_WORST = 1.2, 3.0


def main() -> None:
    options = arguments(__doc__, rounds=3, slot_ms=15)
    rows = measure(OP_WORKLOADS, options)
    ratios = [row["ratio"] for row in rows]
    mean = math.exp(statistics.fmean(map(math.log, ratios)))
    print(f"\n{len(rows)} operations, geometric mean {mean:.2f} (goal: {GOAL_MEAN})")
    slow = sorted((r for r in rows if r["ratio"] > GOAL_WORST), key=lambda r: -r["ratio"])
    print(f"{len(slow)} slower than {GOAL_WORST} times PyTorch")
    for row in slow:
        print(f"  {row['workload']:40s} {row['ratio']:.1f}")


if __name__ == "__main__":
    main()
