"""Rows of ops/embedding.py."""

from __future__ import annotations

import numpy as np

from op_table import Row


def rows(rng):
    """Indices into a table of 6 rows: some twice, row 2 (the padding) too."""
    return np.array([[0, 2, 5], [5, 2, 1], [1, 1, 3]])


def factors(indices, rows, padding_idx, scale_grad_by_freq):
    counts = np.bincount(indices.ravel(), minlength=rows)[indices]
    return (indices != padding_idx) / (counts if scale_grad_by_freq else 1)


def embedding(weight, indices, padding_idx, scale_grad_by_freq):
    return weight[indices]


def backward(y, indices, rows, padding_idx, scale_grad_by_freq):
    out = np.zeros((rows, y.shape[-1]))
    scaled = y * factors(indices, rows, padding_idx, scale_grad_by_freq)[..., None]
    np.add.at(out, indices.ravel(), scaled.reshape(-1, y.shape[-1]))
    return out.astype(y.dtype)


def scaled(y, indices, rows, padding_idx, scale_grad_by_freq):
    return (y * factors(indices, rows, padding_idx, scale_grad_by_freq)[..., None]).astype(y.dtype)


OPTIONS = [
    {"padding_idx": -1, "scale_grad_by_freq": False},
    {"padding_idx": 2, "scale_grad_by_freq": True},
]
SIZED = [dict(options, rows=6) for options in OPTIONS]

ROWS = [
    # the options only concern the gradient, which is not the forward pass's derivative
    Row(op="embedding", inputs=((6, 4), rows), params=OPTIONS[:1], reference=embedding),
    Row(op="embedding", inputs=((6, 4), rows), params=OPTIONS, reference=embedding, order=0,
        exact=True),
    Row(op="embedding_backward", inputs=((3, 3, 4), rows), params=SIZED, reference=backward),
    Row(op="one_hot", inputs=(rows,), params=[{"classes": 6}], order=0, exact=True,
        reference=lambda x, classes: np.eye(classes, dtype=x.dtype)[x]),
    Row(op="embedding_factors", inputs=((3, 3, 4), rows), params=SIZED, reference=scaled),
]  # fmt: skip
