"""Dicts of tensors in safetensors files (``safetensors.torch``), through that library."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..autograd.variable import TensorBase, wrap
from ..backends.dtype import dtype
from ..backends.registry import backend_of

__all__ = ["load", "load_file", "save", "save_file"]

_DTYPES = {
    "F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16", "I64": "int64",
    "I32": "int32", "I16": "int16", "I8": "int8", "U8": "uint8", "BOOL": "bool", "C64": "complex64",
}  # fmt: skip


def _library() -> Any:
    try:
        import safetensors
        import safetensors.numpy
    except ImportError as error:
        raise ImportError(
            "safetensors files need the package safetensors: pip install 'gradcore[safetensors]'"
        ) from error
    return safetensors


def save_file(
    tensors: Mapping[str, Any],
    filename: str | os.PathLike,
    metadata: Mapping[str, str] | None = None,
) -> None:
    """Write a dict of tensors into the file ``filename``.

    Raises ValueError for entries that are no tensors, RuntimeError for tensors that share memory,
    safetensors.SafetensorError for complex128.
    """
    arrays = _arrays(tensors)
    options = None if metadata is None else dict(metadata)
    _library().numpy.save_file(arrays, os.fspath(filename), metadata=options)


def save(tensors: Mapping[str, Any], metadata: Mapping[str, str] | None = None) -> bytes:
    """The bytes of such a file."""
    options = None if metadata is None else dict(metadata)
    return _library().numpy.save(_arrays(tensors), metadata=options)


def load_file(filename: str | os.PathLike, device: Any = "cpu") -> dict[str, Any]:
    """The tensors of a file, on ``device``."""
    with _library().safe_open(os.fspath(filename), framework="np") as file:
        # Asking for the dtypes first refuses what gradcore lacks, and makes bfloat16 known.
        for name in file.keys():  # noqa: SIM118
            _dtype(file.get_slice(name).get_dtype())
        return {name: wrap(file.get_tensor(name)).to(device) for name in file.keys()}  # noqa: SIM118


def load(data: bytes) -> dict[str, Any]:
    """The tensors in the bytes of such a file, on the CPU."""
    found = {}
    for name, entry in _library().deserialize(data):
        element = _dtype(entry["dtype"])
        values = np.frombuffer(bytearray(entry["data"]), element.np)
        found[name] = wrap(values.reshape(entry["shape"]))
    return found


def _dtype(name: str) -> dtype:
    from ..serialization.storage import dtype_named

    if name not in _DTYPES:
        raise TypeError(f"gradcore has no tensors of the safetensors dtype {name}")
    return dtype_named(_DTYPES[name])


def _arrays(tensors: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The tensors as contiguous NumPy arrays (the library stores others wrongly)."""
    wrong = [name for name, tensor in tensors.items() if not isinstance(tensor, TensorBase)]
    if wrong:
        kind = type(tensors[wrong[0]])
        raise ValueError(f"Key `{wrong[0]}` is invalid, expected Tensor but received {kind}")
    _refuse_shared(tensors)
    arrays = {name: tensor._array for name, tensor in tensors.items()}
    hosts = {name: backend_of(array).to_host(array) for name, array in arrays.items()}
    return {name: np.ascontiguousarray(host).reshape(host.shape) for name, host in hosts.items()}


def _refuse_shared(tensors: Mapping[str, Any]) -> None:
    """Each tensor is stored on its own: two of the same memory would be two afterwards."""
    places = sorted(
        (str(tensor.device), tensor.data_ptr(), tensor.data_ptr() + tensor.nbytes, name)
        for name, tensor in tensors.items()
        if tensor.nbytes
    )
    for (where, _, end, first), (other, start, _, second) in itertools.pairwise(places):
        if where == other and start < end:
            raise RuntimeError(
                f"Some tensors share memory, this will lead to duplicate memory on disk and "
                f"potential differences when loading them again: {sorted([first, second])}"
            )
