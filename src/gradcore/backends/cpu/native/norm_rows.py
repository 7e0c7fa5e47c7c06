"""Kernels of layer, group and instance norm: statistics of rows.

A row holds `channels` runs of `run` numbers, each run with a weight and a bias; there are `groups`
kinds of rows, which take turns, each with channels of its own.
"""

from __future__ import annotations

import numpy as np

from .calls import Call
from .loops import Pointer
from .row_loops import Moments, RowKernel
from .values import FLOAT64, Value, minimum, multiply_add


def unit_scale(variance: Value, eps: Value) -> Value:
    """`1 / sqrt(variance + eps)`."""
    return 1 / variance.function.call("sqrt", variance + eps)


def write_normalized(
    kernel: RowKernel,
    length: Value,
    x: Pointer,
    out: Pointer,
    mean: Value,
    scale: Value,
    shift: Value,
) -> None:
    """`(x - mean) * scale + shift`, by numbers that all elements have in common."""

    def write(i: Value) -> None:
        out[i] = multiply_add(x[i] - mean, scale, shift)

    kernel.along(length, write)


def write_gradient(
    kernel: RowKernel,
    length: Value,
    arrays: tuple[Pointer, Pointer, Pointer],
    numbers: tuple[Value, Value, Value, Value, Value],
) -> None:
    """`(y * weight - level - (x - mean) * slope) * scale`.

    Args:
        kernel: what it becomes part of.
        length: how many.
        arrays: y, x and where the result goes.
        numbers: weight, mean, level, slope and scale.
    """
    y, x, out = arrays
    weight, mean, level, slope, scale = numbers

    def write(i: Value) -> None:
        out[i] = (y[i] * weight - level - (x[i] - mean) * slope) * scale

    kernel.along(length, write)


def row_moments(kernel: RowKernel, length: Value, line: Pointer) -> tuple[Value, Value]:
    """The mean and the biased variance of a row."""
    moments = Moments(kernel, line.dtype)
    moments.add(length, lambda i: line[i])
    return moments.results()


# ------------------------------------------------------------- a weight for every element


def build_forward(dtype: np.dtype) -> Call:
    """Arrays: x, weight, bias, out, means, variances; numbers: eps, groups, channels."""
    kernel = RowKernel()
    x, weight, bias, out, means, variances = (kernel.array(dtype) for _ in range(6))
    eps = kernel.number_argument(dtype)
    groups, channels = kernel.integer_argument(), kernel.integer_argument()
    with kernel.loop(kernel.start, kernel.stop) as row:
        line = x + row * channels
        means[row], variances[row] = mean, variance = row_moments(kernel, channels, line)
        first = row % groups * channels
        arrays = line, weight + first, bias + first, out + row * channels
        _write_weighted(kernel, channels, arrays, mean, unit_scale(variance, eps))
    return Call(kernel, arrays=6, numbers=3)


def _write_weighted(
    kernel: RowKernel,
    length: Value,
    arrays: tuple[Pointer, Pointer, Pointer, Pointer],
    mean: Value,
    scale: Value,
) -> None:
    x, weight, bias, out = arrays

    def write(i: Value) -> None:
        out[i] = multiply_add((x[i] - mean) * scale, weight[i], bias[i])

    kernel.along(length, write)


def build_backward(dtype: np.dtype) -> Call:
    """Items are blocks of rows, each of which adds up its own gradients of the parameters.

    Arrays: y, x, weight, means, variances, out, sums (blocks, 2, groups, channels); numbers: eps,
    groups, channels, rows, rows per block.
    """
    kernel = RowKernel()
    y, x, weight, means, variances, out, sums = (kernel.array(dtype) for _ in range(7))
    eps = kernel.number_argument(dtype)
    groups, channels, rows, per_block = (kernel.integer_argument() for _ in range(4))
    parameters = groups * channels
    with kernel.loop(kernel.start, kernel.stop) as block:
        own = sums + block * (parameters * 2)
        clear(kernel, parameters * 2, own)
        stop = minimum((block + 1) * per_block, rows)
        with kernel.loop(block * per_block, stop) as row:
            first, at = row % groups * channels, row * channels
            arrays = y + at, x + at, weight + first, out + at
            sinks = own + first, own + parameters + first
            scale = unit_scale(variances[row], eps)
            _weighted_gradient(kernel, channels, arrays, sinks, means[row], scale)
    return Call(kernel, arrays=7, numbers=5)


