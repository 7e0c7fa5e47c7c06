"""Tensors of constants: zeros, eye, full_like …"""

from __future__ import annotations

from numbers import Number
from typing import Any

import numpy as np

from ..autograd.inplace import bump, check_cast, writable, write_out
from ..autograd.variable import TensorBase, wrap
from ..backends.default import default_dtype
from ..backends.dtype import to_numpy_dtype
from ..backends.registry import backend_for, new, write
from ..ops.arguments import int_argument, ints_argument
from ..ops.operand import require_tensor, size_tuple
from ..ops.promotion import result_dtype
from ..ops.registry import public
from .creation import resolve_device, tensor
from .layout import layout as Layout
from .layout import preserve_format, strided


def check_layout(layout: Any) -> None:
    if layout is not None and layout is not strided:
        if not isinstance(layout, Layout):
            raise TypeError(f"layout must be a layout, not {type(layout).__name__}")
        raise RuntimeError(f"layout {layout} is not supported: gradcore has strided tensors only")


def _finish(out: Any, pin_memory: bool, requires_grad: bool) -> Any:
    if pin_memory:
        out = out.pin_memory()
    return out.requires_grad_(True) if requires_grad else out


def allocate(make: str, shape: tuple, numpy_dtype: Any, device: Any, *fill: Any) -> Any:
    """``xp.zeros(shape)`` and its like, on ``device``."""
    if any(n < 0 for n in shape):
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {min(shape)}: {list(shape)}"
        )
    where = resolve_device(device)
    backend = backend_for(where)
    with backend.on(where):
        return wrap(getattr(backend.xp, make)(shape, *fill, dtype=numpy_dtype))


def _filled(make: str, size: tuple, options: dict, fill: tuple = ()) -> Any:
    out = options["out"]
    shape = size_tuple(size) if size else size_tuple(((),))
    check_layout(options["layout"])
    if out is not None:
        return _fill_out(
            out, shape, fill[0] if fill else {"zeros": 0, "ones": 1}.get(make), options
        )
    dtype = options["dtype"]
    numpy_dtype = default_dtype() if dtype is None else to_numpy_dtype(dtype)
    result = allocate(make, shape, numpy_dtype, options["device"], *fill)
    return _finish(result, options["pin_memory"], options["requires_grad"])


def _fill_out(out: Any, shape: tuple, value: Any, options: dict) -> Any:
    """Resize ``out`` and fill it."""
    if options["dtype"] is not None and to_numpy_dtype(options["dtype"]) != out._array.dtype:
        raise RuntimeError(
            f"dtype {options['dtype']} does not match dtype of out parameter ({out.dtype})"
        )
    if tuple(out._array.shape) != shape:
        out._array = allocate("empty", shape, out._array.dtype, out.device)._array
    if value is not None:
        write(writable(out._array), value)
    bump(out)
    return out


def _sizes(args: tuple, size: Any) -> tuple:
    return args if size is None else (size,)


