"""Reading ints, tuples of ints and lists of tensors out of what users pass."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from .promotion import name_of

_INT = {int}


def int_argument(function: str, name: str, value: Any, position: int) -> int:
    """An int (or what acts as one), else PyTorch's TypeError."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise TypeError(
            f"{function}(): argument '{name}' (position {position}) must be int, "
            f"not {type(value).__name__}"
        )
    return operator.index(value)


def ints_argument(function: str, name: str, values: Any, position: int = 1) -> tuple[int, ...]:
    """A tuple of ints from one sequence of them, else PyTorch's TypeError."""
    where = f"{function}(): argument '{name}' (position {position}) must be tuple of ints, "
    if not isinstance(values, Sequence) or isinstance(values, str):
        raise TypeError(f"{where}not {type(values).__name__}")
    try:
        return tuple(map(operator.index, values))
    except TypeError:
        i, bad = next((i, v) for i, v in enumerate(values) if not _is_int(v))
        raise TypeError(
            f"{where}but found element of type {type(bad).__name__} at pos {i}"
        ) from None


def _is_int(value: Any) -> bool:
    try:
        operator.index(value)
    except TypeError:
        return False
    return True


def variable_ints(function: str, name: str, values: tuple, keyword: Any = None) -> tuple[int, ...]:
    """Sizes or dims given as ``f(2, 3)``, ``f((2, 3))`` or by keyword."""
    if keyword is None:
        given = values[0] if len(values) == 1 and isinstance(values[0], tuple) else values
        if set(map(type, given)) <= _INT:
            return tuple(given)
    if keyword is not None:
        if values:
            raise TypeError(f"{function}() got multiple values for argument '{name}'")
        return ints_argument(function, name, keyword)
    if len(values) == 1 and not hasattr(values[0], "__index__"):
        return ints_argument(function, name, values[0])
    return ints_argument(function, name, values)


def tensor_arguments(values: tuple) -> tuple:
    """``f(a, b)`` and ``f([a, b])`` alike."""
    if len(values) == 1 and isinstance(values[0], (list, tuple)):
        return tuple(values[0])
    return values


def tensor_sequence(function: str, values: Any, argument: str = "tensors") -> tuple:
    """A list or tuple of tensors, else PyTorch's TypeError."""
    if not isinstance(values, (list, tuple)):
        raise TypeError(
            f"{function}(): argument '{argument}' (position 1) must be tuple of Tensors, "
            f"not {type(values).__name__}"
        )
    for i, x in enumerate(values):
        if not hasattr(x, "_array"):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(x).__name__}"
            )
    return tuple(values)


def invalid_combination(
    function: str, args: Sequence, kwargs: Any, expected: Sequence
) -> TypeError:
    """PyTorch's error for arguments that none of the ``expected`` signatures takes."""
    got = [type(a).__name__ for a in args]
    got += [f"{name}={type(a).__name__}" for name, a in kwargs.items()]
    return TypeError(
        f"{function}() received an invalid combination of arguments - got ({', '.join(got)}), but "
        "expected one of:\n" + "".join(f" * ({signature})\n" for signature in expected)
    )


def is_index_dtype(dtype: Any) -> bool:
    """int32 or int64. (``dtype.name`` says so too, in 2.5 us.)"""
    return dtype.kind == "i" and dtype.itemsize >= 4


def is_mask_dtype(dtype: Any) -> bool:
    """bool, or uint8, which used to be the dtype of masks."""
    return dtype.char in "?B"


def tensor_name(x: Any) -> str:
    """The class in PyTorch's error messages: torch.FloatTensor."""
    return f"torch.{name_of(x._array.dtype)}Tensor"
