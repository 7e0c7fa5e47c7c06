"""Scaled dot-product attention and its gradients, a head at a time on each thread.

The scores of some queries against all keys lie in memory of the thread's own while they are
computed, made weights of and multiplied with the values; the backward pass computes them again.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from .. import blas
from ..memory import empty
from ..threads import get_num_threads, is_inside_parallel_for
from . import gemm, maths, team
from .calls import Call, LazyCall, bits_of, scratch_memory
from .gemm import TRANSPOSED, Gemm, Matrix
from .loops import Pointer
from .row_loops import RowKernel
from .values import FLOAT32, Value, minimum, select

# Queries at a time: their scores against 1024 keys are 256 KB.
_QUERIES = 64
_NUMPYS_NS, _NS = 0.05, 0.02  # per product

_SIZES = "function queries keys depth width causal scratch_size".split()


class _Heads:
    """A kernel over heads: its arrays, and what one item's are."""

    def __init__(self, arrays: int) -> None:
        found = gemm.library(FLOAT32)
        assert found is not None
        self.kernel = kernel = RowKernel()
        self.arrays = [kernel.array(FLOAT32) for _ in range(arrays)]
        self.at = {name: kernel.integer_argument() for name in _SIZES}
        self.scale = kernel.number_argument(FLOAT32)
        self.gemm = Gemm(kernel, FLOAT32, found.is_wide, self.at["function"])
        self.own = self.arrays[-1] + kernel.slot * self.at["scratch_size"]

    def head(self, array: Pointer, item: Value, rows: str, width: str) -> Pointer:
        """The item's matrix in an array of contiguous ones."""
        return array + item * (self.at[rows] * self.at[width])

    def visible(self, first: Value, rows: Value) -> Value:
        """How many keys the queries from `first` on see."""
        seen = minimum(first + rows, self.at["keys"])
        return select(self.at["causal"] != 0, seen, self.at["keys"])

    def weights(self, q: Pointer, k: Pointer, scores: Pointer, first: Value, rows: Value) -> None:
        """The weights of the queries' keys, into rows of `scores`."""
        kernel, at = self.kernel, self.at
        keys, seen = at["keys"], self.visible(first, rows)
        left = Matrix(q + first * at["depth"], at["depth"])
        right = Matrix(k, at["depth"], TRANSPOSED)
        out = Matrix(scores, keys)
        self.gemm((rows, seen, at["depth"]), self.scale, left, right, 0.0, out)
        with kernel.loop(0, rows) as i:
            row = scores + i * keys
            end = select(at["causal"] != 0, minimum(first + i + 1, seen), seen)
            self._softmax(row, end)
            with kernel.loop(end, seen, parallel=True) as j:
                row[j] = 0.0

    def _softmax(self, row: Pointer, length: Value) -> None:
        kernel = self.kernel
        high = kernel.largest(length, lambda j: row[j], FLOAT32)
        high = select(high == -np.inf, 0.0, high)  # a row of -inf alone

        def exponential(j: Value) -> Value:
            row[j] = result = maths.exp(row[j] - high)
            return result

        total = kernel.sum(length, exponential, FLOAT32)
        factor = (1 / select(total == 0, 1.0, total)).to(FLOAT32)

        def scale(j: Value) -> None:
            row[j] = row[j] * factor

        kernel.along(length, scale)

    def call(self) -> Call:
        return Call(self.kernel, arrays=len(self.arrays), numbers=len(_SIZES) + 1)


def _build_forward() -> Call:
    """Items are heads: ``out = weights @ v``."""
    heads = _Heads(5)
    kernel, at = heads.kernel, heads.at
    q, k, v, out, _ = heads.arrays
    with kernel.loop(kernel.start, kernel.stop) as item:
        own_q, own_k = (heads.head(x, item, n, "depth") for x, n in ((q, "queries"), (k, "keys")))
        own_v, own_out = (
            heads.head(v, item, "keys", "width"),
            heads.head(out, item, "queries", "width"),
        )
        with kernel.loop(0, at["queries"], _QUERIES) as first:
            rows = minimum(at["queries"] - first, _QUERIES)
            heads.weights(own_q, own_k, heads.own, first, rows)
            sizes = (rows, at["width"], heads.visible(first, rows))
            left, right = Matrix(heads.own, at["keys"]), Matrix(own_v, at["width"])
            target = Matrix(own_out + first * at["width"], at["width"])
            heads.gemm(sizes, 1.0, left, right, 0.0, target)
    return heads.call()


