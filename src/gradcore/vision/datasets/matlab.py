"""Reads MATLAB files of version 5 (``.mat``): arrays of numbers, text, structures and cells.

After "MAT-File Format" (MathWorks), chapter 1. SVHN and ImageNet come with such files.
"""

from __future__ import annotations

import os
import struct
import zlib
from typing import Any

import numpy as np

__all__ = ["load_mat"]

_NUMBERS = {
    1: "i1",
    2: "u1",
    3: "i2",
    4: "u2",
    5: "i4",
    6: "u4",
    7: "f4",
    9: "f8",
    12: "i8",
    13: "u8",
    16: "u1",  # UTF-8
    17: "u2",  # UTF-16
    18: "u4",  # UTF-32
}
_MATRIX, _COMPRESSED = 14, 15
_CELL, _STRUCT, _CHAR = 1, 2, 4
# The classes of matrices of numbers, by the number in the flags.
_CLASSES = dict(enumerate("f8 f4 i1 u1 i2 u2 i4 u4 i8 u8".split(), 6))
_HEADER = 128


def load_mat(path: str | os.PathLike) -> dict[str, Any]:
    """The variables in a .mat file.

    Numbers become arrays in MATLAB's shape, text becomes str, structures become lists of
    dictionaries and cells become lists.

    Raises:
        RuntimeError: the file is damaged, incomplete, or of another version or kind.
    """
    with open(path, "rb") as file:
        data = file.read()
    if len(data) < _HEADER or data[126:128] not in (b"IM", b"MI"):
        raise RuntimeError(f"{os.fspath(path)} is no MATLAB file of version 5")
    order = "<" if data[126:128] == b"IM" else ">"
    variables = {}
    try:
        place = _HEADER
        while place < len(data):
            kind, content, place = _element(data, place, order)
            if kind == _COMPRESSED:
                kind, content, _ = _element(zlib.decompress(content), 0, order)
            if kind == _MATRIX:
                name, value = _matrix(content, order)
                variables[name] = value
    except (struct.error, zlib.error, ValueError, IndexError, KeyError) as error:
        raise RuntimeError(
            f"{os.fspath(path)} is damaged, incomplete or holds what is not supported: {error!r}"
        ) from error
    return variables


def _element(data: bytes, place: int, order: str) -> tuple[int, bytes, int]:
    """Type and content of the element at ``place``, and where the next one is."""
    kind, size = struct.unpack_from(order + "II", data, place)
    start = place + 8
    if kind >> 16:  # short: size and type in one word, the content in the other
        kind, size = kind & 0xFFFF, kind >> 16
        start = place + 4
        after = place + 8
    else:
        # All but compressed elements are padded to eight bytes.
        after = start + size + (0 if kind == _COMPRESSED else -size % 8)
    if start + size > len(data):
        raise ValueError(f"an element needs {size} bytes, {len(data) - start} are left")
    return kind, data[start : start + size], after


def _numbers(data: bytes, place: int, order: str) -> tuple[np.ndarray, int]:
    kind, content, place = _element(data, place, order)
    return np.frombuffer(content, dtype=order + _NUMBERS[kind]), place


def _matrix(data: bytes, order: str) -> tuple[str, Any]:
    """Name and value of a matrix element."""
    if not data:
        return "", np.zeros((0, 0))
    flags, place = _numbers(data, 0, order)
    shape, place = _numbers(data, place, order)
    name, place = _numbers(data, place, order)
    kind = int(flags[0]) & 0xFF
    count = int(np.prod(shape))
    if kind == _STRUCT:
        value: Any = _structures(data, place, count, order)
    elif kind == _CELL:
        value = []
        for _ in range(count):
            item, place = _submatrix(data, place, order)
            value.append(item)
    else:
        numbers, place = _numbers(data, place, order)
        if kind == _CHAR:
            value = "".join(map(chr, numbers.tolist()))
        else:
            dtype = np.dtype(_CLASSES[kind])
            value = numbers.astype(dtype).reshape(shape.tolist(), order="F")
    return bytes(name.astype(np.uint8)).decode("ascii"), value


def _submatrix(data: bytes, place: int, order: str) -> tuple[Any, int]:
    kind, content, place = _element(data, place, order)
    if kind != _MATRIX:
        raise ValueError(f"an element of type {kind} in the place of a matrix")
    return _matrix(content, order)[1], place


def _structures(data: bytes, place: int, count: int, order: str) -> list[dict[str, Any]]:
    width, place = _numbers(data, place, order)
    _, text, place = _element(data, place, order)
    step = int(width[0])
    names = [text[i : i + step].split(b"\0")[0].decode("ascii") for i in range(0, len(text), step)]
    structures = []
    for _ in range(count):
        fields = {}
        for name in names:
            fields[name], place = _submatrix(data, place, order)
        structures.append(fields)
    return structures
