"""Process-wide settings of ``torch``, and questions about tensors that are no operations."""

from __future__ import annotations

from typing import Any

from ..autograd.variable import TensorBase
from ..backends import determinism
from .legacy import TYPES
from .public import set_default_dtype

_MODES = {"default": determinism.OFF, "warn": determinism.WARN, "error": determinism.ERROR}
_interop_threads = 1


def use_deterministic_algorithms(mode: bool, *, warn_only: bool = False) -> None:
    """Refuse (or only warn of) operations whose result may differ from run to run."""
    if not isinstance(mode, bool):
        raise TypeError(f"mode must be a bool, but got {type(mode).__name__}")
    on = determinism.WARN if warn_only else determinism.ERROR
    determinism.set_mode(on if mode else determinism.OFF)


def are_deterministic_algorithms_enabled() -> bool:
    return determinism.get_mode() != determinism.OFF


def is_deterministic_algorithms_warn_only_enabled() -> bool:
    return determinism.get_mode() == determinism.WARN


def set_deterministic_debug_mode(debug_mode: int | str) -> None:
    """``use_deterministic_algorithms`` by "default", "warn", "error" or 0, 1, 2."""
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(
            f"debug_mode must be str or int, but got <class '{type(debug_mode).__name__}'>"
        )
    by_name = isinstance(debug_mode, str)
    if debug_mode not in (_MODES if by_name else _MODES.values()):
        expected = "one of `default`, `warn`, `error`" if by_name else "0, 1, or 2"
        raise RuntimeError(
            f"invalid value of debug_mode, expected {expected}, but got {debug_mode}"
        )
    determinism.set_mode(_MODES[debug_mode] if by_name else debug_mode)  # type: ignore[arg-type, index]


def get_deterministic_debug_mode() -> int:
    return determinism.get_mode()


def set_float32_matmul_precision(precision: str) -> None:
    """ "highest" computes float32 products on CUDA in float32; "high" and "medium" allow TF32."""
    if precision not in ("highest", "high", "medium"):
        import warnings

        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current "
            "setFloat32MatmulPrecision call has no effect.",
            UserWarning,
            stacklevel=2,
        )
        return
    from ..backends.cuda import cublas

    cublas.allow_tf32(precision != "highest")


def get_float32_matmul_precision() -> str:
    from ..backends.cuda import cublas

    return "high" if cublas.tf32_allowed() else "highest"


def set_flush_denormal(mode: bool) -> bool:
    """Whether the setting is supported: only False is, for NumPy computes with denormals."""
    return not mode


def get_num_interop_threads() -> int:
    """The number last set; operations are never run side by side here, whatever it is."""
    return _interop_threads


def set_num_interop_threads(num: int) -> None:
    """Kept for :func:`get_num_interop_threads`; RuntimeError unless positive."""
    global _interop_threads
    if not isinstance(num, int):
        raise RuntimeError(f"set_num_interop_threads expects an int, but got {type(num).__name__}")
    if num <= 0:
        raise RuntimeError("set_num_interop_threads expects a positive integer")
    _interop_threads = num


def set_default_tensor_type(t: Any) -> None:
    """The older form of ``set_default_dtype``: a type such as ``FloatTensor``, or its name."""
    name = t.rpartition(".")[2] if isinstance(t, str) else getattr(t, "__name__", str(t))
    if name not in TYPES:
        raise TypeError(f"invalid type object: {t}")
    set_default_dtype(TYPES[name].dtype)


def typename(obj: Any, /) -> str:
    """The type of ``obj``: ``Tensor.type()`` of a tensor, else module and name of its class."""
    if isinstance(obj, TensorBase):
        return obj.type()
    cls = obj if hasattr(obj, "__qualname__") else type(obj)
    module = "" if cls.__module__ in (None, "builtins") else f"{cls.__module__}."
    return module + cls.__qualname__


def is_inference(input: Any) -> bool:
    """Whether the tensor was made in inference mode."""
    return input.is_inference()


def is_signed(input: Any) -> bool:
    """Whether the dtype has negative numbers."""
    return input.dtype.is_signed


def is_same_size(input: Any, other: Any) -> bool:
    return tuple(input.shape) == tuple(other.shape)


def get_device(input: Any) -> int:
    """The CUDA device's number; -1 for the CPU."""
    return input.get_device()


def detach(input: Any) -> Any:
    """A tensor of the same memory outside the graph."""
    return input.detach()


def detach_(input: Any) -> Any:
    return input.detach_()


__all__ = [
    "are_deterministic_algorithms_enabled", "detach", "detach_", "get_deterministic_debug_mode",
    "get_device", "get_float32_matmul_precision", "get_num_interop_threads",
    "is_deterministic_algorithms_warn_only_enabled", "is_inference", "is_same_size", "is_signed",
    "set_default_tensor_type", "set_deterministic_debug_mode", "set_float32_matmul_precision",
    "set_flush_denormal", "set_num_interop_threads", "typename", "use_deterministic_algorithms",
]  # fmt: skip
