"""Writing a file so that a crash leaves the old one or the new one, never a part."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import threading
from collections.abc import Iterator
from typing import IO

# Small records are collected; storages are larger and go to the system as they are.
_BUFFER = 1 << 16
_FLUSH_EVERY = 0.03  # seconds; small files are done before the first time


@contextlib.contextmanager
def atomic_write(path: str) -> Iterator[IO[bytes]]:
    """A file to write into that takes the name ``path`` when the block ends without an error.

    The data reach the disk before the name does. What is no regular file (a pipe, ``/dev/null``)
    is written directly. RuntimeError where the folder is missing or ``path`` is a folder.
    """
    target = os.path.realpath(path)
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise RuntimeError(f"Parent directory {os.path.dirname(path)} does not exist.")
    if os.path.isdir(target):
        raise RuntimeError(f"File {path} cannot be opened.")
    if os.path.exists(target) and not os.path.isfile(target):
        with open(target, "wb") as file:
            yield file
        return
    temporary = os.path.join(folder, f".{os.path.basename(target)}.{secrets.token_hex(6)}.tmp")
    # O_EXCL: nobody else's file; 0o666 is narrowed by the umask, as open() does it.
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with open(descriptor, "wb", buffering=_BUFFER) as file:
            with _flushed_meanwhile(file.fileno()):
                yield file
            file.flush()
            _keep_mode(target, temporary)
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    _sync_folder(folder)


@contextlib.contextmanager
def _flushed_meanwhile(descriptor: int) -> Iterator[None]:
    """Let the disk work while the block still writes: of 200 MB it hides the 90 ms of fsync."""
    sync = getattr(os, "fdatasync", os.fsync)
    done = threading.Event()

    def flush() -> None:
        # What goes wrong here goes wrong again in the fsync at the end, which reports it.
        with contextlib.suppress(OSError):
            while not done.wait(_FLUSH_EVERY):
                sync(descriptor)

    thread = threading.Thread(target=flush, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def _keep_mode(target: str, temporary: str) -> None:
    """The permissions of the file that is about to be replaced."""
    if os.path.exists(target):
        os.chmod(temporary, stat.S_IMODE(os.stat(target).st_mode))


def _sync_folder(folder: str) -> None:
    """Make the new name last, where the system can sync a folder (Windows cannot)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
