"""Taking elements along an axis, and putting them back: the pair behind sort, topk and max."""

from __future__ import annotations

from .op import op


@op
def take_along(xp, x, indices, *, axis):
    """``out[i, j] = x[i, indices[i, j]]`` for axis 1; no index may appear twice in a row."""
    return xp.take_along_axis(x, indices, axis)


@op
def put_along(xp, x, indices, *, axis, size):
    """The adjoint of :func:`take_along`: zeros of length ``size`` with ``x`` at ``indices``."""
    shape = list(x.shape)
    shape[axis] = size
    out = xp.zeros(tuple(shape), dtype=x.dtype)
    xp.put_along_axis(out, indices, x, axis)
    return out


take_along.vjp(
    x=lambda g, indices, x_shape, axis: put_along(g, indices, axis=axis, size=x_shape[axis])
)
put_along.vjp(x=lambda g, indices, axis: take_along(g, indices, axis=axis))