def clear(kernel: RowKernel, length: Value, array: Pointer) -> None:
    """Write zeros."""
    zero = kernel.constant(0, array.dtype)
    with kernel.loop(0, length, parallel=True) as i:
        array[i] = zero


def _weighted_gradient(
    kernel: RowKernel,
    length: Value,
    arrays: tuple[Pointer, Pointer, Pointer, Pointer],
    sinks: tuple[Pointer, Pointer],
    mean: Value,
    scale: Value,
) -> None:
    """A row's gradient; adds those of weight and bias to `sinks`."""
    y, x, weight, out = arrays
    weights, biases = sinks

    def terms(i: Value) -> tuple[Value, Value]:
        g, deviation = y[i], x[i] - mean
        weights[i] = weights[i] + g * (deviation * scale)
        biases[i] = biases[i] + g
        weighted = g * weight[i]
        return weighted * deviation, weighted

    products, total = kernel.sums(length, terms, 2, y.dtype)
    slope, level = slope_and_level(products, total, length.to(FLOAT64), scale)

    def write(i: Value) -> None:
        out[i] = (y[i] * weight[i] - level - (x[i] - mean) * slope) * scale

    kernel.along(length, write)


def slope_and_level(
    products: Value, total: Value, count: Value, scale: Value
) -> tuple[Value, Value]:
    """What the gradient loses along x and along 1, in the dtype of `scale`.

    Args:
        products: float64 sum of the gradients times the deviations from the mean.
        total: float64 sum of the gradients.
        count: how many there are, as float64.
        scale: of the deviations.
    """
    wide = scale.to(FLOAT64)
    slope = products * (wide * wide / count)
    return slope.to(scale.dtype), (total / count).to(scale.dtype)


# ------------------------------------------------------------- a weight for every channel


def build_channels_forward(dtype: np.dtype) -> Call:
    """Arrays: x, weight, bias, out, means, variances; numbers: eps, groups, channels, run."""
    kernel = RowKernel()
    x, weight, bias, out, means, variances = (kernel.array(dtype) for _ in range(6))
    eps = kernel.number_argument(dtype)
    groups, channels, run = (kernel.integer_argument() for _ in range(3))
    length = channels * run
    with kernel.loop(kernel.start, kernel.stop) as row:
        means[row], variances[row] = mean, variance = row_moments(kernel, length, x + row * length)
        scale = unit_scale(variance, eps)
        first = row % groups * channels
        with kernel.loop(0, channels) as c:
            at, own = row * length + c * run, scale * weight[first + c]
            write_normalized(kernel, run, x + at, out + at, mean, own, bias[first + c])
    return Call(kernel, arrays=6, numbers=4)


def build_channels_backward(dtype: np.dtype) -> Call:
    """Arrays: y, x, weight, means, variances, out, sums (2, rows, channels): what each row adds to
    the gradients of weight and bias; numbers: eps, groups, channels, run, rows.
    """
    kernel = RowKernel()
    y, x, weight, means, variances, out, weights = (kernel.array(dtype) for _ in range(7))
    eps = kernel.number_argument(dtype)
    groups, channels, run, rows = (kernel.integer_argument() for _ in range(4))
    length, biases = channels * run, weights + rows * channels
    with kernel.loop(kernel.start, kernel.stop) as row:
        mean, scale = means[row], unit_scale(variances[row], eps)
        own = weight + row % groups * channels
        products, total = (kernel.variable(kernel.constant(0, FLOAT64)) for _ in range(2))
        with kernel.loop(0, channels) as c:
            at, channel = row * length + c * run, row * channels + c
            product, part = product_sums(kernel, run, y + at, x + at, mean)
            weights[channel] = product * scale.to(FLOAT64)
            biases[channel] = part
            factor = own[c].to(FLOAT64)
            products.value = multiply_add(product, factor, products.value)
            total.value = multiply_add(part, factor, total.value)
        count = length.to(FLOAT64)
        slope, level = slope_and_level(products.value, total.value, count, scale)
        with kernel.loop(0, channels) as c:
            at = row * length + c * run
            arrays = y + at, x + at, out + at
            write_gradient(kernel, run, arrays, (own[c], mean, level, slope, scale))
    return Call(kernel, arrays=7, numbers=5)


def product_sums(
    kernel: RowKernel, length: Value, y: Pointer, x: Pointer, mean: Value
) -> list[Value]:
    """The float64 sums of `y * (x - mean)` and of y."""

    def terms(i: Value) -> tuple[Value, Value]:
        g = y[i]
        return g * (x[i] - mean), g

    return kernel.sums(length, terms, 2, y.dtype)
