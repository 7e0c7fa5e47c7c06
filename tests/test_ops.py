"""Every op against its row of the op table: values, gradients, strides, sizes, kernels, devices."""

from __future__ import annotations

import zlib

import numpy as np
import pytest

import gradcore
from gradcore.autograd.backward import grad as gradients
from gradcore.backends.registry import backend_of
from gradcore.ops.op import OPS
from op_table import Row, collect

ROWS = collect()
BIG = 2 * 32_768 + 331  # above twice the size from which threads share the work
PIECE = BIG // 6


def name_of(row: Row, number: int) -> str:
    return f"{row.op}-{number}"


IDS = [name_of(row, i) for i, row in enumerate(ROWS)]
every_row = pytest.mark.parametrize("row", ROWS, ids=IDS)


def rows_that(condition):
    chosen = [(row, i) for row, i in zip(ROWS, IDS, strict=True) if condition(row)]
    return pytest.mark.parametrize("row", [r for r, _ in chosen], ids=[i for _, i in chosen])


def tensors_of(arrays, device="cpu", needed=()):
    result = [gradcore.tensor(np.asarray(a), device=device) for a in arrays]
    for tensor, need in zip(result, needed, strict=False):
        tensor.requires_grad_(need)
    return result


def host(value):
    """A tensor or a raw array as a NumPy array."""
    array = getattr(value, "_array", value)
    if isinstance(array, (np.ndarray, np.generic)):
        return np.asarray(array)
    return backend_of(array).to_host(array)


def flat(result):
    """The results of an op as a list of NumPy arrays."""
    results = result if isinstance(result, (tuple, list)) else [result]
    return [host(r) for r in results]


def assert_close(found, expected, exact=False, scale=1.0):
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        b = np.asarray(b)
        assert a.shape == b.shape
        assert a.dtype == b.dtype
        if exact or a.dtype.kind in "biu":
            np.testing.assert_array_equal(a, b)
        else:
            precision = 100 * np.finfo(a.dtype).eps * scale
            np.testing.assert_allclose(a, b, rtol=precision, atol=precision)


def expected_of(row, arrays, params):
    """The reference in the precision of the inputs."""
    with np.errstate(all="ignore"):
        result = row.reference(*arrays, **params)
    return [np.asarray(r) for r in (result if isinstance(result, (tuple, list)) else [result])]


def test_every_op_has_a_row():
    missing = sorted(set(OPS) - {row.op for row in ROWS})
    assert not missing, f"ops without a row in tests/op_rows: {missing}"


@every_row
def test_forward(row, device):
    for dtype in row.dtypes:
        arrays = row.arrays(dtype)
        before = [a.copy() for a in arrays]
        for params in row.params:
            tensors = tensors_of(arrays, device)
            found = flat(row.run(gradcore, *tensors, **params))
            if row.reference is not None:
                assert_close(found, expected_of(row, arrays, params), row.exact)
            for tensor, array in zip(tensors, before, strict=True):
                np.testing.assert_array_equal(host(tensor), array)


def is_free(row):
    """Whether the op is elementwise in inputs that can be given any shape."""
    return row.pointwise and not any(map(callable, row.inputs))


def edges_of(row):
    if is_free(row):
        return [[shape] * len(row.inputs) for shape in ((), (0, 3), (1, 1))]
    return row.edges


@rows_that(lambda row: is_free(row) or row.edges)
def test_0d_and_empty(row, device):
    for inputs in edges_of(row):
        arrays = row.arrays(row.dtypes[0], inputs)
        for params in row.params:
            found = flat(row.run(gradcore, *tensors_of(arrays, device), **params))
            if row.reference is not None:
                assert_close(found, expected_of(row, arrays, params), row.exact)


@rows_that(lambda row: row.extremes)
def test_extreme_values(row, device):
    for dtype in set(row.dtypes) & {"float32", "float64"}:
        grids = np.meshgrid(*[np.array(row.extremes, dtype)] * len(row.inputs), indexing="ij")
        arrays = [g.ravel() for g in grids]
        for params in row.params:
            found = flat(row.run(gradcore, *tensors_of(arrays, device), **params))
            assert_close(found, expected_of(row, arrays, params))


