"""The names of ``gradcore`` itself that are no operations: types, dtypes, modes, generators."""

from __future__ import annotations

from typing import Any

from ..autograd.anomaly import is_anomaly_check_nan_enabled, is_anomaly_enabled
from ..autograd.modes import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from ..autograd.variable import TensorBase
from ..backends import registry as _registry
from ..backends.cpu.threads import get_num_threads, set_num_threads
from ..backends.default import default_dtype as _default_dtype
from ..backends.default import set_default_dtype as _set_default
from ..backends.device import device
from ..backends.dtype import DTYPES, dtype, finfo, from_numpy_dtype, iinfo, to_numpy_dtype
from ..ops.promotion import can_cast as _can_cast
from ..ops.promotion import promote_types as _promote
from ..ops.promotion import result_dtype as _result_dtype
from .creation import from_numpy, tensor
from .layout import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    layout,
    memory_format,
    preserve_format,
    sparse_coo,
    strided,
)
from .legacy import TYPES
from .printing import get_printoptions, printoptions, set_printoptions
from .random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from .size import Size
from .tensor import Tensor

bool = DTYPES["bool"]
uint8 = DTYPES["uint8"]
int8 = DTYPES["int8"]
int16 = short = DTYPES["int16"]
int32 = int = DTYPES["int32"]
int64 = long = DTYPES["int64"]
float16 = half = DTYPES["float16"]
float32 = float = DTYPES["float32"]
float64 = double = DTYPES["float64"]
complex64 = cfloat = DTYPES["complex64"]
complex128 = cdouble = DTYPES["complex128"]

FloatTensor, DoubleTensor, HalfTensor = (TYPES[n + "Tensor"] for n in ("Float", "Double", "Half"))
LongTensor, IntTensor, ShortTensor = (TYPES[n + "Tensor"] for n in ("Long", "Int", "Short"))
CharTensor, ByteTensor, BoolTensor = (TYPES[n + "Tensor"] for n in ("Char", "Byte", "Bool"))

inf = 1e999
nan = inf - inf
pi = 3.141592653589793
e = 2.718281828459045
newaxis = None


def get_default_dtype() -> dtype:
    """The dtype of tensors made from Python floats."""
    return from_numpy_dtype(_default_dtype())


def set_default_dtype(d: dtype) -> None:
    """Set the default floating point dtype; TypeError for any other kind."""
    chosen = from_numpy_dtype(to_numpy_dtype(d, "d"))
    if not chosen.is_floating_point:
        raise TypeError(f"only floating-point types are supported as the default type, got {d}")
    _set_default(chosen.np)


def set_default_device(where: Any) -> None:
    """Where factory functions put tensors (None: the CPU)."""
    _registry.set_default_device(None if where is None else device(where))


def get_default_device() -> device:
    return _registry.default_device()


def is_tensor(obj: Any) -> Any:
    """Whether ``obj`` is a Tensor."""
    return isinstance(obj, TensorBase)


def is_floating_point(input: Tensor) -> Any:
    """Whether the dtype is a floating point one."""
    return input.is_floating_point()


def is_complex(input: Tensor) -> Any:
    return input.is_complex()


def is_nonzero(input: Tensor) -> Any:
    """Whether a one-element tensor is not zero; RuntimeError for other sizes."""
    if input.numel() != 1:
        kind = "no values" if input.numel() == 0 else "more than one value"
        raise RuntimeError(f"Boolean value of Tensor with {kind} is ambiguous")
    return input.__bool__()


def numel(input: Tensor) -> Any:
    """The number of elements."""
    return input.numel()


def promote_types(type1: dtype, type2: dtype) -> dtype:
    """The smallest dtype that both can be converted to."""
    return from_numpy_dtype(_promote(to_numpy_dtype(type1), to_numpy_dtype(type2)))


def result_type(tensor1: Any, tensor2: Any) -> dtype:
    """The dtype of an arithmetic operation on the two tensors or numbers."""
    return from_numpy_dtype(_result_dtype([getattr(t, "_array", t) for t in (tensor1, tensor2)]))


def can_cast(from_: dtype, to: dtype) -> Any:
    """Whether a result of the first type may be written into a tensor of the second."""
    return _can_cast(to_numpy_dtype(from_), to_numpy_dtype(to))


__all__ = [
    "BoolTensor",
    "ByteTensor",
    "CharTensor",
    "DoubleTensor",
    "FloatTensor",
    "Generator",
    "HalfTensor",
    "IntTensor",
    "LongTensor",
    "ShortTensor",
    "Size",
    "Tensor",
    "bool",
    "can_cast",
    "cdouble",
    "cfloat",
    "channels_last",
    "channels_last_3d",
    "complex64",
    "complex128",
    "contiguous_format",
    "default_generator",
    "device",
    "double",
    "dtype",
    "e",
    "enable_grad",
    "finfo",
    "float",
    "float16",
    "float32",
    "float64",
    "from_numpy",
    "get_default_device",
    "get_default_dtype",
    "get_num_threads",
    "get_printoptions",
    "get_rng_state",
    "half",
    "iinfo",
    "inf",
    "inference_mode",
    "initial_seed",
    "int",
    "int8",
    "int16",
    "int32",
    "int64",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_complex",
    "is_floating_point",
    "is_grad_enabled",
    "is_inference_mode_enabled",
    "is_nonzero",
    "is_tensor",
    "layout",
    "long",
    "manual_seed",
    "memory_format",
    "nan",
    "newaxis",
    "no_grad",
    "numel",
    "pi",
    "preserve_format",
    "printoptions",
    "promote_types",
    "result_type",
    "seed",
    "set_default_device",
    "set_default_dtype",
    "set_grad_enabled",
    "set_num_threads",
    "set_printoptions",
    "set_rng_state",
    "short",
    "sparse_coo",
    "strided",
    "tensor",
    "uint8",
]  # fmt: skip
