"""Splitting inputs over devices, and joining outputs again. Both let gradients through."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...autograd.variable import TensorBase
from ...ops.registry import FUNCTIONS

__all__ = ["gather", "scatter", "scatter_kwargs"]


def device_of(device: Any) -> str:
    """A CUDA device from its number, its name or itself."""
    return f"cuda:{device}" if isinstance(device, int) else str(device)


def _is_namedtuple(value: Any) -> bool:
    return isinstance(value, tuple) and hasattr(value, "_fields")


def scatter(inputs: Any, target_gpus: Sequence[Any], dim: int = 0) -> Any:
    """One piece of ``inputs`` for each device (fewer if the tensors are short).

    Tensors are split along ``dim``, containers piece by piece, and anything else is repeated.
    """
    if isinstance(inputs, TensorBase):
        pieces = inputs.chunk(len(target_gpus), dim)  # type: ignore[attr-defined]
        pairs = zip(pieces, target_gpus, strict=False)
        return tuple(piece.to(device_of(device)) for piece, device in pairs)
    if isinstance(inputs, (tuple, list, dict)) and len(inputs) > 0:
        values = inputs.values() if isinstance(inputs, dict) else inputs
        columns = zip(*(scatter(value, target_gpus, dim) for value in values), strict=False)
        return [_rebuilt(inputs, column) for column in columns]
    return [inputs for _ in target_gpus]


def _rebuilt(like: Any, values: Any) -> Any:
    """A container of the kind of ``like`` with other values."""
    if isinstance(like, dict):
        return type(like)(zip(like, values, strict=True))
    if _is_namedtuple(like):
        return type(like)(*values)
    return tuple(values) if isinstance(like, tuple) else list(values)


def scatter_kwargs(
    inputs: tuple, kwargs: dict[str, Any] | None, target_gpus: Sequence[Any], dim: int = 0
) -> tuple[tuple, tuple]:
    """:func:`scatter` of positional and keyword arguments, as many pieces of each."""
    args = list(scatter(inputs, target_gpus, dim)) if inputs else []
    named = list(scatter(kwargs, target_gpus, dim)) if kwargs else []
    args += [()] * (len(named) - len(args))
    named += [{}] * (len(args) - len(named))
    return tuple(args), tuple(named)


def gather(outputs: Sequence[Any], target_device: Any, dim: int = 0) -> Any:
    """The outputs of all devices joined along ``dim`` on one; 0-d tensors become a vector."""
    first = outputs[0]
    if isinstance(first, TensorBase):
        moved: list[Any] = [o.to(device_of(target_device)) for o in outputs]
        if all(o.dim() == 0 for o in moved) and dim == 0:
            return FUNCTIONS["stack"](moved)
        return FUNCTIONS["cat"](moved, dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(first) != len(o) for o in outputs):
            raise ValueError("All dicts must have the same number of keys")
        columns = [[o[key] for o in outputs] for key in first]
    else:
        columns = [list(column) for column in zip(*outputs, strict=True)]
    return _rebuilt(first, [gather(column, target_device, dim) for column in columns])
