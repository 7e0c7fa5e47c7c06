"""Tensors by their memory: buffers and files, chosen strides, and who shares what."""

from __future__ import annotations

import mmap
import os
from itertools import pairwise
from typing import Any

import numpy as np

from ..autograd.inplace import bump
from ..autograd.variable import wrap
from ..backends.dtype import to_numpy_dtype
from ..backends.registry import backend_of
from ..ops.arguments import ints_argument
from ..ops.registry import public
from ..ops.strided import storage_length
from .factories import check_layout, empty
from .layout import channels_last_order, strided


def _requiring(result: Any, requires_grad: bool) -> Any:
    return result.requires_grad_(True) if requires_grad else result


# ------------------------------------------------------------------- buffers and files


@public(method=False)
def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A 1-d tensor on the memory of an object with Python's buffer protocol.

    ``count`` elements (-1: all) from ``offset`` bytes on; ValueError where they do not fit.

    >>> torch.frombuffer(bytearray(b"ab"), dtype=torch.uint8)
    tensor([97, 98], dtype=torch.uint8)
    """
    try:
        size = memoryview(buffer).nbytes
    except TypeError:
        raise ValueError("object does not implement Python buffer protocol.") from None
    numpy_dtype = to_numpy_dtype(dtype)
    width = numpy_dtype.itemsize
    if size == 0 or count == 0:
        raise ValueError(f"both buffer length ({size}) and count ({count}) must not be 0")
    if not 0 <= offset < size:
        raise ValueError(
            f"offset ({offset} bytes) must be non-negative and no greater than buffer length "
            f"({size} bytes) minus 1"
        )
    if count < 0 and (size - offset) % width:
        raise ValueError(
            f"buffer length ({size - offset} bytes) after offset ({offset} bytes) must be a "
            f"multiple of element size ({width})"
        )
    count = (size - offset) // width if count < 0 else count
    if offset + count * width > size:
        raise ValueError(
            f"requested buffer length ({count} * {width} bytes) after offset ({offset} bytes) must "
            f"not be greater than actual buffer length ({size} bytes)"
        )
    data = np.frombuffer(buffer, np.uint8, count * width, offset)
    return _requiring(wrap(data.view(numpy_dtype)), requires_grad)


@public(method=False)
def from_file(filename, shared=None, size=0, *, dtype=None, layout=strided, device=None,
              pin_memory=False):  # fmt: skip
    """A 1-d tensor of ``size`` elements on the memory of a mapped file.

    With ``shared`` writes reach the file, which is made or made longer where needed.

    >>> torch.from_file(torch.__file__, size=3, dtype=torch.uint8).tolist() == list(b'"' * 3)
    True
    """
    check_layout(layout)
    like = empty(0, dtype=dtype)
    nbytes = size * like.itemsize
    if shared:
        with open(filename, "ab") as file:
            file.truncate(max(nbytes, os.path.getsize(filename)))
    elif os.path.getsize(filename) < nbytes:
        raise RuntimeError(
            f"unable to map file <{filename}>: it has {os.path.getsize(filename)} bytes, fewer "
            f"than {nbytes}"
        )
    mode = "r+" if shared else "c"
    array = np.memmap(filename, like._array.dtype, mode, shape=(size,)) if size else like._array
    result = wrap(np.asarray(array))
    result = result if device is None else result.to(device)
    return result.pin_memory() if pin_memory else result


# ---------------------------------------------------------------------- chosen strides


@public(method=False)
def empty_strided(size, stride, *, dtype=None, layout=strided, device=None, requires_grad=False,
                  pin_memory=False):  # fmt: skip
    """An uninitialised tensor with the given sizes and strides, in elements.

    >>> torch.empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    size = ints_argument("empty_strided", "size", size, 1)
    stride = ints_argument("empty_strided", "stride", stride, 2)
    if len(size) != len(stride):
        raise RuntimeError(
            f"dimensionality of sizes ({len(size)}) must match dimensionality of strides "
            f"({len(stride)})"
        )
    if any(s < 0 for s in stride):
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={list(size)} and "
            f"strides={list(stride)}"
        )
    length = storage_length(size, stride)
    memory = empty(length, dtype=dtype, layout=layout, device=device, pin_memory=pin_memory)
    return _requiring(memory.as_strided(size, stride).detach(), requires_grad)


@public(method=False)
def empty_permuted(size, physical_layout, *, dtype=None, layout=strided, device=None,
                   requires_grad=False, pin_memory=False):  # fmt: skip
    """An uninitialised tensor whose dims lie in memory in the order of ``physical_layout``.

    >>> torch.empty_permuted((2, 3, 4), (0, 2, 1)).stride()
    (12, 1, 3)
    """
    size = ints_argument("empty_permuted", "size", size, 1)
    order = ints_argument("empty_permuted", "physical_layout", physical_layout, 2)
    if len(order) != len(size):
        raise RuntimeError(
            "Number of dimensions in size does not match the length of the physical_layout; i.e. "
            f"len(size) = {len(size)} is not equal to len(physical_layout) = {len(order)}"
        )
    if len(set(order)) != len(order):
        raise RuntimeError("Duplicate dim not allowed")
    dense = empty(tuple(size[d] for d in order), dtype=dtype, layout=layout, device=device,
                  pin_memory=pin_memory)  # fmt: skip
    inverse = tuple(order.index(d) for d in range(len(order)))
    return _requiring(dense.permute(inverse).detach(), requires_grad)


