"""Transforms that move whole pixels, and those that resize."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from typing import Any

from ...nn import Module
from . import functional as F
from .draws import area_and_ratio, chance, check_ranges, integer, setup_size
from .functional.image import PADDING_MODES, InterpolationMode, mode_of_int


class Resize(Module):
    """An image at another size.

    Args:
        size: (height, width), or the length of the shorter edge.
        interpolation: an :class:`InterpolationMode` or one of Pillow's constants.
        max_size: the longest that the longer edge may become.
        antialias: filter tensors while shrinking; PIL images always are.

    Raises:
        TypeError, ValueError: ``size`` of another type or length.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        max_size: int | None = None,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        if not isinstance(size, (int, Sequence)):
            raise TypeError(f"Size should be int or sequence. Got {type(size)}")
        if isinstance(size, Sequence) and len(size) not in (1, 2):
            raise ValueError("If size is a sequence, it should have 1 or 2 values")
        self.size = size
        self.max_size = max_size
        self.interpolation = mode_of_int(interpolation)
        self.antialias = antialias

    def forward(self, img: Any) -> Any:
        return F.resize(img, self.size, self.interpolation, self.max_size, self.antialias)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value}, "
            f"max_size={self.max_size}, antialias={self.antialias})"
        )


class _OfSize(Module):
    """A transform whose argument is the size of its output."""

    def __init__(self, size: int | Sequence[int]) -> None:
        super().__init__()
        self.size = setup_size(size)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size})"


class CenterCrop(_OfSize):
    """The middle of an image; a smaller image is padded with 0.

    Args:
        size: (height, width), or one number for both.
    """

    def forward(self, img: Any) -> Any:
        return F.center_crop(img, self.size)


class FiveCrop(_OfSize):
    """The four corners and the middle of an image, as a tuple.

    Args:
        size: (height, width), or one number for both.
    """

    def forward(self, img: Any) -> tuple[Any, ...]:
        return F.five_crop(img, self.size)


class TenCrop(_OfSize):
    """The five crops of an image and of its mirror image, as a tuple.

    Args:
        size: (height, width), or one number for both.
        vertical_flip: the mirror image is upside down.
    """

    def __init__(self, size: int | Sequence[int], vertical_flip: bool = False) -> None:
        super().__init__(size)
        self.vertical_flip = vertical_flip

    def forward(self, img: Any) -> tuple[Any, ...]:
        return F.ten_crop(img, self.size, self.vertical_flip)

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, vertical_flip={self.vertical_flip})"


class Pad(Module):
    """An image with a border; the arguments are those of :func:`functional.pad`.

    Raises:
        TypeError, ValueError: for arguments of another type, length or mode.
    """

    def __init__(
        self, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"
    ) -> None:
        super().__init__()
        if not isinstance(padding, (numbers.Number, tuple, list)):
            raise TypeError("Got inappropriate padding arg")
        if not isinstance(fill, (numbers.Number, tuple, list)):
            raise TypeError("Got inappropriate fill arg")
        if padding_mode not in PADDING_MODES:
            raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
        if isinstance(padding, (tuple, list)) and len(padding) not in (1, 2, 4):
            raise ValueError(
                f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} "
                "element tuple"
            )
        self.padding = padding
        self.fill = fill
        self.padding_mode = padding_mode

    def forward(self, img: Any) -> Any:
        return F.pad(img, self.padding, self.fill, self.padding_mode)

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(padding={self.padding}, fill={self.fill}, "
            f"padding_mode={self.padding_mode})"
        )


