"""Batch, layer, group and instance norm, with their gradients: block by block, over the threads.

A block is read from memory once; the mean, the deviations and their squares are computed while it
is in the L2 cache. Two layouts cover all of them:

* columns (batch norm): x as (N, C * L), statistics of the L columns of each channel. Parameters are
  repeated along L, so that every inner loop runs over whole rows of a block, however short L is.
* rows (layer, group and instance norm): x as (N, G, D), statistics of the last axis.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
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


def _is_plain(*arrays: np.ndarray | None) -> bool:
    """Whether all are float32, or all float64: what the kernels here compute with."""
    dtypes = {x.dtype for x in arrays if x is not None}
    return len(dtypes) == 1 and dtypes.pop().char in "fd"


# ---------------------------------------------------------------------- columns: batch norm


class _Columns:
    """An array (N, C, ...) as a matrix (N, C * L), cut into blocks of whole channels."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.rows, self.channels = shape[0], shape[1]
        self.length = prod(shape[2:])
        self.count = self.rows * self.length
        self.shape = (self.rows, self.channels * self.length)

    def run(self, work: Callable[[slice, slice, list[slice]], None]) -> None:
        """Call `work(channels, columns, pieces of the rows)` for all blocks."""
        per_block = max(1, _BLOCK // self.count)
        step = max(1, _BLOCK // (per_block * self.length))
        pieces = [slice(i, min(i + step, self.rows)) for i in range(0, self.rows, step)]

        def blocks(start: int, stop: int) -> None:
            for first in range(start, stop, per_block):
                last = min(first + per_block, stop)
                work(slice(first, last), slice(first * self.length, last * self.length), pieces)

        parallel_for(blocks, self.channels, -(-_GRAIN // self.count))

    def means(self, totals: np.ndarray) -> np.ndarray:
        """The mean of each channel, from the sums of its columns."""
        return np.add.reduce(totals.reshape(-1, self.length), axis=1) / totals.dtype.type(
            self.count
        )

    def spread(self, values: np.ndarray) -> np.ndarray:
        """One value per channel as one per column."""
        return values if self.length == 1 else np.repeat(values, self.length)


def _column_sums(x: np.ndarray, pieces: list[slice]) -> np.ndarray:
    """Sums over the rows, as products with ones, which the BLAS computes."""
    return sum(np.ones(len(x[rows]), x.dtype) @ x[rows] for rows in pieces)


def _columns_forward(x, weight, bias, mean, var, out, layout, eps):
    x, out = x.reshape(layout.shape), out.reshape(layout.shape)

    def work(channels: slice, columns: slice, pieces: list[slice]) -> None:
        block, target = x[:, columns], out[:, columns]
        mean[channels] = layout.means(_column_sums(block, pieces))
        centre = layout.spread(mean[channels])
        squares: Any = 0
        for rows in pieces:
            deviation = np.subtract(block[rows], centre, target[rows])
            squares = squares + np.einsum("nw,nw->w", deviation, deviation)
        var[channels] = layout.means(squares)
        scale = 1 / np.sqrt(var[channels] + x.dtype.type(eps))
        scale = layout.spread(scale if weight is None else scale * weight[channels])
        shift = None if bias is None else layout.spread(bias[channels])
        for rows in pieces:
            result = np.multiply(target[rows], scale, target[rows])
            if shift is not None:
                np.add(result, shift, result)

    layout.run(work)


def _columns_backward(g, x, weight, mean, var, grads, layout, eps):
    g, x = g.reshape(layout.shape), x.reshape(layout.shape)
    grad_x, grad_weight, grad_bias = grads
    grad_x = grad_x.reshape(layout.shape)
    invstd = 1 / np.sqrt(var + x.dtype.type(eps))

    def work(channels: slice, columns: slice, pieces: list[slice]) -> None:
        gradient, target = g[:, columns], grad_x[:, columns]
        centre = layout.spread(mean[channels])
        products: Any = 0
        for rows in pieces:
            deviation = np.subtract(x[rows, columns], centre, target[rows])
            products = products + np.einsum("nw,nw->w", gradient[rows], deviation)
        along = layout.means(products) * invstd[channels]  # mean(g * unit)
        level = layout.means(_column_sums(gradient, pieces))
        grad_weight[channels], grad_bias[channels] = along, level
        along, level = layout.spread(along * invstd[channels]), layout.spread(level)
        scale = invstd[channels] if weight is None else invstd[channels] * weight[channels]
        scale = layout.spread(scale)
        for rows in pieces:
            part = np.multiply(target[rows], along, target[rows])
            np.subtract(gradient[rows], part, part)
            np.subtract(part, level, part)
            np.multiply(part, scale, part)

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
