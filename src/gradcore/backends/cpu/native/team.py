"""Threads that run compiled kernels together, without the GIL.

`run` publishes a job in memory that the workers watch; the caller and every worker that is awake
then take chunks of it from one counter. A worker that finds no new job for some 400 us goes to
sleep on a Python lock. So a kernel costs a few hundred nanoseconds more than the loop that it is,
where waking a sleeping thread takes up to 90 us, and nobody ever waits for a thread that has not
begun: what sleeps is not needed.
"""

from __future__ import annotations

import ctypes
import os
import sys
import threading
from functools import cache
from typing import Any

import numpy as np

from ..threads import Placed, current_cpu, get_num_threads
from .jit import compile_functions

# A worker watches for 300 to 500 us, and lets others have its core after every 64 looks, 1 us.
_WATCHES = 64
_ROUNDS = 400

# Waking a thread costs its caller about 20 us: it is worth that for long jobs, or many.
_WAKE_AFTER_NS = 1e5

_YIELD_WORD = 37
# int64 words of the memory that caller and workers share; each has a cache line of its own.
_WORDS = 8 * 5

# What a thread does while it watches, by machine: a declaration and a call.
_X86_PAUSE = ("declare void @llvm.x86.sse2.pause()", "call void @llvm.x86.sse2.pause()")
_PAUSE = {"x86_64": _X86_PAUSE, "AMD64": _X86_PAUSE}

# %team: 0 job number, 8 whether it is open, 16 next chunk, 24 workers inside, 32 what it is:
# function, arguments, size, chunk length, number of workers that may help,
# sched_yield (offsets in words).
_ASSEMBLY = """
define internal void @take_chunks(ptr %team, ptr %function, ptr %args, i64 %size, i64 %chunk,
                                  i64 %slot) {
entry:
  %counter = getelementptr i64, ptr %team, i64 16
  br label %take
take:
  %index = atomicrmw add ptr %counter, i64 1 seq_cst
  %start = mul i64 %index, %chunk
  %more = icmp slt i64 %start, %size
  br i1 %more, label %work, label %done
work:
  %end = add i64 %start, %chunk
  %inside = icmp slt i64 %end, %size
  %stop = select i1 %inside, i64 %end, i64 %size
  call void %function(ptr %args, i64 %start, i64 %stop, i64 %slot)
  br label %take
done:
  ret void
}

define void @run(ptr %team, ptr %function, ptr %args, i64 %size, i64 %chunk, i64 %helpers) {
entry:
  %open = getelementptr i64, ptr %team, i64 8
  %counter = getelementptr i64, ptr %team, i64 16
  %inside = getelementptr i64, ptr %team, i64 24
  %job = getelementptr i64, ptr %team, i64 32
  %word1 = getelementptr i64, ptr %team, i64 33
  %word2 = getelementptr i64, ptr %team, i64 34
  %word3 = getelementptr i64, ptr %team, i64 35
  %word4 = getelementptr i64, ptr %team, i64 36
  store ptr %function, ptr %job
  store ptr %args, ptr %word1
  store i64 %size, ptr %word2
  store i64 %chunk, ptr %word3
  store i64 %helpers, ptr %word4
  store atomic i64 0, ptr %counter seq_cst, align 8
  store atomic i64 1, ptr %open seq_cst, align 8
  %number = atomicrmw add ptr %team, i64 1 seq_cst
  call void @take_chunks(ptr %team, ptr %function, ptr %args, i64 %size, i64 %chunk, i64 0)
  store atomic i64 0, ptr %open seq_cst, align 8
  br label %wait
wait:
  %left = load atomic i64, ptr %inside seq_cst, align 8
  %busy = icmp ne i64 %left, 0
  br i1 %busy, label %wait, label %done
done:
  ret void
}

define internal i32 @do_nothing() {
  ret i32 0
}

; Watch for jobs newer than %seen and take part; returns the last one seen after a quiet while.
define i64 @serve(ptr %team, i64 %seen, i64 %slot) {
entry:
  %open = getelementptr i64, ptr %team, i64 8
  %inside = getelementptr i64, ptr %team, i64 24
  %job = getelementptr i64, ptr %team, i64 32
  %word1 = getelementptr i64, ptr %team, i64 33
  %word2 = getelementptr i64, ptr %team, i64 34
  %word3 = getelementptr i64, ptr %team, i64 35
  %word4 = getelementptr i64, ptr %team, i64 36
  %word5 = getelementptr i64, ptr %team, i64 37
  %sched_yield = load ptr, ptr %word5
  %has_yield = icmp ne ptr %sched_yield, null
  %let_others = select i1 %has_yield, ptr %sched_yield, ptr @do_nothing
  br label %fresh
fresh:
  %last = phi i64 [ %seen, %entry ], [ %number, %leave ]
  br label %watch
watch:
  %round = phi i64 [ 0, %fresh ], [ %round, %pause ], [ %next_round, %yield ]
  %times = phi i64 [ 0, %fresh ], [ %next_times, %pause ], [ 0, %yield ]
  %number = load atomic i64, ptr %team seq_cst, align 8
  %is_new = icmp ne i64 %number, %last
  br i1 %is_new, label %enter, label %idle
idle:
  %next_times = add i64 %times, 1
  %enough = icmp sge i64 %next_times, WATCHES
  br i1 %enough, label %yield, label %pause
pause:
  PAUSE
  br label %watch
yield:
  %ignored = call i32 %let_others()
  %next_round = add i64 %round, 1
  %quiet = icmp sge i64 %next_round, ROUNDS
  br i1 %quiet, label %sleep, label %watch
enter:
  %before = atomicrmw add ptr %inside, i64 1 seq_cst
  %is_open = load atomic i64, ptr %open seq_cst, align 8
  %closed = icmp eq i64 %is_open, 0
  br i1 %closed, label %leave, label %count
count:
  %helpers = load i64, ptr %word4
  %is_needed = icmp slt i64 %before, %helpers
  br i1 %is_needed, label %help, label %leave
help:
  %function = load ptr, ptr %job
  %args = load ptr, ptr %word1
  %size = load i64, ptr %word2
  %chunk = load i64, ptr %word3
  call void @take_chunks(ptr %team, ptr %function, ptr %args, i64 %size, i64 %chunk, i64 %slot)
  br label %leave
leave:
  %after = atomicrmw sub ptr %inside, i64 1 seq_cst
  br label %fresh
sleep:
  ret i64 %last
}
"""


