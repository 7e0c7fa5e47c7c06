"""Special functions that NumPy lacks, vectorised: `f(x, out=None)` for real arrays.

Floating dtypes are kept, integers give float64. float64 results are accurate to a few units in
the last place. Narrower dtypes have kernels of their own in `special_float32.py`, made of few
vector instructions. `out` may be `x`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import wraps

import numpy as np

from . import special_coefficients as coefficients
from . import special_float32
from .special_float32 import polynomial as _polynomial

Kernel = Callable[[np.ndarray], np.ndarray]
Float32Kernel = Callable[[np.ndarray, np.ndarray], None]

_FLOAT32 = np.dtype(np.float32)
_FLOAT64 = np.dtype(np.float64)


def _elementwise(
    float32: Float32Kernel | None = None,
) -> Callable[[Kernel], Callable[..., np.ndarray]]:
    """Make `f(x, out=None)` for all real dtypes of a float64 kernel, and a float32 one if given.

    The float64 kernel returns its result; the float32 one writes into an `out` that is not `x`.
    Both get arrays of at least one dimension.
    """

    def decorate(float64: Kernel) -> Callable[..., np.ndarray]:
        @wraps(float64)
        def function(x: np.ndarray, out: np.ndarray | None = None) -> np.ndarray:
            x = np.asarray(x)
            if x.dtype.kind == "c":
                raise TypeError(f"{float64.__name__} does not support complex input")
            narrow = x.dtype.itemsize <= 4 and x.dtype.kind in "fV"
            values = np.atleast_1d(x)
            if narrow and float32 is not None:
                values = values.astype(_FLOAT32, copy=False)
                if out is not None and out.dtype == _FLOAT32 and _is_separate(out, values):
                    float32(values, out)
                    return out
                result = np.empty(values.shape, _FLOAT32)
                float32(values, result)
            else:
                result = float64(values.astype(_FLOAT64, copy=False))
            result = result.reshape(x.shape)
            if out is None:
                return result.astype(x.dtype if narrow else _FLOAT64, copy=False)
            np.copyto(out, result, casting="unsafe")
            return out

        return function

    return decorate


def _is_separate(out: np.ndarray, x: np.ndarray) -> bool:
    return out.shape == x.shape and not np.may_share_memory(out, x)


def _piecewise(
    x: np.ndarray, choice: np.ndarray, pieces: tuple[Kernel, ...], result: np.ndarray
) -> np.ndarray:
    """Where `choice` is i the result is `pieces[i](x)`; other elements are left as they are."""
    for i, piece in enumerate(pieces):
        where = choice == i
        if where.all():
            return piece(x)
        if where.any():
            result[where] = piece(x[where])
    return result


# --------------------------------------------------------------------------------------- erf


def _erf_near_zero(x: np.ndarray) -> np.ndarray:
    square = x * x
    return x + x * (
        _polynomial(square, coefficients.ERF_PP) / _polynomial(square, coefficients.ERF_QQ)
    )


def _erf_near_one(x: np.ndarray) -> np.ndarray:
    """erf(x) - ERX for 0.84375 <= x < 1.25."""
    s = x - 1
    return _polynomial(s, coefficients.ERF_PA) / _polynomial(s, coefficients.ERF_QA)


def _erfc_tail(x: np.ndarray) -> np.ndarray:
    """erfc for 1.25 <= x < 28, by the two ranges of SunPro's s_erf.c."""
    result = np.empty_like(x)
    choice = (x >= 1 / 0.35).astype(np.int8)
    s = 1 / (x * x)
    ranges = (
        (coefficients.ERFC_RA, coefficients.ERFC_SA),
        (coefficients.ERFC_RB, coefficients.ERFC_SB),
    )
    for i, (numerator, denominator) in enumerate(ranges):
        where = choice == i
        if where.any():
            t = s[where]
            result[where] = _polynomial(t, numerator) / _polynomial(t, denominator)
    # exp(-x * x) without the rounding error of x * x: z is x cut to 21 bits, so z * z is exact.
    z = (x.view(np.uint64) & np.uint64(0xFFFFFFFF00000000)).view(np.float64)
    return np.exp(-z * z - 0.5625) * np.exp((z - x) * (z + x) + result) / x


