"""Reductions, cumulative functions, sorting and searching against PyTorch: values and errors."""

import warnings

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

nan, inf = float("nan"), float("inf")
RANDOM = np.random.default_rng(0).uniform(-2, 2, (3, 4)).astype(np.float32)
TIES = np.array([[1, 3, 3, 0], [2, 2, 1, 1], [0, 0, 0, 5]], np.float32)
NANS = np.array([[1, nan, 3, 0], [nan, 2, nan, 1], [0, 1, 2, 5]], np.float32)


def from_(data, dtype=None):
    return lambda T: T.tensor(data, dtype=None if dtype is None else getattr(T, dtype))


x, ties, nans = from_(RANDOM), from_(TIES), from_(NANS)
ints, small = from_([[3, 1, 2], [1, 1, 9]]), from_([3, 200, 100], "uint8")
bools, complexes = from_([[True, False], [True, True]]), from_([1 + 2j, 3 - 1j])
zero_d, none, no_rows = from_(2.5), from_([]), from_(np.zeros((0, 3), np.float32))

VALUES = [
    *((t, f"{name}()") for t in (x, ties, nans, ints, small, bools, zero_d, none)
      for name in ("sum", "prod", "any", "all", "count_nonzero", "nansum")),
    *((t, f"{name}()") for t in (x, ties, nans, ints, small, zero_d)
      for name in ("max", "min", "amax", "amin", "aminmax", "argmax", "argmin")),
    *((t, f"{name}(0)") for t in (x, zero_d)
      for name in ("max", "min", "median", "mode", "sum")),
    *((t, f"{name}(1)") for t in (x, nans, ints)
      for name in ("cummax", "cummin", "cumsum", "sort")),
    *((t, f"norm({p})") for t in (x, zero_d)
      for p in ("", "1", "2", "3", "0", "inf", "-inf", "0.5")),
    (x, "sum((0, 1))"), (x, "sum(())"), (x, "sum([])"), (x, "any(())"), (x, "all([])"),
    (x, "sum(axis=0, keepdims=True)"), (x, "sum(dim=None, keepdim=True)"),
    (x, "sum(0, dtype=T.float64)"), (small, "sum(dtype=T.uint8)"),
    (small, "sum(0, dtype=T.int32)"), (small, "prod(dtype=T.uint8)"), (x, "sum(dtype=T.int32)"),
    (small, "cumsum(0, dtype=T.uint8)"), (small, "cumprod(0, dtype=T.int16)"), (bools, "sum(1)"),
    (x, "mean((0, 1), True)"), (ints, "mean(dtype=T.float64)"), (none, "mean()"),
    (x, "var()"), (x, "var(0)"), (x, "var(False)"), (x, "var(0, False, True)"),
    (x, "var(0, correction=0)"), (x, "var([0, 1], keepdim=True)"), (x, "std(unbiased=False)"),
    (x, "std(1, correction=2)"), (complexes, "var()"), (complexes, "std(0)"),
    (complexes, "sum()"), (complexes, "mean()"), (complexes, "prod()"), (complexes, "norm()"),
    (x, "max(dim=1, keepdim=True)"), (x, "max(other=T.zeros(4))"), (x, "min(T.ones(3, 1))"),
    (nans, "max(1)"), (nans, "min(1)"), (nans, "argmax(1)"), (nans, "median(1)"),
    (nans, "nanmedian(1)"), (nans, "nanmedian()"), (nans, "median()"), (nans, "nanmean(0)"),
    (nans, "nansum(1, keepdim=True)"), (ints, "median()"), (none, "median()"),
    (x, "argmax(keepdim=True)"), (x, "argmin(1, True)"), (x, "amax((0, 1), True)"),
    (x, "logsumexp(0)"), (x, "logsumexp((0, 1), True)"), (ints, "logsumexp(1)"),
    (no_rows, "logsumexp(0)"), (no_rows, "sum(0)"), (no_rows, "sum(1)"), (no_rows, "prod(0)"),
    (no_rows, "sort(0)"), (no_rows, "topk(0, 0)"), (no_rows, "cumsum(0)"), (no_rows, "max(1)"),
    (no_rows, "cummax(0)"), (none, "norm(0)"),
    (x, "sort(descending=True)"), (ties, "sort(dim=1, descending=True, stable=True)"),
    (nans, "sort(descending=True)"), (zero_d, "sort()"), (bools, "sort(0)"),
    (x, "argsort(0)"), (x, "msort()"), (x, "topk(2)"), (x, "topk(2, 0, False)"),
    (zero_d, "topk(1)"), (nans, "topk(2)"), (x, "kthvalue(2)"), (x, "kthvalue(3, 0, True)"),
    (ties, "mode()"), (ties, "mode(0, True)"), (x, "cumprod(0)"), (x, "logcumsumexp(1)"),
    (x, "cumsum(0, dtype=T.float64)"), (zero_d, "cumsum(0)"), (zero_d, "cumprod(-1)"),
    (x, "diff()"), (x, "diff(n=2, dim=0)"), (x, "diff(n=0)"), (bools, "diff()"),
    (x, "diff(prepend=T.zeros(3, 1), append=T.ones(3, 2))"),
    (x, "quantile(0.3)"), (x, "quantile(T.tensor([0.1, 0.9]), 1, True)"),
    (x, "quantile(0.5, 0, interpolation='nearest')"), (nans, "quantile(0.5, 1)"),
    (nans, "nanquantile(0.5, 1)"),
    (nans, "nanquantile(T.tensor([0.2, 0.4]), interpolation='lower')"),
    (ties, "unique()"), (ties, "unique(return_inverse=True, return_counts=True)"),
    (nans, "unique()"), (ties, "unique(dim=0)"), (zero_d, "unique()"), (none, "unique()"),
    (ties, "unique_consecutive(return_inverse=True, return_counts=True)"),
    (ties, "unique_consecutive(dim=1)"),
    (x, "softmax(0)"), (x, "softmax(-1, dtype=T.float64)"), (x, "log_softmax(1)"),
    (zero_d, "softmax(0)"), (no_rows, "softmax(1)"), (no_rows, "long().log_softmax(0)"),
    (ints, "softmax(1, dtype=T.float32)"),
    (x, "searchsorted_()"), (zero_d, "bucketize(T.tensor([1., 2.5]))"),
    (x, "bucketize(T.tensor([-1., 0., 1.]), right=True, out_int32=True)"),
]  # fmt: skip

