"""Python functions applied to each element, on the CPU: apply_, map_, map2_."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np

from ..autograd.inplace import bump, writable
from ..ops.arguments import tensor_name
from ..ops.operand import require_tensor
from ..ops.registry import public

# What an element of each kind of dtype may become.
_CONVERT: dict[str, Callable[[Any], Any]] = {"b": bool, "i": int, "u": int, "c": complex}


def _map(name: str, self: Any, others: tuple, function: Callable[..., Any]) -> Any:
    for x in (self, *others):
        if x.requires_grad:
            raise RuntimeError(
                f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() "
                "instead."
            )
        if x.device.type != "cpu":
            raise TypeError(f"{name} is only implemented on CPU tensors")
    array = writable(self._array)
    arrays = [np.broadcast_to(x._array, array.shape) for x in others]
    convert = _CONVERT.get(array.dtype.kind, operator.pos)
    for index in np.ndindex(array.shape):
        array[index] = convert(function(array[index].item(), *(a[index].item() for a in arrays)))
    bump(self)
    return self


@public(name="apply_", function_too=False)
def apply_(self, callable):
    """Replace every element by what ``callable`` makes of it; on the CPU, without history.

    >>> torch.tensor([1.0, 2.0]).apply_(lambda x: x * x + 1)
    tensor([2., 5.])
    """
    return _map("apply_", self, (), callable)


def _check_same_type(self: Any, **others: Any) -> None:
    for name, x in others.items():
        require_tensor("map_", name, x)
        if x._array.dtype != self._array.dtype:
            raise TypeError(
                f"map_: expected {tensor_name(self)} for '{name}' (got {tensor_name(x)})"
            )


@public(name="map_", function_too=False)
def map_(self, tensor, callable):
    """Replace every element by ``callable(element, that of tensor)``; on the CPU.

    ``tensor`` broadcasts and has the same dtype.

    >>> torch.tensor([1.0, 2.0]).map_(torch.tensor([3.0, 4.0]), lambda a, b: a * b)
    tensor([3., 8.])
    """
    _check_same_type(self, other=tensor)
    return _map("map_", self, (tensor,), callable)


@public(name="map2_", function_too=False)
def map2_(self, x, y, callable):
    """Replace every element by ``callable(element, that of x, that of y)``; on the CPU.

    >>> ones = torch.ones(2)
    >>> torch.tensor([1.0, 2.0]).map2_(ones, ones, lambda a, b, c: a + b + c)
    tensor([3., 4.])
    """
    _check_same_type(self, x=x, y=y)
    return _map("map2_", self, (x, y), callable)
