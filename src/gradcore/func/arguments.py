"""``argnums``, ``has_aux`` and the checks of inputs and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..autograd.variable import TensorBase
from .tree import take_apart


def positions(argnums: Any, count: int) -> Any:
    """``argnums`` with every entry in ``range(count)``; RuntimeError for what is not there."""
    if isinstance(argnums, int):
        return _position(argnums, count)
    if not isinstance(argnums, tuple):
        raise RuntimeError(f"argnums must be int or Tuple[int, ...], got: {type(argnums)}")
    found = tuple(_position(n, count) for n in argnums)
    if not found:
        raise RuntimeError("argnums must be non-empty")
    if len(set(found)) != len(found):
        raise RuntimeError(f"argnums elements must be unique, got {found}")
    return found


def _position(argnum: Any, count: int) -> int:
    if not isinstance(argnum, int):
        raise RuntimeError(f"argnum must be int, got: {type(argnum)}")
    if not -count <= argnum < count:
        raise RuntimeError(f"Got argnum={argnum}, but only {count} positional inputs")
    return argnum % count


def chosen(args: tuple, argnums: Any) -> Any:
    """The arguments at ``argnums``: one, or a tuple of them."""
    where = positions(argnums, len(args))
    return args[where] if isinstance(where, int) else tuple(args[i] for i in where)


def replaced(args: tuple, argnums: Any, values: Any) -> tuple:
    """The arguments with ``values`` at ``argnums``."""
    where = positions(argnums, len(args))
    new = list(args)
    if isinstance(where, int):
        new[where] = values
    else:
        for i, value in zip(where, values, strict=True):
            new[i] = value
    return tuple(new)


def output_and_aux(result: Any, has_aux: bool, name: str) -> tuple[Any, Any]:
    """What a function returned, and what it returned beside with ``has_aux``."""
    if not has_aux:
        return result, None
    if not (isinstance(result, tuple) and len(result) == 2):
        raise RuntimeError(
            f"{name}: output of function f should be a tuple: (output, aux) if has_aux is True"
        )
    return result


def check_outputs(outputs: Sequence[Any], name: str) -> None:
    """RuntimeError unless a function returned tensors, at least one."""
    if len(outputs) == 0 or (len(outputs) == 1 and outputs[0] is None):
        raise RuntimeError(
            f"{name}: Expected f to be a function that has non-empty output (got output = "
            f"{outputs})"
        )
    for output in outputs:
        if not isinstance(output, TensorBase):
            raise RuntimeError(
                f"{name}: expected f(*primals) to return only tensors, got unsupported type "
                f"{type(output)}"
            )


def reject_complex(name: str, values: Any, what: str) -> None:
    """RuntimeError if a complex tensor is among ``values``."""
    for i, value in enumerate(take_apart(values)[0]):
        if isinstance(value, TensorBase) and value._array.dtype.kind == "c":
            raise RuntimeError(
                f"{name}: Expected all {what} to be real but received complex tensor at flattened "
                f"input idx: {i}"
            )