REFUSED = [
    (ints, "mean()"), (ints, "mean(dtype=T.int32)"), (ints, "var()"), (ints, "std(0)"),
    (ints, "norm()"), (ints, "nanmean()"), (ints, "quantile(0.5)"), (ints, "logcumsumexp(0)"),
    (none, "max()"), (none, "amin()"), (none, "argmax()"), (none, "aminmax()"), (none, "norm(inf)"),
    (no_rows, "max(0)"), (no_rows, "amax(0)"), (no_rows, "argmin(0)"), (no_rows, "median(0)"),
    (no_rows, "mode(0)"), (no_rows, "kthvalue(1, 0)"), (no_rows, "norm(-inf, 0)"),
    (no_rows, "topk(1, 0)"), (no_rows, "quantile(0.5)"),
    (x, "sum(2)"), (x, "sum((0, 0))"), (x, "norm(dim=5)"), (x, "norm('abc')"), (x, "cumsum(2)"),
    (zero_d, "sort(1)"), (x, "topk(5)"), (x, "topk(-1)"), (x, "kthvalue(0)"), (x, "kthvalue(5)"),
    (bools, "argmax()"), (bools, "topk(1)"), (bools, "median()"), (bools, "kthvalue(1)"),
    *((complexes, call) for call in ("max()", "max(0)", "sort()", "argmax()", "median()", "topk(1)",
                                     "cummax(0)", "mode()", "kthvalue(1)", "nansum()", "amax()",
                                     "aminmax()", "unique()")),
    (ints, "softmax(0)"), (ints, "softmax(1)"), (bools, "log_softmax(0)"),
    (complexes, "softmax(0)"), (x, "softmax(2)"), (none, "to(T.complex64).max()"),
    (x, "quantile(2.)"), (x, "quantile(T.zeros(1, 1))"), (x, "quantile(0.5, interpolation='abc')"),
    (x, "quantile(T.tensor(0.5, dtype=T.float64))"), (zero_d, "diff()"), (x, "diff(n=-1)"),
    (x, "diff(prepend=T.zeros(2, 1))"), (x, "bucketize(T.zeros(1, 2))"), (zero_d, "unique(dim=0)"),
]  # fmt: skip

WRONG_TYPES = [
    (x, "sum('a')"), (x, "sum(1.5)"), (x, "prod((0, 1))"), (x, "max(dim=(0, 1))"),
    (x, "max(keepdim=True)"), (x, "max(1.0)"), (x, "var(unbiased=True, correction=1)"),
    (x, "quantile('a')"), (x, "topk(1.5)"), (x, "sort(True, 0)"),
]  # fmt: skip


def evaluate(T, build, call):
    tensor = build(T)
    if call == "searchsorted_()":
        return T.searchsorted(T.sort(tensor).values, tensor, side="right")
    if call.startswith("bucketize("):
        call = call.replace("(", "(tensor, ", 1)
        return eval(f"T.{call}", {"T": T, "tensor": tensor})
    return eval(f"tensor.{call}", {"T": T, "tensor": tensor, "inf": inf})


def flat(result):
    return list(result) if isinstance(result, tuple) else [result]


def name(case):
    return case if isinstance(case, str) else ""


@pytest.mark.parametrize(("build", "call"), VALUES, ids=name)
def test_values(build, call):
    expected, found = (flat(evaluate(T, build, call)) for T in (torch, gradcore))
    assert len(found) == len(expected)
    for i, (a, b) in enumerate(zip(found, expected, strict=True)):
        assert str(a.dtype).split(".")[1] == str(b.dtype).split(".")[1]
        assert tuple(a.shape) == tuple(b.shape)
        if i == 1 and call.split("(")[0] in ("median", "nanmedian", "mode", "topk", "kthvalue"):
            continue  # which of equal elements is reported is not specified
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("build", "call"), REFUSED, ids=name)
def test_errors(build, call):
    with pytest.raises(Exception) as expected:
        evaluate(torch, build, call)
    with pytest.raises(type(expected.value)) as found:
        evaluate(gradcore, build, call)
    assert str(found.value) == str(expected.value)


