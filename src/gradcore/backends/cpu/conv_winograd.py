"""Winograd's F(4x4, 3x3): 3x3 convolutions of stride 1 with 36 products per 16 outputs, not 144.

A 4x4 tile of outputs is `A^T [(G w G^T) * (B^T d B)] A` for its 6x6 tile `d` of inputs (Lavin and
Gray, "Fast Algorithms for Convolutional Neural Networks", 2015). Summed over channels, the products
in the middle are 36 independent matrix products, one per frequency. The transforms are matrix
products as well, and arranged so that nothing is ever transposed, padded or unfolded by a copy:

    input    along W: (6 Tw, W) x (images C H, W)^T, then along H: (6 Th, H) x (Tw images C, H)^T
             gives (6, 6, Th, Tw, images, C): per frequency a matrix tiles x C
    middle   tiles x C times C x O per frequency
    output   (36, tiles O)^T x (36, 16): every tile's 16 outputs side by side

The first two matrices are banded, with B^T repeated along the diagonal; padding and cropping only
change which of their columns exist. Dense as they are for BLAS, they take 35 to 50 ns a tile and
channel; gathering the overlapping tiles for one 36x36 product takes 70.

In float32 the result is about 3 times less accurate than that of the plain sum (1e-5 of the largest
value), and an infinity would spread NaN over its whole plane: results that are not finite
are refused, and the caller takes the plain sum.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from gradcore.backends.cpu.conv_geometry import Geometry, Scratch, place
from gradcore.backends.cpu.memory import empty
from gradcore.backends.cpu.threads import get_num_threads, parallel_for

__all__ = ["winograd_conv", "winograd_conv_input", "winograd_conv_weight", "winograd_pays"]

_INPUT = np.array(  # B^T
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.float32,
)
_WEIGHT = np.array(  # G
    [
        [1 / 4, 0, 0],
        [-1 / 6, -1 / 6, -1 / 6],
        [-1 / 6, 1 / 6, -1 / 6],
        [1 / 24, 1 / 12, 1 / 6],
        [1 / 24, -1 / 12, 1 / 6],
        [0, 0, 1],
    ],
    np.float32,
)
_OUTPUT = np.array(  # A^T
    [
        [1, 1, 1, 1, 1, 0],
        [0, 1, -1, 2, -2, 0],
        [0, 1, 1, 4, 4, 0],
        [0, 1, -1, 8, -8, 1],
    ],
    np.float32,
)
_TRANSFORMS = {"input": _INPUT, "output": _OUTPUT.T}  # tiles (6 or 4 wide) to 6 frequencies
_FREQUENCIES = 36

# The frequency index is (along W, along H), positions are (row, column): hence the transposes.
_WEIGHT_2D = np.einsum("vj,ui->vuij", _WEIGHT, _WEIGHT).reshape(_FREQUENCIES, 9)
_OUTPUT_2D = np.einsum("bv,au->vuab", _OUTPUT, _OUTPUT).reshape(_FREQUENCIES, 16)
# The bias comes in as a 37th frequency that every output takes as it is.
_OUTPUT_BIAS = np.vstack([_OUTPUT_2D, np.ones((1, 16), np.float32)])

# Most tiles along an axis that are transformed at once: the dense transform costs in proportion.
_MOST_TILES = 8
# Bytes of the transformed input of one block.
_BLOCK_BYTES = 1024 * 1024

# Weights (3x3) that are transformed at once: 0.6 MB.
_WEIGHTS = 4096
# Transformed weights of more bytes are read once for all tiles, not once for each block.
_WIDE_BYTES = 1024 * 1024
# Bytes of the transformed input of all tiles that are computed at once with wide weights.
_WIDE_BLOCK_BYTES = 8 * 1024 * 1024

_scratch = Scratch()


def winograd_pays(geometry: Geometry) -> bool:
    """Whether the kernels here apply and the products saved outweigh the transforms.

    Measured on one thread: the plain sum costs 0.13 ns for each output position, C and O; a tile's
    36 products 0.53 ns for each C and O and its transforms 40 ns for each C and 20 ns for each O;
    transforming the weight 20 to 27 ns for each C and O, once.
    """
    if geometry.kernel != (3, 3) or not geometry.is_plain() or geometry.groups != 1:
        return False
    c, o, (height, width) = geometry.channels, geometry.outputs, geometry.out
    tiles = geometry.batch * -(-height // 4) * -(-width // 4)
    plain = 0.13 * geometry.batch * height * width * c * o
    return plain > tiles * (0.53 * c * o + 40 * c + 20 * o) + 24 * c * o


class _Block(NamedTuple):
    """Images first:last, and of their planes tiles top:bottom by left:right."""

    first: int
    last: int
    top: int
    bottom: int
    left: int
    right: int

    @property
    def images(self) -> int:
        return self.last - self.first

    @property
    def tiles(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left


def _cuts(tiles: int) -> list[tuple[int, int]]:
    """Even pieces of at most `_MOST_TILES`."""
    pieces = -(-tiles // _MOST_TILES)
    return [(tiles * i // pieces, tiles * (i + 1) // pieces) for i in range(pieces)]


@lru_cache(maxsize=256)
def _blocks(batch: int, out: tuple[int, int], channels: int, threads: int) -> list[_Block]:
    """Blocks whose transformed input fits `_BLOCK_BYTES`, at least one for each thread."""
    rows, columns = (_cuts(-(-n // 4)) for n in out)
    tiles = rows[0][1] * columns[0][1]
    share = -(-batch // threads)
    images = max(1, min(_BLOCK_BYTES // (_FREQUENCIES * tiles * channels * 4), share))
    # Fewer than 32 rows leave the products waiting for the transformed weight.
    images = min(max(images, 32 // tiles), share)
    return [
        _Block(first, min(first + images, batch), *row, *column)
        for first in range(0, batch, images)
        for row in rows
        for column in columns
    ]


@lru_cache(maxsize=256)
def _band(kind: str, tiles: int, size: int, origin: int) -> np.ndarray:
    """(6 tiles, size): row (frequency, tile) takes its tile's elements, 4 tile + origin + ..."""
    transform = _TRANSFORMS[kind]
    taps = transform.shape[1]
    band = np.zeros((6, tiles, size), np.float32)
    for tile in range(tiles):
        start = 4 * tile + origin
        low, high = max(0, start), min(size, start + taps)
        if low < high:
            band[:, tile, low:high] = transform[:, low - start : high - start]
    return band.reshape(6 * tiles, size)


