"""Sums and what is like them: sum, mean, prod, logsumexp, norm, any, all and their relatives.

A primitive's ``axes`` is a tuple of non-negative axes, or None for all of them.
"""

from __future__ import annotations

import builtins
import math
from typing import Any

import numpy as np

from ..backends.default import default_dtype
from .cumulative import exclusive_products
from .op import OPS, Op, op
from .pointwise import conj, div, ne, where
from .promotion import name_of
from .reduce_arguments import (
    axes_of,
    cast,
    count_of,
    is_inexact,
    reduction,
    restored,
    tensor_argument,
    widened,
)
from .shape import expand, to_dtype
from .unary import abs as absolute
from .unary import exp, isnan, sgn


def named(original: Op, grad_name: str, **rules: Any) -> Op:
    """The same primitive under PyTorch's other node name (SumBackward0 has no dim).

    ``rules`` replace those of the original.
    """
    twin = Op(original.body, name=original.name, outputs=original.outputs, grad_name=grad_name)
    twin.vjp(**{argument: rule.fn for argument, rule in original.rules.items()} | rules)
    OPS[original.name] = original
    return twin


# ------------------------------------------------------------------------- sum and mean


def _total(x: Any, axes: Any, keepdims: bool) -> Any:
    """The sum; integers in int64, half precision in float32."""
    if x.dtype.char in "fdFD":
        return x.sum(axis=axes, keepdims=keepdims)
    if x.dtype.kind in "biu":
        return x.sum(axis=axes, dtype="int64", keepdims=keepdims)
    return widened(x).sum(axis=axes, keepdims=keepdims)


@op(name="sum", grad_name="SumBackward1")
def sum_op(xp, x, *, axes, keepdims):
    total = _total(x, axes, keepdims)
    return total.astype(x.dtype) if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else total


sum_op.vjp(
    x=lambda g, x_shape, axes, keepdims: expand(
        restored(g, x_shape, axes, keepdims), shape=tuple(x_shape)
    )
)
_sum_all = named(sum_op, "SumBackward0")


@op(name="mean", grad_name="MeanBackward1")
def mean_op(xp, x, *, axes, keepdims):
    total = _total(x, axes, keepdims) / count_of(x.shape, axes)
    return total.astype(x.dtype, copy=False)


def _mean_grad(g, x_shape, axes, keepdims):
    # Without elements there is nobody to hand the gradient to.
    share = g / builtins.max(count_of(x_shape, axes), 1)
    return expand(restored(share, x_shape, axes, keepdims), shape=tuple(x_shape))


mean_op.vjp(x=_mean_grad)
_mean_all = named(mean_op, "MeanBackward0")


@op(name="nansum")
def nansum_op(xp, x, *, axes, keepdims):
    total = _total(xp.where(xp.isnan(x), xp.zeros((), x.dtype), x), axes, keepdims)
    return total.astype(x.dtype, copy=False)


nansum_op.vjp(
    x=lambda g, x, x_shape, axes, keepdims: where(
        isnan(x), 0.0, restored(g, x_shape, axes, keepdims)
    )
)


@reduction()
def sum(input, dim=None, keepdim=False, *, dtype=None):
    """The sum over ``dim`` (an int or several; all of them if None).

    Integers and bools give int64. ``dtype`` casts the input first and is that of the result.

    >>> torch.sum(torch.tensor([[1, 2], [3, 4]]), dim=1)
    tensor([3, 7])
    """
    x = tensor_argument("sum", input)
    if dtype is not None:
        return cast(sum(cast(x, dtype), dim, keepdim), dtype)
    if dim is None and not keepdim:
        return _sum_all(x, axes=None, keepdims=False)
    return sum_op(x, axes=axes_of(dim, x._array.ndim), keepdims=keepdim)


def _check_mean_dtype(x: Any, dtype: Any) -> Any:
    result = cast(x, dtype)
    if not is_inexact(result):
        which = "Input" if dtype is None else "Optional"
        raise RuntimeError(
            f"mean(): could not infer output dtype. {which} dtype must be either a floating point "
            f"or complex dtype. Got: {name_of(result._array.dtype)}"
        )
    return result


@reduction()
def mean(input, dim=None, keepdim=False, *, dtype=None):
    """The mean over ``dim``; RuntimeError for integers unless ``dtype`` is floating point.

    >>> torch.mean(torch.tensor([[1.0, 2.0], [3.0, 4.0]]), dim=0)
    tensor([2., 3.])
    """
    x = tensor_argument("mean", input)
    if dtype is not None or x._array.dtype.char not in "fd":
        x = _check_mean_dtype(x, dtype)
    if dim is None and not keepdim:
        return _mean_all(x, axes=None, keepdims=False)
    return mean_op(x, axes=axes_of(dim, x._array.ndim), keepdims=keepdim)


