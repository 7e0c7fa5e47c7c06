"""``torch.f`` of the losses and of what reads tables and grids: numbers instead of names.

A ``reduction`` is 1 for "mean", 2 for "sum", and "none" for others: also by default, where these
differ from ``nn.functional``.
"""

from __future__ import annotations

from typing import Any

from ..autograd.modes import no_grad
from ..ops.registry import FUNCTIONS
from . import functional as F
from .functional.reduction import reduced

_SAMPLE_MODES = ("bilinear", "nearest", "bicubic")
_PADDING_MODES = ("zeros", "border", "reflection")


def _named(reduction: int) -> str:
    return {1: "mean", 2: "sum"}.get(reduction, "none")


def binary_cross_entropy_with_logits(
    input: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 0
) -> Any:
    """``nn.functional.binary_cross_entropy_with_logits``."""
    return F.binary_cross_entropy_with_logits(
        input, target, weight, reduction=_named(reduction), pos_weight=pos_weight
    )


def cosine_embedding_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = 0
) -> Any:
    """``nn.functional.cosine_embedding_loss``."""
    return F.cosine_embedding_loss(input1, input2, target, margin, reduction=_named(reduction))


def ctc_loss(
    log_probs: Any,
    targets: Any,
    input_lengths: Any,
    target_lengths: Any,
    blank: int = 0,
    reduction: int = 0,
    zero_infinity: bool = False,
) -> Any:
    """``nn.functional.ctc_loss``."""
    return F.ctc_loss(
        log_probs, targets, input_lengths, target_lengths, blank, _named(reduction), zero_infinity
    )


def hinge_embedding_loss(input: Any, target: Any, margin: float = 1.0, reduction: int = 0) -> Any:
    """``nn.functional.hinge_embedding_loss``."""
    return F.hinge_embedding_loss(input, target, margin, reduction=_named(reduction))


def kl_div(input: Any, target: Any, reduction: int = 0, *, log_target: bool = False) -> Any:
    """``nn.functional.kl_div``."""
    losses = F.kl_div(input, target, reduction="none", log_target=log_target)
    return reduced(losses, _named(reduction))


def margin_ranking_loss(
    input1: Any, input2: Any, target: Any, margin: float = 0.0, reduction: int = 0
) -> Any:
    """``nn.functional.margin_ranking_loss``."""
    return F.margin_ranking_loss(input1, input2, target, margin, reduction=_named(reduction))


def poisson_nll_loss(
    input: Any, target: Any, log_input: bool, full: bool, eps: float, reduction: int
) -> Any:
    """``nn.functional.poisson_nll_loss``."""
    return F.poisson_nll_loss(input, target, log_input, full, eps=eps, reduction=_named(reduction))


def triplet_margin_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: int = 0,
) -> Any:
    """``nn.functional.triplet_margin_loss``."""
    return F.triplet_margin_loss(
        anchor, positive, negative, margin, p, eps, swap, reduction=_named(reduction)
    )


def affine_grid_generator(theta: Any, size: Any, align_corners: bool) -> Any:
    """``nn.functional.affine_grid``."""
    return F.affine_grid(theta, size, align_corners)


def grid_sampler(
    input: Any, grid: Any, interpolation_mode: int, padding_mode: int, align_corners: bool
) -> Any:
    """``nn.functional.grid_sample``, with its modes as numbers: places in its lists of them."""
    modes = _SAMPLE_MODES[interpolation_mode], _PADDING_MODES[padding_mode]
    return F.grid_sample(input, grid, *modes, align_corners)


grid_sampler_2d = grid_sampler_3d = grid_sampler


def embedding_renorm_(self: Any, indices: Any, max_norm: float, norm_type: float) -> Any:
    """Scale the rows that occur in ``indices`` down to the norm ``max_norm``, in place."""
    with no_grad():
        F.embedding(indices, self, max_norm=max_norm, norm_type=norm_type)
    return self


def norm_except_dim(v: Any, pow: int = 2, dim: int = 0) -> Any:
    """The norm over all dims but ``dim`` (-1: over all), which keep length 1."""
    others = [d for d in range(v.ndim) if d != dim]
    return FUNCTIONS["norm"](v, pow) if dim == -1 else v.norm(pow, others, keepdim=True)
