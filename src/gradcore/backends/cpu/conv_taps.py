"""Convolution as one matrix product per kernel position, for many channels over small planes.

With padding, part of the kernel hangs over the border of a small plane: of the products of a 3x3
kernel over 4x4 outputs 31 % have a zero as a factor. Here each kernel position multiplies only the
positions that it reaches, of all images at once, so these products are never made; the price is
that sums are added up in memory, `taps` times, instead of inside one product.

Threads share the outputs of the product (O or C), so each weight is read by one thread only.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import numpy as np

from gradcore.backends.cpu.conv_geometry import Geometry, Scratch
from gradcore.backends.cpu.memory import empty
from gradcore.backends.cpu.threads import get_num_threads, parallel_for

__all__ = ["taps_conv", "taps_conv_input", "taps_conv_weight", "taps_pay"]

# Largest part of the products that may be left after dropping the zeros: the products' rate is the
# same as with columns, and splitting the weight costs what 10 % of them cost.
_MOST_PRODUCTS = 0.8
# Fewest channels and positions for products at BLAS's full speed.
_CHANNELS = 128
_POSITIONS = 128
# Rows of the product that are computed at once: their weights are split into scratch memory.
_ROWS = 512
# Bytes of the weight that are split into its kernel positions at once, so as to stay in cache.
_SPLIT_BYTES = 512 * 1024

_scratch = Scratch()


class _Tap(NamedTuple):
    """A kernel position: its number, the outputs that it reaches and the inputs they read."""

    number: int
    outputs: tuple[slice, ...]
    inputs: tuple[slice, ...]
    positions: int


def _reach(geometry: Geometry, axis: int, tap: int) -> tuple[slice, slice]:
    """Along one axis: outputs i with 0 <= i stride + tap dilation - padding < size; the inputs."""
    stride, shift = geometry.stride[axis], tap * geometry.dilation[axis] - geometry.padding[axis]
    first = max(0, -(shift // stride))
    last = max(first, min(geometry.out[axis], (geometry.size[axis] - 1 - shift) // stride + 1))
    start = first * stride + shift
    stop = start + (last - first - 1) * stride + 1 if last > first else start
    return slice(first, last), slice(start, stop, stride)


def _taps(geometry: Geometry) -> list[_Tap]:
    """The kernel positions that reach any output."""
    taps = []
    for number, position in enumerate(np.ndindex(*geometry.kernel)):
        reach = [_reach(geometry, axis, tap) for axis, tap in enumerate(position)]
        outputs, inputs = zip(*reach, strict=True)
        count = prod(part.stop - part.start for part in outputs)
        if count:
            taps.append(_Tap(number, outputs, inputs, count))
    return taps


def taps_pay(geometry: Geometry) -> bool:
    """Whether the kernels here apply and are faster than columns."""
    if geometry.groups != 1 or geometry.taps == 1 or not any(geometry.padding):
        return False
    if min(geometry.channels, geometry.outputs) < _CHANNELS:
        return False
    positions = prod(geometry.out)
    if geometry.batch * positions < _POSITIONS:
        return False
    products = sum(tap.positions for tap in _taps(geometry))
    return products <= _MOST_PRODUCTS * positions * geometry.taps


def _images_last(array: np.ndarray) -> np.ndarray:
    """(N, C, *sizes) as a contiguous (C, *sizes, N)."""
    return np.ascontiguousarray(np.moveaxis(array, 0, -1))


def _gather(array: np.ndarray, part: tuple[slice, ...], name: str) -> np.ndarray:
    """The part of (C, *sizes, N) as a matrix with C rows; valid until `name` is gathered again."""
    index = (slice(None), *part)
    view = array[index]
    copy = _scratch.get(name, view.shape, array.dtype)
    np.copyto(copy, view)
    return copy.reshape(array.shape[0], -1)


def _split(weight: np.ndarray, taps: int) -> np.ndarray:
    """(rows, columns, *kernel) as scratch (taps, rows, columns)."""
    rows, columns = weight.shape[:2]
    split = _scratch.get("weight", (taps, rows, columns), weight.dtype)
    step = max(1, _SPLIT_BYTES // (columns * taps * weight.itemsize))
    for start in range(0, rows, step):
        some = weight[start : start + step]
        split[:, start : start + step] = np.moveaxis(some.reshape(*some.shape[:2], taps), -1, 0)
    return split


def _over_rows(block: Callable[[int, int], None], rows: int) -> None:
    """`block(start, stop)` over pieces of about `_ROWS` rows, evenly many for each thread."""
    threads = get_num_threads()
    pieces = threads * -(-rows // (threads * _ROWS))

    def work(first: int, last: int) -> None:
        for i in range(first, last):
            block(rows * i // pieces, rows * (i + 1) // pieces)

    parallel_for(work, pieces, 1)


def _correlate(
    source: np.ndarray,
    w: np.ndarray,
    b: np.ndarray | None,
    out: np.ndarray,
    geometry: Geometry,
    transposed: bool,
) -> None:
    """Fill `out` (N, rows, *sizes) with the products of all kernel positions, plus `b` (rows,).

    `transposed` is the adjoint: from outputs to inputs, with the rows of the weight swapped for its
    columns.
    """
    source = _images_last(source)
    taps, rows = _taps(geometry), out.shape[1]
    sizes, batch = out.shape[2:], out.shape[0]

    def block(start: int, stop: int) -> None:
        split = _split(w[:, start:stop] if transposed else w[start:stop], geometry.taps)
        total = _scratch.get("total", (stop - start, *sizes, batch), source.dtype)
        total[...] = 0 if b is None else b[start:stop].reshape(-1, *(1,) * (len(sizes) + 1))
        for tap in taps:
            weight = split[tap.number]
            read, written = tap.inputs, tap.outputs
            if transposed:
                weight, read, written = weight.T, tap.outputs, tap.inputs
            matrix = _gather(source, read, "gathered")
            product = _scratch.get("product", (stop - start, matrix.shape[1]), source.dtype)
            np.matmul(weight, matrix, out=product)
            index = (slice(None), *written)
            part = total[index]
            np.add(part, product.reshape(part.shape), out=part)
        out[:, start:stop] = np.moveaxis(total, -1, 0)

    _over_rows(block, rows)


def taps_conv(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry) -> np.ndarray:
    """Cross-correlation."""
    out = empty((geometry.batch, geometry.outputs, *geometry.out), x.dtype)
    _correlate(x, w, b, out, geometry, transposed=False)
    return out


def taps_conv_input(
    g: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry
) -> np.ndarray:
    """Adjoint in the input."""
    out = empty((geometry.batch, geometry.channels, *geometry.size), g.dtype)
    _correlate(g, w, b, out, geometry, transposed=True)
    return out


def taps_conv_weight(x: np.ndarray, g: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Adjoint in the weight: for each kernel position outputs times transposed inputs."""
    shape = (geometry.outputs, geometry.channels, geometry.taps)
    out = empty(shape, x.dtype)
    taps = _taps(geometry)
    x, g = _images_last(x), _images_last(g)

    def block(start: int, stop: int) -> None:
        split = _scratch.get("weight", (geometry.taps, stop - start, shape[1]), x.dtype)
        if len(taps) < geometry.taps:
            split[...] = 0
        for tap in taps:
            gradients = _gather(g[start:stop], tap.outputs, "gradients")
            inputs = _gather(x, tap.inputs, "gathered")
            np.matmul(gradients, inputs.T, out=split[tap.number])
        step = max(1, _SPLIT_BYTES // (shape[1] * shape[2] * x.itemsize))
        for first in range(0, stop - start, step):
            some = split[:, first : first + step]
            out[start + first : start + first + some.shape[1]] = np.moveaxis(some, 0, -1)

    _over_rows(block, shape[0])
    return out.reshape(*shape[:2], *geometry.kernel)
