"""Reading and writing at indices, compiled: one visit to every element, in three nested loops.

Arrays are seen as (outer, axis, inner). Nothing is added by two threads: they share the outer
blocks, or the inner columns where there are few blocks, so that sums are the same every time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from math import prod
from typing import Any

import numpy as np

from .. import index as numpy_index
from ..memory import empty
from ..threads import get_num_threads
from .calls import Call, LazyCall, bits_of
from .loops import Kernel, Pointer
from .row_loops import start
from .values import FLOAT32, FLOAT64, INT64, Value, maximum, minimum, select

UINT64 = np.dtype(np.uint64)
Array = np.ndarray

# Nanoseconds per element on one thread: NumPy's flat positions and passes, and these.
_NUMPY_NS, _NS = 2.0, 0.6
# Those of comparing an index with the bounds.
_NUMPY_CHECK_NS, _CHECK_NS = 0.5, 0.25
# Columns of a thread at least: a cache line of float32.
_COLUMNS = 16
# An index that nothing has.
_NOWHERE = -(2**63)


# -------------------------------------------------------------------------------- kernels


class _IndexKernel(Kernel):
    """A kernel that reads indices, and reports those out of range instead of following them."""

    def __init__(self) -> None:
        super().__init__()
        self.bad = self.variable(self.constant(0, INT64))

    def inside(self, index: Value, size: Value) -> Value:
        """Whether 0 <= index < size; it is noted if not."""
        result = index.to(UINT64) < size
        self.bad.add(select(result, self.constant(0, INT64), 1))
        return result

    def place(self, index: Value, size: Value) -> Value:
        """The index, 0 if it is out of range."""
        return select(self.inside(index, size), index, 0)

    def report(self, flag: Pointer) -> None:
        """Set the flag if an index was out of range."""
        with self.when(self.bad.value != 0):
            flag[0] = 1

    @contextmanager
    def elements(self, first: Value | int, last: Value | int, single: bool) -> Iterator[Value]:
        """The elements of a line; no loop where it has a `single` one."""
        if single:
            yield self.constant(0, INT64)
            return
        with self.loop(first, last, parallel=True) as i:
            yield i

    def length(self, single: bool) -> Value:
        """The argument `inner`, which LLVM is to know where it is 1."""
        given = self.integer_argument()
        return self.constant(1, INT64) if single else given


@cache
def _check() -> LazyCall:
    """Arrays: index, flag; number: size. Items are indices."""

    def build() -> Call:
        kernel = _IndexKernel()
        index, flag, size = kernel.array(INT64), kernel.array(INT64), kernel.integer_argument()
        with kernel.loop(kernel.start, kernel.stop, parallel=True) as i:
            kernel.inside(index[i], size)
        kernel.report(flag)
        return Call(kernel, arrays=2, numbers=1)

    return LazyCall(build)


@cache
def _read(dtype: np.dtype, per_element: bool, single: bool) -> LazyCall:
    """out[o, j, i] = x[o, index, i]. Items are the lines (o, j).

    Arrays: x (outer, n, inner), index, out (outer, m, inner), flag; numbers: n, m, inner.

    Args:
        dtype: of x and out.
        per_element: whether there is an index for each element, or one for each j.
        single: whether inner is 1.
    """

    def build() -> Call:
        kernel = _IndexKernel()
        x, index = kernel.array(dtype), kernel.array(INT64)
        out, flag = kernel.array(dtype), kernel.array(INT64)
        n, m = kernel.integer_argument(), kernel.integer_argument()
        inner = kernel.length(single)
        with kernel.loop(kernel.start // m, (kernel.stop - 1) // m + 1) as o:
            source, target = x + o * n * inner, out + o * m * inner
            indices = index + o * m * inner if per_element else index
            first = maximum(kernel.start - o * m, 0)
            last = minimum(kernel.stop - o * m, m)
            with kernel.loop(first, last, parallel=single) as j:
                line = None if per_element else kernel.place(indices[j], n) * inner
                with kernel.elements(0, inner, single) as i:
                    at = j * inner + i
                    begin = kernel.place(indices[at], n) * inner if line is None else line
                    target[at] = source[begin + i]
        kernel.report(flag)
        return Call(kernel, arrays=4, numbers=3)

    return LazyCall(build)


@cache
def _write(dtype: np.dtype, add: bool, single: bool, by_columns: bool) -> LazyCall:
    """out[o, index[o, j, i], i] = src[o, j, i], or is increased by it, in the order of j.

    Arrays: out (outer, n, inner), index and src (outer, m, inner), flag; numbers: n, m, inner,
    outer. Items are the outer blocks, or the columns.
    """

    def build() -> Call:
        kernel = _IndexKernel()
        out, index = kernel.array(dtype), kernel.array(INT64)
        src, flag = kernel.array(dtype), kernel.array(INT64)
        n, m = kernel.integer_argument(), kernel.integer_argument()
        inner, outer = kernel.length(single), kernel.integer_argument()
        blocks, columns = _shares(kernel, outer, inner, by_columns)
        with kernel.loop(*blocks) as o, kernel.loop(0, m) as j:
            target = out + o * n * inner
            line = (o * m + j) * inner
            with kernel.elements(*columns, single) as i:
                place = kernel.place(index[line + i], n) * inner + i
                value = src[line + i]
                target[place] = target[place] + value if add else value
        kernel.report(flag)
        return Call(kernel, arrays=4, numbers=4)

    return LazyCall(build)


@cache
def _add_lines(dtype: np.dtype, single: bool, by_columns: bool) -> LazyCall:
    """out[o, index[j], i] += factor * src[o, j, i], in the order of j.

    Arrays as of `_write`; numbers: n, m, inner, outer, an index that is left out, factor.
    """

    def build() -> Call:
        kernel = _IndexKernel()
        out, index = kernel.array(dtype), kernel.array(INT64)
        src, flag = kernel.array(dtype), kernel.array(INT64)
        n, m = kernel.integer_argument(), kernel.integer_argument()
        inner, outer = kernel.length(single), kernel.integer_argument()
        left_out, factor = kernel.integer_argument(), kernel.number_argument(dtype)
        blocks, columns = _shares(kernel, outer, inner, by_columns)
        with kernel.loop(*blocks) as o, kernel.loop(0, m) as j:
            own = index[j]
            with kernel.when(own != left_out):
                target = out + (o * n + kernel.place(own, n)) * inner
                line = src + (o * m + j) * inner
                with kernel.elements(*columns, single) as i:
                    target[i] = target[i] + line[i] * factor
        kernel.report(flag)
        return Call(kernel, arrays=4, numbers=6)

    return LazyCall(build)


_Range = tuple[Value | int, Value | int]


def _shares(kernel: Kernel, outer: Value, inner: Value, by_columns: bool) -> tuple[_Range, _Range]:
    """The outer blocks and the columns that a call of the kernel writes."""
    if by_columns:
        return (0, outer), (kernel.start, kernel.stop)
    return (kernel.start, kernel.stop), (0, inner)


# --------------------------------------------------------------------------------- calling


def _is_float(x: Array) -> bool:
    return x.dtype in (FLOAT32, FLOAT64) and x.size > 0


def _is_index(index: Array) -> bool:
    return index.dtype == INT64 and index.ndim > 0 and index.size > 0


def _sizes(shape: Sequence[int], axis: int) -> tuple[int, int, int]:
    """(outer, axis, inner)."""
    return prod(shape[:axis]), shape[axis], prod(shape[axis + 1 :])


def _run(
    call: Call, arrays: Sequence[Array], numbers: Sequence[int], items: int, ns: float, least: int
) -> None:
    """Call a kernel whose last array is a flag.

    Raises:
        IndexError: an index is out of range.
    """
    flag = np.zeros(1, np.int64)
    start(call, (*arrays, flag), numbers, items, ns, least)
    if flag[0]:
        raise IndexError("index out of range in self")


def _is_by_columns(outer: int, inner: int) -> bool:
    return outer < get_num_threads() and inner >= 2 * _COLUMNS


def _fits(shape: tuple[int, ...], index: tuple[int, ...], axis: int) -> bool:
    """Whether the shape of an index differs from that of the array along the axis only."""
    return shape[:axis] == index[:axis] and shape[axis + 1 :] == index[axis + 1 :]


def _cropped(src: Array, shape: tuple[int, ...]) -> Array:
    return np.ascontiguousarray(src if src.shape == shape else src[tuple(map(slice, shape))])


def _target(x: Array, out: Array | None) -> Array:
    """Where to write: `out`, or a copy of `x` in C order."""
    return numpy_index._copied(x) if out is None else out


def _is_safe(x: Array, src: Array, out: Array | None) -> bool:
    """Whether compiled loops can write into `out` while they read `src`."""
    if out is None:
        return x.dtype == src.dtype and _is_float(x)
    dense = out.flags.c_contiguous and _is_float(out) and out.dtype == src.dtype
    return dense and not np.may_share_memory(out, src)


# ----------------------------------------------------------------------------------- reading


def checked_index(xp: Any, index: Array, *, size: int, axis: int, wraps: bool, name: str) -> Any:
    """As `cpu.index.checked_index`, for indices that are right as they are."""
    if not _is_index(index) or not index.flags.c_contiguous:
        return NotImplemented
    call = _check().get(index.size * _NUMPY_CHECK_NS)
    if call is None:
        return NotImplemented
    flag = np.zeros(1, np.int64)
    start(call, (index, flag), (size,), index.size, index.size * _CHECK_NS)
    return NotImplemented if flag[0] else index


def _selected(x: Array, index: Array, axis: int, per_element: bool) -> Any:
    outer, n, inner = _sizes(x.shape, axis)
    m = index.shape[axis] if per_element else index.size
    size = outer * m * inner
    call = _read(x.dtype, per_element, inner == 1).get(size * _NUMPY_NS)
    if call is None:
        return NotImplemented
    out = empty((*x.shape[:axis], m, *x.shape[axis + 1 :]), x.dtype)
    arrays = (x, np.ascontiguousarray(index), out)
    _run(call, arrays, (n, m, inner), outer * m, size * _NS, max(1, _COLUMNS // inner))
    return out


def gather(xp: Any, x: Array, index: Array, *, axis: int) -> Any:
    """As `cpu.index.gather`."""
    if not (_is_float(x) and _is_index(index) and x.flags.c_contiguous):
        return NotImplemented
    if x.ndim != index.ndim or not _fits(x.shape, index.shape, axis):
        return NotImplemented
    return _selected(x, index, axis, per_element=True)


def embedding(
    xp: Any, weight: Array, indices: Array, *, padding_idx: int, scale_grad_by_freq: bool
) -> Any:
    """The op's body: rows of `weight`."""
    return index(xp, weight, indices, dims=(0,))


