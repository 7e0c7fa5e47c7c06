"""Datasets and samplers."""

from __future__ import annotations

import pytest

import gradcore
from gradcore.utils.data import (
    BatchSampler,
    ChainDataset,
    ConcatDataset,
    Dataset,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    Sampler,
    SequentialSampler,
    StackDataset,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
    random_split,
)


class Squares(Dataset):
    def __init__(self, size=10):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return index * index


class AtOnce(Squares):
    """Gives the samples of a batch at once, ``extra`` too many of them."""

    def __init__(self, size=10, extra=0):
        super().__init__(size)
        self.extra = extra
        self.asked = []

    def __getitems__(self, indices):
        self.asked.append(indices)
        return [i * i for i in indices] + [0] * self.extra


class Stream(IterableDataset):
    def __init__(self, values):
        self.values = values

    def __iter__(self):
        return iter(self.values)

    def __len__(self):
        return len(self.values)


# ---------------------------------------------------------------------------------- datasets


def test_base_classes_are_abstract():
    with pytest.raises(NotImplementedError, match="should implement __getitem__"):
        Dataset()[0]
    with pytest.raises(TypeError):
        len(Dataset())
    with pytest.raises(TypeError):
        iter(IterableDataset())
    with pytest.raises(NotImplementedError):
        iter(Sampler())


def test_tensor_dataset():
    x, y = gradcore.arange(6).reshape(3, 2), gradcore.tensor([5, 6, 7])
    data = TensorDataset(x, y)
    assert len(data) == 3
    row, label = data[1]
    assert row.tolist() == [2, 3] and label.item() == 6
    assert [part.tolist() for part in data[1:]] == [[[2, 3], [4, 5]], [6, 7]]
    with pytest.raises(AssertionError, match="Size mismatch between tensors"):
        TensorDataset(x, gradcore.zeros(2))


def test_concat_dataset():
    data = Squares(3) + Squares(0) + Squares(2)
    assert isinstance(data, ConcatDataset)
    assert len(data) == 5 and data.cumulative_sizes == [3, 5]
    assert [data[i] for i in range(5)] == [0, 1, 4, 0, 1]
    assert [data[i] for i in range(-5, 0)] == [0, 1, 4, 0, 1]
    with pytest.raises(ValueError, match="absolute value of index should not exceed"):
        data[-6]
    with pytest.raises(IndexError):
        data[5]
    with pytest.warns(FutureWarning, match="renamed to `cumulative_sizes`"):
        assert data.cummulative_sizes == [3, 5]
    with pytest.raises(AssertionError, match="should not be an empty iterable"):
        ConcatDataset([])
    with pytest.raises(AssertionError, match="does not support IterableDataset"):
        ConcatDataset([Stream([1])])


def test_chain_dataset():
    data = Stream([1, 2]) + Stream([3])
    assert isinstance(data, ChainDataset)
    assert list(data) == [1, 2, 3] and list(data) == [1, 2, 3]
    assert len(data) == 3
    with pytest.raises(AssertionError, match="only supports IterableDataset"):
        list(ChainDataset([Squares()]))


def test_stack_dataset():
    pairs, named = StackDataset(Squares(4), AtOnce(4)), StackDataset(a=Squares(4), b=AtOnce(4))
    assert len(pairs) == len(named) == 4
    assert pairs[3] == (9, 9) and named[3] == {"a": 9, "b": 9}
    assert pairs.__getitems__([0, 2]) == [(0, 0), (4, 4)]
    assert named.__getitems__([2]) == [{"a": 4, "b": 4}]
    assert pairs.datasets[1].asked == [[0, 2]]
    with pytest.raises(ValueError, match=r"Expected 1, got 2"):
        StackDataset(AtOnce(4, extra=1)).__getitems__([0])
    with pytest.raises(ValueError, match="both types are given"):
        StackDataset(Squares(), a=Squares())
    with pytest.raises(ValueError, match="At least one dataset"):
        StackDataset()
    with pytest.raises(ValueError, match="Size mismatch between datasets"):
        StackDataset(Squares(3), Squares(4))


def test_subset():
    part = Subset(Squares(), [7, 2])
    assert len(part) == 2 and part[0] == 49 and part[-1] == 4
    assert part.__getitems__([1, 0]) == [4, 49]
    whole = AtOnce()
    assert Subset(whole, [5, 6]).__getitems__([1]) == [36] and whole.asked == [[6]]

    class Shifted(Subset):
        def __getitem__(self, index):
            return super().__getitem__(index) + 1

    with pytest.raises(NotImplementedError, match="Shifted overrides __getitem__ but not"):
        Shifted(Squares(), [0])