@pytest.mark.parametrize(("build", "call"), WRONG_TYPES, ids=name)
def test_wrong_types(build, call):
    """PyTorch lists its overloads here; ours name the argument."""
    for T in (torch, gradcore):
        with pytest.raises(TypeError):
            evaluate(T, build, call)


@pytest.mark.parametrize("T", [torch, gradcore], ids=["torch", "gradcore"])
def test_no_degrees_of_freedom_warns_and_gives_nan(T):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert np.isnan(T.tensor([3.0]).var().item())
    assert "degrees of freedom is <= 0" in str(caught[0].message)


@pytest.mark.parametrize("T", [torch, gradcore], ids=["torch", "gradcore"])
def test_out(T):
    out = T.zeros(3)
    assert T.sum(T.ones(2, 3), 0, out=out) is out
    assert out.tolist() == [2.0, 2.0, 2.0]
    values, indices = T.zeros(2), T.zeros(2, dtype=T.int64)
    T.max(T.tensor([[1.0, 5.0], [4.0, 2.0]]), 1, out=(values, indices))
    assert (values.tolist(), indices.tolist()) == ([5.0, 4.0], [1, 0])
    with pytest.raises(RuntimeError, match="Expected the dtype for input and out to match"):
        T.amax(T.ones(2), 0, out=T.zeros((), dtype=T.int64))


@pytest.mark.parametrize("T", [torch, gradcore], ids=["torch", "gradcore"])
def test_gradients_at_kinks(T):
    def gradient(values, call):
        tensor = T.tensor(values, requires_grad=True)
        call(tensor).sum().backward()
        return tensor.grad.tolist()

    assert gradient([0.0, 0.0], lambda t: t.norm()) == [0.0, 0.0]
    assert gradient([2.0, 2.0], lambda t: t.std()) == [0.0, 0.0]
    assert gradient([1.0, 3.0, 3.0], lambda t: t.max()) == [0.0, 0.5, 0.5]
    assert gradient([1.0, 3.0, 3.0], lambda t: t.amax(0)) == [0.0, 0.5, 0.5]
    assert gradient([1.0, 3.0, 3.0], lambda t: t.max(0).values) == [0.0, 1.0, 0.0]
    assert gradient([2.0, 0.0, 3.0], lambda t: t.prod()) == [0.0, 6.0, 0.0]
    assert gradient([0.0, 0.0, 3.0], lambda t: t.prod()) == [0.0, 0.0, 0.0]
    assert gradient([2.0, 0.0, 3.0], lambda t: t.cumprod(0)) == [1.0, 8.0, 0.0]


NODES = [
    ("sum()", "SumBackward0"), ("sum(0)", "SumBackward1"), ("mean()", "MeanBackward0"),
    ("mean(1)", "MeanBackward1"), ("prod()", "ProdBackward0"), ("prod(0)", "ProdBackward1"),
    ("var()", "VarBackward0"), ("std(0)", "StdBackward0"), ("max()", "MaxBackward1"),
    ("max(0)[0]", "MaxBackward0"), ("amax()", "AmaxBackward0"),
    ("aminmax()[0]", "AminmaxBackward0"),
    ("norm()", "LinalgVectorNormBackward0"), ("logsumexp(0)", "LogsumexpBackward0"),
    ("nansum()", "NansumBackward0"), ("nanmean()", "DivBackward0"), ("median()", "MedianBackward0"),
    ("median(0)[0]", "MedianBackward1"), ("mode()[0]", "ModeBackward0"),
    ("cumsum(0)", "CumsumBackward0"), ("cumprod(0)", "CumprodBackward0"),
    ("cummax(0)[0]", "CummaxBackward0"), ("logcumsumexp(0)", "LogcumsumexpBackward0"),
    ("sort()[0]", "SortBackward0"), ("topk(2)[0]", "TopkBackward0"),
    ("kthvalue(2)[0]", "KthvalueBackward0"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "node"), NODES, ids=name)
def test_node_names(call, node):
    for T in (torch, gradcore):
        tensor = T.tensor(RANDOM, requires_grad=True)
        assert eval(f"tensor.{call}", {"tensor": tensor}).grad_fn.name() == node


def test_named_results():
    import pickle

    result = gradcore.tensor([1.0, 4.0, 2.0]).max(0)
    values, indices = result
    assert result.values is values and result.indices is indices
    assert repr(result).startswith("torch.return_types.max(\nvalues=tensor(4.),\nindices=")
    with pytest.raises(TypeError, match="takes a 2-sequence"):
        type(result)([values])
    assert pickle.loads(pickle.dumps(type(result)((1, 2)))) == (1, 2)
