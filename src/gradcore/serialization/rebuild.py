"""What the functions that PyTorch's pickles name stand for here: they make tensors of storages.

Their arguments come out of files, so every one of them is checked, and no memory is allocated:
a tensor is a view of a storage that was read.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

from ..autograd.variable import TensorBase, wrap
from ..backends.dtype import dtype
from ..backends.registry import backend_of
from ..nn.parameter import Parameter
from ..ops.strided import storage_length
from ..tensor.conversion import rebuild as rebuild_as
from ..tensor.layout import strided
from ..tensor.tensor import Tensor
from .storage import TypedStorage, UntypedStorage

# What a tensor's own attributes may begin with an underscore: the marks of nn.Parameter, nn.Buffer.
_MARKS = ("_is_param", "_is_buffer")
_MOST_DIMENSIONS = 64  # NumPy's limit


def _int(value: Any, name: str) -> int:
    if type(value) is not int:
        raise TypeError(f"a tensor's {name} must be int, not {type(value).__name__}")
    return value


def _ints(values: Any, name: str) -> tuple[int, ...]:
    if not isinstance(values, (tuple, list)) or len(values) > _MOST_DIMENSIONS:
        raise TypeError(f"a tensor's {name} must be a tuple of at most {_MOST_DIMENSIONS} ints")
    return tuple(_int(value, name) for value in values)


def _check_geometry(size: tuple, stride: tuple, offset: int, itemsize: int, nbytes: int) -> None:
    """PyTorch's errors for views that do not lie within their storage."""
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    negative = [n for n in size if n < 0]
    if negative:
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {negative[0]}: {list(size)}"
        )
    if any(step < 0 for step in stride):
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(stride)}"
        )
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    needed = (offset + storage_length(size, stride)) * itemsize
    if 0 not in size and needed > nbytes:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and "
            f"itemsize {itemsize} requiring a storage size of {needed} are out of bounds for "
            f"storage of size {nbytes}"
        )


def _contiguous_strides(size: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(size[i + 1 :]) for i in range(len(size)))


def _view(memory: Any, element: dtype, offset: int, size: tuple, stride: tuple) -> Any:
    """The elements of a uint8 array at these places, as an array that shares its memory."""
    values = memory.view(element.np)
    matters = [(n, step) for n, step in zip(size, stride, strict=True) if n != 1]
    plain = [(n, step) for n, step in zip(size, _contiguous_strides(size), strict=True) if n != 1]
    if 0 in size:
        return values[:0].reshape(size)
    if matters == plain:
        return values[offset : offset + math.prod(size)].reshape(size)
    steps = [step * element.itemsize for step in stride]
    tricks = backend_of(memory).xp.lib.stride_tricks
    return tricks.as_strided(values[offset:], size, steps)


def _make(storage: Any, element: Any, offset: Any, size: Any, stride: Any) -> Tensor:
    if not isinstance(storage, TypedStorage):
        raise TypeError(f"a tensor's storage must be a storage, not {type(storage).__name__}")
    if not isinstance(element, dtype):
        raise TypeError(f"a tensor's dtype must be a dtype, not {type(element).__name__}")
    size, stride = _ints(size, "size"), _ints(stride, "stride")
    memory, offset = storage.untyped()._array, _int(offset, "storage offset")
    _check_geometry(size, stride, offset, element.itemsize, memory.size)
    backend = backend_of(memory)
    try:
        with backend.on(backend.device_of(memory)):
            return wrap(_view(memory, element, offset, size, stride))
    except ValueError as error:
        raise RuntimeError(f"cannot make a tensor of size {list(size)}: {error}") from error


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"requires_grad must be a bool, not {type(value).__name__}")
    return value


def rebuild_tensor(storage: Any, storage_offset: Any, size: Any, stride: Any) -> Tensor:
    """``torch._utils._rebuild_tensor``: the oldest form, without requires_grad."""
    return _make(storage, getattr(storage, "dtype", None), storage_offset, size, stride)


def rebuild_tensor_v2(
    storage: Any,
    storage_offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    backward_hooks: Any,
    metadata: Any = None,
) -> Tensor:
    """``torch._utils._rebuild_tensor_v2``; hooks are never stored. ``metadata``: conj and neg."""
    out = rebuild_tensor(storage, storage_offset, size, stride)
    return _with_metadata(out, storage.untyped(), requires_grad, metadata)


