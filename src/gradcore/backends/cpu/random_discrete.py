"""Permutations, multinomial draws and rejection samplers, equal to PyTorch's for the same seed.

Sources of the algorithms: `randperm_cpu` and `multinomial` of PyTorch 2.13; Hoermann, "The
transformed rejection method for generating Poisson random variables" (1993) and "The generation
of binomial random variates" (1993); Devroye, "Non-uniform random variate generation" (1986),
X.4.3; Marsaglia and Tsang, "A simple method for generating gamma variables" (2000).

How many numbers a rejection sampler draws depends on the numbers, so those run one by one in
Python, at about 1 us per draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from gradcore.backends.cpu.mt19937 import MT19937Stream
from gradcore.backends.cpu.random_arrays import (
    BAREBONES_UNSIGNED,
    DIGITS,
    TYPE_NAMES,
    fill_in_order,
    not_implemented,
    uniform64,
)

__all__ = ["binomial", "multinomial", "poisson", "randperm", "standard_gamma"]

# ---- permutations -------------------------------------------------------------------------------

# From here on PyTorch takes 64-bit draws and builds the permutation the other way round.
_LARGE_PERMUTATION = (2**32 - 1) // 20

# Below this many elements swaps one by one are faster than whole runs of them.
_SHORT_RUN = 4096


def randperm(n: int, stream: MT19937Stream, dtype: np.dtype | type = np.int64) -> np.ndarray:
    """The integers 0 .. n - 1 in random order: [n] of `dtype`, as `torch.randperm`.

    Raises RuntimeError for a negative n or one that the dtype cannot count to, NotImplementedError
    for bool, complex, uint16, uint32 and uint64.
    """
    dtype = np.dtype(dtype)
    check_randperm(n, dtype)
    order = _inside_out_shuffle(n, stream) if n >= _LARGE_PERMUTATION else _shuffle(n, stream)
    return order.astype(dtype, copy=False)


def check_randperm(n: int, dtype: np.dtype) -> None:
    """Raise what `randperm` says it raises."""
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    if dtype.kind in "bc" or dtype.name in BAREBONES_UNSIGNED:
        raise not_implemented("randperm", dtype)
    largest = {"float16": "2049", "float32": "2^24+1", "float64": "2^53+1"}.get(dtype.name)
    if largest is not None and n > 2 ** DIGITS[dtype.name] + 1:
        name = TYPE_NAMES[dtype.name][0]
        raise RuntimeError(f"n cannot be greater than {largest} for {name} type.")
    if dtype.kind in "iu" and n - 1 > np.iinfo(dtype).max:
        raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")


def _shuffle(n: int, stream: MT19937Stream) -> np.ndarray:
    """Swap each position i with one of [i, n): int64 [n]."""
    order = np.arange(n, dtype=np.int64)
    targets = _draw_targets(n, stream)
    first_at = np.empty(n, np.int64)
    start = 0
    while n - start > _SHORT_RUN:
        # Runs of this length have about one clash (two targets equal, or one inside the run).
        stop = start + math.isqrt(n - start)
        run = targets[start:stop]
        stop = _end_of_independent_run(run, start, first_at)
        run = run[: stop - start]
        moved = order[run]
        order[run] = order[start:stop]
        order[start:stop] = moved
        start = stop
    rest, goals = order[start:].tolist(), (targets[start:] - start).tolist()
    for position, goal in enumerate(goals):
        rest[position], rest[goal] = rest[goal], rest[position]
    order[start:] = rest
    return order


def _draw_targets(n: int, stream: MT19937Stream) -> np.ndarray:
    """`i + draw % (n - i)` for i < n - 1: int64 [max(n - 1, 0)]."""
    positions = np.arange(max(n - 1, 0), dtype=np.int64)
    remaining = np.arange(n, 1, -1, dtype=np.uint32)
    return positions + stream.bits32(positions.size) % remaining


def _end_of_independent_run(targets: np.ndarray, start: int, first_at: np.ndarray) -> int:
    """The first step that touches what an earlier step of the run touched, or the run's end.

    Step start + k swaps the positions start + k and targets[k] >= start + k.
    """
    steps = np.arange(start, start + targets.size)
    # The last assignment to an element wins, so backwards the first step keeps its target.
    first_at[targets[::-1]] = steps[::-1]
    stop = start + targets.size
    repeated = first_at[targets] != steps
    if repeated.any():
        stop = start + int(repeated.argmax())
    inside = targets[(targets < stop) & (targets != steps)]
    return min(stop, int(inside.min())) if inside.size else stop


def _inside_out_shuffle(n: int, stream: MT19937Stream) -> np.ndarray:
    """Put each i in the place of one of [0, i], which moves to the end: int64 [n]."""
    order = np.empty(n, np.int64)
    for start in range(0, n, 1 << 20):
        steps = np.arange(start, min(start + (1 << 20), n))
        goals = (stream.bits64(steps.size) % (steps + 1).astype(np.uint64)).tolist()
        for position, goal in enumerate(goals, start):
            order[position] = position
            order[position] = order[goal]
            order[goal] = position
    return order


# ---- multinomial --------------------------------------------------------------------------------


def multinomial(
    probabilities: np.ndarray, stream: MT19937Stream, num_samples: int, replacement: bool = False
) -> np.ndarray:
    """Indices drawn with the weights `probabilities`, as `torch.multinomial`.

    Args:
        probabilities: floating [categories] or [rows, categories]; rows need not sum to 1.
        num_samples: draws per row, at most `categories` without replacement.
        replacement: whether a row may give an index twice.

    Returns:
        int64 [num_samples] or [rows, num_samples].

    Raises:
        RuntimeError: for other dtypes, shapes, numbers of samples, or weights that are negative,
            not finite or sum to 0.
    """
    check_multinomial(probabilities, num_samples, replacement)
    rows = np.atleast_2d(probabilities)
    if rows.shape[0] == 0:
        return np.empty((0, num_samples), np.int64)
    several = replacement and num_samples > 1
    _check_weights(rows, several)
    if several:
        chosen = _search_cumulated(rows, stream, num_samples)
    else:
        chosen = _race_exponentials(rows, stream, num_samples)
    return chosen.reshape(*probabilities.shape[:-1], num_samples)


def _check_weights(rows: np.ndarray, several: bool) -> None:
    """RuntimeError for weights that are none; PyTorch's two algorithms word it differently."""
    invalid = "invalid multinomial distribution (encountering probability entry "
    if not np.all(rows >= 0):
        word = f"{invalid}< 0)" if several else ""
    elif not np.all(np.isfinite(rows)):
        word = f"{invalid}= infinity or NaN)" if several else ""
    elif np.any(rows.sum(axis=1) == 0):
        word = "invalid multinomial distribution (sum of probabilities <= 0)"
    else:
        return
    raise RuntimeError(word or "probability tensor contains either `inf`, `nan` or element < 0")


