"""Layouts and memory formats."""

from __future__ import annotations

from typing import Any


class _Named:
    """A constant that prints as its name."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        from ..backends import dtype

        return f"{dtype.PACKAGE_NAME}.{self.name}"

    def __reduce__(self) -> tuple:
        return _constant, (self.name,)


class layout(_Named):
    """``gradcore.layout``."""


class memory_format(_Named):
    """``gradcore.memory_format``."""


strided = layout("strided")
sparse_coo = layout("sparse_coo")
contiguous_format = memory_format("contiguous_format")
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last")
channels_last_3d = memory_format("channels_last_3d")

_CONSTANTS = (
    strided, sparse_coo, contiguous_format, preserve_format, channels_last, channels_last_3d
)  # fmt: skip


def _constant(name: str) -> _Named:
    return next(c for c in _CONSTANTS if c.name == name)


def is_contiguous(array: Any, format: memory_format | None = None) -> bool:
    """Whether the elements lie in memory in the order of ``format``."""
    if format is None or format is contiguous_format:
        return bool(array.flags.c_contiguous)
    order = channels_last_order(array.ndim, format)
    return order is not None and bool(array.transpose(order).flags.c_contiguous)


def channels_last_order(ndim: int, format: memory_format) -> tuple[int, ...] | None:
    """The axes from slowest to fastest in a channels-last tensor of that rank."""
    if format is channels_last and ndim == 4:
        return (0, 2, 3, 1)
    if format is channels_last_3d and ndim == 5:
        return (0, 2, 3, 4, 1)
    return None
