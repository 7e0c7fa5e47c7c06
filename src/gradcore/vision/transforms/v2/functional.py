"""The functions of the first version, and those that are new in ``torchvision.transforms.v2``."""

from __future__ import annotations

from typing import Any

import numpy as np

from .... import Tensor, from_numpy
from .. import functional as _first
from ..functional import *  # noqa: F403
from ..functional import (
    convert_image_dtype,
    elastic_transform,
    get_dimensions,
    get_image_num_channels,
    hflip,
    pil_to_tensor,
    vflip,
)
from ..functional.image import is_pil_image, require_pil

horizontal_flip, vertical_flip, elastic = hflip, vflip, elastic_transform
get_num_channels = get_image_num_channels

_NEW = (
    "elastic", "get_num_channels", "get_size", "grayscale_to_rgb", "horizontal_flip", "to_dtype",
    "to_image", "vertical_flip",
)  # fmt: skip
__all__ = list(_first.__all__) + list(_NEW)


def get_size(img: Any) -> list[int]:
    """``[height, width]`` of an image."""
    return get_dimensions(img)[1:]


def to_image(inpt: Any) -> Tensor:
    """A PIL image or an array (H, W[, C]) as a tensor (C, H, W), its values as they are.

    Tensors stay; TypeError for anything else.
    """
    if isinstance(inpt, np.ndarray):
        return from_numpy(np.atleast_3d(inpt)).permute(2, 0, 1).contiguous()
    if is_pil_image(inpt):
        return pil_to_tensor(inpt)
    if isinstance(inpt, Tensor):
        return inpt
    raise TypeError(
        "Input can either be a pure Tensor, a numpy array, or a PIL image, but got "
        f"{type(inpt)} instead."
    )


def to_dtype(inpt: Tensor, dtype: Any, scale: bool = False) -> Tensor:
    """``inpt`` in another dtype, its values scaled to that dtype's range if ``scale``."""
    return convert_image_dtype(inpt, dtype) if scale else inpt.to(dtype)


def grayscale_to_rgb(img: Any) -> Any:
    """An image of one channel with three equal ones; colour images stay."""
    if not isinstance(img, Tensor):
        return require_pil(img).convert("RGB")
    if img.shape[-3] >= 3:
        return img
    return img.expand(*img.shape[:-3], 3, *img.shape[-2:])
