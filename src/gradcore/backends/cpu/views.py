"""Views with other strides, made by ``np.ndarray`` itself.

``np.broadcast_to`` and ``as_strided`` are Python functions of 2.2 us each; this takes 0.3.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np


def _restrided(x: np.ndarray, shape: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    # Only contiguous memory of NumPy's own dtypes has the buffer that the constructor asks for.
    if not x.flags.c_contiguous or x.dtype.kind not in "fciub":
        return NotImplemented
    return np.ndarray(shape, x.dtype, x, 0, strides)


def expand(xp: Any, x: np.ndarray, *, shape: tuple[int, ...]) -> Any:
    if x.size == prod(shape):
        return x.reshape(shape)
    lead = len(shape) - x.ndim
    steps = zip(x.shape, shape[lead:], x.strides, strict=True)
    out = _restrided(x, shape, (0,) * lead + tuple([s if n == m else 0 for n, m, s in steps]))
    if out is not NotImplemented:
        out.flags.writeable = False  # as broadcast_to: one cell is many elements
    return out


def unfold(xp: Any, x: np.ndarray, *, axis: int, size: int, step: int) -> Any:
    if x.ndim == 0:
        return NotImplemented
    windows, stride = (x.shape[axis] - size) // step + 1, x.strides[axis]
    shape = (*x.shape[:axis], windows, *x.shape[axis + 1 :], size)
    strides = (*x.strides[:axis], stride * step, *x.strides[axis + 1 :], stride)
    return _restrided(x, shape, strides)


OVERRIDES: dict[str, Callable[..., Any]] = {"expand": expand, "unfold": unfold}
