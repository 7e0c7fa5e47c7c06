"""Matrix products through cuBLAS directly: what CuPy's own matmul does not give.

CuPy 14 computes batched float16 products in float32 copies, has no batched bfloat16, copies
transposed operands, ignores TF32 for batches (cupy#10317, cupy#9630), and refuses cuBLAS while a
stream is capturing. Here operands are passed with strides and transpose flags, 16-bit types
accumulate in float32, and nothing is copied unless neither axis of a matrix is dense.

cuBLAS is column-major: C = A B in row-major memory is C^T = B^T A^T to it, hence the swapped
operands below.
"""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass
from math import prod
from types import ModuleType
from typing import Any

import numpy as np

from .compile import Array

# library_types.h and cublas_api.h of CUDA 12 and 13.
_DATA_TYPES = {
    "float16": 2, "bfloat16": 14, "float32": 0, "float64": 1, "complex64": 4, "complex128": 5,
}  # fmt: skip
_COMPUTE_32F, _COMPUTE_64F, _COMPUTE_32F_FAST_TF32 = 68, 70, 77
_DEFAULT_ALGORITHM = -1
_OP_N, _OP_T = 0, 1
# NVIDIA's figure for Hopper: https://docs.nvidia.com/cuda/cublas/#cublassetworkspace
_WORKSPACE = 32 << 20
_NAMES = ("libcublas.so.13", "libcublas.so.12", "libcublas.so", "cublas64_13.dll")


class _Complex(ctypes.Structure):
    _fields_ = (("real", ctypes.c_float), ("imag", ctypes.c_float))


class _DoubleComplex(ctypes.Structure):
    _fields_ = (("real", ctypes.c_double), ("imag", ctypes.c_double))


_SCALES = {"float64": ctypes.c_double, "complex64": _Complex, "complex128": _DoubleComplex}
_ONES = {name: _SCALES.get(name, ctypes.c_float)(1) for name in _DATA_TYPES}
_ZEROS = {name: _SCALES.get(name, ctypes.c_float)(0) for name in _DATA_TYPES}

_lock = threading.Lock()
_library: Any = None
_searched = False
_allow_tf32 = False


def allow_tf32(enabled: bool) -> None:
    """Whether float32 products may round their operands to TF32, as ``torch.backends.cuda``."""
    global _allow_tf32
    _allow_tf32 = bool(enabled)


def tf32_allowed() -> bool:
    """The state of :func:`allow_tf32`; off at first, as in PyTorch."""
    return _allow_tf32


def use_library(library: Any) -> None:
    """Call ``library`` (anything with cuBLAS's functions) from now on; None searches again."""
    global _library, _searched, _handles
    _library, _searched, _handles = library, library is not None, _Handles()


def library() -> Any:
    """cuBLAS with its argument types declared, or None where it is not installed."""
    global _library, _searched
    if not _searched:
        with _lock:
            _library = _library or _load()
            _searched = True
    return _library


def _load() -> ctypes.CDLL | None:
    paths = list(_NAMES)
    try:
        from cuda import pathfinder

        # The very library that CuPy loads; pathfinder is one of CuPy's own dependencies.
        paths.insert(0, pathfinder.load_nvidia_dynamic_lib("cublas").abs_path)
    except (ImportError, RuntimeError):
        pass
    for path in paths:
        try:
            return _declare(ctypes.CDLL(path))
        except OSError:
            continue
    return None


def _declare(lib: ctypes.CDLL) -> ctypes.CDLL:
    pointer, c_int, c_long = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong
    lib.cublasCreate_v2.argtypes = [pointer]
    lib.cublasSetStream_v2.argtypes = [pointer, pointer]
    lib.cublasSetWorkspace_v2.argtypes = [pointer, pointer, ctypes.c_size_t]
    head: list[Any] = [pointer, c_int, c_int, c_int, c_int, c_int, pointer]
    lib.cublasGemmEx.argtypes = [
        *head,
        *(pointer, c_int, c_int, pointer, c_int, c_int),
        *(pointer, pointer, c_int, c_int, c_int, c_int),
    ]
    lib.cublasGemmStridedBatchedEx.argtypes = [
        *head,
        *(pointer, c_int, c_int, c_long, pointer, c_int, c_int, c_long),
        *(pointer, pointer, c_int, c_int, c_long, c_int, c_int, c_int),
    ]
    return lib


