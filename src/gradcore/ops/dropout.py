"""Dropout: multiplication by a random mask."""

from __future__ import annotations

from .op import op


@op(pointwise=True, promotion=None, name="dropout", grad_name="NativeDropoutBackward0")
def dropout_op(xp, x, mask, *, scale):
    """``x * mask * scale`` for a bool mask."""
    return x * mask * scale


dropout_op.vjp(x=lambda g, mask, scale: dropout_op(g, mask, scale=scale))
