"""The default floating point type, which Python floats and factory functions get."""

from __future__ import annotations

import numpy as np

_default = np.dtype("float32")


def default_dtype() -> np.dtype:
    """The NumPy dtype of tensors made from Python floats."""
    return _default


def set_default_dtype(numpy_dtype: np.dtype) -> None:
    global _default
    _default = numpy_dtype


def default_complex_dtype() -> np.dtype:
    """The complex dtype whose parts have the default dtype."""
    return np.dtype("complex128" if _default.itemsize == 8 else "complex64")
