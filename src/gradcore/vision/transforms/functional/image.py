"""What the functions on images share: dimensions, checks, interpolation modes, Pillow."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from enum import Enum
from typing import Any

from .... import Tensor

PADDING_MODES = ("constant", "edge", "reflect", "symmetric")
_LARGEST = {"uint8": 255, "int8": 127, "int16": 2**15 - 1, "int32": 2**31 - 1, "int64": 2**63 - 1}


class InterpolationMode(Enum):
    """How pixels between pixels get their values; tensors know the first four modes."""

    NEAREST = "nearest"
    NEAREST_EXACT = "nearest-exact"
    BILINEAR = "bilinear"
    BICUBIC = "bicubic"
    BOX = "box"
    HAMMING = "hamming"
    LANCZOS = "lanczos"


# Pillow's constants, as in PIL.Image.Resampling.
PIL_MODES = {
    InterpolationMode.NEAREST: 0,
    InterpolationMode.LANCZOS: 1,
    InterpolationMode.BILINEAR: 2,
    InterpolationMode.BICUBIC: 3,
    InterpolationMode.BOX: 4,
    InterpolationMode.HAMMING: 5,
    InterpolationMode.NEAREST_EXACT: 0,
}
_MODE_OF_INT = dict(reversed([(number, mode) for mode, number in PIL_MODES.items()]))


def mode_of_int(interpolation: Any) -> Any:
    """The mode that one of Pillow's constants stands for (KeyError); anything else unchanged."""
    return _MODE_OF_INT[interpolation] if isinstance(interpolation, int) else interpolation


def interpolation_mode(interpolation: Any) -> InterpolationMode:
    """The argument ``interpolation`` of a function as a mode, or TypeError."""
    mode = mode_of_int(interpolation)
    if not isinstance(mode, InterpolationMode):
        raise TypeError(
            "Argument interpolation should be a InterpolationMode or a corresponding Pillow "
            "integer constant"
        )
    return mode


# ---------------------------------------------------------------------------- Pillow


def pillow(module: str = "Image") -> Any:
    """One of Pillow's modules; ImportError that names the extra where it is not installed."""
    try:
        return importlib.import_module(f"PIL.{module}")
    except ImportError as error:
        raise ImportError(
            f'this needs Pillow: pip install "gradcore[vision]" ({error})', name="PIL"
        ) from error


def is_pil_image(img: Any) -> bool:
    """Whether ``img`` is one of Pillow's images; never imports Pillow."""
    module = sys.modules.get("PIL.Image")
    return module is not None and isinstance(img, module.Image)


def require_pil(img: Any) -> Any:
    """``img`` itself, or TypeError where it is neither a tensor nor an image."""
    if not is_pil_image(img):
        raise TypeError(f"img should be PIL Image. Got {type(img)}")
    return img


def pil_fill(fill: Any, img: Any) -> Any:
    """A fill colour as Pillow wants it for ``img``: a number or one for each band.

    Raises ValueError for another number of values.
    """
    bands = len(img.getbands())
    fill = 0 if fill is None else fill
    if isinstance(fill, (int, float)) and bands > 1:
        fill = (fill,) * bands
    if isinstance(fill, (list, tuple)):
        if len(fill) == 1:
            fill = tuple(fill) * bands
        elif len(fill) != bands:
            raise ValueError(
                "The number of elements in 'fill' does not match the number of channels of the "
                f"image ({len(fill)} != {bands})"
            )
        return tuple(fill) if img.mode == "F" else tuple(int(x) for x in fill)
    return fill if img.mode == "F" else int(fill)


# ------------------------------------------------------------------------ dimensions


def get_dimensions(img: Any) -> list[int]:
    """``[channels, height, width]`` of a PIL image or a tensor (..., C, H, W)."""
    if isinstance(img, Tensor):
        check_image(img)
        return [1 if img.ndim == 2 else img.shape[-3], *img.shape[-2:]]
    if is_pil_image(img):
        width, height = img.size
        return [len(img.getbands()), height, width]
    raise TypeError(f"Unexpected type {type(img)}")


def get_image_size(img: Any) -> list[int]:
    """``[width, height]`` of a PIL image or a tensor (..., H, W)."""
    return get_dimensions(img)[:0:-1]


def get_image_num_channels(img: Any) -> int:
    """The number of channels of a PIL image or a tensor."""
    return get_dimensions(img)[0]


# ------------------------------------------------------------------------ tensor images


def check_image(img: Any) -> None:
    """TypeError for a tensor that has no height and width."""
    if img.ndim < 2:
        raise TypeError("Tensor is not a torch image.")


def check_color_image(img: Any) -> None:
    """TypeError unless ``img`` is (..., 1 or 3, H, W)."""
    check_image(img)
    if img.ndim < 3:
        raise TypeError(
            f"Input image tensor should have at least 3 dimensions, but found {img.ndim}"
        )
    check_channels(img, [1, 3])


def check_channels(img: Any, permitted: Sequence[int]) -> None:
    """TypeError unless the number of channels is one of ``permitted``."""
    channels = get_dimensions(img)[0]
    if channels not in permitted:
        raise TypeError(
            f"Input image tensor permitted channel values are {list(permitted)}, but found "
            f"{channels}"
        )


def max_value(dtype: Any) -> int:
    """The value of full brightness: the dtype's largest, 1 for floating point and bool."""
    return _LARGEST.get(str(dtype).rpartition(".")[2], 1)


def as_float_batch(img: Any, *dtypes: Any) -> Any:
    """``img`` with four dimensions, in the first of ``dtypes`` unless it has one of them."""
    batch = img.unsqueeze(0) if img.ndim < 4 else img
    return batch if batch.dtype in dtypes else batch.to(dtypes[0])


def like_image(batch: Any, img: Any) -> Any:
    """What :func:`as_float_batch` made, with the rank and (rounded) the dtype of ``img``."""
    out = batch.squeeze(0) if img.ndim < 4 else batch
    if out.dtype == img.dtype:
        return out
    return (out.round() if max_value(img.dtype) > 1 else out).to(img.dtype)
