"""Convolution as sums of shifted lines: the forward map and its adjoint in the input.

A padded image is one line of numbers per channel, its rows one after the other. Then the output is,
for whole lines, a sum over channels and kernel positions of a weight times the input's line from
some offset on: the inner loop of a matrix product that reads its rows where they are. No unfolding,
and the positions between two rows, which compute nothing of use, are few: one in W + 1 for a 3x3
kernel. With stride s the input is stored as s x s images of every s-th row and column, and each
kernel position reads one of them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from ..threads import get_num_threads
from . import team
from .calls import Call, scratch_memory
from .loops import Kernel, Pointer
from .products import Block, lanes, remainders
from .values import FLOAT32, INT64, Value, maximum, minimum

_ROWS, _VECTORS = 8, 3
# float32 numbers of the padded input that a thread works on at once: half of a 2 MB L2 cache.
_CACHED = 1 << 17
# Channels times kernel positions at a time: their weights and lines stay in the L1 cache.
_TAPS = 288
# On one thread, at worst.
_PRODUCTS_PER_NS = 60.0
# What may be read beyond the last position of a line.
_SLACK = 64


@dataclass(frozen=True)
class Lines:
    """A sum over shifted lines, with two spatial dimensions.

    Output (y, x) is the sum over taps t of ``weight[o, c, t]`` times source
    ``(y * stride + row, x * stride + column)`` with (row, column) = ``offsets[t]``, which may lie
    outside: there the source is zero.

    Attributes:
        batch, channels, outputs, groups: sizes.
        size: of the source.
        out: size of the output.
        stride: of the source per output.
        offsets: (row, column) of every tap.
    """

    batch: int
    channels: int
    outputs: int
    groups: int
    size: tuple[int, int]
    out: tuple[int, int]
    stride: tuple[int, int]
    offsets: tuple[tuple[int, int], ...]

    @cached_property
    def origin(self) -> tuple[int, int]:
        """The source position of the first padded row and column."""
        return min(r for r, _ in self.offsets), min(c for _, c in self.offsets)

    @cached_property
    def shifts(self) -> list[tuple[int, int, int]]:
        """(phase, row, column) of every tap in the padded source."""
        found = []
        for offset in self.offsets:
            (py, row), (px, column) = (
                divmod(at - low, s)[::-1]
                for at, low, s in zip(offset, self.origin, self.stride, strict=True)
            )
            found.append((py * self.stride[1] + px, row, column))
        return found

    @cached_property
    def phases(self) -> int:
        return self.stride[0] * self.stride[1]

    @cached_property
    def pitch(self) -> int:
        """From a padded row to the next."""
        return self.out[1] + max(column for _, _, column in self.shifts)

    @cached_property
    def extra_rows(self) -> int:
        """Padded rows beyond those of the output."""
        return max(row for _, row, _ in self.shifts)

    @cached_property
    def blocking(self) -> tuple[int, int]:
        """How many images and how many of their output rows are computed at once."""
        depth = self.channels // self.groups * self.phases * self.pitch
        rows = self.out[0]
        if depth * (rows + self.extra_rows) > _CACHED:
            rows = min(rows, max(4, _CACHED // depth - self.extra_rows))
            return 1, rows
        images = _CACHED // (depth * (rows + self.extra_rows))
        return max(1, min(images, -(-self.batch // 4))), rows

    @cached_property
    def line(self) -> int:
        """Numbers in a line of the padded source, of one channel and phase."""
        images, rows = self.blocking
        return images * (rows + self.extra_rows) * self.pitch + _SLACK

    @cached_property
    def reads(self) -> np.ndarray:
        """Where each channel and tap of a group reads, relative to the output position."""
        channels = np.arange(self.channels // self.groups)[:, None] * self.phases
        at = [phase * self.line + row * self.pitch + column for phase, row, column in self.shifts]
        return (channels * self.line + np.array(at)).astype(np.int64).ravel()

    @cached_property
    def scratch(self) -> int:
        """Numbers of scratch memory per thread: the padded source and a block of output lines."""
        return self.channels // self.groups * self.phases * self.line + _ROWS * self.line + _SLACK

    @property
    def items(self) -> int:
        """Blocks of images and rows."""
        images, rows = self.blocking
        return -(-self.batch // images) * -(-self.out[0] // rows)


def _pad(kernel: Kernel, x: Pointer, padded: Pointer, at: dict[str, Value]) -> None:
    """Write the padded lines of one channel of one image, phase by phase.

    `x` is the channel's image; `padded` the channel's first line, at the image's first row.
    """
    zero = kernel.constant(0, FLOAT32)
    with kernel.loop(0, at["stride_y"]) as py, kernel.loop(0, at["stride_x"]) as px:
        lines = padded + (py * at["stride_x"] + px) * at["line"]
        column = px + at["left"]
        # columns from first to last lie inside the image
        step = at["stride_x"]
        first = _clamp(_ceil_divide(-column, step), at["pitch"])
        last = _clamp(_ceil_divide(at["width"] - column, step), at["pitch"])
        with kernel.loop(0, at["padded_rows"]) as row:
            target = lines + row * at["pitch"]
            y = (at["first_row"] + row) * at["stride_y"] + py + at["top"]
            inside = (y >= 0) & (y < at["height"])
            with kernel.when(inside):
                source = x + (y * at["width"] + column)
                with kernel.loop(0, first, parallel=True) as i:
                    target[i] = zero
                with kernel.when(step == 1), kernel.loop(first, last, parallel=True) as i:
                    target[i] = source[i]
                with kernel.when(step != 1), kernel.loop(first, last, parallel=True) as i:
                    target[i] = source[i * step]
                with kernel.loop(last, at["pitch"], parallel=True) as i:
                    target[i] = zero
            with kernel.when(~inside), kernel.loop(0, at["pitch"], parallel=True) as i:
                target[i] = zero


def _ceil_divide(x: Value, y: Value) -> Value:
    """ceil(x / y) for y > 0, at least 0."""
    return (maximum(x, 0) + y - 1) // y


def _clamp(x: Value, high: Value) -> Value:
    return minimum(maximum(x, 0), high)


_SIZES = (
    "batch channels outputs groups height width out_height out_width stride_y stride_x top left "
    "pitch padded_extra line images rows strips depth taps weight_group weight_row image_step "
    "channel_step row_step column_step scratch_size"
).split()


@cache
def _kernel() -> Call:
    """Compiled: ``out[n, o] = bias[o] + sum of weights times shifted lines of x[n]``."""
    kernel = Kernel()
    x, weight, reads, weights_at, bias, out, scratch = (
        kernel.array(dtype) for dtype in (FLOAT32, FLOAT32, INT64, INT64, FLOAT32, FLOAT32, FLOAT32)
    )
    at = {name: kernel.integer_argument() for name in _SIZES}
    width = lanes()
    blocks = [Block(kernel, rows, _VECTORS, width) for rows in remainders(_ROWS)]
    mine = scratch + kernel.slot * at["scratch_size"]
    lines = mine + at["depth"] * at["line"]
    in_channels = at["channels"] // at["groups"]
    out_channels = at["outputs"] // at["groups"]
    with kernel.loop(kernel.start, kernel.stop) as item:
        image = item // at["strips"] * at["images"]
        images = minimum(at["images"], at["batch"] - image)
        first_row = item % at["strips"] * at["rows"]
        rows = minimum(at["rows"], at["out_height"] - first_row)
        image_rows = rows + at["padded_extra"]
        inner = {**at, "first_row": first_row, "padded_rows": image_rows}
        positions = (images * image_rows - at["padded_extra"]) * at["pitch"]
        with kernel.loop(0, at["groups"]) as group:
            with kernel.loop(0, images) as n, kernel.loop(0, in_channels) as c:
                channel = (image + n) * at["channels"] + group * in_channels + c
                source = x + channel * (at["height"] * at["width"])
                phases = at["stride_y"] * at["stride_x"]
                target = mine + (c * (phases * at["line"]) + n * (image_rows * at["pitch"]))
                _pad(kernel, source, target, inner)
            done = kernel.variable(kernel.whole(0))
            for block in blocks:
                left = out_channels - done.value
                with kernel.loop(0, left // block.rows) as _:
                    first = group * out_channels + done.value
                    own = weight + (group * at["weight_group"] + done.value * at["weight_row"])
                    with kernel.loop(0, at["taps"], _TAPS) as tap:
                        end = minimum(tap + _TAPS, at["taps"])
                        with kernel.loop(0, positions, block.width) as j:
                            with kernel.when(tap == 0):
                                block.clear()
                            with kernel.when(tap != 0):
                                block.load(lines + j, at["line"])
                            with kernel.loop(tap, end) as k:
                                line, factors = mine + (reads[k] + j), own + weights_at[k]
                                block.add_products(line, factors, at["weight_row"])
                            block.store(lines + j, at["line"])
                    with kernel.loop(0, block.rows) as o, kernel.loop(0, images) as n:
                        channel = first + o
                        place = (image + n) * at["image_step"] + channel * at["channel_step"]
                        source = lines + (o * at["line"] + n * (image_rows * at["pitch"]))
                        _copy_rows(kernel, source, out + place, bias[channel], first_row, rows, at)
                    done.add(kernel.whole(block.rows))
    return Call(kernel, arrays=7, numbers=len(_SIZES))


def _copy_rows(
    kernel: Kernel,
    line: Pointer,
    out: Pointer,
    bias: Value,
    first_row: Value,
    rows: Value,
    at: dict[str, Value],
) -> None:
    """Copy the rows of an output image out of its line, and add the bias."""
    with kernel.loop(0, rows) as y:
        target = out + (first_row + y) * at["row_step"]
        source = line + y * at["pitch"]
        step = at["column_step"]
        with kernel.when(step == 1), kernel.loop(0, at["out_width"], parallel=True) as i:
            target[i] = source[i] + bias
        with kernel.when(step != 1), kernel.loop(0, at["out_width"], parallel=True) as i:
            target[i * step] = source[i] + bias


def run(
    lines: Lines,
    x: np.ndarray,
    weight: np.ndarray,
    weights_at: np.ndarray,
    weight_steps: tuple[int, int],
    bias: np.ndarray,
    out: np.ndarray,
    steps: tuple[int, int, int, int],
) -> None:
    """Compute the sum over shifted lines.

    Args:
        lines: what is summed.
        x: C-contiguous source (batch, channels, *size).
        weight: C-contiguous weights.
        weights_at: int64, where the weight of each channel and tap of a group is.
        weight_steps: from a group to the next, and from an output channel to the next.
        bias: of every output channel.
        out: memory of the output, from its first element on.
        steps: in `out`, from an image, a channel, a row and a column to the next.
    """
    images, rows = lines.blocking
    items = lines.items
    chunk = max(1, items // (4 * get_num_threads()))
    taps = len(lines.reads)
    numbers = (
        lines.batch, lines.channels, lines.outputs, lines.groups, *lines.size, *lines.out,
        *lines.stride, *lines.origin, lines.pitch, lines.extra_rows, lines.line, images, rows,
        -(-lines.out[0] // rows), lines.channels // lines.groups * lines.phases, taps,
        *weight_steps, *steps, lines.scratch,
    )  # fmt: skip
    scratch = scratch_memory(team.slots() * lines.scratch)
    products = lines.batch * lines.outputs * lines.out[0] * lines.out[1] * taps
    arrays = (x, weight, lines.reads, weights_at, bias, out, scratch)
    _kernel()(arrays, numbers, items, chunk, products / _PRODUCTS_PER_NS)
