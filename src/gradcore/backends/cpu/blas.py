"""Control over the thread count of the BLAS that NumPy itself calls.

A kernel that spreads its work over threads and calls BLAS from each of them must hold BLAS to one
thread meanwhile: two pool threads that each start a two-threaded GEMM on two cores run 1.5 to 3
times slower than two single-threaded ones. NumPy has no such switch, so the switch of the BLAS
library is called through ctypes. Where the BLAS has none (Accelerate, reference BLAS) everything
here does nothing.
"""

from __future__ import annotations

import ctypes
import glob
import os
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["blas_threads", "set_blas_threads", "single_threaded"]

# (setter, getter) as the libraries name them: NumPy's wheels prefix OpenBLAS with "scipy_" and
# suffix its 64-bit-integer build; distributions ship it plain or suffixed.
_SYMBOLS = (
    ("scipy_openblas_set_num_threads64_", "scipy_openblas_get_num_threads64_"),
    ("scipy_openblas_set_num_threads", "scipy_openblas_get_num_threads"),
    ("openblas_set_num_threads64_", "openblas_get_num_threads64_"),
    ("openblas_set_num_threads", "openblas_get_num_threads"),
    ("MKL_Set_Num_Threads", "MKL_Get_Max_Threads"),
)


def candidate_libraries() -> Iterator[ctypes.CDLL]:
    """Handles in which NumPy's BLAS may be found, none of which loads a library anew.

    On ELF and Mach-O a symbol looked up through NumPy's own extension module is also searched for
    in the libraries that the module was linked with, so its BLAS is found whatever its file is
    called, and never SciPy's or PyTorch's copy. Windows does not search dependencies: there the
    DLL that the wheel bundles is opened by its path, which gives the copy already in memory.
    """
    extension = sys.modules.get("numpy._core._multiarray_umath")
    paths = [getattr(extension, "__file__", None)]
    if sys.platform == "win32":
        folder = os.path.join(os.path.dirname(np.__file__), os.pardir, "numpy.libs")
        paths = glob.glob(os.path.join(folder, "*openblas*.dll"))
    for path in paths:
        if path is not None:
            try:
                yield ctypes.CDLL(path)
            except OSError:
                continue


def _find_control() -> tuple[Callable[[int], Any], Callable[[], int]] | None:
    """The BLAS library's own (set, get) functions, or None where it has none."""
    for library in candidate_libraries():
        for set_name, get_name in _SYMBOLS:
            try:
                setter, getter = getattr(library, set_name), getattr(library, get_name)
            except AttributeError:
                continue
            setter.argtypes, setter.restype = [ctypes.c_int], None
            getter.argtypes, getter.restype = [], ctypes.c_int
            return setter, getter
    return None


class _Control:
    """The library's switch, with the number of regions that hold it at one thread."""

    def __init__(self) -> None:
        self.functions = _find_control()
        self.lock = threading.Lock()
        self.depth = 0
        self.outside = 1  # the count to return to when the last region ends

    def reset_after_fork(self) -> None:
        """The child has only the forking thread: no other thread's region will ever end."""
        self.lock = threading.Lock()
        if self.depth and self.functions is not None:
            self.functions[0](self.outside)
        self.depth = 0


_control = _Control()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_control.reset_after_fork)


def blas_threads() -> int:
    """How many threads a BLAS call uses outside `single_threaded` (1 if BLAS cannot tell)."""
    if _control.functions is None:
        return 1
    with _control.lock:
        return _control.outside if _control.depth else _control.functions[1]()


def set_blas_threads(n: int) -> None:
    """Let BLAS calls use `n` threads; inside `single_threaded` this holds from its end on.

    Raises:
        ValueError: if `n` is less than 1.
    """
    if n < 1:
        raise ValueError(f"set_blas_threads expects a positive number of threads, got {n}")
    if _control.functions is None:
        return
    with _control.lock:
        if _control.depth:
            _control.outside = n
        else:
            _control.functions[0](n)


class single_threaded:
    """Context manager that holds BLAS to one thread, for the whole process.

    It may be nested and entered from several threads at once; the count of before comes back when
    the last of them leaves. Entering and leaving cost about 1 µs together.
    """

    def __enter__(self) -> None:
        functions = _control.functions
        if functions is None:
            return
        with _control.lock:
            if _control.depth == 0:
                _control.outside = functions[1]()
                functions[0](1)
            _control.depth += 1

    def __exit__(self, *exc_info: object) -> None:
        functions = _control.functions
        if functions is None:
            return
        with _control.lock:
            _control.depth -= 1
            if _control.depth == 0:
                functions[0](_control.outside)
