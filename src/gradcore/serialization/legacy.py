"""Reading the files that PyTorch wrote before 1.6: pickles, then the storages one by one."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.registry import write
from .archive_reader import read_into
from .storage import TypedStorage, UntypedStorage, swap_bytes
from .unpickling import Reader, storage_identity

MAGIC_NUMBER = 0x1950A86A20F9469CFC6C
PROTOCOL_VERSION = 1001
_TAR_MAGIC_AT, _TAR_MAGIC = 257, b"ustar"


class _LegacyStorages:
    """The storages of one file: made when the pickle names them, filled after it."""

    def __init__(self, room: int, restore: Callable) -> None:
        self._room = room
        self._restore = restore
        self._storages: dict[str, TypedStorage] = {}
        self._views: dict[Any, TypedStorage] = {}

    def persistent_load(self, identity: Any) -> Any:
        """The storage of a persistent id, or the class of a module's one."""
        if isinstance(identity, tuple) and identity and identity[0] in ("module", b"module"):
            return identity[1]
        kind, key, location, count, view = storage_identity(identity, 5)
        element = kind.dtype
        if key not in self._storages:
            nbytes = count * element.itemsize
            self._room -= nbytes
            if self._room < 0:
                raise RuntimeError(
                    f"storage {key} claims {nbytes} bytes, more than the file has: it is damaged"
                )
            memory = self._restore(UntypedStorage(np.zeros(nbytes, np.uint8)), location)
            self._storages[key] = TypedStorage(memory, element)
        whole = self._storages[key]
        return whole if view is None else self._view(whole, view)

    def _view(self, whole: TypedStorage, view: Any) -> TypedStorage:
        """A part of a storage, as files before 0.4 have them."""
        if not isinstance(view, tuple) or len(view) != 3:
            raise RuntimeError("a storage's view must be (key, offset, size)")
        key, offset, size = view
        if type(offset) is not int or type(size) is not int or offset < 0 or size < 0:
            raise RuntimeError("a storage's view must have a non-negative offset and size")
        if offset + size > whole.size():
            raise RuntimeError("a storage's view does not lie within the storage")
        if key not in self._views:
            width = whole.dtype.itemsize
            memory = whole.untyped()._array[offset * width : (offset + size) * width]
            self._views[key] = TypedStorage(UntypedStorage(memory), whole.dtype)
        return self._views[key]

    def fill(self, key: Any, file: Any, big_endian: bool) -> None:
        """Read the elements of one storage; RuntimeError where they are not as announced."""
        storage = self._storages.get(key) if isinstance(key, str) else None
        if storage is None:
            raise RuntimeError(f"storage key {key!r:.80} not found in deserialized_objects")
        header = file.read(8)
        if len(header) < 8 or struct.unpack("<q", header)[0] != storage.size():
            raise RuntimeError(f"storage {key} has the wrong size in the file: it is damaged")
        host = np.empty(storage.untyped().nbytes(), np.uint8)
        if read_into(file, host) != host.nbytes:
            raise RuntimeError(f"unexpected EOF in storage {key}: the file is truncated")
        if big_endian:
            swap_bytes(host, storage.dtype)
        target = storage.untyped()
        write(target._array, UntypedStorage(host).to(device=target.device)._array)


def load_legacy(file: Any, read: Reader, restore: Callable) -> Any:
    """The object in a file of the old format, from the file's position on.

    RuntimeError for other files, and for damaged ones.
    """
    length = _length(file)
    _refuse_tar(file)
    if read(file, length, None) != MAGIC_NUMBER:
        raise RuntimeError("Invalid magic number; corrupt file?")
    version = read(file, length, None)
    if version != PROTOCOL_VERSION:
        raise RuntimeError(f"Invalid protocol version: {version!r:.80}")
    system = read(file, length, None)
    little = system.get("little_endian", True) if isinstance(system, dict) else True
    storages = _LegacyStorages(length - file.tell(), restore)
    result = read(file, length, storages.persistent_load)
    keys = read(file, length, None)
    if not isinstance(keys, list):
        raise RuntimeError("the list of storages is missing: the file is damaged")
    for key in keys:
        storages.fill(key, file, not little)
    return result


def _length(file: Any) -> int:
    """The position of the file's end; PyTorch's error where the file cannot seek."""
    try:
        start = file.tell()
        length = file.seek(0, io.SEEK_END)
        file.seek(start)
    except (io.UnsupportedOperation, AttributeError) as error:
        raise type(error)(
            f"{error}. You can only torch.load from a file that is seekable. Please pre-load the "
            "data into a buffer like io.BytesIO and try to load from it instead."
        ) from error
    return file.tell() if length is None else length


def _refuse_tar(file: Any) -> None:
    """The format of 2016 (PyTorch 0.1.1) was a tar file."""
    start = file.tell()
    head = file.read(_TAR_MAGIC_AT + len(_TAR_MAGIC))
    file.seek(start)
    if head.endswith(_TAR_MAGIC) and len(head) == _TAR_MAGIC_AT + len(_TAR_MAGIC):
        raise RuntimeError(
            "this is a tar file of PyTorch 0.1.1, which gradcore does not read: load it with "
            "PyTorch and save it again"
        )
