"""Fake ufuncs: CuPy's loop tables decide which dtypes exist and what comes out."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import state
from .arrays import SCALARS, _make, ndarray, unwrap, wrap

try:
    import ml_dtypes

    BFLOAT16: np.dtype | None = np.dtype(ml_dtypes.bfloat16)
except ImportError:
    BFLOAT16 = None


def is_bfloat16(dtype: Any) -> bool:
    # Not `dtype == BFLOAT16`: NumPy reads None as float64.
    return BFLOAT16 is not None and dtype == BFLOAT16


# cupy/_core: only these ufuncs were given an `at` method.
_WITH_AT = {"add", "subtract", "maximum", "minimum", "bitwise_and", "bitwise_or", "bitwise_xor"}
_WITH_REDUCE = {"add", "multiply"}
_WEAK = (bool, int, float, complex)


def _dtype(char: str) -> np.dtype | None:
    return BFLOAT16 if char == "E" else np.dtype(char)


def _can_cast(source: np.dtype, target: np.dtype) -> bool:
    if is_bfloat16(source) and not is_bfloat16(target):
        return target in (np.float32, np.float64, np.complex64, np.complex128)
    return np.can_cast(source, target)


def _weak_dtype(kind: type, dtypes: list[np.dtype]) -> np.dtype:
    """The dtype a Python scalar takes beside arrays of `dtypes` (NEP 50)."""
    if not dtypes:
        return np.asarray(kind()).dtype
    if any(map(is_bfloat16, dtypes)):
        return np.dtype(np.complex64) if kind is complex else BFLOAT16
    return np.result_type(np.result_type(*dtypes), kind())


class Ufunc:
    """One CuPy ufunc: `function` computes, the snapshot's loops say on which dtypes."""

    def __init__(self, name: str, function: Any, loops: list[str]) -> None:
        self.__name__ = self.name = name
        self.function = function
        self.types = loops
        self.nin = len(loops[0].split("->")[0])
        self.nout = len(loops[0].split("->")[1])
        self.nargs = self.nin + self.nout
        self._resolved: dict[Any, tuple] = {}

    def __repr__(self) -> str:
        return f"<ufunc 'cupy_{self.name}'>"

    def _resolve(self, key: tuple, dtype: Any) -> tuple:
        strong = [k for k in key if isinstance(k, np.dtype)]
        dtypes = [k if isinstance(k, np.dtype) else _weak_dtype(k, strong) for k in key]
        for loop in self.types:
            ins, outs = ([_dtype(char) for char in chars] for chars in loop.split("->"))
            if any(d is None for d in (*ins, *outs)):
                continue
            if dtype is not None and outs[0] != dtype:
                continue
            if dtype is not None or all(map(_can_cast, dtypes, ins)):
                return ins, outs, self._matches_numpy(key, ins, outs)
        names = ", ".join(str(d) for d in dtypes)
        raise TypeError(f"Wrong type ({names}) of arguments for cupy_{self.name}")

    def _matches_numpy(self, key: tuple, ins: list, outs: list) -> bool:
        """Whether NumPy, called without casts, computes in the very same dtypes."""
        if not isinstance(self.function, np.ufunc) or any(map(is_bfloat16, (*ins, *outs))):
            return False
        weak = [np.dtype(bool) if k is bool else k for k in key]
        try:
            found = self.function.resolve_dtypes((*weak, *[None] * self.nout))
        except TypeError:
            return False
        return list(found) == [*ins, *outs]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if len(args) > self.nin:
            if "out" in kwargs or len(args) > self.nargs:
                raise TypeError(f"Wrong number of arguments for cupy_{self.name}")
            kwargs["out"] = args[self.nin] if self.nout == 1 else args[self.nin :]
            args = args[: self.nin]
        if len(args) != self.nin:
            raise TypeError(f"Wrong number of arguments for cupy_{self.name}")
        device = state.thread.device
        plain, key = [], []
        for arg in args:
            if type(arg) is ndarray:
                value = arg._a
                if arg._d != device:
                    unwrap(arg, device)
                key.append(value.dtype)
            else:
                value = self._scalar(arg)
                key.append(type(value) if type(value) in _WEAK else value.dtype)
            plain.append(value)
        out, dtype = self._options(kwargs) if kwargs else (None, None)
        cache_key = (tuple(key), dtype)
        resolved = self._resolved.get(cache_key)
        if resolved is None:
            resolved = self._resolved[cache_key] = self._resolve(cache_key[0], dtype)
        result = self._compute(plain, *resolved)
        if out is None:
            return self._wrap(result, device)
        return self._store(result, out, device)

    @staticmethod
    def _scalar(value: Any) -> Any:
        if isinstance(value, np.ndarray) and value.ndim == 0:
            return value[()]
        if not isinstance(value, SCALARS):
            raise TypeError(f"Unsupported type {type(value)}")
        return value

    @staticmethod
    def _options(kwargs: dict[str, Any]) -> tuple[Any, np.dtype | None]:
        unknown = set(kwargs) - {"out", "dtype", "casting"}
        if unknown:
            raise TypeError(f"Wrong arguments {sorted(unknown)}")
        dtype = kwargs.get("dtype")
        return kwargs.get("out"), None if dtype is None else np.dtype(dtype)

    def _compute(self, plain: list, ins: list, outs: list, direct: bool) -> Any:
        with np.errstate(all="ignore"):
            if direct:
                return self.function(*plain)
            compute = [np.dtype(np.float32) if is_bfloat16(d) else d for d in ins]
            values = [np.asarray(v).astype(d) for v, d in zip(plain, compute, strict=True)]
            result = self.function(*values)
            if self.nout > 1:
                return tuple(np.asarray(r).astype(d) for r, d in zip(result, outs, strict=True))
            return np.asarray(result).astype(outs[0], copy=False)

    def _wrap(self, result: Any, device: int) -> Any:
        if self.nout > 1:
            return wrap(tuple(result), device)
        # Layout is never inherited from the operands: results come in C order.
        if not isinstance(result, np.ndarray) or not result.flags.c_contiguous:
            result = np.array(result, order="C")
        return _make(result, device)

    def _store(self, result: Any, out: Any, device: int) -> Any:
        pairs = [(out, result)]
        if isinstance(out, tuple):
            pairs = list(zip(out, [result] if len(out) == 1 else result, strict=True))
        for target, value in pairs:
            if not isinstance(target, ndarray):
                raise TypeError("Output arguments must be cupy.ndarray")
            plain = unwrap(target, device)
            if (
                np.shape(value) != plain.shape
                and np.broadcast_shapes(np.shape(value), plain.shape) != plain.shape
            ):
                raise ValueError("Out shape is mismatched")
            with np.errstate(all="ignore"):
                casting = "unsafe" if is_bfloat16(plain.dtype) else "same_kind"
                np.copyto(plain, value, casting=casting)
        return out[0] if isinstance(out, tuple) and len(out) == 1 else out

    def at(self, array: ndarray, indices: Any, values: Any = None) -> None:
        if self.name not in _WITH_AT:
            raise NotImplementedError(f"`{self.name}.at` is not supported yet")
        from .arrays import index

        device = state.thread.device
        where = index(indices, device, masks_sync=False)
        self.function.at(unwrap(array, device), where, unwrap(values, device))

    def reduce(self, array: ndarray, axis: Any = 0, dtype: Any = None, out: Any = None,
               keepdims: bool = False) -> Any:  # fmt: skip
        if self.name not in _WITH_REDUCE:
            raise NotImplementedError(f"`{self.name}.reduce` is not supported yet")
        plain = unwrap(array, state.thread.device)
        result = self.function.reduce(plain, axis=axis, dtype=dtype, keepdims=keepdims)
        return wrap(result, array._d) if out is None else self._store(result, out, array._d)

    def outer(self, a: ndarray, b: ndarray, **kwargs: Any) -> Any:
        return self(a.reshape(a.shape + (1,) * b.ndim), b, **kwargs)
