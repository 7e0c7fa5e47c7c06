"""Max and average pooling on the CPU, of any number of spatial dimensions.

A window position ("tap") is a strided view of the whole input, so pooling is one elementwise pass
per tap. The passes run over some planes at a time, which stay in cache between them.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from types import ModuleType

import numpy as np

from gradcore.backends.cpu.conv_geometry import Scratch, place
from gradcore.backends.cpu.threads import parallel_for
from gradcore.backends.window_count import window_count

__all__ = [
    "adaptive_max_pool",
    "avg_pool",
    "avg_pool_backward",
    "gather_planes",
    "max_pool",
    "max_pool_backward",
]

Ints = tuple[int, ...]

# Values of the input per group of planes. Groups of 256 KB stay in the L2 cache and are the fastest
# on one thread, but each pass over one takes 5 us: two threads then mostly wait for the GIL between
# passes (3x3 pooling of 3.2 M values: 14 ms on one thread or two; 2 MB groups: 8.5 ms on two).
_GROUP = 512 * 1024

_scratch = Scratch()


def pooled_size(
    size: Ints, kernel: Ints, stride: Ints, padding: Ints, dilation: Ints, ceil_mode: bool
) -> Ints:
    geometry = zip(size, kernel, stride, padding, dilation, strict=True)
    return tuple(window_count(*one, ceil_mode) for one in geometry)


def _groups_of_planes(start: int, stop: int, plane: int) -> Iterator[slice]:
    step = max(1, _GROUP // plane)
    for first in range(start, stop, step):
        yield slice(first, min(first + step, stop))


def _planes(array: np.ndarray, dims: int) -> np.ndarray:
    """(N, C, *size) as (N * C, *size), contiguous."""
    size = array.shape[array.ndim - dims :]
    return np.ascontiguousarray(array).reshape(-1, *size)


def _padded(x: np.ndarray, padding: Ints, extent: Ints, fill: float) -> np.ndarray:
    """`x` (P, *size) with `fill` before and after, so that windows reach `extent` elements."""
    if not any(padding) and all(e <= n for e, n in zip(extent, x.shape[1:], strict=True)):
        return x
    target = _scratch.get("padded", (x.shape[0], *extent), x.dtype)
    place(target, x, tuple(-p for p in padding), axis=1, fill=fill)
    return target


def _extent(out: Ints, kernel: Ints, stride: Ints, dilation: Ints) -> Ints:
    """Padded elements that all windows reach, per axis."""
    return tuple(
        (o - 1) * s + d * (k - 1) + 1
        for o, k, s, d in zip(out, kernel, stride, dilation, strict=True)
    )


def _tap_views(
    x: np.ndarray, kernel: Ints, out: Ints, stride: Ints, dilation: Ints
) -> list[np.ndarray]:
    """Views (P, *out) of padded `x`, one per tap: each window's element there."""
    views = []
    for tap in np.ndindex(*kernel):
        parts = (
            slice(t * d, t * d + (o - 1) * s + 1, s)
            for t, o, s, d in zip(tap, out, stride, dilation, strict=True)
        )
        index = (slice(None), *parts)
        views.append(x[index])
    return views


def _along(values: np.ndarray, axis: int, dims: int) -> np.ndarray:
    """A vector along one of `dims` axes."""
    return values.reshape(*(-1 if i == axis else 1 for i in range(dims)))


