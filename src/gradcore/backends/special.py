"""Where the special functions of each array library are.

NumPy has no `erf`; an op body writes `special(xp).erf(x)`.
"""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

import numpy as np

from . import symbolic
from .cpu import special as cpu_special

# What SciPy and CuPy call them.
_CUPYX_NAMES = {"lgamma": "gammaln"}


class _CupyxSpecial:
    """`cupyx.scipy.special` under the names of `instructions.py`."""

    def __getattr__(self, name: str) -> Any:
        module = importlib.import_module("cupyx.scipy.special")
        return getattr(module, _CUPYX_NAMES.get(name, name))


_cupyx_special = _CupyxSpecial()


@cache
def special(xp: Any) -> Any:
    """The special functions for `xp`: NumPy, the symbolic namespace, or CuPy.

    It has digamma, erf, erfc, erfinv, expit, lgamma and logit.
    """
    if xp is np:
        return cpu_special
    if xp is symbolic.xp:
        return symbolic.special
    return _cupyx_special
