"""Histograms in one and in several dimensions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from .op import op
from .operand import is_tensor, require_tensor
from .outputs import takes_out
from .promotion import name_of
from .reduce_arguments import not_implemented
from .registry import FUNCTIONS, public
from .results import histogram as histogram_result
from .results import histogramdd as histogramdd_result


@op(differentiable=())
def count_in_boxes(xp, x, weight, *edges):
    """How many rows of (N, D) lie in each box between D lists of edges, or the sum of weights.

    A box has its lower edges; the last ones have their upper edges too.
    """
    shape = tuple(len(e) - 1 for e in edges)
    box = xp.zeros(len(x), dtype="int64")
    inside = xp.ones(len(x), dtype="bool")
    for d, e in enumerate(edges):
        value = xp.ascontiguousarray(x[:, d])
        place = xp.searchsorted(e, value, side="right") - 1
        place = xp.where(value == e[-1], shape[d] - 1, place)
        inside &= (value >= e[0]) & (value <= e[-1])
        box = box * shape[d] + place
    # What lies outside is counted in one box too many.
    size = math.prod(shape)
    counts = xp.bincount(xp.where(inside, box, size), weight, minlength=size + 1)
    return counts[:size].astype(x.dtype).reshape(shape)


def _check(x: Any, weight: Any) -> None:
    if x.ndim < 2:
        raise RuntimeError("torch.histogramdd: input tensor should have at least 2 dimensions")
    if x._array.dtype.name not in ("float32", "float64"):
        raise not_implemented("histogramdd", x)
    if weight is None:
        return
    if weight._array.dtype != x._array.dtype:
        names = [name_of(t._array.dtype).lower() for t in (x, weight)]
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided, input tensor and weight tensor "
            f"should have the same dtype, but got input({names[0]}), and weight({names[1]})"
        )
    if tuple(weight.shape) != tuple(x.shape[:-1]):
        raise RuntimeError(
            "torch.histogramdd: if weight tensor is provided it should have the same shape as the "
            f"input tensor excluding its innermost dimension, but got input with shape "
            f"{list(x.shape)} and weight with shape {list(weight.shape)}"
        )


def _bounds(rows: Any, range: Sequence[float] | None) -> list[tuple[float, float]]:
    """The outermost edges of every dimension."""
    dims = rows.shape[1]
    if range is not None:
        if len(range) != 2 * dims:
            raise RuntimeError(
                f"torch.histogramdd: for a {dims}-dimensional histogram range should have "
                f"{2 * dims} elements, but got {len(range)}"
            )
        bounds = [(float(a), float(b)) for a, b in zip(range[::2], range[1::2], strict=True)]
    elif rows.shape[0] == 0:
        bounds = [(0.0, 1.0)] * dims
    else:
        low, high = rows.amin(0).tolist(), rows.amax(0).tolist()
        bounds = list(zip(low, high, strict=True))
    for d, (low, high) in enumerate(bounds):
        if not (math.isfinite(low) and math.isfinite(high)):
            raise RuntimeError(
                f"torch.histogramdd: dimension {d}'s range [{low:g}, {high:g}] is not finite"
            )
        if low > high:
            raise RuntimeError(
                f"torch.histogramdd: min should not exceed max, but got min {low:g} max {high:g} "
                f"for dimension {d}"
            )
    return [(a - 0.5, b + 0.5) if a == b else (a, b) for a, b in bounds]


def _checked_edges(x: Any, d: int, edges: Any) -> Any:
    if edges.ndim != 1:
        raise RuntimeError(
            f"torch.histogramdd: bins tensor should have one dimension, but got {edges.ndim} "
            f"dimensions in the bins tensor for dimension {d}"
        )
    if edges._array.dtype != x._array.dtype:
        names = {"Float": "float", "Double": "double", "Long": "long int", "Int": "int"}
        given, wanted = (name_of(t._array.dtype) for t in (edges, x))
        raise RuntimeError(
            "torch.histogramdd: input tensor and bins tensors should have the same dtype, but got "
            f"input with dtype {names.get(wanted, wanted)} and bins for dimension {d} with dtype "
            f"{names.get(given, given)}"
        )
    _check_bins(edges.shape[0] - 1, d)
    return edges


def _check_bins(bins: int, d: int) -> None:
    if bins <= 0:
        raise RuntimeError(f"torch.histogram(): bins must be > 0, but got {bins} for dimension {d}")


def _edges(x: Any, rows: Any, bins: Sequence[Any], range: Any) -> list:
    if all(map(is_tensor, bins)):
        return [_checked_edges(x, d, edges) for d, edges in enumerate(bins)]
    for d, count in enumerate(bins):
        _check_bins(count, d)
    linspace = FUNCTIONS["linspace"]
    options = {"dtype": x.dtype, "device": x.device}
    bounds = _bounds(rows, range)
    return [linspace(*b, n + 1, **options) for b, n in zip(bounds, bins, strict=True)]


def _histogram(x: Any, bins: Sequence[Any], range: Any, weight: Any, density: bool) -> Any:
    _check(x, weight)
    dims = x.shape[-1]
    if len(bins) != dims:
        raise RuntimeError(
            "histogramdd: The size of bins must be equal to the innermost dimension of the input."
        )
    rows = x.detach().reshape((-1, dims))
    edges = _edges(x, rows, bins, range)
    flat = None if weight is None else weight.detach().reshape((-1,))
    counts = count_in_boxes(rows, flat, *edges)
    if density:
        counts = counts / counts.sum()
        for d, e in enumerate(edges):
            widths = e[1:] - e[:-1]
            counts = counts / widths.reshape((1,) * d + (-1,) + (1,) * (dims - d - 1))
    return counts, edges


@public
@takes_out
def histogram(input, bins, *, range=None, weight=None, density=False):
    """``(hist, bin_edges)``: how many elements lie in each bin, or the sum of their weights.

    ``bins`` is a number of equal bins between the bounds ``range`` (those of the input if None),
    or the sorted edges as a tensor. With ``density`` the integral over the bins is 1.

    >>> torch.histogram(torch.tensor([1.0, 2.0, 1.0]), bins=4, range=(0.0, 4.0)).hist
    tensor([0., 2., 1., 0.])
    """
    x = require_tensor("histogram", "input", input).reshape((-1, 1))
    if weight is not None and tuple(weight.shape) == tuple(input.shape):
        weight = weight.reshape((-1,))
    counts, edges = _histogram(x, (bins,), range, weight, density)
    return histogram_result((counts, edges[0]))


@public(method=False)
def histogramdd(input, bins, range=None, weight=None, density=False):
    """``(hist, bin_edges)`` of points (..., D) in D dimensions; the histogram has D dimensions.

    ``bins`` is a number of bins for all dimensions, or one per dimension, or their edges.
    ``range`` lists the lower and the upper bound of every dimension.

    >>> torch.histogramdd(torch.tensor([[0.0, 1.0], [1.0, 0.0]]), bins=[2, 2]).hist
    tensor([[0., 1.],
            [1., 0.]])
    """
    x = require_tensor("histogramdd", "input", input)
    if isinstance(bins, int):
        bins = (bins,) * (x.shape[-1] if x.ndim else 1)
    counts, edges = _histogram(x, tuple(bins), range, weight, density)
    return histogramdd_result((counts, tuple(edges)))
