"""Moving tensors between dtypes, devices and libraries."""

from __future__ import annotations

import copy
import operator
from typing import Any

import numpy as np

from ..autograd.inplace import assign, check_writable
from ..autograd.state import state
from ..autograd.variable import TensorBase, wrap
from ..backends.device import device as Device
from ..backends.dtype import ALIASES, DTYPES, bfloat16, to_numpy_dtype
from ..backends.dtype import dtype as Dtype
from ..backends.registry import backend_for, backend_of, is_array
from ..ops.op import op
from ..ops.operand import require_tensor
from ..ops.registry import public
from ..ops.shape import clone as clone_op
from ..ops.shape import contiguous_copy, to_dtype
from .creation import place, resolve_device
from .layout import (
    channels_last_order,
    contiguous_format,
    is_contiguous,
    preserve_format,
)
from .layout import (
    memory_format as MemoryFormat,
)
from .tensor import Tensor


def transfer(array: Any, where: Device, non_blocking: bool = False) -> Any:
    """A copy of a raw array on another device; the same array if it is there already."""
    source = backend_of(array)
    target = backend_for(where)
    if source is target:
        return array if source.device_of(array) == where else source.copy_between(array, where)
    if target.device_type == "cpu":
        return source.to_host(array, non_blocking)
    return target.from_host(source.to_host(array), where, non_blocking)


def complete(where: Device) -> Device:
    """``where`` with the index of the current device filled in."""
    return backend_for(where).with_index(where)


@op(grad_name="ToCopyBackward0")
def to_device(xp, x, *, where, origin, non_blocking):
    """x on the device ``where``; ``origin`` is where it was, for the gradient's way back."""
    return transfer(x, where, non_blocking)


to_device.vjp(
    x=lambda g, where, origin: to_device(g, where=origin, origin=where, non_blocking=False)
)


def to_contiguous(input: Any, memory_format: Any) -> Any:
    """``input`` copied into the order of ``memory_format``."""
    order = channels_last_order(input.ndim, memory_format)
    if order is None:
        if memory_format is not contiguous_format:
            raise RuntimeError(
                f"required rank {'5' if '3d' in memory_format.name else '4'} tensor to use "
                f"{memory_format.name} format"
            )
        return contiguous_copy(input)
    inverse = [order.index(i) for i in range(input.ndim)]
    return contiguous_copy(input.permute(order)).permute(inverse)


@public(method=False)
def clone(input, *, memory_format=preserve_format):
    """A copy that takes part in autograd."""
    require_tensor("clone", "input", input)
    if memory_format is preserve_format:
        return clone_op(input)
    return to_contiguous(input, memory_format)


Tensor.clone = clone


@public(function_too=False)
def contiguous(self, memory_format=contiguous_format):
    """The tensor itself if its elements lie in order in memory, else a copy that does."""
    if is_contiguous(self._array, memory_format):
        return self
    return to_contiguous(self, memory_format)


def _parse_to(args: tuple, kwargs: dict) -> tuple[Any, Any, bool, bool, Any]:
    """``Tensor.to``'s overloads: (device, dtype, non_blocking, copy, memory_format)."""
    device = kwargs.pop("device", None)
    dtype = kwargs.pop("dtype", None)
    non_blocking = kwargs.pop("non_blocking", False)
    copied = kwargs.pop("copy", False)
    memory_format = kwargs.pop("memory_format", preserve_format)
    other = kwargs.pop("other", None)
    if kwargs:
        raise TypeError(f"to() received an invalid combination of arguments - got {list(kwargs)}")
    rest = list(args)
    if rest and isinstance(rest[0], TensorBase):
        other = rest.pop(0)
    elif (
        (rest and isinstance(rest[0], (str, Device)))
        or (rest and type(rest[0]) is int)
        or (len(rest) > 1 and rest[0] is None)
    ):
        device = rest.pop(0)
        if rest and (
            isinstance(rest[0], Dtype) or rest[0] in (float, int, bool) or rest[0] is None
        ):
            dtype = rest.pop(0)
    elif rest and (isinstance(rest[0], Dtype) or rest[0] in (float, int, bool)):
        dtype = rest.pop(0)
    elif rest:
        raise TypeError(
            "to() received an invalid combination of arguments - got "
            f"({', '.join(type(a).__name__ for a in args)})"
        )
    for value, name in zip(rest, ("non_blocking", "copy"), strict=False):
        if name == "non_blocking":
            non_blocking = value
        else:
            copied = value
    if other is not None:
        device, dtype = other.device, other.dtype
    return device, dtype, bool(non_blocking), bool(copied), memory_format


@public(function_too=False)
def to(self, *args, **kwargs):
    """``to(dtype)``, ``to(device, dtype)`` or ``to(other)``: itself where nothing changes.

    Args: ``non_blocking`` lets a copy from pinned memory overlap, ``copy`` forces a copy,
    ``memory_format`` is the order of the result in memory.
    """
    device, dtype, non_blocking, copied, memory_format = _parse_to(args, kwargs)
    result = self
    if device is not None:
        where = complete(resolve_device(device))
        if where != self.device:
            result = to_device(result, where=where, origin=self.device, non_blocking=non_blocking)
    if dtype is not None:
        wanted = to_numpy_dtype(dtype)
        if wanted != self._array.dtype:
            result = to_dtype(result, dtype=wanted)
    if result is self and copied:
        result = clone_op(self)
    if memory_format is not preserve_format and not is_contiguous(result._array, memory_format):
        result = to_contiguous(result, memory_format)
    return result


