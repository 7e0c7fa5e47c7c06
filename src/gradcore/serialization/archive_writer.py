"""Writing PyTorch's zip files: stored records, each aligned to 64 bytes.

The bytes are those of PyTorch's writer (caffe2/serialize/inline_container.cc over miniz): no
times, sizes and checksums after the data, padding in an extra field ``FB``. Its reader computes
the positions of storages from that layout.
"""

from __future__ import annotations

import hashlib
import struct
import threading
import zlib
from typing import Any

ALIGNMENT = 64
_UINT32_MAX = 0xFFFFFFFF  # stands where the number is in the zip64 fields
_ZIP64_FROM = _UINT32_MAX
_UINT16_MAX = 0xFFFF
# Sizes follow the data (bit 3), names are UTF-8 (bit 11).
_SIZES_FOLLOW, _UTF8 = 0x0008, 0x0800
# A checksum runs at about 2 GB/s: below this size a thread costs more than it hides.
_THREAD_FROM = 1 << 20


class ArchiveWriter:
    """Writes records one after the other into an object with ``write``; it never seeks."""

    def __init__(self, file: Any, name: str, checksums: bool) -> None:
        self._file = file
        self._name = name
        self._checksums = checksums
        self._position = 0
        self._directory: list[bytes] = []
        self._digest = hashlib.blake2b(digest_size=16)

    def write_record(self, name: str, data: Any) -> None:
        """Append the bytes-like ``data`` under ``name``."""
        data = memoryview(data).cast("B")
        path = f"{self._name}/{name}".encode()
        start, size = self._position, data.nbytes
        flags = _UTF8 | (_SIZES_FOLLOW if size else 0)
        zip64 = _zip64_fields(size, start)
        header = struct.pack("<I5H3I", 0x04034B50, 0, flags, 0, 0, 0, 0, 0, 0)
        offset = start + len(header) + 4 + len(path) + len(zip64) + 4
        padding = -offset % ALIGNMENT
        extra = zip64 + b"FB" + struct.pack("<H", padding) + b"Z" * padding
        self._write(header + struct.pack("<2H", len(path), len(extra)) + path + extra)
        checksum = self._write_data(data)
        if size:
            sizes = "<2I2Q" if zip64 else "<4I"
            self._write(struct.pack(sizes, 0x08074B50, checksum, size, size))
        self._digest.update(path + struct.pack("<IQ", checksum, size))
        self._directory.append(_directory_entry(path, flags, checksum, size, start, zip64))

    def _write(self, data: Any) -> None:
        view = memoryview(data)
        self._position += view.nbytes
        while view.nbytes:
            # Unbuffered files may take less than they were given; others return nothing.
            written = self._file.write(view)
            view = view[len(view) if written is None else written :]

    def _write_data(self, data: memoryview) -> int:
        """Write ``data`` while another thread computes the checksum, which is returned."""
        if not self._checksums:
            self._write(data)
            return 0
        if data.nbytes < _THREAD_FROM:
            self._write(data)
            return zlib.crc32(data)
        result: list[int] = []
        thread = threading.Thread(target=lambda: result.append(zlib.crc32(data)))
        thread.start()
        try:
            self._write(data)
        finally:
            thread.join()
        return result[0]

    def finish(self) -> None:
        """Append what PyTorch's files end with, and the directory."""
        self.write_record("version", b"3\n")
        identity = self._digest.digest()
        halves = struct.unpack("<2Q", identity)
        self.write_record(".data/serialization_id", b"%020d%020d" % halves)
        start, entries = self._position, len(self._directory)
        self._write(b"".join(self._directory))
        size = self._position - start
        end = self._position
        self._write(
            struct.pack(
                "<IQ2H2I4Q", 0x06064B50, 44, 0x031E, 45, 0, 0, entries, entries, size, start
            )
        )
        self._write(struct.pack("<2IQI", 0x07064B50, 0, end, 1))
        count = min(entries, _UINT16_MAX)
        self._write(
            struct.pack("<I4H2IH", 0x06054B50, 0, 0, count, count, _short(size), _short(start), 0)
        )


def _short(number: int) -> int:
    """A size or position for a field of 32 bits."""
    return number if number < _ZIP64_FROM else _UINT32_MAX


def _zip64_fields(size: int, start: int) -> bytes:
    """The extra field with what does not fit into 32 bits; empty where everything does."""
    fields = b""
    if size >= _ZIP64_FROM:
        fields += struct.pack("<2Q", size, size)
    if start >= _ZIP64_FROM:
        fields += struct.pack("<Q", start)
    return struct.pack("<2H", 1, len(fields)) + fields if fields else b""


def _directory_entry(
    path: bytes, flags: int, checksum: int, size: int, start: int, zip64: bytes
) -> bytes:
    short_size, short_start = _short(size), _short(start)
    entry = struct.pack(
        "<I6H3I5H2I", 0x02014B50, 0, 0, flags, 0, 0, 0, checksum, short_size, short_size,
        len(path), len(zip64), 0, 0, 0, 0, short_start,
    )  # fmt: skip
    return entry + path + zip64
