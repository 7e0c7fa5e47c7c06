"""Compiling and launching the kernels in ``source/``: one CuPy RawModule per file and dtype."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

Array = Any

SOURCE = Path(__file__).with_name("source")
AREAS = ("softmax", "conv", "pool", "reduce", "index", "random", "optim")
OPTIONS = ("-std=c++17",)
BLOCK = 256
# A grid has at most 2^31 - 1 blocks in x; kernels stride over what is left.
_MAX_BLOCKS = 2**31 - 1
# From here on products of two indices no longer fit in 32 bits with room for a grid stride.
_WIDE = 2**30

# dtype -> (C type in memory, C type of arithmetic, header)
C_TYPES = {
    "float16": ("__half", "float", "cuda_fp16.h"),
    "bfloat16": ("__nv_bfloat16", "float", "cuda_bf16.h"),
    "float32": ("float", "float", None),
    "float64": ("double", "double", None),
    "int8": ("signed char", "long long", None),
    "uint8": ("unsigned char", "long long", None),
    "int16": ("short", "long long", None),
    "int32": ("int", "long long", None),
    "int64": ("long long", "long long", None),
}
# Random bits that a uniform number of each dtype is made of: its fraction, so that 1 is not drawn.
_UNIT_BITS = {"float16": 11, "bfloat16": 8}
NULL = np.uint64(0)


def is_float(dtype: np.dtype) -> bool:
    """Whether the kernels for floating point support ``dtype``."""
    return C_TYPES.get(dtype.name, ("", ""))[1] in ("float", "double")


def arithmetic_dtype(dtype: np.dtype) -> np.dtype:
    """The dtype of sums over values of ``dtype``: float32 for the 16-bit types."""
    kind = C_TYPES[dtype.name][1]
    return np.dtype({"float": np.float32, "double": np.float64, "long long": np.int64}[kind])


def module_source(area: str, dtype_name: str, wide: bool) -> str:
    """The whole source of one module, as NVRTC and the CPU shim of the tests get it."""
    scalar, arithmetic, header = C_TYPES[dtype_name]
    lines = [
        f"#include <{header}>" if header else "",
        f"typedef {scalar} scalar_t;",
        f"typedef {arithmetic} acc_t;",
        f"typedef {'long long' if wide else 'int'} index_t;",
        f"#define UNIT_BITS {_UNIT_BITS.get(dtype_name, 24)}",
        f"#define SINPI {'sinpi' if dtype_name == 'float64' else 'sinpif'}",
        f"#define COSPI {'cospi' if dtype_name == 'float64' else 'cospif'}",
        _read("common.cuh"),
    ]
    if area in ("conv", "pool"):
        lines.append(_read("geometry.cuh"))
    return "\n".join([*lines, _read(f"{area}.cu")])


@cache
def _read(name: str) -> str:
    return (SOURCE / name).read_text()


@cache
def _function(
    xp: ModuleType, area: str, name: str, dtype_name: str, wide: bool, device: int
) -> Any:
    # A loaded module belongs to one device, hence the device in the key.
    return _module(xp, area, dtype_name, wide, device).get_function(name)


@cache
def _module(xp: ModuleType, area: str, dtype_name: str, wide: bool, device: int) -> Any:
    return xp.RawModule(code=module_source(area, dtype_name, wide), options=OPTIONS)


def launch(
    xp: ModuleType,
    kernel: str,
    dtype: np.dtype,
    args: Sequence[Any],
    *,
    threads: int | None = None,
    grid: int | None = None,
    block: tuple[int, ...] = (BLOCK,),
) -> None:
    """Run ``kernel`` ("file.function") on the current device and stream.

    Arrays must be C-contiguous. Python ints become the module's index type, Python floats its
    arithmetic type: CuPy would pass them as 64-bit values, silent garbage in a narrower parameter.
    Give ``threads``, the number of elements to cover, or ``grid``, the number of blocks.
    """
    area, name = kernel.split(".")
    if threads is not None:
        grid = min(-(-threads // block[0]), _MAX_BLOCKS)
    if not grid:
        return
    arithmetic = arithmetic_dtype(dtype).type
    wide = any(getattr(arg, "size", 0) >= _WIDE for arg in args)
    index = np.int64 if wide else np.int32
    typed = [
        index(arg) if isinstance(arg, int) else arithmetic(arg) if isinstance(arg, float) else arg
        for arg in args
    ]
    device = xp.cuda.runtime.getDevice()
    function = _function(xp, area, name, dtype.name, wide, device)
    function((grid,), block, typed)


def row_launch(rows: int, length: int) -> dict[str, Any]:
    """Grid and block for kernels that give each row 32 to 1024 threads."""
    threads = 32
    while threads < 1024 and threads * 8 < length:
        threads *= 2
    together = BLOCK // threads if threads == 32 else 1
    return {"grid": -(-rows // together), "block": (threads, together)}


def split_axis(shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """``shape`` as (outer, length of the axis, inner)."""
    axis %= len(shape)
    outer = int(np.prod(shape[:axis], dtype=np.int64))
    inner = int(np.prod(shape[axis + 1 :], dtype=np.int64))
    return outer, shape[axis], inner