def index_select(xp: Any, x: Array, index: Array, *, axis: int) -> Any:
    """As `cpu.index.index_select`."""
    if not (_is_float(x) and _is_index(index) and x.flags.c_contiguous):
        return NotImplemented
    if index.ndim != 1 or not x.ndim:
        return NotImplemented
    return _selected(x, index, axis, per_element=False)


def index(xp: Any, x: Array, *indices: Array, dims: tuple[int, ...]) -> Any:
    """As `cpu.index.index`, at one index array for the first dimension."""
    if dims != (0,) or not (_is_float(x) and x.flags.c_contiguous and _is_index(indices[0])):
        return NotImplemented
    found = _selected(x, indices[0].reshape(-1), 0, per_element=False)
    return found if found is NotImplemented else found.reshape(indices[0].shape + x.shape[1:])


# ----------------------------------------------------------------------------------- writing


def _scattered(
    x: Array, index: Array, src: Array, axis: int, add: bool, out: Array | None = None
) -> Any:
    if not (_is_index(index) and _is_safe(x, src, out)):
        return NotImplemented
    if x.ndim != index.ndim or not _fits(x.shape, index.shape, axis):
        return NotImplemented
    outer, n, inner = _sizes(x.shape, axis)
    by_columns = _is_by_columns(outer, inner)
    call = _write(src.dtype, add, inner == 1, by_columns).get(index.size * _NUMPY_NS)
    if call is None:
        return NotImplemented
    target = _target(x, out)
    arrays = (target, np.ascontiguousarray(index), _cropped(src, index.shape))
    numbers = (n, index.shape[axis], inner, outer)
    items, least = (inner, _COLUMNS) if by_columns else (outer, 1)
    _run(call, arrays, numbers, items, index.size * _NS, least)
    return target


