"""Compile CUDA C++ with g++ and run it on the CPU, over ``cuda_shim.h``."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
FLAGS = ["-x", "c++", "-std=c++17", "-O1", "-fPIC", "-shared", "-w", "-ffp-contract=off", "-fwrapv"]

# The shim keeps the running block in global variables: one launch at a time.
_launching = threading.RLock()


class ShimError(RuntimeError):
    """A kernel could not be compiled, or did something that hangs or is undefined on a GPU."""


class NoCompiler(ShimError):
    """There is no g++: tests skip on this."""


def have_compiler() -> bool:
    """Whether kernels can be run at all."""
    return shutil.which("g++") is not None


@cache
def _cache_folder() -> Path:
    texts = [path.read_bytes() for path in sorted(HERE.rglob("*.h"))]
    key = hashlib.sha256(b"".join(texts) + repr(FLAGS).encode()).hexdigest()[:16]
    folder = Path(tempfile.gettempdir()) / f"gradcore-cuda-shim-{os.getuid()}-{key}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _compile(arguments: list[str], target: Path) -> None:
    compiler = shutil.which("g++")
    if compiler is None:
        raise NoCompiler("g++ is needed to run CUDA kernels on the CPU")
    # Other test processes may build the same file: each writes its own and moves it in place.
    partial = target.with_suffix(f".{os.getpid()}-{threading.get_ident()}.partial")
    done = subprocess.run(
        [compiler, *arguments, "-o", str(partial)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ShimError(f"g++ failed:\n{done.stderr[-6000:]}")
    os.replace(partial, target)


@cache
def _header() -> Path:
    """The precompiled shim header: it brings one kernel's compilation from 0.9 s to 0.3 s."""
    folder = _cache_folder()
    header = folder / "cuda_shim.h"
    compiled = folder / "cuda_shim.h.gch"
    if not compiled.exists():
        include = f'#include "{HERE / "cuda_shim.h"}"\n'
        header.write_text(include)
        flags = ["c++-header" if flag == "c++" else flag for flag in FLAGS if flag != "-shared"]
        _compile([*flags, f"-I{HERE / 'include'}", str(HERE / "cuda_shim.h")], compiled)
    return header


def build(source: str, options: Sequence[str] = (), sanitize: bool = False) -> ctypes.CDLL:
    """Compile `source` (cached by content) and load it.

    With `sanitize`, AddressSanitizer is built in; the process must have its runtime preloaded.
    """
    extra = [option for option in options if option.startswith(("-D", "-U"))]
    key = hashlib.sha256("\0".join([source, *extra, str(sanitize)]).encode()).hexdigest()[:24]
    library = _cache_folder() / f"{key}.so"
    if not library.exists():
        cpp = library.with_suffix(f".{os.getpid()}-{threading.get_ident()}.cpp")
        cpp.write_text(source)
        include = [f"-I{HERE / 'include'}", "-include"]
        if sanitize:
            flags = [*FLAGS, "-g", "-fsanitize=address", "-DSHIM_UCONTEXT"]
            _compile([*flags, *extra, *include, str(HERE / "cuda_shim.h"), str(cpp)], library)
        else:
            _compile([*FLAGS, *extra, *include, str(_header()), str(cpp)], library)
        cpp.unlink()
    return ctypes.CDLL(str(library))


