"""Element types: PyTorch's names over NumPy's dtypes.

A :class:`dtype` is a singleton per NumPy dtype. ``bfloat16`` needs the package ``ml_dtypes``
(extra ``bf16``), which is imported on first use.
"""

from __future__ import annotations

import numpy as np

__all__ = ["DTYPES", "dtype", "finfo", "from_numpy_dtype", "iinfo", "to_numpy_dtype"]

# Rank of the categories of PyTorch's type promotion: bool < integral < floating < complex.
BOOL, INTEGRAL, FLOATING, COMPLEX = range(4)


class dtype:
    """The element type of a tensor, as ``torch.dtype``.

    ``np`` is the NumPy dtype that arrays of this type have, on every device.
    """

    __slots__ = ("name", "np", "itemsize", "category")
    _by_name: dict[str, dtype] = {}

    def __init__(self, name: str, numpy_dtype: np.dtype) -> None:
        self.name = name
        self.np = numpy_dtype
        self.itemsize = numpy_dtype.itemsize
        self.category = _category(numpy_dtype)

    @property
    def is_floating_point(self) -> bool:
        return self.category == FLOATING

    @property
    def is_complex(self) -> bool:
        return self.category == COMPLEX

    @property
    def is_signed(self) -> bool:
        return self.name not in ("bool", "uint8")

    def to_complex(self) -> dtype:
        """The complex type whose parts have this type."""
        if self.is_complex:
            return self
        return DTYPES["complex128" if self.itemsize == 8 else "complex64"]

    def to_real(self) -> dtype:
        """The type of the parts of this complex type."""
        return {"complex64": DTYPES["float32"], "complex128": DTYPES["float64"]}.get(
            self.name, self
        )

    def __repr__(self) -> str:
        return f"{PACKAGE_NAME}.{self.name}"

    def __reduce__(self) -> tuple:
        return _dtype_by_name, (self.name,)

    def __copy__(self) -> dtype:
        return self

    def __deepcopy__(self, memo: dict) -> dtype:
        return self


# What ``repr`` puts before the names of dtypes, sizes and types: printed text is PyTorch's.
PACKAGE_NAME = "torch"


def _category(numpy_dtype: np.dtype) -> int:
    kind = numpy_dtype.kind
    if kind == "b":
        return BOOL
    if kind in "iu":
        return INTEGRAL
    if kind == "c":
        return COMPLEX
    return FLOATING  # 'f', and 'V' for ml_dtypes' bfloat16


_NUMPY_NAMES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "float32", "float64",
    "complex64", "complex128",
)  # fmt: skip

DTYPES: dict[str, dtype] = {name: dtype(name, np.dtype(name)) for name in _NUMPY_NAMES}
_BY_NUMPY: dict[np.dtype, dtype] = {d.np: d for d in DTYPES.values()}

ALIASES = {
    "float": "float32", "double": "float64", "half": "float16", "short": "int16", "int": "int32",
    "long": "int64", "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip


def bfloat16() -> dtype:
    """The brain floating point type; raises ImportError where ``ml_dtypes`` is missing."""
    if "bfloat16" not in DTYPES:
        try:
            import ml_dtypes
        except ImportError as error:
            raise ImportError(
                "bfloat16 needs the package ml_dtypes: pip install 'gradcore[bf16]'"
            ) from error
        numpy_dtype = np.dtype(ml_dtypes.bfloat16)
        DTYPES["bfloat16"] = _BY_NUMPY[numpy_dtype] = dtype("bfloat16", numpy_dtype)
    return DTYPES["bfloat16"]


def _dtype_by_name(name: str) -> dtype:
    return bfloat16() if name == "bfloat16" else DTYPES[name]


def from_numpy_dtype(numpy_dtype: np.dtype) -> dtype:
    """The gradcore dtype of arrays with ``numpy_dtype``; TypeError where there is none."""
    try:
        return _BY_NUMPY[numpy_dtype]
    except KeyError:
        numpy_dtype = np.dtype(numpy_dtype)
    if numpy_dtype.name == "bfloat16":
        return bfloat16()
    native = numpy_dtype.newbyteorder("=")
    if native in _BY_NUMPY and numpy_dtype.isnative:
        return _BY_NUMPY[native]
    raise TypeError(
        f"can't convert np.ndarray of type {numpy_dtype}. The only supported types are: float64, "
        "float32, float16, complex64, complex128, int64, int32, int16, int8, uint8, bool and "
        "ml_dtypes' bfloat16."
    )


_PYTHON_TYPES = {bool: "bool", int: "int64", float: None, complex: "complex64"}


def to_numpy_dtype(value: object, argument: str = "dtype") -> np.dtype:
    """The NumPy dtype of a gradcore dtype or a Python number type, else TypeError."""
    if type(value) is dtype:
        return value.np
    if value in (bool, int, float, complex):
        from .default import default_dtype

        name = _PYTHON_TYPES[value]  # type: ignore[index]
        return default_dtype() if name is None else DTYPES[name].np
    raise TypeError(f"{argument} must be a {PACKAGE_NAME}.dtype, not {type(value).__name__}")


class finfo:
    """Limits of a floating point type (``torch.finfo``)."""

    def __init__(self, type: dtype | None = None) -> None:
        from .default import default_dtype

        chosen = from_numpy_dtype(default_dtype()) if type is None else type
        if not (chosen.is_floating_point or chosen.is_complex):
            raise TypeError(
                f"{PACKAGE_NAME}.finfo() requires a floating point input type. "
                f"Use {PACKAGE_NAME}.iinfo to handle '{PACKAGE_NAME}.finfo'"
            )
        real = chosen.to_real()
        info = _numpy_finfo(real.np)
        self.dtype = real.name
        self.bits = real.itemsize * 8
        self.eps = float(info.eps)
        self.max = float(info.max)
        self.min = float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = float(info.resolution)

    def __repr__(self) -> str:
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, "
            f"dtype={self.dtype})"
        )


def _numpy_finfo(numpy_dtype: np.dtype):
    if numpy_dtype.name == "bfloat16":
        import ml_dtypes

        return ml_dtypes.finfo(numpy_dtype)
    return np.finfo(numpy_dtype)


class iinfo:
    """Limits of an integer type (``torch.iinfo``)."""

    def __init__(self, type: dtype) -> None:
        if type.category != INTEGRAL:
            raise TypeError(
                f"{PACKAGE_NAME}.iinfo() requires an integer input type. "
                f"Use {PACKAGE_NAME}.finfo to handle '{PACKAGE_NAME}.iinfo'"
            )
        info = np.iinfo(type.np)
        self.dtype = type.name
        self.bits = info.bits
        self.min = int(info.min)
        self.max = int(info.max)

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"
