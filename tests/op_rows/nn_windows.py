"""Rows of ops/fold.py, ops/pool_windows.py and ops/resample.py."""

from __future__ import annotations

import itertools
import math

import numpy as np

from gradcore import nn
from gradcore.ops.resample import antialias_taps, cubic_taps, linear_taps, nearest_taps
from op_table import Row

assert nn.functional  # importing it registers the ops

CASES = [
    {"kernel": (2, 3), "dilation": (1, 1), "padding": (0, 0), "stride": (1, 1)},
    {"kernel": (3, 2), "dilation": (2, 1), "padding": (1, 2), "stride": (2, 1)},
]
SIZE = (6, 5)


def blocks(size, kernel, dilation, padding, stride):
    """(number of the block, {kernel position: where it reads}) in the unpadded image."""
    counts = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, d, p, s in zip(size, kernel, dilation, padding, stride, strict=True)
    ]
    for number, corner in enumerate(itertools.product(*map(range, counts))):
        places = {}
        for position in itertools.product(*map(range, kernel)):
            at = tuple(
                c * s - p + o * d
                for c, s, p, o, d in zip(corner, stride, padding, position, dilation, strict=True)
            )
            if all(0 <= a < n for a, n in zip(at, size, strict=True)):
                places[position] = at
        yield number, places, math.prod(counts)


def im2col(x, kernel, **geometry):
    out = None
    for number, places, count in blocks(x.shape[2:], kernel, **geometry):
        if out is None:
            out = np.zeros((*x.shape[:2], *kernel, count), x.dtype)
        for position, at in places.items():
            out[(slice(None), slice(None), *position, number)] = x[(..., *at)]
    return out.reshape((x.shape[0], -1, out.shape[-1]))


def col2im(y, size, kernel, **geometry):
    parts = y.reshape((y.shape[0], -1, *kernel, y.shape[-1]))
    out = np.zeros((*parts.shape[:2], *size), y.dtype)
    for number, places, _ in blocks(size, kernel, **geometry):
        for position, at in places.items():
            out[(..., *at)] += parts[(slice(None), slice(None), *position, number)]
    return out


def resample(x, axis, taps):
    weights = np.ones(taps.indices.shape) if taps.weights is None else taps.weights
    matrix = np.zeros((taps.indices.shape[1], taps.inputs))
    for k, i in np.ndindex(taps.indices.shape):
        matrix[i, taps.indices[k, i]] += weights[k, i]
    return np.moveaxis(np.moveaxis(x, axis, -1) @ matrix.T, -1, axis).astype(x.dtype)


