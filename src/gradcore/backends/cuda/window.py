"""Sliding windows as the arguments that the kernels of conv.cu and pool.cu take."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod


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
    """The window with its output size by PyTorch's rule.

    With ``ceil_mode`` a last window may hang over the end, if it starts inside the input or its
    left padding.
    """
    out = []
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        span = n + 2 * p - d * (k - 1) - 1
        count = (span + (s - 1 if ceil_mode else 0)) // s + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        out.append(max(count, 0))
    fields = (size, out, kernel, stride, padding, dilation)
    return Window(*(tuple(int(v) for v in field) for field in fields))