def _yield_address() -> int:
    """Of the C library's `sched_yield`; 0 where there is none."""
    if sys.platform == "win32":
        return 0
    return ctypes.cast(ctypes.CDLL(None).sched_yield, ctypes.c_void_p).value or 0


@cache
def _functions() -> tuple[Any, Any]:
    """`run` and `serve`, compiled."""
    machine = os.uname().machine if hasattr(os, "uname") else "AMD64"
    text = _ASSEMBLY.replace("WATCHES", str(_WATCHES)).replace("ROUNDS", str(_ROUNDS))
    declaration, call = _PAUSE.get(machine, ("", ""))
    run, serve = compile_functions(text.replace("PAUSE", call) + declaration, "run", "serve")
    pointer, word = ctypes.c_void_p, ctypes.c_int64
    run_type = ctypes.CFUNCTYPE(None, pointer, pointer, pointer, word, word, word)
    return run_type(run), ctypes.CFUNCTYPE(word, pointer, word, word)(serve)


class _Team:
    """The memory that caller and workers share, and the workers."""

    def __init__(self) -> None:
        self.run, self.serve = _functions()
        self.memory = np.zeros(_WORDS + 8, np.int64)
        base = self.memory.ctypes.data
        self.address = base + -base % 64
        ctypes.c_int64.from_address(self.address + 8 * _YIELD_WORD).value = _yield_address()
        self.job_number = ctypes.c_int64.from_address(self.address)
        self.busy = threading.Lock()
        self.sleeping: list[_Worker] = []
        self.started = 0
        self.missed = 0.0  # nanoseconds of work that sleeping threads took no part in

    def wake(self, workers: int) -> None:
        """Wake what sleeps of the first `workers` workers, and start what is missing of them."""
        while self.started < workers:
            self.started += 1
            try:
                _Worker(self, self.started)
            except RuntimeError:  # no thread can be started any more
                return
        cpu = current_cpu()
        while self.sleeping:
            worker = self.sleeping.pop()
            worker.place.keep_off(cpu)
            worker.lock.release()


class _Worker:
    """A daemon thread that is either inside `serve` or asleep."""

    def __init__(self, team: _Team, number: int) -> None:
        self.team = team
        self.number = number
        self.place = Placed()
        self.lock = threading.Lock()
        threading.Thread(target=self._run, name="gradcore-native", daemon=True).start()

    def _run(self) -> None:
        self.place.begin()
        team, seen = self.team, 0
        while True:
            seen = team.serve(team.address, seen, self.number)
            if team.job_number.value != seen:  # it came while this thread waited for the GIL
                continue
            self.lock.acquire(blocking=False)
            team.sleeping.append(self)
            self.lock.acquire()


_forgotten: list[_Team] = []  # what a forked child inherits stays as it is


@cache
def _team() -> _Team:
    return _Team()


def _forget_team() -> None:
    """A forked child has none of its parent's threads."""
    if _team.cache_info().currsize:
        _forgotten.append(_team())
        _team.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_team)


def slots() -> int:
    """How many numbers there are for the threads of a job: the caller has 0, the workers more."""
    return max(get_num_threads(), _team().started + 1)


def run(function: int, args: int, size: int, chunk: int, nanoseconds: float) -> bool:
    """Call the kernel at `function` over chunks of `range(size)`, on several threads.

    Args:
        function: address of ``kernel(args, start, stop, slot)``.
        args: address of what it reads.
        size: number of items.
        chunk: items per call.
        nanoseconds: about how long it takes on one thread.

    Returns:
        Whether it was done; not where another thread is using the team.
    """
    team = _team()
    if not team.busy.acquire(blocking=False):
        return False
    try:
        helpers = get_num_threads() - 1
        if team.sleeping or team.started < helpers:
            team.missed += nanoseconds
            if team.missed > _WAKE_AFTER_NS:
                team.missed = 0.0
                team.wake(helpers)
        team.run(team.address, function, args, size, chunk, helpers)
    finally:
        team.busy.release()
    return True
