"""Reading and writing at indices: the primitives.

They come in adjoint-closed families: index_select / index_add, gather / scatter_add,
index / index_put. All of them expect int64 indices that :func:`checked_index` has seen. The writing
ones return a changed copy of ``x``; with ``out=x`` they write into ``x`` itself, which is how the
in-place methods call them.
"""

from __future__ import annotations

from typing import Any

from .op import op
from .pointwise import eq, where
from .shape import slice_backward, to_dtype


def _dense(xp: Any, result: Any) -> Any:
    """In C order: NumPy lays the results of fancy indexing out as suits it."""
    return xp.ascontiguousarray(result).reshape(result.shape)


def add_at(xp: Any, out: Any, index: Any, values: Any) -> None:
    """``out[index] += values``, where positions that occur several times get all their values."""
    if out.dtype.kind not in "iubV":
        xp.add.at(out, index, values)
        return
    # CuPy's atomics know no int64, no small integers and no bfloat16. Modulo 2 ** 64 is as good
    # for integers; for bool it counts.
    wide = "float32" if out.dtype.kind == "V" else "uint64"
    sums = out.astype(wide)
    xp.add.at(sums, index, xp.asarray(values).astype(wide))
    out[...] = sums.astype(out.dtype)


@op(differentiable=())
def checked_index(xp, index, *, size, axis, wraps, name):
    """Indices into a dimension of ``size``, negative ones counted from its end if it ``wraps``.

    The kernel of the CPU raises the error of function ``name`` for those out of range.
    """
    index = index.astype("int64", copy=False)
    return xp.where(index < 0, index + size, index) if wraps else index


@op(differentiable=())
def zeros_shaped(xp, like, *, shape):
    """Zeros of ``like``'s dtype and device."""
    return xp.zeros(shape, dtype=like.dtype)


@op(differentiable=(), name="nonzero")
def nonzero_op(xp, x):
    """The positions of what is not zero: (number of them, number of dimensions)."""
    if x.ndim == 0:
        return xp.zeros((int(bool(x)), 0), dtype="int64")
    return xp.stack(xp.nonzero(x), axis=-1)


@op(differentiable=())
def flat_nonzero(xp, x):
    """The flat positions of what is not zero."""
    return xp.flatnonzero(x)


# -------------------------------------------------------------------- overwriting it all


@op(name="fill", grad_name="FillBackward0")
def fill_op(xp, x, *, value, out=None):
    out = xp.empty_like(x) if out is None else out
    out[...] = value
    return out


fill_op.vjp(x=lambda g: fill_op(g, value=0))


@op(name="copy", grad_name="CopyBackwards")
def copy_op(xp, x, src, *, out=None):
    """``src`` broadcast to the shape of ``x`` and cast to its dtype."""
    out = xp.empty_like(x) if out is None else out
    out[...] = src.real if src.dtype.kind == "c" and x.dtype.kind != "c" else src
    return out


# The engine brings src's gradient back to its own shape and dtype.
copy_op.vjp(x=lambda g: fill_op(g, value=0), src=lambda g: g)


# ------------------------------------------------------------------ index_select, index_add


@op(name="index_select")
def index_select_op(xp, x, indices, *, axis):
    return xp.take(x, indices, axis=axis)


@op
def index_select_backward(xp, x, indices, *, axis, size):
    """The adjoint of index_select: entries of ``x`` added at ``indices`` of a zeroed dimension."""
    shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
    out = xp.zeros(shape, dtype=x.dtype)
    add_at(xp, xp.moveaxis(out, axis, 0), indices, xp.moveaxis(x, axis, 0))
    return out


index_select_op.vjp(
    x=lambda g, indices, x_shape, axis: index_select_backward(
        g, indices, axis=axis, size=x_shape[axis]
    )
)
index_select_backward.vjp(x=lambda g, indices, axis: index_select_op(g, indices, axis=axis))


@op(name="index_add")
def index_add_op(xp, x, indices, source, *, axis, alpha=1, out=None):
    out = x.copy() if out is None else out
    if alpha != 1:
        source = source * xp.asarray(alpha).astype(source.dtype)
    add_at(xp, xp.moveaxis(out, axis, 0), indices, xp.moveaxis(source, axis, 0))
    return out


def _index_add_source(g, indices, axis, alpha):
    picked = index_select_op(g, indices, axis=axis)
    return picked if alpha == 1 else picked * alpha


index_add_op.vjp(x=lambda g: g, source=_index_add_source)


@op(name="index_copy")
def index_copy_op(xp, x, indices, source, *, axis, out=None):
    out = x.copy() if out is None else out
    xp.moveaxis(out, axis, 0)[indices] = xp.moveaxis(source, axis, 0)
    return out


@op(name="index_fill")
def index_fill_op(xp, x, indices, *, axis, value, out=None):
    out = x.copy() if out is None else out
    xp.moveaxis(out, axis, 0)[indices] = value
    return out


index_copy_op.vjp(
    x=lambda g, indices, axis: index_fill_op(g, indices, axis=axis, value=0),
    source=lambda g, indices, axis: index_select_op(g, indices, axis=axis),
)
index_fill_op.vjp(x=lambda g, indices, axis: index_fill_op(g, indices, axis=axis, value=0))


