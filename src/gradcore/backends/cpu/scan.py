"""Running sums, products, extremes and logarithms of sums."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import memory
from .blocks import GRAIN, as_lines, direct_broadcast, is_half, map_blocks, map_lines
from .threads import parallel_for

_FLOAT32 = np.dtype(np.float32)
_INT64 = np.dtype(np.int64)
# With fewer columns, calling an addition per row takes longer than NumPy's chain of additions.
_FEW_COLUMNS = 256
_SEGMENT = 4096
# Fewer elements than this are added up one by one.
_SMALL = 8192
# Lengths of the parts of a line that are added up by one product, the fastest first.
_PARTS = (40, 32, 50, 48, 36, 64, 30, 28, 25, 24, 20)
# Sums of exponentials from this on have lost nothing to underflow, which begins at 1e-38.
_TINY = 1e-26


def _scan(ufunc: np.ufunc, x: np.ndarray, axis: int, reverse: bool = False) -> np.ndarray:
    dtype = _INT64 if x.dtype.kind in "biu" else x.dtype
    if not x.ndim or not x.size:
        return x.astype(dtype)
    values = x.astype(_FLOAT32 if is_half(dtype) else dtype, copy=False)
    lines = as_lines(values, axis)
    result = memory.empty(lines.shape, values.dtype)
    out = result
    if reverse:
        lines, out = lines[:, ::-1], out[:, ::-1]
    if lines.ndim == 3 and lines.shape[1] > _SEGMENT and lines.dtype.char == "f":
        # PyTorch adds in double precision too.
        np.copyto(out, ufunc.accumulate(lines, axis=1, dtype=np.float64), casting="same_kind")
    elif lines.ndim == 3 and lines.shape[2] >= _FEW_COLUMNS:
        _combine_rows(ufunc, lines, out)
    elif ufunc is np.add and lines.ndim == 2 and lines.shape[1] > _SEGMENT:
        for line, target in zip(lines, out, strict=True):
            _add_up_long(line, target)
    else:
        _accumulate(ufunc, lines, out)
    return result.reshape(x.shape).astype(dtype, copy=False)


def cumsum(xp: Any, x: np.ndarray, *, axis: int, reverse: bool = False) -> np.ndarray:
    """The running sum along `axis`, from its end if `reverse`; of integers and bools in int64."""
    return _scan(np.add, x, axis, reverse)


def cumprod(xp: Any, x: np.ndarray, *, axis: int) -> np.ndarray:
    """The running product along `axis`; of integers and bools in int64."""
    return _scan(np.multiply, x, axis)


def _combine_rows(ufunc: np.ufunc, lines: np.ndarray, out: np.ndarray) -> None:
    """One vector operation per row: the calls are short, so that threads would only wait for the
    GIL. `ufunc.accumulate` walks down the columns instead and takes 4 times as long.
    """
    out[:, 0] = lines[:, 0]
    for before, after, row in zip(
        np.moveaxis(out, 1, 0)[:-1],
        np.moveaxis(out, 1, 0)[1:],
        np.moveaxis(lines, 1, 0)[1:],
        strict=True,
    ):
        ufunc(before, row, after)


def _accumulate(ufunc: np.ufunc, lines: np.ndarray, out: np.ndarray) -> None:
    width = lines.size // lines.shape[0]
    products = ufunc is np.add and lines.ndim == 2 and lines.dtype == _FLOAT32

    def work(start: int, stop: int) -> None:
        if products and (stop - start) * width >= _SMALL:
            _add_up(lines[start:stop], out[start:stop])
        else:
            ufunc.accumulate(lines[start:stop], axis=1, out=out[start:stop])

    grain = GRAIN if products else GRAIN // 4
    map_blocks(work, lines.shape[0], width, grain, uses_blas=products)


def _add_up(lines: np.ndarray, out: np.ndarray) -> None:
    """Running sums along the rows of a float32 matrix: those of short parts, then their carries.

    A product with a triangle of ones gives the sums within all parts. That takes 1.0 ns per
    element; `np.add.accumulate` waits 2.4 for each addition.
    """
    length = lines.shape[1]
    part = next((n for n in _PARTS if length % n == 0), 0)
    if part:
        backwards = lines.strides[1] < 0
        step = -1 if backwards else 1
        triangle = np.tri(part, dtype=lines.dtype)
        dense = np.ascontiguousarray(lines[:, ::step])
        sums = np.matmul(dense.reshape(-1, part), triangle if backwards else triangle.T)
        sums = sums.reshape(len(lines), -1, part)[:, ::step, ::step]
        totals = sums[..., -1]
        # A product spreads inf and nan to the elements before them, as 0 * inf.
        if np.isfinite(totals).all():
            carries = np.zeros((*totals.shape, 1), lines.dtype)
            added = np.add.accumulate(totals[:, :-1], axis=1, dtype=np.float64)
            carries[:, 1:, 0] = added
            target = out[:, ::step].reshape(sums.shape)[:, ::step, ::step]
            np.add(sums, carries, target)
            return
    np.add.accumulate(lines, axis=1, out=out)


def _add_up_long(line: np.ndarray, out: np.ndarray) -> None:
    """Scan segments, then add to each the sum of those before it.

    That keeps the threads busy with one line, and the error that of 4096 additions: the sums of
    whole segments are added in double precision.
    """
    whole = len(line) - len(line) % _SEGMENT
    segments = out[:whole].reshape(-1, _SEGMENT)
    _accumulate(np.add, line[:whole].reshape(-1, _SEGMENT), segments)
    np.add.accumulate(line[whole:], out=out[whole:])
    wide = np.result_type(out.dtype, np.float64) if out.dtype.kind in "fc" else out.dtype
    carries = np.add.accumulate(segments[:, -1], dtype=wide).astype(out.dtype)

    def add(start: int, stop: int) -> None:
        part = segments[start + 1 : stop + 1]
        np.add(part, carries[start:stop, None], part)

    parallel_for(add, len(segments) - 1, 8 * GRAIN // _SEGMENT, uses_blas=False)
    np.add(out[whole:], carries[-1], out[whole:])


def logcumsumexp(xp: Any, x: np.ndarray, *, axis: int) -> Any:
    """log(cumsum(exp(x))) along `axis` of a real floating array, without overflow.

    Running sums of exp(x - maximum) are as accurate as their terms while the first does not
    underflow; a block where one does is added up by `logaddexp`, in 12 ns per element.
    """
    if not x.ndim or not x.size or x.dtype.kind not in "fV":
        return NotImplemented
    lines = as_lines(x.astype(_FLOAT32 if is_half(x.dtype) else x.dtype, copy=False), axis)
    out = memory.empty(lines.shape, lines.dtype)

    def work(where: Any) -> None:
        block, target = lines[where], out[where]
        highest = np.maximum.reduce(block, axis=1, keepdims=True)
        with direct_broadcast(block.shape[-1]):
            np.subtract(block, highest, target)
        sums = _scan(np.add, np.exp(target, target), 1)
        if np.minimum.reduce(sums[:, 0], axis=None) > _TINY:
            np.log(sums, sums)
            with direct_broadcast(block.shape[-1]):
                np.add(sums, highest, target)
        else:
            np.logaddexp.accumulate(block, axis=1, out=target)

    map_lines(work, lines.shape, uses_blas=True)
    return out.reshape(x.shape).astype(x.dtype, copy=False)


def _running(ufunc: np.ufunc, x: np.ndarray, axis: int) -> Any:
    """Running extremes along ``axis`` and the positions where they stand, the last of equal ones.

    An element stands where it equals the running value, or is nan, which no later one replaces;
    the running maximum of these positions is the answer. A loop over the axis takes ten times as
    long.
    """
    if not x.ndim or x.dtype.kind not in "biuf":
        return NotImplemented
    values = ufunc.accumulate(x, axis=axis)
    stands = values == x
    if x.dtype.kind == "f":
        stands |= x != x
    shape = tuple(-1 if i == axis else 1 for i in range(x.ndim))
    positions = np.where(stands, np.arange(x.shape[axis]).reshape(shape), 0)
    return values, np.maximum.accumulate(positions, axis=axis, out=positions)


def cummax(xp: Any, x: np.ndarray, *, axis: int) -> Any:
    return _running(np.maximum, x, axis)


def cummin(xp: Any, x: np.ndarray, *, axis: int) -> Any:
    return _running(np.minimum, x, axis)


OVERRIDES: dict[str, Callable[..., Any]] = {
    "cummax": cummax,
    "cummin": cummin,
    "cumprod": cumprod,
    "cumsum": cumsum,
    "logcumsumexp": logcumsumexp,
}
