"""A cuBLAS that recomputes with NumPy from raw addresses, leading dimensions and enums.

Put behind `gradcore.backends.cuda.cublas.use_library`: a wrong stride, flag, type or pointer
gives wrong numbers, and what the real library rejects gives its error status.
"""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np

from .ufuncs import BFLOAT16

_SUCCESS, _INVALID_VALUE, _NOT_SUPPORTED = 0, 7, 15
_TYPES = {2: np.float16, 14: BFLOAT16, 0: np.float32, 1: np.float64, 4: np.complex64,
          5: np.complex128}  # fmt: skip
_COMPUTE = {68: np.float32, 70: np.float64, 77: np.float32}


def _scalar(reference: Any) -> complex:
    value = reference._obj
    return complex(value.real, value.imag) if hasattr(value, "imag") else value.value


class FakeCublas:
    """The functions of cuBLAS that gradcore calls; `calls` lists their names."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.compute_types: list[int] = []

    def cublasCreate_v2(self, handle: Any) -> int:
        self.calls.append("create")
        handle._obj.value = len(self.calls)
        return _SUCCESS

    def cublasSetStream_v2(self, handle: Any, stream: int) -> int:
        self.calls.append("stream")
        return _SUCCESS

    def cublasSetWorkspace_v2(self, handle: Any, pointer: int, size: int) -> int:
        self.calls.append("workspace")
        return _SUCCESS if pointer and size else _INVALID_VALUE

    def cublasGemmEx(self, handle, ta, tb, m, n, k, alpha, a, a_type, lda, b, b_type, ldb, beta,
                     c, c_type, ldc, compute, algorithm) -> int:  # fmt: skip
        self.calls.append("gemm")
        return self._gemm(ta, tb, m, n, k, alpha, (a, a_type, lda, 0), (b, b_type, ldb, 0), beta,
                          (c, c_type, ldc, 0), 1, compute)  # fmt: skip

    def cublasGemmStridedBatchedEx(self, handle, ta, tb, m, n, k, alpha, a, a_type, lda, sa, b,
                                   b_type, ldb, sb, beta, c, c_type, ldc, sc, batch, compute,
                                   algorithm) -> int:  # fmt: skip
        self.calls.append("batched gemm")
        return self._gemm(ta, tb, m, n, k, alpha, (a, a_type, lda, sa), (b, b_type, ldb, sb), beta,
                          (c, c_type, ldc, sc), batch, compute)  # fmt: skip

    def _gemm(self, ta, tb, m, n, k, alpha, a, b, beta, c, batch, compute) -> int:
        self.compute_types.append(compute)
        rows = {"a": k if ta else m, "b": n if tb else k, "c": m}
        if a[2] < rows["a"] or b[2] < rows["b"] or c[2] < m or min(m, n, k, batch) < 1:
            return _INVALID_VALUE
        if not self._supported(a[1], b[1], c[1], compute):
            return _NOT_SUPPORTED
        out = _matrices(c, m, n, batch)
        left = _matrices(a, k if ta else m, m if ta else k, batch)
        right = _matrices(b, n if tb else k, k if tb else n, batch)
        real = np.dtype(_TYPES[a[1]]).kind != "c"
        wide = np.result_type(_COMPUTE[compute], np.float32 if real else np.complex64)
        with np.errstate(all="ignore"):
            left = (left.swapaxes(1, 2) if ta else left).astype(wide)
            right = (right.swapaxes(1, 2) if tb else right).astype(wide)
            product = _scalar(alpha) * (left @ right)
            # beta == 0 must not read C, which may hold NaN.
            factor = _scalar(beta)
            out[...] = product + factor * out.astype(wide) if factor else product
        return _SUCCESS

    @staticmethod
    def _supported(a: int, b: int, c: int, compute: int) -> bool:
        if a != b or compute not in _COMPUTE:
            return False
        if compute == 70:
            return a == c and a in (1, 5)
        if compute == 77:
            return a == c and a in (0, 4)
        return (a == c and a in (2, 14, 0, 4)) or (a in (2, 14) and c == 0)


def _matrices(operand: tuple[int, int, int, int], rows: int, columns: int, batch: int) -> Any:
    """Column-major matrices at a raw address, as an array (batch, rows, columns)."""
    pointer, kind, leading, stride = operand
    dtype = np.dtype(_TYPES[kind])
    elements = (batch - 1) * stride + (columns - 1) * leading + rows
    raw = (ctypes.c_char * (elements * dtype.itemsize)).from_address(pointer)
    flat = np.frombuffer(raw, dtype)
    size = dtype.itemsize
    return np.lib.stride_tricks.as_strided(
        flat, (batch, rows, columns), (stride * size, size, leading * size), writeable=True
    )
