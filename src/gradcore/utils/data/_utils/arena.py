"""Memory that a worker process and the main one share: batches pass through it.

It is a file without a name, so that nothing is left behind however a process ends.
"""

from __future__ import annotations

import mmap
import os
import pickle
import tempfile
from multiprocessing import reduction
from typing import Any

import numpy as np

_ALIGNMENT = 64
# The first bytes say that the main process has stopped listening.
_HEADER = _ALIGNMENT
_FIRST_SIZE = 1 << 20
# Batches of more arrays than this travel as one pickle: a message must fit into a pipe.
_MOST_BUFFERS = 256

Place = tuple[int, list[int]]  # where a batch starts, and how long its pickle and its arrays are


class Arena:
    """A growing piece of shared memory. The worker stores batches, the main process reads them."""

    def __init__(self) -> None:
        self._descriptor = _nameless_file()
        os.ftruncate(self._descriptor, _FIRST_SIZE)
        self._start_empty()

    def _start_empty(self) -> None:
        self._memory = mmap.mmap(self._descriptor, 0)
        self._live: list[tuple[int, int]] = []  # (start, end) of batches not read yet, oldest first
        self._released = 0

    def __getstate__(self) -> Any:
        return reduction.DupFd(self._descriptor)

    def __setstate__(self, state: Any) -> None:
        self._descriptor = state.detach()
        self._start_empty()

    @property
    def closing(self) -> bool:
        """Whether the main process wants no more batches."""
        return self._memory[0] != 0

    def announce_closing(self) -> None:
        """Tell the worker to skip what it was asked for."""
        self._memory[0] = 1

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
        os.close(self._descriptor)

    def store(self, value: Any) -> Place:
        """Write ``value`` where nothing unread is; returns where :meth:`read` finds it."""
        buffers: list[pickle.PickleBuffer] = []
        data = pickle.dumps(value, 5, buffer_callback=buffers.append)
        if len(buffers) > _MOST_BUFFERS:
            data, buffers = pickle.dumps(value, 5), []
        pieces = [memoryview(data), *(buffer.raw() for buffer in buffers)]
        sizes = [piece.nbytes for piece in pieces]
        start = at = self._allocate(sum(map(_padded, sizes)))
        with memoryview(self._memory) as memory:
            for piece in pieces:
                memory[at : at + piece.nbytes] = piece
                at += _padded(piece.nbytes)
        return start, sizes

    def release(self, count: int) -> None:
        """Reuse the places of the first ``count`` batches that were ever stored."""
        del self._live[: count - self._released]
        self._released = count

    def _allocate(self, nbytes: int) -> int:
        """The start of the first gap that is long enough; the memory grows where there is none."""
        start = _HEADER
        for begin, end in sorted(self._live):
            if begin - start >= nbytes:
                break
            start = end
        self._live.append((start, start + nbytes))
        if start + nbytes > len(self._memory):
            os.ftruncate(self._descriptor, max(start + nbytes, 2 * len(self._memory)))
            self._remap()
        return start

    def _remap(self) -> None:
        self._memory.close()
        self._memory = mmap.mmap(self._descriptor, 0)

    def read(self, place: Place) -> Any:
        """A copy of what was stored at ``place``, whose arrays own their memory."""
        at, sizes = place
        if at + sum(map(_padded, sizes)) > len(self._memory):
            self._remap()
        copies = []
        for size in sizes:
            copy = np.empty(size, np.uint8)
            copy[:] = np.frombuffer(self._memory, np.uint8, size, at)
            copies.append(copy.data)
            at += _padded(size)
        return pickle.loads(copies[0], buffers=copies[1:])


def _padded(nbytes: int) -> int:
    return -(-nbytes // _ALIGNMENT) * _ALIGNMENT


def _nameless_file() -> int:
    """A descriptor of memory (Linux), or of a deleted temporary file."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("gradcore-batches")
    if os.name == "nt":
        raise RuntimeError(
            "num_workers > 0: worker processes share memory in ways that Windows lacks, use "
            "num_workers=0"
        )
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