class _Handle:
    """A cuBLAS handle of one thread and device, with its own workspace."""

    def __init__(self, lib: Any, xp: ModuleType) -> None:
        self.value = ctypes.c_void_p()
        _check(lib.cublasCreate_v2(ctypes.byref(self.value)), "cublasCreate")
        self.workspace = xp.cuda.alloc(_WORKSPACE)
        self.stream: int | None = None

    def follow(self, lib: Any, stream: int) -> ctypes.c_void_p:
        """The handle on ``stream``. Setting a stream drops the workspace: it is set again."""
        if stream != self.stream:
            _check(lib.cublasSetStream_v2(self.value, stream), "cublasSetStream")
            _check(
                lib.cublasSetWorkspace_v2(self.value, self.workspace.ptr, _WORKSPACE),
                "cublasSetWorkspace",
            )
            self.stream = stream
        return self.value


class _Handles(threading.local):
    def __init__(self) -> None:
        self.by_device: dict[int, _Handle] = {}


_handles = _Handles()


def _handle(lib: Any, xp: ModuleType) -> ctypes.c_void_p:
    device = xp.cuda.runtime.getDevice()
    handle = _handles.by_device.get(device)
    if handle is None:
        handle = _handles.by_device[device] = _Handle(lib, xp)
    return handle.follow(lib, xp.cuda.get_current_stream().ptr)


def _check(status: int, call: str) -> None:
    if status:
        raise RuntimeError(f"CUDA error: {call} returned status {status} (cublasStatus_t)")


@dataclass(frozen=True)
class _Matrices:
    """A stack of row-major matrices in memory: what cuBLAS needs to know of an operand."""

    pointer: int
    transposed: int
    leading: int
    stride: int


