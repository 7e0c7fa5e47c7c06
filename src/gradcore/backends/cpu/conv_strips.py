"""Convolution of few channels with wide kernels: products with a banded weight.

With few channels columns cost more than their product: `taps` copies of the input, for a product
whose sides (C * taps, O) are too short for BLAS. Here two neighbours in a row are computed at once.
Both lie under the same `width + 1` inputs, so the input is copied (width + 1) / 2 times, not `taps`
times, into strips

    strips[n, t, y, j, c, :] = x[n, c, y - padding, 2 (t + j) - padding + (0, 1)]

in which the windows of row y are consecutive memory: rows y to y + height - 1 of one strip. The
product of windows with a weight banded along the row, `(width + 1) / width` times as large, has
sides of useful lengths (6-channel 5x5 kernel to 16: 180 x 32 instead of 150 x 16).

A pair of neighbours moves as one complex number: half as many elements.

An infinity times a zero of the banded weight would put NaN beside where it belongs: results that
are not finite are refused, and the caller takes the plain sum.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from gradcore.backends.cpu.conv_geometry import Geometry, Scratch, place
from gradcore.backends.cpu.memory import empty
from gradcore.backends.cpu.threads import get_num_threads, parallel_for

__all__ = ["strips_conv", "strips_conv_input", "strips_conv_weight", "strips_pay"]

_PAIR = {np.float32: np.complex64, np.float64: np.complex128}
# Longest side of the banded weight: longer products lose nothing by columns.
_MOST_SUMMED = 320
_MOST_OUTPUTS = 32
# Bytes of the strips and the product of one block of images.
_BLOCK_BYTES = 1536 * 1024

_scratch = Scratch()


def strips_pay(geometry: Geometry, adjoint: bool = False) -> bool:
    """Whether the kernels here apply and are faster than columns.

    For one channel columns are faster, except for the adjoint in the input (`adjoint`).
    """
    if len(geometry.kernel) != 2 or not geometry.is_plain() or geometry.groups != 1:
        return False
    height, width = geometry.kernel
    if width % 2 == 0 or width < 5 or height < 2 or geometry.out[1] % 2:
        return False
    if geometry.channels == 1 and not adjoint:
        return False
    summed = geometry.channels * height * (width + 1)
    return summed <= _MOST_SUMMED and geometry.outputs <= _MOST_OUTPUTS


def _pairs(array: np.ndarray) -> np.ndarray:
    return array.view(_PAIR[array.dtype.type])


class _Strips:
    """Sizes and views of the strips of one convolution."""

    def __init__(self, geometry: Geometry, itemsize: int, threads: int) -> None:
        self.geometry = geometry
        self.rows = geometry.size[0] + 2 * geometry.padding[0]
        self.pairs = (geometry.kernel[1] + 1) // 2  # of a window's row
        self.count = geometry.out[1] // 2  # strips of an image
        self.row_values = self.pairs * 2 * geometry.channels
        image_bytes = itemsize * self.count * (
            self.rows * self.row_values + geometry.out[0] * 2 * geometry.outputs
        )  # fmt: skip
        share = -(-geometry.batch // threads)
        pieces = -(-share * image_bytes // _BLOCK_BYTES)
        step = -(-share // pieces)
        self.blocks = [
            slice(first, min(first + step, geometry.batch))
            for first in range(0, geometry.batch, step)
        ]

    def banded(self, w: np.ndarray) -> np.ndarray:
        """(height, pairs, C, 2, O, 2): from the values of a window to the pair of its outputs."""
        height, width = self.geometry.kernel
        band = np.zeros((height, width + 1, w.shape[1], w.shape[0], 2), w.dtype)
        for side in (0, 1):
            band[:, side : side + width, :, :, side] = w.transpose(2, 3, 1, 0)
        shape = (height, self.pairs, 2, *band.shape[2:])
        return np.ascontiguousarray(band.reshape(shape).swapaxes(2, 3))

    def unbanded(self, band: np.ndarray) -> np.ndarray:
        """Adjoint of `banded`: (O, C, height, width)."""
        height, width = self.geometry.kernel
        shape = (height, self.pairs, self.geometry.channels, 2, self.geometry.outputs, 2)
        band = band.reshape(shape).swapaxes(2, 3).reshape(height, width + 1, *shape[2:3], -1, 2)
        w = band[:, :width, ..., 0] + band[:, 1:, ..., 1]
        return np.ascontiguousarray(w.transpose(3, 2, 0, 1))

    def windows(self, x: np.ndarray) -> np.ndarray:
        """Fill the strips from images `x` (N, C, H, W); (rows of outputs, N * strips, window)."""
        geometry, batch = self.geometry, x.shape[0]
        if any(geometry.padding):
            top, left = geometry.padding
            size = (self.rows, geometry.size[1] + 2 * left)
            slab = _scratch.get("slab", (*x.shape[:2], *size), x.dtype)
            place(slab, x, (-top, -left), 2)
            x = slab
        shape = (batch, self.count, self.rows, self.row_values)
        strips = _scratch.get("strips", shape, x.dtype)
        target = _pairs(strips).reshape(*shape[:3], self.pairs, x.shape[1])
        source = _pairs(x)
        n, c, y, j = source.strides
        np.copyto(target, np.ndarray(target.shape, source.dtype, source, 0, (n, j, y, j, c)))
        return _windows(strips, geometry.kernel[0])

    def gradients(self, g: np.ndarray) -> np.ndarray:
        """Images `g` (N, O, *out) as (rows of outputs, N * strips, O * 2)."""
        batch, outputs, rows, _ = g.shape
        result = _scratch.get("gradients", (rows, batch * self.count, outputs * 2), g.dtype)
        target = _pairs(result).reshape(rows, batch, self.count, outputs)
        np.copyto(target, _pairs(g).transpose(2, 0, 3, 1))
        return result


_make_strips = lru_cache(maxsize=256)(_Strips)


def _windows(strips: np.ndarray, height: int) -> np.ndarray:
    """View (rows - height + 1, N * strips, height * values) of (N, strips, rows, values)."""
    batch, count, rows, values = strips.shape
    shape = (rows - height + 1, batch * count, height * values)
    _, strip, row, value = strips.strides
    return np.ndarray(shape, strips.dtype, strips, 0, (row, strip, value))


def _is_finite(array: np.ndarray) -> bool:
    """Whether the sum of squares is finite: one pass, where `isfinite` needs two."""
    flat = array.reshape(-1)
    return bool(np.isfinite(np.dot(flat, flat)))


def strips_conv(
    x: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry
) -> np.ndarray | None:
    """Cross-correlation, or None if the result is not finite."""
    out = empty((geometry.batch, geometry.outputs, *geometry.out), x.dtype)
    x = np.ascontiguousarray(x)
    strips = _make_strips(geometry, x.itemsize, get_num_threads())
    band = strips.banded(w).reshape(-1, 2 * geometry.outputs)
    bias = None if b is None else _pairs(np.repeat(b, 2)).reshape(-1, 1, 1)
    finite: list[bool] = []

    def work(start: int, stop: int) -> None:
        for images in strips.blocks[start:stop]:
            windows = strips.windows(x[images])
            product = _scratch.get("product", (*windows.shape[:2], band.shape[1]), x.dtype)
            np.matmul(windows, band, out=product)
            finite.append(_is_finite(product))
            target = _pairs(out[images])
            source = _pairs(product).reshape(geometry.out[0], -1, strips.count, geometry.outputs)
            source = source.transpose(1, 3, 0, 2)
            if bias is None:
                np.copyto(target, source)
            else:
                np.add(source, bias, out=target)

    parallel_for(work, len(strips.blocks), 1)
    return out if all(finite) else None


def strips_conv_weight(x: np.ndarray, g: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Adjoint in the weight."""
    x, g = np.ascontiguousarray(x), np.ascontiguousarray(g)
    strips = _make_strips(geometry, x.itemsize, get_num_threads())
    sums: dict[int, np.ndarray] = {}

    def work(start: int, stop: int) -> None:
        for i in range(start, stop):
            images = strips.blocks[i]
            windows = strips.windows(x[images])
            products = np.matmul(windows.transpose(0, 2, 1), strips.gradients(g[images]))
            sums[i] = products.sum(0)

    parallel_for(work, len(strips.blocks), 1)
    first, *others = (sums[i] for i in sorted(sums))
    for other in others:
        first += other
    return strips.unbanded(first)


