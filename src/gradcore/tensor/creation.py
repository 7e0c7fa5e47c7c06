"""Making tensors: from data, of constants, and PyTorch's legacy constructors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..autograd.variable import TensorBase, wrap
from ..backends import registry
from ..backends.default import default_complex_dtype, default_dtype
from ..backends.device import device as Device
from ..backends.dtype import from_numpy_dtype, to_numpy_dtype
from ..backends.registry import backend_for, cast, is_array


def resolve_device(device: Any) -> Device:
    """The device meant by an argument ``device=`` (None: the default one)."""
    if device is None:
        return registry.default_device()
    return device if type(device) is Device else Device(device)


def place(array: np.ndarray, device: Any, requires_grad: bool = False) -> Any:
    """A Tensor of a fresh host array on ``device``."""
    where = resolve_device(device)
    if where.type != "cpu":
        array = backend_for(where).from_host(array, where)
    out = wrap(array)
    if requires_grad:
        out.requires_grad_(True)
    return out


def host_array(data: Any, dtype: np.dtype | None = None) -> np.ndarray:
    """``data`` (numbers, nested sequences, arrays, tensors inside) copied to a host array."""
    if isinstance(data, (np.ndarray, np.generic)):
        from_numpy_dtype(data.dtype)
        return np.array(data, dtype=dtype)
    inferred = dtype
    if isinstance(data, (list, tuple)) and _holds_tensors(data):
        data = _plain(data)
    try:
        array = np.array(data) if inferred is None else np.array(data, dtype=inferred)
    except ValueError as error:
        raise ValueError(_ragged_message(data)) from error
    except OverflowError as error:
        raise RuntimeError("value cannot be converted to type int64_t without overflow") from error
    if inferred is None:
        array = _default_types(array, data)
    return array


def _default_types(array: np.ndarray, data: Any) -> np.ndarray:
    """NumPy's choice for Python data turned into PyTorch's."""
    kind = array.dtype.kind
    if kind == "f":
        return array.astype(default_dtype()) if _python_floats(data) else array
    if kind == "c":
        return array.astype(default_complex_dtype())
    if array.size == 0 and not _has_typed_leaf(data):
        return array.astype(default_dtype())
    if kind in "OUSMmV" and array.dtype.name != "bfloat16":
        leaf = _first_leaf(data)
        if isinstance(leaf, str):
            raise TypeError("new(): invalid data type 'str'")
        if isinstance(leaf, int):
            raise RuntimeError("Overflow when unpacking long long")
        raise RuntimeError(f"Could not infer dtype of {type(leaf).__name__}")
    return array


def _first_leaf(data: Any) -> Any:
    while isinstance(data, (list, tuple)) and len(data):
        data = data[0]
    return data


def _python_floats(data: Any) -> bool:
    return not isinstance(_first_leaf(data), (np.generic, np.ndarray))


def _has_typed_leaf(data: Any) -> bool:
    return isinstance(_first_leaf(data), np.ndarray)


def _holds_tensors(data: Any) -> bool:
    leaf = data
    while isinstance(leaf, (list, tuple)):
        if not len(leaf):
            return False
        if any(isinstance(x, TensorBase) for x in leaf):
            return True
        leaf = leaf[0]
    return isinstance(leaf, TensorBase)


def _plain(data: Any) -> Any:
    """Nested sequences with their tensors replaced by NumPy values."""
    if isinstance(data, (list, tuple)):
        return [_plain(x) for x in data]
    if isinstance(data, TensorBase):
        host = registry.backend_of(data._array).to_host(data._array)
        return host.item() if host.ndim == 0 else host
    return data


def _ragged_message(data: Any) -> str:
    expected = len(data[0]) if isinstance(data[0], (list, tuple)) else 0
    for row in data:
        if not isinstance(row, (list, tuple)):
            return f"expected sequence at dim 1 (got {type(row).__name__})"
        if len(row) != expected:
            return f"expected sequence of length {expected} at dim 1 (got {len(row)})"
    return "expected nested sequences of equal lengths"


def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A new leaf tensor with a copy of ``data``.

    Args:
        data: numbers, (nested) lists or tuples of them, a NumPy array or scalar, or a tensor.
        dtype: the element type; inferred from the data where it is None (floats get the default
            dtype, arrays keep theirs).
        device: where to put it.
        requires_grad: record operations on it; needs a floating point or complex dtype.
        pin_memory: page-locked memory, on the CPU only.

    Raises:
        ValueError: ragged nested sequences.
        TypeError: data that are no numbers.
    """
    wanted = None if dtype is None else to_numpy_dtype(dtype)
    if isinstance(data, TensorBase):
        return _copy_tensor(data, wanted, device, requires_grad)
    if is_array(data) and not isinstance(data, np.ndarray):
        return _copy_tensor(wrap(data), wanted, device, requires_grad)
    out = place(host_array(data, wanted), device, requires_grad)
    return out.pin_memory() if pin_memory else out


def _copy_tensor(source: Any, dtype: Any, device: Any, requires_grad: bool) -> Any:
    import warnings

    if isinstance(source, TensorBase) and source.__class__ is not None and source._vc is not None:
        pass
    warnings.warn(
        "To copy construct from a tensor, it is recommended to use sourceTensor.detach().clone() "
        "or sourceTensor.detach().clone().requires_grad_(True), rather than "
        "gradcore.tensor(sourceTensor).",
        UserWarning,
        stacklevel=3,
    )
    out = source.detach().clone()
    if dtype is not None:
        out = wrap(cast(out._array, dtype))
    if device is not None:
        out = out.to(device=device)
    return out.requires_grad_(True) if requires_grad else out


def from_numpy(ndarray):
    """A tensor that shares memory with a NumPy array; TypeError for anything else."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {type(ndarray).__name__})")
    from_numpy_dtype(ndarray.dtype)
    if any(s < 0 for s in ndarray.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not currently supported. (You can probably work around this by making a "
            "copy of your array  with array.copy().) "
        )
    return wrap(ndarray)


def legacy_tensor(cls: type, *args: Any, dtype: Any = None, device: Any = None) -> Any:
    """``Tensor(2, 3)`` (uninitialised), ``Tensor([1, 2])``, ``Tensor(array)``."""
    wanted = default_dtype() if dtype is None else dtype
    if not args:
        array = np.empty((0,), wanted)
    elif len(args) == 1 and isinstance(args[0], TensorBase):
        array = args[0]._array
    elif len(args) == 1 and not isinstance(args[0], int):
        sizes = args[0]
        array = np.empty(sizes, wanted) if _is_size(sizes) else host_array(sizes, wanted)
    elif all(isinstance(a, int) for a in args):
        array = np.zeros(args, wanted)
    else:
        raise TypeError(f"new(): invalid arguments {tuple(type(a).__name__ for a in args)}")
    out = place(array, device) if isinstance(array, np.ndarray) else wrap(array)
    if cls is type(out):
        return out
    made: Any = object.__new__(cls)
    for name in ("_array", "_rg", "_node", "_nr", "_grad", "_base", "_view", "_vc"):
        setattr(made, name, getattr(out, name))
    return made


def _is_size(value: Sequence) -> bool:
    from .size import Size

    return isinstance(value, Size)
