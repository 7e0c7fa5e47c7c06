"""Sums into positions that indices name. The order of the additions is not fixed (atomics)."""

from __future__ import annotations

from math import prod
from types import ModuleType
from typing import Any

from ..cpu.index import raise_out_of_range
from .compile import C_TYPES, Array, arithmetic_dtype, launch, split_axis


def embedding_backward(
    xp: ModuleType,
    y: Array,
    indices: Array,
    *,
    rows: int,
    padding_idx: int,
    scale_grad_by_freq: bool,
) -> Any:
    """Sum of the gradients ``y`` (*indices.shape, width) of every row: (rows, width).

    Row ``padding_idx`` stays 0; a negative one stands for no row. Negative or too large indices
    stop the kernel: they are checked in the forward pass. Returns NotImplemented for
    ``scale_grad_by_freq``, whose counts need another pass.
    """
    if y.dtype.name not in C_TYPES or scale_grad_by_freq:
        return NotImplemented
    out = xp.zeros((rows, y.shape[-1]), arithmetic_dtype(y.dtype))
    _add_rows(xp, out, indices, y, 1)
    if padding_idx >= 0:
        out[padding_idx] = 0
    return out.astype(y.dtype, copy=False)


def index_add(
    xp: ModuleType, x: Array, indices: Array, source: Array, *, axis: int, alpha: float = 1
) -> Any:
    """``x`` with ``alpha * source[..., i, ...]`` added at ``indices[i]`` of ``axis``."""
    if x.dtype.name not in C_TYPES or source.dtype != x.dtype or x.ndim == 0:
        return NotImplemented
    moved = xp.moveaxis(x, axis, 0)
    out = xp.ascontiguousarray(moved).astype(arithmetic_dtype(x.dtype))
    _add_rows(xp, out, indices, xp.moveaxis(source, axis, 0), alpha)
    return xp.ascontiguousarray(xp.moveaxis(out, 0, axis).astype(x.dtype, copy=False))


def _add_rows(xp: ModuleType, out: Array, indices: Array, source: Array, alpha: float) -> None:
    width = prod(out.shape[1:])
    indices = xp.ascontiguousarray(indices, "int64")
    source_rows = xp.ascontiguousarray(source)
    scale = out.dtype.type(alpha)
    args = [out, indices, source_rows, indices.size, width, out.shape[0], scale]
    launch(xp, "index.add_rows", source.dtype, args, threads=indices.size * width)


def scatter_add(xp: ModuleType, x: Array, index: Array, source: Array, *, axis: int) -> Any:
    """``x`` with ``source`` added at ``index`` along ``axis``, as ``torch.scatter_add``.

    Returns NotImplemented where index, source and x differ in size on another axis.
    """
    if x.dtype.name not in C_TYPES or source.dtype != x.dtype or x.ndim == 0:
        return NotImplemented
    axis %= x.ndim
    other = [n for a, n in enumerate(x.shape) if a != axis]
    if index.shape != source.shape or [n for a, n in enumerate(index.shape) if a != axis] != other:
        return NotImplemented
    out = xp.ascontiguousarray(x).astype(arithmetic_dtype(x.dtype))
    outer, n, inner = split_axis(index.shape, axis)
    arrays = [out, xp.ascontiguousarray(index, "int64"), xp.ascontiguousarray(source)]
    args = [*arrays, outer, n, inner, x.shape[axis]]
    launch(xp, "index.scatter_add", x.dtype, args, threads=index.size)
    return out.astype(x.dtype, copy=False)


def checked_index(
    xp: ModuleType, index: Array, *, size: int, axis: int, wraps: bool, name: str
) -> Array:
    """The index as int64 with nothing negative; errors as on the CPU.

    CuPy wraps what is out of range, which would be a wrong number; looking costs a wait for the
    device. A stream that is being captured cannot wait, so there the caller must know.
    """
    index = index.astype("int64", copy=False)
    if not index.size or xp.cuda.get_current_stream().is_capturing():
        return xp.where(index < 0, index + size, index) if wraps else index
    low, high = (int(n) for n in xp.stack([index.min(), index.max()]).get())
    if high >= size or low < (-size if wraps else 0):
        raise_out_of_range(index.get(), size, axis, wraps, name)
    return xp.where(index < 0, index + size, index) if low < 0 else index
