"""PyTorch's type promotion, applied to arrays before an op's body runs.

Operands fall into three classes: tensors with dimensions, 0-d tensors, and Python numbers. A
lower class only matters when its category (bool < integral < floating < complex) is higher than
that of all classes above it (https://docs.pytorch.org/docs/stable/tensor_attributes.html).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from ..backends.default import default_complex_dtype, default_dtype
from ..backends.dtype import BOOL, COMPLEX, FLOATING, INTEGRAL, from_numpy_dtype
from ..backends.registry import backend_of, cast, is_array

_BOOL = np.dtype("bool")
_INT64 = np.dtype("int64")


def category(dtype: np.dtype) -> int:
    kind = dtype.kind
    if kind == "f":
        return FLOATING
    if kind in "iu":
        return INTEGRAL
    if kind == "b":
        return BOOL
    return COMPLEX if kind == "c" else FLOATING


@lru_cache(maxsize=512)
def promote_types(a: np.dtype, b: np.dtype) -> np.dtype:
    """The smallest dtype that both convert to by PyTorch's rules (not NumPy's)."""
    if a == b:
        return a
    first, second = category(a), category(b)
    if first != second:
        high, low = (a, b) if first > second else (b, a)
        if category(high) == COMPLEX and category(low) == FLOATING and low.itemsize == 8:
            return np.dtype("complex128")
        return high
    if first == INTEGRAL:
        return np.promote_types(a, b)
    if first == COMPLEX:
        return a if a.itemsize > b.itemsize else b
    if a.itemsize == b.itemsize:  # float16 with bfloat16
        return np.dtype("float32")
    return a if a.itemsize > b.itemsize else b


def _python_dtype(value: Any) -> np.dtype:
    if isinstance(value, bool):
        return _BOOL
    if isinstance(value, int):
        return _INT64
    if isinstance(value, float):
        return default_dtype()
    return default_complex_dtype()


def result_dtype(operands: Any) -> np.dtype:
    """The dtype an operation on these arrays and Python numbers computes in."""
    by_class: list[np.dtype | None] = [None, None, None]
    for x in operands:
        if is_array(x):
            rank, dtype = (0 if x.ndim else 1), x.dtype
        else:
            rank, dtype = 2, _python_dtype(x)
        held = by_class[rank]
        by_class[rank] = dtype if held is None else promote_types(held, dtype)
    result: np.dtype | None = None
    for dtype in by_class:
        if dtype is None:
            continue
        if result is None:
            result = dtype
        elif category(dtype) > category(result):
            result = _complex_of(dtype, result)
    assert result is not None
    return result


def _complex_of(higher: np.dtype, lower: np.dtype) -> np.dtype:
    """``higher``'s category at ``lower``'s precision: float64 with 1j is complex128."""
    if category(higher) == COMPLEX and category(lower) == FLOATING:
        return promote_types(lower, np.dtype("complex64"))
    return higher


def unify(operands: list, promotion: str, name: str) -> list:
    """Cast the operands of a pointwise op to the dtype that it computes in.

    ``promotion``: "same" (the common dtype), "float" (at least floating point), "compare" (the
    common dtype; the result is bool). Python numbers stay numbers where the dtype is inexact,
    since then NumPy treats them as weakly typed too.
    """
    if _agree(operands) and (promotion != "float" or operands[0].dtype.kind in "fcV"):
        return operands
    arrays = [x for x in operands if is_array(x)]
    dtype = result_dtype([x for x in operands if x is not None])
    if promotion == "float" and category(dtype) < FLOATING:
        dtype = default_dtype()
    weak = category(dtype) >= FLOATING and dtype.kind != "V"
    result: list[Any] = []
    host = arrays[0]
    for x in operands:
        if x is None:
            result.append(x)
        elif is_array(x):
            if type(x) is not type(arrays[0]) or x.dtype != dtype:
                x = cast(x, dtype)
            result.append(x)
        elif weak:
            result.append(x)
        else:
            result.append(as_scalar_array(x, dtype, host))
    return result


def _agree(operands: list) -> bool:
    """Whether all are arrays of one dtype, which most calls find."""
    first = operands[0]
    if not is_array(first):
        return False
    for x in operands:
        if type(x) is not type(first) or x.dtype is not first.dtype:
            return False
    return True


def as_scalar_array(value: Any, dtype: np.dtype, like: Any) -> Any:
    """A Python number as a 0-d array of ``dtype`` on the device of ``like``, wrapping as C does."""
    backend = backend_of(like)
    wide = np.asarray(value)
    if wide.dtype.kind == "O":
        raise RuntimeError("value cannot be converted to type int64_t without overflow")
    with backend.on(backend.device_of(like)):
        return backend.xp.asarray(wide.astype(dtype))


def is_differentiable_dtype(dtype: np.dtype) -> bool:
    return dtype.kind in "fcV"


def can_cast(source: np.dtype, target: np.dtype) -> bool:
    """``torch.can_cast``: not from a higher category, except that integers go anywhere."""
    high, low = category(source), category(target)
    if high == COMPLEX and low != COMPLEX:
        return False
    if high == FLOATING and low < FLOATING:
        return False
    return not (high == INTEGRAL and low == BOOL)


def name_of(dtype: np.dtype) -> str:
    """The dtype's name in PyTorch's error messages ("Float", "Long" …)."""
    return TYPE_NAMES[from_numpy_dtype(dtype).name]


TYPE_NAMES = {
    "float32": "Float", "float64": "Double", "float16": "Half", "bfloat16": "BFloat16",
    "int64": "Long", "int32": "Int", "int16": "Short", "int8": "Char", "uint8": "Byte",
    "bool": "Bool", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip

# What PyTorch's C++ calls them, which a few messages show.
C_NAMES = {
    "float32": "float", "float64": "double", "float16": "c10::Half", "bfloat16": "c10::BFloat16",
    "int64": "long long", "int32": "int", "int16": "short", "int8": "signed char",
    "uint8": "unsigned char", "bool": "bool", "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}  # fmt: skip
