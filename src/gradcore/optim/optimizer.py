"""The base class of all optimizers: groups of parameters, state, hooks, saving and loading."""

from __future__ import annotations

import functools
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from copy import deepcopy
from itertools import chain
from typing import Any

from ..autograd.hooks import RemovableHandle
from ..autograd.inplace import bump
from ..autograd.modes import enable_grad, set_grad_enabled
from ..autograd.variable import TensorBase
from ..backends.default import default_dtype
from ..backends.dtype import DTYPES, from_numpy_dtype
from ..backends.registry import backend_of
from ..nn.modules.module import clear_gradient
from ..nn.typename import typename
from ..ops.registry import FUNCTIONS

_global_optimizer_pre_hooks: OrderedDict[int, Callable] = OrderedDict()
_global_optimizer_post_hooks: OrderedDict[int, Callable] = OrderedDict()

_FLOAT32 = DTYPES["float32"]

# What PyTorch names in its messages.
_FUSED_DEVICES = ["mps", "cuda", "xpu", "hpu", "cpu", "mtia"]
_CAPTURABLE_DEVICES = ["cuda", "xpu", "hpu", "privateuseone", "xla"]


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
        before = (*_global_optimizer_pre_hooks.values(), *self._optimizer_step_pre_hooks.values())
        for hook in before:
            changed = hook(self, args, kwargs)
            if changed is None:
                continue
            if not isinstance(changed, tuple) or len(changed) != 2:
                raise RuntimeError(
                    f"{step} must return None or a tuple of (new_args, new_kwargs), but got "
                    f"{changed}."
                )
            args, kwargs = changed
        result = step(self, *args, **kwargs)
        after = (*self._optimizer_step_post_hooks.values(), *_global_optimizer_post_hooks.values())
        for hook in after:
            hook(self, args, kwargs)
        return result

    hooked.hooked = True  # type: ignore[attr-defined]
    return hooked


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
    """

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
        _split_names(param_group)
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
                clear_gradient(param, set_to_none)

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update the parameters by their gradients; returns what ``closure`` returns."""
        raise NotImplementedError

    def _run_step(self, closure: Callable[[], Any] | None, update: Callable[[dict], None]) -> Any:
        """The frame of every step: the closure with gradients, the updates without."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        with set_grad_enabled(bool(self.defaults["differentiable"])):
            for group in self.param_groups:
                update(group)
        return loss

    def register_step_pre_hook(self, hook: Callable) -> RemovableHandle:
        """``hook(optimizer, args, kwargs)`` runs before step; it may return new (args, kwargs)."""
        return RemovableHandle.add(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook: Callable) -> RemovableHandle:
        """``hook(optimizer, args, kwargs)`` runs after step."""
        return RemovableHandle.add(self._optimizer_step_post_hooks, hook)

    # ------------------------------------------------------------------ saving and loading

    def register_state_dict_pre_hook(self, hook: Callable, prepend: bool = False) -> RemovableHandle:
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
        packed_groups = []
        start = 0
        for group in self.param_groups:
            for i, param in enumerate(group["params"], start):
                numbers.setdefault(id(param), i)
            packed = {k: v for k, v in group.items() if k != "params"}
            packed["params"] = [numbers[id(param)] for param in group["params"]]
            packed_groups.append(packed)
            start += len(packed["params"])
        state = {
            (numbers[id(k)] if isinstance(k, TensorBase) else k): v for k, v in self.state.items()
        }
        result = {"state": state, "param_groups": packed_groups}
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
        _check_groups(groups, saved_groups)
        numbers = chain.from_iterable(group["params"] for group in saved_groups)
        params = chain.from_iterable(group["params"] for group in groups)
        by_number = dict(zip(numbers, params, strict=True))
        state: defaultdict[Any, Any] = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in by_number:
                options = _group_of(key, state_dict["param_groups"])
                state[by_number[key]] = _fitted(by_number[key], value, options, None)
            else:
                state[key] = value
        for group, saved in zip(groups, saved_groups, strict=True):
            saved["params"] = group["params"]
            if "param_names" in group:
                saved.setdefault("param_names", group["param_names"])
        self.__setstate__({"state": state, "param_groups": saved_groups})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)


def _add(hooks: OrderedDict, hook: Callable, prepend: bool) -> RemovableHandle:
    handle = RemovableHandle.add(hooks, hook)
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _split_names(group: dict[str, Any]) -> None:
    """Make ``group["params"]`` a list of tensors, and ``param_names`` of (name, tensor) pairs."""
    params = group["params"]
    if isinstance(params, set):
        raise TypeError(
            "optimizer parameters need to be organized in ordered collections, but the ordering of "
            "tensors in sets will change between runs. Please use a list instead."
        )
    members = [params] if isinstance(params, TensorBase) else list(params)
    names = [member[0] for member in members if isinstance(member, tuple)]
    group["params"] = [m[1] if isinstance(m, tuple) else m for m in members]
    if names:
        if len(names) != len(members):
            raise ValueError(
                "all optimizer params should be with/without names. Some param names are missing"
            )
        group["param_names"] = names


def _check_groups(groups: list, saved_groups: list) -> None:
    if len(groups) != len(saved_groups):
        raise ValueError("loaded state dict has a different number of parameter groups")
    pairs = zip(groups, saved_groups, strict=True)
    if any(len(group["params"]) != len(saved["params"]) for group, saved in pairs):
        raise ValueError(
            "loaded state dict contains a parameter group that doesn't match the size of "
            "optimizer's group"
        )


def _group_of(number: Any, groups: list) -> dict[str, Any]:
    return next((group for group in groups if number in group["params"]), {})


def _fitted(param: Any, value: Any, options: dict, key: Any) -> Any:
    """Loaded state at the dtype and device of its parameter; "step" stays float32 on the host."""
    if isinstance(value, TensorBase):
        value: Any
        if key == "step":
            if options.get("capturable") or options.get("fused"):
                return value.to(dtype=_FLOAT32, device=param.device)
            return value
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {k: _fitted(param, v, options, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_fitted(param, v, options, None) for v in value)  # type: ignore[call-arg]
    return value


# --------------------------------------------------------------------- for the subclasses


def check_options(options: dict[str, Any]) -> None:
    """PyTorch's errors for contradicting ``fused``, ``foreach`` and ``differentiable``."""
    if options["fused"]:
        if options["differentiable"]:
            raise RuntimeError("`fused` does not support `differentiable`")
        if options["foreach"]:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def check_fused(param: Any) -> None:
    """PyTorch's error for ``fused=True`` with a parameter that has no fused kernel."""
    if not param.is_floating_point():
        raise RuntimeError(
            "`fused=True` requires all the params to be floating point Tensors of supported "
            f"devices: {_FUSED_DEVICES} but {param.dtype} and {param.device.type}"
        )


