"""Compile CUDA source for sm_90 with NVRTC, which needs no GPU and no driver.

Found in the wheels ``nvidia-cuda-nvrtc-cu12`` (13: ``nvidia-cuda-nvrtc``) and, for the headers of
the 16-bit types, ``nvidia-cuda-runtime-cu12``.
"""

from __future__ import annotations

import ctypes
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

ARCHITECTURE = "sm_90"


class CompileError(RuntimeError):
    """NVRTC rejected a source; the message is its log."""


def _wheels() -> list[Path]:
    spec = importlib.util.find_spec("nvidia")
    return [Path(p) for p in spec.submodule_search_locations or ()] if spec else []


@cache
def _library() -> tuple[ctypes.CDLL, list[str]] | None:
    """NVRTC and the folders of CUDA's headers."""
    for root in _wheels():
        libraries = sorted(root.glob("*/lib/libnvrtc.so.*"))
        headers = [str(path.parent) for path in root.glob("*/include/cuda_fp16.h")]
        if libraries and headers:
            return ctypes.CDLL(str(libraries[-1])), headers
    return None


def require() -> None:
    """Skip the running test where NVRTC is not installed."""
    if _library() is None:
        pytest.skip("nvidia-cuda-nvrtc and nvidia-cuda-runtime wheels compile for sm_90")


def compile_cubin(source: str, folders: Sequence[str] = ()) -> bytes:
    """The cubin of ``source`` for sm_90, with headers from ``folders`` too.

    Raises CompileError, with NVRTC's log, where it does not compile.
    """
    nvrtc, headers = _library()
    program = ctypes.c_void_p()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), source.encode(), b"k.cu", 0, None, None)
    options = [
        f"-arch={ARCHITECTURE}",
        "-std=c++17",
        *(f"-I{path}" for path in (*headers, *folders)),
    ]
    encoded = (ctypes.c_char_p * len(options))(*[option.encode() for option in options])
    status = nvrtc.nvrtcCompileProgram(program, len(options), encoded)
    try:
        if status:
            raise CompileError(_text(nvrtc, program, "ProgramLog").decode(errors="replace"))
        return _text(nvrtc, program, "CUBIN")
    finally:
        nvrtc.nvrtcDestroyProgram(ctypes.byref(program))


def _text(nvrtc: ctypes.CDLL, program: ctypes.c_void_p, what: str) -> bytes:
    size = ctypes.c_size_t()
    getattr(nvrtc, f"nvrtcGet{what}Size")(program, ctypes.byref(size))
    buffer = ctypes.create_string_buffer(size.value)
    getattr(nvrtc, f"nvrtcGet{what}")(program, buffer)
    return buffer.raw
