"""ResNet (arXiv:1512.03385), ResNeXt (arXiv:1611.05431) and Wide ResNet (arXiv:1605.07146)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ... import nn
from ._api import build_model, fix_argument, takes_weights
from ._resnet_weights import (
    ResNet18_Weights,
    ResNet34_Weights,
    ResNet50_Weights,
    ResNet101_Weights,
    ResNet152_Weights,
    ResNeXt50_32X4D_Weights,
    ResNeXt101_32X8D_Weights,
    ResNeXt101_64X4D_Weights,
    Wide_ResNet50_2_Weights,
    Wide_ResNet101_2_Weights,
)

__all__ = [
    "ResNeXt50_32X4D_Weights",
    "ResNeXt101_32X8D_Weights",
    "ResNeXt101_64X4D_Weights",
    "ResNet",
    "ResNet18_Weights",
    "ResNet34_Weights",
    "ResNet50_Weights",
    "ResNet101_Weights",
    "ResNet152_Weights",
    "Wide_ResNet50_2_Weights",
    "Wide_ResNet101_2_Weights",
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "resnext50_32x4d",
    "resnext101_32x8d",
    "resnext101_64x4d",
    "wide_resnet50_2",
    "wide_resnet101_2",
]


def conv3x3(
    in_planes: int, out_planes: int, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Conv2d:
    """A 3×3 convolution without bias that keeps the size at stride 1."""
    return nn.Conv2d(
        in_planes,
        out_planes,
        kernel_size=3,
        stride=stride,
        padding=dilation,
        groups=groups,
        bias=False,
        dilation=dilation,
    )


def conv1x1(in_planes: int, out_planes: int, stride: int = 1) -> nn.Conv2d:
    """A 1×1 convolution without bias."""
    return nn.Conv2d(in_planes, out_planes, kernel_size=1, stride=stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3×3 convolutions beside a shortcut: ResNet-18 and -34."""

    expansion: int = 1

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        if groups != 1 or base_width != 64:
            raise ValueError("BasicBlock only supports groups=1 and base_width=64")
        if dilation > 1:
            raise NotImplementedError("Dilation > 1 not supported in BasicBlock")
        self.conv1 = conv3x3(inplanes, planes, stride)
        self.bn1 = norm_layer(planes)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = conv3x3(planes, planes)
        self.bn2 = norm_layer(planes)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Any) -> Any:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 convolutions beside a shortcut: ResNet-50 and deeper.

    The stride is that of the 3×3 convolution; the paper has it in the first one. This is known as
    ResNet v1.5 and more accurate.
    """

    expansion: int = 4

    def __init__(
        self,
        inplanes: int,
        planes: int,
        stride: int = 1,
        downsample: nn.Module | None = None,
        groups: int = 1,
        base_width: int = 64,
        dilation: int = 1,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        norm_layer = norm_layer or nn.BatchNorm2d
        width = int(planes * (base_width / 64.0)) * groups
        self.conv1 = conv1x1(inplanes, width)
        self.bn1 = norm_layer(width)
        self.conv2 = conv3x3(width, width, stride, groups, dilation)
        self.bn2 = norm_layer(width)
        self.conv3 = conv1x1(width, planes * self.expansion)
        self.bn3 = norm_layer(planes * self.expansion)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = downsample
        self.stride = stride

    def forward(self, x: Any) -> Any:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(out))
        out += x if self.downsample is None else self.downsample(x)
        return self.relu(out)


class ResNet(nn.Module):
    """Four stages of residual blocks: (N, 3, H, W) to (N, num_classes).

    Args:
        block: :class:`BasicBlock` or :class:`Bottleneck`.
        layers: the number of blocks of each stage.
        num_classes: number of outputs.
        zero_init_residual: start with blocks that are the identity (arXiv:1706.02677).
        groups: of the 3×3 convolutions (ResNeXt).
        width_per_group: 64 is ResNet, 128 Wide ResNet.
        replace_stride_with_dilation: for the last three stages, dilate instead of striding.
        norm_layer: makes a normalization from the number of channels; BatchNorm2d by default.
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        layers: Sequence[int],
        num_classes: int = 1000,
        zero_init_residual: bool = False,
        groups: int = 1,
        width_per_group: int = 64,
        replace_stride_with_dilation: Sequence[bool] | None = None,
        norm_layer: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        dilate = replace_stride_with_dilation or (False, False, False)
        if len(dilate) != 3:
            raise ValueError(
                "replace_stride_with_dilation should be None "
                f"or a 3-element tuple, got {replace_stride_with_dilation}"
            )
        self._norm_layer = norm_layer or nn.BatchNorm2d
        self.inplanes = 64
        self.dilation = 1
        self.groups = groups
        self.base_width = width_per_group
        self.conv1 = nn.Conv2d(3, self.inplanes, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = self._norm_layer(self.inplanes)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        self.layer1 = self._make_layer(block, 64, layers[0])
        self.layer2 = self._make_layer(block, 128, layers[1], stride=2, dilate=dilate[0])
        self.layer3 = self._make_layer(block, 256, layers[2], stride=2, dilate=dilate[1])
        self.layer4 = self._make_layer(block, 512, layers[3], stride=2, dilate=dilate[2])
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(512 * block.expansion, num_classes)
        for module in self.modules():
            _initialize(module)
        if zero_init_residual:
            for module in self.modules():
                _silence(module)

    def _make_layer(
        self,
        block: type[BasicBlock | Bottleneck],
        planes: int,
        blocks: int,
        stride: int = 1,
        dilate: bool = False,
    ) -> nn.Sequential:
        downsample = None
        first_dilation = self.dilation
        if dilate:
            self.dilation *= stride
            stride = 1
        outplanes = planes * block.expansion
        if stride != 1 or self.inplanes != outplanes:
            downsample = nn.Sequential(
                conv1x1(self.inplanes, outplanes, stride), self._norm_layer(outplanes)
            )
        shared = (self.groups, self.base_width)
        layers = [
            block(
                self.inplanes,
                planes,
                stride,
                downsample,
                *shared,
                first_dilation,
                self._norm_layer,
            )
        ]
        self.inplanes = outplanes
        layers += [
            block(outplanes, planes, 1, None, *shared, self.dilation, self._norm_layer)
            for _ in range(1, blocks)
        ]
        return nn.Sequential(*layers)

    def forward(self, x: Any) -> Any:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, (nn.BatchNorm2d, nn.GroupNorm)):
        nn.init.constant_(module.weight, 1)
        nn.init.constant_(module.bias, 0)


