"""The IDX format of MNIST: a magic number, the sizes, the numbers, all big-endian."""

from __future__ import annotations

import gzip
import math
import os
from typing import Any

import numpy as np

from ... import from_numpy

__all__ = ["read_idx", "read_image_file", "read_label_file", "read_sn3_pascalvincent_tensor"]

# The third byte of the magic number; the fourth is the number of dimensions.
_DTYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}


def read_idx(path: str | os.PathLike) -> np.ndarray:
    """The array in an IDX file, which may be compressed by gzip (``.gz``).

    Raises:
        RuntimeError: the file is of another format, or longer or shorter than its sizes say.
    """
    name = os.fspath(path)
    try:
        with gzip.open(path, "rb") if name.endswith(".gz") else open(path, "rb") as file:
            data = file.read()
    except (EOFError, gzip.BadGzipFile) as error:
        raise RuntimeError(f"{name} is damaged or incomplete: {error}") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _DTYPES or not data[3]:
        raise RuntimeError(f"{name} is no IDX file: it starts with {data[:4]!r}")
    dtype, dims = np.dtype(_DTYPES[data[2]]), data[3]
    start = 4 * (dims + 1)
    shape = np.frombuffer(data[4:start], dtype=">u4").tolist() if len(data) >= start else []
    expected = start + math.prod(shape) * dtype.itemsize
    if len(shape) != dims or len(data) != expected:
        raise RuntimeError(
            f"{name} is damaged or incomplete: it has {len(data)} bytes, "
            f"its header asks for {expected}"
        )
    array = np.frombuffer(data, dtype=dtype, offset=start).reshape(shape)
    return array.astype(dtype.newbyteorder("="))


def read_sn3_pascalvincent_tensor(path: str | os.PathLike, strict: bool = True) -> Any:
    """The tensor in an IDX file; ``strict`` is torchvision's, sizes are always checked."""
    return from_numpy(read_idx(path))


def read_label_file(path: str | os.PathLike) -> Any:
    """The labels, (N,) int64."""
    return from_numpy(_bytes(path, 1)).long()


def read_image_file(path: str | os.PathLike) -> Any:
    """The images, (N, rows, columns) uint8."""
    return from_numpy(_bytes(path, 3))


def _bytes(path: str | os.PathLike, dims: int) -> np.ndarray:
    array = read_idx(path)
    if array.dtype != np.uint8:
        raise TypeError(f"{os.fspath(path)}: x should be of dtype uint8 instead of {array.dtype}")
    if array.ndim != dims:
        raise ValueError(
            f"{os.fspath(path)}: x should have {dims} dimension instead of {array.ndim}"
        )
    return array
