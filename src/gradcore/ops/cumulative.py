"""Running sums, products and extremes.

Gradients come from one linear recurrence, solved by doubling in log2(n) steps: without a division,
so zeros and underflow do no harm, and without looking at values, so nothing waits for a GPU.
"""

from __future__ import annotations

from typing import Any

from .moving import flip_op
from .op import Op, op
from .operand import normalize_dim
from .pointwise import conj, where
from .reduce_arguments import cast, reduction, refuse_kinds, tensor_argument
from .results import cummax as cummax_result
from .results import cummin as cummin_result
from .shape import basic_index, to_dtype
from .unary import exp


def _range(axis: int, part: slice) -> tuple[slice, ...]:
    return (slice(None),) * axis + (part,)


@op
def shift(xp, x, *, axis, offset, fill):
    """``out[i] = x[i - offset]`` along ``axis``, and ``fill`` where that lies outside."""
    out = xp.full(x.shape, fill, dtype=x.dtype)
    n = x.shape[axis]
    if offset >= 0:
        target, source = slice(offset, None), slice(0, max(n - offset, 0))
    else:
        target, source = slice(0, max(n + offset, 0)), slice(-offset, None)
    out[_range(axis, target)] = x[_range(axis, source)]
    return out


shift.vjp(x=lambda g, axis, offset: shift(g, axis=axis, offset=-offset, fill=0))


def _reversed(x: Any, axis: int) -> Any:
    return flip_op(x, dims=(axis,))


def recurrence(factor: Any, term: Any, axis: int) -> Any:
    """``s[k] = term[k] + factor[k] * s[k + 1]`` along ``axis``, from the end."""
    step, n = 1, term.shape[axis]
    while step < n:
        term = term + factor * shift(term, axis=axis, offset=-step, fill=0)
        factor = factor * shift(factor, axis=axis, offset=-step, fill=0)
        step *= 2
    return term


# -------------------------------------------------------------------- cumsum and cumprod


def _accumulated(x: Any, how: str, axis: int) -> Any:
    if x.dtype.kind in "biu":
        return getattr(x, how)(axis=axis, dtype="int64").reshape(x.shape)
    if x.dtype.itemsize == 2:
        return getattr(x.astype("float32"), how)(axis=axis).reshape(x.shape).astype(x.dtype)
    return getattr(x, how)(axis=axis).reshape(x.shape)


@op(name="cumsum")
def cumsum_op(xp, x, *, axis, reverse=False):
    """The running sum from the start, or from the end."""
    if not reverse or not x.ndim:
        return _accumulated(x, "cumsum", axis)
    return xp.ascontiguousarray(xp.flip(_accumulated(xp.flip(x, axis), "cumsum", axis), axis))


cumsum_op.vjp(x=lambda g, axis, reverse: cumsum_op(g, axis=axis, reverse=not reverse))


@op(name="cumprod")
def cumprod_op(xp, x, *, axis):
    return _accumulated(x, "cumprod", axis)


def _products_before(x: Any, axis: int) -> Any:
    """The product of all elements before each."""
    return cumprod_op(shift(x, axis=axis, offset=1, fill=1), axis=axis)


def exclusive_products(x: Any, axis: int) -> Any:
    """The product of all other elements along ``axis``."""
    after = _products_before(_reversed(x, axis), axis)
    return _products_before(x, axis) * _reversed(after, axis)


def _cumprod_grad(g, x, x_shape, axis):
    if not x_shape:
        return g
    x = conj(x)
    following = shift(x, axis=axis, offset=-1, fill=0)
    return _products_before(x, axis) * recurrence(following, g, axis)


cumprod_op.vjp(x=_cumprod_grad)


@reduction(inplace=True)
def cumsum(input, dim, *, dtype=None):
    """The running sum along ``dim``; integers in int64.

    >>> torch.cumsum(torch.tensor([1, 2, 3]), 0)
    tensor([1, 3, 6])
    """
    x = cast(tensor_argument("cumsum", input), dtype)
    return cast(cumsum_op(x, axis=normalize_dim(dim, x._array.ndim)), dtype)


@reduction(inplace=True)
def cumprod(input, dim, *, dtype=None):
    """The running product along ``dim``; integers in int64.

    >>> torch.cumprod(torch.tensor([1, 2, 3]), 0)
    tensor([1, 2, 6])
    """
    x = cast(tensor_argument("cumprod", input), dtype)
    return cast(cumprod_op(x, axis=normalize_dim(dim, x._array.ndim)), dtype)


# ------------------------------------------------------------------------- logcumsumexp


@op(name="logcumsumexp")
def logcumsumexp_op(xp, x, *, axis):
    step, n = 1, x.shape[axis] if x.ndim else 1
    while step < n:
        x = xp.logaddexp(x, shift.body(xp, x, axis=axis, offset=step, fill=-xp.inf))
        step *= 2
    return x.copy() if n <= 1 else x


def _logcumsumexp_grad(g, x, out, x_shape, axis):
    # s[k] = sum of g[i] * exp(out[k] - out[i]) over i >= k; out grows, so nothing overflows.
    if not x_shape:
        return g
    nothing = out == float("-inf")
    decay = exp(out - shift(out, axis=axis, offset=-1, fill=float("inf")))
    scaled = recurrence(where(nothing, 0.0, decay), g, axis)
    return scaled * where(nothing, 0.0, exp(x - out))


logcumsumexp_op.vjp(x=_logcumsumexp_grad)


