"""Masks and index lists: masked_*, nonzero, index_put, and counting values."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import index as I
from .arguments import is_index_dtype, is_mask_dtype, variable_ints
from .op import op
from .operand import is_tensor, require_tensor
from .outputs import takes_out
from .padding import pad_constant
from .pointwise import where
from .promotion import category, name_of, promote_types, result_dtype
from .registry import public
from .selecting import checked, indexed, number_for, refuse_overlap
from .shape import basic_index, broadcast_shape, expand, select, to_dtype

# ----------------------------------------------------------------------------------- masks


def _bool_mask(message: str, mask: Any) -> Any:
    require_tensor("masked_fill", "mask", mask, 2)
    if mask._array.dtype.kind != "b":
        raise RuntimeError(message)
    return mask


@public
def masked_fill(input, mask, value):
    """``value`` (a number or a 0-d tensor) where ``mask`` holds, ``input`` elsewhere.

    >>> torch.masked_fill(torch.tensor([1, 2, 3]), torch.tensor([True, False, True]), 0)
    tensor([0, 2, 0])
    """
    require_tensor("masked_fill", "input", input)
    x, mask, value = masked_fill_arguments(input, mask, value)
    x = x if tuple(x.shape) == tuple(mask.shape) else _broadcast(x, mask)
    if is_tensor(value):
        return where(mask, value, x)
    return I.masked_fill_op(x, mask, value=value)


def _broadcast(x: Any, mask: Any) -> Any:
    shape = broadcast_shape(tuple(mask.shape), tuple(x.shape))
    return x if tuple(x.shape) == shape else expand(x, shape=shape)


# What C calls them.
_C_NAMES = {"uint8": "unsigned char", "int8": "signed char", "int16": "short", "int32": "int",
            "int64": "long", "float32": "float", "float64": "double"}  # fmt: skip


def masked_fill_arguments(x: Any, mask: Any, value: Any) -> tuple:
    """The input, its mask, and the value as a number or a 0-d tensor of the input's dtype."""
    require_tensor("masked_fill", "mask", mask, 2)
    if mask._array.dtype.kind != "b":
        raise RuntimeError(
            "masked_fill_ only supports boolean masks, but got mask with dtype "
            f"{_C_NAMES.get(mask._array.dtype.name, name_of(mask._array.dtype))}"
        )
    if not is_tensor(value):
        return x, mask, number_for(x._array.dtype, value)
    if value.ndim:
        raise RuntimeError(
            "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{value.ndim} dimension(s)."
        )
    if value._array.dtype.kind == "c" and x._array.dtype.kind != "c":
        raise RuntimeError("value cannot be converted to type float without overflow")
    return (
        x,
        mask,
        value if value._array.dtype == x._array.dtype else to_dtype(value, dtype=x._array.dtype),
    )


@public
def masked_select(input, mask, *, out=None):
    """The elements where ``mask`` holds (both broadcast), in one dimension.

    >>> torch.masked_select(torch.tensor([1, 2, 3]), torch.tensor([True, False, True]))
    tensor([1, 3])
    """
    if out is not None:
        from ..autograd.inplace import write_out

        refuse_overlap(out, input, mask)
        return write_out(masked_select, out, input, mask)
    require_tensor("masked_select", "input", input)
    mask = _bool_mask("masked_select: expected BoolTensor for mask", mask)
    shape = broadcast_shape(tuple(mask.shape), tuple(input.shape))
    input, mask = (x if tuple(x.shape) == shape else expand(x, shape=shape) for x in (input, mask))
    return I.index_op(input.reshape((-1,)), I.flat_nonzero(mask), dims=(0,))


def mask_positions(mask: Any) -> tuple:
    """One index tensor per dimension of the mask."""
    found = I.nonzero_op(mask)
    return tuple(select(found, key=(slice(None), d, ...)) for d in range(mask.ndim))


