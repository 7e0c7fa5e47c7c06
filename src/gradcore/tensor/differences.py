"""Derivatives estimated from samples: gradient."""

from __future__ import annotations

from numbers import Number
from typing import Any

from ..ops.arguments import invalid_combination, tensor_sequence
from ..ops.joining import cat
from ..ops.operand import normalize_dims, require_tensor
from ..ops.registry import public
from .tensor import Tensor

_SPACINGS = ("Number", "tuple of Scalars", "tuple of Tensors")
_EXPECTED = [
    f"Tensor input, *, {spacing}{dim}, int edge_order = 1"
    for spacing in ("", *(f"{kind} spacing, " for kind in _SPACINGS))
    for dim in ("tuple of ints dim", "int dim = None")
]  # fmt: skip


@public(method=False)
def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """The partial derivatives along ``dim`` (all dims if None) of a function sampled by ``input``.

    Central differences inside, one-sided ones of order ``edge_order`` (1 or 2) at both ends.

    Args:
        spacing: the distance between samples (one number, or one per dim), or a list with the
            coordinates of the samples along each dim, as 1-d tensors.

    Returns:
        A tuple of tensors in the shape of ``input``, one per dim.

    Raises:
        RuntimeError: for another order, uint8, dims shorter than ``edge_order + 1``, or another
            number of spacings than of dims.

    >>> torch.gradient(torch.tensor([1.0, 2.0, 4.0, 8.0]), spacing=0.5)
    (tensor([2., 3., 6., 8.]),)
    """
    require_tensor("gradient", "input", input)
    if edge_order not in (1, 2):
        raise RuntimeError("torch.gradient only supports edge_order=1 and edge_order=2.")
    if input._array.dtype.name == "uint8":
        raise RuntimeError("torch.gradient does not support uint8 input.")
    given = tuple(range(input.ndim)) if dim is None else dim
    dims = normalize_dims(given, input.ndim)
    if any(input.shape[d] < edge_order + 1 for d in dims):
        raise RuntimeError(
            "torch.gradient expected each dimension size to be at least edge_order+1"
        )
    return tuple(
        _along(input, d, steps, edge_order)
        for d, steps in zip(dims, _steps(input, spacing, dims, dim is not None), strict=True)
    )


def _steps(input: Tensor, spacing: Any, dims: tuple[int, ...], chosen: bool) -> list[Any]:
    """For each dim the distance of neighbours: a number, or a tensor with one for each pair."""
    if isinstance(spacing, Tensor) and spacing.ndim == 0:
        spacing = spacing.item()
    if spacing is None or isinstance(spacing, Number):
        return [1 if spacing is None else spacing] * len(dims)
    if not isinstance(spacing, (list, tuple)):
        raise invalid_combination("gradient", (input,), {"spacing": spacing}, _EXPECTED)
    if len(spacing) != len(dims):
        raise RuntimeError(_wrong_length(len(spacing), len(dims), chosen))
    if all(isinstance(at, Number) for at in spacing):
        return list(spacing)
    return [_distances(at) for at in tensor_sequence("gradient", spacing, "spacing")]


def _wrong_length(given: int, wanted: int, chosen: bool) -> str:
    if chosen:
        return (
            "torch.gradient expected spacing to be unspecified, a scalar or it's spacing and dim "
            f"arguments to have the same length, but got a spacing argument of length {given} and "
            f"a dim argument of length {wanted}."
        )
    return (
        "torch.gradient expected spacing to be unspecified, a scalar, or a list of length equal to "
        f"'self.dim() = {wanted}', since dim argument was not given, but got a list of length "
        f"{given}"
    )


def _distances(at: Tensor) -> Tensor:
    """Between the coordinates of neighbours."""
    if at.ndim != 1:
        raise RuntimeError(
            "torch.gradient expected each element of spacing to have one dimension, but got an "
            f"element with {at.ndim} dimensions!"
        )
    return at[1:] - at[:-1]


def _along(input: Tensor, dim: int, steps: Any, edge_order: int) -> Tensor:
    """The derivative along one dim, from differences and their distances there."""
    x = input.movedim(dim, -1)
    slopes = (x[..., 1:] - x[..., :-1]) / steps
    if isinstance(steps, Number):
        left = right = 0.5
    else:
        both = steps[1:] + steps[:-1]
        left, right = steps[1:] / both, steps[:-1] / both
    inside = slopes[..., :-1] * left + slopes[..., 1:] * right
    first, last = slopes[..., :1], slopes[..., -1:]
    if edge_order == 2:
        # The slope at an end: twice that of the first interval less that of its far end.
        first, last = first * 2 - inside[..., :1], last * 2 - inside[..., -1:]
    return cat([first, inside, last], -1).movedim(-1, dim)
