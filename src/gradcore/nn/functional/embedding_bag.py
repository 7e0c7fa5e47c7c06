"""Sums, means and maxima of embeddings over bags of indices."""

from __future__ import annotations

import warnings
from typing import Any

from ...ops.registry import FUNCTIONS
from .sparse import embedding


def embedding_bag(
    input: Any,
    weight: Any,
    offsets: Any = None,
    max_norm: float | None = None,
    norm_type: float = 2,
    scale_grad_by_freq: bool = False,
    mode: str = "mean",
    sparse: bool = False,
    per_sample_weights: Any = None,
    include_last_offset: bool = False,
    padding_idx: int | None = None,
) -> Any:
    """``embedding(input, weight)`` reduced over each bag: (bags, D).

    Args:
        input: (bags, indices per bag), or (N,) with …
        offsets: … the positions (bags,) at which the bags start.
        max_norm, norm_type, scale_grad_by_freq: as in :func:`embedding`.
        mode: "sum", "mean" or "max"; empty bags give zeros.
        sparse: not supported: there are no sparse tensors.
        per_sample_weights: of the input's shape, multiplied in; for "sum" only.
        include_last_offset: the last offset is where the last bag ends.
        padding_idx: this index does not count.

    >>> table = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    >>> F.embedding_bag(torch.tensor([0, 1]), table, torch.tensor([0]))
    tensor([[2., 3.]])
    """
    if weight.dtype.name == "int64" and input.is_floating_point():
        warnings.warn(
            "Argument order of nn.functional.embedding_bag was changed. Usage "
            "`embedding_bag(weight, input, ...)` is deprecated, and should now be "
            "`embedding_bag(input, weight, ...)`.",
            stacklevel=2,
        )
        weight, input = input, weight
    _check(input, weight, offsets, mode, scale_grad_by_freq, per_sample_weights)
    if sparse:
        raise RuntimeError(
            "embedding_bag(): sparse=True is not supported: there are no sparse tensors"
        )
    if padding_idx is not None:
        rows = weight.size(0)
        if not -rows <= padding_idx < rows:
            raise RuntimeError("padding_idx must be within the number of embeddings")
        padding_idx %= rows
    starts, flat, count = _bags(input, offsets, include_last_offset)
    vectors = embedding(flat, weight, padding_idx, max_norm, norm_type, scale_grad_by_freq)
    counted = None if padding_idx is None else flat != padding_idx
    if per_sample_weights is not None:
        vectors = vectors * per_sample_weights.reshape((-1, 1))
    positions = FUNCTIONS["arange"](flat.numel(), device=flat.device)
    bag = FUNCTIONS["searchsorted"](starts, positions, right=True) - 1
    if mode == "max":
        return _maxima(vectors, counted, starts, bag, count)
    return _sums(vectors, counted, bag, count, mode)


def _check(
    input: Any, weight: Any, offsets: Any, mode: str, by_freq: bool, sample_weights: Any
) -> None:
    if sample_weights is not None and input.size() != sample_weights.size():
        raise ValueError(
            f"embedding_bag: If per_sample_weights ({sample_weights.shape}) is not None, then it "
            f"must have the same shape as the input ({input.shape})"
        )
    if weight.dim() != 2:
        raise ValueError(
            f"weight has to be a 2D Tensor, but got Tensor of dimension {weight.dim()}"
        )
    if input.dim() == 2 and offsets is not None:
        raise ValueError(
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
            f"fixed length sequences. However, found offsets of type {type(offsets)}"
        )
    if input.dim() not in (1, 2):
        raise ValueError(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.dim()}"
        )
    if input.dim() == 1 and offsets is None:
        raise ValueError("offsets has to be a 1D Tensor but got None")
    if offsets is not None and offsets.dim() != 1:
        raise ValueError("offsets has to be a 1D Tensor")
    if mode not in ("sum", "mean", "max"):
        raise ValueError("mode has to be one of sum, mean or max")
    if mode == "max" and by_freq:
        raise ValueError("max mode does not support scaling the gradient by the frequency")
    if sample_weights is not None and mode != "sum":
        raise NotImplementedError(
            "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported "
            f"for mode='sum' (got mode='{mode}'). Please open a feature request on GitHub."
        )


def _bags(input: Any, offsets: Any, include_last: bool) -> tuple[Any, Any, int]:
    """Where the bags start, all indices, and the number of bags."""
    if input.dim() == 2:
        bags, size = input.shape
        starts = FUNCTIONS["arange"](bags, device=input.device) * size
        return starts, input.reshape((-1,)), bags
    if offsets.device.type == "cpu":
        if offsets.numel() and int(offsets[0]) != 0:
            raise RuntimeError(
                "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start "
                f"from position 0. However, got {int(offsets[0])}"
            )
        if offsets.numel() and int(offsets[-1]) > input.numel():
            raise RuntimeError(
                "offsets[-1] can not be greater than input's length("
                f"{input.numel()}) but got offsets[-1] of {int(offsets[-1])}"
            )
    if include_last:
        if offsets.numel() < 1:
            raise RuntimeError("include_last_offset: number of offset should be at least 1")
        offsets = offsets[:-1]
    return offsets.long(), input, offsets.numel()


def _sums(vectors: Any, counted: Any, bag: Any, count: int, mode: str) -> Any:
    if counted is not None:
        vectors = vectors * counted.unsqueeze(1)
    zeros = vectors.detach().new_zeros((count, vectors.size(1)))
    total = zeros.index_add(0, bag, vectors)
    if mode == "sum":
        return total
    ones = vectors.detach().new_ones((vectors.size(0),))
    ones = ones if counted is None else ones * counted
    sizes = vectors.detach().new_zeros((count,)).index_add(0, bag, ones)
    return total / sizes.clamp_min(1).unsqueeze(1)


def _maxima(vectors: Any, counted: Any, starts: Any, bag: Any, count: int) -> Any:
    """Bags side by side in a rectangle, filled up with -inf."""
    zeros = starts.new_zeros((count,))
    if vectors.size(0) == 0:
        return vectors.new_zeros((count, vectors.size(1)))
    sizes = zeros.index_add(0, bag, bag.new_ones(bag.shape))
    offsets = FUNCTIONS["arange"](int(sizes.max()), device=starts.device)
    inside = offsets < sizes.unsqueeze(1)
    at = (starts.unsqueeze(1) + offsets).masked_fill(~inside, 0)
    if counted is not None:
        inside = inside & counted[at]
    table = vectors[at].masked_fill(~inside.unsqueeze(2), float("-inf"))
    return table.max(1)[0].masked_fill(~inside.any(1).unsqueeze(1), 0)
