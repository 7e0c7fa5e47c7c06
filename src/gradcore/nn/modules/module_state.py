"""``state_dict`` and ``load_state_dict``."""

from __future__ import annotations

import warnings
from collections import OrderedDict, namedtuple
from collections.abc import Callable, Mapping
from typing import Any

from ...autograd.hooks import RemovableHandle
from ...autograd.modes import no_grad
from ...autograd.variable import TensorBase
from ..parameter import Parameter, is_lazy
from .module_hooks import WrappedHook

EXTRA_STATE_KEY_SUFFIX = "_extra_state"


class _IncompatibleKeys(namedtuple("IncompatibleKeys", ["missing_keys", "unexpected_keys"])):
    """What ``load_state_dict`` returns."""

    __slots__ = ()

    def __repr__(self) -> str:
        if not self.missing_keys and not self.unexpected_keys:
            return "<All keys matched successfully>"
        return super().__repr__()

    __str__ = __repr__


_NEVER_CALLED = (
    "Reached a code path in Module.{}() that should never be called. Please file an issue at "
    "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml to report this bug."
)


class StateMethods:
    """The part of ``Module`` that saves and loads its state."""

    _version: int
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _modules: dict[str, Any]
    _non_persistent_buffers_set: set[str]
    _state_dict_hooks: OrderedDict[int, Callable]
    _state_dict_pre_hooks: OrderedDict[int, Callable]
    _load_state_dict_pre_hooks: OrderedDict[int, Callable]
    _load_state_dict_post_hooks: OrderedDict[int, Callable]

    def get_extra_state(self) -> Any:
        """What to save besides tensors; subclasses define it together with set_extra_state."""
        raise RuntimeError(_NEVER_CALLED.format("get_extra_state"))

    def set_extra_state(self, state: Any) -> None:
        """Take back what ``get_extra_state`` returned."""
        raise RuntimeError(_NEVER_CALLED.format("set_extra_state"))

    # ------------------------------------------------------------------------- saving

    def state_dict(
        self, *args: Any, destination: Any = None, prefix: str = "", keep_vars: bool = False
    ) -> Any:
        """The parameters and persistent buffers by their dotted names.

        Args:
            destination: the mapping to fill; a new OrderedDict where it is None.
            prefix: put before every name.
            keep_vars: give the parameters themselves instead of detached tensors (which share
                their memory).
        """
        if args:
            warnings.warn(
                "Positional args are being deprecated, use kwargs instead. Refer to "
                "https://pytorch.org/docs/main/generated/torch.nn.Module.html"
                "#torch.nn.Module.state_dict for details.",
                FutureWarning,
                stacklevel=2,
            )
            destination = args[0] if destination is None else destination
            prefix = args[1] if len(args) > 1 and prefix == "" else prefix
            keep_vars = args[2] if len(args) > 2 and keep_vars is False else keep_vars
        if destination is None:
            destination = OrderedDict()
            destination._metadata = OrderedDict()
        local_metadata = {"version": self._version}
        if hasattr(destination, "_metadata"):
            destination._metadata[prefix[:-1]] = local_metadata
        for hook in self._state_dict_pre_hooks.values():
            hook(self, prefix, keep_vars)
        self._save_to_state_dict(destination, prefix, keep_vars)
        for name, module in self._modules.items():
            if module is not None:
                module.state_dict(
                    destination=destination, prefix=f"{prefix}{name}.", keep_vars=keep_vars
                )
        return self._run_state_dict_hooks(destination, prefix, local_metadata)

    def _run_state_dict_hooks(self, destination: Any, prefix: str, local_metadata: dict) -> Any:
        for hook in self._state_dict_hooks.values():
            result = hook(self, destination, prefix, local_metadata)
            if result is None:
                continue
            if getattr(hook, "_from_public_api", False):
                raise RuntimeError("state_dict post-hook must return None")
            destination = result
        return destination

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        """Put this module's own entries into ``destination``."""
        for name, parameter in self._parameters.items():
            if parameter is not None:
                destination[prefix + name] = parameter if keep_vars else parameter.detach()
        for name, buffer in self._buffers.items():
            if buffer is not None and name not in self._non_persistent_buffers_set:
                destination[prefix + name] = buffer if keep_vars else buffer.detach()
        if type(self).get_extra_state is not StateMethods.get_extra_state:
            destination[prefix + EXTRA_STATE_KEY_SUFFIX] = self.get_extra_state()

    def _register_state_dict_hook(self, hook: Callable) -> RemovableHandle:
        if getattr(hook, "_from_public_api", False):
            raise RuntimeError(
                "Cannot register the same function as the state dict post hook that was "
                "previously registered via register_state_dict_post_hook"
            )
        return RemovableHandle.add(self._state_dict_hooks, hook)

    def register_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """``hook(module, state_dict, prefix, local_metadata)`` may change the dict in place."""
        hook._from_public_api = True  # type: ignore[attr-defined]
        return RemovableHandle.add(self._state_dict_hooks, hook)

    def register_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """``hook(module, prefix, keep_vars)`` runs before ``state_dict``."""
        return RemovableHandle.add(self._state_dict_pre_hooks, hook)

    # ------------------------------------------------------------------------- loading

    def _register_load_state_dict_pre_hook(
        self, hook: Callable, with_module: bool = False
    ) -> RemovableHandle:
        wrapped = WrappedHook(hook, self if with_module else None)
        return RemovableHandle.add(self._load_state_dict_pre_hooks, wrapped)

    def register_load_state_dict_pre_hook(self, hook: Callable) -> RemovableHandle:
        """``hook(module, state_dict, prefix, local_metadata, strict, missing_keys,
        unexpected_keys, error_msgs)`` runs before this module's entries are loaded."""
        return self._register_load_state_dict_pre_hook(hook, with_module=True)

    def register_load_state_dict_post_hook(self, hook: Callable) -> RemovableHandle:
        """``hook(module, incompatible_keys)`` runs after ``load_state_dict``; it may change the
        lists of keys in place."""
        return RemovableHandle.add(self._load_state_dict_post_hooks, hook)

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> _IncompatibleKeys:
        """Copy the values of ``state_dict`` into the parameters and buffers.

        Args:
            state_dict: names as in ``state_dict()``.
            strict: raise where keys are missing or left over.
            assign: put the given tensors in the place of the module's own.

        Returns:
            A named tuple (missing_keys, unexpected_keys).

        Raises:
            RuntimeError: keys that do not match (if strict) or shapes that do not.
            TypeError: ``state_dict`` is no mapping.
        """
        if not isinstance(state_dict, Mapping):
            raise TypeError(f"Expected state_dict to be dict-like, got {type(state_dict)}.")
        metadata = getattr(state_dict, "_metadata", None)
        copied: Any = OrderedDict(state_dict)  # pre-hooks may change it
        if metadata is not None:
            copied._metadata = metadata
        loading = _Loading(metadata, assign)
        loading.load(self, copied, "")
        loading.raise_errors(type(self).__name__, strict)
        return _IncompatibleKeys(loading.missing_keys, loading.unexpected_keys)

    def _load_from_state_dict(
        self,
        state_dict: Any,
        prefix: str,
        local_metadata: dict,
        strict: bool,
        missing_keys: list[str],
        unexpected_keys: list[str],
        error_msgs: list[str],
    ) -> None:
        """Load this module's own entries; subclasses override it to convert old formats."""
        lists = (missing_keys, unexpected_keys, error_msgs)
        for hook in self._load_state_dict_pre_hooks.values():
            hook(state_dict, prefix, local_metadata, strict, *lists)
        assign = local_metadata.get("assign_to_params_buffers", False)
        local_state = self._local_state()
        for name, held in local_state.items():
            key = prefix + name
            if key in state_dict:
                error = self._load_one(name, key, held, state_dict[key], assign)
                if error is not None:
                    error_msgs.append(error)
            elif strict:
                missing_keys.append(key)
        self._load_extra_state(state_dict, prefix, strict, missing_keys, unexpected_keys)
        if strict:
            unexpected_keys.extend(self._left_over(state_dict, prefix, local_state))

    def _local_state(self) -> dict[str, Any]:
        """The module's own parameters and persistent buffers."""
        buffers = {
            k: v for k, v in self._buffers.items() if k not in self._non_persistent_buffers_set
        }
        return {k: v for k, v in (self._parameters | buffers).items() if v is not None}

    def _load_one(self, name: str, key: str, held: Any, given: Any, assign: bool) -> str | None:
        """Copy or assign one entry; returns what went wrong, or None."""
        if not isinstance(given, TensorBase):
            return (
                f'While copying the parameter named "{key}", expected torch.Tensor or Tensor-like '
                f"object from checkpoint but received {type(given)}"
            )
        if is_lazy(held) and is_lazy(given):
            return None
        if held.dim() == 0 and not is_lazy(given) and tuple(given.shape) == (1,):
            given = given[0]  # type: ignore[index]  # checkpoints of PyTorch 0.3 have no 0-d tensors
        if not is_lazy(given) and given.shape != held.shape:
            return (
                f"size mismatch for {key}: copying a param with shape {given.shape} from "
                f"checkpoint, the shape in current model is {held.shape}."
            )
        try:
            with no_grad():
                if assign:
                    self._assign(name, held, given)
                else:
                    held.copy_(given)
        except Exception as error:
            return (
                f'While copying the parameter named "{key}", whose dimensions in the model are '
                f"{held.size()} and whose dimensions in the checkpoint are {given.size()}, "
                f"an exception occurred : {error.args}."
            )
        return None

    def _assign(self, name: str, held: Any, given: Any) -> None:
        if isinstance(held, Parameter):
            if isinstance(given, Parameter):
                given.requires_grad_(held.requires_grad)
            else:
                given = Parameter(given, requires_grad=held.requires_grad)
        setattr(self, name, given)

    def _load_extra_state(
        self, state_dict: Any, prefix: str, strict: bool, missing: list, unexpected: list
    ) -> None:
        key = prefix + EXTRA_STATE_KEY_SUFFIX
        if type(self).set_extra_state is not StateMethods.set_extra_state:
            if key in state_dict:
                self.set_extra_state(state_dict[key])
            elif strict:
                missing.append(key)
        elif strict and key in state_dict:
            unexpected.append(key)

    def _left_over(self, state_dict: Any, prefix: str, local_state: dict) -> list[str]:
        """The keys below ``prefix`` that nothing in this module asks for."""
        result = []
        for key in state_dict:
            if not key.startswith(prefix) or key == prefix + EXTRA_STATE_KEY_SUFFIX:
                continue
            name, _, rest = key[len(prefix) :].partition(".")
            known = self._modules if rest or key.endswith(".") else local_state
            if name not in known:
                result.append(key)
        return result


