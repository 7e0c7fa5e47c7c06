"""Downloading weights (``torch.hub``), into the folder that PyTorch uses too."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlparse
from urllib.request import Request, urlopen

from .serialization import load

__all__ = ["download_url_to_file", "get_dir", "load_state_dict_from_url", "set_dir"]

# The hash in the names of PyTorch's weights: resnet18-f37072fd.pth
_HASH_IN_NAME = re.compile(r"-([a-f0-9]*)\.")
_CHUNK = 128 * 1024
_BAR_WIDTH = 40

_folder: str | None = None


def get_dir() -> str:
    """The folder of downloads: what ``set_dir`` said, else ``$TORCH_HOME/hub``.

    ``$TORCH_HOME`` is ``$XDG_CACHE_HOME/torch`` unless it is set, ``$XDG_CACHE_HOME`` ~/.cache.
    """
    if _folder is not None:
        return _folder
    cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
    home = os.getenv("TORCH_HOME", os.path.join(cache, "torch"))
    return os.path.join(os.path.expanduser(home), "hub")


def set_dir(d: str | os.PathLike) -> None:
    """Put downloads into the folder ``d``."""
    global _folder
    _folder = os.path.expanduser(d)


def load_state_dict_from_url(
    url: str,
    model_dir: str | None = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: str | None = None,
    weights_only: bool = False,
) -> dict[str, Any]:
    """The object in the file at ``url``, which is downloaded unless it is there already.

    Args:
        url: http(s), file or ftp.
        model_dir: where the file is kept; None: ``get_dir()``/checkpoints.
        map_location: see :func:`gradcore.load`.
        progress: show a bar on the standard error stream.
        check_hash: compare with the first digits of the SHA-256 hash, which the file's name ends
            with (``name-<hash>.pth``).
        file_name: the name of the file; None: that in the URL.
        weights_only: see :func:`gradcore.load`: True for sources that you do not trust.

    Raises:
        RuntimeError: the hash is another one. The file is not kept.
    """
    folder = os.path.join(get_dir(), "checkpoints") if model_dir is None else model_dir
    os.makedirs(folder, exist_ok=True)
    name = os.path.basename(urlparse(url).path) if file_name is None else file_name
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        sys.stdout.write(f'Downloading: "{url}" to {path}\n')
        found = _HASH_IN_NAME.search(name) if check_hash else None
        download_url_to_file(url, path, found[1] if found else None, progress=progress)
    return load(path, map_location=map_location, weights_only=weights_only)


def download_url_to_file(
    url: str, dst: str, hash_prefix: str | None = None, progress: bool = True
) -> None:
    """Write what is at ``url`` into the file ``dst``, which is only ever there as a whole.

    RuntimeError where the SHA-256 hash does not begin with ``hash_prefix``.
    """
    target = os.path.expanduser(dst)
    temporary = f"{target}.{secrets.token_hex(16)}.partial"
    digest = hashlib.sha256()
    try:
        with (
            urlopen(Request(url, headers={"User-Agent": "gradcore.hub"})) as source,
            open(temporary, "xb") as file,
        ):
            size = source.headers.get("Content-Length")
            for chunk in _chunks(source, int(size) if size else None, progress):
                file.write(chunk)
                digest.update(chunk)
        if hash_prefix and not digest.hexdigest().startswith(hash_prefix):
            raise RuntimeError(
                f'invalid hash value (expected "{hash_prefix}", got "{digest.hexdigest()}")'
            )
        os.replace(temporary, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(temporary)


def _chunks(source: Any, size: int | None, progress: bool) -> Iterator[bytes]:
    """The data of ``source``, with a bar that shows how much of ``size`` there is."""
    done, shown = 0, -1
    while chunk := source.read(_CHUNK):
        yield chunk
        done += len(chunk)
        percent = 100 * done // size if size else done // (1 << 20)
        if progress and percent != shown:
            shown = percent
            sys.stderr.write("\r" + _bar(done, size))
    if progress:
        sys.stderr.write("\n")


def _bar(done: int, size: int | None) -> str:
    if not size:
        return f"{done / 2**20:.1f} MB"
    filled = "#" * (_BAR_WIDTH * done // size)
    return f"{done / size:4.0%}|{filled:<{_BAR_WIDTH}}| {done / 2**20:.1f}/{size / 2**20:.1f} MB"
