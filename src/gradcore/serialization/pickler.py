"""Pickling as PyTorch does: tensors by their storages, under PyTorch's names."""

from __future__ import annotations

import math
import pickle
import sys
import warnings
from collections import OrderedDict
from types import FunctionType
from typing import Any

import numpy as np

from ..autograd.variable import TensorBase
from ..backends.device import device as Device
from ..backends.dtype import dtype, from_numpy_dtype
from ..backends.registry import backend_of
from ..nn.parameter import Parameter
from ..ops.shape import contiguous_copy, element_strides
from ..tensor.layout import layout
from ..tensor.size import Size
from ..tensor.tensor import Tensor
from . import rebuild
from .names import torch_name
from .storage import STORAGE_TYPES, TYPE_OF_ELEMENT, StorageType, TypedStorage, UntypedStorage

_PLAIN = frozenset((int, str, float, bool, type(None), dict, list, tuple, bytes, OrderedDict))


class _Reference:
    """A storage's place in the pickle, with the number of elements that its tensor sees."""

    __slots__ = ("identity",)

    def __init__(self, identity: tuple) -> None:
        self.identity = identity


class Storages:
    """The storages of one file: which key each has, and what memory it is."""

    def __init__(self) -> None:
        self.arrays: dict[str, Any] = {}
        self._keys: dict[tuple, str] = {}
        self._types: dict[str, StorageType] = {}

    def place(self, tensor: Any) -> tuple[_Reference, int, tuple[int, ...]]:
        """The storage of ``tensor``, and where in it: offset and strides in elements.

        RuntimeError where the storage was saved with elements of another type, as in PyTorch.
        """
        backend = backend_of(tensor._array)
        with backend.on(backend.device_of(tensor._array)):
            return self._place(tensor)

    def _place(self, tensor: Any) -> tuple[_Reference, int, tuple[int, ...]]:
        array, offset = tensor._array, None
        if array.base is None and tensor._base is None and array.size and array.flags.c_contiguous:
            # Its own memory, as most parameters: half of the time of what follows.
            kind = TYPE_OF_ELEMENT[from_numpy_dtype(array.dtype).name]
            memory = array.reshape(-1).view(np.uint8)
            return self.refer(memory, kind, array.itemsize), 0, element_strides(array)
        # CuPy's as_strided arrays do not know whose memory they show; their tensors do.
        unknown = array.base is None and tensor._base is not None
        memory = _owner(tensor._base._array if unknown else array)
        if memory is not None:
            offset = _elements_between(memory, array)
        if offset is None:
            # No whole piece of memory holds this array: it gets a storage of its own.
            array = memory = contiguous_copy(array)
            offset = 0
        kind = TYPE_OF_ELEMENT[from_numpy_dtype(array.dtype).name]
        reference = self.refer(_bytes_of(memory), kind, array.itemsize)
        strides = element_strides(array) if array.size else _empty_strides(array.shape)
        return reference, offset, strides

    def refer(self, memory: Any, kind: StorageType, itemsize: int) -> _Reference:
        """A reference to the bytes ``memory``."""
        backend = backend_of(memory)
        where = backend.device_of(memory)
        address = (where, backend.data_ptr(memory), memory.size)
        # Empty storages share no memory, whatever their address.
        key = self._keys.get(address) if memory.size else None
        if key is None:
            key = str(len(self.arrays))
            self._keys[address] = key
            self.arrays[key] = memory
            self._types[key] = kind
        elif self._types[key] is not kind:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                "types"
            )
        location = "cpu" if where.type == "cpu" else sys.intern(str(where))
        return _Reference((_TAG, kind, key, location, memory.size // itemsize))


def _empty_strides(shape: tuple) -> tuple[int, ...]:
    """PyTorch's strides of empty tensors, which count empty dimensions as 1."""
    return tuple(math.prod(max(n, 1) for n in shape[i + 1 :]) for i in range(len(shape)))


def _owner(array: Any) -> Any:
    """The array whose memory ``array`` looks at (itself if it owns it); None if it has holes."""
    kind = backend_of(array).array_type
    owner, base = array, array.base
    while base is not None:
        if isinstance(base, kind):
            owner = base
        base = getattr(base, "base", None)
    return owner if _is_dense(owner) else None


def _is_dense(array: Any) -> bool:
    """Whether the elements of ``array`` fill a piece of memory, in any order."""
    if array.flags.c_contiguous:
        return True
    expected = array.itemsize
    for step, n in sorted(zip(array.strides, array.shape, strict=True)):
        if n == 1:
            continue
        if step != expected:
            return False
        expected *= n
    return True


def _elements_between(memory: Any, array: Any) -> int | None:
    """Where ``array`` begins in ``memory``; None where it does not lie on whole elements in it."""
    itemsize = array.itemsize
    if memory.nbytes % itemsize or any(step < 0 or step % itemsize for step in array.strides):
        return None
    if array.size == 0:
        return 0
    backend = backend_of(array)
    distance = backend.data_ptr(array) - backend.data_ptr(memory)
    return None if distance % itemsize else distance // itemsize


def _bytes_of(memory: Any) -> Any:
    """A dense array's memory as uint8 array."""
    if memory.flags.c_contiguous:
        return memory.reshape(-1).view(np.uint8)
    tricks = backend_of(memory).xp.lib.stride_tricks
    flat = tricks.as_strided(memory, (memory.size,), (memory.itemsize,))
    return flat.view(np.uint8)


def _reduce_tensor(tensor: Any, storages: Storages) -> tuple:
    """(function, arguments): how PyTorch makes this tensor again."""
    attributes = rebuild.own_attributes(tensor.__dict__)
    hooks: OrderedDict = OrderedDict()
    if isinstance(tensor, Parameter) and type(tensor) is Parameter:
        data = tensor.data
        if not attributes:
            return rebuild.rebuild_parameter, (data, tensor._rg, hooks)
        return rebuild.rebuild_parameter_with_state, (data, tensor._rg, hooks, attributes)
    if tensor.__dict__.get("_backward_hooks"):
        warnings.warn(
            f"backward hook {next(iter(tensor._backward_hooks.values()))!r} on tensor will not be "
            "serialized.  If this is expected, you can decorate the function with "
            "@torch.utils.hooks.unserializable_hook to suppress this warning",
            stacklevel=2,
        )
    reference, offset, strides = storages.place(tensor)
    size = tuple(tensor._array.shape)
    arguments = (reference, offset, size, strides, tensor.requires_grad, hooks)
    if type(tensor) is Tensor and not attributes:
        return rebuild.rebuild_tensor_v2, arguments
    return rebuild.rebuild_from_type_v2, (
        rebuild.rebuild_tensor_v2,
        type(tensor),
        arguments,
        attributes,
    )


# One string, so that the pickle has it once.
_TAG = "storage"
_SHORT_TUPLES = (pickle.EMPTY_TUPLE, pickle.TUPLE1, pickle.TUPLE2, pickle.TUPLE3)


def _int(number: int) -> bytes:
    """A number that is not negative, in protocol 2."""
    if number < 1 << 8:
        return pickle.BININT1 + bytes((number,))
    if number < 1 << 16:
        return pickle.BININT2 + number.to_bytes(2, "little")
    if number < 1 << 31:
        return pickle.BININT + number.to_bytes(4, "little")
    data = pickle.encode_long(number)
    return pickle.LONG1 + bytes((len(data),)) + data


def _ints(numbers: tuple[int, ...]) -> bytes:
    """A tuple of numbers that are not negative, in protocol 2."""
    parts = b"".join(map(_int, numbers))
    if len(numbers) <= 3:
        return parts + _SHORT_TUPLES[len(numbers)]
    return pickle.MARK + parts + pickle.TUPLE


def make_pickler(pickle_module: Any) -> type:
    """The class that pickles for ``save``, on top of ``pickle_module.Pickler``.

    It must be Python's own or derive from ``pickle._Pickler`` (as dill's does): the one written
    in C cannot write names of modules that do not exist. ValueError for others.
    """
    base = pickle_module.Pickler
    if base is pickle.Pickler:
        base = pickle._Pickler  # type: ignore[attr-defined]
    if not issubclass(base, pickle._Pickler):  # type: ignore[attr-defined]
        raise ValueError(
            f"pickle_module: {pickle_module.__name__}.Pickler must be written in Python (derive "
            "from pickle._Pickler), for it has to write PyTorch's names"
        )
    dispatch = {**base.dispatch, Tensor: _TorchNames.save_tensor}
    return type("TorchPickler", (_TorchNames, base), {"dispatch": dispatch})


class _TorchNames:
    """The part of the pickler that knows tensors and PyTorch's names."""

    def __init__(self, file: Any, storages: Storages, protocol: int) -> None:
        super().__init__(file, protocol=protocol)  # type: ignore[call-arg]
        self._storages = storages
        self._pieces: dict[tuple[StorageType, str], tuple[bytes, bytes, bytes]] = {}

    def persistent_id(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is _Reference:
            return obj.identity
        if kind in (TypedStorage, UntypedStorage):
            return self._reference_to(obj).identity
        return None

    def reducer_override(self, obj: Any) -> Any:
        kind = type(obj)
        if kind is OrderedDict and not obj and not obj.__dict__:
            # What pickle finds out itself, in five times the time: every tensor has one.
            return OrderedDict, ()
        if kind in _PLAIN:
            return NotImplemented
        if kind is Tensor and not obj.__dict__ and self.proto == 2:  # type: ignore[attr-defined]
            return NotImplemented  # the pickler calls save_tensor
        if isinstance(obj, TensorBase):
            return _reduce_tensor(obj, self._storages)
        if kind in (dtype, StorageType, FunctionType):
            # A string makes the pickler call save_global.
            known = torch_name(obj)
            return NotImplemented if known is None else known[1]
        if kind is Size:
            return Size, (tuple(obj),)
        if kind is Device:
            return Device, (obj.type,) if obj.index is None else (obj.type, obj.index)
        if kind is layout:
            return rebuild.get_layout, (f"torch.{obj.name}",)
        return NotImplemented

    def save_tensor(self: Any, tensor: Tensor) -> None:
        """Write a tensor without attributes in protocol 2.

        From the second of its kind on in one piece, which takes a third of the time of a call of
        ``save`` for each of its 20 parts; the bytes are the same.
        """
        reference, offset, strides = self._storages.place(tensor)
        _, kind, key, location, count = reference.identity
        hooks: OrderedDict = OrderedDict()
        size, note = tuple(tensor._array.shape), self._note
        arguments = (reference, offset, size, strides, tensor._rg, hooks)
        pieces = self._pieces.get((kind, location))
        if pieces is None or id(key) in self.memo:
            self.save_reduce(rebuild.rebuild_tensor_v2, arguments, obj=tensor)
            self._pieces[kind, location] = self._known_pieces(kind, location)
            return
        head, place, tail = pieces
        name = key.encode()
        self.write(b"".join((
            head, pickle.BINUNICODE, len(name).to_bytes(4, "little"), name, note(key),
            place, _int(count), pickle.TUPLE, note(reference.identity), pickle.BINPERSID,
            _int(offset), _ints(size), note(size) if size else b"",
            _ints(strides), note(strides) if strides else b"",
            pickle.NEWTRUE if tensor._rg else pickle.NEWFALSE, tail, note(hooks),
            pickle.TUPLE, note(arguments), pickle.REDUCE, note(tensor),
        )))  # fmt: skip

    def _known_pieces(self: Any, kind: StorageType, location: str) -> tuple[bytes, bytes, bytes]:
        """What is the same in all tensors of a kind, once one of them was written."""
        function, tag, element, where, hooks = (
            self.get(self.memo[id(x)][0])
            for x in (rebuild.rebuild_tensor_v2, _TAG, kind, location, OrderedDict)
        )
        head = function + pickle.MARK + pickle.MARK + tag + element
        return head, where, hooks + pickle.EMPTY_TUPLE + pickle.REDUCE

    def _note(self: Any, obj: Any) -> bytes:
        """``memoize``, but what it writes is returned."""
        number = len(self.memo)
        self.memo[id(obj)] = number, obj
        if number < 1 << 8:
            return pickle.BINPUT + bytes((number,))
        return pickle.LONG_BINPUT + number.to_bytes(4, "little")

    def _reference_to(self, storage: Any) -> _Reference:
        """A reference to a storage that is saved as it is, without a tensor."""
        if isinstance(storage, TypedStorage):
            element = storage.dtype
            memory = storage.untyped()._array
            return self._storages.refer(memory, TYPE_OF_ELEMENT[element.name], element.itemsize)
        return self._storages.refer(storage._array, STORAGE_TYPES["UntypedStorage"], 1)

    def save_global(self, obj: Any, name: str | None = None) -> None:
        """Write PyTorch's name of ``obj`` where it has one."""
        known = torch_name(obj)
        if known is None:
            super().save_global(obj, name)  # type: ignore[misc]
            return
        module, name = known
        if self.proto >= 4:  # type: ignore[attr-defined]
            self.save(module)
            self.save(name)
            self.write(pickle.STACK_GLOBAL)  # type: ignore[attr-defined]
        else:
            line = pickle.GLOBAL + f"{module}\n{name}\n".encode()
            self.write(line)  # type: ignore[attr-defined]
        self.memoize(obj)  # type: ignore[attr-defined]
