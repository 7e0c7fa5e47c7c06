"""Write ``cupy_api.json``: every public name, keyword and ufunc loop of the installed CuPy.

Importing CuPy needs no GPU, so this runs anywhere the wheel is installed::

    pip install "cupy-cuda12x>=14,<15" ml_dtypes
    python tests/fakecupy/generate_api.py
"""

from __future__ import annotations

import importlib
import inspect
import json
import re
from pathlib import Path
from typing import Any

MODULES = (
    "cupy",
    "cupy.cuda",
    "cupy.cuda.runtime",
    "cupy.fft",
    "cupy.lib.stride_tricks",
    "cupy.linalg",
    "cupy.random",
    "cupyx",
    "cupyx.scipy.special",
)
CLASSES = (
    "cupy.ndarray",
    "cupy.random.Generator",
    "cupy.cuda.Device",
    "cupy.cuda.Stream",
    "cupy.cuda.Event",
    "cupy.cuda.MemoryPool",
    "cupy.cuda.MemoryHook",
    "cupy.cuda.MemoryPointer",
)
UFUNC_KEYWORDS = ["out", "dtype", "casting"]
SNAPSHOT = Path(__file__).with_name("cupy_api.json")


def _from_docstring(function: Any) -> list[str] | None:
    """Parameter names of a Cython function, whose docstring starts with its signature."""
    first = (getattr(function, "__doc__", None) or "").split("\n")[0]
    match = re.match(r"[\w.]+\((.*)\)", first)
    if match is None:
        return None
    names = []
    for part in match.group(1).split(", "):
        name = part.split("=")[0].split(":")[0].split(" ")[-1].strip()
        if name.startswith("**"):
            return None
        if name and name not in ("self", "*", "/"):
            names.append(name)
    return names


def keywords(function: Any) -> list[str] | None:
    """Parameter names of ``function``; None when unknown or when it takes any keyword."""
    if not callable(function) or inspect.isclass(function):
        return None
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return _from_docstring(function)
    if any(p.kind is p.VAR_KEYWORD for p in parameters):
        return None
    return [p.name for p in parameters if p.name != "self"]


def snapshot() -> dict[str, Any]:
    """Describe the installed CuPy as plain JSON values."""
    cupy = importlib.import_module("cupy")
    namespaces = {name: importlib.import_module(name) for name in MODULES}
    for path in CLASSES:
        module, _, name = path.rpartition(".")
        namespaces[path] = getattr(importlib.import_module(module), name)
    result: dict[str, Any] = {"version": cupy.__version__, "names": {}, "ufuncs": {}}
    for path, namespace in namespaces.items():
        entries = {}
        loops = {}
        for name in sorted(dir(namespace)):
            private = name.startswith("_") and not name.endswith("__")
            if private or (name.startswith("__") and inspect.ismodule(namespace)):
                continue
            value = getattr(namespace, name)
            if isinstance(value, cupy.ufunc):
                loops[name] = value.types
                entries[name] = UFUNC_KEYWORDS
            else:
                entries[name] = keywords(value)
        result["names"][path] = entries
        if loops:
            result["ufuncs"][path] = loops
    return result


if __name__ == "__main__":
    SNAPSHOT.write_text(json.dumps(snapshot(), indent=0, sort_keys=True) + "\n")
