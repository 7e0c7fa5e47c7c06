"""The public functions that read and write at indices: arguments checked, primitives called.

Each ``@indexed`` function says which primitive to call with what; that makes the function itself,
and (in ``tensor/inplace.py``) its in-place form, which runs the primitive's writer instead.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from ..backends.registry import backend_of
from . import index as I
from .arguments import int_argument, is_index_dtype
from .operand import is_tensor, normalize_dim, require_tensor
from .pointwise import where
from .promotion import category, name_of
from .registry import public
from .shape import basic_index, broadcast_shape, expand, reshape_copy, to_dtype

_INT64 = np.dtype("int64")

# Name -> function(input, ...) that gives (primitive, arguments, attributes).
CALLS: dict[str, Callable[..., tuple]] = {}


def indexed(prepare: Callable[..., tuple]) -> Callable[..., Any]:
    """Make the public function of one that prepares the call of a primitive."""

    @wraps(prepare)
    def function(input, *args, out=None, **kwargs):
        if out is not None:
            from ..autograd.inplace import write_out

            _check_out(input, out)
            refuse_overlap(out, input, *args)
            return write_out(function, out, input, *args, **kwargs)
        require_tensor(prepare.__name__, "input", input)
        if input._array.ndim == 0:
            return _on_scalar(function, input, *args, **kwargs)
        primitive, arguments, attributes = prepare(input, *args, **kwargs)
        return primitive(*arguments, **attributes)

    CALLS[prepare.__name__] = prepare
    return public(function)


def _check_out(input: Any, out: Any) -> None:
    found, expected = out._array.dtype, require_tensor("out", "input", input)._array.dtype
    if found != expected:
        raise RuntimeError(
            f"Expected out tensor to have dtype {expected.name}, but got {found.name} instead"
        )


def refuse_overlap(out: Any, *arguments: Any) -> None:
    """RuntimeError where ``out`` shares memory with what is read at indices."""
    for x in arguments:
        if is_tensor(x) and type(x._array) is type(out._array):
            if backend_of(out._array).may_share_memory(out._array, x._array):
                raise RuntimeError(
                    "unsupported operation: some elements of the input tensor and the written-to "
                    "tensor refer to a single memory location. Please clone() the tensor before "
                    "performing the operation."
                )


def _on_scalar(function: Callable, input: Any, *args: Any, **kwargs: Any) -> Any:
    """A 0-d input counts as one of one element; gather and index_select follow their index."""
    index = args[1] if len(args) > 1 else kwargs.get("index", input)
    args = tuple(a.reshape((1,)) if is_tensor(a) and a.ndim == 0 else a for a in args)
    kwargs = {k: v.reshape((1,)) if is_tensor(v) and v.ndim == 0 else v for k, v in kwargs.items()}
    result = function(input.reshape((1,)), *args, **kwargs)
    return result.reshape(tuple(index.shape) if function.__name__ == "gather" else ())


def number_for(dtype: Any, value: Any) -> Any:
    """A Python number as one of the category of ``dtype``, as C casts it."""
    kind = category(dtype)
    if isinstance(value, complex) and kind < 3:
        if value.imag:
            raise RuntimeError("value cannot be converted to type float without overflow")
        value = value.real
    if not hasattr(value, "__float__") and not isinstance(value, complex):
        raise TypeError(f"expected a number, but got {type(value).__name__}")
    if kind == 0:
        return bool(value)
    return int(value) if kind == 1 else value


def index_tensor(name: str, index: Any, message: str, error: type = RuntimeError) -> Any:
    require_tensor(name, "index", index, 3)
    if not is_index_dtype(index._array.dtype):
        raise error(message.format(name_of(index._array.dtype)))
    return index


def as_vector(index: Any) -> Any:
    """A 0-d index as one of one element."""
    return index if index._array.ndim == 1 else index.reshape((-1,))


def checked(index: Any, size: int, axis: int, name: str, wraps: bool = False) -> Any:
    """``index`` in range and not negative: itself where it was, so later writes are noticed."""
    found = I.checked_index(index, size=size, axis=axis, wraps=wraps, name=name)
    return index if found._array is index._array else found


# ----------------------------------------------------------------------- gather and scatter


def _along(name: str, input: Any, dim: Any, index: Any) -> tuple[int, Any]:
    """The axis and the index of gather and the scatters; whether it is in range is not checked."""
    axis = normalize_dim(int_argument(name, "dim", dim, 2), input.ndim)
    short = "gather" if name == "gather" else "scatter"
    require_tensor(name, "index", index, 3)
    if not index.numel():
        return axis, to_dtype(index, dtype=_INT64).reshape((0,) * input.ndim)
    index = index_tensor(name, index, f"{short}(): Expected dtype int32/int64 for index")
    if index.ndim != input.ndim:
        who = "input" if name == "gather" else "self"
        raise RuntimeError(f"Index tensor must have the same number of dimensions as {who} tensor")
    return axis, index


@indexed
def gather(input, dim, index, *, sparse_grad=False):
    """``out[i][j] = input[index[i][j]][j]`` for ``dim`` = 0, and alike for other dimensions.

    ``sparse_grad`` asks for a gradient that stores less; it is dense here, with the same values.
    RuntimeError for indices out of range and for an index larger than ``input`` elsewhere.

    >>> torch.gather(torch.tensor([[1, 2], [3, 4]]), 1, torch.tensor([[0], [1]]))
    tensor([[1],
            [4]])
    """
    if not require_tensor("gather", "index", index, 3).numel():
        normalize_dim(int_argument("gather", "dim", dim, 2), input.ndim)
        nothing = basic_index(input, key=(slice(0, 0),))
        return reshape_copy, (nothing,), {"shape": tuple(index.shape)}
    axis, places = _along("gather", input, dim, index)
    for d, (n, limit) in enumerate(zip(places.shape, input.shape, strict=True)):
        if d != axis and n > limit:
            raise RuntimeError(
                f"Size does not match at dimension {d} expected index {list(index.shape)} to be "
                f"no larger than self {list(input.shape)} apart from dimension {axis}"
            )
    places = checked(places, input.shape[axis], axis, "gather")
    return I.gather_op, (input, places), {"axis": axis}


def _scatter_index(name: str, input: Any, axis: int, index: Any, src: Any) -> Any:
    """The index of a scatter, in range, after the sizes of all three were compared."""
    _check_scatter(input, axis, index, src)
    return checked(index, input.shape[axis], axis, name)


def _check_scatter(input: Any, axis: int, index: Any, src: Any) -> None:
    if not index.numel():
        return
    sizes, limit = tuple(index.shape), tuple(input.shape)
    too_big = any(n > m for d, (n, m) in enumerate(zip(sizes, limit, strict=True)) if d != axis)
    text = (
        f"Expected index {list(sizes)} to be no larger than self {list(limit)} apart from "
        f"dimension {axis}"
    )
    if src is None:
        if too_big:
            raise RuntimeError(text)
        return
    if src.ndim != index.ndim:
        raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    if too_big or any(n > m for n, m in zip(sizes, src.shape, strict=True)):
        raise RuntimeError(f"{text} and to be no larger size than src {list(src.shape)}")


def _check_same_dtype(input: Any, src: Any) -> None:
    if src._array.dtype != input._array.dtype:
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")


@indexed
def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """``input`` with ``out[index[i][j]][j] = src[i][j]`` (for ``dim`` = 0); src may be a number.

    ``reduce`` is "add" or "multiply": combine with what is there. Where several indices are
    equal, which value wins is not defined.

    >>> torch.scatter(torch.zeros(3), 0, torch.tensor([2, 0]), torch.tensor([5.0, 6.0]))
    tensor([6., 0., 5.])
    """
    src = value if src is None else src
    if reduce not in (None, "add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    axis, index = _along("scatter", input, dim, index)
    number = not is_tensor(src)
    if number:
        src = number_for(input._array.dtype, src)
    else:
        _check_same_dtype(input, src)
    index = _scatter_index("scatter", input, axis, index, None if number else src)
    if reduce is None:
        if number:
            return I.scatter_value, (input, index), {"axis": axis, "value": src}
        return I.scatter_op, (input, index, src), {"axis": axis}
    if number:
        src = I.fill_op(I.zeros_shaped(input, shape=tuple(index.shape)), value=src)
    else:
        warnings.warn(
            "The reduce argument of torch.scatter with Tensor src is deprecated and will be "
            "removed in a future PyTorch release. Use torch.scatter_reduce instead for more "
            "reduction options.",
            UserWarning,
            stacklevel=3,
        )
    if reduce == "add":
        return I.scatter_add_op, (input, index, src), {"axis": axis}
    return I.scatter_reduce_op, (input, index, src), {"axis": axis, "reduce": "prod"}


@indexed
def scatter_add(input, dim, index, src):
    """``input`` with ``out[index[i][j]][j] += src[i][j]`` (for ``dim`` = 0).

    >>> torch.scatter_add(torch.zeros(3), 0, torch.tensor([2, 2]), torch.tensor([5.0, 6.0]))
    tensor([ 0.,  0., 11.])
    """
    axis, index = _along("scatter_add", input, dim, index)
    _check_same_dtype(input, require_tensor("scatter_add", "src", src, 4))
    index = _scatter_index("scatter_add", input, axis, index, src)
    return I.scatter_add_op, (input, index, src), {"axis": axis}


# PyTorch takes these too, and does not say so.
_SHORT = {"max": "amax", "min": "amin"}


@public(inplace=True)
def scatter_reduce(input, dim, index, src, reduce, *, include_self=True, out=None):
    """Reduce the elements of ``src`` with equal indices: "sum", "prod", "mean", "amax", "amin".

    ``include_self`` says whether the element of ``input`` takes part; where no index points, it
    stays in any case.

    >>> src = torch.tensor([5.0, 6.0])
    >>> torch.scatter_reduce(torch.zeros(2), 0, torch.tensor([1, 1]), src, "amax")
    tensor([0., 6.])
    """
    if out is not None:
        from ..autograd.inplace import write_out

        return write_out(scatter_reduce, out, input, dim, index, src, reduce,
                         include_self=include_self)  # fmt: skip
    reduce = _SHORT.get(reduce, reduce)
    if reduce not in ("sum", "prod", "mean", "amax", "amin"):
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    require_tensor("scatter_reduce", "input", input)
    if input.ndim == 0:
        index, src = (t.reshape((1,)) if t.ndim == 0 else t for t in (index, src))
        rest = (dim, index, src, reduce)
        return scatter_reduce(input.reshape((1,)), *rest, include_self=include_self).reshape(())
    axis, index = _along("scatter_reduce", input, dim, index)
    _check_same_dtype(input, require_tensor("scatter_reduce", "src", src, 4))
    index = _scatter_index("scatter_reduce", input, axis, index, src)
    if reduce in ("sum", "mean"):
        return _scatter_sum(input, axis, index, src, reduce == "mean", include_self)
    return I.scatter_reduce_op(
        input, index, src, axis=axis, reduce=reduce, include_self=include_self
    )


def _scatter_sum(x: Any, axis: int, index: Any, src: Any, mean: bool, include_self: bool) -> Any:
    start = x if include_self else I.scatter_value(x, index, axis=axis, value=0)
    sums = I.scatter_add_op(start, index, src, axis=axis)
    if not mean:
        return sums
    dtype = x._array.dtype
    one = I.fill_op(I.zeros_shaped(x, shape=tuple(index.shape)), value=1)
    zeros = I.zeros_shaped(x, shape=tuple(x.shape))
    counts = I.scatter_add_op(zeros, index, one, axis=axis)
    counts = counts + 1 if include_self else where(counts == 0, 1, counts)
    counts = to_dtype(counts, dtype=dtype)
    return sums // counts if category(dtype) < 2 else sums / counts


@public
def take_along_dim(input, indices, dim=None, *, out=None):
    """Elements at ``indices`` along ``dim``, both broadcast; of the flat input where it is None.

    >>> torch.take_along_dim(torch.tensor([[3, 1], [2, 4]]), torch.tensor([[1], [0]]), dim=1)
    tensor([[1],
            [2]])
    """
    if out is not None:
        from ..autograd.inplace import write_out

        return write_out(take_along_dim, out, input, indices, dim)
    require_tensor("take_along_dim", "indices", indices, 2)
    if indices._array.dtype != _INT64:
        raise RuntimeError(
            "torch.take_along_dim(): dtype of indices should be Long but got "
            f"{name_of(indices._array.dtype)}"
        )
    if dim is None:
        return gather(input.reshape((-1,)), 0, indices.reshape((-1,)))
    if input.ndim != indices.ndim:
        raise RuntimeError(
            "torch.take_along_dim(): input and indices should have the same number of "
            f"dimensions, but got {input.ndim} dimensions for input, and {indices.ndim} "
            "dimensions for indices"
        )
    axis = normalize_dim(dim, input.ndim)
    others = ((*t.shape[:axis], 1, *t.shape[axis + 1 :]) for t in (input, indices))
    shape = list(broadcast_shape(*others))
    shape[axis] = input.shape[axis]
    input = expand(input, shape=tuple(shape))
    shape[axis] = indices.shape[axis]
    indices = checked(indices, input.shape[axis], axis, "take_along_dim", wraps=True)
    return gather(input, axis, expand(indices, shape=tuple(shape)))


# --------------------------------------------------------------------------- flat positions


@public
def take(input, index, *, out=None):
    """The elements of the flat ``input`` at ``index``, in the shape of ``index``.

    >>> torch.take(torch.tensor([[1, 2], [3, 4]]), torch.tensor([0, 3]))
    tensor([1, 4])
    """
    if out is not None:
        from ..autograd.inplace import write_out

        return write_out(take, out, input, index)
    require_tensor("take", "input", input)
    index_tensor("take", index, "take(): Expected a long tensor for index, but got {}")
    if index.numel() and not input.numel():
        raise IndexError("take(): tried to take from an empty tensor")
    places = checked(as_vector(index), input.numel(), 0, "take", wraps=True)
    found = I.index_select_op(as_vector(input), places, axis=0)
    return found if index._array.ndim == 1 else found.reshape(tuple(index.shape))


@public(inplace=True)
def put(input, index, source, accumulate=False):
    """``input`` with ``source`` at flat positions ``index``, or added there.

    >>> torch.put(torch.zeros(3), torch.tensor([0, 2]), torch.tensor([1.0, 2.0]))
    tensor([1., 0., 2.])
    """
    if index._array.dtype != _INT64:
        raise RuntimeError(
            f"put_(): Expected a long tensor for index, but got {name_of(index._array.dtype)}"
        )
    if source._array.dtype != input._array.dtype:
        raise RuntimeError(
            "put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{name_of(input._array.dtype)} and source.dtype = {name_of(source._array.dtype)}"
        )
    if source.numel() != index.numel():
        raise IndexError(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {source.numel()}, index.numel() = {index.numel()}"
        )
    places = checked(as_vector(index), input.numel(), 0, "put", wraps=True)
    flat = I.index_put_op(
        input.reshape((-1,)), source.reshape((-1,)), places, dims=(0,), accumulate=accumulate
    )
    return flat.reshape(tuple(input.shape))
