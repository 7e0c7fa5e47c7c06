"""The adjoint of convolution in the weight, as products of pixels.

The padded input is stored pixel by pixel, all channels of one side by side. A row of the kernel
then reads kernel width x channels neighbouring numbers, and its gradient is a sum over the output
positions of one number of every output channel times those: the same inner loop as the forward
map's, with the gradient, which is read where it is, for the weights.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from ..conv_geometry import Geometry
from ..threads import get_num_threads
from .calls import Call, scratch_memory
from .loops import Kernel, Pointer
from .products import Block, lanes, remainders
from .values import FLOAT32, Value

_ROWS, _VECTORS = 8, 3
_PRODUCTS_PER_NS = 60.0
_SLACK = 64

_SIZES = (
    "channels outputs groups height width out_height out_width stride_y stride_x top left "
    "kernel_rows dilation_y pitch padded_rows length row_size pixels_size chunk scratch_size"
).split()


def _store_pixels(kernel: Kernel, x: Pointer, pixels: Pointer, at: dict[str, Value]) -> None:
    """Write one image's channels of a group side by side, pixel by pixel, with the padding."""
    channels = at["channels"] // at["groups"]
    zero = kernel.constant(0, FLOAT32)
    with kernel.loop(0, at["padded_rows"]) as row:
        y = row - at["top"]
        inside = (y >= 0) & (y < at["height"])
        target = pixels + row * (at["pitch"] * channels)
        with kernel.loop(0, at["pitch"] * channels, parallel=True) as i:
            target[i] = zero
        with kernel.when(inside), kernel.loop(0, channels) as c:
            source = x + (c * at["height"] + y) * at["width"]
            inner = target + (at["left"] * channels + c)
            with kernel.loop(0, at["width"], parallel=True) as i:
                inner[i * channels] = source[i]


def _add_row(
    kernel: Kernel,
    block: Block,
    pixels: Pointer,
    gradient: Pointer,
    total: Pointer,
    at: dict[str, Value],
) -> None:
    """Add a block of one kernel row's gradient, of one image."""
    channels = at["channels"] // at["groups"]
    plane = at["out_height"] * at["out_width"]
    block.load(total, at["row_size"])
    with kernel.loop(0, at["out_height"]) as y:
        line = pixels + y * (at["stride_y"] * at["pitch"] * channels)
        numbers = gradient + y * at["out_width"]
        with kernel.loop(0, at["out_width"]) as x:
            block.add_products(line + x * (at["stride_x"] * channels), numbers + x, plane)
    block.store(total, at["row_size"])


@cache
def _kernel() -> Call:
    """Compiled: the gradients of a chunk of images, added up, one sum per chunk."""
    kernel = Kernel()
    x, g, scratch = (kernel.array(FLOAT32) for _ in range(3))
    at = {name: kernel.integer_argument() for name in _SIZES}
    width = lanes()
    blocks = {
        vectors: [Block(kernel, rows, vectors, width) for rows in remainders(_ROWS)]
        for vectors in range(_VECTORS, 0, -1)
    }
    own = scratch + kernel.start // at["chunk"] * at["scratch_size"]
    sums = own + at["pixels_size"]
    in_channels = at["channels"] // at["groups"]
    out_channels = at["outputs"] // at["groups"]
    with kernel.loop(0, at["scratch_size"] - at["pixels_size"], parallel=True) as i:
        sums[i] = kernel.constant(0, FLOAT32)
    with kernel.loop(kernel.start, kernel.stop) as n, kernel.loop(0, at["groups"]) as group:
        channel = n * at["channels"] + group * in_channels
        _store_pixels(kernel, x + channel * (at["height"] * at["width"]), own, at)
        with kernel.loop(0, at["kernel_rows"]) as row:
            pixels = own + row * (at["dilation_y"] * at["pitch"] * in_channels)
            column = kernel.variable(kernel.whole(0))
            for vectors, of_height in blocks.items():
                with kernel.loop(0, (at["row_size"] - column.value) // (vectors * width)):
                    done = kernel.variable(kernel.whole(0))
                    for block in of_height:
                        with kernel.loop(0, (out_channels - done.value) // block.rows):
                            output = group * out_channels + done.value
                            plane = at["out_height"] * at["out_width"]
                            gradient = g + (n * at["outputs"] + output) * plane
                            total = sums + (
                                (row * at["outputs"] + output) * at["row_size"] + column.value
                            )
                            _add_row(kernel, block, pixels + column.value, gradient, total, at)
                            done.add(kernel.whole(block.rows))
                    column.add(kernel.whole(vectors * width))
    return Call(kernel, arrays=3, numbers=len(_SIZES))


def run(x: np.ndarray, g: np.ndarray, geometry: Geometry) -> np.ndarray:
    """The gradient of the weight (O, C/groups, kh, kw), for a horizontal dilation of 1.

    Args:
        x: C-contiguous input (N, C, H, W).
        g: C-contiguous gradient of the output (N, O, *out).
        geometry: with two spatial dimensions.
    """
    (kh, kw), (sh, sw) = geometry.kernel, geometry.stride
    channels = geometry.channels // geometry.groups
    pitch = max(geometry.size[1] + geometry.padding[1], (geometry.out[1] - 1) * sw + kw)
    rows = max(
        geometry.size[0] + geometry.padding[0],
        (geometry.out[0] - 1) * sh + (kh - 1) * geometry.dilation[0] + 1,
    )
    length = kw * channels
    row_size = -(-length // lanes()) * lanes()
    pixels = rows * pitch * channels + _SLACK
    size = pixels + kh * geometry.outputs * row_size
    chunks = min(get_num_threads(), geometry.batch)
    chunk = -(-geometry.batch // chunks)
    chunks = -(-geometry.batch // chunk)
    scratch = scratch_memory(chunks * size)
    numbers = (
        geometry.channels, geometry.outputs, geometry.groups, *geometry.size, *geometry.out,
        *geometry.stride, *geometry.padding, kh, geometry.dilation[0], pitch, rows, length,
        row_size, pixels, chunk, size,
    )  # fmt: skip
    products = g.size * length * kh
    single = _kernel()((x, g, scratch), numbers, geometry.batch, chunk, products / _PRODUCTS_PER_NS)
    sums = scratch[: chunks * size].reshape(chunks, size)[: 1 if single else chunks, pixels:]
    total = sums[0] if len(sums) == 1 else np.add.reduce(sums)
    total = total.reshape(kh, geometry.outputs, row_size)[..., :length]
    total = total.reshape(kh, geometry.outputs, kw, channels)
    return np.ascontiguousarray(total.transpose(1, 3, 0, 2))
