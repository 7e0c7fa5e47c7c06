"""VGG: Simonyan and Zisserman, "Very deep convolutional networks" (arXiv:1409.1556)."""

from __future__ import annotations

from typing import Any

from ... import nn
from ._api import WeightsEnum, build_model, imagenet, takes_weights

__all__ = [
    "VGG",
    "VGG11_BN_Weights",
    "VGG11_Weights",
    "VGG13_BN_Weights",
    "VGG13_Weights",
    "VGG16_BN_Weights",
    "VGG16_Weights",
    "VGG19_BN_Weights",
    "VGG19_Weights",
    "vgg11",
    "vgg11_bn",
    "vgg13",
    "vgg13_bn",
    "vgg16",
    "vgg16_bn",
    "vgg19",
    "vgg19_bn",
]

# Output channels of the convolutions; "M" is a pooling. The letters are those of the paper.
cfgs: dict[str, list[str | int]] = {
    "A": [64, "M", 128, "M", *[256] * 2, "M", *[512] * 2, "M", *[512] * 2, "M"],
    "B": [*[64] * 2, "M", *[128] * 2, "M", *[256] * 2, "M", *[512] * 2, "M", *[512] * 2, "M"],
    "D": [*[64] * 2, "M", *[128] * 2, "M", *[256] * 3, "M", *[512] * 3, "M", *[512] * 3, "M"],
    "E": [*[64] * 2, "M", *[128] * 2, "M", *[256] * 4, "M", *[512] * 4, "M", *[512] * 4, "M"],
}


class VGG11_Weights(WeightsEnum):
    """Weights of :func:`vgg11`."""

    IMAGENET1K_V1 = imagenet(
        "vgg11-8a719046.pth",
        132_863_336,
        (69.02, 88.628),
        (7.609, 506.84),
        min_size=32,
        recipe="tree/main/references/classification#alexnet-and-vgg",
    )
    DEFAULT = IMAGENET1K_V1


class VGG11_BN_Weights(WeightsEnum):
    """Weights of :func:`vgg11_bn`."""

    IMAGENET1K_V1 = imagenet(
        "vgg11_bn-6002323d.pth",
        132_868_840,
        (70.37, 89.81),
        (7.609, 506.881),
        min_size=32,
        recipe="tree/main/references/classification#alexnet-and-vgg",
    )
    DEFAULT = IMAGENET1K_V1


class VGG13_Weights(WeightsEnum):
    """Weights of :func:`vgg13`."""

    IMAGENET1K_V1 = imagenet(
        "vgg13-19584684.pth",
        133_047_848,
        (69.928, 89.246),
        (11.308, 507.545),
        min_size=32,
        recipe="tree/main/references/classification#alexnet-and-vgg",
    )
    DEFAULT = IMAGENET1K_V1


class VGG13_BN_Weights(WeightsEnum):
    """Weights of :func:`vgg13_bn`."""

    IMAGENET1K_V1 = imagenet(
        "vgg13_bn-abd245e5.pth",
        133_053_736,
        (71.586, 90.374),
        (11.308, 507.59),
        min_size=32,
        recipe="tree/main/references/classification#alexnet-and-vgg",
    )
    DEFAULT = IMAGENET1K_V1


class VGG16_Weights(WeightsEnum):
    """Weights of :func:`vgg16`."""

    IMAGENET1K_V1 = imagenet(
        "vgg16-397923af.pth",
        138_357_544,
        (71.592, 90.382),
        (15.47, 527.796),
        min_size=32,
        recipe="tree/main/references/classification#alexnet-and-vgg",
    )
    # Trained for SSD: only ``features`` is of use, ``classifier`` holds no values.
    IMAGENET1K_FEATURES = imagenet(
        "vgg16_features-amdegroot-88682ab5.pth",
        138_357_544,
        None,
        (15.47, 527.802),
        min_size=32,
        normalize={"mean": (0.48235, 0.45882, 0.40784), "std": (1 / 255,) * 3},
        categories=None,
        recipe="https://github.com/amdegroot/ssd.pytorch#training-ssd",
    )
    DEFAULT = IMAGENET1K_V1


class VGG16_BN_Weights(WeightsEnum):
    """Weights of :func:`vgg16_bn`."""

    IMAGENET1K_V1 = imagenet(
        "vgg16_bn-6c64b313.pth",
        138_365_992,
        (73.36, 91.516),
        (15.47, 527.866),
        min_size=32,
        recipe="tree/main/references/classification#alexnet-and-vgg",
    )
    DEFAULT = IMAGENET1K_V1


