"""Downloading, checking and unpacking the files of datasets."""

from __future__ import annotations

import bz2
import contextlib
import gzip
import hashlib
import lzma
import os
import shutil
import sys
import tarfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

__all__ = [
    "calculate_md5",
    "check_integrity",
    "check_md5",
    "download_and_extract_archive",
    "download_from_mirrors",
    "download_url",
    "extract_archive",
    "list_dir",
    "list_files",
    "verify_str_arg",
]

StrPath = str | os.PathLike

_USER_AGENT = "gradcore/vision"
_CHUNK = 128 * 1024
_TIMEOUT = 30.0  # seconds without an answer
_BAR = 40
_OPENERS: dict[str, Any] = {".gz": gzip.open, ".bz2": bz2.open, ".xz": lzma.open}
_SHORT_NAMES = {".tgz": ".tar.gz", ".tbz": ".tar.bz2", ".tbz2": ".tar.bz2"}


def calculate_md5(fpath: StrPath, chunk_size: int = 1024 * 1024) -> str:
    """The MD5 checksum of a file, 32 hexadecimal digits."""
    digest = hashlib.md5(usedforsecurity=False)
    with open(fpath, "rb") as file:
        while chunk := file.read(chunk_size):
            digest.update(chunk)
    return digest.hexdigest()


def check_md5(fpath: StrPath, md5: str, **kwargs: Any) -> bool:
    """Whether the file has this checksum."""
    return md5 == calculate_md5(fpath, **kwargs)


def check_integrity(fpath: StrPath, md5: str | None = None) -> bool:
    """Whether the file is there and, where ``md5`` is given, has this checksum."""
    return os.path.isfile(fpath) and (md5 is None or check_md5(fpath, md5))


# ---------------------------------------------------------------------------- downloads


def download_url(
    url: str,
    root: StrPath,
    filename: str | None = None,
    md5: str | None = None,
    progress: bool = True,
) -> None:
    """Get a file into the folder ``root``, unless it is there and has the right checksum.

    What an interrupted download has left in ``filename.part`` is continued. See
    :func:`download_from_mirrors` for the errors.
    """
    download_from_mirrors([url], root, filename, md5, progress)


def download_from_mirrors(
    urls: Sequence[str],
    root: StrPath,
    filename: str | None = None,
    md5: str | None = None,
    progress: bool = True,
) -> None:
    """:func:`download_url` from the first of several places that has the file.

    Raises:
        RuntimeError: none of them has it; says where to put a copy from elsewhere.
    """
    root = os.path.expanduser(root)
    filename = filename or os.path.basename(urls[0])
    path = os.path.join(root, filename)
    if check_integrity(path, md5):
        return
    os.makedirs(root, exist_ok=True)
    errors = []
    for url in urls:
        try:
            _fetch(url, path, md5, progress)
            return
        except (OSError, RuntimeError) as error:
            errors.append(f"  {url}: {error}")
    raise RuntimeError(
        f"Error downloading {filename}:\n" + "\n".join(errors) + "\n"
        f"Without a network, put the file {filename}"
        f"{f' (MD5 {md5})' if md5 else ''} into {root} yourself."
    )


def _fetch(url: str, path: str, md5: str | None, progress: bool) -> None:
    part = path + ".part"
    _continue(url, part, progress)
    if md5 is not None and not check_md5(part, md5):
        found = calculate_md5(part)
        os.remove(part)
        raise RuntimeError(f"File not found or corrupted: MD5 {found} instead of {md5}.")
    os.replace(part, path)


def _continue(url: str, part: str, progress: bool) -> None:
    """Append to ``part`` what of the file at ``url`` it does not have yet."""
    done = os.path.getsize(part) if os.path.exists(part) else 0
    headers = {"User-Agent": _USER_AGENT}
    if done:
        headers["Range"] = f"bytes={done}-"
    request = urllib.request.Request(url, headers=headers)
    try:
        response = urllib.request.urlopen(request, timeout=_TIMEOUT)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416 and done:  # nothing is missing
            return
        raise
    with response:
        # 206: the server sends the rest; anything else is the whole file again.
        resumed = getattr(response, "status", None) == 206
        done = done if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        with open(part, "ab" if resumed else "wb") as file:
            while chunk := response.read(_CHUNK):
                file.write(chunk)
                done += len(chunk)
                if progress:
                    _show(os.path.basename(part)[: -len(".part")], done, total)
    if progress:
        sys.stderr.write("\n")
    if total is not None and done < total:
        raise OSError(f"the connection ended after {done} of {total} bytes")


def _show(name: str, done: int, total: int | None) -> None:
    if not sys.stderr.isatty() and done != total:
        return
    share = done / total if total else 0.0
    bar = f" {share:4.0%} |{'#' * int(_BAR * share):<{_BAR}}|" if total else ""
    sys.stderr.write(f"\r{name}{bar} {done / 2**20:.1f} MB")