class Kernel:
    """One `__global__` function, callable on grids of fibers."""

    def __init__(self, library: ctypes.CDLL, name: str, number: int) -> None:
        self.name = name
        signature = getattr(library, f"shim_signature_{number}")
        signature.restype = ctypes.c_char_p
        self.parameters = signature().decode().split()
        self._run = getattr(library, f"shim_run_{number}")
        self._run.restype = ctypes.c_char_p

    def __call__(
        self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], reverse: bool = False
    ) -> None:
        """Launch with pointers (NumPy arrays or addresses) and NumPy scalars.

        Raises TypeError when an argument is not what the parameter declares.
        """
        if len(args) != len(self.parameters):
            raise TypeError(f"{self.name} takes {len(self.parameters)} arguments, got {len(args)}")
        held = [
            _argument(self.name, i, code, arg)
            for i, (code, arg) in enumerate(zip(self.parameters, args, strict=True))
        ]
        pointers = (ctypes.c_void_p * len(held))(*[a.ctypes.data for a in held])
        sizes = [(ctypes.c_uint * 3)(*(*dims, 1, 1)[:3]) for dims in (grid, block)]
        if np.prod(sizes[1]) > 1024 or np.prod(sizes[1]) < 1 or min(sizes[0]) < 1:
            raise ShimError(f"{self.name}: invalid launch configuration {grid}, {block}")
        if max(sizes[0][1:]) > 65535:
            raise ShimError(f"{self.name}: grid {tuple(grid)} exceeds 65535 in y or z")
        with _launching:
            error = self._run(*sizes, pointers, int(reverse))
        if error is not None:
            raise ShimError(f"{self.name}: {error.decode()}")


def _code(dtype: np.dtype) -> str:
    if dtype.name == "bfloat16":
        return "B2"
    if dtype == np.float16:
        return "h2"
    return {"b": "b", "i": "i", "u": "u", "f": "f", "c": "c"}[dtype.kind] + str(dtype.itemsize)


def _argument(kernel: str, position: int, code: str, arg: Any) -> np.ndarray:
    """The bytes that the launch copies for one argument."""
    where = f"{kernel}: argument {position}"
    if code.startswith("P"):
        if arg is None:
            return np.zeros(1, np.uintp)
        if isinstance(arg, (np.uintp, np.uint64)):
            return np.asarray(arg)
        if not isinstance(arg, np.ndarray):
            raise TypeError(f"{where} must be an array, got {type(arg).__name__}")
        if code[1] not in ("v", "P") and not _same(code[1:], _code(arg.dtype)):
            raise TypeError(f"{where} is declared {code}, got an array of {arg.dtype}")
        return np.asarray(np.uintp(arg.__array_interface__["data"][0]))
    if isinstance(arg, np.generic):
        if not _same(code, _code(arg.dtype)):
            raise TypeError(f"{where} is declared {code}, got numpy.{arg.dtype}")
        return np.asarray(arg)
    # CuPy passes Python scalars as int64, float64 and bool: garbage in a narrower parameter.
    natural = {bool: "b1", int: "i8", float: "f8"}.get(type(arg))
    if natural is None or natural != code:
        raise TypeError(f"{where} is declared {code}, got Python {type(arg).__name__} {arg!r}")
    return np.asarray(arg)


def _same(declared: str, given: str) -> bool:
    """bool arrays are bytes; everything else must agree in kind and size."""
    return declared == given or (given == "b1" and declared == "u1")


_GLOBAL = re.compile(r"__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\(")


def kernel_names(source: str) -> list[str]:
    """The kernels that `source` defines, templates aside."""
    return list(dict.fromkeys(_GLOBAL.findall(source)))


def load(
    source: str,
    names: Sequence[str] | None = None,
    options: Sequence[str] = (),
    sanitize: bool = False,
) -> dict[str, Kernel]:
    """Compile `source` and return its kernels by name; `names` may instantiate templates."""
    names = list(names or kernel_names(source))
    lines = [source]
    for i, name in enumerate(names):
        lines.append(
            f'extern "C" const char* shim_signature_{i}() {{\n'
            f"  static std::string s = shim::signature(&{name}); return s.c_str(); }}\n"
            f'extern "C" const char* shim_run_{i}(const unsigned* grid, const unsigned* block,\n'
            f"                                 void** args, int reverse) {{\n"
            f"  return shim::run<&{name}>(grid, block, args, reverse); }}\n"
        )
    library = build("\n".join(lines), options, sanitize)
    return {name: Kernel(library, name, i) for i, name in enumerate(names)}