@public(inplace=True)
def masked_scatter(input, mask, source):
    """The elements of ``source``, one after the other, where ``mask`` holds.

    >>> torch.masked_scatter(torch.zeros(3), torch.tensor([True, False, True]), torch.ones(2))
    tensor([1., 0., 1.])
    """
    require_tensor("masked_scatter", "input", input)
    mask = _bool_mask(
        "masked_scatter_ only supports boolean masks, but got mask with dtype "
        f"{name_of(mask._array.dtype)}",
        mask,
    )
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(
            "masked_scatter: expected self and source to have same dtypes but got"
            f"{name_of(input._array.dtype)} and {name_of(source._array.dtype)}"
        )
    shape = broadcast_shape(tuple(mask.shape), tuple(input.shape))
    input, mask = (x if tuple(x.shape) == shape else expand(x, shape=shape) for x in (input, mask))
    places = I.flat_nonzero(mask)
    count = places.shape[0]
    if count > source.numel():
        raise RuntimeError("Number of elements of source < number of ones in mask")
    values = basic_index(source.reshape((-1,)), key=(slice(0, count),))
    return I.index_put_op(input.reshape((-1,)), values, places, dims=(0,)).reshape(shape)


# --------------------------------------------------------------------------------- nonzero


@public
def nonzero(input, *, out=None, as_tuple=False):
    """The positions of what is not zero, one per row; a tuple of one tensor per dimension.

    A 0-d input counts as 1-d with ``as_tuple``.

    >>> torch.nonzero(torch.tensor([[0, 1], [2, 0]]))
    tensor([[0, 1],
            [1, 0]])
    """
    if out is not None:
        from ..autograd.inplace import write_out

        return write_out(nonzero, out, input)
    require_tensor("nonzero", "input", input)
    if as_tuple:
        return mask_positions(input if input.ndim else input.reshape((1,)))
    return I.nonzero_op(input)


@public
def argwhere(input):
    """The positions of what is not zero, one per row.

    >>> torch.argwhere(torch.tensor([0, 1, 2]))
    tensor([[1],
            [2]])
    """
    return I.nonzero_op(require_tensor("argwhere", "input", input))


@public
@takes_out
def nonzero_static(input, *, size, fill_value=-1):
    """The first ``size`` rows of :func:`nonzero`, and ``fill_value`` in rows that it lacks.

    >>> torch.nonzero_static(torch.tensor([0, 1, 2]), size=3).tolist()
    [[1], [2], [-1]]
    """
    require_tensor("nonzero_static", "input", input)
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = I.nonzero_op(input)
    if found.shape[0] >= size:
        return basic_index(found, key=(slice(0, size),))
    widths = ((0, size - found.shape[0]), (0, 0))
    return pad_constant(found, widths=widths, value=int(fill_value))


@public(method=False)
def unravel_index(indices, shape):
    """Flat positions as one tensor of coordinates for every dimension of ``shape``.

    >>> torch.unravel_index(torch.tensor([0, 4]), (2, 3))
    (tensor([0, 1]), tensor([0, 1]))
    """
    require_tensor("unravel_index", "indices", indices)
    array = indices._array
    if array.dtype.kind not in "iu":
        raise TypeError(f"expected 'indices' to be integer dtype, but got {name_of(array.dtype)}")
    sizes = variable_ints("unravel_index", "shape", (shape,))
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    coordinates = []
    for n in reversed(sizes):
        coordinates.append(indices % n)
        indices = indices // n
    return tuple(reversed(coordinates))


# ------------------------------------------------------------------------------- index_put


def index_arguments(x: Any, indices: Sequence[Any]) -> tuple[tuple[int, ...], tuple]:
    """(dimensions, index tensors for them) of a list of index tensors, masks and Nones."""
    dims: list[int] = []
    found: list[Any] = []
    d = 0
    used = sum(i.ndim if i is not None and _is_mask(i) else 1 for i in indices)
    if used > x.ndim:
        raise IndexError(f"too many indices for tensor of dimension {x.ndim} (got {used})")
    for index in indices:
        if index is None:
            d += 1
            continue
        parts = _positions(x, d, index)
        dims += range(d, d + len(parts))
        found += parts
        d += len(parts)
    _check_shapes(found)
    return tuple(dims), tuple(found)


