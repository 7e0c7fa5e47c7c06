"""Convolution as matrix products over columns that are built tile by tile.

Unfolding a whole batch writes `taps` times the input to memory; unfolded a tile at a time the
columns stay in cache and only the product leaves it.
"""

from __future__ import annotations

from math import prod

import numpy as np

from gradcore.backends.cpu.conv_geometry import Geometry
from gradcore.backends.cpu.conv_tiles import Plan, Tile, Workspace, make_plan, scratch
from gradcore.backends.cpu.memory import empty
from gradcore.backends.cpu.threads import get_num_threads, parallel_for

__all__ = ["columns_conv", "columns_conv_input", "columns_conv_weight"]


def _is_pointwise(geometry: Geometry, plan: Plan) -> bool:
    """Whether the columns are the input itself."""
    return (
        geometry.taps == 1
        and all(s == 1 for s in geometry.stride)
        and not any(geometry.padding)
        and not plan.images_last
    )


def columns_conv(
    x: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry
) -> np.ndarray:
    """Cross-correlation: weight matrix times columns."""
    out = empty((geometry.batch, geometry.outputs, *geometry.out), x.dtype)
    plan = make_plan(geometry, x.itemsize, get_num_threads())
    # Where the bias is not part of the product it is added while the product is in cache.
    folded = b is not None and not plan.images_last and w.size < out.size
    weight = plan.weight(w, b if folded else None)
    bias = None if b is None or folded else b.reshape(geometry.groups, plan.outputs, 1)
    inputs = plan.split(np.ascontiguousarray(x), plan.channels)
    results = plan.outputs_of(out)
    pointwise = _is_pointwise(geometry, plan) and not folded
    if pointwise:
        inputs = inputs.reshape(*inputs.shape[:3], -1)

    def work(start: int, stop: int) -> None:
        workspace = Workspace(plan, inputs, folded)
        for tile in plan.tiles[start:stop]:
            columns = plan.part(inputs, tile) if pointwise else workspace.columns(tile)
            part = plan.part(results, tile)
            if plan.images_last:
                result = scratch.get("product", part.shape, x.dtype)
                target = result.reshape(*part.shape[:2], -1)
                np.matmul(weight[tile.groups], columns, out=target)
                if bias is None:
                    np.copyto(part, result)
                else:
                    np.add(result, bias[tile.groups, ..., None], out=part)
            else:
                np.matmul(weight[tile.groups], columns, out=part)
                if bias is not None:
                    np.add(part, bias[tile.groups], out=part)

    parallel_for(work, len(plan.tiles), 1)
    return out


def columns_conv_weight(x: np.ndarray, g: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Adjoint in the weight: outputs times transposed columns, summed over the tiles.

    Each range of tiles has a sum of its own; they are added in the order of the ranges, so the
    result does not depend on which thread was first.
    """
    plan = make_plan(geometry, x.itemsize, get_num_threads())
    inputs = plan.split(np.ascontiguousarray(x), plan.channels)
    outputs = plan.outputs_of(np.ascontiguousarray(g))
    pointwise = _is_pointwise(geometry, plan)
    if pointwise:
        inputs = inputs.reshape(*inputs.shape[:3], -1)
    shape = (geometry.groups, plan.outputs, plan.channels * geometry.taps)
    sums: dict[int, np.ndarray] = {}

    def work(start: int, stop: int) -> None:
        total = np.zeros(shape, x.dtype)
        workspace = Workspace(plan, inputs)
        for tile in plan.tiles[start:stop]:
            columns = plan.part(inputs, tile) if pointwise else workspace.columns(tile)
            part = np.matmul(plan.output_matrix(outputs, tile), columns.swapaxes(-1, -2))
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
    costs about three times a copy. (With a larger stride one correlation for each class of
    positions that have the same kernel positions takes 25 % longer: its results have to be
    interleaved.)
    """
    swapped = geometry.swapped()
    copied = geometry.outputs * prod(geometry.size)
    added = geometry.channels * prod(geometry.out)
    plain = all(s == 1 for s in geometry.stride) and min(swapped.padding) >= 0
    if plain and (geometry.taps == 1 or copied <= 2 * added):
        parts = w.reshape(geometry.groups, -1, *w.shape[1:])
        turned = np.flip(parts.swapaxes(1, 2), tuple(range(3, parts.ndim)))
        return columns_conv(g, turned.reshape(geometry.channels, -1, *geometry.kernel), b, swapped)
    return _add_columns(g, w, b, geometry)


def _blocks(tiles: list[Tile]) -> list[list[Tile]]:
    """Tiles of the same images and groups together: their windows overlap, one thread adds them."""
    together: dict[tuple[int, int], list[Tile]] = {}
    for tile in tiles:
        together.setdefault((tile.images.start, tile.groups.start), []).append(tile)
    return list(together.values())


def _add_columns(
    g: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry
) -> np.ndarray:
    """Transposed weight times outputs, added to the positions that the columns are read from."""
    out = empty((geometry.batch, geometry.channels, *geometry.size), g.dtype)
    plan = make_plan(geometry, g.itemsize, get_num_threads())
    weight = plan.weight(w).swapaxes(1, 2)
    outputs = plan.outputs_of(np.ascontiguousarray(g))
    results = plan.split(out, plan.channels)
    blocks = _blocks(plan.tiles)
    padded = tuple(n + 2 * p for n, p in zip(geometry.size, geometry.padding, strict=True))
    bias = None
    if b is not None:
        ones = (1,) * (len(padded) + plan.images_last)
        bias = b.reshape(geometry.groups, plan.channels, *ones)

    def work(start: int, stop: int) -> None:
        workspace = Workspace(plan, results)
        lead = (slice(None),) * workspace.axis
        inner = lead + tuple(
            slice(p, p + n) for n, p in zip(geometry.size, geometry.padding, strict=True)
        )
        for block in blocks[start:stop]:
            images, groups, _ = block[0]
            slab = workspace.slab(padded, block[0].lengths)
            slab[...] = 0
            for tile in block:
                columns = workspace.matrix(tile.lengths, weight.shape[1])
                np.matmul(weight[groups], plan.output_matrix(outputs, tile), out=columns)
                first = tile.rows.start * geometry.stride[0]
                windows = workspace.windows(slab, tile.lengths[2], first)
                columns = columns.reshape(windows.shape)
                for tap in np.ndindex(*geometry.kernel):
                    some = windows[lead + tap]
                    np.add(some, columns[lead + tap], out=some)
            target = results[groups, ..., images] if plan.images_last else results[images, groups]
            if bias is None:
                np.copyto(target, slab[inner])
            else:
                np.add(slab[inner], bias[groups], out=target)

    parallel_for(work, len(blocks), 1)
    return out
