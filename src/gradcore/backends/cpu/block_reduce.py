"""Reductions that do more per element than read it: variance, logsumexp, norms.

They run block by block, over the threads: what is computed from a block stays in the L2 cache until
it is summed up, so that memory is read once. 16-bit floats are computed with in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from math import prod as product_of
from typing import Any

import numpy as np

from .blocks import (
    block_size,
    direct_broadcast,
    exponential_sums,
    is_half,
    map_blocks,
    row_products,
    row_sums,
)
from .reduce import (
    Axes,
    Kernel,
    accurate_sum,
    amax,
    amin,
    block_extremes,
    finished,
    normalised,
    reduce_parts,
    trailing_axes,
)

_FLOAT32 = np.dtype(np.float32)
# Elements that are reduced at once where a block is read more than once.
_BLOCK = 131_072
# Elements that are worth waking a thread for, where each takes 0.5 ns.
_GRAIN = 1_000_000


def _work_dtype(x: np.ndarray) -> np.dtype:
    return _FLOAT32 if is_half(x.dtype) else x.dtype


def _is_line_by_line(x: np.ndarray, axes: tuple[int, ...]) -> bool:
    """Whether blocks of whole results are long stretches of memory."""
    count = product_of(x.shape[axis] for axis in axes)
    some_kept = len(axes) < x.ndim
    return some_kept and x.size > 0 and count <= 2 * _BLOCK and (x.ndim - 1 in axes or count < 64)


def _of_lines(x: np.ndarray, axes: tuple[int, ...], results: list, kernel: Callable) -> None:
    """Fill `results` with those of `kernel(block, axes)`, block by block along a kept axis."""
    axis = max((a for a in range(x.ndim) if a not in axes), key=lambda a: x.shape[a])
    before = (slice(None),) * axis

    def work(start: int, stop: int) -> None:
        where = (*before, slice(start, stop))
        for result, value in zip(results, kernel(x[where], axes), strict=True):
            result[where] = value

    map_blocks(work, x.shape[axis], x.size // x.shape[axis], _GRAIN)


def _of_pieces(x: np.ndarray, axes: tuple[int, ...], kernel: Callable) -> tuple[list, int, int]:
    """`kernel(block, axes)` of blocks along the longest reduced axis, that axis, and their length.

    Every block but the last has that length.
    """
    axis = max(axes, key=lambda a: x.shape[a])
    step = max(1, block_size(x.size, _GRAIN) * x.shape[axis] // x.size)
    starts = range(0, x.shape[axis], step)
    found: list[Any] = [None] * len(starts)
    before = (slice(None),) * axis

    def work(first: int, last: int) -> None:
        for i in range(first, last):
            found[i] = kernel(x[(*before, slice(starts[i], starts[i] + step))], axes)

    map_blocks(work, len(starts), x.size // len(starts), _GRAIN)
    return found, axis, step


def _combined(kernel: Kernel, x: np.ndarray, axes: tuple[int, ...], merge: Kernel) -> np.ndarray:
    """`kernel` over `axes`, which stay with length 1; `merge` reduces the results of pieces."""
    if x.size <= _BLOCK or not axes:
        return kernel(x, axes)
    if _is_line_by_line(x, axes):
        shape = tuple(1 if axis in axes else length for axis, length in enumerate(x.shape))
        result = np.empty(shape, _work_dtype(x))
        _of_lines(x, axes, [result], lambda block, axes: [kernel(block, axes)])
        return result
    if len(axes) == x.ndim and x.ndim > 1 and x.flags.c_contiguous:
        return _combined(kernel, x.reshape(-1), (0,), merge).reshape((1,) * x.ndim)
    found, axis, _ = _of_pieces(x, axes, kernel)
    return merge(np.concatenate(found, axis=axis), (axis,))


# ------------------------------------------------------------------------------ variance


def var_mean(xp: Any, x: np.ndarray, *, axes: Axes, correction: float, keepdims: bool) -> Any:
    """The variance and the mean over `axes`, of a real floating array.

    Each block is read from memory once and then from cache: its mean, then the squares of what is
    left. Blocks are merged by Chan, Golub and LeVeque's formula (1983). The variance is the sum of
    squares divided by `max(count - correction, 0)`.
    """
    if x.dtype.kind == "c" or not x.ndim:
        return NotImplemented
    axes = normalised(axes, x.ndim)
    count = product_of([x.shape[axis] for axis in axes])
    centre, squares = _moments(x, axes)
    variance = squares / np.asarray(max(count - correction, 0), squares.dtype)
    return tuple(
        finished(result, axes, keepdims).astype(x.dtype, copy=False)
        for result in (variance, centre)
    )


def std_mean(xp: Any, x: np.ndarray, *, axes: Axes, correction: float, keepdims: bool) -> Any:
    """The standard deviation and the mean over `axes`, of a real floating array."""
    result = var_mean(xp, x, axes=axes, correction=correction, keepdims=keepdims)
    if result is NotImplemented:
        return result
    return np.sqrt(result[0]), result[1]


def _moments(x: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The mean and the sum of squared deviations, with the axes kept as length 1."""
    if x.size <= _BLOCK or not axes:
        return _block_moments(x, axes)
    if _is_line_by_line(x, axes):
        shape = tuple(1 if axis in axes else length for axis, length in enumerate(x.shape))
        results = [np.empty(shape, _work_dtype(x)) for _ in range(2)]
        _of_lines(x, axes, results, _block_moments)
        return results[0], results[1]
    if len(axes) == x.ndim and x.ndim > 1 and x.flags.c_contiguous:
        centre, squares = _moments(x.reshape(-1), (0,))
        return centre.reshape((1,) * x.ndim), squares.reshape((1,) * x.ndim)
    return _merged_moments(x, axes)


