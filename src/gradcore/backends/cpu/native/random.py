"""Compiled random fills: the Mersenne Twister's words, and what becomes of them.

The recurrence reaches back 227 words at least, so that it runs in vectors over a line of words that
begins with the generator's state: 0.4 ns per word on one thread, where drawing them one by one
takes 3.3. Tempering the words and making numbers of them is left to all threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from ctypes import c_int32, c_uint32
from functools import cache
from typing import Any

import numpy as np

from ..memory import empty
from .calls import Call, LazyCall, bits_of
from .jit import has_feature, is_available
from .loops import Kernel, Pointer
from .values import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT32,
    INT64,
    Value,
    multiply_add,
    polynomial,
    select,
)

_UINT32, _UINT64 = np.dtype(np.uint32), np.dtype(np.uint64)

_STATE_WORDS, _SHIFT = 624, 397
_MATRIX = 0x9908B0DF
_UPPER = 0x80000000

# Words per step of a fill: 4 MB.
_TILE = 1 << 20
# Numbers of a chunk, a multiple of 16.
_CHUNK = 1 << 14
# NumPy's time for a call, and for a number of 32 bits.
_NUMPY_CALL_NS, _NUMPY_NS = 5e3, 3.3
_NUMPY_NORMAL_CALL_NS = 1e5
# The time that one takes here on a thread; a normal one takes 5 times as long.
_NS = 0.4


@cache
def _finds_state() -> bool:
    """Whether NumPy keeps a generator's words and position where these kernels look for them."""
    if not is_available():
        return False
    bits = np.random.MT19937(0)
    state: Any = bits.state["state"]
    address = bits.ctypes.state_address
    held = [*(c_uint32 * (_STATE_WORDS + 1)).from_address(address)]
    return held == [*state["key"].tolist(), state["pos"]]


# ---- words --------------------------------------------------------------------------------------


@cache
def _twist() -> Call:
    """Continue the state by some blocks of 624 words: numbers are its address and the words' end.

    The last block becomes the state; the first one is what it was.
    """
    kernel = Kernel()
    words = kernel.array(_UINT32)
    address, end, position = (kernel.integer_argument() for _ in range(3))
    place = kernel.emit(f"inttoptr i64 {address.text} to ptr")
    state = Pointer(kernel, place, _UINT32)
    with kernel.loop(0, _STATE_WORDS, parallel=True) as i:
        words[i] = state[i]
    lag = _STATE_WORDS - _SHIFT
    with kernel.loop(_STATE_WORDS, end, lag) as start:
        stop = select(start + lag < end, start + lag, end)
        with kernel.loop(start, stop, parallel=True) as i:
            upper, lower = words[i - _STATE_WORDS], words[i - (_STATE_WORDS - 1)]
            both = (upper & _UPPER) | (lower & (_UPPER - 1))
            odd = (0 - (lower & 1)) & _MATRIX
            words[i] = words[i - lag] ^ (both >> 1) ^ odd
    last = words + (end - _STATE_WORDS)
    with kernel.loop(0, _STATE_WORDS, parallel=True) as i:
        state[i] = last[i]
    state[_STATE_WORDS] = position
    return Call(kernel, arrays=1, numbers=3)


