"""Rows of ops/loss.py."""

from __future__ import annotations

import numpy as np

from gradcore.ops.op import OPS
from op_table import Row

PAIR = ((3, 5), (3, 5))
IGNORED = -100


def wide(reference):
    """The reference computed in float64, its results in the dtype of the first input."""

    def function(x, *args, **params):
        args = [a.astype("d") if a.dtype.kind == "f" else a for a in args]
        result = reference(x.astype("d"), *args, **params)
        if isinstance(result, tuple):
            return tuple(np.asarray(r).astype(x.dtype) for r in result)
        return np.asarray(result).astype(x.dtype)

    return function


def mse(x, y, reduction):
    squares = (x - y) ** 2
    return squares.mean() if reduction == "mean" else squares.sum()


def smooth_l1(x, y, beta):
    d = np.abs(x - y)
    return np.where(d < beta, 0.5 * d * d / beta, d - 0.5 * beta)


def huber(x, y, delta):
    d = np.abs(x - y)
    return np.where(d <= delta, 0.5 * d * d, delta * (d - 0.5 * delta))


def bce(x, y):
    return -(y * np.log(x) + (1 - y) * np.log(1 - x))


def bce_logits(x, y, weight=1.0):
    p = 1 / (1 + np.exp(-x))
    return -(weight * y * np.log(p) + (1 - y) * np.log(1 - p))


def classes(shape):
    """Targets of 5 classes, some of them ignored."""

    def draw(rng):
        target = rng.integers(0, 5, shape)
        target[..., 1] = IGNORED
        return target

    return draw


def target_weights(target, weight):
    weight = np.ones(5) if weight is None else weight
    return np.where(target == IGNORED, 0.0, weight[np.where(target == IGNORED, 0, target)])


def nll(x, target, weight=None, *, ignore_index, reduction):
    factors = target_weights(target, weight)
    chosen = np.where(target == ignore_index, 0, target)
    picked = np.take_along_axis(x, chosen[:, None], 1)[:, 0]
    losses, total = -picked * factors, factors.sum()
    if reduction == "none":
        return losses, total
    return losses.sum() / (total if reduction == "mean" else 1), total


def count(rng):
    """The sum of the weights of ``classes(4)``: one of the four is ignored."""
    return np.array(3.0)


def nll_backward(y, total, target, weight=None, *, shape, ignore_index, reduction):
    factors = -target_weights(target, weight) * (y / total if reduction == "mean" else y)
    onehot = np.moveaxis(np.eye(5)[np.where(target == ignore_index, 0, target)], -1, 1)
    return onehot * np.expand_dims(factors, 1)


REDUCTIONS = [{"ignore_index": IGNORED, "reduction": r} for r in ("none", "mean", "sum")]
FLAT_BACK = [dict(r, shape=(4, 5)) for r in REDUCTIONS[1:]]
DEEP = {"ignore_index": IGNORED, "reduction": "none"}
FIRST = (True, False, False, False)


def unweighted(name):
    """A call of the op ``name`` without class weights."""
    return lambda gc, *tensors, **params: OPS[name](*tensors, None, **params)


