"""What a worker process of a DataLoader does."""

from __future__ import annotations

import contextlib
import os
import random
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ....backends.cpu import threads
from ....tensor.random import manual_seed
from .arena import Arena
from .fetch import IterableFetcher, MapFetcher

# Seconds between looks at whether the main process is still there.
PARENT_CHECK_INTERVAL = 5.0


@dataclass(frozen=True)
class WorkerInfo:
    """What a worker process knows of itself: see :func:`get_worker_info`."""

    id: int
    num_workers: int
    seed: int
    dataset: Any
    rng: Any = None
    worker_method: str | None = "multiprocessing"


_worker_info: WorkerInfo | None = None


def get_worker_info() -> WorkerInfo | None:
    """In a worker process: its ``id``, ``num_workers``, ``seed`` and ``dataset`` (its own copy).

    None in the main process.

    >>> torch.utils.data.get_worker_info() is None
    True
    """
    return _worker_info


@dataclass(frozen=True)
class Job:
    """What a worker needs to know to make batches."""

    dataset: Any
    iterable: bool
    batched: bool
    collate_fn: Callable
    drop_last: bool
    base_seed: int
    init_fn: Callable | None
    num_workers: int

    def fetcher(self) -> Any:
        """A new pass over the dataset."""
        kind = IterableFetcher if self.iterable else MapFetcher
        return kind(self.dataset, self.batched, self.collate_fn, self.drop_last)


@dataclass(frozen=True)
class StreamEnd:
    """Sent instead of a batch when a worker's stream has ended."""


@dataclass(frozen=True)
class Resume:
    """Asks a worker that is kept between epochs to start again; sent back by it."""


class KeyErrorMessage(str):
    """A text that KeyError shows as it is, not quoted on one line."""

    __slots__ = ()

    def __repr__(self) -> str:
        return self


class ExceptionWrapper:
    """An exception of a worker, with its traceback as text."""

    def __init__(self, error: BaseException, where: str) -> None:
        self.exc_type = type(error)
        self.exc_msg = "".join(traceback.format_exception(error))
        self.where = where

    def reraise(self) -> None:
        """Raise an exception of the same type, RuntimeError where it takes no single text."""
        message: str = f"Caught {self.exc_type.__name__} {self.where}.\nOriginal {self.exc_msg}"
        if self.exc_type is KeyError:
            message = KeyErrorMessage(message)
        elif getattr(self.exc_type, "message", None):
            raise self.exc_type(message=message)  # type: ignore[call-arg]
        try:
            error = self.exc_type(message)
        except Exception:
            raise RuntimeError(message) from None
        raise error


def numpy_seed(base_seed: int, worker_id: int) -> list[int]:
    """PyTorch's seed of ``numpy.random`` in a worker (its copy of NumPy's SeedSequence)."""
    entropy = [worker_id, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    return np.random.SeedSequence(entropy).generate_state(4).tolist()


def run(job: Job, worker_id: int, connection: Any, arena: Arena, inherited: tuple) -> None:
    """Answer the main process until it closes ``connection``.

    ``inherited`` are the main process's ends of connections, which a forked process has too:
    while it holds them, no worker would see them closed.
    """
    for other in inherited:
        other.close()
    # The main process raises its own KeyboardInterrupt, or is gone.
    with contextlib.suppress(KeyboardInterrupt, EOFError, BrokenPipeError, ConnectionResetError):
        _Worker(job, worker_id, connection, arena).answer()


class _Worker:
    def __init__(self, job: Job, worker_id: int, connection: Any, arena: Arena) -> None:
        global _worker_info
        self._job = job
        self._where = f"in DataLoader worker process {worker_id}"
        self._connection = connection
        self._arena = arena
        self._parent = os.getppid()
        self._ended = False
        self._fetcher: Any = None
        self._failure: ExceptionWrapper | None = None
        threads.set_num_threads(1)
        seed = job.base_seed + worker_id
        random.seed(seed)
        manual_seed(seed)
        np.random.seed(numpy_seed(job.base_seed, worker_id))
        _worker_info = WorkerInfo(worker_id, job.num_workers, seed, job.dataset)
        try:
            if job.init_fn is not None:
                job.init_fn(worker_id)
            self._fetcher = job.fetcher()
        except Exception as error:
            self._failure = ExceptionWrapper(error, self._where)

    def answer(self) -> None:
        """Make the batches that are asked for."""
        while (message := self._next_message()) is not None:
            if isinstance(message, Resume):
                self._ended = False
                self._fetcher = self._job.fetcher()
                self._connection.send((None, message, None))
                continue
            number, index, consumed = message
            self._arena.release(consumed)
            if not self._ended and not self._arena.closing:
                self._send(number, self._make(index))

    def _next_message(self) -> Any:
        """What the main process sent; None when it is gone."""
        while not self._connection.poll(PARENT_CHECK_INTERVAL):
            if os.getppid() != self._parent:
                return None
        return self._connection.recv()

    def _make(self, index: Any) -> Any:
        """The batch at ``index``, or what to send instead."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            return failure
        try:
            return self._fetcher.fetch(index)
        except StopIteration as error:
            if not self._job.iterable:
                return ExceptionWrapper(error, self._where)
            self._ended = True
            return StreamEnd()
        except Exception as error:
            return ExceptionWrapper(error, self._where)

    def _send(self, number: int, value: Any) -> None:
        try:
            place = self._arena.store(value)
        except Exception as error:
            if isinstance(value, ExceptionWrapper):
                # The class of the exception cannot be pickled: its text can.
                value.exc_type = RuntimeError
                place = self._arena.store(value)
            else:
                place = self._arena.store(ExceptionWrapper(error, self._where))
        self._connection.send((number, None, place))
