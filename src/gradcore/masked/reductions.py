"""Masked sums and what is made of them: mean, norm, var, std, logsumexp."""

from __future__ import annotations

import math
from typing import Any

import gradcore as _root

from ..backends.dtype import dtype as Dtype
from ..tensor.tensor import Tensor
from .masks import axes_of, lowest, mask_like, masked


def _total_dtype(input: Tensor, dtype: Dtype | None) -> Dtype:
    """int64 for integers and bools, unless asked for otherwise."""
    inexact = input.is_floating_point() or input.is_complex()
    return dtype or (input.dtype if inexact else _root.int64)


def sum(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The sum of what ``mask`` keeps over ``dim``; 0 of nothing. Integers give int64.

    >>> torch.masked.sum(torch.tensor([1, 2, 4]), mask=torch.tensor([True, False, True]))
    tensor(5)
    """
    axes = axes_of(dim, input.dim())
    kept = masked(input, mask, 0)
    return _root.sum(kept, axes, bool(keepdim), dtype=_total_dtype(input, dtype))


def prod(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The product of what ``mask`` keeps over ``dim``; 1 of nothing. Integers give int64.

    >>> torch.masked.prod(torch.tensor([3, 2, 4]), mask=torch.tensor([True, False, True]))
    tensor(12)
    """
    result = masked(input, mask, 1).to(_total_dtype(input, dtype))
    for axis in reversed(axes_of(dim, input.dim())):
        result = result.prod(axis, bool(keepdim))
    return result


def _count(input: Tensor, dim: Any, keepdim: bool, mask: Tensor | None) -> Tensor:
    """How many elements each result is made of."""
    if mask is not None:
        return mask_like(input, mask).sum(dim, keepdim)
    ones = _root.ones(input.shape, dtype=_root.int64, device=input.device)
    return sum(ones, dim, keepdim=keepdim)


def mean(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The mean of what ``mask`` keeps over ``dim``; NaN of nothing.

    ValueError where ``dtype``, or that of the input without it, is neither floating nor complex.

    >>> torch.masked.mean(torch.tensor([1.0, 2.0, 4.0]), mask=torch.tensor([True, False, True]))
    tensor(2.5000)
    """
    wanted = dtype or input.dtype
    if not (wanted.is_floating_point or wanted.is_complex):
        raise ValueError(
            f"mean(): Could not infer output dtype. {'Optional' if dtype else 'Input'} dtype must "
            f"be either a floating point or complex dtype. Got: {wanted}"
        )
    total = sum(input, dim, keepdim=keepdim, dtype=wanted, mask=mask)
    return total / _count(input, dim, bool(keepdim), mask)


def logsumexp(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool = False,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """``log(sum(exp(x)))`` of what ``mask`` keeps over ``dim``; -inf of nothing.

    >>> x, mask = torch.tensor([0.0, 0.0, 9.0]), torch.tensor([True, True, False])
    >>> torch.masked.logsumexp(x, 0, mask=mask)
    tensor(0.6931)
    """
    axes = axes_of(dim, input.dim())
    kept = masked(input, mask, _no_exponent("logsumexp", input, mask))
    return _root.logsumexp(kept, axes, keepdim=keepdim).to(dtype or input.dtype)


def _no_exponent(name: str, input: Tensor, mask: Tensor | None) -> Any:
    """What exp turns into 0, if there is a mask at all."""
    if mask is None:
        return None
    return -math.inf if input.is_complex() else lowest(name, input)


def logaddexp(
    input: Tensor,
    other: Tensor,
    *,
    dtype: Dtype | None = None,
    input_mask: Tensor | None = None,
    other_mask: Tensor | None = None,
) -> Tensor:
    """``log(exp(input) + exp(other))`` where each counts only where its own mask is True.

    >>> x = torch.tensor([0.0, 1.0])
    >>> torch.masked.logaddexp(x, x, other_mask=torch.tensor([True, False]))
    tensor([0.6931, 1.0000])
    """
    terms = [
        masked(x, mask, None if mask is None else lowest("logaddexp", x))
        for x, mask in ((input, input_mask), (other, other_mask))
    ]
    return _root.logaddexp(*terms).to(dtype or input.dtype)


def norm(
    input: Tensor,
    ord: float | None = 2.0,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The vector norm of what ``mask`` keeps over ``dim``; 0 of nothing, inf for ``ord=-inf``.

    >>> torch.masked.norm(torch.tensor([3.0, 4.0]), 2, mask=torch.tensor([False, True]))
    tensor(4.)
    """
    neutral = 0.0
    if mask is not None and ord == -math.inf:
        if not input.is_floating_point():
            raise AssertionError(f"input must be floating point, got {input.dtype}")
        neutral = math.inf
    kept = masked(input, mask, neutral)
    axes = axes_of(dim, input.dim())
    return _root.linalg.vector_norm(kept, ord, axes, bool(keepdim), dtype=dtype or input.dtype)


def var(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The variance of what ``mask`` keeps over ``dim``; NaN of nothing.

    Divided is by the number of elements less ``correction`` (1 by default, 0 for
    ``unbiased=False``), or by 0 where that is negative. Integers give float32.

    >>> torch.masked.var(torch.tensor([1.0, 3.0, 9.0]), mask=torch.tensor([True, True, False]))
    tensor(2.)
    """
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if correction is None:
        correction = 0.0 if unbiased is False else 1.0
    keepdim = bool(keepdim)
    if dtype is None:
        inexact = input.is_floating_point() or input.is_complex()
        dtype = input.dtype if inexact else _root.float32
    computed = dtype if dtype.is_floating_point or dtype.is_complex else _root.float32
    count = _count(input, dim, True, mask)
    deviation = input - sum(input, dim, keepdim=True, dtype=dtype, mask=mask) / count
    squares = deviation * deviation.conj()
    total = sum(squares, dim, keepdim=keepdim, dtype=computed, mask=mask)
    count = count.reshape(total.shape)
    if correction != 0:
        real = _root.empty((), dtype=computed).abs().dtype
        count = (count.to(real) - float(correction)).clamp(min=0)
    return (total / count).to(dtype)


def std(
    input: Tensor,
    dim: Any = None,
    unbiased: bool | None = None,
    *,
    correction: float | None = None,
    keepdim: bool | None = False,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The standard deviation of what ``mask`` keeps over ``dim``: the root of ``masked.var``.

    >>> torch.masked.std(torch.tensor([1.0, 3.0, 9.0]), mask=torch.tensor([True, True, False]))
    tensor(1.4142)
    """
    return var(
        input, dim, unbiased, correction=correction, keepdim=keepdim, dtype=dtype, mask=mask
    ).sqrt()
