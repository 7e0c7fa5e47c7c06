"""Rows of ops/conv.py."""

from __future__ import annotations

import itertools

import numpy as np

from op_table import Row


def geometry(stride=1, padding=0, dilation=1, groups=1, n=2):
    return {
        "stride": (stride,) * n,
        "padding": (padding,) * n,
        "dilation": (dilation,) * n,
        "groups": groups,
    }


def terms(sizes, kernel, out, stride, padding, dilation):
    """(kernel position, where it reads in the padded input) for every kernel element."""
    for position in itertools.product(*map(range, kernel)):
        yield (
            position,
            tuple(
                slice(p * d, p * d + s * (n - 1) + 1, s)
                for p, d, s, n in zip(position, dilation, stride, out, strict=True)
            ),
        )


def padded(x, padding):
    return np.pad(x, ((0, 0), (0, 0), *((p, p) for p in padding)))


def out_sizes(x, kernel, stride, padding, dilation):
    return tuple(
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(x.shape[2:], kernel, stride, padding, dilation, strict=True)
    )


def group_slices(total, groups):
    step = total // groups
    return [slice(i * step, (i + 1) * step) for i in range(groups)]


def conv(x, w, b=None, *, stride, padding, dilation, groups):
    """One product of matrices per kernel element and group."""
    out = out_sizes(x, w.shape[2:], stride, padding, dilation)
    frame = padded(x, padding)
    result = np.zeros((x.shape[0], w.shape[0], *out), x.dtype)
    outputs, inputs = group_slices(w.shape[0], groups), group_slices(x.shape[1], groups)
    for at, where in terms(x.shape[2:], w.shape[2:], out, stride, padding, dilation):
        for o, i in zip(outputs, inputs, strict=True):
            matrix = w[(o, slice(None), *at)]
            seen = frame[(slice(None), i, *where)]
            result[:, o] += np.einsum("oi,ni...->no...", matrix, seen)
    return result if b is None else result + b.reshape((1, -1) + (1,) * len(out))


def conv_input(y, w, b=None, *, input_size, stride, padding, dilation, groups):
    sizes = [n + 2 * p for n, p in zip(input_size, padding, strict=True)]
    frame = np.zeros((y.shape[0], w.shape[1] * groups, *sizes), y.dtype)
    outputs, inputs = group_slices(w.shape[0], groups), group_slices(frame.shape[1], groups)
    for at, where in terms(input_size, w.shape[2:], y.shape[2:], stride, padding, dilation):
        for o, i in zip(outputs, inputs, strict=True):
            matrix = w[(o, slice(None), *at)]
            frame[(slice(None), i, *where)] += np.einsum("oi,no...->ni...", matrix, y[:, o])
    inner = (slice(p, p + n) for p, n in zip(padding, input_size, strict=True))
    result = frame[(slice(None), slice(None), *inner)]
    return result if b is None else result + b.reshape((1, -1) + (1,) * len(input_size))


def conv_weight(x, y, *, kernel_size, stride, padding, dilation, groups):
    frame = padded(x, padding)
    result = np.zeros((y.shape[1], x.shape[1] // groups, *kernel_size), x.dtype)
    outputs, inputs = group_slices(y.shape[1], groups), group_slices(x.shape[1], groups)
    for at, where in terms(x.shape[2:], kernel_size, y.shape[2:], stride, padding, dilation):
        for o, i in zip(outputs, inputs, strict=True):
            seen = frame[(slice(None), i, *where)].reshape((x.shape[0], i.stop - i.start, -1))
            grads = y[:, o].reshape((y.shape[0], o.stop - o.start, -1))
            result[(o, slice(None), *at)] = np.einsum("nop,nip->oi", grads, seen)
    return result


CASES = [
    geometry(),
    geometry(padding=1),
    geometry(stride=2, padding=1),
    geometry(dilation=2, padding=2),
    geometry(groups=2),
    geometry(stride=3, padding=2, dilation=2, groups=2),
]
# (N, C, H, W) and 3 x 2 kernels
X, W, W_GROUPED, B = (2, 4, 7, 6), (6, 4, 3, 2), (6, 2, 3, 2), (6,)
UNGROUPED = [c for c in CASES if c["groups"] == 1]
GROUPED = [c for c in CASES if c["groups"] == 2]


def outputs_of(params, kernel=(3, 2), x=X, channels=6):
    names = ("stride", "padding", "dilation")
    out = out_sizes(np.empty(x), kernel, *(params[name] for name in names))
    return (x[0], channels, *out)


ROWS = [
    Row(op="conv", inputs=(X, W, B), params=UNGROUPED, reference=conv,
        big=((4, 4, 40, 38), (6, 4, 3, 2), B)),
    Row(op="conv", inputs=(X, W), params=UNGROUPED, reference=conv),
    Row(op="conv", inputs=(X, W_GROUPED, B), params=GROUPED, reference=conv),
    Row(op="conv", inputs=((2, 3, 8), (4, 3, 3), (4,)), params=[geometry(2, 1, n=1)],
        reference=conv),
    Row(op="conv", inputs=((2, 2, 5, 4, 4), (3, 2, 3, 2, 2)), params=[geometry(2, 1, n=3)],
        reference=conv),
    # 3 x 3 and 1 x 1 have kernels of their own
    Row(op="conv", inputs=((2, 3, 9, 9), (4, 3, 3, 3)), params=[geometry(padding=1)],
        reference=conv, big=((8, 16, 28, 28), (16, 16, 3, 3))),
    Row(op="conv", inputs=((2, 3, 6, 6), (4, 3, 1, 1), (4,)), params=[geometry(), geometry(2)],
        reference=conv, big=((8, 16, 28, 28), (16, 16, 1, 1), (16,))),
]  # fmt: skip
ROWS += [
    Row(op="conv_input", inputs=(outputs_of(p), W if p["groups"] == 1 else W_GROUPED),
        params=[dict(p, input_size=X[2:])], reference=conv_input)
    for p in CASES
]  # fmt: skip
ROWS += [
    Row(op="conv_input", inputs=((2, 6, 5, 4), W, (4,)),
        params=[dict(geometry(2, 1), input_size=(9, 7))], reference=conv_input),
]  # fmt: skip
ROWS += [
    Row(op="conv_weight", inputs=(X, outputs_of(p)), params=[dict(p, kernel_size=(3, 2))],
        reference=conv_weight)
    for p in CASES
]  # fmt: skip
# An output padding that is not below the stride: the input has room for windows beyond y.
ROWS += [
    Row(op="conv_input", inputs=((2, 6, 3, 4), W), reference=conv_input,
        params=[dict(geometry(1, 0, 2), input_size=(8, 7))]),
    Row(op="conv_weight", inputs=((2, 4, 8, 7), (2, 6, 3, 4)), reference=conv_weight,
        params=[dict(geometry(1, 0, 2), kernel_size=(3, 2))]),
]  # fmt: skip
