"""Calling a module with other parameters than its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..modules.module import Module

__all__ = ["functional_call"]


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with other tensors in place of its own.

    The deprecated spelling of ``func.functional_call`` (FutureWarning).

    Args:
        parameters_and_buffers: tensors by dotted name.
        args: the arguments, or the only one.
        tie_weights: a tensor shared under several names is replaced under all of them.
        strict: RuntimeError for missing or unexpected names.
    """
    warnings.warn(
        "This API is deprecated as of PyTorch 2.0 and will be removed in a future version of "
        "PyTorch. Please use torch.func.functional_call instead which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return call_with(module, parameters_and_buffers, args, kwargs, tie_weights, strict)


def call_with(
    module: Module,
    tensors: dict[str, Any],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """The work of ``func.functional_call``."""
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _replaced(module, tensors, tie_weights, strict):
        return module(*args, **(kwargs or {}))


@contextmanager
def _replaced(
    module: Module, tensors: dict[str, Any], tie_weights: bool, strict: bool
) -> Iterator[None]:
    own: dict[str, Any] = dict(module.named_parameters(remove_duplicate=False))
    own.update(module.named_buffers(remove_duplicate=False))
    _check_names(own, tensors, strict)
    if tie_weights:
        tensors = _tied(own, tensors)
    held: list[tuple[dict, str, Any]] = []
    try:
        for name, value in tensors.items():
            path, _, key = name.rpartition(".")
            owner = module.get_submodule(path)
            place = owner._parameters if key in owner._parameters else owner._buffers
            if key not in place:
                raise AttributeError(f"{owner._get_name()} has no attribute `{key}`")
            held.append((place, key, place[key]))
            place[key] = value
        yield
    finally:
        for place, key, value in reversed(held):
            place[key] = value


def _check_names(own: dict[str, Any], tensors: dict[str, Any], strict: bool) -> None:
    if not strict:
        return
    unexpected = [name for name in tensors if name not in own]
    missing = [name for name in own if name not in tensors]
    if not unexpected and not missing:
        return
    lines = [
        f"{kind} key(s): {', '.join(names)}."
        for kind, names in (("Unexpected", unexpected), ("Missing", missing))
        if names
    ]
    raise RuntimeError("Error(s) in reparametrizing:\n\t" + "\n\t".join(lines))


def _tied(own: dict[str, Any], tensors: dict[str, Any]) -> dict[str, Any]:
    """``tensors`` under all names of those that share a parameter."""
    names: dict[int, list[str]] = {}
    for name, value in own.items():
        names.setdefault(id(value), []).append(name)
    result = dict(tensors)
    for group in names.values():
        given = [name for name in group if name in tensors]
        if not given:
            continue
        if any(tensors[name] is not tensors[given[0]] for name in given):
            raise ValueError(
                f"functional_call got multiple values for keys {given}, which are tied. Consider "
                "using tie_weights=False"
            )
        result |= dict.fromkeys(group, tensors[given[0]])
    return result
