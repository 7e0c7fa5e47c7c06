"""On a machine with a GPU: the tests on real CUDA, then speed against PyTorch there.

    python bench/gpu_report.py [--skip-tests]

writes ``bench/results/gpu-<date>.json`` with versions, the test summary and the ratios.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent


def versions() -> dict[str, str]:
    import numpy

    import gradcore

    found = {"gradcore": gradcore.__version__, "numpy": numpy.__version__}
    for name in ("cupy", "torch", "cudnn"):
        try:
            found[name] = __import__(name).__version__
        except ImportError:
            found[name] = "not installed"
    found["python"] = platform.python_version()
    found["gpu"] = gradcore.cuda.get_device_name()
    return found


def commit() -> str:
    result = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return result.stdout.strip()


def run_tests() -> dict[str, Any]:
    """The test suite with the CUDA devices among those it runs on."""
    environment = os.environ | {"GRADCORE_REAL_CUDA": "1"}
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "tests", "-q", "-x", "--maxfail=50"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    return {"exit_status": result.returncode, "tail": result.stdout.splitlines()[-60:]}


def run_speed() -> list[dict]:
    """Every workload of bench/workloads.py on cuda, against torch."""
    import torch
    from vs_torch import compare
    from workloads import WORKLOADS

    import gradcore

    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    rows = []
    for name, workload in WORKLOADS.items():
        try:
            libraries = {"gradcore": gradcore, "torch": torch}
            rows.append(compare(workload, libraries, "cuda", rounds=7, slot=0.04))
        except Exception as error:  # a report says what failed instead of stopping there
            rows.append({"workload": name, "error": f"{type(error).__name__}: {error}"})
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--skip-tests", action="store_true")
    options = parser.parse_args()
    import gradcore

    if not gradcore.cuda.is_available():
        sys.exit("no CUDA here: this report is for a machine with a GPU, CuPy and a driver")
    report: dict[str, Any] = {"date": datetime.date.today().isoformat(), "commit": commit()}
    report["versions"] = versions()
    if not options.skip_tests:
        report["tests"] = run_tests()
    report["speed"] = run_speed()
    folder = ROOT / "bench" / "results"
    folder.mkdir(exist_ok=True)
    path = folder / f"gpu-{report['date']}.json"
    path.write_text(json.dumps(report, indent=1) + "\n")
    print(path)


if __name__ == "__main__":
    main()
