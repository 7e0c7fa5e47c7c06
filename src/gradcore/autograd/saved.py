"""What saved-tensor hooks make of the tensors that nodes save.

A pair of hooks stands on ``state.saved_hooks`` as a tuple, whose first element packs a tensor and
whose second one unpacks the result. The tensor's place in the graph is kept beside what the
user's hook returned, so that a tensor which comes back from a file still has its history.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from .state import state
from .variable import TensorBase, wrap


class Hooks(tuple):
    """The pair of functions that ``saved_tensors_hooks`` puts onto the stack."""

    def __new__(cls, pack_hook: Callable, unpack_hook: Callable) -> Hooks:
        def pack(tensor: Any) -> Any:
            return pack_with(pack_hook, tensor), History(tensor)

        def unpack(packed: Any) -> Any:
            value, history = packed
            return history.restore(unpack_with(unpack_hook, value))

        return super().__new__(cls, (pack, unpack))


class History:
    """A tensor's place in the graph, held apart from its data."""

    __slots__ = ("requires_grad", "node", "slot", "leaf")

    def __init__(self, tensor: TensorBase) -> None:
        self.requires_grad = tensor._rg
        self.node = tensor._node
        self.slot = tensor._nr
        # A leaf's place in the graph is the leaf; it lives as long as the edge to it does.
        is_leaf = tensor._rg and tensor._node is None
        self.leaf = weakref.ref(tensor) if is_leaf else None

    def restore(self, tensor: Any) -> Any:
        """A tensor with this history and the memory of ``tensor``."""
        leaf = None if self.leaf is None else self.leaf()
        if not self.requires_grad or tensor is leaf:
            return tensor
        if leaf is not None:
            return linked(tensor, leaf)
        restored = wrap(tensor._array)
        restored._rg, restored._node, restored._nr = True, self.node, self.slot
        return restored


def linked(tensor: Any, leaf: Any) -> Any:
    """The memory of ``tensor`` as something whose gradient goes to ``leaf``."""
    from ..ops.shape import clone
    from .node import OpNode, sequence

    node = OpNode()
    node.op, node.plan, node.seq, node.extras = clone, clone.plan((True,)), next(sequence), None
    node.edges, node.slots = (leaf,), None
    node.shape, node.dtype = leaf._array.shape, leaf._array.dtype
    node.saved, node.versions = [], None
    restored = wrap(tensor._array)
    restored._rg, restored._node = True, node
    return restored


def pack_with(hook: Callable, tensor: Any) -> Any:
    """What the user's pack hook returns; RuntimeError if it writes into the tensor."""
    version = 0 if tensor._vc is None else tensor._vc[0]
    previous = state.grad_enabled
    state.set_grad(False)
    try:
        packed = hook(tensor)
    finally:
        state.set_grad(previous)
    if version != (0 if tensor._vc is None else tensor._vc[0]):
        raise RuntimeError(
            "A saved tensor pack hook is modifying its input in place. Tensors provided as input "
            "to pack hook cannot be modified by in-place operations as this can lead to "
            "unexpected side-effects. Please open an issue if you need to perform in-place "
            "operations on the input to a pack hook."
        )
    return packed


def unpack_with(hook: Callable, packed: Any) -> Any:
    """What the user's unpack hook returns; TypeError unless it is a Tensor."""
    previous = state.grad_enabled
    state.set_grad(False)
    try:
        tensor = hook(packed)
    finally:
        state.set_grad(previous)
    if not isinstance(tensor, TensorBase):
        raise TypeError(
            "Output of saved tensor unpack_hook expected to be a Tensor but got result of type "
            f"{type(tensor).__name__}"
        )
    return tensor
