"""Sliding blocks as columns, and adding columns back up: each is the other's adjoint."""

from __future__ import annotations

import itertools
import math
from typing import Any

from ..backends.window_count import window_count
from .conv import inner, padded, windows
from .op import op


def block_counts(
    size: Any, kernel: Any, dilation: Any, padding: Any, stride: Any
) -> tuple[int, ...]:
    """How many blocks there are along each dimension."""
    return tuple(
        window_count(n, k, s, p, d)
        for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True)
    )


@op(grad_name="Im2ColBackward0")
def im2col(xp, x, *, kernel, dilation, padding, stride):
    """(N, C, *sizes) to (N, C * prod(kernel), number of blocks)."""
    n = len(kernel)
    view = windows(xp, padded(xp, x, padding), kernel, stride, dilation)
    order = (0, 1, *range(2 + n, 2 + 2 * n), *range(2, 2 + n))
    shape = (x.shape[0], x.shape[1] * math.prod(kernel), math.prod(view.shape[2 : 2 + n]))
    return xp.ascontiguousarray(view.transpose(order).reshape(shape))


@op(grad_name="Col2ImBackward0")
def col2im(xp, y, *, size, kernel, dilation, padding, stride):
    """(N, C * prod(kernel), number of blocks) to (N, C, *size): overlapping elements add up."""
    blocks = block_counts(size, kernel, dilation, padding, stride)
    batch, channels = y.shape[0], y.shape[1] // math.prod(kernel)
    parts = y.reshape((batch, channels, *kernel, *blocks))
    frame = [m + 2 * p for m, p in zip(size, padding, strict=True)]
    out = xp.zeros((batch, channels, *frame), dtype=y.dtype)
    for offset in itertools.product(*map(range, kernel)):
        where = tuple(
            slice(o * d, o * d + s * (count - 1) + 1, s)
            for o, d, s, count in zip(offset, dilation, stride, blocks, strict=True)
        )
        out[(slice(None), slice(None), *where)] += parts[(slice(None), slice(None), *offset)]
    return xp.ascontiguousarray(out[inner(size, padding)])


def _im2col_grad(g, x_shape, kernel, dilation, padding, stride):
    return col2im(
        g, size=x_shape[2:], kernel=kernel, dilation=dilation, padding=padding, stride=stride
    )


def _col2im_grad(g, kernel, dilation, padding, stride):
    return im2col(g, kernel=kernel, dilation=dilation, padding=padding, stride=stride)


im2col.vjp(x=_im2col_grad)
col2im.vjp(y=_col2im_grad)
