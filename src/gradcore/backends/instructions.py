"""The one table of elementwise instructions that a `Program` may hold.

Every name is NumPy's, and so is its meaning. A NumPy function here takes its operands and then
the keyword `out`, and returns a fresh array where `out` is missing; ufuncs do that by nature,
and `cpu/elementwise.py` holds the functions that are none. The CUDA code generator has one line
of C for every name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .cpu import elementwise
from .cpu import special as cpu_special


class Instruction(NamedTuple):
    """One kind of elementwise step.

    `astype` and `full_like` are the odd ones: the second operand of `astype` is a constant, the
    dtype; `full_like(x, value)` is `value` everywhere in the dtype of `x`.
    """

    name: str
    arity: int
    function: Callable[..., np.ndarray]

    @property
    def is_ufunc(self) -> bool:
        return isinstance(self.function, np.ufunc)


# NumPy ufuncs of one result, by their number of operands.
_UNARY = """
    absolute arccos arccosh arcsin arcsinh arctan arctanh cbrt ceil conjugate cos cosh deg2rad exp
    exp2 expm1 fabs floor invert isfinite isinf isnan log log10 log1p log2 logical_not negative
    positive rad2deg reciprocal rint sign signbit sin sinh sqrt square tan tanh trunc
"""
_BINARY = """
    add arctan2 bitwise_and bitwise_or bitwise_xor copysign divide equal float_power floor_divide
    fmax fmin fmod gcd greater greater_equal heaviside hypot lcm ldexp left_shift less less_equal
    logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum multiply nextafter
    not_equal power remainder right_shift subtract
"""
# Functions of NumPy that are no ufuncs, or that need care, and their number of operands.
_OTHERS = {"astype": 2, "clip": 3, "full_like": 2, "imag": 1, "real": 1, "where": 3}
# Functions that NumPy lacks: `special(xp).<name>` in op bodies.
_SPECIAL = "digamma erf erfc erfinv expit lgamma logit"

# Further names under which array libraries know the same functions.
ALIASES = {
    "abs": "absolute", "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh",
    "atan": "arctan", "atan2": "arctan2", "atanh": "arctanh", "bitwise_invert": "invert",
    "bitwise_left_shift": "left_shift", "bitwise_not": "invert",
    "bitwise_right_shift": "right_shift", "conj": "conjugate", "degrees": "rad2deg",
    "gammaln": "lgamma", "mod": "remainder", "pow": "power", "psi": "digamma",
    "radians": "deg2rad", "true_divide": "divide",
}  # fmt: skip


def _table() -> dict[str, Instruction]:
    rows = [Instruction(name, 1, getattr(np, name)) for name in _UNARY.split()]
    rows += [Instruction(name, 2, getattr(np, name)) for name in _BINARY.split()]
    rows += [Instruction(name, n, getattr(elementwise, name)) for name, n in _OTHERS.items()]
    rows += [Instruction(name, 1, getattr(cpu_special, name)) for name in _SPECIAL.split()]
    return {row.name: row for row in rows}


INSTRUCTIONS: dict[str, Instruction] = _table()
SPECIAL_NAMES = frozenset(_SPECIAL.split())
