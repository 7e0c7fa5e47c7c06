"""Random fills of CPU arrays, equal to PyTorch's for the same seed.

Every function draws from an `MT19937Stream` in PyTorch's order and with PyTorch's arithmetic, so
that the values and the state afterwards are PyTorch's. Integers, uniform numbers, Bernoulli
draws, permutations, multinomial draws and counts are equal bit for bit; what goes through a
logarithm or a sine is within 2 ulp of PyTorch's AVX2 kernels. Sources, in PyTorch 2.13:
ATen/core/DistributionsHelper.h, ATen/core/TransformationHelper.h and
ATen/native/cpu/DistributionTemplates.h.

Arrays are filled in the order of PyTorch's TensorIterator, which is the order of their memory.
bfloat16 arrays have the dtype of `ml_dtypes`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import Lock

import numpy as np

from gradcore.backends.cpu.box_muller import multiply_add, transform_blocks
from gradcore.backends.cpu.mt19937 import MT19937Stream
from gradcore.backends.cpu.random_arrays import (
    BAREBONES_UNSIGNED,
    DIGITS,
    LARGEST,
    TYPE_NAMES,
    dense_memory,
    fill_in_order,
    memory_order,
    not_implemented,
    require_floating,
    uniform32,
    uniform64,
    view_as_real,
)
from gradcore.backends.cpu.random_discrete import (
    binomial,
    multinomial,
    poisson,
    randperm,
    standard_gamma,
)
from gradcore.backends.cpu.random_integers import fill_random, fill_random_from_to
from gradcore.backends.cpu.threads import parallel_for

__all__ = [
    "MT19937Stream",
    "binomial",
    "fill_bernoulli",
    "fill_cauchy",
    "fill_exponential",
    "fill_geometric",
    "fill_log_normal",
    "fill_normal",
    "fill_random",
    "fill_random_from_to",
    "fill_uniform",
    "multinomial",
    "poisson",
    "randperm",
    "standard_gamma",
]


# Numbers per step of a normal fill: its dozen arrays of half as many stay in the L2 cache.
_NORMAL_TILE = 65_536


def fill_uniform(
    out: np.ndarray, stream: MT19937Stream, low: float = 0.0, high: float = 1.0
) -> None:
    """Fill `out` (floating or complex) with numbers of [low, high), as `Tensor.uniform_`.

    Raises RuntimeError for bounds that the dtype cannot hold or that are in the wrong order,
    NotImplementedError for other dtypes.
    """
    if out.dtype.kind == "c":
        if out.size:
            fill_uniform(view_as_real(out), stream, low, high)
        return
    require_floating(out.dtype, "check_uniform_bounds")
    if (low, high) != (0.0, 1.0):
        _check_uniform_bounds(out.dtype, low, high)
    compute = np.float64 if out.dtype == np.float64 else np.float32
    draw = uniform64 if compute is np.float64 else uniform32
    span, start = float(compute(high) - compute(low)), float(compute(low))
    flat = dense_memory(out)
    if flat is not None and stream.fill("uniform", flat, span, start, high):
        return
    # Rounding can reach `high` itself, unless the draws are stored as they are.
    may_reach_high = (low, high) != (0.0, 1.0) or out.dtype.itemsize == 2
    low_value, high_value = np.array([low, high], compute).astype(out.dtype)

    def sample(count: int) -> np.ndarray:
        values = multiply_add(draw(stream, count), span, start).astype(out.dtype, copy=False)
        if may_reach_high:
            values[values == high_value] = low_value
        return values

    fill_in_order(out, sample)


def _check_uniform_bounds(dtype: np.dtype, low: float, high: float) -> None:
    name, cpp_name = TYPE_NAMES[dtype.name]
    largest = LARGEST[dtype.name]
    for label, value in (("from", low), ("to", high)):
        if not -largest <= value <= largest:
            raise RuntimeError(f"{label} is out of bounds for {cpp_name}")
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    if high - low > largest:
        raise RuntimeError(
            f"uniform_ expects to-from <= std::numeric_limits<{name}>::max(), but found"
            f" to={high:g} and from={low:g} which result in to-from to exceed the limit"
        )


# ---- normal numbers -----------------------------------------------------------------------------


def fill_normal(
    out: np.ndarray, stream: MT19937Stream, mean: float = 0.0, std: float = 1.0
) -> None:
    """Fill `out` (floating or complex) with normal numbers, as `Tensor.normal_`.

    Contiguous arrays of 16 elements and more take blocks of 16 uniform numbers and leave the
    cached normal number alone; others take pairs of doubles and cache the second normal number.
    Raises RuntimeError for a negative std, NotImplementedError for other dtypes.
    """
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if out.size == 0:
        return
    if out.dtype.kind == "c":
        # The variance is shared by the two parts.
        fill_normal(view_as_real(out), stream, mean, std / math.sqrt(2.0))
        return
    require_floating(out.dtype, "normal_kernel_cpu")
    if out.size < 16 or not out.flags.c_contiguous:
        fill_in_order(out, lambda count: multiply_add(_scalar_normals(stream, count), std, mean))
    elif out.dtype.itemsize == 2:
        _fill_normal_half(out.reshape(-1), stream, mean, std)
    else:
        _fill_normal_blocks(out.reshape(-1), stream, mean, std)


def _fill_normal_blocks(flat: np.ndarray, stream: MT19937Stream, mean: float, std: float) -> None:
    """Fill float32 or float64 [n], n >= 16.

    Numbers are drawn for all n elements, even those after the last full block; then the last 16
    elements are drawn once more as a block of their own.
    """
    draw = uniform64 if flat.dtype == np.float64 else uniform32
    rest = flat.size % 16
    in_blocks = flat[: flat.size - rest]
    if not stream.fill("normal", in_blocks, mean, std):
        _transform_tiles(in_blocks, lambda count: draw(stream, count), mean, std)
    if rest:
        draw(stream, rest)
        last = flat[-16:]
        if not stream.fill("normal", last, mean, std):
            last[...] = transform_blocks(draw(stream, 16), mean, std)


def _transform_tiles(
    flat: np.ndarray, draw: Callable[[int], np.ndarray], mean: float, std: float
) -> None:
    normals = _NormalBlocks(flat, draw, mean, std)
    if flat.size <= _NORMAL_TILE:
        normals.transform()
    else:
        parallel_for(normals.run, 2, 1, uses_blas=False)


class _NormalBlocks:
    """Fills an array [16 k] tile by tile: one thread may draw numbers while another transforms.

    Drawing takes 3.3 ns per number, in one call per tile, and transforming 5.5 in many short ones:
    the two do not wait for the GIL, as two that transform would. 1e6 numbers: 12.7 to 7.7 ms.
    """

    def __init__(
        self, flat: np.ndarray, draw: Callable[[int], np.ndarray], mean: float, std: float
    ) -> None:
        self.tiles = [flat[i : i + _NORMAL_TILE] for i in range(0, flat.size, _NORMAL_TILE)]
        self.draw = draw
        self.mean, self.std = mean, std
        self.drawn = 0
        self.lock = Lock()

    def run(self, start: int, stop: int) -> None:
        """Part 0 draws, part 1 transforms; one may come long before the other, or after it."""
        for part in range(start, stop):
            if part == 0:
                self._draw_until(len(self.tiles))
            else:
                self.transform()

    def _draw_until(self, count: int) -> None:
        """Draw, in order, what is missing of the first `count` tiles."""
        while self.drawn < count:
            with self.lock:
                if self.drawn < count:
                    tile = self.tiles[self.drawn]
                    tile[...] = self.draw(tile.size)
                    self.drawn += 1

    def transform(self) -> None:
        """Turn uniform numbers into normal ones."""
        for i, tile in enumerate(self.tiles):
            self._draw_until(i + 1)
            tile[...] = transform_blocks(tile, self.mean, self.std)


def _fill_normal_half(flat: np.ndarray, stream: MT19937Stream, mean: float, std: float) -> None:
    """Fill float16 or bfloat16 [n], n >= 16: as float32, but nothing is drawn and thrown away."""
    in_blocks = flat[: flat.size // 16 * 16]
    fill_in_order(in_blocks, lambda count: transform_blocks(uniform32(stream, count), mean, std))
    if flat.size % 16:
        flat[-16:] = transform_blocks(uniform32(stream, 16), mean, std)


def _scalar_normals(stream: MT19937Stream, count: int) -> np.ndarray:
    """`count` standard normal numbers by pairs, starting with a cached one: float64 [count]."""
    cached = [] if stream.double_normal is None else [stream.double_normal]
    fresh = count - len(cached)
    uniforms = uniform64(stream, fresh + fresh % 2).reshape(-1, 2)
    pairs = _normal_pairs_exactly(uniforms) if count < 16 else _normal_pairs(uniforms)
    stream.double_normal = float(pairs[-1]) if fresh % 2 else None
    return np.concatenate([cached, pairs[:fresh]])


def _normal_pairs(uniforms: np.ndarray) -> np.ndarray:
    """Box and Muller's pairs, cosine first, from [k, 2] uniform numbers: float64 [2 k]."""
    radius = np.sqrt(-2.0 * np.log1p(-uniforms[:, 1]))
    theta = 2.0 * math.pi * uniforms[:, 0]
    return np.stack([radius * np.cos(theta), radius * np.sin(theta)], axis=1).reshape(-1)


