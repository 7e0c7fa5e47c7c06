"""Samplers, splits and loaders give PyTorch's order for the same seed."""

from __future__ import annotations

import importlib
import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch_data = importlib.import_module("torch.utils.data")

import gradcore  # noqa: E402
from gradcore.utils import data as gradcore_data  # noqa: E402

BOTH = ((gradcore, gradcore_data), (torch, torch_data))


def assert_same(run):
    """``run(package, its data module)`` for both, from one seed; the generators end up equal."""
    results = []
    for package, data in BOTH:
        package.manual_seed(1234)
        results.append((run(package, data), package.rand(3).tolist()))
    assert results[0] == results[1]


def flat(loader):
    return [(x.tolist(), y.tolist()) for x, y in loader]


def dataset(package, data, size):
    return data.TensorDataset(package.arange(size * 2).reshape(size, 2), package.arange(size))


@pytest.mark.parametrize("size", [1, 10, 1000])
@pytest.mark.parametrize(
    "options",
    [
        {"shuffle": True, "batch_size": 4},
        {"shuffle": True, "batch_size": 3, "drop_last": True},
        {"shuffle": False, "batch_size": 4},
        {"shuffle": True, "batch_size": None},
    ],
    ids=str,
)
def test_loader_order_over_three_epochs(options, size):
    def run(package, data):
        loader = data.DataLoader(dataset(package, data, size), **options)
        return [flat(loader) for _ in range(3)]

    assert_same(run)


def test_loader_with_its_own_generator():
    def run(package, data):
        generator = package.Generator()
        generator.manual_seed(77)
        loader = data.DataLoader(dataset(package, data, 20), 6, True, generator=generator)
        return [flat(loader), flat(loader), generator.initial_seed()]

    assert_same(run)


@pytest.mark.parametrize("count", [None, 5, 33, 100])
@pytest.mark.parametrize("replacement", [False, True])
def test_random_sampler(replacement, count):
    assert_same(lambda p, d: list(d.RandomSampler(range(40), replacement, count)))


@pytest.mark.parametrize("replacement", [False, True])
def test_weighted_random_sampler(replacement):
    weights = [0.1, 5.0, 2.0, 0.7, 1.3, 0.01]
    assert_same(lambda p, d: list(d.WeightedRandomSampler(weights, 5, replacement)))


def test_subset_random_sampler():
    assert_same(lambda p, d: list(d.SubsetRandomSampler([4, 8, 15, 16, 23, 42])))


@pytest.mark.parametrize("lengths", [[3, 7], [0.5, 0.3, 0.2], [0.33, 0.33, 0.34]])
def test_random_split(lengths):
    assert_same(lambda p, d: [list(s.indices) for s in d.random_split(range(10), lengths)])


@pytest.mark.parametrize("size", [1, 2, 10, 11])
@pytest.mark.parametrize("shuffle", [False, True])
@pytest.mark.parametrize("drop_last", [False, True])
def test_distributed_sampler(size, shuffle, drop_last):
    def run(package, data):
        if drop_last and size < 3:
            return None
        samplers = [
            data.DistributedSampler(range(size), 3, rank, shuffle, 5, drop_last)
            for rank in range(3)
        ]
        for sampler in samplers:
            sampler.set_epoch(2)
        return [(list(s), len(s), s.total_size) for s in samplers]

    assert_same(run)


@pytest.mark.parametrize(
    "batch",
    [
        [1, 2.5],
        [[1, (2.0, "a")], [3, (4.0, "b")]],
        [{"a": [1, 2]}, {"a": [3, 4]}],
        [range(3), range(3)],
        ["ab", "cd"],
        [b"x", b"y"],
        [[], []],
        [set(), set()],
        [1j, 2j],
        [None],
        [],
        [[1, 2], [3]],
    ],
    ids=str,
)
def test_default_collate(batch):
    ours, theirs = (outcome(package, data, batch) for package, data in BOTH)
    assert ours == theirs


def outcome(package, data, batch):
    """What collating gives, or the error that it raises."""
    try:
        return described(data.default_collate(batch), package)
    except Exception as error:
        return type(error), str(error)


def described(value, package):
    if isinstance(value, package.Tensor):
        return (str(value.dtype).partition(".")[2], value.tolist())
    if isinstance(value, dict):
        return {key: described(entry, package) for key, entry in value.items()}
    if isinstance(value, (list, tuple)):
        return (type(value), [described(entry, package) for entry in value])
    return value


class Draws:
    """Samples that are drawn in the workers, and the seeds there."""

    def __init__(self, package, data):
        self.package, self.data = package, data

    def __len__(self):
        return 6

    def __getitem__(self, index):
        info = self.data.get_worker_info()
        return index, self.package.rand(1).item(), random.random(), np.random.rand(), info.seed


@pytest.mark.parametrize("persistent", [False, True])
def test_workers_draw_the_same_numbers(persistent):
    def run(package, data):
        loader = data.DataLoader(
            Draws(package, data), 1, True, num_workers=2, persistent_workers=persistent
        )
        return [[[x.item() for x in batch] for batch in loader] for _ in range(2)]

    assert_same(run)


def test_stream_batches_of_workers_come_in_the_same_order():
    def run(package, data):
        class Stream(data.IterableDataset):
            def __iter__(self):
                info = data.get_worker_info()
                return iter(range(info.id, 9 - 4 * info.id, 1))

        return [b.tolist() for b in data.DataLoader(Stream(), 2, num_workers=2)]

    assert_same(run)
