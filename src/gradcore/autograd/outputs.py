"""What a Function's ``forward`` returned, made outputs of its node."""

from __future__ import annotations

from typing import Any

from ..ops.promotion import is_differentiable_dtype
from ..ops.shape import view
from .inplace import adopt, bump
from .state import state
from .variable import TensorBase, wrap

_DIRTY_LEAF = "a leaf Variable that requires grad has been used in an in-place operation."
_DIRTY_NOT_RETURNED = (
    "Some elements marked as dirty during the forward method were not returned as output. The "
    "inputs that are modified inplace must all be outputs of the Function."
)
_DIRTY_VIEW = (
    "If your Function modifies inplace an input that is a view of another Tensor, your Function "
    "cannot return more than one Tensor. This is not supported by the current autograd engine. "
    "You should either make sure the input is not a view (using .clone() for example) or make your "
    "Function only return one Tensor (potentially splitting it into two Functions: one doing the "
    "inplace that returns a single Tensor and a second one that does the other operations). You "
    "can ask on the forum https://discuss.pytorch.org/ if you need help to do this change."
)
_SAVED_INPUT_RETURNED = (
    "An input that has been returned as-is as output is being saved for backward. This is not "
    "supported if you override setup_context. You should return and save a view of the input "
    "instead, e.g. with x.view_as(x) or setup ctx inside the forward function itself."
)


def process_outputs(
    node: Any, args: tuple, outputs: tuple, recorded: bool, separate_context: bool
) -> tuple:
    """The values that ``apply`` returns for what ``forward`` gave.

    An input that comes back unchanged becomes a view of itself, so that it can have a history of
    its own; one that was written to gets the node as its history; what is no tensor stays.
    """
    ctx = node.ctx
    inputs = {id(x) for x in args if isinstance(x, TensorBase)}
    dirty = {id(x) for x in ctx.dirty_tensors}
    if dirty - {id(y) for y in outputs}:
        raise RuntimeError(_DIRTY_NOT_RETURNED)
    if recorded:
        node.describe(outputs)
    excluded = {id(x) for x in ctx.non_differentiable}
    saved = {id(x) for x in ctx.to_save} if separate_context else set()
    results = []
    for slot, y in enumerate(outputs):
        if isinstance(y, TensorBase):
            differentiable = (
                recorded and id(y) not in excluded and is_differentiable_dtype(y._array.dtype)
            )
            if id(y) in dirty:
                _finish_dirty(y, node, slot, recorded, len(outputs))
            elif not differentiable:
                y = _without_history(y, id(y) in inputs)
            else:
                if id(y) in inputs:
                    if id(y) in saved:
                        raise RuntimeError(_SAVED_INPUT_RETURNED)
                    y = _view_of_itself(y)
                _attach(y, node, slot)
        results.append(y)
    _forbid_inplace(results, node)
    return tuple(results)


def _attach(y: Any, node: Any, slot: int) -> None:
    y._rg, y._node, y._nr = True, node, slot


def _finish_dirty(y: Any, node: Any, slot: int, recorded: bool, count: int) -> None:
    bump(y)
    if not recorded:
        return
    if y._rg and y._node is None:
        raise RuntimeError(_DIRTY_LEAF)
    if y._base is not None and count > 1:
        raise RuntimeError(_DIRTY_VIEW)
    written = wrap(y._array)
    _attach(written, node, slot)
    adopt(y, written)


def _without_history(y: Any, is_input: bool) -> Any:
    if is_input:
        alias = _view_of_itself(y)
        alias._rg, alias._node, alias._nr = False, None, 0
        return alias
    if y._rg and y._base is None:
        y._rg, y._node, y._nr = False, None, 0
    return y


def _view_of_itself(x: Any) -> Any:
    previous = state.grad_enabled
    state.set_grad(False)
    try:
        return view(x, shape=tuple(x._array.shape))
    finally:
        state.set_grad(previous)


def _forbid_inplace(outputs: list, node: Any) -> None:
    """Writing into a view that the node made would overrule the user's gradient."""
    made = [y for y in outputs if isinstance(y, TensorBase) and y._node is node]
    for y in made:
        if y._base is not None:
            y._view.creation = "multi_output" if len(made) > 1 else "custom"
