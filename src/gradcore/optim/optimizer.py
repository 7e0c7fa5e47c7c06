"""The base class of all optimizers: groups of parameters, state, hooks, saving and loading."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from copy import deepcopy
from itertools import chain
from typing import Any

from ..autograd.hooks import RemovableHandle
from ..autograd.modes import enable_grad, set_grad_enabled
from ..autograd.variable import TensorBase
from ..nn.modules.module import clear_gradient
from ..nn.typename import typename
from .groups import check_groups, fitted, group_of, split_names
from .kernels import packed

_global_optimizer_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_optimizer_post_hooks: OrderedDict[int, Callable] = OrderedDict()


class _RequiredParameter:
    """The default of an option that every group must give."""

    def __repr__(self) -> str:
        return "<required parameter>"


required = _RequiredParameter()


def register_optimizer_step_pre_hook(hook: Callable) -> RemovableHandle:
    """``hook(optimizer, args, kwargs)`` runs before every optimizer's step."""
    return RemovableHandle.add(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook: Callable) -> RemovableHandle:
    """``hook(optimizer, args, kwargs)`` runs after every optimizer's step."""
    return RemovableHandle.add(_global_optimizer_post_hooks, hook)


def _with_hooks(step: Callable) -> Callable:
    """``step`` with the hooks registered around it."""

    @functools.wraps(step)
    def hooked(self: Optimizer, *args: Any, **kwargs: Any) -> Any:
        if _global_optimizer_pre_hooks or self._optimizer_step_pre_hooks:
            args, kwargs = _before_step(self, step, args, kwargs)
        result = step(self, *args, **kwargs)
        if _global_optimizer_post_hooks or self._optimizer_step_post_hooks:
            own, shared = self._optimizer_step_post_hooks, _global_optimizer_post_hooks
            for hook in (*own.values(), *shared.values()):
                hook(self, args, kwargs)
        return result

    hooked.hooked = True  # type: ignore[attr-defined]
    return hooked


def _before_step(optimizer: Optimizer, step: Callable, args: tuple, kwargs: dict) -> tuple:
    """The arguments of ``step`` after the hooks that may change them."""
    own, shared = optimizer._optimizer_step_pre_hooks, _global_optimizer_pre_hooks
    for hook in (*shared.values(), *own.values()):
        changed = hook(optimizer, args, kwargs)
        if changed is None:
            continue
        if not isinstance(changed, tuple) or len(changed) != 2:
            raise RuntimeError(
                f"{step} must return None or a tuple of (new_args, new_kwargs), but got {changed}."
            )
        args, kwargs = changed
    return args, kwargs


_HOOKS = (
    "_optimizer_step_pre_hooks",
    "_optimizer_step_post_hooks",
    "_optimizer_state_dict_pre_hooks",
    "_optimizer_state_dict_post_hooks",
    "_optimizer_load_state_dict_pre_hooks",
    "_optimizer_load_state_dict_post_hooks",
)


