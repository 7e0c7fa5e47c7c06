"""Inception v3: Szegedy et al., "Rethinking the inception architecture" (arXiv:1512.00567)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ... import cat, nn
from ...nn import functional as F
from ._api import WeightsEnum, build_model, fix_argument, imagenet, takes_weights
from .googlenet import BasicConv2d, half_normalized

__all__ = ["Inception3", "InceptionOutputs", "Inception_V3_Weights", "inception_v3"]

Block = Callable[..., nn.Module]


class InceptionOutputs(NamedTuple):
    """What Inception v3 returns in training: the scores and those of the auxiliary head."""

    logits: Any
    aux_logits: Any


_InceptionOutputs = InceptionOutputs


class Inception_V3_Weights(WeightsEnum):
    """Weights of :func:`inception_v3`."""

    IMAGENET1K_V1 = imagenet(
        "inception_v3_google-0cc3c7bd.pth",
        27_161_264,
        (77.294, 93.45),
        (5.713, 103.903),
        min_size=75,
        crop=299,
        resize=342,
        recipe="tree/main/references/classification#inception-v3",
    )
    DEFAULT = IMAGENET1K_V1


class Inception3(nn.Module):
    """Inception v3 for images of 299 × 299 (75 at least): (N, 3, H, W) to (N, num_classes).

    In training with an auxiliary head it returns :class:`InceptionOutputs`.

    Args:
        num_classes: number of outputs.
        aux_logits: have one more head half-way, for training.
        transform_input: see :class:`GoogLeNet`.
        inception_blocks: seven classes in the place of :class:`BasicConv2d`,
            :class:`InceptionA` … :class:`InceptionE` and :class:`InceptionAux`.
        init_weights: draw from a truncated normal distribution; None is True.
        dropout: probability before the last layer.
    """

    def __init__(
        self,
        num_classes: int = 1000,
        aux_logits: bool = True,
        transform_input: bool = False,
        inception_blocks: Sequence[Block] | None = None,
        init_weights: bool | None = None,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        blocks = inception_blocks or (
            BasicConv2d,
            InceptionA,
            InceptionB,
            InceptionC,
            InceptionD,
            InceptionE,
            InceptionAux,
        )
        if len(blocks) != 7:
            raise ValueError(f"length of inception_blocks should be 7 instead of {len(blocks)}")
        self.aux_logits = aux_logits
        self.transform_input = transform_input
        self._add_features(num_classes, *blocks)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.dropout = nn.Dropout(p=dropout)
        self.fc = nn.Linear(2048, num_classes)
        if init_weights is None or init_weights:
            for module in self.modules():
                _initialize(module)

    def _add_features(
        self,
        classes: int,
        conv: Block,
        a: Block,
        b: Block,
        c: Block,
        d: Block,
        e: Block,
        aux: Block,
    ) -> None:
        self.Conv2d_1a_3x3 = conv(3, 32, kernel_size=3, stride=2)
        self.Conv2d_2a_3x3 = conv(32, 32, kernel_size=3)
        self.Conv2d_2b_3x3 = conv(32, 64, kernel_size=3, padding=1)
        self.maxpool1 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Conv2d_3b_1x1 = conv(64, 80, kernel_size=1)
        self.Conv2d_4a_3x3 = conv(80, 192, kernel_size=3)
        self.maxpool2 = nn.MaxPool2d(kernel_size=3, stride=2)
        self.Mixed_5b = a(192, pool_features=32)
        self.Mixed_5c = a(256, pool_features=64)
        self.Mixed_5d = a(288, pool_features=64)
        self.Mixed_6a = b(288)
        self.Mixed_6b = c(768, channels_7x7=128)
        self.Mixed_6c = c(768, channels_7x7=160)
        self.Mixed_6d = c(768, channels_7x7=160)
        self.Mixed_6e = c(768, channels_7x7=192)
        self.AuxLogits = aux(768, classes) if self.aux_logits else None
        self.Mixed_7a = d(768)
        self.Mixed_7b = e(1280)
        self.Mixed_7c = e(2048)

    def forward(self, x: Any) -> Any:
        if self.transform_input:
            x = half_normalized(x)
        x = self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x)))
        x = self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(self.maxpool1(x)))
        x = self.Mixed_5d(self.Mixed_5c(self.Mixed_5b(self.maxpool2(x))))
        x = self.Mixed_6c(self.Mixed_6b(self.Mixed_6a(x)))
        x = self.Mixed_6e(self.Mixed_6d(x))
        aux = self.AuxLogits(x) if self.AuxLogits is not None and self.training else None
        x = self.Mixed_7c(self.Mixed_7b(self.Mixed_7a(x)))
        x = self.fc(self.dropout(self.avgpool(x)).flatten(1))
        if self.training and self.aux_logits:
            return InceptionOutputs(x, aux)
        return x


def _initialize(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.Linear)):
        deviation = float(getattr(module, "stddev", 0.1))
        nn.init.trunc_normal_(module.weight, mean=0.0, std=deviation, a=-2, b=2)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.constant_(module.weight, 1)
        nn.init.constant_(module.bias, 0)


class InceptionA(nn.Module):
    """Branches of 1×1, 5×5 and twice 3×3, on 35 × 35 pixels."""

    def __init__(
        self, in_channels: int, pool_features: int, conv_block: Block | None = None
    ) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch1x1 = conv(in_channels, 64, kernel_size=1)
        self.branch5x5_1 = conv(in_channels, 48, kernel_size=1)
        self.branch5x5_2 = conv(48, 64, kernel_size=5, padding=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, padding=1)
        self.branch_pool = conv(in_channels, pool_features, kernel_size=1)

    def forward(self, x: Any) -> Any:
        outputs = [
            self.branch1x1(x),
            self.branch5x5_2(self.branch5x5_1(x)),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)),
        ]
        return cat(outputs, 1)


class InceptionB(nn.Module):
    """Halves the size, from 35 × 35 to 17 × 17 pixels."""

    def __init__(self, in_channels: int, conv_block: Block | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3 = conv(in_channels, 384, kernel_size=3, stride=2)
        self.branch3x3dbl_1 = conv(in_channels, 64, kernel_size=1)
        self.branch3x3dbl_2 = conv(64, 96, kernel_size=3, padding=1)
        self.branch3x3dbl_3 = conv(96, 96, kernel_size=3, stride=2)

    def forward(self, x: Any) -> Any:
        outputs = [
            self.branch3x3(x),
            self.branch3x3dbl_3(self.branch3x3dbl_2(self.branch3x3dbl_1(x))),
            F.max_pool2d(x, kernel_size=3, stride=2),
        ]
        return cat(outputs, 1)


class InceptionC(nn.Module):
    """Branches of 7×1 and 1×7, on 17 × 17 pixels."""

    def __init__(
        self, in_channels: int, channels_7x7: int, conv_block: Block | None = None
    ) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        flat = {"kernel_size": (1, 7), "padding": (0, 3)}
        tall = {"kernel_size": (7, 1), "padding": (3, 0)}
        width = channels_7x7
        self.branch1x1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7_1 = conv(in_channels, width, kernel_size=1)
        self.branch7x7_2 = conv(width, width, **flat)
        self.branch7x7_3 = conv(width, 192, **tall)
        self.branch7x7dbl_1 = conv(in_channels, width, kernel_size=1)
        self.branch7x7dbl_2 = conv(width, width, **tall)
        self.branch7x7dbl_3 = conv(width, width, **flat)
        self.branch7x7dbl_4 = conv(width, width, **tall)
        self.branch7x7dbl_5 = conv(width, 192, **flat)
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def forward(self, x: Any) -> Any:
        twice = self.branch7x7dbl_3(self.branch7x7dbl_2(self.branch7x7dbl_1(x)))
        outputs = [
            self.branch1x1(x),
            self.branch7x7_3(self.branch7x7_2(self.branch7x7_1(x))),
            self.branch7x7dbl_5(self.branch7x7dbl_4(twice)),
            self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)),
        ]
        return cat(outputs, 1)


class InceptionD(nn.Module):
    """Halves the size, from 17 × 17 to 8 × 8 pixels."""

    def __init__(self, in_channels: int, conv_block: Block | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.branch3x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch3x3_2 = conv(192, 320, kernel_size=3, stride=2)
        self.branch7x7x3_1 = conv(in_channels, 192, kernel_size=1)
        self.branch7x7x3_2 = conv(192, 192, kernel_size=(1, 7), padding=(0, 3))
        self.branch7x7x3_3 = conv(192, 192, kernel_size=(7, 1), padding=(3, 0))
        self.branch7x7x3_4 = conv(192, 192, kernel_size=3, stride=2)

    def forward(self, x: Any) -> Any:
        wide = self.branch7x7x3_3(self.branch7x7x3_2(self.branch7x7x3_1(x)))
        outputs = [
            self.branch3x3_2(self.branch3x3_1(x)),
            self.branch7x7x3_4(wide),
            F.max_pool2d(x, kernel_size=3, stride=2),
        ]
        return cat(outputs, 1)


class InceptionE(nn.Module):
    """Branches that end in 1×3 beside 3×1, on 8 × 8 pixels."""

    def __init__(self, in_channels: int, conv_block: Block | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        flat = {"kernel_size": (1, 3), "padding": (0, 1)}
        tall = {"kernel_size": (3, 1), "padding": (1, 0)}
        self.branch1x1 = conv(in_channels, 320, kernel_size=1)
        self.branch3x3_1 = conv(in_channels, 384, kernel_size=1)
        self.branch3x3_2a = conv(384, 384, **flat)
        self.branch3x3_2b = conv(384, 384, **tall)
        self.branch3x3dbl_1 = conv(in_channels, 448, kernel_size=1)
        self.branch3x3dbl_2 = conv(448, 384, kernel_size=3, padding=1)
        self.branch3x3dbl_3a = conv(384, 384, **flat)
        self.branch3x3dbl_3b = conv(384, 384, **tall)
        self.branch_pool = conv(in_channels, 192, kernel_size=1)

    def forward(self, x: Any) -> Any:
        once = self.branch3x3_1(x)
        twice = self.branch3x3dbl_2(self.branch3x3dbl_1(x))
        outputs = [
            self.branch1x1(x),
            self.branch3x3_2a(once),
            self.branch3x3_2b(once),
            self.branch3x3dbl_3a(twice),
            self.branch3x3dbl_3b(twice),
            self.branch_pool(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1)),
        ]
        return cat(outputs, 1)


class InceptionAux(nn.Module):
    """The auxiliary head: features of 17 × 17 pixels to scores (N, num_classes)."""

    def __init__(self, in_channels: int, num_classes: int, conv_block: Block | None = None) -> None:
        super().__init__()
        conv = conv_block or BasicConv2d
        self.conv0 = conv(in_channels, 128, kernel_size=1)
        self.conv1 = conv(128, 768, kernel_size=5)
        self.conv1.stddev = 0.01
        self.fc = nn.Linear(768, num_classes)
        self.fc.stddev = 0.001

    def forward(self, x: Any) -> Any:
        x = self.conv1(self.conv0(F.avg_pool2d(x, kernel_size=5, stride=3)))
        return self.fc(F.adaptive_avg_pool2d(x, (1, 1)).flatten(1))


@takes_weights(Inception_V3_Weights)
def inception_v3(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> Inception3:
    """Inception v3; ``kwargs`` are those of :class:`Inception3`."""
    if not isinstance(weights, Inception_V3_Weights):
        return build_model(Inception3, weights, progress, **kwargs)
    keep_head = kwargs.get("aux_logits", True)
    kwargs.setdefault("transform_input", True)
    # The file has values for the head.
    kwargs["aux_logits"] = True
    fix_argument(kwargs, "init_weights", False)
    model = build_model(Inception3, weights, progress, **kwargs)
    if not keep_head:
        model.aux_logits = False
        model.AuxLogits = None
    return model
