"""Shapes, views and casts: the primitives that move no numbers, or only copy them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from .op import Op, op


class ViewOp(Op):
    """An op with one argument, whose memory its result shares.

    ``tensor/viewing.py`` gives it a shorter way from Tensor to Tensor than other ops have: a view
    costs so little that the way is all of it.
    """

    def __init__(self, body: Callable[..., Any], **flags: Any) -> None:
        super().__init__(body, view=True, **flags)


def view_op(body: Callable[..., Any] | None = None, **flags: Any) -> Any:
    """Make a :class:`ViewOp` of a body."""
    if body is None:
        return lambda body: ViewOp(body, **flags)
    return ViewOp(body, **flags)


# ------------------------------------------------------------------- expanding, casting


@op
def sum_to(xp, x, *, shape):
    """Sum over the axes along which ``shape`` was broadcast: the adjoint of expand."""
    lead = x.ndim - len(shape)
    if lead == 1 and x.shape[1:] == shape:  # the gradient of a bias
        return xp.add.reduce(x, 0, x.dtype)
    axes = tuple(range(lead)) + tuple(
        lead + i for i, n in enumerate(shape) if n == 1 and x.shape[lead + i] != 1
    )
    total = x.sum(axis=axes, dtype=x.dtype)
    # a view would look shared to the engine, which then copies it
    return total if total.shape == tuple(shape) else total.reshape(shape)


@view_op
def expand(xp, x, *, shape):
    if x.size == prod(shape):
        # Nothing is repeated, so the result can be written to; broadcast_to says it cannot.
        return x.reshape(shape)
    return xp.broadcast_to(x, shape)


sum_to.vjp(x=lambda g, x_shape: expand(g, shape=x_shape))
expand.vjp(x=lambda g, x_shape: sum_to(g, shape=x_shape))


@op(grad_name="ToCopyBackward0")
def to_dtype(xp, x, *, dtype):
    if x.dtype.kind == "c" and dtype.kind != "c":
        x = x.real
    return x.astype(dtype)


to_dtype.vjp(x=lambda g, x_dtype: to_dtype(g, dtype=x_dtype))


@op
def clone(xp, x):
    return x.copy(order="K")


clone.vjp(x=lambda g: g)


@op(name="contiguous", grad_name="CloneBackward0")
def contiguous_copy(xp, x):
    return xp.ascontiguousarray(x).reshape(x.shape)


contiguous_copy.vjp(x=lambda g: g)


# --------------------------------------------------------------------------------- views


@view_op
def view(xp, x, *, shape):
    return x.reshape(shape)


view.vjp(x=lambda g, x_shape: g.reshape(x_shape))


@op(name="reshape_copy", grad_name="UnsafeViewBackward0")
def reshape_copy(xp, x, *, shape):
    """Reshape where a view is not possible."""
    return xp.ascontiguousarray(x).reshape(shape)


reshape_copy.vjp(x=lambda g, x_shape: g.reshape(x_shape))


@view_op
def permute(xp, x, *, dims):
    return x.transpose(dims)


def inverse_permutation(dims: Sequence[int]) -> tuple[int, ...]:
    inverse = [0] * len(dims)
    for i, d in enumerate(dims):
        inverse[d] = i
    return tuple(inverse)


permute.vjp(x=lambda g, dims: permute(g, dims=inverse_permutation(dims)))


@view_op
def transpose(xp, x, *, dim0, dim1):
    return x.swapaxes(dim0, dim1)


transpose.vjp(x=lambda g, dim0, dim1: transpose(g, dim0=dim0, dim1=dim1))


@view_op
def squeeze(xp, x, *, dims):
    shape = x.shape
    if len(dims) == 1:
        return x.reshape(shape[: dims[0]] + shape[dims[0] + 1 :])
    return x.reshape([n for i, n in enumerate(shape) if i not in dims])


squeeze.vjp(x=lambda g, x_shape: g.reshape(x_shape))


@view_op
def unsqueeze(xp, x, *, dim):
    shape = x.shape
    return x.reshape((*shape[:dim], 1, *shape[dim:]))


unsqueeze.vjp(x=lambda g, x_shape: g.reshape(x_shape))


@view_op(name="slice")
def basic_index(xp, x, *, key):
    """Indexing by ints, slices, None and Ellipsis. ``key`` is a tuple.

    A key with an int for every dimension must end in an Ellipsis, or NumPy returns a copy.
    """
    return x[key]


@op
def slice_backward(xp, x, *, key, shape):
    """The adjoint of basic indexing: zeros of ``shape`` with ``x`` at ``key``."""
    out = xp.zeros(shape, dtype=x.dtype)
    out[key] = x
    return out


basic_index.vjp(x=lambda g, key, x_shape: slice_backward(g, key=key, shape=x_shape))
slice_backward.vjp(x=lambda g, key: basic_index(g, key=key))


@view_op
def select(xp, x, *, key):
    """Indexing that ends in one int for one dimension: a slice with a name of its own."""
    return x[key]


select.vjp(x=lambda g, key, x_shape: slice_backward(g, key=key, shape=x_shape))


@view_op
def diagonal(xp, x, *, offset, dim1, dim2):
    out = x.diagonal(offset, dim1, dim2)
    flags = out.flags
    if not getattr(flags, "writeable", True):  # NumPy hands diagonals out read-only
        flags.writeable = x.flags.writeable
    return out


@op
def diagonal_backward(xp, x, *, offset, dim1, dim2, shape):
    """The adjoint of diagonal: zeros of ``shape`` with ``x`` on that diagonal."""
    out = xp.zeros(shape, dtype=x.dtype)
    target = xp.diagonal(out, offset, dim1, dim2)
    if hasattr(target.flags, "writeable"):
        target.flags.writeable = True
    target[...] = x
    return out


diagonal.vjp(
    x=lambda g, offset, dim1, dim2, x_shape: diagonal_backward(
        g, offset=offset, dim1=dim1, dim2=dim2, shape=x_shape
    )
)
diagonal_backward.vjp(
    x=lambda g, offset, dim1, dim2: diagonal(g, offset=offset, dim1=dim1, dim2=dim2)
)


def can_view(array: Any, shape: Sequence[int]) -> bool:
    """Whether ``array`` can be reshaped without a copy (PyTorch's rule for ``view``)."""
    if array.flags.c_contiguous or array.size == 0:
        return True
    old = [(n, s) for n, s in zip(array.shape, array.strides, strict=True) if n != 1]
    new = [n for n in shape if n != 1]
    # Merge the old axes into runs that step evenly; every new axis must lie inside one run.
    runs: list[int] = []
    last_stride = None
    for n, stride in old:
        if runs and last_stride == n * stride:
            runs[-1] *= n
        else:
            runs.append(n)
        last_stride = stride
    position = 0
    for run in runs:
        product = 1
        while product < run and position < len(new):
            product *= new[position]
            position += 1
        if product != run:
            return False
    return position == len(new)


def infer_size(shape: Sequence[int], size: int) -> tuple[int, ...]:
    """``shape`` with its -1 filled in so that it holds ``size`` elements; else RuntimeError."""
    if prod(shape) == size and min(shape, default=0) >= 0:
        return tuple(shape)
    return _filled(tuple(shape), size)


def _filled(shape: tuple[int, ...], size: int) -> tuple[int, ...]:
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if shape and min(shape) < -1:
        raise RuntimeError(f"invalid shape dimension {next(n for n in shape if n < -1)}")
    known = prod([n for n in shape if n != -1])
    if known == 0 and size == 0 and -1 in shape:
        raise RuntimeError(
            f"cannot reshape tensor of 0 elements into shape {list(shape)} because the "
            "unspecified dimension size -1 can be any value and is ambiguous"
        )
    if known == 0 or size % known or -1 not in shape:
        raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {size}")
    return tuple([size // known if n == -1 else n for n in shape])


def element_strides(array: Any) -> tuple[int, ...]:
    """Strides in elements, as ``Tensor.stride()`` gives them."""
    return tuple(s // array.itemsize for s in array.strides)


def broadcast_shape(*shapes: Sequence[int]) -> tuple[int, ...]:
    """The common shape, or PyTorch's RuntimeError naming the dimension that does not fit."""
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        pass
    a, b = shapes[0], shapes[1]
    for i in range(1, min(len(a), len(b)) + 1):
        if a[-i] != b[-i] and 1 not in (a[-i], b[-i]):
            raise RuntimeError(
                f"The size of tensor a ({a[-i]}) must match the size of tensor b ({b[-i]}) at "
                f"non-singleton dimension {max(len(a), len(b)) - i}"
            )
    raise RuntimeError(f"shapes {shapes} cannot be broadcast together")
