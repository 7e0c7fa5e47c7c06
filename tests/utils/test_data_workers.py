"""The DataLoader with worker processes: same batches, faults reported, nothing left behind."""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import gradcore
from gradcore.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset, get_worker_info
from gradcore.utils.data._utils import worker as worker_module
from gradcore.utils.data._utils.arena import Arena

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="needs POSIX"),
    pytest.mark.filterwarnings("ignore:This DataLoader will create"),
    # Python 3.12 warns of every fork in a process that has threads, as the thread pool's are.
    pytest.mark.filterwarnings("ignore:This process .*is multi-threaded:DeprecationWarning"),
]
SOURCE = Path(__file__).resolve().parents[2] / "src"


class Numbers(Dataset):
    def __init__(self, size=20):
        self.size = size

    def __len__(self):
        return self.size

    def __getitem__(self, index):
        return index


class Random(Numbers):
    def __getitem__(self, index):
        return gradcore.rand(1).item(), random.random(), np.random.rand()


class Who(Numbers):
    def __getitem__(self, index):
        info = get_worker_info()
        return info.id, info.num_workers, info.seed, info.dataset.size, os.getpid()


class Stream(IterableDataset):
    """Every worker gives its share of the numbers."""

    def __init__(self, size, shared=True):
        self.size, self.shared = size, shared

    def __iter__(self):
        info = get_worker_info()
        start, step = (info.id, info.num_workers) if info and self.shared else (0, 1)
        return iter(range(start, self.size, step))

    def __len__(self):
        return self.size


class Fails(Numbers):
    def __init__(self, error):
        super().__init__()
        self.error = error

    def __getitem__(self, index):
        if index == 3:
            self.error()
        return index


def raises(error):
    def run():
        raise error

    return run


def values(loader):
    return [batch.tolist() for batch in loader]


def gone(pid):
    """Whether a process has ended (waiting for it a little)."""
    for _ in range(1000):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


# ----------------------------------------------------------------------------------- batches


@pytest.mark.parametrize("workers", [1, 2, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"batch_size": 4},
        {"batch_size": 6, "drop_last": True},
        {"batch_size": 1, "prefetch_factor": 5},
    ],
    ids=str,
)
def test_same_batches_for_any_number_of_workers(workers, options):
    alone = {key: value for key, value in options.items() if key != "prefetch_factor"}
    for shuffle in (False, True):
        gradcore.manual_seed(1)
        expected = [values(DataLoader(Numbers(), shuffle=shuffle, **alone)) for _ in range(2)]
        gradcore.manual_seed(1)
        loader = DataLoader(Numbers(), shuffle=shuffle, num_workers=workers, **options)
        assert [values(loader) for _ in range(2)] == expected


def test_nested_batches_of_every_kind():
    samples = [
        {
            "image": gradcore.full((2, 3), float(i)),
            "half": gradcore.ones(2).to(gradcore.bfloat16),
            "empty": gradcore.zeros(0),
            "name": f"sample {i}",
            "pair": (i, np.float32(i)),
        }
        for i in range(6)
    ]
    for ours, theirs in zip(
        DataLoader(samples, 2, num_workers=2), DataLoader(samples, 2), strict=True
    ):
        assert ours["image"].tolist() == theirs["image"].tolist()
        assert ours["half"].dtype == gradcore.bfloat16 and ours["empty"].shape == (2, 0)
        assert (
            ours["name"] == theirs["name"]
            and ours["pair"][0].tolist() == theirs["pair"][0].tolist()
        )
        ours["image"] += 1


def test_batches_larger_than_the_first_memory_stay_valid():
    data = TensorDataset(gradcore.arange(40.0).reshape(40, 1).repeat(1, 50_000))
    batches = [x for (x,) in DataLoader(data, 4, num_workers=2)]
    assert [b[0, 0].item() for b in batches] == [0, 4, 8, 12, 16, 20, 24, 28, 32, 36]
    assert all(b.shape == (4, 50_000) and (b == b[:, :1]).all().item() for b in batches)


