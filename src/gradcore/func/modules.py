"""Modules as functions of their parameters: ``functional_call`` and ``stack_module_state``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..autograd.variable import TensorBase
from ..ops.registry import FUNCTIONS

_MISSING = object()


def functional_call(
    module: Any,
    parameter_and_buffer_dicts: Any,
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """``module(*args, **kwargs)`` with other parameters and buffers, which stay unchanged.

    Args:
        parameter_and_buffer_dicts: tensors by their names in the module, in one dict or several.
        args: a tuple of arguments, or the only one.
        tie_weights: what one name of a shared tensor gets, its other names get too.
        strict: RuntimeError unless the names are those of the module.
    """
    given = _as_one(parameter_and_buffer_dicts)
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    values = _tied(module, given) if tie_weights else dict(given)
    if strict:
        _check_names(module, values)
    _check_values(values)
    with _replaced(module, values, given):
        return module(*args, **(kwargs or {}))


def _as_one(dicts: Any) -> dict[str, Any]:
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, Sequence):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts)}"
        )
    if not all(isinstance(d, dict) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    names = [name for d in dicts for name in d]
    repeated = sorted({name for name in names if names.count(name) > 1}, key=names.index)
    if repeated:
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
            "ambiguous"
        )
    return {name: value for d in dicts for name, value in d.items()}


def _named_tensors(module: Any) -> dict[str, Any]:
    return {
        **dict(module.named_parameters(remove_duplicate=False)),
        **dict(module.named_buffers(remove_duplicate=False)),
    }


def _tied(module: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """``given`` with the other names of shared tensors; ValueError where two values differ."""
    names: dict[int, list[str]] = {}
    tensors = _named_tensors(module)
    for name, tensor in tensors.items():
        names.setdefault(id(tensor), []).append(name)
    values = dict(given)
    for shared in names.values():
        found = {id(given[name]): given[name] for name in shared if name in given}
        if len(shared) == 1 or not found:
            continue
        if len(found) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(shared)}, which are tied. "
                "Consider using tie_weights=False"
            )
        (value,) = found.values()
        values.update(dict.fromkeys(shared, value))
    return values


def _check_names(module: Any, values: Mapping[str, Any]) -> None:
    own = _named_tensors(module)
    unexpected = [name for name in values if name not in own]
    missing = [name for name in own if name not in values]
    errors = []
    if unexpected:
        errors.append(f"Unexpected key(s): {', '.join(map(repr, unexpected))}.")
    if missing:
        errors.append(f"Missing key(s): {', '.join(map(repr, missing))}.")
    if errors:
        text = "\n\t".join(errors)
        raise RuntimeError(f"Error(s) in reparametrizing for {module._get_name()}:\n\t{text}")


@contextlib.contextmanager
def _replaced(module: Any, values: Mapping[str, Any], given: dict[str, Any]) -> Iterator[None]:
    """The module with these tensors; a buffer that it sets anew is written back to ``given``."""
    homes = {name: _home(module, name) for name in values}
    originals = {name: held.get(short, _MISSING) for name, (held, short) in homes.items()}
    try:
        for name, (held, short) in homes.items():
            held[short] = values[name]
        yield
    finally:
        for name, (held, short) in homes.items():
            if name in given:
                given[name] = held[short]
            if originals[name] is _MISSING:
                del held[short]
            else:
                held[short] = originals[name]


def _check_values(values: Mapping[str, Any]) -> None:
    for value in values.values():
        if value is not None and not isinstance(value, TensorBase):
            raise TypeError(f"{value} is not an instance of torch.Tensor")


def _home(module: Any, name: str) -> tuple[dict, str]:
    """The dict in which a name of a module is to be set, and its key in there.

    As in PyTorch, a name that the module does not have becomes an attribute for the call.
    """
    path, _, short = name.rpartition(".")
    owner = module.get_submodule(path)
    for held in (owner._parameters, owner._buffers):
        if short in held:
            return held, short
    attribute = getattr(owner, short, None)
    if attribute is not None and not isinstance(attribute, TensorBase):
        raise TypeError(f"attribute `{short}`: {attribute} is not an instance of torch.Tensor")
    return owner.__dict__, short


def stack_module_state(models: Sequence[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The parameters and the buffers of modules of one class, each stacked along dimension 0.

    The stacked parameters are new leaves. RuntimeError if there is no module, or if the modules
    differ in class, mode or in what requires grad.
    """
    if len(models) == 0:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if len({model.training for model in models}) > 1:
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if len({type(model) for model in models}) > 1:
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return _stacked(parameters), _stacked(buffers)


def _stacked(dicts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: _stacked_leaf([d[name] for d in dicts], name) for name in dicts[0]}


def _stacked_leaf(tensors: list, name: str) -> Any:
    flags = {t.requires_grad for t in tensors}
    if len(flags) > 1:
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    stacked = FUNCTIONS["stack"](tensors)
    return stacked.detach().requires_grad_() if flags == {True} else stacked
