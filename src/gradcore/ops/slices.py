"""Reading and writing whole slices of a dimension: index_select, index_add and their relatives."""

from __future__ import annotations

from typing import Any

from . import index as I
from .arguments import int_argument, is_index_dtype
from .operand import is_tensor, normalize_dim, require_tensor
from .outputs import takes_out
from .promotion import name_of
from .registry import public
from .selecting import as_vector, checked, index_tensor, indexed, number_for, scatter_reduce
from .shape import expand, to_dtype


@indexed
def index_select(input, dim, index):
    """The slices of ``dim`` at the 1-d ``index``. IndexError for one out of range.

    >>> torch.index_select(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([1, 0]))
    tensor([[2, 1],
            [4, 3]])
    """
    axis = normalize_dim(int_argument("index_select", "dim", dim, 2), input.ndim)
    index = index_tensor(
        "index_select", index, "index_select(): Expected dtype int32 or int64 for index"
    )
    if index.ndim > 1:
        raise IndexError("index_select(): Index is supposed to be a vector")
    index = checked(as_vector(index), input.shape[axis], axis, "index_select")
    return I.index_select_op, (input, index), {"axis": axis}


@indexed
def index_add(input, dim, index, source, *, alpha=1):
    """``input`` with the slices of ``alpha * source`` added at ``index`` of dimension ``dim``.

    >>> torch.index_add(torch.zeros(3), 0, torch.tensor([0, 0, 2]), torch.ones(3))
    tensor([2., 0., 1.])
    """
    axis = normalize_dim(int_argument("index_add", "dim", dim, 2), input.ndim)
    index = index_tensor(
        "index_add", index, "index_add_(): Expected dtype int32/int64 for index but got: {}"
    )
    if index.ndim > 1:
        raise IndexError(
            f"index_add_(): Index is supposed to be a vector, but got dim: {index.ndim} with "
            f"type: {name_of(index._array.dtype)} and size: {list(index.shape)}"
        )
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(
            f"index_add_(): self ({name_of(input._array.dtype)}) and source "
            f"({name_of(source._array.dtype)}) must have the same scalar type"
        )
    source = source.reshape((1,)) if source.ndim == 0 else source
    if index.numel() != source.shape[axis]:
        raise RuntimeError(
            f"index_add_(): Number of indices ({index.numel()}) should be equal to "
            f"source.size(dim): ({source.shape[axis]}), for dim: {axis}"
        )
    _check_slices(input, axis, source)
    index = checked(as_vector(index), input.shape[axis], axis, "index_add")
    alpha = number_for(input._array.dtype, alpha)
    return I.index_add_op, (input, index, source), {"axis": axis, "alpha": alpha}


def _apart_from(axis: int, x: Any) -> list[int]:
    """The sizes of ``x`` without that of ``axis``."""
    return [n for d, n in enumerate(x.shape) if d != axis]


def _check_slices(input: Any, axis: int, source: Any) -> None:
    if _apart_from(axis, input) != _apart_from(axis, source) or input.ndim != source.ndim:
        mine, theirs = list(input.shape), list(source.shape)
        raise RuntimeError(
            "source tensor shape must match self tensor shape, excluding the specified "
            f"dimension. Got self.shape = {mine} source.shape = {theirs}"
        )


@indexed
def index_copy(input, dim, index, source):
    """``input`` with the slices of ``source`` at ``index`` of dimension ``dim``.

    >>> torch.index_copy(torch.zeros(3), 0, torch.tensor([2, 0]), torch.tensor([5.0, 6.0]))
    tensor([6., 0., 5.])
    """
    axis = normalize_dim(int_argument("index_copy", "dim", dim, 2), input.ndim)
    index = index_tensor("index_copy", index, "index_copy_(): Expected a long tensor for index")
    if index.ndim > 1:
        raise IndexError(f"index_copy_(): Index should have dimension 1 or 0 (got {index.ndim})")
    source = source.reshape((1,)) if source.ndim == 0 else source
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(
            "index_copy_(): self and source expected to have the same dtype, but got (self) "
            f"{name_of(input._array.dtype)} and (source) {name_of(source._array.dtype)}"
        )
    if source.ndim != input.ndim:
        raise IndexError(
            "index_copy_(): When source and destination are not scalars, their dimensionality "
            f"must match. Source dimensionality ({source.ndim}), destination dimensionality "
            f"({input.ndim})"
        )
    _check_copied_slices(input, axis, source)
    if index.numel() != source.shape[axis]:
        raise IndexError(
            f"index_copy_(): Number of indices ({index.numel()}) should be equal to "
            f"source.size(dim) ({source.shape[axis]})"
        )
    index = checked(as_vector(index), input.shape[axis], axis, "index_copy")
    return I.index_copy_op, (input, index, source), {"axis": axis}


