"""Features of regions of interest, resampled to one size."""

from __future__ import annotations

from collections.abc import Sequence

from ... import arange, cat, full_like, nn, relu, stack, where
from ...tensor.tensor import Tensor

__all__ = ["RoIAlign", "RoIPool", "roi_align", "roi_pool"]


def roi_align(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
    sampling_ratio: int = -1,
    aligned: bool = False,
) -> Tensor:
    """Average-pool bilinear samples of each region (Mask R-CNN, arXiv:1703.06870).

    Both the bilinear weights and the mean over the samples of a bin are products of a factor for
    rows and one for columns; so a region's output is ``rows @ image @ columns.T``, two matrix
    products, whose gradients are matrix products too. There is no gradient for the boxes.

    Args:
        input: features (N, C, H, W).
        boxes: (K, 5) of which the first column is the image's index, or a list of (L, 4), one
            for each image; (x1, y1, x2, y2).
        output_size: height and width of the results.
        spatial_scale: the coordinates are multiplied by this.
        sampling_ratio: samples of a bin in each direction; 0 or less: one per pixel, rounded up.
        aligned: shift by half a pixel, so that pixels are where they belong.

    Returns:
        (K, C, height, width).
    """
    rois = _region_table(boxes)
    rows, columns = _pair(output_size)
    if rois.size(0) == 0:
        return input.new_zeros((0, input.size(1), rows, columns)) + 0 * input.sum()
    corners = rois[:, 1:].detach().to(input.dtype) * spatial_scale - (0.5 if aligned else 0.0)
    sizes = corners[:, 2:] - corners[:, :2]
    if not aligned:
        sizes = sizes.clamp(min=1.0)
    by_row = _bilinear_means(corners[:, 1], sizes[:, 1], rows, input.size(2), sampling_ratio)
    by_column = _bilinear_means(corners[:, 0], sizes[:, 0], columns, input.size(3), sampling_ratio)
    outputs = []
    which = [int(index) for index in rois[:, 0].tolist()]
    for image, members in _by_image(which):
        outputs.append(_resample(input[image], by_row[members], by_column[members]))
    return _in_order(outputs, which)


def _resample(features: Tensor, by_row: Tensor, by_column: Tensor) -> Tensor:
    """``by_row[k] @ features[c] @ by_column[k].T`` for all k and c: (k, C, rows, columns)."""
    regions, rows, height = by_row.shape
    channels, _, width = features.shape
    flat = features.permute(1, 0, 2).reshape(height, channels * width)
    left = by_row.reshape(regions * rows, height).matmul(flat)
    left = left.reshape(regions, rows * channels, width)
    pooled = left.matmul(by_column.transpose(-1, -2))
    return pooled.reshape(regions, rows, channels, -1).transpose(1, 2)


def _bilinear_means(start: Tensor, size: Tensor, bins: int, length: int, ratio: int) -> Tensor:
    """The weights (K, bins, length) of ``length`` pixels in the bins of K intervals."""
    options = {"device": start.device, "dtype": start.dtype}
    bin_size = size / bins
    count = full_like(size, ratio) if ratio > 0 else bin_size.ceil()
    sample = arange(max(int(count.max().item()), 1), **options)
    step = (bin_size / count.clamp(min=1))[:, None, None]
    positions = (
        start[:, None, None]
        + arange(bins, **options)[None, :, None] * bin_size[:, None, None]
        + (sample + 0.5) * step
    )
    # Samples more than a pixel outside count as zeros, those nearer as the edge.
    valid = (positions >= -1) & (positions <= length) & (sample < count[:, None, None])
    share = valid.to(start.dtype) / count.clamp(min=1)[:, None, None]
    distance = positions.clamp(min=0, max=length - 1)[..., None] - arange(length, **options)
    return (relu(1 - distance.abs()) * share[..., None]).sum(2)


