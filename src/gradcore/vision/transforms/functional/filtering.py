"""Filters over neighbouring pixels: blur and sharpness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .... import Tensor, exp, float32, linspace, tensor
from ....nn import functional as F
from .color import blend, enhance
from .conversion import pil_to_tensor, to_pil_image
from .image import (
    as_float_batch,
    check_channels,
    check_image,
    is_pil_image,
    like_image,
)


def adjust_sharpness(img: Any, sharpness_factor: float) -> Any:
    """``img`` blended with a smoothed version: 0 is smooth, 1 the image itself, 2 sharper.

    Raises:
        ValueError: a negative factor.
    """
    if not isinstance(img, Tensor):
        return enhance(img, "Sharpness", sharpness_factor)
    if sharpness_factor < 0:
        raise ValueError(f"sharpness_factor ({sharpness_factor}) is not non-negative.")
    check_image(img)
    check_channels(img, [1, 3])
    if img.shape[-1] <= 2 or img.shape[-2] <= 2:
        return img
    return blend(img, _smoothed(img), sharpness_factor)


def _smoothed(img: Tensor) -> Tensor:
    """``img`` through Pillow's filter SMOOTH; the outermost pixels stay."""
    dtype = img.dtype if img.is_floating_point() else float32
    kernel = tensor([[1.0, 1, 1], [1, 5, 1], [1, 1, 1]], dtype=dtype, device=img.device) / 13
    out = img.clone()
    out[..., 1:-1, 1:-1] = _filtered(img, kernel, dtype)
    return out


def _filtered(img: Tensor, kernel: Tensor, dtype: Any, border: Sequence[int] = ()) -> Tensor:
    """Every channel of ``img``, with its mirrored border, correlated with ``kernel`` (h, w)."""
    batch = as_float_batch(img, dtype)
    if border:
        batch = F.pad(batch, border, mode="reflect")
    channels = batch.shape[-3]
    kernels = kernel.expand(channels, 1, *kernel.shape)
    return like_image(F.conv2d(batch, kernels, groups=channels), img)


def gaussian_blur(
    img: Any, kernel_size: int | Sequence[int], sigma: float | Sequence[float] | None = None
) -> Any:
    """``img`` (PIL image or tensor (..., C, H, W)) blurred, with mirrored borders.

    Args:
        kernel_size: (width, height) of the kernel, odd; or one number for both.
        sigma: its standard deviations in x and y, or one for both; by default
            ``0.15 * kernel_size + 0.35``.

    Raises:
        TypeError, ValueError: for arguments of another type, length or sign.
    """
    sizes = _kernel_sizes(kernel_size)
    sigmas = _standard_deviations(sizes, sigma)
    if isinstance(img, Tensor):
        check_image(img)
        return _blurred(img, sizes, sigmas)
    if not is_pil_image(img):
        raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
    return to_pil_image(_blurred(pil_to_tensor(img), sizes, sigmas), mode=img.mode)


def _kernel_sizes(kernel_size: Any) -> list[int]:
    if not isinstance(kernel_size, (int, list, tuple)):
        raise TypeError(
            f"kernel_size should be int or a sequence of integers. Got {type(kernel_size)}"
        )
    sizes = [kernel_size] * 2 if isinstance(kernel_size, int) else list(kernel_size)
    if len(sizes) != 2:
        raise ValueError(f"If kernel_size is a sequence its length should be 2. Got {len(sizes)}")
    if any(n % 2 == 0 or n < 0 for n in sizes):
        raise ValueError(f"kernel_size should have odd and positive integers. Got {sizes}")
    return sizes


def _standard_deviations(sizes: list[int], sigma: Any) -> list[float]:
    if sigma is None:
        return [n * 0.15 + 0.35 for n in sizes]
    if not isinstance(sigma, (int, float, list, tuple)):
        raise TypeError(f"sigma should be either float or sequence of floats. Got {type(sigma)}")
    if isinstance(sigma, (int, float)):
        sigmas = [float(sigma)] * 2
    else:
        sigmas = list(sigma) * 2 if len(sigma) == 1 else list(sigma)
    if len(sigmas) != 2:
        raise ValueError(f"If sigma is a sequence, its length should be 2. Got {len(sigmas)}")
    if min(sigmas) <= 0.0:
        raise ValueError(f"sigma should have positive values. Got {sigmas}")
    return sigmas


def _blurred(img: Tensor, sizes: list[int], sigmas: list[float]) -> Tensor:
    dtype = img.dtype if img.is_floating_point() else float32
    x, y = (_gaussian(n, s, dtype, img.device) for n, s in zip(sizes, sigmas, strict=True))
    border = [sizes[0] // 2, sizes[0] // 2, sizes[1] // 2, sizes[1] // 2]
    return _filtered(img, y[:, None] * x, dtype, border)


def _gaussian(size: int, sigma: float, dtype: Any, device: Any) -> Tensor:
    half = (size - 1) * 0.5
    x = linspace(-half, half, size, dtype=dtype, device=device)
    weights = exp(-0.5 * (x / sigma).pow(2))
    return weights / weights.sum()
