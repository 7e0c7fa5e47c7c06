"""Rows of ops/pointwise.py."""

from __future__ import annotations

import numpy as np

from op_table import FLOATS, NUMBERS, Row

SHAPES = ((3, 4), (4,))
COLUMN = ((2, 3, 1), (1, 4))
EXTREMES = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -2.5)
INTEGERS = ("int64", "int32", "uint8", "bool")
POSITIVE = (0.3, 2.0)
AWAY_FROM_ZERO = (0.4, 2.0)


def mask(rng):
    return rng.random((3, 4)) < 0.5


def clamp(x, low, high):
    lower = x if low is None else np.maximum(x, low)
    return lower if high is None else np.minimum(lower, high)


def xlogy(x, y):
    return np.where((x == 0) & ~np.isnan(y), x.dtype.type(0), x * np.log(y))


def step(x, values):
    """0 for nan, where NumPy has nan."""
    return np.where(np.isnan(x), x.dtype.type(0), np.heaviside(x, values))


def truncated_quotient(x, y):
    return np.trunc(x / y)


ROWS = [
    Row(op="add", inputs=SHAPES, reference=np.add, dtypes=NUMBERS, extremes=EXTREMES, complex=True),
    Row(op="add", inputs=COLUMN, reference=np.add),
    Row(op="sub", inputs=SHAPES, reference=np.subtract, dtypes=NUMBERS, extremes=EXTREMES,
        complex=True),
    Row(op="mul", inputs=SHAPES, reference=np.multiply, dtypes=NUMBERS, extremes=EXTREMES,
        complex=True),
    Row(op="mul", inputs=COLUMN, reference=np.multiply),
    Row(op="div", inputs=SHAPES, reference=np.divide, domain=((-2, 2), AWAY_FROM_ZERO),
        extremes=EXTREMES, complex=True),
    Row(op="neg", inputs=((3, 4),), reference=np.negative, dtypes=NUMBERS, extremes=EXTREMES,
        complex=True),
    Row(op="pow_scalar", inputs=((3, 4),), domain=POSITIVE, complex=True,
        reference=lambda x, exponent: x**exponent,
        params=[{"exponent": e} for e in (0, 1, 2, 3, 0.5, -1, 1.7, -2.5)]),
    Row(op="pow_scalar", inputs=((3, 4),), dtypes=("int64", "int32"), order=0,
        reference=lambda x, exponent: x**exponent, params=[{"exponent": e} for e in (0, 1, 2, 5)]),
    Row(op="pow", inputs=SHAPES, reference=np.power, domain=(POSITIVE, (-2, 2)),
        extremes=EXTREMES, complex=True),
    Row(op="pow", inputs=SHAPES, reference=np.power, domain=(0, 4), dtypes=("int64",), order=0),
    Row(op="where", inputs=(mask, (3, 4), (4,)), reference=np.where, dtypes=NUMBERS),
    Row(op="maximum", inputs=SHAPES, reference=np.maximum, dtypes=NUMBERS, extremes=EXTREMES),
    Row(op="minimum", inputs=SHAPES, reference=np.minimum, dtypes=NUMBERS, extremes=EXTREMES),
    Row(op="fmax", inputs=SHAPES, reference=np.fmax, dtypes=NUMBERS, extremes=EXTREMES),
    Row(op="fmin", inputs=SHAPES, reference=np.fmin, dtypes=NUMBERS, extremes=EXTREMES),
    Row(op="clamp_scalar", inputs=((3, 4),), reference=clamp, extremes=EXTREMES,
        params=[{"low": -0.5, "high": 0.7}, {"low": None, "high": 0.1},
                {"low": 0.2, "high": None}]),
    Row(op="floor_divide", inputs=SHAPES, reference=np.floor_divide,
        domain=((-9, 9), (1, 4)), dtypes=NUMBERS, order=0),
    Row(op="trunc_divide", inputs=SHAPES, reference=truncated_quotient,
        domain=((-9, 9), (1, 4)), order=0),
    Row(op="remainder", inputs=SHAPES, reference=np.remainder, domain=((-9, 9), (1, 4)),
        dtypes=NUMBERS),
    Row(op="fmod", inputs=SHAPES, reference=np.fmod, domain=((-9, 9), (1, 4)), dtypes=NUMBERS),
    Row(op="atan2", inputs=SHAPES, reference=np.arctan2, domain=(AWAY_FROM_ZERO, (-2, 2)),
        extremes=EXTREMES),
    Row(op="hypot", inputs=SHAPES, reference=np.hypot, domain=(AWAY_FROM_ZERO, (-2, 2)),
        extremes=EXTREMES),
    Row(op="logaddexp", inputs=SHAPES, reference=np.logaddexp, extremes=EXTREMES),
    Row(op="logaddexp2", inputs=SHAPES, reference=np.logaddexp2, extremes=EXTREMES),
    Row(op="copysign", inputs=SHAPES, reference=np.copysign, domain=(AWAY_FROM_ZERO, (-2, 2)),
        extremes=EXTREMES),
    Row(op="xlogy", inputs=SHAPES, reference=xlogy, domain=((-2, 2), POSITIVE),
        extremes=EXTREMES),
    Row(op="heaviside", inputs=SHAPES, reference=step, extremes=EXTREMES, order=0),
]  # fmt: skip

ROWS += [
    Row(op=op, inputs=SHAPES, reference=reference, dtypes=(*FLOATS, "int64", "uint8"),
        domain=(0, 2), extremes=EXTREMES, order=0)
    for op, reference in (
        ("eq", np.equal), ("ne", np.not_equal), ("lt", np.less), ("le", np.less_equal),
        ("gt", np.greater), ("ge", np.greater_equal), ("logical_and", np.logical_and),
        ("logical_or", np.logical_or), ("logical_xor", np.logical_xor),
    )
]  # fmt: skip
ROWS += [
    Row(op="logical_not", inputs=((3, 4),), reference=np.logical_not, extremes=EXTREMES, order=0),
    Row(op="bitwise_not", inputs=((3, 4),), reference=np.invert, domain=(0, 9), dtypes=INTEGERS,
        order=0),
]  # fmt: skip
ROWS += [
    Row(op=op, inputs=SHAPES, reference=reference, domain=(0, 9), dtypes=INTEGERS, order=0)
    for op, reference in (
        ("bitwise_and", np.bitwise_and), ("bitwise_or", np.bitwise_or),
        ("bitwise_xor", np.bitwise_xor),
    )
]  # fmt: skip
ROWS += [
    Row(op=op, inputs=SHAPES, reference=reference, domain=(0, 6), dtypes=("int64", "int32"),
        order=0)
    for op, reference in (("left_shift", np.left_shift), ("right_shift", np.right_shift))
]  # fmt: skip
