"""Sampling tensor images at the points of a grid that an affine or perspective map makes.

Grids hold x and y in [-1, 1], as ``nn.functional.grid_sample`` reads them.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from .... import Tensor, cat, float32, linspace, meshgrid, ones_like, stack, tensor, where
from ....nn import functional as F
from .image import as_float_batch, check_image, get_dimensions, like_image

_MODES = ("nearest", "bilinear")


def warp(img: Tensor, grid: Tensor, mode: str, fill: Any) -> Tensor:
    """``img`` at the points of ``grid`` (1, h, w, 2); ``fill`` is what lies outside (None: 0)."""
    batch = as_float_batch(img, grid.dtype)
    if batch.shape[0] > 1:
        grid = grid.expand(batch.shape[0], -1, -1, -1)
    if fill is None:
        sampled = F.grid_sample(batch, grid, mode, "zeros", align_corners=False)
        return like_image(sampled, img)
    # A channel of ones shows which share of each sample came from inside.
    batch = cat((batch, ones_like(batch[:, :1])), 1)
    sampled = F.grid_sample(batch, grid, mode, "zeros", align_corners=False)
    sampled, inside = sampled[:, :-1], sampled[:, -1:]
    colors = list(fill) if isinstance(fill, (tuple, list)) else [float(fill)]
    background = tensor(colors, dtype=batch.dtype, device=batch.device).view(1, -1, 1, 1)
    if mode == "nearest":
        return like_image(where(inside < 0.5, background, sampled), img)
    return like_image(sampled * inside + (1.0 - inside) * background, img)


def check_warp(img: Tensor, mode: str, fill: Any) -> None:
    """Errors of affine and perspective maps: ValueError for a mode, or a number of fill values."""
    check_image(img)
    if fill is not None and not isinstance(fill, (int, float, tuple, list)):
        warnings.warn("Argument fill should be either int, float, tuple or list", stacklevel=3)
    channels = get_dimensions(img)[0]
    if isinstance(fill, (tuple, list)) and len(fill) not in (1, channels):
        raise ValueError(
            "The number of elements in 'fill' cannot broadcast to match the number of channels of "
            f"the image ({len(fill)} != {channels})"
        )
    if mode not in _MODES:
        raise ValueError(f"Interpolation mode '{mode}' is unsupported with Tensor input")


def _points(width: int, height: int, first_x: float, first_y: float, like: Any) -> Tensor:
    """(x, y, 1) of every pixel of an image, row by row: (height * width, 3)."""
    xs = linspace(first_x, first_x + width - 1, width, **like)
    ys = linspace(first_y, first_y + height - 1, height, **like)
    y, x = meshgrid(ys, xs, indexing="ij")
    return stack((x.flatten(), y.flatten(), ones_like(x).flatten()), 1)


def _float_options(img: Tensor) -> dict[str, Any]:
    return {"dtype": img.dtype if img.is_floating_point() else float32, "device": img.device}


def affine_grid(matrix: Sequence[float], img: Tensor, out_width: int, out_height: int) -> Tensor:
    """Where the pixels of the output lie in ``img``, by the map from output to input.

    ``matrix`` has the map's two rows; pixels are counted from the images' centers.
    """
    options = _float_options(img)
    points = _points(
        out_width, out_height, -out_width * 0.5 + 0.5, -out_height * 0.5 + 0.5, options
    )
    half = tensor([0.5 * img.shape[-1], 0.5 * img.shape[-2]], **options)
    theta = tensor(list(matrix), **options).view(2, 3).t() / half
    return (points @ theta).view(1, out_height, out_width, 2)


def affine_output_size(matrix: Sequence[float], width: int, height: int) -> tuple[int, int]:
    """Width and height of the box around an image turned by ``matrix``."""
    x, y = 0.5 * width, 0.5 * height
    corners = np.array([[-x, -y, 1], [-x, y, 1], [x, y, 1], [x, -y, 1]], np.float32)
    moved = corners @ np.array(matrix, np.float32).reshape(2, 3).T + np.array([x, y], np.float32)
    # Rounding errors of less than 1e-4 pixel must not cost a whole one.
    tolerance = np.float32(1e-4)
    steps = np.trunc(moved / tolerance) * tolerance
    size = np.ceil(steps.max(0)) - np.floor(steps.min(0))
    return int(size[0]), int(size[1])


def perspective_grid(coefficients: Sequence[float], img: Tensor) -> Tensor:
    """Where the pixels of the output lie in ``img``, by a map from output to input.

    (x, y) comes from ((a x + b y + c) / (g x + h y + 1), (d x + e y + f) / (g x + h y + 1)) with
    ``coefficients`` a … h; pixels are counted from the upper left corner.
    """
    options = _float_options(img)
    height, width = img.shape[-2:]
    points = _points(width, height, 0.5, 0.5, options)
    a, b, c, d, e, f, g, h = coefficients
    half = tensor([0.5 * width, 0.5 * height], **options)
    above = points @ (tensor([[a, b, c], [d, e, f]], **options).t() / half)
    below = points @ tensor([[g], [h], [1.0]], **options)
    return (above / below - 1.0).view(1, height, width, 2)


def identity_grid(height: int, width: int, device: Any) -> Tensor:
    """The grid that leaves an image of this size as it is: (1, height, width, 2)."""
    ys, xs = (linspace((1 - n) / n, (n - 1) / n, n, device=device) for n in (height, width))
    y, x = meshgrid(ys, xs, indexing="ij")
    return stack((x, y), -1).unsqueeze(0)


def inverse_affine_matrix(
    center: Sequence[float],
    angle: float,
    translate: Sequence[float],
    scale: float,
    shear: Sequence[float],
) -> list[float]:
    """The two rows of the map from output to input pixels.

    The image is sheared, turned clockwise by ``angle`` and scaled about ``center``, then moved:
    M = T C R S C⁻¹, of which this is the inverse, C T⁻¹ … C⁻¹, written out.
    """
    turn, shear_x, shear_y = (math.radians(x) for x in (angle, *shear))
    a = math.cos(turn - shear_y) / math.cos(shear_y)
    b = -math.cos(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) - math.sin(turn)
    c = math.sin(turn - shear_y) / math.cos(shear_y)
    d = -math.sin(turn - shear_y) * math.tan(shear_x) / math.cos(shear_y) + math.cos(turn)
    # The determinant of a rotation with shear is 1.
    p, q, r, s = d / scale, -b / scale, -c / scale, a / scale
    dx, dy = -center[0] - translate[0], -center[1] - translate[1]
    return [p, q, p * dx + q * dy + center[0], r, s, r * dx + s * dy + center[1]]
