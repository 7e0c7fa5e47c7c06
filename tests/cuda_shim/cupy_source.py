"""What the installed CuPy makes of an elementwise kernel, compiled for sm_90 without a GPU."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from . import nvrtc_check

# _carray.pxi of CuPy 14: kinds of kernel arguments.
_ARRAY, _INDEXER = 1, 2
_HEADERS = "".join(
    f"#include <cupy/{name}.cuh>\n" for name in ("complex", "carray", "float16", "bfloat16")
)


def elementwise_source(cupy: Any, kernel: Any, dtypes: Sequence[np.dtype], letter: Any) -> str:
    """CuPy's source of ``kernel`` for contiguous vectors of ``dtypes``; ``letter`` is B's type."""
    internals = cupy._core._kernel
    infos = [
        internals._ArgInfo(_ARRAY, cupy.ndarray, dtype.type, 1, True, True) for dtype in dtypes
    ]
    infos.append(internals._ArgInfo(_INDEXER, object, None, 1, True, True))
    types = internals._TypeMap((("B", letter),))
    source = internals._get_elementwise_kernel_code(
        tuple(infos), types, kernel.params, kernel.operation, kernel.name, kernel.preamble
    )
    return _HEADERS + source


def header_folders(cupy: Any) -> list[str]:
    """Where CuPy's own headers are."""
    root = Path(cupy.__file__).parent / "_core" / "include"
    bundled = root / "cupy" / "_cccl"
    return [str(root), *(str(bundled / name) for name in ("libcudacxx", "cub", "thrust"))]


def compile_elementwise(cupy: Any, kernel: Any, dtypes: Sequence[np.dtype], letter: Any) -> bytes:
    """The cubin of ``kernel`` with CuPy's headers."""
    source = elementwise_source(cupy, kernel, dtypes, letter)
    return nvrtc_check.compile_cubin(source, header_folders(cupy))
