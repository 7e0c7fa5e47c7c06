"""Rows of ops/distances.py, ops/histogram.py and tensor/statistics.py."""

from __future__ import annotations

import numpy as np

from op_table import Row

SAMPLES = np.array([0.0, 0.5, 0.75, 2.0])
WEIGHTS = np.array([0.5, 1.0, 2.0, 0.25, 3.0])


def in_dtype(function):
    """A NumPy function as the reference, computed in float64 and given in the input's dtype."""

    def reference(x, *others, **params):
        wide = [a.astype(np.promote_types(a.dtype, "d")) for a in (x, *others)]
        return np.asarray(function(*wide, **params)).astype(x.dtype)

    return reference


def distances(x1, x2, p=2.0):
    difference = np.abs(x1[..., :, None, :] - x2[..., None, :, :])
    return difference.max(-1) if np.isinf(p) else (difference**p).sum(-1) ** (1 / p)


def running_integral(y):
    steps = np.diff(SAMPLES)[:, None]
    return np.cumsum((y[1:] + y[:-1]) / 2 * steps, 0)


def renormed(x, p, dim, maxnorm):
    other = tuple(i for i in range(x.ndim) if i != dim)
    norm = (np.abs(x) ** p).sum(other, keepdims=True) ** (1 / p)
    return x * np.where(norm > maxnorm, maxnorm / (norm + 1e-7), 1)


def counts(x, weight, *edges):
    return np.histogramdd(x, edges, weights=weight)[0]


def steps(low, high, number):
    return lambda rng: np.linspace(low, high, number)


ROWS = [
    Row(op="euclidean_distances", inputs=((4, 3), (5, 3)), reference=in_dtype(distances)),
    Row(op="euclidean_distances", inputs=((2, 4, 3), (2, 5, 3)), reference=in_dtype(distances)),
    Row(op="count_in_boxes", reference=counts, order=0, dtypes=("float64",),
        inputs=((50, 2), (50,), steps(-2, 1, 4), steps(-1.5, 2, 6))),
    Row(op="cdist", inputs=((2, 1, 4, 3), (3, 5, 3)), reference=in_dtype(distances),
        call=lambda gc, x1, x2, p: gc.cdist(x1, x2, p),
        params=[{"p": p} for p in (1.0, 1.5, 2.0, 3.0, np.inf)]),
    Row(op="cdist", inputs=((30, 3), (4, 3)), reference=in_dtype(distances),
        call=lambda gc, x1, x2: gc.cdist(x1, x2)),
    Row(op="renorm", inputs=((3, 4, 2),), reference=in_dtype(renormed),
        call=lambda gc, x, **params: gc.renorm(x, **params),
        params=[{"p": p, "dim": dim, "maxnorm": 1.5} for p in (1, 2, 3.5) for dim in (0, 1)]),
    Row(op="cov", inputs=((3, 5),), reference=in_dtype(np.cov), call=lambda gc, x: gc.cov(x),
        complex=True),
    Row(op="cov", inputs=((3, 5),), reference=in_dtype(lambda x: np.cov(x, aweights=WEIGHTS)),
        call=lambda gc, x: gc.cov(x, aweights=gc.tensor(WEIGHTS, dtype=x.dtype, device=x.device))),
    Row(op="corrcoef", inputs=((3, 5),), reference=in_dtype(np.corrcoef),
        call=lambda gc, x: gc.corrcoef(x)),
    Row(op="trapezoid", inputs=((4, 3),), call=lambda gc, y: gc.trapezoid(y, dx=0.5, dim=0),
        reference=in_dtype(lambda y: ((y[1:] + y[:-1]) * 0.25).sum(0))),
    Row(op="cumulative_trapezoid", inputs=((4, 3),), reference=in_dtype(running_integral),
        call=lambda gc, y: gc.cumulative_trapezoid(
            y, gc.tensor(SAMPLES, dtype=y.dtype, device=y.device), dim=0)),
    Row(op="sum_to_size", inputs=((2, 3, 4),), call=lambda gc, x: x.sum_to_size(3, 1),
        reference=in_dtype(lambda x: x.sum((0, 2))[:, None])),
]  # fmt: skip
