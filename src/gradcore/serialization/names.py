"""PyTorch's names in pickles, and what they mean here."""

from __future__ import annotations

import functools
import importlib
import operator
from collections import Counter, OrderedDict
from collections.abc import Callable
from typing import Any

from ..backends.device import device as Device
from ..backends.dtype import dtype
from ..nn.parameter import Parameter
from ..tensor.size import Size
from ..tensor.tensor import Tensor
from . import rebuild
from .storage import STORAGE_TYPES, StorageType, dtype_named

# Every dtype of PyTorch 2.13 that can stand in a file; dtype_named refuses what gradcore lacks.
_DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32",
    "float64", "complex32", "complex64", "complex128", "uint16", "uint32", "uint64", "quint8",
    "qint8", "qint32", "quint4x2", "quint2x4", "float8_e4m3fn", "float8_e4m3fnuz", "float8_e5m2",
    "float8_e5m2fnuz", "float8_e8m0fnu", "float4_e2m1fn_x2",
)  # fmt: skip
# Keys of dicts in checkpoints are names, numbers or tuples of them.
_DEEPEST_KEY = 16


def _bytes(text: Any, encoding: Any = "latin1") -> bytes:
    """``_codecs.encode``, as pickles of protocol 2 use it for bytes."""
    if type(text) is not str or encoding not in ("latin1", "latin-1", "ascii", "utf-8"):
        raise TypeError("_codecs.encode is allowed for str in latin1, ascii and utf-8 alone")
    return text.encode(encoding)


def _bytearray(data: Any = b"", *encoding: Any) -> bytearray:
    """``bytearray`` of bytes; of an int it would allocate as much as a file asks for."""
    return bytearray(_bytes(data, *encoding) if encoding else _only(data, bytes))


def _only(value: Any, *kinds: type) -> Any:
    if type(value) not in kinds:
        raise TypeError(f"{type(value).__name__} is not allowed here")
    return value


def check_key(key: Any, depth: int = 0) -> Any:
    """``key`` if it may be hashed: hashing tuples that are nested a million times deep crashes."""
    if depth > _DEEPEST_KEY:
        raise TypeError("a key may not be nested so deep")
    if type(key) is tuple:
        for part in key:
            check_key(part, depth + 1)
    return key


def _set(items: Any = ()) -> set:
    return {check_key(item) for item in _only(items, list, tuple)}


def _complex(real: Any, imag: Any = 0.0) -> complex:
    return complex(_only(real, float, int), _only(imag, float, int))


def _size(values: Any = ()) -> Size:
    if not all(type(n) is int for n in _only(values, list, tuple)):
        raise TypeError("a Size holds ints")
    return Size(values)


def _ordered_dict(items: Any = ()) -> OrderedDict:
    pairs = items.items() if type(items) is dict else _only(items, list, tuple)
    return OrderedDict((check_key(key), value) for key, value in pairs)


def _counter(items: Any = ()) -> Counter:
    if type(items) is dict:
        return Counter(items)
    return Counter(check_key(item) for item in _only(items, list, tuple))


def _device(kind: Any, index: Any = None) -> Device:
    return Device(_only(kind, str), _only(index, int, type(None)))


def _parameter(data: Any, requires_grad: Any = True) -> Parameter:
    return rebuild.rebuild_parameter(data, requires_grad, None)


# What files may call by default (PyTorch's list without the kinds of tensors gradcore lacks).
CALLABLE: dict[str, Callable] = {
    "collections.OrderedDict": _ordered_dict,
    "collections.Counter": _counter,
    "torch.nn.parameter.Parameter": _parameter,
    "torch.serialization._get_layout": rebuild.get_layout,
    "torch.Size": _size,
    "torch.device": _device,
    "_codecs.encode": _bytes,
    "builtins.bytearray": _bytearray,
    "builtins.set": _set,
    "builtins.complex": _complex,
    "torch._tensor._rebuild_from_type_v2": rebuild.rebuild_from_type_v2,
    **{f"torch._utils.{name}": f for f, name in rebuild.TENSOR_FUNCTIONS.items()},
}

_CLASSES = {
    "torch.Tensor": Tensor,
    "torch.nn.parameter.Parameter": Parameter,
    "torch.Size": Size,
    "torch.device": Device,
}


@functools.cache
def constants() -> dict[str, Callable[[], Any]]:
    """What files may name by default but not call: functions, for some names raise an error."""
    found: dict[str, Callable[[], Any]] = {
        f"torch.{name}": functools.partial(dtype_named, name) for name in _DTYPES
    }
    for name in STORAGE_TYPES:
        for module in ("torch", "torch.cuda", "torch.storage"):
            found[f"{module}.{name}"] = functools.partial(STORAGE_TYPES.__getitem__, name)
    found["torch.Tensor"] = lambda: Tensor
    return found


def find_torch_name(module: str, name: str) -> Any:
    """What ``module.name`` of PyTorch is here, for pickles that are trusted.

    AttributeError or ModuleNotFoundError where gradcore has nothing of that name.
    """
    module = "torch._tensor" if module == "torch.tensor" else module
    full = f"{module}.{name}"
    if full in _CLASSES:
        return _CLASSES[full]
    if full in CALLABLE:
        return CALLABLE[full]
    if full in constants():
        return constants()[full]()
    own = "gradcore" + module[len("torch") :]
    try:
        found: Any = importlib.import_module(own)
    except ModuleNotFoundError:
        # torch.nn.modules.x.Y is gradcore.nn.Y, whatever file defines it.
        found = importlib.import_module(".".join(own.split(".")[:2]))
    try:
        return operator.attrgetter(name)(found)
    except AttributeError:
        raise AttributeError(f"the file needs {full}, which gradcore does not have") from None


_WRITTEN = {
    **{function: ("torch._utils", name) for function, name in rebuild.TENSOR_FUNCTIONS.items()},
    rebuild.rebuild_from_type_v2: ("torch._tensor", "_rebuild_from_type_v2"),
    rebuild.get_layout: ("torch.serialization", "_get_layout"),
    Tensor: ("torch", "Tensor"),
    Parameter: ("torch.nn.parameter", "Parameter"),
    Size: ("torch", "Size"),
    Device: ("torch", "device"),
}


def torch_name(obj: Any) -> tuple[str, str] | None:
    """PyTorch's module and name of ``obj``; None for what has none."""
    if isinstance(obj, dtype):
        return "torch", obj.name
    if isinstance(obj, StorageType):
        return "torch.storage" if obj.name == "UntypedStorage" else "torch", obj.name
    try:
        return _WRITTEN.get(obj)
    except TypeError:
        return None
