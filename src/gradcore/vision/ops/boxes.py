"""Boxes: how much they overlap, and which of them to keep."""

from __future__ import annotations

import math

import numpy as np

from ... import (
    any as any_,
)
from ... import (
    argmax,
    atan,
    from_numpy,
    maximum,
    minimum,
    no_grad,
    stack,
    where,
    zeros,
)
from ...tensor.tensor import Tensor
from .box_convert import box_convert

__all__ = [
    "batched_nms",
    "box_area",
    "box_convert",
    "box_iou",
    "clip_boxes_to_image",
    "complete_box_iou",
    "distance_box_iou",
    "generalized_box_iou",
    "masks_to_boxes",
    "nms",
    "remove_small_boxes",
]

_AREA_FORMATS = ("xyxy", "xywh", "cxcywh")


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float) -> Tensor:
    """Non-maximum suppression: drop boxes that overlap one with a higher score.

    Runs on the host, one step for each box that is kept.

    Args:
        boxes: (N, 4) as (x1, y1, x2, y2) with x1 < x2 and y1 < y2.
        scores: (N,).
        iou_threshold: boxes are dropped for an intersection over union above this.

    Returns:
        The indices (int64) of the boxes that are kept, by falling score.

    Raises:
        RuntimeError: other shapes or dtypes.
    """
    _check_nms(boxes, scores)
    return _kept(boxes, scores, None, iou_threshold)


def batched_nms(boxes: Tensor, scores: Tensor, idxs: Tensor, iou_threshold: float) -> Tensor:
    """:func:`nms` in which boxes only suppress those of the same class ``idxs`` (N,)."""
    _check_nms(boxes, scores)
    return _kept(boxes, scores, idxs.detach().cpu().numpy(), iou_threshold)


def _check_nms(boxes: Tensor, scores: Tensor) -> None:
    if boxes.dim() != 2:
        raise RuntimeError(f"boxes should be a 2d tensor, got {boxes.dim()}D")
    if boxes.size(1) != 4:
        raise RuntimeError(f"boxes should have 4 elements in dimension 1, got {boxes.size(1)}")
    if scores.dim() != 1:
        raise RuntimeError(f"scores should be a 1d tensor, got {scores.dim()}D")
    if boxes.size(0) != scores.size(0):
        raise RuntimeError(
            "boxes and scores should have same number of elements in dimension 0, "
            f"got {boxes.size(0)} and {scores.size(0)}"
        )
    if boxes.dtype != scores.dtype:
        raise RuntimeError("dets should have the same type as scores")


def _kept(boxes: Tensor, scores: Tensor, classes: np.ndarray | None, threshold: float) -> Tensor:
    order = scores.detach().sort(descending=True, stable=True)[1].cpu().numpy()
    corners = boxes.detach().cpu().numpy()[order]
    x1, y1, x2, y2 = corners.T
    areas = (x2 - x1) * (y2 - y1)
    kinds = None if classes is None else classes[order]
    alive = np.ones(len(order), dtype=bool)
    kept = []
    for i in range(len(order)):
        if not alive[i]:
            continue
        kept.append(order[i])
        rest = slice(i + 1, None)
        width = (np.minimum(x2[i], x2[rest]) - np.maximum(x1[i], x1[rest])).clip(min=0)
        height = (np.minimum(y2[i], y2[rest]) - np.maximum(y1[i], y1[rest])).clip(min=0)
        shared = width * height
        with np.errstate(invalid="ignore", divide="ignore"):
            overlapping = shared / (areas[i] + areas[rest] - shared) > threshold
        if kinds is not None:
            overlapping &= kinds[rest] == kinds[i]
        alive[rest] &= ~overlapping
    return from_numpy(np.array(kept, dtype=np.int64)).to(boxes.device)


def remove_small_boxes(boxes: Tensor, min_size: float) -> Tensor:
    """The indices of those boxes (N, 4) whose width and height are at least ``min_size``."""
    widths, heights = boxes[..., 2] - boxes[..., 0], boxes[..., 3] - boxes[..., 1]
    return where((widths >= min_size) & (heights >= min_size))[0]


