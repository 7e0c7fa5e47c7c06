"""The fake `cupy.ndarray`: opaque to the host, tied to one virtual device."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from . import state
from .state import NAMES, sync

SCALARS = (bool, int, float, complex, np.generic)


def unwrap(value: Any, device: int) -> Any:
    """The NumPy values behind an argument; raises for host arrays and for other devices."""
    if isinstance(value, ndarray):
        if value._d != device:
            raise ValueError(
                f"Array device must be same as the current device: array device = {value._d} "
                f"while current = {device}."
            )
        return value._a
    if isinstance(value, np.ndarray) and value.ndim:
        raise TypeError(f"Unsupported type {np.ndarray}")
    if isinstance(value, (list, tuple)):
        items = [unwrap(item, device) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    return value


def wrap(value: Any, device: int) -> Any:
    """Device arrays for every array or NumPy scalar in `value`: there are no device scalars."""
    if isinstance(value, np.ndarray):
        return _make(value, device)
    if isinstance(value, np.generic):
        return _make(np.asarray(value), device)
    if isinstance(value, (tuple, list)):
        items = [wrap(item, device) for item in value]
        if hasattr(value, "_fields"):
            return type(value)(*items)
        return type(value)(items)
    return value


def _make(buffer: np.ndarray, device: int) -> ndarray:
    array = object.__new__(ndarray)
    array._a = buffer
    array._d = device
    owner = buffer
    while isinstance(owner.base, np.ndarray):
        owner = owner.base
    if owner.base is None:
        state.track(owner, device)
    return array


def call(function: Callable[..., Any], args: tuple, keywords: dict[str, Any]) -> Any:
    """Run a NumPy function on the current device."""
    device = state.thread.device
    plain = [unwrap(arg, device) for arg in args]
    named = {name: unwrap(arg, device) for name, arg in keywords.items()}
    with np.errstate(all="ignore"):
        result = function(*plain, **named)
    out = keywords.get("out")
    return out if out is not None else wrap(result, device)


def index(key: Any, device: int, masks_sync: bool = True) -> Any:
    """Translate an index; a mask, list or host array makes the host wait."""
    if isinstance(key, tuple):
        return tuple(index(part, device, masks_sync) for part in key)
    if isinstance(key, ndarray):
        plain = unwrap(key, device)
        if plain.dtype == bool and masks_sync:
            sync("boolean mask index")
        if plain.dtype.kind not in "biu":
            raise IndexError("arrays used as indices must be of integer or boolean type")
        return plain
    if isinstance(key, list) or (isinstance(key, np.ndarray) and key.ndim):
        sync("host index")
        return np.asarray(key)
    return key


class Flags:
    """The three flags that CuPy has."""

    def __init__(self, buffer: np.ndarray) -> None:
        self.c_contiguous = buffer.flags.c_contiguous
        self.f_contiguous = buffer.flags.f_contiguous
        self.owndata = buffer.flags.owndata

    @property
    def forc(self) -> bool:
        return self.c_contiguous or self.f_contiguous

    def __getitem__(self, name: str) -> bool:
        return getattr(self, name.lower())


class ndarray:
    """A device array over a NumPy buffer `_a` on virtual device `_d`."""

    __slots__ = ("_a", "_d", "__weakref__")
    __array_priority__ = 100
    __hash__ = None

    def __init__(
        self,
        shape: Any,
        dtype: Any = float,
        memptr: Any = None,
        strides: Any = None,
        order: str = "C",
    ) -> None:
        self._d = state.thread.device
        if memptr is None:
            self._a = state.poison(np.empty(shape, dtype, order))
            state.track(self._a, self._d)
        else:
            self._d = memptr.device_id
            self._a = np.ndarray(shape, dtype, memptr.mem.buffer, memptr.offset, strides, order)

    def __array__(self, *args: Any, **kwargs: Any) -> np.ndarray:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **kwargs: Any) -> Any:
        from . import functions

        ours = functions.lookup(ufunc.__name__)
        if ours is None or method not in ("__call__", "outer", "at", "reduce"):
            return NotImplemented
        if "out" in kwargs:
            kwargs["out"] = kwargs["out"][0]
        return (ours if method == "__call__" else getattr(ours, method))(*inputs, **kwargs)

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        from . import functions

        ours = functions.lookup(function.__name__) if function.__module__ == "numpy" else None
        return NotImplemented if ours is None else ours(*args, **kwargs)

    shape = property(lambda self: self._a.shape)
    dtype = property(lambda self: self._a.dtype)
    ndim = property(lambda self: self._a.ndim)
    size = property(lambda self: self._a.size)
    itemsize = property(lambda self: self._a.itemsize)
    nbytes = property(lambda self: self._a.nbytes)
    strides = property(lambda self: self._a.strides)
    flags = property(lambda self: Flags(self._a))
    T = property(lambda self: _make(self._a.T, self._d))
    mT = property(lambda self: _make(self._a.swapaxes(-1, -2), self._d))
    imag = property(lambda self: _make(self._a.imag, self._d))

    @shape.setter
    def shape(self, shape: Any) -> None:
        reshaped = self._a.reshape(shape)
        if not np.may_share_memory(reshaped, self._a):
            raise AttributeError("incompatible shape: the array would have to be copied")
        self._a = reshaped

    @property
    def real(self) -> ndarray:
        return _make(self._a.real, self._d)

    @property
    def base(self) -> ndarray | None:
        base = self._a.base
        return _make(base, self._d) if isinstance(base, np.ndarray) else None

    @property
    def device(self) -> Any:
        from .devices import Device

        return Device(self._d)

    @property
    def data(self) -> Any:
        from .devices import Memory, MemoryPointer

        return MemoryPointer(Memory(self._a, self._d), 0)

    @property
    def __cuda_array_interface__(self) -> dict[str, Any]:
        return dict(self._a.__array_interface__, version=3, stream=1)

    def get(
        self, stream: Any = None, order: str = "C", out: Any = None, blocking: bool = True
    ) -> np.ndarray:
        if blocking:
            sync("get")
        else:
            state.not_in_capture("get")
        if out is None:
            return np.array(self._a, order=order, copy=True)
        np.copyto(out, self._a)
        return out

    def set(self, values: np.ndarray, stream: Any = None) -> None:
        if not isinstance(values, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if values.dtype != self.dtype or values.shape != self.shape:
            raise ValueError("Shape or dtype mismatch in ndarray.set")
        state.not_in_capture("host-to-device copy")
        self._a[...] = values

    def item(self, *args: Any) -> Any:
        sync("item")
        return self._a.item(*args)

    def tolist(self) -> Any:
        sync("tolist")
        return self._a.tolist()

    def tobytes(self, order: str = "C") -> bytes:
        sync("tobytes")
        return self._a.tobytes(order)

    def __bool__(self) -> bool:
        sync("bool")
        return bool(self._a)

    def __int__(self) -> int:
        sync("int")
        return int(self._a)

    def __float__(self) -> float:
        sync("float")
        return float(self._a)

    def __complex__(self) -> complex:
        sync("complex")
        return complex(self._a)

    def __repr__(self) -> str:
        sync("repr")
        return repr(self._a)

    def __str__(self) -> str:
        sync("str")
        return str(self._a)

    def __format__(self, spec: str) -> str:
        sync("format")
        return format(self._a, spec)

    def __reduce__(self) -> Any:
        from . import functions

        return functions.array, (self.get(),)

    def __copy__(self) -> ndarray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> ndarray:
        with_device = state.thread.device
        state.thread.device = self._d
        try:
            return self.copy()
        finally:
            state.thread.device = with_device

    def __len__(self) -> int:
        return len(self._a)

    def __iter__(self) -> Any:
        return (self[i] for i in range(len(self)))

    def __getitem__(self, key: Any) -> ndarray:
        plain = index(key, self._d)
        if isinstance(key, ndarray) or (
            isinstance(key, tuple) and any(isinstance(part, ndarray) for part in key)
        ):
            unwrap(self, state.thread.device)
        result = self._a[plain]
        if not isinstance(result, np.ndarray):
            parts = plain if isinstance(plain, tuple) else (plain,)
            result = self._a[(*parts, ...)]
        return _make(result, self._d)

    def __setitem__(self, key: Any, value: Any) -> None:
        device = state.thread.device
        unwrap(self, device)
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        if isinstance(value, (list, tuple)):
            raise TypeError(f"Unsupported type {type(value)}")
        fill = not isinstance(value, ndarray) or value.ndim == 0
        plain = index(key, device, masks_sync=not fill)
        self._reject_duplicates(plain)
        with np.errstate(all="ignore"):
            self._a[plain] = unwrap(value, device)

    def _reject_duplicates(self, plain: Any) -> None:
        parts = plain if isinstance(plain, tuple) else (plain,)
        if any(isinstance(part, np.ndarray) and part.dtype != bool for part in parts):
            touched = np.arange(self._a.size).reshape(self._a.shape)[plain].ravel()
            if len(np.unique(touched)) != len(touched):
                raise ValueError(
                    "duplicate indices in __setitem__: undefined result in CuPy, use scatter_add"
                )

    def astype(
        self,
        dtype: Any,
        order: str = "K",
        casting: str | None = None,
        subok: Any = None,
        copy: bool = True,
    ) -> ndarray:
        plain = unwrap(self, state.thread.device)
        with np.errstate(all="ignore"):
            result = plain.astype(dtype, order, casting or "unsafe", copy=copy)
        return self if result is plain else _make(result, self._d)

    def copy(self, order: str = "C") -> ndarray:
        # As in CuPy, copying an array of another device brings it to the current one.
        return _make(self._a.copy(order), state.thread.device)

    def view(self, dtype: Any = None, type: Any = None) -> ndarray:
        if type is not None:
            raise NotImplementedError("ndarray.view(type=) is not modelled")
        return _make(self._a.view(self.dtype if dtype is None else dtype), self._d)

    def fill(self, value: Any) -> None:
        if isinstance(value, np.ndarray) and value.ndim:
            raise ValueError("non-scalar numpy.ndarray cannot be used for fill")
        plain = unwrap(value, state.thread.device)
        unwrap(self, state.thread.device).fill(plain)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> ndarray:
        result = self._a.diagonal(offset, axis1, axis2)
        result.flags.writeable = self._a.flags.writeable
        return _make(result, self._d)

    def repeat(self, repeats: Any, axis: int | None = None) -> ndarray:
        if not isinstance(repeats, int):
            sync("repeat with counts")
        return call(np.ndarray.repeat, (self, repeats), {"axis": axis})

    def nonzero(self) -> tuple[ndarray, ...]:
        sync("nonzero")
        return call(np.ndarray.nonzero, (self,), {})

    def scatter_add(self, slices: Any, value: Any) -> None:
        _scatter(np.add, self, slices, value)

    def scatter_max(self, slices: Any, value: Any) -> None:
        _scatter(np.maximum, self, slices, value)

    def scatter_min(self, slices: Any, value: Any) -> None:
        _scatter(np.minimum, self, slices, value)

    def toDlpack(self) -> Any:
        return Capsule(self)

    def __dlpack__(self, **kwargs: Any) -> Any:
        return Capsule(self)

    def __dlpack_device__(self) -> tuple[int, int]:
        return 2, self._d


class Capsule:
    """Stands for the DLPack capsule of a device array, which no host library can read."""

    def __init__(self, array: ndarray) -> None:
        self.array = array


# cupy/_core/_routines_indexing.pyx: the dtypes that CUDA's atomics cover.
_ATOMIC = {"int32", "int64", "float16", "float32", "float64", "uint32", "uint64"}


def _scatter(ufunc: np.ufunc, array: ndarray, slices: Any, value: Any) -> None:
    if array.dtype.name not in _ATOMIC and array.dtype.kind != "c":
        raise TypeError(f"scatter only supports {sorted(_ATOMIC)}, got {array.dtype}")
    device = state.thread.device
    ufunc.at(unwrap(array, device), index(slices, device, masks_sync=False), unwrap(value, device))


def _method(name: str) -> Callable[..., Any]:
    function = getattr(np.ndarray, name)
    allowed = NAMES["cupy.ndarray"][name]

    def method(self: ndarray, *args: Any, **kwargs: Any) -> Any:
        if kwargs and allowed is not None:
            state.check_keywords("cupy.ndarray", name, kwargs)
        return call(function, (self, *args), kwargs)

    method.__name__ = name
    return method


# Views follow their array, whatever device is current.
VIEWS = {"reshape", "transpose", "swapaxes", "squeeze", "ravel"}


def _view_method(name: str) -> Callable[..., Any]:
    function = getattr(np.ndarray, name)

    def method(self: ndarray, *args: Any, **kwargs: Any) -> ndarray:
        if kwargs:
            state.check_keywords("cupy.ndarray", name, kwargs)
        return _make(function(self._a, *args, **kwargs), self._d)

    method.__name__ = name
    return method


def _dot(self: ndarray, b: Any, out: Any = None) -> Any:
    from . import functions

    return functions.lookup("dot")(self, b, out=out)


def _add_methods() -> None:
    for name in NAMES["cupy.ndarray"]:
        if name.startswith("_") or name in ndarray.__dict__ or not hasattr(np.ndarray, name):
            continue
        if callable(getattr(np.ndarray, name)):
            setattr(ndarray, name, _view_method(name) if name in VIEWS else _method(name))
    ndarray.dot = _dot


_add_methods()
