"""Random rotations, affine and perspective maps, and elastic deformation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ... import Tensor, cat, rand
from ...nn import Module
from . import functional as F
from .draws import (
    chance,
    channel_fill,
    check_sequence,
    integer,
    setup_angle,
    setup_fill,
    uniform,
)
from .functional.image import InterpolationMode, mode_of_int


def _fill_for(img: Any, fill: Any) -> Any:
    return channel_fill(fill, F.get_dimensions(img)[0]) if isinstance(img, Tensor) else fill


class RandomRotation(Module):
    """A rotation by a random angle, counter-clockwise.

    Args:
        degrees: (least, largest) angle; a number is (-degrees, degrees).
        interpolation, expand, center, fill: as in :func:`functional.rotate`.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        expand: bool = False,
        center: Sequence[float] | None = None,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.degrees = setup_angle(degrees, "degrees")
        if center is not None:
            check_sequence(center, "center")
        self.center = center
        self.interpolation = mode_of_int(interpolation)
        self.expand = expand
        self.fill = setup_fill(fill)

    @staticmethod
    def get_params(degrees: Sequence[float]) -> float:
        """An angle."""
        return uniform(float(degrees[0]), float(degrees[1]))

    def forward(self, img: Any) -> Any:
        fill = _fill_for(img, self.fill)
        angle = self.get_params(self.degrees)
        return F.rotate(img, angle, self.interpolation, self.expand, self.center, fill)

    def __repr__(self) -> str:
        center = f", center={self.center}" if self.center is not None else ""
        return (
            f"{type(self).__name__}(degrees={self.degrees}, "
            f"interpolation={self.interpolation.value}, expand={self.expand}{center}, "
            f"fill={self.fill})"
        )


class RandomAffine(Module):
    """A random rotation, shift, scaling and shear that keeps the center where it is.

    Args:
        degrees: (least, largest) angle; a number is (-degrees, degrees).
        translate: largest shifts in x and y, as shares of width and height.
        scale: (least, largest) factor of lengths.
        shear: (least, largest) angle in x, or those of x and of y; a number is (-shear, shear).
        interpolation, fill, center: as in :func:`functional.affine`.

    Raises:
        TypeError, ValueError: for arguments of another type, length or range.
    """

    def __init__(
        self,
        degrees: float | Sequence[float],
        translate: Sequence[float] | None = None,
        scale: Sequence[float] | None = None,
        shear: float | Sequence[float] | None = None,
        interpolation: InterpolationMode = InterpolationMode.NEAREST,
        fill: Any = 0,
        center: Sequence[float] | None = None,
    ) -> None:
        super().__init__()
        self.degrees = setup_angle(degrees, "degrees")
        if translate is not None:
            check_sequence(translate, "translate")
            if not all(0.0 <= t <= 1.0 for t in translate):
                raise ValueError("translation values should be between 0 and 1")
        self.translate = translate
        if scale is not None:
            check_sequence(scale, "scale")
            if min(scale) <= 0:
                raise ValueError("scale values should be positive")
        self.scale = scale
        self.shear = None if shear is None else setup_angle(shear, "shear", (2, 4))
        self.interpolation = mode_of_int(interpolation)
        self.fill = setup_fill(fill)
        if center is not None:
            check_sequence(center, "center")
        self.center = center

    @staticmethod
    def get_params(
        degrees: Sequence[float],
        translate: Sequence[float] | None,
        scale_ranges: Sequence[float] | None,
        shears: Sequence[float] | None,
        img_size: Sequence[int],
    ) -> tuple[float, tuple[int, int], float, tuple[float, float]]:
        """Angle, shift, factor and shear of an image of ``img_size`` (width, height)."""
        angle = uniform(float(degrees[0]), float(degrees[1]))
        shift = (0, 0)
        if translate is not None:
            max_dx, max_dy = translate[0] * img_size[0], translate[1] * img_size[1]
            shift = (round(uniform(-max_dx, max_dx)), round(uniform(-max_dy, max_dy)))
        scale = 1.0 if scale_ranges is None else uniform(*scale_ranges)
        shear_x = shear_y = 0.0
        if shears is not None:
            shear_x = uniform(shears[0], shears[1])
            if len(shears) == 4:
                shear_y = uniform(shears[2], shears[3])
        return angle, shift, scale, (shear_x, shear_y)

    def forward(self, img: Any) -> Any:
        fill = _fill_for(img, self.fill)
        _, height, width = F.get_dimensions(img)
        params = self.get_params(
            self.degrees, self.translate, self.scale, self.shear, [width, height]
        )
        return F.affine(
            img, *params, interpolation=self.interpolation, fill=fill, center=self.center
        )

    def __repr__(self) -> str:
        given = {"translate": self.translate, "scale": self.scale, "shear": self.shear}
        if self.interpolation is not InterpolationMode.NEAREST:
            given["interpolation"] = self.interpolation.value
        if self.fill != 0:
            given["fill"] = self.fill
        given["center"] = self.center
        rest = "".join(f", {k}={v}" for k, v in given.items() if v is not None)
        return f"{type(self).__name__}(degrees={self.degrees}{rest})"


