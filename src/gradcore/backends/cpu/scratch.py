"""Scratch memory per thread, kept between calls."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_CACHE_LINE = 64


class _Block(threading.local):
    """The thread's block; None while it is lent out."""

    block: np.ndarray | None = None


_local = _Block()


@contextmanager
def borrow(nbytes: int) -> Iterator[np.ndarray]:
    """Lend `nbytes` of uint8 memory that starts on a cache line, to this thread alone.

    A second loan while the first lasts (a finalizer that computes) gets memory of its own.
    """
    block, _local.block = _local.block, None
    if block is None or block.size < nbytes + _CACHE_LINE:
        block = np.empty(nbytes + _CACHE_LINE, np.uint8)
    start = -block.__array_interface__["data"][0] % _CACHE_LINE
    try:
        yield block[start : start + nbytes]
    finally:
        _local.block = block
