"""Rows of ops/recurrent.py."""

from __future__ import annotations

import numpy as np

import gradcore.ops.recurrent  # noqa: F401  (registers the ops)
from gradcore.ops.op import OPS
from op_table import Row

T, N, H, P = 4, 3, 2, 1


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def run(step, gates, states, mask, reverse):
    """Step by step and sequence by sequence; states stay where the mask is 0."""
    steps = range(T - 1, -1, -1) if reverse else range(T)
    results = [np.zeros((T, *s.shape), s.dtype) for s in states]
    states = [s.copy() for s in states]
    for t in steps:
        new = step(gates[t], *states)
        for held, value, result in zip(states, new, results, strict=True):
            keep = np.ones((N, 1)) if mask is None else mask[t]
            held[...] = np.where(keep == 1, value, held)
            result[t] = held
    return tuple(results) if len(results) > 1 else results[0]


def lstm(gates, weight, h, c, mask=None, projection=None, reverse=False):
    def step(x, h, c):
        i, f, g, o = np.split(x + h @ weight.T, 4, 1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return (h if projection is None else h @ projection.T), c

    return run(step, gates, [h, c], mask, reverse)


def gru(gates, weight, h, bias=None, mask=None, reverse=False):
    def step(x, h):
        xr, xz, xn = np.split(x, 3, 1)
        hr, hz, hn = np.split(h @ weight.T + (0 if bias is None else bias), 3, 1)
        z = sigmoid(xz + hz)
        n = np.tanh(xn + sigmoid(xr + hr) * hn)
        return ((1 - z) * n + z * h,)

    return run(step, gates, [h], mask, reverse)


def rnn(gates, weight, h, mask=None, relu=False, reverse=False):
    def step(x, h):
        z = x + h @ weight.T
        return (np.maximum(z, 0) if relu else np.tanh(z),)

    return run(step, gates, [h], mask, reverse)


def lengths(rng):
    """The mask of sequences of 4, 2 and 1 elements."""
    return (np.arange(T)[:, None] < np.array([4, 2, 1])).astype(np.float64)[..., None]


def call(name, *positions):
    """The op with None for the arguments at ``positions``."""

    def function(gc, *tensors, **params):
        arguments = list(tensors)
        for position in positions:
            arguments.insert(position, None)
        return OPS[name](*arguments, **params)

    return function


WAYS = [{"reverse": False}, {"reverse": True}]
RNN_WAYS = [dict(way, relu=relu) for way in WAYS for relu in (False, True)]
F64 = ("float64",)

ROWS = [
    Row(op="lstm", inputs=((T, N, 4 * H), (4 * H, H), (N, H), (N, H)), params=WAYS,
        reference=lstm, call=call("lstm", 4, 5)),
    Row(op="lstm", inputs=((T, N, 4 * H), (4 * H, P), (N, P), (N, H), lengths, (P, H)),
        params=WAYS, reference=lstm, differentiable=(True, True, True, True, False, True),
        dtypes=F64),
    Row(op="gru", inputs=((T, N, 3 * H), (3 * H, H), (N, H), (3 * H,)), params=WAYS,
        reference=gru, call=call("gru", 4)),
    Row(op="gru", inputs=((T, N, 3 * H), (3 * H, H), (N, H), (3 * H,), lengths), params=WAYS,
        reference=gru, differentiable=(True, True, True, True, False), dtypes=F64),
    Row(op="rnn", inputs=((T, N, H), (H, H), (N, H)), params=RNN_WAYS, reference=rnn,
        call=call("rnn", 3)),
    Row(op="rnn", inputs=((T, N, H), (H, H), (N, H), lengths), params=RNN_WAYS, reference=rnn,
        differentiable=(True, True, True, False), dtypes=F64),
]  # fmt: skip
