"""Resizing: nearest, linear, cubic and area interpolation in one to three dimensions."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

from ...ops import resample as R
from ...ops.operand import require_tensor
from ...ops.pool import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from ...ops.promotion import name_of

_AREA = {1: adaptive_avg_pool1d, 2: adaptive_avg_pool2d, 3: adaptive_avg_pool3d}
_NEAREST = ("nearest", "nearest-exact")
# mode: number of spatial dimensions
_SMOOTH = {"linear": (1,), "bilinear": (2,), "bicubic": (2,), "trilinear": (3,), "lanczos": (2,)}


def interpolate(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Any:
    """``input`` (N, C, *sizes) with its 1, 2 or 3 spatial dimensions resized.

    Args:
        size, scale_factor: one of them; a number or one per dimension.
        mode: "nearest", "nearest-exact", "area", "linear" (3-D input), "bilinear", "bicubic",
            "lanczos" (4-D) or "trilinear" (5-D).
        align_corners: the corner elements' centers keep their place, for the modes of the last
            two kinds.
        recompute_scale_factor: compute positions from the sizes, not from ``scale_factor``.
        antialias: filter while shrinking; "bilinear", "bicubic" and "lanczos" only.

    Raises:
        ValueError: arguments that contradict each other.
        NotImplementedError: a mode for another rank.

    >>> F.interpolate(torch.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    require_tensor("interpolate", "input", input)
    if mode in (*_NEAREST, "area"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | "
                "bilinear | bicubic | trilinear"
            )
    align_corners = bool(align_corners)
    sizes, scales = _sizes(input, size, scale_factor)
    if recompute_scale_factor and size is not None:
        raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
    if recompute_scale_factor or mode == "area":
        scales = (None,) * len(sizes)
    if antialias and not (mode in R.ANTIALIASED and input.ndim == 4):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )
    _check_mode(input, mode, align_corners, antialias)
    _check_sizes(input, sizes)
    if mode == "area":
        return _AREA[len(sizes)](input, sizes)
    taps = _taps(mode, align_corners, antialias)
    return _resized(input, mode, [taps(n, m, s) for n, m, s in
                                  zip(input.shape[2:], sizes, scales, strict=True)])  # fmt: skip


def _sizes(input: Any, size: Any, scale_factor: Any) -> tuple[tuple[int, ...], tuple]:
    """The output's sizes, and the scale factors or Nones."""
    ndim = input.ndim - 2
    spatial = list(input.shape[2:])
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    if size is not None:
        sizes = tuple(size) if isinstance(size, (list, tuple)) else (size,) * ndim
        if len(sizes) != ndim:
            raise ValueError(
                "Input and output must have the same number of spatial dimensions, but got input "
                f"with spatial dimensions of {spatial} and output size of {size}. Please provide "
                "input tensor in (N, C, d1, d2, ...,dK) format and output size in (o1, o2, ...,oK) "
                "format."
            )
        if not all(hasattr(n, "__index__") for n in sizes):
            raise TypeError(
                "expected size to be one of int or Tuple[int] or Tuple[int, int] or Tuple[int, "
                f"int, int], but got size with types {[type(n) for n in sizes]}"
            )
        return tuple(int(n) for n in sizes), (None,) * ndim
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    scales = tuple(scale_factor) if isinstance(scale_factor, (list, tuple)) else None
    scales = (scale_factor,) * ndim if scales is None else scales
    if len(scales) != ndim:
        raise ValueError(
            "Input and scale_factor must have the same number of spatial dimensions, but got input "
            f"with spatial dimensions of {spatial} and scale_factor of shape {scale_factor}. "
            "Please provide input tensor in (N, C, d1, d2, ...,dK) format and scale_factor in "
            "(s1, s2, ...,sK) format."
        )
    sizes = tuple(math.floor(n * float(s)) for n, s in zip(spatial, scales, strict=True))
    return sizes, tuple(float(s) for s in scales)


