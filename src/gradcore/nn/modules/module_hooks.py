"""The hooks of modules: registering them, and the call that runs them."""

from __future__ import annotations

import functools
import warnings
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

from ...autograd.hooks import RemovableHandle
from ...autograd.variable import TensorBase
from .backward_hook import BackwardHook

_global_buffer_registration_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_module_registration_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_parameter_registration_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_backward_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_backward_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_forward_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_forward_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_forward_hooks_always_called: OrderedDict[int, bool] = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict[int, bool] = OrderedDict()
_global_is_full_backward_hook: bool | None = None


def register_module_buffer_registration_hook(hook: Callable) -> RemovableHandle:
    """``hook(module, name, buffer)`` runs when any module registers a buffer."""
    return RemovableHandle.add(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook: Callable) -> RemovableHandle:
    """``hook(module, name, submodule)`` runs when any module registers a module."""
    return RemovableHandle.add(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook: Callable) -> RemovableHandle:
    """``hook(module, name, parameter)`` runs when any module registers a parameter."""
    return RemovableHandle.add(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook: Callable) -> RemovableHandle:
    """``hook(module, args)`` runs before every module's forward; it may return new args."""
    return RemovableHandle.add(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Callable, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """``hook(module, args, output)`` runs after every module's forward; it may replace output."""
    handle = RemovableHandle(_global_forward_hooks, extra_dict=_global_forward_hooks_always_called)
    _global_forward_hooks[handle.id] = hook
    if with_kwargs:
        _global_forward_hooks_with_kwargs[handle.id] = True
    if always_call:
        _global_forward_hooks_always_called[handle.id] = True
    return handle


def _set_global_backward_kind(full: bool) -> None:
    global _global_is_full_backward_hook
    if _global_is_full_backward_hook is (not full):
        raise RuntimeError(
            "Cannot use both regular backward hooks and full backward hooks as a "
            "global Module hook. Please use only one of them."
        )
    _global_is_full_backward_hook = full


def register_module_backward_hook(hook: Callable) -> RemovableHandle:
    """The old kind of backward hook for all modules: sees the output node's gradients only."""
    _set_global_backward_kind(False)
    return RemovableHandle.add(_global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook: Callable) -> RemovableHandle:
    """``hook(module, grad_output)`` runs before every module's backward."""
    return RemovableHandle.add(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Callable) -> RemovableHandle:
    """``hook(module, grad_input, grad_output)`` runs after every module's backward."""
    _set_global_backward_kind(True)
    return RemovableHandle.add(_global_backward_hooks, hook)


class WrappedHook:
    """A hook that gets the module it belongs to, without keeping that module alive."""

    def __init__(self, hook: Callable, module: Any = None) -> None:
        self.hook = hook
        functools.update_wrapper(self, hook)
        self.module = None if module is None else weakref.ref(module)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.module is None:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self) -> dict:
        return {"hook": self.hook, "module": None if self.module is None else self.module()}

    def __setstate__(self, state: dict) -> None:
        self.__init__(state["hook"], state["module"])  # type: ignore[misc]


def _add(hooks: OrderedDict, hook: Callable, prepend: bool, *marks: OrderedDict) -> RemovableHandle:
    """Register ``hook``, first if ``prepend``; ``marks`` are the dicts that may mention it."""
    handle = RemovableHandle(hooks, extra_dict=list(marks))
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


