"""Compiled max and average pooling of planes with one or two spatial dimensions.

A kernel is compiled for one window, so that LLVM sees its positions as straight code and its
stride as a number: loads of every second element become loads of whole vectors and shuffles. Rows
beyond the edge are read from a line of padding; columns near it are computed one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from .. import pool
from ..memory import empty
from .calls import Call, LazyCall
from .loops import Kernel, Pointer
from .values import FLOAT32, FLOAT64, INT32, INT64, Value, maximum, minimum, select

Ints = tuple[int, ...]

# Windows with more positions make long code for little gain.
_LARGEST_WINDOW = 36
# Positions of the kernel that are added or compared, per output: NumPy's time and ours.
_NUMPY_NS, _NS = 1.4, 0.4
# NumPy's calls beside that: at least 15 of them.
_NUMPY_CALLS_NS = 2e4
# Input elements of a chunk.
_CHUNK = 1 << 15

_SIZES = (
    "height width out_height out_width stride_y pad_y pad_x dilation_y first last".split()
)  # fmt: skip


class _Windows:
    """The loop over the windows of planes, in a kernel under construction.

    Args:
        kernel: what it becomes part of.
        shape: rows and columns of a window.
        stride: horizontal.
        dilation: horizontal.
    """

    def __init__(self, kernel: Kernel, shape: Ints, stride: int, dilation: int) -> None:
        self.kernel, self.shape = kernel, shape
        self.stride, self.dilation = stride, dilation
        self.at = {name: kernel.integer_argument() for name in _SIZES}

    @contextmanager
    def each_row(self) -> Iterator[tuple[Value, Value]]:
        """Every plane and row of the output."""
        kernel, height = self.kernel, self.at["out_height"]
        with kernel.loop(kernel.start, kernel.stop) as plane, kernel.loop(0, height) as row:
            yield plane, row

    def input_rows(self, row: Value) -> list[Value]:
        """The rows that the windows of an output row reach; some may lie outside."""
        start = row * self.at["stride_y"] - self.at["pad_y"]
        return [start + self.at["dilation_y"] * tap for tap in range(self.shape[0])]

    def is_row(self, row: Value) -> Value:
        """Whether a row lies inside."""
        return (row >= 0) & (row < self.at["height"])

    def lines(self, plane: Pointer, padding: Pointer, rows: list[Value]) -> list[Pointer]:
        """Where those rows of a plane begin, with `padding` for those outside."""
        lines = []
        for row in rows:
            inside, line = self.is_row(row), plane + row * self.at["width"]
            operands = f"i1 {inside.text}, ptr {line.text}, ptr {padding.text}"
            lines.append(Pointer(self.kernel, self.kernel.emit(f"select {operands}"), plane.dtype))
        return lines

    @contextmanager
    def inner_columns(self) -> Iterator[tuple[Value, list[tuple[Value, None]]]]:
        """Output columns whose windows lie inside, with the columns that they reach."""
        first, last = self.at["first"], self.at["last"]
        with self.kernel.loop(first, last, parallel=True) as column:
            start = column * self.stride - self.at["pad_x"]
            yield column, [(start + tap * self.dilation, None) for tap in range(self.shape[1])]

    @contextmanager
    def outer_columns(self) -> Iterator[tuple[Value, list[tuple[Value, Value]]]]:
        """The other ones; every column reached comes with whether it is inside, or is another."""
        first, last = self.at["first"], self.at["last"]
        width = self.at["width"]
        with self.kernel.loop(0, self.at["out_width"] - (last - first)) as number:
            column = select(number < first, number, number + (last - first))
            start = column * self.stride - self.at["pad_x"]
            reached = [start + tap * self.dilation for tap in range(self.shape[1])]
            yield (
                column,
                [(minimum(maximum(x, 0), width - 1), (x >= 0) & (x < width)) for x in reached],
            )


def _first_inside(start: Value, step: Value | int) -> Value:
    """The first of start, start + step, … that is not negative."""
    steps = (maximum(-start, 0) + step - 1) // step
    return start + steps * step


@cache
def _max_pool(dtype: np.dtype, shape: Ints, stride: int, dilation: int) -> LazyCall:
    def build() -> Call:
        kernel = Kernel()
        x, padding, out = (kernel.array(dtype) for _ in range(3))
        indices = kernel.array(INT64)
        windows = _Windows(kernel, shape, stride, dilation)
        at = windows.at
        size = at["height"] * at["width"]
        with windows.each_row() as (plane, row):
            rows = windows.input_rows(row)
            lines = windows.lines(x + plane * size, padding, rows)
            target = (plane * at["out_height"] + row) * at["out_width"]
            first_row = _first_inside(rows[0], at["dilation_y"]) * at["width"]
            starts = [(row * at["width"]).to(INT32) for row in rows]
            for columns in (windows.inner_columns, windows.outer_columns):
                with columns() as (column, reached):
                    begin = column * stride - at["pad_x"]
                    first = (first_row + _first_inside(begin, dilation)).to(INT32)
                    if reached[0][1] is None:
                        first = (first_row + begin).to(INT32)
                    best = kernel.constant(-np.inf, dtype)
                    for line, start in zip(lines, starts, strict=True):
                        for place, inside in reached:
                            value = line[place]
                            wins = (value > best) | value.is_nan()
                            wins = wins if inside is None else wins & inside
                            best = select(wins, value, best)
                            first = select(wins, start + place.to(INT32), first)
                    out[target + column] = best
                    indices[target + column] = first.to(INT64)
        return Call(kernel, arrays=4, numbers=len(_SIZES))

    return LazyCall(build)


@cache
def _avg_pool(dtype: np.dtype, shape: Ints, stride: int) -> LazyCall:
    def build() -> Call:
        kernel = Kernel()
        x, padding, divisor, out = (kernel.array(dtype) for _ in range(4))
        windows = _Windows(kernel, shape, stride, 1)
        at = windows.at
        with windows.each_row() as (plane, row):
            lines = windows.lines(
                x + plane * (at["height"] * at["width"]), padding, windows.input_rows(row)
            )
            means = out + (plane * at["out_height"] + row) * at["out_width"]
            counts = divisor + row * at["out_width"]
            for columns in (windows.inner_columns, windows.outer_columns):
                with columns() as (column, reached):
                    total = kernel.constant(0, dtype)
                    for line in lines:
                        for place, inside in reached:
                            value = line[place]
                            total = total + (value if inside is None else select(inside, value, 0))
                    means[column] = total / counts[column]
        return Call(kernel, arrays=4, numbers=len(_SIZES))

    return LazyCall(build)


@cache
def _avg_pool_backward(dtype: np.dtype, shape: Ints, stride: int) -> LazyCall:
    def build() -> Call:
        kernel = Kernel()
        g, divisor, shares, out = (kernel.array(dtype) for _ in range(4))
        windows = _Windows(kernel, shape, stride, 1)
        at = windows.at
        size, count = at["height"] * at["width"], at["out_height"] * at["out_width"]
        with kernel.loop(kernel.start, kernel.stop) as plane:
            target, source, mine = out + plane * size, g + plane * count, shares + plane * count
            with kernel.loop(0, size, parallel=True) as i:
                target[i] = 0
            with kernel.loop(0, count, parallel=True) as i:
                mine[i] = source[i] / divisor[i]
            with kernel.loop(0, at["out_height"]) as row, kernel.loop(0, shape[0]) as tap:
                y = row * at["stride_y"] - at["pad_y"] + tap
                with kernel.when(windows.is_row(y)):
                    _spread(windows, mine + row * at["out_width"], target + y * at["width"])
        return Call(kernel, arrays=4, numbers=len(_SIZES))

    return LazyCall(build)


def _spread(windows: _Windows, line: Pointer, target: Pointer) -> None:
    """Add every share of a line to the columns of a row that its window reaches."""
    kernel, at, stride = windows.kernel, windows.at, windows.stride
    for tap in range(windows.shape[1]):
        left = at["pad_x"] - tap
        first = (maximum(left, 0) + stride - 1) // stride
        last = minimum((maximum(at["width"] + left, 0) + stride - 1) // stride, at["out_width"])
        with kernel.loop(first, last, parallel=True) as column:
            place = column * stride - left
            target[place] = target[place] + line[column]


@cache
def _max_pool_backward(dtype: np.dtype) -> LazyCall:
    """The planes' sizes are numbers: of the result, and of the gradient."""

    def build() -> Call:
        kernel = Kernel()
        g, indices, out = kernel.array(dtype), kernel.array(INT64), kernel.array(dtype)
        size, count = kernel.integer_argument(), kernel.integer_argument()
        with kernel.loop(kernel.start, kernel.stop) as plane:
            target = out + plane * size
            with kernel.loop(0, size, parallel=True) as i:
                target[i] = 0
            with kernel.loop(plane * count, (plane + 1) * count) as i:
                place = minimum(maximum(indices[i], 0), size - 1)
                target[place] = target[place] + g[i]
        return Call(kernel, arrays=3, numbers=2)

    return LazyCall(build)


