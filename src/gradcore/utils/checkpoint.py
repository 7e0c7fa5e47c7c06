"""Activation checkpointing: compute a part of the model again in backward instead of saving it.

Without reentrance, saved-tensor hooks put a placeholder where a tensor would be saved. The first
placeholder that backward unpacks makes the function run again, which fills all of them. The
reentrant form is a Function that runs the function again and a backward pass through it.
"""

from __future__ import annotations

import contextlib
import traceback
import warnings
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from ..autograd.backward import backward
from ..autograd.function import Function
from ..autograd.graph import saved_tensors_hooks
from ..autograd.modes import enable_grad, no_grad
from ..autograd.saved import SavedTensor
from ..autograd.state import state
from ..autograd.variable import TensorBase
from .rng_states import RandomStates, get_device_states, set_device_states

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "detach_variable",
    "get_device_states",
    "noop_context_fn",
    "set_checkpoint_debug_enabled",
    "set_checkpoint_early_stop",
    "set_device_states",
]

_UNSET_REENTRANT = (
    "{}: the use_reentrant parameter should be passed explicitly. Starting in PyTorch 2.9, calling "
    "checkpoint without use_reentrant will raise an exception. use_reentrant=False is recommended, "
    "but if you need to preserve the current default behavior, you can pass use_reentrant=True. "
    "Refer to docs for more details on the differences between the two variants."
)
_DEBUG_TIP = (
    "Tip: To see a more detailed error message, either pass `debug=True` to\n"
    "`torch.utils.checkpoint.checkpoint(...)` or wrap the code block\n"
    "with `with torch.utils.checkpoint.set_checkpoint_debug_enabled(True):` to\n"
    "enable checkpoint-debug mode globally.\n"
)


class CheckpointError(RuntimeError):
    """Raised where running the function again does not save what it saved at first."""


class _StopRecomputation(Exception):
    """Everything that backward needs has been computed again."""


class _Settings:
    """What the two context managers below override: None leaves it to each call."""

    early_stop: bool | None = None
    debug: bool | None = None


@contextlib.contextmanager
def set_checkpoint_early_stop(enable: bool) -> Iterator[None]:
    """Whether running again stops after the last tensor that is needed, for all calls inside."""
    previous = _Settings.early_stop
    _Settings.early_stop = enable
    try:
        yield
    finally:
        _Settings.early_stop = previous


@contextlib.contextmanager
def set_checkpoint_debug_enabled(enabled: bool | None) -> Iterator[None]:
    """Whether errors say where each tensor was saved, for all calls inside."""
    previous = _Settings.debug
    _Settings.debug = enabled
    try:
        yield
    finally:
        _Settings.debug = previous


