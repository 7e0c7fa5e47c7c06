"""What PyTorch also has as ``torch.f``: layers' functions, some with other arguments there.

``NAMES`` lists them all. The package loads this module when one of them is first asked for.
"""

from __future__ import annotations

from typing import Any

from ..autograd.inplace import inplace
from . import functional as F
from .functional import (
    bilinear,
    celu_,
    channel_shuffle,
    conv_tbc,
    cosine_similarity,
    max_pool1d_with_indices,
    native_channel_shuffle,
    pairwise_distance,
    pdist,
    pixel_shuffle,
    pixel_unshuffle,
    rms_norm,
    rrelu_,
    selu_,
    threshold_,
)
from .top_level_losses import (
    affine_grid_generator,
    binary_cross_entropy_with_logits,
    cosine_embedding_loss,
    ctc_loss,
    embedding_renorm_,
    grid_sampler,
    grid_sampler_2d,
    grid_sampler_3d,
    hinge_embedding_loss,
    kl_div,
    margin_ranking_loss,
    norm_except_dim,
    poisson_nll_loss,
    triplet_margin_loss,
)
from .top_level_recurrent import (
    gru,
    gru_cell,
    lstm,
    lstm_cell,
    rnn_relu,
    rnn_relu_cell,
    rnn_tanh,
    rnn_tanh_cell,
)

__all__ = [
    "adaptive_max_pool1d",
    "affine_grid_generator",
    "alpha_dropout",
    "alpha_dropout_",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "channel_shuffle",
    "conv_tbc",
    "convolution",
    "cosine_embedding_loss",
    "cosine_similarity",
    "ctc_loss",
    "dropout",
    "dropout_",
    "embedding",
    "embedding_renorm_",
    "feature_alpha_dropout",
    "feature_alpha_dropout_",
    "feature_dropout",
    "feature_dropout_",
    "grid_sampler",
    "grid_sampler_2d",
    "grid_sampler_3d",
    "group_norm",
    "gru",
    "gru_cell",
    "hinge_embedding_loss",
    "instance_norm",
    "kl_div",
    "layer_norm",
    "lstm",
    "lstm_cell",
    "margin_ranking_loss",
    "max_pool1d_with_indices",
    "native_channel_shuffle",
    "norm_except_dim",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "rms_norm",
    "rnn_relu",
    "rnn_relu_cell",
    "rnn_tanh",
    "rnn_tanh_cell",
    "rrelu",
    "rrelu_",
    "selu",
    "selu_",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
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


def _drop_in_place(function: Any) -> Any:
    """``f_(input, p, train)``."""

    def call(input: Any, p: float, train: bool) -> Any:
        return inplace(function, f"{function.__name__}_")(input, p, train)

    call.__name__ = call.__qualname__ = f"{function.__name__}_"
    call.__doc__ = f":func:`{function.__name__}` in place."
    return call


dropout_, alpha_dropout_, feature_dropout_, feature_alpha_dropout_ = map(
    _drop_in_place, (dropout, alpha_dropout, feature_dropout, feature_alpha_dropout)
)


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


def convolution(
    input: Any,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Any:
    """``nn.functional.conv1d`` to ``conv3d``, or ``conv_transpose1d`` to ``conv_transpose3d``."""
    n = weight.ndim - 2
    if transposed:
        function = getattr(F, f"conv_transpose{n}d")
        return function(input, weight, bias, stride, padding, output_padding, groups, dilation)
    return getattr(F, f"conv{n}d")(input, weight, bias, stride, padding, dilation, groups)


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
