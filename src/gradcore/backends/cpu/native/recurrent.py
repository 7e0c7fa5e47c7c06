"""One layer of long short-term memory over all time steps, forward and backward.

A step is one call for all threads: each takes some of the units, multiplies the state by their
weights (`products.Block`, with the samples side by side) and applies the gates to the sums while
they are in the cache. Layouts are those of ``ops/recurrent.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from ..memory import empty
from . import gemm, maths
from .calls import Call, LazyCall
from .loops import Kernel, Pointer
from .products import Block, lanes
from .values import FLOAT32, Value, minimum

# Units that a thread takes at a time, and the rows and vectors of a block of sums: a pair of units
# has 8 gates.
_UNITS, _ROWS, _VECTORS = 8, 8, 3
# About how long NumPy takes for a step of 1024 x 256 weights and 32 samples, per product.
_NUMPYS_NS = 0.03
_PRODUCTS_PER_NS = 60.0


def _for_columns(kernel: Kernel, pitch: Value, multiply: Callable[[Block, Value], None]) -> None:
    """Call `multiply(block, first column)` for blocks of columns that cover `pitch`."""
    width = lanes()
    column = kernel.variable(kernel.whole(0))
    for vectors in range(_VECTORS, 0, -1):
        block = Block(kernel, _ROWS, vectors, width)
        with kernel.loop(0, (pitch - column.value) // block.width):
            multiply(block, column.value)
            column.add(kernel.whole(block.width))


class _Step:
    """What the kernels of one time step know: its arrays and sizes, and the columns at hand."""

    def __init__(self, kernel: Kernel, arrays: int) -> None:
        self.kernel = kernel
        self.arrays = [kernel.array(FLOAT32) for _ in range(arrays)]
        self.t, self.size, self.batch, self.pitch = (kernel.integer_argument() for _ in range(4))
        self.four = self.size * 4
        self.width = _VECTORS * lanes()

    def rows(self, per_unit: int) -> Pointer:
        """Scratch memory: rows of `width` numbers, `per_unit` for each of a group of units."""
        return self.kernel.scratch(FLOAT32, per_unit * _UNITS * self.width)

    def copy_units(
        self,
        rows: Pointer,
        far: Pointer,
        far_row: Value,
        columns: tuple[Value, Value],
        *,
        back: bool = False,
        step: Value | int = 0,
    ) -> None:
        """Copy a group's numbers of every sample from `far` to rows `step` apart, or back.

        A loop of its own, for its strides keep LLVM from making vectors of what is beside it.
        """
        first, count = columns
        kernel = self.kernel
        with kernel.loop(0, count) as j, kernel.loop(0, _UNITS) as u:
            near = u * (step if step else self.width) + j
            place = (first + j) * far_row + u
            if back:
                far[place] = rows[near]
            else:
                rows[near] = far[place]


def _build_forward() -> Call:
    """Items are groups of units: their gates, cells and states at step t."""
    kernel = Kernel()
    step = _Step(kernel, 8)
    gates, weight, before, after, cells_before, hidden, cells, active = step.arrays
    t, size, batch, pitch, width = step.t, step.size, step.batch, step.pitch, step.width
    sums, given, past, state = step.rows(4), step.rows(4), step.rows(1), step.rows(1)
    gates_t, active_t = gates + t * batch * step.four, active + t * step.four * batch

    def apply_gates(unit: Value, u: Value, first: Value, count: Value) -> None:
        own, new_state = active_t + ((unit + u) * batch + first), after + (unit + u) * pitch + first
        with kernel.loop(0, count, parallel=True) as j:
            z = [
                sums[(u * 4 + g) * width + j] + given[(u + g * _UNITS) * width + j]
                for g in range(4)
            ]
            entry, forget, exit_ = (maths.expit(z[g]) for g in (0, 1, 3))
            new = maths.tanh(z[2])
            cell = forget * past[u * width + j] + entry * new
            past[u * width + j] = cell
            value = exit_ * maths.tanh(cell)
            state[u * width + j] = value
            new_state[j] = value
            for g, gate in enumerate((entry, forget, new, exit_)):
                own[j + size * batch * g] = gate

    with kernel.loop(kernel.start, kernel.stop) as item:
        unit = item * _UNITS

        def multiply(block: Block, column: Value) -> None:
            with kernel.loop(0, _UNITS, 2) as pair:
                block.clear()
                with kernel.loop(0, size) as k:
                    own = weight + ((unit + pair) * size + k)
                    factors = [own[size * (size * g + d)] for d in range(2) for g in range(4)]
                    block.add_multiples(before + (k * pitch + column), factors)
                block.store(sums + pair * (4 * width), kernel.whole(width))
            columns = (column, minimum(kernel.whole(block.width), batch - column))
            for g in range(4):
                rows, far = given + g * _UNITS * width, gates_t + (unit + size * g)
                step.copy_units(rows, far, step.four, columns)
            step.copy_units(past, cells_before + unit, size, columns)
            with kernel.loop(0, _UNITS) as u:
                apply_gates(unit, u, *columns)
            for rows, far in ((past, cells), (state, hidden)):
                step.copy_units(rows, far + (t * batch * size + unit), size, columns, back=True)

        _for_columns(kernel, pitch, multiply)
    return Call(kernel, arrays=8, numbers=4)


def _build_slopes() -> Call:
    """Items are groups of units: their gates' gradients at step t, and their cells' before it."""
    kernel = Kernel()
    step = _Step(kernel, 9)
    y, y_cells, cells, cells_before, active, to_h, to_c, slopes, to_gates = step.arrays
    t, size, batch, pitch, width = step.t, step.size, step.batch, step.pitch, step.width
    at = t * batch * size
    active_t, to_gates_t = active + t * step.four * batch, to_gates + t * batch * step.four
    near = [step.rows(1) for _ in range(4)]
    far = (y + at, y_cells + at, cells + at, cells_before)
    with kernel.loop(kernel.start, kernel.stop) as item, kernel.loop(0, batch, width) as first:
        unit = item * _UNITS
        columns = (first, minimum(kernel.whole(width), batch - first))
        for rows, source in zip(near, far, strict=True):
            step.copy_units(rows, source + unit, size, columns)
        with kernel.loop(0, _UNITS) as u, kernel.loop(0, columns[1], parallel=True) as j:
            place = (unit + u) * pitch + first + j
            gate = (unit + u) * batch + first + j
            entry, forget, new, exit_ = (active_t[gate + size * batch * g] for g in range(4))
            given, given_cell, cell, past = (rows[u * width + j] for rows in near)
            squashed = maths.tanh(cell)
            to_state = to_h[place] + given
            to_cell = to_c[place] + given_cell + to_state * exit_ * (1 - squashed * squashed)
            results = (
                to_cell * new * entry * (1 - entry),
                to_cell * past * forget * (1 - forget),
                to_cell * entry * (1 - new * new),
                to_state * squashed * exit_ * (1 - exit_),
            )
            for g, value in enumerate(results):
                slopes[place + size * pitch * g] = value
            to_c[place] = to_cell * forget
        for g in range(4):
            rows = slopes + ((unit + size * g) * pitch + first)
            target = to_gates_t + (unit + size * g)
            step.copy_units(rows, target, step.four, columns, back=True, step=pitch)
    return Call(kernel, arrays=9, numbers=4)


def _build_backward() -> Call:
    """Items are groups of 8 units: the gradient of the state before a step, from its gates'."""
    kernel = Kernel()
    slopes, weight, to_h = (kernel.array(FLOAT32) for _ in range(3))
    size, pitch = kernel.integer_argument(), kernel.integer_argument()
    with kernel.loop(kernel.start, kernel.stop) as item:
        unit = item * _ROWS

        def multiply(block: Block, column: Value) -> None:
            block.clear()
            with kernel.loop(0, size * 4) as k:
                own = weight + (k * size + unit)
                block.add_products(slopes + (k * pitch + column), own, kernel.whole(1))
            block.store(to_h + (unit * pitch + column), pitch)

        _for_columns(kernel, pitch, multiply)
    return Call(kernel, arrays=3, numbers=2)


