"""Loops along rows, and the sums, maxima and moments of what lies in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import numpy as np

from ..threads import get_num_threads
from .calls import Call, LazyCall
from .loops import Kernel, Variable
from .products import lanes
from .values import FLOAT64, Value, maximum, minimum, select

Body = Callable[[Value], None]
Terms = Callable[[Value], Sequence[Value]]

# Terms of one sum in the dtype of a row, where every lane adds 64 of them; sums of such pieces are
# float64. So errors grow as in pairwise addition.
_PIECE = 4096
# What NumPy's kernels take at least: `LazyCall.get` counts it.
NUMPY_CALL_NS = 1e4
# What takes less is not worth a second thread.
_SHARED_FROM_NS = 5e3
# Chunks per thread: one that starts late leaves the others the rest. More of them cost batch norm
# 20 %, since shorter pieces of memory are read one after the other.
_CHUNKS = 2


class RowKernel(Kernel):
    """A kernel over rows of any length."""

    def along(self, length: Value, body: Body) -> None:
        """Do `body` for every index below `length`; no turn may need another's stores.

        What is left after whole vectors is a masked one: 256 softmaxes of 100 numbers take 20 us,
        and 30 where the last 36 are taken one by one.
        """
        whole = length & -4 * lanes()
        with self.loop(0, whole, parallel=True) as i:
            body(i)
        with self.loop(whole, length, parallel=True, masked=True) as i:
            body(i)

    def largest(self, length: Value, term: Callable[[Value], Value], dtype: np.dtype) -> Value:
        """The largest term; nan if one is, and -inf if there is none."""
        high = self.variable(self.constant(-np.inf, dtype))
        name = f"@llvm.maximum.{'f32' if dtype.itemsize == 4 else 'f64'}"

        def compare(i: Value) -> None:
            x, y = high.value, term(i)
            self.declarations.add(f"declare {x.type} {name}({x.type}, {x.type})")
            call = f"call nsz {x.type} {name}({x.type} {x.text}, {x.type} {y.text})"
            high.value = Value(self, self.emit(call), dtype)

        self.along(length, compare)
        return high.value

    def sums(self, length: Value, terms: Terms, count: int, dtype: np.dtype) -> list[Value]:
        """The float64 sums of `count` terms of each index."""
        totals = [self.variable(self.constant(0, FLOAT64)) for _ in range(count)]
        with self.loop(0, length, _PIECE) as first:
            parts = self._piece_sums(first, minimum(length - first, _PIECE), terms, count, dtype)
            for total, part in zip(totals, parts, strict=True):
                total.value = total.value + part.to(FLOAT64)
        return [total.value for total in totals]

    def _piece_sums(
        self, first: Value, length: Value, terms: Terms, count: int, dtype: np.dtype
    ) -> list[Value]:
        parts = [self.variable(self.constant(0, dtype)) for _ in range(count)]

        def add(i: Value) -> None:
            for part, term in zip(parts, terms(first + i), strict=True):
                part.add(term)

        self.along(length, add)
        return [part.value for part in parts]

    def sum(self, length: Value, term: Callable[[Value], Value], dtype: np.dtype) -> Value:
        """The float64 sum of a term of each index."""
        return self.sums(length, lambda i: (term(i),), 1, dtype)[0]


class Moments:
    """The sum, and the sum of squared deviations from the mean, of rows that are added.

    Every piece is read twice, while it is in cache; pieces are merged by Chan, Golub and LeVeque's
    formula (1983) in float64.
    """

    def __init__(self, kernel: RowKernel, dtype: np.dtype) -> None:
        self.kernel, self.dtype = kernel, dtype
        self.count, self.total, self.squares = (self._zero() for _ in range(3))

    def _zero(self) -> Variable:
        return self.kernel.variable(self.kernel.constant(0, FLOAT64))

    def add(self, length: Value, term: Callable[[Value], Value]) -> None:
        """Add a row's terms."""
        kernel = self.kernel
        with kernel.loop(0, length, _PIECE) as first:
            size = minimum(length - first, _PIECE)
            (part,) = kernel._piece_sums(first, size, lambda i: (term(i),), 1, self.dtype)
            items = size.to(FLOAT64)
            share = 1 / items
            centre = (part.to(FLOAT64) * share).to(self.dtype)

            def powers(i: Value, centre: Value = centre) -> tuple[Value, Value]:
                deviation = term(i) - centre
                return deviation, deviation * deviation

            rest, squares = kernel._piece_sums(first, size, powers, 2, self.dtype)
            rest, squares = rest.to(FLOAT64), squares.to(FLOAT64)
            # The centre is the mean but for errors of rounding, which `rest` puts back.
            off = rest * share
            within = maximum(squares - off * rest, 0)
            self._merge(part.to(FLOAT64), items, centre.to(FLOAT64) + off, within)

    def _merge(self, part: Value, items: Value, mean: Value, squares: Value) -> None:
        """Add that many items with that sum, mean and sum of squared deviations."""
        before = self.count.value
        after = before + items
        distance = mean - self.total.value / maximum(before, 1)
        between = distance * distance * (before * items / after)
        self.squares.value = self.squares.value + (squares + between)
        # inf has no deviation, but a sum
        total = mean * items
        self.total.value = self.total.value + select(total.is_nan(), part, total)
        self.count.value = after

    def results(self) -> tuple[Value, Value]:
        """The mean and the biased variance."""
        share = 1 / self.count.value
        mean, variance = self.total.value * share, self.squares.value * share
        return mean.to(self.dtype), variance.to(self.dtype)


def by_dtype(build: Callable[[np.dtype], Call]) -> dict[str, LazyCall]:
    """A kernel for float32 and one for float64, by the dtype's character."""
    return {char: LazyCall(partial(build, np.dtype(char))) for char in "fd"}


def start(
    call: Call,
    arrays: Sequence[np.ndarray],
    numbers: Sequence[int],
    items: int,
    nanoseconds: float,
    least: int = 1,
) -> None:
    """Call a kernel for all items: several threads share those that take long enough.

    `least` items at least are computed by one of them.
    """
    chunk = items
    if nanoseconds > _SHARED_FROM_NS:
        chunk = max(least, -(-items // (_CHUNKS * get_num_threads())))
    call(arrays, numbers, items, chunk, nanoseconds)
