"""Batch, layer, group and instance norm, with their gradients: block by block, over the threads.

A block is read from memory once; the mean, the deviations and their squares are computed while it
is in the L2 cache. Two layouts cover all of them:

* columns (batch norm): x as (N, C * L), statistics of the L columns of each channel. Parameters are
  repeated along L, so that every inner loop runs over whole rows of a block, however short L is.
* rows (layer, group and instance norm): x as (N, G, D), statistics of the last axis.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from . import memory, scratch
from .blocks import row_products, row_sums
from .threads import parallel_for

# Elements of a block: with its result and a scratch block it fits 2 MB of L2 cache.
_BLOCK = 131_072
# Elements that are worth waking a thread for.
_GRAIN = 32_768
# Blocks of columns are at least this wide: a row of fewer is a short loop.
_NARROWEST = 64
# Rows that are added up one after the other.
_LONGEST_SUM = 512
# A mean further than 4 standard deviations from the first guess costs the variance 4 bits.
_FAR = 16
# Elements of either dtype that end on a cache line.
_LINE = 16


def _is_plain(*arrays: np.ndarray | None) -> bool:
    """Whether all are float32, or all float64: what the kernels here compute with."""
    dtypes = {x.dtype for x in arrays if x is not None}
    return len(dtypes) == 1 and dtypes.pop().char in "fd"


# ---------------------------------------------------------------------- columns: batch norm


class _Columns:
    """An array (N, C, ...) as a matrix (N, C * L), cut into blocks of whole channels.

    The rows of a block may lie a power of two apart, so that few of them fit the cache's sets at
    once: what is used again goes to a dense scratch block.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.rows, self.channels = shape[0], shape[1]
        self.length = prod(shape[2:])
        self.count = self.rows * self.length
        self.shape = (self.rows, self.channels * self.length)

    def run(self, work: Callable[[slice, slice, list[slice]], None]) -> None:
        """Call `work(channels, columns, pieces of the rows)` for all blocks."""
        per_block = max(1, _BLOCK // self.count, _NARROWEST // self.length)
        step = min(max(1, _BLOCK // (per_block * self.length)), _LONGEST_SUM)
        pieces = [slice(i, min(i + step, self.rows)) for i in range(0, self.rows, step)]

        def blocks(start: int, stop: int) -> None:
            for first in range(start, stop, per_block):
                last = min(first + per_block, stop)
                work(slice(first, last), slice(first * self.length, last * self.length), pieces)

        parallel_for(blocks, self.channels, max(per_block, -(-_GRAIN // self.count)))

    @contextmanager
    def scratch(
        self, columns: slice, pieces: list[slice], dtype: np.dtype, count: int = 1
    ) -> Iterator[list[np.ndarray]]:
        """`count` dense arrays that hold one piece of those columns each."""
        shape = (pieces[0].stop, columns.stop - columns.start)
        size = -(-prod(shape) // _LINE) * _LINE
        with scratch.borrow(count * size * dtype.itemsize) as memory:
            whole = memory.view(dtype)
            yield [whole[i * size :][: prod(shape)].reshape(shape) for i in range(count)]

    def means(self, totals: np.ndarray) -> np.ndarray:
        """The mean of each channel, from the sums of its columns."""
        if self.length > 1:
            totals = np.add.reduce(totals.reshape(-1, self.length), axis=1)
        return totals / totals.dtype.type(self.count)

    def spread(self, values: np.ndarray) -> np.ndarray:
        """One value per channel as one per column."""
        return values if self.length == 1 else np.repeat(values, self.length)


def _column_sums(x: np.ndarray) -> np.ndarray:
    """Sums over the rows: a product with ones, which the BLAS computes."""
    return np.ones(len(x), x.dtype) @ x


def _column_moments(
    x: np.ndarray, pieces: list[slice], layout: _Columns, block: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean and variance of each channel of columns `x`, and what was taken from it.

    `block` is filled with the last piece of x minus that. The variance comes from deviations from
    the mean of the first row, in the same pass; where that is far from the mean of all, which
    would cost digits, a second pass takes the mean itself.
    """
    centre = np.add.reduce(x[0].reshape(-1, layout.length), axis=1) / x.dtype.type(layout.length)
    for again in (True, False):
        spread = layout.spread(centre)
        totals: Any = 0
        squares: Any = 0
        for rows in pieces:
            part = np.subtract(x[rows], spread, block[: rows.stop - rows.start])
            totals = totals + _column_sums(part)
            squares = squares + np.einsum("nw,nw->w", part, part)
        shift = layout.means(totals)
        var = layout.means(squares) - shift * shift
        if again and np.any(shift * shift > _FAR * var):
            centre = centre + shift
            continue
        break
    return centre + shift, np.maximum(var, 0), centre


def _columns_forward(x, weight, bias, mean, var, out, layout, eps):
    x, out = x.reshape(layout.shape), out.reshape(layout.shape)

    def work(channels: slice, columns: slice, pieces: list[slice]) -> None:
        source = x[:, columns]
        with layout.scratch(columns, pieces, x.dtype) as (block,):
            moments = _column_moments(source, pieces, layout, block)
            mean[channels], var[channels], centre = moments
            scale = 1 / np.sqrt(var[channels] + x.dtype.type(eps))
            scale = scale if weight is None else scale * weight[channels]
            shift = (centre - mean[channels]) * scale
            shift = layout.spread(shift if bias is None else shift + bias[channels])
            scale, centre = layout.spread(scale), layout.spread(centre)
            for rows in pieces:
                part = block[: rows.stop - rows.start]
                if len(pieces) > 1:
                    np.subtract(source[rows], centre, part)
                np.multiply(part, scale, part)
                np.add(part, shift, out[rows, columns])

    layout.run(work)


def _columns_backward(g, x, weight, mean, var, grads, layout, eps):
    g, x = g.reshape(layout.shape), x.reshape(layout.shape)
    grad_x, grad_weight, grad_bias = grads
    grad_x = grad_x.reshape(layout.shape)
    invstd = 1 / np.sqrt(var + x.dtype.type(eps))

    def work(channels: slice, columns: slice, pieces: list[slice]) -> None:
        centre = layout.spread(mean[channels])
        products: Any = 0
        totals: Any = 0
        with layout.scratch(columns, pieces, x.dtype, 2) as blocks:

            def load(rows: slice) -> tuple[np.ndarray, np.ndarray]:
                deviation, gradient = (block[: rows.stop - rows.start] for block in blocks)
                np.copyto(gradient, g[rows, columns])
                return np.subtract(x[rows, columns], centre, deviation), gradient

            for rows in pieces:
                deviation, gradient = load(rows)
                products = products + np.einsum("nw,nw->w", gradient, deviation)
                totals = totals + _column_sums(gradient)
            along = layout.means(products) * invstd[channels]  # mean(g * unit)
            level = layout.means(totals)
            grad_weight[channels], grad_bias[channels] = along, level
            along, level = layout.spread(along * invstd[channels]), layout.spread(level)
            scale = invstd[channels] if weight is None else invstd[channels] * weight[channels]
            scale = layout.spread(scale)
            for rows in pieces:
                if len(pieces) > 1:
                    deviation, gradient = load(rows)
                np.multiply(deviation, along, deviation)
                np.subtract(gradient, deviation, gradient)
                np.subtract(gradient, level, gradient)
                np.multiply(gradient, scale, grad_x[rows, columns])

    layout.run(work)
    grad_weight *= layout.count
    grad_bias *= layout.count


# ------------------------------------------------------ rows: layer, group and instance norm


class _Rows:
    """An array (N, G, D): statistics of the last axis, parameters (G, D) or (G, 1)."""

    def __init__(self, shape: tuple, axes: tuple[int, ...], param_shape: tuple[int, ...]) -> None:
        lead = len(shape) - len(axes)
        shared = lead
        while shared and param_shape[shared - 1] != 1:
            shared -= 1
        self.shape = prod(shape[:shared]), prod(shape[shared:lead]), prod(shape[lead:])
        self.param_shape = param_shape
        self.length = self.shape[2]
        # the axes that one sample's parameters span, and where those are the same along them
        self.sample = (*param_shape[:lead], *shape[lead:])
        self.repeated = tuple(
            i for i in range(lead, len(shape)) if param_shape[i] == 1 and shape[i] != 1
        )
        self.whole = len(self.repeated) == sum(n != 1 for n in shape[lead:])

    def parameter(self, value: np.ndarray | None) -> np.ndarray | None:
        """A parameter as it meets a block."""
        if value is None:
            return None
        if self.whole:
            return value.reshape(self.shape[1], 1)
        return np.broadcast_to(value.reshape(self.param_shape), self.sample).reshape(self.shape[1:])

    def gradient(self, sums: np.ndarray) -> np.ndarray:
        """The gradient of a parameter from sums over all samples, (G, D)."""
        return np.add.reduce(sums.reshape(self.sample), axis=self.repeated, keepdims=True)

    def run(self, work: Callable[[slice, slice], None]) -> None:
        """Call `work(samples, groups)` for all blocks."""
        samples, groups, length = self.shape
        several = max(1, _BLOCK // (groups * length))
        step = groups if several > 1 or groups == 1 else max(1, _BLOCK // length)

        def blocks(start: int, stop: int) -> None:
            for i in range(start, stop, several):
                for j in range(0, groups, step):
                    work(slice(i, min(i + several, stop)), slice(j, j + step))

        parallel_for(blocks, samples, -(-_GRAIN // (groups * length)))


def _rows_forward(x, weight, bias, mean, var, out, layout, eps):
    x, out = x.reshape(layout.shape), out.reshape(layout.shape)
    means, variances = (stat.reshape(*layout.shape[:2], 1) for stat in (mean, var))
    weight, bias = layout.parameter(weight), layout.parameter(bias)
    count = x.dtype.type(layout.length)

    def work(samples: slice, groups: slice) -> None:
        block, target = x[samples, groups], out[samples, groups]
        centre = np.divide(row_sums(block)[..., None], count, means[samples, groups])
        np.subtract(block, centre, target)
        squares = row_products(target, target)[..., None]
        variance = np.divide(squares, count, variances[samples, groups])
        np.multiply(target, 1 / np.sqrt(variance + x.dtype.type(eps)), target)
        if weight is not None:
            np.multiply(target, weight[groups], target)
        if bias is not None:
            np.add(target, bias[groups], target)

    layout.run(work)


def _rows_backward(g, x, weight, mean, var, grad_x, layout, eps):
    """Fills grad_x; returns the gradients of weight and bias."""
    g, x, grad_x = (array.reshape(layout.shape) for array in (g, x, grad_x))
    means = mean.reshape(*layout.shape[:2], 1)
    scales = 1 / np.sqrt(var.reshape(means.shape) + x.dtype.type(eps))
    weight = layout.parameter(weight)
    count = x.dtype.type(layout.length)
    sums = np.zeros((2, *layout.shape[1:]), x.dtype)
    adding = threading.Lock()

    def work(samples: slice, groups: slice) -> None:
        gradient, target = g[samples, groups], grad_x[samples, groups]
        scale = scales[samples, groups]
        with scratch.borrow(target.nbytes) as block:
            unit = np.ndarray(target.shape, target.dtype, block)
            np.subtract(x[samples, groups], means[samples, groups], unit)
            np.multiply(unit, scale, unit)
            partial = np.einsum("ngd,ngd->gd", gradient, unit), _sums_of_samples(gradient)
            with adding:
                sums[0, groups] += partial[0]
                sums[1, groups] += partial[1]
            if weight is not None:
                gradient = np.multiply(gradient, weight[groups], target)
            level = row_sums(gradient)[..., None] / count
            along = row_products(gradient, unit)[..., None] / count
            np.multiply(unit, along, unit)
            np.subtract(gradient, unit, target)
        np.subtract(target, level, target)
        np.multiply(target, scale, target)

    layout.run(work)
    return layout.gradient(sums[0]), layout.gradient(sums[1])


def _sums_of_samples(x: np.ndarray) -> np.ndarray:
    """The sum over axis 0 of (N, G, D), a product with ones where the block is dense."""
    if x.flags.c_contiguous:
        return (np.ones(len(x), x.dtype) @ x.reshape(len(x), -1)).reshape(x.shape[1:])
    return np.add.reduce(x, axis=0)


# -------------------------------------------------------------------------------- the ops


def _layout(shape: tuple, axes: tuple[int, ...], param_shape: tuple[int, ...]) -> Any:
    """How the array is walked; None where neither layout fits."""
    ndim = len(shape)
    if tuple(axes) == tuple(range(ndim - len(axes), ndim)):
        return _Rows(shape, axes, tuple(param_shape))
    by_channel = ndim > 1 and tuple(param_shape) == (1, shape[1], *(1,) * (ndim - 2))
    if by_channel and tuple(axes) == (0, *range(2, ndim)):
        return _Columns(shape)
    return None


def normalize(xp, x, weight=None, bias=None, *, axes, param_shape, eps):
    """`(x - mean) / sqrt(var + eps) * weight + bias`, mean and biased variance over `axes`.

    The body of `batch_norm` and `layer_norm` (see ops/norm.py) for float32 and float64.
    """
    layout = _layout(x.shape, axes, param_shape)
    if layout is None or not x.size or not _is_plain(x, weight, bias):
        return NotImplemented
    kept = tuple(1 if axis in axes else n for axis, n in enumerate(x.shape))
    out = memory.empty(x.shape, x.dtype)
    mean, var = np.empty(kept, x.dtype), np.empty(kept, x.dtype)
    if isinstance(layout, _Columns):
        _columns_forward(x, weight, bias, mean.reshape(-1), var.reshape(-1), out, layout, eps)
    else:
        _rows_forward(x, weight, bias, mean, var, out, layout, eps)
    return out, mean, var


def normalize_backward(xp, y, x, weight, mean, var, *, axes, param_shape, eps):
    """The gradients of x, and of weight and bias in `param_shape`, from that of the result."""
    layout = _layout(x.shape, axes, param_shape)
    if layout is None or not x.size or not _is_plain(y, x, weight, mean):
        return NotImplemented
    grad_x = memory.empty(x.shape, x.dtype)
    if isinstance(layout, _Rows):
        return grad_x, *_rows_backward(y, x, weight, mean, var, grad_x, layout, eps)
    sums = np.empty((2, layout.channels), x.dtype)
    grads = grad_x, sums[0], sums[1]
    _columns_backward(y, x, weight, mean.reshape(-1), var.reshape(-1), grads, layout, eps)
    return grad_x, sums[0].reshape(param_shape), sums[1].reshape(param_shape)


OVERRIDES: dict[str, Callable[..., Any]] = {
    "batch_norm": normalize,
    "batch_norm_backward": normalize_backward,
    "layer_norm": normalize,
    "layer_norm_backward": normalize_backward,
}
