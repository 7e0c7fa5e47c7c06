"""Function transforms: derivatives of functions as functions, and modules as functions.

``func`` may be any function of tensors, and arguments and results may be nested tuples, lists
and dicts. Transforms can be combined: ``grad(grad(f))``, ``vmap(grad(f))``. They run on the tape
of :mod:`gradcore.autograd`: forward mode is two backward passes, and :func:`vmap` is a loop.
"""

from __future__ import annotations

from typing import Any

_HOMES = {
    "functional_call": "modules",
    "grad": "reverse",
    "grad_and_value": "reverse",
    "hessian": "matrices",
    "jacfwd": "matrices",
    "jacrev": "matrices",
    "jvp": "forward",
    "linearize": "forward",
    "stack_module_state": "modules",
    "vjp": "reverse",
    "vmap": "batching",
}

__all__ = [
    "functional_call",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "stack_module_state",
    "vjp",
    "vmap",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module '{__name__}' has no attribute '{name}'")
    import importlib

    module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    globals()[name] = found = getattr(module, name)
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
