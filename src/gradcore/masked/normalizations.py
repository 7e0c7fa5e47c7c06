"""Masked results in the shape of the input: softmax and its like, running sums, unit vectors."""

from __future__ import annotations

import gradcore as _root

from ..backends.dtype import dtype as Dtype
from ..nn import functional as F
from ..tensor.tensor import Tensor
from .masks import axes_of, highest, lowest, masked
from .reductions import norm


def cumsum(
    input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The running sum along ``dim``, where what ``mask`` drops counts as 0.

    >>> torch.masked.cumsum(torch.tensor([1, 2, 4]), 0, mask=torch.tensor([True, False, True]))
    tensor([1, 1, 5])
    """
    (axis,) = axes_of(int(dim), input.dim())
    wanted = dtype or input.dtype
    return _root.cumsum(masked(input, mask, 0), axis, dtype=wanted).to(wanted)


def cumprod(
    input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """The running product along ``dim``, where what ``mask`` drops counts as 1.

    >>> torch.masked.cumprod(torch.tensor([3, 2, 4]), 0, mask=torch.tensor([True, False, True]))
    tensor([ 3,  3, 12])
    """
    (axis,) = axes_of(int(dim), input.dim())
    wanted = dtype or input.dtype
    return _root.cumprod(masked(input, mask, 1), axis, dtype=wanted).to(wanted)


def _lowered(input: Tensor, mask: Tensor | None) -> Tensor:
    return masked(input, mask, None if mask is None else lowest("amax", input))


def softmax(
    input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """Softmax along ``dim`` of what ``mask`` keeps, 0 elsewhere; NaN where nothing is kept.

    >>> torch.masked.softmax(torch.zeros(3), 0, mask=torch.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    (axis,) = axes_of(int(dim), input.dim())
    return F.softmax(_lowered(input, mask), axis, dtype=dtype or input.dtype)


def log_softmax(
    input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """Log-softmax along ``dim`` of what ``mask`` keeps, -inf elsewhere; NaN if nothing is kept.

    >>> torch.masked.log_softmax(torch.zeros(3), 0, mask=torch.tensor([True, False, True]))
    tensor([-0.6931,    -inf, -0.6931])
    """
    (axis,) = axes_of(int(dim), input.dim())
    return F.log_softmax(_lowered(input, mask), axis, dtype=dtype or input.dtype)


def softmin(
    input: Tensor, dim: int, *, dtype: Dtype | None = None, mask: Tensor | None = None
) -> Tensor:
    """``softmax(-input)`` along ``dim`` of what ``mask`` keeps, 0 elsewhere.

    >>> torch.masked.softmin(torch.zeros(3), 0, mask=torch.tensor([True, False, True]))
    tensor([0.5000, 0.0000, 0.5000])
    """
    (axis,) = axes_of(int(dim), input.dim())
    kept = masked(input, mask, None if mask is None else highest("amin", input))
    return F.softmin(kept, axis, dtype=dtype or input.dtype)


def normalize(
    input: Tensor,
    ord: float,
    dim: int,
    *,
    eps: float = 1e-12,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """What ``mask`` keeps along ``dim``, divided by its norm or by ``eps`` where that is greater.

    >>> x, mask = torch.tensor([3.0, 9.0, 4.0]), torch.tensor([True, False, True])
    >>> torch.masked.normalize(x, 2, 0, mask=mask)
    tensor([0.6000, 0.0000, 0.8000])
    """
    size = norm(input, ord, dim, keepdim=True, dtype=dtype or input.dtype, mask=mask)
    return masked(input, mask, 0) / _root.maximum(size, size.new_full((), eps))