def check_capturable(param: Any, step: Any) -> None:
    """PyTorch's error for ``capturable=True`` where nothing can be captured."""
    if param.device.type not in _CAPTURABLE_DEVICES or step.device.type != param.device.type:
        raise AssertionError(
            "If capturable=True, params and state_steps must be on supported devices: "
            f"{_CAPTURABLE_DEVICES}."
        )


def number(value: Any) -> Any:
    """A Python number of an option that may be a one-element tensor."""
    return value.item() if isinstance(value, TensorBase) else value


def is_recorded(value: Any) -> bool:
    """Whether an option is a tensor that gradients are computed for."""
    return isinstance(value, TensorBase) and value._rg


def new_step(param: Any, group: dict[str, Any]) -> Any:
    """A counter of steps: 0, on the host unless it must be where the parameter is."""
    zeros = FUNCTIONS["zeros"]
    if group["fused"] or group["capturable"]:
        return zeros((), dtype=_FLOAT32, device=param.device)
    return zeros((), dtype=from_numpy_dtype(default_dtype()), device="cpu")


def fused_update(name: str, columns: list[Any], options: dict[str, Any]) -> bool:
    """Run the kernel ``name`` over lists of tensors (parameters first); False where none fits.

    ``columns`` are the kernel's positional arguments: lists of tensors of one length, or None.
    """
    params = columns[0]
    first = params[0]._array
    kind, dtype = type(first), first.dtype
    for param in params:
        array = param._array
        if type(array) is not kind or array.dtype != dtype:
            return False
    arrays = [None if column is None else [t._array for t in column] for column in columns]
    backend = backend_of(first)
    if kind is not backend_of(arrays[1][0]).array_type and kind is not type(arrays[1][0]):
        return False
    with backend.on(backend.device_of(first)):
        if not backend.update(name, *arrays, **options):
            return False
    for param in params:
        bump(param)
    return True
