"""The fake `cupy.random` and `cupyx`."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from . import state
from .arrays import _scatter, call, ndarray, wrap
from .state import NAMES, not_in_capture
from .ufuncs import Ufunc

# A salt, so that no test can come to rely on NumPy's streams: CuPy's never match them.
_SALT = 0x5EED
_random = np.random.RandomState(_SALT)


def random_attribute(name: str) -> Any:
    """`__getattr__` of ``cupy.random``."""
    if name not in NAMES["cupy.random"]:
        raise AttributeError(f"module 'cupy.random' has no attribute {name!r}")
    if name in ("Generator", "default_rng"):
        return {"Generator": Generator, "default_rng": Generator}[name]
    if name == "seed":
        return lambda seed=None: _random.seed(((seed or 0) ^ _SALT) & 0xFFFFFFFF)
    method = getattr(_random, name, None)
    if method is None:
        raise NotImplementedError(f"the fake has no cupy.random.{name}")

    def draw(*args: Any, dtype: Any = None, **kwargs: Any) -> Any:
        not_in_capture(f"cuRAND call of cupy.random.{name}")
        result = call(method, args, kwargs)
        return result.astype(dtype) if dtype is not None else wrap(np.asarray(result._a), result._d)

    return draw


class Generator:
    """The distributions that CuPy's new-style generator has; its state lives on the device."""

    def __init__(self, seed: int | None = None) -> None:
        self._numpy = np.random.default_rng(None if seed is None else seed ^ _SALT)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or name not in NAMES["cupy.random.Generator"]:
            raise AttributeError(f"'Generator' object has no attribute {name!r}")
        method = getattr(self._numpy, name)
        return lambda *args, **kwargs: wrap(
            np.asarray(method(*args, **kwargs)), state.thread.device
        )


def _elementwise(function: Callable[..., float]) -> Callable[..., np.ndarray]:
    vectorized = np.vectorize(function, otypes=[np.float64])
    return lambda *args: vectorized(*args) if np.size(args[0]) else np.asarray(args[0])


def _gammaln(x: float) -> float:
    return math.inf if x <= 0 and x == math.floor(x) else math.lgamma(x)


def _xlogy(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.where(x == 0, np.where(np.isnan(y), y, 0), x * np.log(y))


_SPECIAL: dict[str, Callable[..., Any]] = {
    "erf": _elementwise(math.erf),
    "erfc": _elementwise(math.erfc),
    "gammaln": _elementwise(_gammaln),
    "gamma": _elementwise(math.gamma),
    "expit": lambda x: 1 / (1 + np.exp(-x)),
    "logit": lambda x: np.log(x / (1 - x)),
    "xlogy": _xlogy,
    "xlog1py": lambda x, y: _xlogy(x, 1 + y),
    "entr": lambda x: np.where(x < 0, -np.inf, -_xlogy(x, x)),
    "ndtr": _elementwise(lambda x: 0.5 * math.erfc(-x / math.sqrt(2))),
    "i0": np.i0,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "log1p": np.log1p,
    "cbrt": np.cbrt,
    "sinc": np.sinc,
}


def special_attribute(name: str) -> Any:
    """`__getattr__` of ``cupyx.scipy.special``: SciPy's function, or one from `math`."""
    if name not in NAMES["cupyx.scipy.special"]:
        raise AttributeError(f"module 'cupyx.scipy.special' has no attribute {name!r}")
    function = _SPECIAL.get(name)
    if function is None:
        try:
            from scipy import special
        except ImportError:
            raise NotImplementedError(f"the fake needs SciPy for {name}") from None
        function = getattr(special, name)
    loops = state.API["ufuncs"]["cupyx.scipy.special"].get(name)
    if loops is None:
        return lambda *args, **kwargs: call(function, args, kwargs)
    return Ufunc(name, function, loops)


def scatter_add(a: ndarray, slices: Any, value: Any) -> None:
    _scatter(np.add, a, slices, value)


def scatter_max(a: ndarray, slices: Any, value: Any) -> None:
    _scatter(np.maximum, a, slices, value)


def scatter_min(a: ndarray, slices: Any, value: Any) -> None:
    _scatter(np.minimum, a, slices, value)


def empty_pinned(shape: Any, dtype: Any = float, order: str = "C") -> np.ndarray:
    return state.poison(np.empty(shape, dtype, order))


def zeros_pinned(shape: Any, dtype: Any = float, order: str = "C") -> np.ndarray:
    return np.zeros(shape, dtype, order)


def empty_like_pinned(a: Any, dtype: Any = None, **kwargs: Any) -> np.ndarray:
    return np.empty(a.shape, dtype or a.dtype)


def zeros_like_pinned(a: Any, dtype: Any = None, **kwargs: Any) -> np.ndarray:
    return np.zeros(a.shape, dtype or a.dtype)


def rsqrt(x: ndarray, out: Any = None) -> ndarray:
    cupy = sys.modules["cupy"]
    return cupy.true_divide(1, cupy.sqrt(x), **({} if out is None else {"out": out}))


CUPYX = {
    function.__name__: function
    for function in (
        scatter_add, scatter_max, scatter_min, empty_pinned, zeros_pinned, empty_like_pinned,
        zeros_like_pinned, rsqrt,
    )
}  # fmt: skip
