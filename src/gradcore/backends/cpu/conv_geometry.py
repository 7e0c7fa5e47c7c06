"""Sizes of one convolution, and the scratch memory that its kernels reuse."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np

from gradcore.backends.cpu.memory import empty
from gradcore.backends.window_count import window_count

__all__ = ["Geometry", "Scratch", "place"]

_BYTE = np.dtype(np.uint8)


@dataclass(frozen=True)
class Geometry:
    """A cross-correlation (N, C, *size) -> (N, O, *out) with weight (O, C/groups, *kernel)."""

    batch: int
    channels: int
    outputs: int
    groups: int
    size: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    @cached_property
    def out(self) -> tuple[int, ...]:
        """Output size: floor((size + 2 padding - dilation (kernel - 1) - 1) / stride) + 1."""
        fields = (self.size, self.kernel, self.stride, self.padding, self.dilation)
        return tuple(window_count(*one) for one in zip(*fields, strict=True))

    @cached_property
    def taps(self) -> int:
        """Number of kernel positions."""
        return prod(self.kernel)

    def swapped(self) -> Geometry:
        """Of the correlation with the turned kernel that is the adjoint in the input.

        Only for stride 1; its padding may be negative.
        """
        return Geometry(
            self.batch, self.outputs, self.channels, self.groups, self.out, self.kernel,
            self.stride,
            tuple(
                d * (k - 1) - p
                for d, k, p in zip(self.dilation, self.kernel, self.padding, strict=True)
            ),
            self.dilation,
        )  # fmt: skip

    def is_plain(self) -> bool:
        """Whether every kernel position moves over the input in steps of one element."""
        return all(s == 1 for s in self.stride) and all(d == 1 for d in self.dilation)


class Scratch(threading.local):
    """Named buffers that each thread keeps from call to call.

    A fresh 1 MB block costs about 250 page faults (0.1 ms) each time the allocator gives it back
    to the system in between: as long as the GEMM that it is used for.
    """

    def __init__(self) -> None:
        self.blocks: dict[str, np.ndarray] = {}

    def get(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """An uninitialized C-contiguous array, valid until `name` is asked for again."""
        nbytes = prod(shape) * dtype.itemsize
        block = self.blocks.get(name)
        if block is None or block.nbytes < nbytes:
            block = self.blocks[name] = empty((nbytes,), _BYTE)
        return block[:nbytes].view(dtype).reshape(shape)


def place(
    target: np.ndarray,
    source: np.ndarray,
    origin: tuple[int, ...],
    axis: int,
    fill: float | None = 0,
) -> None:
    """target[..., i, j, ...] = source[..., i + origin[0], j + origin[1], ...], `fill` outside.

    `axis` is the first of the axes that `origin` speaks about; a negative origin is padding. What
    lies outside the source is left alone where `fill` is None.
    """
    into, out_of, covered = [], [], True
    for d, start in enumerate(origin, axis):
        low = max(0, -start)
        high = max(low, min(target.shape[d], source.shape[d] - start))
        covered = covered and low == 0 and high == target.shape[d]
        into.append(slice(low, high))
        out_of.append(slice(low + start, high + start))
    if not covered and fill is not None:
        target[...] = fill
    lead = (slice(None),) * axis
    if all(part.stop > part.start for part in into):
        target[lead + tuple(into)] = source[lead + tuple(out_of)]
