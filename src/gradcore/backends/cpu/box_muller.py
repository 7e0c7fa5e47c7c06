"""Normal numbers from uniform ones by PyTorch's Box-Muller kernels.

PyTorch transforms float32 by eight at once with the polynomials of the Cephes library in AVX2
(ATen/native/cpu/avx_mathfun.h), which the compiler fuses into multiply-adds. NumPy's own float32
logarithm is up to 4 ulp away from them, so the same polynomials are evaluated here. The last
fused operation of the sine and that of the cosine are rounded once as well, through float64:
99.92 % of the results are then PyTorch's bit for bit and the rest are within 2 ulp (1.6e7 draws;
without the two fusions 1 % differ, by up to 3 ulp). float64 needs no such care: PyTorch calls the
C library.

It is 85 passes over half of the numbers. One takes 0.1 ns per element where all arrays start on a
cache line, which is what `memory.empty` is for, and up to 0.2 elsewhere.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from gradcore.backends.cpu import memory

__all__ = ["multiply_add", "transform_blocks"]

_F32, _F64, _I32 = np.float32, np.float64, np.int32

_SQRT_HALF_BITS = _I32(0x3F3504F3)
_SIGN = _I32(-(2**31))
_LOG_POLYNOMIAL = [
    _F32(coefficient)
    for coefficient in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
]
# log(2) in two parts: the products of the large one with exponents are exact.
_LOG2_LARGE, _LOG2_SMALL = _F32(0.693359375), _F32(-2.12194440e-4)

_FOUR_OVER_PI = _F32(1.27323954473516)
# pi / 4 in three parts, negated: the products of the first two with quadrants are exact.
_MINUS_QUARTER_PI = [
    _F32(-0.78515625),
    _F32(-2.4187564849853515625e-4),
    _F32(-3.774894977445941e-8),
]
_SIN_POLYNOMIAL = [_F32(-1.9515295891e-4), _F32(8.3321608736e-3), _F32(-1.6666654611e-1)]
_COS_POLYNOMIAL = [
    _F32(2.443315711809948e-5),
    _F32(-1.388731625493765e-3),
    _F32(4.166664568298827e-2),
]


def transform_blocks(uniforms: np.ndarray, mean: float, std: float) -> np.ndarray:
    """Normal numbers from `uniforms` of [0, 1), float32 or float64 [16 k]; returns [16 k].

    In each block of 16 the first 8 give radii, the last 8 angles; the results are the 8 cosine
    products, then the 8 sine products.
    """
    octets = uniforms.view(f"V{8 * uniforms.itemsize}").reshape(-1, 2)
    # Copies of whole octets: slices of 8 numbers would run NumPy's loops 8 numbers at a time.
    first, second = (_line(uniforms.size // 2, uniforms.dtype) for _ in range(2))
    first.view(octets.dtype)[...] = octets[:, 0]
    second.view(octets.dtype)[...] = octets[:, 1]
    np.subtract(uniforms.dtype.type(1), first, out=first)
    second *= uniforms.dtype.type(2.0 * math.pi)
    if uniforms.dtype == _F32:
        log_first = _log(first)
        sine, cosine = _sine_and_cosine(second)
    else:
        log_first, sine, cosine = np.log(first), np.sin(second), np.cos(second)
    log_first *= uniforms.dtype.type(-2)
    radius = np.sqrt(log_first, out=log_first)
    cosine *= radius
    sine *= radius
    result = _line(uniforms.size, uniforms.dtype)
    pairs = result.view(octets.dtype).reshape(octets.shape)
    pairs[:, 0] = cosine.view(octets.dtype)
    pairs[:, 1] = sine.view(octets.dtype)
    return multiply_add(result, std, mean)


def _line(size: int, dtype: Any) -> np.ndarray:
    return memory.empty((size,), np.dtype(dtype))


def multiply_add(values: np.ndarray, factor: float, term: float) -> np.ndarray:
    """`values * factor + term` rounded once, as the fused instruction does; may reuse `values`.

    `values` is float32 or float64; the numbers are rounded to its dtype first.
    """
    factor, term = values.dtype.type(factor), values.dtype.type(term)
    if factor == 1 or term == 0:
        # One of the two operations is exact. Zeros keep their sign where there is no term.
        if factor != 1:
            values *= factor
        if term != 0:
            values += term
        return values
    if values.dtype == _F32:
        return _fused(values, factor, term)
    return _multiply_add_double(values, factor, term)


def _fused(values: np.ndarray, factor: Any, term: Any) -> np.ndarray:
    """float32 `values * factor + term`, rounded once: float64 holds the product exactly."""
    product = values.astype(_F64)
    product *= factor
    product += term
    return product.astype(_F32)


def _multiply_add_double(values: np.ndarray, factor: Any, term: Any) -> np.ndarray:
    """float64 `values * factor + term` rounded once, by Dekker's product and Knuth's sum."""
    with np.errstate(over="ignore", invalid="ignore"):
        product = values * factor
        total = product + term
        high, low = _split(values)
        factor_high, factor_low = _split(factor)
        product_error = high * factor_high - product
        product_error += high * factor_low
        product_error += low * factor_high
        product_error += low * factor_low
        shift = total - product
        error = (product - (total - shift)) + (term - shift) + product_error
    # The halves of numbers above 2**996 overflow, and then there is no error to add.
    total += np.where(np.isfinite(error), error, 0.0)
    return total


def _split(values: Any) -> tuple[Any, Any]:
    """Veltkamp's split into halves of 26 bits, whose products are exact."""
    scaled = values * _F64(2**27 + 1)
    high = scaled - (scaled - values)
    return high, values - high


