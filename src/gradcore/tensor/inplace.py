"""Writing into tensors: copy_, fill_, the index and scatter methods, and changes of shape."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from ..autograd.dispatch import record
from ..autograd.inplace import adopt, bump, check_writable, inplace, requires_grad, writable
from ..autograd.state import state
from ..autograd.variable import TensorBase, unwrap
from ..autograd.views import same_history
from ..backends.registry import backend_of, new
from ..ops import index as I
from ..ops.arguments import variable_ints
from ..ops.diagonals import diagonal
from ..ops.masking import masked_fill, masked_fill_arguments
from ..ops.registry import FUNCTIONS, public
from ..ops.selecting import CALLS, number_for
from ..ops.shape import basic_index, broadcast_shape
from ..ops.strided import as_strided_view, c_strides

# ----------------------------------------------------------------------- running a primitive


def write(primitive: Any, arguments: tuple, attributes: dict) -> Any:
    """Run a writing primitive into its first argument, a Tensor, and record that."""
    self = arguments[0]
    needed = any(map(requires_grad, arguments))
    check_writable(self, needed)
    array = writable(self._array)
    recording = needed and state.grad_enabled and array.dtype.kind in "fcV"
    if recording:
        before = same_history(self)
        if any("x" in rule.names for rule in primitive.rules.values()):
            before._array, before._vc = array.copy(), None
        recorded = (before, *arguments[1:])
    values = [unwrap(a) for a in arguments[1:]]
    primitive.kernel((array,))(array, *values, **attributes, out=array)
    bump(self)
    if recording:
        adopt(self, record(primitive, recorded, attributes, array))
    return self


def _method(name: str, function: Callable[..., Any]) -> None:
    function.__name__ = name
    function.__qualname__ = f"Tensor.{name}"
    public(name=name, function_too=False)(function)


def _writer(name: str, prepare: Callable[..., tuple]) -> None:
    general = inplace(FUNCTIONS[name], name + "_")

    @wraps(prepare)
    def method(self, *args, **kwargs):
        if self._array.ndim == 0:
            return general(self, *args, **kwargs)
        return write(*prepare(self, *args, **kwargs))

    method.__doc__ = f"In-place version of ``{name}``."
    _method(name + "_", method)


for _name, _prepare in CALLS.items():
    if _name not in ("gather", "index_select"):
        _writer(_name, _prepare)


# --------------------------------------------------------------------------- plain writes


@public(name="copy_", function_too=False)
def copy_(self, src, non_blocking=False):
    """Write the values of ``src`` into this tensor: broadcast, cast, and moved to its device.

    >>> torch.zeros(2).copy_(torch.tensor([1, 2]))
    tensor([1., 2.])
    """
    if not isinstance(src, TensorBase):
        if not isinstance(src, (bool, int, float, complex)):
            raise TypeError(
                f"copy_(): argument 'other' (position 1) must be Tensor, not {type(src).__name__}"
            )
        return fill_(self, src)
    shape, given = self._array.shape, src._array.shape
    if given != shape and (common := broadcast_shape(shape, given)) != shape:
        raise RuntimeError(
            f"output with shape {list(shape)} doesn't match the broadcast shape {list(common)}"
        )
    if src._array.dtype.kind == "c" and self._array.dtype.kind != "c":
        _warn_discarded()
    if self is src:
        return self
    if self._vc is not None and self._vc is src._vc:
        _refuse_partial_overlap(self._array, src._array)
    if type(src._array) is not type(self._array) or src.device != self.device:
        src = src.to(self.device, non_blocking=non_blocking)
    return write(I.copy_op, (self, src), {})


def _refuse_partial_overlap(array: Any, source: Any) -> None:
    """PyTorch's error for blocks of one memory that overlap without being the same."""
    if not (array.flags.c_contiguous and source.flags.c_contiguous):
        return
    backend = backend_of(array)
    if not backend.may_share_memory(array, source):
        return
    if backend.data_ptr(array) != backend.data_ptr(source) or array.nbytes != source.nbytes:
        raise RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor "
            "refer to a single memory location. Please clone() the tensor before performing the "
            "operation."
        )


