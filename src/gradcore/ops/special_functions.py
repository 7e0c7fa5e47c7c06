"""Gamma, error and related functions beside those of ``unary.py``."""

from __future__ import annotations

import math
import operator
from typing import Any

from ..backends.cpu.special_coefficients import NDTRI_A, NDTRI_B, NDTRI_C, NDTRI_D, NDTRI_E, NDTRI_F
from ..backends.special import special
from . import chebyshev_coefficients as C
from .bessel import elementwise, series
from .op import op
from .operand import is_tensor, require_tensor
from .outputs import takes_out
from .pointwise import where
from .pointwise import xlogy as xlogy_op
from .promotion import result_dtype
from .reduce_arguments import not_implemented, refuse_kinds, scalar_tensor
from .registry import public
from .unary import cos, exp, log1p, sin

# ----------------------------------------------------------------------------------- gamma


@op(pointwise=True, promotion="float", name="lgamma")
def lgamma_op(xp, x):
    return special(xp).lgamma(x)


@op(pointwise=True, promotion="float", name="digamma")
def digamma_op(xp, x):
    return special(xp).digamma(x)


@op(pointwise=True, promotion="float", name="polygamma")
def polygamma_op(xp, x, *, n):
    if n == 1:
        return xp.full_like(x, _trigamma(xp, x.astype("float64")))
    dtype, x = x.dtype, x.astype("float64")
    sign = 1.0 if n % 2 else -1.0
    return (_zeta(xp, xp.full_like(x, n + 1), x) * (sign * math.factorial(n))).astype(dtype)


lgamma_op.vjp(x=lambda g, x: g * digamma_op(x))
digamma_op.vjp(x=lambda g, x: g * polygamma_op(x, n=1))
polygamma_op.vjp(x=lambda g, x, n: g * polygamma_op(x, n=n + 1))

# Bernoulli numbers B2, B4 … B24
_BERNOULLI = (
    1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510, 43867 / 798,
    -174611 / 330, 854513 / 138, -236364091 / 2730,
)  # fmt: skip
_STEPS = 10  # from where on the asymptotic series give all digits of a float64


def _trigamma(xp: Any, x: Any) -> Any:
    low = x < 0.5
    z = xp.where(low, 1 - x, x)
    # 1 / (z + k)**2 + 1 / (z + 7 - k)**2 = 2 / v + (49 - 4 c) / v**2
    # with c = k (7 - k) and v = (z + k) (z + 7 - k) = z (z + 7) + c
    w = z * (z + 7)
    total = 0.0
    for c in (12, 10, 6, 0):
        inverse = 1 / (w + c)
        total = total + inverse * (2 + (49 - 4 * c) * inverse)
    inverse = 1 / (z + 8)
    square = inverse * inverse
    tail = 0.0
    for b in reversed(_BERNOULLI[:8]):
        tail = (tail + b) * square
    total = total + inverse * (1 + tail) + square * 0.5
    # 1 / sin(a) = (1 + t * t) / (2 t) with t = tan(a / 2), which NumPy has in float64 too
    t = xp.tan((math.pi / 2) * (x - xp.rint(x)))  # exact near integers
    cosecant = (1 + t * t) / t * (math.pi / 2)
    return xp.where(low, cosecant * cosecant - total, total)


def _zeta(xp: Any, x: Any, q: Any) -> Any:
    """The sum of (q + k) ** -x over k >= 0, by Euler and Maclaurin's formula."""
    # From the lowest q on, step by step, into where the formula holds: 1e5 steps at most.
    reachable = xp.where((q > -1e5) & (q < 0), q, 0.0)
    steps = _STEPS + (math.ceil(-float(reachable.min())) if q.size else 0)
    pole = (q <= 0) & (q == xp.floor(q))
    base = xp.where(pole, xp.ones_like(q), q)
    # A power of a negative number only exists for integers x.
    total = base ** (-x)
    for k in range(1, steps):
        total = total + (base + k) ** (-x)
    a = base + steps
    power = a ** (-x)
    total = total + power * a / (x - 1) + power * 0.5
    factor, power = x, power / a
    for j, b in enumerate(_BERNOULLI, 1):
        total = total + factor * power * (b / math.factorial(2 * j))
        factor = factor * (x + (2 * j - 1)) * (x + 2 * j)
        power = power / (a * a)
    total = xp.where(pole, math.inf, total)
    return xp.where(x > 1, total, xp.where(x == 1, math.inf, math.nan))


@op(pointwise=True, promotion="float", name="zeta")
def zeta_op(xp, x, y):
    dtype = x.dtype
    return _zeta(xp, x.astype("float64"), y.astype("float64")).astype(dtype)


def _no_derivative(name: str) -> Any:
    def rule(g):
        raise NotImplementedError(f"the derivative for '{name}' is not implemented.")

    return rule


