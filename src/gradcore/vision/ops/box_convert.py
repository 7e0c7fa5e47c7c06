"""The ways in which boxes are written: by corners, by centre and size, and rotated."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from ... import atan2, cos, sin, stack

__all__ = ["box_convert"]

_FORMATS = ("xyxy", "xywh", "cxcywh", "xywhr", "cxcywhr", "xyxyxyxy")


def box_convert(boxes: Any, in_fmt: str, out_fmt: str) -> Any:
    """Boxes (…, 4), (…, 5) or (…, 8) in another format; always a new tensor.

    Formats: "xyxy" are two opposite corners, "xywh" the upper left corner and the size, "cxcywh"
    the centre and the size; "xywhr" and "cxcywhr" the same with an angle in degrees by which the
    box is turned counterclockwise around the corner or the centre; "xyxyxyxy" the four corners.

    Raises:
        ValueError: an unknown format.
        NotImplementedError: there is no way from the one to the other.
    """
    if in_fmt not in _FORMATS or out_fmt not in _FORMATS:
        raise ValueError(
            f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}"
        )
    if in_fmt == out_fmt:
        return boxes.clone()
    for group, middle in ((_STRAIGHT, "xyxy"), (_ROTATED, "xywhr")):
        if in_fmt in group and out_fmt in group:
            if in_fmt != middle:
                boxes = group[in_fmt][0](boxes)
            return boxes if out_fmt == middle else group[out_fmt][1](boxes)
    raise NotImplementedError(
        f"Unsupported Bounding Box Conversions for given in_fmt {in_fmt} and out_fmt {out_fmt}"
    )


def _from_cxcywh(boxes: Any) -> Any:
    cx, cy, w, h = boxes.unbind(-1)
    return stack((cx - 0.5 * w, cy - 0.5 * h, cx + 0.5 * w, cy + 0.5 * h), dim=-1)


def _to_cxcywh(boxes: Any) -> Any:
    x1, y1, x2, y2 = boxes.unbind(-1)
    return stack(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1), dim=-1)


def _from_xywh(boxes: Any) -> Any:
    x, y, w, h = boxes.unbind(-1)
    return stack((x, y, x + w, y + h), dim=-1)


def _to_xywh(boxes: Any) -> Any:
    x1, y1, x2, y2 = boxes.unbind(-1)
    return stack((x1, y1, x2 - x1, y2 - y1), dim=-1)


def _like_input(convert: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Angles need fractions: round the results for boxes of integers."""

    def converted(boxes: Any) -> Any:
        result = convert(boxes)
        return result if boxes.is_floating_point() else result.round().to(boxes.dtype)

    return converted


@_like_input
def _from_cxcywhr(boxes: Any) -> Any:
    cx, cy, w, h, r = boxes.unbind(-1)
    c, s = cos(r * math.pi / 180.0), sin(r * math.pi / 180.0)
    return stack((cx - w / 2 * c - h / 2 * s, cy - h / 2 * c + w / 2 * s, w, h, r), dim=-1)


@_like_input
def _to_cxcywhr(boxes: Any) -> Any:
    x, y, w, h, r = boxes.unbind(-1)
    c, s = cos(r * math.pi / 180.0), sin(r * math.pi / 180.0)
    return stack((x + w / 2 * c + h / 2 * s, y - w / 2 * s + h / 2 * c, w, h, r), dim=-1)


@_like_input
def _to_corners(boxes: Any) -> Any:
    x1, y1, w, h, r = boxes.unbind(-1)
    c, s = cos(r * math.pi / 180.0), sin(r * math.pi / 180.0)
    x2, y2 = x1 + w * c, y1 - w * s
    corners = (x1, y1, x2, y2, x2 + h * s, y2 + h * c, x1 + h * s, y1 + h * c)
    return stack(corners, dim=-1)


@_like_input
def _from_corners(boxes: Any) -> Any:
    x1, y1, x2, y2, x3, y3, _, _ = boxes.unbind(-1)
    r = atan2(y1 - y2, x2 - x1) * 180 / math.pi
    w = ((x2 - x1) ** 2 + (y1 - y2) ** 2).sqrt()
    h = ((x3 - x2) ** 2 + (y3 - y2) ** 2).sqrt()
    return stack((x1, y1, w, h, r), dim=-1)


def _same(boxes: Any) -> Any:
    return boxes


# From each format to that in the middle, and back.
_STRAIGHT = {
    "xyxy": (_same, _same),
    "xywh": (_from_xywh, _to_xywh),
    "cxcywh": (_from_cxcywh, _to_cxcywh),
}
_ROTATED = {
    "xywhr": (_same, _same),
    "cxcywhr": (_from_cxcywhr, _to_cxcywhr),
    "xyxyxyxy": (_from_corners, _to_corners),
}