def _is_mask(index: Any) -> bool:
    return is_mask_dtype(index._array.dtype)


def _positions(x: Any, d: int, index: Any) -> tuple:
    if _is_mask(index):
        for i, n in enumerate(index.shape):
            if x.shape[d + i] != n:
                raise IndexError(
                    f"The shape of the mask {list(index.shape)} at index {i} does not match the "
                    f"shape of the indexed tensor {list(x.shape)} at index {d + i}"
                )
        return mask_positions(index)
    if not is_index_dtype(index._array.dtype):
        raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
    return (checked(index, x.shape[d], d, "index", wraps=True),)


def _check_shapes(indices: list) -> None:
    shapes = [tuple(i.shape) for i in indices]
    if len(set(shapes)) > 1:
        try:
            broadcast_shape(*shapes)
        except RuntimeError:
            listed = ", ".join(str(list(s)) for s in shapes)
            raise IndexError(
                "shape mismatch: indexing tensors could not be broadcast together with shapes "
                f"{listed}"
            ) from None


def indexed_shape(x: Any, dims: tuple[int, ...], indices: tuple) -> tuple[int, ...]:
    """The shape of ``x`` at these indices."""
    common = broadcast_shape(*(tuple(i.shape) for i in indices))
    rest = [n for d, n in enumerate(x.shape) if d not in dims]
    adjacent = dims == tuple(range(dims[0], dims[0] + len(dims)))
    place = dims[0] if adjacent else 0
    return (*rest[:place], *common, *rest[place:])


def index_put_call(x: Any, indices: Sequence[Any], values: Any, accumulate: bool) -> tuple:
    """The primitive that puts ``values`` at ``indices``, with what it is called with."""
    if values._array.dtype != x._array.dtype:
        raise RuntimeError(
            "Index put requires the source and destination dtypes match, got "
            f"{name_of(x._array.dtype)} for the destination and {name_of(values._array.dtype)} "
            "for the source."
        )
    dims, found = index_arguments(x, indices)
    shape = indexed_shape(x, dims, found)
    while values.ndim > len(shape) and values.shape[0] == 1:
        values = values.reshape(tuple(values.shape[1:]))
    given = tuple(values.shape)
    if given and broadcast_or_none(given, shape) != shape:
        raise RuntimeError(
            f"shape mismatch: value tensor of shape {list(given)} cannot be broadcast to "
            f"indexing result of shape {list(shape)}"
        )
    return I.index_put_op, (x, values, *found), {"dims": dims, "accumulate": bool(accumulate)}


def broadcast_or_none(a: tuple, b: tuple) -> tuple | None:
    """The common shape, or None."""
    try:
        return broadcast_shape(a, b)
    except RuntimeError:
        return None


