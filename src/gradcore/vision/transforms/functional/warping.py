"""Rotation, affine and perspective maps, and elastic deformation."""

from __future__ import annotations

import numbers
import warnings
from collections.abc import Sequence
from typing import Any

from .... import Size, Tensor, float32, float64, linalg, tensor
from .conversion import pil_to_tensor, to_pil_image
from .grids import (
    affine_grid,
    affine_output_size,
    check_warp,
    identity_grid,
    inverse_affine_matrix,
    perspective_grid,
    warp,
)
from .image import (
    PIL_MODES,
    InterpolationMode,
    get_dimensions,
    interpolation_mode,
    is_pil_image,
    mode_of_int,
    pil_fill,
    pillow,
    require_pil,
)


def _from_center(center: Sequence[float] | None, img: Tensor) -> list[float]:
    """A point counted from the upper left corner, counted from the image's center instead."""
    if center is None:
        return [0.0, 0.0]
    return [c - 0.5 * n for c, n in zip(center, (img.shape[-1], img.shape[-2]), strict=False)]


def _check_angle_and_center(angle: Any, center: Any) -> None:
    if not isinstance(angle, (int, float)):
        raise TypeError("Argument angle should be int or float")
    if center is not None and not isinstance(center, (list, tuple)):
        raise TypeError("Argument center should be a sequence")


def rotate(
    img: Any,
    angle: float,
    interpolation: InterpolationMode = InterpolationMode.NEAREST,
    expand: bool = False,
    center: Sequence[float] | None = None,
    fill: Any = None,
) -> Any:
    """``img`` (PIL image or tensor (..., C, H, W)) turned counter-clockwise.

    Args:
        angle: in degrees.
        interpolation: tensors know "nearest" and "bilinear".
        expand: make the image large enough for all of the turned one.
        center: (x, y) of the fixed point, from the upper left corner; the middle by default.
        fill: the colour outside, a number or one for each channel.

    Raises:
        TypeError, ValueError: for arguments of another type or length.
    """
    interpolation = interpolation_mode(interpolation)
    _check_angle_and_center(angle, center)
    if not isinstance(img, Tensor):
        color = pil_fill(fill, require_pil(img))
        return img.rotate(angle, PIL_MODES[interpolation], expand, center, fillcolor=color)
    check_warp(img, interpolation.value, fill)
    middle = _from_center(center, img)
    matrix = inverse_affine_matrix(middle, -angle, [0.0, 0.0], 1.0, [0.0, 0.0])
    height, width = img.shape[-2:]
    out_size = affine_output_size(matrix, width, height) if expand else (width, height)
    return warp(img, affine_grid(matrix, img, *out_size), interpolation.value, fill)


def affine(
    img: Any,
    angle: float,
    translate: Sequence[int],
    scale: float,
    shear: float | Sequence[float],
    interpolation: InterpolationMode = InterpolationMode.NEAREST,
    fill: Any = None,
    center: Sequence[float] | None = None,
) -> Any:
    """``img`` (PIL image or tensor (..., C, H, W)) sheared, turned, scaled, and moved.

    Args:
        angle: in degrees, clockwise.
        translate: pixels to the right and down.
        scale: the factor of lengths.
        shear: degrees in x and y; one number is x alone.
        interpolation, fill, center: as in :func:`rotate`.

    Raises:
        TypeError, ValueError: for arguments of another type, length or sign.
    """
    interpolation = interpolation_mode(interpolation)
    _check_affine(angle, translate, scale, shear, center)
    shears: Any = [shear, 0.0] if isinstance(shear, numbers.Number) else shear
    shears = list(shears) * 2 if len(shears) == 1 else list(shears)
    if len(shears) != 2:
        raise ValueError(f"Shear should be a sequence containing two values. Got {shears}")
    _, height, width = get_dimensions(img)
    if not isinstance(img, Tensor):
        middle = [width * 0.5, height * 0.5] if center is None else center
        matrix = inverse_affine_matrix(middle, angle, translate, scale, shears)
        return _transform_pil(img, "AFFINE", matrix, interpolation, fill)
    check_warp(img, interpolation.value, fill)
    matrix = inverse_affine_matrix(_from_center(center, img), angle, translate, scale, shears)
    return warp(img, affine_grid(matrix, img, width, height), interpolation.value, fill)