@reduction()
def nansum(input, dim=None, keepdim=False, *, dtype=None):
    """The sum over ``dim`` with nan counted as 0.

    >>> torch.nansum(torch.tensor([1.0, float("nan"), 3.0]))
    tensor(4.)
    """
    x = cast(tensor_argument("nansum", input), dtype)
    kind = x._array.dtype.kind
    if kind == "c":
        raise RuntimeError("nansum on CPU does not support complex inputs")
    if kind in "biu":
        return sum(x, dim, keepdim)
    return nansum_op(x, axes=axes_of(dim, x._array.ndim), keepdims=keepdim)


@reduction()
def nanmean(input, dim=None, keepdim=False, *, dtype=None):
    """The mean over ``dim`` of what is not nan.

    >>> torch.nanmean(torch.tensor([1.0, float("nan"), 3.0]))
    tensor(2.)
    """
    x = tensor_argument("nanmean", input)
    if not is_inexact(x):
        raise RuntimeError(
            "nanmean(): expected input to have floating point or complex dtype but got "
            f"{name_of(x._array.dtype)}"
        )
    known = sum(~isnan(x), dim, keepdim)
    return div(nansum(x, dim, keepdim, dtype=dtype), known)


# ---------------------------------------------------------------------------------- prod


@op(name="prod", grad_name="ProdBackward1")
def prod_op(xp, x, *, axes, keepdims):
    if x.dtype.kind in "biu":
        return x.prod(axis=axes, dtype="int64", keepdims=keepdims)
    return widened(x).prod(axis=axes, keepdims=keepdims).astype(x.dtype, copy=False)


def _prod_grad(g, x, x_shape, axes, keepdims):
    # The product of all others, without dividing by x, so that zeros need no care.
    if axes is None or not x_shape:
        others = exclusive_products(x.reshape((-1,)), 0).reshape(x_shape)
    else:
        others = exclusive_products(x, axes[0])
    return restored(g, x_shape, axes, keepdims) * conj(others)


prod_op.vjp(x=_prod_grad)
_prod_all = named(prod_op, "ProdBackward0")


@reduction()
def prod(input, dim=None, keepdim=False, *, dtype=None):
    """The product over one ``dim`` (all if None); integers in int64 unless ``dtype`` says.

    >>> torch.prod(torch.tensor([[1, 2], [3, 4]]), dim=1)
    tensor([ 2, 12])
    """
    x = tensor_argument("prod", input)
    if dtype is not None:
        return cast(prod(cast(x, dtype), dim, keepdim), dtype)
    if dim is None:
        return _prod_all(x, axes=None, keepdims=keepdim)
    if isinstance(dim, (list, tuple)):
        raise TypeError(f"prod(): argument 'dim' must be int, not {type(dim).__name__}")
    return prod_op(x, axes=axes_of(dim, x._array.ndim), keepdims=keepdim)


# ----------------------------------------------------------------------------- logsumexp


@op(name="logsumexp")
def logsumexp_op(xp, x, *, axes, keepdims):
    if x.size == 0:
        return xp.log(x.sum(axis=axes, keepdims=keepdims))
    largest = x.real.max(axis=axes, keepdims=True)
    largest = xp.where(xp.isfinite(largest), largest, xp.zeros((), largest.dtype))
    total = xp.exp(widened(x) - largest).sum(axis=axes, keepdims=keepdims)
    if not keepdims:
        largest = largest.reshape(total.shape)
    return (xp.log(total) + largest).astype(x.dtype, copy=False)


@op(pointwise=True)
def scaled_exp(xp, x, y, scale):
    """``exp(x - y) * scale``; one pass over x where y and scale belong to its rows."""
    return xp.exp(x - y) * scale


scaled_exp.vjp(
    x=lambda g, out: g * conj(out),
    y=lambda g, out: -(g * conj(out)),
    scale=lambda g, x, y: g * conj(exp(x - y)),
)


def _logsumexp_grad(g, x, out, x_shape, axes, keepdims):
    out, g = (restored(value, x_shape, axes, keepdims) for value in (out, g))
    return scaled_exp(conj(x), conj(out), g)


logsumexp_op.vjp(x=_logsumexp_grad)


@reduction()
def logsumexp(input, dim, keepdim=False):
    """``log(sum(exp(input)))`` over ``dim`` without overflow; -inf where there is nothing.

    >>> torch.logsumexp(torch.tensor([1000.0, 1000.0]), dim=0)
    tensor(1000.6932)
    """
    x = tensor_argument("logsumexp", input)
    if not is_inexact(x):
        x = to_dtype(x, dtype=default_dtype())
    return logsumexp_op(x, axes=axes_of(dim, x._array.ndim), keepdims=keepdim)


# --------------------------------------------------------------------------- any and all


def _truth(x: Any) -> Any:
    return x if x.dtype.kind == "b" else x != 0


@op(name="any")
def any_op(xp, x, *, axes, keepdims):
    return _truth(x).any(axis=axes, keepdims=keepdims)


@op(name="all")
def all_op(xp, x, *, axes, keepdims):
    return _truth(x).all(axis=axes, keepdims=keepdims)


