"""Batch, layer, group and instance norm, with their gradients: block by block, over the threads.

A block and its scratch arrays stay in the L2 cache from the mean to the result. Two layouts cover
all of them:

* columns (batch norm): x as (N, C, L), statistics of each channel;
* rows (layer, group and instance norm): x as (N, G, D), statistics of the last axis.

Sums are products with a vector, which the BLAS computes in half the time of any other pass; so the
gradients weigh what they sum by a row or column instead of forming the weighted array.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import prod
from typing import Any

import numpy as np

from . import memory, scratch
from .blocks import block_size, direct_broadcast, map_blocks, row_products
from .sums import dense_sum

# Elements that are worth waking a thread for.
_GRAIN = 500_000
# Shorter channels meet rows of repeated numbers.
_SHORT = 64


def _is_plain(*arrays: np.ndarray | None) -> bool:
    """Whether all are float32, or all float64: what the kernels here compute with."""
    dtypes = {x.dtype for x in arrays if x is not None}
    return len(dtypes) == 1 and dtypes.pop().char in "fd"


@contextmanager
def _scratch(shape: tuple[int, ...], dtype: np.dtype) -> Iterator[np.ndarray]:
    """A dense array of that shape, for this thread."""
    with scratch.borrow(prod(shape) * dtype.itemsize) as block:
        yield block.view(dtype).reshape(shape)


# ---------------------------------------------------------------------- columns: batch norm


class _Columns:
    """An array (N, C, L), cut into blocks of whole channels.

    The rows of a block may lie a power of two apart, so that few of them fit the cache's sets at
    once: the first pass writes to dense scratch memory, the last one to the result.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self.shape = shape[0], shape[1], prod(shape[2:])
        self.length = self.shape[2]
        self.count = self.shape[0] * self.length

    def run(self, work: Callable[[slice], None]) -> None:
        """Call `work(channels)` for all blocks."""

        def block(start: int, stop: int) -> None:
            with direct_broadcast(self.length):
                work(slice(start, stop))

        map_blocks(block, self.shape[1], self.count, _GRAIN, uses_blas=True)

    def meet(self, values: np.ndarray) -> np.ndarray:
        """One value per channel, as a block of these channels meets it."""
        if self.length >= _SHORT:
            return values[:, None]
        return np.repeat(values, self.length).reshape(-1, self.length)

    def sums(self, x: np.ndarray) -> np.ndarray:
        """The sum of each channel of the whole array."""
        columns: Any = dense_sum(x.reshape(len(x), -1), (0,))
        totals: Any = dense_sum(columns.reshape(-1, self.length), (1,))
        return totals

    def products(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """The sum of x * y of each channel of a block."""
        if self.length >= _SHORT:
            return np.add.reduce(row_products(x, y), axis=0)
        return np.add.reduce(np.einsum("ncl,ncl->cl", x, y), axis=1)


def _columns_forward(x, weight, bias, mean, var, out, layout, eps):
    x, out = np.ascontiguousarray(x).reshape(layout.shape), out.reshape(layout.shape)
    count, meet = x.dtype.type(layout.count), layout.meet
    np.divide(layout.sums(x), count, mean)

    def work(channels: slice) -> None:
        source, target = x[:, channels], out[:, channels]
        with _scratch(source.shape, x.dtype) as block:
            np.subtract(source, meet(mean[channels]), block)
            variance = np.divide(layout.products(block, block), count, var[channels])
            scale = 1 / np.sqrt(variance + x.dtype.type(eps))
            if weight is not None:
                scale *= weight[channels]
            if bias is None:
                np.multiply(block, meet(scale), target)
            else:
                np.multiply(block, meet(scale), block)
                np.add(block, meet(bias[channels]), target)

    layout.run(work)


def _columns_backward(g, x, weight, mean, var, grads, layout, eps):
    grad_x, grad_weight, grad_bias = grads
    g, x = (np.ascontiguousarray(array).reshape(layout.shape) for array in (g, x))
    grad_x, meet = grad_x.reshape(layout.shape), layout.meet
    scales = 1 / np.sqrt(var + x.dtype.type(eps))
    count = x.dtype.type(layout.count)
    np.copyto(grad_bias, layout.sums(g))

    def work(channels: slice) -> None:
        gradient, scale = g[:, channels], scales[channels]
        with _scratch(gradient.shape, x.dtype) as block:
            np.subtract(x[:, channels], meet(mean[channels]), block)
            products = np.multiply(layout.products(gradient, block), scale, grad_weight[channels])
            np.multiply(block, meet(products * scale / count), block)
            np.subtract(gradient, block, block)
            np.subtract(block, meet(grad_bias[channels] / count), block)
            if weight is not None:
                scale = scale * weight[channels]
            np.multiply(block, meet(scale), grad_x[:, channels])

    layout.run(work)


# ------------------------------------------------------ rows: layer, group and instance norm


class _Rows:
    """An array (N, G, D): statistics of the last axis, which is (C, S) with a parameter per C."""

    def __init__(self, shape: tuple, axes: tuple[int, ...], param_shape: tuple[int, ...]) -> None:
        lead = inner = len(shape) - len(axes)
        shared = lead
        while shared and param_shape[shared - 1] != 1:
            shared -= 1
        while inner < len(shape) and (param_shape[inner] != 1 or shape[inner] == 1):
            inner += 1
        self.shape = prod(shape[:shared]), prod(shape[shared:lead]), prod(shape[lead:])
        self.length = self.shape[2]
        # Short runs of equal parameters are written out: S is then 1.
        self.repeats = prod(shape[inner:])
        self.spread = self.repeats < _SHORT
        run = 1 if self.spread else self.repeats
        self.parameters = self.shape[1], self.length // run, 1
        self.parts = self.length // run, run

    def parameter(self, value: np.ndarray | None) -> np.ndarray | None:
        """A parameter as (G, C, 1)."""
        if value is None:
            return None
        value = np.repeat(value.reshape(-1), self.repeats) if self.spread else value
        return value.reshape(self.parameters)

    def gradient(self, sums: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        """The gradient of a parameter from sums over all samples, (G, C)."""
        if self.spread and self.repeats > 1:
            sums = np.add.reduce(sums.reshape(-1, self.repeats), axis=1)
        return sums.reshape(shape)

    def in_parts(self, block: np.ndarray) -> np.ndarray:
        """A block as (N, G, C, S)."""
        return block.reshape(*block.shape[:2], *self.parts)

    def sums(self, block: np.ndarray) -> np.ndarray:
        """The sums over S of a block, (N, G, C)."""
        if self.parts[1] == 1:
            return block
        sums: Any = dense_sum(self.in_parts(block), (3,))
        return sums

    def run(self, work: Callable[[slice, slice], None]) -> None:
        """Call `work(samples, groups)` for all blocks."""
        samples, groups, length = self.shape
        step = max(1, block_size(prod(self.shape), _GRAIN) // length)

        def block(start: int, stop: int) -> None:
            with direct_broadcast(length):
                for first in range(0, groups, step):
                    work(slice(start, stop), slice(first, first + step))

        map_blocks(block, samples, groups * length, _GRAIN, uses_blas=True)


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
        parts = layout.in_parts(target)
        if weight is not None:
            np.multiply(parts, weight[groups], parts)
        if bias is not None:
            np.add(parts, bias[groups], parts)

    layout.run(work)


def _rows_backward(g, x, weight, mean, var, grad_x, layout, param_shape, eps):
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
        scale, own = scales[samples, groups], None if weight is None else weight[groups]
        with _scratch(target.shape, target.dtype) as deviation:
            np.subtract(x[samples, groups], means[samples, groups], deviation)
            np.multiply(gradient, deviation, target)
            products, sums = layout.sums(target), layout.sums(gradient)
            partial[groups.start, samples.start] = np.stack(
                (_over_samples(products, scale), _over_samples(sums, np.ones_like(scale)))
            )
            along = _over_parts(products, own) * (scale * scale / count)
            level = _over_parts(sums, own) / count
            np.multiply(deviation, along, deviation)
            if own is not None:
                np.multiply(layout.in_parts(gradient), own, layout.in_parts(target))
                gradient = target
            np.subtract(gradient, deviation, target)
        np.subtract(target, level, target)
        np.multiply(target, scale, target)

    layout.run(work)
    sums = np.zeros((2, *layout.parameters[:2]), x.dtype)
    for group, sample in sorted(partial):
        part = partial[group, sample]
        sums[:, group : group + part.shape[1]] += part
    return layout.gradient(sums[0], param_shape), layout.gradient(sums[1], param_shape)


def _over_parts(sums: np.ndarray, weight: np.ndarray | None) -> np.ndarray:
    """The sum of (N, G, C), times a weight (G, C, 1), over C; as (N, G, 1)."""
    if weight is not None:
        return row_products(sums, np.broadcast_to(weight[..., 0], sums.shape))[..., None]
    totals: Any = dense_sum(sums, (2,))
    return totals[..., None]


def _over_samples(sums: np.ndarray, factors: np.ndarray) -> np.ndarray:
    """The sum of (N, G, C) * factors (N, G, 1) over N."""
    if len(sums) == 1:
        return (sums * factors)[0]
    return np.matmul(factors.transpose(1, 2, 0), sums.transpose(1, 0, 2))[:, 0]


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
        return grad_x, *_rows_backward(y, x, weight, mean, var, grad_x, layout, param_shape, eps)
    sums = np.empty((2, x.shape[1]), x.dtype)
    grads = grad_x, sums[0], sums[1]
    _columns_backward(y, x, weight, mean.reshape(-1), var.reshape(-1), grads, layout, eps)
    return grad_x, sums[0].reshape(param_shape), sums[1].reshape(param_shape)


def batch_norm_fixed(xp, x, mean, var, weight=None, bias=None, *, eps):
    """Batch norm by given statistics: a multiplication and an addition, block by block."""
    if not x.size or not _is_plain(x, mean, var, weight, bias):
        return NotImplemented
    scale = 1 / np.sqrt(var + x.dtype.type(eps))
    if weight is not None:
        scale = scale * weight
    shift = -mean * scale if bias is None else bias - mean * scale
    layout = _Columns(x.shape)
    channels, length = layout.shape[1:]
    lines, out = np.ascontiguousarray(x).reshape(layout.shape), memory.empty(layout.shape, x.dtype)
    scale, shift = layout.meet(scale), layout.meet(shift)
    run = length if length >= _SHORT else length * channels

    def work(start: int, stop: int) -> None:
        with direct_broadcast(run):
            np.multiply(lines[start:stop], scale, out[start:stop])
            np.add(out[start:stop], shift, out[start:stop])

    map_blocks(work, len(x), channels * length, _GRAIN)
    return out.reshape(x.shape)


def batch_norm_fixed_sums(xp, y, x, mean, var, *, eps):
    """The gradients of weight and bias of `batch_norm_fixed`, block by block."""
    if not x.size or not _is_plain(y, x, mean, var):
        return NotImplemented
    layout = _Columns(x.shape)
    g, x = (np.ascontiguousarray(array).reshape(layout.shape) for array in (y, x))
    grad_weight = np.empty(len(mean), x.dtype)

    def work(channels: slice) -> None:
        gradient = g[:, channels]
        with _scratch(gradient.shape, x.dtype) as block:
            np.subtract(x[:, channels], layout.meet(mean[channels]), block)
            grad_weight[channels] = layout.products(gradient, block)

    layout.run(work)
    grad_weight /= np.sqrt(var + x.dtype.type(eps))
    return grad_weight, layout.sums(g)


OVERRIDES: dict[str, Callable[..., Any]] = {
    "batch_norm": normalize,
    "batch_norm_backward": normalize_backward,
    "batch_norm_fixed": batch_norm_fixed,
    "batch_norm_fixed_sums": batch_norm_fixed_sums,
    "layer_norm": normalize,
    "layer_norm_backward": normalize_backward,
}
