"""``gradcore.cuda``: devices, streams and memory, through CuPy."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ..backends import cupy_backend
from ..backends.device import device as Device
from ..tensor.legacy import CUDA_TYPES

__all__ = [
    "Event", "Stream", "current_device", "current_stream", "device", "device_count", "empty_cache",
    "get_device_capability", "get_device_name", "get_device_properties", "get_rng_state",
    "initial_seed", "is_available", "is_initialized", "manual_seed", "manual_seed_all",
    "max_memory_allocated", "max_memory_reserved", "mem_get_info", "memory_allocated",
    "memory_reserved", "reset_peak_memory_stats", "set_device", "set_rng_state", "stream",
    "synchronize",
]  # fmt: skip


def is_available() -> bool:
    """Whether CuPy, a driver and a device are there."""
    return cupy_backend.is_available()


def is_initialized() -> bool:
    """Whether CUDA has been used."""
    return cupy_backend._backend is not None


def device_count() -> int:
    """The number of CUDA devices, 0 without CUDA."""
    return cupy_backend.load().count if is_available() else 0


def _index(device: Any) -> int:
    """The index meant by an int, a string, a device or None (the current one)."""
    backend = cupy_backend.load()
    if device is None:
        return backend.xp.cuda.Device().id
    where = Device(device)
    if where.type != "cuda":
        raise ValueError(f"Expected a cuda device, but got: {where}")
    index = backend.with_index(where).index
    assert index is not None
    return index


def current_device() -> int:
    """The index of the thread's current device."""
    return cupy_backend.load().xp.cuda.Device().id


def set_device(device: Any) -> None:
    """Make ``device`` the thread's current one."""
    if isinstance(device, int) and device < 0:
        return
    cupy_backend.load().xp.cuda.Device(_index(device)).use()


class device:
    """A block on another current device: ``with cuda.device(1):``; None or -1 changes nothing."""

    def __init__(self, device: Any) -> None:
        self.idx = -1 if device is None or device == -1 else _index(device)
        self._entered: Any = None

    def __enter__(self) -> device:
        if self.idx >= 0:
            self._entered = cupy_backend.load().xp.cuda.Device(self.idx)
            self._entered.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        if self._entered is not None:
            self._entered.__exit__(*error)
            self._entered = None


def synchronize(device: Any = None) -> None:
    """Wait until everything queued on a device is done."""
    backend = cupy_backend.load()
    with backend.on(Device("cuda", _index(device))):
        backend.xp.cuda.runtime.deviceSynchronize()


def get_device_properties(device: Any = None) -> dict:
    """The device's properties as CUDA gives them."""
    return cupy_backend.load().xp.cuda.runtime.getDeviceProperties(_index(device))


def get_device_name(device: Any = None) -> str:
    name = get_device_properties(device)["name"]
    return name.decode() if isinstance(name, bytes) else name


def get_device_capability(device: Any = None) -> tuple[int, int]:
    """(major, minor) of the compute capability."""
    properties = get_device_properties(device)
    return properties["major"], properties["minor"]


# ------------------------------------------------------------------------------- memory

_peaks: dict[int, int] = {}


def _pool(device: Any) -> tuple[Any, int]:
    index = _index(device)
    backend = cupy_backend.load()
    with backend.on(Device("cuda", index)):
        return backend.xp.get_default_memory_pool(), index


def memory_allocated(device: Any = None) -> int:
    """Bytes in use by arrays on a device."""
    pool, index = _pool(device)
    with cupy_backend.load().on(Device("cuda", index)):
        used = pool.used_bytes()
    _peaks[index] = max(_peaks.get(index, 0), used)
    return used


def memory_reserved(device: Any = None) -> int:
    """Bytes that the memory pool holds on a device."""
    pool, index = _pool(device)
    with cupy_backend.load().on(Device("cuda", index)):
        return pool.total_bytes()


def _watch(index: int) -> None:
    """Follow the peak from now on, by a hook on every allocation."""
    backend = cupy_backend.load()

    class PeakHook(backend.xp.cuda.MemoryHook):  # type: ignore[misc, name-defined]
        name = "gradcore-peak"

        def malloc_postprocess(self, **details: Any) -> None:
            memory_allocated(details["device_id"])

    PeakHook().__enter__()


_watched: set[int] = set()