@indexed
def index_put(input, indices, values, accumulate=False):
    """``input`` with ``values`` at the positions that the tensors ``indices`` name.

    With ``accumulate`` the values are added, each of those of a repeated position too.

    >>> torch.index_put(torch.zeros(3), (torch.tensor([0, 2]),), torch.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    for i, index in enumerate(indices):
        if not is_tensor(index):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(index).__name__}"
            )
    return index_put_call(input, indices, values, accumulate)


# -------------------------------------------------------------------------- counting values


@op(name="isin", differentiable=())
def isin_op(xp, x, y, *, invert):
    return xp.isin(x, y, invert=invert)


@public(method=False)
def isin(elements, test_elements, *, assume_unique=False, invert=False, out=None):
    """Whether each of ``elements`` is among ``test_elements``; one of the two may be a number.

    ``assume_unique`` is a promise that speeds nothing up here.

    >>> torch.isin(torch.tensor([1, 2, 3]), torch.tensor([2, 3]))
    tensor([False,  True,  True])
    """
    if out is not None:
        from ..autograd.inplace import write_out

        return write_out(isin, out, elements, test_elements, invert=invert)
    if not is_tensor(elements) and not is_tensor(test_elements):
        raise TypeError(
            "isin() received an invalid combination of arguments - got "
            f"({type(elements).__name__}, {type(test_elements).__name__})"
        )
    pair = [elements, test_elements]
    like = elements if is_tensor(elements) else test_elements
    for i, value in enumerate(pair):
        if not is_tensor(value):
            dtype = result_dtype([like._array, value])
            zero = to_dtype(I.zeros_shaped(like, shape=()), dtype=dtype)
            pair[i] = I.fill_op(zero, value=value)
    dtype = promote_types(pair[0]._array.dtype, pair[1]._array.dtype)
    pair = [x if x._array.dtype == dtype else to_dtype(x, dtype=dtype) for x in pair]
    return isin_op(*pair, invert=bool(invert))


@op(name="bincount", differentiable=())
def bincount_op(xp, x, weights, *, minlength):
    if not x.size:
        kind = "int64" if weights is None else weights.dtype
        return xp.zeros(minlength, dtype=kind)
    counts = xp.bincount(x, weights, minlength=minlength)
    return counts.astype("int64" if weights is None else weights.dtype)


@public
def bincount(input, weights=None, minlength=0):
    """How often each non-negative integer occurs, or the sum of the weights of each.

    >>> torch.bincount(torch.tensor([0, 1, 1, 3]))
    tensor([1, 2, 0, 1])
    """
    require_tensor("bincount", "input", input)
    if category(input._array.dtype) >= 2 or input._array.dtype.kind == "b":
        raise NotImplementedError(
            f"\"bincount_cpu\" not implemented for '{name_of(input._array.dtype)}'"
        )
    if minlength < 0:
        raise RuntimeError("minlength should be >= 0")
    if input.ndim != 1 or (input.numel() and int(input._array.min()) < 0):
        raise RuntimeError("bincount only supports 1-d non-negative integral inputs.")
    if weights is not None:
        if weights.ndim != 1 or weights.shape[0] != input.shape[0]:
            raise RuntimeError("weights should be 1-d and have the same length as input")
        if weights._array.dtype.name != "float32":
            weights = to_dtype(weights, dtype=_FLOAT64)
    return bincount_op(input, weights, minlength=minlength)


_FLOAT64 = np.dtype("float64")


@op(name="histc", differentiable=())
def histc_op(xp, x, *, bins, low, high):
    inside = x[(x >= low) & (x <= high)]
    place = ((inside - low) * (bins / (high - low))).astype("int64")
    place = xp.minimum(place, bins - 1)
    return xp.bincount(place, minlength=bins).astype(x.dtype)


@public
def histc(input, bins=100, min=0, max=0, *, out=None):
    """How many elements lie in each of ``bins`` equal parts of [min, max], or of their range.

    >>> torch.histc(torch.tensor([1.0, 2.0, 1.0]), bins=4, min=0, max=3)
    tensor([0., 2., 1., 0.])
    """
    if out is not None:
        from ..autograd.inplace import write_out

        return write_out(histc, out, input, bins, min, max)
    array = require_tensor("histc", "input", input)._array
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    if category(array.dtype) != 2:
        raise NotImplementedError(f"\"histogram_cpu\" not implemented for '{name_of(array.dtype)}'")
    low, high = float(min), float(max)
    if low == high and array.size:
        low, high = float(array.min()), float(array.max())
    if low == high:
        low, high = low - 1, high + 1
    if not (math.isfinite(low) and math.isfinite(high)):
        raise RuntimeError(f"torch.histc: range of [{low}, {high}] is not finite")
    if low > high:
        raise RuntimeError("torch.histc: max must be larger than min")
    return histc_op(input, bins=bins, low=low, high=high)