@op(name="masked_fill")
def masked_fill_op(xp, x, mask, *, value, out=None):
    value = xp.asarray(value).astype(x.dtype)
    if out is None:
        return xp.where(mask, value, x)
    xp.copyto(out, value, where=mask)
    return out


masked_fill_op.vjp(x=lambda g, mask: masked_fill_op(g, mask, value=0))


# ------------------------------------------------------------------------- gather, scatter


def _along(xp: Any, indices: Any, axis: int) -> tuple:
    """Indices for all dimensions: ``indices`` along ``axis``, the element's own place elsewhere."""
    parts = []
    for d, n in enumerate(indices.shape):
        own = xp.arange(n).reshape((n,) + (1,) * (indices.ndim - d - 1))
        parts.append(indices if d == axis else own)
    return tuple(parts)


def _cropped(x: Any, shape: tuple) -> Any:
    return x[tuple(slice(0, n) for n in shape)]


def _fill_along(xp: Any, out: Any, indices: Any, axis: int, value: Any) -> None:
    """Write one number at ``indices`` along ``axis``; repeated places are written repeatedly."""
    reach = (*indices.shape[:axis], out.shape[axis], *indices.shape[axis + 1 :])
    xp.put_along_axis(_cropped(out, reach), indices, value, axis)


@op(name="gather")
def gather_op(xp, x, indices, *, axis):
    return _dense(xp, x[_along(xp, indices, axis)])


@op
def gather_backward(xp, x, indices, *, axis, shape):
    """The adjoint of gather: ``x`` added to zeros of ``shape`` at ``indices`` along ``axis``."""
    out = xp.zeros(shape, dtype=x.dtype)
    add_at(xp, out, _along(xp, indices, axis), x)
    return out


gather_op.vjp(
    x=lambda g, indices, x_shape, axis: gather_backward(g, indices, axis=axis, shape=x_shape)
)
gather_backward.vjp(x=lambda g, indices, axis: gather_op(g, indices, axis=axis))


def _source_grad(g, indices, src_shape, axis):
    """The gradient of a source of which scatter took the part that indices covers."""
    picked = gather_op(g, indices, axis=axis)
    if tuple(picked.shape) == tuple(src_shape):
        return picked
    part = tuple(slice(0, n) for n in picked.shape)
    return slice_backward(picked, key=part, shape=tuple(src_shape))


@op(name="scatter_add")
def scatter_add_op(xp, x, indices, src, *, axis, out=None):
    out = x.copy() if out is None else out
    add_at(xp, out, _along(xp, indices, axis), _cropped(src, indices.shape))
    return out


scatter_add_op.vjp(x=lambda g: g, src=_source_grad)


@op(name="scatter")
def scatter_op(xp, x, indices, src, *, axis, out=None):
    out = x.copy() if out is None else out
    out[_along(xp, indices, axis)] = _cropped(src, indices.shape)
    return out


@op(grad_name="ScatterBackward1")
def scatter_value(xp, x, indices, *, axis, value, out=None):
    out = x.copy() if out is None else out
    _fill_along(xp, out, indices, axis, value)
    return out


scatter_op.vjp(
    x=lambda g, indices, axis: scatter_value(g, indices, axis=axis, value=0), src=_source_grad
)
scatter_value.vjp(x=lambda g, indices, axis: scatter_value(g, indices, axis=axis, value=0))


# -------------------------------------------------------------------------- scatter_reduce


@op(name="scatter_reduce")
def scatter_reduce_op(xp, x, indices, src, *, axis, reduce, include_self=True, out=None):
    """``reduce`` is "prod", "amax" or "amin"; sums and means are made of scatter_add."""
    out = x.copy() if out is None else out
    places = _along(xp, indices, axis)
    values = _cropped(src, indices.shape)
    if not include_self:
        _fill_along(xp, out, indices, axis, identity_of(xp, out.dtype, reduce))
    if reduce == "prod":
        _multiply_at(xp, out, places, values)
    elif out.size and values.size:
        (xp.maximum if reduce == "amax" else xp.minimum).at(out, places, values)
    return out


def identity_of(xp: Any, dtype: Any, reduce: str) -> Any:
    """What a reduction starts with."""
    if reduce == "prod":
        return 1
    if dtype.kind in "iu":
        limits = xp.iinfo(dtype)
        return limits.min if reduce == "amax" else limits.max
    if dtype.kind == "b":
        return reduce == "amin"
    return -float("inf") if reduce == "amax" else float("inf")


def _multiply_at(xp: Any, out: Any, places: tuple, values: Any) -> None:
    """``out[places] *= values`` with repetitions, for libraries without an atomic product.

    Round k multiplies by the k-th value of every place.
    """
    flat = xp.zeros(values.shape, dtype="int64")
    for part, n in zip(places, out.shape, strict=True):
        flat = flat * n + part
    order = xp.argsort(flat.reshape(-1), kind="stable")
    keys, ordered = flat.reshape(-1)[order], values.reshape(-1)[order]
    # An entry's rank among those of its place: its distance to the first of them.
    rank = xp.arange(keys.size) - xp.searchsorted(keys, keys)
    target = xp.ascontiguousarray(out).reshape(-1)
    for k in range(int(rank.max()) + 1 if rank.size else 0):
        chosen = rank == k
        target[keys[chosen]] = target[keys[chosen]] * ordered[chosen]
    out[...] = target.reshape(out.shape)


