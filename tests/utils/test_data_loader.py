"""The DataLoader in one process, and making batches of samples."""

from __future__ import annotations

import collections
import copy
import pickle

import numpy as np
import pytest

import gradcore
from gradcore.utils.data import (
    DataLoader,
    Dataset,
    IterableDataset,
    Subset,
    TensorDataset,
    default_collate,
    default_convert,
    get_worker_info,
)

Point = collections.namedtuple("Point", "x y")


class Numbers(Dataset):
    def __init__(self, size):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return index


class Stream(IterableDataset):
    def __init__(self, size, told=None):
        self.size, self.told = size, told

    def __iter__(self):
        return iter(range(self.size))

    def __len__(self):
        return self.size if self.told is None else self.told


def values(loader):
    return [batch.tolist() for batch in loader]


def flat(loader):
    return [value for batch in values(loader) for value in batch]


# ----------------------------------------------------------------------------------- batches


def test_batches_in_order():
    loader = DataLoader(Numbers(5), batch_size=2)
    assert len(loader) == 3
    assert values(loader) == [[0, 1], [2, 3], [4]]
    assert values(loader) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("size", "drop", "batches"), [(80, True, 10), (87, True, 10), (87, False, 11)]
)
def test_drop_last(size, drop, batches):
    loader = DataLoader(Numbers(size), batch_size=8, drop_last=drop)
    assert len(loader) == batches == len(list(loader))


def test_shuffle_gives_every_sample_once_and_another_order_every_epoch():
    loader = DataLoader(Numbers(30), batch_size=7, shuffle=True)
    first, second = (flat(loader) for _ in range(2))
    assert sorted(first) == sorted(second) == list(range(30)) and first != second


def test_shuffle_follows_the_seed_and_the_generator():
    def order(**options):
        return flat(DataLoader(Numbers(30), 4, shuffle=True, **options))

    gradcore.manual_seed(5)
    first = order()
    gradcore.manual_seed(5)
    assert order() == first
    one, two = (gradcore.Generator().manual_seed(9) for _ in range(2))
    assert order(generator=one) == order(generator=two)


def test_without_batches():
    items = list(DataLoader(Numbers(3), batch_size=None))
    assert items == [0, 1, 2]
    arrays = [np.zeros(2, np.float32)] * 2
    assert all(isinstance(x, gradcore.Tensor) for x in DataLoader(arrays, batch_size=None))


def test_own_sampler_and_batch_sampler():
    assert values(DataLoader(Numbers(9), 2, sampler=[8, 1, 3])) == [[8, 1], [3]]
    assert values(DataLoader(Numbers(9), batch_sampler=[[8], [1, 3]])) == [[8], [1, 3]]
    by_slice = DataLoader(TensorDataset(gradcore.arange(6)), sampler=[[0, 5], [2]], batch_size=None)
    assert [x.tolist() for (x,) in by_slice] == [[0, 5], [2]]


def test_own_collate_function():
    assert list(DataLoader(Numbers(5), 2, collate_fn=sum)) == [1, 5, 4]


def test_getitems_is_used():
    class AtOnce(Numbers):
        def __getitems__(self, indices):
            return [-i for i in indices]

    assert values(DataLoader(AtOnce(3), 2)) == [[0, -1], [-2]]


def test_tensor_dataset_batches_equal_collated_rows():
    x, y = gradcore.arange(24.0).reshape(8, 3), gradcore.arange(8)
    data = Subset(TensorDataset(x, y), [7, 1, 4, 2, 0])
    fast = list(DataLoader(data, 2))
    slow = list(DataLoader(data, 2, collate_fn=lambda rows: default_collate(rows)))
    assert len(fast) == len(slow) == 3
    for (fast_x, fast_y), (slow_x, slow_y) in zip(fast, slow, strict=True):
        assert fast_x.tolist() == slow_x.tolist() and fast_y.tolist() == slow_y.tolist()
        assert fast_x.dtype == slow_x.dtype and fast_y.dtype == slow_y.dtype


def test_tensor_dataset_keeps_gradients_and_refuses_bad_indices():
    x = gradcore.ones(3, 2, requires_grad=True)
    ((batch,),) = DataLoader(TensorDataset(x), 3)
    batch.sum().backward()
    assert x.grad.tolist() == [[1, 1]] * 3
    with pytest.raises(IndexError):
        list(DataLoader(TensorDataset(gradcore.ones(3)), sampler=[3]))
    assert values(DataLoader(gradcore.arange(3), 2, sampler=[-1, 0])) == [[2, 0]]


def test_batch_does_not_share_memory_with_the_dataset():
    x = gradcore.zeros(4)
    for (batch,) in DataLoader(TensorDataset(x), 4):
        batch += 1
    assert x.tolist() == [0, 0, 0, 0]


# ----------------------------------------------------------------------------------- streams


def test_streams():
    assert values(DataLoader(Stream(5), 2)) == [[0, 1], [2, 3], [4]]
    assert values(DataLoader(Stream(5), 2, drop_last=True)) == [[0, 1], [2, 3]]
    assert list(DataLoader(Stream(3), batch_size=None)) == [0, 1, 2]
    assert len(DataLoader(Stream(5), 2)) == 3
    assert len(DataLoader(Stream(5), 2, drop_last=True)) == 2
    assert len(DataLoader(Stream(5), None)) == 5


def test_stream_longer_than_its_length():
    loader = DataLoader(Stream(4, told=2), 1)
    assert len(loader) == 2
    batches = iter(loader)
    next(batches), next(batches)
    with pytest.warns(UserWarning, match="was reported to be 2.*but 3 samples"):
        next(batches)


