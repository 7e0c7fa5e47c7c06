"""The names of the module `cupy`, each over its NumPy namesake, under CuPy's own limits."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from . import state
from .arrays import Capsule, _make, call, ndarray, unwrap, wrap
from .state import NAMES, not_in_capture, sync
from .ufuncs import BFLOAT16, Ufunc, is_bfloat16

# What waits for the device, because the shape of its result depends on values.
_SYNCS = frozenset(
    """
    nonzero flatnonzero argwhere unique unique_all unique_counts unique_inverse unique_values
    union1d intersect1d setdiff1d setxor1d extract compress bincount histogram histogram2d
    histogramdd percentile quantile nanmax nanmin trim_zeros place median nanmedian save savez
    savez_compressed savetxt array_repr array_str
    """.split()
)
# Served by cuBLAS, which CuPy refuses while a stream is capturing.
_CUBLAS = {"matmul", "dot", "tensordot", "inner", "vdot", "einsum"}
# NumPy returns Python scalars here; CuPy returns 0-d arrays.
_ZERO_DIM = {"allclose", "array_equal", "array_equiv", "count_nonzero"}
# Answered on the host, from shapes and dtypes alone.
_HOST = frozenset(
    """
    result_type can_cast promote_types common_type min_scalar_type issubdtype isdtype isscalar
    iscomplexobj isrealobj isfortran broadcast_shapes shape ndim size shares_memory
    may_share_memory finfo iinfo dtype
    """.split()
)


def array(obj: Any, dtype: Any = None, copy: bool = True, order: str = "K", subok: bool = False,
          ndmin: int = 0, *, blocking: bool = False) -> ndarray:  # fmt: skip
    device = state.thread.device
    plain = _to_current(obj)
    result = np.array(plain, dtype, copy=True if copy else None, order=order, ndmin=ndmin)
    if isinstance(obj, ndarray) and result is plain:
        return obj
    return _make(result, device)


def _to_current(obj: Any) -> Any:
    """The values of `obj`: a copy between devices or from the host where it takes one."""
    if isinstance(obj, ndarray):
        return obj._a.copy() if obj._d != state.thread.device else obj._a
    if isinstance(obj, (list, tuple)) and any(isinstance(item, ndarray) for item in obj):
        return np.stack([unwrap(item, state.thread.device) for item in obj])
    if isinstance(obj, (list, tuple, np.ndarray)):
        not_in_capture("host-to-device copy")
        return np.array(obj)
    return obj


def asarray(a: Any, dtype: Any = None, order: str | None = None, *, copy: bool | None = None,
            blocking: bool = False) -> ndarray:  # fmt: skip
    plain = _to_current(a)
    result = np.asarray(plain, dtype, order, copy=copy)
    return (
        a
        if isinstance(a, ndarray) and result is plain is a._a
        else _make(result, state.thread.device)
    )


def ascontiguousarray(a: Any, dtype: Any = None) -> ndarray:
    return asarray(a, dtype, "C")


def asfortranarray(a: Any, dtype: Any = None) -> ndarray:
    return asarray(a, dtype, "F")


def asnumpy(a: Any, stream: Any = None, order: str = "C", out: Any = None, *,
            blocking: bool = True) -> np.ndarray:  # fmt: skip
    if isinstance(a, ndarray):
        return a.get(stream, order, out, blocking)
    return np.asarray(a, order=order)


def empty(shape: Any, dtype: Any = float, order: str = "C") -> ndarray:
    return _make(state.poison(np.empty(shape, dtype, order)), state.thread.device)


def empty_like(prototype: ndarray, dtype: Any = None, order: str = "K", subok: Any = None,
               shape: Any = None) -> ndarray:  # fmt: skip
    plain = unwrap(prototype, state.thread.device)
    return _make(state.poison(np.empty_like(plain, dtype, order, shape=shape)), prototype._d)


def where(condition: Any, x: Any = None, y: Any = None) -> Any:
    if x is None and y is None:
        sync("where(condition)")
        return call(np.where, (condition,), {})
    return call(np.where, (condition, x, y), {})


def clip(a: ndarray, a_min: Any = None, a_max: Any = None, out: Any = None) -> ndarray:
    return call(np.clip, (a, a_min, a_max), {} if out is None else {"out": out})


def repeat(a: ndarray, repeats: Any, axis: int | None = None) -> ndarray:
    return a.repeat(repeats, axis)


def diagonal(a: ndarray, offset: int = 0, axis1: int = 0, axis2: int = 1) -> ndarray:
    return a.diagonal(offset, axis1, axis2)


def get_array_module(*args: Any) -> ModuleType:
    import sys

    return sys.modules["cupy"] if any(isinstance(arg, ndarray) for arg in args) else np


def from_dlpack(array: Any, *, device: Any = None, copy: bool | None = None) -> ndarray:
    if isinstance(array, ndarray):
        return _make(array._a.copy() if copy else array._a.view(), array._d)
    if isinstance(array, Capsule):
        return from_dlpack(array.array)
    raise BufferError("from_dlpack: only arrays on a CUDA device can be imported without a copy")


fromDlpack = from_dlpack


def fuse(*args: Any, **kwargs: Any) -> Any:
    raise NotImplementedError("cupy.fuse knows no bfloat16: compile an ElementwiseKernel instead")


def get_default_memory_pool() -> state.MemoryPool:
    return state.default_pool


def get_default_pinned_memory_pool() -> Any:
    from .devices import PinnedMemoryPool

    return PinnedMemoryPool()


def is_available() -> bool:
    return state.device_count > 0


def memoize(for_each_device: bool = False) -> Callable[..., Any]:
    import functools

    return functools.cache


def _product(name: str) -> Callable[..., Any]:
    """matmul and its kin: through float32 for bfloat16, and never inside a capture."""
    numpy_function = getattr(np, name)

    def compute(*args: Any, **kwargs: Any) -> Any:
        if not any(isinstance(a, np.ndarray) and is_bfloat16(a.dtype) for a in args):
            return numpy_function(*args, **kwargs)
        if name == "matmul" and any(np.ndim(a) > 2 for a in args):
            raise TypeError("cupy.matmul has no batched kernel for bfloat16")
        wide = [a.astype(np.float32) if isinstance(a, np.ndarray) else a for a in args]
        return np.asarray(numpy_function(*wide, **kwargs)).astype(BFLOAT16)

    def product(*args: Any, **kwargs: Any) -> Any:
        not_in_capture(f"cuBLAS call of cupy.{name}")
        state.check_keywords("cupy", name, kwargs)
        if kwargs.get("out", 0) is None:
            del kwargs["out"]
        for arg in args:
            if not isinstance(arg, (ndarray, str, int, tuple, list)):
                raise TypeError(f"Unsupported type {type(arg)}")
        return call(compute, args, kwargs)

    product.__name__ = name
    return product


def _function(name: str, numpy_function: Callable[..., Any], path: str = "cupy") -> Any:
    allowed = NAMES[path].get(name)
    syncs, zero_dim = name in _SYNCS, name in _ZERO_DIM
    blocked = path in ("cupy.linalg",)

    def function(*args: Any, **kwargs: Any) -> Any:
        if kwargs and allowed is not None:
            state.check_keywords(path, name, kwargs)
        if syncs:
            sync(name)
        if blocked:
            not_in_capture(f"{path}.{name}")
        result = call(numpy_function, args, kwargs)
        return wrap(np.asarray(result), state.thread.device) if zero_dim else result

    function.__name__ = name
    return function


def _host(numpy_function: Callable[..., Any]) -> Callable[..., Any]:
    def function(*args: Any, **kwargs: Any) -> Any:
        plain = [arg._a if isinstance(arg, ndarray) else arg for arg in args]
        return numpy_function(*plain, **kwargs)

    return function


_cache: dict[str, Any] = {}


def lookup(name: str) -> Any:
    """The fake of ``cupy.<name>``, or None where the real module has no such name."""
    if name not in _cache:
        _cache[name] = _build(name)
    return _cache[name]


def _build(name: str) -> Any:
    if name not in NAMES["cupy"]:
        return None
    if name in globals() and not name.startswith("_"):
        return globals()[name]
    value = getattr(np, name, None)
    loops = state.API["ufuncs"]["cupy"].get(name)
    if loops is not None:
        return Ufunc(name, value, loops) if value is not None else None
    if name in _CUBLAS:
        return _product(name)
    if isinstance(value, (type, ModuleType)) or not callable(value):
        return value
    return _host(value) if name in _HOST else _function(name, value)


def submodule(path: str, source: ModuleType) -> Callable[[str], Any]:
    """`__getattr__` of a fake submodule such as ``cupy.linalg`` over NumPy's."""

    def get(name: str) -> Any:
        value = getattr(source, name, None)
        if name not in NAMES[path] or value is None:
            raise AttributeError(f"module {path!r} has no attribute {name!r}")
        if isinstance(value, type) or not callable(value):
            return value
        return _function(name, value, path)

    return get