@every_row
def test_strides_do_not_matter(row, device):
    """Every second element of a larger array, and Fortran order, give the same result."""
    arrays = row.arrays(row.dtypes[0])
    params = row.params[0]
    expected = flat(row.run(gradcore, *tensors_of(arrays, device), **params))
    for restride in (every_second, reordered):
        tensors = [restride(a, device) for a in arrays]
        assert_close(flat(row.run(gradcore, *tensors, **params)), expected)


def every_second(array, device):
    if array.ndim == 0:
        return gradcore.tensor(array, device=device)
    wide = np.zeros((*array.shape[:-1], 2 * array.shape[-1]), array.dtype)
    wide[..., ::2] = array
    return OPS["slice"](gradcore.tensor(wide, device=device), key=(..., slice(None, None, 2)))


def reordered(array, device):
    dims = tuple(reversed(range(array.ndim)))
    return OPS["permute"](gradcore.tensor(array.transpose().copy(), device=device), dims=dims)


@rows_that(lambda row: row.call is None)
def test_raw_arrays_give_raw_arrays(row):
    arrays = row.arrays(row.dtypes[0])
    for params in row.params:
        raw = OPS[row.op](*arrays, **params)
        assert all(type(r) is np.ndarray for r in (raw if isinstance(raw, tuple) else [raw]))
        assert_close(flat(OPS[row.op](*tensors_of(arrays), **params)), flat(raw), exact=True)


@rows_that(lambda row: row.call is None and OPS[row.op].view)
def test_views_share_memory(row):
    arrays = row.arrays(row.dtypes[0])
    for params in row.params:
        view = OPS[row.op](*arrays, **params)
        assert view.size == 0 or np.shares_memory(view, arrays[0])
        (tensor,) = tensors_of(arrays)
        assert OPS[row.op](tensor, **params)._base is tensor


@rows_that(lambda row: row.call is None and (row.big or not row.pointwise))
def test_kernel_equals_generic_body(row):
    """The kernel that the backend chose, override or not, against the body run on NumPy."""
    for inputs in (row.inputs, row.big) if row.big else (row.inputs,):
        for dtype in row.dtypes:
            arrays = row.arrays(dtype, inputs)
            for params in row.params:
                with np.errstate(all="ignore"):
                    generic = OPS[row.op].body(np, *arrays, **params)
                scale = max(1.0, max(a.size for a in arrays) ** 0.5 / 10)
                assert_close(flat(OPS[row.op](*arrays, **params)), flat(generic), scale=scale)


@rows_that(is_free)
def test_big_arrays_equal_small_ones(row):
    """Above the size from which threads share the work, values and gradients are the same."""
    dtype = row.dtypes[0]
    arrays = row.arrays(dtype, [(BIG,) for _ in row.inputs])
    weights = np.random.default_rng(1).uniform(0.5, 1.5, BIG)
    for params in row.params:
        whole = value_and_gradients(row, arrays, params, weights)
        pieces = [
            value_and_gradients(
                row, [a[i : i + PIECE] for a in arrays], params, weights[i : i + PIECE]
            )
            for i in range(0, BIG, PIECE)
        ]
        joined = [np.concatenate(column) for column in zip(*pieces, strict=True)]
        assert_close(whole, joined)


def value_and_gradients(row, arrays, params, weights):
    needed = row.has_gradient(arrays) if row.order else [False] * len(arrays)
    tensors = tensors_of(arrays, "cpu", needed)
    out = row.run(gradcore, *tensors, **params)
    inputs = [t for t in tensors if t.requires_grad]
    if not inputs or not out.requires_grad:
        return [host(out)]
    weight = gradcore.tensor(weights.astype(host(out).dtype))
    return [host(out), *map(host, gradients(out, inputs, weight, materialize_grads=True))]


# ---------------------------------------------------------------------------- gradients


def complex_too(row):
    return ("float64", "complex128") if row.complex else ("float64",)


@rows_that(lambda row: row.order >= 1)
def test_gradients(row, device):
    for dtype in complex_too(row):
        for params in row.params:
            check_gradient(Problem(row, params, dtype, device), 1)


@rows_that(lambda row: row.order >= 2)
def test_second_order_gradients(row, device):
    for dtype in complex_too(row):
        for params in row.params:
            check_gradient(Problem(row, params, dtype, device), 2)


