"""GoogLeNet: Szegedy et al., "Going deeper with convolutions" (arXiv:1409.4842)."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ... import cat, nn
from ...nn import functional as F
from ._api import WeightsEnum, build_model, fix_argument, imagenet, takes_weights

__all__ = ["GoogLeNet", "GoogLeNetOutputs", "GoogLeNet_Weights", "googlenet"]


class GoogLeNetOutputs(NamedTuple):
    """What GoogLeNet returns in training: the scores and those of the two auxiliary heads."""

    logits: Any
    aux_logits2: Any
    aux_logits1: Any


_GoogLeNetOutputs = GoogLeNetOutputs


class GoogLeNet_Weights(WeightsEnum):
    """Weights of :func:`googlenet`."""

    IMAGENET1K_V1 = imagenet(
        "googlenet-1378be20.pth",
        6_624_904,
        (69.778, 89.53),
        (1.498, 49.731),
        min_size=15,
        recipe="tree/main/references/classification#googlenet",
    )
    DEFAULT = IMAGENET1K_V1


class GoogLeNet(nn.Module):
    """Nine inception modules: (N, 3, H, W) to (N, num_classes).

    In training with auxiliary heads it returns :class:`GoogLeNetOutputs`.

    Args:
        num_classes: number of outputs.
        aux_logits: have two more heads half-way, for training.
        transform_input: the input is normalized like torchvision's other models' and brought to
            the means and deviations of 0.5 that the published weights were trained with.
        init_weights: draw from a truncated normal distribution; None is True.
        blocks: classes in the place of :class:`BasicConv2d`, :class:`Inception` and
            :class:`InceptionAux`.
        dropout: probability before the last layer.
        dropout_aux: the same in the auxiliary heads.
    """

    __constants__ = ["aux_logits", "transform_input"]

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        init_weights: bool | None = None,
        blocks: Sequence[Callable[..., nn.Module]] | None = None,
        dropout: float = 0.2,
        dropout_aux: float = 0.7,
    ) -> None:
        super().__init__()
        blocks = blocks or (BasicConv2d, Inception, InceptionAux)
        if len(blocks) != 3:
            raise ValueError(f"blocks length should be 3 instead of {len(blocks)}")
        conv, inception, auxiliary = blocks
        self.aux_logits = aux_logits
        self.transform_input = transform_input

        self.conv1 = conv(3, 64, kernel_size=7, stride=2, padding=3)
        self.maxpool1 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.conv2 = conv(64, 64, kernel_size=1)
        self.conv3 = conv(64, 192, kernel_size=3, padding=1)
        self.maxpool2 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception3a = inception(192, 64, 96, 128, 16, 32, 32)
        self.inception3b = inception(256, 128, 128, 192, 32, 96, 64)
        self.maxpool3 = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.inception4a = inception(480, 192, 96, 208, 16, 48, 64)
        self.inception4b = inception(512, 160, 112, 224, 24, 64, 64)
        self.inception4c = inception(512, 128, 128, 256, 24, 64, 64)
        self.inception4d = inception(512, 112, 144, 288, 32, 64, 64)
        self.inception4e = inception(528, 256, 160, 320, 32, 128, 128)
        self.maxpool4 = nn.MaxPool2d(2, stride=2, ceil_mode=True)
        self.inception5a = inception(832, 256, 160, 320, 32, 128, 128)
        self.inception5b = inception(832, 384, 192, 384, 48, 128, 128)
        self.aux1 = auxiliary(512, num_classes, dropout=dropout_aux) if aux_logits else None
        self.aux2 = auxiliary(528, num_classes, dropout=dropout_aux) if aux_logits else None
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(1024, num_classes)
        if init_weights is None or init_weights:
            for module in self.modules():
                _initialize(module)

    def forward(self, x: Any) -> Any:
        if self.transform_input:
            x = half_normalized(x)
        x = self.maxpool1(self.conv1(x))
        x = self.maxpool2(self.conv3(self.conv2(x)))
        x = self.maxpool3(self.inception3b(self.inception3a(x)))
        x = self.inception4a(x)
        aux1 = self.aux1(x) if self.aux1 is not None and self.training else None
        x = self.inception4d(self.inception4c(self.inception4b(x)))
        aux2 = self.aux2(x) if self.aux2 is not None and self.training else None
        x = self.maxpool4(self.inception4e(x))
        x = self.inception5b(self.inception5a(x))
        x = self.fc(self.dropout(self.avgpool(x).flatten(1)))
        if self.training and self.aux_logits:
            return GoogLeNetOutputs(x, aux2, aux1)
        return x


def _initialize(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        nn.init.trunc_normal_(module.weight, mean=0.0, std=0.01, a=-2, b=2)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.constant_(module.weight, 1)
        nn.init.constant_(module.bias, 0)


def half_normalized(x: Any) -> Any:
    """Images (N, 3, H, W) normalized by ImageNet's statistics, as if by means and deviations 0.5.

    Weights that come from TensorFlow were trained with the latter.
    """
    channels = [
        x[:, 0].unsqueeze(1) * (0.229 / 0.5) + (0.485 - 0.5) / 0.5,
        x[:, 1].unsqueeze(1) * (0.224 / 0.5) + (0.456 - 0.5) / 0.5,
        x[:, 2].unsqueeze(1) * (0.225 / 0.5) + (0.406 - 0.5) / 0.5,
    ]
    return cat(channels, 1)


class Inception(nn.Module):
    """Four branches side by side: 1×1, 1×1 then 3×3, the same again, and pooling then 1×1.

    The third branch has 5×5 in the paper; the published weights are for 3×3
    (github.com/pytorch/vision/issues/906).
    """

    def __init__(
        self,
        in_channels: int,
        ch1x1: int,
        ch3x3red: int,
        ch3x3: int,
        ch5x5red: int,
        ch5x5: int,
        pool_proj: int,
        conv_block: Callable[..., nn.Module] | None = None,
    ) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1 = conv(in_channels, ch1x1, kernel_size=1)
        self.branch2 = nn.Sequential(
            conv(in_channels, ch3x3red, kernel_size=1),
            conv(ch3x3red, ch3x3, kernel_size=3, padding=1),
        )
        self.branch3 = nn.Sequential(
            conv(in_channels, ch5x5red, kernel_size=1),
            conv(ch5x5red, ch5x5, kernel_size=3, padding=1),
        )
        self.branch4 = nn.Sequential(
            nn.MaxPool2d(kernel_size=3, stride=1, padding=1, ceil_mode=True),
            conv(in_channels, pool_proj, kernel_size=1),
        )

    def forward(self, x: Any) -> Any:
        return cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class InceptionAux(nn.Module):
    """An auxiliary head: features in the middle of the network to scores (N, num_classes)."""

    def __init__(
        self,
        in_channels: int,
        num_classes: int,
        conv_block: Callable[..., nn.Module] | None = None,
        dropout: float = 0.7,
    ) -> None:
        super().__init__()
        self.conv = (conv_block or BasicConv2d)(in_channels, 128, kernel_size=1)
        self.fc1 = nn.Linear(2048, 1024)
        self.fc2 = nn.Linear(1024, num_classes)
        self.dropout = nn.Dropout(p=dropout)

    def forward(self, x: Any) -> Any:
        x = self.conv(F.adaptive_avg_pool2d(x, (4, 4)))
        x = F.relu(self.fc1(x.flatten(1)), inplace=True)
        return self.fc2(self.dropout(x))


class BasicConv2d(nn.Module):
    """Convolution without bias, batch normalization, ReLU; ``kwargs`` are the convolution's."""

    def __init__(self, in_channels: int, out_channels: int, **kwargs: Any) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, bias=False, **kwargs)
        self.bn = nn.BatchNorm2d(out_channels, eps=0.001)

    def forward(self, x: Any) -> Any:
        return F.relu(self.bn(self.conv(x)), inplace=True)


@takes_weights(GoogLeNet_Weights)
def googlenet(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> GoogLeNet:
    """GoogLeNet; ``kwargs`` are those of :class:`GoogLeNet`.

    Published weights come without trained auxiliary heads, which are then left out unless
    ``aux_logits=True`` is asked for.
    """
    if not isinstance(weights, GoogLeNet_Weights):
        return build_model(GoogLeNet, weights, progress, **kwargs)
    keep_heads = kwargs.get("aux_logits", False)
    kwargs.setdefault("transform_input", True)
    # The file has values for the heads.
    kwargs["aux_logits"] = True
    fix_argument(kwargs, "init_weights", False)
    model = build_model(GoogLeNet, weights, progress, **kwargs)
    if keep_heads:
        warnings.warn(
            "auxiliary heads in the pretrained googlenet model are NOT pretrained, "
            "so make sure to train them",
            stacklevel=3,
        )
    else:
        model.aux_logits = False
        model.aux1 = None
        model.aux2 = None
    return model