class HookMethods:
    """The part of ``Module`` that registers and runs hooks."""

    _forward_hooks: OrderedDict[int, Callable]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _forward_pre_hooks: OrderedDict[int, Callable]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    _backward_hooks: OrderedDict[int, Callable]
    _backward_pre_hooks: OrderedDict[int, Callable]
    _is_full_backward_hook: bool | None
    forward: Callable[..., Any]

    def register_forward_pre_hook(
        self, hook: Callable, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """``hook(module, args)`` runs before forward and may return new args.

        ``with_kwargs``: it is ``hook(module, args, kwargs)`` and may return both anew;
        ``prepend``: it runs before those registered earlier.
        """
        handle = _add(self._forward_pre_hooks, hook, prepend, self._forward_pre_hooks_with_kwargs)
        if with_kwargs:
            self._forward_pre_hooks_with_kwargs[handle.id] = True
        return handle

    def register_forward_hook(
        self,
        hook: Callable,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """``hook(module, args, output)`` runs after forward and may return another output.

        ``with_kwargs``: it is ``hook(module, args, kwargs, output)``; ``always_call``: it also
        runs when forward raises; ``prepend``: it runs before those registered earlier.
        """
        marks = (self._forward_hooks_with_kwargs, self._forward_hooks_always_called)
        handle = _add(self._forward_hooks, hook, prepend, *marks)
        if with_kwargs:
            self._forward_hooks_with_kwargs[handle.id] = True
        if always_call:
            self._forward_hooks_always_called[handle.id] = True
        return handle

    def register_full_backward_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """``hook(module, grad_output)`` runs before backward and may return new grad_output."""
        return _add(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
        """``hook(module, grad_input, grad_output)`` runs when the gradients of the module's inputs
        are there, and may return others."""
        self._set_backward_kind(True)
        return _add(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Callable) -> RemovableHandle:
        """The old kind of backward hook: sees the gradients of the output's node only."""
        self._set_backward_kind(False)
        return _add(self._backward_hooks, hook, False)

    def _set_backward_kind(self, full: bool) -> None:
        if self._is_full_backward_hook is (not full):
            raise RuntimeError(
                "Cannot use both regular backward hooks and full backward hooks on a "
                "single Module. Please use only one of them."
            )
        self._is_full_backward_hook = full

    def _get_backward_hooks(self) -> tuple[list[Callable], list[Callable]]:
        """The full hooks and the old ones, global ones first."""
        kinds = []
        for full in (True, False):
            hooks: list[Callable] = []
            if _global_is_full_backward_hook is full:
                hooks += _global_backward_hooks.values()
            if self._is_full_backward_hook is full:
                hooks += self._backward_hooks.values()
            kinds.append(hooks)
        return kinds[0], kinds[1]

    def _get_backward_pre_hooks(self) -> list[Callable]:
        return [*_global_backward_pre_hooks.values(), *self._backward_pre_hooks.values()]

    def _call_with_hooks(self, args: tuple, kwargs: dict) -> Any:
        """``forward`` with everything registered around it."""
        call = _HookedCall(self, args, kwargs)
        try:
            return call.run()
        except Exception:
            call.run_always_called()
            raise


class _HookedCall:
    """One call of a module that has hooks."""

    def __init__(self, module: HookMethods, args: tuple, kwargs: dict) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.called: set[int] = set()

    def run(self) -> Any:
        module = self.module
        pre_backward = module._get_backward_pre_hooks()
        full, old = module._get_backward_hooks()
        self.run_forward_pre_hooks()
        backward = None
        if full or pre_backward:
            backward = BackwardHook(module, full, pre_backward)
            self.args = backward.setup_input_hook(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        self.run_forward_hooks()
        if backward is not None:
            if not isinstance(self.result, (TensorBase, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a tuple "
                    f"of Tensors but received {type(self.result)}",
                    stacklevel=5,
                )
            self.result = backward.setup_output_hook(self.result)
        if old:
            self.attach_old_hooks(old)
        return self.result

    def run_forward_pre_hooks(self) -> None:
        module = self.module
        hooks = (*_global_forward_pre_hooks.items(), *module._forward_pre_hooks.items())
        for key, hook in hooks:
            if key in module._forward_pre_hooks_with_kwargs:
                changed = hook(module, self.args, self.kwargs)
                if changed is None:
                    continue
                if not isinstance(changed, tuple) or len(changed) != 2:
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple "
                        f"of (new_args, new_kwargs), but got {changed}."
                    )
                self.args, self.kwargs = changed
            else:
                changed = hook(module, self.args)
                if changed is not None:
                    self.args = changed if isinstance(changed, tuple) else (changed,)

    def forward_hooks(self) -> tuple:
        """(key, hook, whether it takes kwargs, whether it always runs) of each forward hook."""
        module = self.module
        return (
            *(
                (
                    key,
                    hook,
                    key in _global_forward_hooks_with_kwargs,
                    key in _global_forward_hooks_always_called,
                )
                for key, hook in _global_forward_hooks.items()
            ),
            *(
                (
                    key,
                    hook,
                    key in module._forward_hooks_with_kwargs,
                    key in module._forward_hooks_always_called,
                )
                for key, hook in module._forward_hooks.items()
            ),
        )

    def run_forward_hooks(self) -> None:
        for key, hook, with_kwargs, always in self.forward_hooks():
            if always:
                self.called.add(key)
            self.run_forward_hook(hook, with_kwargs)

    def run_forward_hook(self, hook: Callable, with_kwargs: bool) -> None:
        middle = (self.kwargs,) if with_kwargs else ()
        changed = hook(self.module, self.args, *middle, self.result)
        if changed is not None:
            self.result = changed

    def run_always_called(self) -> None:
        """After an error: the hooks with always_call that did not run yet."""
        for key, hook, with_kwargs, always in self.forward_hooks():
            if not always or key in self.called:
                continue
            try:
                self.run_forward_hook(hook, with_kwargs)
            except Exception as error:
                kind = "global module" if key in _global_forward_hooks else "module"
                warnings.warn(
                    f"{kind} forward hook with ``always_call=True`` raised an exception that was "
                    f"silenced as another error was raised in forward: {error}",
                    stacklevel=4,
                )

    def attach_old_hooks(self, hooks: list[Callable]) -> None:
        output = self.result
        while not isinstance(output, TensorBase):
            if isinstance(output, dict):
                output = next(v for v in output.values() if isinstance(v, TensorBase))
            else:
                output = output[0]
        node = output.grad_fn  # type: ignore[attr-defined]
        if node is None:
            return
        for hook in hooks:
            node.register_hook(WrappedHook(hook, self.module))
        _warn_of_old_hooks(self.args, self.result, node)


_DEPRECATED = "is deprecated and will be removed in future versions. This hook will be missing"


def _warn_of_old_hooks(inputs: Any, result: Any, node: Any) -> None:
    """Say what an old backward hook will not see."""
    message = _what_old_hooks_miss(inputs, result, node)
    if message is not None:
        warnings.warn(message, FutureWarning, stacklevel=6)


def _what_old_hooks_miss(inputs: Any, result: Any, node: Any) -> str | None:
    full = "Please use register_full_backward_hook to get the documented behavior."
    outputs = _tensors_only(result)
    if outputs is None:
        return (
            "Using non-full backward hooks on a Module that does not return a single Tensor or a "
            f"tuple of Tensors {_DEPRECATED} some of the grad_output. {full}"
        )
    given = _tensors_only(inputs)
    if given is None:
        return (
            "Using non-full backward hooks on a Module that does not take as input a single "
            f"Tensor or a tuple of Tensors {_DEPRECATED} some of the grad_input. {full}"
        )
    nodes = {t.grad_fn for t in outputs if t.grad_fn is not None}
    if node not in nodes:
        return (
            "Using a non-full backward hook when outputs are nested in python data structure "
            f"{_DEPRECATED} some grad_output."
        )
    if len(nodes) > 1:
        return (
            "Using a non-full backward hook when outputs are generated by different autograd Nodes "
            f"{_DEPRECATED} some grad_output. {full}"
        )
    input_nodes = {t.grad_fn for t in given if t.grad_fn is not None}
    if input_nodes != {edge for edge, _ in node.next_functions}:
        return (
            "Using a non-full backward hook when the forward contains multiple autograd Nodes "
            f"{_DEPRECATED} some grad_input. {full}"
        )
    return None


def _tensors_only(value: Any) -> tuple | None:
    """A tensor or a tuple of tensors as a tuple, None for anything else."""
    if isinstance(value, TensorBase):
        return (value,)
    if isinstance(value, tuple) and all(isinstance(v, TensorBase) for v in value):
        return value
    return None
