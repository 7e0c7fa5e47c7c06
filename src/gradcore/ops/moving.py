"""Moving and repeating elements: flip, roll, repeat, triangles."""

from __future__ import annotations

from typing import Any

from .arguments import int_argument, ints_argument, is_index_dtype, variable_ints
from .index import index_select_op
from .op import op
from .operand import normalize_dim, normalize_dims, require_tensor
from .registry import public
from .shape import clone, expand, reshape_copy

# --------------------------------------------------------------------------- flip and roll


@op(name="flip")
def flip_op(xp, x, *, dims):
    return xp.ascontiguousarray(xp.flip(x, dims)).reshape(x.shape)


flip_op.vjp(x=lambda g, dims: flip_op(g, dims=dims))


@op(name="roll")
def roll_op(xp, x, *, shifts, dims):
    return xp.roll(x, shifts, dims)


roll_op.vjp(x=lambda g, shifts, dims: roll_op(g, shifts=tuple(-s for s in shifts), dims=dims))


@public
def flip(input, *dims_, dims=None):
    """The order of the elements reversed along ``dims``.

    >>> torch.flip(torch.tensor([[1, 2], [3, 4]]), dims=(0, 1))
    tensor([[4, 3],
            [2, 1]])
    """
    require_tensor("flip", "input", input)
    axes = normalize_dims(variable_ints("flip", "dims", dims_, dims), input.ndim)
    return flip_op(input, dims=axes) if axes else clone(input)


@public
def fliplr(input):
    """The columns (dimension 1) in reverse order.

    >>> torch.fliplr(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 1],
            [4, 3]])
    """
    if require_tensor("fliplr", "input", input).ndim < 2:
        raise RuntimeError("Input must be >= 2-d.")
    return flip_op(input, dims=(1,))


@public
def flipud(input):
    """The rows (dimension 0) in reverse order.

    >>> torch.flipud(torch.tensor([[1, 2], [3, 4]]))
    tensor([[3, 4],
            [1, 2]])
    """
    if require_tensor("flipud", "input", input).ndim < 1:
        raise RuntimeError("Input must be >= 1-d.")
    return flip_op(input, dims=(0,))


def _ints(value: Any) -> tuple[int, ...]:
    return (int(value),) if hasattr(value, "__index__") else tuple(value)


@public
def roll(input, shifts, dims=()):
    """Elements shifted along ``dims``, those pushed off the end coming back at the start.

    Without ``dims`` the tensor is rolled as if it had one dimension.

    >>> torch.roll(torch.tensor([1, 2, 3, 4]), 1)
    tensor([4, 1, 2, 3])
    """
    require_tensor("roll", "input", input)
    shifts, dims = _ints(shifts), _ints(dims)
    if not shifts:
        raise RuntimeError("`shifts` required")
    if not dims and len(shifts) == 1:
        flat = roll_op(input.reshape((input.numel(),)), shifts=shifts, dims=(0,))
        return flat.reshape(tuple(input.shape))
    if len(shifts) != len(dims):
        raise RuntimeError(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}"
        )
    axes = tuple(normalize_dim(d, input.ndim) for d in dims)
    return roll_op(input, shifts=shifts, dims=axes) if input.ndim else clone(input)


@public
def rot90(input, k=1, dims=(0, 1)):
    """Turned ``k`` times by 90 degrees in the plane ``dims``, from the first to the second.

    >>> torch.rot90(torch.tensor([[1, 2], [3, 4]]))
    tensor([[2, 4],
            [1, 3]])
    """
    ndim = require_tensor("rot90", "input", input).ndim
    given = ints_argument("rot90", "dims", dims, 3)
    if len(given) != 2:
        raise RuntimeError(f"expected total rotation dims == 2, but got dims = {len(given)}")
    if ndim < 2:
        raise RuntimeError(f"expected total dims >= 2, but got total dims = {ndim}")
    if given[0] == given[1] or abs(given[0] - given[1]) == ndim:
        raise RuntimeError(
            f"expected rotation dims to be different, but got dim0 = {given[0]} and "
            f"dim1 = {given[1]}"
        )
    first, second = (normalize_dim(d, ndim) for d in given)
    k %= 4
    if k == 0:
        return clone(input)
    if k == 2:
        return flip_op(input, dims=(first, second))
    if k == 1:
        return flip_op(input, dims=(second,)).transpose(first, second)
    return flip_op(input, dims=(first,)).transpose(first, second)


# ------------------------------------------------------------------------------ repeating


@public(function_too=False)
def repeat(self, *repeats_, repeats=None):
    """Copies of the tensor side by side, ``repeats`` of them along each dimension.

    >>> torch.tensor([1, 2]).repeat(2, 2)
    tensor([[1, 2, 1, 2],
            [1, 2, 1, 2]])
    """
    return _tiled(self, variable_ints("repeat", "repeats", repeats_, repeats))