def _logical(name: str, call: Op, input: Any, dim: Any, keepdim: bool) -> Any:
    x = tensor_argument(name, input)
    # Unlike elsewhere, an empty list of dims reduces none.
    nothing = isinstance(dim, (list, tuple)) and not dim
    axes = () if nothing else axes_of(dim, x._array.ndim)
    result = call(x, axes=axes, keepdims=keepdim)
    # PyTorch 1.2 had uint8 for bool, and these two still return it.
    return to_dtype(result, dtype=x._array.dtype) if x._array.dtype == np.uint8 else result


@reduction()
def any(input, dim=None, keepdim=False):
    """Whether any element over ``dim`` is nonzero; bool (uint8 for uint8).

    >>> torch.any(torch.tensor([[0, 1], [0, 0]]), dim=1)
    tensor([ True, False])
    """
    return _logical("any", any_op, input, dim, keepdim)


@reduction()
def all(input, dim=None, keepdim=False):
    """Whether all elements over ``dim`` are nonzero; bool (uint8 for uint8).

    >>> torch.all(torch.tensor([[1, 1], [0, 1]]), dim=1)
    tensor([ True, False])
    """
    return _logical("all", all_op, input, dim, keepdim)


@reduction()
def count_nonzero(input, dim=None):
    """How many elements over ``dim`` are not zero; int64.

    >>> torch.count_nonzero(torch.tensor([[0, 1], [2, 3]]), dim=1)
    tensor([1, 2])
    """
    return sum(ne(tensor_argument("count_nonzero", input), 0), dim)


# ---------------------------------------------------------------------------------- norm


@op(grad_name="LinalgVectorNormBackward0")
def vector_norm(xp, x, *, p, axes, keepdims):
    """``sum(|x| ** p) ** (1 / p)`` and its limits: the extremes for ±inf, a count for 0."""
    size = widened(xp.abs(x))
    if math.isinf(p):
        reduce = size.max if p > 0 else size.min
        result = reduce(axis=axes, keepdims=keepdims)
    elif p == 0:
        result = (size != 0).sum(axis=axes, keepdims=keepdims)
    elif p == 1:
        result = size.sum(axis=axes, keepdims=keepdims)
    elif p == 2:
        result = xp.sqrt((size * size).sum(axis=axes, keepdims=keepdims))
    else:
        result = (size**p).sum(axis=axes, keepdims=keepdims) ** (1 / p)
    return result.astype(x.real.dtype, copy=False)


def _norm_grad(g, x, out, x_shape, x_dtype, p, axes, keepdims):
    g, out = (restored(v, x_shape, axes, keepdims) for v in (g, out))
    if p == 0:
        return x * 0
    if p == 1:
        return sgn(x) * g
    if math.isinf(p):
        extreme = absolute(x) == out
        count = sum_op(extreme, axes=axes, keepdims=True)
        return where(extreme, sgn(x) * (g / to_dtype(count, dtype=x_dtype)), 0.0)
    zero = out == 0
    # At 0 the gradient is 0, but what is masked has no derivative: the second is NaN, as PyTorch's.
    if p == 2:
        return x * where(zero, g * 0.0, g / out)
    scaled = where(x == 0, 0.0, x * absolute(x) ** (p - 2))
    return scaled * where(zero, 0.0, g / where(zero, 1.0, out) ** (p - 1))


vector_norm.vjp(x=_norm_grad)


def checked_vector_norm(x: Any, p: float, axes: Any, keepdim: bool) -> Any:
    """The vector norm, refusing what it is not defined for (RuntimeError)."""
    if not is_inexact(x):
        raise RuntimeError(
            "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
            f"{name_of(x._array.dtype)}"
        )
    if count_of(x._array.shape, axes) == 0 and (p < 0 or math.isinf(p)):
        empty = next((a for a in axes or () if x._array.shape[a] == 0), None)
        where_ = "an empty tensor because the"
        if empty is not None:
            where_ = f"the dimension {empty}because this dimension is empty and the"
        raise RuntimeError(
            f"linalg.vector_norm cannot compute the {p:g} norm on {where_} operation does not "
            "have an identity"
        )
    return vector_norm(x, p=float(p), axes=axes, keepdims=keepdim)


@reduction()
def norm(input, p="fro", dim=None, keepdim=False, dtype=None):
    """The vector norm over ``dim``: ``p`` is a number, ±inf, or "fro" (2).

    "nuc" is the sum of the singular values of the matrices in two dims. ``dtype`` casts the input.

    >>> torch.norm(torch.tensor([[3.0, 4.0], [6.0, 8.0]]), dim=1)
    tensor([ 5., 10.])
    """
    x = tensor_argument("norm", input)
    x = cast(x, dtype) if is_inexact(x) or dtype is None else x
    if p == "nuc":
        return _nuclear_norm(x, dim, keepdim)
    if isinstance(p, str) and p != "fro":
        raise RuntimeError(f"linalg.matrix_norm: Order {p} not supported.")
    order = 2.0 if p is None or p == "fro" else float(p)
    return checked_vector_norm(x, order, axes_of(dim, x._array.ndim), keepdim)


def _nuclear_norm(x: Any, dim: Any, keepdim: bool) -> Any:
    from ..linalg import matrix_norm

    return matrix_norm(x, "nuc", (-2, -1) if dim is None else dim, keepdim)
