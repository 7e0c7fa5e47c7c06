"""How many windows fit: the one rule behind the output sizes of convolution, pooling and unfold."""

from __future__ import annotations


def window_count(
    size: int, kernel: int, stride: int, padding: int, dilation: int, ceil_mode: bool = False
) -> int:
    """Number of windows along one dimension, by PyTorch's rule; below 1 where none fits.

    With ``ceil_mode`` a last window may hang over the end, if it starts inside the input or its
    left padding.
    """
    span = size + 2 * padding - dilation * (kernel - 1) - 1
    count = (span + (stride - 1 if ceil_mode else 0)) // stride + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return count
