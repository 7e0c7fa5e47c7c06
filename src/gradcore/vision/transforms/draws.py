"""Single random numbers from the CPU's default generator, and checks of the classes' arguments.

A number takes what PyTorch's ``torch.empty(1).uniform_(low, high)`` or ``torch.randint`` of one
element takes from the stream, and equals it bit for bit. A tensor of one element takes thirty
times as long, which would be most of the time of transforming a small image.
"""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from ...backends.cpu.random import standard_gamma
from ...tensor.random import default_generator

# From this many values on PyTorch takes 64 bits for an integer.
_WIDE = 2**28


def uniform(low: float = 0.0, high: float = 1.0) -> float:
    """A float32 of [low, high), as ``torch.empty(1).uniform_(low, high).item()``."""
    share = (default_generator.stream.random() & 0xFFFFFF) * 2.0**-24
    if low == 0.0 and high == 1.0:
        return share
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    start, end = np.float32(low), np.float32(high)
    # Multiplied and added with one rounding: float64 holds the product of two float32 exactly.
    value = np.float32(share * float(end - start) + float(start))
    return float(start if value == end else value)


def chance(p: float) -> bool:
    """True with probability ``p``, as ``torch.rand(1) < p``."""
    return uniform() < p


def integer(low: int, high: int) -> int:
    """An integer of [low, high), as ``torch.randint(low, high, (1,)).item()``."""
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    stream = default_generator.stream
    bits = stream.random64() if high - low >= _WIDE else stream.random()
    return low + bits % (high - low)


def dirichlet(rows: int, alpha: Sequence[float]) -> np.ndarray:
    """Float32 draws of the Dirichlet distribution, as ``torch._sample_dirichlet``.

    Shape: (rows, len(alpha)); every row sums to 1.
    """
    parameters = np.tile(np.array(alpha, np.float32).astype(np.float64), (rows, 1))
    gammas = standard_gamma(parameters, default_generator.stream)
    shares = (gammas / gammas.sum(1, keepdims=True)).astype(np.float32)
    limits = np.finfo(np.float32)
    return shares.clip(limits.tiny, 1 - limits.epsneg)


# ------------------------------------------------------------------------- arguments


def setup_size(
    size: Any, error_msg: str = "Please provide only two dimensions (h, w) for size."
) -> Any:
    """(height, width) of one number or a sequence of one or two (ValueError for others)."""
    if isinstance(size, numbers.Number):
        return int(size), int(size)  # type: ignore[call-overload]
    if isinstance(size, Sequence) and len(size) == 1:
        return size[0], size[0]
    if len(size) != 2:
        raise ValueError(error_msg)
    return size


def check_sequence(x: Any, name: str, sizes: Sequence[int] = (2,)) -> None:
    """TypeError unless ``x`` is a sequence, ValueError unless its length is one of ``sizes``."""
    message = f"{name} should be a sequence of length {' or '.join(map(str, sizes))}."
    if not isinstance(x, Sequence):
        raise TypeError(message)
    if len(x) not in sizes:
        raise ValueError(message)


def setup_angle(x: Any, name: str, sizes: Sequence[int] = (2,)) -> list[float]:
    """``[-x, x]`` of a number, which may not be negative; the list of floats of a sequence."""
    if isinstance(x, numbers.Number):
        if x < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be positive.")
        return [float(-x), float(x)]  # type: ignore[arg-type, operator]
    check_sequence(x, name, sizes)
    return [float(d) for d in x]


def setup_fill(fill: Any) -> Any:
    """A fill colour, 0 for None (TypeError unless it is a number or a sequence)."""
    if fill is None:
        return 0
    if not isinstance(fill, (Sequence, numbers.Number)):
        raise TypeError("Fill should be either a sequence or a number.")
    return fill


def channel_fill(fill: Any, channels: int) -> Any:
    """A fill colour for a tensor: a float for each channel; None stays."""
    if fill is None:
        return None
    return [float(fill)] * channels if isinstance(fill, (int, float)) else [float(f) for f in fill]


def check_ranges(scale: Any, ratio: Any) -> None:
    """TypeError unless both are sequences; a warning where one is not (min, max)."""
    if not isinstance(scale, Sequence):
        raise TypeError("Scale should be a sequence")
    if not isinstance(ratio, Sequence):
        raise TypeError("Ratio should be a sequence")
    if scale[0] > scale[1] or ratio[0] > ratio[1]:
        warnings.warn("Scale and ratio should be of kind (min, max)", stacklevel=3)


def area_and_ratio(
    area: int, scale: Sequence[float], ratio: Sequence[float]
) -> tuple[float, float]:
    """A share of ``area``, even in ``scale``, and an aspect ratio, log-uniform in ``ratio``."""
    log_ratio = np.log(np.array(ratio, np.float32))
    share = uniform(scale[0], scale[1])
    aspect = np.exp(np.float32(uniform(float(log_ratio[0]), float(log_ratio[1]))))
    return area * share, float(aspect)
