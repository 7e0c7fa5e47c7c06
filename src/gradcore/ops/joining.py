"""Joining tensors: cat, stack and what is built on them."""

from __future__ import annotations

from itertools import combinations as _combinations
from itertools import combinations_with_replacement as _combinations_with_replacement
from typing import Any

from .arguments import tensor_arguments, tensor_sequence
from .op import op
from .operand import normalize_dim, require_tensor
from .padding import pad
from .promotion import result_dtype
from .registry import public
from .shape import basic_index, expand, select, to_dtype, unsqueeze, view


@op(name="cat")
def cat_op(xp, *xs, dim):
    return xp.concatenate(xs, axis=dim)


def _cat_grad(g, index, xs_shape, dim):
    start = sum(shape[dim] for shape in xs_shape[:index])
    part = slice(start, start + xs_shape[index][dim])
    return basic_index(g, key=(slice(None),) * dim + (part,))


cat_op.vjp(xs=_cat_grad)


@op(name="stack")
def stack_op(xp, *xs, dim):
    return xp.stack(xs, axis=dim)


stack_op.vjp(xs=lambda g, index, dim: select(g, key=(slice(None),) * dim + (index, ...)))


def _promoted(tensors: tuple) -> tuple:
    """The tensors cast to their common dtype."""
    dtypes = {x._array.dtype for x in tensors}
    if len(dtypes) == 1:
        return tensors
    dtype = result_dtype([x._array for x in tensors])
    return tuple(x if x._array.dtype == dtype else to_dtype(x, dtype=dtype) for x in tensors)


def _is_legacy_empty(x: Any) -> bool:
    """A 1-d tensor without elements joins anything, for historical reasons."""
    return x._array.ndim == 1 and x._array.shape[0] == 0


@public(method=False, aliases=("concat", "concatenate"))
def cat(tensors, dim=0, *, axis=None, out=None):
    """The tensors one after the other along ``dim``; all other sizes must be equal.

    Raises RuntimeError for sizes that differ, ValueError for an empty list.

    >>> torch.cat([torch.tensor([[1, 2]]), torch.tensor([[3, 4]])], dim=1)
    tensor([[1, 2, 3, 4]])
    """
    if out is not None:
        from ..autograd.inplace import write_out

        return write_out(cat, out, tensors, dim if axis is None else axis)
    tensors = tensor_sequence("cat", tensors)
    if not tensors:
        raise ValueError("torch.cat(): expected a non-empty list of Tensors")
    for i, x in enumerate(tensors):
        if x._array.ndim == 0:
            raise RuntimeError(f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    promoted = _promoted(tensors)
    joined = tuple(x for x in promoted if not _is_legacy_empty(x)) or promoted[:1]
    first = joined[0]._array.shape
    dim = normalize_dim(dim if axis is None else axis, len(first))
    _check_cat(joined, promoted, dim)
    return cat_op(*joined, dim=dim)


def _check_cat(joined: tuple, tensors: tuple, dim: int) -> None:
    first = joined[0]._array.shape
    for x in joined[1:]:
        shape = x._array.shape
        if len(shape) != len(first):
            raise RuntimeError(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}"
            )
        if shape[:dim] != first[:dim] or shape[dim + 1 :] != first[dim + 1 :]:
            bad = next(i for i, n in enumerate(shape) if n != first[i] and i != dim)
            number = next(i for i, y in enumerate(tensors) if y is x)
            raise RuntimeError(
                f"Sizes of tensors must match except in dimension {dim}. Expected size "
                f"{first[bad]} but got size {shape[bad]} for tensor number {number} in the list."
            )


