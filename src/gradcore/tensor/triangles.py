"""Where the triangles of a matrix are."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backends.dtype import to_numpy_dtype
from ..ops.promotion import name_of
from ..ops.registry import public
from .creation import place


def _triangle_indices(name: str, find: Any, doc: str) -> Any:
    def function(row, col, offset=0, *, dtype=None, device=None, layout=None):
        for what, n in (("row", row), ("col", col)):
            if n < 0:
                raise RuntimeError(f"{what} must be non-negative, got{n}")
        return place(np.stack(find(row, offset, col)).astype(_index_dtype(name, dtype)), device)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = doc
    return public(method=False)(function)


def _index_dtype(name: str, dtype: Any) -> np.dtype:
    if dtype is None:
        return np.dtype("int64")
    numpy_dtype = to_numpy_dtype(dtype)
    if numpy_dtype.name not in ("int64", "int32"):
        raise NotImplementedError(f"\"{name}\" not implemented for '{name_of(numpy_dtype)}'")
    return numpy_dtype


tril_indices = _triangle_indices(
    "tril_indices",
    np.tril_indices,
    "Row and column numbers, (2, n), of the lower triangle of a row x col matrix.",
)
triu_indices = _triangle_indices(
    "triu_indices",
    np.triu_indices,
    "Row and column numbers, (2, n), of the upper triangle of a row x col matrix.",
)
