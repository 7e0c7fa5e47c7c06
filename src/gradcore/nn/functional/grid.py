"""Sampling a tensor at the points of a grid, and grids of affine maps."""

from __future__ import annotations

import math
import operator
import warnings
from collections.abc import Callable
from typing import Any

from ...ops.operand import require_tensor
from ...ops.registry import FUNCTIONS
from ...ops.resample import gather_weighted

_DEFAULT_CHANGED = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
    "Please specify align_corners=True if the old behavior is desired. See the documentation of "
    "grid_sample for details."
)


def affine_grid(theta: Any, size: Any, align_corners: bool | None = None) -> Any:
    """The points that affine maps ``theta`` send the points of an output of ``size`` to.

    Shapes: theta (N, 2, 3) with size (N, C, H, W) to (N, H, W, 2); theta (N, 3, 4) with size
    (N, C, D, H, W) to (N, D, H, W, 3). Coordinates run from -1 to 1, x first.

    >>> F.affine_grid(torch.eye(2, 3).unsqueeze(0), (1, 1, 1, 2), False).tolist()
    [[[[-0.5, 0.0], [0.5, 0.0]]]]
    """
    if align_corners is None:
        warnings.warn(_DEFAULT_CHANGED, stacklevel=2)
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    n = len(size) - 2
    if n not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    if theta.dim() != 3 or tuple(theta.shape[1:]) != (n, n + 1):
        raise ValueError(
            f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. "
            f"Got {theta.shape}."
        )
    if align_corners and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
            "align_corners=True. This is not an intended use case of affine_grid. See the "
            "documentation of affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    points = _base_points(tuple(size[2:]), align_corners, theta)
    grid = points.unsqueeze(0).expand((theta.shape[0], -1, -1)).matmul(theta.transpose(1, 2))
    return grid.reshape((theta.shape[0], *size[2:], n))


def _base_points(sizes: tuple[int, ...], align_corners: bool, like: Any) -> Any:
    """Homogeneous coordinates of all points: (prod(sizes), n + 1), x first."""
    options = {"dtype": like.dtype, "device": like.device}
    axes = []
    for n in sizes:
        line = FUNCTIONS["linspace"](-1.0, 1.0, n, **options) if n > 1 else like.new_zeros((1,))
        axes.append(line if align_corners or n == 1 else line * ((n - 1) / n))
    columns = FUNCTIONS["meshgrid"](*axes, indexing="ij")
    flat = [column.reshape((-1,)) for column in reversed(columns)]
    return FUNCTIONS["stack"]([*flat, FUNCTIONS["ones_like"](flat[0])], 1)


