"""Looking up rows of a table."""

from __future__ import annotations

from typing import Any

from .op import op


@op
def embedding(xp, weight, indices, *, padding_idx, scale_grad_by_freq):
    """``weight[indices]``. The two options only concern the gradient."""
    return xp.take(weight, indices, axis=0)


@op(grad_name="EmbeddingDenseBackwardBackward0")
def embedding_backward(xp, y, indices, *, rows, padding_idx, scale_grad_by_freq):
    """The adjoint: the rows of ``y`` added up at their indices, none at ``padding_idx``."""
    flat = indices.reshape(-1)
    values = y.reshape((flat.shape[0], y.shape[-1]))
    values = values * _factors(xp, flat, rows, padding_idx, scale_grad_by_freq, y.dtype)
    out = xp.zeros((rows, y.shape[-1]), dtype=y.dtype)
    xp.add.at(out, flat, values)
    return out


def _factors(xp: Any, flat: Any, rows: int, padding_idx: int, by_freq: bool, dtype: Any) -> Any:
    """What each looked-up row's gradient is multiplied by, as a column."""
    factors = (flat != padding_idx).astype(dtype)
    if by_freq:
        factors = factors / xp.bincount(flat, minlength=rows)[flat].astype(dtype)
    return factors.reshape((-1, 1))


@op
def embedding_factors(xp, y, indices, *, rows, padding_idx, scale_grad_by_freq):
    """``y`` times the factor of each looked-up row; linear and its own adjoint."""
    flat = indices.reshape(-1)
    factors = _factors(xp, flat, rows, padding_idx, scale_grad_by_freq, y.dtype)
    return y * factors.reshape((*indices.shape, 1))


def _embedding_grad(g, indices, weight_shape, padding_idx, scale_grad_by_freq):
    return embedding_backward(
        g,
        indices,
        rows=weight_shape[0],
        padding_idx=padding_idx,
        scale_grad_by_freq=scale_grad_by_freq,
    )


def _embedding_second(g, indices, rows, padding_idx, scale_grad_by_freq):
    looked_up = embedding(g, indices, padding_idx=-1, scale_grad_by_freq=False)
    return embedding_factors(
        looked_up,
        indices,
        rows=rows,
        padding_idx=padding_idx,
        scale_grad_by_freq=scale_grad_by_freq,
    )


def _factors_grad(g, indices, rows, padding_idx, scale_grad_by_freq):
    return embedding_factors(
        g,
        indices,
        rows=rows,
        padding_idx=padding_idx,
        scale_grad_by_freq=scale_grad_by_freq,
    )


embedding.vjp(weight=_embedding_grad)
embedding_backward.vjp(y=_embedding_second)
embedding_factors.vjp(y=_factors_grad)


@op(name="one_hot", differentiable=())
def one_hot_op(xp, indices, *, classes):
    """Zeros with 1 at each index along a new last dimension; the indices are all in range."""
    out = xp.zeros((indices.size, classes), dtype=indices.dtype)
    out[xp.arange(indices.size), indices.reshape(-1)] = 1
    return out.reshape((*indices.shape, classes))