@_elementwise(float32=special_float32.erf)
def erf(x: np.ndarray) -> np.ndarray:
    """The error function, 2 / sqrt(pi) times the integral of exp(-t**2) from 0 to x."""
    magnitude = np.abs(x)
    choice = np.searchsorted((0.84375, 1.25, 6.0), magnitude, side="right")
    pieces = (
        _erf_near_zero,
        lambda a: coefficients.ERX + _erf_near_one(a),
        lambda a: 1 - _erfc_tail(a),
        np.ones_like,
    )
    result = _piecewise(magnitude, choice, pieces, np.empty_like(x))
    result[np.isnan(x)] = np.nan
    return np.copysign(result, x)


@_elementwise(float32=special_float32.erfc)
def erfc(x: np.ndarray) -> np.ndarray:
    """1 - erf(x), without the cancellation for large x."""
    magnitude = np.abs(x)
    choice = np.searchsorted((0.25, 0.84375, 1.25, 28.0), magnitude, side="right")
    pieces = (
        lambda a: 1 - _erf_near_zero(a),
        # 0.5 - (erf - 0.5) is exact to more bits than 1 - erf.
        lambda a: 0.5 - ((a - 0.5) + (_erf_near_zero(a) - a)),
        lambda a: (1 - coefficients.ERX) - _erf_near_one(a),
        _erfc_tail,
        np.zeros_like,
    )
    result = _piecewise(magnitude, choice, pieces, np.empty_like(x))
    result[np.isnan(x)] = np.nan
    return np.where(x < 0, 2 - result, result)


def _ndtri_central(y: np.ndarray) -> np.ndarray:
    q = y / 2
    r = 0.180625 - q * q
    return q * _polynomial(r, coefficients.NDTRI_A) / _polynomial(r, coefficients.NDTRI_B)


def _ndtri_tail(y: np.ndarray) -> np.ndarray:
    r = np.sqrt(-np.log((1 - np.abs(y)) / 2))
    choice = (r > 5).astype(np.int8)
    pieces = (
        lambda t: (
            _polynomial(t - 1.6, coefficients.NDTRI_C) / _polynomial(t - 1.6, coefficients.NDTRI_D)
        ),
        lambda t: (
            _polynomial(t - 5, coefficients.NDTRI_E) / _polynomial(t - 5, coefficients.NDTRI_F)
        ),
    )
    return np.copysign(_piecewise(r, choice, pieces, np.empty_like(r)), y)


@_elementwise(float32=special_float32.erfinv)
def erfinv(x: np.ndarray) -> np.ndarray:
    """The inverse of erf: inf at 1, nan beyond (Wichura 1988, algorithm AS 241, PPND16)."""
    magnitude = np.abs(x)
    choice = np.where(magnitude <= 0.85, 0, np.where(magnitude < 1, 1, 2))
    pieces = (_ndtri_central, _ndtri_tail)
    result = _piecewise(x, choice, pieces, np.where(magnitude == 1, x * np.inf, np.nan))
    return result * math.sqrt(0.5)


# ------------------------------------------------------------------------- logistic function


@_elementwise(float32=special_float32.expit)
def expit(x: np.ndarray) -> np.ndarray:
    """The logistic sigmoid, 1 / (1 + exp(-x))."""
    result = np.empty_like(x)
    special_float32.expit(x, result)
    return result


@_elementwise(float32=special_float32.logit)
def logit(x: np.ndarray) -> np.ndarray:
    """The inverse of expit, log(x / (1 - x)): -inf at 0, inf at 1, nan outside."""
    result = np.empty_like(x)
    special_float32.logit(x, result)
    return result


# ----------------------------------------------------------------------------- gamma function


def _lgamma_near_two(x: np.ndarray) -> np.ndarray:
    """log(gamma) for 0.1 <= x < 3, by SunPro's three series around 2, 1.46 and 1.

    Below 0.9 lgamma(x) = lgamma(x + 1) - log(x), from 1.73 on around 2.
    """
    low = x <= 0.9
    z = np.where(low, x + 1, x)
    shift = np.where(low, -np.log(x), 0.0)
    # The argument of each series is taken from x itself, so that it is exact.
    choice = np.where(z >= 1.7316, 0, np.where(z >= 1.23164, 1, 2))
    offset = np.where(choice == 0, 2.0, np.where(choice == 1, coefficients.LGAMMA_TC, 1.0))
    y = np.where(low, x - (offset - 1), x - offset)
    pieces = (_lgamma_series_at_two, _lgamma_series_at_minimum, _lgamma_series_at_one)
    return shift + _piecewise(y, choice, pieces, np.empty_like(y))


def _lgamma_series_at_two(y: np.ndarray) -> np.ndarray:
    y = -y
    z = y * y
    even = _polynomial(z, coefficients.LGAMMA_A[0::2])
    odd = z * _polynomial(z, coefficients.LGAMMA_A[1::2])
    return y * even + odd - 0.5 * y


