"""Dropout: multiplication by a random mask."""

from __future__ import annotations

from .op import op


@op(pointwise=True, promotion=None, name="dropout", grad_name="NativeDropoutBackward0")
def dropout_op(xp, x, mask, *, scale):
    """``x * scale`` where ``mask`` holds, else 0."""
    return xp.where(mask, x * scale, 0.0)


dropout_op.vjp(x=lambda g, mask, scale: dropout_op(g, mask, scale=scale))
