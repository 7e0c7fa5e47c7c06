"""Faster forms of NumPy's elementwise functions, for the tiles of `pointwise.py`.

NumPy has no vector instructions for these: `fmod` takes 15 ns per element, `logaddexp` 14, `sign`
0.4, where a float32 addition takes 0.1. Here they are sequences of functions that have them. An
addition takes 0.2 where an operand does not start on a cache line, so temporaries come from
`memory.empty`, which starts large ones there.

Each gives what the NumPy function gives, but for the last bit of `hypot` and `logaddexp`, and falls
back to it for dtypes and values that it cannot do exactly. `out` may be one of the operands.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from . import elementwise, memory

_FLOAT32, _INT32 = np.dtype(np.float32), np.dtype(np.int32)
_BITS: dict[int, Any] = {4: np.dtype(np.uint32), 8: np.dtype(np.uint64)}

# From here on a quotient of float32 numbers, computed in float64, may be rounded to an integer
# that it does not reach: two of them differ by 2**-24, and 2**29 is 2**-24 / 2**-53.
_EXACT_QUOTIENT = 2.0**29
# Below this a quotient has 12 bits, and its products with 12 bits of a divisor are exact; rounding
# a larger divisor to 12 bits may overflow.
_LARGEST_QUOTIENT, _LARGEST_DIVISOR = 2.0**12, 2.0**127
# Where the squares of float32 numbers and their sum neither overflow nor lose digits.
_SQUARES_FROM, _SQUARES_TO = 2.0**-50, 2.0**60


def _is_float(x: Any) -> bool:
    return isinstance(x, np.ndarray) and x.dtype.kind == "f" and x.dtype.itemsize in _BITS


def _is_number(x: Any) -> bool:
    return not isinstance(x, np.ndarray) or not x.ndim


def maximum(x: Any, y: Any, out: np.ndarray) -> None:
    """`np.maximum`, which has vector instructions only where neither operand is a number."""
    if _is_number(y) and _is_float(out) and y == y:
        np.clip(x, y, math.inf, out=out)
    else:
        np.maximum(x, y, out=out)


def minimum(x: Any, y: Any, out: np.ndarray) -> None:
    """`np.minimum`, as `maximum`."""
    if _is_number(y) and _is_float(out) and y == y:
        np.clip(x, -math.inf, y, out=out)
    else:
        np.minimum(x, y, out=out)


def sign(x: Any, out: np.ndarray) -> None:
    """1, 0 or -1, and nan for nan."""
    if not _is_float(x) or not x.ndim:
        np.sign(x, out=out)
        return
    undefined = np.isnan(x) if np.isnan(x.max(initial=0)) else None
    signs = np.greater(x, 0).view(np.int8)
    np.subtract(signs, np.less(x, 0).view(np.int8), out=signs)
    np.copyto(out, signs)
    if undefined is not None:
        np.copyto(out, math.nan, where=undefined)


def copysign(x: Any, y: Any, out: np.ndarray) -> None:
    """`|x|` with the sign bit of `y`."""
    if not (
        _is_float(out) and all(_is_float(v) and v.dtype == out.dtype and v.ndim for v in (x, y))
    ):
        np.copysign(x, y, out=out)
        return
    bits = _BITS[out.itemsize]
    sign_bit = bits.type(1 << (8 * out.itemsize - 1))
    spare = memory.empty(y.shape, bits)
    signs = np.bitwise_and(y.view(bits), sign_bit, out=spare)
    target = out.view(bits)
    np.bitwise_and(x.view(bits), ~sign_bit, out=target)
    np.bitwise_or(target, signs, out=target)


def nextafter(x: Any, y: Any, out: np.ndarray) -> None:
    """The neighbour of `x` towards `y`: its bits as an integer, plus or minus 1."""
    plain = _is_float(out) and all(_is_float(v) and v.dtype == out.dtype for v in (x, y))
    if not plain or not (np.all(x) and np.isfinite(x).all() and np.isfinite(y).all()):
        np.nextafter(x, y, out=out)
        return
    # Away from zero is up for both signs; the steps are made in bytes.
    steps = np.equal(np.greater(y, x), np.greater(x, 0)).view(np.int8)
    np.multiply(steps, 2, out=steps)
    np.subtract(steps, 1, out=steps)
    np.multiply(steps, np.not_equal(x, y).view(np.int8), out=steps)
    integers = f"i{out.itemsize}"
    np.add(x.view(integers), steps.astype(integers), out=out.view(integers))


def hypot(x: Any, y: Any, out: np.ndarray) -> None:
    """`sqrt(x * x + y * y)`: in float64 where float32 would overflow or lose digits."""
    if out.dtype != _FLOAT32 or not out.size:
        np.hypot(x, y, out=out)
        return
    squares = np.multiply(x, x, out=memory.empty(out.shape, _FLOAT32), dtype=_FLOAT32)
    other = np.multiply(y, y, out=memory.empty(out.shape, _FLOAT32), dtype=_FLOAT32)
    np.add(squares, other, out=squares)
    # A nan is not between the two either.
    if not (squares.min() >= _SQUARES_FROM and squares.max() <= _SQUARES_TO):
        wide = np.square(x, dtype=np.float64)
        squares = wide + np.square(y, dtype=np.float64)
        if not squares.max() < math.inf:
            np.hypot(x, y, out=out)  # inf wins over nan
            return
        np.copyto(out, np.sqrt(squares, out=squares), casting="unsafe")
        return
    np.sqrt(squares, out=out)


def _log_add_exp(exp: np.ufunc, factor: float, x: Any, y: Any, out: np.ndarray) -> None:
    """`max + log(1 + exp(min - max))`; factor turns the natural logarithm into exp's."""
    below = np.minimum(x, y, out=memory.empty(out.shape, out.dtype))
    larger = np.maximum(x, y, out=memory.empty(out.shape, out.dtype))
    np.subtract(below, larger, out=below)
    np.fmin(below, 0, out=below)  # inf - inf is nan, but the infinities are 0 apart
    exp(below, out=below)
    np.log1p(below, out=below)
    if factor != 1:
        np.multiply(below, factor, out=below)
    np.add(larger, below, out=out)