_OPERATORS = {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide",
    "floordiv": "floor_divide", "mod": "remainder", "pow": "power", "and": "bitwise_and",
    "or": "bitwise_or", "xor": "bitwise_xor", "lshift": "left_shift", "rshift": "right_shift",
    "matmul": "matmul", "divmod": "divmod",
}  # fmt: skip
_COMPARISONS = {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "eq": "equal", "ne": "not_equal",
}  # fmt: skip
_UNARY = {"neg": "negative", "pos": "positive", "abs": "absolute", "invert": "invert"}


def _known(value: Any) -> bool:
    return isinstance(value, (ndarray, bool, int, float, complex, np.generic, np.ndarray))


def _add_operators() -> None:
    def forward(f: Any) -> Any:
        return lambda self, other: f(self, other) if _known(other) else NotImplemented

    def reflected(f: Any) -> Any:
        return lambda self, other: f(other, self) if _known(other) else NotImplemented

    def unary(f: Any) -> Any:
        return lambda self: f(self)

    def in_place(f: Any) -> Any:
        return lambda self, other: f(self, other, out=self) if _known(other) else NotImplemented

    for short, name in {**_OPERATORS, **_COMPARISONS}.items():
        function = lookup(name)
        for prefix, build in (("", forward), ("r", reflected), ("i", in_place)):
            dunder = f"__{prefix}{short}__"
            if dunder in NAMES["cupy.ndarray"] and (not prefix or short in _OPERATORS):
                setattr(ndarray, dunder, build(function))
    for short, name in _UNARY.items():
        setattr(ndarray, f"__{short}__", unary(lookup(name)))


_add_operators()
