"""Softmax, its relatives and the losses on it along rows: compiled, in one visit to each row."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..memory import empty
from . import maths
from .calls import Call, LazyCall
from .loops import Pointer
from .row_loops import NUMPY_CALL_NS, RowKernel, by_dtype, start
from .values import INT64, Value, select

# Nanoseconds per element on one thread: NumPy's passes, and these.
_NUMPY_NS, _NS = 1.5, 0.4
# NumPy's calls take longer than any row of arrays up to here.
_SMALL = 1 << 15

# ------------------------------------------------------------------------------- softmax

_Write = Callable[[RowKernel, Value, list[Pointer]], None]


def _row_kernels(write: _Write, inputs: int) -> dict[str, LazyCall]:
    """Kernels that call `write(kernel, length, [*rows, row of the result])` for every row."""

    def build(dtype: np.dtype) -> Call:
        kernel = RowKernel()
        arrays = [kernel.array(dtype) for _ in range(inputs + 1)]
        length = kernel.integer_argument()
        with kernel.loop(kernel.start, kernel.stop) as row:
            write(kernel, length, [array + row * length for array in arrays])
        return Call(kernel, arrays=inputs + 1, numbers=1)

    return by_dtype(build)


def _softmax(kernel: RowKernel, length: Value, rows: list[Pointer]) -> None:
    x, out = rows
    high = kernel.largest(length, lambda i: x[i], x.dtype)

    def exponential(i: Value) -> Value:
        out[i] = result = maths.exp(x[i] - high)
        return result

    factor = (1 / kernel.sum(length, exponential, x.dtype)).to(x.dtype)

    def scale(i: Value) -> None:
        out[i] = out[i] * factor

    kernel.along(length, scale)


def _log_softmax(kernel: RowKernel, length: Value, rows: list[Pointer]) -> None:
    x, out = rows
    high = kernel.largest(length, lambda i: x[i], x.dtype)
    total = kernel.sum(length, lambda i: maths.exp(x[i] - high), x.dtype)
    logarithm = maths.log(total.to(x.dtype))

    def shift(i: Value) -> None:
        out[i] = x[i] - high - logarithm

    kernel.along(length, shift)


def _softmax_backward(kernel: RowKernel, length: Value, rows: list[Pointer]) -> None:
    g, result, out = rows
    total = kernel.sum(length, lambda i: g[i] * result[i], g.dtype).to(g.dtype)

    def write(i: Value) -> None:
        out[i] = (g[i] - total) * result[i]

    kernel.along(length, write)


def _log_softmax_backward(kernel: RowKernel, length: Value, rows: list[Pointer]) -> None:
    g, result, out = rows
    total = kernel.sum(length, lambda i: g[i], g.dtype).to(g.dtype)

    def write(i: Value) -> None:
        out[i] = g[i] - maths.exp(result[i]) * total

    kernel.along(length, write)


def _row_op(write: _Write, inputs: int, shortest: int = 1) -> Callable[..., Any]:
    """The override of an op on rows: only the last axis, and float32 or float64 arrays.

    Large arrays of rows that are shorter than `shortest` are left to NumPy's kernels.
    """
    kernels = _row_kernels(write, inputs)

    def override(xp: Any, *arrays: np.ndarray, axis: int) -> Any:
        first = arrays[0]
        lazy = kernels.get(first.dtype.char)
        if lazy is None or not first.size or axis not in (first.ndim - 1, -1):
            return NotImplemented
        if inputs > 1 and arrays[1].dtype is not first.dtype:
            return NotImplemented
        length = first.shape[-1] if first.ndim else 1
        if length < shortest and first.size > _SMALL:
            return NotImplemented
        call = lazy.get(NUMPY_CALL_NS + first.size * _NUMPY_NS)
        if call is None:
            return NotImplemented
        out = empty(first.shape, first.dtype)
        dense = [x if x.flags.c_contiguous else np.ascontiguousarray(x) for x in arrays]
        start(call, (*dense, out), (length,), first.size // length, first.size * _NS)
        return out

    return override


# ----------------------------------------------------------------------------- logsumexp


def _build_logsumexp(dtype: np.dtype) -> Call:
    kernel = RowKernel()
    x, out, length = kernel.array(dtype), kernel.array(dtype), kernel.integer_argument()
    with kernel.loop(kernel.start, kernel.stop) as row:
        line = x + row * length
        high = kernel.largest(length, lambda i: line[i], dtype)
        # Where all are -inf, or one is inf, the difference would be nan.
        high = select(abs(high) == np.inf, 0.0, high)
        total = kernel.sum(length, lambda i: maths.exp(line[i] - high), dtype)
        out[row] = maths.log(total.to(dtype)) + high
    return Call(kernel, arrays=2, numbers=1)


_LOGSUMEXP = by_dtype(_build_logsumexp)


def logsumexp(xp: Any, x: np.ndarray, *, axes: Any, keepdims: bool) -> Any:
    """log(sum(exp(x))) of the rows of a dense float32 or float64 array; declines other axes."""
    lazy = _LOGSUMEXP.get(x.dtype.char)
    if lazy is None or not x.size or not x.flags.c_contiguous:
        return NotImplemented
    if axes not in ((-1,), (x.ndim - 1,)):
        return NotImplemented
    call = lazy.get(NUMPY_CALL_NS + x.size * _NUMPY_NS)
    if call is None:
        return NotImplemented
    out = np.empty((*x.shape[:-1], 1) if keepdims else x.shape[:-1], x.dtype)
    start(call, (x, out), (x.shape[-1],), out.size, x.size * _NS)
    return out


# ------------------------------------------------------------------------- cross entropy


def _build_softmax_parts(dtype: np.dtype) -> Call:
    kernel = RowKernel()
    x, highs, sums = (kernel.array(dtype) for _ in range(3))
    length = kernel.integer_argument()
    with kernel.loop(kernel.start, kernel.stop) as row:
        line = x + row * length
        highs[row] = high = kernel.largest(length, lambda i: line[i], dtype)
        sums[row] = kernel.sum(length, lambda i: maths.exp(line[i] - high), dtype)
    return Call(kernel, arrays=3, numbers=1)


def _build_softmax_minus_one_hot(dtype: np.dtype) -> Call:
    kernel = RowKernel()
    x, highs, sums, factors, out = (kernel.array(dtype) for _ in range(5))
    target, length = kernel.array(INT64), kernel.integer_argument()
    with kernel.loop(kernel.start, kernel.stop) as row:
        line, result = x + row * length, out + row * length
        high, own = highs[row], factors[row]
        factor = own / sums[row]

        def write(i: Value) -> None:
            result[i] = maths.exp(line[i] - high) * factor

        kernel.along(length, write)
        result[target[row]] = result[target[row]] - own
    return Call(kernel, arrays=6, numbers=1)


_SOFTMAX_PARTS = by_dtype(_build_softmax_parts)
_SOFTMAX_MINUS_ONE_HOT = by_dtype(_build_softmax_minus_one_hot)


def softmax_parts(xp: Any, x: np.ndarray) -> Any:
    """The maximum of each row of (N, C), and the sum of `exp(x - maximum)`, both (N, 1)."""
    lazy = _SOFTMAX_PARTS.get(x.dtype.char)
    if lazy is None or x.ndim != 2 or not x.size or not x.flags.c_contiguous:
        return NotImplemented
    call = lazy.get(NUMPY_CALL_NS + x.size * _NUMPY_NS)
    if call is None:
        return NotImplemented
    rows, classes = x.shape
    high, sums = np.empty((rows, 1), x.dtype), np.empty((rows, 1), x.dtype)
    start(call, (x, high, sums), (classes,), rows, x.size * _NS)
    return high, sums


def softmax_minus_one_hot(
    xp: Any,
    x: np.ndarray,
    high: np.ndarray,
    sums: np.ndarray,
    target: np.ndarray,
    factors: np.ndarray,
) -> Any:
    """`(softmax(x) - one_hot(target)) * factors` by rows, from the parts of the softmax."""
    lazy = _SOFTMAX_MINUS_ONE_HOT.get(x.dtype.char)
    if lazy is None or not x.size or factors.dtype != x.dtype or target.dtype != np.int64:
        return NotImplemented
    call = lazy.get(NUMPY_CALL_NS + x.size * _NUMPY_NS)
    if call is None:
        return NotImplemented
    rows, classes = x.shape
    out = empty(x.shape, x.dtype)
    arrays = [np.ascontiguousarray(a) for a in (x, high, sums, factors, out, target)]
    start(call, arrays, (classes,), rows, x.size * _NS)
    return out


# --------------------------------------------------------------- negative log likelihood

_NLL_NS = 20.0


class _Target:
    """The class of a row, and what it counts.

    Attributes:
        label: the class; 0 where the row is ignored, or the target is no class.
        counts: whether the row is not ignored.
        is_wrong: whether it counts, but the target is no class.
        factor: the weight of the class; 0 where the row is ignored.
    """

    def __init__(self, target: Value, ignored: Value, classes: Value, weight: Pointer, step: Value):
        is_class = (target >= 0) & (target < classes)
        self.counts = target != ignored
        self.is_wrong = self.counts & ~is_class
        self.label = select(self.counts & is_class, target, 0)
        self.factor = select(self.counts, weight[self.label * step], 0.0)


def _build_nll(dtype: np.dtype, from_logits: bool) -> Call:
    """Numbers: rows, classes, ignored class, step between weights, whether it is the mean.

    The step is 0 for the single weight that all classes have in common.
    """
    kernel = RowKernel()
    x, weight, losses, results = (kernel.array(dtype) for _ in range(4))
    target, wrong = kernel.array(INT64), kernel.array(INT64)
    if from_logits:
        highs, sums, factors = (kernel.array(dtype) for _ in range(3))
        labels = kernel.array(INT64)
    rows, classes, ignored, step, is_mean = (kernel.integer_argument() for _ in range(5))
    count = kernel.variable(kernel.whole(0))

    def add(row: Value) -> tuple[Value, Value]:
        own = _Target(target[row], ignored, classes, weight, step)
        loss = -x[row * classes + own.label]
        if from_logits:
            loss = maths.log(sums[row]) + (loss + highs[row])
            factors[row], labels[row] = own.factor, own.label
        # An ignored element may be inf, and inf * 0 is nan.
        losses[row] = loss = select(own.counts, loss * own.factor, 0.0)
        count.add(own.is_wrong.to(INT64))
        return loss, own.factor

    loss, total = (x.to(dtype) for x in kernel.sums(rows, add, 2, dtype))
    results[0] = select(is_mean != 0, loss / total, loss)
    results[1] = total
    wrong[0] = count.value
    return Call(kernel, arrays=10 if from_logits else 6, numbers=5)


_NLL = by_dtype(lambda dtype: _build_nll(dtype, from_logits=False))
_CROSS_ENTROPY = by_dtype(lambda dtype: _build_nll(dtype, from_logits=True))
_ONE = {char: np.ones(1, char) for char in "fd"}


def _nll(
    kernels: dict[str, LazyCall],
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None,
    more: tuple[np.ndarray, ...],
    ignore_index: int,
    reduction: str,
) -> Any:
    """The loss and the sum of the weights that counted; `more` arrays are the kernel's last."""
    lazy = kernels.get(x.dtype.char)
    if lazy is None or x.ndim != 2 or not x.size or not x.flags.c_contiguous:
        return NotImplemented
    if weight is not None and weight.dtype != x.dtype:
        return NotImplemented
    call = lazy.get(NUMPY_CALL_NS + len(x) * _NLL_NS)
    if call is None:
        return NotImplemented
    rows, classes = x.shape
    step = 0 if weight is None else 1
    weights = _ONE[x.dtype.char] if weight is None else np.ascontiguousarray(weight)
    labels = target if target.dtype == np.int64 else target.astype(np.int64)
    labels = np.ascontiguousarray(labels)
    losses, results, wrong = np.empty(rows, x.dtype), np.empty(2, x.dtype), np.empty(1, np.int64)
    numbers = (rows, classes, ignore_index, step, reduction == "mean")
    call((x, weights, losses, results, labels, wrong, *more), numbers, 1, 1, 0.0)
    if wrong[0]:
        outside = (labels < 0) | (labels >= classes)
        first = target[outside & (labels != ignore_index)][0]
        raise IndexError(f"Target {first} is out of bounds.")
    loss, total = results[0, ...], results[1, ...]
    return (losses if reduction == "none" else loss), total


