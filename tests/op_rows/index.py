"""Rows of ops/index.py and ops/masking.py."""

from __future__ import annotations

import numpy as np

from op_table import NUMBERS, Row

SHAPE = (3, 4, 5)


def integers(low, high, shape):
    return lambda rng: rng.integers(low, high, shape)


def distinct(n, count):
    return lambda rng: rng.permutation(n)[:count]


def mask(*shape):
    return lambda rng: rng.random(shape) < 0.5


def along(axis, x, indices):
    """The index tuple of gather and scatter."""
    grids = list(np.meshgrid(*map(np.arange, indices.shape), indexing="ij"))
    grids[axis] = indices
    return tuple(grids)


def add_at(shape, places, values):
    out = np.zeros(shape, values.dtype)
    np.add.at(out, places, values)
    return out


def at(axis, indices):
    return (slice(None),) * axis + (indices,)


def with_put(x, places, values):
    out = x.copy()
    out[places] = values
    return out


def with_added(x, places, values):
    return x + add_at(x.shape, places, values)


def reduced(x, indices, src, axis, reduce, include_self=True):
    out = x.copy()
    places = along(axis, x, indices)
    if not include_self:
        limits = np.iinfo(x.dtype) if x.dtype.kind == "i" else np.finfo(x.dtype)
        out[places] = {"prod": 1, "amax": limits.min, "amin": limits.max}[reduce]
    ufunc = {"prod": np.multiply, "amax": np.maximum, "amin": np.minimum}[reduce]
    part = src[tuple(slice(0, n) for n in indices.shape)]
    ufunc.at(out, places, part)
    return out


def distinct_along(axis, shape, n):
    """Index arrays without repetitions along ``axis``, so that scatter has one result."""

    def make(rng):
        moved = np.moveaxis(np.empty(shape, np.int64), axis, -1)
        rows = np.array([rng.permutation(n)[: moved.shape[-1]] for _ in range(moved[..., 0].size)])
        return np.moveaxis(rows.reshape(moved.shape), -1, axis)

    return make


def key(ndim, dims, indices):
    parts = [slice(None)] * ndim
    for d, i in zip(dims, indices, strict=True):
        parts[d] = i
    return tuple(parts)


CHECKED = {"size": 4, "axis": 0, "wraps": True, "name": "index"}
INDEX_SELECT = Row(
    op="index_select", inputs=(SHAPE, integers(0, 3, 7)), params=[{"axis": 0}], exact=True,
    reference=lambda x, i, axis: np.take(x, i, axis), dtypes=NUMBERS, complex=True,
    edges=(((3, 0), integers(0, 3, 2)), ((3, 2), integers(0, 3, 0))),
    big=((600, 300), integers(0, 600, 900)),
)  # fmt: skip

