"""What functions that are run for several inputs may do with random numbers."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

_DREW = (
    "vmap: called random operation while in randomness error mode. Please either use the 'same' "
    "or 'different' randomness flags on vmap or perform the randomness operation out of vmap"
)


def check_randomness(randomness: str) -> None:
    """RuntimeError for a mode that does not exist."""
    if randomness not in ("error", "different", "same"):
        raise RuntimeError(
            "Only allowed values for randomness are 'error', 'different', or 'same'. Got "
            f"{randomness}"
        )


@contextlib.contextmanager
def watched(randomness: str, args: tuple) -> Iterator[None]:
    """In "error" mode, RuntimeError if random numbers are drawn inside."""
    check_randomness(randomness)
    if randomness != "error":
        yield
        return
    from ..utils.rng_states import RandomStates

    before = RandomStates(args)
    yield
    if not _same(before, RandomStates(args)):
        raise RuntimeError(_DREW)


def _same(a: Any, b: Any) -> bool:
    states = zip((a.cpu, *a.states), (b.cpu, *b.states), strict=True)
    return all(bool((x == y).all()) for x, y in states)
