"""Machine code between processes: one file per kernel in the user's cache directory.

It lies in `GRADCORE_CACHE`, or else in `gradcore/kernels` in the directory that the platform has
for caches; with `GRADCORE_CACHE=` (empty) nothing is kept. A file's name is a hash of the kernel's
assembly, the processor and the version of LLVM, so that it is never out of date. Files of other
users are not read.
"""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from pathlib import Path

# Of the code, in front of it: a damaged file is compiled anew.
_DIGEST_BYTES = 32


def _directory() -> Path | None:
    chosen = os.environ.get("GRADCORE_CACHE")
    if chosen is not None:
        return Path(chosen) if chosen else None
    home = Path.home()
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = home / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return base / "gradcore" / "kernels"


def read(key: str) -> bytes | None:
    """The machine code that was kept under `key`, or None."""
    try:
        directory = _directory()
        if directory is None:
            return None
        path = directory / key
        if hasattr(os, "getuid") and path.stat().st_uid != os.getuid():
            return None
        data = path.read_bytes()
    except (OSError, RuntimeError):  # RuntimeError: there is no home directory
        return None
    digest, code = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    return code if hashlib.sha256(code).digest() == digest else None


def write(key: str, code: bytes) -> None:
    """Keep `code` under `key`, if the directory can be written to."""
    try:
        directory = _directory()
        if directory is None:
            return
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = tempfile.mkstemp(dir=directory)
        with os.fdopen(handle, "wb") as file:
            file.write(hashlib.sha256(code).digest() + code)
        os.replace(temporary, directory / key)
    except (OSError, RuntimeError):
        return