class _Transform:
    """Tiles of planes (H, W) to their 36 frequencies.

    Args:
        kind: "input", or "output" for gradients of outputs; also names the result's scratch buffer.
        size: (H, W) of the planes.
        origin: where the first tile begins, (row, column); negative where there is padding.
    """

    def __init__(self, kind: str, size: tuple[int, ...], origin: tuple[int, int]) -> None:
        self.kind, self.size, self.origin = kind, size, origin

    def bands(self, rows: int, columns: int, height: int, width: int) -> tuple:
        """The matrices along W and along H of whole planes."""
        top, left = self.origin
        return _band(self.kind, columns, width, left), _band(self.kind, rows, height, top)

    def _planes(self, x: np.ndarray, block: _Block) -> tuple[np.ndarray, tuple[int, int]]:
        """The part of `x` (N, C, H, W) that the block reads, and where its first tile begins."""
        images = x[block.first : block.last]
        if all(4 * t >= n for t, n in zip(block.tiles, self.size, strict=True)):
            return images, self.origin
        taps = _TRANSFORMS[self.kind].shape[1]
        extent = tuple(4 * (t - 1) + taps for t in block.tiles)
        origin = (4 * block.top + self.origin[0], 4 * block.left + self.origin[1])
        part = _scratch.get("part", (*images.shape[:2], *extent), x.dtype)
        place(part, images, origin, axis=2)
        return part, (0, 0)

    def __call__(self, x: np.ndarray, block: _Block) -> np.ndarray:
        """(36, tiles * images, C) of the block's tiles of C-contiguous `x`."""
        planes, (top, left) = self._planes(x, block)
        images, channels, height, width = planes.shape
        rows, columns = block.tiles
        along_w = _band(self.kind, columns, width, left)
        along_h = _band(self.kind, rows, height, top)
        half = _scratch.get("half", (6 * columns, images * channels * height), x.dtype)
        np.matmul(along_w, planes.reshape(-1, width).T, out=half)
        half = half.reshape(6, columns * images * channels, height)
        full = _scratch.get(self.kind, (6, 6 * rows, half.shape[1]), x.dtype)
        np.matmul(along_h, half.transpose(0, 2, 1), out=full)
        return full.reshape(_FREQUENCIES, rows * columns * images, channels)


