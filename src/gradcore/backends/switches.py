"""``gradcore.backends.cudnn`` and its like: what ``torch.backends`` lets programs ask and set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


class Switch:
    """A True-or-False attribute that lives in another module: ``get()`` and ``set(value)``."""

    def __init__(self, get: Callable[[], bool], set: Callable[[bool], Any]) -> None:
        self.get, self.set = get, set

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> bool:
        return self.get()

    def __set__(self, instance: Any, value: bool) -> None:
        if not isinstance(value, bool):
            raise RuntimeError(f"set_{self.name}_cudnn expects a bool, but got {type(value)}")
        self.set(value)


def _cudnn_module() -> Any:
    from .cuda import cudnn

    return cudnn


def _cublas_module() -> Any:
    from .cuda import cublas

    return cublas


class Cudnn:
    """``torch.backends.cudnn``.

    ``benchmark`` may be set as programs do, but plans are chosen by cuDNN's own heuristics
    either way; ``deterministic`` leaves out the engines whose sums depend on the order.
    """

    enabled = Switch(
        lambda: _cudnn_module().is_enabled(), lambda value: _cudnn_module().enable(value)
    )
    allow_tf32 = Switch(
        lambda: _cudnn_module().tf32_allowed(), lambda value: _cudnn_module().allow_tf32(value)
    )
    deterministic = Switch(
        lambda: _cudnn_module().is_deterministic(),
        lambda value: _cudnn_module().make_deterministic(value),
    )
    benchmark = False

    def is_available(self) -> bool:
        """Whether convolutions on CUDA can go through cuDNN here."""
        return self.version() is not None

    def version(self) -> int | None:
        """cuDNN's version as a number (91002 is 9.10.2), None where it is missing."""
        return _cudnn_module().version()

    @contextmanager
    def flags(
        self,
        enabled: bool = False,
        benchmark: bool = False,
        deterministic: bool = False,
        allow_tf32: bool = True,
    ) -> Iterator[None]:
        """Set the switches inside a ``with`` block."""
        given = {
            "enabled": enabled,
            "benchmark": benchmark,
            "deterministic": deterministic,
            "allow_tf32": allow_tf32,
        }
        before = {name: getattr(self, name) for name in given}
        try:
            for name, value in given.items():
                setattr(self, name, value)
            yield
        finally:
            for name, value in before.items():
                setattr(self, name, value)


class CudaMatmul:
    """``torch.backends.cuda.matmul``."""

    allow_tf32 = Switch(
        lambda: _cublas_module().tf32_allowed(), lambda value: _cublas_module().allow_tf32(value)
    )


class Mps:
    """``torch.backends.mps``: gradcore has no backend for Apple's GPUs."""

    def is_available(self) -> bool:
        return False

    def is_built(self) -> bool:
        return False

    is_macos_or_newer = is_macos13_or_newer = staticmethod(lambda *version: False)


class Mkldnn:
    """``torch.backends.mkldnn`` and ``mkl``: the CPU kernels here are NumPy's."""

    enabled = False

    def is_available(self) -> bool:
        return False
