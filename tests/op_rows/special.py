"""Rows of ops/{bessel,special_functions,incomplete_gamma,orthogonal_polynomials}.py."""

from __future__ import annotations

import math
from decimal import Decimal, getcontext
from statistics import NormalDist

import numpy as np

from op_table import Row

getcontext().prec = 60


def mapped(function):
    """A function of one Python float, elementwise in float64, in the dtype of its input."""

    def call(x, **options):
        values = [function(float(v), **options) for v in np.asarray(x).ravel()]
        return np.array(values, "float64").reshape(np.shape(x)).astype(x.dtype)

    return call


def power_series(x, order, sign):
    """J (sign -1) or I (sign 1) of small orders, by its series in 60 digits."""
    half = Decimal(x) / 2
    term = half**order if order else Decimal(1)
    total = Decimal(0)
    for k in range(200):
        total += term
        term = term * sign * half * half / ((k + 1) * (k + 1 + order))
    return float(total)


def bessel_y(x, order):
    """Schläfli's integrals, by Gauss's rule; the infinite one in 80 pieces."""
    nodes, weights = np.polynomial.legendre.leggauss(40)
    angle = (nodes + 1) * np.pi / 2
    finite = (weights * np.sin(x * np.sin(angle) - order * angle)).sum() / 2
    t = (np.arange(80)[:, None] + (nodes + 1) / 2) * 0.1
    values = (np.exp(order * t) + (-1) ** order * np.exp(-order * t)) * np.exp(-x * np.sinh(t))
    return finite - (weights * values).sum() * 0.05 / np.pi


def bessel_k(x, order, scaled=False):
    t = np.linspace(0, 12, 4001)
    values = np.exp(-x * (np.cosh(t) - (1 if scaled else 0))) * np.cosh(order * t)
    values[0] /= 2
    return values.sum() * (t[1] - t[0])


def airy_ai(x):
    """Maclaurin's series, from Ai(0) and Ai'(0)."""
    a = Decimal("0.35502805388781723926006318600418317639797917419918")
    b = Decimal("-0.25881940379280679840518356018920396347909113835494") * Decimal(x)
    cube, total = Decimal(x) ** 3, Decimal(0)
    for k in range(200):
        total += a + b
        a = a * cube / ((3 * k + 2) * (3 * k + 3))
        b = b * cube / ((3 * k + 3) * (3 * k + 4))
    return float(total)


def grid(*values):
    return lambda rng: np.array(values)


EULER = 0.57721566490153286
HALVES = grid(0.5, 1.0, 1.5, 2.0, 3.5, 4.0, -0.5, -1.5)
ZETA3 = 1.2020569031595942
AT_HALF = {1: math.pi**2 / 2, 2: -14 * ZETA3, 3: math.pi**4}
AT_ONE = {1: math.pi**2 / 6, 2: -2 * ZETA3, 3: math.pi**4 / 15}


def digamma(x):
    """At multiples of 1/2, by the recurrence psi(x + 1) = psi(x) + 1 / x."""
    start, value = (1.0, -EULER) if x == round(x) else (0.5, -EULER - 2 * math.log(2))
    while start < x:
        value, start = value + 1 / start, start + 1
    while start > x:
        start -= 1
        value -= 1 / start
    return value


def polygamma(x, n):
    start, value = (1.0, AT_ONE[n]) if x == round(x) else (0.5, AT_HALF[n])
    step = (-1) ** n * math.factorial(n)
    while start < x:
        value, start = value + step * start ** (-n - 1), start + 1
    while start > x:
        start -= 1
        value -= step * start ** (-n - 1)
    return value


def gamma_share(a, x):
    """P(a, x) for integer a."""
    return 1 - math.exp(-x) * sum(x**k / math.factorial(k) for k in range(int(a)))


def zeta(x, q):
    """At x = 2 and 4 and integer q, from pi ** 2 / 6 and pi ** 4 / 90."""
    total = math.pi**2 / 6 if x == 2 else math.pi**4 / 90
    return total - sum(k**-x for k in range(1, int(q)))


def both(function):
    def call(x, y):
        return np.vectorize(function, otypes=["float64"])(x, y)

    return call


def evaluated(module, kind, shifted=False):
    """NumPy's polynomial of a degree in the standard basis of its family."""

    def call(x, n):
        points = 2 * x - 1 if shifted else x
        rows = [getattr(getattr(np.polynomial, module), kind).basis(int(d))(p)
                for p, d in zip(points, n, strict=True)]  # fmt: skip
        return np.array(rows)

    return call


def chebyshev(kind, shifted=False):
    """By the angle: the classical definition, for |x| < 1."""
    forms = {
        "t": lambda a, n: np.cos(n * a),
        "u": lambda a, n: np.sin((n + 1) * a) / np.sin(a),
        "v": lambda a, n: np.cos((n + 0.5) * a) / np.cos(a / 2),
        "w": lambda a, n: np.sin((n + 0.5) * a) / np.sin(a / 2),
    }
    return lambda x, n: forms[kind](np.arccos(2 * x - 1 if shifted else x), n)


POINTS = (grid(-0.7, 0.1, 0.4, 0.9, -0.2, 0.3), grid(0.0, 1.0, 2.0, 3.0, 7.0, 12.0))
INSIDE = (grid(0.15, 0.1, 0.4, 0.9, 0.2, 0.3), grid(0.0, 1.0, 2.0, 3.0, 7.0, 12.0))