def logaddexp(x: Any, y: Any, out: np.ndarray) -> None:
    """`log(exp(x) + exp(y))` without overflow."""
    if _is_float(out) and out.ndim:
        _log_add_exp(np.exp, 1, x, y, out)
    else:
        np.logaddexp(x, y, out=out)


def logaddexp2(x: Any, y: Any, out: np.ndarray) -> None:
    """`log2(2**x + 2**y)` without overflow."""
    if _is_float(out) and out.ndim:
        _log_add_exp(np.exp2, 1 / math.log(2), x, y, out)
    else:
        np.logaddexp2(x, y, out=out)


# ------------------------------------------------------------------------------- division


def floor_divide(x: Any, y: Any, out: np.ndarray) -> None:
    """`floor(x / y)` of the exact quotient: of the one in float64, where that tells it."""
    quotient = None
    if out.dtype == _FLOAT32 and out.size:
        quotient = np.divide(x, y, dtype=np.float64)
        limit = max(quotient.max(), -quotient.min())  # nan if there is one
        if not (limit < _EXACT_QUOTIENT and np.isfinite(y).all()):
            quotient = None
    if quotient is None:
        np.floor_divide(x, y, out=out)
    else:
        np.floor(quotient, out=out, casting="unsafe")


def _rest(x: Any, y: Any, out: np.ndarray) -> np.ndarray | None:
    """`x - trunc(x / y) * y` without rounding errors, or None: a new float32 array like `out`.

    x / y may be rounded to an integer that it does not reach: that rest has not the sign of x.
    """
    if not (out.dtype == _FLOAT32 and out.size and _is_float32(x) and _is_float32(y)):
        return None
    largest = max(np.max(y), -np.min(y))
    quotient = np.divide(x, y, out=memory.empty(out.shape, _FLOAT32))
    np.trunc(quotient, out=quotient)
    # Neither holds for nan.
    if not (
        largest < _LARGEST_DIVISOR and max(quotient.max(), -quotient.min()) < _LARGEST_QUOTIENT
    ):
        return None
    # y is cut into its nearest number of 12 bits and the rest, of 12 bits at most. Both products
    # then have at most 24, and neither difference has more than y and x have.
    y = np.asarray(y, _FLOAT32)
    bits = np.add(y.view(np.int32), 0x800, out=memory.empty(y.shape, _INT32))
    part = np.bitwise_and(bits, ~0xFFF, out=bits).view(_FLOAT32)
    rest = np.multiply(quotient, part, out=memory.empty(out.shape, _FLOAT32))
    np.subtract(x, rest, out=rest)
    np.subtract(y, part, out=part)
    np.multiply(quotient, part, out=quotient)
    return np.subtract(rest, quotient, out=rest)


