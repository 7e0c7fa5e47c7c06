"""What the random fills share: uniform numbers, the order of filling, limits of dtypes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradcore.backends.cpu.mt19937 import MT19937Stream

__all__ = [
    "BAREBONES_UNSIGNED",
    "DIGITS",
    "LARGEST",
    "TILE",
    "TYPE_NAMES",
    "dense_memory",
    "fill_in_order",
    "memory_order",
    "narrow",
    "not_implemented",
    "require_floating",
    "uniform32",
    "uniform64",
    "view_as_real",
]

# Numbers per step, a multiple of 16: 64 KB of float32 and their temporaries stay in the L2 cache,
# and below 128 KB the C library takes memory that it has instead of asking for pages.
TILE = 16384

# Names in PyTorch's messages: c10::toString(ScalarType), then that of the C++ type.
TYPE_NAMES = {
    "bool": ("Bool", "bool"),
    "uint8": ("Byte", "unsigned char"),
    "int8": ("Char", "signed char"),
    "int16": ("Short", "short int"),
    "int32": ("Int", "int"),
    "int64": ("Long", "long int"),
    "uint16": ("UInt16", "short unsigned int"),
    "uint32": ("UInt32", "unsigned int"),
    "uint64": ("UInt64", "long unsigned int"),
    "float16": ("Half", "c10::Half"),
    "bfloat16": ("BFloat16", "c10::BFloat16"),
    "float32": ("Float", "float"),
    "float64": ("Double", "double"),
    "complex64": ("ComplexFloat", "c10::complex<float>"),
    "complex128": ("ComplexDouble", "c10::complex<double>"),
}

# Bits of the significand, the hidden one included, and the largest number.
DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
LARGEST = {
    "float16": 65504.0,
    "bfloat16": float(2**128 - 2**120),
    "float32": float(2**128 - 2**104),
    "float64": float(np.finfo(np.float64).max),
}
# Types that PyTorch has few kernels for.
BAREBONES_UNSIGNED = ("uint16", "uint32", "uint64")


def uniform32(stream: MT19937Stream, count: int) -> np.ndarray:
    """`count` numbers of [0, 1), one draw each, its low 24 bits: float32 [count]."""
    out = np.empty(count, np.float32)
    if stream.fill("unit", out):
        return out
    bits = stream.bits32(count)
    bits &= np.uint32(0xFFFFFF)
    values = bits.view(np.int32).astype(np.float32)
    values *= np.float32(2.0**-24)
    return values


def uniform64(stream: MT19937Stream, count: int) -> np.ndarray:
    """`count` numbers of [0, 1), two draws each, their low 53 bits: float64 [count]."""
    out = np.empty(count, np.float64)
    if stream.fill("unit", out):
        return out
    bits = stream.bits64(count)
    bits &= np.uint64(2**53 - 1)
    values = bits.view(np.int64).astype(np.float64)
    values *= 2.0**-53
    return values


def fill_in_order(out: np.ndarray, sample: Callable[[int], np.ndarray]) -> None:
    """Fill `out` in the order of its memory with the arrays that `sample(count)` returns."""
    memory = dense_memory(out)
    flat = np.empty(out.size, out.dtype) if memory is None else memory
    for start in range(0, flat.size, TILE):
        tile = flat[start : start + TILE]
        with np.errstate(over="ignore", invalid="ignore"):
            tile[...] = narrow(sample(tile.size), tile.dtype)
    if memory is None:
        target = out.transpose(memory_order(out))
        target[...] = flat.reshape(target.shape)


def dense_memory(array: np.ndarray) -> np.ndarray | None:
    """The memory of an array without gaps, in order: a view [n]. None of other arrays."""
    if not array.flags.c_contiguous:
        array = array.transpose(memory_order(array))
    return array.reshape(-1) if array.flags.c_contiguous else None


def memory_order(array: np.ndarray) -> list[int]:
    """The axes from the largest stride to the smallest."""
    return sorted(range(array.ndim), key=lambda axis: -array.strides[axis])


def narrow(values: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """`values` ready for a cast to `dtype`: 2-byte floats are rounded twice, as C++ does it."""
    if dtype.name in ("float16", "bfloat16") and values.dtype != dtype:
        return values.astype(np.float32, copy=False)
    return values


def view_as_real(array: np.ndarray) -> np.ndarray:
    """Real and imaginary parts along a new last axis, sharing memory."""
    real = array.real
    strides = (*real.strides, real.itemsize)
    return np.lib.stride_tricks.as_strided(real, (*array.shape, 2), strides)


def require_floating(dtype: np.dtype, kernel: str) -> None:
    if dtype.char not in "efd" and dtype.name not in DIGITS:  # the name takes 3 us
        raise not_implemented(kernel, dtype)


def not_implemented(kernel: str, dtype: np.dtype) -> NotImplementedError:
    return NotImplementedError(f"\"{kernel}\" not implemented for '{TYPE_NAMES[dtype.name][0]}'")
