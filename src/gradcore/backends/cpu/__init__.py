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
    nll,
    nonzero,
    normalization,
    optim,
    order_statistics,
    pool,
    products,
    reduce,
    resample,
    sample,
    scan,
    softmax,
    triangles,
    views,
)

# Op name -> body with the op's signature (xp first); it may return NotImplemented to decline.
OVERRIDES: dict[str, Callable[..., Any]] = {
    "adaptive_max_pool": pool.adaptive_max_pool,
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
    **nll.OVERRIDES,
    **normalization.OVERRIDES,
    **nonzero.OVERRIDES,
    **order_statistics.OVERRIDES,
    **products.OVERRIDES,
    **reduce.OVERRIDES,
    **resample.OVERRIDES,
    **sample.OVERRIDES,
    **scan.OVERRIDES,
    **softmax.OVERRIDES,
    **triangles.OVERRIDES,
    **views.OVERRIDES,
}

# Name -> fused update of many arrays: optimizer steps, norms, scalings. False declines.
UPDATES: dict[str, Callable[..., bool]] = {
    "adam": optim.adam,
    "norm": optim.norm,
    "scale": optim.scale,
    "sgd": optim.sgd,
}
