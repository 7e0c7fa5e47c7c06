"""Dropout."""

from __future__ import annotations

import warnings
from typing import Any

from ...autograd.inplace import inplace as make_inplace
from ...backends.dtype import DTYPES
from ...ops.dropout import dropout_op
from ...ops.registry import FUNCTIONS

_BOOL = DTYPES["bool"]


def _check_probability(p: float) -> None:
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _random_mask(shape: Any, p: float, device: Any) -> Any:
    """Bools, each False with probability ``p``: on the CPU the same as PyTorch's for a seed."""
    return FUNCTIONS["empty"](shape, dtype=_BOOL, device=device).bernoulli_(1 - p)


def _masked(input: Any, p: float, mask_shape: Any) -> Any:
    """``input`` times a random mask of that shape (which broadcasts to the input's)."""
    if input.numel() == 0:
        return input * 1
    scale = 1 / (1 - p) if p < 1 else 0.0
    mask = _random_mask(mask_shape, p, input.device)
    return dropout_op(input, mask, scale=scale)


def _drop(input: Any, p: float, training: bool, inplace: bool, by_channel: bool) -> Any:
    if not training or p == 0:
        return input
    shape = tuple(input.shape)
    if by_channel:
        if len(shape) < 2:
            raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
        shape = shape[:2] + (1,) * (len(shape) - 2)
    if inplace:
        return make_inplace(lambda x: _masked(x, p, shape), "dropout_")(input)
    return _masked(input, p, shape)


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Set each element to 0 with probability ``p`` and scale the others by 1 / (1 - p).

    >>> F.dropout(torch.ones(3), training=False)
    tensor([1., 1., 1.])
    """
    _check_probability(p)
    return _drop(input, p, training, inplace, False)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of (N, C, L) or (C, L).

    >>> F.dropout1d(torch.ones(2, 3, 4)).shape
    torch.Size([2, 3, 4])
    """
    _check_probability(p)
    if input.dim() not in (2, 3):
        raise RuntimeError(
            f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note that "
            "dropout1d exists to provide channel-wise dropout on inputs with 1 spatial dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        )
    return _by_channel(input, p, training, inplace, input.dim() == 3)


def _by_channel(input: Any, p: float, training: bool, inplace: bool, batched: bool) -> Any:
    if batched or not training or p == 0:
        return _drop(input, p, training, inplace, True)
    if inplace:
        shape = (input.shape[0],) + (1,) * (input.dim() - 1)
        return make_inplace(lambda x: _masked(x, p, shape), "dropout_")(input)
    return _drop(input.unsqueeze(0), p, training, False, True).squeeze(0)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of (N, C, H, W).

    >>> F.dropout2d(torch.ones(2, 3, 4, 4)).shape
    torch.Size([2, 3, 4, 4])
    """
    _check_probability(p)
    ndim = input.dim()
    if ndim not in (3, 4):
        warnings.warn(
            f"dropout2d: Received a {ndim}-D input to dropout2d, which is deprecated and will "
            "result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead. Note that dropout2d exists to provide "
            "channel-wise dropout on inputs with 2 spatial dimensions, a channel dimension, and an "
            "optional batch dimension (i.e. 3D or 4D inputs).",
            stacklevel=2,
        )
    if ndim == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. This behavior will change in a future release to interpret the input as one "
            "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
            "dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _drop(input, p, training, inplace, True)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Any:
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W).

    >>> F.dropout3d(torch.ones(2, 3, 4, 4, 4)).shape
    torch.Size([2, 3, 4, 4, 4])
    """
    _check_probability(p)
    ndim = input.dim()
    if ndim not in (4, 5):
        warnings.warn(
            f"dropout3d: Received a {ndim}-D input to dropout3d, which is deprecated and will "
            "result in an error in a future release. To retain the behavior and silence this "
            "warning, please use dropout instead. Note that dropout3d exists to provide "
            "channel-wise dropout on inputs with 3 spatial dimensions, a channel dimension, and an "
            "optional batch dimension (i.e. 4D or 5D inputs).",
            stacklevel=2,
        )
    return _by_channel(input, p, training, inplace, ndim == 5)


# What SELU tends to for very negative numbers: -scale * alpha.
_SELU_LIMIT = -1.7580993408473766


def _alpha_drop(input: Any, p: float, shape: Any) -> Any:
    """Drop to SELU's limit, then scale and shift so that mean 0 and variance 1 are kept."""
    if p == 1:
        return input * 0
    scale = ((1 - p) * (1 + p * _SELU_LIMIT**2)) ** -0.5
    mask = _random_mask(shape, p, input.device)
    shift = FUNCTIONS["where"](mask, 0.0, _SELU_LIMIT) - p * _SELU_LIMIT
    return input * mask * scale + (shift * scale).to(input.dtype)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Any:
    """Dropout that keeps mean and variance, for SELU networks (arXiv 1706.02515).

    >>> F.alpha_dropout(torch.ones(3), training=False)
    tensor([1., 1., 1.])
    """
    _check_probability(p)
    if not training or p == 0 or input.numel() == 0:
        return input
    shape = tuple(input.shape)
    if inplace:
        return make_inplace(lambda x: _alpha_drop(x, p, shape), "alpha_dropout_")(input)
    return _alpha_drop(input, p, shape)


def feature_alpha_dropout(
    input: Any, p: float = 0.5, training: bool = False, inplace: bool = False
) -> Any:
    """:func:`alpha_dropout` of whole channels of (N, C, *).

    >>> F.feature_alpha_dropout(torch.ones(2, 3, 4), training=False).shape
    torch.Size([2, 3, 4])
    """
    _check_probability(p)
    if not training or p == 0 or input.numel() == 0:
        return input
    if input.dim() < 2:
        raise RuntimeError("Feature dropout requires at least 2 dimensions in the input")
    shape = tuple(input.shape[:2]) + (1,) * (input.dim() - 2)
    if inplace:
        drop = make_inplace(lambda x: _alpha_drop(x, p, shape), "feature_alpha_dropout_")
        return drop(input)
    return _alpha_drop(input, p, shape)
