"""Rows of ops/joining.py, ops/moving.py, ops/padding.py and ops/strided.py."""

from __future__ import annotations

import numpy as np

from op_table import NUMBERS, Row


def restrided(x, geometry):
    sizes, strides, offset = geometry
    steps = [s * x.itemsize for s in strides]
    return np.lib.stride_tricks.as_strided(x.reshape(-1)[offset:], sizes, steps)


def restride(x, source, target):
    memory = np.zeros(12, x.dtype)
    np.add.at(memory, restrided(np.arange(12), source), x)
    return restrided(memory, target)


def unfolded(x, axis, size, step):
    n = (x.shape[axis] - size) // step + 1
    windows = [np.take(x, range(i * step, i * step + size), axis) for i in range(n)]
    return np.moveaxis(np.stack(windows, axis), axis + 1, -1)


def unfold_backward(x, axis, size, step, shape):
    out = np.zeros(shape, x.dtype)
    places = unfolded(np.arange(out.size).reshape(shape), axis, size, step)
    np.add.at(out.reshape(-1), places, x)
    return out


NUMPY_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def padded(x, widths, mode):
    return np.pad(x, widths, mode=NUMPY_MODES[mode])


def folded(x, like, widths, mode):
    out = np.zeros(like.shape, x.dtype)
    places = padded(np.arange(out.size).reshape(like.shape), widths, mode)
    np.add.at(out.reshape(-1), places, x)
    return out


BORDERS = ((0, 0), (1, 2), (0, 3))
GEOMETRY = ((3, 4), (4, 1), 0)
WINDOWS = [((2, 3), (1, 2), 1), ((4,), (3,), 0), ((2, 2), (0, 5), 2), ((), (), 7)]

ROWS = [
    Row(op="cat", inputs=((2, 3), (4, 3), (0, 3)), params=[{"dim": 0}], exact=True, dtypes=NUMBERS,
        reference=lambda *xs, dim: np.concatenate(xs, dim), complex=True,
        big=((90, 800), (110, 800), (0, 800))),
    Row(op="cat", inputs=((2, 3), (2, 1)), params=[{"dim": 1}], exact=True,
        reference=lambda *xs, dim: np.concatenate(xs, dim), big=((500, 200), (500, 150))),
    Row(op="stack", inputs=((2, 3), (2, 3)), params=[{"dim": d} for d in (0, 1, 2)], exact=True,
        reference=lambda *xs, dim: np.stack(xs, dim), dtypes=NUMBERS, complex=True,
        big=((400, 300), (400, 300))),
    Row(op="flip", inputs=((2, 3, 4),), params=[{"dims": d} for d in ((0,), (1, 2))], exact=True,
        reference=lambda x, dims: np.flip(x, dims), dtypes=NUMBERS, edges=(((2, 0, 4),),),
        big=((40, 50, 90),)),
    Row(op="roll", inputs=((3, 4),), exact=True, dtypes=NUMBERS,
        params=[{"shifts": (1,), "dims": (0,)}, {"shifts": (5, -1), "dims": (1, 0)}],
        reference=lambda x, shifts, dims: np.roll(x, shifts, dims), edges=(((0, 3),),)),
    Row(op="repeated_positions", inputs=(lambda rng: rng.integers(0, 4, 6),), order=0, exact=True,
        reference=lambda r: np.repeat(np.arange(r.size), r),
        edges=((lambda rng: np.zeros(3, np.int64),), (lambda rng: np.zeros(0, np.int64),))),
    Row(op="constant_indices", inputs=((2,),), params=[{"values": (3, 1)}], order=0, exact=True,
        reference=lambda x, values: np.array(values)),
    Row(op="tril", inputs=((2, 3, 4),), params=[{"diagonal": d} for d in (-1, 0, 2)], exact=True,
        reference=lambda x, diagonal: np.tril(x, diagonal), dtypes=(*NUMBERS, "bool")),
    Row(op="triu", inputs=((2, 3, 4),), params=[{"diagonal": d} for d in (-1, 0, 2)], exact=True,
        reference=lambda x, diagonal: np.triu(x, diagonal), dtypes=(*NUMBERS, "bool")),
    Row(op="pad", inputs=((2, 3, 4),), params=[{"widths": BORDERS, "value": 1.5}], exact=True,
        reference=lambda x, widths, value: np.pad(x, widths, constant_values=value),
        edges=(((2, 0, 4),),), big=((40, 50, 90),)),
    *[Row(op="pad_edges", inputs=((2, 3, 4),), params=[{"widths": BORDERS, "mode": mode}],
          reference=padded, exact=True) for mode in NUMPY_MODES],
    *[Row(op="fold_edges", inputs=((2, 6, 7), (2, 3, 4)), reference=folded,
          params=[{"widths": BORDERS, "mode": mode}]) for mode in NUMPY_MODES],
    Row(op="restride", inputs=((3, 4),), reference=restride,
        params=[{"source": GEOMETRY, "target": t} for t in WINDOWS]),
    Row(op="as_strided", inputs=((3, 4),), exact=True, call=lambda g, x, target:
        x.contiguous().as_strided(*target), params=[{"target": t} for t in WINDOWS],
        reference=lambda x, target: restrided(x, target)),
    Row(op="unfold", inputs=((3, 7, 2),), reference=unfolded, exact=True,
        params=[{"axis": 1, "size": s, "step": t} for s, t in ((3, 1), (2, 3), (7, 1), (1, 2))]),
    Row(op="unfold_backward", inputs=((3, 3, 2, 3),), reference=unfold_backward,
        params=[{"axis": 1, "size": 3, "step": 2, "shape": (3, 8, 2)}]),
    Row(op="view_dtype", inputs=((3, 4),), order=0, dtypes=("float32",), exact=True,
        params=[{"dtype": np.dtype("int32")}], reference=lambda x, dtype: x.view(dtype)),
    Row(op="view_as_real", inputs=((3, 2),), dtypes=("complex64", "complex128"), exact=True,
        reference=lambda x: np.stack([x.real, x.imag], -1), order=0),
    Row(op="view_as_complex", inputs=((3, 2),), exact=True, order=0, call=lambda g, x:
        g.view_as_complex(x.contiguous()), reference=lambda x: x[..., 0] + 1j * x[..., 1]),
    Row(op="real", inputs=((3, 2),), dtypes=("complex64", "complex128"), exact=True, order=0,
        reference=np.real),
    Row(op="imag", inputs=((3, 2),), dtypes=("complex64", "complex128"), exact=True, order=0,
        reference=np.imag),
]  # fmt: skip
