"""Max and average pooling in one to three dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..backends.window_count import window_count
from .conv import windows
from .op import op
from .pool_checks import adaptive_sizes, pool_arguments
from .promotion import name_of
from .reduce import mean, named
from .registry import public
from .shape import to_dtype


def _framed(xp: Any, x: Any, geometry: Sequence[tuple], fill: Any) -> tuple[Any, list[int]]:
    """x with ``fill`` around it so that every window lies inside; and the output's sizes."""
    out = [window_count(n, *g) for n, g in zip(x.shape[2:], geometry, strict=True)]
    sizes = []
    for n, length, (k, stride, padding, dilation, _) in zip(
        x.shape[2:], out, geometry, strict=True
    ):
        needed = (length - 1) * stride + dilation * (k - 1) + 1
        sizes.append(max(needed, n + padding))
    framed = xp.full((*x.shape[:2], *sizes), fill, dtype=x.dtype)
    inner = (slice(g[2], g[2] + n) for n, g in zip(x.shape[2:], geometry, strict=True))
    framed[(slice(None), slice(None), *inner)] = x
    return framed, out


def _lowest(dtype: Any) -> Any:
    if dtype.kind in "fV":
        return -float("inf")
    return np.iinfo(dtype).min


def _windows_flat(xp: Any, framed: Any, out: Sequence[int], geometry: Sequence[tuple]) -> Any:
    """(N, C, *out, prod(kernel)), windows beyond ``out`` dropped."""
    kernel, stride, _, dilation, _ = zip(*geometry, strict=True)
    view = windows(xp, framed, kernel, stride, dilation)
    view = view[(slice(None), slice(None), *(slice(0, n) for n in out))]
    return view.reshape((*view.shape[: 2 + len(out)], -1))


@op(
    name="max_pool",
    outputs=2,
    differentiable=(0,),
    grad_name="MaxPool2DWithIndicesBackward0",
    tied=True,
)
def max_pool(xp, x, *, kernel, stride, padding, dilation, ceil_mode):
    """Maxima of windows, and where they were: flat positions in each input plane."""
    geometry = [
        (k, s, p, d, ceil_mode)
        for k, s, p, d in zip(kernel, stride, padding, dilation, strict=True)
    ]
    framed, out = _framed(xp, x, geometry, _lowest(x.dtype))
    flat = _windows_flat(xp, framed, out, geometry)
    # argmax takes the first of equal values, and nan before all numbers, as PyTorch does
    winner = flat.argmax(axis=-1)
    values = xp.take_along_axis(flat, winner[..., None], axis=-1)[..., 0]
    positions = xp.arange(_prod(x.shape[2:]), dtype="int64").reshape((1, 1, *x.shape[2:]))
    framed_positions, _ = _framed(xp, positions, geometry, 0)
    where = _windows_flat(xp, framed_positions, out, geometry)
    where = xp.broadcast_to(where, (*flat.shape[:2], *where.shape[2:]))
    return values, xp.take_along_axis(where, winner[..., None], axis=-1)[..., 0]


def _prod(sizes: Sequence[int]) -> int:
    total = 1
    for n in sizes:
        total *= n
    return total


@op
def max_pool_backward(xp, y, indices, *, spatial):
    """Add y at its flat ``indices`` into zero planes of sizes ``spatial``."""
    planes, size = y.shape[0] * y.shape[1], _prod(spatial)
    flat = indices.reshape((planes, -1)) + xp.arange(planes, dtype="int64")[:, None] * size
    out = xp.zeros(planes * size, dtype=y.dtype)
    xp.add.at(out, flat.reshape(-1), xp.ascontiguousarray(y).reshape(-1))
    return out.reshape((*y.shape[:2], *spatial))


@op
def gather_planes(xp, x, indices):
    """Read planes x (N, C, *spatial) at flat ``indices``: the adjoint of max_pool_backward."""
    flat = x.reshape((*x.shape[:2], -1))
    rows = indices.reshape((*indices.shape[:2], -1))
    return xp.take_along_axis(flat, rows, axis=-1).reshape(indices.shape)


max_pool.vjp(x=lambda g0, out1, x_shape: max_pool_backward(g0, out1, spatial=x_shape[2:]))