def test_samples_as_they_are():
    assert list(DataLoader(Numbers(3), batch_size=None, num_workers=2)) == [0, 1, 2]
    many = list(DataLoader([list(np.ones((400, 1)))], 1, collate_fn=list, num_workers=1))
    assert len(many[0][0]) == 400


def test_streams():
    assert sorted(x for b in values(DataLoader(Stream(11), 2, num_workers=2)) for x in b) == list(
        range(11)
    )
    assert values(DataLoader(Stream(6), 2, num_workers=2)) == [[0, 2], [1, 3], [4], [5]]
    assert values(DataLoader(Stream(3, shared=False), 2, num_workers=2)) == [
        [0, 1], [0, 1], [2], [2],
    ]  # fmt: skip


def test_stream_that_was_not_shared_out_warns():
    loader = DataLoader(Stream(2, shared=False), 1, num_workers=2)
    assert len(loader) == 2
    with pytest.warns(UserWarning, match="not properly configuring the IterableDataset replica"):
        list(loader)


def test_order_as_they_come():
    last = multiprocessing.Event()

    class Slow(Numbers):
        def __getitem__(self, index):
            if index == 0:
                assert last.wait(60)
            if index == 5:
                last.set()
            return index

    got = values(DataLoader(Slow(6), 1, num_workers=2, in_order=False))
    assert sorted(got) == [[0], [1], [2], [3], [4], [5]] and got[0] != [0]


@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_start_methods(method):
    data = TensorDataset(gradcore.arange(8.0))
    loader = DataLoader(data, 4, num_workers=1, multiprocessing_context=method)
    assert [x.tolist() for (x,) in loader] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_start_method_options():
    context = multiprocessing.get_context("fork")
    assert len(values(DataLoader(Numbers(), num_workers=1, multiprocessing_context=context))) == 20
    with pytest.raises(ValueError, match="should specify a valid start method in .*but got"):
        DataLoader(Numbers(), num_workers=1, multiprocessing_context="thread")
    with pytest.raises(TypeError, match="should be a valid context object or a string"):
        DataLoader(Numbers(), num_workers=1, multiprocessing_context=3)


def test_too_many_workers_warn():
    with pytest.warns(UserWarning, match="This DataLoader will create 4096 worker processes"):
        DataLoader(Numbers(), num_workers=4096)


def test_far_ahead():
    """Neither side may fill its pipe with long tasks and long answers and wait for the other."""

    def many_arrays(batch):
        return [np.zeros(1) for _ in range(250)]

    size = 1000
    loader = DataLoader(
        Numbers(400 * size), size, num_workers=1, prefetch_factor=400, collate_fn=many_arrays
    )
    assert [len(batch) for batch in loader] == [250] * 400


def test_systems_without_memfd(monkeypatch):
    monkeypatch.delattr(os, "memfd_create", raising=False)
    data = TensorDataset(gradcore.arange(400_000.0).reshape(8, 50_000))
    for (ours,), (theirs,) in zip(
        DataLoader(data, 2, num_workers=2), DataLoader(data, 2), strict=True
    ):
        assert (ours == theirs).all().item()


def test_no_prefetching_is_an_error():
    with pytest.raises(AssertionError):
        iter(DataLoader(Numbers(), num_workers=1, prefetch_factor=0))


# ----------------------------------------------------------------------------------- workers


def test_worker_info_and_init_function():
    started = []

    def init(worker_id):
        started.append(worker_id)
        get_worker_info().dataset.size += 100 * (worker_id + 1)

    loader = DataLoader(Who(4), 1, num_workers=2, worker_init_fn=init, generator=seeded(5))
    got = [[part.item() for part in batch] for batch in loader]
    seed = got[0][2]
    assert [row[:4] for row in got] == [
        [0, 2, seed, 104], [1, 2, seed + 1, 204], [0, 2, seed, 104], [1, 2, seed + 1, 204],
    ]  # fmt: skip
    assert len({row[4] for row in got} | {os.getpid()}) == 3
    assert started == [] and get_worker_info() is None