def test_random_split():
    gradcore.manual_seed(0)
    parts = random_split(Squares(10), [3, 7])
    assert [len(p) for p in parts] == [3, 7]
    assert sorted(parts[0].indices + parts[1].indices) == list(range(10))
    assert [len(p) for p in random_split(Squares(10), [0.34, 0.33, 0.33])] == [4, 3, 3]
    with pytest.raises(ValueError, match="Sum of input lengths does not equal"):
        random_split(Squares(10), [3, 8])
    with pytest.raises(ValueError, match="Fraction at index 0 is not between 0 and 1"):
        random_split(Squares(10), [-0.5, 1.5])
    with pytest.warns(UserWarning, match="Length of split at index 1 is 0"):
        random_split(Squares(1), [0.5, 0.5])


# ---------------------------------------------------------------------------------- samplers


def test_sequential_and_batch_sampler():
    order = SequentialSampler(Squares(5))
    assert len(order) == 5 and list(order) == [0, 1, 2, 3, 4]
    batches = BatchSampler(order, 2, drop_last=False)
    assert len(batches) == 3 and list(batches) == [[0, 1], [2, 3], [4]]
    batches = BatchSampler(order, 2, drop_last=True)
    assert len(batches) == 2 and list(batches) == [[0, 1], [2, 3]]


@pytest.mark.parametrize("size", [0, -1, 2.0, True])
def test_batch_sampler_checks_its_size(size):
    with pytest.raises(ValueError, match="batch_size should be a positive integer value"):
        BatchSampler([0], size, False)


def test_batch_sampler_checks_drop_last():
    with pytest.raises(ValueError, match="drop_last should be a boolean value"):
        BatchSampler([0], 1, 0)


def test_random_sampler_without_replacement():
    sampler = RandomSampler(Squares(10))
    assert sorted(sampler) == list(range(10)) and len(sampler) == 10
    assert list(sampler) != list(sampler)
    longer = list(RandomSampler(Squares(4), num_samples=10))
    assert sorted(longer[:4]) == sorted(longer[4:8]) == [0, 1, 2, 3] and len(longer) == 10


def test_random_sampler_follows_the_seed():
    def order():
        gradcore.manual_seed(7)
        return list(RandomSampler(Squares(20)))

    assert order() == order()
    one, two = (gradcore.Generator().manual_seed(3) for _ in range(2))
    gradcore.manual_seed(1)
    first = list(RandomSampler(Squares(20), generator=one))
    gradcore.manual_seed(2)
    assert list(RandomSampler(Squares(20), generator=two)) == first


def test_random_sampler_with_replacement():
    drawn = list(RandomSampler(Squares(3), replacement=True, num_samples=100))
    assert len(drawn) == 100 and set(drawn) == {0, 1, 2}


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"replacement": 1}, TypeError, "replacement should be a boolean value"),
        ({"num_samples": 0}, ValueError, "num_samples should be a positive integer value"),
        ({"num_samples": 1.5}, ValueError, "num_samples should be a positive integer value"),
    ],
)
def test_random_sampler_errors(options, error, message):
    with pytest.raises(error, match=message):
        RandomSampler(Squares(), **options)


def test_subset_random_sampler():
    sampler = SubsetRandomSampler([3, 5, 8])
    assert len(sampler) == 3 and sorted(sampler) == [3, 5, 8]


def test_weighted_random_sampler():
    drawn = list(WeightedRandomSampler([0, 1, 0, 3], 400))
    assert set(drawn) == {1, 3} and drawn.count(3) > drawn.count(1)
    every = WeightedRandomSampler([1, 2, 3], 3, replacement=False)
    assert sorted(every) == [0, 1, 2] and len(every) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([1.0], 0), "num_samples should be a positive"),
        (([1.0], True), "num_samples should be a positive"),
        (([1.0], 1, 1), "replacement should be a boolean"),
        (([[1.0]], 1), r"weights should be a 1d sequence but given weights have shape \(1, 1\)"),
    ],
)
def test_weighted_random_sampler_errors(arguments, message):
    with pytest.raises(ValueError, match=message):
        WeightedRandomSampler(*arguments)


@pytest.mark.parametrize("shuffle", [False, True])
def test_distributed_samplers_share_the_dataset(shuffle):
    data = Squares(10)
    parts = [list(DistributedSampler(data, 4, r, shuffle)) for r in range(4)]
    assert [len(p) for p in parts] == [3, 3, 3, 3]
    assert sorted({i for part in parts for i in part}) == list(range(10))
    parts = [list(DistributedSampler(data, 4, r, shuffle, drop_last=True)) for r in range(4)]
    assert [len(p) for p in parts] == [2, 2, 2, 2]
    assert len({i for part in parts for i in part}) == 8


def test_distributed_sampler_epochs():
    sampler = DistributedSampler(Squares(50), 2, 0)
    first = list(sampler)
    assert list(sampler) == first and len(sampler) == 25
    sampler.set_epoch(1)
    assert list(sampler) != first
    assert list(DistributedSampler(Squares(50), 2, 0, seed=1)) == list(sampler)


def test_distributed_sampler_errors():
    for rank in (2, -1):
        with pytest.raises(ValueError, match=rf"Invalid rank {rank}, rank should be in the"):
            DistributedSampler(Squares(), 2, rank)