def _build_backward() -> Call:
    """Items are heads: the gradients of q, k and v; the last two begin as zeros."""
    heads = _Heads(8)
    kernel, at = heads.kernel, heads.at
    g, q, k, v, to_q, to_k, to_v, _ = heads.arrays
    with kernel.loop(kernel.start, kernel.stop) as item:
        own_q, own_to_q = (heads.head(x, item, "queries", "depth") for x in (q, to_q))
        own_k, own_to_k = (heads.head(x, item, "keys", "depth") for x in (k, to_k))
        own_v, own_to_v = (heads.head(x, item, "keys", "width") for x in (v, to_v))
        own_g = heads.head(g, item, "queries", "width")
        weights, slopes = heads.own, heads.own + at["keys"] * _QUERIES
        with kernel.loop(0, at["queries"], _QUERIES) as first:
            rows = minimum(at["queries"] - first, _QUERIES)
            seen = heads.visible(first, rows)
            heads.weights(own_q, own_k, weights, first, rows)
            keys, depth, width = at["keys"], at["depth"], at["width"]
            part = Matrix(own_g + first * width, width)
            values = Matrix(own_v, width, TRANSPOSED)
            heads.gemm((rows, seen, width), 1.0, part, values, 0.0, Matrix(slopes, keys))
            with kernel.loop(0, rows) as i:
                _softmax_gradient(heads, weights + i * keys, slopes + i * keys, seen)
            over_keys = (seen, width, rows)
            turned = Matrix(weights, keys, TRANSPOSED)
            heads.gemm(over_keys, 1.0, turned, part, 1.0, Matrix(own_to_v, width))
            target = Matrix(own_to_q + first * depth, depth)
            heads.gemm((rows, depth, seen), heads.scale, Matrix(slopes, keys), Matrix(own_k, depth),
                       0.0, target)  # fmt: skip
            queries = Matrix(own_q + first * depth, depth)
            turned = Matrix(slopes, keys, TRANSPOSED)
            sizes = (seen, depth, rows)
            heads.gemm(sizes, heads.scale, turned, queries, 1.0, Matrix(own_to_k, depth))
    return heads.call()


def _softmax_gradient(heads: _Heads, weights: Pointer, slopes: Pointer, length: Value) -> None:
    kernel = heads.kernel
    total = kernel.sum(length, lambda j: weights[j] * slopes[j], FLOAT32).to(FLOAT32)

    def subtract(j: Value) -> None:
        slopes[j] = weights[j] * (slopes[j] - total)

    kernel.along(length, subtract)


_forward, _backward = LazyCall(_build_forward), LazyCall(_build_backward)


def _run(
    lazy: LazyCall,
    arrays: tuple[np.ndarray, ...],
    outs: Callable[[], list[np.ndarray]],
    scale: float,
    causal: bool,
    blocks: int,
) -> list[np.ndarray] | None:
    """Call a kernel with (q, k, v) at the end of `arrays`; None where NumPy has to compute it."""
    q, k, v = arrays[-3:]
    leading = q.shape[:-2]
    sizes = (q.shape[-2], k.shape[-2], q.shape[-1], v.shape[-1])
    if any(a.dtype != FLOAT32 or a.shape[:-2] != leading for a in arrays) or not all(sizes):
        return None
    heads, found = prod(leading), gemm.library(FLOAT32)
    if not heads or found is None or is_inside_parallel_for():
        return None
    products = heads * sizes[0] * sizes[1] * (sizes[2] + sizes[3])
    call = lazy.get(products * _NUMPYS_NS)
    if call is None:
        return None
    results = outs()
    scratch_size = blocks * _QUERIES * sizes[1] + 64
    numbers = (found.address, *sizes, int(causal), scratch_size, bits_of(float(scale)))
    scratch = scratch_memory(team.slots() * scratch_size)
    given = [*map(np.ascontiguousarray, arrays), *results, scratch]
    chunk = max(1, heads // (4 * get_num_threads()))
    with blas.single_threaded():
        call(given, numbers, heads, chunk, products * _NS)
    return results


def attention(
    xp: Any,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    scale: float,
    causal: bool,
) -> Any:
    """As ``ops/attention.py``, without a bias."""
    if bias is not None:
        return NotImplemented
    shape = (*q.shape[:-1], v.shape[-1])
    found = _run(_forward, (q, k, v), lambda: [empty(shape, FLOAT32)], scale, causal, 1)
    return NotImplemented if found is None else found[0]


def attention_backward(
    xp: Any,
    g: np.ndarray,
    q: np.ndarray,
    k: np.ndarray,
    v: np.ndarray,
    *,
    scale: float,
    causal: bool,
) -> Any:
    """As ``ops/attention.py``."""

    def outs() -> list[np.ndarray]:
        return [empty(q.shape, FLOAT32), np.zeros(k.shape, FLOAT32), np.zeros(v.shape, FLOAT32)]

    found = _run(_backward, (g, q, k, v), outs, scale, causal, 2)
    return NotImplemented if found is None else tuple(found)


OVERRIDES: dict[str, Callable[..., Any]] = {
    "attention": attention,
    "attention_backward": attention_backward,
}