_forward = LazyCall(_build_forward)
_slopes = LazyCall(_build_slopes)
_backward = LazyCall(_build_backward)


def _fits(size: int, *arrays: np.ndarray | None) -> bool:
    return size % _ROWS == 0 and all(
        a is not None and a.dtype == FLOAT32 and a.size > 0 for a in arrays
    )


def _columns(x: np.ndarray, pitch: int) -> np.ndarray:
    """(N, H) as (H, pitch), filled up with zeros."""
    columns = np.zeros((x.shape[1], pitch), np.float32)
    columns[:, : len(x)] = x.T
    return columns


def _pitch(batch: int) -> int:
    return -(-batch // lanes()) * lanes()


def lstm(
    xp: Any,
    gates: np.ndarray,
    weight: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    mask: np.ndarray | None = None,
    projection: np.ndarray | None = None,
    *,
    reverse: bool,
) -> Any:
    """As ``ops/recurrent.py``, without mask and projection."""
    steps, batch, four = gates.shape
    size = four // 4
    if mask is not None or projection is not None or not _fits(size, gates, weight, h, c):
        return NotImplemented
    products = batch * four * size
    call = _forward.get(steps * products * _NUMPYS_NS)
    if call is None:
        return NotImplemented
    gates, weight = np.ascontiguousarray(gates), np.ascontiguousarray(weight)
    hidden, cells = (empty((steps, batch, size), FLOAT32) for _ in range(2))
    active = empty((steps, four, batch), FLOAT32)
    pitch = _pitch(batch)
    before, after = _columns(h, pitch), np.zeros((size, pitch), np.float32)
    cells_before = np.ascontiguousarray(c)
    for t in range(steps - 1, -1, -1) if reverse else range(steps):
        arrays = (gates, weight, before, after, cells_before, hidden, cells, active)
        call(arrays, (t, size, batch, pitch), size // _UNITS, _chunk(size // _UNITS),
             products / _PRODUCTS_PER_NS)  # fmt: skip
        before, after = after, before
        cells_before = cells[t]
    return hidden, cells, active


def lstm_backward(
    xp: Any,
    y: np.ndarray,
    y_cells: np.ndarray,
    weight: np.ndarray,
    h: np.ndarray,
    c: np.ndarray,
    hidden: np.ndarray,
    cells: np.ndarray,
    active: np.ndarray,
    *,
    reverse: bool,
) -> Any:
    """As ``ops/recurrent.py``."""
    steps, batch, size = cells.shape
    arrays = (y, y_cells, weight, h, c, hidden, cells, active)
    if not _fits(size, *arrays):
        return NotImplemented
    products = batch * 4 * size * size
    nanoseconds = steps * products * _NUMPYS_NS
    to_slopes, to_states = (lazy.get(nanoseconds) for lazy in (_slopes, _backward))
    if to_slopes is None or to_states is None:
        return NotImplemented
    y, y_cells, weight, h, c, hidden, cells, active = map(np.ascontiguousarray, arrays)
    pitch = _pitch(batch)
    to_h, to_c = (np.zeros((size, pitch), np.float32) for _ in range(2))
    slopes = np.zeros((4 * size, pitch), np.float32)
    to_gates = empty((steps, batch, 4 * size), FLOAT32)
    work = products / _PRODUCTS_PER_NS
    for t in range(steps) if reverse else range(steps - 1, -1, -1):
        previous = t + 1 if reverse else t - 1
        past = cells[previous] if 0 <= previous < steps else c
        given = (y, y_cells, cells, past, active, to_h, to_c, slopes, to_gates)
        groups = size // _UNITS
        to_slopes(given, (t, size, batch, pitch), groups, _chunk(groups), batch * size * 20.0)
        to_states((slopes, weight, to_h), (size, pitch), size // _ROWS, _chunk(size // _ROWS), work)
    parts = (hidden[1:], h[None]) if reverse else (h[None], hidden[:-1])
    before = np.concatenate(parts)
    left, right = to_gates.reshape(steps * batch, 4 * size).T, before.reshape(steps * batch, size)
    to_weight = gemm.product(left, right)
    if to_weight is None:
        to_weight = left @ right
    return to_gates, to_weight, to_h[:, :batch].T, to_c[:, :batch].T


@lru_cache(maxsize=256)
def _chunk(items: int) -> int:
    """Items that a thread takes at a time."""
    return max(1, items // 8)


OVERRIDES: dict[str, Callable[..., Any]] = {"lstm": lstm, "lstm_backward": lstm_backward}
