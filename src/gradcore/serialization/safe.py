"""Which names ``load(weights_only=True)`` accepts beyond PyTorch's own list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["add_safe_globals", "clear_safe_globals", "get_safe_globals", "safe_globals"]

Allowed = Callable | tuple[Callable, str]

_marked: set[Any] = set()


def add_safe_globals(safe_globals: list[Allowed]) -> None:
    """Let files name these functions and classes: ``load`` may call them with what files say.

    An entry may be a tuple ``(object, "module.name")`` where files know it by another name.
    """
    _marked.update(safe_globals)


def get_safe_globals() -> list[Allowed]:
    """What was added."""
    return list(_marked)


def clear_safe_globals() -> None:
    """Take everything back that was added."""
    _marked.clear()


class safe_globals:
    """A block in which files may name these functions and classes."""

    def __init__(self, safe_globals: list[Allowed]) -> None:
        self.safe_globals = safe_globals

    def __enter__(self) -> None:
        add_safe_globals(self.safe_globals)

    def __exit__(self, *error: object) -> None:
        _marked.difference_update(self.safe_globals)


def allowed_names() -> dict[str, Any]:
    """What was added, by the full name that files use.

    ValueError or TypeError for a tuple that is not (object, name).
    """
    found = {}
    for entry in _marked:
        if not isinstance(entry, tuple):
            found[f"{entry.__module__}.{entry.__qualname__}"] = entry
            continue
        if len(entry) != 2:
            raise ValueError(
                "Expected tuple of length 2 (global, str of callable full path), but got tuple of "
                f"length: {len(entry)}"
            )
        if type(entry[1]) is not str:
            raise TypeError(
                "Expected second item in tuple to be str of callable full path, but got: "
                f"{type(entry[1])}"
            )
        found[entry[1]] = entry[0]
    return found
