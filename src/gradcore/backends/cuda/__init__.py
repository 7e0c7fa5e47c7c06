"""CUDA kernels that replace the generic bodies of some ops.

Nothing here imports CuPy: kernels get the module as ``xp``, as op bodies do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import conv, cublas, optim, pool, softmax

__all__ = ["OVERRIDES", "UPDATES"]

# Op name -> body with the op's signature (xp first); it may return NotImplemented to decline.
OVERRIDES: dict[str, Callable[..., Any]] = {
    "avg_pool": pool.avg_pool,
    "avg_pool_backward": pool.avg_pool_backward,
    "conv": conv.conv,
    "conv_input": conv.conv_input,
    "conv_weight": conv.conv_weight,
    "log_softmax": softmax.log_softmax,
    "matmul": cublas.matmul,
    "max_pool": pool.max_pool,
    "max_pool_backward": pool.max_pool_backward,
    "softmax": softmax.softmax,
}

# Name -> fused update of many arrays in place (optimizer steps), xp first.
UPDATES: dict[str, Callable[..., Any]] = {"adam": optim.adam, "sgd": optim.sgd}
