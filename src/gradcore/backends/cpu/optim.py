"""Optimizer steps over all parameters at once, in place.

Big arrays are cut into tiles that stay in the L2 cache through all passes of a step; threads share
the tiles. A pass ``y = a * x + b * y`` is one call of the BLAS that NumPy brings, which halves the
number of passes: NumPy alone needs two and a scratch array for it.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import blas
from .threads import parallel_for

Arrays = Sequence[np.ndarray]

# Elements per tile: a step of Adam touches five arrays of it, 640 KB in float32.
_TILE = 32768
# Below this the BLAS call's 0.9 us cost more than the passes it saves.
_SMALL = 2048

_AXPBY_NAMES = (
    "scipy_cblas_{}axpby64_",
    "scipy_cblas_{}axpby",
    "cblas_{}axpby64_",
    "cblas_{}axpby",
)


def _find_axpby(letter: str, real: Any) -> Callable[..., None] | None:
    """``axpby(n, a, x, 1, b, y, 1)`` of the BLAS for float32 ("s") or float64 ("d")."""
    for library in blas._candidate_libraries():
        for name in _AXPBY_NAMES:
            function = getattr(library, name.format(letter), None)
            if function is not None:
                size = ctypes.c_int64 if name.endswith("64_") else ctypes.c_int
                pointer = ctypes.c_void_p
                function.argtypes = [size, real, pointer, size, real, pointer, size]
                function.restype = None
                return function
    return None


_AXPBY = {
    np.dtype("float32"): _find_axpby("s", ctypes.c_float),
    np.dtype("float64"): _find_axpby("d", ctypes.c_double),
}


class _Scratch(threading.local):
    """Two arrays of one tile per thread and dtype."""

    def __init__(self) -> None:
        self.held: dict[np.dtype, tuple[np.ndarray, np.ndarray]] = {}

    def get(self, dtype: np.dtype, size: int) -> list[np.ndarray]:
        pair = self.held.get(dtype)
        if pair is None:
            pair = self.held[dtype] = (np.empty(_TILE, dtype), np.empty(_TILE, dtype))
        return [array[:size] for array in pair]


_scratch = _Scratch()


class _Tile:
    """Parts of the arrays of one parameter, with two scratch arrays, for one pass after another."""

    __slots__ = ("arrays", "addresses", "size", "scratch", "axpby_kernel")

    def __init__(self, arrays: list, addresses: list[int], scratch: list, kernel: Any) -> None:
        self.arrays = arrays
        self.addresses = addresses
        self.size = arrays[0].size
        self.scratch = scratch
        self.axpby_kernel = kernel

    def axpby(self, a: float, x: int, b: float, y: int) -> None:
        """``y = a * x + b * y`` of the arrays number x and y."""
        kernel = self.axpby_kernel
        if kernel is not None:
            kernel(self.size, a, self.addresses[x], 1, b, self.addresses[y], 1)
            return
        target, spare = self.arrays[y], self.scratch[1]
        np.multiply(self.arrays[x], a, out=spare)
        if b != 1:
            np.multiply(target, b, out=target)
        np.add(target, spare, out=target)


def _run(columns: list[Arrays], passes: Callable[[_Tile], None]) -> None:
    """Call ``passes`` with tiles that together cover all parameters."""
    dtype = columns[0][0].dtype
    kernel = _AXPBY.get(dtype)
    tiles: list[tuple[list, list, int, int]] = []
    for arrays in zip(*columns, strict=True):
        size = arrays[0].size
        if size < _SMALL or not all(a.flags.c_contiguous for a in arrays):
            _run_whole(list(arrays), passes)
            continue
        flat = [a.reshape(-1) for a in arrays]
        addresses = [a.ctypes.data for a in flat] if kernel is not None else []
        tiles += [(flat, addresses, at, min(at + _TILE, size)) for at in range(0, size, _TILE)]

    def work(first: int, last: int) -> None:
        itemsize = dtype.itemsize
        for flat, addresses, start, stop in tiles[first:last]:
            parts = [a[start:stop] for a in flat]
            scratch = _scratch.get(dtype, stop - start)
            places = [address + start * itemsize for address in addresses]
            if addresses:
                places.append(scratch[0].ctypes.data)
            passes(_Tile([*parts, scratch[0]], places, scratch, kernel))

    if tiles:
        with blas.single_threaded():
            parallel_for(work, len(tiles), 1, uses_blas=False)


def _run_whole(arrays: list[np.ndarray], passes: Callable[[_Tile], None]) -> None:
    """One parameter in plain NumPy: small, or not contiguous."""
    first = arrays[0]
    scratch = [np.empty_like(first), np.empty_like(first)]
    passes(_Tile([*arrays, scratch[0]], [], scratch, None))


def _fits(columns: list[Arrays]) -> bool:
    """Whether all arrays are real, floating, and of one dtype."""
    dtype = columns[0][0].dtype
    if dtype.kind not in "fV":
        return False
    return all(array.dtype == dtype for column in columns for array in column)


def sgd(
    parameters: Arrays,
    gradients: Arrays,
    buffers: Arrays | None,
    *,
    lr: float,
    momentum: float = 0,
    dampening: float = 0,
    weight_decay: float = 0,
    nesterov: bool = False,
    maximize: bool = False,
    first: bool = False,
) -> bool:
    """A step of ``torch.optim.SGD``; ``buffers`` are the momentum buffers, None without momentum.

    ``first`` says that the buffers are still empty. Returns False, with nothing done, where the
    arrays are not real and floating, or differ in dtype.
    """
    columns = [parameters, gradients] + ([] if buffers is None else [buffers])
    if not _fits(columns):
        return False
    sign = -1.0 if maximize else 1.0
    shrink = 1.0 - lr * weight_decay

    def plain(tile: _Tile) -> None:
        tile.axpby(-lr * sign, 1, shrink, 0)

    def with_buffer(tile: _Tile) -> None:
        if first:
            np.multiply(tile.arrays[1], sign, out=tile.arrays[2])
            rest = 1.0
        else:
            rest = 1 - dampening
            tile.axpby(rest * sign, 1, momentum, 2)
        if weight_decay:
            tile.axpby(rest * weight_decay, 0, 1.0, 2)
        if nesterov:
            tile.axpby(-lr * sign, 1, shrink, 0)
            tile.axpby(-lr * momentum, 2, 1.0, 0)
        else:
            tile.axpby(-lr, 2, 1.0, 0)

    _run(columns, plain if buffers is None else with_buffer)
    return True


def adam(
    parameters: Arrays,
    gradients: Arrays,
    averages: Arrays,
    squares: Arrays,
    largest: Arrays | None,
    *,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float = 0,
    decoupled: bool = False,
    maximize: bool = False,
) -> bool:
    """A step of ``torch.optim.Adam`` (``decoupled``: AdamW), the ``step``-th from 1.

    ``largest`` are the running maxima of amsgrad, None without it. Returns as :func:`sgd`.

    The parameter moves by ``lr * m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)``; both
    sides of the last fraction are multiplied by ``sqrt(1 - beta2**t)``, which saves a pass.
    """
    columns = [parameters, gradients, averages, squares] + ([] if largest is None else [largest])
    if not _fits(columns):
        return False
    sign = -1.0 if maximize else 1.0
    root = (1 - beta2**step) ** 0.5
    pace = lr * root / (1 - beta1**step)
    shrink = 1.0 - lr * weight_decay if decoupled else 1.0
    added = 0.0 if decoupled else weight_decay * sign
    spare = len(columns)  # the number of the scratch array

    def passes(tile: _Tile) -> None:
        arrays, scratch = tile.arrays, tile.arrays[spare]
        gradient, number = arrays[1], 1
        if added:
            np.copyto(scratch, gradient)
            tile.axpby(added, 0, 1.0, spare)
            gradient, number = scratch, spare
        tile.axpby(sign * (1 - beta1), number, beta1, 2)
        np.multiply(gradient, gradient, out=scratch)
        tile.axpby(1 - beta2, spare, beta2, 3)
        square = arrays[3]
        if largest is not None:
            square = np.maximum(arrays[4], square, out=arrays[4])
        np.sqrt(square, out=scratch)
        np.add(scratch, eps * root, out=scratch)
        np.divide(arrays[2], scratch, out=scratch)
        tile.axpby(-pace, spare, shrink, 0)

    _run(columns, passes)
    return True
