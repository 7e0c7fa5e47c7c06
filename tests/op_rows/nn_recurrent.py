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
    active = np.empty((T, 4 * H, N), gates.dtype)
    order = iter(range(T - 1, -1, -1) if reverse else range(T))

    def step(x, h, c):
        i, f, g, o = np.split(x + h @ weight.T, 4, 1)
        i, f, g, o = sigmoid(i), sigmoid(f), np.tanh(g), sigmoid(o)
        active[next(order)] = np.concatenate([i, f, g, o], 1).T
        c = f * c + i * g
        h = o * np.tanh(c)
        return (h if projection is None else h @ projection.T), c

    return (*run(step, gates, [h, c], mask, reverse), active)


def lstm_backward(y, y_cells, gates, weight, h, c, reverse=False):
    """From a loop over the steps, backwards, with the derivative of each gate written out."""
    hidden, cells, active = lstm(gates, weight, h, c, reverse=reverse)
    order = list(range(T - 1, -1, -1) if reverse else range(T))
    to_gates, to_weight = np.zeros_like(gates), np.zeros_like(weight)
    to_h, to_c = np.zeros_like(h), np.zeros_like(c)
    for position in range(T - 1, -1, -1):
        t = order[position]
        i, f, g, o = np.split(active[t].T, 4, 1)
        past_h = hidden[order[position - 1]] if position else h
        past_c = cells[order[position - 1]] if position else c
        to_h, to_c = to_h + y[t], to_c + y_cells[t]
        squashed = np.tanh(cells[t])
        to_c = to_c + to_h * o * (1 - squashed**2)
        parts = [to_c * g * i * (1 - i), to_c * past_c * f * (1 - f), to_c * i * (1 - g**2)]
        to_gates[t] = np.concatenate([*parts, to_h * squashed * o * (1 - o)], 1)
        to_weight += to_gates[t].T @ past_h
        to_h, to_c = to_gates[t] @ weight, to_c * f
    return to_gates, to_weight, to_h, to_c


def call_lstm_backward(gc, y, y_cells, gates, weight, h, c, **params):
    saved = OPS["lstm"](gates, weight, h, c, None, None, **params)
    return OPS["lstm_backward"](y, y_cells, weight, h, c, *saved, **params)


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
    Row(op="lstm_backward", inputs=((T, N, H), (T, N, H), (T, N, 4 * H), (4 * H, H), (N, H),
        (N, H)), params=WAYS, reference=lstm_backward, call=call_lstm_backward, order=0),
    Row(op="gru", inputs=((T, N, 3 * H), (3 * H, H), (N, H), (3 * H,)), params=WAYS,
        reference=gru, call=call("gru", 4)),
    Row(op="gru", inputs=((T, N, 3 * H), (3 * H, H), (N, H), (3 * H,), lengths), params=WAYS,
        reference=gru, differentiable=(True, True, True, True, False), dtypes=F64),
    Row(op="rnn", inputs=((T, N, H), (H, H), (N, H)), params=RNN_WAYS, reference=rnn,
        call=call("rnn", 3)),
    Row(op="rnn", inputs=((T, N, H), (H, H), (N, H), lengths), params=RNN_WAYS, reference=rnn,
        differentiable=(True, True, True, False), dtypes=F64),
]  # fmt: skip