class Optimizer:
    """Base class; subclasses write ``step()``.

    Args:
        params: tensors, (name, tensor) pairs, or dicts {"params": …, option: …}, one per group.
        defaults: the options of groups that do not give their own.

    Raises:
        TypeError: a bare tensor, or members that are no tensors.
        ValueError: nothing to optimize, non-leaf tensors, a parameter in two groups.

    >>> x = nn.Parameter(torch.zeros(2))
    >>> torch.optim.Optimizer([x], {"lr": 0.1}).param_groups[0]["lr"]
    0.1
    """

    # The names of state that a kernel takes; small ones of a group are kept side by side.
    _kernel_state: tuple[str, ...] = ()

    _optimizer_step_pre_hooks: OrderedDict[int, Callable]
    _optimizer_step_post_hooks: OrderedDict[int, Callable]
    _optimizer_state_dict_pre_hooks: OrderedDict[int, Callable]
    _optimizer_state_dict_post_hooks: OrderedDict[int, Callable]
    _optimizer_load_state_dict_pre_hooks: OrderedDict[int, Callable]
    _optimizer_load_state_dict_post_hooks: OrderedDict[int, Callable]

    def __init__(self, params: Any, defaults: dict[str, Any]) -> None:
        self.defaults = defaults
        for name in _HOOKS:
            setattr(self, name, OrderedDict())
        self._memory: dict[int, dict[str, Any]] = {}
        self._patch_step_function()
        if isinstance(params, TensorBase):
            raise TypeError(
                "params argument given to the optimizer should be an iterable of Tensors or "
                f"dicts, but got {typename(params)}"
            )
        self.state: defaultdict[Any, Any] = defaultdict(dict)
        self.param_groups: list[dict[str, Any]] = []
        groups = list(params)
        if len(groups) == 0:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(group)

    def _patch_step_function(self) -> None:
        """Put the hooks around the class's step, once."""
        cls = type(self)
        if not getattr(cls.step, "hooked", False):
            cls.step = _with_hooks(cls.step)  # type: ignore[method-assign]

    def __getstate__(self) -> dict[str, Any]:
        return {"defaults": self.defaults, "state": self.state, "param_groups": self.param_groups}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        for name in _HOOKS:
            self.__dict__.setdefault(name, OrderedDict())
        self._memory = {}
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)

    def __repr__(self) -> str:
        lines = [f"{type(self).__name__} ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"Parameter Group {i}")
            lines += [f"    {key}: {group[key]}" for key in sorted(group) if key != "params"]
        return "\n".join(lines) + "\n)"

    # ------------------------------------------------------------------------ groups

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group: {"params": …} with options of its own; the rest are the defaults."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        split_names(param_group)
        params = param_group["params"]
        self._check_members(params)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization parameter "
                    f"{name}"
                )
            param_group.setdefault(name, default)
        if len(params) != len(set(params)):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, this "
                "will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                stacklevel=3,
            )
        self._check_against_others(param_group)
        self.param_groups.append(param_group)

    def _check_members(self, params: list) -> None:
        for param in params:
            if not isinstance(param, TensorBase):
                raise TypeError(
                    "optimizer can only optimize Tensors, but one of the params is "
                    + typename(param)
                )
            leaf = param.is_leaf or param.retains_grad  # type: ignore[attr-defined]
            if not (leaf or self.defaults.get("differentiable")):
                raise ValueError("can't optimize a non-leaf Tensor")

    def _check_against_others(self, param_group: dict[str, Any]) -> None:
        named = "param_names" in param_group
        for group in self.param_groups:
            if named != ("param_names" in group):
                raise ValueError(
                    "all optimizer param groups should be with/without names. cannot add param "
                    f"group {'with names' if named else 'without names'} to the optimizer"
                )
        known = set(chain.from_iterable(group["params"] for group in self.param_groups))
        if not known.isdisjoint(param_group["params"]):
            raise ValueError("some parameters appear in more than one parameter group")

    # ------------------------------------------------------------------ step and gradients

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for group in self.param_groups:
            for param in group["params"]:
                if set_to_none:
                    param._grad = None
                else:
                    clear_gradient(param, False)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters by their gradients; returns what ``closure`` returns."""
        raise NotImplementedError

    def _run_step(self, closure: Callable[[], Any] | None) -> Any:
        """The frame of most steps: the loss of the closure, then the update of every group."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            self._update(group)
        return loss

    def _update(self, group: dict[str, Any]) -> None:
        """Update the parameters of one group that have gradients."""
        raise NotImplementedError

    def _mode(self) -> set_grad_enabled:
        """The grad mode of updates: recorded only for ``differentiable``."""
        return set_grad_enabled(bool(self.defaults.get("differentiable")))

    def _memory_of(self, group: dict[str, Any]) -> dict[str, Any]:
        """What kernels keep from step to step for this group; they check that it still fits."""
        return self._memory.setdefault(id(group), {})

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """``hook(optimizer, args, kwargs)`` runs before step; it may return new (args, kwargs)."""
        return RemovableHandle.add(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """``hook(optimizer, args, kwargs)`` runs after step."""
        return RemovableHandle.add(self._optimizer_step_post_hooks, hook)

    # ------------------------------------------------------------------ saving and loading

    def register_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """``hook(optimizer)`` runs before ``state_dict``."""
        return _add(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """``hook(optimizer, state_dict)`` runs after ``state_dict``; it may return another."""
        return _add(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """``hook(optimizer, state_dict)`` runs before loading; it may return another dict."""
        return _add(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(
        self, hook: Callable, prepend: bool = False
    ) -> RemovableHandle:
        """``hook(optimizer)`` runs after loading."""
        return _add(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    def state_dict(self) -> dict[str, Any]:
        """{"state": by number of the parameter, "param_groups": with numbers as "params"}."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        numbers: dict[int, int] = {}
        saved_groups = []
        start = 0
        for group in self.param_groups:
            for i, param in enumerate(group["params"], start):
                numbers.setdefault(id(param), i)
            saved = {k: v for k, v in group.items() if k != "params"}
            saved["params"] = [numbers[id(param)] for param in group["params"]]
            saved_groups.append(saved)
            start += len(saved["params"])
        state = {
            (numbers[id(k)] if isinstance(k, TensorBase) else k): v for k, v in self.state.items()
        }
        result = {"state": state, "param_groups": saved_groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            changed = hook(self, result)
            result = result if changed is None else changed
        return result

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over a state from ``state_dict()``, cast to the parameters' dtype and device.

        Raises:
            ValueError: groups that differ in number or size from this optimizer's.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            changed = hook(self, state_dict)
            state_dict = state_dict if changed is None else changed
        groups = self.param_groups
        saved_groups = deepcopy(state_dict["param_groups"])
        check_groups(groups, saved_groups)
        numbers = chain.from_iterable(group["params"] for group in saved_groups)
        params = chain.from_iterable(group["params"] for group in groups)
        by_number = dict(zip(numbers, params, strict=True))
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                options = group_of(key, state_dict["param_groups"])
                state[by_number[key]] = fitted(by_number[key], value, options, None)
            else:
                state[key] = value
        for group, saved in zip(groups, saved_groups, strict=True):
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved_groups})
        self._pack_state()
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def _pack_state(self) -> None:
        """Put loaded state side by side, as the first step does with new state."""
        for group in self.param_groups:
            states = [self.state[p] for p in group["params"] if p in self.state]
            for key in self._kernel_state:
                holders = [s for s in states if isinstance(s.get(key), TensorBase)]
                for state, tensor in zip(holders, packed([s[key] for s in holders]), strict=True):
                    state[key] = tensor


def _add(hooks: OrderedDict, hook: Callable, prepend: bool) -> RemovableHandle:
    handle = RemovableHandle.add(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle
