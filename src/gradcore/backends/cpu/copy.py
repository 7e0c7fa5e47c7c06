"""Copies of large arrays on the CPU, shared among threads.

One thread moves about 10 GB/s here and two move 16: a 1000 x 1000 float32 ``cat`` falls from 0.63
to 0.4 ms. Each kernel declines arrays too small for a second thread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

import numpy as np

from ..program import trace
from . import layout, native
from .half import to_half
from .memory import empty
from .pointwise_plan import Plan
from .threads import parallel_for

Array = np.ndarray

# Elements from which a second thread pays: 256 KB of float32, 20 us of copying.
_GRAIN = 1 << 16
# Lengths of a last dimension up to which it is copied entry by entry: NumPy's inner loop runs along
# it, and for two entries takes 1.8 ms where two strided copies take 0.47 (500k elements).
_SHORT = 8
# Elements from which a compiled cast pays: 20 us of NumPy's.
_COMPILED_FROM = 1 << 14


def copy_into(out: Array, x: Array) -> None:
    """``out[...] = x`` for arrays of one shape."""
    if out.size >= _COMPILED_FROM and native.is_available() and _copy_compiled(out, x):
        return
    if x.dtype == np.float32 and out.dtype == np.float16 and _is_dense(out, x):
        to_half(x, out)
        return
    dense = _is_dense(out, x)
    short = x.ndim > 1 and 1 < x.shape[-1] <= _SHORT and not dense
    copy = _copy_entries if short else _copy
    if out.size < 2 * _GRAIN:
        copy(out, x)
        return
    axis = next(d for d in range(out.ndim) if out.shape[d] > 1)
    if axis:
        out, x = np.moveaxis(out, axis, 0), np.moveaxis(x, axis, 0)
    size, grain = out.shape[0], max(1, _GRAIN * out.shape[0] // out.size)

    def part(start: int, stop: int) -> None:
        step = max(1, grain // 4) if short else stop - start
        for first in range(start, stop, step):
            block = slice(first, min(first + step, stop))
            copy(out[block], x[block])

    parallel_for(part, size, grain, uses_blas=False)


def _is_dense(out: Array, x: Array) -> bool:
    return x.flags.c_contiguous and out.flags.c_contiguous


def _copy_compiled(out: Array, x: Array) -> bool:
    """By a compiled loop over rows; False where there is none, or rows are short."""
    order = None
    if not _is_dense(out, x):
        has_rows = x.strides[-1] == x.itemsize and out.strides[-1] == out.itemsize
        if not has_rows or out.shape[-1] <= _SHORT:
            return False
        order = layout.memory_order(out)
    if x.dtype == out.dtype:  # as integers, so that every nan keeps its bits
        if x.itemsize > 8 or x.dtype.hasobject:
            return False
        bits = np.dtype(f"u{x.itemsize}")
        x, out = x.view(bits), out.view(bits)
    plan = _cast(x.dtype, out.dtype)
    return plan is not None and native.fill(plan, [x], (), [out], order)


@cache
def _cast(source: np.dtype, target: np.dtype) -> Plan | None:
    """The program that reads `source` and writes `target`; None where NumPy rounds otherwise."""
    from_float, small = source.kind in "fV", target.itemsize < 4
    if "c" in source.kind + target.kind or (source == np.float64 and target == np.float16):
        return None
    if from_float and target.kind == "u" and not small:
        return None
    # NumPy wraps what a small integer does not hold: the low bits of an int32.
    wraps = from_float and small and target.kind in "iu"
    program = trace(lambda xp, x: x.astype(np.int32) if wraps else x, ("array",))
    return Plan(program, (source,), (), False)


def _copy(out: Array, x: Array) -> None:
    np.copyto(out, x, casting="unsafe")


def _copy_entries(out: Array, x: Array) -> None:
    """Entry by entry of the last dimension, in blocks (of 64 KB) that stay in the cache."""
    for k in range(x.shape[-1]):
        np.copyto(out[..., k], x[..., k], casting="unsafe")


def contiguous(xp: Any, x: Array) -> Any:
    if x.size < 2 * _GRAIN:
        return NotImplemented
    out = empty(x.shape, x.dtype)
    copy_into(out, x)
    return out


def clone(xp: Any, x: Array) -> Any:
    return contiguous(xp, x) if x.flags.c_contiguous else NotImplemented


def to_dtype(xp: Any, x: Array, *, dtype: np.dtype) -> Any:
    if x.size < (_COMPILED_FROM if native.is_available() else 2 * _GRAIN) or (
        x.dtype.kind == "c" and dtype.kind != "c"
    ):
        return NotImplemented
    if not x.flags.c_contiguous:
        return NotImplemented  # the generic body keeps the order of the axes
    out = empty(x.shape, dtype)
    copy_into(out, x)
    return out


def reshape_copy(xp: Any, x: Array, *, shape: tuple[int, ...]) -> Any:
    out = contiguous(xp, x)
    return out if out is NotImplemented else out.reshape(shape)


def copy(xp: Any, x: Array, src: Array, *, out: Array | None = None) -> Any:
    if x.size < 2 * _GRAIN or (src.dtype.kind == "c" and x.dtype.kind != "c"):
        return NotImplemented
    if out is not None and np.may_share_memory(out, src):
        return NotImplemented  # one call sees that they overlap, two halves would not
    target = empty(x.shape, x.dtype) if out is None else out
    copy_into(target, np.broadcast_to(src, x.shape))
    return target


def fill(xp: Any, x: Array, *, value: Any, out: Array | None = None) -> Any:
    if x.size < 2 * _GRAIN:
        return NotImplemented
    target = empty(x.shape, x.dtype) if out is None else out
    copy_into(target, np.broadcast_to(np.asarray(value).astype(x.dtype), x.shape))
    return target


def cat(xp: Any, *xs: Array, dim: int) -> Any:
    first = xs[0]
    if len(xs) * first.size < 2 * _GRAIN or len({x.dtype for x in xs}) > 1:
        return np.concatenate(xs, axis=dim)
    length = sum([x.shape[dim] for x in xs])
    out = empty((*first.shape[:dim], length, *first.shape[dim + 1 :]), first.dtype)
    start = 0
    for x in xs:
        stop = start + x.shape[dim]
        copy_into(out[(slice(None),) * dim + (slice(start, stop),)], x)
        start = stop
    return out


def stack(xp: Any, *xs: Array, dim: int) -> Any:
    first = xs[0]
    if len({x.dtype for x in xs}) > 1:
        return NotImplemented
    out = empty((*first.shape[:dim], len(xs), *first.shape[dim:]), first.dtype)
    write = np.copyto if out.size < 2 * _GRAIN else copy_into
    lead = (slice(None),) * dim
    for i, x in enumerate(xs):
        write(out[lead + (i, ...)], x)  # noqa: RUF005  (Python 3.10: no star inside [])
    return out


def flip(xp: Any, x: Array, *, dims: tuple[int, ...]) -> Any:
    back = x[tuple([slice(None, None, -1 if d in dims else 1) for d in range(x.ndim)])]
    return back.copy() if x.size < 2 * _GRAIN else contiguous(xp, back)


def pad(xp: Any, x: Array, *, widths: tuple[tuple[int, int], ...], value: Any) -> Any:
    """Only the border is filled: the rest is written once."""
    shape = tuple([n + b + a for n, (b, a) in zip(x.shape, widths, strict=True)])
    if prod(shape) < 2 * _GRAIN or not x.size:
        return NotImplemented
    out = empty(shape, x.dtype)
    inside: tuple[slice, ...] = ()
    for n, (before, after) in zip(x.shape, widths, strict=True):
        for edge in (slice(0, before), slice(n + before, n + before + after)):
            out[inside + (edge,)] = value  # noqa: RUF005
        inside += (slice(before, before + n),)
    copy_into(out[inside], x)
    return out


OVERRIDES: dict[str, Callable[..., Any]] = {
    "cat": cat,
    "clone": clone,
    "contiguous": contiguous,
    "copy": copy,
    "fill": fill,
    "flip": flip,
    "pad": pad,
    "reshape_copy": reshape_copy,
    "stack": stack,
    "to_dtype": to_dtype,
}
