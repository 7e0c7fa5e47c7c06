"""Random changes of colours and values, and grey images."""

from __future__ import annotations

import numbers
from typing import Any

from ... import Tensor, randperm
from ...nn import Module
from . import functional as F
from .draws import chance, uniform

_Range = tuple[float, float] | None


class ColorJitter(Module):
    """Brightness, contrast, saturation and hue changed at random, in random order.

    Args:
        brightness, contrast, saturation: (least, largest) factor; a number is
            (max(0, 1 - x), 1 + x).
        hue: (least, largest) turn within [-0.5, 0.5]; a number is (-hue, hue).

    Raises:
        TypeError, ValueError: for ranges of another type, length or order.
    """

    def __init__(
        self,
        brightness: float | tuple[float, float] = 0,
        contrast: float | tuple[float, float] = 0,
        saturation: float | tuple[float, float] = 0,
        hue: float | tuple[float, float] = 0,
    ) -> None:
        super().__init__()
        self.brightness = _factor_range(brightness, "brightness")
        self.contrast = _factor_range(contrast, "contrast")
        self.saturation = _factor_range(saturation, "saturation")
        self.hue = _range(hue, "hue", 0, (-0.5, 0.5))

    @staticmethod
    def get_params(
        brightness: _Range, contrast: _Range, saturation: _Range, hue: _Range
    ) -> tuple[Tensor, float | None, float | None, float | None, float | None]:
        """The order of the four changes, and their factors (None: no change)."""
        order = randperm(4)
        ranges = (brightness, contrast, saturation, hue)
        b, c, s, h = (None if r is None else uniform(r[0], r[1]) for r in ranges)
        return order, b, c, s, h

    def forward(self, img: Any) -> Any:
        order, *factors = self.get_params(self.brightness, self.contrast, self.saturation, self.hue)
        changes = (F.adjust_brightness, F.adjust_contrast, F.adjust_saturation, F.adjust_hue)
        for i in order.tolist():
            if factors[i] is not None:
                img = changes[i](img, factors[i])
        return img

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(brightness={self.brightness}, contrast={self.contrast}, "
            f"saturation={self.saturation}, hue={self.hue})"
        )


def _factor_range(value: Any, name: str) -> _Range:
    if isinstance(value, numbers.Number) and value > 1:  # type: ignore[operator]
        value = (0.0, 1 + float(value))  # type: ignore[arg-type]
    return _range(value, name, 1, (0, float("inf")))


def _range(value: Any, name: str, center: int, bound: tuple[float, float]) -> _Range:
    """The range that ``value`` stands for, None for one that changes nothing."""
    if isinstance(value, numbers.Number):
        if value < 0:  # type: ignore[operator]
            raise ValueError(f"If {name} is a single number, it must be non negative.")
        span = float(value)  # type: ignore[arg-type]
        value = [center - span, center + span]
    elif isinstance(value, (tuple, list)) and len(value) == 2:
        value = [float(value[0]), float(value[1])]
    else:
        raise TypeError(f"{name} should be a single number or a list/tuple with length 2.")
    if not bound[0] <= value[0] <= value[1] <= bound[1]:
        raise ValueError(f"{name} values should be between {bound}, but got {value}.")
    return None if value[0] == value[1] == center else (value[0], value[1])


class Grayscale(Module):
    """A grey version of an image, in one or three equal channels."""

    def __init__(self, num_output_channels: int = 1) -> None:
        super().__init__()
        self.num_output_channels = num_output_channels

    def forward(self, img: Any) -> Any:
        return F.rgb_to_grayscale(img, num_output_channels=self.num_output_channels)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(num_output_channels={self.num_output_channels})"


class RandomGrayscale(Module):
    """A grey version with as many channels as the image, with probability ``p``."""

    def __init__(self, p: float = 0.1) -> None:
        super().__init__()
        self.p = p

    def forward(self, img: Any) -> Any:
        channels, _, _ = F.get_dimensions(img)
        return F.rgb_to_grayscale(img, channels) if chance(self.p) else img

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class _Sometimes(Module):
    """A change with one parameter at most, made with probability ``p``."""

    parameter = ""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def change(self, img: Any) -> Any:
        """What happens to the image."""
        raise NotImplementedError

    def forward(self, img: Any) -> Any:
        return self.change(img) if chance(self.p) else img

    def __repr__(self) -> str:
        name = self.parameter
        shown = f"{name}={getattr(self, name)}," if name else ""
        return f"{type(self).__name__}({shown}p={self.p})"


class RandomInvert(_Sometimes):
    """The negative, with probability ``p``."""

    def change(self, img: Any) -> Any:
        return F.invert(img)


class RandomAutocontrast(_Sometimes):
    """Each channel stretched to the full range, with probability ``p``."""

    def change(self, img: Any) -> Any:
        return F.autocontrast(img)


class RandomEqualize(_Sometimes):
    """The histogram of each channel made even, with probability ``p``."""

    def change(self, img: Any) -> Any:
        return F.equalize(img)


class RandomPosterize(_Sometimes):
    """Only the highest ``bits`` of each value kept, with probability ``p``."""

    parameter = "bits"

    def __init__(self, bits: int, p: float = 0.5) -> None:
        super().__init__(p)
        self.bits = bits

    def change(self, img: Any) -> Any:
        return F.posterize(img, self.bits)


class RandomSolarize(_Sometimes):
    """The values from ``threshold`` on inverted, with probability ``p``."""

    parameter = "threshold"

    def __init__(self, threshold: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.threshold = threshold

    def change(self, img: Any) -> Any:
        return F.solarize(img, self.threshold)


class RandomAdjustSharpness(_Sometimes):
    """Sharpness changed by ``sharpness_factor``, with probability ``p``."""

    parameter = "sharpness_factor"

    def __init__(self, sharpness_factor: float, p: float = 0.5) -> None:
        super().__init__(p)
        self.sharpness_factor = sharpness_factor

    def change(self, img: Any) -> Any:
        return F.adjust_sharpness(img, self.sharpness_factor)
