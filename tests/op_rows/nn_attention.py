"""Rows of ops/attention.py."""

from __future__ import annotations

import numpy as np

import gradcore.ops.attention  # registers the ops
from gradcore.ops.op import OPS
from op_table import Row

Q, K, V = (2, 3, 4), (2, 5, 4), (2, 5, 3)


def attention(q, k, v, bias=None, *, scale, causal):
    scores = q @ k.swapaxes(-1, -2) * scale
    if bias is not None:
        scores = scores + bias
    if causal:
        hidden = np.arange(k.shape[-2]) > np.arange(q.shape[-2])[:, None]
        scores = np.where(hidden, -np.inf, scores)
    highest = scores.max(-1, keepdims=True)
    weights = np.exp(scores - np.where(np.isinf(highest), 0, highest))
    total = weights.sum(-1, keepdims=True)
    return (weights / np.where(total == 0, 1, total) @ v).astype(q.dtype)


def attention_backward(g, q, k, v, *, scale, causal):
    """By the derivative of softmax, w * (d - sum(w * d))."""
    identity = np.broadcast_to(np.eye(k.shape[-2]), (*k.shape[:-1], k.shape[-2]))
    w = attention(q.astype(np.float64), k, identity, scale=scale, causal=causal)
    slopes = g @ v.swapaxes(-1, -2)
    slopes = w * (slopes - (w * slopes).sum(-1, keepdims=True)) * scale
    parts = (slopes @ k, slopes.swapaxes(-1, -2) @ q, w.swapaxes(-1, -2) @ g)
    return tuple(part.astype(q.dtype) for part in parts)


def mask(rng):
    """One query sees nothing, one only the last key."""
    bias = np.zeros((3, 5))
    bias[0] = -np.inf
    bias[1, :4] = -np.inf
    return bias


def unbiased(gc, q, k, v, **params):
    return OPS["attention"](q, k, v, None, **params)


def in_small_blocks(gc, q, k, v, **params):
    """Blocks of single rows, several of them."""
    module = gradcore.ops.attention
    held = module._BLOCK_SCORES, module._FEWEST_ROWS
    module._BLOCK_SCORES, module._FEWEST_ROWS = 1, 1
    try:
        return unbiased(gc, q, k, v, **params)
    finally:
        module._BLOCK_SCORES, module._FEWEST_ROWS = held


def future(like, start, rows, columns):
    return np.arange(columns) > start + np.arange(rows)[:, None]


OPEN, CAUSAL = {"scale": 0.5, "causal": False}, {"scale": 0.7, "causal": True}

ROWS = [
    Row(op="attention", inputs=(Q, K, V), params=[OPEN, CAUSAL], reference=attention,
        call=unbiased),
    Row(op="attention", inputs=(Q, K, V), params=[OPEN, CAUSAL], reference=attention,
        call=in_small_blocks, order=0),
    Row(op="attention", inputs=(Q, K, V, (2, 3, 5)), params=[OPEN, CAUSAL], reference=attention),
    Row(op="attention", inputs=(Q, K, V, (1, 5)), params=[OPEN], reference=attention),
    Row(op="attention", inputs=(Q, K, V, mask), params=[OPEN], reference=attention,
        differentiable=(True, True, True, False), dtypes=("float64",)),
    Row(op="attention_backward", inputs=((2, 3, 3), Q, K, V), params=[OPEN, CAUSAL],
        reference=attention_backward, order=0, big=((4, 70, 24), (4, 70, 16), (4, 90, 16),
        (4, 90, 24))),
    Row(op="is_future", inputs=((3, 5),), params=[{"start": 1, "rows": 3, "columns": 5}],
        reference=future, order=0, exact=True),
]  # fmt: skip
