"""The port between gradcore and an array library: everything above works through this class.

A backend is found by the type of an array (:func:`gradcore.backends.registry.backend_of`), never
by a global. Its arrays share NumPy's interface (shape, dtype, strides, operators, basic
indexing), and ``xp`` offers NumPy's functions for them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from .device import device

if TYPE_CHECKING:
    from ..ops.op import Op, Rule

Array = Any


class Backend(ABC):
    """One array library on one type of device."""

    device_type: str
    xp: Any
    array_type: type
    # What indexing and reducing gives instead of 0-d arrays (NumPy); rules meet them as gradients.
    scalar_types: tuple[type, ...] = ()

    @abstractmethod
    def compile(self, op: Op) -> Callable[..., Any]:
        """A callable ``kernel(*arrays, **attributes)`` that runs ``op``.

        Pointwise kernels also take ``out=``, an array to write into. The result is an array (0-d
        ones included) or a tuple of arrays on the inputs' device.
        """

    @abstractmethod
    def compile_rule(self, rule: Rule) -> Callable[..., Array]:
        """A callable that runs a gradient rule on arrays."""

    @abstractmethod
    def device_of(self, array: Array) -> device:
        """The device that ``array`` lives on."""

    @abstractmethod
    def on(self, where: device) -> AbstractContextManager:
        """A context in which new arrays are made on ``where``."""

    @abstractmethod
    def from_host(self, array: np.ndarray, where: device, non_blocking: bool = False) -> Array:
        """A copy of a NumPy array on ``where``."""

    @abstractmethod
    def to_host(self, array: Array, non_blocking: bool = False) -> np.ndarray:
        """``array`` as a NumPy array: itself where it is one, else a copy."""

    @abstractmethod
    def copy_between(self, array: Array, where: device) -> Array:
        """A copy of ``array`` on another device of this backend."""

    @abstractmethod
    def generator(self, where: device) -> Any:
        """A new random number stream for ``where``: see ``backends/cpu/random.py``."""

    @abstractmethod
    def random(self, name: str) -> Callable[..., Any]:
        """The random function ``name`` of ``backends/cpu/random.py`` (or random_discrete.py)."""

    def with_index(self, where: device) -> device:
        """``where`` with the index of the current device filled in."""
        return where

    @abstractmethod
    def data_ptr(self, array: Array) -> int:
        """The address of the first element."""

    @abstractmethod
    def may_share_memory(self, a: Array, b: Array) -> bool:
        """Whether the memory ranges of two arrays overlap."""

    def update(self, name: str, *arguments: Any, **options: Any) -> bool:
        """Run the fused kernel ``name`` (a multi-tensor optimizer step) where there is one.

        Returns False where this backend has none; the caller then uses its generic form.
        """
        return False

    def check_same_device(self, arrays: Sequence[Array]) -> None:
        """Raise RuntimeError unless all arrays (numbers aside) live on one device."""
        from .registry import raise_if_mixed

        raise_if_mixed(arrays)