def _transform_weight(w: np.ndarray, turned: bool = False) -> np.ndarray:
    """(rows, columns, 3, 3) to (36, rows, columns); `turned` by half a turn before."""
    rows, columns = w.shape[:2]
    matrix = _WEIGHT_2D[:, ::-1].copy() if turned else _WEIGHT_2D
    result = empty((_FREQUENCIES, rows, columns), w.dtype)
    step = max(1, _WEIGHTS // columns)

    def work(start: int, stop: int) -> None:
        for first in range(start, stop, step):
            last = min(first + step, stop)
            part = np.ascontiguousarray(w[first:last]).reshape(-1, 9)
            np.matmul(matrix, part.T, out=result[:, first:last].reshape(_FREQUENCIES, -1))

    parallel_for(work, rows, step)
    return result


def _correlate(
    x: np.ndarray,
    weight: np.ndarray,
    b: np.ndarray | None,
    out: np.ndarray,
    origin: tuple[int, int],
) -> bool:
    """Fill `out` (N, O, *out) from `x` (N, C, H, W) and `weight` (36, C, O); False if not finite.

    Output (i, j) reads inputs from (i, j) + origin on.
    """
    transform = _Transform("input", x.shape[2:], origin)
    if weight.nbytes > _WIDE_BYTES and max(out.shape[2:]) <= 4 * _MOST_TILES:
        return _correlate_wide(transform, x, weight, b, out)
    blocks = _blocks(x.shape[0], out.shape[2:], x.shape[1], get_num_threads())
    outputs = out.shape[1]
    finite = []

    def work(start: int, stop: int) -> None:
        for block in blocks[start:stop]:
            tiles = transform(x, block)
            count = _FREQUENCIES + (b is not None)
            products = _scratch.get("products", (count, tiles.shape[1], outputs), x.dtype)
            np.matmul(tiles, weight, out=products[:_FREQUENCIES])
            if b is not None:
                products[_FREQUENCIES] = b
            matrix = _OUTPUT_2D if b is None else _OUTPUT_BIAS
            result = _scratch.get("result", (tiles.shape[1] * outputs, 16), x.dtype)
            np.matmul(products.reshape(count, -1).T, matrix, out=result)
            flat = result.reshape(-1)
            finite.append(np.isfinite(np.dot(flat, flat)))
            _write_tiles(result, out, block)

    parallel_for(work, len(blocks), 1)
    return all(finite)


def _correlate_wide(
    transform: _Transform, x: np.ndarray, weight: np.ndarray, b: np.ndarray | None, out: np.ndarray
) -> bool:
    """`_correlate` where the weight is large and the planes are small.

    Threads share the frequencies, not the images: each reads half of the weight, once, and its
    products have all tiles as rows (32 rows: 51 GFLOP/s, 64: 93).
    """
    rows, columns = (-(-n // 4) for n in out.shape[2:])
    image_bytes = _FREQUENCIES * rows * columns * x.shape[1] * x.itemsize
    step = max(1, _WIDE_BLOCK_BYTES // image_bytes)
    finite = []
    for first in range(0, x.shape[0], step):
        block = _Block(first, min(first + step, x.shape[0]), 0, rows, 0, columns)
        products = _wide_products(transform, x, weight, b, block)
        finite.append(_write_wide(products, out, block))
    return all(finite)


def _wide_products(
    transform: _Transform, x: np.ndarray, weight: np.ndarray, b: np.ndarray | None, block: _Block
) -> np.ndarray:
    """(36, tiles * images, O), and the bias as a 37th; scratch of the calling thread."""
    images = x[block.first : block.last]
    batch, channels, height, width = images.shape
    rows, columns = block.tiles
    along_w, along_h = transform.bands(rows, columns, height, width)
    half = _scratch.get("wide_half", (6 * columns, batch * channels * height), x.dtype)
    half_planes = half.reshape(6, columns * batch * channels, height).transpose(0, 2, 1)
    full = _scratch.get("wide_full", (6, 6 * rows, half_planes.shape[2]), x.dtype)
    tiles = full.reshape(_FREQUENCIES, -1, channels)
    count = _FREQUENCIES + (b is not None)
    products = _scratch.get("wide_products", (count, tiles.shape[1], weight.shape[2]), x.dtype)
    if b is not None:
        products[_FREQUENCIES] = b

    def first_axis(start: int, stop: int) -> None:
        target = half[:, start * channels * height : stop * channels * height]
        np.matmul(along_w, images[start:stop].reshape(-1, width).T, out=target)

    def second_axis_and_products(start: int, stop: int) -> None:
        np.matmul(along_h, half_planes[start:stop], out=full[start:stop])
        some = slice(6 * start, 6 * stop)
        np.matmul(tiles[some], weight[some], out=products[some])

    parallel_for(first_axis, batch, -(-batch // get_num_threads()))
    parallel_for(second_axis_and_products, 6, -(-6 // get_num_threads()))
    return products


def _write_wide(products: np.ndarray, out: np.ndarray, block: _Block) -> bool:
    """Transform products back into `out`; False if they are not finite."""
    matrix = _OUTPUT_2D if products.shape[0] == _FREQUENCIES else _OUTPUT_BIAS
    rows = block.tiles[0]
    flat = products.reshape(products.shape[0], rows, -1)
    finite = []

    def work(start: int, stop: int) -> None:
        some = flat[:, start:stop].reshape(flat.shape[0], -1)
        result = _scratch.get("result", (some.shape[1], 16), out.dtype)
        np.matmul(some.T, matrix, out=result)
        values = result.reshape(-1)
        finite.append(np.isfinite(np.dot(values, values)))
        _write_tiles(result, out, block._replace(top=start, bottom=stop))

    parallel_for(work, rows, -(-rows // get_num_threads()))
    return all(finite)


def _write_tiles(result: np.ndarray, out: np.ndarray, block: _Block) -> None:
    """Put tiles (Th, Tw, images, O, 4, 4) where they belong in `out` (N, O, H, W)."""
    rows, columns = block.tiles
    part = out[block.first : block.last, :, 4 * block.top : 4 * block.bottom]
    part = part[..., 4 * block.left : 4 * block.right]
    images, outputs, height, width = part.shape
    whole = out.shape[3] % 4 == 0 and height == 4 * rows
    target = part if whole else _scratch.get("whole", (images, outputs, 4 * rows, 4 * columns),
                                             out.dtype)  # fmt: skip
    # A row of a tile is 16 bytes and moves as one complex number: 4 times fewer elements.
    source = result.view(np.complex128).reshape(rows, columns, images, outputs, 4)
    into = target.view(np.complex128).reshape(images, outputs, rows, 4, columns)
    np.copyto(into.transpose(2, 4, 0, 1, 3), source)
    if not whole:
        np.copyto(part, target[:, :, :height, :width])


def winograd_conv(
    x: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry
) -> np.ndarray | None:
    """Cross-correlation, or None if the result is not finite."""
    out = empty((geometry.batch, geometry.outputs, *geometry.out), x.dtype)
    top, left = geometry.padding
    weight = _transform_weight(w.swapaxes(0, 1))
    if _correlate(np.ascontiguousarray(x), weight, b, out, (-top, -left)):
        return out
    return None


def winograd_conv_input(
    g: np.ndarray, w: np.ndarray, b: np.ndarray | None, geometry: Geometry
) -> np.ndarray | None:
    """Adjoint in the input, or None if it is not finite: a correlation with the turned kernel."""
    out = empty((geometry.batch, geometry.channels, *geometry.size), g.dtype)
    top, left = geometry.padding
    weight = _transform_weight(w, turned=True)
    if _correlate(np.ascontiguousarray(g), weight, b, out, (top - 2, left - 2)):
        return out
    return None


def winograd_conv_weight(x: np.ndarray, g: np.ndarray, geometry: Geometry) -> np.ndarray | None:
    """Adjoint in the weight, or None if it is not finite.

    The adjoint of each step: outputs' gradients to frequencies by A, products with the transformed
    input summed over tiles, and back to 3x3 by G^T.
    """
    top, left = geometry.padding
    of_input = _Transform("input", geometry.size, (-top, -left))
    of_output = _Transform("output", geometry.out, (0, 0))
    x, g = np.ascontiguousarray(x), np.ascontiguousarray(g)
    most = max(geometry.channels, geometry.outputs)
    blocks = _blocks(geometry.batch, geometry.out, most, get_num_threads())
    sums: dict[int, np.ndarray] = {}

    def work(start: int, stop: int) -> None:
        shape = (_FREQUENCIES, geometry.outputs, geometry.channels)
        total = _scratch.get("total", shape, x.dtype)
        for number, block in enumerate(blocks[start:stop]):
            tiles, gradients = of_input(x, block), of_output(g, block)
            target = _scratch.get("part_total", shape, x.dtype) if number else total
            np.matmul(gradients.transpose(0, 2, 1), tiles, out=target)
            if number:
                np.add(total, target, out=total)
        sums[start] = total.reshape(_FREQUENCIES, -1).T @ _WEIGHT_2D

    parallel_for(work, len(blocks), 1)
    first, *others = (sums[start] for start in sorted(sums))
    for other in others:
        first += other
    if not np.isfinite(np.dot(first.reshape(-1), first.reshape(-1))):
        return None
    return first.reshape(geometry.outputs, geometry.channels, 3, 3)
