"""Rows of ops/ctc.py."""

from __future__ import annotations

import itertools

import numpy as np

import gradcore.ops.ctc  # registers the ops
from gradcore.ops.op import OPS
from op_table import Row

T, N, C = 4, 3, 3
TARGETS = np.array([[1, 2], [1, 1], [2, 0]])
INPUTS, LENGTHS = np.array([4, 4, 2]), np.array([2, 2, 1])
BLANK = {"blank": 0, "zero_infinity": False}

assert gradcore.ops.ctc


def collapsed(path):
    """A path without repetitions and blanks."""
    return [c for i, c in enumerate(path) if c != 0 and (i == 0 or path[i - 1] != c)]


def losses(log_probs, blank=0, zero_infinity=False):
    """By going through all paths."""
    result = []
    for n in range(N):
        wanted = list(TARGETS[n, : LENGTHS[n]])
        total = sum(
            np.exp(sum(log_probs[t, n, c] for t, c in enumerate(path)))
            for path in itertools.product(range(C), repeat=int(INPUTS[n]))
            if collapsed(path) == wanted
        )
        result.append(-np.log(total))
    return np.array(result).astype(log_probs.dtype)


def fixed(values):
    return lambda rng: values


def loss_of_scores(gc, scores, *rest, **params):
    """From scores: the op's gradient is that of what went into log_softmax."""
    return OPS["ctc_loss"](scores.log_softmax(2), *rest, **params)[0]


def normalized(scores):
    return scores - np.log(np.exp(scores).sum(2, keepdims=True))


def of_scores(scores, *rest, **params):
    return losses(normalized(scores.astype("d"))).astype(scores.dtype)


def backward(gc, y, scores, targets, inputs, lengths, **params):
    log_probs = scores.log_softmax(2)
    loss, alpha = OPS["ctc_loss"](log_probs, targets, inputs, lengths, **params)
    return OPS["ctc_loss_backward"](y, log_probs, targets, inputs, lengths, loss, alpha, **params)


REST = (fixed(TARGETS), fixed(INPUTS), fixed(LENGTHS))

ROWS = [
    Row(op="ctc_loss", inputs=((T, N, C), *REST), params=[BLANK], reference=of_scores,
        call=loss_of_scores, order=1, differentiable=(True, False, False, False)),
    Row(op="ctc_loss_backward", inputs=((N,), (T, N, C), *REST), params=[BLANK], reference=None,
        call=backward, order=0),
]  # fmt: skip
