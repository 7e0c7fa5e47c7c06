"""unique, unique_consecutive, searchsorted and bucketize. None of them has a gradient."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .op import op
from .operand import is_tensor, normalize_dim
from .promotion import name_of, result_dtype
from .reduce_arguments import reduction, refuse_kinds, scalar_tensor, tensor_argument
from .registry import public
from .shape import to_dtype

# --------------------------------------------------------------------------------- unique


@op(name="unique", outputs=3, differentiable=())
def unique_op(xp, x, *, axis, complete=True):
    """Sorted distinct values (slices along ``axis``), where each went, how often it came.

    The latter two are empty, and cost no argsort, where they are not ``complete``.
    """
    flat = x.reshape((-1,)) if axis is None else x
    if not complete:
        nothing = xp.zeros((0,), dtype="int64")
        return xp.unique(flat, axis=axis, equal_nan=False), nothing, nothing
    values, inverse, counts = xp.unique(
        flat, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    inverse = inverse.reshape(x.shape if axis is None else (-1,))
    return values, inverse.astype("int64"), counts.astype("int64")


@op(name="unique_consecutive", outputs=3, differentiable=())
def unique_consecutive_op(xp, x, *, axis, complete=True):
    """The first of each run of equal values (slices), the run of each, and the runs' lengths.

    The latter two are empty where they are not ``complete``.
    """
    rows = x.reshape((-1,)) if axis is None else xp.moveaxis(x, axis, 0)
    n = rows.shape[0]
    starts = xp.ones((n,), dtype="bool")
    differs = rows[1:] != rows[:-1]
    starts[1:] = differs.any(axis=tuple(range(1, rows.ndim))) if rows.ndim > 1 else differs
    first = xp.flatnonzero(starts)
    values = x.reshape((-1,))[first] if axis is None else xp.take(x, first, axis=axis)
    if not complete:
        nothing = xp.zeros((0,), dtype="int64")
        return values, nothing, nothing
    runs = xp.cumsum(starts, dtype="int64") - 1
    ends = xp.concatenate((first[1:], xp.full((min(n, 1),), n, dtype=first.dtype)))
    counts = (ends - first).astype("int64")
    return values, runs.reshape(x.shape) if axis is None else runs, counts


def _selected(results: tuple, return_inverse: bool, return_counts: bool) -> Any:
    values, inverse, counts = results
    if return_inverse and return_counts:
        return values, inverse, counts
    if return_inverse:
        return values, inverse
    return (values, counts) if return_counts else values


def _unique(name: str, call: Any, input: Any, dim: Any, returns: tuple) -> Any:
    x = tensor_argument(name, input)
    refuse_kinds("unique", x, "c")
    if dim is None:
        return _selected(call(x, axis=None), *returns)
    if x._array.ndim == 0:
        if name == "unique":
            raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
        return _selected(call(x, axis=None), *returns)
    axis = normalize_dim(dim, x._array.ndim)
    shape = x._array.shape
    if any(n == 0 for i, n in enumerate(shape) if i != axis):
        raise RuntimeError(
            "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied"
        )
    return _selected(call(x, axis=axis), *returns)


@public
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """The distinct elements (slices along ``dim``) in order.

    With ``return_inverse`` also the position of every element's value, with ``return_counts`` how
    often each came. Every nan is distinct. ``sorted=False`` leaves the order open; it is the same.

    >>> torch.unique(torch.tensor([3, 1, 3]), return_counts=True)
    (tensor([1, 3]), tensor([1, 2]))
    """
    call = partial(unique_op, complete=return_inverse or return_counts)
    return _unique("unique", call, input, dim, (return_inverse, return_counts))


@public
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The first of each run of equal elements (slices along ``dim``); see :func:`unique`.

    >>> torch.unique_consecutive(torch.tensor([1, 1, 2, 1]))
    tensor([1, 2, 1])
    """
    returns = (return_inverse, return_counts)
    call = partial(unique_consecutive_op, complete=any(returns))
    return _unique("unique_consecutive", call, input, dim, returns)


# --------------------------------------------------------------------------- searchsorted


@op(name="searchsorted", differentiable=())
def searchsorted_op(xp, boundaries, x, *, right):
    """Where ``x`` would go into the sorted rows of ``boundaries`` (one row for all, if 1-d).

    All values halve their interval at once, so rows need no loop.
    """
    if boundaries.ndim == 1:
        return xp.searchsorted(boundaries, x, side="right" if right else "left").astype("int64")
    n = boundaries.shape[-1]
    low = xp.zeros(x.shape, dtype="int64")
    high = xp.full(x.shape, n, dtype="int64")
    for _ in range(n.bit_length()):
        middle = (low + high) // 2
        found = xp.take_along_axis(boundaries, xp.minimum(middle, n - 1), -1)
        below = ~(found > x) if right else ~(found >= x)
        below = below & (low < high)
        low, high = xp.where(below, middle + 1, low), xp.where(below, high, middle)
    return low