def _check_copied_slices(input: Any, axis: int, source: Any) -> None:
    mine, theirs = _apart_from(axis, input), _apart_from(axis, source)
    if mine != theirs:
        raise RuntimeError(
            "index_copy_(): Source/destination tensor must have same slice shapes. Destination "
            f"slice shape: {mine} at dimension {axis} and source slice shape: {theirs} at "
            f"dimension 0."
        )


@indexed
def index_fill(input, dim, index, value):
    """``input`` with ``value`` (a number or a 0-d tensor) in the slices at ``index``.

    >>> torch.index_fill(torch.tensor([1, 2, 3]), 0, torch.tensor([0, 2]), 9)
    tensor([9, 2, 9])
    """
    axis = normalize_dim(int_argument("index_fill", "dim", dim, 2), input.ndim)
    require_tensor("index_fill", "index", index, 3)
    if not is_index_dtype(index._array.dtype):
        raise IndexError("index_fill_(): Expected dtype int64 for index.")
    if index.ndim > 1:
        raise RuntimeError("Index has to be a vector/scalar")
    index = checked(as_vector(index), input.shape[axis], axis, "index_fill", wraps=True)
    if not is_tensor(value):
        value = number_for(input._array.dtype, value)
        return I.index_fill_op, (input, index), {"axis": axis, "value": value}
    if value.ndim and not (value.ndim == 1 and input.ndim == 1 and value.numel() == 1):
        raise RuntimeError(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    shape = (*input.shape[:axis], index.shape[0], *input.shape[axis + 1 :])
    source = expand(to_dtype(value, dtype=input._array.dtype), shape=shape)
    return I.index_copy_op, (input, index, source), {"axis": axis}


@public(inplace=True)
@takes_out
def index_reduce(input, dim, index, source, reduce, *, include_self=True):
    """``input`` with the slices of ``source`` reduced into those at ``index`` of ``dim``.

    Args:
        index: 1-d int32 or int64, one entry for every slice of ``source``.
        source: ``input``'s dtype and sizes, except along ``dim``.
        reduce: "prod", "mean", "amax" or "amin".
        include_self: whether the slices of ``input`` that are pointed at take part.

    Raises:
        RuntimeError: another ``reduce``, dtypes or sizes that differ, an index out of range.

    >>> source = torch.tensor([2.0, 3.0])
    >>> torch.index_reduce(torch.ones(2), 0, torch.tensor([0, 0]), source, "prod")
    tensor([6., 1.])
    """
    if reduce not in ("prod", "mean", "amax", "amin"):
        raise RuntimeError(
            "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got "
            f"{reduce}."
        )
    ndim = require_tensor("index_reduce", "input", input).ndim
    axis = normalize_dim(int_argument("index_reduce", "dim", dim, 2), ndim)
    message = "index_reduce(): Expected dtype int32/int64 for index"
    index = index_tensor("index_reduce", index, message)
    _check_reduced(input, axis, index, source)
    if not input.numel():
        return input.clone()
    sizes = tuple(source.shape)
    along = (1,) * axis + (index.numel(),) + (1,) * (source.ndim - axis - 1)
    places = expand(index.reshape(along), shape=sizes) if source.ndim else index.reshape(())
    return scatter_reduce(input, axis, places, source, reduce, include_self=include_self)


def _check_reduced(input: Any, axis: int, index: Any, source: Any) -> None:
    require_tensor("index_reduce", "source", source, 4)
    if index.ndim > 1:
        raise IndexError("index_reduce(): Index is supposed to be a vector")
    if source._array.dtype != input._array.dtype:
        raise RuntimeError("index_reduce(): self and source must have the same scalar type")
    if input.ndim and axis < source.ndim and index.numel() != source.shape[axis]:
        raise IndexError("index_reduce(): Number of indices should be equal to self.size(dim)")
    mine, theirs = _apart_from(axis, input), _apart_from(axis, source)
    if mine != theirs or input.ndim != source.ndim:
        raise RuntimeError(
            "index_reduce(): Source/destination tensor must have same slice shapes. Destination "
            f"slice shape: {mine} at dimension {axis} and source slice shape: {theirs} at "
            f"dimension {axis}."
        )