def max_memory_allocated(device: Any = None) -> int:
    """The largest number of bytes in use since ``reset_peak_memory_stats`` (or the first call)."""
    index = _index(device)
    memory_allocated(device)
    if not _watched:
        _watched.add(index)
        _watch(index)
    return _peaks[index]


def max_memory_reserved(device: Any = None) -> int:
    """The pool never shrinks by itself: what it holds now is its peak."""
    return memory_reserved(device)


def reset_peak_memory_stats(device: Any = None) -> None:
    """Start a new peak at what is in use now."""
    index = _index(device)
    _peaks[index] = 0
    max_memory_allocated(device)


def empty_cache() -> None:
    """Give unused memory back to the driver; does nothing without CUDA."""
    if is_initialized():
        cupy_backend.load().xp.get_default_memory_pool().free_all_blocks()


def mem_get_info(device: Any = None) -> tuple[int, int]:
    """(free, total) bytes of a device."""
    backend = cupy_backend.load()
    with backend.on(Device("cuda", _index(device))):
        return backend.xp.cuda.runtime.memGetInfo()


# ---------------------------------------------------------------------- streams and events


class Stream:
    """A queue of work on one device; work on different streams may overlap."""

    def __init__(self, device: Any = None, priority: int = 0) -> None:
        backend = cupy_backend.load()
        self.device = Device("cuda", _index(device))
        with backend.on(self.device):
            self.stream = backend.xp.cuda.Stream(non_blocking=True, priority=priority)

    def synchronize(self) -> None:
        self.stream.synchronize()

    def query(self) -> bool:
        """Whether all its work is done."""
        return bool(self.stream.done)

    def record_event(self, event: Event | None = None) -> Event:
        event = Event() if event is None else event
        event.record(self)
        return event

    def wait_event(self, event: Event) -> None:
        self.stream.wait_event(event.event)

    def wait_stream(self, stream: Stream) -> None:
        self.wait_event(stream.record_event())

    @property
    def cuda_stream(self) -> int:
        return self.stream.ptr

    def __enter__(self) -> Stream:
        self.stream.__enter__()
        return self

    def __exit__(self, *error: object) -> None:
        self.stream.__exit__(*error)


class Event:
    """A mark in a stream, to wait for or to time between."""

    def __init__(
        self, enable_timing: bool = False, blocking: bool = False, interprocess: bool = False
    ) -> None:
        self.event = cupy_backend.load().xp.cuda.Event(
            block=blocking, disable_timing=not enable_timing, interprocess=interprocess
        )

    def record(self, stream: Stream | None = None) -> None:
        self.event.record(None if stream is None else stream.stream)

    def synchronize(self) -> None:
        self.event.synchronize()

    def query(self) -> bool:
        return bool(self.event.done)

    def wait(self, stream: Stream | None = None) -> None:
        target = current_stream().stream if stream is None else stream.stream
        target.wait_event(self.event)

    def elapsed_time(self, end_event: Event) -> float:
        """Milliseconds from this event to ``end_event``."""
        return cupy_backend.load().xp.cuda.get_elapsed_time(self.event, end_event.event)


def current_stream(device: Any = None) -> Stream:
    """The stream that work is queued on now."""
    backend = cupy_backend.load()
    result = object.__new__(Stream)
    result.device = Device("cuda", _index(device))
    with backend.on(result.device):
        result.stream = backend.xp.cuda.get_current_stream()
    return result


@contextlib.contextmanager
def stream(stream: Stream | None) -> Iterator[None]:
    """A block whose work goes to ``stream``."""
    if stream is None:
        yield
        return
    with stream:
        yield


# --------------------------------------------------------------------------- randomness


def manual_seed(seed: int) -> None:
    """Seed the CUDA generators; also those of devices that are used later."""
    from ..tensor.random import seed_cuda

    seed_cuda(seed)


manual_seed_all = manual_seed


def initial_seed() -> int:
    from ..tensor.random import generator_for

    return generator_for(Device("cuda", current_device())).initial_seed()


def get_rng_state(device: Any = "cuda") -> Any:
    from ..tensor.random import generator_for

    return generator_for(Device("cuda", _index(device))).get_state()


def set_rng_state(new_state: Any, device: Any = "cuda") -> None:
    from ..tensor.random import generator_for

    generator_for(Device("cuda", _index(device))).set_state(new_state)


globals().update(CUDA_TYPES)
