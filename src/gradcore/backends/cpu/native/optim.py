"""Optimizer steps, norms and scalings of many arrays: one call, one pass over memory, in place.

A kernel finds its arrays through a table of their objects' addresses and goes over pieces of them,
which threads share. Adam on the 11.7 M parameters of a ResNet-18 reads 4 arrays and writes 3,
313 MB: the arithmetic between is free.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, lru_cache
from typing import Any

import numpy as np

from ..memory import empty
from ..optim import fits, is_same
from .calls import Call, LazyCall, bits_of
from .loops import Kernel, Pointer
from .values import FLOAT32, FLOAT64, INT64, Value, maximum, multiply_add, select

Arrays = Sequence[np.ndarray]

# Elements of a piece: 64 KB of each array.
_PIECE = 1 << 14
# Below this a second thread does not pay.
_SHARED_FROM = 1 << 15
# What NumPy's step takes: on arrays that lie side by side, and per element of every array.
_NUMPY_STEP_NS, _NUMPY_NS = 5e3, 0.4
# What its norm and scaling take for each array.
_NUMPY_ARRAY_NS = 1e3
# What these kernels take per element of every array, on one thread.
_NS = 0.3


@lru_cache(maxsize=64)
def _pieces(sizes: tuple[int, ...]) -> np.ndarray:
    """(array, start, length) of the pieces of arrays with these sizes: int64 (pieces, 3)."""
    rows = [
        (i, start, min(_PIECE, size - start))
        for i, size in enumerate(sizes)
        for start in range(0, size, _PIECE)
    ]
    return np.array(rows, np.int64).reshape(-1, 3)


class _Tables:
    """The first two arguments of a kernel: the addresses of objects, and the pieces.

    Args:
        kernel: what it becomes part of.
        columns: arrays side by side in a row of the table.
        dtype: of all of them.
    """

    def __init__(self, kernel: Kernel, columns: int, dtype: np.dtype) -> None:
        self.kernel, self.columns, self.dtype = kernel, columns, dtype
        self.objects, self.pieces = kernel.array(INT64), kernel.array(INT64)

    @contextmanager
    def each_piece(self) -> Iterator[tuple[list[Pointer], Value, Value]]:
        """Go over the pieces: the arrays from the piece on, its length, and its number."""
        kernel = self.kernel
        with kernel.loop(kernel.start, kernel.stop) as item:
            array, first, length = (self.pieces[item * 3 + i] for i in range(3))
            row = self.objects + array * self.columns
            arrays = [
                kernel.data_of(row[column], self.dtype) + first for column in range(self.columns)
            ]
            yield arrays, length, item


def _run(
    call: Call, arrays: Arrays, numbers: Sequence[float], sizes: tuple[int, ...], columns: int
) -> None:
    pieces = _pieces(sizes)
    elements = sum(sizes)
    chunk = 1 if elements >= _SHARED_FROM else len(pieces)
    table, *others = arrays
    nanoseconds = elements * columns * _NS
    bits = [bits_of(float(x)) for x in numbers]
    call([table, pieces, *others], bits, len(pieces), chunk, nanoseconds)


# ---- optimizer steps ----------------------------------------------------------------------------


def _flag(number: Value) -> Value:
    return number != 0


@cache
def _sgd(dtype: np.dtype, has_buffer: bool) -> LazyCall:
    """Numbers: lr, momentum, 1 - dampening, weight_decay, nesterov, sign, first."""

    def build() -> Call:
        kernel = Kernel()
        tables = _Tables(kernel, 2 + has_buffer, dtype)
        lr, momentum, rest, decay, nesterov, sign, first = (
            kernel.number_argument(dtype) for _ in range(7)
        )
        with tables.each_piece() as (arrays, length, _):
            parameter, gradient, *buffer = arrays
            with kernel.loop(0, length, parallel=True) as i:
                p = parameter[i]
                g = gradient[i] * sign
                g = select(_flag(decay), multiply_add(p, decay, g), g)
                if has_buffer:
                    held = multiply_add(buffer[0][i], momentum, g * rest)
                    held = select(_flag(first), g, held)
                    buffer[0][i] = held
                    g = select(_flag(nesterov), multiply_add(held, momentum, g), held)
                parameter[i] = multiply_add(g, -lr, p)
        return Call(kernel, arrays=2, numbers=7)

    return LazyCall(build)


@cache
def _adam(dtype: np.dtype, amsgrad: bool) -> LazyCall:
    """Numbers: pace, beta1, beta2, 1 - beta1, 1 - beta2, eps, decay, shrink, sign.

    The step is ``pace * m / (sqrt(v) + eps)``; `decay` is that of Adam and `shrink` the factor of
    the parameter in AdamW.
    """

    def build() -> Call:
        kernel = Kernel()
        tables = _Tables(kernel, 4 + amsgrad, dtype)
        pace, beta1, beta2, rest1, rest2, eps, decay, shrink, sign = (
            kernel.number_argument(dtype) for _ in range(9)
        )
        with tables.each_piece() as (arrays, length, _):
            parameter, gradient, average, square, *largest = arrays
            with kernel.loop(0, length, parallel=True) as i:
                p = parameter[i]
                g = gradient[i] * sign
                g = select(_flag(decay), multiply_add(p, decay, g), g)
                m = multiply_add(average[i], beta1, g * rest1)
                v = multiply_add(square[i], beta2, g * g * rest2)
                average[i], square[i] = m, v
                if amsgrad:
                    v = maximum(largest[0][i], v)
                    largest[0][i] = v
                update = m / (kernel.call("sqrt", v) + eps)
                parameter[i] = multiply_add(update, -pace, p * shrink)
        return Call(kernel, arrays=2, numbers=9)

    return LazyCall(build)


class _Plan:
    """The table for certain parameters with certain state; only the gradients change."""

    def __init__(self, columns: list[Arrays]) -> None:
        self.columns = [list(column) for column in columns]
        parameters, *states = columns
        self.dtype = parameters[0].dtype
        self.kinds = [(p.shape, p.dtype) for p in parameters]
        self.sizes = tuple([p.size for p in parameters])
        self.elements = sum(self.sizes)
        self.table = np.zeros((len(parameters), 2 + len(states)), np.int64)
        self.table[:, 0] = [*map(id, parameters)]
        for number, state in enumerate(states, 2):
            self.table[:, number] = [*map(id, state)]

    def step(self, kernel: LazyCall, gradients: Arrays, numbers: Sequence[float]) -> bool:
        """One step; False where the gradients do not fit or NumPy is to do it."""
        width = self.table.shape[1]
        call = kernel.get(_NUMPY_STEP_NS + self.elements * width * _NUMPY_NS)
        if call is None or [(g.shape, g.dtype) for g in gradients] != self.kinds:
            return False
        if not all(g.flags.c_contiguous for g in gradients):
            gradients = [np.ascontiguousarray(g) for g in gradients]
        self.table[:, 1] = [*map(id, gradients)]
        _run(call, [self.table], numbers, self.sizes, width)
        return True


def _plan(columns: list[Arrays], memory: dict[str, Any] | None) -> _Plan | None:
    """The plan for a step, from `memory` if it holds that; None if the arrays do not fit."""
    plan = None if memory is None else memory.get("compiled")
    if plan is not None and is_same(plan.columns, columns):
        return plan
    everything = [array for column in columns for array in column]
    if not everything or everything[0].dtype not in (FLOAT32, FLOAT64):
        return None
    if not all(a.flags.c_contiguous for a in everything) or not fits(columns):
        return None
    plan = _Plan(columns)
    if memory is not None:
        memory["compiled"] = plan
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
    """As `cpu.optim.sgd`, for contiguous float32 or float64 arrays; False leaves it to NumPy."""
    plan = _plan([parameters] if buffers is None else [parameters, buffers], memory)
    if plan is None:
        return False
    sign = -1.0 if maximize else 1.0
    numbers = (lr, momentum, 1 - dampening, weight_decay, nesterov, sign, first)
    return plan.step(_sgd(plan.dtype, buffers is not None), gradients, numbers)


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
    """As `cpu.optim.adam`, for contiguous float32 or float64 arrays; False leaves it to NumPy."""
    columns = [parameters, averages, squares] + ([] if largest is None else [largest])
    plan = _plan(columns, memory)
    if plan is None:
        return False
    root = (1 - beta2**step) ** 0.5
    pace = lr * root / (1 - beta1**step)
    shrink = 1 - lr * weight_decay if decoupled else 1.0
    decay = 0.0 if decoupled else weight_decay
    sign = -1.0 if maximize else 1.0
    numbers = (pace, beta1, beta2, 1 - beta1, 1 - beta2, eps * root, decay, shrink, sign)
    return plan.step(_adam(plan.dtype, largest is not None), gradients, numbers)


# ---- norms and scaling --------------------------------------------------------------------------


@cache
def _sums_of_squares(dtype: np.dtype) -> LazyCall:
    """A float64 sum for each piece: squares of float32 numbers do not overflow in it."""

    def build() -> Call:
        kernel = Kernel()
        tables = _Tables(kernel, 1, dtype)
        sums = kernel.array(FLOAT64)
        with tables.each_piece() as ((x,), length, item):
            total = kernel.variable(kernel.constant(0, FLOAT64))
            with kernel.loop(0, length) as i:
                number = x[i].to(FLOAT64)
                total.add(number * number)
            sums[item] = total.value
        return Call(kernel, arrays=3, numbers=0)

    return LazyCall(build)


@cache
def _scale(dtype: np.dtype) -> LazyCall:
    """Numbers: the factor."""

    def build() -> Call:
        kernel = Kernel()
        tables = _Tables(kernel, 1, dtype)
        factor = kernel.number_argument(dtype)
        with tables.each_piece() as ((x,), length, _), kernel.loop(0, length, parallel=True) as i:
            x[i] = x[i] * factor
        return Call(kernel, arrays=2, numbers=1)

    return LazyCall(build)


def _called(kernel: Callable[[np.dtype], LazyCall], arrays: Arrays) -> Call | None:
    """The kernel for contiguous arrays of one dtype; None for others, and for few elements."""
    dtype = arrays[0].dtype
    if dtype not in (FLOAT32, FLOAT64):
        return None
    if not all(a.dtype == dtype and a.flags.c_contiguous for a in arrays):
        return None
    elements = sum([a.size for a in arrays])
    return kernel(dtype).get(len(arrays) * _NUMPY_ARRAY_NS + elements * _NUMPY_NS)


def norm(arrays: Arrays, out: np.ndarray) -> bool:
    """Write the 2-norm of all elements together to 0-d `out`; False leaves it to NumPy."""
    call = _called(_sums_of_squares, arrays)
    if call is None:
        return False
    sizes = tuple([a.size for a in arrays])
    sums = empty((len(_pieces(sizes)),), FLOAT64)
    _run(call, [np.array([*map(id, arrays)]), sums], (), sizes, 1)
    out[...] = np.sqrt(np.add.reduce(sums))
    return True


def scale(arrays: Arrays, factor: np.ndarray) -> bool:
    """Multiply all arrays by 0-d `factor`, in place; False leaves it to NumPy."""
    call = _called(_scale, arrays)
    if call is None or not all(a.flags.writeable for a in arrays):
        return False
    number = factor.item()
    if number == 1:  # times 1 every number is itself
        return True
    sizes = tuple([a.size for a in arrays])
    if sum(sizes) >= _SHARED_FROM and not fits([arrays]):
        return False  # threads would write to one place at once
    _run(call, [np.array([*map(id, arrays)])], (number,), sizes, 2)
    return True


# Name -> fused update, tried before NumPy's.
UPDATES: dict[str, Callable[..., bool]] = {
    "adam": adam,
    "norm": norm,
    "scale": scale,
    "sgd": sgd,
}
