"""What gradient rules share: results of one computation, and how they are to be computed."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import Any


class _Last(threading.local):
    """The gradients of the last call that are still to be asked for, and whose they are."""

    owners: tuple = ()
    results: dict[str, Any] = {}


_last = _Last()


def one_of(name: str, owners: tuple, compute: Callable[[], dict[str, Any]]) -> Any:
    """``compute()[name]``, computed once for all arguments of a call.

    Every argument of an op has a rule of its own, and the rules of a node run one after the
    other. ``owners`` tell the call: its output's gradient and a saved value. Weak references to
    them keep nothing alive, and each result is dropped when it is taken.
    """
    last = _last
    same = len(last.owners) == len(owners) and all(
        ref() is owner for ref, owner in zip(last.owners, owners, strict=True)
    )
    if not same or name not in last.results:
        last.results = compute()
        last.owners = tuple(map(weakref.ref, owners))
    return last.results.pop(name)


def is_recording() -> bool:
    """Whether the gradients being computed will be differentiated themselves (create_graph)."""
    from ..autograd.state import state

    return state.grad_enabled
