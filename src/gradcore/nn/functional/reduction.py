"""What the losses share: how their elements become one number."""

from __future__ import annotations

import warnings
from typing import Any

from ...ops.promotion import name_of


def legacy_reduction(size_average: bool | None, reduce: bool | None, warn: bool = True) -> str:
    """The reduction that PyTorch 0.4's two arguments mean."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    reduction = ("mean" if size_average else "sum") if reduce else "none"
    if warn:
        warnings.warn(
            "size_average and reduce args will be deprecated, please use "
            f"reduction='{reduction}' instead.",
            stacklevel=4,
        )
    return reduction


def checked_reduction(reduction: str, size_average: bool | None, reduce: bool | None) -> str:
    if size_average is not None or reduce is not None:
        return legacy_reduction(size_average, reduce)
    if reduction not in ("none", "mean", "sum"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def reduced(losses: Any, reduction: str) -> Any:
    if reduction == "none":
        return losses
    return losses.mean() if reduction == "mean" else losses.sum()


def reject_integers(name: str, *tensors: Any) -> None:
    """NotImplementedError where all tensors hold integers."""
    dtypes = [t._array.dtype for t in tensors]
    if all(d.kind in "iub" for d in dtypes):
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{name_of(dtypes[0])}'")
