"""Scaled dot-product attention, computed for blocks of queries.

The scores of a block (some queries against all keys) exist only while the block is computed; the
rule computes them again instead of keeping them (Rabe and Staats, arXiv 2112.05682).

Shapes: queries (*, L, E), keys (*, S, E), values (*, S, V), with the same leading dimensions;
``bias`` is added to the scores and broadcasts to (*, L, S).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import Any

from .joining import cat_op
from .op import op
from .padding import pad_constant
from .pointwise import where
from .shape import sum_to
from .sharing import is_recording, one_of
from .softmax import softmax_backward, softmax_op

# Scores per block: 4 MB in float32, so that a block stays in the last-level cache.
_BLOCK_SCORES = 1 << 20
_FEWEST_ROWS = 32


def _blocks(q: Any, k: Any, causal: bool) -> Iterator[tuple[slice, int]]:
    """(queries of a block, how many keys they can see)."""
    rows, columns = q.shape[-2], k.shape[-2]
    per_row = max(math.prod(q.shape[:-2]) * columns, 1)
    step = max(_BLOCK_SCORES // per_row, _FEWEST_ROWS)
    for start in range(0, rows, step):
        stop = min(start + step, rows)
        yield slice(start, stop), min(stop, columns) if causal else columns


@op
def is_future(xp, like, *, start, rows, columns):
    """Whether key j comes after query ``start`` + i, as (rows, columns); ``like`` is not read."""
    return xp.arange(columns) > (start + xp.arange(rows))[:, None]


def _bias_block(bias: Any, block: slice, columns: int) -> Any:
    """The part of a bias that may have 1 in the place of either dimension."""
    if bias.ndim >= 2 and bias.shape[-2] != 1:
        bias = bias[..., block, :]
    return bias if bias.shape[-1] == 1 else bias[..., :columns]


def _scores(q: Any, k: Any, bias: Any, block: slice, columns: int, scale: float, causal: bool):
    part = q[..., block, :] * scale
    keys = k[..., :columns, :]
    scores = part @ keys.swapaxes(-1, -2)
    if bias is not None:
        scores = scores + _bias_block(bias, block, columns)
    if causal and columns > block.start + 1:
        hidden = is_future(q, start=block.start, rows=block.stop - block.start, columns=columns)
        scores = where(hidden, -math.inf, scores)
    return scores


def _weights(scores: Any, biased: bool) -> Any:
    """Softmax; a query that a bias lets see no key gets zeros, as in PyTorch."""
    if not biased:
        return softmax_op(scores, axis=scores.ndim - 1)
    hidden = scores == -math.inf
    safe = where(hidden, _LOWEST, scores)
    return where(hidden, 0.0, softmax_op(safe, axis=scores.ndim - 1))


# Stands for -inf where all of a row are: exp(_LOWEST - anything ordinary) is 0 in float16 too.
_LOWEST = -6e4


def _block_weights(xp, q, k, bias, block, columns, scale, causal):
    """The weights of a block of queries, on raw arrays."""
    scores = xp.matmul(q[..., block, :] * scale, k[..., :columns, :].swapaxes(-1, -2))
    if bias is not None:
        scores = scores + _bias_block(bias, block, columns)
    if causal:
        rows = xp.arange(block.start, block.stop)
        scores[..., xp.arange(columns) > rows[:, None]] = -math.inf
    # a row of -inf alone must not become nan
    scores -= xp.maximum(scores.max(axis=-1, keepdims=True), _LOWEST)
    weights = xp.exp(scores, out=scores)
    total = weights.sum(axis=-1, keepdims=True)
    weights /= xp.where(total == 0, 1, total)
    return weights


@op(name="attention", grad_name="ScaledDotProductAttentionBackward0")
def attention(xp, q, k, v, bias=None, *, scale, causal):
    """``softmax(q @ k.T * scale + bias) @ v``; ``causal``: query i sees the keys up to i."""
    out = xp.empty((*q.shape[:-1], v.shape[-1]), dtype=q.dtype)
    for block, columns in _blocks(q, k, causal):
        weights = _block_weights(xp, q, k, bias, block, columns, scale, causal)
        out[..., block, :] = xp.matmul(weights, v[..., :columns, :])
    return out


@op(outputs=3, differentiable=())
def attention_backward(xp, g, q, k, v, *, scale, causal):
    """The gradients of q, k and v of :func:`attention` without a bias."""
    to_q = xp.empty(q.shape, dtype=q.dtype)
    to_k, to_v = xp.zeros(k.shape, dtype=k.dtype), xp.zeros(v.shape, dtype=v.dtype)
    for block, columns in _blocks(q, k, causal):
        weights = _block_weights(xp, q, k, None, block, columns, scale, causal)
        part, keys = g[..., block, :], k[..., :columns, :]
        to_v[..., :columns, :] += xp.matmul(weights.swapaxes(-1, -2), part)
        slopes = xp.matmul(part, v[..., :columns, :].swapaxes(-1, -2))
        slopes -= (slopes * weights).sum(axis=-1, keepdims=True)
        slopes *= weights
        slopes *= scale
        to_q[..., block, :] = xp.matmul(slopes, keys)
        to_k[..., :columns, :] += xp.matmul(slopes.swapaxes(-1, -2), q[..., block, :])
    return to_q, to_k, to_v


def _widened(x: Any, axis: int, size: int) -> Any:
    """Gradients of the keys that a block sees, with zeros for those that it does not."""
    missing = size - x.shape[axis]
    if missing == 0:
        return x
    widths = [(0, 0)] * x.ndim
    widths[axis] = (0, missing)
    return pad_constant(x, widths=tuple(widths), value=0)


def _attention_gradients(g, q, k, v, bias, scale, causal):
    to_q, to_k, to_v, to_bias = [], 0, 0, []
    for block, columns in _blocks(q, k, causal):
        scores = _scores(q, k, bias, block, columns, scale, causal)
        weights, part = _weights(scores, bias is not None), g[..., block, :]
        keys, values = k[..., :columns, :], v[..., :columns, :]
        products = part @ values.swapaxes(-1, -2)
        to_scores = softmax_backward(products, weights, axis=weights.ndim - 1)
        to_q.append(to_scores @ keys * scale)
        queries = q[..., block, :] * scale
        to_k = to_k + _widened(to_scores.swapaxes(-1, -2) @ queries, -2, k.shape[-2])
        to_v = to_v + _widened(weights.swapaxes(-1, -2) @ part, -2, k.shape[-2])
        if bias is not None:
            to_bias.append(_widened(to_scores, -1, k.shape[-2]))
    results = {"q": cat_op(*to_q, dim=q.ndim - 2), "k": to_k, "v": to_v}
    if bias is not None:
        whole = cat_op(*to_bias, dim=q.ndim - 2)
        results["bias"] = sum_to(whole, shape=tuple(bias.shape))
    return results


def _all_gradients(g, q, k, v, bias, scale, causal):
    if bias is not None or is_recording():
        return _attention_gradients(g, q, k, v, bias, scale, causal)
    results = attention_backward(g, q, k, v, scale=scale, causal=causal)
    return dict(zip("qkv", results, strict=True))


def _rule(name: str) -> Callable[..., Any]:
    def rule(g, q, k, v, bias, scale, causal):
        return one_of(name, (g, q), lambda: _all_gradients(g, q, k, v, bias, scale, causal))

    return rule


attention.vjp(**{name: _rule(name) for name in ("q", "k", "v", "bias")})
