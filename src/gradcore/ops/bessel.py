"""Bessel and Airy functions, by Chebyshev series.

Each function has a series near 0 and one for large arguments. Both are computed everywhere, at
arguments held to where they hold, so that the bodies stay elementwise.
"""

from __future__ import annotations

import math
from typing import Any

from . import chebyshev_coefficients as C
from .op import Op, op
from .operand import require_tensor
from .outputs import takes_out
from .pointwise import where
from .reduce_arguments import refuse_kinds
from .registry import public
from .unary import sgn


def _wide(x: Any) -> Any:
    """``x`` in float64: float32 has too few digits for the phase of a wave."""
    return x.astype("float64")


def series(t: Any, coefficients: tuple[float, ...]) -> Any:
    """The Chebyshev series at t in [-1, 1] (Clenshaw's recurrence)."""
    twice = t + t
    older, old = coefficients[-1], twice * coefficients[-1] + coefficients[-2]
    for c in coefficients[-3:0:-1]:
        older, old = old, twice * old - older + c
    return t * old - older + coefficients[0]


# ------------------------------------------------------------------ modified, first kind


def _i_scaled(xp: Any, x: Any, small: tuple, large: tuple) -> Any:
    """exp(-x) I(x), divided by x for order 1 below 8, for x >= 0."""
    near = series(xp.minimum(x, 8.0) * 0.25 - 1, small)
    far = xp.maximum(x, 8.0)
    return near, series(16.0 / far - 1, large) / xp.sqrt(far)


def _i0e(xp: Any, x: Any) -> Any:
    size = xp.abs(x)
    near, far = _i_scaled(xp, size, C.I0_SMALL, C.I0_LARGE)
    return xp.where(size <= 8, near, far)


def _i1e(xp: Any, x: Any) -> Any:
    size = xp.abs(x)
    near, far = _i_scaled(xp, size, C.I1_SMALL, C.I1_LARGE)
    return xp.where(size <= 8, near * x, xp.where(x < 0, -far, far))


def _i0(xp: Any, x: Any) -> Any:
    # exp twice, as exp(x) overflows before I0(x) does
    half = xp.exp(xp.abs(x) * 0.5)
    return _i0e(xp, x) * half * half


def _i1(xp: Any, x: Any) -> Any:
    half = xp.exp(xp.abs(x) * 0.5)
    return _i1e(xp, x) * half * half


@op(pointwise=True, promotion="float")
def i0(xp, x):
    return _i0(xp, x)


@op(pointwise=True, promotion="float")
def i0e(xp, x):
    return _i0e(xp, x)


@op(pointwise=True, promotion="float")
def i1(xp, x):
    return _i1(xp, x)


@op(pointwise=True, promotion="float")
def i1e(xp, x):
    return _i1e(xp, x)


def _inverse(x: Any) -> Any:
    """1 / x, and 0 for 0."""
    return where(x == 0, 0.0, 1 / where(x == 0, 1.0, x))


def _i1_slope(g, x, out):
    return g * where(x == 0, 0.5, i0(x) - out * _inverse(x))


def _i1e_slope(g, x, out):
    return g * where(x == 0, 0.5, i0e(x) - out * (sgn(x) + _inverse(x)))


i0.vjp(x=lambda g, x: g * i1(x))
i0e.vjp(x=lambda g, x, out: g * (i1e(x) - sgn(x) * out))
i1.vjp(x=_i1_slope)
i1e.vjp(x=_i1e_slope)

# ----------------------------------------------------------------- modified, second kind


def _k(xp: Any, x: Any, small: tuple, large: tuple, order: int, scaled: bool) -> Any:
    low = xp.minimum(x, 2.0)
    smooth = series(low * low * 0.5 - 1, small)
    log = xp.log(low * 0.5)
    if order == 0:
        near = smooth - log * _i0(xp, low)
    else:
        near = xp.where(low == 0, math.inf, smooth / low + log * _i1(xp, low))
    high = xp.maximum(x, 2.0)
    far = series(4.0 / high - 1, large) / xp.sqrt(high)
    if scaled:
        near = near * xp.exp(low)
    else:
        far = far * xp.exp(-high)
    return xp.where(x <= 2, near, far)


