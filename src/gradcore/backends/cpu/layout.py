"""How operands of different shapes and strides are walked together: few, long dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def memory_order(array: np.ndarray) -> tuple[int, ...]:
    """The axes from the largest stride to the smallest; (0, 1, ...) for a C-contiguous array."""
    return tuple(sorted(range(array.ndim), key=lambda axis: -abs(array.strides[axis])))


def is_dense(array: np.ndarray) -> bool:
    """Whether the elements fill a block of memory, in any order of the axes, without gaps."""
    if array.flags.forc:
        return True
    expected = array.itemsize
    for axis in reversed(memory_order(array)):
        if array.shape[axis] != 1:
            if array.strides[axis] != expected:
                return False
            expected *= array.shape[axis]
    return True


def common_order(arrays: Sequence[np.ndarray]) -> tuple[int, ...]:
    """The order of the axes in memory where all arrays agree and are dense, else C order."""
    first = arrays[0]
    in_c_order = tuple(range(first.ndim))
    if first.flags.c_contiguous or not is_dense(first):
        return in_c_order
    if any(other.strides != _rescaled(first, other.itemsize) for other in arrays[1:]):
        return in_c_order
    return memory_order(first)


def _rescaled(array: np.ndarray, itemsize: int) -> tuple[int, ...]:
    return tuple(stride // array.itemsize * itemsize for stride in array.strides)


def coalesce(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Views of arrays of one shape with as few dimensions as their strides allow.

    Neighbouring axes are merged where every array steps through them evenly (a broadcast one
    with stride 0). The views have the same elements in the same order.
    """
    shape = arrays[0].shape
    merged: list[int] = []
    last = -1  # the axis that the newest merged dimension ends with
    for axis, length in enumerate(shape):
        if length == 1:
            continue
        if merged and all(a.strides[last] == a.strides[axis] * length for a in arrays):
            merged[-1] *= length
        else:
            merged.append(length)
        last = axis
    if len(merged) == len(shape):
        return list(arrays)
    return [a.reshape(merged) for a in arrays]
