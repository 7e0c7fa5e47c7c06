"""``tensor[index]`` and ``tensor[index] = value``.

An index of ints, slices, None and Ellipsis gives a view. Everything else is applied in two steps:
its basic part as a view, then the index tensors on the dimensions that are left, which is what
decides PyTorch's layout of the result (an int is not an index array there, unlike in NumPy).
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np

from ..autograd.inplace import bump, check_writable, writable
from ..autograd.state import SPECIAL, state
from ..autograd.variable import TensorBase, wrap
from ..ops import index as I
from ..ops.arguments import is_index_dtype, is_mask_dtype, tensor_name
from ..ops.masking import index_arguments, index_put_call
from ..ops.selecting import checked, number_for
from ..ops.shape import basic_index, select
from ..ops.shape import view as view_op
from ..ops.views import PROPERTIES, broadcast_to
from .creation import place
from .inplace import copy_, fill_, masked_fill_, write
from .tensor import Tensor
from .viewing import view_of

_INVALID = (
    "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables are valid "
    "indices (got {})"
)
_SCALAR = (
    "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` in C++ "
    "to convert a 0-dim tensor to a number"
)

# ------------------------------------------------------------------------------ fast path


def _basic_key(key: Any) -> tuple | None:
    """``key`` as a tuple for NumPy if it has only plain ints, slices, None and one Ellipsis.

    The tuple ends in an Ellipsis where it had none, so that NumPy never returns a scalar.
    """
    items = key if type(key) is tuple else (key,)
    dots = False
    for item in items:
        kind = type(item)
        if kind is int or item is None:
            continue
        if kind is slice:
            step = item.step
            if step is not None and (type(step) is not int or step <= 0):
                return None
        elif item is Ellipsis and not dots:
            dots = True
        else:
            return None
    return items if dots else (*items, ...)


def _view_at(x: Any, key: tuple) -> Any:
    """The view of ``x`` at a basic key."""
    primitive = select if type(key[-2] if len(key) > 1 else None) is int else basic_index
    if state.mode is SPECIAL:
        return primitive(x, key=key)
    return view_of(primitive, x, {"key": key}, x._array[key])


def _at_one_tensor(x: Any, index: Any) -> Any:
    """``x`` at one tensor of positions or one mask of its first dimensions; None: not so simple."""
    array, places = x._array, index._array
    if not array.ndim or not places.ndim or type(places) is not type(array):
        return None
    if is_index_dtype(places.dtype):
        return I.index_op(x, checked(index, array.shape[0], 0, "index", wraps=True), dims=(0,))
    covered = array.shape[: places.ndim]
    if places.dtype.kind != "b" or places.shape != covered or not array.flags.c_contiguous:
        return None
    if places.ndim > 1:
        x = x.reshape((places.size, *array.shape[places.ndim :]))
    return I.index_op(x, I.flat_nonzero(index), dims=(0,))


def getitem(self, key):
    """Views for ints, slices, None and Ellipsis; copies for index tensors, masks and lists.

    Raises:
        IndexError: out of range, too many indices, a mask that does not fit, or no valid index.
        ValueError: a slice with a step that is not positive.
    """
    basic = _basic_key(key)
    if basic is not None:
        try:
            return _view_at(self, basic)
        except (IndexError, TypeError):
            pass  # the general path says what is wrong in PyTorch's words
    elif isinstance(key, TensorBase) and (found := _at_one_tensor(self, key)) is not None:
        return found
    index, advanced = _parse(self, key)
    target = _view_at(self, index) if index is not None else self
    if not any(a is not None for a in advanced):
        return target if target is not self else view_op(self, shape=tuple(self._array.shape))
    dims, found = index_arguments(target, advanced)
    return I.index_op(target, *found, dims=dims)


# ---------------------------------------------------------------------------- general path


class _Parser:
    """Splits an index into a basic key and index tensors for the dimensions of its result."""

    def __init__(self, x: Any) -> None:
        self.x = x
        self.ndim = x._array.ndim
        self.dim = 0
        self.key: list[Any] = []
        self.advanced: list[Any] = []

    def run(self, items: tuple) -> None:
        items = tuple(self.as_index(item) for item in items)
        used = sum(_dims_used(item) for item in items)
        if used > self.ndim:
            first = next(item for item in items if _dims_used(item))
            if self.ndim == 0 and not isinstance(first, (slice, TensorBase)):
                raise IndexError(_SCALAR)
            raise IndexError(f"too many indices for tensor of dimension {self.ndim}")
        dots = False
        for item in items:
            if item is Ellipsis:
                if not dots:
                    self.keep(self.ndim - used)
                dots = True
            else:
                self.take(item)

    def keep(self, count: int) -> None:
        """Take over ``count`` dimensions as they are."""
        self.key += [slice(None)] * count
        self.advanced += [None] * count
        self.dim += count

    def as_index(self, item: Any) -> Any:
        """One part of an index: an int, slice, None, Ellipsis, bool or Tensor."""
        if item is None or item is Ellipsis or isinstance(item, (bool, slice)):
            return item
        if isinstance(item, TensorBase):
            return self.from_tensor(item)
        if isinstance(item, np.ndarray):
            return self.from_tensor(wrap(item))
        if isinstance(item, np.bool_):
            return bool(item)
        if hasattr(item, "__index__"):
            return operator.index(item)
        if isinstance(item, (list, tuple, range, str)):
            return self.from_sequence(item)
        raise IndexError(_INVALID.format(type(item).__name__))

    def from_tensor(self, item: Any) -> Any:
        array = item._array
        if array.ndim == 0 and array.dtype.kind in "iu" and array.dtype.char != "B":
            return int(array.item())
        if not is_index_dtype(array.dtype) and not is_mask_dtype(array.dtype):
            raise IndexError("tensors used as indices must be long, int, byte or bool tensors")
        if array.dtype.char == "B":
            warnings.warn(
                "indexing with dtype torch.uint8 is now deprecated, please use a dtype "
                "torch.bool instead.",
                UserWarning,
                stacklevel=5,
            )
        if type(array) is not type(self.x._array):
            item = item.to(self.x.device)
        return item

    def from_sequence(self, item: Any) -> Any:
        plain = [v.tolist() if isinstance(v, TensorBase) else v for v in item]
        array = np.array(plain) if plain else np.zeros(0, "int64")
        if array.dtype.kind in "OUS":
            bad = next(v for v in _leaves(plain) if not isinstance(v, (bool, int, float)))
            raise TypeError(f"new(): invalid data type '{type(bad).__name__}'")
        if array.dtype.kind != "b":
            array = array.astype("int64")
        return place(array, self.x.device)

    def take(self, item: Any) -> None:
        """Add one part that is not an Ellipsis."""
        if isinstance(item, bool):
            self.add_scalar_mask(item)
        elif item is None:
            self.key.append(None)
            self.advanced.append(None)
        elif isinstance(item, slice):
            self.key.append(_checked_slice(item))
            self.advanced.append(None)
            self.dim += 1
        elif isinstance(item, int):
            self.add_int(item)
        elif item._array.ndim == 0:
            self.add_scalar_mask(bool(item._array.item()))
        else:
            self.key += [slice(None)] * _dims_used(item)
            self.advanced.append(item)
            self.dim += _dims_used(item)

    def add_int(self, item: int) -> None:
        size = self.x._array.shape[self.dim]
        if not -size <= item < size:
            raise IndexError(
                f"index {item} is out of bounds for dimension {self.dim} with size {size}"
            )
        self.key.append(item)
        self.dim += 1

    def add_scalar_mask(self, chosen: bool) -> None:
        """A bool is a mask of a new dimension of size 1."""
        self.key.append(None)
        self.advanced.append(place(np.zeros(int(chosen), "int64"), self.x.device))


def _leaves(values: Any) -> Iterator[Any]:
    for v in values:
        if isinstance(v, (list, tuple)):
            yield from _leaves(v)
        else:
            yield v


def _dims_used(item: Any) -> int:
    if item is None or item is Ellipsis or isinstance(item, bool):
        return 0
    if isinstance(item, TensorBase) and is_mask_dtype(item._array.dtype):
        return item._array.ndim
    return 1


def _checked_slice(item: slice) -> slice:
    def bound(value: Any) -> Any:
        if value is None:
            return None
        try:
            return operator.index(value)
        except TypeError:
            raise TypeError(
                "slice indices must be integers or None or have an __index__ method"
            ) from None

    start, stop, step = bound(item.start), bound(item.stop), bound(item.step)
    if step is not None and step <= 0:
        raise ValueError(
            "slice step cannot be zero" if step == 0 else "step must be greater than zero"
        )
    return slice(start, stop, step)


def _parse(x: Any, key: Any) -> tuple[tuple | None, list]:
    """(basic key, or None where it would change nothing; index tensors of its result's dims)."""
    parser = _Parser(x)
    parser.run(key if type(key) is tuple else _legacy_tuple(key))
    plain = all(isinstance(k, slice) and k == slice(None) for k in parser.key)
    return None if plain else (*parser.key, ...), parser.advanced


def _legacy_tuple(key: Any) -> tuple:
    """A list that holds more than numbers is a tuple of indices, as in early NumPy."""
    if not isinstance(key, list) or len(key) >= 32:
        return (key,)
    if any(isinstance(k, (TensorBase, list, tuple, slice, str)) or k is None or k is Ellipsis
           for k in key):  # fmt: skip
        warnings.warn(
            "Using a non-tuple sequence for multidimensional indexing is deprecated and will be "
            "changed in pytorch 2.9; use x[tuple(seq)] instead of x[seq]. In pytorch 2.9 this "
            "will be interpreted as tensor index, x[torch.tensor(seq)], which will result either "
            "in an error or a different result",
            UserWarning,
            stacklevel=4,
        )
        return tuple(key)
    return (key,)


# -------------------------------------------------------------------------------- writing


def setitem(self, key, value):
    """Write ``value`` (a number, or a tensor that broadcasts) at ``key``.

    Raises:
        IndexError, ValueError: as reading would.
        RuntimeError: a value that does not fit, or a tensor that must not be written.
        TypeError: a value that is neither a number nor a tensor.
    """
    value = _assignable(self, value)
    basic = _basic_key(key)
    if basic is not None:
        if not isinstance(value, TensorBase) and _write_number(self, basic, value):
            return
        try:
            target = _view_at(self, basic)
        except (IndexError, TypeError):
            pass  # the general path says what is wrong in PyTorch's words
        else:
            _overwrite(target, value)
            return
    index, advanced = _parse(self, key)
    target = _view_at(self, index) if index is not None else self
    if any(a is not None for a in advanced):
        _put(target, advanced, value)
    else:
        _overwrite(target, value)


def _overwrite(target: Any, value: Any) -> None:
    """Write a number or a tensor that broadcasts into all of ``target``."""
    if not isinstance(value, TensorBase):
        fill_(target, value)
        return
    value = _without_leading_ones(value, target._array.ndim)
    if not _fits(value._array.shape, target._array.shape):
        value = broadcast_to(value, target._array.shape)
    copy_(target, value)


def _fits(shape: tuple, target: tuple) -> bool:
    """Whether values of ``shape`` broadcast to ``target``."""
    lead = len(target) - len(shape)
    return shape == target or (
        lead >= 0 and all(n in (1, target[lead + i]) for i, n in enumerate(shape))
    )


def _write_number(self: Any, basic: tuple, value: Any) -> bool:
    """Write without making a view; False where that must be recorded or goes wrong."""
    if self._rg or state.mode is SPECIAL:
        return False
    check_writable(self, False)
    if self._rg:
        return False
    array = writable(self._array)
    try:
        array[basic] = value
    except (IndexError, TypeError, OverflowError):
        return False
    bump(self)
    return True


def _assignable(x: Any, value: Any) -> Any:
    if isinstance(value, TensorBase):
        return value
    if isinstance(value, np.ndarray):
        return place(value, x.device)
    if isinstance(value, (bool, int, float, complex, np.generic)):
        return number_for(x._array.dtype, value)
    raise TypeError(f"can't assign a {type(value).__name__} to a {tensor_name(x)}")


def _without_leading_ones(value: Any, ndim: int) -> Any:
    shape = tuple(value._array.shape)
    while len(shape) > ndim and shape[0] == 1:
        shape = shape[1:]
    return value if len(shape) == value._array.ndim else value.reshape(shape)


def _put(target: Any, advanced: list, value: Any) -> None:
    only = advanced[0] if len(advanced) == 1 else None
    if not isinstance(value, TensorBase):
        if only is not None and only._array.dtype.kind == "b" and only.shape == target.shape:
            masked_fill_(target, only, value)
            return
        dims, found = index_arguments(target, advanced)
        write(I.index_put_value, (target, *found), {"dims": dims, "value": value})
        return
    write(*index_put_call(target, advanced, value, False))


for _name, _function in (("__getitem__", getitem), ("__setitem__", setitem)):
    setattr(Tensor, _name, _function)

for _name, _getter in PROPERTIES.items():
    setattr(Tensor, _name, property(_getter))
