"""Training that goes on after it was stopped at any moment, with the numbers it would have had.

>>> loader = ResumableLoader(DataLoader(dataset, batch_size=64, shuffle=True))
>>> checkpoint = Checkpoint("run.pt", model=model, optimizer=optimizer, loader=loader)
>>> checkpoint.load()                       # does nothing where there is no file yet
>>> while loader.epoch < 10:
...     for images, labels in loader:
...         train_step(images, labels)
...         if loader.batch % 100 == 0:
...             checkpoint.save()
...     checkpoint.save()

Numbers are equal to the last bit between runs with the same number of threads and the same extras:
the kernels of the extra ``fast`` round otherwise than NumPy.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import cuda, from_numpy, get_rng_state, load, save, set_rng_state
from .data import DataLoader

__all__ = ["Checkpoint", "ResumableLoader", "get_random_states", "set_random_states"]


def get_random_states() -> dict[str, Any]:
    """The states of the default generators of gradcore (all devices), Python and NumPy."""
    kind, keys, *rest = np.random.get_state(legacy=True)
    return {
        "cpu": get_rng_state(),
        "cuda": [cuda.get_rng_state(i) for i in range(cuda.device_count())],
        "python": random.getstate(),
        "numpy": [kind, from_numpy(np.asarray(keys).astype(np.int64)), *rest],
    }


def set_random_states(states: dict[str, Any]) -> None:
    """Let all generators go on from what :func:`get_random_states` gave."""
    set_rng_state(states["cpu"])
    for i, state in enumerate(states["cuda"][: cuda.device_count()]):
        cuda.set_rng_state(state, i)
    random.setstate(states["python"])
    kind, keys, *rest = states["numpy"]
    np.random.set_state((kind, keys.numpy().astype(np.uint32), *rest))


class Checkpoint:
    """A file with the states of everything that a run needs.

    Args:
        path: the file. It is replaced only by a whole new one, so that a process may be killed
            while it saves.
        parts: what has ``state_dict`` and ``load_state_dict``, by names of one's own: the model,
            the optimizer, the scheduler, a :class:`ResumableLoader`.

    Raises:
        TypeError: a part that does not have them.
    """

    def __init__(self, path: str | os.PathLike, **parts: Any) -> None:
        for name, part in parts.items():
            if not (hasattr(part, "state_dict") and hasattr(part, "load_state_dict")):
                raise TypeError(
                    f"{name} should have state_dict and load_state_dict, which a "
                    f"{type(part).__name__} does not"
                )
        self.path = path
        self.parts = parts

    def save(self, **values: Any) -> None:
        """Write the states of the parts and of the random generators, and ``values``."""
        states = {name: part.state_dict() for name, part in self.parts.items()}
        save({"parts": states, "random": get_random_states(), "values": values}, self.path)

    def load(self) -> dict[str, Any]:
        """Restore what :meth:`save` wrote; returns its ``values``, {} where there is no file.

        Tensors are read on the CPU; models and optimizers copy them to where theirs are.

        Raises:
            ValueError: the file has other parts.
        """
        if not os.path.exists(self.path):
            return {}
        saved = load(self.path, map_location="cpu")
        if saved["parts"].keys() != self.parts.keys():
            raise ValueError(
                f"{self.path} has the parts {sorted(saved['parts'])}, not {sorted(self.parts)}"
            )
        for name, part in self.parts.items():
            part.load_state_dict(saved["parts"][name])
        set_random_states(saved["random"])
        return saved["values"]


class ResumableLoader:
    """A DataLoader that knows its place, and goes on from there when it is loaded.

    ``epoch`` counts the whole passes, ``batch`` the batches that the current pass has given. To
    go on in the middle of a pass, that pass begins again from the random states with which it
    began, the batches that were given are made once more and dropped, and then the generators go
    on from where they were. So it works with workers and with random transforms. A sampler of
    one's own should draw what it needs when a pass begins, as those of gradcore do.

    Raises:
        ValueError: ``persistent_workers``, whose random states cannot be saved.
    """

    def __init__(self, loader: DataLoader) -> None:
        if loader.persistent_workers:
            raise ValueError(
                "persistent_workers=True: the workers' random states go on from epoch to epoch, "
                "and cannot be saved"
            )
        self.loader = loader
        self.epoch = 0
        self.batch = 0
        self._start: dict[str, Any] | None = None
        self._given = 0  # batches that the pass has given before it was saved

    def __len__(self) -> int:
        """The number of batches in a pass."""
        return len(self.loader)

    def __iter__(self) -> Iterator[Any]:
        """The batches of a pass; the first time after loading, those that are left of it."""
        self.batch, self._given = self._given, 0
        iterator = self._resumed() if self.batch else self._started()
        for data in iterator:
            self.batch += 1
            yield data
        self.epoch, self.batch, self._start = self.epoch + 1, 0, None

    def _started(self) -> Iterator[Any]:
        self._start = {"default": get_random_states(), "own": self._own_states()}
        return iter(self.loader)

    def _resumed(self) -> Iterator[Any]:
        now, own, start = get_random_states(), self._own_states(), self._start
        if start is None:
            raise RuntimeError("the loaded state has a place in a pass, but not how it began")
        set_random_states(start["default"])
        self._set_own_states(start["own"])
        iterator = iter(self.loader)
        for _ in range(self.batch):
            next(iterator)
        set_random_states(now)
        self._set_own_states(own)
        return iterator

    def _generators(self) -> list[Any]:
        """The generators that the loader and its samplers draw from, other than the default."""
        owners = (self.loader, self.loader.sampler, self.loader.batch_sampler)
        found = {id(g): g for owner in owners if (g := getattr(owner, "generator", None))}
        return list(found.values())

    def _own_states(self) -> list[Any]:
        return [generator.get_state() for generator in self._generators()]

    def _set_own_states(self, states: list[Any]) -> None:
        for generator, state in zip(self._generators(), states, strict=True):
            generator.set_state(state)

    def state_dict(self) -> dict[str, Any]:
        """The place, how the pass began, and the states of generators of the loader's own."""
        place = {"epoch": self.epoch, "batch": self.batch}
        return {**place, "start": self._start, "own": self._own_states()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what :meth:`state_dict` gave.

        The default generators have to be set too, by :func:`set_random_states` or
        :class:`Checkpoint`.
        """
        self.epoch, self.batch = state_dict["epoch"], state_dict["batch"]
        self._given, self._start = self.batch, state_dict["start"]
        self._set_own_states(state_dict["own"])
