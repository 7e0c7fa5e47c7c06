"""MobileNet v3: Howard et al., "Searching for MobileNetV3" (arXiv:1905.02244)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from ... import nn
from ..ops.misc import Conv2dNormActivation, SqueezeExcitation
from ._api import WeightsEnum, build_model, imagenet, takes_weights
from ._utils import _make_divisible
from .mobilenetv2 import initialize

__all__ = [
    "MobileNetV3",
    "MobileNet_V3_Large_Weights",
    "MobileNet_V3_Small_Weights",
    "mobilenet_v3_large",
    "mobilenet_v3_small",
]


class MobileNet_V3_Large_Weights(WeightsEnum):
    """Weights of :func:`mobilenet_v3_large`."""

    IMAGENET1K_V1 = imagenet(
        "mobilenet_v3_large-8738ca79.pth",
        5_483_032,
        (74.042, 91.34),
        (0.217, 21.114),
        min_size=1,
        recipe="tree/main/references/classification#mobilenetv3-large--small",
    )
    IMAGENET1K_V2 = imagenet(
        "mobilenet_v3_large-5c1a4163.pth",
        5_483_032,
        (75.274, 92.566),
        (0.217, 21.107),
        min_size=1,
        resize=232,
        recipe="issues/3995#new-recipe-with-reg-tuning",
    )
    DEFAULT = IMAGENET1K_V2


class MobileNet_V3_Small_Weights(WeightsEnum):
    """Weights of :func:`mobilenet_v3_small`."""

    IMAGENET1K_V1 = imagenet(
        "mobilenet_v3_small-047dcff4.pth",
        2_542_856,
        (67.668, 87.402),
        (0.057, 9.829),
        min_size=1,
        recipe="tree/main/references/classification#mobilenetv3-large--small",
    )
    DEFAULT = IMAGENET1K_V1


_HardSqueezeExcitation = partial(SqueezeExcitation, scale_activation=nn.Hardsigmoid)


class InvertedResidualConfig:
    """A row of tables 1 and 2 of the paper; channels are multiplied by ``width_mult``.

    ``activation`` is "RE" (ReLU) or "HS" (Hardswish).
    """

    def __init__(
        self,
        input_channels: int,
        kernel: int,
        expanded_channels: int,
        out_channels: int,
        use_se: bool,
        activation: str,
        stride: int,
        dilation: int,
        width_mult: float,
    ) -> None:
        self.input_channels = self.adjust_channels(input_channels, width_mult)
        self.kernel = kernel
        self.expanded_channels = self.adjust_channels(expanded_channels, width_mult)
        self.out_channels = self.adjust_channels(out_channels, width_mult)
        self.use_se = use_se
        self.use_hs = activation == "HS"
        self.stride = stride
        self.dilation = dilation

    @staticmethod
    def adjust_channels(channels: int, width_mult: float) -> int:
        """``channels * width_mult`` as a multiple of 8."""
        return _make_divisible(channels * width_mult, 8)


class InvertedResidual(nn.Module):
    """A block as in section 5 of the paper."""

    def __init__(
        self,
        cnf: InvertedResidualConfig,
        norm_layer: Callable[..., nn.Module],
        se_layer: Callable[..., nn.Module] = _HardSqueezeExcitation,
    ) -> None:
        super().__init__()
        if not 1 <= cnf.stride <= 2:
            raise ValueError("illegal stride value")
        conv = partial(
            Conv2dNormActivation,
            norm_layer=norm_layer,
            activation_layer=nn.Hardswish if cnf.use_hs else nn.ReLU,
        )
        width = cnf.expanded_channels
        layers: list[nn.Module] = []
        if width != cnf.input_channels:
            layers.append(conv(cnf.input_channels, width, kernel_size=1))
        layers.append(
            conv(
                width,
                width,
                kernel_size=cnf.kernel,
                stride=1 if cnf.dilation > 1 else cnf.stride,
                dilation=cnf.dilation,
                groups=width,
            )
        )
        if cnf.use_se:
            layers.append(se_layer(width, _make_divisible(width // 4, 8)))
        layers.append(conv(width, cnf.out_channels, kernel_size=1, activation_layer=None))
        self.use_res_connect = cnf.stride == 1 and cnf.input_channels == cnf.out_channels
        self.block = nn.Sequential(*layers)
        self.out_channels = cnf.out_channels

    def forward(self, input: Any) -> Any:
        result = self.block(input)
        if self.use_res_connect:
            result += input
        return result


class MobileNetV3(nn.Module):
    """Inverted residual blocks with squeeze-and-excitation: (N, 3, H, W) to (N, num_classes).

    Args:
        inverted_residual_setting: the blocks.
        last_channel: width of the layer before the last one.
        num_classes: number of outputs.
        block: makes a block, :class:`InvertedResidual` by default.
        norm_layer: makes a normalization, BatchNorm2d with eps 0.001 and momentum 0.01 by default.
        dropout: probability before the last layer.
    """

    def __init__(
        self,
        inverted_residual_setting: Sequence[InvertedResidualConfig],
        last_channel: int,
        num_classes: int = 1000,
        block: Callable[..., nn.Module] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        if not inverted_residual_setting:
            raise ValueError("The inverted_residual_setting should not be empty")
        if not (
            isinstance(inverted_residual_setting, Sequence)
            and all(isinstance(s, InvertedResidualConfig) for s in inverted_residual_setting)
        ):
            raise TypeError("The inverted_residual_setting should be List[InvertedResidualConfig]")
        block = block or InvertedResidual
        norm_layer = norm_layer or partial(nn.BatchNorm2d, eps=0.001, momentum=0.01)
        conv = partial(Conv2dNormActivation, norm_layer=norm_layer, activation_layer=nn.Hardswish)
        outputs = inverted_residual_setting[-1].out_channels
        self.features = nn.Sequential(
            conv(3, inverted_residual_setting[0].input_channels, kernel_size=3, stride=2),
            *[block(cnf, norm_layer) for cnf in inverted_residual_setting],
            conv(outputs, 6 * outputs, kernel_size=1),
        )
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.classifier = nn.Sequential(
            nn.Linear(6 * outputs, last_channel),
            nn.Hardswish(inplace=True),
            nn.Dropout(p=dropout, inplace=True),
            nn.Linear(last_channel, num_classes),
        )
        for module in self.modules():
            initialize(module)

    def forward(self, x: Any) -> Any:
        return self.classifier(self.avgpool(self.features(x)).flatten(1))


def _large(row: Callable[..., InvertedResidualConfig], divider: int, dilation: int) -> list:
    last = 160 // divider
    return [
        row(16, 3, 16, 16, False, "RE", 1, 1),
        row(16, 3, 64, 24, False, "RE", 2, 1),
        row(24, 3, 72, 24, False, "RE", 1, 1),
        row(24, 5, 72, 40, True, "RE", 2, 1),
        row(40, 5, 120, 40, True, "RE", 1, 1),
        row(40, 5, 120, 40, True, "RE", 1, 1),
        row(40, 3, 240, 80, False, "HS", 2, 1),
        row(80, 3, 200, 80, False, "HS", 1, 1),
        row(80, 3, 184, 80, False, "HS", 1, 1),
        row(80, 3, 184, 80, False, "HS", 1, 1),
        row(80, 3, 480, 112, True, "HS", 1, 1),
        row(112, 3, 672, 112, True, "HS", 1, 1),
        row(112, 5, 672, last, True, "HS", 2, dilation),
        row(last, 5, 960 // divider, last, True, "HS", 1, dilation),
        row(last, 5, 960 // divider, last, True, "HS", 1, dilation),
    ]


def _small(row: Callable[..., InvertedResidualConfig], divider: int, dilation: int) -> list:
    last = 96 // divider
    return [
        row(16, 3, 16, 16, True, "RE", 2, 1),
        row(16, 3, 72, 24, False, "RE", 2, 1),
        row(24, 3, 88, 24, False, "RE", 1, 1),
        row(24, 5, 96, 40, True, "HS", 2, 1),
        row(40, 5, 240, 40, True, "HS", 1, 1),
        row(40, 5, 240, 40, True, "HS", 1, 1),
        row(40, 5, 120, 48, True, "HS", 1, 1),
        row(48, 5, 144, 48, True, "HS", 1, 1),
        row(48, 5, 288, last, True, "HS", 2, dilation),
        row(last, 5, 576 // divider, last, True, "HS", 1, dilation),
        row(last, 5, 576 // divider, last, True, "HS", 1, dilation),
    ]


def _mobilenet_v3(
    rows: Callable[..., list],
    last_channel: int,
    weights: Any,
    progress: bool,
    *,
    width_mult: float = 1.0,
    reduced_tail: bool = False,
    dilated: bool = False,
    **kwargs: Any,
) -> MobileNetV3:
    divider = 2 if reduced_tail else 1
    row = partial(InvertedResidualConfig, width_mult=width_mult)
    setting = rows(row, divider, 2 if dilated else 1)
    last = InvertedResidualConfig.adjust_channels(last_channel // divider, width_mult)
    return build_model(MobileNetV3, weights, progress, setting, last, **kwargs)


@takes_weights(MobileNet_V3_Large_Weights)
def mobilenet_v3_large(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> MobileNetV3:
    """MobileNet v3 large; ``kwargs`` are those of :class:`MobileNetV3` and those below.

    ``width_mult`` multiplies the numbers of channels, ``reduced_tail`` halves those of the last
    stage, ``dilated`` dilates that stage instead of striding.
    """
    return _mobilenet_v3(_large, 1280, weights, progress, **kwargs)


@takes_weights(MobileNet_V3_Small_Weights)
def mobilenet_v3_small(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> MobileNetV3:
    """MobileNet v3 small; ``kwargs`` are as for :func:`mobilenet_v3_large`."""
    return _mobilenet_v3(_small, 1024, weights, progress, **kwargs)