def _describe(stack: Array) -> _Matrices | None:
    """A (batch, rows, columns) array as cuBLAS sees it; None if it must be copied first."""
    batch, rows, columns = stack.shape
    step, down, right = (s // stack.itemsize for s in stack.strides)
    if batch == 1:
        step = 0
    pointer = stack.data.ptr
    if (right == 1 or columns == 1) and (down >= columns or rows == 1):
        return _Matrices(pointer, _OP_N, down if rows > 1 else columns, step)
    if (down == 1 or rows == 1) and (right >= rows or columns == 1):
        return _Matrices(pointer, _OP_T, right if columns > 1 else rows, step)
    return None


def multiply_into(xp: ModuleType, a: Array, b: Array, out: Array, accumulate: bool = False) -> None:
    """``out = a @ b`` (``+ out`` with ``accumulate``) for stacks (batch, rows, columns).

    The batch of ``a`` or ``b`` may have stride 0 (``broadcast_to``). ``out`` must have dense rows;
    it may be float32 for 16-bit operands. Runs ``xp.matmul`` where cuBLAS is not installed.
    """
    lib = library()
    if lib is None:
        product = xp.matmul(a.astype(out.dtype, copy=False), b.astype(out.dtype, copy=False))
        out[...] = out + product if accumulate else product
        return
    if 0 in out.shape:
        return
    if a.shape[2] == 0:
        if not accumulate:
            out[...] = 0
        return
    left: Any = _describe(a)
    right: Any = _describe(b)
    # A copy lives until its call is enqueued; the pool then hands it out in stream order only.
    if left is None:
        left = _describe(a := xp.ascontiguousarray(a))
    if right is None:
        right = _describe(b := xp.ascontiguousarray(b))
    result = _describe(out)
    if result is None or result.transposed:
        raise ValueError("multiply_into needs an output with dense rows")
    _gemm(lib, _handle(lib, xp), (left, right, result), a, out, accumulate)


def _gemm(
    lib: Any,
    handle: ctypes.c_void_p,
    operands: tuple[_Matrices, _Matrices, _Matrices],
    a: Array,
    out: Array,
    accumulate: bool,
) -> None:
    left, right, result = operands
    batch, m, n = out.shape
    kind, out_kind = _DATA_TYPES[a.dtype.name], _DATA_TYPES[out.dtype.name]
    alpha = _ONES[out.dtype.name]
    beta = (_ONES if accumulate else _ZEROS)[out.dtype.name]
    head = (handle, right.transposed, left.transposed, n, m, a.shape[2], ctypes.byref(alpha))
    tail = (_compute_type(a.dtype), _DEFAULT_ALGORITHM)
    if batch == 1:
        status = lib.cublasGemmEx(
            *head,
            *(right.pointer, kind, right.leading, left.pointer, kind, left.leading),
            *(ctypes.byref(beta), result.pointer, out_kind, result.leading, *tail),
        )
        return _check(status, "cublasGemmEx")
    status = lib.cublasGemmStridedBatchedEx(
        *head,
        *(right.pointer, kind, right.leading, right.stride),
        *(left.pointer, kind, left.leading, left.stride, ctypes.byref(beta)),
        *(result.pointer, out_kind, result.leading, result.stride, batch, *tail),
    )
    return _check(status, "cublasGemmStridedBatchedEx")


def _compute_type(dtype: np.dtype) -> int:
    if dtype.name in ("float64", "complex128"):
        return _COMPUTE_64F
    if _allow_tf32 and dtype.name in ("float32", "complex64"):
        return _COMPUTE_32F_FAST_TF32
    return _COMPUTE_32F


def matmul(xp: ModuleType, a: Array, b: Array) -> Any:
    """``torch.matmul`` of arrays of one dtype: vectors, matrices, and broadcast stacks of them.

    Returns NotImplemented for dtypes that cuBLAS lacks and where it is not installed.
    """
    if a.dtype != b.dtype or a.dtype.name not in _DATA_TYPES or library() is None:
        return NotImplemented
    if a.ndim == 0 or b.ndim == 0 or a.shape[-1] != b.shape[-2 if b.ndim > 1 else 0]:
        return NotImplemented
    left = a.reshape(1, -1) if a.ndim == 1 else a
    right = b.reshape(-1, 1) if b.ndim == 1 else b
    batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
    shape = (*batch, left.shape[-2], right.shape[-1])
    if prod(right.shape[:-2]) == 1 and left.flags.c_contiguous:
        # One product with all rows beats a batch of small ones.
        rows = prod(shape[:-1])
        left, right = left.reshape(1, rows, left.shape[-1]), right.reshape(1, *right.shape[-2:])
        out = xp.empty((1, rows, shape[-1]), a.dtype)
    else:
        left, right = _stack(xp, left, batch), _stack(xp, right, batch)
        out = xp.empty((prod(batch), *shape[-2:]), a.dtype)
    multiply_into(xp, left, right, out)
    trimmed = list(shape)
    if b.ndim == 1:
        del trimmed[-1]
    if a.ndim == 1:
        del trimmed[-1 if b.ndim == 1 else -2]
    return out.reshape(trimmed)


def linear(xp: ModuleType, x: Array, w: Array, b: Array | None = None) -> Any:
    """``x @ w.T + b``; the weight is passed as a transposed operand, not copied."""
    out = matmul(xp, x, w.T)
    if out is not NotImplemented and b is not None:
        out += b
    return out


def addmm(xp: ModuleType, c: Array, x: Array, y: Array, *, beta: float, alpha: float) -> Any:
    """``beta * c + alpha * (x @ y)``; ``c`` is not read where ``beta`` is 0."""
    out = matmul(xp, x, y)
    if out is NotImplemented:
        return NotImplemented
    if alpha != 1:
        out = out * alpha
    if beta == 0:
        return out
    return out + (c if beta == 1 else c * beta)


def _stack(xp: ModuleType, array: Array, batch: tuple[int, ...]) -> Array:
    """``array`` broadcast to ``batch`` and folded to three axes, as a view where strides allow."""
    rows, columns = array.shape[-2:]
    if prod(array.shape[:-2]) == 1:
        return xp.broadcast_to(array.reshape(1, rows, columns), (prod(batch), rows, columns))
    array = xp.broadcast_to(array, (*batch, rows, columns))
    strides = array.strides
    for axis in range(len(batch) - 1):
        if batch[axis] > 1 and strides[axis] != strides[axis + 1] * batch[axis + 1]:
            return xp.ascontiguousarray(array).reshape(-1, rows, columns)
    return xp.lib.stride_tricks.as_strided(
        array, (prod(batch), rows, columns), (strides[len(batch) - 1], *strides[-2:])
    )