def _lgamma_series_at_minimum(y: np.ndarray) -> np.ndarray:
    z = y * y
    cube = z * y
    first, second, third = (_polynomial(cube, coefficients.LGAMMA_T[i::3]) for i in range(3))
    p = z * first - (coefficients.LGAMMA_TT - cube * (second + y * third))
    return coefficients.LGAMMA_TF + p


def _lgamma_series_at_one(y: np.ndarray) -> np.ndarray:
    p = y * _polynomial(y, coefficients.LGAMMA_U) / _polynomial(y, coefficients.LGAMMA_V)
    return -0.5 * y + p


def _lgamma_middle(x: np.ndarray) -> np.ndarray:
    """log(gamma) for 2 <= x < 8: a series at 2 after steps down by 1."""
    steps = np.floor(x)
    y = x - steps
    result = 0.5 * y
    result += y * _polynomial(y, coefficients.LGAMMA_S) / _polynomial(y, coefficients.LGAMMA_R)
    product = np.ones_like(x)
    for i in range(2, 7):
        np.multiply(product, y + i, product, where=steps > i)
    return result + np.log(product)


def _lgamma_large(x: np.ndarray) -> np.ndarray:
    """Stirling's series for x >= 8; beyond 2**58 it rounds to x (log x - 1)."""
    t = np.log(x)
    z = 1 / x
    w = coefficients.LGAMMA_W
    correction = w[0] + z * _polynomial(z * z, w[1:])
    return np.where(x < 2.0**58, (x - 0.5) * (t - 1) + correction, x * (t - 1))


def _lgamma_positive(x: np.ndarray) -> np.ndarray:
    choice = np.searchsorted((2.0**-70, 2.0, 8.0), x, side="right")
    pieces = (lambda a: -np.log(a), _lgamma_near_two, _lgamma_middle, _lgamma_large)
    result = _piecewise(x, choice, pieces, np.empty_like(x))
    return np.where(np.isfinite(x), result, x)


def _sin_pi(x: np.ndarray) -> np.ndarray:
    """|sin(pi x)|, exactly 0 at integers."""
    return np.sin(np.pi * np.abs(x - np.rint(x)))


def _lgamma_reflected(magnitude: np.ndarray, at_magnitude: np.ndarray) -> np.ndarray:
    """lgamma(-magnitude) from lgamma(magnitude)."""
    sine = _sin_pi(magnitude)
    reflected = np.log(np.pi / (sine * magnitude)) - at_magnitude
    reflected = np.where(magnitude < 2.0**-70, at_magnitude, reflected)
    return np.where((sine == 0) | (magnitude == np.inf), np.inf, reflected)


@_elementwise(float32=special_float32.lgamma)
def lgamma(x: np.ndarray) -> np.ndarray:
    """The logarithm of |gamma(x)|: inf at 0, -1, -2 ... (SunPro's e_lgamma_r.c)."""
    magnitude = np.abs(x)
    negative = x < 0
    with np.errstate(all="ignore"):
        result = _lgamma_positive(magnitude)
        if negative.any():
            result[negative] = _lgamma_reflected(magnitude[negative], result[negative])
    return result


@_elementwise(float32=special_float32.digamma)
def digamma(x: np.ndarray) -> np.ndarray:
    """The derivative of lgamma: -inf at 0 (inf at -0), nan at negative integers.

    Recurrence up to 10, then the asymptotic series; reflection for negative x.
    """
    with np.errstate(all="ignore"):
        result = _digamma(x)
    result[(x < 0) & (x == np.rint(x))] = np.nan
    zero = x == 0
    result[zero] = -np.copysign(np.inf, x[zero])
    result[x == np.inf] = np.inf
    return result


def _digamma(x: np.ndarray) -> np.ndarray:
    """digamma but for its poles and infinity."""
    z = np.where(x < 0.5, 1 - x, x)
    result = np.zeros_like(z)
    for _ in range(10):
        small = z < 10
        if not small.any():
            break
        np.subtract(result, 1 / z, result, where=small)
        np.add(z, 1, z, where=small)
    inverse = 1 / z
    square = inverse * inverse
    result += np.log(z) - 0.5 * inverse - square * _polynomial(square, coefficients.DIGAMMA)
    low = x < 0.5
    if low.any():
        # pi / tan(pi x) from the distance to the nearest integer, which is exact.
        from_integer = x[low] - np.rint(x[low])
        result[low] -= np.pi / np.tan(np.pi * from_integer)
    return result
