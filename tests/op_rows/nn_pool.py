"""Rows of ops/pool.py."""

from __future__ import annotations

import itertools
import math

import numpy as np

from op_table import Row


def case(kernel=2, stride=2, padding=0, ceil_mode=False, n=2, **more):
    params = {"kernel": (kernel,) * n, "stride": (stride,) * n, "padding": (padding,) * n}
    return dict(params, ceil_mode=ceil_mode, **more)


def starts(size, k, stride, padding, dilation, ceil_mode):
    """Where the windows along one dimension start."""
    rest = size + 2 * padding - dilation * (k - 1) - 1
    count = (math.ceil if ceil_mode else math.floor)(rest / stride) + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return [i * stride - padding for i in range(count)]


def windows(x, kernel, stride, padding, dilation, ceil_mode):
    """(position of the output, positions inside the input, size in the padded one)."""
    sizes = x.shape[2:]
    along = [
        list(enumerate(starts(n, k, s, p, d, ceil_mode)))
        for n, k, s, p, d in zip(sizes, kernel, stride, padding, dilation, strict=True)
    ]
    for corner in itertools.product(*along):
        ranges = [
            [start + d * j for j in range(k) if 0 <= start + d * j < n]
            for (_, start), k, d, n in zip(corner, kernel, dilation, sizes, strict=True)
        ]
        counted = math.prod(
            min(start + k, n + p) - start
            for (_, start), k, n, p in zip(corner, kernel, sizes, padding, strict=True)
        )
        yield tuple(i for i, _ in corner), ranges, counted


def max_pool(x, kernel, stride, padding, dilation, ceil_mode):
    values, where = {}, {}
    positions = np.arange(math.prod(x.shape[2:])).reshape(x.shape[2:])
    for at, ranges, _ in windows(x, kernel, stride, padding, dilation, ceil_mode):
        flat = x[(..., *np.ix_(*ranges))].reshape((*x.shape[:2], -1))
        values[at] = flat.max(-1)
        where[at] = positions[np.ix_(*ranges)].reshape(-1)[flat.argmax(-1)]
    return stacked(values), stacked(where)


def stacked(results):
    """{position: (N, C)} as (N, C, *positions)."""
    sizes = tuple(n + 1 for n in max(results))
    flat = np.stack([results[at] for at in np.ndindex(sizes)], -1)
    return flat.reshape((*flat.shape[:2], *sizes))


def avg_pool(x, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    results = {}
    ones = (1,) * len(kernel)
    for at, ranges, counted in windows(x, kernel, stride, padding, ones, ceil_mode):
        inside = math.prod(map(len, ranges))
        size = divisor or (counted if count_include_pad else inside)
        results[at] = x[(..., *np.ix_(*ranges))].reshape((*x.shape[:2], -1)).sum(-1) / size
    return stacked(results).astype(x.dtype)


def adjoint(forward, shape):
    """The transpose of a linear map of planes of ``shape``."""
    basis = np.eye(math.prod(shape)).reshape((-1, 1, *shape))
    return np.stack([forward(b[None])[0, 0] for b in basis])


def avg_pool_backward(y, spatial, **params):
    matrix = adjoint(lambda x: avg_pool(x, **params), spatial)
    flat = np.tensordot(y, matrix, (range(2, y.ndim), range(1, matrix.ndim)))
    return flat.reshape((*y.shape[:2], *spatial)).astype(y.dtype)


def adaptive(x, output_size):
    for axis, n in enumerate(output_size, 2):
        size = x.shape[axis]
        parts = [(i * size // n, -(-(i + 1) * size // n)) for i in range(n)]
        x = np.stack([x.take(range(a, b), axis).mean(axis) for a, b in parts], axis)
    return x


def adaptive_backward(y, spatial):
    matrix = adjoint(lambda x: adaptive(x, y.shape[2:]), spatial)
    flat = np.tensordot(y, matrix, (range(2, y.ndim), range(1, matrix.ndim)))
    return flat.reshape((*y.shape[:2], *spatial)).astype(y.dtype)


def scatter(y, indices, spatial):
    out = np.zeros((*y.shape[:2], math.prod(spatial)), y.dtype)
    for n, c in np.ndindex(y.shape[:2]):
        np.add.at(out[n, c], indices[n, c].ravel(), y[n, c].ravel())
    return out.reshape((*y.shape[:2], *spatial))


def gather(x, indices):
    flat = x.reshape((*x.shape[:2], -1))
    rows = indices.reshape((*x.shape[:2], -1))
    return np.take_along_axis(flat, rows, -1).reshape(indices.shape)


def indices(shape, limit):
    return lambda rng: rng.integers(0, limit, shape)


PLANES = ((2, 3, 7, 6),)
MAXIMA = [
    case(dilation=(1, 1)),
    case(3, 2, 1, dilation=(1, 1)),
    case(3, 2, 1, True, dilation=(1, 1)),
    case(2, 1, 0, dilation=(2, 2)),
]
MEANS = [
    case(count_include_pad=True, divisor=None),
    case(3, 2, 1, count_include_pad=True, divisor=None),
    case(3, 2, 1, count_include_pad=False, divisor=None),
    case(3, 2, 1, True, count_include_pad=True, divisor=None),
    case(3, 2, 1, True, count_include_pad=False, divisor=None),
    case(2, 2, 0, count_include_pad=True, divisor=3),
]
LINE = {"count_include_pad": True, "divisor": None}

ROWS = [
    Row(op="max_pool", inputs=PLANES, params=MAXIMA, reference=max_pool, big=((8, 16, 40, 40),),
        dtypes=("float64", "float32", "int64")),
    Row(op="max_pool", inputs=((2, 3, 9),), params=[case(3, 2, 1, n=1, dilation=(1,))],
        reference=max_pool),
    Row(op="max_pool", inputs=((1, 2, 4, 5, 4),), params=[case(2, 2, 1, n=3, dilation=(1, 1, 1))],
        reference=max_pool),
    Row(op="max_pool_backward", inputs=((2, 3, 4, 5), indices((2, 3, 4, 5), 42)),
        params=[{"spatial": (7, 6)}], reference=scatter),
    Row(op="gather_planes", inputs=((2, 3, 7, 6), indices((2, 3, 4, 5), 42)), reference=gather),
    Row(op="avg_pool", inputs=PLANES, params=MEANS, reference=avg_pool, big=((8, 16, 40, 40),)),
    Row(op="avg_pool", inputs=((2, 3, 9),), params=[case(3, 2, 1, n=1, **LINE)],
        reference=avg_pool),
    Row(op="adaptive_avg_pool", inputs=PLANES, reference=adaptive, big=((8, 16, 40, 40),),
        params=[{"output_size": s} for s in ((1, 1), (3, 4), (7, 6), (9, 2))]),
    Row(op="adaptive_avg_pool_backward", inputs=((2, 3, 3, 4),), reference=adaptive_backward,
        params=[{"spatial": s} for s in ((7, 6), (3, 4), (2, 8))]),
]  # fmt: skip
ROWS += [
    Row(op="avg_pool_backward", inputs=(avg_pool(np.zeros((2, 3, 7, 6)), **params).shape,),
        params=[dict(params, spatial=(7, 6))], reference=avg_pool_backward)
    for params in MEANS
]  # fmt: skip
