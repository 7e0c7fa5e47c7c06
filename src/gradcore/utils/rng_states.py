"""The states of all random number generators that a call may use."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from ..autograd.variable import TensorBase


class RandomStates:
    """The states of the random number generators before a call."""

    def __init__(self, args: tuple) -> None:
        from .. import get_rng_state

        self.cpu = get_rng_state()
        self.devices, self.states = get_device_states(*args)

    @contextlib.contextmanager
    def restored(self) -> Iterator[None]:
        """A context in which the generators go on from these states."""
        from .. import get_rng_state, set_rng_state

        now = get_rng_state()
        devices_now = _device_states(self.devices)
        set_rng_state(self.cpu)
        set_device_states(self.devices, self.states)
        try:
            yield
        finally:
            set_rng_state(now)
            set_device_states(self.devices, devices_now)


def get_device_states(*args: Any) -> tuple[list[int], list[Any]]:
    """The indices of the CUDA devices of tensors among ``args``, and their generators' states."""
    found: list[int] = []
    waiting = list(args)
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, (list, tuple)):
            waiting.extend(value)
        elif isinstance(value, TensorBase) and value.is_cuda:  # type: ignore[attr-defined]
            found.append(value.get_device())  # type: ignore[attr-defined]
    devices = sorted(set(found))
    return devices, _device_states(devices)


def _device_states(devices: Sequence[int]) -> list[Any]:
    if not devices:
        return []
    from .. import cuda

    return [cuda.get_rng_state(device) for device in devices]


def set_device_states(devices: Sequence[int], states: Sequence[Any]) -> None:
    """Give the generators of CUDA devices these states."""
    if not devices:
        return
    from .. import cuda

    for device, device_state in zip(devices, states, strict=True):
        cuda.set_rng_state(device_state, device)