def noop_context_fn() -> tuple[Any, Any]:
    """Two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def checkpoint(
    function: Callable,
    *args: Any,
    use_reentrant: bool | None = None,
    context_fn: Callable[[], tuple[Any, Any]] = noop_context_fn,
    determinism_check: str = "default",
    debug: bool = False,
    early_stop: bool = True,
    **kwargs: Any,
) -> Any:
    """``function(*args, **kwargs)``, which runs again in backward instead of saving tensors.

    Args:
        use_reentrant: False is recommended. True runs a backward pass inside of backward, and
            supports neither ``autograd.grad`` nor ``inputs=`` nor the options below.
        context_fn: gives the contexts in which the function runs, at first and again.
        determinism_check: "default" compares shape, dtype and device of what is saved, "none"
            does not.
        debug: say in errors where the tensors were saved.
        early_stop: stop running again as soon as all that is needed is there.
        preserve_rng_state: give the function the same random numbers again (the default).
        kwargs: for the function.
    """
    if use_reentrant is None:
        warnings.warn(_UNSET_REENTRANT.format("torch.utils.checkpoint"), stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if use_reentrant:
        if kwargs:
            raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError(
                "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
            )
        return CheckpointFunction.apply(function, preserve, *args)
    debug = debug if _Settings.debug is None else _Settings.debug
    if debug and context_fn is not noop_context_fn:
        raise ValueError("debug=True is incompatible with non-default context_fn")
    if determinism_check not in _METADATA:
        raise ValueError(
            f"determinism_check should be one of {list(_METADATA)}, but got {determinism_check}"
        )
    contexts = context_fn()
    if not state.grad_enabled:
        return function(*args, **kwargs)
    frame = _Frame(function, args, kwargs, contexts[1], preserve)
    frame.metadata = _METADATA[determinism_check]
    frame.early_stop = early_stop if _Settings.early_stop is None else _Settings.early_stop
    frame.debug = debug
    with saved_tensors_hooks(frame.put, frame.get), contexts[0]:
        return function(*args, **kwargs)


def _describe(tensor: Any) -> dict[str, Any]:
    return {"shape": tensor.shape, "dtype": tensor.dtype, "device": tensor.device}


_METADATA: dict[str, Callable[[Any], Any]] = {"default": _describe, "none": lambda tensor: None}


class _Placeholder:
    """Stands for the saved tensor number ``index`` of a frame."""

    __slots__ = ("__weakref__", "index")

    def __init__(self, index: int) -> None:
        self.index = index


class _Frame:
    """One call: how to run it again, and what it saved.

    ``recomputed`` has, for each backward pass, the tensors of one run by their numbers.
    """

    metadata: Callable[[Any], Any]
    early_stop: bool
    debug: bool

    def __init__(
        self, function: Callable, args: tuple, kwargs: dict, context: Any, preserve_rng: bool
    ) -> None:
        self.function = function
        # Saved as an op would save them, so that a checkpoint around this one takes them too.
        self.args = [SavedTensor(a) if isinstance(a, TensorBase) else a for a in args]
        self.kwargs = kwargs
        self.context = context
        self.rng = RandomStates(args) if preserve_rng else None
        self.placeholders: list[weakref.ref[_Placeholder]] = []
        self.descriptions: list[Any] = []
        self.places: list[str] = []
        self.recomputed: weakref.WeakKeyDictionary[Any, dict[int, Any]] = (
            weakref.WeakKeyDictionary()
        )

    def put(self, tensor: Any) -> _Placeholder:
        """Note that a tensor would be saved now; a placeholder for it."""
        placeholder = _Placeholder(len(self.placeholders))
        self.placeholders.append(weakref.ref(placeholder))
        self.descriptions.append(self.metadata(tensor))
        if self.debug:
            self.places.append(_place())
        return placeholder

    def get(self, placeholder: _Placeholder) -> Any:
        """The tensor that ``placeholder`` stands for, computed again where it has to be."""
        if state.engine is None:
            # Looking at saved tensors outside of backward is a pass of its own each time.
            return self.run_again()[placeholder.index]
        tensors = self.recomputed.get(state.engine)
        if tensors is None:
            tensors = self.recomputed[state.engine] = self.run_again()
        if placeholder.index not in tensors:
            raise CheckpointError(
                "torch.utils.checkpoint: Unpack is being triggered for a tensor that was already "
                "unpacked once. If you are calling ctx.saved_tensors in backward, make sure to do "
                "so only once. Otherwise please open an issue with details on your use case."
            )
        return tensors.pop(placeholder.index)

    def run_again(self) -> dict[int, Any]:
        """Run the function, and collect what it saves by number."""
        args = [a.unpack() if isinstance(a, SavedTensor) else a for a in self.args]
        collected = _Collected(self)
        restored = contextlib.nullcontext() if self.rng is None else self.rng.restored()
        try:
            with (
                saved_tensors_hooks(collected.pack, collected.get),
                enable_grad(),
                restored,
                self.context,
            ):
                self.function(*args, **self.kwargs)
        except _StopRecomputation:
            pass
        self.check(collected)
        return collected.tensors

    def check(self, collected: _Collected) -> None:
        """CheckpointError unless the second run saved what the first one did."""
        if collected.count != len(self.placeholders):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.placeholders)}\n"
                f"Number of tensors saved during recomputation: {collected.count}.\n"
                f"{self.advice(collected)}"
            )
        different = ""
        for index, tensor in collected.tensors.items():
            before, now = self.descriptions[index], self.metadata(tensor)
            if before != now:
                different += (
                    f"tensor at position {index}:\nsaved metadata: {before}\n"
                    f"recomputed metadata: {now}\n"
                )
        if different:
            raise CheckpointError(
                "torch.utils.checkpoint: Recomputed values for the following tensors have "
                f"different metadata than during the forward pass.\n{different}.\n"
                f"{self.advice(collected)}"
            )

    def advice(self, collected: _Collected) -> str:
        """How to find the difference: in debug mode, the places where the runs saved tensors."""
        if not self.debug:
            return _DEBUG_TIP
        text = ""
        for title, places in (("forward", self.places), ("recomputation", collected.places)):
            text += f"Tensors saved during {title}:\n"
            text += "".join(f"{i}: {place}" for i, place in enumerate(places))
        return text


class _Collected:
    """What the second run saves: each tensor whose placeholder is still in use."""

    def __init__(self, frame: _Frame) -> None:
        self.tensors: dict[int, Any] = {}
        self.places: list[str] = []
        self.count = 0
        self.wanted = frame.placeholders
        self.early_stop = frame.early_stop
        self.debug = frame.debug
        self.advice = frame.advice

    def pack(self, tensor: Any) -> Any:
        """Keep a tensor that would be saved now, and stop after the last one."""
        tensor = tensor.detach() if tensor._rg else tensor
        index = self.count
        self.count += 1
        if self.debug:
            self.places.append(_place())
        if index >= len(self.wanted):
            raise CheckpointError(
                "torch.utils.checkpoint: trying to save more tensors during recomputation than "
                f"during the original forward pass.\n{self.advice(self)}"
            )
        if self.wanted[index]() is not None:
            self.tensors[index] = tensor
        if self.early_stop and self.count == len(self.wanted):
            raise _StopRecomputation
        return tensor

    @staticmethod
    def get(tensor: Any) -> Any:
        """A tensor that is needed while the function still runs."""
        return tensor


def _place() -> str:
    """The line of the user's function that is running."""
    package = __name__.partition(".")[0]
    for frame, line in traceback.walk_stack(None):
        if frame.f_globals.get("__name__", "").partition(".")[0] != package:
            summary = traceback.StackSummary.extract([(frame, line)])
            return "".join(traceback.format_list(summary))
    return "unknown\n"


