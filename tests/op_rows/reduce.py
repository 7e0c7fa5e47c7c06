"""Rows of ops/reduce.py and ops/variance.py."""

from __future__ import annotations

import itertools

import numpy as np

from op_table import FLOATS, NUMBERS, Row

SHAPE = ((3, 4, 5),)
BIG = ((40, 130, 90),)
AXES = (None, (0,), (1,), (2,), (0, 2), (1, 2), (0, 1, 2))
CASES = [
    {"axes": axes, "keepdims": keepdims}
    for axes, keepdims in itertools.product(AXES, (False, True))
]
ONE_AXIS = [case for case in CASES if case["axes"] is None or len(case["axes"]) == 1]
SUMS = ("int64", "int32", "uint8", "bool")


def reducing(function):
    """A NumPy reduction as the reference: in float64, integers in int64."""

    def reference(x, axes, keepdims):
        wide = (
            x.astype(np.int64)
            if x.dtype.kind in "biu"
            else x.astype(np.promote_types(x.dtype, "d"))
        )
        result = function(wide, axis=axes, keepdims=keepdims)
        return result if x.dtype.kind in "biu" else result.astype(x.dtype)

    return reference


def logsumexp(x, axis, keepdims):
    return np.log(np.exp(x).sum(axis=axis, keepdims=keepdims))


def with_nans(rng):
    x = rng.uniform(-2, 2, (3, 4, 5))
    x[rng.random(x.shape) < 0.3] = np.nan
    return x


def with_zeros(rng):
    """One, two and no zeros in the rows of the last axis."""
    x = rng.uniform(0.5, 2, (3, 4))
    x[0, 1] = x[1, 0] = x[1, 3] = 0
    return x


def vector_norm(x, p, axes, keepdims):
    size = np.abs(x.astype(np.promote_types(x.dtype, "d")))
    if np.isinf(p):
        result = (np.max if p > 0 else np.min)(size, axis=axes, keepdims=keepdims)
    elif p == 0:
        result = (size != 0).sum(axis=axes, keepdims=keepdims)
    else:
        result = (size**p).sum(axis=axes, keepdims=keepdims) ** (1 / p)
    return result.astype(x.real.dtype)


def var_mean(x, axes, correction, keepdims):
    wide = x.astype(np.promote_types(x.dtype, "d"))
    n = wide.size // wide.sum(axis=axes).size
    var = wide.var(axis=axes, keepdims=keepdims) * (n / (n - correction))
    return var.astype(x.real.dtype), wide.mean(axis=axes, keepdims=keepdims).astype(x.dtype)


def std_mean(x, axes, correction, keepdims):
    var, mean = var_mean(x, axes, correction, keepdims)
    return np.sqrt(var), mean


ORDERS = (0.0, 0.5, 1.0, 1.5, 2.0, 3.0, np.inf, -np.inf)
VARIANCES = [dict(case, correction=c) for case, c in itertools.product(CASES, (0, 1))]
EMPTY = (((),), ((1, 0, 3),))

ROWS = [
    Row(op="sum", inputs=SHAPE, big=BIG, reference=reducing(np.sum), params=CASES, complex=True),
    Row(op="sum", inputs=SHAPE, big=BIG, reference=reducing(np.sum), params=CASES, dtypes=SUMS,
        order=0, domain=(0, 9)),
    Row(op="sum", inputs=((),), reference=reducing(np.sum), params=[CASES[0]], edges=EMPTY),
    Row(op="mean", inputs=SHAPE, big=BIG, reference=reducing(np.mean), params=CASES, complex=True),
    Row(op="mean", inputs=((),), reference=reducing(np.mean), params=[CASES[0]]),
    Row(op="nansum", inputs=(with_nans,), reference=reducing(np.nansum), params=CASES, order=0),
    Row(op="nansum", inputs=SHAPE, reference=reducing(np.nansum), params=CASES),
    Row(op="prod", inputs=SHAPE, reference=reducing(np.prod), params=ONE_AXIS, domain=(0.5, 2),
        dtypes=NUMBERS, complex=True),
    Row(op="prod", inputs=(with_zeros,), reference=reducing(np.prod),
        params=[{"axes": a, "keepdims": False} for a in (None, (0,), (1,))]),
    Row(op="prod", inputs=((),), reference=reducing(np.prod), params=[CASES[0]], edges=EMPTY),
    Row(op="logsumexp", inputs=SHAPE, big=BIG, reference=reducing(logsumexp), params=CASES,
        complex=True),
    Row(op="logsumexp", inputs=((),), reference=reducing(logsumexp), params=[CASES[0]],
        edges=EMPTY),
    Row(op="scaled_exp", inputs=SHAPE * 3, complex=True,
        reference=lambda x, y, scale: np.exp(x - y) * scale),
    Row(op="any", inputs=SHAPE, big=BIG, order=0, params=CASES, domain=(0, 1),
        reference=lambda x, axes, keepdims: np.any(x, axis=axes, keepdims=keepdims),
        dtypes=("bool", "float32", "int64", "uint8")),
    Row(op="all", inputs=SHAPE, big=BIG, order=0, params=CASES, domain=(0, 1),
        reference=lambda x, axes, keepdims: np.all(x, axis=axes, keepdims=keepdims),
        dtypes=("bool", "float32", "int64", "uint8")),
    Row(op="vector_norm", inputs=((3, 4),), reference=vector_norm, domain=(0.3, 2),
        params=[{"p": p, "axes": a, "keepdims": k}
                for p, a, k in itertools.product(ORDERS, (None, (0,), (1,)), (False, True))]),
    Row(op="vector_norm", inputs=((3, 4),), reference=vector_norm, complex=True,
        params=[{"p": p, "axes": (1,), "keepdims": False} for p in (1.0, 2.0, 3.0)]),
    Row(op="var_mean", inputs=SHAPE, big=BIG, reference=var_mean, params=VARIANCES, complex=True),
    Row(op="std_mean", inputs=SHAPE, big=BIG, reference=std_mean, params=VARIANCES),
]  # fmt: skip

# Public functions that have no primitive of their own, or one under another name.
ROWS += [
    Row(op="var", inputs=SHAPE, reference=lambda x: np.var(x, ddof=1, dtype="d").astype(x.dtype),
        call=lambda gc, x: x.var(), complex=True),
    Row(op="std", inputs=SHAPE, reference=lambda x: np.std(x, 1, dtype="d").astype(x.dtype),
        call=lambda gc, x: x.std(1, False)),
    Row(op="nanmean", inputs=(with_nans,), reference=lambda x: np.nanmean(x, 0), order=0,
        call=lambda gc, x: gc.nanmean(x, 0)),
    Row(op="count_nonzero", inputs=SHAPE, reference=lambda x: np.count_nonzero(x, (0, 1)),
        call=lambda gc, x: gc.count_nonzero(x, (0, 1)), dtypes=(*FLOATS, "bool"), order=0,
        domain=(0, 1)),
]  # fmt: skip
