"""Boxes, masks and points on images. Lines and text need Pillow (``gradcore[vision]``)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

from .. import bool as bool_
from .. import no_grad, ones, uint8
from .. import tensor as tensor_
from ..tensor.tensor import Tensor
from .transforms.functional.conversion import convert_image_dtype, pil_to_tensor, to_pil_image
from .transforms.functional.image import pillow

__all__ = ["draw_bounding_boxes", "draw_keypoints", "draw_segmentation_masks"]

Color = str | tuple[int, int, int]

_DASH = 5  # pixels of a dash, and between two


@no_grad()
def draw_bounding_boxes(
    image: Tensor,
    boxes: Tensor,
    labels: list[str | None] | None = None,
    colors: list[Color] | Color | None = None,
    fill: bool | None = False,
    width: int = 1,
    font: str | None = None,
    font_size: int | None = None,
    label_colors: list[Color] | Color | None = None,
    label_background_colors: list[Color] | Color | None = None,
    fill_labels: bool = False,
) -> Tensor:
    """Draw boxes, with labels, on an image.

    Args:
        image: (3, H, W) or (1, H, W), uint8 or floats in [0, 1].
        boxes: (N, 4) as (x1, y1, x2, y2), or (N, 8), the corners of rotated boxes.
        labels: a text, or None, for each box.
        colors: names or (r, g, b), one for each box or one for all; by default a palette.
        fill: fill the boxes, transparently.
        width: of the lines.
        font: a TrueType file; by default Pillow's font.
        font_size: in points, only with ``font``.
        label_colors: of the text, by default those of the boxes.
        label_background_colors: with ``fill_labels``, by default those of the boxes.
        fill_labels: put a background behind the text.

    Returns:
        (3, H, W) of the image's dtype.

    Raises:
        TypeError: ``image`` is no tensor.
        ValueError: its dtype or shape, boxes without extent, numbers that do not match.
    """
    _check_image(image, (1, 3))
    count = boxes.shape[0]
    _check_boxes(boxes, labels)
    if count == 0:
        warnings.warn("boxes doesn't contain any box. No box was drawn", stacklevel=2)
        return image
    outlines = _parse_colors(colors, count)
    texts = backgrounds = outlines
    if label_colors or fill_labels:
        texts = _parse_colors(label_colors or "black", count)
    if fill_labels and label_background_colors:
        backgrounds = _parse_colors(label_background_colors, count)
    letters = _font(font, font_size)
    canvas = to_pil_image(_bytes(image.expand(3, -1, -1)))
    draw = pillow("ImageDraw").Draw(canvas, "RGBA" if fill else None)
    for i, box in enumerate(boxes.long().tolist()):
        _draw_box(draw, box, outlines[i], fill, width)
        label = labels[i] if labels else None
        if label is not None:
            corner = (box[0] + width + 1, box[1] + width + 1)
            if fill_labels:
                left, top, right, bottom = draw.textbbox(corner, label, font=letters)
                draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=backgrounds[i])
            draw.text(corner, label, fill=texts[i], font=letters)
    return convert_image_dtype(pil_to_tensor(canvas), image.dtype)


def _check_boxes(boxes: Tensor, labels: list[str | None] | None) -> None:
    count = boxes.shape[0]
    if boxes.shape[-1] == 4 and bool((boxes[:, :2] > boxes[:, 2:]).any()):
        raise ValueError(
            "Boxes need to be in (xmin, ymin, xmax, ymax) format. "
            "Use torchvision.ops.box_convert to convert them"
        )
    if count and labels is not None and len(labels) != count:
        raise ValueError(
            f"Number of boxes ({count}) and labels ({len(labels)}) mismatch. "
            "Please specify labels for each box."
        )


def _draw_box(draw: Any, box: list[int], color: tuple, fill: bool | None, width: int) -> None:
    inside = (*color, 100) if fill else None
    if len(box) == 4:
        draw.rectangle(box, width=width, outline=color, fill=inside)
        return
    # The first side is dashed and shows which way the box is turned.
    corners = list(zip(box[0::2], box[1::2], strict=True))
    _dashed_line(draw, corners[0], corners[1], width, color)
    for start, end in zip(corners[1:], [*corners[2:], corners[0]], strict=True):
        draw.line((start, end), width=width, fill=color)
    draw.polygon(box, fill=inside, outline=None, width=0)


def _dashed_line(
    draw: Any, start: tuple[int, int], end: tuple[int, int], width: int, color: tuple
) -> None:
    x, y = map(float, start)
    left = math.dist(start, end)
    drawing = True
    while left > 0:
        step = min(left, _DASH)
        # Step by step, as torchvision does it, or the last pixel may be another one.
        angle = math.atan2(end[1] - y, end[0] - x)
        to_x, to_y = x + math.cos(angle) * step, y + math.sin(angle) * step
        if drawing:
            draw.line([(x, y), (to_x, to_y)], color, width)
        x, y = to_x, to_y
        left -= step
        drawing = not drawing


def _font(font: str | None, size: int | None) -> Any:
    fonts = pillow("ImageFont")
    if font is not None:
        return fonts.truetype(font=font, size=size or 10)
    if size is not None:
        warnings.warn("Argument 'font_size' will be ignored since 'font' is not set.", stacklevel=3)
    return fonts.load_default()


@no_grad()
def draw_segmentation_masks(
    image: Tensor,
    masks: Tensor,
    alpha: float = 0.8,
    colors: list[Color] | Color | None = None,
) -> Tensor:
    """Colour the masks of an image; pixels in several masks become dark.

    Args:
        image: (3, H, W), uint8 or floats in [0, 1].
        masks: (N, H, W) or (H, W), bool.
        alpha: 0 shows the image alone, 1 the colours alone.
        colors: see :func:`draw_bounding_boxes`.

    Returns:
        (3, H, W) of the image's dtype.

    Raises:
        TypeError: ``image`` is no tensor.
        ValueError: other shapes and dtypes.
    """
    _check_image(image, (3,))
    masks = masks[None] if masks.ndim == 2 else masks
    if masks.ndim != 3:
        raise ValueError("masks must be of shape (H, W) or (batch_size, H, W)")
    if masks.dtype != bool_:
        raise ValueError(f"The masks must be of dtype bool. Got {masks.dtype}")
    if masks.shape[-2:] != image.shape[-2:]:
        raise ValueError("The image and the masks must have the same height and width")
    if masks.shape[0] == 0:
        warnings.warn("masks doesn't contain any mask. No mask was drawn", stacklevel=2)
        return image
    scale = 255 if image.is_floating_point() else 1
    painted = image.detach().clone()
    for mask, color in zip(masks, _parse_colors(colors, len(masks)), strict=False):
        shade = tensor_([c / scale for c in color], dtype=image.dtype, device=image.device)
        painted[:, mask] = shade[:, None]
    painted[:, masks.sum(dim=0) > 1] = 0
    return (image * (1 - alpha) + painted * alpha).to(image.dtype)


@no_grad()
def draw_keypoints(
    image: Tensor,
    keypoints: Tensor,
    connectivity: Sequence[tuple[int, int]] | None = None,
    colors: Color | None = None,
    radius: int = 2,
    width: int = 3,
    visibility: Tensor | None = None,
) -> Tensor:
    """Draw the points of one or more objects, and lines between them.

    Args:
        image: (3, H, W), uint8 or floats in [0, 1].
        keypoints: (N, K, 2), x and y.
        connectivity: pairs of points that a line connects.
        colors: a name or (r, g, b) for the points.
        radius: of the points.
        width: of the lines.
        visibility: (N, K) or (N, K, 1); points that are not visible are left out.

    Returns:
        (3, H, W) of the image's dtype.

    Raises:
        TypeError: ``image`` is no tensor.
        ValueError: other shapes and dtypes.
    """
    _check_image(image, (3,))
    seen_by_object = _visible(keypoints, visibility).tolist()
    canvas = to_pil_image(_bytes(image))
    draw = pillow("ImageDraw").Draw(canvas)
    for points, seen in zip(keypoints.long().tolist(), seen_by_object, strict=True):
        for (x, y), visible in zip(points, seen, strict=True):
            if visible:
                corners = [x - radius, y - radius, x + radius, y + radius]
                draw.ellipse(corners, fill=colors, outline=None, width=0)
        for a, b in connectivity or ():
            if seen[a] and seen[b]:
                draw.line((tuple(points[a]), tuple(points[b])), width=width)
    return convert_image_dtype(pil_to_tensor(canvas), image.dtype)


def _visible(keypoints: Tensor, visibility: Tensor | None) -> Tensor:
    """Which points are visible, (N, K)."""
    if keypoints.ndim != 3:
        raise ValueError("keypoints must be of shape (num_instances, K, 2)")
    if visibility is None:
        visibility = ones(keypoints.shape[:-1], dtype=bool_)
    if visibility.ndim == 3:
        visibility = visibility.squeeze(-1)
    if visibility.ndim != 2:
        raise ValueError(
            f"visibility must be of shape (num_instances, K). Got ndim={visibility.ndim}"
        )
    if visibility.shape != keypoints.shape[:-1]:
        raise ValueError(
            "keypoints and visibility must have the same dimensionality for num_instances and K. "
            f"Got visibility.shape={visibility.shape} and keypoints.shape={keypoints.shape}"
        )
    return visibility


def _check_image(image: Any, channels: tuple[int, ...]) -> None:
    if not isinstance(image, Tensor):
        raise TypeError(f"The image must be a tensor, got {type(image)}")
    if not (image.dtype == uint8 or image.is_floating_point()):
        raise ValueError(f"The image dtype must be uint8 or float, got {image.dtype}")
    if image.dim() != 3:
        raise ValueError("Pass individual images, not batches")
    if image.size(0) not in channels:
        raise ValueError(
            "Only grayscale and RGB images are supported"
            if 1 in channels
            else "Pass an RGB image. Other Image formats are not supported"
        )


def _bytes(image: Tensor) -> Tensor:
    return convert_image_dtype(image.detach(), uint8)


def _parse_colors(colors: Any, count: int) -> list[tuple[int, ...]]:
    """A colour (r, g, b) for each of ``count`` objects."""
    if colors is None:
        # Neighbours of this palette are easily told apart.
        return [
            tuple(i * base % 255 for base in (2**25 - 1, 2**15 - 1, 2**21 - 1))
            for i in range(count)
        ]
    if isinstance(colors, list):
        if len(colors) < count:
            raise ValueError(
                "Number of colors must be equal or larger than the number of objects, "
                f"but got {len(colors)} < {count}."
            )
    elif not isinstance(colors, (tuple, str)):
        raise ValueError(
            f"colors must be a tuple or a string, or a list thereof, but got {colors}."
        )
    elif isinstance(colors, tuple) and len(colors) != 3:
        raise ValueError(f"If passed as tuple, colors should be an RGB triplet, but got {colors}.")
    else:
        colors = [colors] * count
    return [pillow("ImageColor").getrgb(c) if isinstance(c, str) else c for c in colors]
