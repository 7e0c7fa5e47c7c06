"""Maps of single pixel values: inversion, posters, solarisation, contrast from histograms."""

from __future__ import annotations

from typing import Any

from .... import Tensor, bincount, cat, float32, stack, uint8, where
from .image import check_channels, check_color_image, check_image, max_value, pillow, require_pil


def _check_bytes(img: Tensor) -> None:
    if img.dtype != uint8:
        raise TypeError(f"Only torch.uint8 image tensors are supported, but found {img.dtype}")


def invert(img: Any) -> Any:
    """The negative of a PIL image or a tensor (..., 1 or 3, H, W)."""
    if not isinstance(img, Tensor):
        return pillow("ImageOps").invert(require_pil(img))
    check_color_image(img)
    return max_value(img.dtype) - img


def posterize(img: Any, bits: int) -> Any:
    """``img`` with only the highest ``bits`` of each value (uint8, where it is a tensor).

    Raises:
        ValueError: ``bits`` outside [0, 8].
        TypeError: a tensor of another dtype.
    """
    if not 0 <= bits <= 8:
        raise ValueError(f"The number if bits should be between 0 and 8. Got {bits}")
    if not isinstance(img, Tensor):
        return pillow("ImageOps").posterize(require_pil(img), bits)
    check_color_image(img)
    _check_bytes(img)
    return img & (256 - 2 ** (8 - bits))


def solarize(img: Any, threshold: float) -> Any:
    """``img`` with the values from ``threshold`` on inverted (TypeError above the largest)."""
    if not isinstance(img, Tensor):
        return pillow("ImageOps").solarize(require_pil(img), threshold)
    check_color_image(img)
    if threshold > max_value(img.dtype):
        raise TypeError("Threshold should be less than bound of img.")
    return where(img >= threshold, invert(img), img)


def autocontrast(img: Any) -> Any:
    """``img`` with the values of each channel stretched to the full range."""
    if not isinstance(img, Tensor):
        return pillow("ImageOps").autocontrast(require_pil(img))
    check_color_image(img)
    dtype = img.dtype if img.is_floating_point() else float32
    bound = max_value(img.dtype)
    darkest = img.amin((-2, -1), keepdim=True).to(dtype)
    spread = img.amax((-2, -1), keepdim=True).to(dtype) - darkest
    scale = spread.reciprocal() * bound  # how PyTorch divides a number by a tensor
    usable = scale.isfinite()  # a channel of one value stays as it is
    darkest, scale = where(usable, darkest, 0.0), where(usable, scale, 1.0)
    return ((img - darkest) * scale).clamp(0, bound).to(img.dtype)


def equalize(img: Any) -> Any:
    """``img`` with the histogram of each channel made as even as a map of its values can.

    Raises:
        TypeError: a tensor that is not uint8 (C, H, W) or (N, C, H, W).
    """
    if not isinstance(img, Tensor):
        return pillow("ImageOps").equalize(require_pil(img))
    check_image(img)
    if not 3 <= img.ndim <= 4:
        raise TypeError(f"Input image tensor should have 3 or 4 dimensions, but found {img.ndim}")
    _check_bytes(img)
    check_channels(img, [1, 3])
    channels = img.flatten(0, -3)
    return stack([_equalize_channel(channel) for channel in channels]).view(img.shape)


def _equalize_channel(channel: Tensor) -> Tensor:
    histogram = bincount(channel.reshape(-1), minlength=256)
    used = histogram[histogram != 0]
    step = used[:-1].sum() // 255
    if step == 0:
        return channel
    levels = (histogram.cumsum(0) + step // 2) // step
    # Each value goes where those below it end.
    table = cat((levels.new_zeros(1), levels[:-1])).clamp(0, 255).to(uint8)
    return table[channel.long()]