def strips_conv_input(
    g: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry
) -> np.ndarray | None:
    """Adjoint in the input, or None if it is not finite: products of windows over rows of `g`."""
    out = empty((geometry.batch, geometry.channels, *geometry.size), g.dtype)
    g = np.ascontiguousarray(g)
    strips = _make_strips(geometry, g.itemsize, get_num_threads())
    height = geometry.kernel[0]
    band = strips.banded(w)[::-1].transpose(0, 4, 5, 1, 2, 3)
    band = np.ascontiguousarray(band).reshape(-1, strips.row_values)
    top, left = geometry.padding
    bias = None if b is None else b.reshape(-1, 1, 1)
    finite: list[bool] = []

    def work(start: int, stop: int) -> None:
        for images in strips.blocks[start:stop]:
            part = g[images]
            rows = geometry.out[0] + 2 * (height - 1)
            shape = (part.shape[0], strips.count, rows, 2 * geometry.outputs)
            padded = _scratch.get("strips", shape, g.dtype)
            padded[:, :, : height - 1] = 0
            padded[:, :, 1 - height :] = 0
            np.copyto(
                _pairs(padded)[:, :, height - 1 : 1 - height], _pairs(part).transpose(0, 3, 2, 1)
            )
            windows = _windows(padded, height)[top : top + geometry.size[0]]
            product = _scratch.get("product", (*windows.shape[:2], band.shape[1]), g.dtype)
            np.matmul(windows, band, out=product)
            finite.append(_is_finite(product))
            sums = _sum_strips(product, strips, part.shape[0])
            inner = sums[..., left : left + geometry.size[1]]
            if bias is None:
                np.copyto(out[images], inner)
            else:
                np.add(inner, bias, out=out[images])

    parallel_for(work, len(strips.blocks), 1)
    return out if all(finite) else None


def _sum_strips(product: np.ndarray, strips: _Strips, batch: int) -> np.ndarray:
    """Scratch (N, C, H, padded W): the sum of (H, N * strips, pairs * C * 2) where they overlap."""
    geometry, count = strips.geometry, strips.count
    width = geometry.size[1] + 2 * geometry.padding[1]
    shape = (batch, geometry.channels, geometry.size[0], width)
    sums = _scratch.get("slab", shape, product.dtype)
    target = _pairs(sums)
    parts = _pairs(product).reshape(-1, batch, count, strips.pairs, geometry.channels)
    parts = parts.transpose(3, 1, 4, 0, 2)
    target[..., count:] = 0
    np.copyto(target[..., :count], parts[0])
    for i in range(1, strips.pairs):
        some = target[..., i : i + count]
        np.add(some, parts[i], out=some)
    return sums