@public(method=False)
def zeros(*args, size=None, out=None, dtype=None, layout=strided, device=None, pin_memory=False,
          requires_grad=False):  # fmt: skip
    """A tensor of zeros of the given size (ints, or one sequence of ints).

    >>> torch.zeros(2, 3)
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _filled("zeros", _sizes(args, size), _options(locals()))


@public(method=False)
def ones(*args, size=None, out=None, dtype=None, layout=strided, device=None, pin_memory=False,
         requires_grad=False):  # fmt: skip
    """A tensor of ones of the given size.

    >>> torch.ones(2, dtype=torch.int64)
    tensor([1, 1])
    """
    return _filled("ones", _sizes(args, size), _options(locals()))


@public(method=False)
def empty(*args, size=None, out=None, dtype=None, layout=strided, device=None, pin_memory=False,
          requires_grad=False, memory_format=None):  # fmt: skip
    """A tensor of the given size with whatever was in its memory.

    >>> torch.empty(2, 3).shape
    torch.Size([2, 3])
    """
    return _filled("empty", _sizes(args, size), _options(locals()))


def _options(values: dict) -> dict:
    names = ("out", "dtype", "layout", "device", "pin_memory", "requires_grad")
    return {name: values[name] for name in names}


@public(method=False)
def full(size, fill_value, *, out=None, dtype=None, layout=strided, device=None, pin_memory=False,
         requires_grad=False):  # fmt: skip
    """A tensor of ``size`` filled with a number; its dtype follows the number.

    >>> torch.full((2, 2), 7)
    tensor([[7, 7],
            [7, 7]])
    """
    if isinstance(fill_value, TensorBase):
        fill_value = fill_value.item()
    if not isinstance(fill_value, (Number, np.generic)):
        raise TypeError(
            "full(): argument 'fill_value' (position 2) must be Number, not "
            f"{type(fill_value).__name__}"
        )
    shape = ints_argument("full", "size", size)
    check_layout(layout)
    if out is not None:
        return _fill_out(out, shape, fill_value, {"dtype": dtype})
    numpy_dtype = result_dtype([fill_value]) if dtype is None else to_numpy_dtype(dtype)
    result = allocate("full", shape, numpy_dtype, device, fill_value)
    return _finish(result, pin_memory, requires_grad)


def _like(
    make: str, input: Any, dtype: Any, layout: Any, device: Any, pin: bool, requires_grad: bool,
    *fill: Any,
) -> Any:  # fmt: skip
    array = require_tensor(f"{make}_like", "input", input)._array
    check_layout(layout)
    numpy_dtype = array.dtype if dtype is None else to_numpy_dtype(dtype)
    if device is None and not fill and array.flags.c_contiguous:
        out = wrap(new(make, array, dtype=numpy_dtype))
    else:
        where = input.device if device is None else device
        out = _keep_order(input, make, numpy_dtype, where, fill)
    return _finish(out, pin, requires_grad)


def _keep_order(input: Any, make: str, numpy_dtype: Any, where: Any, fill: tuple) -> Any:
    """A tensor of the input's shape whose memory is in the same order, as PyTorch preserves it."""
    array = input._array
    if array.flags.c_contiguous or array.size == 0:
        return allocate(make, tuple(array.shape), numpy_dtype, where, *fill)
    order = sorted(range(array.ndim), key=lambda i: -array.strides[i])
    if not array.transpose(order).flags.c_contiguous:
        return allocate(make, tuple(array.shape), numpy_dtype, where, *fill)
    dense = allocate(make, tuple(array.shape[i] for i in order), numpy_dtype, where, *fill)
    inverse = [order.index(i) for i in range(array.ndim)]
    return wrap(dense._array.transpose(inverse))


@public(method=False)
def zeros_like(input, *, dtype=None, layout=None, device=None, pin_memory=False,
               requires_grad=False, memory_format=preserve_format):  # fmt: skip
    """Zeros with the shape, dtype and device of ``input`` unless given.

    >>> torch.zeros_like(torch.tensor([1, 2]))
    tensor([0, 0])
    """
    return _like("zeros", input, dtype, layout, device, pin_memory, requires_grad)


@public(method=False)
def ones_like(input, *, dtype=None, layout=None, device=None, pin_memory=False,
              requires_grad=False, memory_format=preserve_format):  # fmt: skip
    """Ones with the shape, dtype and device of ``input`` unless given.

    >>> torch.ones_like(torch.tensor([1, 2]))
    tensor([1, 1])
    """
    return _like("ones", input, dtype, layout, device, pin_memory, requires_grad)


@public(method=False)
def empty_like(input, *, dtype=None, layout=None, device=None, pin_memory=False,
               requires_grad=False, memory_format=preserve_format):  # fmt: skip
    """An uninitialised tensor with the shape, dtype and device of ``input`` unless given.

    >>> torch.empty_like(torch.tensor([1, 2])).dtype
    torch.int64
    """
    return _like("empty", input, dtype, layout, device, pin_memory, requires_grad)


@public(method=False)
def full_like(input, fill_value, *, dtype=None, layout=None, device=None, pin_memory=False,
              requires_grad=False, memory_format=preserve_format):  # fmt: skip
    """``fill_value`` with the shape, dtype and device of ``input`` unless given.

    >>> torch.full_like(torch.tensor([1, 2]), 7)
    tensor([7, 7])
    """
    if isinstance(fill_value, TensorBase):
        fill_value = fill_value.item()
    return _like("full", input, dtype, layout, device, pin_memory, requires_grad, fill_value)


