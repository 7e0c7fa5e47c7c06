"""Nested tuples, lists and dicts of tensors: taken apart into leaves, and put together again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

_DICTS = (dict, OrderedDict)


class Structure:
    """The shape of a nested value without its leaves.

    ``kind`` is the type of the container, None for a leaf; ``keys`` are those of a dict.
    """

    __slots__ = ("children", "keys", "kind")

    def __init__(
        self, kind: type | None, keys: tuple | None = None, children: Sequence[Structure] = ()
    ) -> None:
        self.kind = kind
        self.keys = keys
        self.children = tuple(children)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Structure)
            and self.kind is other.kind
            and self.keys == other.keys
            and self.children == other.children
        )

    def __hash__(self) -> int:
        return hash((self.kind, self.keys, self.children))

    def __repr__(self) -> str:
        return repr(self._put(iter(lambda: _STAR, None)))

    def put(self, leaves: Sequence[Any]) -> Any:
        """The nested value of this structure with these leaves."""
        return self._put(iter(leaves))

    def _put(self, leaves: Iterator[Any]) -> Any:
        if self.kind is None:
            return next(leaves)
        values = [child._put(leaves) for child in self.children]
        if self.keys is not None:
            return self.kind(zip(self.keys, values, strict=True))
        if _is_named(self.kind):
            return self.kind(*values)
        return self.kind(values)


class _Star:
    def __repr__(self) -> str:
        return "*"


_STAR = _Star()
LEAF = Structure(None)


def _is_named(kind: type) -> bool:
    return issubclass(kind, tuple) and hasattr(kind, "_fields")


def take_apart(value: Any) -> tuple[list, Structure]:
    """The leaves of a nested value in order, and its structure."""
    leaves: list[Any] = []
    return leaves, _walk(value, leaves)


def _walk(value: Any, leaves: list) -> Structure:
    kind = type(value)
    if kind in _DICTS:
        return Structure(kind, tuple(value), [_walk(v, leaves) for v in value.values()])
    if kind in (tuple, list) or _is_named(kind):
        return Structure(kind, None, [_walk(v, leaves) for v in value])
    leaves.append(value)
    return LEAF


def change(function: Callable[[Any], Any], value: Any) -> Any:
    """The nested value with ``function`` applied to every leaf."""
    leaves, structure = take_apart(value)
    return structure.put([function(leaf) for leaf in leaves])


def spread(prefix: Any, structure: Structure) -> list | None:
    """``prefix``, which may stop above the leaves, as one entry per leaf; None if it differs."""
    if structure.kind is None:
        return [prefix]
    own, other = _walk(prefix, []), structure
    if own.kind is None:
        return [prefix] * _count(structure)
    if own.kind is not other.kind or own.keys != other.keys:
        return None
    if len(own.children) != len(other.children):
        return None
    parts = prefix.values() if own.keys is not None else prefix
    found: list[Any] = []
    for part, child in zip(parts, other.children, strict=True):
        below = spread(part, child)
        if below is None:
            return None
        found += below
    return found


def _count(structure: Structure) -> int:
    return 1 if structure.kind is None else sum(map(_count, structure.children))