def check_multinomial(probabilities: Any, num_samples: int, replacement: bool) -> None:
    """Raise what `multinomial` says of dtypes, shapes and numbers of samples."""
    if probabilities.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if probabilities.dtype.name not in DIGITS:
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got:"
            f" {TYPE_NAMES[probabilities.dtype.name][0]}"
        )
    categories = probabilities.shape[-1]
    if num_samples <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    if not replacement and num_samples > categories:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    if categories > 2**24:
        raise RuntimeError("number of categories cannot exceed 2^24")
    if categories == 0:
        raise RuntimeError(
            "aminmax(): cannot compute aminmax over an empty dimension as the operation has no"
            " identity."
        )


def _race_exponentials(rows: np.ndarray, stream: MT19937Stream, count: int) -> np.ndarray:
    """The `count` categories of each row with the largest weight / Exp(1), in that order."""
    times = np.empty(rows.shape, rows.dtype)
    fill_in_order(times, lambda count: -np.log1p(-uniform64(stream, count)))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        scores = rows / times
    if count == 1:
        return scores.argmax(axis=1)
    return np.argsort(-scores, axis=1, kind="stable")[:, :count]


def _search_cumulated(rows: np.ndarray, stream: MT19937Stream, count: int) -> np.ndarray:
    """`count` categories per row by binary search of the cumulated weights."""
    dtype = rows.dtype if rows.dtype in (np.float32, np.float64) else np.float32
    cumulated = np.cumsum(rows.astype(dtype, copy=False), axis=1)
    cumulated /= cumulated[:, -1:].copy()
    cumulated[:, -1] = 1
    targets = uniform64(stream, rows.shape[0] * count).reshape(-1, count)
    pairs = zip(cumulated.astype(np.float64), targets, strict=True)
    return np.stack([np.searchsorted(row, target) for row, target in pairs])


