"""Sliding windows as the arguments that the kernels of conv.cu and pool.cu take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

from ..window_count import window_count


@dataclass(frozen=True)
class Window:
    """A window of ``kernel`` moving over ``size`` (one to three dimensions) to give ``out``."""

    size: tuple[int, ...]
    out: tuple[int, ...]
    kernel: tuple[int, ...]
    stride: tuple[int, ...]
    padding: tuple[int, ...]
    dilation: tuple[int, ...]

    @property
    def positions(self) -> int:
        """Number of outputs per plane."""
        return prod(self.out)

    @property
    def taps(self) -> int:
        """Number of elements under the window."""
        return prod(self.kernel)

    def arguments(self) -> list[int]:
        """WINDOW_PARAMETERS of geometry.cuh: three dimensions, missing ones of size 1."""
        result: list[int] = []
        neutral = (1, 1, 1, 1, 0, 1)
        fields = (self.size, self.out, self.kernel, self.stride, self.padding, self.dilation)
        for values, fill in zip(fields, neutral, strict=True):
            result += [fill] * (3 - len(values)) + [int(v) for v in values]
        return result


def window(
    size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    ceil_mode: bool = False,
) -> Window:
    """The window with its output size; see :func:`window_count`."""
    geometry = zip(size, kernel, stride, padding, dilation, strict=True)
    out = [max(window_count(*one, ceil_mode), 0) for one in geometry]
    fields = (size, out, kernel, stride, padding, dilation)
    return Window(*(tuple(int(v) for v in field) for field in fields))
