"""Functions that move whole pixels: padding, crops, mirror images, erasing."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from .... import Tensor, arange, float32, float64
from ....nn import functional as F
from .image import (
    PADDING_MODES,
    check_image,
    get_dimensions,
    pil_fill,
    pillow,
    require_pil,
)


def pad(
    img: Any, padding: int | Sequence[int], fill: Any = 0, padding_mode: str = "constant"
) -> Any:
    """``img`` (PIL image or tensor (..., H, W)) with a border.

    Args:
        padding: of all sides; or (left and right, top and bottom); or (left, top, right, bottom).
            Negative numbers crop.
        fill: the colour of a constant border: a number, for PIL images also one per channel.
        padding_mode: "constant", "edge" (the outermost pixels), "reflect" (3 2 | 1 2 3 | 2 1) or
            "symmetric" (2 1 | 1 2 3 | 3 2).

    Raises:
        TypeError: an argument of the wrong type; ValueError: another length or mode.
    """
    is_tensor = isinstance(img, Tensor)
    check_image(img) if is_tensor else require_pil(img)
    if not isinstance(padding, (int if is_tensor else numbers.Number, tuple, list)):
        raise TypeError("Got inappropriate padding arg")
    fills = (int, float) if is_tensor else (numbers.Number, tuple, list)
    if fill is not None and not isinstance(fill, fills):
        raise TypeError("Got inappropriate fill arg")
    if not isinstance(padding_mode, str):
        raise TypeError("Got inappropriate padding_mode arg")
    sides = _sides(padding)
    if padding_mode not in PADDING_MODES:
        raise ValueError("Padding mode should be either constant, edge, reflect or symmetric")
    return (_pad_tensor if is_tensor else _pad_pil)(img, sides, fill, padding_mode)


def _sides(padding: Any) -> tuple[int, int, int, int]:
    """Left, top, right, bottom."""
    if not isinstance(padding, (tuple, list)):
        return (padding,) * 4
    if len(padding) not in (1, 2, 4):
        raise ValueError(
            f"Padding must be an int or a 1, 2, or 4 element tuple, not a {len(padding)} element "
            "tuple"
        )
    return tuple(padding) * (4 // len(padding))


def _pad_pil(img: Any, sides: tuple[int, int, int, int], fill: Any, mode: Any) -> Any:
    if mode == "constant" and fill == 0 and img.mode != "P":
        # Pillow's crop fills with 0, in a third of the time.
        left, top, right, bottom = sides
        return img.crop((-left, -top, img.width + right, img.height + bottom))
    if mode == "constant":
        padded = pillow("ImageOps").expand(img, border=sides, fill=pil_fill(fill, img))
    else:
        left, top, right, bottom = (max(n, 0) for n in sides)
        if min(sides) < 0:
            cut = [-min(n, 0) for n in sides]
            img = img.crop((cut[0], cut[1], img.width - cut[2], img.height - cut[3]))
        pixels = np.asarray(img)
        widths = [(top, bottom), (left, right), (0, 0)][: pixels.ndim]
        padded = pillow().fromarray(np.pad(pixels, widths, mode))
    if img.mode == "P":
        padded.putpalette(img.getpalette())
    return padded


def _pad_tensor(img: Tensor, sides: tuple[int, int, int, int], fill: Any, mode: str) -> Tensor:
    left, top, right, bottom = sides
    if mode == "symmetric":
        return _pad_symmetric(img, sides)
    borders = [left, right, top, bottom]
    if mode == "constant":
        return F.pad(img, borders, value=float(fill or 0))
    batch = img.unsqueeze(0) if img.ndim < 4 else img
    if img.dtype not in (float32, float64):
        batch = batch.to(float32)
    batch = F.pad(batch, borders, mode="replicate" if mode == "edge" else mode)
    return (batch.squeeze(0) if img.ndim < 4 else batch).to(img.dtype)


def _pad_symmetric(img: Tensor, sides: tuple[int, int, int, int]) -> Tensor:
    if img.ndim not in (3, 4):
        raise RuntimeError("Symmetric padding of N-D tensors are not supported yet")
    left, top, right, bottom = sides
    for dim, before, after in ((-2, top, bottom), (-1, left, right)):
        n = img.shape[dim]
        places = arange(-before, n + after, device=img.device)
        places = (places + (places < 0)).abs()  # -1 mirrors to 0, -2 to 1
        places = (n - 1) - ((n - 1) - places + (places >= n)).abs()
        img = img.index_select(dim, places)
    return img


def crop(img: Any, top: int, left: int, height: int, width: int) -> Any:
    """The part of ``img`` from (top, left) on; what lies outside the image is 0."""
    right, bottom = left + width, top + height
    if not isinstance(img, Tensor):
        return require_pil(img).crop((left, top, right, bottom))
    check_image(img)
    _, h, w = get_dimensions(img)
    if left >= 0 and top >= 0 and right <= w and bottom <= h:
        return img[..., top:bottom, left:right]
    border = [
        max(-left + min(0, right), 0),
        max(-top + min(0, bottom), 0),
        max(right - max(w, left), 0),
        max(bottom - max(h, top), 0),
    ]
    return pad(img[..., max(top, 0) : bottom, max(left, 0) : right], border, fill=0)


def two_sizes(size: Any) -> Any:
    """``size`` as (height, width), where it is one number or a sequence of one."""
    if isinstance(size, numbers.Number):
        return (int(size), int(size))  # type: ignore[call-overload]
    if isinstance(size, (tuple, list)) and len(size) == 1:
        return (size[0], size[0])
    return size


def center_crop(img: Any, output_size: int | Sequence[int]) -> Any:
    """The middle of ``img``; a smaller image is padded with 0 first.

    Args:
        output_size: (height, width), or one number for both.
    """
    _, height, width = get_dimensions(img)
    crop_height, crop_width = two_sizes(output_size)
    if crop_width > width or crop_height > height:
        extra_w, extra_h = max(crop_width - width, 0), max(crop_height - height, 0)
        img = pad(img, [extra_w // 2, extra_h // 2, (extra_w + 1) // 2, (extra_h + 1) // 2])
        _, height, width = get_dimensions(img)
        if (crop_height, crop_width) == (height, width):
            return img
    top = round((height - crop_height) / 2.0)
    left = round((width - crop_width) / 2.0)
    return crop(img, top, left, crop_height, crop_width)


def five_crop(img: Any, size: int | Sequence[int]) -> tuple[Any, Any, Any, Any, Any]:
    """The four corners of ``img`` and its middle.

    Returns: top left, top right, bottom left, bottom right, center.

    Raises:
        ValueError: ``size`` is larger than the image, or not of two dimensions.
    """
    crop_size = two_sizes(size)
    if len(crop_size) != 2:
        raise ValueError("Please provide only two dimensions (h, w) for size.")
    _, height, width = get_dimensions(img)
    h, w = crop_size
    if w > width or h > height:
        raise ValueError(
            f"Requested crop size {crop_size} is bigger than input size {(height, width)}"
        )
    return (
        crop(img, 0, 0, h, w),
        crop(img, 0, width - w, h, w),
        crop(img, height - h, 0, h, w),
        crop(img, height - h, width - w, h, w),
        center_crop(img, [h, w]),
    )


def ten_crop(img: Any, size: int | Sequence[int], vertical_flip: bool = False) -> tuple[Any, ...]:
    """:func:`five_crop` of ``img`` and of its mirror image (upside down if ``vertical_flip``)."""
    mirrored = vflip(img) if vertical_flip else hflip(img)
    return five_crop(img, size) + five_crop(mirrored, size)


def hflip(img: Any) -> Any:
    """``img`` with left and right exchanged."""
    if not isinstance(img, Tensor):
        return require_pil(img).transpose(pillow().Transpose.FLIP_LEFT_RIGHT)
    check_image(img)
    return img.flip(-1)


def vflip(img: Any) -> Any:
    """``img`` upside down."""
    if not isinstance(img, Tensor):
        return require_pil(img).transpose(pillow().Transpose.FLIP_TOP_BOTTOM)
    check_image(img)
    return img.flip(-2)


def erase(img: Tensor, i: int, j: int, h: int, w: int, v: Any, inplace: bool = False) -> Tensor:
    """A tensor image with the rectangle of ``h`` rows and ``w`` columns from (i, j) set to ``v``.

    Raises:
        TypeError: ``img`` is no tensor.
    """
    if not isinstance(img, Tensor):
        raise TypeError(f"img should be Tensor Image. Got {type(img)}")
    check_image(img)
    if not inplace:
        img = img.clone()
    img[..., i : i + h, j : j + w] = v
    return img
