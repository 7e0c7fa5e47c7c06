"""The largest and smallest: max, min, amax, amin, aminmax, argmax, argmin."""

from __future__ import annotations

from typing import Any

from .along import put_along
from .op import Op, op
from .operand import is_tensor
from .pointwise import maximum, minimum, where
from .reduce import named, sum_op
from .reduce_arguments import (
    axes_of,
    kept_shape,
    one_axis,
    reduction,
    refuse_kinds,
    require_values,
    restored,
    same_dtype_out,
    tensor_argument,
)
from .results import aminmax as aminmax_result
from .results import max as max_result
from .results import min as min_result
from .shape import to_dtype, unsqueeze

# ---------------------------------------------------------------------------- primitives


@op(name="amax")
def amax_op(xp, x, *, axes, keepdims):
    return x.max(axis=axes, keepdims=keepdims)


@op(name="amin")
def amin_op(xp, x, *, axes, keepdims):
    return x.min(axis=axes, keepdims=keepdims)


def _shared_equally(g: Any, chosen: Any, axes: Any, dtype: Any) -> Any:
    """``g`` divided between the chosen elements of each reduction."""
    count = to_dtype(sum_op(chosen, axes=axes, keepdims=True), dtype=dtype)
    return where(chosen, g / count, 0.0)


def _extreme_grad(g, x, out, x_shape, x_dtype, axes, keepdims):
    g, out = (restored(v, x_shape, axes, keepdims) for v in (g, out))
    return _shared_equally(g, x == out, axes, x_dtype)


def evenly_distributed(g, x, out, x_dtype):
    """The gradient of picking one value of all: shared by its equals, or by the nans."""
    return _shared_equally(g, (x == out) | ((x != x) & (out != out)), None, x_dtype)


amax_op.vjp(x=_extreme_grad)
amin_op.vjp(x=_extreme_grad)
_max_all = named(amax_op, "MaxBackward1", x=evenly_distributed)
_min_all = named(amin_op, "MinBackward1", x=evenly_distributed)


@op(name="aminmax", outputs=2)
def aminmax_op(xp, x, *, axes, keepdims):
    return x.min(axis=axes, keepdims=keepdims), x.max(axis=axes, keepdims=keepdims)


aminmax_op.vjp(
    x=lambda g0, g1, x, out0, out1, x_shape, x_dtype, axes, keepdims: (
        _extreme_grad(g0, x, out0, x_shape, x_dtype, axes, keepdims)
        + _extreme_grad(g1, x, out1, x_shape, x_dtype, axes, keepdims)
    )
)


def _positions(indices: Any, shape: Any, axis: int | None, keepdims: bool) -> Any:
    if not keepdims:
        return indices
    return indices.reshape(kept_shape(shape, None if axis is None else (axis,)))


@op(outputs=2, differentiable=(0,), grad_name="MaxBackward0")
def max_with_index(xp, x, *, axis, keepdims):
    indices = _positions(x.argmax(axis), x.shape, axis, keepdims)
    return x.max(axis=axis, keepdims=keepdims), indices


@op(outputs=2, differentiable=(0,), grad_name="MinBackward0")
def min_with_index(xp, x, *, axis, keepdims):
    indices = _positions(x.argmin(axis), x.shape, axis, keepdims)
    return x.min(axis=axis, keepdims=keepdims), indices


def picked_grad(g0, out1, x_shape, axis, keepdims):
    """The gradient of picking one element per row goes to that element."""
    if not x_shape:
        return g0
    g0, indices = (restored(v, x_shape, (axis,), keepdims) for v in (g0, out1))
    return put_along(g0, indices, axis=axis, size=x_shape[axis])


max_with_index.vjp(x=picked_grad)
min_with_index.vjp(x=picked_grad)


@op(name="argmax")
def argmax_op(xp, x, *, axis, keepdims):
    return _positions(x.argmax(axis), x.shape, axis, keepdims)


@op(name="argmin")
def argmin_op(xp, x, *, axis, keepdims):
    return _positions(x.argmin(axis), x.shape, axis, keepdims)


# ------------------------------------------------------------------------------ functions


