"""Matrix products by NumPy's BLAS, shared among the threads of `team`.

BLAS libraries have threads of their own, and OpenBLAS's watch for work for 26 ms after each
product: on a core where they do, the threads of compiled kernels cannot. So the kernel here calls
the single-threaded BLAS from each thread, for parts of one product or matrices of a batch.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_void_p, cast
from functools import cache
from math import prod
from typing import Any, NamedTuple

import numpy as np

from .. import blas
from ..memory import empty
from ..threads import get_num_threads, is_inside_parallel_for
from .calls import Call, LazyCall
from .loops import Kernel, Pointer
from .values import FLOAT32, FLOAT64, INT32, Value, minimum, select

# OpenBLAS uses one thread up to this many multiplications: there NumPy's call is as good.
_SMALLEST = 1 << 18
_PRODUCTS_PER_NS = {FLOAT32: 60.0, FLOAT64: 30.0}
# Rows or columns of a part, at least and in multiples of.
_PART = 48

# CBLAS's constants.
_ROW_MAJOR, AS_IS, TRANSPOSED = 101, 111, 112

_SIZES = (
    "function left_form right_form rows columns depth left_step right_step left_batch right_batch "
    "row_parts part_rows column_parts part_columns bias_step"
).split()


class Library(NamedTuple):
    """A matrix product of the BLAS: its address, and whether its integers have 64 bits."""

    address: int
    is_wide: bool


@cache
def library(dtype: np.dtype) -> Library | None:
    """NumPy's BLAS for float32 or float64; None where its functions are not to be found."""
    letter = "s" if dtype == FLOAT32 else "d"
    names = (f"scipy_cblas_{letter}gemm", f"cblas_{letter}gemm")
    for candidate in blas.candidate_libraries():
        for name in names:
            for suffix in ("64_", ""):
                function = getattr(candidate, name + suffix, None)
                if function is not None:
                    return Library(cast(function, c_void_p).value or 0, bool(suffix))
    return None


class Matrix(NamedTuple):
    """A matrix in memory.

    Attributes:
        data: its first number.
        step: from a row to the next, as it lies in memory.
        form: whether it is that (`AS_IS`) or its transpose (`TRANSPOSED`).
    """

    data: Pointer
    step: Value
    form: Value | int = AS_IS


class Gemm:
    """Calls of the BLAS within a kernel.

    Args:
        kernel: the kernel.
        dtype: of the matrices.
        is_wide: whether the library's integers have 64 bits.
        address: where its function is, an argument of the kernel.
    """

    def __init__(self, kernel: Kernel, dtype: np.dtype, is_wide: bool, address: Value) -> None:
        self.kernel, self.dtype, self.is_wide = kernel, dtype, is_wide
        self.function = kernel.emit(f"inttoptr i64 {address.text} to ptr")

    def _size(self, value: Value) -> str:
        return f"i64 {value.text}" if self.is_wide else f"i32 {value.to(INT32).text}"

    def _number(self, value: Value | float) -> str:
        if not isinstance(value, Value):
            value = self.kernel.constant(value, self.dtype)
        return f"{value.type} {value.text}"

    def _form(self, form: Value | int) -> str:
        return f"i32 {form.to(INT32).text if isinstance(form, Value) else form}"

    def __call__(
        self,
        sizes: tuple[Value, Value, Value],
        alpha: Value | float,
        left: Matrix,
        right: Matrix,
        beta: Value | float,
        out: Matrix,
    ) -> None:
        """``out = alpha left @ right + beta out``, for (rows, columns, depth) `sizes`."""
        arguments = (
            f"i32 {_ROW_MAJOR}", self._form(left.form), self._form(right.form),
            *map(self._size, sizes), self._number(alpha), f"ptr {left.data.text}",
            self._size(left.step), f"ptr {right.data.text}", self._size(right.step),
            self._number(beta), f"ptr {out.data.text}", self._size(out.step),
        )  # fmt: skip
        self.kernel.do(f"call void {self.function}({', '.join(arguments)})")


def _build(dtype: np.dtype, is_wide: bool) -> Call:
    """Items are the parts of the results: rows x columns of one matrix."""
    kernel = Kernel()
    left, right, bias, out = (kernel.array(dtype) for _ in range(4))
    at = {name: kernel.integer_argument() for name in _SIZES}
    gemm = Gemm(kernel, dtype, is_wide, at["function"])
    one = kernel.constant(1, dtype)
    with kernel.loop(kernel.start, kernel.stop) as item:
        column = item % at["column_parts"] * at["part_columns"]
        rest = item // at["column_parts"]
        row = rest % at["row_parts"] * at["part_rows"]
        batch = rest // at["row_parts"]
        rows = minimum(at["part_rows"], at["rows"] - row)
        columns = minimum(at["part_columns"], at["columns"] - column)
        row_step = select(at["left_form"] == AS_IS, at["left_step"], 1)
        column_step = select(at["right_form"] == AS_IS, 1, at["right_step"])
        a = left + (batch * at["left_batch"] + row * row_step)
        b = right + (batch * at["right_batch"] + column * column_step)
        c = out + ((batch * at["rows"] + row) * at["columns"] + column)
        has_bias = at["bias_step"] != 0
        with kernel.when(has_bias), kernel.loop(0, rows) as i:
            target = c + i * at["columns"]
            with kernel.loop(0, columns, parallel=True) as j:
                target[j] = bias[column + j]
        gemm(
            (rows, columns, at["depth"]), one,
            Matrix(a, at["left_step"], at["left_form"]),
            Matrix(b, at["right_step"], at["right_form"]),
            select(has_bias, one, 0.0), Matrix(c, at["columns"]),
        )  # fmt: skip
    return Call(kernel, arrays=4, numbers=len(_SIZES))