def _read_back(g, indices):
    return gather_planes(g, indices)


max_pool_backward.vjp(y=_read_back)
gather_planes.vjp(x=lambda g, indices, x_shape: max_pool_backward(g, indices, spatial=x_shape[2:]))


def _window_sizes(
    xp: Any, spatial, kernel, stride, padding, ceil_mode, include: bool, x: Any
) -> Any:
    """How many elements each window counts: (1, 1, *out)."""
    total: Any = None
    for axis, n in enumerate(spatial):
        k, s, p = kernel[axis], stride[axis], padding[axis]
        length = window_count(n, k, s, p, 1, ceil_mode)
        start = xp.arange(length, dtype="int64") * s - p
        end = xp.minimum(start + k, n + p)
        if include:
            count = end - start
        else:
            count = xp.minimum(end, n) - xp.maximum(start, 0)
        shape = [1, 1] + [1] * len(spatial)
        shape[2 + axis] = length
        count = count.reshape(shape)
        total = count if total is None else total * count
    return total.astype(x.dtype)


@op(grad_name="AvgPool2DBackward0", tied=True)
def avg_pool(xp, x, *, kernel, stride, padding, ceil_mode, count_include_pad, divisor):
    """Means of windows; ``divisor`` (or None) replaces the number of elements."""
    geometry = [(k, s, p, 1, ceil_mode) for k, s, p in zip(kernel, stride, padding, strict=True)]
    framed, out = _framed(xp, x, geometry, 0)
    total = _windows_flat(xp, framed, out, geometry).sum(axis=-1)
    if divisor is not None:
        return total / divisor
    sizes = _window_sizes(xp, x.shape[2:], kernel, stride, padding, ceil_mode, count_include_pad, x)
    return (total / sizes).astype(x.dtype)


@op
def avg_pool_backward(
    xp, y, *, spatial, kernel, stride, padding, ceil_mode, count_include_pad, divisor
):
    """The adjoint of avg_pool: y spread evenly over its windows."""
    if divisor is None:
        sizes = _window_sizes(xp, spatial, kernel, stride, padding, ceil_mode, count_include_pad, y)
        y = y / sizes
    else:
        y = y / divisor
    import itertools

    reach = [(n - 1) * s + k for n, s, k in zip(y.shape[2:], stride, kernel, strict=True)]
    sizes = [max(r, n + p) for r, n, p in zip(reach, spatial, padding, strict=True)]
    x = xp.zeros((*y.shape[:2], *sizes), dtype=y.dtype)
    for offset in itertools.product(*map(range, kernel)):
        where = tuple(
            slice(o, o + s * (n - 1) + 1, s)
            for o, s, n in zip(offset, stride, y.shape[2:], strict=True)
        )
        x[(slice(None), slice(None), *where)] += y
    inner = tuple(slice(p, p + n) for p, n in zip(padding, spatial, strict=True))
    return xp.ascontiguousarray(x[(slice(None), slice(None), *inner)])


avg_pool.vjp(
    x=lambda g, x_shape, kernel, stride, padding, ceil_mode, count_include_pad, divisor: (
        avg_pool_backward(
            g, spatial=x_shape[2:], kernel=kernel, stride=stride, padding=padding,
            ceil_mode=ceil_mode, count_include_pad=count_include_pad, divisor=divisor,
        )
    )
)  # fmt: skip
avg_pool_backward.vjp(
    y=lambda g, kernel, stride, padding, ceil_mode, count_include_pad, divisor: avg_pool(
        g, kernel=kernel, stride=stride, padding=padding, ceil_mode=ceil_mode,
        count_include_pad=count_include_pad, divisor=divisor,
    )
)  # fmt: skip


# ------------------------------------------------------------------- the public functions


def _max(n: int, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices):
    name = "max_pool1d_with_indices" if n == 1 and return_indices else f"max_pool{n}d"
    kernel, stride, padding, dilation = pool_arguments(
        name, n, input, kernel_size, stride, padding, dilation, ceil_mode
    )
    if input._array.dtype.kind in "bc":
        kernel_name = "max_pool1d_impl" if n == 1 else f"max_pool{n}d"
        raise NotImplementedError(
            f"\"{kernel_name}\" not implemented for '{name_of(input._array.dtype)}'"
        )
    batched = input.ndim == n + 2
    values, indices = max_pool(
        input if batched else input.unsqueeze(0), kernel=kernel, stride=stride, padding=padding,
        dilation=dilation, ceil_mode=bool(ceil_mode),
    )  # fmt: skip
    if not batched:
        values, indices = values.squeeze(0), indices.squeeze(0)
    return (values, indices) if return_indices else values


