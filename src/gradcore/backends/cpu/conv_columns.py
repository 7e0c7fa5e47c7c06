"""Convolution as matrix products over columns that are built tile by tile.

Unfolding a whole batch writes `taps` times the input to memory; unfolded a tile at a time the
columns stay in cache and only the product leaves it. A tile is some rows of the outputs of
some groups of one image or, where that is little work, of several images.

The images of a tile are its *first* axis where planes are large: one batched product then writes
straight into the result. They are its *last* axis where planes are small: a row of the unfolded
plane is `width * images` consecutive values there (copying 4-wide rows costs 1.35 ns a value,
64-wide ones 0.15) and one product has the outputs of all images as columns.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from gradcore.backends.cpu.conv_geometry import Geometry, Scratch, place
from gradcore.backends.cpu.threads import get_num_threads, parallel_for

__all__ = ["columns_conv", "columns_conv_input", "columns_conv_weight"]

# Bytes of the columns of one tile. On one thread 1 MB (which stays in L2) is as fast or 5 % faster,
# but its copies and products take 50 us each, and two threads then spend their time handing the GIL
# to each other (7x7 convolution of 4 images of 224x224: 11.0 ms with 0.5 MB tiles, 6.6 ms with 4).
_TILE_BYTES = 4 * 1024 * 1024
# Products with fewer columns than this lose half of BLAS's speed (16: 45 GFLOP/s, 128: 125).
_COLUMNS = 128
# Planes whose rows are shorter have their images last.
_SHORT_ROW = 12

_scratch = Scratch()


class _Tile(NamedTuple):
    """Some images, some groups and, along the first spatial axis, some rows of their outputs."""

    images: slice
    groups: slice
    rows: slice


def _length(part: slice) -> int:
    return part.stop - part.start


def _cut(size: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, size)) for start in range(0, size, step)]


def _tiles(geometry: Geometry, itemsize: int, images_last: bool) -> list[_Tile]:
    """Tiles whose columns fit `_TILE_BYTES`, rows innermost."""
    rows, rest = geometry.out[0], prod(geometry.out[1:])
    row_bytes = geometry.channels // geometry.groups * geometry.taps * rest * itemsize
    plane_bytes = row_bytes * rows
    image_bytes = plane_bytes * geometry.groups
    share = -(-geometry.batch // get_num_threads())
    images = max(1, min(_TILE_BYTES // image_bytes, share))
    if images_last:
        images = min(max(images, -(-_COLUMNS // (rows * rest))), share)
    groups = max(1, min(geometry.groups, _TILE_BYTES // plane_bytes))
    step = max(_COLUMNS // rest, _TILE_BYTES // row_bytes, 1)
    if images_last or images > 1 or groups > 1:
        step = rows
    return [
        _Tile(n, g, r)
        for n in _cut(geometry.batch, images)
        for g in _cut(geometry.groups, groups)
        for r in _cut(rows, min(step, rows))
    ]


class _Plan:
    """The tiles of a convolution, and how each is cut out of the arrays."""

    def __init__(self, geometry: Geometry, itemsize: int, images_last: bool) -> None:
        self.geometry = geometry
        self.images_last = images_last and geometry.batch > 1
        self.tiles = _tiles(geometry, itemsize, self.images_last)
        self.channels = geometry.channels // geometry.groups
        self.outputs = geometry.outputs // geometry.groups

    def weight(self, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
        """(groups, O/groups, C/groups * taps), and the bias as a last column if there is one."""
        groups, outputs = self.geometry.groups, self.outputs
        weight = w.reshape(groups, outputs, -1)
        if b is None:
            return weight
        return np.concatenate([weight, b.reshape(groups, outputs, 1)], 2)

    def arranged(self, part: np.ndarray) -> np.ndarray:
        """(images, ...) with the images where the tiles have them."""
        return np.moveaxis(part, 0, -1) if self.images_last else part

    def output_part(self, array: np.ndarray, tile: _Tile) -> np.ndarray:
        """View of the tile in an array (N, O, *out), images first or last."""
        groups = slice(tile.groups.start * self.outputs, tile.groups.stop * self.outputs)
        return self.arranged(array[tile.images, groups, tile.rows])

    def matrix_shape(self, tile: _Tile, rows: int) -> tuple[int, ...]:
        """Shape ([images,] groups, rows, columns) of a matrix over the tile's outputs."""
        images, groups = _length(tile.images), _length(tile.groups)
        count = _length(tile.rows) * prod(self.geometry.out[1:])
        if self.images_last:
            return groups, rows, count * images
        return images, groups, rows, count

    def output_matrix(self, g: np.ndarray, tile: _Tile) -> np.ndarray:
        """The tile of `g` as a matrix with O/groups rows; a view where possible."""
        part = self.output_part(g, tile)
        if self.images_last:
            copy = _scratch.get("outputs", part.shape, g.dtype)
            np.copyto(copy, part)
            part = copy
        return part.reshape(self.matrix_shape(tile, self.outputs))

    def slab(self, x: np.ndarray, tile: _Tile) -> np.ndarray:
        """The padded input ([images,] C, *extent[, images]) that the tile's outputs read."""
        geometry = self.geometry
        counts = (_length(tile.rows), *geometry.out[1:])
        extent = tuple(
            s * (n - 1) + d * (k - 1) + 1
            for n, k, s, d in zip(
                counts, geometry.kernel, geometry.stride, geometry.dilation, strict=True
            )
        )
        top, *rest = (-p for p in geometry.padding)
        origin = (top + tile.rows.start * geometry.stride[0], *rest)
        channels = slice(tile.groups.start * self.channels, tile.groups.stop * self.channels)
        part = self.arranged(x[tile.images, channels])
        if extent == geometry.size and not any(origin) and not self.images_last:
            return part
        axis = 1 if self.images_last else 2
        shape = (*part.shape[:axis], *extent, *part.shape[axis + len(extent) :])
        slab = _scratch.get("slab", shape, x.dtype)
        place(slab, part, origin, axis)
        return slab

    def columns(self, x: np.ndarray, tile: _Tile, ones: bool = False) -> np.ndarray:
        """The tile's windows as a matrix with C/groups * taps rows, and a last one of ones.

        The row of ones multiplies a bias that is the weight's last column: adding the bias to the
        product instead passes over the result once more (of a 3-channel 3x3 convolution: 30 %).
        """
        slab = self.slab(x, tile)
        rows = self.channels * self.geometry.taps
        columns = _scratch.get("columns", self.matrix_shape(tile, rows + ones), x.dtype)
        if ones:
            columns[..., rows, :] = 1
        windows = self.windows(slab, tile)
        axis = 0 if self.images_last else 1
        split = (*windows.shape[:axis], _length(tile.groups), -1, *windows.shape[axis + 1 :])
        windows = windows.reshape(split)  # splits an axis: a view
        np.copyto(columns[..., :rows, :].reshape(windows.shape), windows)
        return columns

    def windows(self, slab: np.ndarray, tile: _Tile) -> np.ndarray:
        """View ([images,] C, *kernel, *out[, images]) of a slab: every output's window."""
        geometry = self.geometry
        counts = (_length(tile.rows), *geometry.out[1:])
        axis = 1 if self.images_last else 2
        end = axis + len(counts)
        steps = slab.strides[axis:end]
        strides = (
            *slab.strides[:axis],
            *(step * d for step, d in zip(steps, geometry.dilation, strict=True)),
            *(step * s for step, s in zip(steps, geometry.stride, strict=True)),
            *slab.strides[end:],
        )
        shape = (*slab.shape[:axis], *geometry.kernel, *counts, *slab.shape[end:])
        return as_strided(slab, shape, strides)


