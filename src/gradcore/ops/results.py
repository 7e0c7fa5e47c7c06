"""PyTorch's named results: ``x.max(0).values``, ``values, indices = x.sort()``."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from typing import Any

from ..backends import dtype as _dtype


class Result(tuple):
    """A tuple whose entries also have names; made from one sequence, like PyTorch's."""

    __slots__ = ()
    _fields: tuple[str, ...] = ()

    def __new__(cls, values: Iterable[Any]) -> Result:
        result = tuple.__new__(cls, values)
        if len(result) != len(cls._fields):
            raise TypeError(
                f"{_dtype.PACKAGE_NAME}.return_types.{cls.__name__}() takes a "
                f"{len(cls._fields)}-sequence ({len(result)}-sequence given)"
            )
        return result

    def __reduce__(self) -> tuple:
        return type(self), (tuple(self),)

    def __repr__(self) -> str:
        entries = ",\n".join(
            f"{name}={value!r}" for name, value in zip(self._fields, self, strict=True)
        )
        return f"{_dtype.PACKAGE_NAME}.return_types.{type(self).__name__}(\n{entries})"


def result_type(name: str, fields: str) -> type[Result]:
    """A :class:`Result` class; it must be kept under ``name`` in this module to be pickled."""
    names = tuple(fields.split())
    members = {
        field: property(operator.itemgetter(i), doc=f"Entry {i}.") for i, field in enumerate(names)
    }
    return type(name, (Result,), {"__slots__": (), "_fields": names, **members})


max = result_type("max", "values indices")
min = result_type("min", "values indices")
aminmax = result_type("aminmax", "min max")
median = result_type("median", "values indices")
nanmedian = result_type("nanmedian", "values indices")
mode = result_type("mode", "values indices")
sort = result_type("sort", "values indices")
topk = result_type("topk", "values indices")
kthvalue = result_type("kthvalue", "values indices")
cummax = result_type("cummax", "values indices")
cummin = result_type("cummin", "values indices")
frexp = result_type("frexp", "mantissa exponent")
geqrf = result_type("geqrf", "a tau")
triangular_solve = result_type("triangular_solve", "solution cloned_coefficient")
slogdet = result_type("slogdet", "sign logabsdet")
svd = result_type("svd", "U S V")
qr = result_type("qr", "Q R")
lu_unpack = result_type("lu_unpack", "P L U")
linalg_eig = result_type("linalg_eig", "eigenvalues eigenvectors")
linalg_eigh = result_type("linalg_eigh", "eigenvalues eigenvectors")
linalg_svd = result_type("linalg_svd", "U S Vh")
linalg_qr = result_type("linalg_qr", "Q R")
linalg_lu = result_type("linalg_lu", "P L U")
linalg_lu_factor = result_type("linalg_lu_factor", "LU pivots")
linalg_lu_factor_ex = result_type("linalg_lu_factor_ex", "LU pivots info")
linalg_ldl_factor = result_type("linalg_ldl_factor", "LD pivots")
linalg_ldl_factor_ex = result_type("linalg_ldl_factor_ex", "LD pivots info")
linalg_cholesky_ex = result_type("linalg_cholesky_ex", "L info")
linalg_inv_ex = result_type("linalg_inv_ex", "inverse info")
linalg_solve_ex = result_type("linalg_solve_ex", "result info")
linalg_slogdet = result_type("linalg_slogdet", "sign logabsdet")
linalg_lstsq = result_type("linalg_lstsq", "solution residuals rank singular_values")
_lu_with_info = result_type("_lu_with_info", "LU pivots info")
histogram = result_type("histogram", "hist bin_edges")
histogramdd = result_type("histogramdd", "hist bin_edges")
