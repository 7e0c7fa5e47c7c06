"""Moving a module to another device or dtype."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from ...autograd.modes import no_grad
from ...autograd.variable import TensorBase
from ...backends.device import device as Device
from ...backends.dtype import dtype as Dtype

Self = TypeVar("Self", bound="ConversionMethods")


class ConversionMethods:
    """The part of ``Module`` that replaces the data of its parameters and buffers.

    Parameters stay the same objects, so that an optimizer which holds them need not be told.
    """

    _parameters: dict[str, Any]
    _buffers: dict[str, Any]

    def _apply(self: Self, fn: Callable[[Any], Any], recurse: bool = True) -> Self:
        if recurse:
            for module in self.children():  # type: ignore[attr-defined]
                module._apply(fn)
        for parameter in self._parameters.values():
            if parameter is None:
                continue
            with no_grad():
                parameter.data = fn(parameter)
                if parameter.grad is not None:
                    parameter.grad.data = fn(parameter.grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def cuda(self: Self, device: Any = None) -> Self:
        """Move everything to a CUDA device (None: the current one)."""
        return self._apply(lambda t: t.cuda(device))

    def cpu(self: Self) -> Self:
        """Move everything to the CPU."""
        return self._apply(lambda t: t.cpu())

    def type(self: Self, dst_type: Any) -> Self:
        """Cast everything, integer buffers included."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self: Self) -> Self:
        """Cast what is floating point to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self: Self) -> Self:
        """Cast what is floating point to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self: Self) -> Self:
        """Cast what is floating point to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self: Self) -> Self:
        """Cast what is floating point to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def to_empty(self: Self, *, device: Any, recurse: bool = True) -> Self:
        """Move everything to ``device`` without copying the values."""
        from ...ops.registry import FUNCTIONS

        empty_like = FUNCTIONS["empty_like"]
        return self._apply(lambda t: empty_like(t, device=device), recurse=recurse)

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Move everything to a device, cast what is floating point to a dtype, or both.

        ``to(device=None, dtype=None, non_blocking=False)``, ``to(dtype, non_blocking=False)``,
        ``to(tensor, non_blocking=False)``, ``to(memory_format=...)``. TypeError for a dtype that
        is neither floating point nor complex.
        """
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None:
            _check_dtype(dtype)

        def convert(t: Any) -> Any:
            wanted = dtype if t.is_floating_point() or t.is_complex() else None
            options = {"device": device, "dtype": wanted, "non_blocking": non_blocking}
            options = {k: v for k, v in options.items() if v is not None}
            if memory_format is not None and t.dim() in (4, 5):
                options["memory_format"] = memory_format
            return t.to(**options)

        return self._apply(convert)

    def share_memory(self: Self) -> Self:
        """Move everything into memory that other processes can use."""
        return self._apply(lambda t: t.share_memory_())


def _check_dtype(dtype: Dtype) -> None:
    if not (dtype.is_floating_point or dtype.is_complex):
        raise TypeError(
            "nn.Module.to only accepts floating point or complex dtypes, but got desired "
            f"dtype={dtype}"
        )
    if dtype.is_complex:
        warnings.warn(
            "Complex modules are a new feature under active development whose design may change, "
            "and some modules might not work as expected when using complex tensors as parameters "
            "or buffers. Please file an issue at "
            "https://github.com/pytorch/pytorch/issues/new?template=bug-report.yml if a complex "
            "module does not work as expected.",
            stacklevel=3,
        )


def _parse_to(*args: Any, **kwargs: Any) -> tuple[Any, Any, Any, Any]:
    """(device, dtype, non_blocking, memory_format) of the forms that ``to`` takes."""
    memory_format = kwargs.pop("memory_format", None)
    if (args and isinstance(args[0], TensorBase)) or "tensor" in kwargs:
        names: tuple[str, ...] = ("tensor", "non_blocking", "copy")
    elif args and isinstance(args[0], Dtype):
        names = ("dtype", "non_blocking", "copy")
    else:
        names = ("device", "dtype", "non_blocking", "copy")
    if len(args) > len(names) or set(kwargs) - set(names) | set(kwargs) & set(names[: len(args)]):
        raise TypeError(_invalid_combination(args, kwargs))
    given = dict(zip(names, args, strict=False)) | kwargs
    device, dtype = given.get("device"), given.get("dtype")
    if "tensor" in given:
        device, dtype = given["tensor"].device, given["tensor"].dtype
    if device is not None and not isinstance(device, (Device, str, int)):
        raise TypeError(_invalid_combination(args, kwargs))
    if dtype is not None and not isinstance(dtype, Dtype):
        raise TypeError(_invalid_combination(args, kwargs))
    return device, dtype, given.get("non_blocking", False), memory_format


def _invalid_combination(args: tuple, kwargs: dict) -> str:
    got = [type(a).__name__ for a in args] + [f"{k}={type(v).__name__}" for k, v in kwargs.items()]
    return f"to() received an invalid combination of arguments - got ({', '.join(got)})"