def _check_mode(input: Any, mode: str, align_corners: bool, antialias: bool) -> None:
    ndim = input.ndim - 2
    if mode in (*_NEAREST, "area") and ndim in (1, 2, 3):
        return
    if mode in _SMOOTH and ndim in (1, 2, 3):
        (wanted,) = _SMOOTH[mode]
        if ndim == wanted:
            if mode == "lanczos" and align_corners:
                raise ValueError("Lanczos mode does not support align_corners=True")
            if mode == "lanczos" and not antialias:
                raise ValueError("Lanczos mode requires antialias=True")
            return
        if mode in ("linear", "bilinear", "trilinear"):
            raise NotImplementedError(
                f"Got {input.ndim}D input, but {mode} mode needs {wanted + 2}D input"
            )
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {input.ndim}D) for the "
        "modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | nearest-exact "
        f"(got {mode})"
    )


def _check_sizes(input: Any, sizes: tuple[int, ...]) -> None:
    spatial = tuple(input.shape[2:])
    if min(sizes) <= 0 or 0 in spatial:
        names = ("D", "H", "W")[-len(sizes) :]
        given = ", ".join(f"{name}: {n}" for name, n in zip(names, spatial, strict=True))
        wanted = ", ".join(f"{name}: {n}" for name, n in zip(names, sizes, strict=True))
        raise RuntimeError(
            "Input and output sizes should be greater than 0, but got input "
            f"({given}) output ({wanted})"
        )
    if 0 in input.shape[1:2]:
        raise RuntimeError(
            f"Non-empty {input.ndim}D data tensor expected but got a tensor with sizes "
            f"{list(input.shape)}"
        )


def _taps(mode: str, align_corners: bool, antialias: bool) -> Callable[..., R.Taps]:
    """A function of (inputs, outputs, scale)."""
    if mode in _NEAREST:
        return lambda n, m, s: R.nearest_taps(n, m, mode == "nearest-exact", s)
    if antialias:
        return lambda n, m, s: R.antialias_taps(n, m, mode, align_corners, s)
    table = R.cubic_taps if mode == "bicubic" else R.linear_taps
    return lambda n, m, s: table(n, m, align_corners, s)


def _resized(input: Any, mode: str, tables: list[R.Taps]) -> Any:
    dtype = input._array.dtype
    integers = dtype.kind in "biuc" and mode not in _NEAREST
    if integers and dtype.name != "uint8":
        raise NotImplementedError(
            f"\"compute_indices_weights_{mode}\" not implemented for '{name_of(dtype)}'"
        )
    x = input.float() if integers else input
    for axis, taps in sorted(enumerate(tables, 2), key=_order):
        if mode not in _NEAREST and taps.is_identity:
            continue
        x = R.resample(x, axis=axis, taps=taps)
    if integers:
        return x.round().clamp(0, 255).to(input.dtype)
    return x.clone() if x is input else x


def _order(axis_and_taps: tuple[int, R.Taps]) -> tuple[bool, int]:
    """Shrinking axes come first; the last axis, the slow one, where the array is smallest."""
    axis, taps = axis_and_taps
    grows = taps.outputs > taps.inputs
    return grows, -axis if grows else axis


# ------------------------------------------------------------------------- old names


def _warn(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


def upsample(
    input: Any,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Any:
    """The old name of :func:`interpolate`.

    >>> F.upsample(torch.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    _warn("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """``interpolate(mode="nearest")``.

    >>> F.upsample_nearest(torch.tensor([[[1.0, 2.0]]]), scale_factor=2)
    tensor([[[1., 1., 2., 2.]]])
    """
    _warn("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Any, size: Any = None, scale_factor: Any = None) -> Any:
    """``interpolate(mode="bilinear", align_corners=True)``.

    >>> F.upsample_bilinear(torch.tensor([[[[1.0, 3.0]]]]), size=(1, 3))
    tensor([[[[1., 2., 3.]]]])
    """
    _warn("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