def _flat_moments(x: np.ndarray, shape: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The moments of all elements of a dense array, in a third of the time of the general way."""
    centre = row_sums(x) / x.dtype.type(x.size)
    deviation = np.subtract(x, centre)
    squares = row_products(deviation, deviation)
    return np.asarray(centre).reshape(shape), np.asarray(squares).reshape(shape)


def _block_moments(block: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    if len(axes) == block.ndim and block.flags.c_contiguous and block.dtype.char in "fd":
        return _flat_moments(block.reshape(-1), (1,) * block.ndim)
    block = block.astype(_work_dtype(block), copy=False)
    if not axes:
        return block.copy(), np.where(np.isfinite(block), 0, np.nan).astype(block.dtype)
    centre = accurate_sum(block, axes, block.dtype)
    centre /= product_of(block.shape[axis] for axis in axes)
    with direct_broadcast(block.shape[-1]):
        deviation = np.subtract(block, centre)
    return centre, _sum_of_squares(deviation, axes)


def _sum_of_squares(block: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    trailing = trailing_axes(block, axes)
    if not trailing:
        return accurate_sum(np.multiply(block, block), axes, block.dtype)
    rows = block.reshape(*block.shape[: block.ndim - trailing], -1)
    squares = row_products(rows, rows).reshape(*rows.shape[:-1], *(1,) * trailing)
    axes = axes[: len(axes) - trailing]
    return accurate_sum(squares, axes, block.dtype) if axes else squares


def _merged_moments(x: np.ndarray, axes: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The moments of blocks along the longest reduced axis, merged."""
    found, axis, step = _of_pieces(x, axes, _block_moments)
    centres = np.concatenate([centre for centre, _ in found], axis=axis)
    squares = np.concatenate([square for _, square in found], axis=axis)
    length = x.shape[axis]
    lengths = np.full(len(found), step)
    lengths[-1] = length - step * (len(found) - 1)
    weights = (lengths / length).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    centre = np.sum(centres * weights, axis=axis, keepdims=True)
    share = product_of(x.shape[a] for a in axes) * weights
    between = np.sum((centres - centre) ** 2 * share, axis=axis, keepdims=True)
    total = np.sum(squares, axis=axis, keepdims=True, dtype=between.dtype) + between
    return centre.astype(centres.dtype), total.astype(squares.dtype)


# ----------------------------------------------------------------------------- logsumexp


def logsumexp(xp: Any, x: np.ndarray, *, axes: Axes, keepdims: bool) -> np.ndarray:
    """log(sum(exp(x))) over `axes` of a real floating array, without overflow."""
    if x.dtype.kind not in "fV" or not x.ndim:
        return NotImplemented
    axes = normalised(axes, x.ndim)
    result = _combined(_block_logsumexp, x, axes, _block_logsumexp)
    return finished(result, axes, keepdims).astype(x.dtype, copy=False)


def _block_logsumexp(block: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    block = block.astype(_work_dtype(block), copy=False)
    if axes and block.size:
        scratch = np.empty(block.shape, block.dtype)
        total = exponential_sums(block, scratch, lambda x: accurate_sum(x, axes, x.dtype))
        if total is not None:
            return np.log(total, total)
    highest = block_extremes(np.maximum, block, axes) if block.size else np.zeros((), block.dtype)
    # Where all are -inf, or one is inf, the difference would be nan.
    highest = np.where(np.isinf(highest), block.dtype.type(0), highest)
    shifted = np.subtract(block, highest)
    np.exp(shifted, shifted)
    total = accurate_sum(shifted, axes, block.dtype) if axes else shifted
    np.log(total, total)
    return np.add(total, highest, total)


# --------------------------------------------------------------------------------- norms


def vector_norm(xp: Any, x: np.ndarray, *, p: float, axes: Axes, keepdims: bool) -> np.ndarray:
    """``sum(|x| ** p) ** (1 / p)`` over `axes` of a real floating array, with its limits."""
    if x.dtype.kind not in "fV" or not x.ndim:
        return NotImplemented
    if math.isinf(p):
        return _extreme_size(x, p, axes, keepdims)
    if p == 2 and x.size <= _BLOCK and axes is None and x.flags.c_contiguous:
        if x.dtype.char in "fd" and not keepdims:
            flat = x.reshape(-1)
            return np.sqrt(flat.dot(flat))
    axes = normalised(axes, x.ndim)
    if p == 2 and trailing_axes(x, axes) and not is_half(x.dtype):
        return np.sqrt(reduce_parts(x, axes, keepdims, _sum_of_squares, _plain_sum))
    total = _combined(_powers(p), x, axes, _plain_sum)
    if p == 2:
        total = np.sqrt(total)
    elif p not in (0, 1):
        total = np.power(total, total.dtype.type(1 / p))
    return finished(total, axes, keepdims).astype(x.dtype, copy=False)


def _extreme_size(x: np.ndarray, p: float, axes: Axes, keepdims: bool) -> np.ndarray:
    """The largest size from the extremes of x, without an array of sizes; or the smallest."""
    if p < 0:
        return amin(np, np.abs(x), axes=axes, keepdims=keepdims)
    highest = amax(np, x, axes=axes, keepdims=keepdims)
    return np.maximum(highest, -amin(np, x, axes=axes, keepdims=keepdims))


def _powers(p: float) -> Kernel:
    """The kernel that sums up ``|x| ** p`` of a block."""

    def term(block: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
        block = block.astype(_work_dtype(block), copy=False)
        if p == 2 and axes:
            return _sum_of_squares(block, axes)
        size = (block != 0).astype(block.dtype) if p == 0 else np.abs(block)
        if p not in (0, 1):
            np.power(size, size.dtype.type(p), size)
        return accurate_sum(size, axes, block.dtype) if axes else size

    return term


def _plain_sum(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    return accurate_sum(x, axes, x.dtype)


OVERRIDES: dict[str, Callable[..., Any]] = {
    "logsumexp": logsumexp,
    "std_mean": std_mean,
    "var_mean": var_mean,
    "vector_norm": vector_norm,
}
