"""Functions that read and write at indices, join and move, against PyTorch: values and errors."""

import warnings

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

VALUES = [
    # gather and scatter
    "x.gather(1, i)", "x.gather(-1, i[:2])", "x.gather(1, i.int())", "z.gather(0, T.tensor(0))",
    "x.gather(0, T.zeros(0, 4, dtype=T.int64))", "x.scatter(1, distinct, y)", "x.scatter(1, i, 2)",
    "x.scatter(1, i, y, reduce='add')", "x.scatter(1, i, 2, reduce='multiply')",
    "x.scatter_add(1, i, y)", "x.clone().scatter_add_(0, j, y)", "n.scatter_add(1, i, n)",
    *(f"{a}.scatter_reduce(1, i, {a}, '{r}', include_self={s})" for a in "xn" for s in (True, False)
      for r in ("sum", "prod", "mean", "amax", "amin")),
    *(f"{a}.index_reduce(0, v, {a}, '{r}', include_self={s})" for a in "xn" for s in (True, False)
      for r in ("prod", "mean", "amax", "amin")),
    "x.clone().index_reduce_(1, T.tensor([0, 0]), y[:, :2], 'amax')",
    "T.index_reduce(z, 0, T.tensor([0]), z.reshape(()), 'prod')",
    "T.take_along_dim(x, i % 2, 1)", "T.take_along_dim(x, T.tensor([5, 1]))",
    "x.take_along_dim(T.tensor([[0, -1]]), 1)",
    # slices and flat positions
    "x.index_select(0, v)", "x.index_select(1, T.tensor(2))", "z.index_select(0, T.tensor([0]))",
    "x.index_add(0, v, y)", "x.index_add(0, v, y, alpha=2)", "n.index_add(0, v, n, alpha=-1)",
    "x.index_copy(0, T.tensor([2, 0]), y[:2])", "x.index_fill(1, T.tensor([-1, 0]), 3)",
    "x.index_fill(1, T.tensor([1]), T.tensor(2.5))", "x.take(i)", "x.take(T.tensor(-1))",
    "x.put(T.tensor([0, -1]), T.tensor([5., 6.]))",
    "x.put(T.tensor([1, 1]), T.tensor([5., 6.]), accumulate=True)",
    "x.index_put((v, T.tensor([0, 0, 1])), T.tensor(1.), accumulate=True)",
    "T.index_put(x, (m,), T.tensor(2.))",
    # masks
    "x.masked_fill(m, 2)", "x.masked_fill(m, T.tensor(2))", "x.masked_fill(m[0], -1.5)",
    "x.clone().masked_fill_(m[:, :1], 9)", "x.masked_select(m)", "x[:, :1].masked_select(m)",
    "z.masked_select(T.tensor(True))", "x.masked_scatter(m, y)", "n.masked_fill(m, 2.9)",
    "x.nonzero()", "T.nonzero(m, as_tuple=True)", "z.nonzero()", "m.argwhere()",
    "T.nonzero_static(m, size=20, fill_value=7)", "m.nonzero_static(size=2)",
    "T.zeros(2, 3, 4).nonzero()", "(T.arange(24).reshape(2, 3, 4) % 3).nonzero()",
    "T.where(m)", "T.unravel_index(T.tensor([3, 11]), (3, 4))", "T.unravel_index(T.tensor(5), 7)",
    # searching and counting
    "T.isin(n, v)", "T.isin(n, 1, invert=True)", "T.isin(3, n)", "v.bincount()",
    "v.bincount(T.tensor([.5, 1, 2]), 6)", "T.histc(x, 4, -1, 2)", "T.unique(n)",
    "T.unique(n, return_inverse=True, return_counts=True)", "T.unique(n % 2, dim=0)",
    "T.unique_consecutive(T.tensor([1, 1, 2, 2, 1]), return_inverse=True, return_counts=True)",
    "T.unique_consecutive(n // 4, dim=1)", "T.searchsorted(s, x)",
    "T.searchsorted(s, 1, right=True)",
    "T.bucketize(x, s, right=True)", "T.bucketize(n, s, out_int32=True)",
    # joining
    "T.cat([x, y], 1)", "T.cat([x, n])", "T.cat([T.zeros(0), x])", "T.concat((x, y), axis=-1)",
    "T.stack([x, y], -1)", "T.stack([x, n])", "T.hstack([z, z])", "T.vstack([x[0], y])",
    "T.dstack([x, y])", "T.column_stack([x[:, 0], y])", "T.row_stack([x[0], x[1]])",
    "T.block_diag(x, z, y[0])", "T.cartesian_prod(v, v)", "T.combinations(v, 2)",
    "T.combinations(v, 2, with_replacement=True)", "T.meshgrid(x[0], s, indexing='xy')",
    "T.meshgrid([x[0], s], indexing='ij')", "T.atleast_3d(x, z)", "T.atleast_2d(x[0])",
    # moving
    "x.flip(0, 1)", "x.flip(())", "T.fliplr(x)", "T.flipud(x)", "x.roll(1)",
    "x.roll((1, -1), (0, 1))",
    "x.rot90()", "x.rot90(-1, [1, 0])", "x.tile(2)", "x.tile((2, 1, 1))", "x.repeat(2, 1)",
    "x.repeat(1, 2, 0)", "x.repeat_interleave(2)", "x.repeat_interleave(T.tensor([1, 0, 2]), 0)",
    "T.repeat_interleave(v)", "x.tril(-1)", "x.triu(1)", "T.tril_indices(3, 4, 1)",
    "T.triu_indices(3, 3)", "x.diag()", "x[0].diag(1)", "x.diagflat()", "x.diag_embed(1, 0, 2)",
    "x.diagonal(5)",
    # padding
    "T.constant_pad_nd(x, (1, -1, 2, 0), 3)", "F.pad(x, (1, 2))", "F.pad(n, (0, 1), value=7)",
    *(f"F.pad(x[None], (1, 1), mode='{mode}')" for mode in ("reflect", "replicate", "circular")),
    "F.pad(x[None, None], (-1, 2, 1, 0), mode='replicate')",
]  # fmt: skip