@public(method=False)
def stack(tensors, dim=0, *, out=None):
    """Tensors of one shape along a new dimension ``dim``.

    >>> torch.stack([torch.tensor([1, 2]), torch.tensor([3, 4])], dim=1)
    tensor([[1, 3],
            [2, 4]])
    """
    if out is not None:
        from ..autograd.inplace import write_out

        return write_out(stack, out, tensors, dim)
    tensors = tensor_sequence("stack", tensors)
    if not tensors:
        raise RuntimeError("stack expects a non-empty TensorList")
    first = tensors[0]._array.shape
    dim = normalize_dim(dim, len(first) + 1)
    for i, x in enumerate(tensors):
        if x._array.shape != first:
            raise RuntimeError(
                f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 "
                f"and {list(x._array.shape)} at entry {i}"
            )
    return stack_op(*_promoted(tensors), dim=dim)


# --------------------------------------------------------------- at least so many dimensions


def _each(function: str, tensors: tuple, change: Any) -> Any:
    """``change`` of one tensor, or a tuple of changes of several."""
    if len(tensors) == 1 and not isinstance(tensors[0], (list, tuple)):
        return change(require_tensor(function, "input", tensors[0]))
    items = tensor_arguments(tensors)
    return tuple(change(require_tensor(function, "tensors", x)) for x in items)


def _at_least_1d(x: Any) -> Any:
    return x.reshape((1,)) if x.ndim == 0 else x


def _at_least_2d(x: Any) -> Any:
    x = _at_least_1d(x)
    return unsqueeze(x, dim=0) if x.ndim == 1 else x


def _at_least_3d(x: Any) -> Any:
    x = _at_least_2d(x)
    return unsqueeze(x, dim=2) if x.ndim == 2 else x


@public(method=False)
def atleast_1d(*tensors):
    """0-d tensors as 1-d ones; one tensor gives a tensor, several a tuple.

    >>> torch.atleast_1d(torch.tensor(1.0))
    tensor([1.])
    """
    return _each("atleast_1d", tensors, _at_least_1d)


@public(method=False)
def atleast_2d(*tensors):
    """With leading dimensions added up to two.

    >>> torch.atleast_2d(torch.tensor([1, 2]))
    tensor([[1, 2]])
    """
    return _each("atleast_2d", tensors, _at_least_2d)


@public(method=False)
def atleast_3d(*tensors):
    """With dimensions added up to three: (n,) becomes (1, n, 1), (m, n) becomes (m, n, 1).

    >>> torch.atleast_3d(torch.ones(2, 3)).shape
    torch.Size([2, 3, 1])
    """
    return _each("atleast_3d", tensors, _at_least_3d)


def _stacker(name: str, change: Any, dim: Any, doc: str, aliases: tuple = ()) -> Any:
    def function(tensors, *, out=None):
        tensors = tensor_sequence(name, tensors)
        if not tensors:
            raise RuntimeError(f"{name} expects a non-empty TensorList")
        prepared = [change(x) for x in tensors]
        axis = dim(prepared[0]) if callable(dim) else dim
        return cat(prepared, axis, out=out)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return public(method=False, aliases=aliases)(function)


def _as_column(x: Any) -> Any:
    return x.reshape((x.numel(), 1)) if x.ndim <= 1 else x


hstack = _stacker(
    "hstack",
    _at_least_1d,
    lambda first: 0 if first.ndim == 1 else 1,
    "The tensors side by side: along dimension 0 for 1-d tensors, else 1.",
)
vstack = _stacker(
    "vstack",
    _at_least_2d,
    0,
    "The tensors below one another; 1-d tensors are rows.",
    aliases=("row_stack",),
)
dstack = _stacker(
    "dstack", _at_least_3d, 2, "The tensors along the third dimension (see atleast_3d)."
)
column_stack = _stacker(
    "column_stack", _as_column, 1, "The tensors side by side; 1-d tensors are columns."
)


