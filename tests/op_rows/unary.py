"""Rows of ops/unary.py."""

from __future__ import annotations

import math

import numpy as np

from op_table import NUMBERS, Row

EXTREMES = (np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, 0.3, 90.0, -90.0)
SHAPE = ((3, 4),)


def in_float64(function):
    """A reference that computes element by element with Python's math module."""
    vectorized = np.vectorize(function, otypes=[np.float64])

    def reference(x):
        return vectorized(x.astype(np.float64)).astype(x.dtype)

    return reference


def sigmoid(x):
    return (1 / (1 + np.exp(-x.astype(np.float64)))).astype(x.dtype)


def erfinv(y):
    """Newton's method on erf; the domain of the row keeps away from -1 and 1."""
    y = y.astype(np.float64)
    x = np.zeros_like(y)
    for _ in range(60):
        error = np.vectorize(math.erf, otypes=[np.float64])(x) - y
        x = x - error * (math.sqrt(math.pi) / 2) * np.exp(x * x)
    return x


# op, reference, domain, whether it is defined for complex numbers
FUNCTIONS = (
    ("exp", np.exp, (-2, 2), True),
    ("exp2", np.exp2, (-2, 2), False),
    ("expm1", np.expm1, (-2, 2), True),
    ("log", np.log, (0.3, 3), True),
    ("log2", np.log2, (0.3, 3), True),
    ("log10", np.log10, (0.3, 3), True),
    ("log1p", np.log1p, (-0.6, 3), True),
    ("sqrt", np.sqrt, (0.3, 3), True),
    ("rsqrt", lambda x: 1 / np.sqrt(x), (0.3, 3), True),
    ("reciprocal", lambda x: 1 / x, (0.3, 3), True),
    ("sin", np.sin, (-3, 3), True),
    ("cos", np.cos, (-3, 3), True),
    ("tan", np.tan, (-1.2, 1.2), True),
    ("asin", np.arcsin, (-0.8, 0.8), True),
    ("acos", np.arccos, (-0.8, 0.8), True),
    ("atan", np.arctan, (-3, 3), False),
    ("sinh", np.sinh, (-2, 2), True),
    ("cosh", np.cosh, (-2, 2), True),
    ("tanh", np.tanh, (-2, 2), True),
    ("asinh", np.arcsinh, (-3, 3), False),
    ("acosh", np.arccosh, (1.3, 3), True),
    ("atanh", np.arctanh, (-0.8, 0.8), True),
)

ROWS = [
    Row(op=op, inputs=SHAPE, reference=reference, domain=domain, extremes=EXTREMES, complex=complex)
    for op, reference, domain, complex in FUNCTIONS
]
ROWS += [
    Row(op=op, inputs=SHAPE, reference=reference, domain=(-3, 3), extremes=EXTREMES, dtypes=dtypes)
    for op, reference, dtypes in (
        ("floor", np.floor, ("float64", "float32")),
        ("ceil", np.ceil, ("float64", "float32")),
        ("trunc", np.trunc, ("float64", "float32")),
        ("round", np.rint, ("float64", "float32")),
        ("frac", lambda x: x - np.trunc(x), ("float64", "float32")),
        ("sign", lambda x: np.where(np.isnan(x), x.dtype.type(0), np.sign(x)), NUMBERS),
        ("sgn", np.sign, NUMBERS),
        ("abs", np.abs, NUMBERS),
        ("square", np.square, NUMBERS),
        ("positive", np.positive, NUMBERS),
        ("relu", lambda x: np.where(x < 0, x.dtype.type(0), x), NUMBERS),
    )
]  # fmt: skip
ROWS += [
    Row(op="abs", inputs=((3, 4),), reference=np.abs, dtypes=("complex128", "complex64"),
        complex=True),
    Row(op="conj_physical", inputs=((3, 4),), reference=np.conj,
        dtypes=("complex128", "complex64", "float32"), complex=True),
    Row(op="sigmoid", inputs=SHAPE, reference=sigmoid, extremes=EXTREMES),
    Row(op="erf", inputs=SHAPE, reference=in_float64(math.erf), extremes=EXTREMES),
    Row(op="erfc", inputs=SHAPE, reference=in_float64(math.erfc), extremes=EXTREMES),
    Row(op="erfinv", inputs=SHAPE, reference=erfinv, domain=(-0.8, 0.8), dtypes=("float64",)),
]  # fmt: skip
ROWS += [
    Row(op=op, inputs=SHAPE, reference=reference, extremes=EXTREMES, order=0)
    for op, reference in (
        ("isnan", np.isnan), ("isinf", np.isinf), ("isfinite", np.isfinite),
        ("signbit", np.signbit),
    )
]  # fmt: skip
