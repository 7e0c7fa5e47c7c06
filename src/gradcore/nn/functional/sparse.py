"""Embeddings."""

from __future__ import annotations

from typing import Any

from ...autograd.modes import no_grad
from ...ops.embedding import embedding as embedding_op
from ...ops.index import checked_index
from ...ops.operand import require_tensor
from ...ops.promotion import name_of


def embedding(
    input: Any,
    weight: Any,
    padding_idx: int | None = None,
    max_norm: float | None = None,
    norm_type: float = 2.0,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """The rows of ``weight`` (rows, D) at the indices ``input`` (*): (*, D).

    Args:
        padding_idx: the row that gets no gradient.
        max_norm: rows looked up whose ``norm_type`` norm is larger are shrunk to it, in place.
        scale_grad_by_freq: divide gradients by how often their row occurs in ``input``.
        sparse: not supported: there are no sparse tensors.

    >>> F.embedding(torch.tensor([1, 0]), torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
    tensor([[3., 4.],
            [1., 2.]])
    """
    require_tensor("embedding", "indices", input, 2)
    require_tensor("embedding", "weight", weight, 1)
    if sparse:
        raise RuntimeError("embedding(): sparse=True is not supported: there are no sparse tensors")
    padding_idx = _row_number(padding_idx, weight.size(0))
    if weight.dim() != 2:
        raise RuntimeError("'weight' must be 2-D")
    if input._array.dtype.name not in ("int64", "int32"):
        raise RuntimeError(
            "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{name_of(input._array.dtype)}Tensor instead (while checking "
            "arguments for embedding)"
        )
    if max_norm is not None:
        _renormalize(weight, input, max_norm, norm_type)
    indices = checked_index(input, size=weight.size(0), axis=0, wraps=False, name="index_select")
    return embedding_op(
        weight, indices, padding_idx=padding_idx, scale_grad_by_freq=scale_grad_by_freq
    )


def _row_number(padding_idx: int | None, rows: int) -> int:
    if padding_idx is None:
        return -1
    if not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    return padding_idx % rows


def _renormalize(weight: Any, indices: Any, max_norm: float, norm_type: float) -> None:
    """Shrink the rows that are looked up to ``max_norm``."""
    with no_grad():
        rows = indices.reshape(-1).unique()
        found = weight[rows]
        norms = found.norm(norm_type, 1, keepdim=True)
        # 1e-7 is PyTorch's guard against dividing by zero.
        scale = (max_norm / (norms + 1e-7)).where(norms > max_norm, norms * 0 + 1)
        weight[rows] = found * scale