WRONG = [
    "x.gather(1, i[0])", "x.gather(1, i + 9)", "x.gather(1, x)", "x.gather(2, i)",
    "x.gather(1, T.zeros(9, 1, dtype=T.int64))", "x.gather(1)", "x.scatter(1, i, n)",
    "x.scatter(1, i, y[:1])", "x.scatter(1, i, y, reduce='mean')", "x.scatter_add(1, i - 9, y)",
    "x.scatter_reduce(1, i, y, 'most')", "T.take_along_dim(x, T.tensor([5, -1]))",
    "x.index_select(0, i)", "x.index_select(0, v + 9)",
    "x.index_select(0, x[0])", "x.index_add(0, v, y[:1])", "x.index_add(0, v, n)",
    "x.index_copy(0, v, y[:, :1])", "x.index_copy(0, v, n)", "x.index_fill(0, v, y)",
    "x.index_fill(0, x[0], 1)", "x.index_reduce(0, v, y, 'sum')", "x.index_reduce(0, v, n, 'amax')",
    "x.take(x)", "x.take(v + 99)", "x.put(v, n[0, :3])", "x.masked_fill(n, 1)",
    "x.masked_fill(m, y)", "x.masked_select(n)", "x.masked_scatter(m, n)",
    "x.masked_scatter(m, y[0, :1])", "x.index_put((v + 9,), z)", "x.index_put((v,), n[0, 0])",
    "T.cat([])", "T.cat([x, y[:, :2]])", "T.cat([x, z])", "T.cat(x)", "T.stack([])",
    "T.stack([x, y[0]])", "T.cat([x, 1])", "T.meshgrid(x, indexing='ij')",
    "T.meshgrid(v, indexing='zz')", "T.cartesian_prod(x)", "T.block_diag(x[None])",
    "x.flip(2)", "x.flip(0, 0)", "T.fliplr(v)", "x.roll((1, 1), 0)", "x.rot90(1, [0, 0])",
    "x.rot90(1, [0])", "x.repeat(2)", "x.repeat(-1, 1)", "x.repeat_interleave(-1)",
    "x.repeat_interleave(T.tensor([1, 2]), 0)", "T.repeat_interleave(x)", "v.tril()",
    "T.tril_indices(-1, 2)", "x[None].diag()", "x.diagonal(0, 1, 1)", "x.diag_embed(0, 1, 1)",
    "F.pad(x, (1,))", "F.pad(x, (1, 1, 1, 1, 1, 1))", "F.pad(x, (1, 1), mode='nope')",
    "F.pad(x, (4, 0), mode='reflect')", "F.pad(x, (5, 0), mode='circular')",
    "T.nonzero_static(m, size=-1)", "T.unravel_index(T.tensor([1.0]), (3,))", "x.bincount()",
    "(v - 5).bincount()", "T.histc(n, 0)", "T.searchsorted(z, x)", "T.bucketize(x, x)",
    "T.isin(1, 2)",
]  # fmt: skip

RANDOM = np.random.default_rng(0)
ARRAYS = {
    "x": RANDOM.uniform(-2, 2, (3, 4)).astype(np.float32),
    "y": RANDOM.uniform(-2, 2, (3, 4)).astype(np.float32),
    "n": RANDOM.integers(1, 9, (3, 4)),
    "i": RANDOM.integers(0, 3, (3, 4)),
    "j": RANDOM.integers(0, 3, (3, 4)),
    "distinct": np.argsort(RANDOM.random((3, 4)), 1),
    "v": np.array([2, 0, 2]),
    "m": RANDOM.random((3, 4)) < 0.5,
    "s": np.array([-1.0, 0.0, 0.5, 1.0], np.float32),
    "z": np.array(1.5, np.float32),
}


def evaluate(text, T):
    """The result of an expression as a list of (values, dtype), or the error."""
    names = {name: T.tensor(array) for name, array in ARRAYS.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = eval(text, {"T": T, "F": T.nn.functional, **names})
        except Exception as error:
            return error
    results = result if isinstance(result, (tuple, list)) else [result]
    return [(r.numpy(), str(r.dtype).split(".")[-1]) for r in results]


@pytest.mark.parametrize("text", VALUES)
def test_values(text):
    expected, found = evaluate(text, torch), evaluate(text, gradcore)
    assert isinstance(expected, list), expected
    assert isinstance(found, list), found
    assert len(found) == len(expected)
    for (a, dtype), (b, expected_dtype) in zip(found, expected, strict=True):
        assert dtype == expected_dtype
        np.testing.assert_allclose(a, b, rtol=1e-6)


@pytest.mark.parametrize("text", WRONG)
def test_errors(text):
    expected, found = evaluate(text, torch), evaluate(text, gradcore)
    assert isinstance(expected, Exception), expected
    assert type(found) is type(expected), found