def _advance(bits: np.random.MT19937, count: int) -> tuple[np.ndarray, int]:
    """The next `count` words, not tempered, and where in the array they begin."""
    address = bits.ctypes.state_address
    with bits.lock:
        first = c_int32.from_address(address + 4 * _STATE_WORDS).value
        end = -(-(first + count) // _STATE_WORDS) * _STATE_WORDS
        words = empty((end,), _UINT32)
        position = first + count - (end - _STATE_WORDS)
        _twist()([words], [address, end, position], 1, 1, 0.0)
    return words, first


def _tempered(word: Value) -> Value:
    word = word ^ (word >> 11)
    word = word ^ ((word << 7) & 0x9D2C5680)
    word = word ^ ((word << 15) & 0xEFC60000)
    return word ^ (word >> 18)


# ---- numbers ------------------------------------------------------------------------------------


def _bits32(words: Pointer, index: Value) -> Value:
    return _tempered(words[index])


def _bits64(words: Pointer, index: Value) -> Value:
    """Two words, the high half first."""
    high, low = (_bits32(words, index * 2 + half).to(_UINT64) for half in range(2))
    return (high << 32) | low


def _unit32(words: Pointer, index: Value) -> Value:
    """A float32 in [0, 1): 24 bits."""
    return (_bits32(words, index) & 0xFFFFFF).to(INT32).to(FLOAT32) * 2.0**-24


def _unit64(words: Pointer, index: Value) -> Value:
    """A float64 in [0, 1): 53 bits."""
    return (_bits64(words, index) & (2**53 - 1)).to(INT64).to(FLOAT64) * 2.0**-53


def _each(
    dtype: np.dtype, numbers: np.dtype, count: int, make: Callable[..., Value]
) -> Callable[[], Call]:
    """A kernel that fills an array with `make(words, index, *numbers)`, element by element."""

    def build() -> Call:
        kernel = Kernel()
        words, out = kernel.array(_UINT32), kernel.array(dtype)
        words = words + kernel.integer_argument()
        arguments = [kernel.number_argument(numbers) for _ in range(count)]
        with kernel.loop(kernel.start, kernel.stop, parallel=True) as i:
            out[i] = make(words, i, *arguments)
        return Call(kernel, arrays=2, numbers=1 + count)

    return build


def _between(unit: Callable[..., Value]) -> Callable[..., Value]:
    def number(words: Pointer, index: Value, span: Value, low: Value, high: Value) -> Value:
        value = multiply_add(unit(words, index), span, low)
        return select(value == high, low, value)  # where it was rounded to that

    return number


def _is_below(words: Pointer, index: Value, p: Value) -> Value:
    return _unit64(words, index) < p


# ---- normal numbers -----------------------------------------------------------------------------

# Cephes' polynomials, as in `box_muller`, from the lowest power on.
_LOG = (
    3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1,
    -1.2420140846e-1, 1.1676998740e-1, -1.1514610310e-1, 7.0376836292e-2,
)  # fmt: skip
_SIN = (-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4)
_COS = (4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5)
_SQRT_HALF_BITS = 0x3F3504F3
_LOG2_HIGH, _LOG2_LOW = 0.693359375, -2.12194440e-4
_QUARTER_PI = (0.78515625, 2.4187564849853515625e-4, 3.774894977445941e-8)


def _log(x: Value) -> Value:
    """Of a normal number in (0, 1]."""
    bits = x.bits() - _SQRT_HALF_BITS
    exponent = (bits >> 23).to(FLOAT32)
    x = ((bits & 0x7FFFFF) + _SQRT_HALF_BITS).bits() - 1
    square = x * x
    y = polynomial(x, _LOG) * x * square
    y = multiply_add(exponent, _LOG2_LOW, y)
    y = multiply_add(square, -0.5, y)
    return multiply_add(exponent, _LOG2_HIGH, x + y)


def _sine_and_cosine(x: Value) -> tuple[Value, Value]:
    """Of a number in [0, 8192)."""
    octant = ((x * (4 / math.pi)).to(INT32) + 1) & ~1
    angle = octant.to(FLOAT32)
    for part in _QUARTER_PI:
        x = multiply_add(angle, -part, x)
    square = x * x
    cosine = polynomial(square, _COS) * square
    cosine = multiply_add(cosine, square, square * -0.5) + 1
    sine = multiply_add(polynomial(square, _SIN) * square, x, x)
    swaps = (octant & 2) != 0
    sine, cosine = select(swaps, cosine, sine), select(swaps, sine, cosine)
    sine_sign, cosine_sign = (octant & 4) << 29, ((octant + 2) & 4) << 29
    return (sine.bits() ^ sine_sign).bits(), (cosine.bits() ^ cosine_sign).bits()


def _normal() -> Call:
    """Blocks of 16: the first 8 uniform numbers give radii, the others angles."""
    kernel = Kernel()
    words, out = kernel.array(_UINT32), kernel.array(FLOAT32)
    words = words + kernel.integer_argument()
    mean, std = (kernel.number_argument(FLOAT32) for _ in range(2))
    each_block = kernel.loop(kernel.start, kernel.stop, 16)
    with each_block as block, kernel.loop(block, block + 8, parallel=True) as i:
        logarithm = _log(1 - _unit32(words, i))
        radius = kernel.call("sqrt", logarithm * -2)
        sine, cosine = _sine_and_cosine(_unit32(words, i + 8) * (2 * math.pi))
        out[i] = multiply_add(radius * cosine, std, mean)
        out[i + 8] = multiply_add(radius * sine, std, mean)
    return Call(kernel, arrays=2, numbers=3)


# ---- fills --------------------------------------------------------------------------------------


_BUILDERS: dict[tuple[str, np.dtype], Callable[[], Call]] = {
    ("bits", _UINT32): _each(_UINT32, FLOAT64, 0, _bits32),
    ("bits", _UINT64): _each(_UINT64, FLOAT64, 0, _bits64),
    ("unit", FLOAT32): _each(FLOAT32, FLOAT32, 0, _unit32),
    ("unit", FLOAT64): _each(FLOAT64, FLOAT64, 0, _unit64),
    ("uniform", FLOAT32): _each(FLOAT32, FLOAT32, 3, _between(_unit32)),
    ("uniform", FLOAT64): _each(FLOAT64, FLOAT64, 3, _between(_unit64)),
    ("bernoulli", BOOL): _each(BOOL, FLOAT64, 1, _is_below),
    ("bernoulli", FLOAT32): _each(FLOAT32, FLOAT64, 1, _is_below),
    ("bernoulli", FLOAT64): _each(FLOAT64, FLOAT64, 1, _is_below),
    ("normal", FLOAT32): _normal,
}


@cache
def _kernel(kind: str, dtype: np.dtype) -> LazyCall | None:
    build = _BUILDERS.get((kind, dtype))
    # Products and sums are rounded once, as PyTorch's are.
    if build is None or not _finds_state() or not has_feature("fma"):
        return None
    return LazyCall(build)


def fill(bits: np.random.MT19937, kind: str, out: np.ndarray, numbers: Sequence[float]) -> bool:
    """Fill `out` with the generator's next numbers.

    Args:
        bits: the generator.
        kind: "bits" (uint32 or uint64), "unit" (float32 or float64, of [0, 1)), "uniform" (of
            [low, high)), "bernoulli" (bool too) or "normal" (float32; 16 k of them).
        out: C-contiguous.
        numbers: span, low and high for "uniform", the probability for "bernoulli", the mean and
            the standard deviation for "normal".

    Returns:
        Whether it was done; not where there is no such kernel, and for few numbers.
    """
    lazy = _kernel(kind, out.dtype)
    if lazy is None:
        return False
    words_each = 2 if kind == "bernoulli" or out.itemsize == 8 else 1
    call_ns = _NUMPY_NORMAL_CALL_NS if kind == "normal" else _NUMPY_CALL_NS
    call = lazy.get(call_ns + out.size * words_each * _NUMPY_NS)
    if call is None:
        return False
    flat = out.reshape(-1)
    arguments = [bits_of(float(x)) for x in numbers]
    cost = _NS * (5 if kind == "normal" else words_each)
    for start in range(0, flat.size, _TILE // words_each):
        part = flat[start : start + _TILE // words_each]
        words, first = _advance(bits, part.size * words_each)
        call([words, part], [first, *arguments], part.size, _CHUNK, part.size * cost)
    return True
