"""Rows of ops/arithmetic.py and ops/complex.py."""

from __future__ import annotations

import math

import numpy as np

from op_table import Row

INTEGERS = ("int64", "int32")


def complex_numbers(*shape):
    return lambda rng: rng.uniform(-1, 1, shape) + 1j * rng.uniform(-1, 1, shape)


def nan_to_num(x, nan, posinf, neginf):
    return np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf)


def trunc_divide(x, y):
    return np.trunc(x / y).astype(x.dtype)


def integer_power(x, y):
    pairs = zip(x.tolist(), y.tolist(), strict=True)
    result = [a**b if b >= 0 else int(float(a) ** b) for a, b in pairs]
    return np.array(result, x.dtype)


def repeated(*shape):
    """The same numbers at each call."""
    return lambda rng: np.linspace(0, 1, math.prod(shape)).reshape(shape)


def bases(rng):
    return np.array([2, 3, -1, -1, 1, -2, 5], "int64")


def exponents(rng):
    return np.array([5, -2, -3, 4, -7, 3, 0], "int64")


ROWS = [
    Row(op="lerp", inputs=((3, 4), (4,), (3, 4)), domain=((-2, 2), (-2, 2), (-1, 2)),
        reference=lambda x, y, w: x + w * (y - x), complex=True),
    Row(op="lerp_scalar", inputs=((3, 4), (4,)), params=[{"weight": 0.3}, {"weight": 0.75}],
        reference=lambda x, y, weight: x + weight * (y - x), complex=True,
        call=lambda gc, x, y, weight: gc.lerp(x, y, weight)),
    Row(op="frexp", inputs=((3, 4),), reference=np.frexp, edges=[((),), ((0,),)]),
    Row(op="gcd", inputs=((3, 4), (4,)), domain=(-30, 30), dtypes=INTEGERS, order=0,
        reference=np.gcd),
    Row(op="lcm", inputs=((3, 4), (4,)), domain=(-30, 30), dtypes=INTEGERS, order=0,
        reference=np.lcm),
    Row(op="nextafter", inputs=((3, 4), (4,)), reference=np.nextafter, exact=True, order=0),
    Row(op="deg2rad", inputs=((3, 4),), domain=(-360, 360), reference=np.deg2rad),
    Row(op="rad2deg", inputs=((3, 4),), reference=np.rad2deg),
    Row(op="nan_to_num", inputs=((3, 4),), reference=nan_to_num,
        params=[{"nan": 0.5, "posinf": 2.0, "neginf": -3.0}],
        extremes=(np.nan, np.inf, -np.inf, 1.0)),
    Row(op="equal", inputs=((3, 4), (3, 4)), reference=np.array_equal, order=0),
    Row(op="equal", inputs=(repeated(40, 90), repeated(40, 90)), reference=np.array_equal, order=0),
    Row(op="pow_integers", inputs=(bases, exponents), reference=integer_power, order=0),
    Row(op="trunc_divide_integers", inputs=((3, 4), (4,)), domain=((-30, 30), (1, 7)),
        dtypes=INTEGERS, order=0, reference=trunc_divide),
    Row(op="complex", inputs=((3, 4), (4,)), dtypes=("float64",),
        reference=lambda x, y: x + 1j * y),
    Row(op="angle", inputs=((3, 4),), reference=lambda x: np.where(x < 0, np.pi, 0).astype(x.dtype),
        extremes=(0.0, -0.0, np.inf, -1.0)),
    Row(op="complex_angle", inputs=(complex_numbers(3, 4),), reference=np.angle),
    Row(op="addcdiv", inputs=((3, 4), (4,), (3, 4)), domain=((-2, 2), (-2, 2), (0.5, 2)),
        reference=lambda x, y, z: x + 0.5 * y / z,
        call=lambda gc, x, y, z: gc.addcdiv(x, y, z, value=0.5)),
    Row(op="addcmul", inputs=((3, 4), (4,), (3, 4)), dtypes=("float64", "float32", "int64"),
        reference=lambda x, y, z: x + 2 * y * z,
        call=lambda gc, x, y, z: gc.addcmul(x, y, z, value=2)),
    Row(op="ldexp", inputs=((3, 4), (4,)), reference=lambda x, y: x * 2**y,
        call=lambda gc, x, y: gc.ldexp(x, y)),
]  # fmt: skip
