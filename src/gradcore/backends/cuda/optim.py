"""Optimizer steps over all parameters of one dtype in a single launch."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from .compile import Array, is_float, launch

_CHUNK = 16384  # CHUNK of optim.cu
_MAX_TABLES = 64


def _tables(xp: ModuleType, columns: Sequence[Sequence[Array]], known: dict) -> tuple[Array, ...]:
    """The device tables of a list of parameters; gradients move, so addresses are the key."""
    sizes = [array.size for array in columns[0]]
    addresses = [array.data.ptr for row in zip(*columns, strict=True) for array in row]
    key = (*addresses, *sizes)
    tables = known.get(key)
    if tables is None:
        if len(known) >= _MAX_TABLES:
            known.clear()
        tables = known[key] = _make_tables(xp, addresses, sizes)
    return tables


def _make_tables(xp: ModuleType, addresses: list[int], sizes: list[int]) -> tuple[Array, ...]:
    chunks = [(t, start) for t, size in enumerate(sizes) for start in range(0, size, _CHUNK)]
    chunk_tensor, chunk_start = np.array(chunks, np.int64).reshape(-1, 2).T
    host = (np.array(addresses, np.uint64), np.array(sizes, np.int64), chunk_tensor, chunk_start)
    return tuple(xp.asarray(np.ascontiguousarray(table)) for table in host)


def _fits(xp: ModuleType, columns: Sequence[Sequence[Array]]) -> bool:
    """One floating dtype, one device, and dense arrays: kernels see plain addresses."""
    arrays = [array for column in columns for array in column]
    if not all(isinstance(array, xp.ndarray) for array in arrays):
        return False
    dtype, device = arrays[0].dtype, arrays[0].device.id
    return is_float(dtype) and all(
        a.dtype == dtype and a.device.id == device and a.flags.c_contiguous for a in arrays
    )


def _step(
    xp: ModuleType,
    name: str,
    columns: list[Sequence[Array]],
    options: list[Any],
    memory: dict[str, Any] | None,
) -> bool:
    if not columns[0]:
        return True
    if not _fits(xp, columns):
        return False
    known = {} if memory is None else memory.setdefault("tables", {})
    tables = _tables(xp, columns, known)
    grid = len(tables[2])
    launch(xp, f"optim.{name}", columns[0][0].dtype, [*tables, *options], grid=grid)
    return True


def sgd(
    xp: ModuleType,
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    buffers: Sequence[Array] | None,
    *,
    lr: float,
    momentum: float = 0,
    dampening: float = 0,
    weight_decay: float = 0,
    nesterov: bool = False,
    maximize: bool = False,
    first: bool = False,
    memory: dict[str, Any] | None = None,
) -> bool:
    """``torch.optim.SGD`` in place; ``buffers`` are the momentum buffers, None without momentum.

    ``first`` says that the buffers are still empty. ``memory`` is a dict that the caller keeps from
    step to step, for what follows from the same arrays. Returns False, with nothing done, where the
    arrays differ in dtype or device or are not dense.
    """
    columns = [parameters, gradients] + ([buffers] if buffers is not None else [])
    hyper = [float(lr), float(momentum), float(dampening), float(weight_decay)]
    flags = [int(nesterov), int(maximize), int(buffers is not None), int(first)]
    return _step(xp, "sgd", columns, [*hyper, *flags], memory)


def adam(
    xp: ModuleType,
    parameters: Sequence[Array],
    gradients: Sequence[Array],
    averages: Sequence[Array],
    squares: Sequence[Array],
    largest: Sequence[Array] | None,
    *,
    step: float,
    lr: float,
    beta1: float,
    beta2: float,
    eps: float,
    weight_decay: float = 0,
    decoupled: bool = False,
    maximize: bool = False,
    memory: dict[str, Any] | None = None,
) -> bool:
    """``torch.optim.Adam`` (``decoupled``: AdamW) in place at ``step`` (from 1).

    ``largest`` are the running maxima of amsgrad, None without it. ``memory`` and the result are
    as for :func:`sgd`.
    """
    columns = [parameters, gradients, averages, squares]
    columns += [largest] if largest is not None else []
    corrections = [1 - beta1**step, 1 - beta2**step]
    hyper = [lr, beta1, beta2, eps, weight_decay, *corrections]
    flags = [int(decoupled), int(maximize), int(largest is not None)]
    return _step(xp, "adam", columns, [*map(float, hyper), *flags], memory)
