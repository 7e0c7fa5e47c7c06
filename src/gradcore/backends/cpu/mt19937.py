"""`MT19937Stream`: the raw random numbers of PyTorch's CPU generator.

PyTorch's `CPUGeneratorImpl` is a 32-bit Mersenne Twister (Matsumoto and Nishimura, 1998) seeded by
Knuth's recurrence, which is exactly what NumPy calls legacy seeding. NumPy's C loops therefore
produce the stream; this class adds what PyTorch wraps around it: 64-bit seeds, the order of the
halves of a 64-bit draw, the cached second value of a scalar normal draw, and the state's bytes.
"""

from __future__ import annotations

import operator
import os
from typing import Any

import numpy as np

from .native import random as compiled

__all__ = ["DEFAULT_SEED", "MT19937Stream"]

# c10::default_rng_seed_val: the seed of a generator that nobody seeded.
DEFAULT_SEED = 67280421310721

_STATE_WORDS = 624

# aten/src/ATen/CPUGeneratorImpl.cpp, `CPUGeneratorImplState`: 5056 bytes, little-endian. The
# words are stored as 64-bit numbers and normal_x, normal_rho are unused, all for old checkpoints.
_STATE_LAYOUT = np.dtype(
    [
        ("initial_seed", "<u8"),
        ("left", "<i4"),
        ("seeded", "<i4"),
        ("next", "<u8"),
        ("words", "<u8", (_STATE_WORDS,)),
        ("normal_x", "<f8"),
        ("double_normal", "<f8"),
        ("normal_rho", "<f8"),
        ("has_double_normal", "<i4"),
        ("padding_1", "<u4"),
        ("float_normal", "<f4"),
        ("has_float_normal", "<u1"),
        ("padding_2", "<u1", (3,)),
    ]
)


class MT19937Stream:
    """A stream of 32-bit and 64-bit random numbers, equal to PyTorch's for the same seed.

    `double_normal` and `float_normal` are the cached second values of scalar Box-Muller draws, or
    None; they are part of the state because the next scalar normal draw returns them.
    """

    __slots__ = (
        "_bits",
        "_next_when_used_up",
        "_numbers",
        "_seed",
        "double_normal",
        "float_normal",
    )

    def __init__(self, seed: int = DEFAULT_SEED) -> None:
        self._bits = np.random.MT19937(0)
        self._numbers = np.random.Generator(self._bits)
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> MT19937Stream:
        """Restart the stream at `seed`, an integer in [-2**63, 2**64).

        Negative seeds count from 2**64. The state is made from the low 32 bits alone, as in
        PyTorch. Raises RuntimeError for anything but an int, ValueError outside the range.
        """
        if isinstance(seed, (bool, np.bool_)) or not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        seed = operator.index(seed)
        if not -(2**63) <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long")
        self._seed = seed % 2**64
        legacy: Any = np.random.RandomState(self._seed & 0xFFFFFFFF)
        self._bits.state = legacy.get_state(legacy=False)
        # PyTorch counts `next` from 0 when seeded and leaves it at 624 when the words are used up.
        self._next_when_used_up = 0
        self.double_normal: float | None = None
        self.float_normal: float | None = None
        return self

    def seed(self) -> int:
        """Restart the stream at a seed from the operating system, and return that seed."""
        # 53 bits, so that the seed survives a trip through a double, as PyTorch does it.
        self.manual_seed(int.from_bytes(os.urandom(8), "little") & (2**53 - 1))
        return self._seed

    def initial_seed(self) -> int:
        """The last seed, in [0, 2**64)."""
        return self._seed

    def bits32(self, count: int) -> np.ndarray:
        """The next `count` 32-bit numbers: uint32 [count]."""
        out = np.empty(count, np.uint32)
        if self.fill("bits", out):
            return out
        if count:
            self._next_when_used_up = _STATE_WORDS
        return self._numbers.integers(0, 2**32, count, dtype=np.uint32)

    def bits64(self, count: int) -> np.ndarray:
        """The next `count` 64-bit numbers, each two draws, high half first: uint64 [count]."""
        out = np.empty(count, np.uint64)
        if self.fill("bits", out):
            return out
        if count:
            self._next_when_used_up = _STATE_WORDS
        return self._numbers.integers(0, 2**64, count, dtype=np.uint64)

    def fill(self, kind: str, out: np.ndarray, *numbers: float) -> bool:
        """Fill C-contiguous `out` by a compiled kernel, and say whether there is one for it.

        The kinds and their numbers are those of `native.random.fill`.
        """
        if not out.size or not compiled.fill(self._bits, kind, out, numbers):
            return False
        self._next_when_used_up = _STATE_WORDS
        return True

    def random(self) -> int:
        """The next 32-bit number as an int."""
        self._next_when_used_up = _STATE_WORDS
        return int(self._bits.random_raw())

    def random64(self) -> int:
        """The next 64-bit number as an int."""
        return int(self.bits64(1)[0])

    def get_state(self) -> np.ndarray:
        """The state as PyTorch's bytes: uint8 [5056]."""
        engine = self._bits.state["state"]
        record = np.zeros((), _STATE_LAYOUT)
        used_up = engine["pos"] == _STATE_WORDS
        record["initial_seed"] = self._seed
        record["seeded"] = 1
        record["left"] = 1 if used_up else _STATE_WORDS + 1 - engine["pos"]
        record["next"] = self._next_when_used_up if used_up else engine["pos"]
        record["words"] = engine["key"]
        record["has_double_normal"] = self.double_normal is not None
        record["double_normal"] = self.double_normal or 0.0
        record["has_float_normal"] = self.float_normal is not None
        record["float_normal"] = self.float_normal or 0.0
        return np.frombuffer(record.tobytes(), np.uint8).copy()

    def set_state(self, state: np.ndarray) -> None:
        """Continue where `state`, bytes from `get_state` or `torch.get_rng_state`, was taken.

        Raises TypeError unless `state` is a uint8 array, RuntimeError for a wrong size or bytes
        that are no state of a Mersenne Twister.
        """
        if not isinstance(state, np.ndarray) or state.dtype != np.uint8:
            raise TypeError("RNG state must be a torch.ByteTensor")
        if state.size != _STATE_LAYOUT.itemsize:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_STATE_LAYOUT.itemsize}"
                f" but found the input RNG state size to be {state.size}"
            )
        record = np.frombuffer(state.tobytes(), _STATE_LAYOUT)[0]
        left, next_word = int(record["left"]), int(record["next"])
        used_up = left == 1
        in_step = next_word <= _STATE_WORDS and left == _STATE_WORDS + 1 - next_word
        if record["seeded"] != 1 or not (in_step or (used_up and next_word <= _STATE_WORDS)):
            raise RuntimeError("Invalid mt19937 state")
        position = _STATE_WORDS if used_up else next_word
        words = record["words"].astype(np.uint32)
        self._bits.state = {"bit_generator": "MT19937", "state": {"key": words, "pos": position}}
        self._seed = int(record["initial_seed"])
        self._next_when_used_up = next_word if used_up else _STATE_WORDS
        self.double_normal = float(record["double_normal"]) if record["has_double_normal"] else None
        self.float_normal = float(record["float_normal"]) if record["has_float_normal"] else None

    def clone(self) -> MT19937Stream:
        """A stream of its own that continues as this one does."""
        other = MT19937Stream()
        other.set_state(self.get_state())
        return other