@op(pointwise=True, promotion="float", differentiable=())
def modified_bessel_i0(xp, x):
    return _i0(xp, x)


@op(pointwise=True, promotion="float", differentiable=())
def modified_bessel_i1(xp, x):
    return _i1(xp, x)


@op(pointwise=True, promotion="float", differentiable=())
def modified_bessel_k0(xp, x):
    return _k(xp, x, C.K0_SMALL, C.K0_LARGE, 0, False)


@op(pointwise=True, promotion="float", differentiable=())
def modified_bessel_k1(xp, x):
    return _k(xp, x, C.K1_SMALL, C.K1_LARGE, 1, False)


@op(pointwise=True, promotion="float", differentiable=())
def scaled_modified_bessel_k0(xp, x):
    return _k(xp, x, C.K0_SMALL, C.K0_LARGE, 0, True)


@op(pointwise=True, promotion="float", differentiable=())
def scaled_modified_bessel_k1(xp, x):
    return _k(xp, x, C.K1_SMALL, C.K1_LARGE, 1, True)


# ------------------------------------------------------------------------------- ordinary


def _small_argument(xp: Any, x: Any) -> tuple[Any, Any]:
    """|x| held to 8, and the variable of the series in its square."""
    low = xp.minimum(x, 8.0)
    return low, low * low * (1 / 32) - 1


def _waves(xp: Any, x: Any, p: tuple, q: tuple, phase: float) -> tuple[Any, Any]:
    """J and Y for x >= 8, as a decaying cosine and sine."""
    high = xp.maximum(x, 8.0)
    t = 128.0 / (high * high) - 1
    angle = high - phase
    cos, sin = xp.cos(angle), xp.sin(angle)
    even, odd = series(t, p), series(t, q) / high
    size = xp.sqrt((2 / math.pi) / high)
    return size * (even * cos - odd * sin), size * (even * sin + odd * cos)


@op(pointwise=True, promotion="float", differentiable=())
def bessel_j0(xp, x):
    dtype, x = x.dtype, _wide(x)
    size = xp.abs(x)
    near = series(_small_argument(xp, size)[1], C.J0_SMALL)
    far, _ = _waves(xp, size, C.P0_LARGE, C.Q0_LARGE, math.pi / 4)
    return xp.where(size <= 8, near, far).astype(dtype)


@op(pointwise=True, promotion="float", differentiable=())
def bessel_j1(xp, x):
    dtype, x = x.dtype, _wide(x)
    size = xp.abs(x)
    low, t = _small_argument(xp, size)
    far, _ = _waves(xp, size, C.P1_LARGE, C.Q1_LARGE, 3 * math.pi / 4)
    result = xp.where(size <= 8, series(t, C.J1_SMALL) * low, far)
    return xp.where(x < 0, -result, result).astype(dtype)


@op(pointwise=True, promotion="float", differentiable=())
def bessel_y0(xp, x):
    dtype, x = x.dtype, _wide(x)
    low, t = _small_argument(xp, x)
    near = series(t, C.Y0_SMALL) + xp.log(low * 0.5) * series(t, C.J0_SMALL) * (2 / math.pi)
    _, far = _waves(xp, x, C.P0_LARGE, C.Q0_LARGE, math.pi / 4)
    return xp.where(x == 0, -math.inf, xp.where(x <= 8, near, far)).astype(dtype)