zeta_op.vjp(x=_no_derivative("zeta"), y=lambda g, x, y: -g * x * zeta_op(x + 1, y))


lgamma = elementwise(lgamma_op, "lgamma", "The logarithm of |gamma(x)|")
digamma = elementwise(digamma_op, "digamma", "The derivative of lgamma")
for _function in (lgamma, digamma):
    public(inplace=True)(_function)


@takes_out
def polygamma(n, input):
    """The n-th derivative of digamma; n is a non-negative int.

    >>> torch.polygamma(1, torch.tensor([1.0, 2.0]))
    tensor([1.6449, 0.6449])
    """
    if isinstance(n, bool) or not hasattr(n, "__index__"):
        raise TypeError(
            f"polygamma(): argument 'n' (position 1) must be int, not {type(n).__name__}"
        )
    n = operator.index(n)
    if n < 0:
        raise RuntimeError("polygamma(n, x) does not support negative n.")
    require_tensor("polygamma", "input", input, 2)
    return digamma(input) if n == 0 else polygamma_op(input, n=n)


public(method=False)(polygamma)


@public(name="polygamma", function_too=False, inplace=True)
def polygamma_method(self, n):
    """``gradcore.polygamma(n, self)``.

    >>> torch.tensor([1.0, 2.0]).polygamma(1)
    tensor([1.6449, 0.6449])
    """
    return polygamma(n, self)


@public(inplace=True)
@takes_out
def mvlgamma(input, p):
    """The logarithm of the multivariate gamma function of dimension ``p``.

    >>> torch.mvlgamma(torch.tensor([2.0, 3.0]), 2)
    tensor([0.4516, 1.5502])
    """
    if p < 1:
        raise RuntimeError("p has to be greater than or equal to 1")
    require_tensor("mvlgamma", "input", input)
    if input._array.dtype.kind == "c":
        raise not_implemented("arange_cpu", input)
    total = lgamma(input)
    for j in range(1, p):
        total = total + lgamma(input - j / 2)
    return total + p * (p - 1) / 4 * math.log(math.pi)


def both_tensors(name: str, first: Any, second: Any) -> tuple[Any, Any]:
    """Two operands of which one may be a number, which becomes a 0-d tensor."""
    if is_tensor(first) and is_tensor(second):
        return first, second
    if not is_tensor(first) and not is_tensor(second):
        require_tensor(name, "input", first)
    dtype = result_dtype([getattr(v, "_array", v) for v in (first, second)])
    like = first if is_tensor(first) else second
    return tuple(v if is_tensor(v) else scalar_tensor(v, dtype, like) for v in (first, second))


def _binary(operation: Any, name: str, doc: str) -> Any:
    """The public function of an op for two tensors or a tensor and a number."""

    @takes_out
    def function(input, other):
        return operation(*both_tensors(name, input, other))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return function


zeta = _binary(zeta_op, "zeta", "Hurwitz's zeta function: the sum of (other + k) ** -input.")

# ----------------------------------------------------------------------- logs and entropies


@op(pointwise=True, promotion="float", name="xlog1py")
def xlog1py_op(xp, x, y):
    return xp.where((x == 0) & ~xp.isnan(y), 0.0, xp.multiply(x, xp.log1p(y)))


def _xlog1py_grad(g, x, y):
    return where((x == 0) & (y <= -1), 0.0, g * log1p(y))


xlog1py_op.vjp(x=_xlog1py_grad, y=lambda g, x, y: g * x / (y + 1))
xlogy = public(inplace=True)(
    _binary(xlogy_op, "xlogy", "``input * log(other)``, 0 where input is 0.")
)
xlog1py = _binary(xlog1py_op, "xlog1py", "``input * log1p(other)``, 0 where input is 0.")


@op(pointwise=True, promotion="float", name="entr")
def entr_op(xp, x):
    inside = -x * xp.log(xp.where(x > 0, x, 1.0))
    return xp.where(x != x, x, xp.where(x < 0, -math.inf, inside))


def _entr_grad(g, x):
    from .unary import log

    return g * (-log(x) - 1)


entr_op.vjp(x=_entr_grad)
entr = elementwise(entr_op, "entr", "-x log(x); 0 for 0 and -inf below")


@op(pointwise=True, promotion="float", name="logit")
def logit_op(xp, x, *, eps):
    if eps is None:
        return special(xp).logit(x)
    return special(xp).logit(xp.minimum(xp.maximum(x, eps), 1 - eps))


def _logit_grad(g, x, eps):
    low, high = (0.0, 1.0) if eps is None else (eps, 1 - eps)
    inside = (x >= low) & (x <= high)
    return where(inside, g / (x * (1 - x)), float("nan") if eps is None else 0.0)


logit_op.vjp(x=_logit_grad)


