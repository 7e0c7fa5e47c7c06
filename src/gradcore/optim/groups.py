"""What goes into and comes out of an optimizer's groups: parameters, names, loaded state."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..autograd.variable import TensorBase
from ..backends.dtype import DTYPES

_FLOAT32 = DTYPES["float32"]


def split_names(group: dict[str, Any]) -> None:
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


def check_groups(groups: list, saved_groups: list) -> None:
    if len(groups) != len(saved_groups):
        raise ValueError("loaded state dict has a different number of parameter groups")
    pairs = zip(groups, saved_groups, strict=True)
    if any(len(group["params"]) != len(saved["params"]) for group, saved in pairs):
        raise ValueError(
            "loaded state dict contains a parameter group that doesn't match the size of "
            "optimizer's group"
        )


def group_of(number: Any, groups: list) -> dict[str, Any]:
    return next((group for group in groups if number in group["params"]), {})


def fitted(param: Any, value: Any, options: dict, key: Any) -> Any:
    """Loaded state at the dtype and device of its parameter; "step" stays on the host.

    (PyTorch's fused kernels want it on the device; ours take it as a number.)
    """
    if isinstance(value, TensorBase):
        if key == "step":
            if options.get("capturable"):
                return value.to(dtype=_FLOAT32, device=param.device)
            return value.to(dtype=_FLOAT32 if options.get("fused") else None, device="cpu")
        if param.is_floating_point():
            return value.to(dtype=param.dtype, device=param.device)
        return value.to(device=param.device)
    if isinstance(value, dict):
        return {k: fitted(param, v, options, k) for k, v in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(fitted(param, v, options, None) for v in value)  # type: ignore[call-arg]
    return value
