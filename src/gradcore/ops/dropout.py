"""Dropout: multiplication by a random mask."""

from __future__ import annotations

from .op import op

# Wellons' "lowbias32": multipliers of an integer hash whose output bits each depend on all input
# bits almost without bias (https://nullprogram.com/blog/2018/07/31/), here as int32.
_FIRST, _SECOND = 0x7FEB352D, 0x846CA68B - 2**32
# The golden ratio's bits spread neighbouring positions before the seed meets them.
_SPREAD = 0x9E3779B1 - 2**32


@op(pointwise=True, promotion=None)
def dropout_mask(xp, row, column, seed, *, threshold):
    """Whether a hash of ``row + column`` and ``seed``, all int32, is at least ``threshold``.

    True with probability ``1 - p`` for :func:`threshold_of` (p). A hash needs no state, so that
    threads and GPUs may draw in any order, and takes 1.5 ns where two draws of the Mersenne
    twister take 7. The masks keep the shifts logical: int32 is signed.
    """
    x = ((row + column) * _SPREAD) ^ seed
    x = (x ^ ((x >> 16) & 0xFFFF)) * _FIRST
    x = (x ^ ((x >> 15) & 0x1FFFF)) * _SECOND
    return (x ^ ((x >> 16) & 0xFFFF)) >= threshold


def threshold_of(p: float) -> int:
    """What a fraction ``p`` of all int32 numbers is below."""
    return min(round(p * 2**32) - 2**31, 2**31 - 1)


@op(pointwise=True, promotion=None, name="dropout", grad_name="NativeDropoutBackward0")
def dropout_op(xp, x, mask, *, scale):
    """``x * mask * scale`` for a bool mask."""
    return x * mask * scale


dropout_op.vjp(x=lambda g, mask, scale: dropout_op(g, mask, scale=scale))
