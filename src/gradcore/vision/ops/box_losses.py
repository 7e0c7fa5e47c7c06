"""Losses of pairs of boxes: one less an overlap."""

from __future__ import annotations

import math
from typing import Any

from ... import atan, float32, float64, maximum, minimum, no_grad, where
from ._reduction import reduced

__all__ = ["complete_box_iou_loss", "distance_box_iou_loss", "generalized_box_iou_loss"]


def generalized_box_iou_loss(
    boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 1e-7
) -> Any:
    """One less the generalized IoU (arXiv:1902.09630) of the boxes (…, 4) with each other.

    Args:
        boxes1: (x1, y1, x2, y2) with x1 < x2 and y1 < y2.
        boxes2: the same.
        reduction: "none" gives (…), "mean" and "sum" a number.
        eps: keeps from dividing by zero.
    """
    boxes1, boxes2 = _float(boxes1), _float(boxes2)
    shared, union = _intersection_and_union(boxes1, boxes2)
    size = _enclosing_size(boxes1, boxes2)
    area = size[..., 0] * size[..., 1]
    overlap = shared / (union + eps) - (area - union) / (area + eps)
    return reduced(1 - overlap, reduction)


def distance_box_iou_loss(
    boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 1e-7
) -> Any:
    """One less the distance IoU (arXiv:1911.08287); see :func:`generalized_box_iou_loss`."""
    loss, _ = _distance_loss(_float(boxes1), _float(boxes2), eps)
    return reduced(loss, reduction)


def complete_box_iou_loss(
    boxes1: Any, boxes2: Any, reduction: str = "none", eps: float = 1e-7
) -> Any:
    """One less the complete IoU (arXiv:1911.08287); see :func:`generalized_box_iou_loss`."""
    boxes1, boxes2 = _float(boxes1), _float(boxes2)
    loss, iou = _distance_loss(boxes1, boxes2, 1e-7)
    size1, size2 = boxes1[..., 2:] - boxes1[..., :2], boxes2[..., 2:] - boxes2[..., :2]
    difference = atan(size2[..., 0] / size2[..., 1]) - atan(size1[..., 0] / size1[..., 1])
    v = (4 / math.pi**2) * difference**2
    with no_grad():
        alpha = v / (1 - iou + v + eps)
    return reduced(loss + alpha * v, reduction)


def _float(boxes: Any) -> Any:
    return boxes if boxes.dtype in (float32, float64) else boxes.float()


def _intersection_and_union(boxes1: Any, boxes2: Any) -> tuple[Any, Any]:
    start = maximum(boxes1[..., :2], boxes2[..., :2])
    end = minimum(boxes1[..., 2:], boxes2[..., 2:])
    size = end - start
    product = size[..., 0] * size[..., 1]
    overlapping = (size[..., 0] > 0) & (size[..., 1] > 0)
    shared = where(overlapping, product, product.new_zeros(()))
    size1, size2 = boxes1[..., 2:] - boxes1[..., :2], boxes2[..., 2:] - boxes2[..., :2]
    union = size1[..., 0] * size1[..., 1] + size2[..., 0] * size2[..., 1] - shared
    return shared, union


def _enclosing_size(boxes1: Any, boxes2: Any) -> Any:
    start = minimum(boxes1[..., :2], boxes2[..., :2])
    return maximum(boxes1[..., 2:], boxes2[..., 2:]) - start


def _distance_loss(boxes1: Any, boxes2: Any, eps: float) -> tuple[Any, Any]:
    shared, union = _intersection_and_union(boxes1, boxes2)
    iou = shared / (union + eps)
    size = _enclosing_size(boxes1, boxes2)
    diagonal = size[..., 0] ** 2 + size[..., 1] ** 2 + eps
    centres1, centres2 = boxes1[..., :2] + boxes1[..., 2:], boxes2[..., :2] + boxes2[..., 2:]
    apart = (centres1 / 2 - centres2 / 2) ** 2
    return 1 - iou + (apart[..., 0] + apart[..., 1]) / diagonal, iou
