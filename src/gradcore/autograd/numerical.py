"""Finite differences of functions of tensors, for :mod:`gradcore.autograd.gradcheck`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..backends.registry import backend_of, write
from .variable import wrap


def as_tuple(value: Any) -> tuple:
    """A tuple or list as a tuple, anything else as the only element of one."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def host(tensor: Any) -> np.ndarray:
    """The values of a tensor as a NumPy array."""
    return backend_of(tensor._array).to_host(tensor._array)


def is_inexact(tensor: Any) -> bool:
    """Whether the tensor has a floating point or complex dtype."""
    return tensor._array.dtype.kind in "fcV"


def one_hot(like: Any, position: int | None, values: np.ndarray | None = None) -> Any:
    """A vector for an output: zeros, with a one at ``position``, or ``values``."""
    array = like._array
    flat = np.zeros(array.size, array.dtype)
    if values is not None:
        flat[:] = values
    if position is not None:
        flat[position] = 1
    backend = backend_of(array)
    return wrap(backend.from_host(flat.reshape(array.shape), backend.device_of(array)))


def numerical_jacobian(func: Callable, inputs: tuple, index: int, eps: float) -> list[np.ndarray]:
    """The Jacobian of every output with respect to input ``index``."""
    array = inputs[index]._array
    rows = []
    for position in np.ndindex(array.shape):
        direction = np.zeros(array.shape)
        direction[position] = 1.0
        rows.append(_differences(func, inputs, index, direction, eps))
    if rows:
        return [np.stack(columns) for columns in zip(*rows, strict=True)]
    return [np.zeros((0, y._array.size)) for y in as_tuple(func(*inputs))]


def directional_difference(
    func: Callable, inputs: tuple, index: int, direction: tuple, eps: float
) -> list[np.ndarray]:
    """The derivative of every output along a direction of input ``index``.

    ``direction`` is one vector, or for a complex input one along each axis.
    """
    shape = inputs[index]._array.shape
    along = [u.reshape(shape) for u in direction]
    return _differences(func, inputs, index, along[0], eps, along[-1])


def _differences(
    func: Callable,
    inputs: tuple,
    index: int,
    direction: np.ndarray,
    eps: float,
    imaginary_direction: np.ndarray | None = None,
) -> list[np.ndarray]:
    real = _central(func, inputs, index, eps * direction, eps)
    if inputs[index]._array.dtype.kind != "c":
        return real
    if imaginary_direction is None:
        imaginary_direction = direction
    imaginary = _central(func, inputs, index, 1j * eps * imaginary_direction, eps)
    return [a + 1j * b for a, b in zip(real, imaginary, strict=True)]


def _central(
    func: Callable, inputs: tuple, index: int, step: np.ndarray, eps: float
) -> list[np.ndarray]:
    """(f(x + step) - f(x - step)) / (2 eps), the input being moved in place."""
    below = _evaluated(func, inputs, index, -step)
    above = _evaluated(func, inputs, index, step)
    for a, b in zip(below, above, strict=True):
        for what, x, y in (("shape", a.shape, b.shape), ("dtype", a.dtype, b.dtype)):
            if x != y:
                raise AssertionError(
                    f"Expected `func` to return outputs with the same {what} when inputs are "
                    f"perturbed by {eps}, but got: {what}s {x} and {y}."
                )
    return [
        (np.subtract(b, a, dtype=_difference_dtype(a)) / (2 * eps)).reshape(-1)
        for a, b in zip(below, above, strict=True)
    ]


def _difference_dtype(values: np.ndarray) -> Any:
    return values.dtype if values.dtype.kind in "fc" else np.float64


def _evaluated(func: Callable, inputs: tuple, index: int, step: np.ndarray) -> list[np.ndarray]:
    array = inputs[index]._array
    backend = backend_of(array)
    where = backend.device_of(array)
    moved = backend.from_host(step.astype(array.dtype), where)
    with backend.on(where):
        kept = array.copy()
        array[...] = kept + moved
    try:
        return [host(y).copy() for y in as_tuple(func(*inputs))]
    finally:
        write(array, kept)


def random_direction(
    tensor: Any, generator: np.random.Generator, real: bool = False
) -> tuple[np.ndarray, ...]:
    """A positive unit vector, or for a complex tensor one along each axis."""
    array = tensor._array
    count = 2 if array.dtype.kind == "c" and not real else 1
    vectors = [generator.uniform(0, 1, array.size) for _ in range(count)]
    return tuple(v / (np.linalg.norm(v) or 1.0) for v in vectors)


def adjusted_tolerance(atol: float, direction: tuple, weights: np.ndarray) -> float:
    """``atol`` of an entry as that of a combination of entries with these weights."""
    return atol * sum(float(u.sum()) for u in direction) * float(weights.sum())