class CheckpointFunction(Function):
    """The reentrant form: backward runs the function and a backward pass through it."""

    @staticmethod
    def forward(ctx: Any, run_function: Callable, preserve_rng_state: bool, *args: Any) -> Any:
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.rng = RandomStates(args) if preserve_rng_state else None
        ctx.inputs = [None if isinstance(a, TensorBase) else a for a in args]
        ctx.tensor_indices = [i for i, a in enumerate(args) if isinstance(a, TensorBase)]
        ctx.save_for_backward(*(args[i] for i in ctx.tensor_indices))
        with no_grad():
            return run_function(*args)

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> tuple:
        if state.engine is not None and state.engine.needed is not None:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). To resolve this error, you can "
                "either set use_reentrant=False, or call .backward() without passing the `inputs` "
                "argument."
            )
        inputs = list(ctx.inputs)
        for i, tensor in zip(ctx.tensor_indices, ctx.saved_tensors, strict=True):
            inputs[i] = tensor
        detached = detach_variable(tuple(inputs))
        restored = contextlib.nullcontext() if ctx.rng is None else ctx.rng.restored()
        with restored, enable_grad():
            outputs = ctx.run_function(*detached)
        outputs = outputs if isinstance(outputs, tuple) else (outputs,)
        used = [
            (y, g)
            for y, g in zip(outputs, grads, strict=True)
            if isinstance(y, TensorBase) and y._rg
        ]
        if not used:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([y for y, _ in used], [g for _, g in used])
        return None, None, *(x._grad if isinstance(x, TensorBase) else None for x in detached)


def detach_variable(inputs: tuple) -> tuple:
    """The tensors of a tuple detached, with their ``requires_grad``; RuntimeError if no tuple."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            f"Only tuple of tensors is supported. Got Unsupported input type: "
            f"{type(inputs).__name__}"
        )
    return tuple(
        x.detach().requires_grad_(x.requires_grad) if isinstance(x, TensorBase) else x
        for x in inputs
    )


def check_backward_validity(inputs: Iterable[Any]) -> None:
    """Warn if no tensor among ``inputs`` requires grad."""
    if not any(x.requires_grad for x in inputs if isinstance(x, TensorBase)):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=2
        )


def checkpoint_sequential(
    functions: Any, segments: int, input: Any, use_reentrant: bool | None = None, **kwargs: Any
) -> Any:
    """Run a Sequential, or a list of functions, with all but the last of ``segments`` checkpointed.

    ``preserve_rng_state`` is the only other option: ValueError for anything else.
    """
    if use_reentrant is None:
        name = "torch.utils.checkpoint.checkpoint_sequential"
        warnings.warn(_UNSET_REENTRANT.format(name), stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError("Unexpected keyword arguments: " + ",".join(kwargs))
    if hasattr(functions, "children"):
        functions = list(functions.children())
    size = len(functions) // segments
    for start in range(0, size * (segments - 1), size):
        input = checkpoint(
            _composed(functions[start : start + size]),
            input,
            use_reentrant=use_reentrant,
            preserve_rng_state=preserve,
        )
    done = size * (segments - 1) if size else 0
    return _composed(functions[done:])(input)


def _composed(functions: Sequence[Callable]) -> Callable:
    def run(input: Any) -> Any:
        for function in functions:
            input = function(input)
        return input

    return run