# ----------------------------------------------------------------------------- archives


def download_and_extract_archive(
    url: str | Sequence[str],
    download_root: StrPath,
    extract_root: StrPath | None = None,
    filename: str | None = None,
    md5: str | None = None,
    remove_finished: bool = False,
) -> None:
    """Get an archive, from one or the first of several places, and unpack it.

    Args:
        url: the archive, or several copies of it.
        download_root: the folder for the archive.
        extract_root: the folder for its contents, the same by default.
        filename: the archive's name, that of the URL by default.
        md5: its checksum.
        remove_finished: delete it afterwards.
    """
    urls = [url] if isinstance(url, str) else list(url)
    download_root = os.path.expanduser(download_root)
    filename = filename or os.path.basename(urls[0])
    download_from_mirrors(urls, download_root, filename, md5)
    extract_archive(os.path.join(download_root, filename), extract_root, remove_finished)


def extract_archive(
    from_path: StrPath, to_path: StrPath | None = None, remove_finished: bool = False
) -> StrPath:
    """Unpack a .tar or .zip file, or a single file that is compressed by gzip, bzip2 or xz.

    Args:
        from_path: the archive.
        to_path: the folder for its contents, the archive's by default.
        remove_finished: delete the archive afterwards.

    Returns:
        The folder, or the path of the single file.

    Raises:
        RuntimeError: the suffix is unknown, or the archive is damaged.
    """
    folder = os.path.dirname(from_path) if to_path is None else os.fspath(to_path)
    archive, compression = _kind(from_path)
    target = folder
    try:
        if archive == ".tar":
            _extract_tar(from_path, folder, compression)
        elif archive == ".zip":
            with zipfile.ZipFile(from_path) as file:
                file.extractall(folder)
        else:
            name = os.path.basename(from_path)[: -len(compression)]
            target = os.path.join(folder, name)
            _decompress(from_path, target, compression)
    except (EOFError, OSError, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise RuntimeError(
            f"{os.fspath(from_path)} is damaged or incomplete ({error}); delete it and get it again"
        ) from error
    if remove_finished:
        os.remove(from_path)
    return target if isinstance(from_path, str) else Path(target)


def _kind(path: StrPath) -> tuple[str, str]:
    """The suffixes of archive and compression; either may be missing."""
    name = os.path.basename(path).lower()
    for short, full in _SHORT_NAMES.items():
        if name.endswith(short):
            name = name[: -len(short)] + full
    stem, last = os.path.splitext(name)
    if last in (".tar", ".zip"):
        return last, ""
    if last not in _OPENERS:
        raise RuntimeError(
            f"Unknown compression or archive type: '{last}'.\nKnown suffixes are: "
            f"'{sorted(['.tar', '.zip', *_OPENERS, *_SHORT_NAMES])}'."
        )
    return (".tar" if stem.endswith(".tar") else ""), last


def _extract_tar(path: StrPath, folder: str, compression: str) -> None:
    with tarfile.open(path, f"r:{compression[1:]}") as tar:  # type: ignore[call-overload]
        # The filter, in security releases since 2023, refuses paths that lead outside.
        safe = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
        tar.extractall(folder, **safe)


def _decompress(path: StrPath, target: str, compression: str) -> None:
    part = target + ".part"
    try:
        with _OPENERS[compression](path, "rb") as packed, open(part, "wb") as file:
            shutil.copyfileobj(packed, file)
        os.replace(part, target)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.remove(part)


# ------------------------------------------------------------------- folders and arguments


def list_dir(root: StrPath, prefix: bool = False) -> list[str]:
    """The folders in ``root``, with its path before their names if ``prefix``."""
    root = os.path.expanduser(root)
    names = [name for name in os.listdir(root) if os.path.isdir(os.path.join(root, name))]
    return [os.path.join(root, name) for name in names] if prefix else names


def list_files(root: StrPath, suffix: str, prefix: bool = False) -> list[str]:
    """The files in ``root`` that end in ``suffix``, with its path before them if ``prefix``."""
    root = os.path.expanduser(root)
    names = [name for name in os.listdir(root) if os.path.isfile(os.path.join(root, name))]
    names = [name for name in names if name.endswith(suffix)]
    return [os.path.join(root, name) for name in names] if prefix else names


def verify_str_arg(
    value: Any,
    arg: str | None = None,
    valid_values: Iterable[str] | None = None,
    custom_msg: str | None = None,
) -> Any:
    """``value`` itself; ValueError unless it is a string, and one of ``valid_values``."""
    if not isinstance(value, str):
        where = "" if arg is None else f" for argument {arg}"
        raise ValueError(f"Expected type str{where}, but got type {type(value)}.")
    if valid_values is not None and value not in valid_values:
        known = "'" + "', '".join(str(v) for v in valid_values) + "'"
        raise ValueError(
            custom_msg
            or f"Unknown value '{value}' for argument {arg}. Valid values are {{{known}}}."
        )
    return value
