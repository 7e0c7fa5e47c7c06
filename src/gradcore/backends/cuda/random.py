"""Random fills of CUDA arrays from a counter-based stream whose state is in device memory.

Philox4x32-10 gives the same numbers on every device and at every launch size. The values are not
those of ``torch.cuda`` (whose counters depend on the launch), the distributions are. The offset
advances on the device, so a captured graph draws new numbers at each replay and nothing
synchronizes.
"""

from __future__ import annotations

import math
import secrets
from types import ModuleType
from typing import Any

import numpy as np

from ..cpu import random as cpu_random
from ..cpu.random_discrete import check_multinomial, check_randperm
from .compile import Array, is_float, launch

# Bits of the significand, the hidden one included.
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
DEFAULT_SEED = 67280421310721  # c10::detail::getNonDeterministicRandom's default seed


# Passed where the CPU functions only check their arguments.
_UNUSED = cpu_random.MT19937Stream(0)


class PhiloxStream:
    """Seed and offset of one device's random numbers: uint64 (2,) on the device."""

    def __init__(self, xp: ModuleType, seed: int = DEFAULT_SEED) -> None:
        self.xp = xp
        self._seed = seed
        self.state = xp.zeros(2, "uint64")
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> PhiloxStream:
        """Restart the stream at ``seed``, an integer in [-2**63, 2**64).

        Raises RuntimeError for other integers.
        """
        if not -(2**63) <= seed < 2**64:
            raise RuntimeError(f"Overflow when unpacking long long: seed {seed}")
        self._seed = seed % 2**64
        with self.state.device:
            self.state.fill(0)
            self.state[0] = np.uint64(self._seed)
        return self

    def seed(self) -> int:
        """Restart the stream at a seed from the operating system, and return that seed."""
        self.manual_seed(secrets.randbits(64))
        return self._seed

    def initial_seed(self) -> int:
        """The last seed, in [0, 2**64)."""
        return self._seed

    def get_state(self) -> np.ndarray:
        """Seed and offset as 16 bytes; waits for the device."""
        return self.state.get().view(np.uint8)

    def set_state(self, state: np.ndarray) -> None:
        """Continue where :func:`get_state` was called; TypeError unless 16 bytes of uint8."""
        if state.dtype != np.uint8 or state.size != 16:
            raise TypeError("the state of a CUDA generator is 16 bytes of dtype uint8")
        words = np.ascontiguousarray(state).view(np.uint64)
        self._seed = int(words[0])
        with self.state.device:
            self.state[...] = self.xp.asarray(words)

    def draw(self, kernel: str, dtype: np.dtype, args: list[Any], count: int) -> None:
        """Run a kernel of random.cu that uses ``count`` counters, and advance the offset."""
        if count == 0:
            return
        launch(self.xp, f"random.{kernel}", dtype, [self.state, *args], threads=count)
        advance = [self.state, np.uint64(count)]
        launch(self.xp, "random.philox_advance", np.dtype(np.float32), advance, grid=1, block=(32,))


