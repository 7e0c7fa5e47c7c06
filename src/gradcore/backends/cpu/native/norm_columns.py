"""Kernels of batch norm on (batch, channels, length): statistics of channels.

Channels of long runs are visited run by run. Those of short ones (length 1 for a matrix, 49 for
images of 7x7) lie side by side: the columns of all channels of a chunk are added up together, as
float64, and then those of each channel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .calls import Call
from .loops import Pointer
from .norm_rows import (
    clear,
    product_sums,
    slope_and_level,
    unit_scale,
    write_gradient,
    write_normalized,
)
from .row_loops import Moments, RowKernel
from .values import FLOAT64, Value, multiply_add

Terms = Callable[[Value, Value], Sequence[Value]]

# Rows that are added up in the array's dtype before they are added to float64 sums.
_ROWS = 4

# ---------------------------------------------------------------------------- long runs


def build_forward(dtype: np.dtype) -> Call:
    """Arrays: x, weight, bias, out, means, variances; numbers: eps, batch, channels, length."""
    kernel = RowKernel()
    x, weight, bias, out, means, variances = (kernel.array(dtype) for _ in range(6))
    eps = kernel.number_argument(dtype)
    batch, channels, length = (kernel.integer_argument() for _ in range(3))
    with kernel.loop(kernel.start, kernel.stop) as c:
        moments = Moments(kernel, dtype)
        with kernel.loop(0, batch) as n:
            line = x + (n * channels + c) * length
            moments.add(length, line.__getitem__)
        means[c], variances[c] = mean, variance = moments.results()
        scale = unit_scale(variance, eps) * weight[c]
        with kernel.loop(0, batch) as n:
            at = (n * channels + c) * length
            write_normalized(kernel, length, x + at, out + at, mean, scale, bias[c])
    return Call(kernel, arrays=6, numbers=4)


def _channel_sums(
    kernel: RowKernel,
    batch: Value,
    starts: tuple[Value, Value],
    length: Value,
    arrays: tuple[Pointer, Pointer],
    mean: Value,
) -> tuple[Value, Value]:
    """The sums of `y * (x - mean)` and of y over a channel, as float64.

    Args:
        kernel: what they become part of.
        batch: runs of the channel.
        starts: where the first of them starts, and how far the next one is.
        length: of a run.
        arrays: y and x.
        mean: of the channel.
    """
    y, x = arrays
    first, step = starts
    products, total = (kernel.variable(kernel.constant(0, FLOAT64)) for _ in range(2))
    with kernel.loop(0, batch) as n:
        at = first + n * step
        product, part = product_sums(kernel, length, y + at, x + at, mean)
        products.value = products.value + product
        total.value = total.value + part
    return products.value, total.value


def build_fixed_sums(dtype: np.dtype) -> Call:
    """The gradients of weight and bias where the statistics are given.

    Arrays: y, x, means, variances, sums (2, channels); numbers: eps, batch, channels, length.
    """
    kernel = RowKernel()
    y, x, means, variances, weights = (kernel.array(dtype) for _ in range(5))
    eps = kernel.number_argument(dtype)
    batch, channels, length = (kernel.integer_argument() for _ in range(3))
    biases = weights + channels
    with kernel.loop(kernel.start, kernel.stop) as c:
        starts = c * length, channels * length
        product, total = _channel_sums(kernel, batch, starts, length, (y, x), means[c])
        weights[c] = product * unit_scale(variances[c], eps).to(FLOAT64)
        biases[c] = total
    return Call(kernel, arrays=5, numbers=4)


def build_backward(dtype: np.dtype) -> Call:
    """Arrays: y, x, weight, means, variances, out, sums (2, channels): the gradients of weight and
    bias; numbers: eps, batch, channels, length.
    """
    kernel = RowKernel()
    y, x, weight, means, variances, out, weights = (kernel.array(dtype) for _ in range(7))
    eps = kernel.number_argument(dtype)
    batch, channels, length = (kernel.integer_argument() for _ in range(3))
    biases, one = weights + channels, kernel.constant(1, dtype)
    with kernel.loop(kernel.start, kernel.stop) as c:
        mean, scale = means[c], unit_scale(variances[c], eps)
        starts = c * length, channels * length
        product, total = _channel_sums(kernel, batch, starts, length, (y, x), mean)
        weights[c], biases[c] = product * scale.to(FLOAT64), total
        count = (batch * length).to(FLOAT64)
        slope, level = slope_and_level(product, total, count, scale)
        numbers = one, mean, level, slope, scale * weight[c]
        with kernel.loop(0, batch) as n:
            at = (n * channels + c) * length
            write_gradient(kernel, length, (y + at, x + at, out + at), numbers)
    return Call(kernel, arrays=7, numbers=4)


def build_fixed(dtype: np.dtype) -> Call:
    """`x * scale + shift`, with a scale and a shift per channel.

    Items are runs. Arrays: x, scales, shifts, out; numbers: channels, length.
    """
    kernel = RowKernel()
    x, scales, shifts, out = (kernel.array(dtype) for _ in range(4))
    channels, length = kernel.integer_argument(), kernel.integer_argument()
    zero = kernel.constant(0, dtype)
    with kernel.loop(kernel.start, kernel.stop) as run:
        c, at = run % channels, run * length
        write_normalized(kernel, length, x + at, out + at, zero, scales[c], shifts[c])
    return Call(kernel, arrays=4, numbers=2)


# --------------------------------------------------------------------------- short runs


class _Columns:
    """The columns of a chunk of channels, and the arguments that say where they are."""

    def __init__(self, kernel: RowKernel) -> None:
        self.kernel = kernel
        self.batch, self.channels, self.length = (kernel.integer_argument() for _ in range(3))
        self.first = kernel.start * self.length
        self.width = (kernel.stop - kernel.start) * self.length
        self.all = self.channels * self.length

    def each(self, body: Callable[[Value, Value], None]) -> None:
        """`body(column, element)` for every element of the chunk, row by row."""
        with self.kernel.loop(0, self.batch) as n:
            at = n * self.all + self.first
            self.kernel.along(self.width, lambda i: body(i, at + i))

    def add(self, sums: Sequence[Pointer], terms: Terms) -> None:
        """Write the sums over the rows of `terms(column, element)`, one for each of `sums`."""
        for target in sums:
            clear(self.kernel, self.width, target)
        whole = self.batch & -_ROWS
        with self.kernel.loop(0, whole, _ROWS) as n:
            self._add_rows(sums, terms, n, _ROWS)
        with self.kernel.loop(whole, self.batch) as n:
            self._add_rows(sums, terms, n, 1)

    def _add_rows(self, sums: Sequence[Pointer], terms: Terms, n: Value, rows: int) -> None:
        places = [(n + row) * self.all + self.first for row in range(rows)]

        def add(i: Value) -> None:
            for target, *parts in zip(sums, *(terms(i, at + i) for at in places), strict=True):
                while len(parts) > 1:
                    parts = [x + y for x, y in zip(parts[::2], parts[1::2], strict=True)]
                target[i] = target[i] + parts[0].to(FLOAT64)

        self.kernel.along(self.width, add)

    def total(self, sums: Pointer, channel: Value) -> Value:
        """The sum of a channel's columns."""
        kernel = self.kernel
        total = kernel.variable(kernel.constant(0, FLOAT64))
        columns = sums + channel * self.length
        with kernel.loop(0, self.length, parallel=True) as i:
            total.add(columns[i])
        return total.value

    def fill(self, columns: Pointer, channel: Value, value: Value) -> None:
        """The same number for all columns of a channel."""
        target = columns + channel * self.length
        with self.kernel.loop(0, self.length, parallel=True) as i:
            target[i] = value

    @property
    def count(self) -> Value:
        """Numbers per channel, as float64."""
        return (self.batch * self.length).to(FLOAT64)


