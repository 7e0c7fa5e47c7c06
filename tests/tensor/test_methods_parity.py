"""Less common methods and factories against PyTorch's: values, strides and refusals."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

VALUES = [
    # elements, one by one
    "x.clone().apply_(lambda v: v * 2)", "x.long().apply_(lambda v: v * 2.5)",
    "x.bool().apply_(lambda v: 1 - v)", "x.clone().map_(x[0], lambda a, b: a + b)",
    "x.t().clone().map_(x.t(), max)", "x.clone().map2_(x, x[0], lambda a, b, c: a + b * c)",
    # activations
    "x.hardshrink()", "x.hardshrink(2)", "T.hardshrink(x - 3)", "(x - 3).prelu(T.tensor([.1]))",
    "T.prelu(x - 3, T.tensor([.1, .2, .3]))",
    # what it is
    "x.dim_order()", "x.t().dim_order()", "T.zeros(2, 1, 3).dim_order()",
    "T.zeros(1, 2, 3, 4).to(memory_format=T.channels_last).dim_order()",
    "x.dim_order(ambiguity_check=True)", "x.dense_dim()", "x.sparse_dim()", "x.to_dense()",
    "x.to_dense(T.int32)", "x.is_nonzero() if x.numel() == 1 else 0", "T.ones(1).is_nonzero()",
    "x.is_mps, x.is_xla, x.is_xpu, x.is_sparse_csr, x.is_vulkan", "T.is_distributed(x)",
    "T.is_storage(x)", "T.is_storage(x.storage())",
    "x.is_set_to(x)", "x.is_set_to(x.view(2, 3))", "x.is_set_to(x.clone())", "x.is_set_to(x[0])",
    "x.is_shared()", "x.clone().share_memory_().is_shared()", "x.t().share_memory_()",
    "x[1].untyped_storage().data_ptr() == x.data_ptr()", "x[1].untyped_storage().nbytes()",
    "T.arange(5.)[2:].storage().tolist()", "x.const_data_ptr() == x.data_ptr()",
    # new tensors
    "x.new(2, 3).shape", "x.new([1, 2])", "x.long().new([1, 2])", "x.new().shape", "x.resize(3, 2)",
    "x.resize_as(T.zeros(3, 2))", "reversed(x)", "reversed(T.tensor(2.0))",
    "x.new_empty_strided((2, 3), (1, 2)).stride()", "T.empty_strided((2, 3), (1, 2)).stride()",
    "T.empty_strided((), ()).shape", "T.empty_permuted((2, 3, 4), (0, 2, 1)).stride()",
    "T.empty_permuted((2, 3, 4), (2, 0, 1)).shape",
    "T.frombuffer(bytearray(b'abcd'), dtype=T.int32)",
    "T.frombuffer(bytearray(b'abcde'), dtype=T.int16, count=1, offset=1)",
    "T.frombuffer(bytearray(4), dtype=T.float32, requires_grad=True).requires_grad",
    # sampled functions
    "T.gradient(s)", "T.gradient(s, spacing=2.)", "T.gradient(s, edge_order=2)",
    "T.gradient(s, spacing=(T.tensor([0., 1, 3, 4, 7]),))", "T.gradient(s.int())",
    "T.gradient(s, spacing=(T.tensor([0., 1, 3, 4, 7]),), edge_order=2)", "T.gradient(m)",
    "T.gradient(m, dim=1)", "T.gradient(m, spacing=None, dim=1)",
    "T.gradient(m, dim=(1, 0), spacing=[1., 2.])", "T.gradient(m, dim=())",
    "T.gradient(m, dim=-1, spacing=(T.tensor([0., 1, 2, 5]),))",
    "T.gradient(m.long(), spacing=2.5)", "T.gradient(m, spacing=T.tensor(2.))",
    "T.gradient(m.long(), edge_order=2)", "T.gradient(m + 1j * m)",
    # norms and counts
    "T.nuclear_norm(x)", "T.nuclear_norm(x, [0, 1], True)", "T.frobenius_norm(x, [0, 1])",
    "T.frobenius_norm(x, 1, True)", "T.norm_except_dim(x, 2, 1)", "T.norm_except_dim(x, 2, -1)",
    "T.binomial(T.tensor([5., 7., 0.]), T.tensor([0., 1., .5]))",
]  # fmt: skip

REFUSED = [
    "x.clone().requires_grad_().apply_(abs)", "x.apply_(3)", "x.map_(x, 3)", "x.map_(3, max)",
    "x.clone().map_(x.long(), max)", "x.clone().map_(x.clone().requires_grad_(), max)",
    "x.clone().requires_grad_().map2_(x, x, max)", "x.bool().hardshrink()", "T.prelu(x, 3)",
    "x.prelu(T.ones(2))", "x.is_nonzero()", "T.zeros(1, 3, 1, 1).dim_order(ambiguity_check=True)",
    "T.empty_strided((2, 3), (1,))", "T.empty_strided((2, 3), (1, -2))",
    "T.empty_permuted((2, 3, 4), (0, 2, 2))", "T.empty_permuted((2, 3, 4), (0, 2))",
    "T.frombuffer(bytearray(5), dtype=T.int16)", "T.frombuffer(bytearray(), dtype=T.int16)",
    "T.frombuffer(bytearray(5), dtype=T.int16, offset=9)",
    "T.frombuffer(bytearray(5), dtype=T.int16, count=4)",
    "T.frombuffer(bytearray(5), dtype=T.int16, count=0)", "T.frombuffer([1], dtype=T.int16)",
    "T.gradient(s, edge_order=3)", "T.gradient(s[:2], edge_order=2)", "T.gradient(s[:1])",
    "T.gradient(m, dim=(0, 0))", "T.gradient(m, dim=(0, 1), spacing=[1.])",
    "T.gradient(m, dim=1, spacing=(T.ones(4), T.ones(4)))", "T.gradient(m, spacing=[1.])",
    "T.gradient(m, dim=2)", "T.gradient(m, spacing='a')", "T.gradient(m.byte())",
    "T.gradient(m.bool())", "T.gradient(m, spacing=(T.ones(1, 3), T.ones(4)))",
    "T.segment_reduce(m, 'foo', lengths=T.tensor([3]))", "T.segment_reduce(m, 'sum')",
    "T.segment_reduce(m, 'sum', lengths=T.tensor([1, 1]))",
    "T.segment_reduce(m, 'sum', lengths=[3])",
    "T.segment_reduce(m, 'sum', lengths=T.tensor([4, -1]))",
    "T.segment_reduce(m.long(), 'sum', lengths=T.tensor([3]))",
    "T.segment_reduce(m, 'sum', lengths=T.tensor([2, 1]), axis=1)",
    "T.segment_reduce(m, 'sum', lengths=T.tensor([3.]))",
    "T.segment_reduce(m, 'sum', indices=T.tensor([3]))",
]  # fmt: skip


def evaluate(package, expression):
    names = {
        "T": package,
        "x": package.arange(6.0).reshape(2, 3),
        "s": package.tensor([1.0, 2.0, 4.0, 8.0, 16.0]),
        "m": package.arange(12.0).reshape(3, 4) ** 2,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(expression, names)


def compare(got, expected):
    if isinstance(expected, tuple) and expected and isinstance(expected[0], torch.Tensor):
        assert len(got) == len(expected)
        for a, b in zip(got, expected, strict=True):
            compare(a, b)
    elif isinstance(expected, torch.Tensor):
        assert got.numpy().dtype == expected.numpy().dtype
        np.testing.assert_allclose(got.numpy(), expected.numpy(), rtol=1e-5)
    else:
        assert got == expected


@pytest.mark.parametrize("expression", VALUES)
def test_values(expression):
    compare(evaluate(gradcore, expression), evaluate(torch, expression))


@pytest.mark.parametrize("expression", REFUSED)
def test_refusals(expression):
    with pytest.raises(Exception) as expected:
        evaluate(torch, expression)
    with pytest.raises(expected.type) as got:
        evaluate(gradcore, expression)
    assert str(got.value).split("\n")[0] == str(expected.value).split("\n")[0]


def test_gradient_is_differentiable():
    grads = []
    for package in (torch, gradcore):
        x = package.tensor([[1.0, 2.0, 4.0], [0.0, 3.0, 1.0]], requires_grad=True)
        first, second = package.gradient(x, spacing=[1.0, 0.5])
        (first * second).sum().backward()
        grads.append(x.grad.numpy())
    np.testing.assert_allclose(grads[1], grads[0])


def test_buffers_are_shared():
    for package in (torch, gradcore):
        buffer = bytearray(4)
        package.frombuffer(buffer, dtype=package.uint8)[1] = 7
        assert buffer == bytearray([0, 7, 0, 0])


@pytest.mark.parametrize("package", [torch, gradcore], ids=["torch", "gradcore"])
def test_files_are_mapped(package, tmp_path):
    path = str(tmp_path / "numbers")
    written = package.from_file(path, shared=True, size=4, dtype=package.int32)
    written.copy_(package.tensor([1, 2, 3, 4]))
    read = package.from_file(path, size=3, dtype=package.int32)
    assert read.tolist() == [1, 2, 3]
    read.zero_()
    assert package.from_file(path, size=4, dtype=package.int32).tolist() == [1, 2, 3, 4]
    with pytest.raises(RuntimeError):
        package.from_file(path, size=5, dtype=package.int32)


@pytest.mark.parametrize("package", [torch, gradcore], ids=["torch", "gradcore"])
def test_a_subclass_shares_memory_and_history(package):
    class Named(package.Tensor):
        pass

    x = package.zeros(2, requires_grad=True)
    y = (x * 2).as_subclass(Named)
    assert isinstance(y, Named)
    y.sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]
    with pytest.raises(TypeError):
        x.as_subclass(int)


SEGMENTS = [
    "lengths=T.tensor([1, 0, 3])", "lengths=T.tensor([1, 0, 3]), initial=2.0",
    "offsets=T.tensor([0, 1, 1, 4])", "offsets=T.tensor([1, 4])", "lengths=T.tensor([4]).int()",
    "lengths=T.tensor([[1, 1], [2, 0], [1, 1], [0, 2]]), axis=1",
    "lengths=T.tensor([1, 0, 2]), unsafe=True",
]  # fmt: skip


@pytest.mark.parametrize("arguments", SEGMENTS)
@pytest.mark.parametrize("reduce", ["sum", "mean", "prod", "max", "min"])
def test_segments(reduce, arguments):
    results = []
    for package in (torch, gradcore):
        x = package.tensor([[1.0, 5], [3, 2], [3, 4], [0, 7]], requires_grad=True)
        call = f"T.segment_reduce(x, reduce, {arguments})"
        out = eval(call, {"T": package, "x": x, "reduce": reduce})
        (out * package.arange(1.0, out.numel() + 1).reshape(out.shape)).sum().backward()
        results.append((out.detach().numpy(), x.grad.numpy()))
    for expected, got in zip(*results, strict=True):
        np.testing.assert_allclose(got, expected, rtol=1e-6)
