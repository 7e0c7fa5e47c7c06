"""Convolution and its two adjoints on the CPU: which kernel computes what.

All three speak about the same cross-correlation, of any number of spatial dimensions:

    out[n, o, y] = b[o] + sum over c, k of w[o, c, k] * x[n, c, y * stride + k * dilation - padding]

with zeros outside `x`. `conv` is the map itself, `conv_input` and `conv_weight` are its adjoints in
`x` and `w` (the gradients; `conv_input` is also `conv_transpose`). float32 and float64 are computed
here, for other dtypes they return NotImplemented.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from types import ModuleType
from typing import NamedTuple

import numpy as np

from gradcore.backends.cpu import native
from gradcore.backends.cpu.conv_columns import (
    columns_conv,
    columns_conv_input,
    columns_conv_weight,
)
from gradcore.backends.cpu.conv_geometry import Geometry, place
from gradcore.backends.cpu.conv_strips import (
    strips_conv,
    strips_conv_input,
    strips_conv_weight,
    strips_pay,
)
from gradcore.backends.cpu.conv_taps import (
    taps_conv,
    taps_conv_input,
    taps_conv_weight,
    taps_pay,
)
from gradcore.backends.cpu.conv_winograd import (
    winograd_conv,
    winograd_conv_input,
    winograd_conv_weight,
    winograd_pays,
)

__all__ = ["conv", "conv_input", "conv_weight"]

_FLOATS = (np.dtype(np.float32), np.dtype(np.float64))

# A convolution of the same sizes comes again in every step of a training loop, and choosing its
# kernel costs as much as 50,000 multiplications.
_geometry = lru_cache(maxsize=1024)(Geometry)


class _Kernels(NamedTuple):
    """What computes the three maps."""

    conv: Callable
    conv_input: Callable
    conv_weight: Callable


_WINOGRAD = _Kernels(winograd_conv, winograd_conv_input, winograd_conv_weight)
_STRIPS = _Kernels(strips_conv, strips_conv_input, strips_conv_weight)
_TAPS = _Kernels(taps_conv, taps_conv_input, taps_conv_weight)
_COLUMNS = _Kernels(columns_conv, columns_conv_input, columns_conv_weight)
_COMPILED = _Kernels(native.conv.conv, native.conv.conv_input, native.conv.conv_weight)


def _supported(*arrays: np.ndarray | None) -> bool:
    dtypes = {array.dtype for array in arrays if array is not None}
    return len(dtypes) == 1 and dtypes <= set(_FLOATS)


@lru_cache(maxsize=1024)
def _is_empty(geometry: Geometry) -> bool:
    """Whether there is no product to sum: then BLAS and the tiling have nothing to do."""
    sizes = (geometry.batch, geometry.channels, geometry.outputs, *geometry.out, geometry.taps)
    return min(sizes) <= 0


@lru_cache(maxsize=1024)
def _plain(geometry: Geometry) -> _Kernels:
    """Kernels that compute the plain sum of any values."""
    return _TAPS if taps_pay(geometry) else _COLUMNS


@lru_cache(maxsize=1024)
def _fastest(geometry: Geometry, dtype: np.dtype, adjoint: bool) -> _Kernels:
    """NumPy's fastest; they return None where the plain sum is not finite, or may not be."""
    if dtype == np.float32 and winograd_pays(geometry):
        return _WINOGRAD
    return _STRIPS if strips_pay(geometry, adjoint) else _plain(geometry)


def _computed(
    name: str, geometry: Geometry, *arrays: np.ndarray | None, adjoint: bool = False
) -> np.ndarray:
    """The map `name` by the first kernels that compute it."""
    first = arrays[0]
    assert first is not None
    with np.errstate(all="ignore"):
        if first.dtype == np.float32 and native.conv.is_faster(geometry):
            result = getattr(_COMPILED, name)(*arrays, geometry)
            if result is not None:
                return result
        result = getattr(_fastest(geometry, first.dtype, adjoint), name)(*arrays, geometry)
        if result is None:
            result = getattr(_plain(geometry), name)(*arrays, geometry)
    return result


def _whole(g: np.ndarray, geometry: Geometry) -> np.ndarray:
    """`g` with zeros for the last outputs where it has fewer than the geometry.

    So it is for a transposed convolution whose `output_padding` is not less than its stride.
    """
    if g.shape[2:] == geometry.out:
        return g
    whole = np.zeros((*g.shape[:2], *geometry.out), g.dtype)
    place(whole, g, (0,) * len(geometry.out), 2, None)
    return whole


def _constant(shape: tuple[int, ...], b: np.ndarray | None, dtype: np.dtype) -> np.ndarray:
    """The result where nothing is summed: the bias alone."""
    out = np.zeros(shape, dtype)
    if b is not None:
        out += b.reshape(-1, *(1,) * (len(shape) - 2))
    return out


def conv(
    xp: ModuleType,
    x: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None = None,
    *,
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Cross-correlation of `x` (N, C, *size) with `w` (O, C/groups, *kernel), plus `b` (O,).

    Returns:
        A C-contiguous (N, O, *out), or NotImplemented for dtypes other than float32 and float64.
    """
    if not _supported(x, w, b):
        return NotImplemented
    geometry = _geometry(
        x.shape[0], x.shape[1], w.shape[0], groups, x.shape[2:], w.shape[2:],
        stride, padding, dilation,
    )  # fmt: skip
    if _is_empty(geometry):
        return _constant((x.shape[0], w.shape[0], *geometry.out), b, x.dtype)
    return _computed("conv", geometry, x, w, b)


def conv_input(
    xp: ModuleType,
    g: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None = None,
    *,
    input_size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Adjoint of `conv` in `x`: `g` (N, O, *out) to (N, C, *input_size), plus `b` (C,).

    Returns:
        A C-contiguous array, or NotImplemented for dtypes other than float32 and float64.
    """
    if not _supported(g, w, b):
        return NotImplemented
    geometry = _geometry(
        g.shape[0], w.shape[1] * groups, w.shape[0], groups, tuple(input_size), w.shape[2:],
        stride, padding, dilation,
    )  # fmt: skip
    if _is_empty(geometry):
        return _constant((g.shape[0], geometry.channels, *geometry.size), b, g.dtype)
    return _computed("conv_input", geometry, _whole(g, geometry), w, b, adjoint=True)


def conv_weight(
    xp: ModuleType,
    x: np.ndarray,
    g: np.ndarray,
    *,
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
    dilation: tuple[int, ...],
    groups: int,
) -> np.ndarray:
    """Adjoint of `conv` in `w`: `x` (N, C, *size) and `g` (N, O, *out) to (O, C/groups, *kernel).

    Returns:
        A C-contiguous array, or NotImplemented for dtypes other than float32 and float64.
    """
    if not _supported(x, g):
        return NotImplemented
    geometry = _geometry(
        x.shape[0], x.shape[1], g.shape[1], groups, x.shape[2:], tuple(kernel_size),
        stride, padding, dilation,
    )  # fmt: skip
    if _is_empty(geometry):
        return np.zeros((g.shape[1], x.shape[1] // groups, *kernel_size), x.dtype)
    return _computed("conv_weight", geometry, x, _whole(g, geometry))
