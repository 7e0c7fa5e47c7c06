"""Elementary functions of float32 and float64 values, as arithmetic that LLVM turns into vectors.

The C library's functions take one number per call. These have no branch and no table: a range
reduction, a polynomial and a few selections for what is no ordinary number, with errors of at
most 6 units in the last place (tests/backends/test_native.py). Methods: Muller, "Elementary
functions" (3rd edition, 2016), chapters 5 and 11.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from .. import special_coefficients as coefficients
from .values import FLOAT32, FLOAT64, Unsupported, Value, multiply_add, polynomial, select


class _Format(NamedTuple):
    """What the functions need to know of a floating-point format.

    Attributes:
        mantissa: bits after the point.
        bias: of the exponent.
        exp_degree: of the Taylor polynomial of exp on [-log(2) / 2, log(2) / 2].
        log_terms: of the series of atanh on [0, 0.172].
        log2_high: log(2) with so few bits that its product with an exponent is exact.
        log2_low: the rest of log(2).
        exp_range: below it exp is no normal number, above it infinite.
        expm1_low: below it expm1 is -1.
    """

    mantissa: int
    bias: int
    exp_degree: int
    log_terms: int
    log2_high: float
    log2_low: float
    exp_range: tuple[float, float]
    expm1_low: float


_FORMATS = {
    4: _Format(23, 127, 7, 5, 0.693115234375, 3.1946184945309415e-05, (-86.6, 89.0), -18.0),
    8: _Format(52, 1023, 13, 12, 0.6931471805598903, 5.497923018708371e-14, (-707.7, 710.0), -40.0),
}


def _format(x: Value) -> _Format:
    if x.dtype.kind != "f":
        raise Unsupported(f"an elementary function of {x.dtype}")
    return _FORMATS[x.dtype.itemsize]


def _clamped(x: Value, low: float, high: float) -> Value:
    x = select(x < low, low, x)
    return select(x > high, high, x)


def _reduced(x: Value) -> tuple[Value, Value]:
    """An integer k and r in [-log(2) / 2, log(2) / 2] with x = k log(2) + r."""
    form = _format(x)
    # Adding 1.5 * 2**mantissa rounds to an integer and leaves it in the lowest bits.
    magic = x.coerced(1.5 * 2.0**form.mantissa)
    shifted = multiply_add(x, 1 / math.log(2), magic)
    k = shifted - magic
    r = multiply_add(k, -form.log2_high, x)
    r = multiply_add(k, -form.log2_low, r)
    return shifted.bits() - magic.bits(), r


def _power_of_two(k: Value) -> Value:
    """2**k for an integer k in the range of normal numbers."""
    form = _FORMATS[k.dtype.itemsize]
    return ((k + form.bias) << form.mantissa).bits()


def _taylor(degree: int) -> tuple[float, ...]:
    """2 / n! from n = 0 to degree."""
    return tuple(2 / math.factorial(n) for n in range(degree + 1))


def _scaled_exponential(x: Value, k: Value, r: Value, low: float) -> Value:
    """2**k e**r; 0 for x below `low`, where it is no normal number any more."""
    p = polynomial(r, _taylor(_format(x).exp_degree))
    # 2**k alone may be too large, so p is doubled and 2**k halved.
    return select(x < low, 0.0, p * _power_of_two(k - 1))


def exp(x: Value) -> Value:
    """e**x; results that are no normal numbers are 0."""
    low, high = _format(x).exp_range
    k, r = _reduced(select(x > high, high, x))
    return _scaled_exponential(x, k, r, low)


def exp2(x: Value) -> Value:
    """2**x; results that are no normal numbers are 0."""
    form = _format(x)
    low, high = (bound / math.log(2) for bound in form.exp_range)
    clamped = select(x > high, high, x)
    magic = x.coerced(1.5 * 2.0**form.mantissa)
    shifted = clamped + magic
    r = (clamped - (shifted - magic)) * math.log(2)
    return _scaled_exponential(x, shifted.bits() - magic.bits(), r, low)


def expm1(x: Value) -> Value:
    """e**x - 1, relatively accurate near 0."""
    form = _format(x)
    k, r = _reduced(_clamped(x, form.expm1_low, form.exp_range[1]))
    p = polynomial(r, tuple(1 / math.factorial(n) for n in range(2, form.exp_degree + 2)))
    p = multiply_add(p * r, r, r)
    half = _power_of_two(k - 1)  # the largest 2**k is no finite number
    return multiply_add(p, half, half - 0.5) * 2


def _split(x: Value) -> tuple[Value, Value]:
    """The exponent e and atanh((m - 1) / (m + 1)) for x = 2**e m, m in [sqrt(1/2), sqrt(2))."""
    form = _format(x)
    tiny = x < float(np.finfo(x.dtype).tiny)
    x = select(tiny, x * 2.0**form.mantissa, x)
    bits = x.bits()
    e = (bits - int(x.dtype.type(math.sqrt(0.5)).view(bits.dtype))) >> form.mantissa
    m = (bits - (e << form.mantissa)).bits()
    s = (m - 1) / (m + 1)
    square = s * s
    series = polynomial(square, tuple(1 / (2 * n + 1) for n in range(1, form.log_terms)))
    exponent = e.to(x.dtype)
    exponent = select(tiny, exponent - float(form.mantissa), exponent)
    return exponent, multiply_add(series * square, s, s)


def _logarithm(x: Value, result: Value) -> Value:
    """`result` for ordinary x, and what a logarithm is for the others."""
    unordinary = select(x == 0, -math.inf, x.coerced(math.nan))
    return select(x > 0, select(x < math.inf, result, x), unordinary)


def log(x: Value) -> Value:
    """The natural logarithm."""
    e, half = _split(x)
    form = _format(x)
    low = multiply_add(e, form.log2_low, half * 2)
    return _logarithm(x, multiply_add(e, form.log2_high, low))


def log2(x: Value) -> Value:
    """The logarithm to base 2; exact for powers of 2."""
    e, half = _split(x)
    return _logarithm(x, multiply_add(half, 2 / math.log(2), e))


def log10(x: Value) -> Value:
    """The logarithm to base 10."""
    e, half = _split(x)
    return _logarithm(x, multiply_add(e, math.log10(2), half * (2 / math.log(10))))


def log1p(x: Value) -> Value:
    """log(1 + x), relatively accurate near 0: the rounding error of 1 + x is put back."""
    u = x + 1
    result = log(u)
    corrected = result - ((u - 1) - x) / u
    return select(u > 0, select(x < math.inf, corrected, x), result)


# tanh(x) = x p(x * x) / q(x * x) up to 9.01, from where it is 1 in float32: fitted for the smallest
# relative error, 2.3e-8.
_TANH_P = (
    0.9999999773849834, 0.13374481117465056, 0.003487817617244907, 2.048128037925204e-05,
    1.3177628720775107e-08,
)  # fmt: skip
_TANH_Q = (
    1.0, 0.46707794955506754, 0.025847414698674222, 0.0003272930272602695, 7.704094470663079e-07,
)  # fmt: skip


def tanh(x: Value) -> Value:
    """The hyperbolic tangent."""
    if x.dtype != FLOAT32:
        t = expm1(abs(x) * -2)
        return x.function.call("copysign", t / (t + 2), x)
    x = _clamped(x, -9.01, 9.01)
    square = x * x
    return _clamped(x * polynomial(square, _TANH_P) / polynomial(square, _TANH_Q), -1.0, 1.0)


def expit(x: Value) -> Value:
    """1 / (1 + exp(-x))."""
    return 1 / (exp(-x) + 1)


def logit(x: Value) -> Value:
    """log(x / (1 - x))."""
    return log(x / (1 - x))


def _only_float32(x: Value) -> None:
    if x.dtype != FLOAT32:
        raise Unsupported(f"no polynomial for {x.dtype}")


# erf(x) = x p(x * x) / q(x * x) up to 3.95, from where it is 1: fitted for the smallest relative
# error, 2.5e-8. A third fewer operations than by tanh, as NumPy's form of it.
_ERF_P = (
    1.128379139526539, 0.19353680636249265, 0.05310062739579481, 0.0038829827585113216,
    0.00028455658020112905, 1.9868299218663743e-06,
)  # fmt: skip
_ERF_Q = (
    1.0, 0.5048500868474798, 0.11534656272614863, 0.015206528892103922, 0.001185481316115921,
    3.742018094224217e-05,
)  # fmt: skip


def erf(x: Value) -> Value:
    """The error function."""
    _only_float32(x)
    x = _clamped(x, -3.95, 3.95)
    square = x * x
    return _clamped(x * polynomial(square, _ERF_P) / polynomial(square, _ERF_Q), -1.0, 1.0)


def erfc(x: Value) -> Value:
    """1 - erf(x), relatively accurate for large x, as `special_float32.erfc`."""
    _only_float32(x)
    size = abs(x)
    t = 1 / (size * 0.33 + 1)
    factor = polynomial(t, coefficients.ERFC_FLOAT32) * t
    # exp(-size * size): high has 12 bits, so that its square is exact
    high = (size.bits() & -4096).bits()
    rest = select(size < math.inf, (high - size) * (size + high), 0.0)
    tail = exp(-(high * high)) * exp(rest) * factor
    return select(x < 0, 2 - tail, tail)


def erfinv(x: Value) -> Value:
    """The inverse of erf, as `special_float32.erfinv`."""
    _only_float32(x)
    w = -log((1 - x) * (x + 1))
    central = polynomial(w - 2.5, coefficients.ERFINV_CENTRAL_FLOAT32)
    root = x.function.call("sqrt", w) - 3
    tail = polynomial(root, coefficients.ERFINV_TAIL_FLOAT32)
    tail = select(w == math.inf, math.inf, tail)
    return x * select(w < 5.0, central, tail)


# sin(r) = r + r**3 p(r**2) and cos(r) = 1 - r**2 / 2 + r**4 p(r**2) on [-pi / 4, pi / 4]: the
# minimax polynomials of the Cephes library (Moshier, 1992), errors below 2**-24.
_SIN = (-1.6666654611e-1, 8.3321608736e-3, -1.9515295891e-4)
_COS = (4.166664568298827e-2, -1.388731625493765e-3, 2.443315711809948e-5)
# Beyond it the multiple of pi / 2 has more bits than what is subtracted in float64.
_LARGEST_ANGLE = 2.0**28


def _sin_of_quarters(x: Value, quarters: int) -> Value:
    """sin(x + quarters * pi / 2)."""
    _only_float32(x)
    x.function.refuse_where(~(abs(x) <= _LARGEST_ANGLE))  # infinities and nan too
    wide = x.to(FLOAT64)
    magic = wide.coerced(1.5 * 2.0**52)
    shifted = multiply_add(wide, 2 / math.pi, magic)
    k = shifted - magic
    r = multiply_add(k, -math.pi / 2, wide)
    r = multiply_add(k, -6.123233995736766e-17, r).to(FLOAT32)  # the rest of pi / 2
    quadrant = (shifted.bits() + quarters).to(np.dtype(np.int32))
    square = r * r
    sine = multiply_add(polynomial(square, _SIN) * square, r, r)
    cosine = multiply_add(polynomial(square, _COS) * square, square, 1 - square * 0.5)
    result = select((quadrant & 1) == 0, sine, cosine)
    return (result.bits() ^ ((quadrant & 2) << 30)).bits()


def sin(x: Value) -> Value:
    """The sine."""
    return _sin_of_quarters(x, 0)


def cos(x: Value) -> Value:
    """The cosine."""
    return _sin_of_quarters(x, 1)


# A quotient of float32 numbers below it tells in float64 which integer is below it: two of them
# that are no multiples differ by 2**-24, and 2**29 is 2**-24 / 2**-53.
_EXACT_QUOTIENT = 2.0**29


def _quotient(x: Value, y: Value, rounding: str) -> tuple[Value, Value, Value]:
    """x and y in float64, and their quotient rounded to an integer."""
    _only_float32(x)
    wide, divisor = x.to(FLOAT64), y.to(FLOAT64)
    quotient = wide / divisor
    x.function.refuse_where(~((abs(quotient) < _EXACT_QUOTIENT) & (abs(divisor) < math.inf)))
    return wide, divisor, x.function.call(rounding, quotient)


def fmod(x: Value, y: Value) -> Value:
    """x - trunc(x / y) y, with the sign of x."""
    wide, divisor, whole = _quotient(x, y, "trunc")
    rest = multiply_add(-whole, divisor, wide).to(FLOAT32)
    return x.function.call("copysign", rest, x)


def remainder(x: Value, y: Value) -> Value:
    """x - floor(x / y) y, with the sign of y."""
    wide, divisor, whole = _quotient(x, y, "floor")
    rest = multiply_add(-whole, divisor, wide).to(FLOAT32)
    return select(rest == 0, x.function.call("copysign", rest, y), rest)


def floor_divide(x: Value, y: Value) -> Value:
    """floor(x / y)."""
    return _quotient(x, y, "floor")[2].to(FLOAT32)


# sin(t) / t in t**2; up to pi / 2 the term that follows is below 2**-60.
_SIN_SERIES = tuple((-1) ** n / math.factorial(2 * n + 1) for n in range(11))


def _sin_of_pi_times(x: Value) -> Value:
    """sin(pi x) of float64 in [-1/2, 1/2]."""
    angle = x * math.pi
    return polynomial(angle * angle, _SIN_SERIES) * angle


def _fraction(x: Value) -> Value:
    """The distance of float32 from the nearest integer, in float64."""
    return (x - x.function.call("rint", x)).to(FLOAT64)


def lgamma(x: Value) -> Value:
    """log |gamma(x)|, as `special_float32.lgamma`."""
    _only_float32(x)
    size = abs(x).to(FLOAT64)
    z = size + 8
    w = size * (size + 7)
    product = w * (w + 6) * (w + 10) * (w + 12)
    # lgamma(-m) = log(pi / |m sin(pi m)|) - lgamma(m): one logarithm with the product's
    reflected = product * (math.pi / (size * _sin_of_pi_times(abs(_fraction(x)))))
    inverse = 1 / z
    series = polynomial(inverse * inverse, coefficients.STIRLING) * inverse
    series = series - z + 0.5 * math.log(2 * math.pi) + (z - 0.5) * log(z)
    result = series - log(select(x < 0, reflected, product))
    # Rounded to 2**-46, so that lgamma(1) and lgamma(2) are 0.
    result = (select(x < 0, -result, result) + 64) - 64
    return select(abs(x) == math.inf, math.inf, result.to(FLOAT32))


def digamma(x: Value) -> Value:
    """The derivative of lgamma, as `special_float32.digamma`."""
    _only_float32(x)
    wide = x.to(FLOAT64)
    positive = select(x < 0, 1 - wide, wide)
    # The reciprocals from x to x + 5, with w = x (x + 5).
    w = positive * (positive + 5)
    reciprocals = polynomial(w, (24.0, 20.0, 3.0)) * (positive * 2 + 5) / (w * (w + 4) * (w + 6))
    z = positive + 6
    inverse = 1 / z
    square = inverse * inverse
    series = polynomial(square, coefficients.DIGAMMA[:4]) * square
    result = log(z) - reciprocals - series - inverse * 0.5
    # digamma(x) = digamma(1 - x) - pi / tan(pi x)
    fraction = _fraction(x)
    sine, cosine = _sin_of_pi_times(fraction), _sin_of_pi_times(0.5 - abs(fraction))
    reflected = select(sine == 0, math.nan, result - cosine * math.pi / sine)
    result = select(x < 0, reflected, result).to(FLOAT32)
    return select(x == math.inf, math.inf, result)
