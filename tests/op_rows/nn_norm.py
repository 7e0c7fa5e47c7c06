"""Rows of ops/norm.py."""

from __future__ import annotations

import math

import numpy as np

from gradcore.ops.op import OPS
from op_table import Row

CHANNELS = {"axes": (0, 2, 3), "param_shape": (1, 3, 1, 1), "eps": 1e-5}
LAST = {"axes": (2,), "param_shape": (1, 1, 5), "eps": 0.1}


def wide(reference):
    """The reference computed in float64, its results in the dtype of the first input."""

    def function(x, *args, **params):
        result = reference(x.astype("d"), *(a.astype("d") for a in args), **params)
        if isinstance(result, tuple):
            return tuple(np.asarray(r).astype(x.dtype) for r in result)
        return np.asarray(result).astype(x.dtype)

    return function


def normalize(x, weight=None, bias=None, *, axes, param_shape, eps):
    mean, var = x.mean(axes, keepdims=True), x.var(axes, keepdims=True)
    out = (x - mean) / np.sqrt(var + eps)
    if weight is not None:
        out = out * weight.reshape(param_shape)
    if bias is not None:
        out = out + bias.reshape(param_shape)
    return out, mean, var


def backward(y, x, weight, mean, var, *, axes, param_shape, eps):
    """By the full Jacobian of the normalisation of each group of ``count`` elements."""
    invstd = 1 / np.sqrt(var + eps)
    unit = (x - mean) * invstd
    count = math.prod(x.shape[a] for a in axes)
    h = y * weight.reshape(param_shape)
    grad_x = invstd / count * (
        count * h - h.sum(axes, keepdims=True) - unit * (h * unit).sum(axes, keepdims=True)
    )  # fmt: skip
    other = tuple(i for i, n in enumerate(param_shape) if n == 1)
    return grad_x, (y * unit).sum(other, keepdims=True), y.sum(other, keepdims=True)


def with_statistics(name):
    """The op with mean and variance computed from x, so that they belong to it."""

    def call(gc, y, x, weight, **params):
        mean = x.mean(params["axes"], keepdim=True).detach()
        var = x.var(params["axes"], correction=0, keepdim=True).detach()
        return OPS[name](y, x, weight, mean, var, **params)

    return call


def backward_of(y, x, weight, **params):
    mean = x.mean(params["axes"], keepdims=True)
    return backward(y, x, weight, mean, x.var(params["axes"], keepdims=True), **params)


def fixed(x, mean, var, weight=None, bias=None, *, eps):
    shape = (1, -1) + (1,) * (x.ndim - 2)
    out = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
    if weight is not None:
        out = out * weight.reshape(shape)
    return out if bias is None else out + bias.reshape(shape)


def fixed_sums(y, x, mean, var, eps):
    axes = (0, *range(2, x.ndim))
    return (y * fixed(x, mean, var, eps=eps)).sum(axes), y.sum(axes)


def plain(name):
    """A call without weight and bias."""
    return lambda gc, x, **params: OPS[name](x, None, None, **params)


PLANES, ROWS_OF_5 = (4, 3, 5, 2), (3, 4, 5)
POSITIVE = [(-2, 2), (-2, 2), (0.5, 2), (0.5, 2), (-2, 2)]

ROWS = [
    Row(op="batch_norm", inputs=(PLANES, (3,), (3,)), params=[CHANNELS], reference=wide(normalize),
        big=((32, 3, 40, 40), (3,), (3,))),
    Row(op="batch_norm", inputs=(PLANES,), params=[CHANNELS], reference=wide(normalize),
        call=plain("batch_norm")),
    Row(op="layer_norm", inputs=(ROWS_OF_5, (5,), (5,)), params=[LAST], reference=wide(normalize),
        big=((200, 300, 5), (5,), (5,))),
    Row(op="layer_norm", inputs=(ROWS_OF_5,), params=[LAST], reference=wide(normalize),
        call=plain("layer_norm")),
    # kernels that go through memory by blocks
    Row(op="batch_norm", inputs=((64, 70, 3, 3), (70,), (70,)), reference=wide(normalize),
        params=[{"axes": (0, 2, 3), "param_shape": (1, 70, 1, 1), "eps": 1e-5}], order=0,
        dtypes=("float32", "float64")),
    Row(op="layer_norm", inputs=((3, 4, 50, 900), (4, 50), (4, 50)), reference=wide(normalize),
        params=[{"axes": (2, 3), "param_shape": (1, 4, 50, 1), "eps": 1e-5}], order=0,
        dtypes=("float32", "float64")),
    Row(op="batch_norm", inputs=((3, 4, 50), (4,), (4,)), reference=wide(normalize),
        params=[{"axes": (2,), "param_shape": (1, 4, 1), "eps": 1e-5}]),
    Row(op="batch_norm_backward", inputs=(PLANES, PLANES, (3,)), params=[CHANNELS],
        reference=wide(backward_of), call=with_statistics("batch_norm_backward")),
    Row(op="layer_norm_backward", inputs=(ROWS_OF_5, ROWS_OF_5, (5,)), params=[LAST],
        reference=wide(backward_of), call=with_statistics("layer_norm_backward")),
    Row(op="batch_norm_fixed", inputs=(PLANES, (3,), (3,), (3,), (3,)), params=[{"eps": 1e-5}],
        reference=wide(fixed), domain=POSITIVE, differentiable=(True, False, False, True, True),
        big=((32, 3, 40, 40), (3,), (3,), (3,), (3,))),
    Row(op="batch_norm_fixed_sums", inputs=(PLANES, PLANES, (3,), (3,)), params=[{"eps": 1e-5}],
        reference=wide(fixed_sums), domain=[(-2, 2), (-2, 2), (-2, 2), (0.5, 2)], order=0,
        big=((32, 3, 40, 40), (32, 3, 40, 40), (3,), (3,))),
    Row(op="running_average", inputs=((3,), (1, 3, 1)), order=0,
        params=[{"momentum": 0.1, "factor": 1.25}],
        reference=wide(lambda held, new, momentum, factor:
                       (1 - momentum) * held + momentum * factor * new.reshape(-1))),
]  # fmt: skip