def _average(
    n: int, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
):
    kernel, stride, padding, _ = pool_arguments(
        f"avg_pool{n}d", n, input, kernel_size, stride, padding, 1, ceil_mode
    )
    if divisor_override == 0:
        raise RuntimeError("divisor must be not zero")
    if input._array.dtype.kind not in "fV" and input._array.dtype.name != "int64":
        raise RuntimeError(f"\"avg_pool{n}d\" not implemented for '{name_of(input._array.dtype)}'")
    batched = input.ndim == n + 2
    x = input if batched else input.unsqueeze(0)
    integers = x._array.dtype.kind == "i"
    out = avg_pool(
        to_dtype(x, dtype=np.dtype("float64")) if integers else x,
        kernel=kernel, stride=stride, padding=padding, ceil_mode=bool(ceil_mode),
        count_include_pad=bool(count_include_pad), divisor=divisor_override,
    )  # fmt: skip
    if integers:  # divided as integers are: towards zero
        out = to_dtype(out, dtype=x._array.dtype)
    return out if batched else out.squeeze(0)


@public(method=False)
def max_pool1d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Maxima over windows of (N, C, L) or (C, L); see ``nn.MaxPool1d``.

    >>> torch.max_pool1d(torch.tensor([[1.0, 4.0, 2.0, 3.0]]), 2)
    tensor([[4., 3.]])
    """
    return _max(1, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@public(method=False)
def max_pool2d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Maxima over windows of (N, C, H, W) or (C, H, W); see ``nn.MaxPool2d``.

    >>> torch.max_pool2d(torch.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 5.,  7.],
             [13., 15.]]])
    """
    return _max(2, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@public(method=False)
def max_pool3d(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False
):
    """Maxima over windows of (N, C, D, H, W) or (C, D, H, W); see ``nn.MaxPool3d``.

    >>> torch.max_pool3d(torch.ones(1, 4, 4, 4), 2).shape
    torch.Size([1, 2, 2, 2])
    """
    return _max(3, input, kernel_size, stride, padding, dilation, ceil_mode, return_indices)


@public(method=False)
def avg_pool1d(input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Means over windows of (N, C, L) or (C, L); see ``nn.AvgPool1d``.

    >>> torch.avg_pool1d(torch.tensor([[1.0, 4.0, 2.0, 3.0]]), 2)
    tensor([[2.5000, 2.5000]])
    """
    return _average(1, input, kernel_size, stride, padding, ceil_mode, count_include_pad, None)


@public(method=False)
def avg_pool2d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    """Means over windows of (N, C, H, W) or (C, H, W); see ``nn.AvgPool2d``.

    >>> F.avg_pool2d(torch.arange(16.0).reshape(1, 4, 4), 2)
    tensor([[[ 2.5000,  4.5000],
             [10.5000, 12.5000]]])
    """
    return _average(
        2, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


@public(method=False)
def avg_pool3d(
    input, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True,
    divisor_override=None,
):  # fmt: skip
    """Means over windows of (N, C, D, H, W) or (C, D, H, W); see ``nn.AvgPool3d``.

    >>> F.avg_pool3d(torch.ones(1, 4, 4, 4), 2).shape
    torch.Size([1, 2, 2, 2])
    """
    return _average(
        3, input, kernel_size, stride, padding, ceil_mode, count_include_pad, divisor_override
    )


# ------------------------------------------------------------------------------ adaptive


@op(grad_name="AdaptiveAvgPool2DBackward0", tied=True)
def adaptive_avg_pool(xp, x, *, output_size):
    """Means over ``output_size`` nearly equal parts of each spatial dimension."""
    for axis, n in enumerate(output_size):
        x = _apply_matrix(xp, x, axis, _adaptive_matrix(xp, x.shape[2 + axis], n, x.dtype))
    return x


@op
def adaptive_avg_pool_backward(xp, y, *, spatial):
    """The adjoint of adaptive_avg_pool."""
    for axis, size in enumerate(spatial):
        matrix = _adaptive_matrix(xp, size, y.shape[2 + axis], y.dtype)
        y = _apply_matrix(xp, y, axis, matrix.T)
    return y


adaptive_avg_pool.vjp(x=lambda g, x_shape: adaptive_avg_pool_backward(g, spatial=x_shape[2:]))
adaptive_avg_pool_backward.vjp(y=lambda g, y_shape: adaptive_avg_pool(g, output_size=y_shape[2:]))


def adaptive_bounds(size: int, parts: int) -> list[tuple[int, int]]:
    """PyTorch's parts: from floor(i * size / parts) to ceil((i + 1) * size / parts)."""
    return [(i * size // parts, -((-(i + 1) * size) // parts)) for i in range(parts)]


def _adaptive_matrix(xp: Any, size: int, parts: int, dtype: Any) -> Any:
    """(parts, size): row i averages part i. Pooling is this matrix along each dimension."""
    matrix = xp.zeros((parts, size), dtype=dtype)
    for i, (start, end) in enumerate(adaptive_bounds(size, parts)):
        matrix[i, start:end] = 1 / (end - start)
    return matrix


def _apply_matrix(xp: Any, x: Any, axis: int, matrix: Any) -> Any:
    moved = xp.moveaxis(x, 2 + axis, -1)
    return xp.ascontiguousarray(xp.moveaxis(xp.matmul(moved, matrix.T), -1, 2 + axis))


# Parts of one size are windows, whose kernels take a third of the time of the matrices.
_equal_parts = named(avg_pool, "AdaptiveAvgPool2DBackward0")
_equal_parts.tied = True


def _equal_windows(array: Any, output_size: Sequence[int]) -> tuple[int, ...] | None:
    """The size of the parts where all are of one; None elsewhere, and for half precision."""
    spatial = array.shape[2:]
    if array.dtype.char not in "fd" or 0 in output_size:
        return None
    if any(size % n for size, n in zip(spatial, output_size, strict=True)):
        return None
    return tuple(size // n for size, n in zip(spatial, output_size, strict=True))


def _adaptive_average(n: int, input: Any, output_size: Any) -> Any:
    sizes = adaptive_sizes(f"adaptive_avg_pool{n}d", n, input, output_size)
    batched = input.ndim == n + 2
    if sizes == (1,) * n:
        # As in PyTorch: without the products with a matrix, forward and backward take a fifth.
        return mean(input, tuple(range(-n, 0)), True)
    x = input if batched else input.unsqueeze(0)
    windows = _equal_windows(x._array, sizes)
    if windows is None:
        out = adaptive_avg_pool(x, output_size=sizes)
    else:
        out = _equal_parts(
            x, kernel=windows, stride=windows, padding=(0,) * n, ceil_mode=False,
            count_include_pad=True, divisor=None,
        )  # fmt: skip
    return out if batched else out.squeeze(0)


@public(method=False)
def adaptive_avg_pool1d(input, output_size):
    """Means over ``output_size`` parts of (N, C, L) or (C, L).

    >>> torch.adaptive_avg_pool1d(torch.tensor([[1.0, 4.0, 2.0, 3.0]]), 2)
    tensor([[2.5000, 2.5000]])
    """
    return _adaptive_average(1, input, output_size)


@public(method=False)
def adaptive_avg_pool2d(input, output_size):
    """Means over parts of (N, C, H, W) or (C, H, W); None keeps a size.

    >>> F.adaptive_avg_pool2d(torch.ones(1, 6, 8), (2, None)).shape
    torch.Size([1, 2, 8])
    """
    return _adaptive_average(2, input, output_size)


@public(method=False)
def adaptive_avg_pool3d(input, output_size):
    """Means over parts of (N, C, D, H, W) or (C, D, H, W); None keeps a size.

    >>> F.adaptive_avg_pool3d(torch.ones(1, 6, 8, 8), 2).shape
    torch.Size([1, 2, 2, 2])
    """
    return _adaptive_average(3, input, output_size)