def build_columns_forward(dtype: np.dtype) -> Call:
    """Arrays: x, weight, bias, out, means, variances, float64 (columns,) and (3, columns) of
    scratch memory; numbers: eps, batch, channels, length.
    """
    kernel = RowKernel()
    x, weight, bias, out, means, variances = (kernel.array(dtype) for _ in range(6))
    all_sums, scratch = kernel.array(FLOAT64), kernel.array(dtype)
    eps = kernel.number_argument(dtype)
    columns = _Columns(kernel)
    sums = all_sums + columns.first
    centres, scales, shifts = (scratch + (columns.all * k + columns.first) for k in range(3))

    def square(i: Value, at: Value) -> tuple[Value]:
        deviation = x[at] - centres[i]
        return (deviation * deviation,)

    def write(i: Value, at: Value) -> None:
        out[at] = multiply_add(x[at] - centres[i], scales[i], shifts[i])

    columns.add([sums], lambda i, at: (x[at],))
    with kernel.loop(0, kernel.stop - kernel.start) as c:
        mean = (columns.total(sums, c) / columns.count).to(dtype)
        means[kernel.start + c] = mean
        columns.fill(centres, c, mean)
    columns.add([sums], square)
    with kernel.loop(0, kernel.stop - kernel.start) as c:
        channel = kernel.start + c
        variance = (columns.total(sums, c) / columns.count).to(dtype)
        variances[channel] = variance
        columns.fill(scales, c, unit_scale(variance, eps) * weight[channel])
        columns.fill(shifts, c, bias[channel])
    columns.each(write)
    return Call(kernel, arrays=8, numbers=4)


