"""``gradcore.save``."""

from __future__ import annotations

import io
import os
import pickle
import sys
from typing import Any

from ..backends.registry import backend_of
from .archive_writer import ALIGNMENT, ArchiveWriter
from .atomic import atomic_write
from .options import get_crc32_options
from .pickler import Storages, make_pickler

__all__ = ["save"]

DEFAULT_PROTOCOL = 2


def save(
    obj: object,
    f: Any,
    pickle_module: Any = pickle,
    pickle_protocol: int = DEFAULT_PROTOCOL,
    _use_new_zipfile_serialization: bool = True,
    _disable_byteorder_record: bool = False,
) -> None:
    """Write an object into a file that :func:`gradcore.load` and PyTorch's ``torch.load`` read.

    Tensors that share memory do so again when they are loaded. A path is replaced only when the
    whole new file is on the disk: a crash leaves the old one.

    Args:
        obj: tensors, containers, numbers, ``state_dict()``s; anything else that can be pickled.
        f: a path, or an object with ``write``.
        pickle_module: its ``Pickler`` is used; it must be written in Python, as dill's is.
        pickle_protocol: from 1 on; files of other protocols than 2 need ``weights_only=False``.

    Raises:
        AttributeError: ``f`` is no path and has no ``write``.
        ValueError: the old format, another pickler written in C, or protocol 0.
        RuntimeError: the folder is missing; tensors see one memory as different dtypes.
    """
    is_path = isinstance(f, (str, os.PathLike))
    if not is_path and not hasattr(f, "write"):
        raise AttributeError(
            "expected 'f' to be string, path, or a file-like object with a 'write' attribute"
        )
    if not _use_new_zipfile_serialization:
        raise ValueError(
            "_use_new_zipfile_serialization=False: gradcore reads files of the old format, but "
            "does not write them"
        )
    if pickle_protocol == 0:
        raise ValueError("pickle_protocol: storages need the binary protocols, from 1 on")
    storages, data = Storages(), io.BytesIO()
    make_pickler(pickle_module)(data, storages, pickle_protocol).dump(obj)
    records = (data.getbuffer(), storages, not _disable_byteorder_record)
    if is_path:
        with atomic_write(os.fspath(f)) as file:
            _write(file, _archive_name(os.fspath(f)), *records)
    else:
        _write(f, "archive", *records)
        getattr(f, "flush", lambda: None)()


def _archive_name(path: str) -> str:
    """The folder inside the zip file: the file's name without its last suffix, as in PyTorch."""
    name = os.path.basename(path)
    stem = name.rpartition(".")[0] if "." in name else name
    return stem if stem and stem.isascii() else "archive"


def _write(file: Any, name: str, data: Any, storages: Storages, byte_order: bool) -> None:
    """The records, in PyTorch's order."""
    writer = ArchiveWriter(file, name, get_crc32_options())
    writer.write_record("data.pkl", data)
    writer.write_record(".format_version", b"1")
    writer.write_record(".storage_alignment", str(ALIGNMENT).encode())
    if byte_order:
        writer.write_record("byteorder", sys.byteorder.encode())
    for key, array in storages.arrays.items():
        writer.write_record(f"data/{key}", backend_of(array).to_host(array))
    writer.finish()
