"""Euclidean distances between all rows through one matrix product."""

from __future__ import annotations

from .op import op
from .pointwise import where
from .shape import sum_to


@op(grad_name="EuclideanDistBackward0")
def euclidean_distances(xp, x1, x2):
    """``|a - b|`` as ``sqrt(a.a - 2 a.b + b.b)``: (..., P, M) and (..., R, M) to (..., P, R)."""
    first = (x1 * x1).sum(axis=-1)[..., :, None]
    second = (x2 * x2).sum(axis=-1)[..., None, :]
    square = first + second - 2 * xp.matmul(x1, x2.swapaxes(-1, -2))
    return xp.sqrt(xp.maximum(square, xp.zeros((), square.dtype)))


def _ratio(g, out):
    """What multiplies ``a - b`` in the gradient of a; 0 where they are equal."""
    equal = out == 0
    return where(equal, 0.0, g / where(equal, 1.0, out))


def _row_sums(x):
    return sum_to(x, shape=(*x.shape[:-1], 1))


def _first_grad(g, x1, x2, out):
    ratio = _ratio(g, out)
    return x1 * _row_sums(ratio) - ratio @ x2


def _second_grad(g, x1, x2, out):
    ratio = _ratio(g, out).swapaxes(-1, -2)
    return x2 * _row_sums(ratio) - ratio @ x1


euclidean_distances.vjp(x1=_first_grad, x2=_second_grad)
