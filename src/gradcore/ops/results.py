"""PyTorch's named results: ``x.max(0).values``, ``values, indices = x.sort()``."""

from __future__ import annotations

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
        field: property(lambda self, i=i: self[i], doc=f"Entry {i}.")
        for i, field in enumerate(names)
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
