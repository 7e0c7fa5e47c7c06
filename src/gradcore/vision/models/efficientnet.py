"""EfficientNet: Tan and Le (arXiv:1905.11946), and EfficientNetV2 (arXiv:2104.00298)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ... import nn
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ..ops.stochastic_depth import StochasticDepth
from ._api import build_model, takes_weights
from ._efficientnet_weights import (
    EfficientNet_B0_Weights,
    EfficientNet_B1_Weights,
    EfficientNet_B2_Weights,
    EfficientNet_B3_Weights,
    EfficientNet_B4_Weights,
    EfficientNet_B5_Weights,
    EfficientNet_B6_Weights,
    EfficientNet_B7_Weights,
    EfficientNet_V2_L_Weights,
    EfficientNet_V2_M_Weights,
    EfficientNet_V2_S_Weights,
)
from ._utils import _make_divisible

__all__ = [
    "EfficientNet",
    "EfficientNet_B0_Weights",
    "EfficientNet_B1_Weights",
    "EfficientNet_B2_Weights",
    "EfficientNet_B3_Weights",
    "EfficientNet_B4_Weights",
    "EfficientNet_B5_Weights",
    "EfficientNet_B6_Weights",
    "EfficientNet_B7_Weights",
    "EfficientNet_V2_L_Weights",
    "EfficientNet_V2_M_Weights",
    "EfficientNet_V2_S_Weights",
    "efficientnet_b0",
    "efficientnet_b1",
    "efficientnet_b2",
    "efficientnet_b3",
    "efficientnet_b4",
    "efficientnet_b5",
    "efficientnet_b6",
    "efficientnet_b7",
    "efficientnet_v2_l",
    "efficientnet_v2_m",
    "efficientnet_v2_s",
]


@dataclass
class _MBConvConfig:
    """A stage: ``num_layers`` blocks, of which the first has the stride."""

    expand_ratio: float
    kernel: int
    stride: int
    input_channels: int
    out_channels: int
    num_layers: int
    block: Callable[..., nn.Module]

    @staticmethod
    def adjust_channels(channels: int, width_mult: float, min_value: int | None = None) -> int:
        """``channels * width_mult`` as a multiple of 8."""
        return _make_divisible(channels * width_mult, 8, min_value)


class MBConvConfig(_MBConvConfig):
    """A row of table 1 of the first paper, or of table 4 of the second one."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        width_mult: float = 1.0,
        depth_mult: float = 1.0,
        block: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            self.adjust_channels(input_channels, width_mult),
            self.adjust_channels(out_channels, width_mult),
            self.adjust_depth(num_layers, depth_mult),
            block or MBConv,
        )

    @staticmethod
    def adjust_depth(num_layers: int, depth_mult: float) -> int:
        """``num_layers * depth_mult``, rounded up."""
        return math.ceil(num_layers * depth_mult)


