"""Optimizer steps over all parameters at once, in place.

Big arrays are cut into tiles that stay in the L2 cache through all passes of a step; threads share
the tiles. A pass ``y = a * x + b * y`` is one call of the BLAS that NumPy brings, which halves the
number of passes: NumPy alone needs two and a scratch array for it.

Small arrays whose state lies side by side in memory are gathered into one array, for there a step
costs what its NumPy calls cost: six parameters take the calls of one, and 0.3 us each to copy.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable, Sequence
from itertools import pairwise
from operator import is_
from typing import Any

import numpy as np
from numpy import add, divide, dot, maximum, multiply, sqrt
from numpy import square as square_of

from . import blas
from .threads import parallel_for

Arrays = Sequence[np.ndarray]

# Bytes of one array of a tile. Adam on 11 M parameters takes 34 ms with tiles of 128 KB, where the
# threads pass the GIL to and fro, 25 with 256 KB and 22 from here on.
_TILE_BYTES = 1 << 19
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
    for library in blas.candidate_libraries():
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
    """Two arrays of one tile per thread and dtype, and the address of the first."""

    def __init__(self) -> None:
        self.held: dict[np.dtype, tuple[np.ndarray, np.ndarray, int]] = {}

    def get(self, dtype: np.dtype) -> tuple[np.ndarray, np.ndarray, int]:
        held = self.held.get(dtype)
        if held is None:
            first, second = np.empty((2, _TILE_BYTES // dtype.itemsize), dtype)
            held = self.held[dtype] = (first, second, first.ctypes.data)
        return held


_scratch = _Scratch()


class _Constants(dict):
    """Numbers as 0-d arrays of one dtype: NumPy takes 0.4 us to make one at every call."""

    def __init__(self, dtype: np.dtype) -> None:
        self.dtype = dtype

    def keep(self, *values: float) -> None:
        """Have these, which are likely to be the same at the next step."""
        for value in values:
            if value not in self:
                if len(self) >= 64:  # a schedule makes new ones
                    self.clear()
                self[value] = np.array(value, self.dtype)


class _Part:
    """What one pass after another works on: equal parts of a parameter, its gradient and state.

    ``arrays`` are numbered parameter, gradient, state …; the last one is scratch.
    """

    __slots__ = ("arrays", "constants", "spare")

    def __init__(self, arrays: list, constants: _Constants, spare: np.ndarray) -> None:
        self.arrays = arrays
        self.constants = constants
        self.spare = spare

    def axpby(self, a: float, x: int, b: float, y: int) -> None:
        """``y = a * x + b * y`` of the arrays number x and y."""
        known, added, target = self.constants.get, self.arrays[x], self.arrays[y]
        if b != 1:
            multiply(target, known(b, b), target)
        if a != 1:
            added = multiply(added, known(a, a), self.spare)
        add(target, added, target)


class _Tile(_Part):
    """A part that is worth calls of the BLAS: contiguous arrays of known addresses."""

    __slots__ = ("addresses", "kernel", "size")

    def __init__(
        self, arrays: list, addresses: list[int], constants: _Constants, kernel: Any
    ) -> None:
        self.size = size = arrays[0].size
        scratch, spare, address = _scratch.get(arrays[0].dtype)
        super().__init__([*arrays, scratch[:size]], constants, spare[:size])
        self.addresses = [*addresses, address]
        self.kernel = kernel

    def axpby(self, a: float, x: int, b: float, y: int) -> None:
        if self.kernel is None:
            super().axpby(a, x, b, y)
        else:
            self.kernel(self.size, a, self.addresses[x], 1, b, self.addresses[y], 1)


class _Run:
    """Small parameters ``start`` to ``stop`` whose state is side by side, as one array."""

    def __init__(self, start: int, columns: Sequence[Arrays], constants: _Constants) -> None:
        parameters, *states = columns
        self.start, self.stop = start, start + len(parameters)
        sizes = [p.size for p in parameters]
        ends = np.cumsum([0, *sizes])
        flat = np.empty((4, int(ends[-1])), parameters[0].dtype)
        shapes = [p.shape for p in parameters]
        cuts = list(zip(ends[:-1], ends[1:], shapes, strict=True))
        self.parameters = [flat[0, a:b].reshape(shape) for a, b, shape in cuts]
        self.gradients = [flat[1, a:b].reshape(shape) for a, b, shape in cuts]
        state = [_side_by_side(arrays) for arrays in states]
        self.part = _Part([flat[0], flat[1], *state, flat[2]], constants, flat[3])

    def step(self, passes: Callable, parameters: Arrays, gradients: Arrays) -> None:
        mine = parameters[self.start : self.stop]
        for held, array in zip(self.parameters, mine):  # noqa: B905  (0.2 us)
            held[...] = array
        for held, array in zip(self.gradients, gradients[self.start : self.stop]):  # noqa: B905
            held[...] = array
        passes(self.part)
        for held, array in zip(self.parameters, mine):  # noqa: B905
            array[...] = held


def _side_by_side(arrays: Arrays) -> np.ndarray | None:
    """The memory of contiguous arrays that follow each other, as one array; None if they do not."""
    base = arrays[0].base
    if base is None or not base.flags.c_contiguous:
        return None
    itemsize = base.itemsize
    begin = at = arrays[0].ctypes.data
    for array in arrays:
        fits = array.base is base and array.dtype == base.dtype and array.flags.c_contiguous
        if not fits or array.ctypes.data != at:
            return None
        at += array.nbytes
    offset = (begin - base.ctypes.data) // itemsize
    return base.reshape(-1)[offset : offset + (at - begin) // itemsize]


class _Plan:
    """How the step of certain parameters with certain state is cut up: all but the gradients."""

    def __init__(self, columns: list[Arrays]) -> None:
        self.columns = [list(column) for column in columns]
        parameters = columns[0]
        self.dtype = parameters[0].dtype
        self.kinds = [(p.shape, p.dtype) for p in parameters]
        self.constants = _Constants(self.dtype)
        self.runs: list[_Run] = []
        self.singles: list[int] = []
        # (arrays, their addresses, number of the parameter, start, stop)
        self.tiles: list[tuple[list, list[int], int, int, int]] = []
        small: list[int] = []
        for i, arrays in enumerate(zip(*columns, strict=True)):
            if not all(a.flags.c_contiguous for a in arrays):
                self.singles.append(i)
            elif arrays[0].size < _SMALL:
                small.append(i)
            else:
                self._cut(i, arrays)
        self._group(small)

    def _cut(self, i: int, arrays: Arrays) -> None:
        flat = [a.reshape(-1) for a in arrays]
        size, tile = arrays[0].size, _TILE_BYTES // self.dtype.itemsize
        for start in range(0, size, tile):
            stop = min(start + tile, size)
            parts = [a[start:stop] for a in flat]
            self.tiles.append((parts, [a.ctypes.data for a in parts], i, start, stop))

    def _group(self, small: list[int]) -> None:
        """Make runs of neighbours among the small parameters; the others stay alone."""
        at = 0
        while at < len(small):
            stop = at + 1
            while stop < len(small) and small[stop] == small[stop - 1] + 1:
                first, last = small[stop - 1], small[stop] + 1
                if any(_side_by_side(column[first:last]) is None for column in self.columns[1:]):
                    break
                stop += 1
            first, last = small[at], small[stop - 1] + 1
            if stop - at > 1:
                columns = [column[first:last] for column in self.columns]
                self.runs.append(_Run(first, columns, self.constants))
            else:
                self.singles.append(first)
            at = stop

    def step(self, gradients: Arrays, passes: Callable[[_Part], None]) -> bool:
        """Call ``passes`` with parts that cover all; False if a gradient does not fit."""
        if [(g.shape, g.dtype) for g in gradients] != self.kinds:
            return False
        for run in self.runs:
            run.step(passes, self.columns[0], gradients)
        for i in self.singles:
            parameter, *state = (column[i] for column in self.columns)
            scratch, spare = np.empty_like(parameter), np.empty_like(parameter)
            passes(_Part([parameter, gradients[i], *state, scratch], self.constants, spare))
        if self.tiles:
            self._step_tiles(gradients, passes)
        return True

    def _step_tiles(self, gradients: Arrays, passes: Callable[[_Part], None]) -> None:
        kernel = _AXPBY.get(self.dtype)
        itemsize = self.dtype.itemsize
        flat, addresses = {}, {}
        for i in {tile[2] for tile in self.tiles}:
            flat[i] = np.ascontiguousarray(gradients[i]).reshape(-1)
            addresses[i] = flat[i].ctypes.data

        def work(first: int, last: int) -> None:
            for (parameter, *state), (place, *places), i, start, stop in self.tiles[first:last]:
                arrays = [parameter, flat[i][start:stop], *state]
                numbers = [place, addresses[i] + start * itemsize, *places]
                passes(_Tile(arrays, numbers, self.constants, kernel))

        with blas.single_threaded():
            parallel_for(work, len(self.tiles), 1, uses_blas=False)


def is_same(columns: list[Arrays], others: list[Arrays]) -> bool:
    """Whether both hold the same array objects."""
    if len(columns) != len(others):
        return False
    for mine, given in zip(columns, others):  # noqa: B905  (0.2 us)
        if len(mine) != len(given) or not all(map(is_, mine, given)):
            return False
    return True


def _overlap(arrays: Arrays) -> bool:
    """Whether the memory ranges of any two arrays overlap."""
    bounds = sorted(np.lib.array_utils.byte_bounds(a) for a in arrays if a.size)
    return any(a[1] > b[0] for a, b in pairwise(bounds))


def fits(columns: list[Arrays]) -> bool:
    """Whether all arrays are real, floating, of one dtype, writable and apart from each other."""
    everything = [array for column in columns for array in column]
    dtype = everything[0].dtype
    if dtype.kind not in "fV" or _overlap(everything):
        return False
    return all(a.dtype == dtype and a.flags.writeable for a in everything)


def _plan(columns: list[Arrays], memory: dict[str, Any] | None) -> _Plan | None:
    """The plan for a step, from ``memory`` if it holds that; None if the arrays do not fit."""
    plan = None if memory is None else memory.get("plan")
    if plan is not None and is_same(plan.columns, columns):
        return plan
    if not fits(columns):
        return None
    plan = _Plan(columns)
    if memory is not None:
        memory["plan"] = plan
    return plan


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
    memory: dict[str, Any] | None = None,
) -> bool:
    """A step of ``torch.optim.SGD``; ``buffers`` are the momentum buffers, None without momentum.

    ``first`` says that the buffers are still empty. ``memory`` is a dict that the caller keeps from
    step to step, for what follows from the same arrays. Returns False, with nothing done, where the
    arrays are not real and floating, differ in dtype, overlap, or are read-only.
    """
    if not parameters:
        return True
    plan = _plan([parameters] if buffers is None else [parameters, buffers], memory)
    if plan is None:
        return False
    sign = -1.0 if maximize else 1.0
    shrink = 1.0 - lr * weight_decay
    plan.constants.keep(-lr * sign, shrink, momentum)

    def plain(part: _Part) -> None:
        part.axpby(-lr * sign, 1, shrink, 0)

    def with_buffer(part: _Part) -> None:
        if first:
            multiply(part.arrays[1], sign, part.arrays[2])
            rest = 1.0
        else:
            rest = 1.0 - dampening
            part.axpby(rest * sign, 1, momentum, 2)
        if weight_decay:
            part.axpby(rest * weight_decay, 0, 1.0, 2)
        if nesterov:
            part.axpby(-lr * sign, 1, shrink, 0)
            part.axpby(-lr * momentum, 2, 1.0, 0)
        else:
            part.axpby(-lr, 2, 1.0, 0)

    return plan.step(gradients, plain if buffers is None else with_buffer)


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
    memory: dict[str, Any] | None = None,
) -> bool:
    """A step of ``torch.optim.Adam`` (``decoupled``: AdamW), the ``step``-th from 1.

    ``largest`` are the running maxima of amsgrad, None without it. ``memory`` and the result are
    as for :func:`sgd`.

    The parameter moves by ``lr * m / (1 - beta1**t) / (sqrt(v / (1 - beta2**t)) + eps)``; both
    sides of the last fraction are multiplied by ``sqrt(1 - beta2**t)``, which saves a pass.
    """
    if not parameters:
        return True
    columns = [parameters, averages, squares] + ([] if largest is None else [largest])
    plan = _plan(columns, memory)
    if plan is None:
        return False
    sign = -1.0 if maximize else 1.0
    root = (1 - beta2**step) ** 0.5
    pace = lr * root / (1 - beta1**step)
    shrink = 1.0 - lr * weight_decay if decoupled else 1.0
    added = 0.0 if decoupled else weight_decay * sign

    plan.constants.keep(beta1, sign * (1 - beta1), beta2, 1 - beta2)
    spare = len(columns) + 1  # the number of the scratch array

    def passes(part: _Part) -> None:
        arrays, scratch = part.arrays, part.arrays[spare]
        gradient, number = arrays[1], 1
        if added:
            np.copyto(scratch, gradient)
            part.axpby(added, 0, 1.0, spare)
            gradient, number = scratch, spare
        part.axpby(sign * (1 - beta1), number, beta1, 2)
        square_of(gradient, scratch)
        part.axpby(1 - beta2, spare, beta2, 3)
        square = arrays[3]
        if largest is not None:
            square = maximum(arrays[4], square, out=arrays[4])
        sqrt(square, scratch)
        add(scratch, eps * root, scratch)
        divide(arrays[2], scratch, scratch)
        part.axpby(-pace, spare, shrink, 0)

    return plan.step(gradients, passes)


def norm(arrays: Arrays, out: np.ndarray) -> bool:
    """Write the 2-norm of all elements together to 0-d ``out``.

    By dot products, which is one call of 1 us per array. Returns False where the arrays are not
    contiguous float32 or float64 of one dtype, or where squares overflow, vanish or are nan.
    """
    dtype = arrays[0].dtype
    if dtype not in _AXPBY or not all(a.dtype == dtype and a.flags.c_contiguous for a in arrays):
        return False
    total = 0.0
    for array in arrays:
        flat = array.reshape(-1)
        total += dot(flat, flat).item()
    limits = np.finfo(dtype)
    if not limits.tiny * 1e12 < total < limits.max:
        return False
    out[...] = total**0.5
    return True


def scale(arrays: Arrays, factor: np.ndarray) -> bool:
    """Multiply all arrays by 0-d ``factor``, in place; False leaves large ones to threads."""
    if not all(a.dtype == factor.dtype and a.flags.writeable for a in arrays):
        return False
    if factor == 1:  # times 1 every number is itself
        return True
    if any(a.size >= _SMALL for a in arrays):
        return False
    for array in arrays:
        multiply(array, factor, array)
    return True
