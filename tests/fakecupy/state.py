"""What the fake knows: the API snapshot, the current device of each thread, syncs, memory."""

from __future__ import annotations

import json
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

API: dict[str, Any] = json.loads(Path(__file__).with_name("cupy_api.json").read_text())
NAMES: dict[str, dict[str, list[str] | None]] = API["names"]

SYNCS: list[str] = []
device_count = 1


class HostSync(RuntimeError):
    """The host waited for the device inside `forbid_syncs`."""


class _Thread(threading.local):
    device = 0
    capturing = False
    syncs_forbidden = False
    pool: MemoryPool | None = None


thread = _Thread()


def sync(reason: str) -> None:
    """Log that the host waited for the device; raise where that is not allowed."""
    SYNCS.append(reason)
    if thread.syncs_forbidden:
        raise HostSync(reason)
    not_in_capture(reason)


def not_in_capture(reason: str) -> None:
    """Raise the error of a stream capture if one is under way."""
    if thread.capturing:
        raise RuntimeError(f"{reason}: operation not permitted when stream is capturing")


@contextmanager
def forbid_syncs() -> Iterator[None]:
    """Every host synchronization inside raises `HostSync`."""
    before, thread.syncs_forbidden = thread.syncs_forbidden, True
    try:
        yield
    finally:
        thread.syncs_forbidden = before


@contextmanager
def capturing() -> Iterator[None]:
    """As inside a CUDA graph capture: syncs, host-to-device copies, cuBLAS and RNG calls raise."""
    before, thread.capturing = thread.capturing, True
    try:
        yield
    finally:
        thread.capturing = before


def check_keywords(path: str, name: str, keywords: dict[str, Any]) -> None:
    """Raise TypeError for a keyword that the real function does not take."""
    allowed = NAMES[path].get(name)
    if allowed is None:
        return
    for keyword in keywords:
        if keyword not in allowed:
            raise TypeError(f"{path}.{name}() got an unexpected keyword argument {keyword!r}")


class MemoryHook:
    """Base of the allocation hooks: override a method, use the instance as a context manager."""

    name = "MemoryHook"

    def __enter__(self) -> MemoryHook:
        if self.name in memory_hooks():
            raise KeyError(f"memory hook {self.name} already exists")
        memory_hooks()[self.name] = self
        return self

    def __exit__(self, *error: object) -> None:
        del memory_hooks()[self.name]

    def alloc_preprocess(self, **kwargs: int) -> None: ...
    def alloc_postprocess(self, **kwargs: int) -> None: ...
    def malloc_preprocess(self, **kwargs: int) -> None: ...
    def malloc_postprocess(self, **kwargs: int) -> None: ...
    def free_preprocess(self, **kwargs: int) -> None: ...
    def free_postprocess(self, **kwargs: int) -> None: ...


def memory_hooks() -> dict[str, MemoryHook]:
    """The hooks of this thread, as in CuPy."""
    if not hasattr(thread, "hooks"):
        thread.hooks = {}
    return thread.hooks


class MemoryPool:
    """Counts the bytes of live arrays per device, in CuPy's blocks of 512 bytes."""

    def __init__(self, allocator: Any = None) -> None:
        self._used = [0] * 64
        self._total = [0] * 64
        self._limit = 0

    def malloc(self, size: int) -> Any:
        from .devices import Memory, MemoryPointer

        buffer = np.empty(size, np.uint8)
        buffer.fill(0x7B)
        track(buffer, thread.device, self)
        return MemoryPointer(Memory(buffer, thread.device), 0)

    def used_bytes(self) -> int:
        return self._used[thread.device]

    def total_bytes(self) -> int:
        return self._total[thread.device]

    def free_bytes(self) -> int:
        return self.total_bytes() - self.used_bytes()

    def free_all_blocks(self, stream: Any = None) -> None:
        self._total[thread.device] = self._used[thread.device]

    def n_free_blocks(self) -> int:
        return int(self.free_bytes() > 0)

    def set_limit(self, size: int | None = None, fraction: float | None = None) -> None:
        self._limit = size if size is not None else int((fraction or 0) * (140 << 30))

    def get_limit(self) -> int:
        return self._limit


default_pool = MemoryPool()


class _Block(weakref.ref):
    __slots__ = ("address", "size", "device", "pool")


_blocks: dict[int, _Block] = {}


def track(buffer: np.ndarray, device: int, pool: MemoryPool | None = None) -> None:
    """Count a freshly allocated buffer until it is collected."""
    size = (buffer.nbytes + 511) // 512 * 512
    if not size or id(buffer) in _blocks:
        return
    block = _Block(buffer, _release)
    pool = pool or thread.pool or default_pool
    block.address, block.size, block.device, block.pool = id(buffer), size, device, pool
    _blocks[block.address] = block
    used = pool._used[device] = pool._used[device] + size
    pool._total[device] = max(pool._total[device], used)
    for hook in list(memory_hooks().values()):
        hook.malloc_postprocess(
            device_id=device, size=buffer.nbytes, mem_size=size, mem_ptr=id(buffer), pmem_id=0
        )


def _release(block: _Block) -> None:
    if _blocks.get(block.address) is block:
        del _blocks[block.address]
    block.pool._used[block.device] -= block.size
    for hook in list(memory_hooks().values()):
        hook.free_postprocess(
            device_id=block.device, mem_size=block.size, mem_ptr=block.address, pmem_id=0
        )


def poison(buffer: np.ndarray) -> np.ndarray:
    """Fill uninitialized memory with what makes its use show: NaN, or a large odd integer."""
    kind = buffer.dtype.kind
    if kind == "b":
        buffer.fill(True)
    elif kind in "iu":
        buffer.view(np.uint8).fill(0x7B) if buffer.flags.c_contiguous and buffer.ndim else None
    else:
        buffer.fill(np.nan)
    return buffer