# ---- rejection samplers -------------------------------------------------------------------------

# Marsaglia and Tsang's constant in PyTorch's float32.
_SQUEEZE = float(np.float32(0.0331))


class _Uniforms:
    """The stream's doubles one by one. `close` gives back those drawn ahead."""

    _AHEAD = 1024

    def __init__(self, stream: MT19937Stream) -> None:
        self.stream = stream
        self._iterator: Iterator[float] = iter(())
        self._before: np.ndarray | None = None
        self._left = 0

    def draw(self) -> float:
        if self._left == 0:
            normal = self.stream.double_normal
            self._before = self.stream.get_state()
            self._iterator = iter(uniform64(self.stream, self._AHEAD).tolist())
            self._left = self._AHEAD
            self.stream.double_normal = normal
        self._left -= 1
        return next(self._iterator)

    def normal(self) -> float:
        """A standard normal number; the second of each pair is cached in the stream."""
        stream = self.stream
        if stream.double_normal is not None:
            value, stream.double_normal = stream.double_normal, None
            return value
        first, second = self.draw(), self.draw()
        radius = math.sqrt(-2.0 * math.log1p(-second))
        theta = 2.0 * math.pi * first
        stream.double_normal = radius * math.sin(theta)
        return radius * math.cos(theta)

    def close(self) -> None:
        if self._before is not None:
            normal = self.stream.double_normal
            self.stream.set_state(self._before)
            uniform64(self.stream, self._AHEAD - self._left)
            self.stream.double_normal = normal


def poisson(rates: np.ndarray, stream: MT19937Stream) -> np.ndarray:
    """Poisson numbers with the given rates, of their shape and dtype, as `torch.poisson`.

    Raises RuntimeError for a negative rate, NotImplementedError for dtypes that are not floating.
    """
    if rates.dtype.name not in DIGITS:
        raise not_implemented("poisson_cpu", rates.dtype)
    if not np.all(rates >= 0):
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    return _one_by_one(_poisson, stream, rates)


def binomial(count: np.ndarray, prob: np.ndarray, stream: MT19937Stream) -> np.ndarray:
    """Successes among `count` trials, of their broadcast shape, as `torch.binomial`.

    Raises ValueError unless both are floating, RuntimeError unless their dtypes are equal,
    NotImplementedError for 16-bit dtypes.
    """
    for label, array in (("count", count), ("prob", prob)):
        if array.dtype.name not in DIGITS:
            name = TYPE_NAMES[array.dtype.name][0]
            raise ValueError(
                f"binomial only supports floating-point dtypes for {label}, got: {name}"
            )
    if count.dtype != prob.dtype:
        raise RuntimeError(f"Found dtype {prob.dtype.name} but expected {count.dtype.name}")
    if count.dtype not in (np.float32, np.float64):
        raise not_implemented("binomial_cpu", count.dtype)
    return _one_by_one(_binomial, stream, count, prob)


def standard_gamma(alpha: np.ndarray, stream: MT19937Stream) -> np.ndarray:
    """Gamma numbers of scale 1 and shape parameter `alpha` >= 0, as `torch._standard_gamma`.

    At least the smallest normal number of the dtype. Raises RuntimeError for a negative `alpha`,
    NotImplementedError unless its dtype is float32 or float64.
    """
    if alpha.dtype not in (np.float32, np.float64):
        raise not_implemented("gamma_cpu", alpha.dtype)
    if not np.all(alpha >= 0):
        raise RuntimeError("standard_gamma expects all elements of alpha to be >= 0")
    one, third = np.array(1, alpha.dtype), np.array(np.float32(1) / np.float32(3), alpha.dtype)
    boosted = alpha < one
    with np.errstate(divide="ignore"):
        exponents = np.where(boosted, one / alpha, 0)
    offsets = np.where(boosted, alpha + one, alpha) - third
    values = _one_by_one(_standard_gamma, stream, alpha, exponents, offsets)
    smallest = np.finfo(alpha.dtype).tiny
    return np.maximum(values, smallest)


def _one_by_one(
    sampler: Callable[..., float], stream: MT19937Stream, *parameters: np.ndarray
) -> np.ndarray:
    dtype = parameters[0].dtype
    broadcast = np.broadcast_arrays(*parameters)
    columns = [array.astype(np.float64).reshape(-1).tolist() for array in broadcast]
    uniforms = _Uniforms(stream)
    try:
        values = [sampler(uniforms, *row) for row in zip(*columns, strict=True)]
    finally:
        uniforms.close()
    return np.array(values, np.float64).astype(dtype).reshape(broadcast[0].shape)