@rows_that(lambda row: is_free(row) and row.order >= 1)
def test_gradients_of_0d_inputs(row, device):
    """NumPy turns 0-d arrays into scalars as it goes; rules must not notice."""
    for params in row.params:
        check_gradient(Problem(row, params, "float64", device, [()] * len(row.inputs)), 1)


@rows_that(lambda row: row.order >= 1)
def test_create_graph_gives_the_same_gradients(row, device):
    for params in row.params:
        problem = Problem(row, params, "float64", device)
        recorded = problem.first_gradients(problem.arrays, create_graph=True)
        plain = problem.first_gradients(problem.arrays, create_graph=False)
        assert_close([host(g) for g in recorded], [host(g) for g in plain])


class Problem:
    """An op on fixed inputs with fixed random cotangents, for numerical differentiation."""

    def __init__(self, row, params, dtype, device, inputs=None):
        self.row, self.params, self.device = row, params, device
        seed = zlib.crc32(f"{row.op}{params}".encode())
        self.arrays = row.arrays(dtype, inputs, seed=seed)
        self.needed = row.has_gradient(self.arrays)
        self.rng = np.random.default_rng(seed)
        self.weights = [self.like(host(r)) for r in self.outputs(self.arrays)[1]]
        self.direction = [
            self.like(a) if n else None for a, n in zip(self.arrays, self.needed, strict=True)
        ]
        self.second = [self.like(a) for a, n in zip(self.arrays, self.needed, strict=True) if n]

    def like(self, array):
        values = np.asarray(self.rng.uniform(-1, 1, array.shape))
        if array.dtype.kind == "c":
            values = values + 1j * np.asarray(self.rng.uniform(-1, 1, array.shape))
        return values.astype(array.dtype)

    def outputs(self, arrays):
        tensors = tensors_of(arrays, self.device, self.needed)
        result = self.row.run(gradcore, *tensors, **self.params)
        results = result if isinstance(result, (tuple, list)) else [result]
        return [t for t in tensors if t.requires_grad], [r for r in results if r.requires_grad]

    def value(self, arrays):
        """The outputs weighted by the cotangents, as one real number."""
        _, results = self.outputs(arrays)
        return weighted([host(r) for r in results], self.weights)

    def first_gradients(self, arrays, create_graph):
        inputs, results = self.outputs(arrays)
        weights = tensors_of(self.weights, self.device)
        return gradients(
            results, inputs, weights, create_graph=create_graph, materialize_grads=True
        )

    def gradient_value(self, arrays):
        """The first gradients weighted by ``second``, as one real number."""
        return weighted(map(host, self.first_gradients(arrays, False)), self.second)

    def second_gradients(self):
        """Gradients of :meth:`gradient_value` by the inputs; zeros where it is constant."""
        inputs, results = self.outputs(self.arrays)
        weights = tensors_of(self.weights, self.device)
        first = gradients(results, inputs, weights, create_graph=True, materialize_grads=True)
        pairs = [
            (g, w)
            for g, w in zip(first, tensors_of(self.second, self.device), strict=True)
            if g.requires_grad
        ]
        if not pairs:
            return [np.zeros_like(host(t)) for t in inputs]
        outputs, weights = zip(*pairs, strict=True)
        return map(host, gradients(outputs, inputs, weights, materialize_grads=True))

    def moved(self, step):
        return [
            a if d is None else a + step * d
            for a, d in zip(self.arrays, self.direction, strict=True)
        ]


def weighted(arrays, weights):
    return sum(float(np.vdot(w, a).real) for a, w in zip(arrays, weights, strict=True))


def check_gradient(problem, order):
    """The derivative along a random direction against central differences."""
    f = problem.value if order == 1 else problem.gradient_value
    step = 1e-5
    numeric = (f(problem.moved(step)) - f(problem.moved(-step))) / (2 * step)
    found = (
        map(host, problem.first_gradients(problem.arrays, False))
        if order == 1
        else problem.second_gradients()
    )
    directions = [d for d in problem.direction if d is not None]
    analytic = weighted(found, directions)
    assert analytic == pytest.approx(numeric, rel=1e-5, abs=1e-7)
