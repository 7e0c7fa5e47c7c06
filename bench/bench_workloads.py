"""The workloads under pytest-benchmark, on every device present.

    pip install -e ".[bench]"
    pytest bench/bench_workloads.py --benchmark-group-by=param:name

compares the CPU's and the GPU's kernels side by side.
"""

from __future__ import annotations

import pytest
from workloads import WORKLOADS, Inputs

import gradcore

DEVICES = ["cpu", *(f"cuda:{i}" for i in range(gradcore.cuda.device_count()))]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", WORKLOADS)
def test_speed(benchmark, name: str, device: str) -> None:
    run = WORKLOADS[name].setup(gradcore, Inputs(gradcore, device, name))
    if device == "cpu":
        benchmark(run)
        return

    def run_and_wait() -> None:
        run()
        gradcore.cuda.synchronize()

    benchmark(run_and_wait)