def gather_backward(xp: Any, x: Array, index: Array, *, axis: int, shape: tuple[int, ...]) -> Any:
    """As `cpu.index.gather_backward`."""
    if not _is_float(x):
        return NotImplemented
    out = np.zeros(shape, x.dtype)
    return _scattered(out, index, x, axis, add=True, out=out)


def scatter_add(xp: Any, x: Array, index: Array, src: Array, *, axis: int, out: Any = None) -> Any:
    """As `cpu.index.scatter_add`."""
    return _scattered(x, index, src, axis, add=True, out=out)


def scatter(xp: Any, x: Array, index: Array, src: Array, *, axis: int, out: Any = None) -> Any:
    """As `cpu.index.scatter`."""
    return _scattered(x, index, src, axis, add=False, out=out)


def _with_lines_added(
    target: Callable[[], Array],
    shape: Sequence[int],
    index: Array,
    src: Array,
    axis: int,
    left_out: int = _NOWHERE,
    factor: float = 1.0,
) -> Any:
    """The array of `shape` that `target` makes, plus `factor` times slices of `src` at `index`."""
    if not _is_index(index):
        return NotImplemented
    outer, n, inner = _sizes(shape, axis)
    by_columns = _is_by_columns(outer, inner)
    call = _add_lines(src.dtype, inner == 1, by_columns).get(src.size * _NUMPY_NS)
    if call is None:
        return NotImplemented
    result = target()
    arrays = (result, np.ascontiguousarray(index), np.ascontiguousarray(src))
    numbers = (n, index.size, inner, outer, left_out, bits_of(float(factor)))
    items, least = (inner, _COLUMNS) if by_columns else (outer, 1)
    _run(call, arrays, numbers, items, src.size * _NS, least)
    return result


