"""Checking and converting what users pass where an op wants a tensor."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backends.registry import is_array


def is_tensor(value: Any) -> bool:
    return hasattr(value, "_array")


def as_operand(value: Any) -> Any:
    """The other operand of an operator, or NotImplemented where it is no number.

    NumPy scalars count as Python numbers; arrays of the CPU backend become Tensors.
    """
    if isinstance(value, (bool, int, float, complex)):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if is_array(value):
        from ..autograd.variable import wrap  # a raw array among Tensors: an edge case of users

        return wrap(value)
    return NotImplemented


def require_tensor(function: str, argument: str, value: Any, position: int = 1) -> Any:
    """``value`` if it is a tensor (or an array, in a rule), else PyTorch's TypeError."""
    if hasattr(value, "_array") or is_array(value):
        return value
    raise TypeError(
        f"{function}(): argument '{argument}' (position {position}) must be Tensor, "
        f"not {type(value).__name__}"
    )


def normalize_dim(dim: int, ndim: int, *, wrap_scalar: bool = True) -> int:
    """``dim`` as a non-negative number; IndexError outside [-ndim, ndim)."""
    if not isinstance(dim, int):
        dim = as_int(dim, "dim")
    limit = ndim if ndim > 0 else (1 if wrap_scalar else 0)
    if not -limit <= dim < limit:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-limit}, {limit - 1}], "
            f"but got {dim})"
        )
    return dim + limit if dim < 0 else dim


def normalize_dims(dims: Any, ndim: int) -> tuple[int, ...]:
    """One dimension, several, or None for all, as a tuple of distinct non-negative numbers."""
    if dims is None:
        return tuple(range(ndim))
    if isinstance(dims, (int, np.integer)) or hasattr(dims, "__index__"):
        dims = (dims,)
    result = tuple(normalize_dim(d, ndim) for d in dims)
    for i, d in enumerate(result):
        if d in result[:i]:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")
    return tuple(d for d in result if d < ndim) if ndim == 0 else result


def as_int(value: Any, argument: str) -> int:
    """An int from an int-like value (a 0-d integer tensor too), else TypeError."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(f"argument '{argument}' must be int, not {type(value).__name__}")
    return operator.index(value)


def size_tuple(size: Sequence[Any] | tuple, argument: str = "size") -> tuple[int, ...]:
    """Sizes given as ints or as one sequence of ints."""
    if len(size) == 1 and not hasattr(size[0], "__index__"):
        if not isinstance(size[0], Sequence):
            raise TypeError(
                f"argument '{argument}' must be tuple of ints, not {type(size[0]).__name__}"
            )
        size = size[0]
    elif len(size) == 1 and isinstance(size[0], (list, tuple)):
        size = size[0]
    try:
        return tuple(operator.index(s) for s in size)
    except TypeError:
        bad = next(s for s in size if not hasattr(s, "__index__"))
        raise TypeError(
            f"argument '{argument}' must be tuple of ints, but found element of type "
            f"{type(bad).__name__}"
        ) from None
