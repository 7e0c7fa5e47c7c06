"""The thread pool of the CPU kernels: `parallel_for`, `get_num_threads`, `set_num_threads`.

NumPy releases the GIL inside its loops, so Python threads run them on several cores. What decides
whether that pays is the hand-over: `concurrent.futures` needs about 40 us to give work to a thread
and hear back, this pool about 10. Three choices make it small and free of deadlocks:

* The calling thread takes part, and takes ranges until none is left. A worker that wakes up late
  (or never, at interpreter exit) finds nothing to do and nobody waits for it.
* Idle workers stand on one stack. A caller takes what is there and never waits for more, so any
  number of threads may call at once.
* A worker sleeps on its own lock, the cheapest way to wake one thread in CPython.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import threading
from collections.abc import Callable
from time import perf_counter, sleep

import numpy as np

from gradcore.backends.cpu import blas

Work = Callable[[int, int], object]

# Ranges per thread. Two let a thread that was held up hand its second range to the others; each
# further one costs about 3 us of GIL hand-over.
_RANGES_PER_THREAD = 2
# 0.3 us where the system has it; sleeping for no time takes 60 to 90 there.
_let_others_run = getattr(os, "sched_yield", lambda: sleep(0))
# Seconds for which the calling thread waits for the others without going to sleep.
_STAY_AWAKE = 300e-6


def _default_num_threads() -> int:
    """`OMP_NUM_THREADS` (its first level) if it is a positive number, else the usable cores."""
    first_level = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if first_level.isdecimal() and int(first_level) > 0:
        return int(first_level)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _find_getcpu() -> Callable[[], int] | None:
    """The C library's `sched_getcpu`, or None where threads cannot be moved either."""
    if not hasattr(os, "sched_setaffinity"):
        return None
    try:
        return ctypes.CDLL(None).sched_getcpu
    except (AttributeError, OSError):
        return None


_getcpu = _find_getcpu()


def current_cpu() -> int:
    """The core that this thread runs on; -1 where the system does not tell."""
    return -1 if _getcpu is None else _getcpu()


class Placed:
    """Where a worker thread may run: anywhere but on the core of the thread that wakes it.

    Schedulers that pack threads (virtual machines that save host cores do it) wake a worker on the
    core of its caller, where it waits until the caller is done: 5 to 8 ms instead of 0.1. Any other
    core of the process will do: pinning each worker to one core would make several processes fight
    for the same ones.
    """

    def __init__(self) -> None:
        self.thread = 0
        self.kept_off = -1

    def begin(self) -> None:
        """To be called by the worker."""
        self.thread = threading.get_native_id()

    def keep_off(self, cpu: int) -> None:
        """To be called by whoever wakes the worker, with its own core; 2 us where that changed."""
        if cpu < 0 or cpu == self.kept_off or not self.thread:
            return
        others = _usable_cpus - {cpu}
        if others:
            with contextlib.suppress(OSError):  # the worker has ended
                os.sched_setaffinity(self.thread, others)
            self.kept_off = cpu


class _Job:
    """Ranges of one `parallel_for`, shared by the threads that work on it."""

    __slots__ = ("all_finished", "cpu", "error", "lock", "ranges", "unfinished", "work")

    def __init__(self, work: Work, ranges: list[tuple[int, int]]) -> None:
        self.work = work
        self.unfinished = len(ranges)
        self.ranges = ranges
        self.error: BaseException | None = None
        self.cpu = current_cpu()
        self.lock = threading.Lock()
        self.all_finished = threading.Lock()
        self.all_finished.acquire()

    def take_part(self) -> None:
        """Run ranges until none is left. After an error the remaining ones are only ticked off."""
        while True:
            try:
                start, stop = self.ranges.pop()
            except IndexError:
                return
            try:
                if self.error is None:
                    self.work(start, stop)
            except BaseException as error:
                self.error = error
            finally:
                self._finish_one()

    def wait(self) -> None:
        """Return when all ranges have finished.

        Being woken costs up to 80 us in a virtual machine, so a short wait stays awake; giving the
        core away leaves the GIL to the thread that is about to need it.
        """
        patience = perf_counter() + _STAY_AWAKE
        while self.unfinished:
            if perf_counter() > patience:
                self.all_finished.acquire()
                return
            _let_others_run()

    def _finish_one(self) -> None:
        with self.lock:
            self.unfinished -= 1
            last = self.unfinished == 0
        if last:
            self.all_finished.release()


