"""How the CPU backend gets memory for large results: kept after use, and aligned.

Both matter as much as the arithmetic. A 16M-element float32 add takes 32 ms into fresh pages and
6 ms into reused ones; a 64k-element add takes 13 us into an output that starts 16 bytes past a
cache line, where `malloc` puts large blocks, and 5 us into one on a line.
"""

from __future__ import annotations

import ctypes
import math
import os
from ctypes import addressof, c_char

import numpy as np

# Names from glibc's <malloc.h>.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
# The first that is accepted: older glibc takes no mmap threshold above 32 MiB.
_KEEP_BELOW_BYTES = (2**30, 2**25)

_CACHE_LINE = 64
# Below this an aligned allocation (about 1 us more) costs more than it saves.
_ALIGN_FROM_BYTES = 65_536

_USER_SETTINGS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")


def keep_freed_memory() -> bool:
    """Let the C library keep freed large blocks for reuse instead of returning them to the system.

    The price is resident memory: a process holds on to (nearly) the most it ever used at once,
    as PyTorch's CUDA allocator does, until it ends. Only glibc has the switch. It is left alone
    where the user set `MALLOC_TRIM_THRESHOLD_`, `MALLOC_MMAP_THRESHOLD_` or
    `GRADCORE_KEEP_MEMORY=0`.

    Returns:
        Whether the setting was made.
    """
    if os.environ.get("GRADCORE_KEEP_MEMORY") == "0":
        return False
    if any(name in os.environ for name in _USER_SETTINGS):
        return False
    try:
        library = ctypes.CDLL(None)
        library.gnu_get_libc_version  # noqa: B018 - other C libraries number their options anew
        mallopt = library.mallopt
    except (AttributeError, OSError, TypeError):
        return False
    return any(
        mallopt(_M_MMAP_THRESHOLD, limit) and mallopt(_M_TRIM_THRESHOLD, limit)
        for limit in _KEEP_BELOW_BYTES
    )


def empty(shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """An uninitialised C-contiguous array; a large one starts on a cache line.

    Args:
        shape: its shape.
        dtype: its dtype, an instance (not a scalar type).
    """
    size = math.prod(shape)
    nbytes = size * dtype.itemsize
    if nbytes < _ALIGN_FROM_BYTES:
        return np.empty(shape, dtype)
    block = np.empty(nbytes + _CACHE_LINE, np.uint8)
    # a quarter of the time of block.ctypes.data and of block.__array_interface__
    offset = -addressof(c_char.from_buffer(block)) % _CACHE_LINE  # type: ignore[arg-type]
    return np.ndarray(shape, dtype, block, offset)