class VGG19_Weights(WeightsEnum):
    """Weights of :func:`vgg19`."""

    IMAGENET1K_V1 = imagenet(
        "vgg19-dcbb9e9d.pth",
        143_667_240,
        (72.376, 90.876),
        (19.632, 548.051),
        min_size=32,
        recipe="tree/main/references/classification#alexnet-and-vgg",
    )
    DEFAULT = IMAGENET1K_V1


class VGG19_BN_Weights(WeightsEnum):
    """Weights of :func:`vgg19_bn`."""

    IMAGENET1K_V1 = imagenet(
        "vgg19_bn-c79401a0.pth",
        143_678_248,
        (74.218, 91.842),
        (19.632, 548.143),
        min_size=32,
        recipe="tree/main/references/classification#alexnet-and-vgg",
    )
    DEFAULT = IMAGENET1K_V1


class VGG(nn.Module):
    """Convolutions, then three linear layers: (N, 3, H, W) to (N, num_classes).

    Args:
        features: convolutions with 512 output channels, see :func:`make_layers`.
        num_classes: number of outputs.
        init_weights: draw the initial parameters as the paper's successors do (He).
        dropout: probability in the linear layers.
    """

    def __init__(
        self,
        features: nn.Module,
        num_classes: int = 1000,
        init_weights: bool = True,
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        self.features = features
        self.avgpool = nn.AdaptiveAvgPool2d((7, 7))
        self.classifier = nn.Sequential(
            nn.Linear(512 * 7 * 7, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, 4096),
            nn.ReLU(True),
            nn.Dropout(p=dropout),
            nn.Linear(4096, num_classes),
        )
        if init_weights:
            for module in self.modules():
                _initialize(module)

    def forward(self, x: Any) -> Any:
        x = self.avgpool(self.features(x))
        return self.classifier(x.flatten(1))


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.constant_(module.bias, 0)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.constant_(module.weight, 1)
        nn.init.constant_(module.bias, 0)
    elif isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, 0, 0.01)
        nn.init.constant_(module.bias, 0)


def make_layers(cfg: list[str | int], batch_norm: bool = False) -> nn.Sequential:
    """The convolutions of a VGG: 3×3 for each number of channels, a pooling for each "M"."""
    layers: list[nn.Module] = []
    channels = 3
    for width in cfg:
        if width == "M":
            layers.append(nn.MaxPool2d(kernel_size=2, stride=2))
            continue
        layers.append(nn.Conv2d(channels, int(width), kernel_size=3, padding=1))
        if batch_norm:
            layers.append(nn.BatchNorm2d(int(width)))
        layers.append(nn.ReLU(inplace=True))
        channels = int(width)
    return nn.Sequential(*layers)


def _vgg(cfg: str, batch_norm: bool, weights: Any, progress: bool, kwargs: dict[str, Any]) -> VGG:
    if weights is not None:
        kwargs["init_weights"] = False
    return build_model(VGG, weights, progress, make_layers(cfgs[cfg], batch_norm), **kwargs)


@takes_weights(VGG11_Weights)
def vgg11(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-11; ``kwargs`` are those of :class:`VGG`."""
    return _vgg("A", False, weights, progress, kwargs)


@takes_weights(VGG11_BN_Weights)
def vgg11_bn(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-11 with batch normalization; ``kwargs`` are those of :class:`VGG`."""
    return _vgg("A", True, weights, progress, kwargs)


@takes_weights(VGG13_Weights)
def vgg13(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-13; ``kwargs`` are those of :class:`VGG`."""
    return _vgg("B", False, weights, progress, kwargs)


@takes_weights(VGG13_BN_Weights)
def vgg13_bn(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-13 with batch normalization; ``kwargs`` are those of :class:`VGG`."""
    return _vgg("B", True, weights, progress, kwargs)


@takes_weights(VGG16_Weights)
def vgg16(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-16; ``kwargs`` are those of :class:`VGG`."""
    return _vgg("D", False, weights, progress, kwargs)


@takes_weights(VGG16_BN_Weights)
def vgg16_bn(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-16 with batch normalization; ``kwargs`` are those of :class:`VGG`."""
    return _vgg("D", True, weights, progress, kwargs)


@takes_weights(VGG19_Weights)
def vgg19(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-19; ``kwargs`` are those of :class:`VGG`."""
    return _vgg("E", False, weights, progress, kwargs)


@takes_weights(VGG19_BN_Weights)
def vgg19_bn(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> VGG:
    """VGG-19 with batch normalization; ``kwargs`` are those of :class:`VGG`."""
    return _vgg("E", True, weights, progress, kwargs)