def _silence(module: nn.Module) -> None:
    """Let a block's last normalization give zeros, so that the block is the identity."""
    if isinstance(module, (BasicBlock, Bottleneck)):
        last: Any = module.bn3 if isinstance(module, Bottleneck) else module.bn2
        if last.weight is not None:
            nn.init.constant_(last.weight, 0)


@takes_weights(ResNet18_Weights)
def resnet18(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-18; ``kwargs`` are those of :class:`ResNet`."""
    return build_model(ResNet, weights, progress, BasicBlock, (2, 2, 2, 2), **kwargs)


@takes_weights(ResNet34_Weights)
def resnet34(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-34; ``kwargs`` are those of :class:`ResNet`."""
    return build_model(ResNet, weights, progress, BasicBlock, (3, 4, 6, 3), **kwargs)


@takes_weights(ResNet50_Weights)
def resnet50(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-50; ``kwargs`` are those of :class:`ResNet`."""
    return build_model(ResNet, weights, progress, Bottleneck, (3, 4, 6, 3), **kwargs)


@takes_weights(ResNet101_Weights)
def resnet101(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-101; ``kwargs`` are those of :class:`ResNet`."""
    return build_model(ResNet, weights, progress, Bottleneck, (3, 4, 23, 3), **kwargs)


@takes_weights(ResNet152_Weights)
def resnet152(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-152; ``kwargs`` are those of :class:`ResNet`."""
    return build_model(ResNet, weights, progress, Bottleneck, (3, 8, 36, 3), **kwargs)


@takes_weights(ResNeXt50_32X4D_Weights)
def resnext50_32x4d(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNeXt-50 with 32 groups of 4 channels; ``kwargs`` are those of :class:`ResNet`."""
    fix_argument(kwargs, "groups", 32)
    fix_argument(kwargs, "width_per_group", 4)
    return build_model(ResNet, weights, progress, Bottleneck, (3, 4, 6, 3), **kwargs)


@takes_weights(ResNeXt101_32X8D_Weights)
def resnext101_32x8d(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNeXt-101 with 32 groups of 8 channels; ``kwargs`` are those of :class:`ResNet`."""
    fix_argument(kwargs, "groups", 32)
    fix_argument(kwargs, "width_per_group", 8)
    return build_model(ResNet, weights, progress, Bottleneck, (3, 4, 23, 3), **kwargs)


@takes_weights(ResNeXt101_64X4D_Weights)
def resnext101_64x4d(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNeXt-101 with 64 groups of 4 channels; ``kwargs`` are those of :class:`ResNet`."""
    fix_argument(kwargs, "groups", 64)
    fix_argument(kwargs, "width_per_group", 4)
    return build_model(ResNet, weights, progress, Bottleneck, (3, 4, 23, 3), **kwargs)


@takes_weights(Wide_ResNet50_2_Weights)
def wide_resnet50_2(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-50 with 3×3 convolutions twice as wide; ``kwargs`` are those of :class:`ResNet`."""
    fix_argument(kwargs, "width_per_group", 128)
    return build_model(ResNet, weights, progress, Bottleneck, (3, 4, 6, 3), **kwargs)


@takes_weights(Wide_ResNet101_2_Weights)
def wide_resnet101_2(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> ResNet:
    """ResNet-101 with 3×3 convolutions twice as wide; ``kwargs`` are those of :class:`ResNet`."""
    fix_argument(kwargs, "width_per_group", 128)
    return build_model(ResNet, weights, progress, Bottleneck, (3, 4, 23, 3), **kwargs)