@reduction()
def logcumsumexp(input, dim):
    """``log(cumsum(exp(input)))`` along ``dim`` without overflow; real floating point only.

    >>> torch.logcumsumexp(torch.zeros(3), 0)
    tensor([0.0000, 0.6931, 1.0986])
    """
    x = tensor_argument("logcumsumexp", input)
    axis = normalize_dim(dim, x._array.ndim)
    refuse_kinds("logcumsumexp_out_cpu", x, "biuc")
    return logcumsumexp_op(x, axis=axis)


# ---------------------------------------------------------------------- cummax and cummin


def running_extreme(xp: Any, x: Any, axis: int, keeps: Any) -> tuple[Any, Any]:
    """Values and positions of the running extreme; ``keeps(new, old)``: the newer one wins.

    The last of equal elements wins, and nan beats all numbers.
    """
    positions = xp.arange(x.shape[axis]).reshape((-1,) + (1,) * (x.ndim - axis - 1))
    values, indices = x.copy(), xp.broadcast_to(positions, x.shape).copy()
    step = 1
    while step < x.shape[axis]:
        later, earlier = _range(axis, slice(step, None)), _range(axis, slice(0, -step))
        new, old = values[later], values[earlier]
        stays = (new != new) | ((old == old) & keeps(new, old))
        merged = xp.where(stays, new, old)
        indices[later] = xp.where(stays, indices[later], indices[earlier])
        values[later] = merged
        step *= 2
    return values, indices


def _running(xp: Any, x: Any, axis: int, keeps: Any) -> tuple[Any, Any]:
    if x.ndim == 0:
        return x.copy(), xp.zeros((), dtype="int64")
    return running_extreme(xp, x, axis, keeps)


@op(name="cummax", outputs=2, differentiable=(0,))
def cummax_op(xp, x, *, axis):
    return _running(xp, x, axis, lambda new, old: new >= old)


@op(name="cummin", outputs=2, differentiable=(0,))
def cummin_op(xp, x, *, axis):
    return _running(xp, x, axis, lambda new, old: new <= old)


def _running_grad(g0, out1, x_shape, x_dtype, axis):
    """Each element gets the gradients of the run of outputs that it is the extreme of."""
    if not x_shape:
        return g0
    same = out1 == shift(out1, axis=axis, offset=-1, fill=-1)
    # The extreme of a run stands at the start of the run.
    first = out1 != shift(out1, axis=axis, offset=1, fill=-1)
    return where(first, recurrence(to_dtype(same, dtype=x_dtype), g0, axis), 0.0)


cummax_op.vjp(x=_running_grad)
cummin_op.vjp(x=_running_grad)


def _cumulative_extreme(name: str, call: Op, result: Any, input: Any, dim: Any) -> Any:
    x = tensor_argument(name, input)
    axis = normalize_dim(dim, x._array.ndim)
    refuse_kinds(f"{name}_cpu", x, "c")
    return result(call(x, axis=axis))


@reduction()
def cummax(input, dim):
    """``(values, indices)`` of the running maximum; the last of equal elements, nan wins.

    >>> torch.cummax(torch.tensor([1, 3, 2]), 0).values
    tensor([1, 3, 3])
    """
    return _cumulative_extreme("cummax", cummax_op, cummax_result, input, dim)


@reduction()
def cummin(input, dim):
    """``(values, indices)`` of the running minimum; the last of equal elements, nan wins.

    >>> torch.cummin(torch.tensor([3, 1, 2]), 0).indices
    tensor([0, 1, 1])
    """
    return _cumulative_extreme("cummin", cummin_op, cummin_result, input, dim)


# ---------------------------------------------------------------------------------- diff


@reduction()
def diff(input, n=1, dim=-1, prepend=None, append=None):
    """The differences of neighbours along ``dim``, ``n`` times over; xor for bools.

    ``prepend`` and ``append`` are joined to the input first.

    >>> torch.diff(torch.tensor([1, 4, 9, 16]))
    tensor([3, 5, 7])
    """
    from .joining import cat

    x = tensor_argument("diff", input)
    if x._array.ndim == 0:
        raise RuntimeError("diff expects input to be at least one-dimensional")
    if n < 0:
        raise RuntimeError(f"order must be non-negative but got {n}")
    axis = normalize_dim(dim, x._array.ndim)
    parts = [t for t in (prepend, x, append) if t is not None]
    for t in parts:
        _check_fits(x._array.shape, t._array.shape, axis)
    if n == 0:
        return x.clone()
    if len(parts) > 1:
        x = cat(parts, axis)
    is_bool = x._array.dtype.kind == "b"
    for _ in range(min(n, x._array.shape[axis])):
        later = basic_index(x, key=_range(axis, slice(1, None)))
        earlier = basic_index(x, key=_range(axis, slice(0, max(x._array.shape[axis] - 1, 0))))
        x = later ^ earlier if is_bool else later - earlier
    return x


def _check_fits(shape: tuple, other: tuple, axis: int) -> None:
    if len(shape) != len(other):
        raise RuntimeError("diff expects prepend or append to be the same dimension as input")
    for i, (a, b) in enumerate(zip(shape, other, strict=True)):
        if i != axis and a != b:
            raise RuntimeError(
                "diff expects the shape of tensor to prepend or append to match that of input "
                f"except along the differencing dimension; input.size({i}) = {a}, but got "
                f"tensor.size({i}) = {b}"
            )
