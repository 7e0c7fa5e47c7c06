"""Brightness, contrast, saturation, hue, gamma, and grey images."""

from __future__ import annotations

from typing import Any

import numpy as np

from .... import Tensor, float32, stack, where, zeros_like
from .conversion import convert_image_dtype, pil_from_array
from .image import (
    check_channels,
    check_image,
    get_dimensions,
    max_value,
    pillow,
    require_pil,
)

# ITU-R 601-2 luma, in the digits that torchvision rounds it to.
_LUMA = (0.2989, 0.587, 0.114)


def _check_adjustable(img: Tensor, name: str, factor: float) -> None:
    if factor < 0:
        raise ValueError(f"{name} ({factor}) is not non-negative.")
    check_image(img)
    check_channels(img, [1, 3])


def blend(img: Tensor, other: Tensor, ratio: float) -> Tensor:
    """``ratio`` parts of ``img`` and ``1 - ratio`` of ``other``, within the dtype's range."""
    ratio = float(ratio)
    mixed = ratio * img + (1.0 - ratio) * other
    return mixed.clamp(0, max_value(img.dtype)).to(img.dtype)


def enhance(img: Any, enhancer: str, factor: float) -> Any:
    """``img`` (a PIL image, or TypeError) through one of Pillow's ``ImageEnhance`` classes."""
    return getattr(pillow("ImageEnhance"), enhancer)(require_pil(img)).enhance(factor)


def adjust_brightness(img: Any, brightness_factor: float) -> Any:
    """``img`` times a factor: 0 is black, 1 the image itself (ValueError for less than 0)."""
    if not isinstance(img, Tensor):
        return enhance(img, "Brightness", brightness_factor)
    _check_adjustable(img, "brightness_factor", brightness_factor)
    return blend(img, zeros_like(img), brightness_factor)


def adjust_contrast(img: Any, contrast_factor: float) -> Any:
    """``img`` blended with its mean grey: 0 is that grey, 1 the image itself."""
    if not isinstance(img, Tensor):
        return enhance(img, "Contrast", contrast_factor)
    _check_adjustable(img, "contrast_factor", contrast_factor)
    grey = rgb_to_grayscale(img) if get_dimensions(img)[0] == 3 else img
    dtype = img.dtype if img.is_floating_point() else float32
    return blend(img, grey.to(dtype).mean((-3, -2, -1), keepdim=True), contrast_factor)


def adjust_saturation(img: Any, saturation_factor: float) -> Any:
    """``img`` blended with its grey version: 0 is grey, 1 the image itself."""
    if not isinstance(img, Tensor):
        return enhance(img, "Color", saturation_factor)
    _check_adjustable(img, "saturation_factor", saturation_factor)
    if get_dimensions(img)[0] == 1:
        return img
    return blend(img, rgb_to_grayscale(img), saturation_factor)


def adjust_gamma(img: Any, gamma: float, gain: float = 1) -> Any:
    """``gain * img ** gamma`` with pixels in [0, 1] (ValueError for a negative ``gamma``)."""
    is_tensor = isinstance(img, Tensor)
    check_channels(img, [1, 3]) if is_tensor else require_pil(img)
    if gamma < 0:
        raise ValueError("Gamma should be a non-negative real number")
    if not is_tensor:
        table = [int((255 + 1 - 1e-3) * gain * (level / 255.0) ** gamma) for level in range(256)]
        return img.convert("RGB").point(table * 3).convert(img.mode)
    pixels = img if img.is_floating_point() else convert_image_dtype(img, float32)
    return convert_image_dtype((gain * pixels.pow(gamma)).clamp(0, 1), img.dtype)


# ------------------------------------------------------------------------------- grey


