"""Masked extremes and their positions, and the masked median."""

from __future__ import annotations

from typing import Any

import gradcore as _root

from ..backends.dtype import dtype as Dtype
from ..tensor.tensor import Tensor
from .masks import axes_of, highest, lowest, masked


def _limited(name: str, input: Tensor, mask: Tensor | None) -> Tensor:
    """``input`` with what the extreme ``name`` never takes where ``mask`` is False."""
    if mask is None:
        return input
    limit = lowest if name.endswith("max") else highest
    return masked(input, mask, limit(name, input))


def amax(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The greatest of what ``mask`` keeps over ``dim``; -inf or the least integer of nothing.

    >>> torch.masked.amax(torch.tensor([1.0, 9.0]), mask=torch.tensor([True, False]))
    tensor(1.)
    """
    values = _limited("amax", input, mask)
    return _root.amax(values, axes_of(dim, input.dim()), bool(keepdim)).to(dtype or input.dtype)


def amin(
    input: Tensor,
    dim: Any = None,
    *,
    keepdim: bool | None = False,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The least of what ``mask`` keeps over ``dim``; inf or the greatest integer of nothing.

    >>> torch.masked.amin(torch.tensor([1.0, 9.0]), mask=torch.tensor([False, True]))
    tensor(9.)
    """
    values = _limited("amin", input, mask)
    return _root.amin(values, axes_of(dim, input.dim()), bool(keepdim)).to(dtype or input.dtype)


def argmax(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Where the greatest of what ``mask`` keeps is, as ``dtype`` (as PyTorch's: the input's).

    >>> x, mask = torch.tensor([1, 9, 5]), torch.tensor([True, False, True])
    >>> torch.masked.argmax(x, mask=mask)
    tensor(2)
    """
    values = _limited("argmax", input, mask)
    return _root.argmax(values, dim, bool(keepdim)).to(dtype or input.dtype)


def argmin(
    input: Tensor,
    dim: int | None = None,
    *,
    keepdim: bool | None = False,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """Where the least of what ``mask`` keeps is, as ``dtype`` (as PyTorch's: the input's).

    >>> x, mask = torch.tensor([1, 9, 5]), torch.tensor([False, True, True])
    >>> torch.masked.argmin(x, mask=mask)
    tensor(2)
    """
    values = _limited("argmin", input, mask)
    return _root.argmin(values, dim, bool(keepdim)).to(dtype or input.dtype)


def median(
    input: Tensor,
    dim: int = -1,
    *,
    keepdim: bool = False,
    dtype: Dtype | None = None,
    mask: Tensor | None = None,
) -> Tensor:
    """The median of what ``mask`` keeps along ``dim``; NaN of nothing.

    Integers are compared as float32, and ValueError is raised where nothing is kept of them.
    As in PyTorch a floating point result keeps the input's dtype whatever ``dtype`` says.

    >>> x, mask = torch.tensor([1.0, 9.0, 5.0]), torch.tensor([True, True, False])
    >>> torch.masked.median(x, mask=mask)
    tensor(1.)
    """
    (axis,) = axes_of(int(dim), input.dim())
    inexact = input.is_floating_point()
    values = masked(input if inexact else input.float(), mask, float("nan"))
    result = _root.nanmedian(values, axis, keepdim).values
    if inexact:
        return result
    if result.isnan().any():
        raise ValueError(
            "masked median expects no fully masked out rows if dtype is not floating point"
        )
    return result.to(dtype or input.dtype)