@public(function_too=False)
def type_as(self, other):
    """``to`` the dtype and device of ``other``."""
    return to(self, other)


@public(function_too=False)
def cpu(self, memory_format=preserve_format):
    """The tensor on the CPU (itself if it is there)."""
    return to(self, "cpu", memory_format=memory_format)


@public(function_too=False)
def cuda(self, device=None, non_blocking=False, memory_format=preserve_format):
    """The tensor on a CUDA device (the current one by default)."""
    where = "cuda" if device is None else device
    if isinstance(where, (str, Device)) and Device(where).type != "cuda":
        raise RuntimeError(f"Invalid device, must be cuda device, got {where}")
    return to(self, where, non_blocking=non_blocking, memory_format=memory_format)


@public(function_too=False)
def pin_memory(self):
    """A copy in page-locked memory; RuntimeError without CUDA."""
    pinned = backend_for(Device("cuda")).pinned(self._array)  # type: ignore[attr-defined]
    out = wrap(pinned)
    out.__dict__["_pinned"] = True
    return out


def _cast_method(name: str, numpy_dtype: Any) -> None:
    def method(self, memory_format=preserve_format):
        return to(self, dtype=numpy_dtype(), memory_format=memory_format)

    method.__name__ = method.__qualname__ = name
    method.__doc__ = f"The tensor cast to {ALIASES.get(name, name)}."
    public(function_too=False)(method)


for _name, _target in {
    "float": "float32", "double": "float64", "half": "float16", "short": "int16", "int": "int32",
    "long": "int64", "byte": "uint8", "char": "int8", "bool": "bool", "cfloat": "complex64",
    "cdouble": "complex128",
}.items():  # fmt: skip
    _cast_method(_name, lambda target=_target: DTYPES[target])
_cast_method("bfloat16", bfloat16)


@public(function_too=False, aliases=())
def numpy(self, *, force=False):
    """A NumPy array sharing the tensor's memory.

    RuntimeError for a tensor that requires grad, TypeError for one on another device, unless
    ``force``, which detaches and copies to the host.
    """
    if force:
        return backend_of(self._array).to_host(self._array)
    if self.requires_grad:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    if not self.is_cpu:
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy "
            "the tensor to host memory first."
        )
    return self._array


def _array_protocol(self, dtype=None, copy=None):
    """NumPy's conversion, as ``np.asarray(tensor)``."""
    array = numpy(self)
    if dtype is not None and array.dtype != dtype:
        return array.astype(dtype)
    return np.array(array) if copy else array


def _ufunc_protocol(self, ufunc, method, *inputs, **kwargs):
    """``np.exp(tensor)`` is a tensor of NumPy's result; ``np.float32(2) * tensor`` is ours."""
    if method != "__call__" or kwargs:
        return NotImplemented
    if len(inputs) == 2 and isinstance(inputs[0], np.generic) and ufunc.__name__ in _OPERATORS:
        return getattr(operator, _OPERATORS[ufunc.__name__])(inputs[0].item(), inputs[1])
    arrays = [numpy(x) if isinstance(x, TensorBase) else x for x in inputs]
    result = ufunc(*arrays)
    if isinstance(result, tuple):
        return tuple(wrap(np.asarray(r)) for r in result)
    return wrap(np.asarray(result))


# NumPy's names of the operators that its scalars try before ours
_OPERATORS = {
    "add": "add", "subtract": "sub", "multiply": "mul", "true_divide": "truediv",
    "divide": "truediv", "floor_divide": "floordiv", "remainder": "mod", "power": "pow",
    "equal": "eq", "not_equal": "ne", "less": "lt", "less_equal": "le", "greater": "gt",
    "greater_equal": "ge",
}  # fmt: skip

Tensor.__array__ = _array_protocol
Tensor.__array_ufunc__ = _ufunc_protocol


# ------------------------------------------------------------------------------ DLPack


def _dlpack(self, *, stream=None, max_version=None, dl_device=None, copy=None):
    """Export to another library without a copy (https://dmlc.github.io/dlpack)."""
    if self.requires_grad:
        raise BufferError("Can't export tensors that require gradient, use tensor.detach()")
    if self._array.dtype.kind == "V":
        raise BufferError("NumPy cannot export bfloat16 through DLPack")
    options: dict[str, Any] = {}
    if stream is not None:
        options["stream"] = stream
    if max_version is not None:
        options["max_version"] = max_version
    if copy is not None:
        options["copy"] = copy
    if dl_device is not None:
        options["dl_device"] = dl_device
    return self._array.__dlpack__(**options)


def _dlpack_device(self):
    return self._array.__dlpack_device__()