@public(method=False)
def block_diag(*tensors):
    """A matrix with the given matrices (vectors are rows, numbers 1 x 1) along its diagonal.

    >>> torch.block_diag(torch.ones(1, 2), torch.tensor(3.0))
    tensor([[1., 1., 0.],
            [0., 0., 3.]])
    """
    blocks = []
    for i, x in enumerate(tensors):
        if require_tensor("block_diag", "tensors", x).ndim > 2:
            raise RuntimeError(
                "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input "
                f"{i} has {x.ndim} dimensions"
            )
        blocks.append(_at_least_2d(x))
    blocks = list(_promoted(tuple(blocks)))
    width = sum(x.shape[1] for x in blocks)
    rows, start = [], 0
    for x in blocks:
        rows.append(pad(x, (start, width - start - x.shape[1])))
        start += x.shape[1]
    return cat(rows)


# --------------------------------------------------------------------------- grids, products


@public(method=False)
def meshgrid(*tensors, indexing=None):
    """Coordinates of a grid: each 1-d tensor expanded along all the others.

    ``indexing`` is "ij" (the first tensor runs along the first dimension; the default, with
    PyTorch's warning) or "xy" (along the second, the second one along the first).

    >>> torch.meshgrid(torch.tensor([1, 2]), torch.tensor([3, 4, 5]), indexing="ij")[0]
    tensor([[1, 1, 1],
            [2, 2, 2]])
    """
    tensors = tensor_arguments(tensors)
    if not tensors:
        raise RuntimeError("meshgrid expects a non-empty TensorList")
    _check_meshgrid(tensors, indexing)
    swap = indexing == "xy" and len(tensors) >= 2
    if swap:
        tensors = (tensors[1], tensors[0], *tensors[2:])
    shape = tuple([x._array.size for x in tensors])
    grids = []
    for i, x in enumerate(tensors):
        line = view(x, shape=(1,) * i + (shape[i],) + (1,) * (len(shape) - i - 1))
        grids.append(expand(line, shape=shape))
    if swap:
        grids[0], grids[1] = grids[1], grids[0]
    return tuple(grids)


def _check_meshgrid(tensors: tuple, indexing: str | None) -> None:
    if indexing is None:
        import warnings

        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument.",
            UserWarning,
            stacklevel=3,
        )
    elif indexing not in ("ij", "xy"):
        raise RuntimeError(
            f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}'
        )
    for x in tensors:
        if require_tensor("meshgrid", "tensors", x)._array.ndim > 1:
            raise RuntimeError(
                "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: "
                f"{list(x.shape)}"
            )
        if x._array.dtype != tensors[0]._array.dtype:
            raise RuntimeError("torch.meshgrid expects all tensors to have the same dtype")


def _require_vector(x: Any) -> Any:
    if x.ndim != 1:
        raise RuntimeError(f"Expect a 1D vector, but got shape {list(x.shape)}")
    return x


@public(method=False)
def cartesian_prod(*tensors):
    """All combinations of elements of 1-d tensors, one per row.

    >>> torch.cartesian_prod(torch.tensor([1, 2]), torch.tensor([3, 4])).tolist()
    [[1, 3], [1, 4], [2, 3], [2, 4]]
    """
    tensors = tensor_arguments(tensors)
    for x in tensors:
        _require_vector(require_tensor("cartesian_prod", "tensors", x))
    if len(tensors) == 1:
        return tensors[0]
    grids = meshgrid(*tensors, indexing="ij")
    return stack([grid.reshape((-1,)) for grid in grids], 1)


@public
def combinations(input, r=2, with_replacement=False):
    """All choices of ``r`` elements of a 1-d tensor, in order, one per row.

    >>> torch.combinations(torch.tensor([1, 2, 3])).tolist()
    [[1, 2], [1, 3], [2, 3]]
    """
    from .index import index_select_op
    from .moving import constant_indices

    _require_vector(require_tensor("combinations", "input", input))
    if r < 0:
        raise RuntimeError(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return basic_index(input, key=(slice(0, 0),)).clone()
    choose = _combinations_with_replacement if with_replacement else _combinations
    positions = [i for choice in choose(range(input.shape[0]), r) for i in choice]
    chosen = index_select_op(input, constant_indices(input, values=tuple(positions)), axis=0)
    return chosen.reshape((len(positions) // r, r))
