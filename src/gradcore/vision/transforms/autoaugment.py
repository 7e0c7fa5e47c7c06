"""Learned and random augmentation: AutoAugment, RandAugment, TrivialAugment and AugMix."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ... import Tensor, from_numpy, rand, randint
from ...nn import Module
from . import functional as F
from .draws import channel_fill, dirichlet, integer
from .functional.image import InterpolationMode
from .policies import POLICIES, AutoAugmentPolicy, Operation

__all__ = ["AugMix", "AutoAugment", "AutoAugmentPolicy", "RandAugment", "TrivialAugmentWide"]

# What an operation's magnitude may be: the first and the last of evenly spaced numbers whose sign
# is drawn, or those of Posterize and Solarize, which have none; None where there is no magnitude.
_Space = dict[str, tuple[float, float] | None]


def _apply(img: Any, name: str, magnitude: float, mode: InterpolationMode, fill: Any) -> Any:
    """``img`` after one operation."""
    if name in _GEOMETRIC:
        return _GEOMETRIC[name](img, magnitude, mode, fill)
    if name in _ENHANCING:
        return _ENHANCING[name](img, 1.0 + magnitude)
    if name in _TONES:
        return _TONES[name](img)
    if name == "Posterize":
        return F.posterize(img, int(magnitude))
    if name == "Solarize":
        return F.solarize(img, magnitude)
    raise ValueError(f"The provided operator {name} is not recognized.")


def _shear(img: Any, x: float, y: float, mode: InterpolationMode, fill: Any) -> Any:
    degrees = [math.degrees(math.atan(x)), math.degrees(math.atan(y))]
    return F.affine(img, 0.0, [0, 0], 1.0, degrees, mode, fill, center=[0, 0])


def _shift(img: Any, x: float, y: float, mode: InterpolationMode, fill: Any) -> Any:
    return F.affine(img, 0.0, [int(x), int(y)], 1.0, [0.0, 0.0], mode, fill)


_GEOMETRIC: dict[str, Callable[..., Any]] = {
    "ShearX": lambda img, m, mode, fill: _shear(img, m, 0.0, mode, fill),
    "ShearY": lambda img, m, mode, fill: _shear(img, 0.0, m, mode, fill),
    "TranslateX": lambda img, m, mode, fill: _shift(img, m, 0, mode, fill),
    "TranslateY": lambda img, m, mode, fill: _shift(img, 0, m, mode, fill),
    "Rotate": lambda img, m, mode, fill: F.rotate(img, m, mode, fill=fill),
}
_ENHANCING: dict[str, Callable[..., Any]] = {
    "Brightness": F.adjust_brightness,
    "Color": F.adjust_saturation,
    "Contrast": F.adjust_contrast,
    "Sharpness": F.adjust_sharpness,
}
_TONES: dict[str, Callable[..., Any]] = {
    "AutoContrast": F.autocontrast,
    "Equalize": F.equalize,
    "Invert": F.invert,
    "Identity": lambda img: img,
}
_UNSIGNED = ("Posterize", "Solarize")


def _geometric_space(height: float, width: float) -> _Space:
    """Shears, shifts of at most ``height`` and ``width`` pixels, and rotations."""
    return {
        "ShearX": (0.0, 0.3),
        "ShearY": (0.0, 0.3),
        "TranslateX": (0.0, width),
        "TranslateY": (0.0, height),
        "Rotate": (0.0, 30.0),
    }


def _enhancing_space(strongest: float = 0.9) -> _Space:
    names = ("Brightness", "Color", "Contrast", "Sharpness")
    return dict.fromkeys(names, (0.0, strongest))


def _tone_space(least_bits: int, most_bits: int = 8) -> _Space:
    return {
        "Posterize": (most_bits, least_bits),
        "Solarize": (255.0, 0.0),
        "AutoContrast": None,
        "Equalize": None,
    }


def _standard_space(height: int, width: int) -> _Space:
    """That of AutoAugment and RandAugment, for an image of this size."""
    shifts = _geometric_space(150.0 / 331.0 * height, 150.0 / 331.0 * width)
    return shifts | _enhancing_space() | _tone_space(least_bits=4)


def _magnitude(name: str, ends: tuple[float, float], bins: int, i: int) -> float:
    """The magnitude with number ``i``."""
    if name == "Posterize":
        steps = np.arange(bins, dtype=np.float32) / np.float32((bins - 1) / (ends[0] - ends[1]))
        return float(ends[0] - np.round(steps)[i])
    return _evenly_spaced(*ends, bins, i)


def _evenly_spaced(first: float, last: float, count: int, i: int) -> float:
    """``torch.linspace(first, last, count)[i]`` in float32, to the last bit.

    PyTorch counts from the nearer end, and rounds once after multiplying and adding; a difference
    in the last bit would show as one 255th here and there.
    """
    if not 0 <= i < count:
        raise IndexError(f"index {i} is out of bounds for dimension 0 with size {count}")
    start, end = np.float32(first), np.float32(last)
    step = float((end - start) / np.float32(max(count - 1, 1)))
    near_start = i < count // 2
    value = float(start) + step * i if near_start else float(end) - step * (count - 1 - i)
    return float(np.float32(value))


def _draw_operation(space: _Space, bins: int, choose: Callable[[], int]) -> tuple[str, float]:
    """One of the operations, and its magnitude: the number is chosen, the sign is drawn."""
    name, ends = list(space.items())[integer(0, len(space))]
    if ends is None:
        return name, 0.0
    magnitude = _magnitude(name, ends, bins, choose())
    if name not in _UNSIGNED and integer(0, 2):
        magnitude = -magnitude
    return name, magnitude


class _Augmentation(Module):
    """What the four have in common: interpolation and fill colour of the geometric operations."""

    def __init__(self, interpolation: InterpolationMode, fill: Any) -> None:
        super().__init__()
        self.interpolation = interpolation
        self.fill = fill

    def apply_to(self, img: Any, name: str, magnitude: float, fill: Any) -> Any:
        """``img`` after one operation."""
        return _apply(img, name, magnitude, self.interpolation, fill)

    def fill_for(self, img: Any) -> Any:
        """The fill colour for an image of this kind."""
        if not isinstance(img, Tensor):
            return self.fill
        return channel_fill(self.fill, F.get_dimensions(img)[0])

    def _shown(self, *names: str) -> str:
        values = ", ".join(f"{name}={getattr(self, name)}" for name in names)
        return f"{type(self).__name__}({values})"


class AutoAugment(_Augmentation):
    """One of the 25 pairs of operations of a policy that was found by search.

    Source: Cubuk et al., "AutoAugment: Learning Augmentation Policies from Data" (2019).

    Args:
        policy: the data set that it was found on.
        interpolation, fill: of the geometric operations.
    """

    def __init__(
        self,
        policy: AutoAugmentPolicy = AutoAugmentPolicy.IMAGENET,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.policy = policy
        self.policies = self._get_policies(policy)

    def _get_policies(self, policy: AutoAugmentPolicy) -> list[tuple[Operation, Operation]]:
        if policy not in POLICIES:
            raise ValueError(f"The provided policy {policy} is not recognized.")
        return POLICIES[policy]

    @staticmethod
    def get_params(transform_num: int) -> tuple[int, Tensor, Tensor]:
        """The number of a pair, and two numbers each for whether it acts and in which sense."""
        return integer(0, transform_num), rand((2,)), randint(2, (2,))

    def forward(self, img: Any) -> Any:
        fill = self.fill_for(img)
        _, height, width = F.get_dimensions(img)
        number, chances, signs = self.get_params(len(self.policies))
        space = _standard_space(height, width) | {"Invert": None}
        drawn = zip(self.policies[number], chances.tolist(), signs.tolist(), strict=True)
        for (name, p, magnitude_id), chance, sign in drawn:
            if chance > p:
                continue
            magnitude, ends = 0.0, space[name]
            if ends is not None and magnitude_id is not None:
                magnitude = _magnitude(name, ends, 10, magnitude_id)
            if name not in _UNSIGNED and sign == 0:
                magnitude = -magnitude
            img = self.apply_to(img, name, magnitude, fill)
        return img

    def __repr__(self) -> str:
        return self._shown("policy", "fill")


class RandAugment(_Augmentation):
    """Some operations at random, all of one strength.

    Source: Cubuk et al., "RandAugment: Practical automated data augmentation with a reduced
    search space" (2020).

    Args:
        num_ops: how many.
        magnitude: their strength, of ``num_magnitude_bins``.
        interpolation, fill: of the geometric operations.
    """

    def __init__(
        self,
        num_ops: int = 2,
        magnitude: int = 9,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_ops = num_ops
        self.magnitude = magnitude
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Any) -> Any:
        fill = self.fill_for(img)
        _, height, width = F.get_dimensions(img)
        space: _Space = {"Identity": None, **_standard_space(height, width)}
        for _ in range(self.num_ops):
            operation = _draw_operation(space, self.num_magnitude_bins, lambda: self.magnitude)
            img = self.apply_to(img, *operation, fill)
        return img

    def __repr__(self) -> str:
        return self._shown("num_ops", "magnitude", "num_magnitude_bins", "interpolation", "fill")


class TrivialAugmentWide(_Augmentation):
    """One operation of random strength.

    Source: Müller and Hutter, "TrivialAugment: Tuning-free Yet State-of-the-Art Data
    Augmentation" (2021).

    Args:
        num_magnitude_bins: how many strengths there are.
        interpolation, fill: of the geometric operations.
    """

    def __init__(
        self,
        num_magnitude_bins: int = 31,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        self.num_magnitude_bins = num_magnitude_bins

    def forward(self, img: Any) -> Any:
        fill = self.fill_for(img)
        space: _Space = {
            "Identity": None,
            "ShearX": (0.0, 0.99),
            "ShearY": (0.0, 0.99),
            "TranslateX": (0.0, 32.0),
            "TranslateY": (0.0, 32.0),
            "Rotate": (0.0, 135.0),
            **_enhancing_space(0.99),
            **_tone_space(least_bits=2),
        }
        bins = self.num_magnitude_bins
        operation = _draw_operation(space, bins, lambda: integer(0, bins))
        return self.apply_to(img, *operation, fill)

    def __repr__(self) -> str:
        return self._shown("num_magnitude_bins", "interpolation", "fill")


class AugMix(_Augmentation):
    """An image mixed with several chains of operations on it.

    Source: Hendrycks et al., "AugMix: A Simple Data Processing Method to Improve Robustness and
    Uncertainty" (2020).

    Args:
        severity: the largest strength, from 1 to 10.
        mixture_width: how many chains.
        chain_depth: operations in a chain; up to 0: 1 to 3 at random.
        alpha: of the Dirichlet distributions that the weights are drawn from.
        all_ops: with brightness, color, contrast and sharpness.
        interpolation, fill: of the geometric operations.

    Raises:
        ValueError: ``severity`` out of range.
    """

    _PARAMETER_MAX = 10

    def __init__(
        self,
        severity: int = 3,
        mixture_width: int = 3,
        chain_depth: int = -1,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        fill: Any = None,
    ) -> None:
        super().__init__(interpolation, fill)
        if not 1 <= severity <= self._PARAMETER_MAX:
            raise ValueError(
                f"The severity must be between [1, {self._PARAMETER_MAX}]. Got {severity} instead."
            )
        self.severity = severity
        self.mixture_width = mixture_width
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops

    def _space(self, height: int, width: int) -> _Space:
        space = _geometric_space(height / 3.0, width / 3.0)
        space |= _tone_space(least_bits=0, most_bits=4)
        return space | _enhancing_space() if self.all_ops else space

    def forward(self, orig_img: Any) -> Any:
        fill = self.fill_for(orig_img)
        _, height, width = F.get_dimensions(orig_img)
        img = orig_img if isinstance(orig_img, Tensor) else F.pil_to_tensor(orig_img)
        space = self._space(height, width)
        batch = img.view([1] * max(4 - img.ndim, 0) + list(img.shape))
        n = batch.shape[0]
        original, mixed = _weights(n, [self.alpha] * 2, img.device).unbind(1)
        weights = _weights(n, [self.alpha] * self.mixture_width, img.device) * mixed[:, None]
        of_image = [n] + [1] * (batch.ndim - 1)
        mix = original.view(of_image) * batch
        for weight in weights.unbind(1):
            mix = mix + weight.view(of_image) * self._chain(batch, space, fill)
        mix = mix.view(img.shape).to(img.dtype)
        return mix if isinstance(orig_img, Tensor) else F.to_pil_image(mix)

    def _chain(self, batch: Tensor, space: _Space, fill: Any) -> Tensor:
        """``batch`` after several operations."""
        depth = self.chain_depth if self.chain_depth > 0 else integer(1, 4)
        for _ in range(depth):
            operation = _draw_operation(
                space, self._PARAMETER_MAX, lambda: integer(0, self.severity)
            )
            batch = self.apply_to(batch, *operation, fill)
        return batch

    def __repr__(self) -> str:
        return self._shown(
            "severity", "mixture_width", "chain_depth", "alpha", "all_ops", "interpolation", "fill"
        )


def _weights(rows: int, alpha: list[float], device: Any) -> Tensor:
    """Weights of a mixture for each of ``rows`` images: (rows, len(alpha))."""
    return from_numpy(dirichlet(rows, alpha)).to(device)