def _log(x: np.ndarray) -> np.ndarray:
    """Cephes `logf` of positive normal float32 numbers, which are overwritten."""
    # Counted from sqrt(1/2), the exponent bits are those of a mantissa in [sqrt(1/2), sqrt(2)).
    bits = x.view(_I32)
    bits -= _SQRT_HALF_BITS
    square = _line(x.size, _F32)
    exponent = _line(x.size, _F32)
    exponent[...] = np.right_shift(bits, 23, out=square.view(_I32))
    bits &= 0x007FFFFF
    bits += _SQRT_HALF_BITS
    mantissa = x
    mantissa -= _F32(1)
    np.square(mantissa, out=square)
    value = _polynomial(_LOG_POLYNOMIAL, mantissa)
    value *= mantissa
    value *= square
    term = np.multiply(exponent, _LOG2_SMALL, out=_line(x.size, _F32))
    value += term
    square *= _F32(0.5)
    value -= square
    value += mantissa
    exponent *= _LOG2_LARGE
    value += exponent
    return value


def _sine_and_cosine(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cephes `sinf` and `cosf` of float32 numbers in [0, 8192), which are overwritten."""
    spare, octant = _line(x.size, _F32), _line(x.size, _I32)
    np.copyto(octant, np.multiply(x, _FOUR_OVER_PI, out=spare), casting="unsafe")
    octant += 1
    octant &= ~1
    angle = octant.astype(_F32)
    for part in _MINUS_QUARTER_PI:
        x += np.multiply(angle, part, out=spare)
    square = np.square(x, out=angle)
    wide = _line(x.size, _F64)
    cosine = _polynomial(_COS_POLYNOMIAL, square)
    cosine *= square
    _times_shifted(cosine, square, -0.5, wide)
    cosine += _F32(1)
    sine = _polynomial(_SIN_POLYNOMIAL, square)
    sine *= square
    _times_shifted(sine, x, 1.0, wide)
    _turn(octant, sine.view(_I32), cosine.view(_I32), spare.view(_I32))
    return sine, cosine


def _times_shifted(values: np.ndarray, x: np.ndarray, shift: float, wide: np.ndarray) -> None:
    """`values * x + shift * x` in place, rounded once from float64 to float32."""
    wide[...] = values
    wide += shift
    wide *= x
    values[...] = wide


def _turn(octant: np.ndarray, sine: np.ndarray, cosine: np.ndarray, spare: np.ndarray) -> None:
    """Swap both where bit 1 of the (even) octant is set, and give them its signs; all int32.

    Bit 2 of the octant says whether the sine is negative, that of octant + 2 for the cosine: the
    two differ where bit 1 is set. Exclusive ors, because `np.where` on random conditions takes 10
    times as long.
    """
    swaps = np.left_shift(octant, 30, out=spare)
    swaps >>= 31
    octant <<= 29
    octant &= _SIGN
    change = np.bitwise_xor(sine, cosine)
    change &= swaps
    change ^= octant
    sine ^= change
    cosine ^= change
    swaps &= _SIGN
    cosine ^= swaps


def _polynomial(coefficients: list[np.float32], x: np.ndarray) -> np.ndarray:
    """Horner's rule."""
    value = np.multiply(x, coefficients[0], out=_line(x.size, _F32))
    value += coefficients[1]
    for coefficient in coefficients[2:]:
        value *= x
        value += coefficient
    return value