class _Worker:
    """A daemon thread that sleeps on a lock until it is handed a job."""

    def __init__(self, pool: _Pool) -> None:
        self.pool = pool
        self.place = Placed()
        self.job: _Job | None = None
        self.wake = threading.Lock()
        self.wake.acquire()
        threading.Thread(target=self._run, name="gradcore-worker", daemon=True).start()

    def hand(self, job: _Job) -> None:
        self.job = job
        self.place.keep_off(job.cpu)
        self.wake.release()

    def _run(self) -> None:
        self.place.begin()
        _region.inside = True
        # NumPy keeps its floating-point error state per thread: a worker never warns.
        np.seterr(all="ignore")
        while True:
            self.wake.acquire()
            job = self.job
            assert job is not None  # hand() sets it before it wakes this thread
            job.take_part()
            del job
            self.job = None
            self.pool.idle.append(self)


class _Pool:
    """The workers started so far, and the stack of idle ones."""

    def __init__(self) -> None:
        self.idle: list[_Worker] = []
        self.started = 0
        self.growing = threading.Lock()

    def grow(self, workers: int) -> None:
        """Start workers until there are `workers`; at interpreter exit no thread can start."""
        with self.growing:
            while self.started < workers:
                try:
                    worker = _Worker(self)
                except RuntimeError:
                    return
                self.started += 1
                self.idle.append(worker)

    def hand_out(self, job: _Job, helpers: int) -> None:
        """Hand `job` to at most `helpers` idle workers."""
        if self.started < helpers:
            self.grow(helpers)
        for _ in range(helpers):
            try:
                worker = self.idle.pop()
            except IndexError:
                return
            worker.hand(job)


class _Region(threading.local):
    """Whether the current thread is inside a parallel region."""

    inside = False


_region = _Region()
_pool = _Pool()
_num_threads = _default_num_threads()
_usable_cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set()


def _forget_pool() -> None:
    """A forked child has none of its parent's threads."""
    global _pool
    _pool = _Pool()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_pool)


def is_inside_parallel_for() -> bool:
    """Whether the current thread runs a range of a `parallel_for`."""
    return _region.inside


def get_num_threads() -> int:
    """The number of threads that CPU kernels and the BLAS may use."""
    return _num_threads


def set_num_threads(num_threads: int) -> None:
    """Set the number of threads that CPU kernels and the BLAS may use.

    Raises:
        RuntimeError: `num_threads` is no integer or not positive (PyTorch raises it for both).
    """
    global _num_threads
    if isinstance(num_threads, bool) or not isinstance(num_threads, (int, np.integer)):
        kind = type(num_threads).__name__
        raise RuntimeError(f"set_num_threads expects an int, but got {kind}")
    if num_threads < 1:
        raise RuntimeError("set_num_threads expects a positive integer")
    _num_threads = int(num_threads)
    blas.set_blas_threads(_num_threads)


def parallel_for(work: Work, size: int, grain: int, *, uses_blas: bool = True) -> None:
    """Call `work(start, stop)` over disjoint ranges that cover `range(size)`, on several threads.

    The calling thread takes part. There is one call `work(0, size)` when `size <= grain`, when one
    thread is set, and inside another `parallel_for`; otherwise every range holds at least `grain`
    items. The order of the ranges and the thread that runs each are not defined.

    Args:
        work: called with the two ends of a range; what it returns is dropped.
        size: number of items; with 0 items `work` is not called.
        grain: fewest items that are worth a call.
        uses_blas: whether `work` may call the BLAS, which is then held to one thread. Kernels
            without matrix products save about 1 us by saying False.

    Raises:
        BaseException: the first exception that a call raised; ranges not begun by then are skipped.
    """
    if size <= 0:
        return
    threads = _num_threads
    pieces = min(size // max(grain, 1), threads * _RANGES_PER_THREAD)
    if pieces <= 1 or threads == 1 or _region.inside:
        work(0, size)
        return
    if uses_blas:
        with blas.single_threaded():
            _run_pieces(work, size, pieces, threads)
    else:
        _run_pieces(work, size, pieces, threads)


def _run_pieces(work: Work, size: int, pieces: int, threads: int) -> None:
    """Run `work` over `pieces` even ranges; returns when all of them have finished."""
    job = _Job(work, [(size * i // pieces, size * (i + 1) // pieces) for i in range(pieces)])
    _region.inside = True
    try:
        _pool.hand_out(job, min(threads, pieces) - 1)
        job.take_part()
        job.wait()
    finally:
        _region.inside = False
    error = job.error
    if error is not None:
        try:
            raise error
        finally:
            del error, job  # the traceback holds this frame: break the cycle