@cache
def _lazy(dtype: np.dtype) -> LazyCall | None:
    found = library(dtype)
    return None if found is None else LazyCall(lambda: _build(dtype, found.is_wide), 0.0)


def _form(x: np.ndarray) -> tuple[int, int] | None:
    """CBLAS's form of the matrices in `x`, and the step between their rows; None if it has none."""
    row, column = (stride // x.itemsize for stride in x.strides[-2:])
    if column == 1 and row >= x.shape[-1]:
        return AS_IS, row
    if row == 1 and column >= x.shape[-2]:
        return TRANSPOSED, column
    return None


def _parts(rows: int, columns: int, batch: int) -> tuple[int, int]:
    """Rows and columns of a part, so that every thread has one of about the same size."""
    wanted = -(-get_num_threads() // batch)
    if wanted == 1:
        return rows, columns
    along, other = (rows, columns) if rows >= columns else (columns, rows)
    even = -(-along // wanted)
    part = -(-even // _PART) * _PART
    return (part, other) if rows >= columns else (other, part)


def product(x: np.ndarray, y: np.ndarray, bias: np.ndarray | None = None) -> np.ndarray | None:
    """`x @ y + bias` of float32 or float64 matrices, or of batches of them of one shape.

    Args:
        x: (..., n, m).
        y: (..., m, p).
        bias: (p,), C-contiguous.

    Returns:
        A C-contiguous (..., n, p); None where NumPy has to compute it.
    """
    *leading, rows, depth = x.shape
    columns, batch = y.shape[-1], prod(leading)
    products = batch * rows * depth * columns
    if products <= _SMALLEST or x.dtype not in _PRODUCTS_PER_NS or x.dtype != y.dtype:
        return None
    if x.shape[:-2] != y.shape[:-2] or get_num_threads() == 1 or is_inside_parallel_for():
        return None
    if x.ndim > 3:
        x, y = (a.reshape(batch, *a.shape[-2:]) for a in (x, y))
    left, right, lazy = _form(x), _form(y), _lazy(x.dtype)
    if left is None or right is None or lazy is None:
        return None
    nanoseconds = products / _PRODUCTS_PER_NS[x.dtype]
    call = lazy.get(nanoseconds)
    if call is None:
        return None
    found = library(x.dtype)
    assert found is not None
    out = empty((batch, rows, columns), x.dtype)
    part_rows, part_columns = _parts(rows, columns, batch)
    row_parts, column_parts = -(-rows // part_rows), -(-columns // part_columns)
    left_batch, right_batch = (a.strides[0] // a.itemsize if a.ndim == 3 else 0 for a in (x, y))
    numbers = (
        found.address, left[0], right[0], rows, columns, depth, left[1], right[1], left_batch,
        right_batch, row_parts, part_rows, column_parts, part_columns, 0 if bias is None else 1,
    )  # fmt: skip
    items = batch * row_parts * column_parts
    chunk = max(1, items // (4 * get_num_threads()))
    with blas.single_threaded():
        call((x, y, x if bias is None else bias, out), numbers, items, chunk, nanoseconds)
    return out.reshape(*leading, rows, columns)


def _declined(result: np.ndarray | None) -> Any:
    return NotImplemented if result is None else result


def matmul(xp: Any, x: np.ndarray, y: np.ndarray) -> Any:
    """As ``ops/linalg.py``."""
    if x.ndim < 2 or y.ndim < 2 or x.size * y.shape[-1] <= _SMALLEST:
        return NotImplemented
    return _declined(product(x, y))


def linear(xp: Any, x: np.ndarray, w: np.ndarray, b: np.ndarray | None = None) -> Any:
    """As ``ops/linalg.py``."""
    if x.size * len(w) <= _SMALLEST or w.ndim != 2:
        return NotImplemented
    if b is not None and (b.dtype != w.dtype or not b.flags.c_contiguous or not b.ndim):
        return NotImplemented
    result = product(x if x.ndim == 2 else x.reshape(-1, x.shape[-1]), w.T, b)
    return NotImplemented if result is None else result.reshape(*x.shape[:-1], w.shape[0])


OVERRIDES: dict[str, Callable[..., Any]] = {
    "bmm": matmul,
    "linear": linear,
    "matmul": matmul,
    "mm": matmul,
}
