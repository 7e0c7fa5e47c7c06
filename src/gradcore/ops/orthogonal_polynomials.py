"""Orthogonal polynomials of degree n at x, by their three-term recurrences.

Degrees are truncated to integers; a negative degree gives 0. There are no gradients, as in
PyTorch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from .op import op
from .outputs import takes_out
from .special_functions import both_tensors


def _evaluate(xp: Any, x: Any, n: Any, first: Callable, step: Callable) -> Any:
    """p[0] = 1, p[1] = first(x), p[k + 1] = step(k, x, p[k], p[k - 1]), up to the degrees ``n``.

    Elements that are done, or nan, are dropped every few steps.
    """
    x, n = xp.broadcast_arrays(x.astype("float64"), n.astype("float64"))
    shape, x, n = x.shape, x.reshape(-1), n.reshape(-1)
    degree = xp.trunc(xp.where(xp.abs(n) < 2.0**63, n, -1.0))  # what no int64 holds gives 0
    older, old = xp.ones_like(x), first(x)
    result = xp.where(degree == 0, older, xp.where(degree == 1, old, xp.zeros_like(x)))
    index, k = xp.arange(x.size), 1
    while index.size:
        if k % _DROP_EVERY == 1:
            lost = (old != old) & (degree > k)
            result[index[lost]] = math.nan
            left = (degree > k) & ~lost
            index, x, degree, older, old = (v[left] for v in (index, x, degree, older, old))
        older, old = old, step(k, x, old, older)
        k += 1
        done = degree == k
        result[index[done]] = old[done]
    return result.reshape(shape)


def _chebyshev(k: int, x: Any, p: Any, older: Any) -> Any:
    return 2 * x * p - older


def _hermite_h(k: int, x: Any, p: Any, older: Any) -> Any:
    return 2 * x * p - 2 * k * older


def _hermite_he(k: int, x: Any, p: Any, older: Any) -> Any:
    return x * p - k * older


def _laguerre(k: int, x: Any, p: Any, older: Any) -> Any:
    return ((2 * k + 1 - x) * p - k * older) / (k + 1)


def _legendre(k: int, x: Any, p: Any, older: Any) -> Any:
    return ((2 * k + 1) * x * p - k * older) / (k + 1)


_DROP_EVERY = 8

# name -> p[1], recurrence, whether x is moved from [0, 1] to [-1, 1] first, what it is
_FAMILIES: dict[str, tuple[Callable, Callable, bool, str]] = {
    "chebyshev_polynomial_t": (lambda x: x, _chebyshev, False, "Chebyshev's, first kind"),
    "chebyshev_polynomial_u": (lambda x: 2 * x, _chebyshev, False, "Chebyshev's, second kind"),
    "chebyshev_polynomial_v": (lambda x: 2 * x - 1, _chebyshev, False, "Chebyshev's, third kind"),
    "chebyshev_polynomial_w": (lambda x: 2 * x + 1, _chebyshev, False, "Chebyshev's, fourth kind"),
    "hermite_polynomial_h": (lambda x: 2 * x, _hermite_h, False, "Hermite's, as physicists have"),
    "hermite_polynomial_he": (lambda x: x, _hermite_he, False, "Hermite's, as in probability"),
    "laguerre_polynomial_l": (lambda x: 1 - x, _laguerre, False, "Laguerre's"),
    "legendre_polynomial_p": (lambda x: x, _legendre, False, "Legendre's"),
}
_FAMILIES |= {
    f"shifted_{name}": (first, step, True, f"{doc}, at 2 x - 1")
    for name, (first, step, _, doc) in list(_FAMILIES.items())[:4]
}


def _polynomial(name: str) -> Any:
    first, step, shifted, doc = _FAMILIES[name]

    def body(xp, x, n):
        return _evaluate(xp, 2 * x - 1 if shifted else x, n, first, step).astype(x.dtype)

    operation = op(body, name=name, pointwise=True, promotion="float", differentiable=())

    @takes_out
    def function(input, n):
        return operation(*both_tensors(name, input, n))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc} polynomials of degree ``n`` at ``input``, with broadcasting."
    return function


FUNCTIONS = {name: _polynomial(name) for name in _FAMILIES}
