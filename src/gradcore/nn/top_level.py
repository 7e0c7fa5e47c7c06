"""What PyTorch also has as ``torch.f``: layers' functions, some with other arguments there.

``NAMES`` lists them all. The package loads this module when one of them is first asked for.
"""

from __future__ import annotations

from typing import Any

from . import functional as F
from .functional import (
    bilinear,
    celu_,
    channel_shuffle,
    cosine_similarity,
    hardshrink,
    max_pool1d_with_indices,
    native_channel_shuffle,
    pairwise_distance,
    pdist,
    pixel_shuffle,
    pixel_unshuffle,
    prelu,
    rms_norm,
    rrelu_,
    selu_,
    threshold_,
)

__all__ = [
    "adaptive_max_pool1d",
    "alpha_dropout",
    "batch_norm",
    "bilinear",
    "celu",
    "celu_",
    "channel_shuffle",
    "cosine_similarity",
    "dropout",
    "embedding",
    "feature_alpha_dropout",
    "feature_dropout",
    "group_norm",
    "hardshrink",
    "instance_norm",
    "layer_norm",
    "max_pool1d_with_indices",
    "native_channel_shuffle",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prelu",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "threshold",
    "threshold_",
]
NAMES = frozenset(__all__)


def adaptive_max_pool1d(input: Any, output_size: Any) -> tuple[Any, Any]:
    """``nn.functional.adaptive_max_pool1d`` with its indices."""
    return F.adaptive_max_pool1d(input, output_size, return_indices=True)


def celu(input: Any, alpha: float = 1.0) -> Any:
    """``nn.functional.celu``."""
    return F.celu(input, alpha)


def selu(input: Any) -> Any:
    """``nn.functional.selu``."""
    return F.selu(input)


def threshold(input: Any, threshold: float, value: float) -> Any:
    """``nn.functional.threshold``."""
    return F.threshold(input, threshold, value)


def rrelu(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False
) -> Any:
    """``nn.functional.rrelu``."""
    return F.rrelu(input, lower, upper, training)


def dropout(input: Any, p: float, train: bool) -> Any:
    """``nn.functional.dropout``."""
    return F.dropout(input, p, train)


def alpha_dropout(input: Any, p: float, train: bool) -> Any:
    """``nn.functional.alpha_dropout``."""
    return F.alpha_dropout(input, p, train)


def feature_alpha_dropout(input: Any, p: float, train: bool) -> Any:
    """``nn.functional.feature_alpha_dropout``."""
    return F.feature_alpha_dropout(input, p, train)


def feature_dropout(input: Any, p: float, train: bool) -> Any:
    """Dropout of whole channels of (N, C, *)."""
    if not train or p == 0 or input.dim() < 2:
        return F.dropout(input, p, train)
    shape = (*input.shape[:2], *(1,) * (input.dim() - 2))
    return input * F.dropout(input.detach().new_ones(shape), p)


def embedding(
    weight: Any,
    indices: Any,
    padding_idx: int = -1,
    scale_grad_by_freq: bool = False,
    sparse: bool = False,
) -> Any:
    """``nn.functional.embedding`` with the table first; -1: no padding row."""
    padding = None if padding_idx == -1 else padding_idx
    return F.embedding(
        indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq, sparse=sparse
    )


def batch_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    """``nn.functional.batch_norm``; ``cudnn_enabled`` makes no difference."""
    return F.batch_norm(input, running_mean, running_var, weight, bias, training, momentum, eps)


def instance_norm(
    input: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    """``nn.functional.instance_norm``; ``cudnn_enabled`` makes no difference."""
    return F.instance_norm(
        input, running_mean, running_var, weight, bias, use_input_stats, momentum, eps
    )


def layer_norm(
    input: Any,
    normalized_shape: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Any:
    """``nn.functional.layer_norm``; ``cudnn_enable`` makes no difference."""
    return F.layer_norm(input, normalized_shape, weight, bias, eps)


def group_norm(
    input: Any,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Any:
    """``nn.functional.group_norm``; ``cudnn_enabled`` makes no difference."""
    return F.group_norm(input, num_groups, weight, bias, eps)
