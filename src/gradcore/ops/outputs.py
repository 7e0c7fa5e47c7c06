"""``out=`` for functions that are written without it."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from .promotion import C_NAMES


def takes_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with a keyword ``out`` (a tensor, or a tuple of them) to write into."""

    @functools.wraps(function)
    def call(*args: Any, out: Any = None, **options: Any) -> Any:
        if out is None:
            return function(*args, **options)
        from ..autograd.inplace import write_out

        return write_out(function, out, *args, **options)

    return call


def takes_exact_out(function: Callable[..., Any]) -> Callable[..., Any]:
    """As :func:`takes_out`, for functions that only write into tensors of their result's dtype."""

    @functools.wraps(function)
    def call(*args: Any, out: Any = None, **options: Any) -> Any:
        if out is None:
            return function(*args, **options)
        return write_exact(function, out, *args, **options)

    return call


def write_exact(function: Callable[..., Any], out: Any, *args: Any, **options: Any) -> Any:
    """Write what ``function`` returns into ``out``; RuntimeError for another dtype."""
    from ..autograd.inplace import write_out

    @functools.wraps(function)
    def checked(*args: Any, **options: Any) -> Any:
        result = function(*args, **options)
        several = isinstance(result, tuple)
        for given, made in zip(out, result, strict=True) if several else ((out, result),):
            _check_dtype(given, made)
        return result

    return write_out(checked, out, *args, **options)


def _check_dtype(out: Any, result: Any) -> None:
    given = getattr(getattr(out, "_array", None), "dtype", None)
    if given is not None and given != result._array.dtype:
        raise RuntimeError(
            f"Expected out tensor to have dtype {C_NAMES[result._array.dtype.name]}, but got "
            f"{C_NAMES[given.name]} instead"
        )
