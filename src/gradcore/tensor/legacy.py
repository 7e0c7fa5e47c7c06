"""PyTorch's typed constructors: FloatTensor, LongTensor, cuda.FloatTensor …, and ``x.type()``."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd.variable import TensorBase
from ..backends import dtype as dtypes
from ..backends.device import device as Device
from ..backends.dtype import DTYPES, dtype, from_numpy_dtype
from ..ops.registry import public
from .creation import legacy_tensor
from .tensor import Tensor

_TYPE_OF = {
    "FloatTensor": "float32", "DoubleTensor": "float64", "HalfTensor": "float16",
    "LongTensor": "int64", "IntTensor": "int32", "ShortTensor": "int16", "CharTensor": "int8",
    "ByteTensor": "uint8", "BoolTensor": "bool",
}  # fmt: skip
_NAME_OF = {target: name for name, target in _TYPE_OF.items()}
_NAME_OF["bfloat16"] = "BFloat16Tensor"
_NAME_OF["complex64"] = "ComplexFloatTensor"
_NAME_OF["complex128"] = "ComplexDoubleTensor"


class tensortype(type):
    """The type of FloatTensor and its like: calling one makes a Tensor of its dtype and device."""

    dtype: dtype
    device_type: str

    def __new__(mcs, name: str, dtype: Any, device_type: str) -> tensortype:
        made = super().__new__(mcs, name, (), {})
        made.dtype, made.device_type = dtype, device_type
        return made

    def __init__(cls, name: str, dtype: Any, device_type: str) -> None:
        super().__init__(name, (), {})

    def __call__(cls, *args: Any, device: Any = None) -> Any:
        where = cls.device_type if device is None else device
        if Device(where).type != cls.device_type:
            raise ValueError(f"legacy constructor expects device type: {cls.device_type}")
        if len(args) == 1 and isinstance(args[0], (TensorBase, np.ndarray)):
            return _like(args[0], cls.dtype, where)
        return legacy_tensor(Tensor, *args, dtype=cls.dtype.np, device=where)

    def __instancecheck__(cls, instance: Any) -> bool:
        return (
            isinstance(instance, TensorBase)
            and instance._array.dtype == cls.dtype.np
            and instance.device.type == cls.device_type
        )

    def __repr__(cls) -> str:
        return f"<class '{type_name(cls.dtype, cls.device_type)}'>"


def _like(data: Any, wanted: dtype, where: Any) -> Any:
    if isinstance(data, np.ndarray):
        return legacy_tensor(Tensor, data, dtype=wanted.np, device=where)
    if data.dtype is not wanted:
        raise TypeError(f"expected {wanted} (got {data.dtype})")
    return data


def type_name(of: dtype, device_type: str) -> str:
    """The name that ``x.type()`` gives, as "torch.FloatTensor"."""
    middle = "" if device_type == "cpu" else f"{device_type}."
    return f"{dtypes.PACKAGE_NAME}.{middle}{_NAME_OF[of.name]}"


TYPES = {name: tensortype(name, DTYPES[target], "cpu") for name, target in _TYPE_OF.items()}
CUDA_TYPES = {name: tensortype(name, DTYPES[target], "cuda") for name, target in _TYPE_OF.items()}


@public(function_too=False, name="type")
def tensor_type(self, dtype=None, non_blocking=False):
    """The type's name, or the tensor cast to a dtype, a tensor type or a type's name.

    >>> torch.tensor([1.7, -1.7]).type(torch.int32)
    tensor([ 1, -1], dtype=torch.int32)
    """
    if dtype is None:
        return type_name(from_numpy_dtype(self._array.dtype), self.device.type)
    if isinstance(dtype, tensortype):
        return self.to(dtype.device_type, dtype.dtype, non_blocking)
    if isinstance(dtype, str):
        *packages, name = dtype.split(".")
        if name not in TYPES:
            raise ValueError(f"invalid type: '{dtype}'")
        types = CUDA_TYPES if "cuda" in packages else TYPES
        return tensor_type(self, types[name], non_blocking)
    return self.to(dtype=dtype, non_blocking=non_blocking)