def index_add(
    xp: Any, x: Array, index: Array, source: Array, *, axis: int, alpha: Any = 1, out: Any = None
) -> Any:
    """As `cpu.index.index_add`."""
    if index.ndim != 1 or not (_is_safe(x, source, out) and _is_float(source)):
        return NotImplemented
    target = partial(_target, x, out)
    return _with_lines_added(target, x.shape, index, source, axis, factor=alpha)


def _zeros_with_lines(
    shape: tuple[int, ...], index: Array, src: Array, axis: int, left_out: int = _NOWHERE
) -> Any:
    if not _is_float(src) or not prod(shape):
        return NotImplemented
    target = partial(np.zeros, shape, src.dtype)
    return _with_lines_added(target, shape, index, src, axis, left_out)


def index_select_backward(xp: Any, x: Array, index: Array, *, axis: int, size: int) -> Any:
    """As `cpu.index.index_select_backward`."""
    if index.ndim != 1:
        return NotImplemented
    return _zeros_with_lines((*x.shape[:axis], size, *x.shape[axis + 1 :]), index, x, axis)


def index_backward(
    xp: Any, x: Array, *indices: Array, dims: tuple[int, ...], shape: tuple[int, ...]
) -> Any:
    """As `cpu.index.index_backward`, at one index array for the first dimension."""
    if dims != (0,):
        return NotImplemented
    return _zeros_with_lines(shape, indices[0], x, 0)


def embedding_backward(
    xp: Any, y: Array, indices: Array, *, rows: int, padding_idx: int, scale_grad_by_freq: bool
) -> Any:
    """As `cpu.index.embedding_backward`, without the scaling."""
    if scale_grad_by_freq:
        return NotImplemented
    left_out = padding_idx if padding_idx >= 0 else _NOWHERE
    return _zeros_with_lines((rows, y.shape[-1]), indices, y, 0, left_out)


OVERRIDES: dict[str, Callable[..., Any]] = {
    "checked_index": checked_index,
    "embedding": embedding,
    "embedding_backward": embedding_backward,
    "gather": gather,
    "gather_backward": gather_backward,
    "index": index,
    "index_add": index_add,
    "index_backward": index_backward,
    "index_select": index_select,
    "index_select_backward": index_select_backward,
    "scatter": scatter,
    "scatter_add": scatter_add,
}
