"""LeNet-5: LeCun et al., "Gradient-based learning applied to document recognition" (1998)."""

from __future__ import annotations

from typing import Any

from ... import nn
from ._api import WeightsEnum, build_model, takes_weights

__all__ = ["LeNet", "lenet"]


class LeNet_Weights(WeightsEnum):
    """There are no published weights; a path can be given."""


class LeNet(nn.Module):
    """Two convolutions and three linear layers, with ReLU and max pooling.

    (N, in_channels, image_size, image_size) to (N, num_classes). Images of 28 pixels (MNIST) are
    padded to the 32 of the paper.
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1, image_size: int = 28) -> None:
        super().__init__()
        if image_size not in (28, 32):
            raise ValueError(f"image_size should be 28 or 32, got {image_size}")
        self.features = nn.Sequential(
            nn.Conv2d(in_channels, 6, kernel_size=5, padding=2 if image_size == 28 else 0),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=2, stride=2),
            nn.Conv2d(6, 16, kernel_size=5),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(kernel_size=2, stride=2),
        )
        self.classifier = nn.Sequential(
            nn.Linear(16 * 5 * 5, 120),
            nn.ReLU(inplace=True),
            nn.Linear(120, 84),
            nn.ReLU(inplace=True),
            nn.Linear(84, num_classes),
        )

    def forward(self, x: Any) -> Any:
        return self.classifier(self.features(x).flatten(1))


@takes_weights(LeNet_Weights)
def lenet(*, weights: Any = None, progress: bool = True, **kwargs: Any) -> LeNet:
    """LeNet-5; ``kwargs`` are those of :class:`LeNet`."""
    return build_model(LeNet, weights, progress, **kwargs)
