"""Special functions in float32: `f(x, out)`, where `out` is not `x`.

NumPy's float32 functions that have vector instructions take 0.1 ns per element (+, *), 0.2 (/,
sqrt) and 0.3 to 0.5 (exp, log, tanh), so that a formula for all arguments beats any choice between
formulas, which costs 4 ns per element. + and * take twice as long where an operand does not start
on a cache line, so temporaries come from `memory.empty`. Relative errors are a few units of the
last place.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from . import memory
from . import special_coefficients as coefficients
from .arithmetic import where

# Elements of a float64 computation whose temporaries stay in the L2 cache.
_CHUNK = 32_768
_FLOAT32, _FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def polynomial(
    x: np.ndarray, coefficients: tuple[float, ...], out: np.ndarray | None = None
) -> np.ndarray:
    """Horner's scheme; the coefficient of the highest power comes last. `out` is not `x`."""
    result = np.multiply(x, coefficients[-1], out)
    for coefficient in coefficients[-2:0:-1]:
        np.add(result, coefficient, result)
        np.multiply(result, x, result)
    return np.add(result, coefficients[0], result)


def _spare(x: np.ndarray, dtype: np.dtype = _FLOAT32) -> np.ndarray:
    """Memory for a temporary of the shape of `x`."""
    return memory.empty(x.shape, dtype)


# ------------------------------------------------------------------------- error function


def erf(x: np.ndarray, out: np.ndarray) -> None:
    """tanh(x q(x * x)), with q fitted for the smallest relative error: 3 ulp, 0.6 on average."""
    square = np.square(x, _spare(x))
    polynomial(square, coefficients.ERF_FLOAT32, out)
    np.multiply(out, x, out)
    np.tanh(out, out)


def erfc(x: np.ndarray, out: np.ndarray) -> None:
    """exp(-x * x) t p(t) with t = 1 / (1 + 0.33 |x|), and 2 minus that for negative x."""
    size = np.abs(x, _spare(x))
    t = np.multiply(size, 0.33, _spare(x))
    np.add(t, 1, t)
    np.divide(1, t, t)
    polynomial(t, coefficients.ERFC_FLOAT32, out)
    np.multiply(out, t, out)
    _multiply_by_gaussian(size, out, t)
    if np.fmin.reduce(x, axis=None, initial=0) < 0:
        sign = _sign(x, t)
        np.multiply(out, sign, out)
        np.subtract(1, sign, sign)
        np.add(out, sign, out)


def _sign(x: np.ndarray, out: np.ndarray) -> np.ndarray:
    """1 with the sign of x, by bits: `np.copysign` has no vector instructions."""
    bits = np.bitwise_and(x.view(np.uint32), np.uint32(0x80000000), out=out.view(np.uint32))
    np.bitwise_or(bits, np.float32(1).view(np.uint32), out=bits)
    return out


def _multiply_by_gaussian(size: np.ndarray, out: np.ndarray, spare: np.ndarray) -> None:
    """Multiply `out` by exp(-size * size), for size >= 0."""
    largest = np.fmax.reduce(size, axis=None, initial=0)
    if largest <= 3:
        np.multiply(size, size, spare)
    else:
        # The rounding error of a square s is one of s * 2**-24 in its exponential: high is size
        # cut to 12 bits, its square is exact, and the rest is (size - high) (size + high).
        high = (size.view(np.uint32) & np.uint32(0xFFFFF000)).view(np.float32)
        np.subtract(high, size, spare)
        np.add(size, high, size)
        np.multiply(spare, size, spare)
        np.exp(spare, spare)
        if largest == math.inf:
            np.fmin(spare, 1, spare)  # inf - inf; there the other factor is 0
        np.multiply(out, spare, out)
        np.multiply(high, high, spare)
    np.negative(spare, spare)
    np.exp(spare, spare)
    np.multiply(out, spare, out)


def erfinv(x: np.ndarray, out: np.ndarray) -> None:
    """x p(w), w = -log(1 - x * x); the few elements with w >= 5 have a polynomial of their own."""
    w = np.subtract(1, x, _spare(x))
    np.multiply(w, np.add(x, 1, out), w)
    np.log(w, w)
    np.subtract(-2.5, w, w)
    polynomial(w, coefficients.ERFINV_CENTRAL_FLOAT32, out)
    np.multiply(out, x, out)
    tail = np.nonzero(w >= 2.5)
    if tail[0].size:
        far = w[tail] + np.float32(2.5)
        factor = polynomial(np.sqrt(far) - 3, coefficients.ERFINV_TAIL_FLOAT32)
        factor[far == math.inf] = math.inf
        out[tail] = x[tail] * factor


# ----------------------------------------------------------------------- logistic function


def expit(x: np.ndarray, out: np.ndarray) -> None:
    """1 / (1 + exp(-x)): relatively accurate in both tails, and it cannot overflow to nan."""
    np.negative(x, out)
    np.exp(out, out)
    np.add(out, 1, out)
    np.divide(1, out, out)


def logit(x: np.ndarray, out: np.ndarray) -> None:
    """log(x / (1 - x)), as PyTorch computes it."""
    np.subtract(1, x, out)
    np.divide(x, out, out)
    np.log(out, out)


# --------------------------------------------------------------------------- gamma function


