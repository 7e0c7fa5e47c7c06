"""Choosing between two tensors by a condition, and limiting values."""

from __future__ import annotations

from typing import Any

from ..autograd.inplace import write_out
from ..autograd.variable import TensorBase, wrap
from ..ops import pointwise as P
from ..ops.operand import require_tensor
from ..ops.promotion import as_scalar_array, result_dtype
from ..ops.registry import FUNCTIONS, INPLACE, METHODS, public
from ..ops.shape import to_dtype


@public(method=False)
def where(condition, input=None, other=None, *, out=None):
    """``input`` where ``condition`` holds, ``other`` elsewhere; indices of the true ones alone.

    >>> torch.where(torch.tensor([True, False]), torch.tensor([1, 2]), 0)
    tensor([1, 0])
    """
    if input is None and other is None:
        return FUNCTIONS["nonzero"](condition, as_tuple=True)
    if out is not None:
        return write_out(where, out, condition, input, other)
    require_tensor("where", "condition", condition)
    if condition._array.dtype.kind not in "b" and condition._array.dtype.name != "uint8":
        raise RuntimeError(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            f"{condition.dtype}"
        )
    mask = (
        condition
        if condition._array.dtype.kind == "b"
        else to_dtype(condition, dtype=result_dtype([True]))
    )
    dtype = result_dtype([getattr(v, "_array", v) for v in (input, other)])
    input, other = (_at_dtype(v, dtype, condition) for v in (input, other))
    return P.where(mask, input, other)


def _at_dtype(value: Any, dtype: Any, like: Any) -> Any:
    if isinstance(value, TensorBase):
        return value if value._array.dtype == dtype else to_dtype(value, dtype=dtype)
    return wrap(as_scalar_array(value, dtype, like._array))


@public(name="where", function_too=False)
def _where_method(self, condition, other):
    """``gradcore.where(condition, self, other)``.

    >>> torch.tensor([1, 2]).where(torch.tensor([True, False]), torch.tensor(0))
    tensor([1, 0])
    """
    return where(condition, self, other)


@public(inplace=True)
def clamp(input, min=None, max=None, *, out=None):
    """``input`` limited to [min, max]; the bounds are numbers or tensors.

    >>> torch.clamp(torch.tensor([-2, 1, 5]), min=0, max=3)
    tensor([0, 1, 3])
    """
    if out is not None:
        return write_out(clamp, out, input, min, max)
    require_tensor("clamp", "input", input)
    if min is None and max is None:
        raise RuntimeError("torch.clamp: At least one of 'min' or 'max' must not be None")
    if isinstance(min, TensorBase) or isinstance(max, TensorBase):
        if min is not None:
            input = FUNCTIONS["maximum"](input, min)
        return input if max is None else FUNCTIONS["minimum"](input, max)
    return _clamp_numbers(input, min, max)


def _clamp_numbers(input: Any, low: Any, high: Any) -> Any:
    numbers = [v for v in (low, high) if v is not None]
    if isinstance(input, TensorBase):
        dtype = result_dtype([input._array, *numbers])
        if dtype != input._array.dtype:
            input = to_dtype(input, dtype=dtype)
    return P.clamp_scalar(input, low=low, high=high)


FUNCTIONS["clip"] = METHODS["clip"] = clamp
INPLACE["clip_"] = clamp


@public(inplace=True)
def clamp_min(input, min, *, out=None):
    """``input`` limited to at least ``min``.

    >>> torch.clamp_min(torch.tensor([-2, 1, 5]), 0)
    tensor([0, 1, 5])
    """
    return clamp(input, min=min, out=out)


@public(inplace=True)
def clamp_max(input, max, *, out=None):
    """``input`` limited to at most ``max``.

    >>> torch.clamp_max(torch.tensor([-2, 1, 5]), 3)
    tensor([-2,  1,  3])
    """
    return clamp(input, max=max, out=out)
