"""Cutting a tensor into pieces: split, chunk, unbind and their relatives.

The pieces of ``split`` and ``unbind`` are views that share one node, so backward joins their
gradients once; PyTorch forbids writing into them in place.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from ..autograd.dispatch import attach, link_inputs, link_view
from ..autograd.node import sequence
from ..autograd.pieces import PiecesNode
from ..autograd.state import state
from ..autograd.variable import wrap
from ..autograd.views import refresh
from ..ops.arguments import int_argument, ints_argument
from ..ops.operand import normalize_dim, require_tensor
from ..ops.promotion import name_of
from ..ops.registry import public
from ..ops.shape import basic_index, select


def _pieces(
    x: Any, name: str, primitive: Any, keys: Sequence[tuple], dim: int, safe: bool = True
) -> tuple:
    """Views of ``x`` at basic keys that cover it along ``dim``.

    Where they are not ``safe``, autograd does not know that they are views.
    """
    if x._base is not None:
        refresh(x)
    array = x._array
    pieces = tuple([wrap(array[key]) for key in keys])
    if x._rg and state.recording and pieces:
        node = PiecesNode(name, dim, stacked=primitive is select, pieces=pieces)
        node.seq = next(sequence)
        link_inputs(node, (x,))
        for slot, piece in enumerate(pieces):
            attach(piece, node, slot)
    if not safe:
        return pieces
    creation = "multi_output" if state.grad_enabled else None
    for piece, key in zip(pieces, keys, strict=True):
        link_view(primitive, x, {"key": key}, piece, creation)
    return pieces


def _ranges(dim: int, sizes: Sequence[int]) -> list[tuple]:
    keys, start = [], 0
    lead = (slice(None),) * dim
    for n in sizes:
        keys.append((*lead, slice(start, start + n)))
        start += n
    return keys


@public
def split(tensor, split_size_or_sections, dim=0):
    """Views of consecutive parts along ``dim``: of one size (the last may be smaller), or sizes.

    RuntimeError for a negative size, or sizes that do not add up to the dimension.

    >>> torch.split(torch.arange(5), 2)
    (tensor([0, 1]), tensor([2, 3]), tensor([4]))
    """
    return _split("split", tensor, split_size_or_sections, dim)


@public
def unsafe_split(tensor, split_size_or_sections, dim=0):
    """:func:`split` whose parts may be written in place, which autograd does not notice.

    >>> torch.unsafe_split(torch.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return _split("unsafe_split", tensor, split_size_or_sections, dim)


@public
def split_with_sizes(input, split_sizes, dim=0):
    """Views of consecutive parts of the given sizes along ``dim``.

    >>> torch.split_with_sizes(torch.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return _split_sizes("split_with_sizes", input, split_sizes, dim)


@public
def unsafe_split_with_sizes(input, split_sizes, dim=0):
    """:func:`split_with_sizes` whose parts may be written in place unnoticed by autograd.

    >>> torch.unsafe_split_with_sizes(torch.arange(3), [1, 2])
    (tensor([0]), tensor([1, 2]))
    """
    return _split_sizes("unsafe_split_with_sizes", input, split_sizes, dim)


def _split(name: str, tensor: Any, size_or_sizes: Any, dim: int) -> tuple:
    shape = require_tensor(name, "tensor", tensor)._array.shape
    if not hasattr(size_or_sizes, "__index__"):
        return _split_sizes(f"{name}_with_sizes", tensor, size_or_sizes, dim)
    size = int_argument(name, "split_size", size_or_sizes, 2)
    if not shape:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    axis = normalize_dim(dim, len(shape))
    n = shape[axis]
    if size < 0:
        raise RuntimeError(f"split expects split_size be non-negative, but got split_size={size}")
    if size == 0 and n:
        raise RuntimeError(
            f"split_size can only be 0 if dimension size is 0, but got dimension size of {n}"
        )
    count = max(1, -(-n // size)) if size else 1
    keys = _ranges(axis, [min(size, n - i * size) for i in range(count)])
    return _pieces(tensor, *_kind(name), keys, axis, name == "split")


def _split_sizes(name: str, input: Any, split_sizes: Any, dim: int) -> tuple:
    require_tensor(name, "input", input)
    sizes = ints_argument(name, "split_sizes", split_sizes, 2)
    if input.ndim == 0:
        raise RuntimeError("split expects at least a 1-dimensional tensor")
    axis = normalize_dim(dim, input.ndim)
    n = input.shape[axis]
    if any(s < 0 for s in sizes):
        raise RuntimeError(
            "split_with_sizes expects split_sizes have only non-negative entries, but got "
            f"split_sizes={list(sizes)}"
        )
    if sum(sizes) != n:
        raise RuntimeError(
            f"split_with_sizes expects split_sizes to sum exactly to {n} (input tensor's size at "
            f"dimension {axis}), but got split_sizes={list(sizes)}"
        )
    return _pieces(input, *_kind(name), _ranges(axis, sizes), axis, name == "split_with_sizes")


@functools.cache
def _kind(name: str) -> tuple[str, Any]:
    """The name of a split's node, and the primitive of its parts."""
    return "".join(part.capitalize() for part in name.split("_")) + "Backward0", basic_index


@public
def chunk(input, chunks, dim=0):
    """At most ``chunks`` views of equal size along ``dim`` (the last may be smaller).

    >>> torch.chunk(torch.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return _chunk(split, split_with_sizes, input, chunks, dim)


@public
def unsafe_chunk(input, chunks, dim=0):
    """:func:`chunk` whose parts may be written in place, which autograd does not notice.

    >>> torch.unsafe_chunk(torch.arange(3), 2)
    (tensor([0, 1]), tensor([2]))
    """
    return _chunk(unsafe_split, unsafe_split_with_sizes, input, chunks, dim)


def _chunk(by_size: Any, by_sizes: Any, input: Any, chunks: Any, dim: int) -> tuple:
    shape = require_tensor("chunk", "input", input)._array.shape
    if not shape:
        raise RuntimeError("chunk expects at least a 1-dimensional tensor")
    chunks = int_argument("chunk", "chunks", chunks, 2)
    if chunks <= 0:
        raise RuntimeError(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    axis = normalize_dim(dim, len(shape))
    n = shape[axis]
    if n == 0:
        return by_sizes(input, [0] * chunks, axis)
    return by_size(input, -(-n // chunks), axis)


@public
def unbind(input, dim=0):
    """Views of all slices of dimension ``dim``, which is gone from them.

    >>> torch.unbind(torch.tensor([[1, 2], [3, 4]]))
    (tensor([1, 2]), tensor([3, 4]))
    """
    if require_tensor("unbind", "input", input).ndim == 0:
        raise IndexError("Dimension specified as 0 but tensor has no dimensions")
    axis = normalize_dim(dim, input.ndim)
    lead = (slice(None),) * axis
    keys = [(*lead, i, ...) for i in range(input.shape[axis])]
    return _pieces(input, "UnbindBackward0", select, keys, axis)


@public
def tensor_split(input, indices_or_sections=None, dim=0, *, indices=None, sections=None):
    """Views of parts along ``dim``: that many, as even as possible, or cut at the given indices.

    The argument is an int, a sequence of ints, or an int64 tensor of either.

    >>> torch.tensor_split(torch.arange(4), (1, 3))
    (tensor([0]), tensor([1, 2]), tensor([3]))
    """
    require_tensor("tensor_split", "input", input)
    given = next((v for v in (indices_or_sections, indices, sections) if v is not None), None)
    if input.ndim == 0:
        raise RuntimeError(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    axis = normalize_dim(dim, input.ndim)
    n = input.shape[axis]
    cuts = _cuts(given, n)
    bounds = [0, *cuts, n]
    lead = (slice(None),) * axis
    pieces = []
    for cut in pairwise(bounds):
        start, stop, _ = slice(*cut).indices(n)
        pieces.append(basic_index(input, key=(*lead, slice(start, max(start, stop)))))
    return tuple(pieces)


def _cuts(given: Any, n: int) -> list[int]:
    if hasattr(given, "_array"):
        array = given._array
        if array.dtype != np.int64:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to have dtype of long, but got "
                f"{name_of(array.dtype)}"
            )
        if array.ndim > 1:
            raise RuntimeError(
                "tensor_split expected tensor_indices_or_sections to be a zero-dimensional or "
                f"one-dimensional tensor, but got a tensor with {array.ndim} dims"
            )
        given = given.tolist()
    if not hasattr(given, "__index__"):
        return list(ints_argument("tensor_split", "indices", given, 2))
    if given <= 0:
        raise RuntimeError(f"number of sections must be larger than 0, got {given}")
    size, longer = divmod(n, given)
    return [i * size + min(i, longer) for i in range(1, given)]


def _along(name: str, dim: Any, need: int, doc: str) -> Any:
    def function(input, indices_or_sections=None, *, indices=None, sections=None):
        require_tensor(name, "input", input)
        given = next((v for v in (indices_or_sections, indices, sections) if v is not None), None)
        if not hasattr(given, "__index__") and not isinstance(given, (list, tuple)):
            raise TypeError(
                f"{name}() received an invalid combination of arguments. Expected sections as an "
                f"int or indices as a tuple of ints, got {type(given).__name__}"
            )
        if input.ndim < need:
            raise RuntimeError(
                f"torch.{name} requires a tensor with at least {need} dimension, but got a "
                f"tensor with {input.ndim} dimensions!"
            )
        axis = dim(input.ndim)
        if hasattr(given, "__index__") and not hasattr(given, "_array"):
            if given == 0 or input.shape[axis] % given:
                raise RuntimeError(
                    f"torch.{name} attempted to split along dimension {axis}, but the size of "
                    f"the dimension {input.shape[axis]} is not divisible by the split_size "
                    f"{given}!"
                )
        return tensor_split(input, given, axis)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return public(function)


hsplit = _along(
    "hsplit",
    lambda ndim: 0 if ndim == 1 else 1,
    1,
    "Views of parts side by side: along dimension 1, or 0 of a 1-d tensor.",
)
vsplit = _along("vsplit", lambda ndim: 0, 2, "Views of parts below one another.")
dsplit = _along("dsplit", lambda ndim: 2, 3, "Views of parts along the third dimension.")
