"""sort, argsort, msort, topk and kthvalue. nan counts as the largest value."""

from __future__ import annotations

from typing import Any

from .along import put_along
from .extrema import picked_grad
from .op import op
from .operand import as_int, normalize_dim
from .reduce_arguments import one_axis, reduction, refuse_kinds, separate_out, tensor_argument
from .results import kthvalue as kthvalue_result
from .results import sort as sort_result
from .results import topk as topk_result
from .shape import unsqueeze

# Up to this length sorting all of a row takes less time than partitioning it first.
_SORTED_WHOLE = 64

# ---------------------------------------------------------------------------- primitives


def _backwards(x: Any, axis: int) -> Any:
    return x[(slice(None),) * axis + (slice(None, None, -1),)]


def order(xp: Any, x: Any, axis: int, descending: bool = False) -> Any:
    """The indices that sort ``x`` stably along ``axis``."""
    if not descending:
        return xp.argsort(x, axis=axis, kind="stable")
    # Sorting back to front and reading the result backwards keeps equal elements in order.
    ascending = xp.argsort(_backwards(x, axis), axis=axis, kind="stable")
    return x.shape[axis] - 1 - _backwards(ascending, axis)


@op(name="sort", outputs=2, differentiable=(0,))
def sort_op(xp, x, *, axis, descending):
    if x.ndim == 0:
        return x.copy(), xp.zeros((), dtype="int64")
    indices = order(xp, x, axis, descending)
    return xp.take_along_axis(x, indices, axis), indices


@op(name="topk", outputs=2, differentiable=(0,))
def topk_op(xp, x, *, k, axis, largest):
    part, n = (slice(None),) * axis, x.shape[axis]
    if n <= _SORTED_WHOLE or k == 0:
        indices = order(xp, x, axis, largest)[(*part, slice(0, k))]
        return xp.take_along_axis(x, indices, axis), indices
    if largest:
        candidates = xp.argpartition(x, n - k, axis=axis)[(*part, slice(n - k, None))]
    else:
        candidates = xp.argpartition(x, k - 1, axis=axis)[(*part, slice(0, k))]
    values = xp.take_along_axis(x, candidates, axis)
    ranks = order(xp, values, axis, largest)
    return xp.take_along_axis(values, ranks, axis), xp.take_along_axis(candidates, ranks, axis)


def element_at(xp: Any, x: Any, indices: Any, axis: int, keepdims: bool) -> tuple[Any, Any]:
    """The elements at ``indices`` (of length 1 along ``axis``), with the indices themselves."""
    values = xp.take_along_axis(x, indices, axis)
    if keepdims:
        return values, indices
    return values.squeeze(axis), indices.squeeze(axis)


@op(name="kthvalue", outputs=2, differentiable=(0,))
def kthvalue_op(xp, x, *, k, axis, keepdims):
    part = (slice(None),) * axis
    indices = xp.argpartition(x, k - 1, axis=axis)[(*part, slice(k - 1, k))]
    return element_at(xp, x, indices, axis, keepdims)


def _permuted_grad(g0, out1, x_shape, axis):
    return put_along(g0, out1, axis=axis, size=x_shape[axis]) if x_shape else g0


sort_op.vjp(x=_permuted_grad)
topk_op.vjp(x=_permuted_grad)
kthvalue_op.vjp(x=picked_grad)

# ------------------------------------------------------------------------------ functions


def _refuse_complex(name: str, x: Any) -> None:
    if x._array.dtype.kind == "c":
        raise RuntimeError(f" {name} does not support complex dtypes on CPU")


def _sorted(x: Any, dim: Any, descending: bool) -> tuple[Any, Any]:
    if isinstance(dim, bool):
        raise TypeError("sort(): argument 'dim' must be int, not bool")
    axis = normalize_dim(dim, x._array.ndim)
    _refuse_complex("Sort", x)
    return sort_op(x, axis=axis, descending=bool(descending))


@reduction()
def sort(input, dim=-1, descending=False, *, stable=False):
    """``(values, indices)`` of the elements in order along ``dim``.

    Equal elements keep their order whether or not ``stable`` asks for it.

    >>> torch.sort(torch.tensor([3, 1, 2]), descending=True).values
    tensor([3, 2, 1])
    """
    return sort_result(_sorted(tensor_argument("sort", input), dim, descending))


@reduction()
def argsort(input, dim=-1, descending=False, *, stable=False):
    """The indices that put the elements in order along ``dim``.

    >>> torch.argsort(torch.tensor([3, 1, 2]))
    tensor([1, 2, 0])
    """
    return _sorted(tensor_argument("argsort", input), dim, descending)[1]


@reduction()
def msort(input):
    """The elements in order along the first dimension.

    >>> torch.msort(torch.tensor([[3, 1], [2, 4]]))
    tensor([[2, 1],
            [3, 4]])
    """
    return _sorted(tensor_argument("msort", input), 0, False)[0]


@reduction()
def topk(input, k, dim=-1, largest=True, sorted=True):
    """``(values, indices)`` of the ``k`` largest (or smallest) elements along ``dim``, in order.

    They come in order also for ``sorted=False``, which leaves the order open. RuntimeError for a
    ``k`` out of range.

    >>> torch.topk(torch.tensor([3, 1, 4, 2]), 2).values
    tensor([4, 3])
    """
    x = tensor_argument("topk", input)
    k = as_int(k, "k")
    axis = normalize_dim(dim, x._array.ndim)
    if not 0 <= k <= (x._array.shape[axis] if x._array.ndim else 1):
        raise RuntimeError("selected index k out of range")
    _refuse_complex("topk", x)
    if x._array.dtype.kind == "b":
        raise RuntimeError("topk does not support bool dtypes on CPU")
    if x._array.ndim == 0:
        return topk_result(sort_op(x, axis=0, descending=False))
    return topk_result(topk_op(x, k=k, axis=axis, largest=bool(largest)))


@reduction(check_out=separate_out)
def kthvalue(input, k, dim=-1, keepdim=False):
    """``(values, indices)`` of the ``k``-th smallest element along ``dim``, counted from 1.

    >>> torch.kthvalue(torch.tensor([3, 1, 4, 2]), 2).values
    tensor(2)
    """
    x = tensor_argument("kthvalue", input)
    k = as_int(k, "k")
    axis = one_axis("kthvalue", x._array, dim)
    if not 1 <= k <= (x._array.shape[axis] if x._array.ndim else 1):
        raise RuntimeError(f"kthvalue(): selected number k out of range for dimension {axis}")
    refuse_kinds("kthvalue_cpu", x, "bc")
    if x._array.ndim == 0:
        x, keepdim = unsqueeze(x, dim=0), False
    return kthvalue_result(kthvalue_op(x, k=k, axis=axis, keepdims=keepdim))
