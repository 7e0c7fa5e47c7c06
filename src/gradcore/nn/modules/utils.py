"""Sizes given as one number or one per dimension."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable
from itertools import repeat
from typing import Any

__all__ = ["consume_prefix_in_state_dict_if_present"]


def ntuple(n: int, name: str = "parse") -> Callable[[Any], tuple]:
    """A function that makes n equal entries of a number and a tuple of an iterable."""

    def parse(x: Any) -> tuple:
        return tuple(x) if isinstance(x, Iterable) else tuple(repeat(x, n))

    parse.__name__ = name
    return parse


_single = ntuple(1, "_single")
_pair = ntuple(2, "_pair")
_triple = ntuple(3, "_triple")
_quadruple = ntuple(4, "_quadruple")
_ntuple = ntuple


def reversed_repeated(values: Iterable[int], times: int) -> tuple[int, ...]:
    """(a, b) as (b, b, a, a) for times = 2: paddings in the order that ``F.pad`` wants."""
    return tuple(x for x in reversed(tuple(values)) for _ in range(times))


def list_with_default(out_size: Any, defaults: list[int]) -> Any:
    """``out_size`` with its Nones taken from the end of ``defaults``."""
    if isinstance(out_size, int):
        return out_size
    if len(defaults) <= len(out_size):
        raise ValueError(f"Input dimension should be at least {len(out_size) + 1}")
    tail = defaults[-len(out_size) :]
    return [d if v is None else v for v, d in zip(out_size, tail, strict=False)]


def consume_prefix_in_state_dict_if_present(state_dict: dict[str, Any], prefix: str) -> None:
    """Remove ``prefix`` from the names in a state_dict, in place (of a DistributedDataParallel)."""
    for key in list(state_dict):
        if key.startswith(prefix):
            state_dict[key[len(prefix) :]] = state_dict.pop(key)
    metadata = getattr(state_dict, "_metadata", None)
    if isinstance(metadata, collections.OrderedDict):
        for key in list(metadata):
            if key == prefix.replace(".", ""):
                metadata[""] = metadata.pop(key)
            elif key.startswith(prefix) and key != prefix:
                metadata[key[len(prefix) :]] = metadata.pop(key)
