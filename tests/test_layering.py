"""Imports point one way, and only ``backends/`` knows array libraries."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

SOURCE = Path(__file__).resolve().parent.parent / "src" / "gradcore"
# A layer may import itself and what stands before it.
LAYERS = ["backends", "ops", "autograd", "tensor", "nn", "optim", "utils", "vision"]
FILES = sorted(SOURCE.rglob("*.py"))


def layer_of(parts: tuple[str, ...]) -> int | None:
    return LAYERS.index(parts[0]) if parts and parts[0] in LAYERS else None


def imports_at_load(tree: ast.Module) -> list[tuple[int, str]]:
    """(level, module) of the imports that run when the module does, type checking aside."""
    found = []
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            found.append((node.level, node.module or ""))
        elif isinstance(node, ast.Import):
            found += [(0, alias.name) for alias in node.names]
    return found


def absolute(file: Path, level: int, module: str) -> str:
    if level == 0:
        return module
    package = ["gradcore", *file.relative_to(SOURCE).parts[:-1]]
    package = package[: len(package) - (level - 1)]
    return ".".join([*package, module] if module else package)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_imports_point_down(file):
    layer = layer_of(file.relative_to(SOURCE).parts[:-1])
    if layer is None:
        return
    for level, module in imports_at_load(ast.parse(file.read_text())):
        name = absolute(file, level, module)
        if not name.startswith("gradcore."):
            continue
        target = layer_of(tuple(name.split(".")[1:]))
        assert target is None or target <= layer, f"imports {name}, which is a layer above"


BACKEND_TEST = re.compile(
    r"^\s*(import|from) cupy|is numpy\b|isinstance\([^)]*\.ndarray|is np\b", re.MULTILINE
)


@pytest.mark.parametrize(
    "file",
    [f for f in FILES if f.relative_to(SOURCE).parts[0] in ("ops", "autograd", "nn", "optim")],
    ids=lambda f: str(f.relative_to(SOURCE)),
)
def test_no_backend_test_outside_backends(file):
    assert BACKEND_TEST.search(file.read_text()) is None


def test_import_brings_numpy_alone():
    """``import gradcore`` imports nothing but NumPy and the standard library."""
    code = (
        "import sys; import numpy; before = set(sys.modules); import gradcore;"
        "print(*sorted({m.partition('.')[0] for m in set(sys.modules) - before}))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    new = set(result.stdout.split()) - set(sys.stdlib_module_names)
    assert new <= {"gradcore", "numpy"}


def test_submodules_load_on_first_use():
    code = (
        "import sys, gradcore; assert 'gradcore.nn' not in sys.modules;"
        "gradcore.nn.Linear; assert 'gradcore.nn' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_unknown_name():
    import gradcore

    with pytest.raises(AttributeError, match="has no attribute 'no_such_name'"):
        gradcore.no_such_name  # noqa: B018