Tensor.__dlpack__ = _dlpack
Tensor.__dlpack_device__ = _dlpack_device


@public(method=False)
def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor sharing the memory of any object with ``__dlpack__``, on the CPU or CUDA."""
    kind = ext_tensor.__dlpack_device__()[0]
    backend = backend_for(Device("cuda" if kind in (2, 13) else "cpu"))
    array = backend.xp.from_dlpack(ext_tensor)
    flags = getattr(array, "flags", None)
    if getattr(flags, "writeable", True) is False:
        array = array.copy() if copy is not False else array
    out = wrap(array.copy() if copy else array)
    return out if device is None else out.to(device)


@public(method=False)
def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """A tensor of ``obj``, sharing its memory where that is possible (``copy=False`` insists)."""
    from .creation import from_numpy, tensor

    if isinstance(obj, TensorBase):
        out = obj
    elif isinstance(obj, np.ndarray):
        out = from_numpy(obj)
    elif is_array(obj):
        out = wrap(obj)
    elif hasattr(obj, "__dlpack__"):
        out = from_dlpack(obj)
    else:
        if copy is False:
            raise ValueError("can't alias arbitrary sequence into a tensor.")
        return tensor(obj, dtype=dtype, device=device, requires_grad=requires_grad)
    moved = out if dtype is None and device is None else out.to(device=device, dtype=dtype)
    if copy is False and moved is not out:
        raise ValueError("can't alias tensor with a different dtype or device")
    if copy and moved is out:
        moved = moved.clone()
    if isinstance(obj, TensorBase) and requires_grad is False:
        return moved.detach() if moved.requires_grad else moved
    return moved.requires_grad_(True) if requires_grad else moved


@public(method=False)
def as_tensor(data, dtype=None, device=None):
    """A tensor of ``data`` that shares memory with a tensor or array of that dtype and device."""
    if isinstance(data, TensorBase):
        return data if dtype is None and device is None else data.to(device=device, dtype=dtype)
    if isinstance(data, np.ndarray):
        from .creation import from_numpy

        out = from_numpy(data)
        wanted = resolve_device(device)
        if dtype is None and wanted.type == "cpu":
            return out
        return out.to(device=wanted, dtype=dtype)
    from .creation import tensor

    return tensor(data, dtype=dtype, device=device)


# --------------------------------------------------------------------- copying and pickling


def _deepcopy(self, memo):
    if self._node is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    if id(self) in memo:
        return memo[id(self)]
    out = rebuild(type(self), self._array.copy(order="K"), self._rg, {})
    memo[id(self)] = out
    if self._grad is not None:
        out._grad = copy.deepcopy(self._grad, memo)
    out.__dict__.update(copy.deepcopy(_own_attributes(self), memo))
    return out


def _own_attributes(tensor: Any) -> dict:
    """What the user put on the tensor: not hooks, not notes of autograd."""
    hidden = ("_backward_hooks", "_post_accumulate_grad_hooks", "_accumulate_grad",
              "_accumulate_extras", "_retains_grad")  # fmt: skip
    return {k: v for k, v in tensor.__dict__.items() if k not in hidden}


def rebuild(cls: type, array: Any, requires_grad: bool, attributes: dict) -> Any:
    """A leaf of class ``cls`` around ``array``: what copying and unpickling make."""
    out = wrap(array)
    if cls is not Tensor:
        plain, out = out, object.__new__(cls)
        for slot in TensorBase.__slots__:
            if not slot.startswith("__"):
                setattr(out, slot, getattr(plain, slot))
    out._rg = requires_grad
    out.__dict__.update(attributes)
    return out


def _rebuild_from_host(cls, array, where, requires_grad, attributes):
    target = Device(where)
    if target.type != "cpu":
        array = backend_for(target).from_host(array, target)
    return rebuild(cls, array, requires_grad, attributes)


def _reduce_ex(self, protocol):
    if self._node is not None:
        raise RuntimeError(
            "Cannot pickle a tensor that is part of a graph: pickle tensor.detach() instead"
        )
    host = backend_of(self._array).to_host(self._array)
    return (
        _rebuild_from_host,
        (type(self), host, str(self.device), self._rg, _own_attributes(self)),
    )


Tensor.__deepcopy__ = _deepcopy
Tensor.__reduce_ex__ = _reduce_ex  # type: ignore[method-assign]


# ------------------------------------------------------------------- writing into a tensor


@public(function_too=False, name="copy_")
def copy_(self, src, non_blocking=False):
    """Write the values of ``src`` (cast, moved and broadcast) into this tensor."""
    if not isinstance(src, TensorBase):
        raise TypeError(
            f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}"
        )
    check_writable(self, src._rg)
    value = to(src, self.device, self.dtype, non_blocking=non_blocking)
    if value._array.shape != self._array.shape:
        value = value.expand(self._array.shape)
    if state.grad_enabled and (value._rg or self._rg):
        if value is src or not value._rg:
            value = clone_op(value)
    return assign(self, value)


__all__ = ["MemoryFormat", "copy_", "place", "rebuild", "to"]
