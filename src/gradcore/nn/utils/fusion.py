"""Folding a batch norm in evaluation mode into the layer before it."""

from __future__ import annotations

import copy
from typing import Any

from ...ops.registry import FUNCTIONS
from ..parameter import Parameter

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]


def _check(layer: Any, bn: Any) -> None:
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")


def _statistics(bn: Any) -> dict[str, Any]:
    return {
        "bn_rm": bn.running_mean,
        "bn_rv": bn.running_var,
        "bn_eps": bn.eps,
        "bn_w": bn.weight,
        "bn_b": bn.bias,
    }


def fuse_conv_bn_eval(conv: Any, bn: Any, transpose: bool = False) -> Any:
    """A copy of ``conv`` that computes ``bn(conv(x))``; ``transpose``: it is transposed.

    >>> conv, norm = nn.Conv2d(3, 4, 3).eval(), nn.BatchNorm2d(4).eval()
    >>> nn.utils.fuse_conv_bn_eval(conv, norm).bias.shape
    torch.Size([4])
    """
    _check(conv, bn)
    fused = copy.deepcopy(conv)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight, fused.bias, **_statistics(bn), transpose=transpose
    )
    return fused


def fuse_conv_bn_weights(
    conv_w: Any,
    conv_b: Any,
    bn_rm: Any,
    bn_rv: Any,
    bn_eps: float,
    bn_w: Any,
    bn_b: Any,
    transpose: bool = False,
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the convolution that :func:`fuse_conv_bn_eval` makes."""
    scale, bias = _folded(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    shape = [1] * conv_w.dim()
    shape[1 if transpose else 0] = -1
    weight = (conv_w * scale.reshape(shape)).to(conv_w.dtype)
    needs_grad = False if conv_b is None else conv_b.requires_grad
    return Parameter(weight, conv_w.requires_grad), Parameter(bias, needs_grad)


def _folded(w: Any, b: Any, mean: Any, var: Any, eps: float, bn_w: Any, bn_b: Any) -> tuple:
    """What each output channel is multiplied by, and the new bias."""
    scale = (var + eps).rsqrt()
    scale = scale if bn_w is None else scale * bn_w
    held = FUNCTIONS["zeros_like"](mean) if b is None else b
    bias = (held - mean) * scale
    bias = bias if bn_b is None else bias + bn_b
    return scale, bias.to(w.dtype if b is None else b.dtype)


def fuse_linear_bn_eval(linear: Any, bn: Any) -> Any:
    """A copy of ``linear`` that computes ``bn(linear(x))``.

    >>> linear, norm = nn.Linear(3, 4).eval(), nn.BatchNorm1d(4).eval()
    >>> nn.utils.fuse_linear_bn_eval(linear, norm).bias.shape
    torch.Size([4])
    """
    _check(linear, bn)
    if bn.num_features not in (linear.out_features, 1):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused = copy.deepcopy(linear)
    fused.weight, fused.bias = fuse_linear_bn_weights(fused.weight, fused.bias, **_statistics(bn))
    return fused


def fuse_linear_bn_weights(
    linear_w: Any, linear_b: Any, bn_rm: Any, bn_rv: Any, bn_eps: float, bn_w: Any, bn_b: Any
) -> tuple[Parameter, Parameter]:
    """Weight and bias of the layer that :func:`fuse_linear_bn_eval` makes."""
    scale, bias = _folded(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b)
    weight = (linear_w * scale.unsqueeze(-1)).to(linear_w.dtype)
    needs_grad = False if linear_b is None else linear_b.requires_grad
    return Parameter(weight, linear_w.requires_grad), Parameter(bias, needs_grad)