def _warn_discarded() -> None:
    import warnings

    text = "Casting complex values to real discards the imaginary part"
    warnings.warn(text, UserWarning, stacklevel=3)


@public(name="fill_", function_too=False)
def fill_(self, value):
    """Write one number (or the value of a 0-d tensor) into every element.

    >>> torch.fill_(torch.zeros(2), 3)
    tensor([3., 3.])
    """
    if isinstance(value, TensorBase):
        if value._array.ndim:
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{value._array.ndim} dimensions."
            )
        return copy_(self, value)
    try:
        number = number_for(self._array.dtype, value)
    except TypeError:
        raise TypeError(
            f"fill_() received an invalid combination of arguments - got ({type(value).__name__})"
        ) from None
    if 0 in self._array.strides:
        return _fill_repeated(self, number)
    return write(I.fill_op, (self,), {"value": number})


def _fill_repeated(self: Any, number: Any) -> Any:
    """Filling is the one write that expanded memory allows: every element gets the same."""
    once = tuple([slice(0, 1) if s == 0 else slice(None) for s in self._array.strides])
    write(I.fill_op, (basic_index(self, key=once),), {"value": number})
    return self


@public
def fill(input, value):
    """A tensor like ``input`` with ``value`` in every element.

    >>> torch.fill(torch.zeros(2), 3)
    tensor([3., 3.])
    """
    return fill_(input.clone(), value)


@public(name="zero_", function_too=False)
def zero_(self):
    """Write 0 into every element.

    >>> torch.zero_(torch.ones(2))
    tensor([0., 0.])
    """
    return fill_(self, 0)


@public(name="masked_fill_", function_too=False)
def masked_fill_(self, mask, value):
    """Write ``value`` (a number or a 0-d tensor) where ``mask`` holds.

    >>> torch.ones(2).masked_fill_(torch.tensor([True, False]), 0)
    tensor([0., 1.])
    """
    _, mask, value = masked_fill_arguments(self, mask, value)
    shape = tuple(self._array.shape)
    common = broadcast_shape(tuple(mask._array.shape), shape)
    if common != shape:
        raise RuntimeError(
            f"output with shape {list(shape)} doesn't match the broadcast shape {list(common)}"
        )
    if isinstance(value, TensorBase):
        return _general_masked_fill(self, mask, value)
    return write(I.masked_fill_op, (self, mask), {"value": value})


_general_masked_fill = inplace(masked_fill, "masked_fill_")


