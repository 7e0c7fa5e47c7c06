"""Where arrays live: one backend per array library, found by the type of an array."""

from __future__ import annotations

from .cpu.memory import keep_freed_memory
from .numpy_backend import NumpyBackend
from .registry import register
from .symbolic_backend import SymbolicBackend

register(NumpyBackend())
register(SymbolicBackend())
keep_freed_memory()