def adaptive_max(x, output_size):
    values = np.zeros((*x.shape[:2], *output_size), x.dtype)
    indices = np.zeros(values.shape, np.int64)
    for at in np.ndindex(*output_size):
        parts = [
            slice(i * n // m, -(-(i + 1) * n // m))
            for i, n, m in zip(at, x.shape[2:], output_size, strict=True)
        ]
        for plane in np.ndindex(x.shape[:2]):
            values[plane + at], indices[plane + at] = highest(x[plane], parts)
    return values, indices


def highest(plane, parts):
    """The maximum of a part of a plane, and its flat position."""
    part = plane[tuple(parts)]
    inside = np.unravel_index(part.argmax(), part.shape)
    at = tuple(p.start + i for p, i in zip(parts, inside, strict=True))
    return part.max(), np.ravel_multi_index(at, plane.shape)


def fractional(x, samples, kernel, output_size):
    values = np.zeros((*x.shape[:2], *output_size), x.dtype)
    indices = np.zeros(values.shape, np.int64)
    for plane in np.ndindex(x.shape[:2]):
        starts = [
            interval(u, n, k, m)
            for u, n, k, m in zip(samples[plane], x.shape[2:], kernel, output_size, strict=True)
        ]
        for at in np.ndindex(*output_size):
            parts = [slice(s[i], s[i] + k) for s, i, k in zip(starts, at, kernel, strict=True)]
            values[plane + at], indices[plane + at] = highest(x[plane], parts)
    return values, indices


def interval(sample, size, kernel, count):
    alpha = (size - kernel) / (count - 1)
    starts = [int((i + sample) * alpha) - int(sample * alpha) for i in range(count - 1)]
    return [*starts, size - kernel]


def unpool(x, indices, spatial):
    out = np.zeros((*x.shape[:2], math.prod(spatial)), x.dtype)
    for plane in np.ndindex(x.shape[:2]):
        out[plane][indices[plane].ravel()] = x[plane].ravel()
    return out.reshape((*x.shape[:2], *spatial))


def places(rng):
    """Different positions in planes of 30 elements."""
    rows = [rng.permutation(30)[:6].reshape(2, 3) for _ in range(4)]
    return np.stack(rows).reshape((2, 2, 2, 3))


def samples(rng):
    return rng.random((2, 2, 2))


POINTS, SPOTS = 7, 6  # outputs, inputs


def spots(rng):
    """For 2 images, 3 inputs of each output; -1 and -9 are outside."""
    indices = rng.integers(0, SPOTS, (2, 3, POINTS))
    indices[0, 1, ::2], indices[1, 0, 3] = -1, -9
    return indices


def sampling(indices, size):
    """The tensor (N, K, P, S) that is 1 where an output reads an input."""
    return (indices[..., None] == np.arange(size)).astype("float64")


def gather_weighted(x, weights, indices):
    ones = sampling(indices, x.shape[2])
    return np.einsum("ncs,nkp,nkps->ncp", x, weights, ones).astype(x.dtype)


def scatter_weighted(y, weights, indices, size):
    return np.einsum("ncp,nkp,nkps->ncs", y, weights, sampling(indices, size)).astype(y.dtype)


def dot_gathered(y, x, indices):
    ones = sampling(indices, x.shape[2])
    return np.einsum("ncp,ncs,nkps->nkp", y, x, ones).astype(x.dtype)


TABLES = [
    nearest_taps(5, 8, False, None),
    nearest_taps(5, 3, True, None),
    linear_taps(5, 8, False, None),
    linear_taps(5, 8, True, None),
    linear_taps(5, 7, False, 1.5),
    cubic_taps(5, 9, False, None),
    antialias_taps(5, 2, "bilinear", False, None),
    antialias_taps(5, 3, "bicubic", False, None),
    antialias_taps(5, 3, "lanczos", False, None),
]
TABLES += [table.transposed for table in TABLES[:3]]

ROWS = [
    Row(op="im2col", inputs=((2, 3, *SIZE),), params=CASES, reference=im2col),
    Row(op="adaptive_max_pool", inputs=((2, 2, 5, 7),), reference=adaptive_max,
        params=[{"output_size": s} for s in ((1, 1), (2, 3), (5, 7), (3, 9))]),
    Row(op="fractional_max_pool", inputs=((2, 2, 7, 8), samples), reference=fractional,
        params=[{"kernel": (2, 3), "output_size": (3, 4)}], differentiable=(True, False)),
    Row(op="gather_weighted", inputs=((2, 5, SPOTS), (2, 3, POINTS), spots),
        reference=gather_weighted),
    Row(op="scatter_weighted", inputs=((2, 5, POINTS), (2, 3, POINTS), spots),
        params=[{"size": SPOTS}], reference=scatter_weighted),
    Row(op="dot_gathered", inputs=((2, 5, POINTS), (2, 5, SPOTS), spots), reference=dot_gathered),
    Row(op="max_unpool", inputs=((2, 2, 2, 3), places), params=[{"spatial": (6, 5)}],
        reference=unpool),
]  # fmt: skip
ROWS += [
    Row(op="col2im", inputs=(im2col(np.zeros((2, 3, *SIZE)), **case).shape,),
        params=[dict(case, size=SIZE)], reference=col2im)
    for case in CASES
]  # fmt: skip
ROWS += [
    Row(op="resample", inputs=((2, table.inputs, 3),), params=[{"axis": 1, "taps": table}],
        reference=resample)
    for table in TABLES
]  # fmt: skip