@public(function_too=False)
def new_empty_strided(self, size, stride, *, dtype=None, layout=strided, device=None,
                      pin_memory=False, requires_grad=False):  # fmt: skip
    """An uninitialised tensor of these sizes and strides, with this tensor's dtype and device.

    >>> torch.zeros(2).new_empty_strided((2, 3), (1, 2)).stride()
    (1, 2)
    """
    dtype = self.dtype if dtype is None else dtype
    device = self.device if device is None else device
    return empty_strided(size, stride, dtype=dtype, layout=layout, device=device,
                         requires_grad=requires_grad, pin_memory=pin_memory)  # fmt: skip


@public(function_too=False)
def dim_order(self, *, ambiguity_check=False):
    """The dims from the one with the longest steps in memory to the one with the shortest.

    RuntimeError with ``ambiguity_check=True`` where several orders describe the same memory.

    >>> torch.zeros(2, 3).t().dim_order()
    (1, 0)
    """
    sizes, steps = tuple(self.shape), self.stride()
    if ambiguity_check is not False and _ambiguous(sizes, steps, ambiguity_check):
        raise RuntimeError(
            "The tensor does not have unique dim order, or cannot map to exact one of the given "
            "memory formats."
        )
    if self.is_contiguous():
        return tuple(range(self.ndim))
    return tuple(sorted(range(self.ndim), key=lambda d: -steps[d]))


def _ambiguous(sizes: tuple[int, ...], steps: tuple[int, ...], formats: Any) -> bool:
    """Whether dims could change places: one of them has a single element, or their steps agree."""
    if formats is True:
        return 1 in sizes or len(set(steps)) < len(steps)
    orders = (channels_last_order(len(sizes), f) or tuple(range(len(sizes))) for f in formats)
    fits = [all(steps[a] >= steps[b] for a, b in pairwise(order)) for order in orders]
    return fits.count(True) != 1


# ------------------------------------------------------------------------- shared memory


@public(function_too=False)
def is_set_to(self, tensor):
    """Whether both tensors are the same elements of the same memory.

    >>> x = torch.zeros(2, 3)
    >>> x.is_set_to(x.view(2, 3)), x.is_set_to(x.view(3, 2))
    (True, False)
    """
    same = self.shape == tensor.shape and self.stride() == tensor.stride()
    return same and self.dtype == tensor.dtype and self.data_ptr() == tensor.data_ptr()


def _owner(array: Any) -> Any:
    """What holds the memory of an array in the end."""
    while getattr(array, "base", None) is not None:
        array = array.base
    return array


@public(function_too=False)
def is_shared(self):
    """Whether processes forked from now on share the memory: see ``share_memory_``; CUDA: True.

    >>> torch.zeros(2).is_shared()
    False
    """
    if self.device.type != "cpu":
        return True
    owner = _owner(self._array)
    return isinstance(getattr(owner, "obj", owner), mmap.mmap)


@public(name="share_memory_", function_too=False)
def share_memory_(self):
    """Move the elements to memory that forked processes share; does nothing on CUDA.

    Views that exist already keep the old memory. Spawned processes get copies.

    >>> torch.zeros(2).share_memory_().is_shared()
    True
    """
    if is_shared(self) or self._array.size == 0:
        return self
    array = self._array
    memory = np.frombuffer(mmap.mmap(-1, array.nbytes), array.dtype, array.size)
    order = sorted(range(array.ndim), key=lambda d: -array.strides[d])
    inverse = [order.index(d) for d in range(array.ndim)]
    shared = memory.reshape([array.shape[d] for d in order]).transpose(inverse)
    shared[...] = array
    self._array = shared
    bump(self)
    return self


@public(function_too=False)
def untyped_storage(self):
    """The memory that this tensor and its views share, as bytes.

    >>> x = torch.zeros(2, 3)
    >>> x[1].untyped_storage().data_ptr() == x.untyped_storage().data_ptr()
    True
    """
    from ..serialization.storage import UntypedStorage

    base = (self if self._base is None else self._base)._array
    xp = backend_of(base).xp
    length = storage_length(base.shape, [s // base.itemsize for s in base.strides])
    flat = xp.lib.stride_tricks.as_strided(base, (length,), (base.itemsize,))
    return UntypedStorage(flat.view("uint8"))


@public(function_too=False)
def storage(self):
    """The memory that this tensor and its views share, as elements of its dtype.

    >>> torch.arange(4.0)[2:].storage().tolist()
    [0.0, 1.0, 2.0, 3.0]
    """
    from ..serialization.storage import TypedStorage

    return TypedStorage(untyped_storage(self), self.dtype)


@public(function_too=False)
def const_data_ptr(self):
    """``data_ptr()``, for reading only.

    >>> x = torch.zeros(2)
    >>> x.const_data_ptr() == x.data_ptr()
    True
    """
    return self.data_ptr()
