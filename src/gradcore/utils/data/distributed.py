"""``DistributedSampler``: each process of a distributed run gets a part of the dataset."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any

from ...ops.registry import FUNCTIONS
from ...tensor.random import Generator
from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler[int]):
    """Every ``num_replicas``-th index, from ``rank`` on, of an order that all processes share.

    Args:
        dataset: has a length, which must be the same in all processes.
        num_replicas: the number of processes; None: that of the distributed run.
        rank: this process's number; None: its rank in the distributed run.
        shuffle: take the indices in a random order given by ``seed`` and :meth:`set_epoch`.
        seed: the same in all processes.
        drop_last: make the parts equally long by leaving indices out, not by repeating some.

    Raises:
        RuntimeError: ``num_replicas`` or ``rank`` is None and this is no distributed run.
        ValueError: ``rank`` is not in [0, num_replicas - 1].

    >>> sampler_of = torch.utils.data.DistributedSampler
    >>> list(sampler_of(range(6), num_replicas=2, rank=1, shuffle=False))
    [1, 3, 5]
    """

    def __init__(
        self,
        dataset: Sized,
        num_replicas: int | None = None,
        rank: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        if num_replicas is None:
            num_replicas = _distributed().get_world_size()
        if rank is None:
            rank = _distributed().get_rank()
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        self.shuffle = shuffle
        self.seed = seed
        size = len(dataset)
        self.num_samples = size // num_replicas if drop_last else -(-size // num_replicas)
        self.total_size = self.num_samples * num_replicas

    def __iter__(self) -> Iterator[int]:
        size = len(self.dataset)
        if self.shuffle:
            generator = Generator().manual_seed(self.seed + self.epoch)
            indices = FUNCTIONS["randperm"](size, generator=generator).tolist()
        else:
            indices = list(range(size))
        if size and self.total_size > size:
            indices *= -(-self.total_size // size)
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self) -> int:
        return self.num_samples

    def set_epoch(self, epoch: int) -> None:
        """Shuffle by ``seed + epoch`` from now on: call it before every epoch."""
        self.epoch = epoch


def _distributed() -> Any:
    try:
        from ... import distributed
    except ImportError:
        raise RuntimeError("Requires distributed package to be available") from None
    if not distributed.is_available():
        raise RuntimeError("Requires distributed package to be available")
    return distributed