ROWS = [
    Row(op="mse_loss", inputs=PAIR, reference=wide(mse), big=((300, 900), (300, 900)),
        params=[{"reduction": "mean"}, {"reduction": "sum"}]),
    Row(op="mse_loss_elements", inputs=PAIR, reference=wide(lambda x, y: (x - y) ** 2)),
    Row(op="scaled_difference", inputs=(*PAIR, (3, 5)),
        reference=wide(lambda x, y, scale: (x - y) * scale)),
    Row(op="smooth_l1_loss", inputs=PAIR, reference=wide(smooth_l1),
        params=[{"beta": 1.0}, {"beta": 0.3}]),
    Row(op="huber_loss", inputs=PAIR, reference=wide(huber),
        params=[{"delta": 1.0}, {"delta": 0.3}]),
    Row(op="binary_cross_entropy", inputs=PAIR, reference=wide(bce), domain=(0.05, 0.95)),
    Row(op="binary_cross_entropy_with_logits", inputs=PAIR, reference=wide(bce_logits)),
    Row(op="weighted_bce_with_logits", inputs=(*PAIR, (3, 5)), reference=wide(bce_logits)),
    Row(op="nll_loss", inputs=((4, 5), classes(4)), reference=wide(nll), params=REDUCTIONS,
        call=unweighted("nll_loss")),
    Row(op="nll_loss", inputs=((4, 5), classes(4), (5,)), reference=wide(nll), params=REDUCTIONS,
        differentiable=FIRST[:3], domain=(0.5, 2), dtypes=("float64",)),
    Row(op="nll_loss", inputs=((2, 5, 3), classes((2, 3))), reference=wide(nll),
        params=REDUCTIONS, call=unweighted("nll_loss")),
    Row(op="nll_loss_backward", inputs=((), count, classes(4)), reference=wide(nll_backward),
        params=FLAT_BACK, differentiable=FIRST[:3], domain=(1, 3),
        call=unweighted("nll_loss_backward")),
    Row(op="nll_loss_backward", inputs=((2, 3), (), classes((2, 3)), (5,)),
        reference=wide(nll_backward), params=[dict(DEEP, shape=(2, 5, 3))], differentiable=FIRST,
        domain=(0.5, 2), dtypes=("float64",)),
]  # fmt: skip


def cross_entropy(x, target, *weight, ignore_index, reduction):
    """The loss, the sum of the weights, and the weight of each row."""
    log_p = x - np.log(np.exp(x).sum(1, keepdims=True))
    counted = target != ignore_index
    safe = np.where(counted, target, 0)
    factors = np.where(counted, weight[0][safe] if weight else 1.0, 0.0)
    losses = -log_p[np.arange(len(x)), safe] * factors
    total = factors.sum()
    loss = {"none": losses, "sum": losses.sum(), "mean": losses.sum() / total}[reduction]
    return loss, total, factors


def call_cross_entropy(gc, x, target, *weight, **params):
    weight = weight[0] if weight else None
    return OPS["cross_entropy"](x, target, *OPS["softmax_parts"](x), weight, **params)[:3]


def softmax_parts(x):
    high = x.max(1, keepdims=True)
    return high, np.exp(x - high).sum(1, keepdims=True)


def minus_one_hot(x, target, factors):
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    return (p - np.eye(x.shape[1])[target]) * factors[:, None]


def call_minus_one_hot(gc, x, target, factors):
    return OPS["softmax_minus_one_hot"](x, *OPS["softmax_parts"](x), target, factors)


def labels(rows):
    return lambda rng: rng.integers(0, 5, rows)


ROWS += [
    Row(op="cross_entropy", inputs=((4, 5), classes(4)), reference=wide(cross_entropy),
        params=REDUCTIONS, call=call_cross_entropy),
    Row(op="cross_entropy", inputs=((4, 5), classes(4), (5,)), reference=wide(cross_entropy),
        params=REDUCTIONS, call=call_cross_entropy, differentiable=FIRST[:3],
        domain=(0.5, 2), dtypes=("float64",)),
    Row(op="softmax_parts", inputs=((4, 5),), reference=wide(softmax_parts), order=0,
        big=((300, 900),)),
    Row(op="softmax_minus_one_hot", inputs=((4, 5), labels(4), (4,)), order=0,
        reference=wide(minus_one_hot), call=call_minus_one_hot),
]  # fmt: skip

# Public functions that only combine ops.
ROWS += [
    Row(op="cross_entropy", inputs=((4, 5), (4, 5)), domain=((-2, 2), (0, 1)),
        call=lambda gc, x, y, s: gc.nn.functional.cross_entropy(x, y, label_smoothing=s),
        params=[{"s": 0.0}, {"s": 0.2}], reference=wide(
            lambda x, y, s: -((x - np.log(np.exp(x).sum(1, keepdims=True)))
                              * (y * (1 - s) + s / 5)).sum() / 4)),
]  # fmt: skip
