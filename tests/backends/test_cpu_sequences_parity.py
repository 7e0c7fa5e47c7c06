"""``linspace`` of the CPU has PyTorch's bits: its order of operations and their precision."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from gradcore.backends.cpu import sequences  # noqa: E402

LARGE = 200_001  # several blocks, on several threads
ENDS = [(0, 1), (-2.75, 9.1), (113.3, -0.4), (1e-3, 6e4)]


@pytest.mark.parametrize("steps", [0, 1, 2, 3, 4, 77, 1000, LARGE])
@pytest.mark.parametrize("dtype", ["float32", "float16", "int64", "uint8"])
@pytest.mark.parametrize("ends", ENDS, ids=str)
def test_linspace(ends, dtype, steps):
    if dtype in ("int64", "uint8"):
        ends = tuple(abs(int(end)) % 250 for end in ends)
    expected = torch.linspace(*ends, steps, dtype=getattr(torch, dtype)).numpy()
    np.testing.assert_array_equal(sequences.linspace(*ends, steps, np.dtype(dtype)), expected)
