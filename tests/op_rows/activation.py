"""Rows of ops/activation.py, ops/softmax.py and ops/dropout.py."""

from __future__ import annotations

import math

import numpy as np

from op_table import Row

INF, NAN = math.inf, math.nan
EXTREMES = (-INF, -100.0, -1.0, -0.0, 0.0, 1e-20, 1.0, 100.0, INF, NAN)
SHAPE = ((3, 5),)

erf = np.vectorize(math.erf, otypes=[float])


def wide(reference):
    """The reference computed in float64, its result in the dtype of the first input."""

    def function(x, *args, **params):
        return np.asarray(reference(x.astype("d"), *args, **params)).astype(x.dtype)

    return function


def gelu(x):
    return 0.5 * x * (1 + erf(x / math.sqrt(2)))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softplus(x, beta, threshold):
    return np.where(x * beta > threshold, x, np.log1p(np.exp(x * beta)) / beta)


def elu(x, alpha, scale, input_scale):
    return scale * np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0) * input_scale))


def log_sigmoid(x):
    return -np.log1p(np.exp(-np.abs(x))) + np.minimum(x, 0)


def mish(x):
    return x * np.tanh(np.logaddexp(0, x))


def softshrink(x, limit):
    return np.sign(x) * np.maximum(np.abs(x) - limit, 0)


def softmax(x, axis):
    e = np.exp(x)
    return e / e.sum(axis, keepdims=True)


def log_softmax(x, axis):
    return x - np.log(np.exp(x).sum(axis, keepdims=True))


def softmax_backward(y, out, axis):
    return out * (y - (y * out).sum(axis, keepdims=True))


def log_softmax_backward(y, out, axis):
    return y - np.exp(out) * y.sum(axis, keepdims=True)


def mask(rng):
    return rng.random((3, 5)) < 0.6


FINITE = tuple(v for v in EXTREMES if math.isfinite(v))
ELUS = [
    {"alpha": 1.0, "scale": 1.0, "input_scale": 1.0},
    {"alpha": 1.67, "scale": 1.05, "input_scale": 0.5},
]
AXES = [{"axis": 0}, {"axis": 1}]
EMPTY = (((0, 3),), ((2, 0),))

ROWS = [
    Row(op="gelu", inputs=SHAPE, reference=wide(gelu), extremes=FINITE),
    Row(op="gelu_tanh", inputs=SHAPE, reference=wide(gelu_tanh), extremes=FINITE),
    Row(op="silu", inputs=SHAPE, reference=wide(lambda x: x * sigmoid(x)), extremes=FINITE),
    Row(op="leaky_relu", inputs=SHAPE, params=[{"slope": 0.1}, {"slope": 2.0}],
        reference=wide(lambda x, slope: np.where(x > 0, x, x * slope)), extremes=EXTREMES),
    Row(op="elu", inputs=SHAPE, params=ELUS, reference=wide(elu), extremes=EXTREMES),
    Row(op="log_sigmoid", inputs=SHAPE, reference=wide(log_sigmoid), extremes=EXTREMES),
    Row(op="mish", inputs=SHAPE, reference=wide(mish), extremes=FINITE),
    Row(op="hardtanh", inputs=SHAPE, params=[{"low": -1.0, "high": 0.7}],
        reference=lambda x, low, high: np.clip(x, low, high).astype(x.dtype), extremes=EXTREMES),
    Row(op="hardsigmoid", inputs=SHAPE, domain=(-4, 4), extremes=EXTREMES,
        reference=wide(lambda x: np.clip(x / 6 + 0.5, 0, 1))),
    Row(op="hardswish", inputs=SHAPE, domain=(-4, 4), extremes=FINITE,
        reference=wide(lambda x: x * np.clip(x / 6 + 0.5, 0, 1))),
    Row(op="threshold", inputs=SHAPE, params=[{"limit": 0.3, "value": -7.0}], extremes=EXTREMES,
        reference=wide(lambda x, limit, value: np.where(x <= limit, value, x))),
    Row(op="hardshrink", inputs=SHAPE, params=[{"limit": 0.5}], extremes=EXTREMES,
        reference=wide(lambda x, limit: np.where(np.abs(x) <= limit, 0, x))),
    Row(op="softshrink", inputs=SHAPE, params=[{"limit": 0.5}], extremes=FINITE,
        reference=wide(softshrink)),
    Row(op="prelu", inputs=((3, 5), (3, 5)),
        reference=wide(lambda x, weight: np.where(x > 0, x, x * weight))),
    Row(op="softplus", inputs=SHAPE, reference=wide(softplus), extremes=EXTREMES,
        params=[{"beta": 1.0, "threshold": 20.0}, {"beta": 2.0, "threshold": 1.0}]),
    Row(op="softmax", inputs=SHAPE, params=AXES, reference=wide(softmax), big=((300, 900),),
        edges=EMPTY),
    Row(op="log_softmax", inputs=SHAPE, params=AXES, reference=wide(log_softmax),
        big=((300, 900),), edges=EMPTY),
    Row(op="softmax_backward", inputs=((3, 5), (3, 5)), params=AXES,
        reference=wide(softmax_backward), big=((300, 900), (300, 900))),
    Row(op="log_softmax_backward", inputs=((3, 5), (3, 5)), params=AXES,
        reference=wide(log_softmax_backward), big=((300, 900), (300, 900))),
    Row(op="dropout", inputs=((3, 5), mask), params=[{"scale": 2.0}, {"scale": 0.0}],
        reference=lambda x, keep, scale: np.where(keep, x * x.dtype.type(scale), x.dtype.type(0))),
]  # fmt: skip
