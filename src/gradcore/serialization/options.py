"""Settings that hold for the whole process: checksums, memory maps, byte order."""

from __future__ import annotations

import mmap
from enum import Enum
from typing import Any

__all__ = [
    "LoadEndianness",
    "get_crc32_options",
    "get_default_load_endianness",
    "get_default_mmap_options",
    "set_crc32_options",
    "set_default_load_endianness",
    "set_default_mmap_options",
]


class LoadEndianness(Enum):
    """The byte order of files that do not tell theirs."""

    NATIVE = 1
    LITTLE = 2
    BIG = 3


class _Options:
    load_endianness: LoadEndianness | None = None
    crc32 = True
    # Windows has no such flags: there a map is always a private copy.
    mmap_flags: int | None = getattr(mmap, "MAP_PRIVATE", None)


_options = _Options()


def get_default_load_endianness() -> LoadEndianness | None:
    """The byte order assumed of files without a ``byteorder`` record; None means little."""
    return _options.load_endianness


def set_default_load_endianness(endianness: LoadEndianness | None) -> None:
    """Set the byte order of files without a ``byteorder`` record; TypeError for anything else."""
    if not isinstance(endianness, LoadEndianness) and endianness is not None:
        raise TypeError("Invalid argument type in function set_default_load_endianness")
    _options.load_endianness = endianness


def get_crc32_options() -> bool:
    """Whether ``save`` computes the checksum of every record."""
    return _options.crc32


def set_crc32_options(compute_crc32: bool) -> None:
    """Set whether ``save`` computes checksums; without them other zip programs report damage."""
    _options.crc32 = bool(compute_crc32)


def get_default_mmap_options() -> int | None:
    """The flags of ``load(mmap=True)``: ``mmap.MAP_PRIVATE`` or ``mmap.MAP_SHARED``."""
    return _options.mmap_flags


class set_default_mmap_options:
    """Set the flags of ``load(mmap=True)``, for good or in a ``with`` block.

    ``MAP_SHARED`` writes changes of the tensors back to the file. ValueError for other flags.
    """

    def __init__(self, flags: int) -> None:
        private, shared = getattr(mmap, "MAP_PRIVATE", None), getattr(mmap, "MAP_SHARED", None)
        if private is None:
            raise RuntimeError(
                "Changing the default mmap options is currently not supported for Windows"
            )
        if flags not in (private, shared):
            raise ValueError(
                f"Invalid argument in function set_default_mmap_options, expected mmap.MAP_PRIVATE "
                f"or mmap.MAP_SHARED, but got {flags}"
            )
        self.prev = _options.mmap_flags
        _options.mmap_flags = flags

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: Any) -> None:
        _options.mmap_flags = self.prev