BESSEL = {
    "i0": (lambda x: power_series(x, 0, 1), (-12, 12)),
    "i1": (lambda x: power_series(x, 1, 1), (-12, 12)),
    "i0e": (lambda x: power_series(x, 0, 1) * math.exp(-abs(x)), (-12, 12)),
    "i1e": (lambda x: power_series(x, 1, 1) * math.exp(-abs(x)), (-12, 12)),
    "modified_bessel_i0": (lambda x: power_series(x, 0, 1), (-4, 4)),
    "modified_bessel_i1": (lambda x: power_series(x, 1, 1), (-4, 4)),
    "modified_bessel_k0": (lambda x: bessel_k(x, 0), (0.3, 6)),
    "modified_bessel_k1": (lambda x: bessel_k(x, 1), (0.3, 6)),
    "scaled_modified_bessel_k0": (lambda x: bessel_k(x, 0, True), (0.3, 6)),
    "scaled_modified_bessel_k1": (lambda x: bessel_k(x, 1, True), (0.3, 6)),
    "bessel_j0": (lambda x: power_series(x, 0, -1), (-20, 20)),
    "bessel_j1": (lambda x: power_series(x, 1, -1), (-20, 20)),
    "bessel_y0": (lambda x: bessel_y(x, 0), (0.3, 20)),
    "bessel_y1": (lambda x: bessel_y(x, 1), (0.3, 20)),
    "spherical_bessel_j0": (lambda x: math.sin(x) / x if x else 1.0, (-4, 4)),
    "airy_ai": (airy_ai, (-8, 5)),
}

ROWS = [
    Row(op=name, inputs=((3, 4),), reference=mapped(function), domain=domain,
        order=2 if name in ("i0", "i1", "i0e", "i1e") else 0)
    for name, (function, domain) in BESSEL.items()
]  # fmt: skip

ROWS += [
    Row(op="lgamma", inputs=((3, 4),), reference=mapped(math.lgamma), domain=(0.2, 5)),
    Row(op="digamma", inputs=(HALVES,), reference=mapped(digamma)),
    Row(op="polygamma", inputs=(HALVES,), reference=mapped(polygamma),
        params=[{"n": n} for n in (1, 2, 3)]),
    Row(op="zeta", inputs=(grid(2.0, 2.0, 4.0, 4.0), grid(1.0, 5.0, 1.0, 3.0)),
        reference=both(zeta), differentiable=(False, True)),
    Row(op="igamma", inputs=(grid(1.0, 2.0, 3.0, 9.0, 2.0), grid(0.3, 4.0, 2.0, 7.0, 11.0)),
        reference=both(gamma_share), differentiable=(False, True)),
    Row(op="igammac", inputs=(grid(1.0, 2.0, 3.0, 9.0, 2.0), grid(0.3, 4.0, 2.0, 7.0, 11.0)),
        reference=both(lambda a, x: 1 - gamma_share(a, x)), differentiable=(False, True)),
    Row(op="xlog1py", inputs=((3, 4), (4,)), domain=(0.2, 2),
        reference=lambda x, y: x * np.log1p(y)),
    Row(op="entr", inputs=((3, 4),), domain=(0.2, 2), reference=lambda x: -x * np.log(x)),
    Row(op="logit", inputs=((3, 4),), domain=(0.1, 0.9), params=[{"eps": None}, {"eps": 0.01}],
        reference=lambda x, eps: np.log(x / (1 - x))),
    Row(op="sinc", inputs=((3, 4),), reference=lambda x: np.sinc(x).astype(x.dtype),
        extremes=(0.0, 1.5)),
    Row(op="ndtr", inputs=((3, 4),), domain=(-4, 4),
        reference=mapped(lambda x: math.erfc(-x / math.sqrt(2)) / 2)),
    Row(op="log_ndtr", inputs=((3, 4),), domain=(-6, 3),
        reference=mapped(lambda x: math.log(math.erfc(-x / math.sqrt(2)) / 2))),
    Row(op="ndtri", inputs=((3, 4),), domain=(0.01, 0.99), reference=mapped(NormalDist().inv_cdf)),
    Row(op="erfcx", inputs=((3, 4),), domain=(-2, 3),
        reference=mapped(lambda x: math.exp(x * x) * math.erfc(x))),
]  # fmt: skip

ROWS += [
    Row(op=f"{prefix}chebyshev_polynomial_{kind}", inputs=INSIDE if prefix else POINTS, order=0,
        reference=chebyshev(kind, bool(prefix)))
    for prefix in ("", "shifted_") for kind in "tuvw"
]  # fmt: skip
ROWS += [
    Row(op="hermite_polynomial_h", inputs=POINTS, reference=evaluated("hermite", "Hermite"),
        order=0),
    Row(op="hermite_polynomial_he", inputs=POINTS, reference=evaluated("hermite_e", "HermiteE"),
        order=0),
    Row(op="laguerre_polynomial_l", inputs=POINTS, reference=evaluated("laguerre", "Laguerre"),
        order=0),
    Row(op="legendre_polynomial_p", inputs=POINTS, reference=evaluated("legendre", "Legendre"),
        order=0),
]  # fmt: skip