def roi_pool(
    input: Tensor,
    boxes: Tensor | Sequence[Tensor],
    output_size: int | Sequence[int],
    spatial_scale: float = 1.0,
) -> Tensor:
    """Max-pool each region (Fast R-CNN, arXiv:1504.08083); bins without a pixel give 0.

    The arguments are those of :func:`roi_align`.
    """
    rois = _region_table(boxes)
    rows, columns = _pair(output_size)
    if rois.size(0) == 0:
        return input.new_zeros((0, input.size(1), rows, columns)) + 0 * input.sum()
    scaled = rois[:, 1:].detach().to(input.dtype) * spatial_scale
    # Halves are rounded away from zero, as C does it.
    corners = (scaled.abs() + 0.5).floor() * scaled.sign()
    sizes = (corners[:, 2:] - corners[:, :2] + 1).clamp(min=1)
    row_index, row_inside = _bin_pixels(corners[:, 1], sizes[:, 1], rows, input.size(2))
    column_index, column_inside = _bin_pixels(corners[:, 0], sizes[:, 0], columns, input.size(3))
    outputs = []
    for k, image in enumerate(int(index) for index in rois[:, 0].tolist()):
        # Rows first, (C, rows, W), then columns, (C, rows, columns).
        pooled = _masked_max(input[image].transpose(1, 2), row_index[k], row_inside[k])
        pooled = _masked_max(pooled.transpose(1, 2), column_index[k], column_inside[k])
        filled = row_inside[k].any(1)[:, None] & column_inside[k].any(1)
        outputs.append(where(filled, pooled, pooled.new_zeros(())))
    return stack(outputs)


def _bin_pixels(start: Tensor, size: Tensor, bins: int, length: int) -> tuple[Tensor, Tensor]:
    """Which pixels (K, bins, most) are in the bins, and which of these numbers count."""
    number = arange(bins, device=start.device, dtype=start.dtype)
    bin_size = (size / bins)[:, None]
    first = ((number * bin_size).floor() + start[:, None]).clamp(0, length)
    last = (((number + 1) * bin_size).ceil() + start[:, None]).clamp(0, length)
    most = max(int((last - first).max().item()), 1)
    offset = arange(most, device=start.device, dtype=start.dtype)
    index = (first[..., None] + offset).clamp(max=length - 1)
    return index.long(), offset < (last - first)[..., None]


def _masked_max(x: Tensor, index: Tensor, inside: Tensor) -> Tensor:
    """The maxima (A, B, bins) over the pixels ``index`` (bins, most) of (A, B, length)."""
    lowest = x.new_full((), float("-inf"))
    return where(inside, x[:, :, index], lowest).max(-1)[0]


def _region_table(boxes: Tensor | Sequence[Tensor]) -> Tensor:
    if isinstance(boxes, (list, tuple)):
        for box in boxes:
            assert box.size(1) == 4, (
                "The shape of the tensor in the boxes list is not correct as List[Tensor[L, 4]]"
            )
        numbered = [cat([full_like(box[:, :1], i), box], 1) for i, box in enumerate(boxes)]
        return cat(numbered, 0)
    assert isinstance(boxes, Tensor), (
        "boxes is expected to be a Tensor[L, 5] or a List[Tensor[K, 4]]"
    )
    assert boxes.size(1) == 5, "The boxes tensor shape is not correct as Tensor[K, 5]"
    return boxes


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _by_image(which: list[int]) -> list[tuple[int, list[int]]]:
    return [(i, [k for k, j in enumerate(which) if j == i]) for i in sorted(set(which))]


def _in_order(outputs: list[Tensor], which: list[int]) -> Tensor:
    """The regions as they were given; ``outputs`` has them by image."""
    if which == sorted(which):
        return cat(outputs, 0)
    place = sorted(range(len(which)), key=lambda k: which[k])
    back = sorted(range(len(place)), key=lambda k: place[k])
    return cat(outputs, 0)[back]


class RoIAlign(nn.Module):
    """See :func:`roi_align`."""

    def __init__(
        self,
        output_size: int | Sequence[int],
        spatial_scale: float,
        sampling_ratio: int,
        aligned: bool = False,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale
        self.sampling_ratio = sampling_ratio
        self.aligned = aligned

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        return roi_align(
            input, rois, self.output_size, self.spatial_scale, self.sampling_ratio, self.aligned
        )

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}(output_size={self.output_size}, "
            f"spatial_scale={self.spatial_scale}, sampling_ratio={self.sampling_ratio}, "
            f"aligned={self.aligned})"
        )


class RoIPool(nn.Module):
    """See :func:`roi_pool`."""

    def __init__(self, output_size: int | Sequence[int], spatial_scale: float) -> None:
        super().__init__()
        self.output_size = output_size
        self.spatial_scale = spatial_scale

    def forward(self, input: Tensor, rois: Tensor | Sequence[Tensor]) -> Tensor:
        return roi_pool(input, rois, self.output_size, self.spatial_scale)

    def __repr__(self) -> str:
        return (
            f"{self.__class__.__name__}(output_size={self.output_size}, "
            f"spatial_scale={self.spatial_scale})"
        )
