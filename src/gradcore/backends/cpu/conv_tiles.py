"""The tiles of a convolution by columns, and the scratch memory that a thread unfolds them in.

A tile is some rows of the outputs of some groups of one image or, where that is little work, of
several images.

The images of a tile are its *first* axis where planes are large: one batched product then writes
straight into the result. They are its *last* axis where planes are small: a row of the unfolded
plane is `width * images` consecutive values there (a copy of rows costs 4 ns a row and 0.1 ns a
value) and one product has the outputs of all images as columns.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod
from typing import NamedTuple

import numpy as np

from gradcore.backends.cpu.conv_geometry import Geometry, Scratch, place

__all__ = ["Plan", "Tile", "Workspace", "make_plan", "scratch"]

# Bytes of the columns of one tile: with its product it stays in a 2 MB L2.
_TILE_BYTES = 1024 * 1024
# Products with fewer columns than this lose half of BLAS's speed (16: 45 GFLOP/s, 128: 125).
_COLUMNS = 128
# Planes whose rows are shorter have their images last.
_SHORT_ROW = 12

scratch = Scratch()


class Tile(NamedTuple):
    """Some images, some groups and, along the first spatial axis, some rows of their outputs."""

    images: slice
    groups: slice
    rows: slice

    @property
    def lengths(self) -> tuple[int, int, int]:
        return tuple(part.stop - part.start for part in self)


def _cut(size: int, step: int) -> list[slice]:
    return [slice(start, min(start + step, size)) for start in range(0, size, step)]


def _tiles(geometry: Geometry, itemsize: int, images_last: bool, threads: int) -> list[Tile]:
    """Tiles whose columns fit `_TILE_BYTES`, rows innermost."""
    rows, rest = geometry.out[0], prod(geometry.out[1:])
    row_bytes = geometry.channels // geometry.groups * geometry.taps * rest * itemsize
    plane_bytes = row_bytes * rows
    image_bytes = plane_bytes * geometry.groups
    share = -(-geometry.batch // threads)
    images = max(1, min(_TILE_BYTES // image_bytes, share))
    if images_last:
        images = min(max(images, -(-_COLUMNS // (rows * rest))), share)
    groups = max(1, min(geometry.groups, _TILE_BYTES // plane_bytes))
    step = max(_COLUMNS // rest, _TILE_BYTES // row_bytes, 1)
    if images_last or images > 1 or groups > 1:
        step = rows
    return [
        Tile(n, g, r)
        for n in _cut(geometry.batch, images)
        for g in _cut(geometry.groups, groups)
        for r in _cut(rows, min(step, rows))
    ]


class Plan:
    """The tiles of a convolution, and how each is cut out of the arrays."""

    def __init__(self, geometry: Geometry, itemsize: int, threads: int) -> None:
        self.geometry = geometry
        self.images_last = geometry.out[-1] < _SHORT_ROW and geometry.batch > 1
        self.tiles = _tiles(geometry, itemsize, self.images_last, threads)
        self.channels = geometry.channels // geometry.groups
        self.outputs = geometry.outputs // geometry.groups
        self.rest = prod(geometry.out[1:])

    def weight(self, w: np.ndarray, b: np.ndarray | None = None) -> np.ndarray:
        """(groups, O/groups, C/groups * taps), and the bias as a last column if there is one."""
        groups, outputs = self.geometry.groups, self.outputs
        weight = w.reshape(groups, outputs, -1)
        if b is None:
            return weight
        return np.concatenate([weight, b.reshape(groups, outputs, 1)], 2)

    def split(self, array: np.ndarray, channels: int) -> np.ndarray:
        """View (N, groups, channels, *sizes) of C-contiguous (N, groups * channels, *sizes).

        With the images last it is (groups, channels, *sizes, N).
        """
        shape = (array.shape[0], self.geometry.groups, channels, *array.shape[2:])
        array = array.reshape(shape)
        return np.moveaxis(array, 0, -1) if self.images_last else array

    def outputs_of(self, array: np.ndarray) -> np.ndarray:
        """View (N, groups, O/groups, positions) of (N, O, *out), or with the images last."""
        return self.split(array.reshape(*array.shape[:2], -1), self.outputs)

    def part(self, array: np.ndarray, tile: Tile) -> np.ndarray:
        """The tile's part of an array from `outputs_of`."""
        positions = slice(tile.rows.start * self.rest, tile.rows.stop * self.rest)
        if self.images_last:
            return array[tile.groups, :, positions, tile.images]
        return array[tile.images, tile.groups, :, positions]

    def output_matrix(self, outputs: np.ndarray, tile: Tile) -> np.ndarray:
        """The tile of `outputs_of(g)` as ([images,] groups, O/groups, columns)."""
        part = self.part(outputs, tile)
        if not self.images_last:
            return part
        copy = scratch.get("outputs", part.shape, part.dtype)
        np.copyto(copy, part)
        return copy.reshape(*part.shape[:2], -1)


