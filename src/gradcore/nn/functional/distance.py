"""Distances between vectors, and vectors of unit length."""

from __future__ import annotations

from typing import Any

from ...backends.dtype import from_numpy_dtype
from ...ops.operand import normalize_dim, require_tensor
from ...ops.promotion import name_of, result_dtype
from ...ops.registry import FUNCTIONS


def pairwise_distance(
    x1: Any, x2: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False
) -> Any:
    """The p-norm of ``x1 - x2 + eps`` over the last dimension: (*, D) and (*, D) to (*).

    >>> F.pairwise_distance(torch.zeros(1, 2), torch.tensor([[3.0, 4.0]]))
    tensor([5.0000])
    """
    require_tensor("pairwise_distance", "x1", x1)
    require_tensor("pairwise_distance", "x2", x2, 2)
    return (x1 - x2 + eps).norm(p, -1, keepdim)


def cosine_similarity(x1: Any, x2: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    """``x1 . x2 / max(|x1| * |x2|, eps)`` along ``dim`` of the broadcast tensors.

    >>> F.cosine_similarity(torch.tensor([3.0, 4.0]), torch.tensor([3.0, 0.0]), dim=0)
    tensor(0.6000)
    """
    require_tensor("cosine_similarity", "x1", x1)
    require_tensor("cosine_similarity", "x2", x2, 2)
    common = result_dtype([x1._array, x2._array])
    if common.kind not in "fcV":
        raise RuntimeError(
            f"expected common dtype to be floating point, yet common dtype is {name_of(common)}"
        )
    dtype = from_numpy_dtype(common)
    x1, x2 = FUNCTIONS["broadcast_tensors"](x1.to(dtype), x2.to(dtype))
    axis = normalize_dim(dim, x1.ndim)
    # each length is bounded by itself, so that the vectors are divided before they are multiplied
    units = [x / x.norm(2, axis, keepdim=True).clamp_min(eps) for x in (x1, x2)]
    return (units[0] * units[1]).sum(axis)


def normalize(input: Any, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None) -> Any:
    """``input / max(|input|, eps)`` with the p-norm along ``dim`` (an int or several).

    >>> F.normalize(torch.tensor([3.0, 4.0]), dim=0)
    tensor([0.6000, 0.8000])
    """
    length = input.norm(p, dim, keepdim=True).clamp_min(eps)
    return input / length if out is None else FUNCTIONS["div"](input, length, out=out)


def pdist(input: Any, p: float = 2.0) -> Any:
    """The p-norm distances between the rows of (N, D), each pair once: (N * (N - 1) / 2,).

    >>> F.pdist(torch.tensor([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]]))
    tensor([5.0000, 1.0000, 4.2426])
    """
    require_tensor("pdist", "self", input)
    if input.ndim != 2:
        raise RuntimeError(f"pdist only supports 2D tensors, got: {input.ndim}D")
    if p < 0:
        raise RuntimeError("pdist only supports non-negative p values")
    rows, columns = FUNCTIONS["triu_indices"](
        input.shape[0], input.shape[0], 1, device=input.device
    ).unbind(0)
    return (input[rows] - input[columns]).norm(p, 1)