def rebuild_tensor_v3(
    storage: Any,
    storage_offset: Any,
    size: Any,
    stride: Any,
    requires_grad: Any,
    backward_hooks: Any,
    dtype: Any,
    metadata: Any = None,
) -> Tensor:
    """``torch._utils._rebuild_tensor_v3``: with a dtype of its own, for untyped storages."""
    out = _make(storage, dtype, storage_offset, size, stride)
    return _with_metadata(out, storage.untyped(), requires_grad, metadata)


def _with_metadata(
    out: Tensor, memory: UntypedStorage, requires_grad: Any, metadata: Any
) -> Tensor:
    """Conjugate and negate what PyTorch stored lazily: here a tensor holds its own values."""
    if metadata:
        if not isinstance(metadata, dict) or not metadata.keys() <= {"conj", "neg"}:
            raise RuntimeError("a tensor's metadata may say conj and neg alone")
        if out.nbytes > memory.nbytes():
            raise RuntimeError("a tensor with repeated elements cannot be conjugated or negated")
        if metadata.get("conj"):
            out = out.conj_physical()  # type: ignore[attr-defined]
        if metadata.get("neg"):
            out = -out  # type: ignore[operator]
    return out.requires_grad_(True) if _flag(requires_grad) else out


def rebuild_parameter(data: Any, requires_grad: Any, backward_hooks: Any) -> Parameter:
    """``torch._utils._rebuild_parameter``."""
    if not isinstance(data, TensorBase):
        raise TypeError(f"a parameter's data must be a tensor, not {type(data).__name__}")
    return Parameter(data, _flag(requires_grad))


def rebuild_parameter_with_state(
    data: Any, requires_grad: Any, backward_hooks: Any, state: Any
) -> Parameter:
    """``torch._utils._rebuild_parameter_with_state``: with attributes that the user set."""
    out = rebuild_parameter(data, requires_grad, backward_hooks)
    set_attributes(out, state)
    return out


def rebuild_from_type_v2(function: Any, kind: Any, args: Any, state: Any) -> Any:
    """``torch._tensor._rebuild_from_type_v2``: a tensor with attributes, or of a subclass."""
    if function not in TENSOR_FUNCTIONS:
        raise TypeError(f"{function!r:.80} is no function that makes tensors")
    if not (isinstance(kind, type) and issubclass(kind, TensorBase)):
        raise TypeError(f"{kind!r:.80} is no tensor class")
    if not isinstance(args, tuple):
        raise TypeError("the arguments of a tensor must be a tuple")
    out = function(*args)
    if type(out) is not kind:
        out = rebuild_as(kind, out._array, out._rg, {})
    set_attributes(out, state)
    return out


def set_attributes(tensor: Any, state: Any) -> None:
    """Give ``tensor`` the attributes that a user set before saving, none that gradcore owns."""
    slots = None
    if isinstance(state, tuple) and len(state) == 2:
        state, slots = state
    for attributes in (state, slots):
        if attributes is None:
            continue
        if not isinstance(attributes, dict) or not all(isinstance(k, str) for k in attributes):
            raise TypeError("the attributes of a tensor must be a dict with str keys")
        tensor.__dict__.update(own_attributes(attributes))


def own_attributes(attributes: dict) -> dict:
    """Those of a tensor's attributes that are the user's."""
    return {k: v for k, v in attributes.items() if not k.startswith("_") or k in _MARKS}


def get_layout(name: Any) -> Any:
    """``torch.serialization._get_layout``."""
    if name != "torch.strided":
        raise RuntimeError(f"gradcore has no tensors of layout {name!r:.80}")
    return strided


def _unsupported(kind: str) -> Any:
    def refuse(*args: Any) -> Any:
        raise RuntimeError(f"the file holds a {kind} tensor, which gradcore does not have")

    return refuse


TENSOR_FUNCTIONS = OrderedDict(
    {
        rebuild_tensor: "_rebuild_tensor",
        rebuild_tensor_v2: "_rebuild_tensor_v2",
        rebuild_tensor_v3: "_rebuild_tensor_v3",
        rebuild_parameter: "_rebuild_parameter",
        rebuild_parameter_with_state: "_rebuild_parameter_with_state",
        _unsupported("quantized"): "_rebuild_qtensor",
        _unsupported("sparse"): "_rebuild_sparse_tensor",
        _unsupported("meta"): "_rebuild_meta_tensor_no_storage",
        _unsupported("nested"): "_rebuild_nested_tensor",
        _unsupported("wrapped"): "_rebuild_wrapper_subclass",
    }
)