def clip_boxes_to_image(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The boxes (…, 4) as (x1, y1, x2, y2) inside an image of ``size`` (height, width)."""
    height, width = size
    x = boxes[..., 0::2].clamp(min=0, max=width)
    y = boxes[..., 1::2].clamp(min=0, max=height)
    return stack((x, y), dim=boxes.dim()).reshape(boxes.shape)


def _upcast(t: Tensor) -> Tensor:
    """Products of short numbers overflow: half precision to float, short integers to int."""
    if t.is_floating_point():
        return t if t.itemsize >= 4 else t.float()
    return t if t.itemsize >= 4 else t.int()


def box_area(boxes: Tensor, fmt: str = "xyxy") -> Tensor:
    """The areas (…) of boxes (…, 4) in the format "xyxy", "xywh" or "cxcywh"."""
    if fmt not in _AREA_FORMATS:
        raise ValueError(f"Unsupported Bounding Box area for given format {fmt}")
    boxes = _upcast(boxes)
    if fmt == "xyxy":
        return (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    return boxes[..., 2] * boxes[..., 3]


def _corners(boxes: Tensor, fmt: str) -> tuple[Tensor, Tensor]:
    """The upper left and the lower right corners."""
    first, second = boxes[..., :2], boxes[..., 2:]
    if fmt == "xyxy":
        return first, second
    if fmt == "xywh":
        return first, first + second
    return first - second / 2, first + second / 2


def _intersection_and_union(
    boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy"
) -> tuple[Tensor, Tensor]:
    areas1, areas2 = box_area(boxes1, fmt), box_area(boxes2, fmt)
    (start1, end1), (start2, end2) = _corners(boxes1, fmt), _corners(boxes2, fmt)
    start = maximum(start1[..., None, :], start2[..., None, :, :])
    end = minimum(end1[..., None, :], end2[..., None, :, :])
    size = _upcast(end - start).clamp(min=0)
    shared = size[..., 0] * size[..., 1]
    return shared, areas1[..., None] + areas2[..., None, :] - shared


def _enclosing_size(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Width and height (…, N, M, 2) of the smallest boxes around both."""
    start = minimum(boxes1[..., None, :2], boxes2[..., None, :, :2])
    end = maximum(boxes1[..., None, 2:], boxes2[..., None, :, 2:])
    return _upcast(end - start).clamp(min=0)


def box_iou(boxes1: Tensor, boxes2: Tensor, fmt: str = "xyxy") -> Tensor:
    """Intersection over union of every pair: (…, N, 4) and (…, M, 4) to (…, N, M).

    Args:
        boxes1: boxes.
        boxes2: boxes.
        fmt: "xyxy", "xywh" or "cxcywh", see :func:`box_convert`.

    Raises:
        ValueError: an unknown format.
        NotImplementedError: a format of rotated boxes.
    """
    if fmt in ("cxcywhr", "xywhr", "xyxyxyxy"):
        raise NotImplementedError(f"fmt: the overlap of rotated boxes ({fmt!r}) is not implemented")
    if fmt not in _AREA_FORMATS:
        raise ValueError(
            f"Unsupported format '{fmt}'. Supported axis-aligned formats: {_AREA_FORMATS}."
        )
    shared, union = _intersection_and_union(boxes1, boxes2, fmt)
    return shared / union


def generalized_box_iou(boxes1: Tensor, boxes2: Tensor) -> Tensor:
    """Generalized IoU of every pair (arXiv:1902.09630): (…, N, 4), (…, M, 4) to (…, N, M).

    The IoU less the part of the enclosing box that is in neither.
    """
    shared, union = _intersection_and_union(boxes1, boxes2)
    size = _enclosing_size(boxes1, boxes2)
    area = size[..., 0] * size[..., 1]
    return shared / union - (area - union) / area


def distance_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """Distance IoU of every pair (arXiv:1911.08287): (…, N, 4), (…, M, 4) to (…, N, M).

    The IoU less the squared distance of the centres over that of the enclosing box's corners.
    """
    return _distance_iou(_upcast(boxes1), _upcast(boxes2), eps)[0]


def complete_box_iou(boxes1: Tensor, boxes2: Tensor, eps: float = 1e-7) -> Tensor:
    """Complete IoU of every pair (arXiv:1911.08287): (…, N, 4), (…, M, 4) to (…, N, M).

    The distance IoU less a term for different ratios of width and height.
    """
    boxes1, boxes2 = _upcast(boxes1), _upcast(boxes2)
    distance_iou, iou = _distance_iou(boxes1, boxes2, eps)
    size1, size2 = boxes1[..., 2:] - boxes1[..., :2], boxes2[..., 2:] - boxes2[..., :2]
    angle1 = atan(size1[..., None, 0] / size1[..., None, 1])
    angle2 = atan(size2[..., None, :, 0] / size2[..., None, :, 1])
    v = (4 / math.pi**2) * (angle1 - angle2) ** 2
    with no_grad():
        alpha = v / (1 - iou + v + eps)
    return distance_iou - alpha * v


def _distance_iou(boxes1: Tensor, boxes2: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    iou = box_iou(boxes1, boxes2)
    size = _enclosing_size(boxes1, boxes2)
    diagonal = size[..., 0] ** 2 + size[..., 1] ** 2 + eps
    centres1 = (boxes1[..., :2] + boxes1[..., 2:]) / 2
    centres2 = (boxes2[..., :2] + boxes2[..., 2:]) / 2
    apart = _upcast(centres1[..., None, :] - centres2[..., None, :, :]) ** 2
    return iou - (apart[..., 0] + apart[..., 1]) / diagonal, iou


def masks_to_boxes(masks: Tensor) -> Tensor:
    """The boxes (N, 4) around what is not zero in the masks (N, H, W); zeros for empty masks."""
    if masks.numel() == 0:
        return zeros((0, 4), device=masks.device)
    _, height, width = masks.shape
    rows, columns = any_(masks != 0, dim=2).float(), any_(masks != 0, dim=1).float()
    top, left = argmax(rows, dim=1), argmax(columns, dim=1)
    bottom = (height - 1) - argmax(rows.flip([1]), dim=1)
    right = (width - 1) - argmax(columns.flip([1]), dim=1)
    boxes = stack([left, top, right, bottom], dim=1).float()
    return where(any_(rows != 0, dim=1)[:, None], boxes, boxes.new_zeros(()))