def seeded(seed):
    return gradcore.Generator().manual_seed(seed)


def test_random_numbers_of_workers_follow_the_seed():
    def draw(seed):
        gradcore.manual_seed(seed)
        return [[x.item() for x in batch] for batch in DataLoader(Random(4), 1, num_workers=2)]

    first = draw(3)
    assert draw(3) == first != draw(4)
    assert len({row[0] for row in first}) == 4


def test_persistent_workers():
    loader = DataLoader(Who(4), 1, num_workers=2, persistent_workers=True)
    first, second = ({batch[4].item() for batch in loader} for _ in range(2))
    assert first == second and len(first) == 2
    assert not any(gone_now(pid) for pid in first)
    del loader
    gc.collect()
    assert all(gone(pid) for pid in first)


def gone_now(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_persistent_workers_start_again_after_a_break():
    loader = DataLoader(Numbers(12), 2, num_workers=2, persistent_workers=True, prefetch_factor=3)
    next(iter(loader))
    assert values(loader) == [[0, 1], [2, 3], [4, 5], [6, 7], [8, 9], [10, 11]]
    streams = DataLoader(Stream(5), 2, num_workers=2, persistent_workers=True)
    assert values(streams) == values(streams) == [[0, 2], [1, 3], [4]]


def test_workers_end_with_the_epoch_and_with_the_iterator():
    batches = iter(DataLoader(Who(4), 1, num_workers=2))
    pids = {next(batches)[4].item() for _ in range(4)}
    with pytest.raises(StopIteration):
        next(batches)
    assert all(gone(pid) for pid in pids)
    batches = iter(DataLoader(Who(100), 1, num_workers=2))
    pids = {next(batches)[4].item() for _ in range(2)}
    del batches
    gc.collect()
    assert all(gone(pid) for pid in pids)


# ------------------------------------------------------------------------------------ faults


class TwoArguments(Exception):
    def __init__(self, a, b):
        super().__init__(a, b)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError("odd sample"), ValueError),
        (KeyError("key"), KeyError),
        (TwoArguments(1, 2), RuntimeError),
        (StopIteration(), StopIteration),
    ],
)
def test_exceptions_come_back_with_their_traceback(error, expected):
    batches = iter(DataLoader(Fails(raises(error)), 2, num_workers=2))
    assert next(batches).tolist() == [0, 1]
    with pytest.raises(expected) as caught:
        next(batches)
    text = str(caught.value)
    assert f"Caught {type(error).__name__} in DataLoader worker process 1.\nOriginal Tr" in text
    assert "in __getitem__" in text and "\n  File" in text
    assert next(batches).tolist() == [4, 5]


def test_exception_of_a_local_class():
    class Local(Exception):
        pass

    with pytest.raises(RuntimeError, match="Caught RuntimeError in DataLoader worker process 0"):
        list(DataLoader(Fails(raises(Local("x"))), 2, num_workers=1))


def test_exceptions_of_the_init_function_and_collate_function():
    def fail(argument):
        raise OSError("no disk")

    for options in ({"worker_init_fn": fail}, {"collate_fn": fail}):
        with pytest.raises(OSError, match="(?s)Caught OSError in DataLoader.*no disk"):
            list(DataLoader(Numbers(), num_workers=1, **options))