class _Argmax:
    """How the number of a window's tap becomes the flat position of its element in the plane."""

    def __init__(self, size: Ints, out: Ints, kernel: Ints, stride: Ints, padding: Ints,
                 dilation: Ints) -> None:  # fmt: skip
        dims, pitch = len(size), np.cumprod((1, *size[:0:-1]))[::-1]
        self.dtype = np.min_scalar_type(prod(kernel) - 1)
        self.offset = np.zeros(kernel, np.int64)
        self.base = np.zeros(out, np.int64)
        self.first = np.zeros(out, np.int64)
        for axis in range(dims):
            starts = np.arange(out[axis]) * stride[axis] - padding[axis]
            steps = np.arange(kernel[axis]) * dilation[axis]
            inside = np.clip(-(starts // dilation[axis]), 0, kernel[axis] - 1)
            self.offset += _along(steps * pitch[axis], axis, dims)
            self.base += _along(starts * pitch[axis], axis, dims)
            self.first += _along(inside * prod(kernel[axis + 1 :]), axis, dims)
        self.offset = self.offset.reshape(-1)
        # The tap to report when no value exceeds the padding: the first one inside the input.
        self.first = self.first.astype(self.dtype)

    def positions(self, taps: np.ndarray, target: np.ndarray) -> None:
        np.take(self.offset, taps, out=target, mode="clip")
        np.add(target, self.base, out=target)


def _lowest(dtype: np.dtype) -> float | int:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def max_pool(
    xp: ModuleType,
    x: np.ndarray,
    *,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    dilation: Ints,
    ceil_mode: bool,
) -> tuple[np.ndarray, np.ndarray]:
    """Maxima of the windows of `x` (N, C, *size) and their flat positions in the input planes.

    As in PyTorch the first maximum in scan order counts, and a window's last NaN beats everything.

    Returns:
        Maxima and int64 positions (N, C, *out), or NotImplemented for other than real numbers.
    """
    if x.dtype.kind not in "fiu":
        return NotImplemented
    size = x.shape[2:]
    out_size = pooled_size(size, kernel, stride, padding, dilation, ceil_mode)
    out = np.empty((*x.shape[:2], *out_size), x.dtype)
    indices = np.empty(out.shape, np.int64)
    if out.size == 0:
        return out, indices
    maxima, positions = (array.reshape(-1, *out_size) for array in (out, indices))
    planes = _planes(x, len(size))
    argmax = _Argmax(size, out_size, kernel, stride, padding, dilation)
    extent, lowest = _extent(out_size, kernel, stride, dilation), _lowest(x.dtype)

    def work(start: int, stop: int) -> None:
        for group in _groups_of_planes(start, stop, prod(size)):
            best = maxima[group]
            padded = _padded(planes[group], padding, extent, lowest)
            views = _tap_views(padded, kernel, out_size, stride, dilation)
            taps = _max_over_taps(views, best, argmax.first, lowest)
            argmax.positions(taps, positions[group])

    parallel_for(work, planes.shape[0], max(1, _GROUP // prod(size) // 16), uses_blas=False)
    return out, indices


def _max_over_taps(
    views: list[np.ndarray], best: np.ndarray, first: np.ndarray, lowest: float
) -> np.ndarray:
    """Write the maximum over `views` into `best`; returns the number of the view it came from."""
    taps = _scratch.get("taps", best.shape, first.dtype)
    better = _scratch.get("better", best.shape, np.dtype(bool))
    taps[...] = first
    best[...] = lowest
    for number, view in enumerate(views):
        np.greater(view, best, out=better)
        np.maximum(view, best, out=best)
        # Later taps have larger numbers: a maximum of bytes is 2 times faster than a masked copy.
        np.maximum(taps, np.multiply(better, taps.dtype.type(number)), out=taps)
    if best.dtype.kind == "f" and np.isnan(best).any():
        for number, view in enumerate(views):
            np.copyto(taps, number, where=np.isnan(view))
    return taps


def adaptive_max_pool(
    xp: ModuleType, x: np.ndarray, *, output_size: Ints
) -> tuple[np.ndarray, np.ndarray]:
    """Maxima over `output_size` equal parts of `x` (N, C, *size), and their flat positions.

    The first maximum counts, and the first NaN beats everything. Windows become rows of a copy:
    1.4 ns per element, where gathering their elements by index takes 10.

    Returns:
        Maxima and int64 positions (N, C, *output_size), or NotImplemented for parts that are not
        equal and for other than real numbers.
    """
    size = x.shape[2:]
    even = all(o and n and n % o == 0 for n, o in zip(size, output_size, strict=True))
    if x.dtype.kind not in "fiu" or not even or not x.size:
        return NotImplemented
    kernel = tuple(n // o for n, o in zip(size, output_size, strict=True))
    out = np.empty((*x.shape[:2], *output_size), x.dtype)
    indices = np.empty(out.shape, np.int64)
    maxima, positions = (array.reshape(-1, *output_size) for array in (out, indices))
    split = [n for pair in zip(output_size, kernel, strict=True) for n in pair]
    windows = _planes(x, len(size)).reshape(-1, *split)
    order = (0, *range(1, len(split), 2), *range(2, len(split) + 1, 2))
    dilation = (1,) * len(size)
    argmax = _Argmax(size, output_size, kernel, kernel, (0,) * len(size), dilation)

    def work(start: int, stop: int) -> None:
        for group in _groups_of_planes(start, stop, prod(size)):
            rows = np.ascontiguousarray(windows[group].transpose(order)).reshape(-1, prod(kernel))
            taps = rows.argmax(axis=1)
            maxima[group].reshape(-1)[...] = rows[np.arange(len(rows)), taps]
            argmax.positions(taps.reshape(maxima[group].shape), positions[group])

    parallel_for(work, len(windows), max(1, _GROUP // prod(size) // 2), uses_blas=False)
    return out, indices


def max_pool_backward(
    xp: ModuleType, g: np.ndarray, indices: np.ndarray, *, spatial: Ints
) -> np.ndarray:
    """Adjoint of `gather_planes`: `g` (N, C, *out) added into zero planes of size `spatial`.

    Returns:
        An array (N, C, *spatial) of g's dtype.
    """
    out = np.zeros((*g.shape[:2], *spatial), g.dtype)
    if g.size == 0:
        return out
    plane, count = prod(spatial), prod(g.shape[2:])
    flat = out.reshape(-1)
    values, positions = g.reshape(-1, count), indices.reshape(-1, count)

    def work(start: int, stop: int) -> None:
        for group in _groups_of_planes(start, stop, plane):
            where = _flat_positions(positions[group], group.start * plane, plane)
            np.add.at(flat, where.reshape(-1), values[group].reshape(-1))

    parallel_for(work, values.shape[0], max(1, _GROUP // plane // 16), uses_blas=False)
    return out


def gather_planes(xp: ModuleType, x: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """`x` (N, C, *spatial) read at flat plane positions `indices` (N, C, *out)."""
    out = np.empty(indices.shape, x.dtype)
    if out.size == 0:
        return out
    plane, count = prod(x.shape[2:]), prod(indices.shape[2:])
    flat = np.ascontiguousarray(x).reshape(-1)
    values, positions = out.reshape(-1, count), indices.reshape(-1, count)

    def work(start: int, stop: int) -> None:
        for group in _groups_of_planes(start, stop, max(plane, count)):
            where = _flat_positions(positions[group], group.start * plane, plane)
            np.take(flat, where, out=values[group], mode="clip")

    parallel_for(work, values.shape[0], max(1, _GROUP // plane // 16), uses_blas=False)
    return out


def _flat_positions(positions: np.ndarray, start: int, plane: int) -> np.ndarray:
    """Positions in the planes as positions in the whole array, whose first plane is at `start`."""
    where = _scratch.get("where", positions.shape, np.dtype(np.int64))
    bases = start + plane * np.arange(positions.shape[0])
    return np.add(positions, bases[:, None], out=where)


def divisor_of(
    size: Ints,
    out: Ints,
    kernel: Ints,
    stride: Ints,
    padding: Ints,
    count_include_pad: bool,
    divisor: int | None,
    dtype: np.dtype,
) -> np.ndarray:
    """What each window's sum is divided by: 0-d where it is the same for all, else (*out,).

    PyTorch counts padding only up to `padding` beyond the input, never what `ceil_mode` adds.
    """
    if divisor is not None:
        return np.asarray(divisor, dtype)
    counts = np.ones((1,) * len(size), np.int64)
    for axis, (n, o, k, s, p) in enumerate(zip(size, out, kernel, stride, padding, strict=True)):
        starts = np.arange(o) * s - p
        stops = np.minimum(starts + k, n + p)
        if not count_include_pad:
            starts, stops = np.maximum(starts, 0), np.minimum(stops, n)
        counts = counts * _along(stops - starts, axis, len(size))
    if (counts == counts.flat[0]).all():
        return np.asarray(counts.flat[0], dtype)
    return counts.astype(dtype)


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
) -> np.ndarray:
    """Means of the windows of `x` (N, C, *size), with PyTorch's rules for what they divide by.

    Returns:
        An array (N, C, *out), or NotImplemented for dtypes other than float32 and float64.
    """
    if x.dtype not in (np.float32, np.float64):
        return NotImplemented
    size, ones = x.shape[2:], (1,) * len(kernel)
    out_size = pooled_size(size, kernel, stride, padding, ones, ceil_mode)
    out = np.empty((*x.shape[:2], *out_size), x.dtype)
    if out.size == 0:
        return out
    planes, means = _planes(x, len(size)), out.reshape(-1, *out_size)
    extent = _extent(out_size, kernel, stride, ones)
    by = divisor_of(size, out_size, kernel, stride, padding, count_include_pad, divisor, x.dtype)

    def work(start: int, stop: int) -> None:
        for group in _groups_of_planes(start, stop, prod(size)):
            sums = _padded(planes[group], padding, extent, 0)
            for axis, (o, k, s) in enumerate(zip(out_size, kernel, stride, strict=True), 1):
                sums = _sum_windows(sums, axis, o, k, s)
            np.divide(sums, by, out=means[group])

    parallel_for(work, planes.shape[0], max(1, _GROUP // prod(size) // 16), uses_blas=False)
    return out


def _axis_taps(x: np.ndarray, axis: int, out: int, kernel: int, stride: int) -> list[np.ndarray]:
    """Views of `x`, one per window position along `axis`, each `out` long there."""
    lead = (slice(None),) * axis
    parts = ((*lead, slice(t, t + (out - 1) * stride + 1, stride)) for t in range(kernel))
    return [x[part] for part in parts]


def _sum_windows(x: np.ndarray, axis: int, out: int, kernel: int, stride: int) -> np.ndarray:
    """Sums of windows along one axis: k0 + k1 passes over a plane instead of k0 * k1."""
    first, *others = _axis_taps(x, axis, out, kernel, stride)
    if not others:
        return first
    total = _scratch.get(f"sums{axis}", first.shape, x.dtype)
    np.add(first, others[0], out=total)
    for view in others[1:]:
        np.add(total, view, out=total)
    return total


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
) -> np.ndarray:
    """Adjoint of `avg_pool`: `g` (N, C, *out) spread over the windows of (N, C, *spatial).

    Returns:
        An array of g's dtype, or NotImplemented for dtypes other than float32 and float64.
    """
    if g.dtype not in (np.float32, np.float64):
        return NotImplemented
    out_size = g.shape[2:]
    out = np.empty((*g.shape[:2], *spatial), g.dtype)
    if g.size == 0 or out.size == 0:
        out[...] = 0
        return out
    by = divisor_of(spatial, out_size, kernel, stride, padding, count_include_pad, divisor, g.dtype)
    shares, result = _planes(g, len(spatial)), out.reshape(-1, *spatial)

    def work(start: int, stop: int) -> None:
        for group in _groups_of_planes(start, stop, prod(spatial)):
            part = _scratch.get("share", shares[group].shape, g.dtype)
            np.divide(shares[group], by, out=part)
            for axis in range(len(spatial), 0, -1):
                k, s, p = kernel[axis - 1], stride[axis - 1], padding[axis - 1]
                part = _spread_windows(part, axis, spatial[axis - 1], k, s, p)
            result[group] = part

    parallel_for(work, shares.shape[0], max(1, _GROUP // prod(spatial) // 16), uses_blas=False)
    return out


def _spread_windows(
    x: np.ndarray, axis: int, size: int, kernel: int, stride: int, padding: int
) -> np.ndarray:
    """Adjoint of `_sum_windows` and of the padding along one axis."""
    if kernel == stride and padding == 0 and x.shape[axis] * kernel == size:
        shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
        target = _scratch.get(f"spread{axis}", shape, x.dtype)
        for view in _axis_taps(target, axis, x.shape[axis], kernel, stride):
            view[...] = x
        return target
    count = x.shape[axis]
    reach = max((count - 1) * stride + kernel, padding + size)
    shape = (*x.shape[:axis], reach, *x.shape[axis + 1 :])
    target = _scratch.get(f"spread{axis}", shape, x.dtype)
    target[...] = 0
    for view in _axis_taps(target, axis, count, kernel, stride):
        view += x
    inside = (*(slice(None),) * axis, slice(padding, padding + size))
    return target[inside]
