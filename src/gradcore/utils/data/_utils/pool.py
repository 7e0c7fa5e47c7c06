"""The worker processes of a DataLoader, seen from the main process."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import select
import signal
import time
from collections import deque
from multiprocessing import connection as connections
from typing import Any

from .arena import Arena
from .worker import Job, Resume, run

# Seconds that a worker may go on with a sample before it is terminated.
_PATIENCE = 2.0
# Tasks that a worker is sent before it answers. Without a bound both sides could fill their pipes
# (200 KB on Linux; an answer takes up to 1.3 KB) and wait for each other.
_MOST_IN_FLIGHT = 64


class WorkerPool:
    """Processes that make batches; each has a pipe for messages and an arena for data."""

    def __init__(self, job: Job, context: Any) -> None:
        self._owner = os.getpid()
        self._closed = False
        self.processes: list[Any] = []
        self._pipes: list[Any] = []
        self._arenas: list[Arena] = []
        self._consumed: list[int] = []
        self._listening: list[bool] = []
        self._in_flight: list[int] = []
        self._waiting: list[deque] = []  # tasks that are not in flight yet
        try:
            for worker_id in range(job.num_workers):
                self._start(job, worker_id, context or multiprocessing.get_context())
        except BaseException:
            self.close()
            raise

    def _start(self, job: Job, worker_id: int, context: Any) -> None:
        ours, theirs = context.Pipe()
        arena = Arena()
        self._pipes.append(ours)
        self._arenas.append(arena)
        self._consumed.append(0)
        self._listening.append(True)
        self._in_flight.append(0)
        self._waiting.append(deque())
        # Only a forked process has copies of our ends; only to it can they be handed over.
        forked = context.get_start_method() == "fork"
        inherited = tuple(self._pipes) if forked else ()
        process = context.Process(
            target=run, args=(job, worker_id, theirs, arena, inherited), daemon=True
        )
        process.start()
        theirs.close()
        self.processes.append(process)

    def ask(self, worker_id: int, number: int, index: Any) -> None:
        """Ask a worker for batch ``number``."""
        self._waiting[worker_id].append((number, index))
        self._send_waiting(worker_id)

    def _send_waiting(self, worker_id: int) -> None:
        waiting = self._waiting[worker_id]
        while waiting and self._in_flight[worker_id] < _MOST_IN_FLIGHT:
            self._in_flight[worker_id] += 1
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                # A dead worker is reported by receive().
                self._pipes[worker_id].send((*waiting.popleft(), self._consumed[worker_id]))

    def resume(self) -> None:
        """Make all workers start a new epoch, and forget what they were asked for before."""
        self._listening = [True] * len(self._pipes)
        self._in_flight = [0] * len(self._pipes)
        for pipe, waiting in zip(self._pipes, self._waiting, strict=True):
            waiting.clear()
            pipe.send(Resume())
        for worker_id, pipe in enumerate(self._pipes):
            while not isinstance(self._message(worker_id, pipe)[1], Resume):
                self._consumed[worker_id] += 1

    def dismiss(self, worker_id: int) -> None:
        """Let a worker go that has nothing left to do."""
        self._listening[worker_id] = False
        with contextlib.suppress(OSError):
            self._pipes[worker_id].send(None)

    def receive(self, timeout: float) -> tuple[int, Any] | None:
        """The next (batch number, batch) of any worker; None after ``timeout`` seconds (0: never).

        RuntimeError where a worker has died.
        """
        deadline = time.monotonic() + timeout if timeout else None
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            workers = [i for i, listening in enumerate(self._listening) if listening]
            pipes = {self._pipes[i]: i for i in workers}
            sentinels = [self.processes[i].sentinel for i in workers]
            ready = connections.wait([*pipes, *sentinels], left)
            if not ready:
                return None
            for pipe in ready:
                if pipe in pipes:
                    worker_id = pipes[pipe]
                    number, _, place = self._message(worker_id, pipe)
                    value = self._arenas[worker_id].read(place)
                    self._consumed[worker_id] += 1
                    self._in_flight[worker_id] -= 1
                    self._send_waiting(worker_id)
                    return number, value
            dead = [i for i in workers if self.processes[i].sentinel in ready]
            if not any(self._pipes[i].poll() for i in dead):
                self._report(dead[0])

    def _message(self, worker_id: int, pipe: Any) -> Any:
        try:
            return pipe.recv()
        except (EOFError, ConnectionResetError):
            self._report(worker_id)

    def _report(self, worker_id: int) -> None:
        """Raise PyTorch's errors for a worker that has died."""
        process = self.processes[worker_id]
        process.join(_PATIENCE)
        code = process.exitcode
        if code is not None and code < 0:
            how = f"is killed by signal: {signal.strsignal(-code)}. "
        else:
            how = (
                f"exited unexpectedly with exit code {code}. Details are lost due to "
                "multiprocessing. Rerunning with num_workers=0 may give better error trace."
            )
        raise RuntimeError(
            f"DataLoader worker (pid(s) {process.pid}) exited unexpectedly"
        ) from RuntimeError(f"DataLoader worker (pid {process.pid}) {how}")

    def close(self) -> None:
        """End all processes and give their memory back; harmless when done twice, or in a fork."""
        if self._closed or os.getpid() != self._owner:
            return
        self._closed = True
        for arena, pipe in zip(self._arenas, self._pipes, strict=True):
            arena.announce_closing()
            with contextlib.suppress(OSError):
                # A full pipe would block; its worker sees the closed end when it has emptied it.
                if select.select([], [pipe], [], 0)[1]:
                    pipe.send(None)
            pipe.close()
        deadline = time.monotonic() + _PATIENCE
        for process in self.processes:
            process.join(max(0.0, deadline - time.monotonic()))
        for end in ("terminate", "kill"):
            for process in self.processes:
                if process.is_alive():
                    getattr(process, end)()
                    process.join(_PATIENCE)
        for arena in self._arenas:
            arena.close()