def test_batch_that_cannot_be_sent():
    with pytest.raises((AttributeError, RuntimeError, TypeError), match="in DataLoader worker"):
        list(DataLoader(Numbers(), num_workers=1, collate_fn=lambda batch: lambda: batch))


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        (lambda: os.kill(os.getpid(), signal.SIGKILL), "is killed by signal: Killed"),
        (lambda: os.kill(os.getpid(), signal.SIGTERM), "is killed by signal: Terminated"),
        (lambda: os._exit(7), "exited unexpectedly with exit code 7"),
    ],
    ids=["killed", "terminated", "exited"],
)
@pytest.mark.parametrize("persistent", [False, True])
def test_dead_workers_are_reported_at_once(fault, cause, persistent):
    # The timeout turns a death that nobody sees into another error.
    loader = DataLoader(Fails(fault), 2, num_workers=2, persistent_workers=persistent, timeout=30)
    batches = iter(loader)
    pids = [w.pid for w in batches._workers]
    with pytest.raises(RuntimeError, match=r"DataLoader worker \(pid\(s\) \d+\) exited") as caught:
        list(batches)
    assert cause in str(caught.value.__cause__)
    assert all(gone(pid) for pid in pids)


def test_worker_killed_from_outside_while_waiting():
    class Sleeps(Numbers):
        def __getitem__(self, index):
            time.sleep(60)

    batches = iter(DataLoader(Sleeps(), num_workers=1))
    os.kill(batches._workers[0].pid, signal.SIGKILL)
    with pytest.raises(RuntimeError, match="exited unexpectedly"):
        next(batches)


def test_timeout():
    class Sleeps(Numbers):
        def __getitem__(self, index):
            time.sleep(60)

    batches = iter(DataLoader(Sleeps(), num_workers=1, timeout=0.2))
    pid = batches._workers[0].pid
    with pytest.raises(RuntimeError, match="DataLoader timed out after 0.2 seconds"):
        next(batches)
    del batches
    gc.collect()
    assert gone(pid)


PROGRAM = """
import os, sys, time
import gradcore
from gradcore.utils.data import DataLoader, Dataset

class Slow(Dataset):
    def __len__(self):
        return 1000
    def __getitem__(self, index):
        time.sleep(0.01)
        return gradcore.zeros(1000)

if __name__ == "__main__":
    batches = iter(DataLoader(Slow(), 2, num_workers=2))
    next(batches)
    print(*[w.pid for w in batches._workers], flush=True)
    for batch in batches:
        pass
"""


@pytest.mark.parametrize("how", ["group", "main", "kill"])
def test_interrupt_leaves_nothing(how):
    before = shared_blocks()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(SOURCE)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    pids = [int(pid) for pid in process.stdout.readline().split()]
    assert len(pids) == 2
    if how == "group":
        os.killpg(process.pid, signal.SIGINT)
    else:
        os.kill(process.pid, signal.SIGINT if how == "main" else signal.SIGKILL)
    _, errors = process.communicate(timeout=30)
    if how != "kill":
        assert errors.count(b"KeyboardInterrupt") == 1 and b"resource_tracker" not in errors
    assert all(gone(pid) for pid in pids)
    assert shared_blocks() == before


def shared_blocks():
    folder = Path("/dev/shm")
    return {p.name for p in folder.iterdir() if "gradcore" in p.name} if folder.is_dir() else set()


# ------------------------------------------------------------------------------------- parts


def test_arena_reuses_what_was_released():
    arena = Arena()
    values = [np.full(100_000, i, np.uint8) for i in range(60)]
    for i, value in enumerate(values):
        place = arena.store(value)
        assert (arena.read(place) == i).all()
        arena.release(i + 1)
    assert len(arena._memory) == 1 << 20
    places = [arena.store(value) for value in values]
    assert len(arena._memory) > 1 << 20
    assert all((arena.read(place) == i).all() for i, place in enumerate(places))
    assert not arena.closing
    arena.announce_closing()
    assert arena.closing
    arena.close()


def test_wrapped_exception_with_a_message_field():
    class Coded(Exception):
        message = "field"

        def __init__(self, message, code=0):
            super().__init__(message)

    with pytest.raises(Coded, match="Caught Coded somewhere"):
        worker_module.ExceptionWrapper(Coded("x"), "somewhere").reraise()