def _check_affine(angle: Any, translate: Any, scale: Any, shear: Any, center: Any) -> None:
    _check_angle_and_center(angle, None)
    if not isinstance(translate, (list, tuple)):
        raise TypeError("Argument translate should be a sequence")
    if len(translate) != 2:
        raise ValueError("Argument translate should be a sequence of length 2")
    if scale <= 0.0:
        raise ValueError("Argument scale should be positive")
    if not isinstance(shear, (numbers.Number, list, tuple)):
        raise TypeError("Shear should be either a single value or a sequence of two values")
    _check_angle_and_center(angle, center)


def _transform_pil(
    img: Any, method: str, data: list[float], interpolation: InterpolationMode, fill: Any
) -> Any:
    color = pil_fill(fill, require_pil(img))
    kind = pillow().Transform[method]
    return img.transform(img.size, kind, data, PIL_MODES[interpolation], fillcolor=color)


# ------------------------------------------------------------------------ perspective


def perspective(
    img: Any,
    startpoints: Sequence[Sequence[int]],
    endpoints: Sequence[Sequence[int]],
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """``img`` mapped so that four points move to four others.

    Args:
        startpoints, endpoints: (x, y) of top left, top right, bottom right and bottom left.
        interpolation, fill: as in :func:`rotate`.

    Raises:
        ValueError: not four points each.
    """
    coefficients = perspective_coefficients(startpoints, endpoints)
    interpolation = interpolation_mode(interpolation)
    if not isinstance(img, Tensor):
        return _transform_pil(img, "PERSPECTIVE", coefficients, interpolation, fill)
    check_warp(img, interpolation.value, fill)
    return warp(img, perspective_grid(coefficients, img), interpolation.value, fill)


def perspective_coefficients(
    startpoints: Sequence[Sequence[int]], endpoints: Sequence[Sequence[int]]
) -> list[float]:
    """a … h of the map that takes each end point to its start point (see perspective_grid).

    Raises LinAlgError where three of the end points lie on one line.
    """
    if len(startpoints) != 4 or len(endpoints) != 4:
        raise ValueError(
            f"Please provide exactly four corners, got {len(startpoints)} startpoints and "
            f"{len(endpoints)} endpoints."
        )
    rows = []
    for (x, y), (u, v) in zip(endpoints, startpoints, strict=True):
        rows.append([x, y, 1, 0, 0, 0, -u * x, -u * y])
        rows.append([0, 0, 0, x, y, 1, -v * x, -v * y])
    wanted = tensor(startpoints, dtype=float64).view(8)
    equations = tensor(rows, dtype=float64)
    return linalg.solve(equations, wanted).to(float32).tolist()


# --------------------------------------------------------------------------- elastic


def elastic_transform(
    img: Any,
    displacement: Tensor,
    interpolation: InterpolationMode = InterpolationMode.BILINEAR,
    fill: Any = None,
) -> Any:
    """``img`` with every pixel taken from a place ``displacement`` away.

    Args:
        displacement: (1, H, W, 2), in x and y, where the image is 2 wide and 2 high.
        interpolation, fill: as in :func:`rotate`; "bicubic" as well.

    Raises:
        TypeError: a displacement that is no tensor; ValueError: one of another shape.
    """
    if isinstance(interpolation, int):
        warnings.warn(
            "Argument interpolation should be of type InterpolationMode instead of int. Please, "
            "use InterpolationMode enum.",
            stacklevel=2,
        )
    interpolation = mode_of_int(interpolation)
    if not isinstance(displacement, Tensor):
        raise TypeError("Argument displacement should be a Tensor")
    pixels = img
    if not isinstance(img, Tensor):
        if not is_pil_image(img):
            raise TypeError(f"img should be PIL Image or Tensor. Got {type(img)}")
        pixels = pil_to_tensor(img)
    height, width = pixels.shape[-2:]
    shape = Size((1, height, width, 2))
    if displacement.shape != shape:
        raise ValueError(
            f"Argument displacement shape should be {shape}, but given {displacement.shape}"
        )
    grid = identity_grid(height, width, pixels.device) + displacement.to(pixels.device)
    moved = warp(pixels, grid, interpolation.value, fill)
    return moved if pixels is img else to_pil_image(moved, mode=img.mode)