def _is_float32(x: Any) -> bool:
    return x.dtype == _FLOAT32 if isinstance(x, (np.ndarray, np.generic)) else True


def _against(rest: np.ndarray, x: Any) -> np.ndarray:
    """Where `rest` is not 0 and has not the sign of `x`."""
    opposite = np.less(rest, 0)
    np.not_equal(opposite, np.less(x, 0), out=opposite)
    return np.logical_and(opposite, np.not_equal(rest, 0), out=opposite)


def remainder(x: Any, y: Any, out: np.ndarray) -> None:
    """`x - floor(x / y) * y`, with the sign of y."""
    rest = _rest(x, y, out)
    if rest is None:
        np.remainder(x, y, out=out)
        return
    if not (rest.min() >= 0 and np.min(y) > 0):
        np.add(rest, np.multiply(y, _against(rest, y)), out=rest)
    np.copyto(out, rest)


def fmod(x: Any, y: Any, out: np.ndarray) -> None:
    """`x - trunc(x / y) * y`, with the sign of x even where it is zero."""
    rest = _rest(x, y, out)
    if rest is None:
        np.fmod(x, y, out=out)
        return
    negative = np.signbit(x).any()
    if negative or not rest.min() >= 0:
        np.fmod(x, y, out=rest, where=_against(rest, x))
    if negative:
        copysign(rest, x, out)
    else:
        np.copyto(out, rest)


# ---------------------------------------------------------------------------------- logic


def where(condition: Any, x: Any, y: Any, out: np.ndarray) -> None:
    """`x` or `y`; a condition that holds everywhere or nowhere is found in 0.02 ns.

    So are most that ask for nan, overflow or a threshold.
    """
    if isinstance(condition, np.ndarray) and condition.ndim:
        condition = _truth(condition)
        if not condition.any():
            np.copyto(out, y, casting="unsafe")
            return
        if condition.all():
            np.copyto(out, x, casting="unsafe")
            return
    elementwise.where(condition, x, y, out)


def _truth(x: Any) -> Any:
    if not isinstance(x, np.ndarray):
        return bool(x)
    return x if x.dtype == bool else np.not_equal(x, 0)


def logical_not(x: Any, out: np.ndarray) -> None:
    """`x == 0`."""
    if isinstance(x, np.ndarray) and x.dtype != bool:
        np.equal(x, 0, out=out)
    else:
        np.logical_not(x, out=out)


def logical_and(x: Any, y: Any, out: np.ndarray) -> None:
    """`x != 0` and `y != 0`."""
    np.logical_and(_truth(x), _truth(y), out=out)


def logical_or(x: Any, y: Any, out: np.ndarray) -> None:
    """`x != 0` or `y != 0`."""
    np.logical_or(_truth(x), _truth(y), out=out)


def logical_xor(x: Any, y: Any, out: np.ndarray) -> None:
    """`x != 0` or `y != 0`, but not both."""
    np.logical_xor(_truth(x), _truth(y), out=out)


# Name of an instruction -> its faster form.
FASTER: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        copysign, floor_divide, fmod, hypot, logaddexp, logaddexp2, logical_and, logical_not,
        logical_or, logical_xor, maximum, minimum, nextafter, remainder, sign, where,
    )
}  # fmt: skip
