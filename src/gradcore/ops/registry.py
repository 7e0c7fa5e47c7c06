"""The public functions: one registration gives ``gradcore.f``, ``Tensor.f``, ``Tensor.f_``, out=.

A function takes and returns Tensors. Rules may call it with raw arrays, so it works through ops
and through what Tensors and arrays share (shape, ndim, operators).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

FUNCTIONS: dict[str, Callable[..., Any]] = {}
METHODS: dict[str, Callable[..., Any]] = {}
INPLACE: dict[str, Callable[..., Any]] = {}


def public(
    function: Callable[..., Any] | None = None,
    *,
    name: str | None = None,
    function_too: bool = True,
    method: bool = True,
    inplace: bool = False,
    aliases: tuple[str, ...] = (),
) -> Any:
    """Register ``function`` under its name (without a trailing underscore) and its aliases.

    ``method=True`` makes it ``Tensor.name``, ``inplace=True`` also gives ``Tensor.name_``, which
    writes the result into the tensor; ``function_too=False`` keeps it out of the package itself.
    """

    def register(f: Callable[..., Any]) -> Callable[..., Any]:
        for key in (name or f.__name__.rstrip("_"), *aliases):
            if function_too:
                FUNCTIONS[key] = f
            if method:
                METHODS[key] = f
            if inplace:
                INPLACE[key + "_"] = f
        return f

    return register if function is None else register(function)
