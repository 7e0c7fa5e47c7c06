"""Grids of images, images in files, and drawing on images (``torchvision.utils``)."""

from __future__ import annotations

import math
from os import PathLike
from typing import Any, BinaryIO

from .. import arange, atan2, cat, finfo, float32, floor, no_grad, stack, uint8, where
from ..tensor.tensor import Tensor
from .drawing import draw_bounding_boxes, draw_keypoints, draw_segmentation_masks
from .transforms.functional.conversion import to_pil_image

__all__ = [
    "draw_bounding_boxes",
    "draw_keypoints",
    "draw_segmentation_masks",
    "flow_to_image",
    "make_grid",
    "save_image",
]

_MISSING = object()


@no_grad()
def make_grid(
    tensor: Tensor | list[Tensor],
    nrow: int = 8,
    padding: int = 2,
    normalize: bool = False,
    value_range: tuple[float, float] | None = None,
    scale_each: bool = False,
    pad_value: float = 0.0,
    *,
    range: Any = _MISSING,
) -> Tensor:
    """Images beside and below each other in one image (3 or C, height, width).

    Args:
        tensor: (B, C, H, W), a list of images of one size, or one image. A single channel is
            tripled. It is not changed.
        nrow: number of images in a row.
        padding: pixels around each image.
        normalize: shift and scale to [0, 1].
        value_range: (low, high), which become 0 and 1; by default the least and greatest value.
        scale_each: normalize each image by itself.
        pad_value: of the pixels around the images.
        range: the former name of ``value_range``.

    Raises:
        TypeError: other inputs, or a ``value_range`` that is no tuple.

    >>> make_grid(ones(10, 3, 5, 5)).shape
    gradcore.Size([3, 16, 58])
    """
    images = _batch(tensor)
    if normalize:
        value_range = value_range if range is _MISSING else range
        images = _normalized(images, value_range, scale_each)
    if images.size(0) == 1:
        return images.squeeze(0)
    count, channels, height, width = images.shape
    columns = min(nrow, count)
    rows = math.ceil(count / columns)
    height, width = height + padding, width + padding
    size = (channels, height * rows + padding, width * columns + padding)
    grid = images.new_full(size, pad_value)
    for k, image in enumerate(images):
        top, left = k // columns * height + padding, k % columns * width + padding
        grid[:, top : top + height - padding, left : left + width - padding] = image
    return grid


def _batch(tensor: Any) -> Tensor:
    """What make_grid takes as (B, C, H, W), with three channels in the place of one."""
    if isinstance(tensor, list):
        for image in tensor:
            if not isinstance(image, Tensor):
                raise TypeError(
                    f"tensor or list of tensors expected, got a list containing {type(image)}"
                )
        tensor = stack(tensor, dim=0)
    if not isinstance(tensor, Tensor):
        raise TypeError(f"tensor or list of tensors expected, got {type(tensor)}")
    if tensor.dim() == 2:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 3:
        tensor = tensor.unsqueeze(0)
    if tensor.dim() == 4 and tensor.size(1) == 1:
        tensor = cat((tensor, tensor, tensor), 1)
    return tensor


def _normalized(images: Tensor, value_range: Any, scale_each: bool) -> Tensor:
    if value_range is not None and not isinstance(value_range, tuple):
        raise TypeError(
            "value_range has to be a tuple (min, max) if specified. min and max are numbers"
        )
    parts = list(images) if scale_each else [images]
    scaled = []
    for part in parts:
        low, high = value_range or (float(part.min()), float(part.max()))
        scaled.append((part.clamp(min=low, max=high) - low) / max(high - low, 1e-5))
    return stack(scaled) if scale_each else scaled[0]


@no_grad()
def save_image(
    tensor: Tensor | list[Tensor],
    fp: str | PathLike | BinaryIO,
    format: str | None = None,
    **kwargs: Any,
) -> None:
    """Write an image, or a batch as a grid, into a file. Needs ``gradcore[vision]``.

    Args:
        tensor: values in [0, 1]; see :func:`make_grid`.
        fp: the file, or its name.
        format: by default that of the name's suffix; open files need it.
        kwargs: for :func:`make_grid`.
    """
    grid = make_grid(tensor, **kwargs)
    pixels = grid.mul(255).add_(0.5).clamp_(0, 255).to(uint8)
    to_pil_image(pixels).save(fp, format=format)


# The colour wheel of Baker et al., "A database and evaluation methodology for optical flow"
# (2011): from colour to colour in so many steps, each a channel that rises or falls.
_WHEEL = [(15, 0, 1), (6, 1, 0), (4, 1, 2), (11, 2, 1), (13, 2, 0), (6, 0, 2)]


def _color_wheel(device: Any) -> Tensor:
    """The colours (55, 3), values up to 255."""
    parts = []
    for i, (steps, full, other) in enumerate(_WHEEL):
        ramp = floor(255 * arange(steps, device=device) / steps)
        part = ramp.new_zeros((steps, 3))
        part[:, full] = 255
        part[:, other] = ramp if i % 2 == 0 else 255 - ramp
        parts.append(part)
    return cat(parts)


@no_grad()
def flow_to_image(flow: Tensor) -> Tensor:
    """Optical flow as an image: the direction is the colour, the length its saturation.

    Args:
        flow: (2, H, W) or (N, 2, H, W), float32: the movement along x and y.

    Returns:
        (3, H, W) or (N, 3, H, W), uint8. The longest movement of all has the full colour.

    Raises:
        ValueError: another dtype or shape.
    """
    if flow.dtype != float32:
        raise ValueError(f"Flow should be of dtype torch.float, got {flow.dtype}.")
    batch = flow[None] if flow.ndim == 3 else flow
    if batch.ndim != 4 or batch.shape[1] != 2:
        raise ValueError(
            f"Input flow should have shape (2, H, W) or (N, 2, H, W), got {flow.shape}."
        )
    longest = (batch**2).sum(1).sqrt().max()
    batch = batch / (longest + finfo(flow.dtype).eps)
    length = (batch**2).sum(1).sqrt()[:, None]
    wheel = _color_wheel(flow.device)
    turn = atan2(-batch[:, 1], -batch[:, 0]) / math.pi
    place = (turn + 1) / 2 * (len(wheel) - 1)
    before = floor(place).long()
    after = where(before + 1 == len(wheel), before.new_zeros(()), before + 1)
    share = (place - before)[..., None]
    color = (1 - share) * (wheel[before] / 255) + share * (wheel[after] / 255)
    color = 1 - length * (1 - color.permute(0, 3, 1, 2))
    image = floor(255 * color).to(uint8)
    return image[0] if flow.ndim == 3 else image