def _extreme(name: str, ops: tuple, result: Any, arguments: tuple) -> Any:
    """PyTorch's three signatures: (), (dim, keepdim), (other)."""
    input, dim, keepdim, other = arguments
    total, with_index, pairwise = ops
    x = tensor_argument(name, input)
    if other is not None or is_tensor(dim):
        return pairwise(x, dim if other is None else other)
    if dim is None:
        if keepdim:
            raise TypeError(f"{name}(): argument 'keepdim' needs an argument 'dim'")
        require_values(name, x, None)
        refuse_kinds(f"{name}_all", x, "c")
        return total(x, axes=None, keepdims=False)
    if isinstance(dim, (bool, float)) or not hasattr(dim, "__index__"):
        raise TypeError(f"{name}(): argument 'dim' must be int, not {type(dim).__name__}")
    axis = one_axis(name, x._array, dim)
    if x._array.dtype.kind == "c":
        raise RuntimeError(f"{name}(): does not support complex input")
    if x._array.ndim == 0:
        x, keepdim = unsqueeze(x, dim=0), False
    return result(with_index(x, axis=axis, keepdims=keepdim))


@reduction()
def max(input, dim=None, keepdim=False, *, other=None):
    """The largest element; ``(values, indices)`` along ``dim``; or elementwise with a tensor.

    nan is the largest. IndexError where ``dim`` is empty.

    >>> torch.max(torch.tensor([[1, 5], [7, 2]]), dim=1).values
    tensor([5, 7])
    """
    return _extreme("max", (_max_all, max_with_index, maximum), max_result,
                    (input, dim, keepdim, other))  # fmt: skip


@reduction()
def min(input, dim=None, keepdim=False, *, other=None):
    """The smallest element; ``(values, indices)`` along ``dim``; or elementwise with a tensor.

    nan is the smallest. IndexError where ``dim`` is empty.

    >>> torch.min(torch.tensor([[1, 5], [7, 2]]), dim=1).indices
    tensor([0, 1])
    """
    return _extreme("min", (_min_all, min_with_index, minimum), min_result,
                    (input, dim, keepdim, other))  # fmt: skip


def _reduced(name: str, kernel: str, call: Op, input: Any, dim: Any, keepdim: bool) -> Any:
    x = tensor_argument(name, input)
    axes = axes_of(dim, x._array.ndim)
    require_values(name, x, axes)
    refuse_kinds(kernel, x, "c")
    return call(x, axes=axes, keepdims=keepdim)


@reduction(check_out=same_dtype_out)
def amax(input, dim=(), keepdim=False):
    """The largest elements over ``dim``; equal ones share the gradient.

    >>> torch.amax(torch.tensor([[1, 5], [7, 2]]), dim=(0, 1))
    tensor(7)
    """
    return _reduced("amax", "max_values_cpu", amax_op, input, dim, keepdim)


@reduction(check_out=same_dtype_out)
def amin(input, dim=(), keepdim=False):
    """The smallest elements over ``dim``; equal ones share the gradient.

    >>> torch.amin(torch.tensor([[1, 5], [7, 2]]), dim=0)
    tensor([1, 2])
    """
    return _reduced("amin", "min_values_cpu", amin_op, input, dim, keepdim)


@reduction()
def aminmax(input, *, dim=None, keepdim=False):
    """``(min, max)`` over one ``dim``, or over all.

    >>> torch.aminmax(torch.tensor([3, 1, 2])).max
    tensor(3)
    """
    x = tensor_argument("aminmax", input)
    if dim is None and x._array.size == 0:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
            "identity."
        )
    axes = None if dim is None else (one_axis("aminmax", x._array, dim),)
    refuse_kinds("aminmax_cpu", x, "c")
    if x._array.ndim == 0:
        axes = None
    return aminmax_result(aminmax_op(x, axes=axes, keepdims=keepdim))


def _position(name: str, call: Op, input: Any, dim: Any, keepdim: bool) -> Any:
    x = tensor_argument(name, input)
    for kind, word in (("c", "complex"), ("b", "bool")):
        if x._array.dtype.kind == kind:
            raise RuntimeError(f"{name}(): does not support {word} input")
    if dim is None:
        if x._array.size == 0:
            raise IndexError(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
            )
        axis = None
    else:
        axis = one_axis(name, x._array, dim)
    return call(x, axis=axis if x._array.ndim else None, keepdims=keepdim)


@reduction()
def argmax(input, dim=None, keepdim=False):
    """The position of the largest element along ``dim`` (in the flattened tensor if None).

    >>> torch.argmax(torch.tensor([[1, 5], [7, 2]]), dim=1)
    tensor([1, 0])
    """
    return _position("argmax", argmax_op, input, dim, keepdim)


@reduction()
def argmin(input, dim=None, keepdim=False):
    """The position of the smallest element along ``dim`` (in the flattened tensor if None).

    >>> torch.argmin(torch.tensor([[1, 5], [7, 2]]))
    tensor(0)
    """
    return _position("argmin", argmin_op, input, dim, keepdim)