def nll_loss(
    xp: Any,
    x: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    ignore_index: int,
    reduction: str,
) -> Any:
    """Only (N, C).

    Raises:
        IndexError: a target is neither a class nor `ignore_index`.
    """
    return _nll(_NLL, x, target, weight, (), ignore_index, reduction)


def cross_entropy(
    xp: Any,
    x: np.ndarray,
    target: np.ndarray,
    high: np.ndarray,
    sums: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    ignore_index: int,
    reduction: str,
) -> Any:
    """The body of the op `cross_entropy` (see ops/loss.py).

    Raises:
        IndexError: a target is neither a class nor `ignore_index`.
    """
    factors, labels = np.empty(len(x), x.dtype), np.empty(len(x), np.int64)
    more = (np.ascontiguousarray(high), np.ascontiguousarray(sums), factors, labels)
    result = _nll(_CROSS_ENTROPY, x, target, weight, more, ignore_index, reduction)
    return result if result is NotImplemented else (*result, factors, labels)


def _build_nll_backward(dtype: np.dtype) -> Call:
    """Numbers: classes, ignored class, steps between weights and between gradients."""
    kernel = RowKernel()
    y, total, weight, out = (kernel.array(dtype) for _ in range(4))
    target = kernel.array(INT64)
    classes, ignored, weight_step, y_step = (kernel.integer_argument() for _ in range(4))
    zero = kernel.constant(0, dtype)
    with kernel.loop(kernel.start, kernel.stop) as row:
        line = out + row * classes

        def clear(i: Value) -> None:
            line[i] = zero

        kernel.along(classes, clear)
        own = _Target(target[row], ignored, classes, weight, weight_step)
        value = -own.factor * (y[row * y_step] / total[0])
        # Where every row is ignored, the mean divides by 0.
        line[own.label] = select(own.counts, value, 0.0)
    return Call(kernel, arrays=5, numbers=4)


