"""``gradcore.load``."""

from __future__ import annotations

import contextlib
import io
import mmap as mmap_module
import os
import sys
import warnings
from collections.abc import Callable
from pickle import UnpicklingError
from typing import Any

import numpy as np

from .archive_reader import ArchiveReader, is_archive
from .legacy import load_legacy
from .locations import restorer
from .options import LoadEndianness, get_default_load_endianness, get_default_mmap_options
from .restricted import names_in_pickle
from .storage import TypedStorage, UntypedStorage, swap_bytes
from .unpickling import Reader, explain, from_bytes, reader, storage_identity, unsafe_message

__all__ = ["get_unsafe_globals_in_checkpoint", "load"]


def load(
    f: Any,
    map_location: Any = None,
    pickle_module: Any = None,
    *,
    weights_only: bool | None = None,
    mmap: bool | None = None,
    **pickle_load_args: Any,
) -> Any:
    """The object that :func:`gradcore.save` or PyTorch's ``torch.save`` wrote.

    Args:
        f: a path, or a file that can be read and can seek.
        map_location: where tensors go: a device or its name, a dict of names, or a function
            ``(storage, name) -> storage``. None: where they were.
        pickle_module: loads the pickle instead of Python's own; only if not ``weights_only``.
        weights_only: True (the default): tensors, containers, numbers and what
            ``serialization.add_safe_globals`` added, so that the file cannot run code.
        mmap: let tensors show the file's bytes without reading them; ``f`` must be a path.
        pickle_load_args: further arguments of the unpickler, such as ``encoding`` (the only one
            that ``weights_only`` knows, and warns of).

    Returns:
        The object. Tensors that shared memory still do.

    Raises:
        pickle.UnpicklingError: the file holds what ``weights_only`` does not allow.
        RuntimeError: the file is damaged, or of a kind that gradcore does not know.
    """
    if weights_only is None:
        weights_only = pickle_module is None
    if weights_only and pickle_module is not None:
        raise RuntimeError("Can not safely load weights when explicit pickle_module is specified")
    if pickle_load_args and weights_only:
        warnings.warn("pickle_load_args only works if `weights_only=False`.", stacklevel=2)
    is_path = isinstance(f, (str, os.PathLike))
    if is_path and os.fspath(f).endswith(".safetensors"):
        return _load_safetensors(os.fspath(f), map_location)
    read = reader(weights_only, pickle_module, pickle_load_args)
    with _opened(f, is_path) as file:
        path = os.fspath(f) if is_path else None
        return _load_file(file, path, map_location, read, weights_only, bool(mmap))


def _opened(f: Any, is_path: bool) -> Any:
    """A context in which ``f`` is an open file."""
    if is_path:
        return open(f, "rb")
    _check_readable(f)
    return contextlib.nullcontext(f)


def _load_file(
    file: Any, path: str | None, map_location: Any, read: Reader, weights_only: bool, mapped: bool
) -> Any:
    restore = restorer(map_location)
    try:
        if is_archive(file):
            return _load_archive(file, path, restore, read, weights_only, mapped)
        if mapped:
            name = "" if path is None else f"{path}, "
            raise RuntimeError(
                f"mmap can only be used with files saved with `torch.save({name}"
                "_use_new_zipfile_serialization=True), please torch.save your checkpoint with this "
                "option in order to use mmap."
            )
        return load_legacy(file, read, restore)
    except UnpicklingError as error:
        if not weights_only:
            raise
        raise UnpicklingError(explain(str(error))) from error.__cause__


def _load_archive(
    file: Any, path: str | None, restore: Callable, read: Reader, weights_only: bool, mapped: bool
) -> Any:
    archive = ArchiveReader(file)
    if "constants.pkl" in archive:
        reason = f" {unsafe_message()}" if weights_only else ""
        raise RuntimeError(f"gradcore cannot run TorchScript archives (torch.jit.save).{reason}")
    if mapped and path is None:
        raise ValueError("f must be a file path in order to use the mmap argument")
    memory = _map(file) if mapped else None
    storages = _ArchiveStorages(archive, memory, restore)
    return from_bytes(read, archive.read("data.pkl"), storages.persistent_load)


