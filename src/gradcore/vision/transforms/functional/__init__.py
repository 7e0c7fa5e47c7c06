"""Functions on PIL images and tensors, as ``torchvision.transforms.functional``."""

from __future__ import annotations

from .color import (
    adjust_brightness,
    adjust_contrast,
    adjust_gamma,
    adjust_hue,
    adjust_saturation,
    rgb_to_grayscale,
    to_grayscale,
)
from .conversion import convert_image_dtype, normalize, pil_to_tensor, to_pil_image, to_tensor
from .cropping import center_crop, crop, erase, five_crop, hflip, pad, ten_crop, vflip
from .filtering import adjust_sharpness, gaussian_blur
from .image import (
    InterpolationMode,
    get_dimensions,
    get_image_num_channels,
    get_image_size,
)
from .resizing import resize, resized_crop
from .tones import autocontrast, equalize, invert, posterize, solarize
from .warping import affine, elastic_transform, perspective, rotate

__all__ = [
    "InterpolationMode",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_gamma",
    "adjust_hue",
    "adjust_saturation",
    "adjust_sharpness",
    "affine",
    "autocontrast",
    "center_crop",
    "convert_image_dtype",
    "crop",
    "elastic_transform",
    "equalize",
    "erase",
    "five_crop",
    "gaussian_blur",
    "get_dimensions",
    "get_image_num_channels",
    "get_image_size",
    "hflip",
    "invert",
    "normalize",
    "pad",
    "perspective",
    "pil_to_tensor",
    "posterize",
    "resize",
    "resized_crop",
    "rgb_to_grayscale",
    "rotate",
    "solarize",
    "ten_crop",
    "to_grayscale",
    "to_pil_image",
    "to_tensor",
    "vflip",
]
