"""Lets the benchmarks import their workloads."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