# ---- the ops ------------------------------------------------------------------------------------


def _is_supported(x: np.ndarray, kernel: Ints) -> bool:
    size = x.shape[2:]
    small = len(size) <= 2 and prod(kernel) <= _LARGEST_WINDOW and prod(size) < 2**31
    return small and x.dtype in (FLOAT32, FLOAT64) and x.size > 0


def _pair(values: Ints, filler: int) -> Ints:
    """What one dimension has, as the last of two."""
    return values if len(values) == 2 else (filler, *values)


def _numbers(
    size: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints
) -> list[int]:
    """The arguments of `_SIZES`."""
    (height, width), (out_height, out_width) = _pair(size, 1), _pair(out, 1)
    reach = (kernel[-1] - 1) * dilation[-1]
    first = min(-(-padding[-1] // stride[-1]), out_width)
    last = (width - 1 + padding[-1] - reach) // stride[-1] + 1
    return [
        height, width, out_height, out_width, _pair(stride, 1)[0], _pair(padding, 0)[0],
        padding[-1], _pair(dilation, 1)[0], first, min(max(last, first), out_width),
    ]  # fmt: skip


def _run(
    call: Call, arrays: list[np.ndarray], numbers: list[int], planes: int, size: int, ns: float
) -> None:
    call(arrays, numbers, planes, max(1, _CHUNK // size), ns * _NS)


def max_pool(
    xp: ModuleType,
    x: np.ndarray,
    *,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    ceil_mode: bool,
) -> Any:
    """As `cpu.pool.max_pool`."""
    if not _is_supported(x, kernel):
        return NotImplemented
    size = x.shape[2:]
    out_size = pool.pooled_size(size, kernel, stride, padding, dilation, ceil_mode)
    out = empty((*x.shape[:2], *out_size), x.dtype)
    work = out.size * prod(kernel)
    lazy = _max_pool(x.dtype, _pair(kernel, 1), stride[-1], dilation[-1])
    call = lazy.get(work * _NUMPY_NS + _NUMPY_CALLS_NS)
    if call is None or not out.size:
        return NotImplemented
    indices = empty(out.shape, INT64)
    lowest = np.full(size[-1], -np.inf, x.dtype)
    numbers = _numbers(size, out_size, kernel, stride, padding, dilation)
    arrays = [np.ascontiguousarray(x), lowest, out, indices]
    _run(call, arrays, numbers, prod(x.shape[:2]), prod(size), work)
    return out, indices


def max_pool_backward(xp: ModuleType, g: np.ndarray, indices: np.ndarray, *, spatial: Ints) -> Any:
    """As `cpu.pool.max_pool_backward`."""
    if g.dtype not in (FLOAT32, FLOAT64) or not g.size or indices.dtype != INT64:
        return NotImplemented
    size, count = prod(spatial), prod(g.shape[2:])
    planes = prod(g.shape[:2])
    call = _max_pool_backward(g.dtype).get(g.size * 4 + _NUMPY_CALLS_NS)
    if call is None:
        return NotImplemented
    out = empty((*g.shape[:2], *spatial), g.dtype)
    arrays = [np.ascontiguousarray(g), np.ascontiguousarray(indices), out]
    _run(call, arrays, [size, count], planes, max(size, count), out.size)
    return out


def avg_pool(
    xp: ModuleType,
    x: np.ndarray,
    *,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Any:
    """As `cpu.pool.avg_pool`."""
    if not _is_supported(x, kernel):
        return NotImplemented
    size, ones = x.shape[2:], (1,) * len(kernel)
    out_size = pool.pooled_size(size, kernel, stride, padding, ones, ceil_mode)
    out = empty((*x.shape[:2], *out_size), x.dtype)
    work = out.size * prod(kernel)
    lazy = _avg_pool(x.dtype, _pair(kernel, 1), stride[-1])
    call = lazy.get(work * _NUMPY_NS / 2 + _NUMPY_CALLS_NS)
    if call is None or not out.size:
        return NotImplemented
    by = pool.divisor_of(
        size, out_size, kernel, stride, padding, count_include_pad, divisor, x.dtype
    )
    by = np.ascontiguousarray(np.broadcast_to(by, out_size))
    arrays = [np.ascontiguousarray(x), np.zeros(size[-1], x.dtype), by, out]
    numbers = _numbers(size, out_size, kernel, stride, padding, ones)
    _run(call, arrays, numbers, prod(x.shape[:2]), prod(size), work)
    return out


def avg_pool_backward(
    xp: ModuleType,
    g: np.ndarray,
    *,
    spatial: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    ceil_mode: bool,
    count_include_pad: bool,
    divisor: int | None,
) -> Any:
    """As `cpu.pool.avg_pool_backward`."""
    if not _is_supported(g, kernel) or not prod(spatial):
        return NotImplemented
    out_size, ones = g.shape[2:], (1,) * len(kernel)
    work = g.size * prod(kernel)
    lazy = _avg_pool_backward(g.dtype, _pair(kernel, 1), stride[-1])
    call = lazy.get(work * _NUMPY_NS + _NUMPY_CALLS_NS)
    if call is None:
        return NotImplemented
    by = pool.divisor_of(
        spatial, out_size, kernel, stride, padding, count_include_pad, divisor, g.dtype
    )
    by = np.ascontiguousarray(np.broadcast_to(by, out_size))
    out = empty((*g.shape[:2], *spatial), g.dtype)
    arrays = [np.ascontiguousarray(g), by, empty(g.shape, g.dtype), out]
    numbers = _numbers(spatial, out_size, kernel, stride, padding, ones)
    _run(call, arrays, numbers, prod(g.shape[:2]), prod(spatial), work)
    return out


OVERRIDES: dict[str, Callable[..., Any]] = {
    "avg_pool": avg_pool,
    "avg_pool_backward": avg_pool_backward,
    "max_pool": max_pool,
    "max_pool_backward": max_pool_backward,
}
