"""Where storages go when a file is loaded: ``map_location`` and the tags in files."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from ..backends.device import device as Device
from .storage import UntypedStorage

__all__ = ["default_restore_location", "location_tag", "register_package"]

_packages: list[tuple[int, Callable, Callable]] = []

_USE_THE_CPU = (
    "If you are running on a CPU-only machine, please use torch.load with "
    "map_location=torch.device('cpu') to map your storages to the CPU."
)


def register_package(priority: int, tagger: Callable, deserializer: Callable) -> None:
    """Add a kind of place.

    Args:
        priority: smaller ones are asked first.
        tagger: called with a storage; returns its tag, or None where it is not of this kind.
        deserializer: called with (storage, tag); returns the storage at that place, or None.
    """
    _packages.append((priority, tagger, deserializer))
    _packages.sort(key=lambda package: package[0])


def location_tag(storage: UntypedStorage) -> str:
    """The tag that a file keeps of a storage's place; RuntimeError where nobody knows one."""
    for _, tagger, _ in _packages:
        tag = tagger(storage)
        if tag:
            return tag
    raise RuntimeError(f"don't know how to determine data location of {type(storage).__name__}")


def default_restore_location(storage: UntypedStorage, location: str) -> Any:
    """``storage`` moved to the place that a tag names; RuntimeError where nobody knows it."""
    for _, _, deserializer in _packages:
        moved = deserializer(storage, location)
        if moved is not None:
            return moved
    raise RuntimeError(
        "don't know how to restore data location of torch.storage.UntypedStorage (tagged with "
        f"{location})"
    )


def _cpu_tag(storage: UntypedStorage) -> str | None:
    return "cpu" if storage.device.type == "cpu" else None


def _cpu_place(storage: UntypedStorage, location: str) -> UntypedStorage | None:
    return storage.cpu() if location == "cpu" else None


def _cuda_tag(storage: UntypedStorage) -> str | None:
    return str(storage.device) if storage.is_cuda else None


def _cuda_place(storage: UntypedStorage, location: str) -> UntypedStorage | None:
    match = re.fullmatch(r"cuda(?::?(\d+))?", location)
    if match is None:
        return None
    from .. import cuda

    if not cuda.is_available():
        raise RuntimeError(
            "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is "
            f"False. {_USE_THE_CPU}"
        )
    index = int(match[1]) if match[1] else cuda.current_device()
    if index >= cuda.device_count():
        raise RuntimeError(
            f"Attempting to deserialize object on CUDA device {index} but "
            f"torch.cuda.device_count() is {cuda.device_count()}. Please use torch.load with "
            "map_location to map your storages to an existing device."
        )
    return storage.cuda(index)


register_package(10, _cpu_tag, _cpu_place)
register_package(20, _cuda_tag, _cuda_place)


def restorer(map_location: Any) -> Callable[[UntypedStorage, str], UntypedStorage]:
    """``(storage, tag) -> storage`` for what ``load`` was given as ``map_location``.

    None keeps the tag; a str or device replaces it; a dict replaces some; a function is called
    with both and may return None to leave it to the tag.
    """
    if map_location is None:
        return default_restore_location
    if isinstance(map_location, dict):
        return lambda storage, tag: default_restore_location(storage, map_location.get(tag, tag))
    if isinstance(map_location, (str, bytes, Device)):
        name = map_location.decode("ascii") if isinstance(map_location, bytes) else map_location
        return lambda storage, tag: default_restore_location(storage, str(name))

    def ask(storage: UntypedStorage, tag: str) -> UntypedStorage:
        moved = map_location(storage, tag)
        if moved is None:
            return default_restore_location(storage, tag)
        if not isinstance(moved, UntypedStorage):
            raise TypeError(
                f"map_location must return a storage or None, not {type(moved).__name__}"
            )
        return moved

    return ask
