"""Running sums, products and extremes of rows, what rows and arrays reduce to, and triangles."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import prod as product_of
from typing import Any

import numpy as np

from ..memory import empty
from .calls import Call, LazyCall
from .loops import Kernel, Pointer
from .row_loops import RowKernel, by_dtype, start
from .values import FLOAT64, INT64, Value, minimum, select

Combine = Callable[[Value, Value], Value]
Fold = Callable[[RowKernel, Value, Pointer], Value]
Axes = tuple[int, ...] | None

# ------------------------------------------------------------------ running sums and products

# Rows that are scanned side by side: each addition of a row waits 4 cycles for the one before it.
_LANES = 4
# Nanoseconds per element on one thread: NumPy's passes, and these.
_NUMPY_SCAN_NS, _SCAN_NS = 1.5, 0.5
# What a single row is cut into, and the length from which on that pays.
_PARTS, _LONG = 64, 1 << 14


def _lanes_of(group: Value, rows: Value, lanes: int = _LANES) -> list[Value]:
    """The rows of a group; the last row again where there are no more."""
    return [minimum(group * lanes + lane, rows - 1) for lane in range(lanes)]


def _groups(rows: int) -> int:
    return -(-rows // _LANES)


def _build_running(dtype: np.dtype, combine: Combine, lanes: int = _LANES) -> Call:
    """Items are groups of rows; sums are float64, as PyTorch's.

    Arrays: x, result, and float64 values to begin with; numbers: rows, length, first place in a
    row, step to the next one.
    """
    kernel = Kernel()
    x, out, initial = kernel.array(dtype), kernel.array(dtype), kernel.array(FLOAT64)
    rows, length, first, step = (kernel.integer_argument() for _ in range(4))
    with kernel.loop(kernel.start, kernel.stop) as group:
        own = _lanes_of(group, rows, lanes)
        totals = [kernel.variable(initial[row]) for row in own]
        places = [row * length + first for row in own]
        with kernel.loop(0, length) as i:
            terms = [x[place + i * step].to(FLOAT64) for place in places]
            for total, term, place in zip(totals, terms, places, strict=True):
                total.value = combine(total.value, term)
                out[place + i * step] = total.value
    return Call(kernel, arrays=3, numbers=4)


_SUMS = by_dtype(partial(_build_running, combine=Value.__add__))
_PRODUCTS = by_dtype(partial(_build_running, combine=Value.__mul__))
# Products of parts could overflow where those of the whole row do not.
_PRODUCTS_OF_ONE = by_dtype(partial(_build_running, combine=Value.__mul__, lanes=1))


def _is_rows(x: np.ndarray, axis: int) -> bool:
    """Whether `x` is dense and `axis` its last one."""
    return bool(x.size and x.ndim and x.flags.c_contiguous and axis in (-1, x.ndim - 1))


def _scan(
    call: Call, x: np.ndarray, out: np.ndarray, initial: np.ndarray, reverse: bool = False
) -> None:
    """Scan as many rows of `x` as there are initial values."""
    rows = len(initial)
    length = x.size // rows
    numbers = (rows, length, length - 1, -1) if reverse else (rows, length, 0, 1)
    start(call, (x, out, initial), numbers, _groups(rows), x.size * _SCAN_NS)


def cumsum(xp: Any, x: np.ndarray, *, axis: int, reverse: bool = False) -> Any:
    """Running sums of dense float32 or float64 rows, from their ends if `reverse`."""
    lazy = _SUMS.get(x.dtype.char)
    call = lazy.get(x.size * _NUMPY_SCAN_NS) if lazy and _is_rows(x, axis) else None
    if call is None:
        return NotImplemented
    out = empty(x.shape, x.dtype)
    rows = x.size // x.shape[-1]
    if rows == 1 and x.size >= _LONG:
        _scan_parts(call, x.reshape(-1), out.reshape(-1), reverse)
    else:
        _scan(call, x, out, np.zeros(rows), reverse)
    return out


def _scan_parts(call: Call, line: np.ndarray, out: np.ndarray, reverse: bool) -> None:
    """Running sums of a long line: of its parts, from the sums of the parts before each."""
    whole = len(line) - len(line) % _PARTS
    body, rest = line[:whole], line[whole:]
    sums = np.empty(_PARTS)
    add_up = _PART_SUMS[line.dtype.char].get(np.inf)
    assert add_up is not None
    start(add_up, (body, sums), (whole // _PARTS,), _PARTS, whole * _FOLD_NS)
    order = slice(None, None, -1 if reverse else 1)
    ends = np.add.accumulate(np.append(sums, np.add.reduce(rest, dtype=np.float64))[order])
    begins = np.append(0.0, ends[:-1])[order]
    _scan(call, body, out[:whole], np.ascontiguousarray(begins[:-1]), reverse)
    out[whole:][order] = np.add.accumulate(rest[order], dtype=np.float64) + begins[-1]


def cumprod(xp: Any, x: np.ndarray, *, axis: int) -> Any:
    """Running products of dense float32 or float64 rows."""
    kernels = _PRODUCTS_OF_ONE if x.ndim and x.size == x.shape[-1] else _PRODUCTS
    lazy = kernels.get(x.dtype.char)
    call = lazy.get(x.size * _NUMPY_SCAN_NS) if lazy and _is_rows(x, axis) else None
    if call is None:
        return NotImplemented
    out = empty(x.shape, x.dtype)
    _scan(call, x, out, np.ones(x.size // x.shape[-1]))
    return out


# ------------------------------------------------------------------------- running extremes

_NUMPY_EXTREME_NS, _EXTREME_NS = 8.0, 0.8
# What a single long row is cut into.
_EXTREME_PARTS = 16


def _build_running_extreme(dtype: np.dtype, wins: Combine, lowest: float) -> Call:
    """Items are groups of rows; of equal elements the last one counts, and nan before all.

    Arrays: x, extremes, their places; numbers: rows, length, by how much places grow with a row.
    """
    kernel = Kernel()
    x, out, places = kernel.array(dtype), kernel.array(dtype), kernel.array(INT64)
    rows, length, growth = (kernel.integer_argument() for _ in range(3))
    with kernel.loop(kernel.start, kernel.stop) as group:
        own = _lanes_of(group, rows)
        bests = [kernel.variable(kernel.constant(lowest, dtype)) for _ in own]
        chosen = [kernel.variable(row * growth) for row in own]
        with kernel.loop(0, length) as i:
            terms = [x[row * length + i] for row in own]
            for term, best, place, row in zip(terms, bests, chosen, own, strict=True):
                better = wins(term, best.value) | term.is_nan()
                best.value = select(better, term, best.value)
                place.value = select(better, row * growth + i, place.value)
                at = row * length + i
                out[at], places[at] = best.value, place.value
    return Call(kernel, arrays=3, numbers=3)


def _running_extreme(wins: Combine, lowest: float) -> Callable[..., Any]:
    kernels = by_dtype(partial(_build_running_extreme, wins=wins, lowest=lowest))

    def override(xp: Any, x: np.ndarray, *, axis: int) -> Any:
        lazy = kernels.get(x.dtype.char)
        call = lazy.get(x.size * _NUMPY_EXTREME_NS) if lazy and _is_rows(x, axis) else None
        if call is None:
            return NotImplemented
        values, places = empty(x.shape, x.dtype), empty(x.shape, INT64)
        length = x.shape[-1]
        rows = x.size // length
        if rows == 1 and length >= _LONG:
            _extremes_of_parts(call, x.reshape(-1), values.reshape(-1), places.reshape(-1), lowest)
        else:
            numbers = (rows, length, 0)
            start(call, (x, values, places), numbers, _groups(rows), x.size * _EXTREME_NS)
        return values, places

    return override


def _extremes_of_parts(
    call: Call, line: np.ndarray, values: np.ndarray, places: np.ndarray, lowest: float
) -> None:
    """Running extremes of a long line: of its parts, with those before carried on into each."""
    part = len(line) // _EXTREME_PARTS
    whole = part * _EXTREME_PARTS
    numbers = (_EXTREME_PARTS, part, part)
    start(call, (line, values, places), numbers, _groups(_EXTREME_PARTS), whole * _EXTREME_NS)
    if whole < len(line):
        call((line[whole:], values[whole:], places[whole:]), (1, len(line) - whole, 0), 1, 1, 0.0)
        places[whole:] += whole
    for first in range(part, len(line), part):
        own, before = values[first : first + part], values[first - 1]
        # nan is sorted last, as what wins against all
        won = np.searchsorted(own, before) if lowest < 0 else np.searchsorted(-own, -before)
        own[:won], places[first : first + won] = before, places[first - 1]


# ----------------------------------------------------------------------- products and extremes

_NUMPY_FOLD_NS, _FOLD_NS = 0.2, 0.06
# Numbers of a single row that a thread takes at once.
_BLOCK = 1 << 14
# Factors that are multiplied at once.
_PIECE = 4096
# A million numbers in rows of 8 take 0.4 ms, NumPy's kernels 1.3; in rows of 4 1.1 and 0.8.
_SHORTEST = 6


def _product(kernel: RowKernel, length: Value, line: Pointer) -> Value:
    """The product in float64: with 128 factors in each of 32 it seldom becomes subnormal, where a
    multiplication takes a hundred cycles; in float32 that made a million numbers 5 times as slow.
    """
    total = kernel.variable(kernel.constant(1, FLOAT64))
    with kernel.loop(0, length, _PIECE) as first:
        part = kernel.variable(kernel.constant(1, FLOAT64))

        def multiply(i: Value) -> None:
            old, factor = part.value, line[first + i].to(FLOAT64)
            text = kernel.emit(f"fmul reassoc {old.type} {old.text}, {factor.text}")
            part.value = Value(kernel, text, FLOAT64)

        kernel.along(minimum(length - first, _PIECE), multiply)
        total.value = total.value * part.value
    return total.value


def _largest(kernel: RowKernel, length: Value, line: Pointer) -> Value:
    return kernel.largest(length, line.__getitem__, line.dtype)


def _smallest(kernel: RowKernel, length: Value, line: Pointer) -> Value:
    return -kernel.largest(length, lambda i: -line[i], line.dtype)


def _build_fold(dtype: np.dtype, folds: Sequence[Fold]) -> Call:
    """Items are runs of an array, the last of which may be shorter; numbers: run, size."""
    kernel = RowKernel()
    x, *results = (kernel.array(dtype) for _ in range(1 + len(folds)))
    run, size = kernel.integer_argument(), kernel.integer_argument()
    with kernel.loop(kernel.start, kernel.stop) as item:
        first = item * run
        length = minimum(size - first, run)
        for fold, result in zip(folds, results, strict=True):
            result[item] = fold(kernel, length, x + first)
    return Call(kernel, arrays=1 + len(folds), numbers=2)


def _build_part_sums(dtype: np.dtype) -> Call:
    """Items are rows; arrays: x and float64 sums; number: length."""
    kernel = RowKernel()
    x, sums, length = kernel.array(dtype), kernel.array(FLOAT64), kernel.integer_argument()
    with kernel.loop(kernel.start, kernel.stop) as row:
        line = x + row * length
        sums[row] = kernel.sum(length, lambda i: line[i].to(FLOAT64), FLOAT64)
    return Call(kernel, arrays=2, numbers=1)


_PART_SUMS = by_dtype(_build_part_sums)


def _kept_axes(x: np.ndarray, axes: Axes) -> int | None:
    """How many axes are before those that are reduced; None if one is behind them."""
    if axes is None:
        return 0
    kept = x.ndim - len(axes)
    return kept if sorted(a % x.ndim for a in axes) == list(range(kept, x.ndim)) else None


def _reduction(*parts: tuple[Fold, np.ufunc]) -> Callable[..., Any]:
    """The override of reductions over the last axes of a dense float32 or float64 array.

    Each part is what reduces a run, and the ufunc for the results of several runs.
    """
    kernels = by_dtype(partial(_build_fold, folds=[fold for fold, _ in parts]))

    def override(xp: Any, x: np.ndarray, *, axes: Axes, keepdims: bool) -> Any:
        lazy = kernels.get(x.dtype.char)
        if lazy is None or not x.size or not x.ndim or axes == () or not x.flags.c_contiguous:
            return NotImplemented
        kept = _kept_axes(x, axes)
        if kept is None or product_of(x.shape[kept:]) < _SHORTEST:
            return NotImplemented
        call = lazy.get(x.size * _NUMPY_FOLD_NS)
        if call is None:
            return NotImplemented
        rows = product_of(x.shape[:kept])
        run = _BLOCK if rows == 1 else x.size // rows
        items = -(-x.size // run)
        results = [np.empty(items, x.dtype) for _ in parts]
        start(call, (x, *results), (run, x.size), items, x.size * _FOLD_NS)
        if items > rows:
            results = [
                ufunc.reduce(result, keepdims=True)
                for (_, ufunc), result in zip(parts, results, strict=True)
            ]
        shape = x.shape[:kept] + (1,) * (x.ndim - kept) if keepdims else x.shape[:kept]
        shaped = tuple(result.reshape(shape) for result in results)
        return shaped if len(parts) > 1 else shaped[0]

    return override


# --------------------------------------------------------------------------------- triangles

_NUMPY_TRIANGLE_NS, _TRIANGLE_NS = 0.8, 0.2


def _build_triangle(dtype: np.dtype) -> Call:
    """Items are rows; numbers: height, width, diagonal, whether what is above it is cleared."""
    kernel = Kernel()
    x, out = kernel.array(dtype), kernel.array(dtype)
    height, width, diagonal, is_lower = (kernel.integer_argument() for _ in range(4))
    lower = is_lower != 0
    with kernel.loop(kernel.start, kernel.stop) as row:
        end = row % height + diagonal + 1
        end = select(end < 0, 0, minimum(end, width))
        source, target = x + row * width, out + row * width
        with kernel.loop(select(lower, 0, end), select(lower, end, width), parallel=True) as i:
            target[i] = source[i]
        with kernel.loop(select(lower, end, 0), select(lower, width, end), parallel=True) as i:
            target[i] = 0
    return Call(kernel, arrays=2, numbers=4)


# By the size of an element: all zeros have the same bits.
_TRIANGLES = {n: LazyCall(partial(_build_triangle, np.dtype(f"i{n}"))) for n in (1, 2, 4, 8)}


def _triangle(x: np.ndarray, diagonal: int, lower: bool) -> Any:
    """What is on and below the diagonal if `lower`, else the rest."""
    lazy = _TRIANGLES.get(x.itemsize)
    if lazy is None or not x.size or x.ndim < 2 or not x.flags.c_contiguous:
        return NotImplemented
    call = lazy.get(x.size * _NUMPY_TRIANGLE_NS)
    if call is None:
        return NotImplemented
    out = empty(x.shape, x.dtype)
    height, width = x.shape[-2:]
    numbers = (height, width, diagonal, int(lower))
    start(call, (x, out), numbers, x.size // width, x.size * _TRIANGLE_NS)
    return out


def tril(xp: Any, x: np.ndarray, *, diagonal: int) -> Any:
    """The lower triangles of dense matrices."""
    return _triangle(x, diagonal, lower=True)


def triu(xp: Any, x: np.ndarray, *, diagonal: int) -> Any:
    """The upper triangles of dense matrices: what is not on or below the diagonal before."""
    return _triangle(x, diagonal - 1, lower=False)


OVERRIDES: dict[str, Callable[..., Any]] = {
    "amax": _reduction((_largest, np.maximum)),
    "amin": _reduction((_smallest, np.minimum)),
    "aminmax": _reduction((_smallest, np.minimum), (_largest, np.maximum)),
    "cummax": _running_extreme(Value.__ge__, -np.inf),
    "cummin": _running_extreme(Value.__le__, np.inf),
    "cumprod": cumprod,
    "cumsum": cumsum,
    "prod": _reduction((_product, np.multiply)),
    "tril": tril,
    "triu": triu,
}