def build_columns_backward(dtype: np.dtype) -> Call:
    """Arrays: y, x, weight, means, variances, out, sums (2, channels): the gradients of weight and
    bias, float64 (2, columns) and (4, columns) of scratch memory; numbers: eps, batch, channels,
    length.
    """
    kernel = RowKernel()
    y, x, weight, means, variances, out, weights = (kernel.array(dtype) for _ in range(7))
    all_sums, scratch = kernel.array(FLOAT64), kernel.array(dtype)
    eps = kernel.number_argument(dtype)
    columns = _Columns(kernel)
    biases = weights + columns.channels
    totals, products = (all_sums + (columns.all * k + columns.first) for k in range(2))
    centres, levels, slopes, scales = (
        scratch + (columns.all * k + columns.first) for k in range(4)
    )

    def terms(i: Value, at: Value) -> tuple[Value, Value]:
        g = y[at]
        return g, g * (x[at] - centres[i])

    def write(i: Value, at: Value) -> None:
        out[at] = (y[at] - levels[i] - (x[at] - centres[i]) * slopes[i]) * scales[i]

    with kernel.loop(0, kernel.stop - kernel.start) as c:
        columns.fill(centres, c, means[kernel.start + c])
    columns.add([totals, products], terms)
    with kernel.loop(0, kernel.stop - kernel.start) as c:
        channel = kernel.start + c
        scale = unit_scale(variances[channel], eps)
        product, total = columns.total(products, c), columns.total(totals, c)
        weights[channel], biases[channel] = product * scale.to(FLOAT64), total
        slope, level = slope_and_level(product, total, columns.count, scale)
        columns.fill(levels, c, level)
        columns.fill(slopes, c, slope)
        columns.fill(scales, c, scale * weight[channel])
    columns.each(write)
    return Call(kernel, arrays=9, numbers=4)


def build_columns_fixed(dtype: np.dtype) -> Call:
    """`x * scale + shift`, with a scale and a shift per column.

    Items are rows. Arrays: x, scales, shifts, out; numbers: columns.
    """
    kernel = RowKernel()
    x, scales, shifts, out = (kernel.array(dtype) for _ in range(4))
    columns = kernel.integer_argument()
    with kernel.loop(kernel.start, kernel.stop) as row:
        at = row * columns

        def write(i: Value) -> None:
            out[at + i] = multiply_add(x[at + i], scales[i], shifts[i])

        kernel.along(columns, write)
    return Call(kernel, arrays=4, numbers=1)
