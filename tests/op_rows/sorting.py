"""Rows of ops/cumulative.py, sorting.py, order_statistics.py and searching.py."""

from __future__ import annotations

import numpy as np

from op_table import NUMBERS, Row

SHAPE = ((3, 4, 5),)
AXIS = [{"axis": axis} for axis in (0, 1, 2)]
KEEP = [{"axis": axis, "keepdims": k} for axis in (0, 1, 2) for k in (False, True)]
ONE = [{"axis": 0, "keepdims": False}]
NO_VALUES = (((0, 3),), ((2, 0),))


def with_zeros(rng):
    x = rng.uniform(0.5, 2, (3, 5))
    x[0, 2] = x[1, 0] = x[1, 3] = 0
    return x


def ties(rng):
    return rng.integers(0, 3, (3, 4, 5)).astype(np.float64)


def ties_and_nans(rng):
    x = ties(rng)
    x[rng.random(x.shape) < 0.2] = np.nan
    return x


def wide_range(rng):
    """exp of these overflows, and the running maximum moves by more than exp can hold."""
    return rng.uniform(-900, 900, (3, 6))


def running(x, axis, better):
    """Loops over positions: the last of equal elements wins, nan wins over numbers."""
    moved = np.moveaxis(x, axis, 0)
    values, indices = moved.copy(), np.zeros(moved.shape, np.int64)
    for i in range(1, len(moved)):
        wins = np.isnan(moved[i]) | (~np.isnan(values[i - 1]) & better(moved[i], values[i - 1]))
        values[i] = np.where(wins, moved[i], values[i - 1])
        indices[i] = np.where(wins, i, indices[i - 1])
    return np.moveaxis(values, 0, axis), np.moveaxis(indices, 0, axis)


def shifted(x, axis, offset, fill):
    moved = np.moveaxis(x, axis, 0)
    out = np.full_like(moved, fill)
    for i in range(len(moved)):
        if 0 <= i - offset < len(moved):
            out[i] = moved[i - offset]
    return np.moveaxis(out, 0, axis)


def logcumsumexp(x, axis):
    return np.logaddexp.accumulate(x, axis) if x.ndim else x


def sort(x, axis, descending):
    """Stable: by value, then by position; nan is the largest."""
    rows = np.moveaxis(x, axis, -1)
    indices = np.empty(rows.shape, np.int64)
    for place in np.ndindex(rows.shape[:-1]):
        row = rows[place]
        keys = [(np.isnan(v), 0 if np.isnan(v) else v) for v in row.tolist()]
        indices[place] = sorted(range(len(keys)), key=keys.__getitem__)
        if descending:
            back = sorted(range(len(keys)), key=lambda i: keys[-1 - i])
            indices[place] = [len(keys) - 1 - i for i in reversed(back)]
    indices = np.moveaxis(indices, -1, axis)
    return np.take_along_axis(x, indices, axis), indices


def topk(x, k, axis, largest):
    values, indices = sort(x, axis, largest)
    part = (slice(None),) * axis + (slice(0, k),)
    return values[part], indices[part]


def picked(x, indices, axis, keepdims):
    indices = np.expand_dims(indices, axis)
    values = np.take_along_axis(x, indices, axis)
    return (values, indices) if keepdims else (values.squeeze(axis), indices.squeeze(axis))


def kthvalue(x, k, axis, keepdims):
    return picked(x, sort(x, axis, False)[1].take(k - 1, axis), axis, keepdims)


