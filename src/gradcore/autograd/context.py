"""``ctx``: what a Function's ``forward`` leaves for its ``backward``."""

from __future__ import annotations

from typing import Any

from .node import FREED_MESSAGE, Node
from .saved import SavedTensor
from .variable import TensorBase


class FunctionCtx:
    """The context of one call; any attribute may be set on it.

    ``needs_input_grad`` says for each argument of ``forward`` whether its gradient is needed.
    """

    def __init__(self, needs_input_grad: tuple[bool, ...] = ()) -> None:
        self.needs_input_grad = needs_input_grad
        self.materialize_grads = True
        self.to_save: tuple = ()
        self.dirty_tensors: tuple = ()
        self.non_differentiable: tuple = ()
        self._saved: list[SavedTensor | None] | None = []

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for ``backward``, which finds them in ``saved_tensors``.

        TypeError for anything else: plain values are kept as attributes.
        """
        for i, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, TensorBase):
                raise TypeError(
                    f"save_for_backward can only save variables, but argument {i} is of type "
                    f"{type(tensor).__name__}"
                )
        self.to_save = tensors

    def save_for_forward(self, *tensors: Any) -> None:
        """Keep tensors for ``jvp``, as ``saved_for_forward``; no call of gradcore reads them."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, TensorBase):
                raise AssertionError(
                    "save_for_forward expects all arguments to be tensors; you should save "
                    "non-tensors as attributes on ctx."
                )
        self.saved_for_forward = tensors

    def mark_dirty(self, *args: Any) -> None:
        """Say which inputs ``forward`` has written to; it must return each of them."""
        _require_tensors(
            args, "mark_dirty can only accept variables, but argument {} is of type {}"
        )
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Say which outputs have no gradient; ``backward`` still gets zeros for them."""
        _require_tensors(
            args,
            "mark_non_differentiable only accepts variable arguments, but got argument {} of type "
            "{}",
        )
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Whether ``backward`` gets zeros (the default) or None for unused outputs."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> tuple:
        """What ``save_for_backward`` kept.

        RuntimeError if a backward pass has freed it or a saved tensor was written to since.
        """
        if self._saved is None:
            raise RuntimeError(FREED_MESSAGE)
        return tuple(None if s is None else s.unpack() for s in self._saved)

    def _keep(self, node: Node) -> None:
        """Turn the tensors to save into what may be kept without a cycle through the node."""
        self._saved = [None if t is None else SavedTensor(t, node) for t in self.to_save]
        self.to_save = self.dirty_tensors = self.non_differentiable = ()

    def _release(self) -> None:
        self._saved = None


def _require_tensors(values: tuple, message: str) -> None:
    for i, value in enumerate(values):
        if not isinstance(value, TensorBase):
            raise RuntimeError(message.format(i, type(value).__name__))
