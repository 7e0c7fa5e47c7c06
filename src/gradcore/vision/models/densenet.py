"""DenseNet: Huang et al., "Densely connected convolutional networks" (arXiv:1608.06993)."""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from ... import Tensor, cat, nn
from ...nn import functional as F
from ...utils.checkpoint import checkpoint
from ._api import WeightsEnum, fix_argument, imagenet, read_weights, takes_weights

__all__ = [
    "DenseNet",
    "DenseNet121_Weights",
    "DenseNet161_Weights",
    "DenseNet169_Weights",
    "DenseNet201_Weights",
    "densenet121",
    "densenet161",
    "densenet169",
    "densenet201",
]

# The published files still have names with dots: denselayer1.norm.1.weight
_OLD_KEY = re.compile(
    r"^(.*denselayer\d+\.(?:norm|relu|conv))\.((?:[12])\.(?:weight|bias|running_mean|running_var))$"
)


class DenseNet121_Weights(WeightsEnum):
    """Weights of :func:`densenet121`."""

    IMAGENET1K_V1 = imagenet(
        "densenet121-a639ec97.pth",
        7_978_856,
        (74.434, 91.972),
        (2.834, 30.845),
        min_size=29,
        recipe="pull/116",
    )
    DEFAULT = IMAGENET1K_V1


class DenseNet161_Weights(WeightsEnum):
    """Weights of :func:`densenet161`."""

    IMAGENET1K_V1 = imagenet(
        "densenet161-8d451a50.pth",
        28_681_000,
        (77.138, 93.56),
        (7.728, 110.369),
        min_size=29,
        recipe="pull/116",
    )
    DEFAULT = IMAGENET1K_V1


class DenseNet169_Weights(WeightsEnum):
    """Weights of :func:`densenet169`."""

    IMAGENET1K_V1 = imagenet(
        "densenet169-b2777c0a.pth",
        14_149_480,
        (75.6, 92.806),
        (3.36, 54.708),
        min_size=29,
        recipe="pull/116",
    )
    DEFAULT = IMAGENET1K_V1


class DenseNet201_Weights(WeightsEnum):
    """Weights of :func:`densenet201`."""

    IMAGENET1K_V1 = imagenet(
        "densenet201-c1103571.pth",
        20_013_928,
        (76.896, 93.37),
        (4.291, 77.373),
        min_size=29,
        recipe="pull/116",
    )
    DEFAULT = IMAGENET1K_V1