make_plan = lru_cache(maxsize=256)(Plan)


class _Views(NamedTuple):
    """One tile's scratch memory: the padded input, its windows, and the columns they go to."""

    slab: np.ndarray
    windows: np.ndarray
    target: np.ndarray
    matrix: np.ndarray


class Workspace:
    """One thread's scratch memory for the tiles of one plan; what tiles of one shape share is kept.

    Args:
        x: the input as `plan.split` gives it.
        ones: whether the columns get a last row of ones. It multiplies a bias that is the weight's
            last column: adding the bias to the product instead passes over the result once more
            (a 3-channel 3x3 convolution takes 30 % longer then).
    """

    def __init__(self, plan: Plan, x: np.ndarray, ones: bool = False) -> None:
        self.plan, self.x, self.ones = plan, x, ones
        self.axis = 2 if plan.images_last else 3
        self.rows = plan.channels * plan.geometry.taps
        self.views: dict[tuple[int, int, int], _Views] = {}
        self.frame: object = None  # the tile shape and the border that the slab was zeroed for

    def slab(self, size: tuple[int, ...], lengths: tuple[int, int, int]) -> np.ndarray:
        """Scratch ([images,] groups, C/groups, *size[, images])."""
        images, groups, _ = lengths
        if self.plan.images_last:
            shape = (groups, self.plan.channels, *size, images)
        else:
            shape = (images, groups, self.plan.channels, *size)
        return scratch.get("slab", shape, self.x.dtype)

    def windows(self, slab: np.ndarray, rows: int, first: int = 0) -> np.ndarray:
        """View ([images,] groups, C/groups, *kernel, rows, *out[1:][, images]) of a slab.

        The window of the first output begins at row `first`.
        """
        geometry, axis = self.plan.geometry, self.axis
        end = axis + len(geometry.kernel)
        steps = slab.strides[axis:end]
        strides = (
            *slab.strides[:axis],
            *(step * d for step, d in zip(steps, geometry.dilation, strict=True)),
            *(step * s for step, s in zip(steps, geometry.stride, strict=True)),
            *slab.strides[end:],
        )
        counts = (rows, *geometry.out[1:])
        shape = (*slab.shape[:axis], *geometry.kernel, *counts, *slab.shape[end:])
        return np.ndarray(shape, slab.dtype, slab, first * slab.strides[axis], strides)

    def _make_views(self, lengths: tuple[int, int, int]) -> _Views:
        geometry = self.plan.geometry
        rows = lengths[2]
        extent = tuple(
            s * (n - 1) + d * (k - 1) + 1
            for n, k, s, d in zip(
                (rows, *geometry.out[1:]),
                geometry.kernel,
                geometry.stride,
                geometry.dilation,
                strict=True,
            )
        )
        slab = self.slab(extent, lengths)
        windows = self.windows(slab, rows)
        matrix = self.matrix(lengths, self.rows + self.ones)
        target = matrix[..., : self.rows, :].reshape(windows.shape)  # splits axes: a view
        return _Views(slab, windows, target, matrix)

    def matrix(self, lengths: tuple[int, int, int], rows: int) -> np.ndarray:
        """Scratch ([images,] groups, rows, columns) for the columns of a tile."""
        images, groups, count = lengths[0], lengths[1], lengths[2] * self.plan.rest
        if self.plan.images_last:
            shape: tuple[int, ...] = (groups, rows, count * images)
        else:
            shape = (images, groups, rows, count)
        return scratch.get("columns", shape, self.x.dtype)

    def columns(self, tile: Tile) -> np.ndarray:
        """The tile's windows as a matrix with C/groups * taps rows, and the ones."""
        geometry = self.plan.geometry
        lengths = tile.lengths
        views = self.views.get(lengths)
        if views is None:
            views = self.views[lengths] = self._make_views(lengths)
        if self.plan.images_last:
            part = self.x[tile.groups, ..., tile.images]
        else:
            part = self.x[tile.images, tile.groups]
        top = tile.rows.start * geometry.stride[0] - geometry.padding[0]
        origin = (top, *(-p for p in geometry.padding[1:]))
        frame = (lengths, min(top, 0), max(top + views.slab.shape[self.axis], geometry.size[0]))
        if frame != self.frame and self.ones:
            views.matrix[..., self.rows, :] = 1
        place(views.slab, part, origin, self.axis, None if frame == self.frame else 0)
        self.frame = frame
        np.copyto(views.target, views.windows)
        return views.matrix