class _Loading:
    """One ``load_state_dict``: what it has found so far."""

    def __init__(self, metadata: Any, assign: bool) -> None:
        self.metadata = metadata
        self.assign = assign
        self.missing_keys: list[str] = []
        self.unexpected_keys: list[str] = []
        self.errors: list[str] = []

    def load(self, module: Any, state_dict: Any, prefix: str) -> None:
        local_metadata = {} if self.metadata is None else self.metadata.get(prefix[:-1], {})
        if self.assign:
            local_metadata["assign_to_params_buffers"] = self.assign
        lists = (self.missing_keys, self.unexpected_keys, self.errors)
        module._load_from_state_dict(state_dict, prefix, local_metadata, True, *lists)
        for name, child in module._modules.items():
            if child is not None:
                below = f"{prefix}{name}."
                entries = {k: v for k, v in state_dict.items() if k.startswith(below)}
                self.load(child, entries, below)
        incompatible = _IncompatibleKeys(self.missing_keys, self.unexpected_keys)
        for hook in module._load_state_dict_post_hooks.values():
            if hook(module, incompatible) is not None:
                raise AssertionError(
                    "Hooks registered with ``register_load_state_dict_post_hook`` are not "
                    "expected to return new values, if incompatible_keys need to be modified, "
                    "it should be done inplace."
                )

    def raise_errors(self, name: str, strict: bool) -> None:
        errors = self.errors
        if strict:
            found = (("Missing", self.missing_keys), ("Unexpected", self.unexpected_keys))
            errors = [
                f"{what} key(s) in state_dict: {', '.join(map(_quoted, keys))}. "
                for what, keys in found
                if keys
            ] + errors
        if errors:
            raise RuntimeError(
                "Error(s) in loading state_dict for {}:\n\t{}".format(name, "\n\t".join(errors))
            )


def _quoted(key: str) -> str:
    return f'"{key}"'