class RandomCrop(Module):
    """A part of an image at a random place.

    Args:
        size: (height, width), or one number for both.
        padding: a border that the image gets first, as in :class:`Pad`.
        pad_if_needed: pad an image that is smaller than the crop.
        fill, padding_mode: of the borders.

    Raises:
        ValueError: when called on an image that is too small.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        padding: int | Sequence[int] | None = None,
        pad_if_needed: bool = False,
        fill: Any = 0,
        padding_mode: str = "constant",
    ) -> None:
        super().__init__()
        self.size = tuple(setup_size(size))
        self.padding = padding
        self.pad_if_needed = pad_if_needed
        self.fill = fill
        self.padding_mode = padding_mode

    @staticmethod
    def get_params(img: Any, output_size: tuple[int, int]) -> tuple[int, int, int, int]:
        """Top, left, height and width of a crop."""
        _, h, w = F.get_dimensions(img)
        th, tw = output_size
        if h < th or w < tw:
            raise ValueError(
                f"Required crop size {(th, tw)} is larger than input image size {(h, w)}"
            )
        if (h, w) == (th, tw):
            return 0, 0, h, w
        return integer(0, h - th + 1), integer(0, w - tw + 1), th, tw

    def forward(self, img: Any) -> Any:
        if self.padding is not None:
            img = F.pad(img, self.padding, self.fill, self.padding_mode)
        if self.pad_if_needed:
            _, height, width = F.get_dimensions(img)
            for missing in ([self.size[1] - width, 0], [0, self.size[0] - height]):
                if max(missing) > 0:
                    img = F.pad(img, missing, self.fill, self.padding_mode)
        return F.crop(img, *self.get_params(img, self.size))

    def __repr__(self) -> str:
        return f"{type(self).__name__}(size={self.size}, padding={self.padding})"


class _Flip(Module):
    """A mirror image with some probability."""

    def __init__(self, p: float = 0.5) -> None:
        super().__init__()
        self.p = p

    def __repr__(self) -> str:
        return f"{type(self).__name__}(p={self.p})"


class RandomHorizontalFlip(_Flip):
    """Left and right exchanged with probability ``p``."""

    def forward(self, img: Any) -> Any:
        return F.hflip(img) if chance(self.p) else img


class RandomVerticalFlip(_Flip):
    """Upside down with probability ``p``."""

    def forward(self, img: Any) -> Any:
        return F.vflip(img) if chance(self.p) else img


class RandomResizedCrop(Module):
    """A part of an image of random area and aspect ratio, resized.

    Args:
        size: (height, width) of the output, or one number for both.
        scale: least and largest share of the image's area.
        ratio: least and largest width / height; the logarithm is drawn evenly.
        interpolation, antialias: as in :class:`Resize`.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: Sequence[float] = (0.08, 1.0),
        ratio: Sequence[float] = (3.0 / 4.0, 4.0 / 3.0),
        interpolation: InterpolationMode = InterpolationMode.BILINEAR,
        antialias: bool | None = True,
    ) -> None:
        super().__init__()
        self.size = setup_size(size)
        check_ranges(scale, ratio)
        self.interpolation = mode_of_int(interpolation)
        self.antialias = antialias
        self.scale = scale
        self.ratio = ratio

    @staticmethod
    def get_params(
        img: Any, scale: Sequence[float], ratio: Sequence[float]
    ) -> tuple[int, int, int, int]:
        """Top, left, height and width: of ten tries the first that fits, or the middle."""
        _, height, width = F.get_dimensions(img)
        for _ in range(10):
            area, aspect = area_and_ratio(height * width, scale, ratio)
            w, h = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
            if 0 < w <= width and 0 < h <= height:
                return integer(0, height - h + 1), integer(0, width - w + 1), h, w
        w, h = width, height
        if width / height < min(ratio):
            h = round(w / min(ratio))
        elif width / height > max(ratio):
            w = round(h * max(ratio))
        return (height - h) // 2, (width - w) // 2, h, w

    def forward(self, img: Any) -> Any:
        i, j, h, w = self.get_params(img, self.scale, self.ratio)
        return F.resized_crop(
            img, i, j, h, w, self.size, self.interpolation, antialias=self.antialias
        )

    def __repr__(self) -> str:
        return (
            f"{type(self).__name__}(size={self.size}, "
            f"scale={tuple(round(s, 4) for s in self.scale)}, "
            f"ratio={tuple(round(r, 4) for r in self.ratio)}, "
            f"interpolation={self.interpolation.value}, antialias={self.antialias})"
        )
