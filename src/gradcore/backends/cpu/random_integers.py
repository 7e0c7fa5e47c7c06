"""Random integers, equal to PyTorch's for the same seed.

Source: `random_impl` and `random_from_to_impl` of ATen/native/DistributionTemplates.h and the
distributions of ATen/core/DistributionsHelper.h, PyTorch 2.13.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from gradcore.backends.cpu.mt19937 import MT19937Stream
from gradcore.backends.cpu.random_arrays import (
    BAREBONES_UNSIGNED,
    DIGITS,
    LARGEST,
    TYPE_NAMES,
    fill_in_order,
    narrow,
    not_implemented,
)

__all__ = ["fill_random", "fill_random_from_to"]

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1


def fill_random(out: np.ndarray, stream: MT19937Stream) -> None:
    """Fill `out` with integers of [0, largest of the dtype], as `Tensor.random_()`.

    Floating dtypes get [0, 2**digits]. Raises NotImplementedError for complex dtypes, uint16,
    uint32 and uint64.
    """
    if out.size == 0:
        return
    dtype = out.dtype
    if dtype.kind == "c" or dtype.name in BAREBONES_UNSIGNED:
        raise not_implemented("random_kernel_cpu", dtype)
    largest: Any = 2 ** DIGITS[dtype.name] if dtype.name in DIGITS else _integer_limits(dtype)[1]
    draw = stream.bits64 if dtype in (np.int64, np.float64) else stream.bits32
    fill_in_order(out, lambda count: _remainder(draw(count), largest + 1).astype(np.int64))


def fill_random_from_to(out: np.ndarray, stream: MT19937Stream, low: int, high: int | None) -> None:
    """Fill `out` with integers of [low, high), as `Tensor.random_(low, high)` and `randint`.

    `high=None` means up to and with the largest number of the dtype. For floating dtypes the
    bounds move to numbers that the dtype holds. Raises RuntimeError for bounds in the wrong order
    or outside the dtype, ValueError for bounds that are no 64-bit integers; warns (UserWarning)
    where a floating dtype skips integers.
    """
    for bound in (low, 0 if high is None else high):
        if not _INT64_MIN <= bound <= _INT64_MAX:
            raise ValueError("Overflow when unpacking long long")
    if high is None and low == _INT64_MIN:
        _fill_random_64_bits(out, stream)
        return
    low, last = _random_range(out.dtype, low, high)
    _check_in_range(out.dtype, low, last)
    size = (last - low) % 2**64 + 1
    # PyTorch accepts a skew of 5 % and takes 64 bits from 2**28 values on.
    draw = stream.bits64 if size >= 2**28 else stream.bits32

    def sample(count: int) -> np.ndarray:
        values = _remainder(draw(count), size).astype(np.uint64, copy=False).view(np.int64)
        values += low
        return values

    fill_in_order(out, sample)


def _random_range(dtype: np.dtype, low: int, high: int | None) -> tuple[int, int]:
    """The first and the last integer to draw."""
    if high is None:
        last = _largest_drawn(dtype)
        if dtype.name in DIGITS:
            low = _round_up(dtype, low)
            if low >= last:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc'"
                    f" casted to dtype, but got from={low} > to_inc={last}"
                )
        return low, last
    if low >= high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    if dtype.name in DIGITS:
        low, high = _round_up(dtype, low), _round_down(dtype, high)
        if low >= high:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype,"
                f" but got from={low} >= to={high}"
            )
    return low, high - 1


def _largest_drawn(dtype: np.dtype) -> int:
    if dtype.kind == "c":
        raise RuntimeError(
            "random_from_to_impl handles only integral, floating-point and boolean types"
        )
    if dtype == np.uint64:
        return -1  # PyTorch keeps bounds as int64, which makes the largest uint64 -1
    return 2 ** DIGITS[dtype.name] if dtype.name in DIGITS else int(_integer_limits(dtype)[1])


def _fill_random_64_bits(out: np.ndarray, stream: MT19937Stream) -> None:
    if out.size == 0:
        return
    kernel = "random_full_64_bits_range_kernel_cpu"
    if out.dtype.kind in "bc" or out.dtype.name in (*BAREBONES_UNSIGNED, "float16"):
        raise not_implemented(kernel, out.dtype)
    if out.dtype.name not in ("int64", "float64", "float32", "bfloat16"):
        raise RuntimeError(f"{kernel} handles only int64, double, float and bfloat16")
    fill_in_order(out, lambda count: stream.bits64(count).view(np.int64))


def _round_up(dtype: np.dtype, low: int) -> int:
    """`low`, or the next number that `dtype` holds if its rounding would fall below `low`."""
    rounded = _through(dtype, low + 1)
    if rounded < low:
        low = rounded + (1 << (abs(low + 1).bit_length() - DIGITS[dtype.name]))
    return low


def _round_down(dtype: np.dtype, high: int) -> int:
    """`high`, or the last number that `dtype` holds if rounding would reach `high`."""
    rounded = _through(dtype, high - 1)
    if rounded >= high:
        high = rounded - (1 << (abs(high - 1).bit_length() - DIGITS[dtype.name]))
    return high


def _through(dtype: np.dtype, value: int) -> int:
    """`value` cast to `dtype` and back; what int64 cannot hold becomes -2**63, as on x86."""
    with np.errstate(over="ignore"):
        rounded = float(narrow(np.array([value], np.int64), dtype).astype(dtype)[0])
    return int(rounded) if -(2.0**63) <= rounded < 2.0**63 else _INT64_MIN


def _check_in_range(dtype: np.dtype, low: int, last: int) -> None:
    if dtype.kind == "c":
        raise RuntimeError(
            "check_random_bounds handles only integral, floating-point and boolean types"
        )
    cpp_name = TYPE_NAMES[dtype.name][1]
    digits = DIGITS.get(dtype.name)
    smallest, largest = _integer_limits(dtype)
    for label, value in (("from", low), ("to - 1", last)):
        if not smallest <= value <= largest:
            raise RuntimeError(f"{label} is out of bounds for {cpp_name}")
    for label, value in (("from", low), ("to - 1", last)):
        if digits is not None and abs(value) > 2**digits:
            warnings.warn(
                f"{label} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision"
                f" limitations {cpp_name} can support discrete uniform distribution only within"
                " this range. This warning will become an error in version 1.7 release, please"
                " fix the code in advance",
                UserWarning,
                stacklevel=4,
            )


def _integer_limits(dtype: np.dtype) -> tuple[float, float]:
    if dtype.name in LARGEST:
        return -LARGEST[dtype.name], LARGEST[dtype.name]
    if dtype.kind == "b":
        return 0, 1
    limits = np.iinfo(dtype)
    return int(limits.min), min(int(limits.max), _INT64_MAX)


def _remainder(bits: np.ndarray, size: int) -> np.ndarray:
    """`bits % size` for one `size` up to 2**64; divides by multiplication, 5 times faster."""
    if size & (size - 1) == 0:
        return bits & bits.dtype.type(size - 1)
    divisor = bits.dtype.type(size)
    multiples = bits // divisor
    multiples *= divisor
    return np.subtract(bits, multiples, out=multiples)
