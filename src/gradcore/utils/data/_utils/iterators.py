"""One epoch of a DataLoader, in this process or with worker processes."""

from __future__ import annotations

import itertools
import warnings
import weakref
from typing import Any

from ..sampler import draw_seed
from .fetch import IterableFetcher, MapFetcher
from .pin_memory import pin_memory
from .pool import WorkerPool
from .worker import ExceptionWrapper, Job, StreamEnd

_TOO_LONG_WITH_WORKERS = (
    "For multiprocessing data-loading, this could be caused by not properly configuring the "
    "IterableDataset replica at each worker. Please see "
    "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for examples."
)


class BaseIterator:
    """What both kinds have in common."""

    def __init__(self, loader: Any) -> None:
        self._pin = _can_pin(loader)
        self._loader = loader
        self._index_sampler = loader._index_sampler
        self._start()
        # Workers start from this number. PyTorch draws it without workers too, before a
        # RandomSampler draws its seed: both shape what a program's generator gives afterwards.
        self._base_seed = draw_seed(loader.generator)

    def _start(self) -> None:
        """Begin an epoch."""
        self._sampler_iter = iter(self._index_sampler)
        self._length_told = self._loader._length_told
        self._num_yielded = 0

    def __iter__(self) -> BaseIterator:
        return self

    def __next__(self) -> Any:
        data = self._next_data()
        if self._pin:
            data = pin_memory(data)
        self._num_yielded += 1
        told = self._length_told
        if told is not None and self._num_yielded > told and self._loader._iterable:
            advice = _TOO_LONG_WITH_WORKERS if self._loader.num_workers else ""
            warnings.warn(
                f"Length of IterableDataset {self._loader.dataset} was reported to be {told}"
                f"(when accessing len(dataloader)), but {self._num_yielded} samples have been "
                f"fetched. {advice}",
                stacklevel=2,
            )
        return data

    def _next_data(self) -> Any:
        raise NotImplementedError

    def __len__(self) -> int:
        return len(self._index_sampler)

    def __getstate__(self) -> Any:
        raise NotImplementedError("{} cannot be pickled", type(self).__name__)


class SingleProcessIterator(BaseIterator):
    """Makes batches when they are asked for."""

    def __init__(self, loader: Any) -> None:
        super().__init__(loader)
        if loader.timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        kind = IterableFetcher if loader._iterable else MapFetcher
        self._fetcher = kind(
            loader.dataset, loader._auto_collation, loader.collate_fn, loader.drop_last
        )

    def _next_data(self) -> Any:
        return self._fetcher.fetch(next(self._sampler_iter))


class MultiProcessIterator(BaseIterator):
    """Deals the batches of an epoch out to workers in turn, and returns them in that order.

    Which worker makes which batch does not depend on how fast they are, so that what a worker
    draws from its generators does not either (unless ``in_order=False``).
    """

    def __init__(self, loader: Any) -> None:
        if loader.prefetch_factor <= 0:
            raise AssertionError(
                "prefetch_factor must be greater than 0 for MultiProcessingDataLoaderIter"
            )
        self._num_workers = loader.num_workers
        self._most_tasks = loader.prefetch_factor * loader.num_workers
        self._pool: Any = None
        super().__init__(loader)
        job = Job(
            dataset=loader.dataset,
            iterable=loader._iterable,
            batched=loader._auto_collation,
            collate_fn=loader.collate_fn,
            drop_last=loader.drop_last,
            base_seed=self._base_seed,
            init_fn=loader.worker_init_fn,
            num_workers=loader.num_workers,
        )
        self._pool = WorkerPool(job, loader.multiprocessing_context)
        self._close = weakref.finalize(self, self._pool.close)
        # PyTorch starts a sampler twice when it makes workers: one that draws sees it.
        self._sampler_iter = iter(self._index_sampler)
        self._ask_ahead()

    @property
    def _workers(self) -> list[Any]:
        """The processes, under PyTorch's name."""
        return self._pool.processes

    def _start(self) -> None:
        super()._start()
        self._sent = 0  # the number of the next batch to ask for
        self._returned = 0  # the number of the next batch to return
        self._worker_of: dict[int, int] = {}  # who makes each batch that was not returned yet
        self._early: dict[int, Any] = {}  # batches that came before their turn
        self._working = [True] * self._num_workers  # whose stream has not ended
        self._tasks = [0] * self._num_workers
        self._turns = itertools.cycle(range(self._num_workers))

    def restart(self) -> None:
        """Begin the next epoch with the same workers."""
        self._start()
        self._pool.resume()
        self._ask_ahead()

    def _ask_ahead(self) -> None:
        for _ in range(self._most_tasks):
            self._ask()

    def _ask(self) -> None:
        """Ask the next worker in turn for the next batch, if there is one of each."""
        index = next(self._sampler_iter, _NOTHING)
        if index is _NOTHING:
            return
        worker = self._next_worker()
        if worker is None:
            return
        self._pool.ask(worker, self._sent, index)
        self._worker_of[self._sent] = worker
        self._tasks[worker] += 1
        self._sent += 1

    def _next_worker(self) -> int | None:
        for worker in itertools.islice(self._turns, self._num_workers):
            if not self._working[worker]:
                continue
            fair_share = self._most_tasks // sum(self._working)
            if self._loader.in_order or self._tasks[worker] < fair_share:
                return worker
        return None

    def _next_data(self) -> Any:
        while self._find_next():
            if self._returned in self._early:
                return self._finish(self._returned, self._early.pop(self._returned))
            number, data = self._receive()
            if isinstance(data, StreamEnd):
                self._end_stream(self._worker_of.pop(number))
            elif number == self._returned or not self._loader.in_order:
                return self._finish(number, data)
            else:
                self._early[number] = data
        if not self._loader.persistent_workers:
            self._close()
        raise StopIteration

    def _find_next(self) -> bool:
        """Go to the next batch that will come; False where there is none."""
        while self._returned < self._sent:
            worker = self._worker_of.get(self._returned)
            if worker is not None and (self._returned in self._early or self._working[worker]):
                return True
            self._worker_of.pop(self._returned, None)
            self._returned += 1
        return False

    def _receive(self) -> tuple[int, Any]:
        timeout = self._loader.timeout
        try:
            received = self._pool.receive(timeout)
        except RuntimeError:
            self._close()
            raise
        if received is None:
            raise RuntimeError(f"DataLoader timed out after {timeout} seconds")
        return received

    def _end_stream(self, worker: int) -> None:
        self._working[worker] = False
        if not self._loader.persistent_workers:
            self._pool.dismiss(worker)
        self._ask()

    def _finish(self, number: int, data: Any) -> Any:
        self._tasks[self._worker_of.pop(number)] -= 1
        if number == self._returned:
            self._returned += 1
        self._ask()
        if isinstance(data, ExceptionWrapper):
            data.reraise()
        return data


_NOTHING = object()


def _can_pin(loader: Any) -> bool:
    """Whether to pin; warns where ``pin_memory`` can have no effect."""
    if not loader.pin_memory:
        return False
    if loader.pin_memory_device:
        warnings.warn(
            "pin_memory_device is deprecated, the current accelerator will be used as the device,"
            f"ignore pin_memory_device='{loader.pin_memory_device}'.",
            stacklevel=5,
        )
    from .... import cuda

    if cuda.is_available():
        return True
    warnings.warn(
        "'pin_memory' argument is set as true but no accelerator is found, then device pinned "
        "memory won't be used.",
        stacklevel=5,
    )
    return False
