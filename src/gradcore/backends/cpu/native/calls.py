"""Calling compiled kernels from Python."""

from __future__ import annotations

import struct
import threading
from collections.abc import Callable, Sequence
from ctypes import CFUNCTYPE, addressof, c_int64, c_void_p
from typing import Any

import numpy as np

from ..threads import get_num_threads, is_inside_parallel_for
from . import team
from .jit import compile_functions, is_available, is_eager
from .loops import Kernel

KERNEL_TYPE = CFUNCTYPE(None, c_void_p, c_int64, c_int64, c_int64)


class Call:
    """A compiled kernel with its arguments: arrays first, then numbers.

    Args:
        kernel: what to compile.
        arrays: how many arrays it takes.
        numbers: how many int64 numbers it takes after them.
    """

    def __init__(self, kernel: Kernel, arrays: int, numbers: int) -> None:
        (self.address,) = compile_functions(kernel.assembly(), "kernel")
        self.function = KERNEL_TYPE(self.address)
        self.arguments = c_int64 * (arrays + numbers)

    def __call__(
        self,
        arrays: Sequence[np.ndarray],
        numbers: Sequence[int],
        items: int,
        chunk: int,
        nanoseconds: float,
    ) -> bool:
        """Compute `items` items, `chunk` at a time, on several threads if they take long enough.

        Args:
            arrays: C-contiguous arrays of the dtypes that the kernel expects.
            numbers: the other arguments.
            items: how many items there are.
            chunk: items per call of the kernel.
            nanoseconds: about how long all of them take on one thread.

        Returns:
            Whether the kernel was called once, for all items.
        """
        arguments = self.arguments(*map(id, arrays), *numbers)
        address = addressof(arguments)
        if chunk < items and get_num_threads() > 1 and not is_inside_parallel_for():
            if team.run(self.address, address, items, chunk, nanoseconds):
                return False
        self.function(address, 0, items, 0)
        return True


def bits_of(number: Any) -> int:
    """A Python number as the 64 bits that a kernel reads."""
    if isinstance(number, float):
        return struct.unpack("q", struct.pack("d", number))[0]
    return int(number)


class LazyCall:
    """A kernel that is compiled when it is first worth a call.

    Whether it is depends on that call alone, not on earlier ones: compiled kernels round unlike
    NumPy's, and a program that is run again has to give the same numbers.

    Args:
        build: makes the kernel.
        least_ns: nanoseconds of NumPy's work from which on it is called.
    """

    def __init__(self, build: Callable[[], Call], least_ns: float = 1e4) -> None:
        self.build = build
        self.least_ns = 0.0 if is_eager() else least_ns
        self.call: Call | None = None

    def get(self, nanoseconds: float) -> Call | None:
        """The kernel; None where NumPy is to do the work.

        Args:
            nanoseconds: about how long NumPy takes for what the kernel is wanted for.
        """
        if nanoseconds < self.least_ns or not is_available():
            return None
        if self.call is None:
            self.call = self.build()
        return self.call


_scratch = threading.local()


def scratch_memory(size: int) -> np.ndarray:
    """At least `size` float32 numbers that this thread keeps.

    Zeros at first: kernels may read beyond what they wrote, and throw away what they make of it,
    but a denormal number would take them 100 times as long.
    """
    held = getattr(_scratch, "held", None)
    if held is None or held.size < size:
        held = _scratch.held = np.zeros(size, np.float32)
    return held