@op(pointwise=True, promotion="float", differentiable=())
def bessel_y1(xp, x):
    dtype, x = x.dtype, _wide(x)
    low, t = _small_argument(xp, x)
    first = series(t, C.J1_SMALL) * low
    singular = (xp.log(low * 0.5) * first - 1 / low) * (2 / math.pi)
    _, far = _waves(xp, x, C.P1_LARGE, C.Q1_LARGE, 3 * math.pi / 4)
    near = series(t, C.Y1_SMALL) * low + singular
    near = xp.where(x < 0, math.nan, near)
    return xp.where(x == 0, -math.inf, xp.where(x <= 8, near, far)).astype(dtype)


@op(pointwise=True, promotion="float", differentiable=())
def spherical_bessel_j0(xp, x):
    ratio = xp.sin(x) / xp.where(x == 0, 1.0, x)
    return xp.where(x == 0, 1.0, xp.where(xp.isinf(x), 0.0, ratio))


@op(pointwise=True, promotion="float", differentiable=())
def airy_ai(xp, x):
    dtype, x = x.dtype, _wide(x)
    middle = series((xp.minimum(xp.maximum(x, -4.0), 2.0) + 1) / 3, C.AIRY_MIDDLE)
    high = xp.maximum(x, 2.0)
    root = xp.sqrt(high)
    z = high * root * (2 / 3)
    right = series((16 * math.sqrt(2) / 6) / z - 1, C.AIRY_LARGE)
    right = right * xp.exp(-z) / (xp.sqrt(root) * (2 * math.sqrt(math.pi)))
    low = xp.maximum(-x, 4.0)
    root = xp.sqrt(low)
    z = low * root * (2 / 3)
    t = (512 / 9) / (z * z) - 1
    angle = z + math.pi / 4
    left = series(t, C.AIRY_F) * xp.sin(angle) - series(t, C.AIRY_G) / z * xp.cos(angle)
    left = left / (xp.sqrt(root) * math.sqrt(math.pi))
    result = xp.where(x > 2, right, xp.where(x < -4, left, middle))
    return xp.where(xp.isinf(x), math.nan, result).astype(dtype)


# ---------------------------------------------------------------------------------- public


def elementwise(operation: Op, name: str, doc: str, kernel: str | None = None) -> Any:
    """The public function ``name(input, *, out=None)`` of an op for real arguments."""
    kernel = kernel or f"{name}_cpu"

    @takes_out
    def function(input):
        refuse_kinds(kernel, require_tensor(name, "input", input), "c")
        return operation(input)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"{doc}, elementwise; integers give the default dtype."
    return function


_DOCS = {
    i0e: "exp(-|x|) times the modified Bessel function of the first kind, order 0",
    i1: "The modified Bessel function of the first kind, order 1",
    i1e: "exp(-|x|) times the modified Bessel function of the first kind, order 1",
    bessel_j0: "The Bessel function of the first kind, order 0",
    bessel_j1: "The Bessel function of the first kind, order 1",
    bessel_y0: "The Bessel function of the second kind, order 0",
    bessel_y1: "The Bessel function of the second kind, order 1",
    modified_bessel_i0: "The modified Bessel function of the first kind, order 0",
    modified_bessel_i1: "The modified Bessel function of the first kind, order 1",
    modified_bessel_k0: "The modified Bessel function of the second kind, order 0",
    modified_bessel_k1: "The modified Bessel function of the second kind, order 1",
    scaled_modified_bessel_k0: "exp(x) times modified_bessel_k0",
    scaled_modified_bessel_k1: "exp(x) times modified_bessel_k1",
    spherical_bessel_j0: "The spherical Bessel function of the first kind, order 0: sin(x) / x",
    airy_ai: "The Airy function Ai",
}

# The public functions by name; ``gradcore.special`` shows them.
FUNCTIONS = {operation.name: elementwise(operation, operation.name, _DOCS[operation])
             for operation in _DOCS}  # fmt: skip
FUNCTIONS["i0"] = public(inplace=True)(
    elementwise(i0, "i0", "The modified Bessel function of the first kind, order 0", "i0_vml_cpu")
)