def rgb_to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """The luma of a PIL image or an RGB tensor (..., 3, H, W), in one or three equal channels.

    Raises:
        TypeError: a tensor of another number of channels than 1 or 3.
        ValueError: another ``num_output_channels`` than 1 or 3.
    """
    if not isinstance(img, Tensor):
        return _grey_pil(img, num_output_channels)
    if img.ndim < 3:
        raise TypeError(
            f"Input image tensor should have at least 3 dimensions, but found {img.ndim}"
        )
    check_channels(img, [1, 3])
    _check_output_channels(num_output_channels)
    if img.shape[-3] == 3:
        r, g, b = img.unbind(-3)
        grey = (_LUMA[0] * r + _LUMA[1] * g + _LUMA[2] * b).to(img.dtype).unsqueeze(-3)
    else:
        grey = img.clone()
    return grey.expand(img.shape) if num_output_channels == 3 else grey


def _check_output_channels(num_output_channels: int) -> None:
    if num_output_channels not in (1, 3):
        raise ValueError("num_output_channels should be either 1 or 3")


def _grey_pil(img: Any, num_output_channels: int) -> Any:
    require_pil(img)
    _check_output_channels(num_output_channels)
    grey = img.convert("L")
    return grey if num_output_channels == 1 else pillow().merge("RGB", [grey] * 3)


def to_grayscale(img: Any, num_output_channels: int = 1) -> Any:
    """A grey version of a PIL image of any mode (TypeError for tensors)."""
    if isinstance(img, pillow().Image):
        return _grey_pil(img, num_output_channels)
    raise TypeError("Input should be PIL Image")


# -------------------------------------------------------------------------------- hue


def adjust_hue(img: Any, hue_factor: float) -> Any:
    """``img`` with all hues turned by ``hue_factor`` of the circle; grey images stay as they are.

    Raises:
        ValueError: a factor outside [-0.5, 0.5].
    """
    if not -0.5 <= hue_factor <= 0.5:
        raise ValueError(f"hue_factor ({hue_factor}) is not in [-0.5, 0.5].")
    if not isinstance(img, Tensor):
        return _adjust_hue_pil(img, hue_factor)
    check_image(img)
    check_channels(img, [1, 3])
    if get_dimensions(img)[0] == 1:
        return img
    h, s, v = _hsv(convert_image_dtype(img, float32))
    return convert_image_dtype(_rgb((h + hue_factor) % 1.0, s, v), img.dtype)


def _adjust_hue_pil(img: Any, hue_factor: float) -> Any:
    if require_pil(img).mode in ("L", "1", "I", "F"):
        return img
    h, s, v = img.convert("HSV").split()
    # Bytes wrap around, as hues do.
    turned = np.asarray(h) + np.int32(hue_factor * 255).astype(np.uint8)
    hsv = pillow().merge("HSV", (pil_from_array(turned, "L"), s, v))
    return hsv.convert(img.mode)


def _hsv(img: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Hue, saturation and value, each in [0, 1] and (..., H, W), of RGB."""
    r, g, b = img.unbind(-3)
    highest, lowest = img.amax(-3), img.amin(-3)
    grey = highest == lowest
    spread = highest - lowest
    saturation = spread / where(grey, 1.0, highest)
    divisor = where(grey, 1.0, spread)
    rc, gc, bc = ((highest - x) / divisor for x in (r, g, b))
    sextants = where(g == highest, 2.0 + rc - bc, 4.0 + gc - rc)
    sextants = where(r == highest, bc - gc, sextants)
    return (sextants / 6.0 + 1.0).fmod(1.0), saturation, highest


def _rgb(h: Tensor, s: Tensor, v: Tensor) -> Tensor:
    """RGB (..., 3, H, W) of hue, saturation and value."""
    sextant = (h * 6.0).floor()
    f = h * 6.0 - sextant
    p = (v * (1.0 - s)).clamp(0.0, 1.0)
    q = (v * (1.0 - s * f)).clamp(0.0, 1.0)
    t = (v * (1.0 - s * (1.0 - f))).clamp(0.0, 1.0)
    index = (sextant.long() % 6).unsqueeze(-3)
    choices = ((v, q, p, p, t, v), (t, v, v, q, p, p), (p, p, t, v, v, q))
    channels = [stack(levels, -3).gather(-3, index).squeeze(-3) for levels in choices]
    return stack(channels, -3)