def _map(file: Any) -> Any:
    """The file's bytes: a private copy on write, or shared with it (set_default_mmap_options)."""
    shared = get_default_mmap_options() == getattr(mmap_module, "MAP_SHARED", None)
    if not shared or get_default_mmap_options() is None:
        return mmap_module.mmap(file.fileno(), 0, access=mmap_module.ACCESS_COPY)
    with open(file.name, "rb+") as writable:
        return mmap_module.mmap(writable.fileno(), 0, access=mmap_module.ACCESS_WRITE)


class _ArchiveStorages:
    """The storages of one archive, read when the pickle names them."""

    def __init__(self, archive: ArchiveReader, memory: Any, restore: Callable) -> None:
        self._archive = archive
        self._memory = memory
        self._restore = restore
        self._swapped = _byte_order(archive) != sys.byteorder
        self._storages: dict[str, UntypedStorage] = {}

    def persistent_load(self, identity: Any) -> TypedStorage:
        """The storage of a persistent id."""
        kind, key, location, count = storage_identity(identity, 4)
        element = kind.dtype
        storage = self._storages.get(key)
        if storage is None:
            nbytes = count * element.itemsize
            size = self._archive.size(f"data/{key}")
            if size != nbytes:
                raise RuntimeError(
                    f"storage {key} has {size} bytes in the file, but its tensors need {nbytes}: "
                    "the file is damaged"
                )
            array = self._array(f"data/{key}")
            if self._swapped:
                swap_bytes(array, element)
            storage = self._storages[key] = self._restore(UntypedStorage(array), location)
        return TypedStorage(storage, element)

    def _array(self, name: str) -> np.ndarray:
        offset = self._archive.offset(name) if self._memory is not None else None
        size = self._archive.size(name)
        # 16 bytes is the size of the widest element, complex128.
        if offset is None or offset % 16 or not size:
            return self._archive.read_array(name)
        return np.frombuffer(self._memory, np.uint8, size, offset)


def _byte_order(archive: ArchiveReader) -> str:
    if "byteorder" in archive:
        order = archive.read("byteorder")
        if order not in (b"little", b"big"):
            raise ValueError(f"Unknown endianness type: {order[:20].decode('latin1')}")
        return order.decode()
    default = get_default_load_endianness()
    if default is LoadEndianness.NATIVE:
        return sys.byteorder
    return "big" if default is LoadEndianness.BIG else "little"


def _check_readable(f: Any) -> None:
    for name in ("seek", "tell", "read", "readline"):
        if not hasattr(f, name):
            raise AttributeError(
                f"'{type(f).__name__}' object has no attribute '{name}'. You can only torch.load "
                "from a file that is seekable. Please pre-load the data into a buffer like "
                "io.BytesIO and try to load from it instead."
            )
    try:
        f.seek(f.tell())
    except io.UnsupportedOperation as error:
        raise io.UnsupportedOperation(
            f"{error}. You can only torch.load from a file that is seekable. Please pre-load the "
            "data into a buffer like io.BytesIO and try to load from it instead."
        ) from error


def _load_safetensors(path: str, map_location: Any) -> dict[str, Any]:
    """PyTorch's ``load`` also takes files of that name."""
    from ..utils import safetensors

    if isinstance(map_location, dict) or callable(map_location):
        kind = "dict" if isinstance(map_location, dict) else "callable"
        raise RuntimeError(
            f"Loading safetensors file with {kind} map_location is not supported. Use a device "
            "string or torch.device instead."
        )
    return safetensors.load_file(path, device="cpu" if map_location is None else map_location)


def get_unsafe_globals_in_checkpoint(f: Any) -> list[str]:
    """The names in a file that ``load(f)`` would refuse; nothing is loaded.

    Args: ``f`` is a path, or a file that can be read and can seek.

    Raises ValueError for files of the old format.
    """
    if not isinstance(f, (str, os.PathLike)):
        return _unsafe_names(f)
    with open(f, "rb") as file:
        return _unsafe_names(file)


def _unsafe_names(file: Any) -> list[str]:
    from .names import CALLABLE, constants
    from .safe import allowed_names

    if not is_archive(file):
        raise ValueError("Expected input to be a checkpoint returned by torch.save")
    archive = ArchiveReader(file)
    if "constants.pkl" in archive:
        raise ValueError(
            "Expected input to be a checkpoint returned by torch.save but got a torchscript "
            "checkpoint"
        )
    names = names_in_pickle(archive.read("data.pkl"))
    return sorted(names - CALLABLE.keys() - constants().keys() - allowed_names().keys())
