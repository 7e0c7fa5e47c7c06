"""The regularized incomplete gamma functions."""

from __future__ import annotations

import math
from typing import Any

from ..backends.special import special
from .op import op
from .operand import require_tensor
from .outputs import takes_out
from .registry import public
from .special_functions import _no_derivative, lgamma_op
from .unary import exp, log

_LIMIT = 5000  # steps; the series takes about 6 sqrt(a) of them
_EPSILON = 2.0**-53


def _prefactor(xp: Any, a: Any, x: Any) -> Any:
    return xp.exp(a * xp.log(x) - x - special(xp).lgamma(a))


def _lower_series(xp: Any, a: Any, x: Any) -> Any:
    """P(a, x) = prefactor / a * (1 + x / (a + 1) + x^2 / ((a + 1)(a + 2)) + …), for x <= a + 1."""
    term = total = xp.ones_like(a)
    for k in range(1, _LIMIT):
        term = term * (x / (a + k))
        total = total + term
        if k % 16 == 0 and not bool((term > total * _EPSILON).any()):
            break
    return total * _prefactor(xp, a, x) / a


def _upper_fraction(xp: Any, a: Any, x: Any) -> Any:
    """Q(a, x) by Lentz's continued fraction, for x > a + 1."""
    b = x + 1 - a
    c = xp.full_like(b, 1e300)
    d = 1 / b
    value = d
    for k in range(1, _LIMIT):
        factor = -k * (k - a)
        b = b + 2
        d = 1 / (factor * d + b)
        c = b + factor / c
        change = c * d
        value = value * change
        if k % 16 == 0 and not bool((xp.abs(change - 1) > 4 * _EPSILON).any()):
            break
    return value * _prefactor(xp, a, x)


def _both(xp: Any, a: Any, x: Any) -> tuple[Any, Any, Any]:
    """P and Q in float64, and the dtype of the result."""
    a, x = xp.asarray(a), xp.asarray(x)
    dtype = xp.result_type(a, x)
    a, x = xp.broadcast_arrays(a.astype("float64"), x.astype("float64"))
    known = (a > 0) & (x > 0) & xp.isfinite(a) & xp.isfinite(x)
    below = known & (x <= a + 1)
    above = known & (x > a + 1)
    lower = _lower_series(xp, xp.where(below, a, 1.0), xp.where(below, x, 1.0))
    upper = _upper_fraction(xp, xp.where(above, a, 1.0), xp.where(above, x, 3.0))
    p = xp.where(below, lower, 1 - upper)
    q = xp.where(below, 1 - lower, upper)
    # On the edges P is 0 or 1: x = 0 or a = inf, and a = 0 or x = inf.
    zero = ((x == 0) & (a > 0)) | (xp.isinf(a) & xp.isfinite(x))
    one = ((a == 0) & (x > 0)) | (xp.isinf(x) & xp.isfinite(a))
    undefined = ~known & ((a < 0) | (x < 0) | ~(zero | one))
    p = xp.where(zero, 0.0, xp.where(one, 1.0, p))
    q = xp.where(zero, 1.0, xp.where(one, 0.0, q))
    return xp.where(undefined, math.nan, p), xp.where(undefined, math.nan, q), dtype


@op(pointwise=True, promotion="float", name="igamma")
def igamma_op(xp, x, y):
    p, _, dtype = _both(xp, x, y)
    return p.astype(dtype)


@op(pointwise=True, promotion="float", name="igammac")
def igammac_op(xp, x, y):
    _, q, dtype = _both(xp, x, y)
    return q.astype(dtype)


def _density(x: Any, y: Any) -> Any:
    return exp((x - 1) * log(y) - y - lgamma_op(x))


igamma_op.vjp(x=_no_derivative("igamma: input"), y=lambda g, x, y: g * _density(x, y))
igammac_op.vjp(x=_no_derivative("igammac: input"), y=lambda g, x, y: -g * _density(x, y))


@public(inplace=True)
@takes_out
def igamma(input, other):
    """The regularized lower incomplete gamma function P(input, other).

    >>> torch.igamma(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 2.0]))
    tensor([0.8647, 0.1429])
    """
    require_tensor("igamma", "input", input)
    require_tensor("igamma", "other", other, 2)
    return igamma_op(input, other)


@public(inplace=True)
@takes_out
def igammac(input, other):
    """The regularized upper incomplete gamma function, 1 - igamma.

    >>> torch.igammac(torch.tensor([1.0, 4.0]), torch.tensor([2.0, 2.0]))
    tensor([0.1353, 0.8571])
    """
    require_tensor("igammac", "input", input)
    require_tensor("igammac", "other", other, 2)
    return igammac_op(input, other)