@public(name="fill_diagonal_", function_too=False)
def fill_diagonal_(self, fill_value, wrap=False):
    """Write ``fill_value`` along the diagonal; with ``wrap`` it starts again in tall matrices.

    >>> torch.zeros(2, 2).fill_diagonal_(1)
    tensor([[1., 0.],
            [0., 1.]])
    """
    array = self._array
    if array.ndim < 2:
        raise RuntimeError("dimensions must larger than 1")
    if array.ndim > 2 and len(set(array.shape)) > 1:
        raise RuntimeError("all dimensions of input must be of equal length")
    steps = [s // array.itemsize for s in array.strides]
    n = min(array.shape)
    parts = [as_strided_view(self, (n,), (sum(steps),))]
    rows, columns = array.shape[0], array.shape[1]
    if wrap and array.ndim == 2 and rows > columns + 1:
        starts = range(columns + 1, rows, columns + 1)
        parts += [diagonal(basic_index(self, key=(slice(start, None),))) for start in starts]
    for part in parts:
        fill_(part, fill_value)
    return self


# --------------------------------------------------------------------- changes of shape


def _reshaped(self: Any, change: Callable[[Any], Any]) -> Any:
    """Make this tensor the view that ``change`` gives of it."""
    check_writable(self, self._rg)
    old = same_history(self)
    old._base, old._view = self._base, self._view
    new = change(old)
    self._array = new._array
    self._rg, self._node, self._nr = new._rg, new._node, new._nr
    if self._base is not None:
        self._view = new._view
    bump(self)
    if self._base is not None:
        self._view.version = self._vc[0]
    return self


def _shape_method(name: str) -> None:
    function = FUNCTIONS[name]

    @wraps(function)
    def method(self, *args, **kwargs):
        return _reshaped(self, lambda old: function(old, *args, **kwargs))

    method.__doc__ = f"Make this tensor ``self.{name}(...)``."
    _method(name + "_", method)


for _name in ("t", "transpose", "swapaxes", "swapdims", "squeeze", "unsqueeze", "as_strided"):
    _shape_method(_name)


@public(name="resize_", function_too=False)
def resize_(self, *sizes, memory_format=None):
    """Another shape for this tensor, in its memory where that is large enough.

    Elements beyond the old ones are not initialised. RuntimeError where it requires grad.

    >>> torch.arange(4).resize_(2, 2)
    tensor([[0, 1],
            [2, 3]])
    """
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    shape = variable_ints("resize_", "size", sizes)
    bad = next((n for n in shape if n < 0), None)
    if bad is not None:
        raise RuntimeError(f"Trying to create tensor with negative dimension {bad}: {list(shape)}")
    if memory_format is not None:
        from .layout import contiguous_format, preserve_format

        if memory_format not in (contiguous_format, preserve_format):
            raise RuntimeError(f"resize_(): unsupported memory format {memory_format}")
    self._array = _resized(self._array, shape)
    bump(self)
    return self


def _resized(array: Any, shape: tuple[int, ...]) -> Any:
    size = 1
    for n in shape:
        size *= n
    if tuple(array.shape) == shape:
        return array
    if array.flags.c_contiguous and size <= array.size:
        return array.reshape(-1)[:size].reshape(shape)
    backend = backend_of(array)
    out = new("empty", array, shape)
    flat = backend.xp.ascontiguousarray(array).reshape(-1)
    out.reshape(-1)[: flat.size] = flat[:size]
    return out


@public(name="resize_as_", function_too=False)
def resize_as_(self, the_template, *, memory_format=None):
    """``resize_`` to the shape of another tensor.

    >>> torch.resize_as_(torch.arange(4), torch.zeros(2, 2))
    tensor([[0, 1],
            [2, 3]])
    """
    return resize_(self, tuple(the_template.shape), memory_format=memory_format)


FUNCTIONS |= {"zero_": zero_, "fill_": fill_, "resize_as_": resize_as_}


@public(name="set_", function_too=False)
def set_(self, source=None, storage_offset=0, size=None, stride=None):
    """Let this tensor share the memory of ``source``; without it, be empty.

    With ``size`` it is those sizes and strides (C order where they are None) at
    ``storage_offset`` elements into that memory.

    >>> torch.zeros(0).set_(torch.ones(2))
    tensor([1., 1.])
    """
    if self._rg and self._node is None and state.grad_enabled:
        check_writable(self, True)
    if source is None:
        self._array = self._array.reshape(-1)[:0]
    elif not isinstance(source, TensorBase):
        raise TypeError(f"set_(): argument 'source' must be Tensor, not {type(source).__name__}")
    elif source._array.dtype != self._array.dtype:
        raise RuntimeError(
            f"Could not set tensor of type {source.dtype} to a tensor of type {self.dtype}"
        )
    elif size is None:
        self._array = source._array
    else:
        sizes = tuple(size)
        steps = c_strides(sizes) if stride is None else tuple(stride)
        self._array = as_strided_view(source.detach(), sizes, steps, storage_offset)._array
    bump(self)
    return self
