"""The fake `cupy.cuda`: virtual devices, streams and events that have nothing to wait for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from . import state
from .state import MemoryHook, MemoryPool, sync

_TOTAL_MEMORY = 140 << 30


class CUDARuntimeError(RuntimeError):
    """An error code of the CUDA runtime."""


class Device:
    """A virtual device; entering it makes it current for this thread."""

    def __init__(self, device: int | Device | None = None) -> None:
        self.id = state.thread.device if device is None else int(device)
        self._before: list[int] = []

    def _check(self) -> None:
        if not 0 <= self.id < state.device_count:
            raise CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")

    def __int__(self) -> int:
        return self.id

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Device) and other.id == self.id

    def __hash__(self) -> int:
        return hash(self.id)

    def __repr__(self) -> str:
        return f"<CUDA Device {self.id}>"

    def __enter__(self) -> Device:
        self._check()
        self._before.append(state.thread.device)
        state.thread.device = self.id
        return self

    def __exit__(self, *error: object) -> None:
        state.thread.device = self._before.pop()

    def use(self) -> None:
        self._check()
        state.thread.device = self.id

    def synchronize(self) -> None:
        self._check()
        sync("Device.synchronize")

    @property
    def compute_capability(self) -> str:
        return "90"

    @property
    def pci_bus_id(self) -> str:
        return f"0000:{self.id:02x}:00.0"

    @property
    def mem_info(self) -> tuple[int, int]:
        with self:
            return runtime.memGetInfo()

    @property
    def attributes(self) -> dict[str, int]:
        return {"MultiProcessorCount": 132, "WarpSize": 32, "MaxThreadsPerBlock": 1024}


class Memory:
    """One allocation."""

    def __init__(self, buffer: np.ndarray, device: int) -> None:
        self.buffer, self.device_id = buffer, device
        self.size = buffer.nbytes
        self.ptr = buffer.__array_interface__["data"][0]


class MemoryPointer:
    """An address inside an allocation."""

    def __init__(self, mem: Memory, offset: int) -> None:
        self.mem, self.offset = mem, offset
        self.ptr = mem.ptr + offset
        self.device_id = mem.device_id

    @property
    def device(self) -> Device:
        return Device(self.device_id)

    def __int__(self) -> int:
        return self.ptr

    def __add__(self, offset: int) -> MemoryPointer:
        return MemoryPointer(self.mem, self.offset + offset)


class Stream:
    """A stream of the device that was current when it was made."""

    null: Stream
    ptds: Stream
    _count = 0

    def __init__(self, null: bool = False, non_blocking: bool = False, ptds: bool = False,
                 priority: int | None = None) -> None:  # fmt: skip
        Stream._count += 1
        self.ptr = 0 if null else Stream._count << 8
        self.device_id = -1 if null else state.thread.device
        self.non_blocking = self.is_non_blocking = non_blocking
        self._priority = priority or 0
        self._before: list[Stream] = []

    def __enter__(self) -> Stream:
        self._before.append(get_current_stream())
        self.use()
        return self

    def __exit__(self, *error: object) -> None:
        self._before.pop().use()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Stream) and other.ptr == self.ptr

    def __hash__(self) -> int:
        return hash(self.ptr)

    def use(self) -> Stream:
        if self.device_id not in (-1, state.thread.device):
            raise RuntimeError(f"stream of device {self.device_id} used on another device")
        _streams()[state.thread.device] = self
        return self

    @property
    def done(self) -> bool:
        return True

    @property
    def priority(self) -> int:
        return self._priority

    def synchronize(self) -> None:
        sync("Stream.synchronize")

    def record(self, event: Event | None = None) -> Event:
        event = event or Event()
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        if not isinstance(event, Event):
            raise TypeError("wait_event needs an Event")

    def launch_host_func(self, callback: Callable[[Any], None], arg: Any) -> None:
        callback(arg)

    def is_capturing(self) -> bool:
        return state.thread.capturing


class ExternalStream(Stream):
    """A stream that another library made."""

    def __init__(self, ptr: int, device_id: int = -1) -> None:
        super().__init__()
        self.ptr, self.device_id = ptr, device_id


Stream.null = Stream(null=True)
Stream.ptds = Stream(null=True)


def _streams() -> dict[int, Stream]:
    if not hasattr(state.thread, "streams"):
        state.thread.streams = {}
    return state.thread.streams


def get_current_stream(device_id: int = -1) -> Stream:
    return _streams().get(state.thread.device if device_id < 0 else device_id, Stream.null)


class Event:
    """A mark in a stream."""

    def __init__(self, block: bool = False, disable_timing: bool = False,
                 interprocess: bool = False) -> None:  # fmt: skip
        self.ptr = id(self)
        self.disable_timing = disable_timing
        self.recorded = False

    @property
    def done(self) -> bool:
        return True

    def record(self, stream: Stream | None = None) -> None:
        self.recorded = True

    def synchronize(self) -> None:
        sync("Event.synchronize")


def get_elapsed_time(start_event: Event, end_event: Event) -> float:
    if not (start_event.recorded and end_event.recorded):
        raise CUDARuntimeError("cudaErrorInvalidResourceHandle: event was not recorded")
    return 0.0


class PinnedMemoryPool:
    """Pinned blocks are plain host memory here."""

    def free_all_blocks(self) -> None: ...

    def n_free_blocks(self) -> int:
        return 0


def alloc(size: int) -> MemoryPointer:
    return (state.thread.pool or state.default_pool).malloc(size)


def get_allocator() -> Callable[[int], MemoryPointer]:
    return alloc


def set_allocator(allocator: Any = None) -> None:
    raise NotImplementedError("set_allocator is not modelled; use using_allocator")


@contextmanager
def using_allocator(allocator: Any = None) -> Iterator[None]:
    """Allocations of this thread go to the pool whose `malloc` is given."""
    before, state.thread.pool = state.thread.pool, getattr(allocator, "__self__", None)
    try:
        yield
    finally:
        state.thread.pool = before


def is_available() -> bool:
    return state.device_count > 0


def get_device_id() -> int:
    return state.thread.device


runtime = ModuleType("cupy.cuda.runtime")


def _runtime(function: Callable[..., Any]) -> Callable[..., Any]:
    setattr(runtime, function.__name__, function)
    return function


runtime.CUDARuntimeError = CUDARuntimeError
runtime.is_hip = False
runtime.streamLegacy, runtime.streamPerThread = 1, 2
runtime.memcpyHostToDevice, runtime.memcpyDeviceToHost = 1, 2
runtime.memcpyDeviceToDevice, runtime.memcpyDefault = 3, 4


@_runtime
def getDeviceCount() -> int:
    return state.device_count


@_runtime
def getDevice() -> int:
    return state.thread.device


@_runtime
def setDevice(device: int) -> None:
    Device(device).use()


@_runtime
def deviceSynchronize() -> None:
    sync("deviceSynchronize")


@_runtime
def streamSynchronize(stream: int) -> None:
    sync("streamSynchronize")


@_runtime
def getDeviceProperties(device: int) -> dict[str, Any]:
    Device(device)._check()
    return {
        "name": b"Fake CUDA device",
        "totalGlobalMem": _TOTAL_MEMORY,
        "major": 9,
        "minor": 0,
        "multiProcessorCount": 132,
        "warpSize": 32,
        "maxThreadsPerBlock": 1024,
        "maxThreadsPerMultiProcessor": 2048,
        "sharedMemPerBlock": 49152,
        "sharedMemPerBlockOptin": 232448,
        "regsPerBlock": 65536,
        "clockRate": 1980000,
        "memoryClockRate": 3201000,
        "l2CacheSize": 62914560,
        "pciBusID": device,
        "pciDeviceID": 0,
        "pciDomainID": 0,
    }


@_runtime
def memGetInfo() -> tuple[int, int]:
    return _TOTAL_MEMORY - state.default_pool.total_bytes(), _TOTAL_MEMORY


@_runtime
def deviceCanAccessPeer(device: int, peer: int) -> int:
    return int(device != peer)


@_runtime
def runtimeGetVersion() -> int:
    return 12090


@_runtime
def driverGetVersion() -> int:
    return 13000


PUBLIC: dict[str, Any] = {
    "runtime": runtime,
    **{
        value.__name__: value
        for value in (
            Device, Stream, ExternalStream, Event, Memory, MemoryPointer, MemoryPool, MemoryHook,
            PinnedMemoryPool, alloc, get_allocator, set_allocator, using_allocator, is_available,
            get_device_id, get_current_stream, get_elapsed_time,
        )
    },
}  # fmt: skip
