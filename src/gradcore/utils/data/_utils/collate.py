"""Making batches of samples: ``default_collate`` and ``default_convert``."""

from __future__ import annotations

import collections.abc
import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from ....autograd.variable import TensorBase
from ....backends.dtype import DTYPES
from ....ops.registry import FUNCTIONS
from ....tensor.creation import tensor
from ....tensor.tensor import Tensor

_UNKNOWN = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)


def _is_text_or_object(array: Any) -> bool:
    return array.dtype.kind in "SaUO"


def _rebuilt(original: Any, changed: Any, fallback: type) -> Any:
    """``changed`` (a dict or a list) in a container like ``original``; in a plain one if it has
    no suitable ``copy``, item assignment or constructor."""
    clone: Any
    try:
        if isinstance(original, collections.abc.MutableMapping):
            clone = copy.copy(original)
            clone.update(changed)
            return clone
        if isinstance(original, collections.abc.MutableSequence):
            clone = copy.copy(original)
            for i, value in enumerate(changed):
                clone[i] = value
            return clone
        return type(original)(changed)
    except TypeError:
        return fallback(changed)


def default_convert(data: Any) -> Any:
    """NumPy arrays and numbers inside ``data`` as tensors; everything else as it is.

    >>> import numpy as np
    >>> torch.utils.data.default_convert({"a": np.array([1, 2])})
    {'a': tensor([1, 2])}
    """
    if isinstance(data, TensorBase):
        return data
    if isinstance(data, (np.ndarray, np.generic)) and not isinstance(data, (np.str_, np.bytes_)):
        return data if _is_text_or_object(data) else FUNCTIONS["as_tensor"](data)
    if isinstance(data, collections.abc.Mapping):
        return _rebuilt(data, {key: default_convert(data[key]) for key in data}, dict)
    if isinstance(data, tuple):
        converted = [default_convert(d) for d in data]
        return type(data)(*converted) if hasattr(data, "_fields") else converted
    if isinstance(data, collections.abc.Sequence) and not isinstance(data, (str, bytes)):
        return _rebuilt(data, [default_convert(d) for d in data], list)
    return data


def collate(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """A batch of samples: by the function for their type in ``collate_fn_map``, else nested.

    Dicts, tuples and lists are collated entry by entry. RuntimeError for lists of different
    length, TypeError for samples of an unknown type.
    """
    first = batch[0]
    function = _function_for(first, collate_fn_map or {})
    if function is not None:
        return function(batch, collate_fn_map=collate_fn_map)

    def inner(samples: Any) -> Any:
        return collate(samples, collate_fn_map=collate_fn_map)

    if isinstance(first, collections.abc.Mapping):
        return _rebuilt(first, {key: inner([d[key] for d in batch]) for key in first}, dict)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return type(first)(*map(inner, zip(*batch, strict=False)))
    if isinstance(first, collections.abc.Sequence):
        if any(len(sample) != len(first) for sample in batch):
            raise RuntimeError("each element in list of batch should be of equal size")
        columns = [inner(samples) for samples in zip(*batch, strict=False)]
        return columns if isinstance(first, tuple) else _rebuilt(first, columns, list)
    raise TypeError(_UNKNOWN.format(type(first)))


def _function_for(value: Any, functions: dict) -> Callable | None:
    exact = functions.get(type(value))
    if exact is not None:
        return exact
    return next((f for kind, f in functions.items() if isinstance(value, kind)), None)


def collate_tensor_fn(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """Tensors of one shape, stacked (RuntimeError for different ones)."""
    return FUNCTIONS["stack"](list(batch), 0)


def collate_numpy_array_fn(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """NumPy arrays as one tensor; TypeError for arrays of text or objects."""
    if _is_text_or_object(batch[0]):
        raise TypeError(_UNKNOWN.format(batch[0].dtype))
    as_tensor = FUNCTIONS["as_tensor"]
    return collate([as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """NumPy numbers as a tensor of their dtype."""
    return FUNCTIONS["as_tensor"](np.array(batch))


def collate_float_fn(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """Python floats as a float64 tensor."""
    return tensor(list(batch), dtype=DTYPES["float64"])


def collate_int_fn(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """Python ints (or bools) as an int64 (bool) tensor."""
    return tensor(list(batch))


def collate_str_fn(batch: Any, *, collate_fn_map: dict | None = None) -> Any:
    """Text stays as it is."""
    return batch


default_collate_fn_map: dict[Any, Callable] = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch: Any) -> Any:
    """A batch of samples: numbers, arrays and tensors become tensors with a new first dimension;
    text stays a list; dicts, tuples and lists are collated inside.

    >>> torch.utils.data.default_collate([(1, 2.0), (3, 4.0)])
    [tensor([1, 3]), tensor([2., 4.], dtype=torch.float64)]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