@pytest.mark.parametrize("option", [{"shuffle": True}, {"sampler": [0]}, {"batch_sampler": [[0]]}])
def test_streams_have_their_own_order(option):
    with pytest.raises(ValueError, match=f"expected unspecified {next(iter(option))} option"):
        DataLoader(Stream(3), **option)


# ------------------------------------------------------------------------------------ errors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_workers": -1}, "num_workers option should be non-negative"),
        ({"timeout": -1}, "timeout option should be non-negative"),
        ({"prefetch_factor": 2}, "prefetch_factor option could only be specified"),
        ({"prefetch_factor": -1, "num_workers": 1}, "prefetch_factor option should be non-neg"),
        ({"persistent_workers": True}, "persistent_workers option needs num_workers > 0"),
        ({"sampler": [0], "shuffle": True}, "sampler option is mutually exclusive with shuffle"),
        ({"batch_sampler": [[0]], "batch_size": 2}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "shuffle": True}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "sampler": [0]}, "batch_sampler option is mutually exclusive"),
        ({"batch_sampler": [[0]], "drop_last": True}, "batch_sampler option is mutually exclusi"),
        ({"batch_size": None, "drop_last": True}, "batch_size=None option disables auto-batching"),
        ({"batch_size": 0}, "batch_size should be a positive integer value"),
        ({"multiprocessing_context": "fork"}, "can only be used with multi-process loading"),
    ],
)
def test_impossible_options(options, message):
    with pytest.raises(ValueError, match=message):
        DataLoader(Numbers(3), **options)


@pytest.mark.parametrize(
    "name",
    ["batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers"],
)
def test_options_are_fixed_once_made(name):
    with pytest.raises(ValueError, match=f"{name} attribute should not be set after DataLoader"):
        setattr(DataLoader(Numbers(3)), name, None)


def test_timeout_without_workers():
    with pytest.raises(AssertionError):
        iter(DataLoader(Numbers(3), timeout=1))


def test_length_of_a_dataset_without_one():
    class Endless(Dataset):
        def __getitem__(self, index):
            return index

    with pytest.raises(TypeError):
        len(DataLoader(Endless(), sampler=iter([1])))


def test_iterators_are_not_pickled():
    with pytest.raises(NotImplementedError):
        pickle.dumps(iter(DataLoader(Numbers(3))))


def test_pin_memory_without_a_gpu_warns():
    if gradcore.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.warns(UserWarning, match="no accelerator is found"):
        assert values(DataLoader(Numbers(2), pin_memory=True)) == [[0], [1]]


def test_worker_info_is_none_in_the_main_process():
    assert get_worker_info() is None


def test_next_after_the_end_and_early_stop():
    batches = iter(DataLoader(Numbers(2)))
    assert len(batches) == 2 and batches is iter(batches)
    assert [b.item() for b in batches] == [0, 1]
    with pytest.raises(StopIteration):
        next(batches)


# ----------------------------------------------------------------------------------- collate


@pytest.mark.parametrize(
    ("batch", "dtype", "expected"),
    [
        ([1, 2], gradcore.int64, [1, 2]),
        ([1.5, 2.0], gradcore.float64, [1.5, 2.0]),
        ([True, False], gradcore.bool, [True, False]),
        ([np.float32(1), np.float32(2)], gradcore.float32, [1, 2]),
        ([np.zeros(2, np.int16), np.ones(2, np.int16)], gradcore.int16, [[0, 0], [1, 1]]),
        ([np.array(3), np.array(4)], gradcore.int64, [3, 4]),
    ],
)
def test_collated_numbers(batch, dtype, expected):
    out = default_collate(batch)
    assert out.dtype == dtype and out.tolist() == expected


def test_collate_nested_structures():
    samples = [
        {"p": Point(i, [float(i), "a"]), "t": (gradcore.full((2,), i), b"x"), "n": np.float64(i)}
        for i in range(2)
    ]
    out = default_collate(samples)
    assert type(out["p"]) is Point and out["p"].x.tolist() == [0, 1]
    assert out["p"].y[0].tolist() == [0.0, 1.0] and out["p"].y[1] == ("a", "a")
    assert out["t"][0].tolist() == [[0, 0], [1, 1]] and out["t"][1] == (b"x", b"x")
    assert out["n"].dtype == gradcore.float64


def test_collate_keeps_the_kind_of_mapping():
    default = collections.defaultdict(list, a=1)
    out = default_collate([default, copy.copy(default)])
    assert type(out) is collections.defaultdict and out["a"].tolist() == [1, 1]
    ordered = default_collate([collections.OrderedDict(a=1)])
    assert type(ordered) is collections.OrderedDict


@pytest.mark.parametrize(
    ("batch", "error", "message"),
    [
        ([[1, 2], [3]], RuntimeError, "each element in list of batch should be of equal size"),
        ([object(), object()], TypeError, "must contain tensors, numpy arrays, numbers, dicts"),
        ([np.array(["a"])] * 2, TypeError, "must contain tensors, numpy arrays.*found <U1"),
        ([None, None], TypeError, "found <class 'NoneType'>"),
        ([gradcore.zeros(2), gradcore.zeros(3)], RuntimeError, "stack expects each tensor to be"),
        ([{"a": 1}, {"b": 1}], KeyError, "a"),
    ],
)
def test_collate_errors(batch, error, message):
    with pytest.raises(error, match=message):
        default_collate(batch)


def test_convert():
    out = default_convert({"a": np.ones(2), "b": [np.int64(3), "s"], "c": (1, np.array(["x"]))})
    assert out["a"].dtype == gradcore.float64 and out["b"][0].item() == 3 and out["b"][1] == "s"
    assert out["c"][0] == 1 and isinstance(out["c"][1], np.ndarray)
    point = default_convert(Point(np.zeros(1), 2))
    assert type(point) is Point and isinstance(point.x, gradcore.Tensor)