def lgamma(x: np.ndarray, out: np.ndarray) -> None:
    """Stirling's series at |x| + 8, in float64: near its zeros at 1 and 2 lgamma cancels."""
    _in_chunks(_lgamma, x, out)


def digamma(x: np.ndarray, out: np.ndarray) -> None:
    """The asymptotic series at x + 6 less the reciprocals from x to x + 5, in float64."""
    _in_chunks(_digamma, x, out)


def _in_chunks(function: Callable[..., None], x: np.ndarray, out: np.ndarray) -> None:
    if x.ndim != 1:
        function(x, out)
        return
    for start in range(0, x.size, _CHUNK):
        function(x[start : start + _CHUNK], out[start : start + _CHUNK])


def _lgamma(x: np.ndarray, out: np.ndarray) -> None:
    product, series = _stirling(np.abs(x, out=_spare(x, _FLOAT64)))
    negative = x < 0
    reflects = negative.any()
    if reflects:
        # lgamma(-m) = log(pi / |m sin(pi m)|) - lgamma(m): one logarithm with the product's.
        where(negative, np.multiply(_reflection(x), product), product, out=product)
    result = np.subtract(series, np.log(product, out=product), out=series)
    if reflects:
        np.multiply(result, 1 - 2 * negative.view(np.int8), out=result)
    # Rounded to 2**-46, so that lgamma(1) and lgamma(2) are 0; the next float32 give 3e-8.
    np.add(result, 64, out=result)
    np.subtract(result, 64, out=out, casting="unsafe")
    infinite = np.isinf(x)
    if infinite.any():
        out[infinite] = math.inf


def _reflection(x: np.ndarray) -> np.ndarray:
    """|pi / (x sin(pi x))|, from the distance of x to an integer, which is exact."""
    # NumPy has vector instructions for the tangent t of half the angle: 1 / sin = (1 + t * t) / 2t.
    t = np.multiply(x - np.rint(x), math.pi / 2, dtype=np.float64)
    np.tan(t, out=t)
    ratio = np.multiply(t, t)
    np.add(ratio, 1, out=ratio)
    np.multiply(ratio, math.pi / 2, out=ratio)
    np.divide(ratio, np.multiply(t, x, out=t), out=ratio)
    return np.abs(ratio, out=ratio)


def _stirling(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """x (x + 1) ... (x + 7) and lgamma(x + 8), for x >= 0."""
    # The product is w (w + 6) (w + 10) (w + 12) with w = x (x + 7).
    z = np.add(x, 7, out=_spare(x, _FLOAT64))
    w = np.multiply(x, z, out=x)
    product = np.add(w, 6, out=_spare(x, _FLOAT64))
    np.multiply(product, w, out=product)
    factor = _spare(x, _FLOAT64)
    for offset in (10, 12):
        np.multiply(product, np.add(w, offset, out=factor), out=product)
    np.add(z, 1, out=z)
    inverse = np.divide(1, z, out=factor)
    square = np.square(inverse, out=w)
    series = polynomial(square, coefficients.STIRLING, _spare(x, _FLOAT64))
    np.multiply(series, inverse, out=series)
    np.subtract(series, z, out=series)
    np.add(series, 0.5 * math.log(2 * math.pi), out=series)
    logarithm = np.log(z, out=inverse)
    np.multiply(np.subtract(z, 0.5, out=z), logarithm, out=z)
    return product, np.add(series, z, out=series)


def _digamma(x: np.ndarray, out: np.ndarray) -> None:
    negative = x < 0
    reflects = negative.any()
    z = np.where(negative, 1 - x.astype(np.float64), x) if reflects else x.astype(np.float64)
    result = _digamma_positive(z)
    if reflects:
        fraction = np.multiply(x - np.rint(x), math.pi, dtype=np.float64)
        integer = fraction == 0
        cotangent = np.divide(math.pi, np.tan(fraction, out=fraction), out=fraction)
        cotangent[integer] = math.nan
        where(negative, np.subtract(result, cotangent, out=cotangent), result, out=result)
    np.copyto(out, result, casting="unsafe")
    out[x == math.inf] = math.inf


def _digamma_positive(x: np.ndarray) -> np.ndarray:
    # With w = x (x + 5) the sum of 1 / (x + k) for k from 0 to 5 is
    # (2 x + 5) (1 / w + 1 / (w + 4) + 1 / (w + 6)).
    w = np.add(x, 5, out=_spare(x, _FLOAT64))
    np.multiply(w, x, out=w)
    numerator = polynomial(w, (24.0, 20.0, 3.0), _spare(x, _FLOAT64))
    denominator = polynomial(x, (5.0, 2.0), _spare(x, _FLOAT64))
    np.multiply(numerator, denominator, out=numerator)
    np.add(w, 4, out=denominator)
    np.multiply(denominator, w, out=denominator)
    np.add(w, 6, out=w)
    np.multiply(denominator, w, out=denominator)
    np.divide(numerator, denominator, out=numerator)
    np.add(x, 6, out=x)
    inverse = np.divide(1, x, out=denominator)
    square = np.multiply(inverse, inverse, out=w)
    result = np.log(x, out=x)
    np.subtract(result, numerator, out=result)
    series = polynomial(square, coefficients.DIGAMMA[:4], out=numerator)
    np.multiply(series, square, out=series)
    np.subtract(result, series, out=result)
    np.multiply(inverse, 0.5, out=inverse)
    return np.subtract(result, inverse, out=result)
