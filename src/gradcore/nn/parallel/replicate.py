"""Copies of a module on several devices, whose parameters are functions of the module's own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..modules.module import Module
from .scatter_gather import device_of

__all__ = ["replicate"]


def replicate(network: Module, devices: Sequence[Any], detach: bool = False) -> list[Module]:
    """One copy of ``network`` for each device.

    The copies' parameters are not leaves: gradients go on to the parameters of ``network``, where
    they are added up. ``detach`` cuts that connection.
    """
    return [_replica(network, device_of(device), detach, {}) for device in devices]


def _replica(module: Module, device: str, detach: bool, made: dict[int, Module]) -> Module:
    if id(module) in made:
        return made[id(module)]
    if hasattr(module, "_replicate_for_data_parallel"):
        module._replicate_for_data_parallel()
    copy: Any = type(module).__new__(type(module))
    made[id(module)] = copy
    attributes = dict(module.__dict__)
    attributes |= {"_parameters": {}, "_buffers": dict(module._buffers), "_modules": {}}
    copy.__dict__ = attributes
    for name, child in module._modules.items():
        held = None if child is None else _replica(child, device, detach, made)
        copy._modules[name] = held
    for name, parameter in module._parameters.items():
        if parameter is None:
            copy._parameters[name] = None
        else:
            moved = parameter.to(device)
            copy.__dict__[name] = moved.detach() if detach else moved
    for name, buffer in module._buffers.items():
        copy._buffers[name] = None if buffer is None else buffer.to(device)
    return copy