ROWS = [
    Row(op="checked_index", inputs=(integers(-4, 4, (3, 5)),), params=[CHECKED], order=0,
        reference=lambda i, size, axis, wraps, name: i % size, exact=True),
    Row(op="zeros_shaped", inputs=((2, 3),), params=[{"shape": (4,)}, {"shape": ()}], order=0,
        reference=lambda x, shape: np.zeros(shape, x.dtype), exact=True),
    Row(op="nonzero", inputs=(mask(3, 4, 2),), order=0, reference=np.argwhere, exact=True,
        edges=((mask(),), (mask(0, 3),))),
    Row(op="flat_nonzero", inputs=(mask(3, 4),), order=0, reference=np.flatnonzero, exact=True,
        edges=((mask(),), (mask(0, 3),))),
    Row(op="fill", inputs=(SHAPE,), params=[{"value": 3}], exact=True, dtypes=NUMBERS,
        reference=lambda x, value: np.full_like(x, value), edges=(((),), ((0, 2),))),
    Row(op="copy", inputs=((3, 4), (1, 4)), exact=True, dtypes=NUMBERS, complex=True,
        reference=lambda x, src: np.broadcast_to(src, x.shape), edges=(((), ()), ((0, 2), (2,)))),
    INDEX_SELECT,
    Row(op="index_select", inputs=(SHAPE, integers(0, 4, 3)), params=[{"axis": 1}], exact=True,
        reference=lambda x, i, axis: np.take(x, i, axis),
        big=((40, 50, 60), integers(0, 50, 80))),
    Row(op="index_select_backward", inputs=((7, 4), integers(0, 3, 7)),
        params=[{"axis": 0, "size": 3}], dtypes=NUMBERS, complex=True,
        reference=lambda x, i, axis, size: add_at((size, 4), (i,), x),
        edges=(((0, 4), integers(0, 3, 0)),), big=((900, 300), integers(0, 3, 900))),
    *[Row(op="index_select_backward", inputs=((9, width), integers(0, 3, 9)),
          params=[{"axis": 0, "size": 3}],
          reference=lambda x, i, axis, size: add_at((size, x.shape[1]), (i,), x),
          big=((70, width), lambda rng: rng.permutation(np.repeat(np.arange(3), (1, 9, 60)))))
      for width in (1, 20, 600)],
    Row(op="index_select_backward", inputs=((2, 6), integers(0, 3, 6)),
        params=[{"axis": 1, "size": 3}],
        reference=lambda x, i, axis, size: add_at((2, size), at(1, i), x)),
    *[Row(op="index_add", inputs=(SHAPE, integers(0, 3, 6), (6, 4, 5)), dtypes=NUMBERS,
          params=[{"axis": 0}, {"axis": 0, "alpha": 3}], complex=True,
          reference=lambda x, i, s, axis, alpha=1: with_added(x, at(axis, i), alpha * s))],
    Row(op="index_add", inputs=((3, 4), integers(0, 4, 5), (3, 5)), params=[{"axis": 1}],
        reference=lambda x, i, s, axis: with_added(x, at(axis, i), s),
        big=((300, 200), integers(0, 200, 190), (300, 190))),
    Row(op="index_copy", inputs=(SHAPE, distinct(4, 3), (3, 3, 5)), params=[{"axis": 1}],
        exact=True, reference=lambda x, i, s, axis: with_put(x, at(axis, i), s)),
    Row(op="index_fill", inputs=(SHAPE, distinct(4, 2)), params=[{"axis": 1, "value": 2.0}],
        exact=True, reference=lambda x, i, axis, value: with_put(x, at(axis, i), value)),
    Row(op="masked_fill", inputs=(SHAPE, mask(*SHAPE)), params=[{"value": -1.0}], exact=True,
        reference=lambda x, m, value: np.where(m, value, x).astype(x.dtype),
        edges=(((), mask()), ((0, 2), mask(0, 2)), ((2, 3), mask(3))),
        big=((300, 700), mask(300, 700))),
    *[Row(op="gather", inputs=(SHAPE, integers(0, SHAPE[axis], (2, 3, 3))),
          params=[{"axis": axis}], exact=True, dtypes=NUMBERS, complex=True,
          reference=lambda x, i, axis: x[along(axis, x, i)],
          big=((300, 40, 30), integers(0, 30, (300, 40, 30)))) for axis in (0, 1, 2)],
    *[Row(op="gather_backward", inputs=((2, 3, 3), integers(0, SHAPE[axis], (2, 3, 3))),
          params=[{"axis": axis, "shape": SHAPE}], dtypes=NUMBERS,
          reference=lambda x, i, axis, shape: add_at(shape, along(axis, x, i), x))
      for axis in (0, 1, 2)],
    *[Row(op="scatter_add", inputs=(SHAPE, integers(0, SHAPE[axis], (2, 3, 3)), SHAPE),
          params=[{"axis": axis}], dtypes=NUMBERS, complex=True,
          reference=lambda x, i, s, axis: with_added(x, along(axis, x, i), s[:2, :3, :3]))
      for axis in (0, 1, 2)],
    *[Row(op="scatter", inputs=(SHAPE, distinct_along(axis, (2, 3, 3), SHAPE[axis]), SHAPE),
          params=[{"axis": axis}], exact=True, dtypes=NUMBERS,
          reference=lambda x, i, s, axis: with_put(x, along(axis, x, i), s[:2, :3, :3]))
      for axis in (0, 1, 2)],
    Row(op="scatter_value", inputs=(SHAPE, integers(0, 4, (2, 3, 3))), exact=True,
        params=[{"axis": 1, "value": 2.5}],
        reference=lambda x, i, axis, value: with_put(x, along(axis, x, i), value)),
    *[Row(op="scatter_reduce", inputs=(SHAPE, integers(0, 4, (2, 4, 3)), SHAPE), reference=reduced,
          dtypes=NUMBERS, big=((90, 40, 50), integers(0, 40, (90, 30, 50)), (90, 40, 50)),
          params=[{"axis": 1, "reduce": reduce, "include_self": own} for own in (True, False)])
      for reduce in ("prod", "amax", "amin")],
    Row(op="index", inputs=(SHAPE, integers(0, 3, (2, 6)), integers(0, 5, 6)), exact=True,
        params=[{"dims": (0, 2)}], complex=True, dtypes=NUMBERS,
        reference=lambda x, *i, dims: x[key(3, dims, i)]),
    Row(op="index", inputs=(SHAPE, integers(0, 3, (2, 1)), integers(0, 4, 6)), exact=True,
        params=[{"dims": (0, 1)}], reference=lambda x, *i, dims: x[key(3, dims, i)],
        edges=(((3, 4, 0), integers(0, 3, 2), integers(0, 4, 2)),
               (SHAPE, integers(0, 3, 0), integers(0, 4, 0))),
        big=((60, 50, 7), integers(0, 60, (90, 1)), integers(0, 50, 300))),
    Row(op="index_backward", inputs=((2, 6, 4), integers(0, 3, (2, 6)), integers(0, 5, 6)),
        params=[{"dims": (0, 2), "shape": SHAPE}],
        reference=lambda x, *i, dims, shape: add_at(shape, key(3, dims, i), x)),
    Row(op="index_backward", inputs=((2, 6, 5), integers(0, 3, (2, 6)), integers(0, 4, 6)),
        params=[{"dims": (0, 1), "shape": SHAPE}], dtypes=NUMBERS,
        reference=lambda x, *i, dims, shape: add_at(shape, key(3, dims, i), x)),
    Row(op="index_put", inputs=(SHAPE, (3, 5), distinct(4, 3), integers(0, 1, 3)), exact=True,
        params=[{"dims": (1, 0)}],
        reference=lambda x, v, *i, dims: with_put(x, key(3, dims, i), v)),
    Row(op="index_put", inputs=(SHAPE, (7, 5), integers(0, 3, 7), integers(0, 4, 7)),
        params=[{"dims": (0, 1), "accumulate": True}], dtypes=NUMBERS, complex=True,
        reference=lambda x, v, *i, dims, accumulate: with_added(x, key(3, dims, i), v)),
    Row(op="index_put_value", inputs=(SHAPE, distinct(5, 3)), exact=True,
        params=[{"dims": (2,), "value": 4.0}],
        reference=lambda x, *i, dims, value: with_put(x, key(3, dims, i), value)),
    Row(op="isin", inputs=(integers(0, 9, (3, 4)), integers(0, 9, 4)), order=0, exact=True,
        params=[{"invert": False}, {"invert": True}],
        reference=lambda x, y, invert: np.isin(x, y, invert=invert)),
    Row(op="bincount", inputs=(integers(0, 6, 20), (20,)), order=0, params=[{"minlength": 9}],
        reference=lambda x, w, minlength: np.bincount(x, w, minlength).astype(w.dtype)),
    Row(op="histc", inputs=((40,),), order=0, params=[{"bins": 5, "low": -1.0, "high": 1.0}],
        reference=lambda x, bins, low, high: np.histogram(x, bins, (low, high))[0].astype(x.dtype)),
]  # fmt: skip
