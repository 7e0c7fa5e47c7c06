"""Rows of ops/extrema.py and ops/along.py."""

from __future__ import annotations

import numpy as np

from op_rows.reduce import AXES, BIG, CASES, SHAPE
from op_table import NUMBERS, Row

AXIS = [{"axis": axis, "keepdims": k} for axis in (0, 1, 2) for k in (False, True)]
POSITIONS = [*AXIS, {"axis": None, "keepdims": False}, {"axis": None, "keepdims": True}]
DTYPES = (*NUMBERS, "uint8")


def integers(rng):
    """Few different values, so that many are equal."""
    return rng.integers(0, 3, (3, 4, 5))


def some_nan(rng):
    x = rng.uniform(-1, 1, (3, 4, 5))
    x[0, 1, 2] = x[0, 3, 2] = x[1, 1, 1] = np.nan
    return x


def rows_of_indices(rng):
    return rng.permuted(np.tile(np.arange(4), (3, 1)), axis=1)[:, :2]


def put(x, indices, axis, size):
    out = np.zeros((3, size), x.dtype)
    np.put_along_axis(out, indices, x, axis)
    return out


def extreme(function):
    return lambda x, axes, keepdims: function(x, axis=axes, keepdims=keepdims)


def both(x, axes, keepdims):
    return np.min(x, axis=axes, keepdims=keepdims), np.max(x, axis=axes, keepdims=keepdims)


def indexed(values, positions):
    def reference(x, axis, keepdims):
        return values(x, axis=axis, keepdims=keepdims), positions(x, axis=axis, keepdims=keepdims)

    return reference


def position(function):
    return lambda x, axis, keepdims: function(x, axis=axis, keepdims=keepdims)


ROWS = [
    Row(op="take_along", inputs=((3, 4), rows_of_indices), params=[{"axis": 1}],
        reference=lambda x, indices, axis: np.take_along_axis(x, indices, axis), exact=True),
    Row(op="put_along", inputs=((3, 2), rows_of_indices), params=[{"axis": 1, "size": 4}],
        reference=put, exact=True),
]  # fmt: skip
for name, function, with_index in (
    ("max", np.max, indexed(np.max, np.argmax)),
    ("min", np.min, indexed(np.min, np.argmin)),
):
    ROWS += [
        Row(op=f"a{name}", inputs=SHAPE, big=BIG, reference=extreme(function), params=CASES,
            dtypes=DTYPES, domain=(0, 200), exact=True),
        Row(op=f"a{name}", inputs=(some_nan,), reference=extreme(function), params=CASES, order=0),
        Row(op=f"a{name}", inputs=((),), reference=extreme(function), params=[CASES[0]]),
        Row(op=f"{name}_with_index", inputs=SHAPE, big=BIG, reference=with_index, params=AXIS,
            dtypes=DTYPES, domain=(0, 200), exact=True),
        Row(op=f"{name}_with_index", inputs=(some_nan,), reference=with_index, params=AXIS,
            order=0),
        Row(op=f"{name}_with_index", inputs=(integers,), reference=with_index, params=AXIS,
            order=0),
    ]  # fmt: skip
for name, function in (("argmax", np.argmax), ("argmin", np.argmin)):
    ROWS += [
        Row(op=name, inputs=SHAPE, big=BIG, reference=position(function), params=POSITIONS,
            dtypes=DTYPES, domain=(0, 200), order=0),
        Row(op=name, inputs=(integers,), reference=position(function), params=POSITIONS, order=0),
        Row(op=name, inputs=(some_nan,), reference=position(function), params=POSITIONS, order=0),
    ]  # fmt: skip
ROWS += [
    Row(op="aminmax", inputs=SHAPE, reference=both, dtypes=DTYPES, domain=(0, 200), exact=True,
        params=[{"axes": a, "keepdims": k} for a in AXES[:4] for k in (False, True)]),
    Row(op="max", inputs=SHAPE, reference=np.max, call=lambda gc, x: x.max(), exact=True),
    Row(op="min", inputs=((),), reference=np.min, call=lambda gc, x: x.min(), exact=True),
]  # fmt: skip