def _new(self: Any, dtype: Any, device: Any) -> dict:
    return {"dtype": self.dtype if dtype is None else dtype,
            "device": self.device if device is None else device}  # fmt: skip


@public(function_too=False)
def new_zeros(self, *size, dtype=None, layout=strided, device=None, pin_memory=False,
              requires_grad=False):  # fmt: skip
    """Zeros with this tensor's dtype and device unless given.

    >>> torch.tensor([1, 2]).new_zeros(3)
    tensor([0, 0, 0])
    """
    return zeros(*size, layout=layout, pin_memory=pin_memory, requires_grad=requires_grad,
                 **_new(self, dtype, device))  # fmt: skip


@public(function_too=False)
def new_ones(self, *size, dtype=None, layout=strided, device=None, pin_memory=False,
             requires_grad=False):  # fmt: skip
    """Ones with this tensor's dtype and device unless given.

    >>> torch.tensor([1, 2]).new_ones(3)
    tensor([1, 1, 1])
    """
    return ones(*size, layout=layout, pin_memory=pin_memory, requires_grad=requires_grad,
                **_new(self, dtype, device))  # fmt: skip


@public(function_too=False)
def new_empty(self, *size, dtype=None, layout=strided, device=None, pin_memory=False,
              requires_grad=False):  # fmt: skip
    """An uninitialised tensor with this tensor's dtype and device unless given.

    >>> torch.tensor([1, 2]).new_empty(3).shape
    torch.Size([3])
    """
    return empty(*size, layout=layout, pin_memory=pin_memory, requires_grad=requires_grad,
                 **_new(self, dtype, device))  # fmt: skip


@public(function_too=False)
def new_full(self, size, fill_value, *, dtype=None, layout=strided, device=None, pin_memory=False,
             requires_grad=False):  # fmt: skip
    """``fill_value`` with this tensor's dtype and device unless given.

    >>> torch.tensor([1, 2]).new_full((3,), 7)
    tensor([7, 7, 7])
    """
    return full(size, fill_value, layout=layout, pin_memory=pin_memory,
                requires_grad=requires_grad, **_new(self, dtype, device))  # fmt: skip


@public(function_too=False)
def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """``tensor(data)`` with this tensor's dtype and device unless given.

    >>> torch.tensor([1.0]).new_tensor([1, 2])
    tensor([1., 2.])
    """
    return tensor(data, requires_grad=requires_grad, pin_memory=pin_memory,
                  **_new(self, dtype, device))  # fmt: skip


@public(method=False)
def scalar_tensor(s, *, dtype=None, layout=strided, device=None, pin_memory=False,
                  requires_grad=False):  # fmt: skip
    """A 0-d tensor of the default dtype.

    >>> torch.scalar_tensor(2)
    tensor(2.)
    """
    dtype = default_dtype() if dtype is None else to_numpy_dtype(dtype)
    return _finish(allocate("full", (), dtype, device, s), pin_memory, requires_grad)


def from_host(values: np.ndarray, out: Any, device: Any, requires_grad: bool, pin: bool) -> Any:
    where = resolve_device(device if out is None else out.device)
    array = values if where.type == "cpu" else backend_for(where).from_host(values, where)
    if out is not None:
        check_cast(values.dtype, out._array.dtype)
        return write_out(lambda: wrap(array.astype(out._array.dtype)), out)
    return _finish(wrap(array), pin, requires_grad)


@public(method=False)
def eye(n, m=None, *, out=None, dtype=None, layout=strided, device=None, pin_memory=False,
        requires_grad=False):  # fmt: skip
    """An (n, m) matrix (n, n without m) with ones on the diagonal.

    >>> torch.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    n = int_argument("eye", "n", n, 1)
    m = n if m is None else int_argument("eye", "m", m, 2)
    for name, value in (("n", n), ("m", m)):
        if value < 0:
            raise RuntimeError(f"{name} must be greater or equal to 0, got {value}")
    check_layout(layout)
    if dtype is not None:
        numpy_dtype = to_numpy_dtype(dtype)
    else:
        numpy_dtype = default_dtype() if out is None else out._array.dtype
    return from_host(np.eye(n, m, dtype=numpy_dtype), out, device, requires_grad, pin_memory)
