"""Rows of ops/shape.py."""

from __future__ import annotations

import numpy as np

from gradcore.ops.op import OPS
from op_table import NUMBERS, Row


def sum_to(x, shape):
    while x.ndim > len(shape):
        x = x.sum(axis=0, dtype=x.dtype)
    for i, n in enumerate(shape):
        if n == 1:
            x = x.sum(axis=i, keepdims=True, dtype=x.dtype)
    return x


def scattered(x, key, shape):
    out = np.zeros(shape, x.dtype)
    out[key] = x
    return out


def on_diagonal(x, offset, dim1, dim2, shape):
    out = np.zeros(shape, x.dtype)
    moved = np.moveaxis(out, (dim1, dim2), (-2, -1))
    for i in range(x.shape[-1]):
        moved[..., i + max(-offset, 0), i + max(offset, 0)] = x[..., i]
    return out


def transposed(*shape):
    return lambda rng: rng.random(shape).T


def repeated(n, times):
    """Every element ``times`` over, along a last dimension of stride 0."""
    return lambda rng: np.broadcast_to(rng.random((n, 1)), (n, times))


MIXED_INDEX = (slice(1, None), None, 2, slice(None, None, 2))

ROWS = [
    Row(op="sum_to", inputs=((2, 3, 4),), reference=sum_to, dtypes=NUMBERS, complex=True,
        params=[{"shape": s} for s in ((3, 4), (1, 4), (2, 1, 4), (), (1, 1, 1), (2, 3, 4))]),
    Row(op="expand", inputs=((3, 1),), reference=lambda x, shape: np.broadcast_to(x, shape),
        params=[{"shape": s} for s in ((3, 4), (2, 3, 1), (2, 3, 5), (3, 0))], complex=True),
    Row(op="to_dtype", inputs=((3, 4),), reference=lambda x, dtype: x.astype(dtype),
        dtypes=(*NUMBERS, "bool"), params=[{"dtype": np.dtype("float64")}], edges=(((),), ((0,),))),
    Row(op="to_dtype", inputs=((3, 4),), reference=lambda x, dtype: x.astype(dtype), order=0,
        domain=(0, 9),
        params=[{"dtype": np.dtype(n)} for n in ("int64", "uint8", "bool", "complex64")]),
    Row(op="clone", inputs=((3, 4),), reference=np.copy, dtypes=NUMBERS, exact=True,
        edges=(((),), ((0, 2),)), big=((1, 500, 300),)),
    Row(op="contiguous", inputs=((3, 4),), reference=np.copy, exact=True,
        edges=(((),), ((0, 2),)), big=(transposed(500, 300),)),
    Row(op="view", inputs=((3, 4),), reference=lambda x, shape: x.reshape(shape), exact=True,
        params=[{"shape": s} for s in ((4, 3), (12,), (2, 1, 6))]),
    Row(op="reshape_copy", inputs=((3, 4),), reference=lambda x, shape: x.reshape(shape),
        exact=True, params=[{"shape": s} for s in ((4, 3), (12,), (2, 1, 6))]),
    Row(op="reshape_copy", inputs=(repeated(3, 2),), exact=True, params=[{"shape": (-1,)}], order=0,
        reference=lambda x, shape: x.reshape(shape), big=(repeated(90_000, 3),)),
    Row(op="permute", inputs=((2, 3, 4),), reference=lambda x, dims: np.transpose(x, dims),
        exact=True, params=[{"dims": d} for d in ((0, 1, 2), (2, 0, 1), (1, 0, 2))],
        edges=(((0, 3, 4),),)),
    Row(op="transpose", inputs=((2, 3, 4),), exact=True,
        reference=lambda x, dim0, dim1: np.swapaxes(x, dim0, dim1),
        params=[{"dim0": 0, "dim1": 2}, {"dim0": 1, "dim1": 1}]),
    Row(op="squeeze", inputs=((1, 3, 1, 2),), exact=True,
        reference=lambda x, dims: np.squeeze(x, dims),
        params=[{"dims": d} for d in ((0,), (2,), (0, 2), ())]),
    Row(op="unsqueeze", inputs=((3, 2),), reference=lambda x, dim: np.expand_dims(x, dim),
        exact=True, params=[{"dim": d} for d in (0, 1, 2)]),
    Row(op="slice", inputs=((3, 4, 5),), reference=lambda x, key: x[key], exact=True,
        params=[{"key": i} for i in ((), (1,), (..., 2), MIXED_INDEX)]),
    Row(op="select", inputs=((3, 4, 5),), reference=lambda x, key: x[key], exact=True,
        params=[{"key": i} for i in ((1, ...), (slice(None), -1, ...), (..., 2))]),
    Row(op="slice_backward", inputs=((2, 1, 3),), reference=scattered, exact=True,
        params=[{"key": MIXED_INDEX, "shape": (3, 4, 5)}]),
    Row(op="diagonal", inputs=((3, 4, 5),), exact=True,
        reference=lambda x, offset, dim1, dim2: np.diagonal(x, offset, dim1, dim2),
        params=[{"offset": 0, "dim1": 0, "dim2": 1}, {"offset": 1, "dim1": 1, "dim2": 2},
                {"offset": -2, "dim1": 2, "dim2": 0}]),
    Row(op="diagonal_backward", inputs=((2, 3),), reference=on_diagonal, exact=True,
        params=[{"offset": 0, "dim1": 1, "dim2": 2, "shape": (2, 3, 4)},
                {"offset": 1, "dim1": 1, "dim2": 2, "shape": (2, 3, 4)},
                {"offset": 0, "dim1": 0, "dim2": 2, "shape": (3, 2, 4)}]),
]  # fmt: skip

ROWS += [
    Row(op="to_device", inputs=[(3, 4)], reference=np.copy, exact=True,
        call=lambda T, x: OPS["to_device"](
            x, where=x.device, origin=x.device, non_blocking=False)),
]  # fmt: skip
