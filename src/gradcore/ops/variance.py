"""Variance and standard deviation."""

from __future__ import annotations

import warnings
from typing import Any

from .loss import scaled_difference
from .op import Op, op
from .pointwise import where
from .reduce import mean_op, named
from .reduce_arguments import (
    axes_of,
    count_of,
    is_inexact,
    reduction,
    restored,
    tensor_argument,
    widened,
)

# ---------------------------------------------------------------------------- primitives


def _degrees(shape: Any, axes: Any, correction: float) -> float:
    return max(0, count_of(shape, axes) - correction)


def _moments(xp: Any, x: Any, axes: Any, correction: float, keepdims: bool) -> tuple[Any, Any]:
    wide = widened(x)
    mean = wide.sum(axis=axes, keepdims=True) / count_of(x.shape, axes)
    distance = wide - mean
    square = (distance * distance.conj()).real
    var = square.sum(axis=axes, keepdims=keepdims) / _degrees(x.shape, axes, correction)
    mean = mean.reshape(var.shape)
    return var.astype(x.real.dtype, copy=False), mean.astype(x.dtype, copy=False)


@op(name="var_mean", outputs=2)
def var_mean_op(xp, x, *, axes, correction, keepdims):
    return _moments(xp, x, axes, correction, keepdims)


@op(name="std_mean", outputs=2)
def std_mean_op(xp, x, *, axes, correction, keepdims):
    var, mean = _moments(xp, x, axes, correction, keepdims)
    return xp.sqrt(var), mean


def _var_grad(g0, x, x_shape, axes, correction, keepdims):
    mean = mean_op(x, axes=axes, keepdims=True)
    degrees = _degrees(x_shape, axes, correction)
    # PyTorch gives nan for a single element: 0 * inf.
    scale = 2 / degrees if degrees else float("inf")
    return scaled_difference(x, mean, restored(g0, x_shape, axes, keepdims) * scale)


def _std_grad(g0, x, out0, x_shape, axes, correction, keepdims):
    still = out0 == 0
    g0 = where(still, 0.0, g0 / where(still, 1.0, out0 * 2))
    return _var_grad(g0, x, x_shape, axes, correction, keepdims)


def _mean_share(g, x_shape, axes, keepdims):
    return restored(g, x_shape, axes, keepdims) / max(count_of(x_shape, axes), 1)


var_mean_op.vjp(
    x=lambda g0, g1, x, x_shape, axes, correction, keepdims: (
        _var_grad(g0, x, x_shape, axes, correction, keepdims)
        + _mean_share(g1, x_shape, axes, keepdims)
    )
)
std_mean_op.vjp(
    x=lambda g0, g1, x, out0, x_shape, axes, correction, keepdims: (
        _std_grad(g0, x, out0, x_shape, axes, correction, keepdims)
        + _mean_share(g1, x_shape, axes, keepdims)
    )
)

# The same kernels where only the first result is wanted; the rules must not ask for more.
_var_only = named(var_mean_op, "VarBackward0", x=_var_grad)
_std_only = named(std_mean_op, "StdBackward0", x=_std_grad)

# ------------------------------------------------------------------------------ functions

_UNSET: Any = type("unset", (), {"__repr__": lambda self: "..."})()


def _call(
    name: str, call: Op, input: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any
) -> Any:
    """PyTorch's three signatures: (unbiased), (dim, unbiased, keepdim), (dim, *, correction)."""
    x = tensor_argument(name, input)
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if unbiased is not _UNSET:
        if correction is not _UNSET or not isinstance(unbiased, bool):
            raise TypeError(
                f"{name}() received an invalid combination of arguments: 'unbiased' must be bool "
                "and cannot be combined with 'correction'"
            )
        correction = int(unbiased)
    elif correction is _UNSET or correction is None:
        correction = 1
    if not is_inexact(x):
        raise RuntimeError(f"{_family(name)} only support floating point and complex dtypes")
    axes = axes_of(dim, x._array.ndim)
    if _degrees(x._array.shape, axes, correction) <= 0:
        warnings.warn(
            f"{name}(): degrees of freedom is <= 0. Correction should be strictly less than the "
            "reduction factor (input numel divided by output numel).",
            UserWarning,
            stacklevel=4,
        )
    return call(x, axes=axes, correction=correction, keepdims=keepdim)


def _family(name: str) -> str:
    return name if name.endswith("_mean") else "std and var"


@reduction()
def var(input, dim=None, unbiased=_UNSET, keepdim=False, *, correction=_UNSET):
    """The variance over ``dim``: the mean square distance to the mean, over n - ``correction``.

    ``unbiased=True`` is ``correction=1``, the default. Floating point and complex inputs only.

    >>> torch.var(torch.tensor([1.0, 2.0, 3.0, 4.0]), correction=0)
    tensor(1.2500)
    """
    return _call("var", _var_only, input, dim, unbiased, keepdim, correction)[0]


@reduction()
def std(input, dim=None, unbiased=_UNSET, keepdim=False, *, correction=_UNSET):
    """The standard deviation over ``dim``, with the arguments of :func:`var`.

    >>> torch.std(torch.tensor([1.0, 2.0, 3.0]))
    tensor(1.)
    """
    return _call("std", _std_only, input, dim, unbiased, keepdim, correction)[0]


@reduction(method=False)
def var_mean(input, dim=None, unbiased=_UNSET, keepdim=False, *, correction=_UNSET):
    """``(var, mean)`` over ``dim``, with the arguments of :func:`var`.

    >>> torch.var_mean(torch.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    return _call("var_mean", var_mean_op, input, dim, unbiased, keepdim, correction)


@reduction(method=False)
def std_mean(input, dim=None, unbiased=_UNSET, keepdim=False, *, correction=_UNSET):
    """``(std, mean)`` over ``dim``, with the arguments of :func:`var`.

    >>> torch.std_mean(torch.tensor([1.0, 2.0, 3.0]))
    (tensor(1.), tensor(2.))
    """
    return _call("std_mean", std_mean_op, input, dim, unbiased, keepdim, correction)