_NLL_BACKWARD = by_dtype(_build_nll_backward)


def nll_loss_backward(
    xp: Any,
    y: np.ndarray,
    total: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray | None = None,
    *,
    shape: tuple[int, ...],
    ignore_index: int,
    reduction: str,
) -> Any:
    """The adjoint of nll_loss in x, of (N, C)."""
    lazy = _NLL_BACKWARD.get(y.dtype.char)
    if lazy is None or len(shape) != 2 or not shape[0] * shape[1]:
        return NotImplemented
    if total.dtype != y.dtype or (weight is not None and weight.dtype != y.dtype):
        return NotImplemented
    rows, classes = shape
    call = lazy.get(NUMPY_CALL_NS + rows * (_NLL_NS + classes))
    if call is None:
        return NotImplemented
    one = _ONE[y.dtype.char]
    out = empty(shape, y.dtype)
    divisor = total if reduction == "mean" else one
    weights = one if weight is None else np.ascontiguousarray(weight)
    labels = np.ascontiguousarray(target.astype(np.int64, copy=False))
    arrays = (np.ascontiguousarray(y), divisor, weights, out, labels)
    numbers = (classes, ignore_index, int(weight is not None), int(y.ndim > 0))
    start(call, arrays, numbers, rows, rows * (classes * 0.1 + 5))
    return out


OVERRIDES: dict[str, Callable[..., Any]] = {
    "cross_entropy": cross_entropy,
    "log_softmax": _row_op(_log_softmax, 1, shortest=8),
    "log_softmax_backward": _row_op(_log_softmax_backward, 2),
    "logsumexp": logsumexp,
    "nll_loss": nll_loss,
    "nll_loss_backward": nll_loss_backward,
    # 100,000 rows of 3: 1.8 ms, NumPy 0.8; of 10: 1.2 and 0.9; 50,000 of 16: 0.6 and 1.0
    "softmax": _row_op(_softmax, 1, shortest=12),
    "softmax_backward": _row_op(_softmax_backward, 2),
    "softmax_minus_one_hot": softmax_minus_one_hot,
    "softmax_parts": softmax_parts,
}
