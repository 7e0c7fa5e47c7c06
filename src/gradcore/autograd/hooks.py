"""Handles of registered hooks."""

from __future__ import annotations

import itertools
import weakref
from collections import OrderedDict
from collections.abc import Callable, MutableMapping
from typing import Any

from .variable import TensorBase

_ids = itertools.count()


class RemovableHandle:
    """What registering a hook returns: ``remove()`` takes the hook out again."""

    def __init__(self, hooks: MutableMapping, *, extra_dict: Any = None) -> None:
        self.hooks_dict_ref = weakref.ref(hooks)
        self.id = next(_ids)
        extras = (
            extra_dict
            if isinstance(extra_dict, (list, tuple))
            else []
            if extra_dict is None
            else [extra_dict]
        )
        self.extra_dict_ref = tuple(weakref.ref(extra) for extra in extras)

    @classmethod
    def add(cls, hooks: OrderedDict, hook: Callable) -> RemovableHandle:
        """Put ``hook`` into ``hooks`` and return its handle."""
        handle = cls(hooks)
        hooks[handle.id] = hook
        return handle

    def remove(self) -> None:
        for reference in (self.hooks_dict_ref, *self.extra_dict_ref):
            hooks = reference()
            if hooks is not None:
                hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *error: object) -> None:
        self.remove()

    def __getstate__(self) -> tuple:
        hooks = self.hooks_dict_ref()
        return hooks, self.id, tuple(reference() for reference in self.extra_dict_ref)

    def __setstate__(self, values: tuple) -> None:
        hooks, self.id, extras = values
        # Keeps the identifiers of hooks registered later apart from unpickled ones.
        _skip_to(self.id)
        self.hooks_dict_ref = weakref.ref(OrderedDict() if hooks is None else hooks)
        self.extra_dict_ref = tuple(
            weakref.ref(OrderedDict() if extra is None else extra) for extra in extras
        )


def _skip_to(used: int) -> None:
    global _ids
    _ids = itertools.count(max(next(_ids), used + 1))


def call_tensor_hooks(extras: Any, grads: list) -> list:
    """Run the hooks of a node's output tensors; each may replace its gradient."""
    for slot, hooks in extras.tensor_hooks.items():
        for hook in list(hooks.values()):
            result = hook(grads[slot])
            if result is not None:
                check_result(grads[slot], result, hook)
                grads[slot] = result
    return grads


def call_pre_hooks(extras: Any, grads: list) -> list:
    """Run a node's pre-hooks; each may return a tuple of other gradients."""
    for hook in list(extras.pre_hooks.values()):
        result = hook(tuple(grads))
        if result is not None:
            grads = _check_results(grads, result, hook)
    return grads


def call_post_hooks(extras: Any, inputs: list, outputs: list) -> list:
    """Run a node's hooks with the gradients of its inputs and outputs; they may replace those."""
    for hook in list(extras.post_hooks.values()):
        result = hook(tuple(inputs), tuple(outputs))
        if result is not None:
            inputs = _check_results(inputs, result, hook)
    return inputs


def _check_results(grads: list, results: Any, hook: Callable) -> list:
    if not isinstance(results, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(results).__name__}'")
    if len(results) != len(grads):
        raise RuntimeError(
            f"hook '{_name_of(hook)}' has returned an incorrect number of values "
            f"(got {len(results)}, but expected {len(grads)})"
        )
    for old, new in zip(grads, results, strict=True):
        if new is not None:
            check_result(old, new, hook)
    return list(results)


def check_result(old: Any, new: Any, hook: Callable) -> None:
    """Raise PyTorch's error unless ``new`` can stand in for the gradient ``old``."""
    from .node import type_string

    if not isinstance(new, TensorBase):
        raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
    if old is None:
        raise RuntimeError("can't replace a None gradient with a non-None value")
    was, got = type_string(old._array), type_string(new._array)
    if was != got:
        raise RuntimeError(
            f"hook '{_name_of(hook)}' has changed the type of value (was {was} got {got})"
        )
    if tuple(new._array.shape) != tuple(old._array.shape):
        raise RuntimeError(f"hook '{_name_of(hook)}' has changed the size of value")


def _name_of(hook: Callable) -> str:
    return getattr(hook, "__name__", None) or repr(hook)