def _is_pointwise(geometry: Geometry) -> bool:
    """Whether the columns are the input itself."""
    return (
        geometry.taps == 1
        and all(s == 1 for s in geometry.stride)
        and not any(geometry.padding)
        and geometry.out[-1] >= _SHORT_ROW
    )


def columns_conv(
    x: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry
) -> np.ndarray:
    """Cross-correlation: weight matrix times columns."""
    out = np.empty((geometry.batch, geometry.outputs, *geometry.out), x.dtype)
    plan = _Plan(geometry, x.itemsize, geometry.out[-1] < _SHORT_ROW)
    weight = plan.weight(w, b)
    pointwise = _is_pointwise(geometry) and b is None
    x = np.ascontiguousarray(x)

    def work(start: int, stop: int) -> None:
        for tile in plan.tiles[start:stop]:
            if pointwise:
                columns = plan.slab(x, tile).reshape(plan.matrix_shape(tile, plan.channels))
            else:
                columns = plan.columns(x, tile, b is not None)
            part = plan.output_part(out, tile)
            shape = plan.matrix_shape(tile, plan.outputs)
            if plan.images_last:
                product = _scratch.get("product", part.shape, x.dtype)
            else:
                product = part
            target = product.reshape(shape)  # splits and joins whole axes: a view
            np.matmul(weight[tile.groups], columns, out=target)
            if plan.images_last:
                np.copyto(part, product)

    parallel_for(work, len(plan.tiles), 1)
    return out


