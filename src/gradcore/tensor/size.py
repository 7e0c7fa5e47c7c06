"""``gradcore.Size``: the shape of a tensor."""

from __future__ import annotations

import math
from typing import Any


class Size(tuple):
    """A tuple of ints with ``numel()``; slices and sums of Sizes are Sizes."""

    __slots__ = ()

    def numel(self) -> int:
        """The number of elements of a tensor of this shape."""
        return math.prod(self)

    def __getitem__(self, index: Any) -> Any:
        result = tuple.__getitem__(self, index)
        return Size(result) if isinstance(index, slice) else result

    def __add__(self, other: tuple) -> Size:  # type: ignore[override]
        return Size(tuple.__add__(self, other))

    def __radd__(self, other: tuple) -> Size:
        return Size(tuple(other) + tuple(self))

    def __mul__(self, times: Any) -> Size:
        return Size(tuple.__mul__(self, times))

    __rmul__ = __mul__

    def __repr__(self) -> str:
        return f"{_package()}.Size({list(self)})"

    def __reduce__(self) -> tuple:
        return Size, (tuple(self),)


def _package() -> str:
    from ..backends import dtype

    return dtype.PACKAGE_NAME
