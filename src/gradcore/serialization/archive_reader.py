"""Reading PyTorch's zip files: records by name, or their place in the file."""

from __future__ import annotations

import struct
import zipfile
from typing import IO, Any

import numpy as np

# caffe2/serialize/versions.h of PyTorch 2.13
_NEWEST_VERSION = 10
_OLDEST_VERSION = 1
# PyTorch does not compress; zip programs can, but weights never shrink this far. Zip bombs do.
_MOST_INFLATION = 64
_SMALL = 1 << 24


def is_archive(file: IO[bytes]) -> bool:
    """Whether a zip file starts at the file's position, which is kept."""
    start = file.tell()
    magic = file.read(4)
    file.seek(start)
    return magic == b"PK\x03\x04"


def _damaged(problem: str) -> RuntimeError:
    return RuntimeError(f"PytorchStreamReader failed {problem}")


class ArchiveReader:
    """The records of a zip file in ``file``.

    Nothing is allocated before its size was checked against the file's. RuntimeError for files
    that are damaged or newer than this reader.
    """

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._length = file.seek(0, 2)
        self._taken = 0
        try:
            self._zip = zipfile.ZipFile(file)
            entries = self._zip.infolist()
        except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as e:
            raise _damaged("reading zip archive: failed finding central directory") from e
        if not entries:
            raise _damaged("reading zip archive: archive does not contain any files")
        self._folder, slash, _ = entries[0].filename.partition("/")
        if not slash:
            raise _damaged(f"reading file {self._folder}: file in archive is not in a subdirectory")
        self._entries = {entry.filename: entry for entry in entries}
        self._check_version()

    def _check_version(self) -> None:
        text = self.read("version" if "version" in self else ".data/version")
        try:
            version = int(text)
        except ValueError:
            raise _damaged(f"reading file version: it is {text[:20]!r}, no number") from None
        if not _OLDEST_VERSION <= version <= _NEWEST_VERSION:
            bound = "maximum" if version > _NEWEST_VERSION else "minimum"
            limit = _NEWEST_VERSION if version > _NEWEST_VERSION else _OLDEST_VERSION
            raise RuntimeError(
                f"Attempted to read a PyTorch file with version {version}, but the {bound} "
                f"supported version for reading is {limit}."
            )

    def __contains__(self, name: str) -> bool:
        return f"{self._folder}/{name}" in self._entries

    def _entry(self, name: str) -> zipfile.ZipInfo:
        try:
            return self._entries[f"{self._folder}/{name}"]
        except KeyError:
            raise _damaged(f"locating file {name}: file not found") from None

    def size(self, name: str) -> int:
        """The bytes of a record; RuntimeError where the file cannot hold that many."""
        entry = self._entry(name)
        most = entry.compress_size
        if entry.compress_type != zipfile.ZIP_STORED:
            most = max(most * _MOST_INFLATION, min(most * 1032, _SMALL))
        fits = entry.header_offset + entry.compress_size <= self._length
        if not fits or entry.file_size > most:
            raise _damaged(f"reading file {name}: it claims more bytes than the archive has")
        if entry.flag_bits & 1:
            raise _damaged(f"reading file {name}: it is encrypted")
        return entry.file_size

    def offset(self, name: str) -> int | None:
        """Where the data of a record start; None where they are compressed."""
        entry = self._entry(name)
        if entry.compress_type != zipfile.ZIP_STORED:
            return None
        self._file.seek(entry.header_offset)
        header = self._file.read(30)
        if len(header) < 30 or header[:4] != b"PK\x03\x04":
            raise _damaged(f"reading file {name}: bad local file header")
        name_length, extra_length = struct.unpack_from("<2H", header, 26)
        start = entry.header_offset + 30 + name_length + extra_length
        if start + self.size(name) > self._length:
            raise _damaged(f"reading file {name}: it ends after the end of the archive")
        return start

    def read(self, name: str) -> bytes:
        """A record, whose checksum is verified."""
        self.size(name)
        try:
            return self._zip.read(self._entry(name))
        except (zipfile.BadZipFile, NotImplementedError, EOFError, OSError, ValueError) as e:
            raise _damaged(f"reading file {name}: {e}") from e
        except Exception as e:
            if type(e).__module__ not in ("zlib", "lzma", "_lzma", "struct"):
                raise
            raise _damaged(f"reading file {name}: {e}") from e

    def read_array(self, name: str) -> np.ndarray:
        """A record as uint8 array. Its checksum is not computed, as PyTorch does not either.

        RuntimeError where records overlap: together they would be more than the file.
        """
        self._taken += self._entry(name).compress_size
        if self._taken > self._length:
            raise _damaged(f"reading file {name}: records overlap")
        start = self.offset(name)
        if start is None:
            return np.frombuffer(bytearray(self.read(name)), np.uint8)
        out = np.empty(self.size(name), np.uint8)
        self._file.seek(start)
        if read_into(self._file, out) != out.nbytes:
            raise _damaged(f"reading file {name}: the archive is truncated")
        return out


def read_into(file: Any, out: np.ndarray) -> int:
    """Fill ``out`` from ``file``; returns how many bytes there were."""
    view = out.data.cast("B")
    done = 0
    while done < view.nbytes:
        if hasattr(file, "readinto"):
            count = file.readinto(view[done:])
        else:
            data = file.read(min(view.nbytes - done, 1 << 24))
            count = len(data)
            view[done : done + count] = data
        if not count:
            break
        done += count
    return done
