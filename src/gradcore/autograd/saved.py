"""What saved-tensor hooks make of the tensors that nodes save.

A pair of hooks stands on ``state.saved_hooks`` as a tuple, whose first element packs a tensor and
whose second one unpacks the result. The tensor's place in the graph is kept beside what the
user's hook returned, so that a tensor which comes back from a file still has its history.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

from ..ops.shape import clone
from .node import Node, OpNode, Packed, sequence, stale_message
from .state import state
from .variable import TensorBase, version_counter, version_of, wrap


class SavedTensor:
    """A tensor kept for backward: itself, its parts if ``node`` made it, or what hooks made of it.

    The node holds this, so an output of the node, which holds the node, must not be held.
    """

    __slots__ = ("counter", "node", "slot", "value", "version")

    value: Any

    def __init__(self, tensor: Any, node: Node | None = None) -> None:
        is_output = node is not None and tensor._node is node
        self.node = weakref.ref(node) if is_output else None
        self.slot = tensor._nr
        self.version = version_of(tensor)
        self.counter: list[int] | None = None
        if is_output:
            self.counter = version_counter(tensor)
        if state.saved_hooks:
            pack_hook, unpack_hook = state.saved_hooks[-1]
            self.value = Packed(pack_hook(_alias(tensor) if is_output else tensor), unpack_hook)
        else:
            self.value = tensor._array if is_output else tensor

    def unpack(self) -> Any:
        """The tensor with its history; RuntimeError if it was written to since."""
        if type(self.value) is Packed:
            tensor = self.value.unpack()
            return tensor if self.node is None else self._output(tensor._array)
        if self.node is None:
            self._check(version_of(self.value), self.value._array, self.value._node)
            return self.value
        assert self.counter is not None
        self._check(self.counter[0], self.value, self.node())
        output = self._output(self.value)
        output._vc = self.counter
        return output

    def _check(self, found: int, array: Any, node: Any) -> None:
        if found != self.version:
            raise RuntimeError(stale_message(array, node, self.slot, found, self.version))

    def _output(self, array: Any) -> Any:
        """The output again: a new tensor with the node as its history."""
        assert self.node is not None
        output = wrap(array)
        output._rg, output._node, output._nr = True, self.node(), self.slot
        return output


def _alias(tensor: Any) -> Any:
    """The tensor's memory without its history."""
    alias = wrap(tensor._array)
    alias._vc = version_counter(tensor)
    return alias


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

    __slots__ = ("leaf", "node", "requires_grad", "slot")

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
