"""What tensors in a file point to: memory, and PyTorch's names of its types."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends.device import device as Device
from ..backends.dtype import DTYPES, bfloat16, dtype
from ..backends.registry import backend_for, backend_of
from ..tensor.conversion import transfer

__all__ = ["STORAGE_TYPES", "StorageType", "TypedStorage", "UntypedStorage", "dtype_named"]


class UntypedStorage:
    """Bytes on a device, which tensors share: what ``map_location`` functions are called with."""

    __slots__ = ("_array",)

    def __init__(self, array: Any) -> None:
        self._array = array

    @property
    def device(self) -> Device:
        """Where the bytes are."""
        return backend_of(self._array).device_of(self._array)

    @property
    def is_cuda(self) -> bool:
        """Whether the bytes are on a CUDA device."""
        return self.device.type == "cuda"

    def nbytes(self) -> int:
        """The number of bytes."""
        return self._array.size

    size = __len__ = nbytes

    def data_ptr(self) -> int:
        """The address of the first byte."""
        return backend_of(self._array).data_ptr(self._array)

    def tolist(self) -> list[int]:
        """The bytes as ints."""
        return backend_of(self._array).to_host(self._array).tolist()

    def to(self, *, device: Any, non_blocking: bool = False) -> UntypedStorage:
        """The bytes on ``device``: itself where they are there."""
        where = backend_for(Device(device)).with_index(Device(device))
        if where == self.device:
            return self
        return UntypedStorage(transfer(self._array, where, non_blocking))

    def cpu(self) -> UntypedStorage:
        """The bytes on the CPU."""
        return self.to(device="cpu")

    def cuda(self, device: Any = None, non_blocking: bool = False) -> UntypedStorage:
        """The bytes on a CUDA device, the current one by default."""
        where = "cuda" if device is None else device
        return self.to(device=where, non_blocking=non_blocking)

    def __repr__(self) -> str:
        return f"UntypedStorage(device={self.device}, nbytes={self.nbytes()})"


class TypedStorage:
    """Bytes with an element type: what stands in a pickle where a tensor's memory is."""

    __slots__ = ("_dtype", "_untyped")

    def __init__(self, untyped: UntypedStorage, element: dtype) -> None:
        self._untyped = untyped
        self._dtype = element

    @property
    def dtype(self) -> dtype:
        return self._dtype

    @property
    def device(self) -> Device:
        return self._untyped.device

    def untyped(self) -> UntypedStorage:
        """The bytes."""
        return self._untyped

    def size(self) -> int:
        """The number of elements."""
        return self._untyped.nbytes() // self._dtype.itemsize

    __len__ = size

    def tolist(self) -> list:
        """The elements as Python numbers."""
        array = self._untyped._array.view(self._dtype.np)
        return backend_of(array).to_host(array).tolist()


class StorageType:
    """One of PyTorch's storage classes, of which only the name and the element type matter."""

    __slots__ = ("element", "name")

    def __init__(self, name: str, element: str | None) -> None:
        self.name = name
        self.element = element

    @property
    def dtype(self) -> dtype:
        """The element type; RuntimeError where gradcore has none like it."""
        if self.element is None:
            raise RuntimeError(f"gradcore has no tensors with the elements of torch.{self.name}")
        return dtype_named(self.element)

    def __repr__(self) -> str:
        return f"StorageType({self.name})"


_ELEMENTS: dict[str, str | None] = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "QInt8Storage": None,
    "QInt32Storage": None,
    "QUInt8Storage": None,
    "QUInt4x2Storage": None,
    "QUInt2x4Storage": None,
}
STORAGE_TYPES = {name: StorageType(name, element) for name, element in _ELEMENTS.items()}
_UNTYPED = StorageType("UntypedStorage", "uint8")
STORAGE_TYPES["UntypedStorage"] = _UNTYPED

TYPE_OF_ELEMENT = {t.element: t for t in STORAGE_TYPES.values() if t.element and t is not _UNTYPED}


def dtype_named(name: str) -> dtype:
    """The dtype called ``name`` in PyTorch; RuntimeError where gradcore has none."""
    if name == "bfloat16":
        return bfloat16()
    if name not in DTYPES:
        raise RuntimeError(f"gradcore has no tensors of dtype torch.{name}")
    return DTYPES[name]


def swap_bytes(array: np.ndarray, element: dtype) -> None:
    """Turn the byte order of a uint8 array of ``element`` in place."""
    width = element.itemsize // 2 if element.is_complex else element.itemsize
    if width > 1:
        array.view(f"u{width}").byteswap(inplace=True)
