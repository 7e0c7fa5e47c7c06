"""Batch, layer, group and instance norm, with their gradients: block by block, over the threads.

A block is read from memory once; the mean, the deviations and their squares are computed while it
is in the L2 cache. Two layouts cover all of them:

* columns (batch norm): x as (N, C, L), statistics of each channel;
* rows (layer, group and instance norm): x as (N, G, D), statistics of the last axis.

What decides the speed is which operands NumPy meets: with an array or a number it takes 0.08 ns per
float32 element in cache, with a column of numbers (one per row) 0.3.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from . import memory, scratch
from .blocks import row_products
from .sums import dense_sum
from .threads import parallel_for

# Elements of a block: with its result and scratch blocks it fits 2 MB of L2 cache.
_BLOCK = 131_072
# Elements that are worth waking a thread for.
_GRAIN = 32_768
# Channels of as many elements are computed one by one, shorter ones several at once.
_ONE_BY_ONE = 32_768
# Elements of either dtype that end on a cache line.
_LINE = 16


def _is_plain(*arrays: np.ndarray | None) -> bool:
    """Whether all are float32, or all float64: what the kernels here compute with."""
    dtypes = {x.dtype for x in arrays if x is not None}
    return len(dtypes) == 1 and dtypes.pop().char in "fd"


@contextmanager
def _scratch(shape: tuple[int, ...], dtype: np.dtype, count: int) -> Iterator[list[np.ndarray]]:
    """`count` dense arrays of that shape, for this thread."""
    size = -(-prod(shape) // _LINE) * _LINE
    with scratch.borrow(count * size * dtype.itemsize) as block:
        whole = block.view(dtype)
        yield [whole[i * size :][: prod(shape)].reshape(shape) for i in range(count)]


# ---------------------------------------------------------------------- columns: batch norm


class _Columns:
    """An array (N, C, L), cut into blocks of whole channels.

    The rows of a block may lie a power of two apart, so that few of them fit the cache's sets at
    once: blocks are copied to dense scratch memory first. There a channel is one run of numbers
    that meets single numbers where it is long; short channels stay together, as (N, C * L), and
    meet rows of numbers.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape[0], shape[1], prod(shape[2:])
        self.count = self.shape[0] * self.shape[2]

    def run(self, work: Callable[[slice, Any], None]) -> None:
        """Call `work(channels, meet)` for all blocks.

        `meet` makes one value per channel of a block what a dense block of them meets.
        """
        length = self.shape[2]

        def repeated(values: np.ndarray) -> np.ndarray:
            return np.repeat(values, length).reshape(-1, length)

        one_by_one = self.count >= _ONE_BY_ONE
        step = 1 if one_by_one else _BLOCK // self.count
        meet = (lambda values: values[0]) if one_by_one else repeated

        def blocks(start: int, stop: int) -> None:
            for first in range(start, stop, step):
                work(slice(first, min(first + step, stop)), meet)

        parallel_for(blocks, self.shape[1], -(-_GRAIN // self.count))

    def products(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The sum of x * y of each channel of dense blocks."""
        if x.shape[1] == 1:
            return row_products(x.reshape(1, -1), y.reshape(1, -1))
        columns = np.einsum("nw,nw->w", x.reshape(len(x), -1), y.reshape(len(y), -1))
        return np.add.reduce(columns.reshape(-1, self.shape[2]), axis=1)


def _columns_forward(x, weight, bias, mean, var, out, layout, eps):
    x, out = x.reshape(layout.shape), out.reshape(layout.shape)
    count = x.dtype.type(layout.count)

    def work(channels: slice, meet: Any) -> None:
        source = x[:, channels]
        with _scratch(source.shape, x.dtype, 1) as (block,):
            np.copyto(block, source)
            sums: Any = dense_sum(block, (0, 2))
            centre = np.divide(sums, count, mean[channels])
            np.subtract(block, meet(centre), block)
            variance = np.divide(layout.products(block, block), count, var[channels])
            scale = 1 / np.sqrt(variance + x.dtype.type(eps))
            np.multiply(block, meet(scale if weight is None else scale * weight[channels]), block)
            if bias is not None:
                np.add(block, meet(bias[channels]), block)
            np.copyto(out[:, channels], block)

    layout.run(work)


def _columns_backward(g, x, weight, mean, var, grads, layout, eps):
    grad_x, grad_weight, grad_bias = grads
    g, x, grad_x = (array.reshape(layout.shape) for array in (g, x, grad_x))
    scales = 1 / np.sqrt(var + x.dtype.type(eps))
    count = x.dtype.type(layout.count)

    def work(channels: slice, meet: Any) -> None:
        scale = scales[channels]
        with _scratch(x[:, channels].shape, x.dtype, 2) as (gradient, deviation):
            np.copyto(gradient, g[:, channels])
            np.copyto(deviation, x[:, channels])
            np.subtract(deviation, meet(mean[channels]), deviation)
            products = layout.products(gradient, deviation) * scale
            totals = dense_sum(gradient, (0, 2))
            grad_weight[channels], grad_bias[channels] = products, totals
            np.multiply(deviation, meet(products * scale / count), deviation)
            np.subtract(gradient, deviation, gradient)
            np.subtract(gradient, meet(totals / count), gradient)
            np.multiply(
                gradient, meet(scale if weight is None else scale * weight[channels]), gradient
            )
            np.copyto(grad_x[:, channels], gradient)

    layout.run(work)


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
    x, out = np.ascontiguousarray(x).reshape(layout.shape), out.reshape(layout.shape)
    means, variances = (stat.reshape(*layout.shape[:2], 1) for stat in (mean, var))
    weight, bias = layout.parameter(weight), layout.parameter(bias)
    count = x.dtype.type(layout.length)

    def work(samples: slice, groups: slice) -> None:
        block, target = x[samples, groups], out[samples, groups]
        sums: Any = dense_sum(block, (2,))
        centre = np.divide(sums[..., None], count, means[samples, groups])
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
    g, x = (np.ascontiguousarray(array).reshape(layout.shape) for array in (g, x))
    grad_x = grad_x.reshape(layout.shape)
    means = mean.reshape(*layout.shape[:2], 1)
    scales = 1 / np.sqrt(var.reshape(means.shape) + x.dtype.type(eps))
    weight = layout.parameter(weight)
    count = x.dtype.type(layout.length)
    # by block, so that the order of the additions does not depend on the threads
    partial: dict[tuple[int, int], np.ndarray] = {}

    def work(samples: slice, groups: slice) -> None:
        gradient, target = g[samples, groups], grad_x[samples, groups]
        scale = scales[samples, groups]
        with scratch.borrow(target.nbytes) as block:
            unit = np.ndarray(target.shape, target.dtype, block)
            np.subtract(x[samples, groups], means[samples, groups], unit)
            np.multiply(unit, scale, unit)
            partial[groups.start, samples.start] = np.stack(
                (np.einsum("ngd,ngd->gd", gradient, unit), _sums_of_samples(gradient))
            )
            if weight is not None:
                gradient = np.multiply(gradient, weight[groups], target)
            sums: Any = dense_sum(gradient, (2,))
            level = sums[..., None] / count
            along = row_products(gradient, unit)[..., None] / count
            np.multiply(unit, along, unit)
            np.subtract(gradient, unit, target)
        np.subtract(target, level, target)
        np.multiply(target, scale, target)

    layout.run(work)
    sums = np.zeros((2, *layout.shape[1:]), x.dtype)
    for group, sample in sorted(partial):
        part = partial[group, sample]
        sums[:, group : group + part.shape[1]] += part
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
    sums = np.empty((2, x.shape[1]), x.dtype)
    grads = grad_x, sums[0], sums[1]
    _columns_backward(y, x, weight, mean.reshape(-1), var.reshape(-1), grads, layout, eps)
    return grad_x, sums[0].reshape(param_shape), sums[1].reshape(param_shape)


OVERRIDES: dict[str, Callable[..., Any]] = {
    "batch_norm": normalize,
    "batch_norm_backward": normalize_backward,
    "layer_norm": normalize,
    "layer_norm_backward": normalize_backward,
}
