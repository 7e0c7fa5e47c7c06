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

_AMBIGUOUS = (
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify your "
    "code by moving both the view and the inplace either both inside the {0} block (if you don't "
    "want the inplace to be tracked) or both outside (if you want the inplace to be tracked)."
)
# What ViewInfo.creation forbids, and why.
_FORBIDDEN = {
    "no_grad": _AMBIGUOUS.format("no_grad"),
    "inference": _AMBIGUOUS.format("inference_mode"),
    "multi_output": (
        "This view is the output of a function that returns multiple views. Such functions do not "
        "allow the output views to be modified inplace. You should replace the inplace operation "
        "by an out-of-place one."
    ),
    "custom": (
        "This view was created inside a custom Function (or because an input was returned as-is) "
        "and the autograd logic to handle view+inplace would override the custom backward "
        "associated with the custom Function, leading to incorrect gradients. This behavior is "
        "forbidden. You can fix this by cloning the output of the custom Function."
    ),
}


def forbidden_write(view: Any, is_written: str) -> RuntimeError:
    """The error for a write into a view (or, through another name, into its memory)."""
    creation = view._view.creation
    if view._node is not None:
        name = view._node.name().rpartition("Backward")[0]
        return RuntimeError(
            f"Output {view._nr} of {name} is a view and {is_written} modified inplace. "
            f"{_FORBIDDEN[creation]}"
        )
    made, written = "no_grad mode", "with grad mode enabled"
    if creation == "inference":
        made, written = "inference mode", "in normal mode"
    return RuntimeError(
        f"A view was created in {made} and {is_written} modified inplace {written}. "
        f"{_FORBIDDEN[creation]}"
    )


def refresh(view: Any) -> None:
    """Bring a view's node up to date with its base after an in-place write.

    RuntimeError for a view whose history does not follow its base's.
    """
    info = view._view
    if info.version == view._vc[0]:
        return
    base = view._base
    if not base._rg or state.inference:
        return
    if info.creation is not None:
        if state.grad_enabled:
            raise forbidden_write(view, "its base or another view of its base has been")
        return
    info.version = view._vc[0]
    if view._node is None and view._rg:
        return  # a leaf of its own
    replayed = replay(base, info.steps)
    set_history(view, replayed._node, replayed._nr)


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
        return "torch::autograd::CopySlices"


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
    node.edges = tuple(None if not t._rg else (t if t._node is None else t._node) for t in ends)
    node.slots = (base._nr, written._nr)
    set_history(base, node, 0)


def set_history(tensor: Any, node: Node, slot: int) -> None:
    """Make ``tensor`` output ``slot`` of ``node``; a gradient that it retains is that of now on."""
    old = tensor._node
    if old is not None and old.extras is not None and tensor.__dict__.get("_retains_grad"):
        retained = old.extras.retained.pop(tensor._nr, None)
        if retained is not None:
            node.attach().retained[slot] = retained
    tensor._rg, tensor._node, tensor._nr = True, node, slot


def same_history(tensor: TensorBase) -> Any:
    """An alias of ``tensor`` that keeps the history it has now, for recording a write into it."""
    alias = wrap(tensor._array)
    alias._rg, alias._node, alias._nr = tensor._rg, tensor._node, tensor._nr
    alias._vc = tensor._vc
    return alias
