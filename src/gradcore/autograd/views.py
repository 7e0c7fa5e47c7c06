"""Views and the graph: a view's history is its base's, seen through the view.

Writing into a view changes its base's history (:func:`rebase`), and with it that of every other
view of that base; those catch up when they are next used (:func:`refresh`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backends.registry import write
from ..ops.shape import clone
from .node import Node, sequence
from .state import state
from .variable import TensorBase, wrap


def refresh(view: Any) -> None:
    """Bring a view's node up to date with its base after an in-place write."""
    info = view._view
    if info.version == view._vc[0]:
        return
    info.version = view._vc[0]
    base = view._base
    if not base._rg or info.creation is not None:
        return
    if view._node is None and view._rg:
        return  # a leaf of its own
    replayed = replay(base, info.steps)
    view._rg, view._node, view._nr = True, replayed._node, replayed._nr


def replay(tensor: Any, steps: Sequence[tuple]) -> Any:
    """Apply view steps to another tensor, recording them."""
    previous = state.grad_enabled
    state.update(grad_enabled=True)
    try:
        for op, attributes in steps:
            tensor = op(tensor, **attributes)
    finally:
        state.update(grad_enabled=previous)
    return tensor


class CopySlices(Node):
    """The history of a base after a write into one of its views.

    The base's old value gets the gradient with the view's part zeroed; what was written gets the
    gradient seen through the view.
    """

    __slots__ = ("steps",)

    steps: tuple

    def run(self, grads: list, create_graph: bool) -> Sequence[Any]:
        grad = grads[0]
        if create_graph:
            written = replay_raw(grad, self.steps)
            rest = grad.clone()
            replay(rest, self.steps).zero_()
            return rest, written
        written = clone(replay_raw(grad, self.steps))
        rest = clone(grad)
        write(replay_raw(rest, self.steps), 0)
        return rest, written

    def name(self) -> str:
        return "CopySlices"


def replay_raw(array: Any, steps: Sequence[tuple]) -> Any:
    """Apply view steps to an array (or record them on a Tensor)."""
    for op, attributes in steps:
        array = op(array, **attributes)
    return array


def rebase(view: Any, written: Any) -> None:
    """Give the base of ``view`` the history in which ``written`` was put into that view."""
    base = view._base
    node = CopySlices()
    node.seq = next(sequence)
    node.extras = None
    node.steps = view._view.steps
    node.shape, node.dtype = base._array.shape, base._array.dtype
    ends = (base, written)
    node.edges = tuple(
        None if not t._rg else (t if t._node is None else t._node) for t in ends
    )
    node.slots = (base._nr, written._nr)
    base._rg, base._node, base._nr = True, node, 0


def same_history(tensor: TensorBase) -> Any:
    """An alias of ``tensor`` that keeps the history it has now, for recording a write into it."""
    alias = wrap(tensor._array)
    alias._rg, alias._node, alias._nr = tensor._rg, tensor._node, tensor._nr
    alias._vc = tensor._vc
    return alias
