"""Threaded NumPy kernels that replace the generic bodies of some ops on the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import (
    argreduce,
    block_reduce,
    conv,
    copy,
    index,
    loss,
    normalization,
    optim,
    pool,
    reduce,
    scan,
    softmax,
)

# Op name -> body with the op's signature (xp first); it may return NotImplemented to decline.
OVERRIDES: dict[str, Callable[..., Any]] = {
    "avg_pool": pool.avg_pool,
    "avg_pool_backward": pool.avg_pool_backward,
    "conv": conv.conv,
    "conv_input": conv.conv_input,
    "conv_weight": conv.conv_weight,
    "gather_planes": pool.gather_planes,
    "max_pool": pool.max_pool,
    "max_pool_backward": pool.max_pool_backward,
    **argreduce.OVERRIDES,
    **block_reduce.OVERRIDES,
    **copy.OVERRIDES,
    **index.OVERRIDES,
    **loss.OVERRIDES,
    **normalization.OVERRIDES,
    **reduce.OVERRIDES,
    **scan.OVERRIDES,
    **softmax.OVERRIDES,
}

# Name -> fused update of many arrays in place (optimizer steps).
UPDATES: dict[str, Callable[..., Any]] = {"adam": optim.adam, "sgd": optim.sgd}