def _normal_pairs_exactly(uniforms: np.ndarray) -> np.ndarray:
    """`_normal_pairs` by the C library, which PyTorch calls: a few numbers, equal bit for bit."""
    pairs = []
    for first, second in uniforms.tolist():
        radius = math.sqrt(-2.0 * math.log1p(-second))
        theta = 2.0 * math.pi * first
        pairs += [radius * math.cos(theta), radius * math.sin(theta)]
    return np.array(pairs)


# ---- other distributions ------------------------------------------------------------------------


def fill_exponential(out: np.ndarray, stream: MT19937Stream, rate: float = 1.0) -> None:
    """Fill `out` (floating) with -log(1 - u) / rate, as `Tensor.exponential_(lambd=rate)`.

    Raises RuntimeError unless rate > 0 and for other dtypes.
    """
    if not rate > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    if out.size == 0:
        return
    if out.dtype.name not in DIGITS:
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a"
            f" floating point but you specified {TYPE_NAMES[out.dtype.name][0]}"
        )
    fill_in_order(out, lambda count: -1.0 / rate * np.log1p(-uniform64(stream, count)))


def fill_geometric(out: np.ndarray, stream: MT19937Stream, p: float) -> None:
    """Fill `out` with numbers of trials up to the first success, as `Tensor.geometric_`.

    Raises RuntimeError unless 0 < p < 1, NotImplementedError for bool and complex dtypes.
    """
    if not 0 < p < 1:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if out.size == 0:
        return
    if out.dtype.kind in "bc" or out.dtype.name in BAREBONES_UNSIGNED:
        raise not_implemented("geometric_cpu", out.dtype)
    log_failure = math.log1p(-p)

    def sample(count: int) -> np.ndarray:
        with np.errstate(divide="ignore"):  # u = 0, once in 2**53 draws, is infinitely many trials
            return np.ceil(np.log(uniform64(stream, count)) / log_failure)

    fill_in_order(out, sample)


