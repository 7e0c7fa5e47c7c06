"""Reductions of runs of elements: segment_reduce."""

from __future__ import annotations

from typing import Any

from ..ops.operand import require_tensor
from ..ops.padding import pad
from ..ops.promotion import name_of
from ..ops.registry import FUNCTIONS, METHODS, public
from .tensor import Tensor

_INF = float("inf")
# The name of the reduction in scatter_reduce, and its result for no elements.
_REDUCTIONS = {
    "sum": ("sum", 0.0), "mean": ("sum", 0.0), "prod": ("prod", 1.0), "max": ("amax", -_INF),
    "amax": ("amax", -_INF), "min": ("amin", _INF), "amin": ("amin", _INF),
}  # fmt: skip


@public(method=False)
def segment_reduce(data, reduce, *, lengths=None, indices=None, offsets=None, axis=0,
                   unsafe=False, initial=None):  # fmt: skip
    """The "sum", "mean", "prod", "max" or "min" of runs of elements along ``axis``.

    Args:
        data: floating point (*B, n, *); ``axis`` is that of n.
        lengths: (*B, s): of how many elements each run is; they add up to n unless ``unsafe``.
        offsets: (*B, s + 1), instead: where each run begins, and where the last one ends.
        indices: not supported, as in PyTorch.
        initial: what each reduction starts from; without it that of nothing is 0 for sums, 1 for
            products, NaN for means and an infinity for extremes.

    Returns:
        (*B, s, *).

    >>> x = torch.tensor([1.0, 2.0, 3.0])
    >>> torch.segment_reduce(x, "sum", lengths=torch.tensor([1, 0, 2]))
    tensor([1., 0., 5.])
    """
    require_tensor("segment_reduce", "data", data)
    if reduce not in _REDUCTIONS:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    if indices is not None:
        raise RuntimeError("segment_reduce(): indices based reduction is not supported yet.")
    if data._array.dtype.kind not in "fV":
        name = name_of(data._array.dtype)
        raise NotImplementedError(f"\"_segment_reduce_cpu\" not implemented for '{name}'")
    starts = _starts(data, lengths, offsets, axis, unsafe)
    count = starts.shape[-1] - 1
    scattered, empty = _REDUCTIONS[reduce]
    # Elements of no run go to one more that is cut off.
    shape = (*data.shape[:axis], count + 1, *data.shape[axis + 1 :])
    extreme = scattered in ("amax", "amin")
    base = data.new_full(shape, empty if initial is None or extreme else initial)
    total = base.scatter_reduce(axis, _runs(data, starts, axis), data, scattered)
    total = total.narrow(axis, 0, count)
    if extreme and initial is not None:
        beaten = total < initial if scattered == "amax" else total > initial
        return total.masked_fill(beaten, initial)
    if reduce != "mean":
        return total
    sizes = METHODS["diff"](starts).reshape((*starts.shape[:-1], count, *_ones(data, axis)))
    divisor = sizes if initial is None else sizes.clamp(min=1)
    return total / divisor


def _ones(data: Tensor, axis: int) -> tuple[int, ...]:
    return (1,) * (data.ndim - axis - 1)


def _starts(data: Tensor, lengths: Any, offsets: Any, axis: int, unsafe: bool) -> Tensor:
    """Where the runs begin and the last one ends."""
    if lengths is None and offsets is None:
        raise RuntimeError("segment_reduce(): Either lengths or offsets must be defined.")
    given, what = (offsets, "offsets") if lengths is None else (lengths, "lengths")
    if not isinstance(given, Tensor):
        raise TypeError(
            f"segment_reduce(): argument '{what}' must be Tensor, not {type(given).__name__}"
        )
    if data.ndim < given.ndim:
        raise RuntimeError(f"Expected data.dim() >= {what}_value.dim() to be true, but got false.")
    axis = axis % data.ndim
    if axis != given.ndim - 1:
        raise RuntimeError(
            f"segment_reduce(): Expected axis to be the last dimension of {what} but got {axis}."
        )
    if given._array.dtype.kind not in "iu":
        raise NotImplementedError(
            f'"_segment_reduce_{what}_cpu_kernel1" not implemented for '
            f"'{name_of(given._array.dtype)}'"
        )
    if lengths is None:
        return offsets
    if (lengths < 0).any():
        raise RuntimeError("lengths contains negative value!")
    if not unsafe and (lengths.sum(-1) != data.shape[axis]).any():
        raise RuntimeError(
            "segment_reduce(): Expected all rows of lengths along axis to sum to "
            "data.size(lengths.dim()-1) when !unsafe."
        )
    return pad(lengths.cumsum(-1), (1, 0))


def _runs(data: Tensor, starts: Tensor, axis: int) -> Tensor:
    """The run that each element is in, in the shape of ``data``."""
    places = FUNCTIONS["arange"](data.shape[axis], device=data.device)
    places = places.expand(data.shape[: axis + 1]).contiguous()
    runs = FUNCTIONS["searchsorted"](starts.contiguous(), places, right=True) - 1
    runs = runs.masked_fill(runs < 0, starts.shape[-1] - 1)
    return runs.reshape((*runs.shape, *_ones(data, axis))).expand(data.shape)
