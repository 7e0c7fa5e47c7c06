"""Resizing."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from .... import Tensor, float32, float64, uint8
from ....nn import functional as F
from .cropping import crop
from .image import (
    PIL_MODES,
    InterpolationMode,
    as_float_batch,
    check_image,
    get_dimensions,
    interpolation_mode,
    like_image,
    require_pil,
)

_SMOOTH = (InterpolationMode.BILINEAR, InterpolationMode.BICUBIC)


def resize(
    img: Any,
    size: int | Sequence[int],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    max_size: int | None = None,
    antialias: bool | None = True,
) -> Any:
    """``img`` (PIL image or tensor (N, C, H, W) or (C, H, W)) at another size.

    Args:
        size: (height, width); or one number, which the shorter edge gets, while the other keeps
            the aspect ratio.
        interpolation: tensors know "nearest", "nearest-exact", "bilinear" and "bicubic".
        max_size: the longest that the longer edge may become; the shorter one then falls below
            ``size``. Only where ``size`` is one number.
        antialias: filter while shrinking, for tensors and the smooth modes; PIL images always are.

    Raises:
        TypeError: another kind of ``interpolation``.
        ValueError: ``size`` of another length, or a ``max_size`` that contradicts it.
    """
    interpolation = interpolation_mode(interpolation)
    _check_size(size, max_size)
    _, height, width = get_dimensions(img)
    size = [size] if isinstance(size, int) else list(size)
    new_size = list(size) if len(size) == 2 else _scaled_size(height, width, size, max_size)
    if [height, width] == new_size:
        return img
    if not isinstance(img, Tensor):
        if antialias is False:
            warnings.warn(
                "Anti-alias option is always applied for PIL Image input. Argument antialias is "
                "ignored.",
                stacklevel=2,
            )
        return require_pil(img).resize((new_size[1], new_size[0]), PIL_MODES[interpolation])
    return _resize_tensor(img, new_size, interpolation, bool(antialias))


def _check_size(size: Any, max_size: int | None) -> None:
    if isinstance(size, (list, tuple)):
        if len(size) not in (1, 2):
            raise ValueError(
                f"Size must be an int or a 1 or 2 element tuple/list, not a {len(size)} element "
                "tuple/list"
            )
        if max_size is not None and len(size) != 1:
            raise ValueError(
                "max_size should only be passed if size specifies the length of the smaller edge, "
                "i.e. size should be an int or a sequence of length 1 in torchscript mode."
            )


def _scaled_size(height: int, width: int, size: list[int], max_size: int | None) -> list[int]:
    """The height and width whose shorter one is ``size[0]``."""
    short, long = min(height, width), max(height, width)
    new_short, new_long = size[0], int(size[0] * long / short)
    if max_size is not None:
        if max_size <= size[0]:
            raise ValueError(
                f"max_size = {max_size} must be strictly greater than the requested size for the "
                f"smaller edge size = {size}"
            )
        if new_long > max_size:
            new_short, new_long = int(max_size * new_short / new_long), max_size
    return [new_long, new_short] if width <= height else [new_short, new_long]


def _resize_tensor(
    img: Tensor, size: list[int], interpolation: InterpolationMode, antialias: bool
) -> Tensor:
    check_image(img)
    smooth = interpolation in _SMOOTH
    batch = F.interpolate(
        as_float_batch(img, float32, float64),
        size=size,
        mode=interpolation.value,
        align_corners=False if smooth else None,
        antialias=antialias and smooth,
    )
    if interpolation is InterpolationMode.BICUBIC and img.dtype == uint8:
        batch = batch.clamp(min=0, max=255)  # cubic weights are negative in places
    return like_image(batch, img)


def resized_crop(
    img: Any,
    top: int,
    left: int,
    height: int,
    width: int,
    size: int | Sequence[int],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    antialias: bool | None = True,
) -> Any:
    """:func:`crop`, then :func:`resize`."""
    return resize(crop(img, top, left, height, width), size, interpolation, antialias=antialias)
