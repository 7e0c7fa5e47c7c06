"""Run programs written for PyTorch: gradcore under the name ``torch``.

``import gradcore.as_torch`` before the program's own imports, or::

    python -m gradcore.as_torch script.py arguments…
    python -m gradcore.as_torch -m package arguments…

``torch`` and its submodules are then gradcore's, ``torchvision`` is ``gradcore.vision``. What
gradcore does not have raises AttributeError or ModuleNotFoundError that say so; nothing ever
comes from a PyTorch that is installed as well.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any

# The PyTorch whose API this is: what programs that ask for a version get.
TORCH_VERSION = "2.13.0"
TORCHVISION_VERSION = "0.28.0"

_ROOTS = {"torch": "gradcore", "torchvision": "gradcore.vision"}
_VERSIONS = {"torch": TORCH_VERSION, "torchvision": TORCHVISION_VERSION}


class _Root(ModuleType):
    """The module ``torch`` or ``torchvision``: gradcore's names, with PyTorch's version."""

    def __init__(self, name: str, target: ModuleType) -> None:
        super().__init__(name, target.__doc__)
        self.__version__ = _VERSIONS[name]
        self.__path__: list[str] = []
        self.__dict__["_target"] = target

    def __getattr__(self, name: str) -> Any:
        try:
            value = getattr(self.__dict__["_target"], name)
        except AttributeError:
            raise AttributeError(f"gradcore does not have '{self.__name__}.{name}'") from None
        if not name.startswith("__"):
            self.__dict__[name] = value
        return value

    def __dir__(self) -> list[str]:
        return sorted({*dir(self._target), *self.__dict__})


class _Loader(importlib.abc.Loader):
    """Hands out gradcore's module instead of making one."""

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType:
        root, _, rest = spec.name.partition(".")
        target = importlib.import_module(_ROOTS[root] + (f".{rest}" if rest else ""))
        if not rest:
            return _Root(root, target)
        self.own_spec = target.__spec__
        return target

    def exec_module(self, module: ModuleType) -> None:
        if hasattr(self, "own_spec"):
            # The import system has just put the spec of the other name there.
            module.__spec__ = self.own_spec


class _Distribution(importlib.metadata.Distribution):
    """What ``importlib.metadata`` says of an installed ``torch``."""

    def __init__(self, name: str) -> None:
        self._name = name

    def read_text(self, filename: str) -> str | None:
        if filename != "METADATA":
            return None
        return f"Metadata-Version: 2.1\nName: {self._name}\nVersion: {_VERSIONS[self._name]}\n"

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(f"{path}: {self._name} is gradcore under another name")


class _Finder(importlib.abc.MetaPathFinder):
    """Finds ``torch``, ``torchvision`` and all below them in gradcore, or nowhere."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        root, _, rest = fullname.partition(".")
        if root not in _ROOTS:
            return None
        if not _exists(_ROOTS[root] + (f".{rest}" if rest else "")):
            raise ModuleNotFoundError(f"gradcore does not have '{fullname}'", name=fullname)
        spec = importlib.machinery.ModuleSpec(fullname, _Loader(), origin="gradcore")
        # Anything may turn out to have submodules; this finder decides.
        spec.submodule_search_locations = []
        return spec

    def find_distributions(self, context: Any = None) -> Iterator[importlib.metadata.Distribution]:
        if context is not None and context.name in _ROOTS:
            yield _Distribution(context.name)


def _exists(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def install() -> None:
    """Make ``torch`` and ``torchvision`` gradcore's from now on.

    Raises ImportError where the program has imported another ``torch`` already.
    """
    if any(isinstance(finder, _Finder) for finder in sys.meta_path):
        return
    for root in _ROOTS:
        if root in sys.modules:
            raise ImportError(
                f"'{root}' is imported already: import gradcore.as_torch before everything else"
            )
    sys.meta_path.insert(0, _Finder())


def main(arguments: list[str]) -> None:
    """Run a script, or a module with ``-m``, as ``python`` would."""
    import os
    import runpy

    if not arguments or arguments[0] in ("-h", "--help"):
        print(__doc__)
        return
    if arguments[0] == "-m" and len(arguments) > 1:
        sys.argv = arguments[1:]
        sys.path.insert(0, os.getcwd())
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        return
    sys.argv = arguments
    sys.path.insert(0, os.path.dirname(os.path.abspath(arguments[0])))
    runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    # Installed by the module of this name, so that importing it later does not do it again.
    importlib.import_module("gradcore.as_torch")
    main(sys.argv[1:])
else:
    install()