class _DenseLayer(nn.Module):
    """``growth_rate`` new channels from all channels before."""

    def __init__(
        self,
        num_input_features: int,
        growth_rate: int,
        bn_size: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        width = bn_size * growth_rate
        self.norm1 = nn.BatchNorm2d(num_input_features)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(num_input_features, width, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, growth_rate, kernel_size=3, padding=1, bias=False)
        self.drop_rate = float(drop_rate)
        self.memory_efficient = memory_efficient

    def _bottleneck(self, *inputs: Any) -> Any:
        return self.conv1(self.relu1(self.norm1(cat(inputs, 1))))

    def forward(self, input: Any) -> Any:
        inputs = [input] if isinstance(input, Tensor) else input
        if self.memory_efficient and any(x.requires_grad for x in inputs):
            narrow = checkpoint(self._bottleneck, *inputs, use_reentrant=False)
        else:
            narrow = self._bottleneck(*inputs)
        new = self.conv2(self.relu2(self.norm2(narrow)))
        if self.drop_rate > 0:
            new = F.dropout(new, p=self.drop_rate, training=self.training)
        return new


class _DenseBlock(nn.ModuleDict):
    """Layers of which each gets the outputs of all before it."""

    _version = 2

    def __init__(
        self,
        num_layers: int,
        num_input_features: int,
        bn_size: int,
        growth_rate: int,
        drop_rate: float,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        for i in range(num_layers):
            channels = num_input_features + i * growth_rate
            layer = _DenseLayer(channels, growth_rate, bn_size, drop_rate, memory_efficient)
            self.add_module(f"denselayer{i + 1}", layer)

    def forward(self, init_features: Any) -> Any:
        features = [init_features]
        for layer in self.values():
            features.append(layer(features))
        return cat(features, 1)


class _Transition(nn.Sequential):
    """Fewer channels, and half the size."""

    def __init__(self, num_input_features: int, num_output_features: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(num_input_features)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(num_input_features, num_output_features, kernel_size=1, bias=False)
        self.pool = nn.AvgPool2d(kernel_size=2, stride=2)


class DenseNet(nn.Module):
    """Four dense blocks: (N, 3, H, W) to (N, num_classes).

    Args:
        growth_rate: channels that a layer adds (k in the paper).
        block_config: number of layers of each block.
        num_init_features: channels of the first convolution.
        bn_size: the 1×1 convolutions have ``bn_size * growth_rate`` outputs.
        drop_rate: probability of dropout after each layer.
        num_classes: number of outputs.
        memory_efficient: compute the concatenations and 1×1 convolutions again in backward
            instead of keeping them (arXiv:1707.06990).
    """

    def __init__(
        self,
        growth_rate: int = 32,
        block_config: Sequence[int] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = 1000,
        memory_efficient: bool = False,
    ) -> None:
        super().__init__()
        channels = num_init_features
        stem = [
            ("conv0", nn.Conv2d(3, channels, kernel_size=7, stride=2, padding=3, bias=False)),
            ("norm0", nn.BatchNorm2d(channels)),
            ("relu0", nn.ReLU(inplace=True)),
            ("pool0", nn.MaxPool2d(kernel_size=3, stride=2, padding=1)),
        ]
        self.features = nn.Sequential(OrderedDict(stem))
        for i, layers in enumerate(block_config, 1):
            block = _DenseBlock(layers, channels, bn_size, growth_rate, drop_rate, memory_efficient)
            self.features.add_module(f"denseblock{i}", block)
            channels += layers * growth_rate
            if i != len(block_config):
                self.features.add_module(f"transition{i}", _Transition(channels, channels // 2))
                channels //= 2
        self.features.add_module("norm5", nn.BatchNorm2d(channels))
        self.classifier = nn.Linear(channels, num_classes)
        for module in self.modules():
            _initialize(module)

    def forward(self, x: Any) -> Any:
        x = F.relu(self.features(x), inplace=True)
        return self.classifier(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.constant_(module.weight, 1)
        nn.init.constant_(module.bias, 0)
    elif isinstance(module, nn.Linear):
        nn.init.constant_(module.bias, 0)


def _densenet(
    growth_rate: int,
    block_config: Sequence[int],
    num_init_features: int,
    weights: Any,
    progress: bool,
    kwargs: dict[str, Any],
) -> DenseNet:
    if isinstance(weights, WeightsEnum):
        fix_argument(kwargs, "num_classes", len(weights.meta["categories"]))
    model = DenseNet(growth_rate, block_config, num_init_features, **kwargs)
    if weights is not None:
        state = read_weights(weights, progress)
        model.load_state_dict({_OLD_KEY.sub(r"\1\2", key): state[key] for key in state})
    return model


@takes_weights(DenseNet121_Weights)
def densenet121(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> DenseNet:
    """DenseNet-121; ``kwargs`` are those of :class:`DenseNet`."""
    return _densenet(32, (6, 12, 24, 16), 64, weights, progress, kwargs)


@takes_weights(DenseNet161_Weights)
def densenet161(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> DenseNet:
    """DenseNet-161; ``kwargs`` are those of :class:`DenseNet`."""
    return _densenet(48, (6, 12, 36, 24), 96, weights, progress, kwargs)


@takes_weights(DenseNet169_Weights)
def densenet169(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> DenseNet:
    """DenseNet-169; ``kwargs`` are those of :class:`DenseNet`."""
    return _densenet(32, (6, 12, 32, 32), 64, weights, progress, kwargs)


@takes_weights(DenseNet201_Weights)
def densenet201(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> DenseNet:
    """DenseNet-201; ``kwargs`` are those of :class:`DenseNet`."""
    return _densenet(32, (6, 12, 48, 32), 64, weights, progress, kwargs)
