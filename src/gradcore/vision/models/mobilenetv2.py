"""MobileNet v2: Sandler et al., "Inverted residuals and linear bottlenecks" (arXiv:1801.04381)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ... import nn
from ...nn import functional as F
from ..ops.misc import Conv2dNormActivation
from ._api import WeightsEnum, build_model, imagenet, takes_weights
from ._utils import _make_divisible

__all__ = ["MobileNetV2", "MobileNet_V2_Weights", "mobilenet_v2"]

# Expansion, output channels, number of blocks, stride: table 2 of the paper.
_SETTING = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


class MobileNet_V2_Weights(WeightsEnum):
    """Weights of :func:`mobilenet_v2`."""

    IMAGENET1K_V1 = imagenet(
        "mobilenet_v2-b0353104.pth",
        3_504_872,
        (71.878, 90.286),
        (0.301, 13.555),
        min_size=1,
        recipe="tree/main/references/classification#mobilenetv2",
    )
    IMAGENET1K_V2 = imagenet(
        "mobilenet_v2-7ebf99e0.pth",
        3_504_872,
        (72.154, 90.822),
        (0.301, 13.598),
        min_size=1,
        resize=232,
        recipe="issues/3995#new-recipe-with-reg-tuning",
    )
    DEFAULT = IMAGENET1K_V2


class InvertedResidual(nn.Module):
    """1×1 convolution to more channels, 3×3 on each channel, 1×1 back; a shortcut if it fits."""

    def __init__(
        self,
        inp: int,
        oup: int,
        stride: int,
        expand_ratio: int,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        if stride not in (1, 2):
            raise ValueError(f"stride should be 1 or 2 instead of {stride}")
        norm_layer = norm_layer or nn.BatchNorm2d
        hidden = round(inp * expand_ratio)
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.ReLU6)
        layers: list[nn.Module] = []
        if expand_ratio != 1:
            layers.append(conv(inp, hidden, kernel_size=1))
        layers += [
            conv(hidden, hidden, stride=stride, groups=hidden),
            nn.Conv2d(hidden, oup, 1, 1, 0, bias=False),
            norm_layer(oup),
        ]
        self.stride = stride
        self.use_res_connect = stride == 1 and inp == oup
        self.conv = nn.Sequential(*layers)
        self.out_channels = oup

    def forward(self, x: Any) -> Any:
        return x + self.conv(x) if self.use_res_connect else self.conv(x)


class MobileNetV2(nn.Module):
    """Inverted residual blocks: (N, 3, H, W) to (N, num_classes).

    Args:
        num_classes: number of outputs.
        width_mult: all numbers of channels are multiplied by this.
        inverted_residual_setting: (expansion, channels, blocks, stride) of each stage.
        round_nearest: numbers of channels are multiples of this.
        block: makes a block, :class:`InvertedResidual` by default.
        norm_layer: makes a normalization, BatchNorm2d by default.
        dropout: probability before the last layer.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        width_mult: float = 1.0,
        inverted_residual_setting: Sequence[Sequence[int]] | None = None,
        round_nearest: int = 8,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        block = block or InvertedResidual
        norm_layer = norm_layer or nn.BatchNorm2d
        setting = _SETTING if inverted_residual_setting is None else inverted_residual_setting
        if len(setting) == 0 or len(setting[0]) != 4:
            raise ValueError(
                "inverted_residual_setting should be non-empty or a 4-element list, "
                f"got {inverted_residual_setting}"
            )
        channels = _make_divisible(32 * width_mult, round_nearest)
        self.last_channel = _make_divisible(1280 * max(1.0, width_mult), round_nearest)
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.ReLU6)
        features: list[nn.Module] = [conv(3, channels, stride=2)]
        for expansion, width, blocks, stride in setting:
            outputs = _make_divisible(width * width_mult, round_nearest)
            for i in range(blocks):
                step = stride if i == 0 else 1
                features.append(
                    block(channels, outputs, step, expand_ratio=expansion, norm_layer=norm_layer)
                )
                channels = outputs
        features.append(conv(channels, self.last_channel, kernel_size=1))
        self.features = nn.Sequential(*features)
        self.classifier = nn.Sequential(
            nn.Dropout(p=dropout), nn.Linear(self.last_channel, num_classes)
        )
        for module in self.modules():
            initialize(module)

    def forward(self, x: Any) -> Any:
        x = F.adaptive_avg_pool2d(self.features(x), (1, 1))
        return self.classifier(x.flatten(1))


def initialize(module: nn.Module) -> None:
    """Draw the initial parameters of one layer of a MobileNet."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
    elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
        nn.init.ones_(module.weight)
        nn.init.zeros_(module.bias)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.zeros_(module.bias)


@takes_weights(MobileNet_V2_Weights)
def mobilenet_v2(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> MobileNetV2:
    """MobileNet v2; ``kwargs`` are those of :class:`MobileNetV2`."""
    return build_model(MobileNetV2, weights, progress, **kwargs)