def grid_sample(
    input: Any,
    grid: Any,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Any:
    """``input`` (N, C, H, W) at the points ``grid`` (N, h, w, 2): (N, C, h, w); or in 3-D.

    Args:
        grid: x, y(, z) with -1 and 1 at the borders.
        mode: "bilinear", "nearest" or (4-D only) "bicubic".
        padding_mode: what lies outside: "zeros", the nearest "border", or its "reflection".
        align_corners: -1 and 1 are the centers of the outermost elements, not their edges.

    >>> image = torch.tensor([[[[0.0, 1.0], [2.0, 3.0]]]])
    >>> F.grid_sample(image, torch.zeros(1, 1, 1, 2), align_corners=False)
    tensor([[[[1.5000]]]])
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(_DEFAULT_CHANGED, stacklevel=2)
        align_corners = False
    _check_grid(input, grid, mode)
    sampler = _Sampler(input, grid, padding_mode, align_corners)
    if mode == "nearest":
        return sampler.nearest()
    return sampler.linear() if mode == "bilinear" else sampler.cubic()


def _check_grid(input: Any, grid: Any, mode: str) -> None:
    require_tensor("grid_sampler", "input", input)
    require_tensor("grid_sampler", "grid", grid, 2)
    if input.dtype != grid.dtype:
        raise RuntimeError(
            "grid_sampler(): expected input and grid to have same dtype, but input has "
            f"{_short(input)} and grid has {_short(grid)}"
        )
    shapes = f"input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}"
    if input.ndim not in (4, 5) or input.ndim != grid.ndim:
        raise RuntimeError(
            "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but "
            f"got {shapes}"
        )
    if input.shape[0] != grid.shape[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, but got {shapes}"
        )
    if grid.shape[-1] != input.ndim - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {input.ndim - 2} in last dimension, but "
            f"got grid with sizes {list(grid.shape)}"
        )
    for axis, n in enumerate(input.shape[2:], 2):
        if n == 0:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input "
                f"has sizes {list(input.shape)} with dimension {axis} being empty"
            )
    if mode == "bicubic" and input.ndim == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


def _short(x: Any) -> str:
    return str(x.dtype).rpartition(".")[2]


# The cubic convolution that interpolate uses (Keys, 1981).
_CUBIC = -0.75


class _Sampler:
    """One call: positions in elements, last spatial dimension first, as the grid has them."""

    def __init__(self, input: Any, grid: Any, padding: str, align_corners: bool) -> None:
        self.sizes = tuple(reversed(input.shape[2:]))
        self.shape = (*input.shape[:2], *grid.shape[1:-1])
        self.flat = input.flatten(2)
        self.padding, self.align = padding, align_corners
        columns = grid.flatten(1, -2).unbind(2)
        self.raw = [self._unnormalize(c, n) for c, n in zip(columns, self.sizes, strict=True)]

    def _unnormalize(self, x: Any, n: int) -> Any:
        return (x + 1) * ((n - 1) / 2) if self.align else ((x + 1) * n - 1) * 0.5

    def _bounded(self, x: Any, n: int) -> Any:
        """Positions moved inside by the padding mode; with zeros they stay where they are."""
        if self.padding == "zeros":
            return x
        if self.padding == "reflection":
            low, high = (0.0, n - 1.0) if self.align else (-0.5, n - 0.5)
            x = _reflect(x, low, high)
        # the gradient at and beyond the border is 0
        inside = (x > 0) & (x < n - 1)
        held = FUNCTIONS["nan_to_num"](x.detach(), -1.0).clamp(0.0, n - 1.0)
        return FUNCTIONS["where"](inside, x, held)

    def _offsets(self, x: Any, axis: int) -> Any:
        """What whole positions along an axis add to the place in ``flat``.

        One outside adds so little that no other axis can make up for it: the sum is negative.
        """
        x, n = x.detach(), self.sizes[axis]
        stride, total = math.prod(self.sizes[:axis]), math.prod(self.sizes)
        inside = (x >= 0) & (x <= n - 1)
        where = FUNCTIONS["where"]
        return where(inside, where(inside, x, 0.0).long() * stride, -total)

    def _sum(self, positions: list[list[Any]], weights: list[list[Any]]) -> Any:
        """The sum of the elements at all combinations of positions, weighted by the products.

        Both lists have for each axis some tensors (N, P); the result is (N, C, P).
        """
        stack = FUNCTIONS["stack"]
        offsets = [self._offsets(stack(along, 1), a) for a, along in enumerate(positions)]
        factors = [stack(along, 1) for along in weights]
        indices, products = _combined(operator.add, offsets), _combined(operator.mul, factors)
        return gather_weighted(self.flat, products, indices).reshape(self.shape)

    def nearest(self) -> Any:
        raw = [x.detach() for x in self.raw]
        places = [self._bounded(x, n) for x, n in zip(raw, self.sizes, strict=True)]
        ones = FUNCTIONS["ones_like"](places[0])
        values = self._sum([[x.round()] for x in places], [[ones]])
        for x in self.raw:
            if x.requires_grad:  # PyTorch's gradients are zero, not missing, in any order
                constant = FUNCTIONS["masked_fill"](x, FUNCTIONS["ones_like"](x).bool(), 1.0)
                values = values * constant.reshape((len(x), 1, *self.shape[2:]))
        return values

    def linear(self) -> Any:
        places = [self._bounded(x, n) for x, n in zip(self.raw, self.sizes, strict=True)]
        floors = [x.detach().floor() for x in places]
        sides = [[low, low + 1] for low in floors]
        weights = [[high - x, x - low] for x, (low, high) in zip(places, sides, strict=True)]
        return self._sum(sides, weights)

    def cubic(self) -> Any:
        floors = [x.detach().floor() for x in self.raw]
        weights = [_cubic_weights(x - low) for x, low in zip(self.raw, floors, strict=True)]
        sides = [
            [self._bounded(low + (k - 1), n) for k in range(4)]
            for low, n in zip(floors, self.sizes, strict=True)
        ]
        return self._sum(sides, weights)


def _combined(function: Callable[[Any, Any], Any], tables: list[Any]) -> Any:
    """``function`` of all combinations of rows: tables (N, K1, P), (N, K2, P) to (N, K1 K2, P)."""
    result = tables[0]
    for table in tables[1:]:
        pairs = function(result.unsqueeze(2), table.unsqueeze(1))
        result = pairs.flatten(1, 2)
    return result


def _reflect(x: Any, low: float, high: float) -> Any:
    """x mirrored at both ends until it is between them."""
    span = high - low
    if span <= 0:
        return x * 0
    distance = (x - low).abs()
    flips = (distance.detach() / span).floor()
    extra = distance - flips * span
    return FUNCTIONS["where"](flips % 2 == 0, extra + low, span - extra + low)


def _cubic_weights(t: Any) -> list[Any]:
    """The weights of the elements at -1, 0, 1 and 2 for a point at t in [0, 1)."""
    a = _CUBIC

    def near(d: Any) -> Any:
        return ((a + 2) * d - (a + 3)) * d * d + 1

    def far(d: Any) -> Any:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]