def _poisson(uniforms: _Uniforms, rate: float) -> float:
    if rate >= 10.0:
        return _poisson_rejection(uniforms, rate)
    if rate == 0.0:
        return 0
    limit, product, count = math.exp(-rate), uniforms.draw(), 0
    while product > limit:
        product *= uniforms.draw()
        count += 1
    return count


def _poisson_rejection(uniforms: _Uniforms, rate: float) -> int:
    """Hoermann's PTRS, for rates of 10 and more."""
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    accept_below = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u, v = uniforms.draw() - 0.5, uniforms.draw()
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        k = math.floor((2.0 * a / us + b) * u + rate + 0.43)
        if us >= 0.07 and v <= accept_below:
            return k
        if k < 0 or (us < 0.013 and v > us) or v == 0.0:
            continue
        log_ratio = math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if log_ratio <= -rate + k * math.log(rate) - math.lgamma(k + 1.0):
            return k


def _binomial(uniforms: _Uniforms, count: float, prob: float) -> float:
    if count <= 0.0 or prob <= 0.0:
        return 0.0
    if prob >= 1.0:
        return count
    if math.isnan(prob):
        return math.nan
    if prob > 0.5:
        return count - _binomial_of_rare(uniforms, count, 1.0 - prob)
    return _binomial_of_rare(uniforms, count, prob)


def _binomial_of_rare(uniforms: _Uniforms, count: float, prob: float) -> float:
    """Successes at a probability of at most 1/2."""
    if count * prob >= 10.0:
        return _binomial_rejection(uniforms, count, prob)
    log_failure, trials, successes = math.log1p(-prob), 0.0, 0
    while True:
        u = uniforms.draw()
        trials += math.ceil(math.log(u) / log_failure) if u > 0.0 else math.inf
        if not trials <= count:
            return successes
        successes += 1


def _binomial_rejection(uniforms: _Uniforms, count: float, prob: float) -> float:
    """Hoermann's BTRS, for count * prob >= 10."""
    deviation = math.sqrt(count * prob * (1.0 - prob))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * prob
    centre = count * prob + 0.5
    accept_below = 0.92 - 4.2 / b
    odds = prob / (1.0 - prob)
    alpha = (2.83 + 5.1 / b) * deviation
    mode = math.floor((count + 1.0) * prob)
    while True:
        u, v = uniforms.draw() - 0.5, uniforms.draw()
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        k = math.floor((2.0 * a / us + b) * u + centre)
        if k < 0 or k > count:
            continue
        if us >= 0.07 and v <= accept_below:
            return k
        if v == 0.0 or math.log(v * alpha / (a / (us * us) + b)) <= (
            (mode + 0.5) * math.log((mode + 1.0) / (odds * (count - mode + 1.0)))
            + (count + 1.0) * math.log((count - mode + 1.0) / (count - k + 1.0))
            + (k + 0.5) * math.log(odds * (count - k + 1.0) / (k + 1.0))
            + _stirling_tail(mode)
            + _stirling_tail(count - mode)
            - _stirling_tail(k)
            - _stirling_tail(count - k)
        ):
            return k


def _stirling_tail(k: float) -> float:
    """log(k!) less Stirling's formula for it."""
    if k < 10:
        return math.lgamma(k + 1.0) - (
            0.5 * math.log(2.0 * math.pi) + (k + 0.5) * math.log(k + 1.0) - (k + 1.0)
        )
    square = (k + 1.0) ** 2
    return (1.0 / 12.0 - (1.0 / 360.0 - 1.0 / 1260.0 / square) / square) / (k + 1.0)


def _standard_gamma(uniforms: _Uniforms, alpha: float, exponent: float, d: float) -> float:
    """Marsaglia and Tsang; an `alpha` below 1 is drawn at alpha + 1 and scaled by u**exponent."""
    if alpha == 0.0:
        return 0.0
    scale = (1.0 - uniforms.draw()) ** exponent if exponent else 1.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = uniforms.normal()
        y = 1.0 + c * x
        if y <= 0.0:
            continue
        v = y * y * y
        u = 1.0 - uniforms.draw()
        square = x * x
        if u < 1.0 - _SQUEEZE * square * square:
            return scale * d * v
        if math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
            return scale * d * v
