"""median, nanmedian, mode, quantile and nanquantile."""

from __future__ import annotations

from typing import Any

import numpy as np

from .along import take_along
from .cumulative import running_extreme
from .extrema import evenly_distributed, picked_grad
from .op import Op, op
from .pointwise import where
from .reduce import sum_op
from .reduce_arguments import one_axis, reduction, refuse_kinds, scalar_tensor, tensor_argument
from .results import median as median_result
from .results import mode as mode_result
from .results import nanmedian as nanmedian_result
from .shape import expand, permute, squeeze, to_dtype, unsqueeze
from .sorting import element_at, order, sort_op
from .unary import ceil, floor, isnan
from .unary import round as rounded

# ------------------------------------------------------------------------ median and mode


def _middle(xp: Any, x: Any, axis: int, ignore_nan: bool, keepdims: bool) -> tuple[Any, Any]:
    """The lower middle element along ``axis``; the first nan where nan counts."""
    ranks = order(xp, x, axis)
    numbers = (x == x).sum(axis=axis, keepdims=True)
    middle = (xp.maximum(numbers, 1) - 1) // 2
    if not ignore_nan:
        # Sorting puts nan last and keeps order, so the first nan follows the last number.
        middle = xp.where(numbers < x.shape[axis], numbers, middle)
    indices = xp.take_along_axis(ranks, middle, axis)
    return element_at(xp, x, indices, axis, keepdims)


@op(name="median", outputs=2, differentiable=(0,), grad_name="MedianBackward1")
def median_op(xp, x, *, axis, keepdims):
    return _middle(xp, x, axis, False, keepdims)


@op(name="nanmedian", outputs=2, differentiable=(0,), grad_name="NanmedianBackward1")
def nanmedian_op(xp, x, *, axis, keepdims):
    return _middle(xp, x, axis, True, keepdims)


@op(grad_name="MedianBackward0")
def median_all(xp, x):
    return _middle(xp, x.reshape((-1,)), 0, False, False)[0]


@op(grad_name="NanmedianBackward0")
def nanmedian_all(xp, x):
    return _middle(xp, x.reshape((-1,)), 0, True, False)[0]


@op(name="mode", outputs=2, differentiable=(0,))
def mode_op(xp, x, *, axis, keepdims):
    """The most frequent element, the smallest of several, and where it stands last."""
    indices = order(xp, x, axis)
    ordered = xp.take_along_axis(x, indices, axis)
    n = x.shape[axis]
    position = xp.arange(n).reshape((-1,) + (1,) * (x.ndim - axis - 1))
    starts = xp.ones(x.shape, dtype="bool")
    later, earlier = ((slice(None),) * axis + (s,) for s in (slice(1, None), slice(0, n - 1)))
    starts[later] = ordered[later] != ordered[earlier]
    start, _ = running_extreme(xp, xp.where(starts, position, 0), axis, lambda new, old: new >= old)
    longest = xp.expand_dims((position - start).argmax(axis), axis)
    return element_at(xp, x, xp.take_along_axis(indices, longest, axis), axis, keepdims)


median_op.vjp(x=picked_grad)
nanmedian_op.vjp(x=picked_grad)
mode_op.vjp(x=picked_grad)
median_all.vjp(x=evenly_distributed)
nanmedian_all.vjp(x=evenly_distributed)


def _along(name: str, call: Op, result: Any, x: Any, dim: Any, keepdim: bool) -> Any:
    axis = one_axis(name, x._array, dim)
    if x._array.ndim == 0:
        x, keepdim = unsqueeze(x, dim=0), False
    return result(call(x, axis=axis, keepdims=keepdim))


def _nan_like(x: Any) -> Any:
    """What the median of nothing is: nan, or the integer that PyTorch's cast of nan gives."""
    dtype = x._array.dtype
    value = int(np.iinfo(dtype).min) if dtype.kind in "iu" else float("nan")
    return scalar_tensor(value, dtype, x)


def _median(name: str, ops: tuple, result: Any, input: Any, dim: Any, keepdim: bool) -> Any:
    total, along = ops
    x = tensor_argument(name, input)
    refuse_kinds("median_cpu", x, "bc")
    if dim is not None:
        return _along(name, along, result, x, dim, keepdim)
    if keepdim:
        raise TypeError(f"{name}(): argument 'keepdim' needs an argument 'dim'")
    return total(x) if x._array.size else _nan_like(x)


@reduction()
def median(input, dim=None, keepdim=False):
    """The lower middle element of all, or ``(values, indices)`` along ``dim``; nan if any is.

    >>> torch.median(torch.tensor([4.0, 1.0, 3.0, 2.0]))
    tensor(2.)
    """
    return _median("median", (median_all, median_op), median_result, input, dim, keepdim)


@reduction()
def nanmedian(input, dim=None, keepdim=False):
    """:func:`median` of what is not nan.

    >>> torch.nanmedian(torch.tensor([1.0, float("nan"), 3.0]))
    tensor(1.)
    """
    ops = (nanmedian_all, nanmedian_op)
    return _median("nanmedian", ops, nanmedian_result, input, dim, keepdim)


