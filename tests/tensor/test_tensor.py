"""What a tensor is: creation, conversion, sharing of memory, Python's protocols."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import gradcore as torch


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([1.0, 2.0], torch.float32), ([1, 2], torch.int64), ([True, False], torch.bool),
        ([1j], torch.complex64), ([], torch.float32), ([1, 2.0], torch.float32), (3, torch.int64),
        (np.float64(2), torch.float64), (np.array([1], dtype=np.int16), torch.int16),
        ([np.float64(1.0)], torch.float64), ([[1], [2]], torch.int64),
    ],
)  # fmt: skip
def test_inferred_dtype(data, dtype):
    assert torch.tensor(data).dtype is dtype


def test_tensor_copies_and_from_numpy_shares():
    array = np.zeros(3, dtype=np.float32)
    copied, shared = torch.tensor(array), torch.from_numpy(array)
    array[0] = 5
    assert copied[0].item() == 0
    assert shared[0].item() == 5
    shared[1] = 7
    assert array[1] == 7
    assert shared.numpy() is array


def test_numpy_of_a_strided_view():
    x = torch.arange(12).reshape(3, 4)
    view = x.t().numpy()
    assert view.shape == (4, 3)
    view[0, 0] = 100
    assert x[0, 0].item() == 100


def test_default_dtype():
    torch.set_default_dtype(torch.float64)
    try:
        assert torch.tensor([1.0]).dtype is torch.float64
        assert torch.zeros(2).dtype is torch.float64
        assert torch.tensor([1j]).dtype is torch.complex128
        assert (torch.arange(3) / 2).dtype is torch.float64
    finally:
        torch.set_default_dtype(torch.float32)
    with pytest.raises(TypeError, match="only floating-point types"):
        torch.set_default_dtype(torch.int64)


def test_dtype_names():
    assert torch.float is torch.float32
    assert torch.long is torch.int64
    assert repr(torch.float32) == "torch.float32"
    assert pickle.loads(pickle.dumps(torch.int8)) is torch.int8
    assert torch.finfo(torch.float32).eps == 2**-23
    assert torch.iinfo(torch.int8).min == -128
    assert torch.promote_types(torch.int32, torch.float16) is torch.float16
    assert torch.result_type(torch.ones(2, dtype=torch.int32), 1.5) is torch.float32


@pytest.mark.parametrize(
    ("call", "dtype"),
    [
        (lambda i, f: i + 1.5, torch.float32),
        (lambda i, f: i + 1, torch.int32),
        (lambda i, f: i / 2, torch.float32),
        (lambda i, f: i + f, torch.float64),
        (lambda i, f: f + torch.tensor(1, dtype=torch.int64), torch.float64),
        (lambda i, f: i + torch.tensor(1.0, dtype=torch.float64), torch.float64),
        (lambda i, f: torch.ones(2) + torch.tensor(1.0, dtype=torch.float64), torch.float32),
        (lambda i, f: i > 1, torch.bool),
        (lambda i, f: i * True, torch.int32),
        (lambda i, f: f * 1j, torch.complex128),
        (lambda i, f: i.sum(), torch.int64),
        (lambda i, f: torch.exp(i), torch.float32),
    ],
)
def test_promotion(call, dtype):
    i, f = torch.ones(2, dtype=torch.int32), torch.ones(2, dtype=torch.float64)
    assert call(i, f).dtype is dtype


def test_integer_overflow_wraps():
    x = torch.tensor([250], dtype=torch.uint8)
    assert (x + 10).tolist() == [4]
    assert (x + 300).tolist() == [38]


def test_size():
    x = torch.zeros(2, 3, 4)
    assert isinstance(x.shape, torch.Size)
    assert x.shape == (2, 3, 4)
    assert isinstance(x.shape[1:], torch.Size)
    assert repr(x.shape) == "torch.Size([2, 3, 4])"
    assert x.size(-1) == 4
    assert x.shape.numel() == 24
    assert (x.dim(), x.ndim, len(x), x.numel()) == (3, 3, 2, 24)
    assert x.stride() == (12, 4, 1)


def test_python_protocols():
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    assert [row.tolist() for row in x] == [[1, 2], [3, 4]]
    assert float(x[0, 0]) == 1.0
    assert int(x[1, 1]) == 4
    assert [10, 20, 30][torch.tensor(1)] == 20
    assert 3.0 in x
    assert f"{x[0, 1]:.2f}" == "2.00"
    assert np.asarray(x).sum() == 10
    with pytest.raises(TypeError, match="0-d tensor"):
        len(torch.tensor(1))


def test_numpy_operands():
    x = torch.ones(2)
    assert isinstance(x * np.float32(2), torch.Tensor)
    assert isinstance(np.float64(2) * x, torch.Tensor)
    assert (np.float64(2) * x).dtype is torch.float32


def test_copying():
    x = torch.randn(3, requires_grad=True)
    x.grad = torch.ones(3)
    y = copy.deepcopy(x)
    assert y.requires_grad
    assert y.tolist() == x.tolist()
    assert y.grad.tolist() == [1, 1, 1]
    assert y.data_ptr() != x.data_ptr()
    z = pickle.loads(pickle.dumps(x))
    assert z.requires_grad
    assert z.tolist() == x.tolist()
    with pytest.raises(RuntimeError, match="graph leaves"):
        copy.deepcopy(x * 2)


def test_data_and_detach():
    x = torch.ones(3, requires_grad=True)
    x.data[0] = 5
    assert x.tolist() == [5, 1, 1]
    assert x._version == 0
    d = x.detach()
    assert not d.requires_grad
    d[1] = 7
    assert x.tolist() == [5, 7, 1]
    assert x._version == 1
    x.data = torch.zeros(3)
    assert x.tolist() == [0, 0, 0]
    assert x.requires_grad


def test_to():
    x = torch.ones(2)
    assert x.to(torch.float32) is x
    assert x.to(torch.float64).dtype is torch.float64
    assert x.to("cpu", torch.int32).dtype is torch.int32
    assert x.to(torch.ones(1, dtype=torch.int8)).dtype is torch.int8
    assert x.to(torch.float32, copy=True) is not x
    assert x.double().half().dtype is torch.float16
    assert x.type_as(torch.ones(1, dtype=torch.int64)).dtype is torch.int64


def test_bfloat16():
    pytest.importorskip("ml_dtypes")
    x = torch.tensor([1.0, 2.5], dtype=torch.bfloat16)
    assert str(x.dtype) == "torch.bfloat16"
    assert (x * 2 + 1).tolist() == [3, 6]
    assert (x + torch.ones(2)).dtype is torch.float32
    assert torch.exp(torch.zeros(2, dtype=torch.bfloat16)).dtype is torch.bfloat16


def test_contiguous_and_memory_format():
    x = torch.randn(2, 3, 4, 5)
    assert x.is_contiguous()
    y = x.contiguous(memory_format=torch.channels_last)
    assert y.stride() == (60, 1, 15, 3)
    assert y.is_contiguous(memory_format=torch.channels_last)
    assert not y.is_contiguous()
    assert (y == x).all()
    assert torch.empty_like(y).stride() == y.stride()
    assert x.contiguous() is x


def test_dlpack():
    x = torch.arange(6).reshape(2, 3)
    array = np.from_dlpack(x)
    assert array.tolist() == x.tolist()
    y = torch.from_dlpack(np.arange(4.0))
    assert y.tolist() == [0, 1, 2, 3]


def test_attributes_of_the_user():
    x = torch.ones(2)
    x.note = "mine"
    assert x.note == "mine"
    assert copy.deepcopy(x).note == "mine"


def test_legacy_constructors():
    assert torch.Tensor([1, 2]).dtype is torch.float32
    assert torch.Tensor(2, 3).shape == (2, 3)
    assert torch.Tensor([1, 0, 1]).long().dtype is torch.int64


def test_factories():
    assert torch.arange(1, 10, 3).tolist() == [1, 4, 7]
    assert torch.arange(0, 1, 0.25).tolist() == [0, 0.25, 0.5, 0.75]
    assert torch.linspace(0, 1, 5).tolist() == [0, 0.25, 0.5, 0.75, 1]
    assert torch.logspace(0, 2, 3).tolist() == [1, 10, 100]
    assert torch.eye(2, 3).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert torch.full((2,), 7).dtype is torch.int64
    assert torch.full((2,), True).dtype is torch.bool
    assert torch.zeros(2, 3).sum() == 0
    assert torch.zeros([2, 3]).shape == torch.zeros(size=(2, 3)).shape
    out = torch.ones(1)
    assert torch.zeros(2, 2, out=out) is out
    assert out.shape == (2, 2)
    with pytest.raises(RuntimeError, match="sign"):
        torch.arange(3, 1)
    with pytest.raises(RuntimeError, match="strided tensors only"):
        torch.zeros(2, layout=torch.sparse_coo)


def test_random_is_reproducible():
    torch.manual_seed(3)
    first = torch.rand(5), torch.randn(20), torch.randperm(9), torch.randint(0, 10, (4,))
    state = torch.get_rng_state()
    after = torch.rand(3)
    torch.manual_seed(3)
    again = torch.rand(5), torch.randn(20), torch.randperm(9), torch.randint(0, 10, (4,))
    assert all((a == b).all() for a, b in zip(first, again, strict=True))
    torch.set_rng_state(state)
    assert (torch.rand(3) == after).all()
    with torch.random.fork_rng():
        torch.rand(10)
    generator = torch.Generator().manual_seed(5)
    x = torch.rand(3, generator=generator)
    assert (torch.rand(3, generator=torch.Generator().manual_seed(5)) == x).all()
    assert torch.normal(torch.zeros(3), 1.0).shape == (3,)
    with pytest.raises(RuntimeError, match="std"):
        torch.normal(0.0, -1.0, (2,))


def test_random_in_place():
    x = torch.empty(1000)
    assert 0 <= x.uniform_().min() < x.max() < 1
    assert abs(x.normal_(5.0, 0.1).mean().item() - 5) < 0.1
    assert set(x.bernoulli_(0.5).tolist()) == {0.0, 1.0}
    assert x.random_(0, 3).max() == 2
    assert torch.bernoulli(torch.ones(3)).tolist() == [1, 1, 1]
    assert torch.multinomial(torch.tensor([0.0, 1.0]), 3, replacement=True).tolist() == [1, 1, 1]


def test_tensor_types():
    x = torch.FloatTensor([1, 2])
    assert x.dtype is torch.float32
    assert isinstance(x, torch.FloatTensor)
    assert not isinstance(x, torch.LongTensor)
    assert torch.LongTensor(2, 3).shape == (2, 3)
    assert x.type() == "torch.FloatTensor"
    assert x.type(torch.LongTensor).dtype is torch.int64
    assert x.type("torch.DoubleTensor").dtype is torch.float64
    assert x.type(torch.int8).dtype is torch.int8
    with pytest.raises(ValueError, match="invalid type"):
        x.type("torch.WrongTensor")