def _without_targets(grad, indices, axis, include_self):
    return grad if include_self else scatter_value(grad, indices, axis=axis, value=0)


def _shares(x, indices, src, out, axis):
    """Which entries are the extremum of their place, and how many share it."""
    dtype = getattr(x, "_array", x).dtype
    own = to_dtype(eq(x, out), dtype=dtype)
    src = src[tuple(slice(0, n) for n in indices.shape)]
    others = to_dtype(eq(src, gather_op(out, indices, axis=axis)), dtype=dtype)
    return own, others, scatter_add_op(own, indices, others, axis=axis)


def _reduce_x_grad(g, x, indices, src, out, axis, reduce, include_self):
    if reduce == "prod":
        # The product of the others: divide by x, but where it is 0 put 1 in its place.
        safe = where(eq(x, 0), 1.0, x)
        others = scatter_reduce_op(
            safe, indices, src, axis=axis, reduce=reduce, include_self=include_self
        )
        grad = g * others / safe
    else:
        own, _, count = _shares(x, indices, src, out, axis)
        grad = g * own / count
    return _without_targets(grad, indices, axis, include_self)


def _reduce_src_grad(g, x, indices, src, out, axis, reduce, include_self, src_shape):
    part = tuple(slice(0, n) for n in indices.shape)
    used = src[part]
    if reduce == "prod":
        picked = _prod_src_grad(g, x, indices, used, out, axis, include_self)
    else:
        _, others, count = _shares(x, indices, used, out, axis)
        picked = others * gather_op(g / count, indices, axis=axis)
    if tuple(picked.shape) == tuple(src_shape):
        return picked
    return slice_backward(picked, key=part, shape=tuple(src_shape))


def _prod_src_grad(g, x, indices, src, out, axis, include_self):
    """Product of the other factors: out / src, with care where factors are 0."""
    dtype = getattr(x, "_array", x).dtype
    is_zero = eq(src, 0)
    none = zeros_shaped(x, shape=tuple(x.shape))
    zeros = scatter_add_op(none, indices, to_dtype(is_zero, dtype=dtype), axis=axis)
    zeros = gather_op(zeros, indices, axis=axis)
    alone = is_zero & eq(zeros, 1)
    without = where(alone, 1.0, src)
    others = scatter_reduce_op(
        x, indices, without, axis=axis, reduce="prod", include_self=include_self
    )
    single = gather_op(g * others, indices, axis=axis)
    general = gather_op(g * out, indices, axis=axis) / where(is_zero, 1.0, src)
    return where(zeros > 1, 0.0, where(alone, single, general))


scatter_reduce_op.vjp(x=_reduce_x_grad, src=_reduce_src_grad)


# ---------------------------------------------------------------- index arrays, any mixture


def _key(ndim: int, dims: tuple, indices: tuple) -> tuple:
    key: list[Any] = [slice(None)] * ndim
    for d, index in zip(dims, indices, strict=True):
        key[d] = index
    return tuple(key)


@op(name="index")
def index_op(xp, x, *indices, dims):
    """``x`` at index arrays that broadcast together, one for each dimension in ``dims``."""
    return _dense(xp, x[_key(x.ndim, dims, indices)])


@op
def index_backward(xp, x, *indices, dims, shape):
    """The adjoint of index: ``x`` added to zeros of ``shape`` at the indices."""
    out = xp.zeros(shape, dtype=x.dtype)
    add_at(xp, out, _key(len(shape), dims, indices), x)
    return out


index_op.vjp(
    x=lambda g, indices, x_shape, dims: index_backward(g, *indices, dims=dims, shape=x_shape)
)
index_backward.vjp(x=lambda g, indices, dims: index_op(g, *indices, dims=dims))


@op(name="index_put")
def index_put_op(xp, x, values, *indices, dims, accumulate=False, out=None):
    out = x.copy() if out is None else out
    key = _key(out.ndim, dims, indices)
    if accumulate:
        add_at(xp, out, key, values)
    else:
        out[key] = values
    return out


@op(grad_name="IndexPutBackward0")
def index_put_value(xp, x, *indices, dims, value, out=None):
    """``x`` with one number at the indices."""
    out = x.copy() if out is None else out
    out[_key(out.ndim, dims, indices)] = value
    return out


def _index_put_x_grad(g, indices, dims, accumulate):
    return g if accumulate else index_put_value(g, *indices, dims=dims, value=0)


index_put_op.vjp(
    x=_index_put_x_grad, values=lambda g, indices, dims: index_op(g, *indices, dims=dims)
)
index_put_value.vjp(x=lambda g, indices, dims: index_put_value(g, *indices, dims=dims, value=0))
