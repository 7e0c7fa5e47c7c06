"""Full backward hooks: identity nodes around a module that see its gradients pass."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any

from ...autograd.dispatch import attach, link_inputs
from ...autograd.node import Node, sequence, zeros_for
from ...autograd.state import state
from ...autograd.variable import TensorBase, version_counter, wrap


class BackwardHookFunctionBackward(Node):
    """Passes the gradients of several tensors on; hooks on it see them together."""

    __slots__ = ("count",)

    count: int

    @property
    def outputs(self) -> int:  # type: ignore[override]
        return self.count

    def run(self, grads: list, create_graph: bool) -> Sequence[Any]:
        known = next((g for g in grads if g is not None), None)
        return [
            zeros_for(known, *self.output_meta(i), create_graph)
            if grad is None and known is not None and self.edges[i] is not None
            else grad
            for i, grad in enumerate(grads)
        ]


def through_node(tensors: Sequence[Any]) -> tuple[BackwardHookFunctionBackward, list]:
    """A node, and aliases of ``tensors`` whose gradients go through it."""
    node = BackwardHookFunctionBackward()
    node.seq = next(sequence)
    node.extras = None
    node.count = len(tensors)
    link_inputs(node, tuple(tensors))
    shapes = [t._array.shape for t in tensors]
    dtypes = [t._array.dtype for t in tensors]
    node.shape = shapes if node.count > 1 else shapes[0]
    node.dtype = dtypes if node.count > 1 else dtypes[0]
    aliases = []
    for i, tensor in enumerate(tensors):
        alias = wrap(tensor._array)
        alias._vc = version_counter(tensor)
        aliases.append(attach(alias, node, i) if tensor.requires_grad else alias)
    return node, aliases


class BackwardHook:
    """Calls a module's backward hooks with the gradients of all its inputs and outputs.

    ``grad_outputs`` holds what came in until the gradients of the inputs are there;
    ``input_indices`` and ``output_indices`` say which arguments and results are tensors (None:
    no gradient passes there).
    """

    def __init__(self, module: Any, hooks: list[Callable], pre_hooks: list[Callable]) -> None:
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.grad_outputs: tuple | None = None
        self.inputs = self.outputs = -1
        self.input_indices: list[int] | None = None
        self.output_indices: list[int] | None = None

    def setup_input_hook(self, args: tuple) -> tuple:
        """The arguments, sent through a node where one needs a gradient."""
        self.inputs = len(args)
        args, self.input_indices = self._send_through(args, self._after_inputs)
        return args

    def setup_output_hook(self, result: Any) -> Any:
        """The result, sent through a node."""
        values = result if isinstance(result, tuple) else (result,)
        self.outputs = len(values)
        values, self.output_indices = self._send_through(values, self._after_outputs)
        return values if isinstance(result, tuple) else values[0]

    def _send_through(self, values: tuple, hook: Callable) -> tuple[tuple, list[int] | None]:
        indices = [i for i, v in enumerate(values) if isinstance(v, TensorBase)]
        tensors = [values[i] for i in indices]
        if not (state.grad_enabled and any(t.requires_grad for t in tensors)):
            return values, None
        node, aliases = through_node(tensors)
        node.register_hook(hook)
        changed = list(values)
        for i, alias in zip(indices, aliases, strict=True):
            changed[i] = alias
        rebuilt = tuple(changed) if type(values) is tuple else type(values)(*changed)
        return rebuilt, indices

    def _after_inputs(self, grad_inputs: tuple, _: tuple) -> tuple | None:
        if self.grad_outputs is None:
            return None  # the gradient came by another way than through the module's output
        assert self.input_indices is not None
        grads = _spread(self.input_indices, grad_inputs, self.inputs)
        for hook in self.hooks:
            changed = hook(self.module, grads, self.grad_outputs)
            if changed is None:
                continue
            if isinstance(changed, TensorBase):
                changed = (changed,)
            if len(changed) != len(grads):
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, "
                    f"got {len(changed)}, but expected {len(grads)}"
                )
            grads = changed
        self.grad_outputs = None
        return tuple(grads[i] for i in self.input_indices)

    def _after_outputs(self, _: tuple, grad_outputs: tuple) -> tuple:
        assert self.output_indices is not None
        grads = self._run_pre_hooks(_spread(self.output_indices, grad_outputs, self.outputs))
        self.grad_outputs = grads
        if self.input_indices is None:
            self._run_without_inputs(grads)
        return tuple(grads[i] for i in self.output_indices)

    def _run_pre_hooks(self, grads: tuple) -> tuple:
        for hook in self.pre_hooks:
            changed = hook(self.module, grads)
            if changed is None:
                continue
            if isinstance(changed, TensorBase):
                changed = (changed,)
            if len(changed) != len(grads):
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, "
                    f"got {len(changed)}, but expected {len(grads)}"
                )
            grads = changed
        return grads

    def _run_without_inputs(self, grads: tuple) -> None:
        """No input needs a gradient: the hooks run now, with None for each input."""
        warnings.warn(
            "Full backward hook is firing when gradients are computed with respect to module "
            "outputs since no inputs require gradients. See "
            "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
            "#torch.nn.Module.register_full_backward_hook for more details.",
            stacklevel=5,
        )
        for hook in self.hooks:
            result = hook(self.module, (None,) * self.inputs, grads)
            if result is not None and not (
                isinstance(result, tuple) and all(r is None for r in result)
            ):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )
        self.grad_outputs = None


def _spread(indices: list[int], values: Sequence, size: int) -> tuple:
    """``values`` at ``indices`` of a tuple of Nones."""
    result: list[Any] = [None] * size
    for i, value in zip(indices, values, strict=True):
        result[i] = value
    return tuple(result)