class RandomPerspective(Module):
    """An image seen from aside, with probability ``p``.

    Args:
        distortion_scale: from 0 to 1, how far the corners move at most, in half edges.
        interpolation, fill: as in :func:`functional.perspective`.
    """

    def __init__(
        self,
        distortion_scale: float = 0.5,
        p: float = 0.5,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.p = p
        self.interpolation = mode_of_int(interpolation)
        self.distortion_scale = distortion_scale
        self.fill = setup_fill(fill)

    @staticmethod
    def get_params(
        width: int, height: int, distortion_scale: float
    ) -> tuple[list[list[int]], list[list[int]]]:
        """The corners of the image, and where they go: from the top left one clockwise."""
        dx = int(distortion_scale * (width // 2)) + 1
        dy = int(distortion_scale * (height // 2)) + 1
        endpoints = [
            [integer(0, dx), integer(0, dy)],
            [integer(width - dx, width), integer(0, dy)],
            [integer(width - dx, width), integer(height - dy, height)],
            [integer(0, dx), integer(height - dy, height)],
        ]
        right, bottom = width - 1, height - 1
        return [[0, 0], [right, 0], [right, bottom], [0, bottom]], endpoints

    def forward(self, img: Any) -> Any:
        fill = _fill_for(img, self.fill)
        _, height, width = F.get_dimensions(img)
        if not chance(self.p):
            return img
        startpoints, endpoints = self.get_params(width, height, self.distortion_scale)
        return F.perspective(img, startpoints, endpoints, self.interpolation, fill)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class ElasticTransform(Module):
    """An image as seen through moving water.

    Every pixel moves by a random vector; the vectors are blurred, so that neighbours move alike.

    Args:
        alpha: how far they move, in x and y, or one number for both.
        sigma: how smoothly, in x and y, or one number for both.
        interpolation, fill: as in :func:`functional.elastic_transform`.

    Raises:
        TypeError, ValueError: for arguments that are not floats or pairs of floats.
    """

    def __init__(
        self,
        alpha: float | Sequence[float] = 50.0,
        sigma: float | Sequence[float] = 5.0,
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        fill: Any = 0,
    ) -> None:
        super().__init__()
        self.alpha = _two_floats(alpha, "alpha")
        self.sigma = _two_floats(sigma, "sigma")
        self.interpolation = mode_of_int(interpolation)
        if not isinstance(fill, (int, float, list, tuple)):
            raise TypeError(
                f"fill should be int or float or a list or tuple of them. Got {type(fill)}"
            )
        self.fill = channel_fill(fill, 1)

    @staticmethod
    def get_params(alpha: Sequence[float], sigma: Sequence[float], size: list[int]) -> Tensor:
        """The displacement of every pixel of an image of ``size`` (height, width)."""
        parts = []
        for strength, deviation, length in zip(alpha, sigma, reversed(size), strict=True):
            noise = rand([1, 1, *size]) * 2 - 1
            if deviation > 0.0:
                kernel = int(8 * deviation + 1) | 1
                noise = F.gaussian_blur(noise, [kernel, kernel], list(sigma))
            parts.append(noise * strength / length)
        return cat(parts, 1).permute(0, 2, 3, 1)

    def forward(self, tensor: Any) -> Any:
        _, height, width = F.get_dimensions(tensor)
        displacement = self.get_params(self.alpha, self.sigma, [height, width])
        return F.elastic_transform(tensor, displacement, self.interpolation, self.fill)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(alpha={self.alpha}, sigma={self.sigma}, "
            f"interpolation={self.interpolation}, fill={self.fill})"
        )


def _two_floats(value: Any, name: str) -> Any:
    if not isinstance(value, (float, Sequence)):
        raise TypeError(f"{name} should be float or a sequence of floats. Got {type(value)}")
    if isinstance(value, float):
        return [value, value]
    if len(value) != 2:
        raise ValueError(f"If {name} is a sequence its length should be 2. Got {len(value)}")
    for element in value:
        if not isinstance(element, float):
            raise TypeError(f"{name} should be a sequence of floats. Got {type(element)}")
    return value