def columns_conv_weight(x: np.ndarray, g: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Adjoint in the weight: outputs times transposed columns, summed over the tiles.

    Each range of tiles has a sum of its own; they are added in the order of the ranges, so the
    result does not depend on which thread was first.
    """
    plan = _Plan(geometry, x.itemsize, geometry.out[-1] < _SHORT_ROW)
    pointwise = _is_pointwise(geometry)
    x, g = np.ascontiguousarray(x), np.ascontiguousarray(g)
    shape = (geometry.groups, plan.outputs, plan.channels * geometry.taps)
    sums: dict[int, np.ndarray] = {}

    def work(start: int, stop: int) -> None:
        total = np.zeros(shape, x.dtype)
        for tile in plan.tiles[start:stop]:
            if pointwise:
                columns = plan.slab(x, tile).reshape(plan.matrix_shape(tile, plan.channels))
            else:
                columns = plan.columns(x, tile)
            part = np.matmul(plan.output_matrix(g, tile), columns.swapaxes(-1, -2))
            if not plan.images_last:
                part = part[0] if part.shape[0] == 1 else part.sum(0)
            total[tile.groups] += part
        sums[start] = total

    parallel_for(work, len(plan.tiles), 1)
    first, *others = (sums[start] for start in sorted(sums))
    for other in others:
        first += other
    return first.reshape(geometry.outputs, plan.channels, *geometry.kernel)


def columns_conv_input(
    g: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry
) -> np.ndarray:
    """Adjoint in the input, by the cheaper of two ways.

    With stride 1 it is a correlation of `g` with the turned and transposed weight, whose columns
    hold O * taps values for each input position. In general the columns' gradients, C * taps
    values for each output position, are added to where the columns were read from; an addition
    costs about twice a copy.
    """
    swapped = Geometry(
        geometry.batch, geometry.outputs, geometry.channels, geometry.groups, geometry.out,
        geometry.kernel, geometry.stride,
        tuple(
            d * (k - 1) - p
            for d, k, p in zip(geometry.dilation, geometry.kernel, geometry.padding, strict=True)
        ),
        geometry.dilation,
    )  # fmt: skip
    copied = geometry.outputs * prod(geometry.size)
    added = geometry.channels * prod(geometry.out)
    if all(s == 1 for s in geometry.stride) and min(swapped.padding) >= 0 and copied <= 2 * added:
        parts = w.reshape(geometry.groups, -1, *w.shape[1:])
        turned = np.flip(parts.swapaxes(1, 2), tuple(range(3, parts.ndim)))
        return columns_conv(g, turned.reshape(geometry.channels, -1, *geometry.kernel), b, swapped)
    return _add_columns(g, w, b, geometry)


def _blocks(tiles: list[_Tile]) -> list[list[_Tile]]:
    """Tiles of the same images and groups together: their windows overlap, one thread adds them."""
    together: dict[tuple[int, int], list[_Tile]] = {}
    for tile in tiles:
        together.setdefault((tile.images.start, tile.groups.start), []).append(tile)
    return list(together.values())


def _add_columns(
    g: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry
) -> np.ndarray:
    """Transposed weight times outputs, added to the positions that the columns are read from."""
    out = np.empty((geometry.batch, geometry.channels, *geometry.size), g.dtype)
    plan = _Plan(geometry, g.itemsize, geometry.out[-1] < _SHORT_ROW)
    weight = plan.weight(w).swapaxes(1, 2)
    g = np.ascontiguousarray(g)
    blocks = _blocks(plan.tiles)
    axis = 1 if plan.images_last else 2
    padded = tuple(n + 2 * p for n, p in zip(geometry.size, geometry.padding, strict=True))
    inner = (slice(None),) * axis + tuple(
        slice(p, p + n) for n, p in zip(geometry.size, geometry.padding, strict=True)
    )

    def work(start: int, stop: int) -> None:
        for block in blocks[start:stop]:
            images, groups, _ = block[0]
            channels = slice(groups.start * plan.channels, groups.stop * plan.channels)
            target = plan.arranged(out[images, channels])
            shape = (*target.shape[:axis], *padded, *target.shape[axis + len(padded) :])
            slab = _scratch.get("slab", shape, g.dtype)
            slab[...] = 0
            for tile in block:
                shape = plan.matrix_shape(tile, weight.shape[1])
                columns = _scratch.get("columns", shape, g.dtype)
                np.matmul(weight[groups], plan.output_matrix(g, tile), out=columns)
                lead = (slice(None),) * axis
                skip = tile.rows.start * geometry.stride[0]
                below = (*lead, slice(skip, None))
                windows = plan.windows(slab[below], tile)
                columns = columns.reshape(windows.shape)
                for tap in np.ndindex(*geometry.kernel):
                    windows[lead + tap] += columns[lead + tap]
            np.copyto(target, slab[inner])
            if b is not None:
                target += b[channels].reshape(-1, *(1,) * (target.ndim - axis))

    parallel_for(work, len(blocks), 1)
    return out