@public(inplace=True)
@takes_out
def logit(input, eps=None):
    """``log(x / (1 - x))``, with x first held to [eps, 1 - eps] where ``eps`` is given.

    >>> torch.logit(torch.tensor([0.5, 0.9]))
    tensor([0.0000, 2.1972])
    """
    refuse_kinds("logit_cpu", require_tensor("logit", "input", input), "c")
    return logit_op(input, eps=eps)


@op(pointwise=True, promotion="float", name="sinc")
def sinc_op(xp, x):
    turned = x * math.pi
    return xp.where(x == 0, 1.0, xp.sin(turned) / xp.where(x == 0, 1.0, turned))


def _sinc_grad(g, x):
    turned = where(x == 0, 1.0, x * math.pi)
    slope = (turned * cos(turned) - sin(turned)) / (turned * turned) * math.pi
    return where(x == 0, 0.0, g * slope.conj())


sinc_op.vjp(x=_sinc_grad)


@public(inplace=True)
@takes_out
def sinc(input):
    """``sin(pi x) / (pi x)``, 1 for 0.

    >>> torch.sinc(torch.tensor([0.0, 0.5, 1.0]))
    tensor([ 1.0000e+00,  6.3662e-01, -2.7828e-08])
    """
    return sinc_op(require_tensor("sinc", "input", input))


# --------------------------------------------------------------------- normal distribution


@op(pointwise=True, promotion="float", name="ndtr")
def ndtr_op(xp, x):
    return special(xp).erfc(x * -math.sqrt(0.5)) * 0.5


@op(pointwise=True, promotion="float", name="erfcx")
def erfcx_op(xp, x):
    return _erfcx(xp, x)


def _erfcx(xp: Any, x: Any) -> Any:
    size = xp.abs(x)
    t = xp.where(xp.isinf(size), 1.0, (size - 3.75) / (size + 3.75))
    positive = series(t, C.ERFCX) / (1 + 2 * size)
    low = xp.minimum(x, 0.0)
    return xp.where(x < 0, 2 * xp.exp(low * low) - positive, positive)


@op(pointwise=True, promotion="float", name="log_ndtr")
def log_ndtr_op(xp, x):
    t = x * math.sqrt(0.5)
    low = xp.minimum(t, -math.sqrt(0.5))
    tail = xp.log(_erfcx(xp, -low) * 0.5) - low * low
    body = xp.log1p(special(xp).erfc(xp.maximum(t, -1.0)) * -0.5)
    return xp.where(x < -1, tail, body)


def _ratio(x: Any, numerator: tuple, denominator: tuple) -> Any:
    """The quotient of two polynomials, by Horner's scheme; the constants come first."""
    top, bottom = numerator[-1], denominator[-1]
    for a in numerator[-2::-1]:
        top = top * x + a
    for b in denominator[-2::-1]:
        bottom = bottom * x + b
    return top / bottom


@op(pointwise=True, promotion="float", name="ndtri")
def ndtri_op(xp, x):
    """Wichura's algorithm AS 241 (1988)."""
    q = x - 0.5
    central = q * _ratio(0.180625 - q * q, NDTRI_A, NDTRI_B)
    tail = xp.minimum(x, 1 - x)
    r = xp.sqrt(-xp.log(xp.where(tail > 0, tail, 0.5)))
    near = _ratio(r - 1.6, NDTRI_C, NDTRI_D)
    far = _ratio(r - 5, NDTRI_E, NDTRI_F)
    outer = xp.where(r <= 5, near, far)
    outer = xp.where(q < 0, -outer, outer)
    result = xp.where(xp.abs(q) <= 0.425, central, outer)
    result = xp.where(x == 0, -math.inf, xp.where(x == 1, math.inf, result))
    return xp.where((x >= 0) & (x <= 1), result, math.nan)


_ROOT_2PI = math.sqrt(2 * math.pi)

ndtr_op.vjp(x=lambda g, x: g * (exp(x * x * -0.5) / _ROOT_2PI))
ndtri_op.vjp(x=lambda g, out: g * (exp(out * out * 0.5) * _ROOT_2PI))
erfcx_op.vjp(x=lambda g, x, out: g * (2 * x * out - 2 / math.sqrt(math.pi)))
log_ndtr_op.vjp(x=lambda g, x: g / erfcx_op(x * -math.sqrt(0.5)) * math.sqrt(2 / math.pi))

ndtr = elementwise(ndtr_op, "ndtr", "The normal distribution function")
ndtri = elementwise(ndtri_op, "ndtri", "The inverse of ndtr; nan outside [0, 1]")
erfcx = elementwise(erfcx_op, "erfcx", "exp(x * x) erfc(x), without overflow for large x")
log_ndtr = elementwise(log_ndtr_op, "log_ndtr", "log(ndtr(x)), exact in the lower tail")
