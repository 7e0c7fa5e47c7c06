"""CUDA kernels that replace the generic bodies of some ops.

Nothing here imports CuPy: kernels get the module as ``xp``, as op bodies do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..switches import CudaMatmul
from . import conv, cublas, index, optim, pool, reduce, softmax

__all__ = ["OVERRIDES", "UPDATES"]

# Op name -> body with the op's signature (xp first); it may return NotImplemented to decline.
OVERRIDES: dict[str, Callable[..., Any]] = {
    "addmm": cublas.addmm,
    "avg_pool": pool.avg_pool,
    "avg_pool_backward": pool.avg_pool_backward,
    "bmm": cublas.matmul,
    "checked_index": index.checked_index,
    "conv": conv.conv,
    "conv_input": conv.conv_input,
    "conv_weight": conv.conv_weight,
    "dot": cublas.matmul,
    "embedding_backward": index.embedding_backward,
    "linear": cublas.linear,
    "log_softmax": softmax.log_softmax,
    "log_softmax_backward": softmax.log_softmax_backward,
    "matmul": cublas.matmul,
    "max_pool": pool.max_pool,
    "max_pool_backward": pool.max_pool_backward,
    "max_with_index": reduce.max_with_index,
    "min_with_index": reduce.min_with_index,
    "mm": cublas.matmul,
    "mv": cublas.matmul,
    "softmax": softmax.softmax,
    "softmax_backward": softmax.softmax_backward,
}

# Ops that add into places given by indices, in any order.
ATOMIC = frozenset(
    {
        "embedding_backward", "gather_backward", "index_add", "index_backward", "index_put",
        "index_select_backward", "scatter_add",
    }
)  # fmt: skip

# ``torch.backends.cuda.matmul``.
matmul = CudaMatmul()


def is_built() -> bool:
    """Whether this build can use CUDA: always, given CuPy and a driver."""
    return True


# Name -> fused update of many arrays in place (optimizer steps), xp first.
UPDATES: dict[str, Callable[..., Any]] = {"adam": optim.adam, "sgd": optim.sgd}
