"""``autograd.graph``: nodes, edges, hooks on what is saved, and hooks on several gradients."""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .backward import GradientEdge, get_gradient_edge
from .engine import gradient_edge
from .hooks import RemovableHandle
from .inplace import bump
from .node import Node
from .saved import Hooks
from .state import state
from .variable import TensorBase

__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "register_multi_grad_hook",
    "save_on_cpu",
    "saved_tensors_hooks",
]


class saved_tensors_hooks:
    """A context in which everything saved for backward goes through a pair of hooks.

    ``pack_hook(tensor)`` gives what is kept in its place; ``unpack_hook(packed)`` gives the tensor
    back when backward needs it. Of nested contexts only the innermost counts. RuntimeError where
    :class:`disable_saved_tensors_hooks` forbids it.
    """

    def __init__(self, pack_hook: Callable[[Any], Any], unpack_hook: Callable[[Any], Any]) -> None:
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self) -> None:
        if state.saved_hooks_error is not None:
            raise RuntimeError(state.saved_hooks_error)
        hooks = Hooks(self.pack_hook, self.unpack_hook)
        state.update(saved_hooks=(*state.saved_hooks, hooks))

    def __exit__(self, *error: object) -> None:
        state.update(saved_hooks=state.saved_hooks[:-1])


class save_on_cpu(saved_tensors_hooks):
    """Keep what is saved for backward in the CPU's memory, and copy it back when it is needed.

    ``pin_memory`` makes the copies page-locked and asynchronous; ``device_type`` names the device
    whose memory is meant.
    """

    def __init__(self, pin_memory: bool = False, device_type: str = "cuda") -> None:
        if device_type != "cuda":
            raise RuntimeError(f"save_on_cpu: device_type '{device_type}' is not supported")

        def pack(tensor: Any) -> tuple[Any, Any]:
            packed = tensor.cpu()
            if pin_memory and packed is not tensor:
                packed = packed.pin_memory()
            return tensor.device, packed

        def unpack(packed: tuple[Any, Any]) -> Any:
            device, tensor = packed
            return tensor.to(device, non_blocking=pin_memory)

        super().__init__(pack, unpack)


@contextmanager
def disable_saved_tensors_hooks(error_message: str) -> Iterator[None]:
    """A context in which using saved-tensor hooks raises RuntimeError(``error_message``)."""
    if state.saved_hooks:
        raise RuntimeError(error_message)
    previous = state.saved_hooks_error
    state.update(saved_hooks_error=error_message)
    try:
        yield
    finally:
        state.update(saved_hooks_error=previous)


def increment_version(tensor: Any) -> None:
    """Tell autograd that a tensor, or each of several, was written to behind its back."""
    for each in (tensor,) if isinstance(tensor, TensorBase) else tensor:
        if not isinstance(each, TensorBase):
            raise RuntimeError(
                "increment_version expects each element of the iterable to be a tensor"
            )
        bump(each)


class _MultiHandle(RemovableHandle):
    """The handle of one hook that was registered on several tensors."""

    def __init__(self, handles: Sequence[RemovableHandle]) -> None:
        self.handles = tuple(handles)

    def remove(self) -> None:
        for handle in self.handles:
            handle.remove()

    def __getstate__(self) -> tuple:
        return self.handles

    def __setstate__(self, values: tuple) -> None:
        self.handles = values


def register_multi_grad_hook(
    tensors: Sequence[Any], fn: Callable[..., None], *, mode: str = "all"
) -> RemovableHandle:
    """Call ``fn`` once in each backward pass, with the gradients of several tensors.

    ``mode="all"``: when those of all tensors that the pass reaches are there; ``fn`` gets the list
    of them, None for the others. ``mode="any"``: at the first one, which ``fn`` gets. ValueError
    for another mode.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    if mode == "any":
        hook = _first_of_pass(fn)
        return _MultiHandle([t.register_hook(hook) for t in tensors if t.requires_grad])
    gather = _Gather(tensors, fn)
    return _MultiHandle(
        [t.register_hook(functools.partial(gather, i)) for i, t in enumerate(tensors)]
    )


class _Gather:
    """Collects the gradients of one backward pass until the last one has come.

    Passes are told apart by their engines, so that several threads may run at once.
    """

    def __init__(self, tensors: Sequence[Any], fn: Callable[[Sequence[Any]], None]) -> None:
        self.fn = fn
        self.count = len(tensors)
        # Holding a leaf would make a cycle through its hooks; nodes hold hooks in the same way.
        self.edges = [weakref.ref(gradient_edge(t)[0]) for t in tensors]
        self.passes: dict[Any, tuple[list, list]] = {}
        self.lock = threading.Lock()

    def __call__(self, index: int, grad: Any) -> None:
        engine = state.engine
        with self.lock:
            if engine not in self.passes:
                alive = [edge() for edge in self.edges]
                expected = sum(edge is not None and engine.will_run(edge) for edge in alive)
                self.passes[engine] = ([None] * self.count, [expected])
            gradients, missing = self.passes[engine]
            gradients[index] = grad
            missing[0] -= 1
            if missing[0]:
                return
            del self.passes[engine]
        self.fn(gradients)


def _first_of_pass(fn: Callable[[Any], None]) -> Callable[[Any], None]:
    called: weakref.WeakSet = weakref.WeakSet()
    lock = threading.Lock()

    @functools.wraps(fn)
    def hook(grad: Any) -> None:
        with lock:
            if state.engine in called:
                return
            called.add(state.engine)
        fn(grad)

    return hook