class FusedMBConvConfig(_MBConvConfig):
    """A row of table 4 of the second paper with fused blocks."""

    def __init__(
        self,
        expand_ratio: float,
        kernel: int,
        stride: int,
        input_channels: int,
        out_channels: int,
        num_layers: int,
        block: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__(
            expand_ratio,
            kernel,
            stride,
            input_channels,
            out_channels,
            num_layers,
            block or FusedMBConv,
        )


class _Residual(nn.Module):
    """Layers beside a shortcut, where it fits; whole samples are dropped in training."""

    def __init__(
        self, cnf: _MBConvConfig, layers: Sequence[nn.Module], stochastic_depth_prob: float
    ) -> None:
        super().__init__()
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.stochastic_depth = StochasticDepth(stochastic_depth_prob, "row")
        self.out_channels = cnf.out_channels

    def forward(self, input: Any) -> Any:
        result = self.block(input)
        if self.use_res_connect:
            result = self.stochastic_depth(result)
            result += input
        return result


class MBConv(_Residual):
    """1×1 to more channels, k×k on each channel, squeeze-and-excitation, 1×1 back."""

    def __init__(
        self,
        cnf: MBConvConfig,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., nn.Module],
        se_layer: Callable[..., nn.Module] = SqueezeExcitation,
    ) -> None:
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        width = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        layers: list[nn.Module] = []
        if width != cnf.input_channels:
            layers.append(conv(cnf.input_channels, width, kernel_size=1))
        squeezed = max(1, cnf.input_channels // 4)
        layers += [
            conv(width, width, kernel_size=cnf.kernel, stride=cnf.stride, groups=width),
            se_layer(width, squeezed, activation=partial(nn.SiLU, inplace=True)),
            conv(width, cnf.out_channels, kernel_size=1, activation_layer=None),
        ]
        super().__init__(cnf, layers, stochastic_depth_prob)


class FusedMBConv(_Residual):
    """k×k to more channels, then 1×1 back: faster than MBConv where there are few channels."""

    def __init__(
        self,
        cnf: FusedMBConvConfig,
        stochastic_depth_prob: float,
        norm_layer: Callable[..., nn.Module],
    ) -> None:
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        width = cnf.adjust_channels(cnf.input_channels, cnf.expand_ratio)
        shape: dict[str, Any] = {"kernel_size": cnf.kernel, "stride": cnf.stride}
        if width != cnf.input_channels:
            layers = [
                conv(cnf.input_channels, width, **shape),
                conv(width, cnf.out_channels, kernel_size=1, activation_layer=None),
            ]
        else:
            layers = [conv(cnf.input_channels, cnf.out_channels, **shape)]
        super().__init__(cnf, layers, stochastic_depth_prob)


class EfficientNet(nn.Module):
    """Stages of MBConv blocks: (N, 3, H, W) to (N, num_classes).

    Args:
        inverted_residual_setting: the stages.
        dropout: probability before the last layer.
        stochastic_depth_prob: of dropping the last block; it grows linearly up to there.
        num_classes: number of outputs.
        norm_layer: makes a normalization, BatchNorm2d by default.
        last_channel: channels before the last layer, 4 times those of the last stage by default.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[_MBConvConfig],
        dropout: float,
        stochastic_depth_prob: float = 0.2,
        num_classes: int = 1000,
        norm_layer: Callable[..., nn.Module] | None = None,
        last_channel: int | None = None,
    ) -> None:
        super().__init__()
        setting = inverted_residual_setting
        if not setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not (
            isinstance(setting, Sequence) and all(isinstance(s, _MBConvConfig) for s in setting)
        ):
            raise TypeError("The inverted_residual_setting should be List[MBConvConfig]")
        norm_layer = norm_layer or nn.BatchNorm2d
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.SiLU)
        outputs = setting[-1].out_channels
        last = last_channel if last_channel is not None else 4 * outputs
        self.features = nn.Sequential(
            conv(3, setting[0].input_channels, kernel_size=3, stride=2),
            *_stages(setting, stochastic_depth_prob, norm_layer),
            conv(outputs, last, kernel_size=1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout, inplace=True), nn.Linear(last, num_classes)
        )
        for module in self.modules():
            _initialize(module)

    def forward(self, x: Any) -> Any:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _stages(
    setting: Sequence[_MBConvConfig], probability: float, norm_layer: Callable[..., nn.Module]
) -> list[nn.Module]:
    total = sum(cnf.num_layers for cnf in setting)
    stages: list[nn.Module] = []
    done = 0
    for cnf in setting:
        stage: list[nn.Module] = []
        for _ in range(cnf.num_layers):
            own = copy.copy(cnf)
            if stage:
                own.input_channels = own.out_channels
                own.stride = 1
            stage.append(own.block(own, probability * float(done) / total, norm_layer))
            done += 1
        stages.append(nn.Sequential(*stage))
    return stages


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        bound = 1.0 / math.sqrt(module.out_features)
        nn.init.uniform_(module.weight, -bound, bound)
        nn.init.zeros_(module.bias)


def _version1(
    width: float,
    depth: float,
    dropout: float,
    weights: Any,
    progress: bool,
    kwargs: dict[str, Any],
) -> EfficientNet:
    row = partial(MBConvConfig, width_mult=width, depth_mult=depth)
    setting = [
        row(1, 3, 1, 32, 16, 1),
        row(6, 3, 2, 16, 24, 2),
        row(6, 5, 2, 24, 40, 2),
        row(6, 3, 2, 40, 80, 3),
        row(6, 5, 1, 80, 112, 3),
        row(6, 5, 2, 112, 192, 4),
        row(6, 3, 1, 192, 320, 1),
    ]
    dropout = kwargs.pop("dropout", dropout)
    return build_model(EfficientNet, weights, progress, setting, dropout, **kwargs)


def _version2(
    setting: Sequence[_MBConvConfig],
    dropout: float,
    weights: Any,
    progress: bool,
    kwargs: dict[str, Any],
) -> EfficientNet:
    kwargs.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=1e-03))
    dropout = kwargs.pop("dropout", dropout)
    return build_model(
        EfficientNet, weights, progress, setting, dropout, last_channel=1280, **kwargs
    )


@takes_weights(EfficientNet_B0_Weights)
def efficientnet_b0(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> EfficientNet:
    """EfficientNet B0; ``kwargs`` are those of :class:`EfficientNet`."""
    return _version1(1.0, 1.0, 0.2, weights, progress, kwargs)


@takes_weights(EfficientNet_B1_Weights)
def efficientnet_b1(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> EfficientNet:
    """EfficientNet B1; ``kwargs`` are those of :class:`EfficientNet`."""
    return _version1(1.0, 1.1, 0.2, weights, progress, kwargs)


@takes_weights(EfficientNet_B2_Weights)
def efficientnet_b2(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> EfficientNet:
    """EfficientNet B2; ``kwargs`` are those of :class:`EfficientNet`."""
    return _version1(1.1, 1.2, 0.3, weights, progress, kwargs)


@takes_weights(EfficientNet_B3_Weights)
def efficientnet_b3(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> EfficientNet:
    """EfficientNet B3; ``kwargs`` are those of :class:`EfficientNet`."""
    return _version1(1.2, 1.4, 0.3, weights, progress, kwargs)


@takes_weights(EfficientNet_B4_Weights)
def efficientnet_b4(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> EfficientNet:
    """EfficientNet B4; ``kwargs`` are those of :class:`EfficientNet`."""
    return _version1(1.4, 1.8, 0.4, weights, progress, kwargs)


@takes_weights(EfficientNet_B5_Weights)
def efficientnet_b5(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> EfficientNet:
    """EfficientNet B5; ``kwargs`` are those of :class:`EfficientNet`."""
    kwargs.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=0.001, momentum=0.01))
    return _version1(1.6, 2.2, 0.4, weights, progress, kwargs)


@takes_weights(EfficientNet_B6_Weights)
def efficientnet_b6(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> EfficientNet:
    """EfficientNet B6; ``kwargs`` are those of :class:`EfficientNet`."""
    kwargs.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=0.001, momentum=0.01))
    return _version1(1.8, 2.6, 0.5, weights, progress, kwargs)


@takes_weights(EfficientNet_B7_Weights)
def efficientnet_b7(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> EfficientNet:
    """EfficientNet B7; ``kwargs`` are those of :class:`EfficientNet`."""
    kwargs.setdefault("norm_layer", partial(nn.BatchNorm2d, eps=0.001, momentum=0.01))
    return _version1(2.0, 3.1, 0.5, weights, progress, kwargs)


@takes_weights(EfficientNet_V2_S_Weights)
def efficientnet_v2_s(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> EfficientNet:
    """EfficientNetV2 S; ``kwargs`` are those of :class:`EfficientNet`."""
    setting = [
        FusedMBConvConfig(1, 3, 1, 24, 24, 2),
        FusedMBConvConfig(4, 3, 2, 24, 48, 4),
        FusedMBConvConfig(4, 3, 2, 48, 64, 4),
        MBConvConfig(4, 3, 2, 64, 128, 6),
        MBConvConfig(6, 3, 1, 128, 160, 9),
        MBConvConfig(6, 3, 2, 160, 256, 15),
    ]
    return _version2(setting, 0.2, weights, progress, kwargs)


@takes_weights(EfficientNet_V2_M_Weights)
def efficientnet_v2_m(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> EfficientNet:
    """EfficientNetV2 M; ``kwargs`` are those of :class:`EfficientNet`."""
    setting = [
        FusedMBConvConfig(1, 3, 1, 24, 24, 3),
        FusedMBConvConfig(4, 3, 2, 24, 48, 5),
        FusedMBConvConfig(4, 3, 2, 48, 80, 5),
        MBConvConfig(4, 3, 2, 80, 160, 7),
        MBConvConfig(6, 3, 1, 160, 176, 14),
        MBConvConfig(6, 3, 2, 176, 304, 18),
        MBConvConfig(6, 3, 1, 304, 512, 5),
    ]
    return _version2(setting, 0.3, weights, progress, kwargs)


@takes_weights(EfficientNet_V2_L_Weights)
def efficientnet_v2_l(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> EfficientNet:
    """EfficientNetV2 L; ``kwargs`` are those of :class:`EfficientNet`."""
    setting = [
        FusedMBConvConfig(1, 3, 1, 32, 32, 4),
        FusedMBConvConfig(4, 3, 2, 32, 64, 7),
        FusedMBConvConfig(4, 3, 2, 64, 96, 7),
        MBConvConfig(4, 3, 2, 96, 192, 10),
        MBConvConfig(6, 3, 1, 192, 224, 19),
        MBConvConfig(6, 3, 2, 224, 384, 25),
        MBConvConfig(6, 3, 1, 384, 640, 7),
    ]
    return _version2(setting, 0.4, weights, progress, kwargs)
