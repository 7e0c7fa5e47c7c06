"""Masks in the shape of what they mask, and the values that count for nothing."""

from __future__ import annotations

from typing import Any

from .. import bool as bool_dtype
from .. import broadcast_to, full, iinfo, where
from ..tensor.tensor import Tensor


def axes_of(dim: Any, ndim: int) -> tuple[int, ...]:
    """``dim`` as sorted axes: all of them for None and (); IndexError for one out of range."""
    if dim is None or dim == ():
        return tuple(range(ndim))
    ndim = max(ndim, 1)
    axes: list[int] = []
    for d in (dim,) if isinstance(dim, int) else dim:
        if d in axes:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        if not -ndim <= d < ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-ndim}, {ndim - 1}], but "
                f"got {d})"
            )
        axes.append(d % ndim)
    return tuple(sorted(axes))


def mask_like(input: Tensor, mask: Tensor) -> Tensor:
    """``mask`` as bools in the shape of ``input``; IndexError for one with more dimensions."""
    if mask.dim() > input.dim():
        raise IndexError(
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the "
            "input)"
        )
    return broadcast_to(mask, input.shape).to(dtype=bool_dtype)


def input_mask(input: Tensor, *args: Any, mask: Tensor | None = None, **kwargs: Any) -> Tensor:
    """The mask that a masked function uses of its arguments; ValueError for none."""
    if mask is None:
        raise ValueError("_input_mask requires explicit mask")
    return mask_like(input, mask)


_REDUCTIONS = """
    amax amin argmax argmin logsumexp mean median norm prod std sum var
""".split()
_NORMALIZATIONS = "cumprod cumsum log_softmax normalize softmax softmin".split()


def output_mask(op: Any, input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """Which results of the masked function ``op`` of these arguments anything counts for.

    ValueError for what is none of this package's reductions and normalisations.
    """
    name = getattr(op, "__name__", None)
    if name in _NORMALIZATIONS:
        return input_mask(input, *args, **kwargs)
    if name not in _REDUCTIONS:
        what = f"callable {op.__module__}.{name}" if callable(op) else f"{type(op).__name__} object"
        raise ValueError(f"_output_mask expected masked operation (got {what})")
    dims = args[1:] if name == "norm" else args
    axes = axes_of(dims[0] if dims else kwargs.get("dim"), input.dim())
    result = input_mask(input, *args, **kwargs)
    for axis in reversed(axes):
        result = result.any(axis, bool(kwargs.get("keepdim", False)))
    return result


def masked(input: Tensor, mask: Tensor | None, neutral: Any) -> Tensor:
    """``input`` with ``neutral`` (a number) where ``mask`` is False."""
    if mask is None:
        return input
    value = full((), neutral, dtype=input.dtype, device=input.device)
    return where(mask_like(input, mask), input, value)


def _integer_limits(name: str, input: Tensor) -> Any:
    if input.dtype == bool_dtype:
        raise NotImplementedError(f"identity of {name} on {input.dtype} input")
    return iinfo(input.dtype)


def lowest(name: str, input: Tensor) -> Any:
    """What no maximum takes: -inf, or the least integer; there is none of bools."""
    return float("-inf") if input.is_floating_point() else _integer_limits(name, input).min


def highest(name: str, input: Tensor) -> Any:
    """What no minimum takes: inf, or the greatest integer; there is none of bools."""
    return float("inf") if input.is_floating_point() else _integer_limits(name, input).max