def _counters(out: Array) -> int:
    per = 2 if out.dtype.itemsize == 8 else 4
    return -(-out.size // per)


def _fill(out: Array, stream: PhiloxStream, kernel: str, options: list[float]) -> None:
    """Fill ``out`` by a kernel that writes contiguous memory."""
    xp = stream.xp
    target = out if out.flags.c_contiguous else xp.empty(out.shape, out.dtype)
    stream.draw(kernel, out.dtype, [target, out.size, *map(float, options)], _counters(out))
    if target is not out:
        out[...] = target


def _nothing(out: Array) -> np.ndarray:
    """An empty array of the same dtype: filling it on the CPU draws nothing, but checks bounds."""
    return np.empty(0, out.dtype)


def _parts(out: Array) -> tuple[Array, Array]:
    return out.real, out.imag


def fill_uniform(out: Array, stream: PhiloxStream, low: float = 0.0, high: float = 1.0) -> None:
    """Fill ``out`` (floating or complex) with numbers of [low, high), as ``Tensor.uniform_``."""
    if out.dtype.kind == "c":
        for part in _parts(out):
            fill_uniform(part, stream, low, high)
        return
    cpu_random.fill_uniform(_nothing(out), _UNUSED, low, high)
    _fill(out, stream, "philox_uniform", [low, high])


def fill_normal(out: Array, stream: PhiloxStream, mean: float = 0.0, std: float = 1.0) -> None:
    """Fill ``out`` (floating or complex) with normal numbers, as ``Tensor.normal_``."""
    if out.dtype.kind == "c":
        for part in _parts(out):
            fill_normal(part, stream, mean, std / math.sqrt(2.0))
        return
    cpu_random.fill_normal(_nothing(out), _UNUSED, mean, std)
    _require(out, "normal_")
    _fill(out, stream, "philox_normal", [mean, std])


def uniform64(stream: PhiloxStream, shape: tuple[int, ...]) -> Array:
    """Numbers of [0, 1) with 53 bits: float64 of ``shape``."""
    values = stream.xp.empty(shape, "float64")
    _fill(values, stream, "philox_uniform", [0.0, 1.0])
    return values


def bits64(stream: PhiloxStream, shape: tuple[int, ...]) -> Array:
    """64 random bits per element: uint64 of ``shape``."""
    words = stream.xp.empty((*shape, 2), "uint32")
    args = [words, words.size]
    stream.draw("philox_bits", np.dtype(np.float32), args, -(-words.size // 4))
    return words.view("uint64").reshape(shape)


def fill_random(out: Array, stream: PhiloxStream) -> None:
    """Fill ``out`` with integers of [0, largest of the dtype], as ``Tensor.random_()``."""
    _fill_integers(out, stream, 0, _largest(out.dtype))


def fill_random_from_to(out: Array, stream: PhiloxStream, low: int, high: int | None) -> None:
    """Fill ``out`` with integers of [low, high), as ``Tensor.random_(low, high)``.

    ``high=None`` means up to and with the largest number of the dtype.
    """
    cpu_random.fill_random_from_to(_nothing(out), _UNUSED, low, high)
    if high is None:
        full = low == -(2**63)
        last = 2**63 - 1 if full else _largest(out.dtype)
    else:
        last = _representable(out.dtype, high - 1, -np.inf)
    _fill_integers(out, stream, _representable(out.dtype, low, np.inf), last)


def _largest(dtype: np.dtype) -> int:
    if dtype.kind == "b":
        return 1
    if is_float(dtype):
        return 2 ** _DIGITS[dtype.name]
    return int(np.iinfo(dtype).max)


def _representable(dtype: np.dtype, value: int, towards: float) -> int:
    """``value``, or the next integer that a floating ``dtype`` holds in the given direction."""
    if not is_float(dtype):
        return value
    rounded = np.asarray(value).astype(dtype)
    if (int(rounded) - value) * (1 if towards > 0 else -1) < 0:
        rounded = np.nextafter(rounded, dtype.type(towards))
    return int(rounded)


def _fill_integers(out: Array, stream: PhiloxStream, low: int, last: int) -> None:
    size = last - low + 1
    bits = bits64(stream, out.shape)
    if size < 2**64:
        bits = stream.xp.remainder(bits, np.uint64(size))
    # Wraps as int64 addition does: the sum is in the range of int64 whatever the operands are.
    values = (bits + np.uint64(low % 2**64)).view("int64")
    out[...] = values.astype(out.dtype)


def fill_bernoulli(out: Array, stream: PhiloxStream, p: float | Array) -> None:
    """Fill ``out`` with 1 with probability ``p`` (a number, or an array that is broadcast)."""
    if isinstance(p, (int, float)) and not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    out[...] = (uniform64(stream, out.shape) < p).astype(out.dtype)


def fill_exponential(out: Array, stream: PhiloxStream, rate: float = 1.0) -> None:
    """Fill ``out`` (floating) with -log(1 - u) / rate, as ``Tensor.exponential_``."""
    if not rate > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    _require(out, "exponential_")
    out[...] = (stream.xp.log1p(-uniform64(stream, out.shape)) * (-1.0 / rate)).astype(out.dtype)


def fill_geometric(out: Array, stream: PhiloxStream, p: float) -> None:
    """Fill ``out`` with numbers of trials up to the first success, as ``Tensor.geometric_``."""
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    xp = stream.xp
    trials = xp.ceil(xp.log1p(-uniform64(stream, out.shape)) * (1.0 / math.log1p(-p)))
    # u = 0, once in 2^53 draws, would be no trial at all.
    out[...] = xp.maximum(trials, 1.0).astype(out.dtype)


def fill_log_normal(out: Array, stream: PhiloxStream, mean: float = 1.0, std: float = 2.0) -> None:
    """Fill ``out`` (floating) with exponentials of normal numbers, as ``Tensor.log_normal_``."""
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    _require(out, "log_normal_")
    normal = stream.xp.empty(out.shape, "float64")
    fill_normal(normal, stream, mean, std)
    out[...] = stream.xp.exp(normal).astype(out.dtype)


def fill_cauchy(out: Array, stream: PhiloxStream, median: float = 0.0, sigma: float = 1.0) -> None:
    """Fill ``out`` (floating) with median + sigma tan(pi (u - 1/2)), as ``Tensor.cauchy_``."""
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    _require(out, "cauchy_")
    tangents = stream.xp.tan((uniform64(stream, out.shape) - 0.5) * math.pi)
    out[...] = (tangents * sigma + median).astype(out.dtype)


def _require(out: Array, name: str) -> None:
    if not is_float(out.dtype):
        raise RuntimeError(f"{name} needs a floating point dtype, but got {out.dtype}")


def dropout(x: Array, stream: PhiloxStream, p: float) -> tuple[Array, Array]:
    """``x / (1 - p)`` where an element is kept (probability 1 - p), else 0; and the mask.

    Raises TypeError for dtypes that are not floating.
    """
    if not is_float(x.dtype):
        raise TypeError(f"dropout needs a floating point array, got {x.dtype}")
    xp = stream.xp
    x = xp.ascontiguousarray(x)
    out, mask = xp.empty(x.shape, x.dtype), xp.empty(x.shape, "bool")
    scale = 0.0 if p >= 1 else 1.0 / (1.0 - p)
    args = [x, out, mask, x.size, 1.0 - p, scale]
    stream.draw("philox_dropout", x.dtype, args, -(-x.size // 4))
    return out, mask


def randperm(n: int, stream: PhiloxStream, dtype: np.dtype | type = np.int64) -> Array:
    """The integers 0 .. n - 1 in random order: [n] of ``dtype``, as ``torch.randperm``.

    The order is that of n random 64-bit keys; two of them are equal once in 2^64 / n^2 calls.
    """
    check_randperm(n, np.dtype(dtype))
    return bits64(stream, (n,)).argsort().astype(dtype)


def multinomial(
    probabilities: Array, stream: PhiloxStream, num_samples: int, replacement: bool = False
) -> Array:
    """Indices drawn with the weights ``probabilities``, as ``torch.multinomial``.

    Shapes, and the RuntimeErrors for what is no table of weights, are those of
    ``cpu/random_discrete.py``.
    """
    xp = stream.xp
    check_multinomial(probabilities, num_samples, replacement)
    rows = xp.atleast_2d(probabilities).astype("float64")
    if not bool(((rows >= 0) & xp.isfinite(rows)).all()):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if not bool((rows.sum(axis=1) > 0).all()):
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if replacement:
        # One search for all rows: row i is looked up among numbers of [i, i + 1].
        number, categories = xp.arange(len(rows))[:, None], rows.shape[1]
        cumulated = xp.cumsum(rows, axis=1)
        shares = cumulated / cumulated[:, -1:] + number
        targets = uniform64(stream, (len(rows), num_samples)) + number
        found = xp.searchsorted(shares.ravel(), targets.ravel(), side="right")
        chosen = xp.minimum(found.reshape(targets.shape) - number * categories, categories - 1)
    else:
        # The largest of p / Exp(1), in that order (Efraimidis and Spirakis, 2006).
        scores = -rows / xp.log1p(-uniform64(stream, rows.shape))
        chosen = (-scores).argsort(axis=1)[:, :num_samples]
    return chosen.astype("int64").reshape(*probabilities.shape[:-1], num_samples)