def lower_middle(row):
    if np.isnan(row).any():
        return int(np.isnan(row).argmax())
    return int(np.argsort(row, kind="stable")[(len(row) - 1) // 2])


def lower_nanmiddle(row):
    numbers = int((~np.isnan(row)).sum())
    return int(np.argsort(row, kind="stable")[max(numbers - 1, 0) // 2])


def last_most_frequent(row):
    values, counts = np.unique(row, return_counts=True)
    return int(np.flatnonzero(row == values[counts.argmax()])[-1])


def by_row(choose):
    def reference(x, axis, keepdims):
        return picked(x, np.apply_along_axis(choose, axis, x), axis, keepdims)

    return reference


def unique(x, axis):
    values, inverse, counts = np.unique(
        x, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    return values, inverse.reshape(x.shape if axis is None else -1), counts


def unique_consecutive(x, axis):
    rows = list(x.reshape(-1) if axis is None else np.moveaxis(x, axis, 0))
    starts = [i for i in range(len(rows)) if i == 0 or np.any(rows[i] != rows[i - 1])]
    values = np.stack([rows[i] for i in starts], axis or 0)
    runs = np.searchsorted(starts, np.arange(len(rows)), side="right") - 1
    counts = np.diff([*starts, len(rows)])
    return values, runs.reshape(x.shape) if axis is None else runs, counts


def searchsorted(boundaries, x, right):
    side = "right" if right else "left"
    if boundaries.ndim == 1:
        return np.searchsorted(boundaries, x, side)
    return np.stack([np.searchsorted(b, v, side) for b, v in zip(boundaries, x, strict=True)])


def sorted_row(rng):
    return np.sort(rng.uniform(-2, 2, 7))


def sorted_rows(rng):
    return np.sort(rng.integers(-2, 3, (3, 7)), axis=1).astype(np.float64)


def wanted(rng):
    return rng.integers(-3, 4, (3, 5)).astype(np.float64)


def quantile(x, dim, how):
    return np.quantile(x, x.dtype.type(0.3), dim, method=how).astype(x.dtype)


def few_rows(rng):
    return rng.integers(0, 2, (6, 2)).astype(np.float64)


ROWS = [
    Row(op="shift", inputs=SHAPE, reference=shifted, exact=True,
        params=[{"axis": a, "offset": o, "fill": 0} for a in (0, 1, 2) for o in (-9, -1, 0, 1, 2)]),
    Row(op="cumsum", inputs=SHAPE, params=AXIS, reference=lambda x, axis: x.cumsum(axis),
        dtypes=NUMBERS, complex=True, big=((200, 300, 9),)),
    Row(op="cumsum", inputs=SHAPE, params=[dict(axis, reverse=True) for axis in AXIS],
        reference=lambda x, axis, reverse: np.flip(np.flip(x, axis).cumsum(axis), axis),
        big=((200, 300, 9),)),
    Row(op="cumsum", inputs=((2, 0),), params=[{"axis": 1}],
        reference=lambda x, axis: x.cumsum(axis), edges=NO_VALUES),
    Row(op="cumprod", inputs=SHAPE, params=AXIS, reference=lambda x, axis: x.cumprod(axis),
        dtypes=NUMBERS, complex=True),
    Row(op="cumprod", inputs=(with_zeros,), params=AXIS[:2],
        reference=lambda x, axis: x.cumprod(axis)),
    Row(op="cumprod", inputs=((),), params=AXIS[:1], reference=lambda x, axis: x),
    Row(op="logcumsumexp", inputs=SHAPE, params=AXIS, reference=logcumsumexp),
    Row(op="logcumsumexp", inputs=(wide_range,), params=AXIS[:2], reference=logcumsumexp),
    Row(op="logcumsumexp", inputs=((),), params=AXIS[:1], reference=logcumsumexp),
    Row(op="cummax", inputs=SHAPE, params=AXIS, exact=True,
        reference=lambda x, axis: running(x, axis, np.greater_equal)),
    Row(op="cummax", inputs=(ties_and_nans,), params=AXIS, order=0,
        reference=lambda x, axis: running(x, axis, np.greater_equal)),
    Row(op="cummin", inputs=SHAPE, params=AXIS, exact=True,
        reference=lambda x, axis: running(x, axis, np.less_equal)),
    Row(op="cummin", inputs=(ties_and_nans,), params=AXIS, order=0,
        reference=lambda x, axis: running(x, axis, np.less_equal)),
    Row(op="sort", inputs=SHAPE, reference=sort, exact=True,
        params=[{**a, "descending": d} for a in AXIS for d in (False, True)]),
    Row(op="sort", inputs=(ties_and_nans,), reference=sort, order=0,
        params=[{**a, "descending": d} for a in AXIS for d in (False, True)]),
    Row(op="topk", inputs=SHAPE, reference=topk, exact=True,
        params=[{**a, "k": k, "largest": b}
                for a in AXIS for k in (0, 1, 3) for b in (True, False)]),
    Row(op="topk", inputs=((2, 90),), reference=topk, exact=True,
        params=[{"axis": 1, "k": k, "largest": b} for k in (1, 7, 90) for b in (True, False)]),
    Row(op="kthvalue", inputs=SHAPE, reference=kthvalue, exact=True,
        params=[{**case, "k": k} for case in KEEP for k in (1, 3)]),
    Row(op="median", inputs=SHAPE, reference=by_row(lower_middle), params=KEEP, exact=True),
    Row(op="median", inputs=(ties_and_nans,), reference=by_row(lower_middle), params=KEEP,
        order=0),
    Row(op="nanmedian", inputs=SHAPE, reference=by_row(lower_nanmiddle), params=KEEP),
    Row(op="nanmedian", inputs=(ties_and_nans,), reference=by_row(lower_nanmiddle), params=KEEP,
        order=0),
    Row(op="median_all", inputs=SHAPE, exact=True,
        reference=lambda x: np.sort(x.ravel())[(x.size - 1) // 2]),
    Row(op="nanmedian_all", inputs=SHAPE, exact=True,
        reference=lambda x: np.sort(x.ravel())[(x.size - 1) // 2]),
    Row(op="mode", inputs=(ties,), reference=by_row(last_most_frequent), params=KEEP, order=0),
    Row(op="mode", inputs=SHAPE, reference=by_row(last_most_frequent), params=KEEP),
    Row(op="unique", inputs=(ties,), reference=unique, params=[{"axis": None}], order=0),
    Row(op="unique", inputs=(few_rows,), reference=unique, params=[{"axis": 0}, {"axis": 1}],
        order=0),
    Row(op="unique_consecutive", inputs=(few_rows,), reference=unique_consecutive, order=0,
        params=[{"axis": None}, {"axis": 0}, {"axis": 1}]),
    Row(op="searchsorted", inputs=(sorted_row, (3, 4)), reference=searchsorted, order=0,
        dtypes=("float64",), params=[{"right": False}, {"right": True}]),
    Row(op="searchsorted", inputs=(sorted_rows, wanted), reference=searchsorted, order=0,
        params=[{"right": False}, {"right": True}]),
]  # fmt: skip

ROWS += [
    Row(op="quantile", inputs=SHAPE, dtypes=("float64", "float32"), order=2,
        call=lambda gc, x, dim, how: gc.quantile(x, 0.3, dim, interpolation=how),
        reference=quantile,
        params=[{"dim": d, "how": h} for d in (None, 1)
                for h in ("linear", "lower", "higher", "midpoint", "nearest")]),
    Row(op="nanquantile", inputs=(ties_and_nans,), order=0,
        call=lambda gc, x: gc.nanquantile(x, 0.4, 2),
        reference=lambda x: np.nanquantile(x, 0.4, 2)),
    Row(op="diff", inputs=SHAPE, call=lambda gc, x, n, dim: gc.diff(x, n, dim),
        reference=lambda x, n, dim: np.diff(x, n, dim), complex=True,
        params=[{"n": n, "dim": d} for n in (1, 2, 9) for d in (0, -1)]),
]  # fmt: skip