def fill_log_normal(
    out: np.ndarray, stream: MT19937Stream, mean: float = 1.0, std: float = 2.0
) -> None:
    """Fill `out` (floating) with exponentials of normal numbers, as `Tensor.log_normal_`.

    Takes and caches normal numbers as `fill_normal` does below 16 elements. Raises RuntimeError
    unless std > 0, NotImplementedError for other dtypes.
    """
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    if out.size == 0:
        return
    require_floating(out.dtype, "log_normal_cpu")

    def sample(count: int) -> np.ndarray:
        with np.errstate(over="ignore"):
            return np.exp(multiply_add(_scalar_normals(stream, count), std, mean))

    fill_in_order(out, sample)


def fill_cauchy(
    out: np.ndarray, stream: MT19937Stream, median: float = 0.0, sigma: float = 1.0
) -> None:
    """Fill `out` (floating) with median + sigma tan(pi (u - 1/2)), as `Tensor.cauchy_`.

    Raises RuntimeError unless sigma > 0 and for other dtypes.
    """
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    if out.dtype.name not in DIGITS:
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. dtype must be a"
            f" floating point but you specified {TYPE_NAMES[out.dtype.name][1]}"
        )

    def sample(count: int) -> np.ndarray:
        tangents = np.tan(math.pi * (uniform64(stream, count) - 0.5))
        return multiply_add(tangents, sigma, median)

    fill_in_order(out, sample)


def fill_bernoulli(out: np.ndarray, stream: MT19937Stream, p: float | np.ndarray) -> None:
    """Fill `out` with 1 with probability `p`, else 0, as `Tensor.bernoulli_`.

    An array `p` is broadcast to `out`; float64 takes two draws per element, as a number does,
    other floating dtypes one. Raises RuntimeError for probabilities outside [0, 1] or a `p` that
    cannot be broadcast, NotImplementedError for dtypes that PyTorch does not take.
    """
    if isinstance(p, np.ndarray):
        _fill_bernoulli_array(out, stream, p)
        return
    if not 0 <= p <= 1:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    if out.size == 0:
        return
    if out.dtype.kind == "c" or out.dtype.name in BAREBONES_UNSIGNED:
        raise not_implemented("bernoulli_scalar_cpu_", out.dtype)
    flat = dense_memory(out)
    if flat is None or not stream.fill("bernoulli", flat, p):
        fill_in_order(out, lambda count: uniform64(stream, count) < p)


def _fill_bernoulli_array(out: np.ndarray, stream: MT19937Stream, p: np.ndarray) -> None:
    if out.size == 0:
        return
    if out.dtype.kind == "c" or out.dtype.name in BAREBONES_UNSIGNED:
        raise not_implemented("bernoulli_tensor_cpu_self_", out.dtype)
    require_floating(p.dtype, "bernoulli_tensor_cpu_p_")
    if not (np.all(p >= 0) and np.all(p <= 1)):
        raise RuntimeError("Expected p_in >= 0 && p_in <= 1 to be true, but got false.")
    order = memory_order(out)
    try:
        in_order = np.broadcast_to(p, out.shape).transpose(order)
    except ValueError as error:
        raise RuntimeError(
            f"bernoulli_ cannot broadcast p of shape {p.shape} to shape {out.shape}"
        ) from error
    draw = uniform64 if p.dtype == np.float64 else uniform32
    probabilities = in_order.reshape(-1)
    position = 0

    def sample(count: int) -> np.ndarray:
        nonlocal position
        position += count
        return draw(stream, count) < probabilities[position - count : position]

    fill_in_order(out, sample)