@reduction()
def mode(input, dim=-1, keepdim=False):
    """``(values, indices)`` of the most frequent element along ``dim``; ties: the smallest.

    >>> torch.mode(torch.tensor([3, 1, 3, 2])).values
    tensor(3)
    """
    x = tensor_argument("mode", input)
    refuse_kinds("mode_cpu", x, "c")
    return _along("mode", mode_op, mode_result, x, dim, keepdim)


# ------------------------------------------------------------------------------ quantiles

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _checked_q(name: str, x: Any, q: Any) -> Any:
    """``q`` as a tensor of the input's dtype and device."""
    if hasattr(q, "_array"):
        if q._array.ndim > 1:
            raise RuntimeError(f"{name}() q must be a scalar or 1D tensor")
        if q._array.dtype != x._array.dtype:
            raise RuntimeError(f"{name}() q tensor must be same dtype as the input tensor")
        if not bool(((q >= 0) & (q <= 1)).all()):
            raise RuntimeError(f"{name}() q values must be in the range [0, 1]")
        return q
    if isinstance(q, bool) or not isinstance(q, (int, float)):
        raise TypeError(f"{name}(): argument 'q' must be Tensor or float, not {type(q).__name__}")
    if not 0 <= q <= 1:
        raise RuntimeError(f"{name}() q must be in the range [0, 1] but got {q:g}")
    return scalar_tensor(q, x._array.dtype, x)


def _quantile(name: str, input: Any, q: Any, dim: Any, keepdim: bool, interpolation: str) -> Any:
    x = tensor_argument(name, input)
    if x._array.dtype not in (np.float32, np.float64):
        raise RuntimeError(f"{name}() input tensor must be either float or double dtype")
    if interpolation not in _INTERPOLATIONS:
        raise RuntimeError(
            f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, "
            f"but got {interpolation}"
        )
    if x._array.size == 0:
        raise RuntimeError(f"{name}() input tensor must be non-empty")
    q = _checked_q(name, x, q)
    ndim = x._array.ndim
    axis = None if dim is None else one_axis(name, x._array, dim)
    if axis is None or ndim == 0:
        rows, kept = x.reshape((-1,)), (1,) * ndim
    else:
        rows = permute(x, dims=(*(i for i in range(ndim) if i != axis), axis))
        kept = tuple(1 if i == axis else n for i, n in enumerate(x._array.shape))
    values = _at_fraction(rows, q.reshape((-1,)), name == "nanquantile", interpolation)
    last = values._array.ndim - 1
    values = permute(values, dims=(last, *range(last)))
    if keepdim:
        values = values.reshape((-1, *kept))
    return values if q._array.ndim else squeeze(values, dims=(0,))


def _at_fraction(rows: Any, q: Any, ignore_nan: bool, interpolation: str) -> Any:
    """The ``q`` quantiles along the last axis: (..., n) and (k,) give (..., k)."""
    axis = rows._array.ndim - 1
    n = rows._array.shape[axis]
    dtype = rows._array.dtype
    ordered, _ = sort_op(rows, axis=axis, descending=False)
    nans = isnan(rows)
    if ignore_nan:
        numbers = to_dtype(sum_op(~nans, axes=(axis,), keepdims=True), dtype=dtype)
        ranks = q * (where(numbers == 0, 1.0, numbers) - 1)
    else:
        # nan is sorted last; a row that has one gives it.
        has_nan = sum_op(nans, axes=(axis,), keepdims=True) > 0
        ranks = where(has_nan, float(n - 1), q * (n - 1))
    if interpolation in ("lower", "higher", "nearest"):
        ranks = {"lower": floor, "higher": ceil, "nearest": rounded}[interpolation](ranks)
    below = floor(ranks)
    low = _taken(ordered, below, axis)
    if interpolation in ("lower", "higher", "nearest"):
        return low
    high = _taken(ordered, ceil(ranks), axis)
    weight = 0.5 * (ceil(ranks) - below) if interpolation == "midpoint" else ranks - below
    return low + where(weight == 0, 0.0, high - low) * weight


def _taken(ordered: Any, ranks: Any, axis: int) -> Any:
    """The elements at ``ranks``; a rank may come several times, so the sorted rows are repeated."""
    indices = to_dtype(ranks.detach(), dtype=np.dtype("int64"))
    shape = tuple(ordered._array.shape)
    indices = expand(indices, shape=(*shape[:axis], indices._array.shape[-1]))
    k = indices._array.shape[-1]
    repeated = expand(unsqueeze(ordered, dim=axis), shape=(*shape[:axis], k, shape[axis]))
    taken = take_along(repeated, unsqueeze(indices, dim=axis + 1), axis=axis + 1)
    return squeeze(taken, dims=(axis + 1,))


@reduction()
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The ``q`` quantiles along ``dim`` (of all elements if None).

    ``q`` is a number or a 1-d tensor in [0, 1], which then is the first dimension of the result;
    ``interpolation`` between neighbours is linear, lower, higher, midpoint or nearest.

    >>> torch.quantile(torch.tensor([0.0, 1.0, 2.0, 3.0]), 0.5)
    tensor(1.5000)
    """
    return _quantile("quantile", input, q, dim, keepdim, interpolation)


@reduction()
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """:func:`quantile` of what is not nan.

    >>> torch.nanquantile(torch.tensor([0.0, float("nan"), 3.0]), 0.5)
    tensor(1.5000)
    """
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation)
