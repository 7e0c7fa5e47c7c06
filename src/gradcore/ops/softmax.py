"""Softmax and its logarithm."""

from __future__ import annotations

from typing import Any

from .op import op
from .operand import normalize_dim, require_tensor
from .reduce_arguments import cast, not_implemented
from .registry import public
from .shape import sum_to
from .unary import exp


def _summed(x: Any, axis: int) -> Any:
    """The sum along one axis, kept with length 1."""
    shape = tuple(x.shape)
    return sum_to(x, shape=(*shape[:axis], 1, *shape[axis + 1 :]))


@op(name="softmax")
def softmax_op(xp, x, *, axis):
    if not x.size:
        return x.copy()
    shifted = xp.exp(x - x.max(axis=axis, keepdims=True))
    return shifted / shifted.sum(axis=axis, keepdims=True)


@op
def softmax_backward(xp, y, out, *, axis):
    """The gradient of softmax: ``out * (y - sum(out * y))``."""
    weighted = y * out
    return weighted - out * weighted.sum(axis=axis, keepdims=True)


softmax_op.vjp(x=lambda g, out, axis: softmax_backward(g, out, axis=axis))
softmax_backward.vjp(
    y=lambda g, out, axis: softmax_backward(g, out, axis=axis),
    out=lambda g, y, out, axis: g * (y - _summed(out * y, axis)) - y * _summed(g * out, axis),
)


@op(name="log_softmax")
def log_softmax_op(xp, x, *, axis):
    if not x.size:
        return x.copy()
    shifted = x - x.max(axis=axis, keepdims=True)
    return shifted - xp.log(xp.exp(shifted).sum(axis=axis, keepdims=True))


@op
def log_softmax_backward(xp, y, out, *, axis):
    """The gradient of log_softmax: ``y - exp(out) * sum(y)``."""
    return y - xp.exp(out) * y.sum(axis=axis, keepdims=True)


log_softmax_op.vjp(x=lambda g, out, axis: log_softmax_backward(g, out, axis=axis))
log_softmax_backward.vjp(
    y=lambda g, out, axis: g - _summed(g * exp(out), axis),
    out=lambda g, y, out, axis: -(g * exp(out) * _summed(y, axis)),
)


def _apply(name: str, primitive: Any, input: Any, dim: int, dtype: Any) -> Any:
    x = cast(require_tensor(name, "input", input), dtype)
    axis = normalize_dim(dim, x.ndim)
    if x._array.dtype.kind not in "fV" and x._array.size:
        which = "_lastdim" if axis == max(x.ndim - 1, 0) else ""
        raise not_implemented(f"{name}{which}_kernel_impl", x)
    if x.ndim == 0:
        return primitive(x.reshape((1,)), axis=0).reshape(())
    return primitive(x, axis=axis)


@public
def softmax(input, dim, dtype=None, *, out=None):
    """``exp(x) / sum(exp(x))`` along ``dim``, without overflow. Casts to ``dtype`` first.

    >>> torch.softmax(torch.tensor([0.0, 1.0, 1.0]), dim=0)
    tensor([0.1554, 0.4223, 0.4223])
    """
    if out is not None:
        from ..autograd.inplace import write_out

        return write_out(softmax, out, input, dim, dtype)
    return _apply("softmax", softmax_op, input, dim, dtype)


@public
def log_softmax(input, dim, dtype=None, *, out=None):
    """``x - log(sum(exp(x)))`` along ``dim``. Casts to ``dtype`` first.

    >>> torch.log_softmax(torch.tensor([0.0, 1.0, 1.0]), dim=0)
    tensor([-1.8620, -0.8620, -0.8620])
    """
    if out is not None:
        from ..autograd.inplace import write_out

        return write_out(log_softmax, out, input, dim, dtype)
    return _apply("log_softmax", log_softmax_op, input, dim, dtype)