def _tiled(x: Any, counts: tuple[int, ...]) -> Any:
    shape = tuple(x.shape)
    if len(counts) < len(shape):
        raise RuntimeError(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
            "tensor"
        )
    shape = (1,) * (len(counts) - len(shape)) + shape
    result = [c * n for c, n in zip(counts, shape, strict=True)]
    bad = next((n for n, c in zip(result, counts, strict=True) if c < 0), None)
    if bad is not None:
        raise RuntimeError(f"Trying to create tensor with negative dimension {bad}: {result}")
    if all(c == 1 for c in counts):
        return clone(x.reshape(shape))
    apart = x.reshape([n for size in shape for n in (1, size)])
    copies = expand(apart, shape=tuple(n for pair in zip(counts, shape, strict=True) for n in pair))
    return reshape_copy(copies, shape=tuple(result))


@public
def tile(input, *dims_, dims=None):
    """Copies side by side; where ``dims`` has fewer entries than dimensions, ones come first.

    >>> torch.tile(torch.tensor([1, 2]), (2,))
    tensor([1, 2, 1, 2])
    """
    require_tensor("tile", "input", input)
    counts = variable_ints("tile", "dims", dims_, dims)
    return _tiled(input, (1,) * (input.ndim - len(counts)) + counts)


@op(differentiable=())
def repeated_positions(xp, repeats):
    """Position i, ``repeats[i]`` times, for every i."""
    ends = xp.cumsum(repeats)
    total = int(ends[-1]) if repeats.size else 0
    # One is added at the end of each run; the sums then count the runs that are over.
    steps = xp.bincount(ends, minlength=total + 1)[:total] if total else ends[:0]
    return xp.cumsum(steps).astype("int64")


@op(differentiable=())
def constant_indices(xp, like, *, values):
    """Known positions as an int64 array on the device of ``like``."""
    return xp.asarray(values, dtype="int64")


@public
def repeat_interleave(input, repeats=None, dim=None, *, output_size=None):
    """Each element of dimension ``dim`` (of the flat tensor where it is None) several times.

    ``repeats`` is an int or a tensor with one count per element. Without it, ``input`` itself
    holds the counts and the result the positions. RuntimeError for negative counts.

    >>> torch.repeat_interleave(torch.tensor([1, 2]), torch.tensor([1, 3]))
    tensor([1, 2, 2, 2])
    """
    require_tensor("repeat_interleave", "input", input)
    if repeats is None:
        return _checked_positions(input, output_size)
    if dim is None:
        input = input.reshape((input.numel(),))
        axis = 0
    else:
        axis = normalize_dim(dim, input.ndim)
    if input.ndim == 0:
        input = input.reshape((1,))
    if not hasattr(repeats, "_array"):
        return _interleaved(input, int_argument("repeat_interleave", "repeats", repeats, 2), axis)
    if repeats.ndim > 1:
        raise RuntimeError("repeats must be 0-dim or 1-dim tensor")
    n = input.shape[axis]
    if repeats.numel() == 1:
        repeats = repeats.reshape((1,)).expand((n,))
    elif repeats.shape[0] != n:
        raise RuntimeError(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{repeats.shape[0]} and input.size({axis}) = {n}"
        )
    return index_select_op(input, _checked_positions(repeats, output_size), axis=axis)


def _interleaved(x: Any, count: int, axis: int) -> Any:
    if count < 0:
        raise RuntimeError("Repeats must be non-negative")
    shape = tuple(x.shape)
    apart = x.reshape((*shape[: axis + 1], 1, *shape[axis + 1 :]))
    copies = expand(apart, shape=(*shape[: axis + 1], count, *shape[axis + 1 :]))
    if count == 1:
        return clone(x)
    return reshape_copy(copies, shape=(*shape[:axis], shape[axis] * count, *shape[axis + 1 :]))


def _checked_positions(repeats: Any, output_size: int | None) -> Any:
    from .promotion import name_of

    array = repeats._array
    if not is_index_dtype(array.dtype):
        raise NotImplementedError(
            f"\"repeat_interleave_cpu\" not implemented for '{name_of(array.dtype)}'"
        )
    if array.ndim != 1:
        raise RuntimeError("repeat_interleave only accept 1D vector as repeat")
    if array.size and int(array.min()) < 0:
        raise RuntimeError("repeats can not be negative")
    positions = repeated_positions(repeats)
    if output_size is not None and positions.numel() != output_size:
        raise RuntimeError("allocated size does not match required size")
    return positions


# ------------------------------------------------------------------------------ triangles


@op(name="tril")
def tril_op(xp, x, *, diagonal):
    return xp.tril(x, diagonal)


@op(name="triu")
def triu_op(xp, x, *, diagonal):
    return xp.triu(x, diagonal)


tril_op.vjp(x=lambda g, diagonal: tril_op(g, diagonal=diagonal))
triu_op.vjp(x=lambda g, diagonal: triu_op(g, diagonal=diagonal))


def _triangle(name: str, primitive: Any, doc: str) -> Any:
    def function(input, diagonal=0, *, out=None):
        if out is not None:
            from ..autograd.inplace import write_out

            return write_out(function, out, input, diagonal)
        if require_tensor(name, "input", input).ndim < 2:
            raise RuntimeError(f"{name}: input tensor must have at least 2 dimensions")
        return primitive(input, diagonal=int_argument(name, "diagonal", diagonal, 2))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return public(inplace=True)(function)


tril = _triangle(
    "tril", tril_op, "The part of each matrix on and below ``diagonal``, zeros elsewhere."
)
triu = _triangle(
    "triu", triu_op, "The part of each matrix on and above ``diagonal``, zeros elsewhere."
)