_PREFIX = "torch.searchsorted(): "


def _check_sorter(boundaries: Any, sorter: Any) -> None:
    if sorter._array.shape != boundaries._array.shape:
        raise RuntimeError(
            f"{_PREFIX}boundary and sorter must have the same size, but got boundary tensor "
            f"{list(boundaries._array.shape)}and got sorter tensor {list(sorter._array.shape)}"
        )
    if sorter._array.dtype != np.int64:
        raise RuntimeError(
            f"{_PREFIX}sorter must be a tensor of long dtype but got dtype "
            f"{name_of(sorter._array.dtype)}"
        )
    if sorter._array.size and not bool(((sorter >= 0) & (sorter < sorter._array.shape[-1])).all()):
        raise RuntimeError(f"{_PREFIX}sorter index out of range")


def _check_shapes(boundaries: Any, shape: tuple, scalar: bool) -> None:
    ndim = boundaries._array.ndim
    if ndim == 0:
        raise RuntimeError(
            f"{_PREFIX}boundaries tensor should have positive dimension, but got 0 dimension"
        )
    if ndim == 1:
        return
    if scalar or not shape:
        raise RuntimeError(
            f"{_PREFIX}input value can be a scalar only when boundaries tensor dimension is 1, but "
            f"we got boundaries tensor dim({ndim}) and input value's dim(0) numel(1)"
        )
    if tuple(boundaries._array.shape[:-1]) != tuple(shape[:-1]) or len(shape) != ndim:
        raise RuntimeError(
            f"{_PREFIX}boundaries tensor should be 1 dimension or the first N-1 dimensions of "
            "boundaries tensor and input value tensor must match, but we got boundaries tensor "
            f"{list(boundaries._array.shape)} and input value tensor {list(shape)}"
        )


def _side_is_right(side: Any, right: bool) -> bool:
    if side is None:
        return bool(right)
    if side not in ("left", "right"):
        raise RuntimeError(f"{_PREFIX}side can only be 'left' or 'right' but got {side}")
    if right and side == "left":
        raise RuntimeError(
            f"{_PREFIX}side and right can't be set to opposites, got side of left while right was "
            "True"
        )
    return side == "right"


def _search(boundaries: Any, value: Any, right: bool, out_int32: bool) -> Any:
    dtype = result_dtype([boundaries._array, getattr(value, "_array", value)])
    if not is_tensor(value):
        value = scalar_tensor(value, dtype, boundaries)
    boundaries, value = (
        t if t._array.dtype == dtype else to_dtype(t, dtype=dtype) for t in (boundaries, value)
    )
    refuse_kinds("searchsorted_out_cpu", boundaries, "bc")
    found = searchsorted_op(boundaries, value, right=right)
    return to_dtype(found, dtype=np.dtype("int32")) if out_int32 else found


@reduction(method=False)
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """Where each value would be inserted into the sorted last dimension to keep it sorted.

    ``sorted_sequence`` is 1-d or has ``input``'s leading sizes; before equal elements, or after
    them with ``right`` (``side="right"``); ``sorter`` are the indices that sort it. int64, or
    int32 with ``out_int32``.

    >>> torch.searchsorted(torch.tensor([1, 3, 5]), torch.tensor([3, 6]))
    tensor([1, 3])
    """
    boundaries = tensor_argument("searchsorted", sorted_sequence)
    scalar = not is_tensor(input)
    _check_shapes(boundaries, () if scalar else input._array.shape, scalar)
    after = _side_is_right(side, right)
    if sorter is not None:
        from .along import take_along

        _check_sorter(boundaries, sorter)
        boundaries = take_along(boundaries, sorter, axis=boundaries._array.ndim - 1)
    return _search(boundaries, input, after, out_int32)


@reduction(method=False)
def bucketize(input, boundaries, *, out_int32=False, right=False):
    """The number of the interval between the 1-d ``boundaries`` that each value lies in.

    >>> torch.bucketize(torch.tensor([3, 6]), torch.tensor([1, 3, 5]), right=True)
    tensor([2, 3])
    """
    boundaries = tensor_argument("bucketize", boundaries)
    if boundaries._array.ndim != 1:
        raise RuntimeError(
            f"boundaries tensor must be 1 dimension, but got dim({boundaries._array.ndim})"
        )
    return _search(boundaries, input, bool(right), out_int32)
