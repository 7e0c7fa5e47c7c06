"""Where the time of convolutions goes, against PyTorch: ``python bench/bench_conv.py``.

For each of the workloads' convolutions the three maps (forward, and the gradients of input and
weight) are timed in both libraries, interleaved, the best of the rounds; beside them stands what
BLAS alone needs for the same products by im2col (one NumPy `matmul` of the whole sizes, nothing
copied). Below 1 a ratio means that gradcore is faster.

`--threads 1 --clock cpu` counts the processor time of the thread: on a machine that others use
as well only these numbers repeat.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Callable

import numpy as np
import torch
from workloads import CONVOLUTIONS

import gradcore
from gradcore.backends.cpu import conv as kernels

CLOCKS = {"wall": time.perf_counter, "cpu": time.thread_time}


def _runs(shape: tuple[int, ...]) -> dict[str, dict[str, Callable[[], object]]]:
    """By map: what each library runs, and the bare product."""
    n, c, h, o, k, s, p = shape
    rng = np.random.default_rng(0)
    size = (h + 2 * p - k) // s + 1
    x, w, b, g = (
        rng.standard_normal(shape, dtype=np.float32)
        for shape in ((n, c, h, h), (o, c, k, k), (o,), (n, o, size, size))
    )
    options = {"stride": (s, s), "padding": (p, p), "dilation": (1, 1), "groups": 1}
    tx, tw, tb, tg = map(torch.from_numpy, (x, w, b, g))

    def backward(*mask: bool) -> Callable[[], object]:
        return lambda: torch.ops.aten.convolution_backward(
            tg, tx, tw, None, [s, s], [p, p], [1, 1], False, [0, 0], 1, [*mask, False]
        )

    weight, columns = w.reshape(o, -1), np.ones((c * k * k, n * size * size), np.float32)
    outputs = np.ones((o, columns.shape[1]), np.float32)
    return {
        "forward": {
            "gradcore": lambda: kernels.conv(np, x, w, b, **options),
            "torch": lambda: torch.conv2d(tx, tw, tb, s, p),
            "blas": lambda: np.matmul(weight, columns, out=outputs),
        },
        "input": {
            "gradcore": lambda: kernels.conv_input(np, g, w, input_size=(h, h), **options),
            "torch": backward(True, False),
            "blas": lambda: np.matmul(weight.T, outputs, out=columns),
        },
        "weight": {
            "gradcore": lambda: kernels.conv_weight(np, x, g, kernel_size=(k, k), **options),
            "torch": backward(False, True),
            "blas": lambda: np.matmul(outputs, columns.T),
        },
    }


def _best(runs: dict[str, Callable[[], object]], rounds: int, clock: Callable[[], float]) -> dict:
    """Shortest time of each, in milliseconds."""
    best = dict.fromkeys(runs, math.inf)
    for _ in range(rounds):
        for name, run in runs.items():
            start = clock()
            run()
            best[name] = min(best[name], clock() - start)
    return {name: seconds * 1e3 for name, seconds in best.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=gradcore.get_num_threads())
    parser.add_argument("--clock", choices=CLOCKS, default="wall")
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    if options.clock == "cpu" and options.threads != 1:
        parser.error("--clock cpu counts one thread: it needs --threads 1")
    gradcore.set_num_threads(options.threads)
    torch.set_num_threads(options.threads)
    logs: dict[str, list[float]] = {"forward": [], "forward+backward": []}
    for shape in CONVOLUTIONS:
        times = {
            name: _best(runs, options.rounds, CLOCKS[options.clock])
            for name, runs in _runs(shape).items()
        }
        for name, row in times.items():
            ratio = row["gradcore"] / row["torch"]
            print(
                f"{shape!s:28s} {name:8s} gradcore {row['gradcore']:7.2f} ms   "
                f"torch {row['torch']:7.2f} ms   blas {row['blas']:7.2f} ms   ratio {ratio:5.2f}",
                flush=True,
            )
        # the first convolution of a network needs no gradient of its input
        used = [row for name, row in times.items() if name != "input" or shape[1] > 3]
        whole = sum(row["gradcore"] for row in used) / sum(row["torch"] for row in used)
        forward = times["forward"]
        logs["forward"].append(math.log(forward["gradcore"] / forward["torch"]))
        logs["forward+backward"].append(math.log(whole))
    for name, values in logs.items():
        mean, worst = math.exp(sum(values) / len(values)), math.exp(max(values))
        print(f"{name}: geometric mean {mean:.2f}, worst {worst:.2f}")


if __name__ == "__main__":
    main()
