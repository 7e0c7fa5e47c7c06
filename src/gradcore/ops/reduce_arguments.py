"""What the arguments of reductions mean: ``dim``, ``keepdim``, ``dtype``, ``out``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..backends.dtype import to_numpy_dtype
from ..backends.registry import backend_of
from .operand import normalize_dim, normalize_dims, require_tensor
from .promotion import as_scalar_array, category, name_of
from .registry import public
from .shape import to_dtype

_NUMPY_NAMES = {"axis": "dim", "keepdims": "keepdim", "a": "input", "x": "input"}


def reduction(
    method: bool = True,
    aliases: tuple[str, ...] = (),
    inplace: bool = False,
    check_out: Callable[[str, Any, Any], None] | None = None,
) -> Callable[..., Any]:
    """Register a public function that also takes ``out=`` and NumPy's ``axis=``, ``keepdims=``.

    ``check_out(name, input, out)`` refuses what the function cannot write into.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **options: Any) -> Any:
            if not options:
                return function(*args)
            for name in _NUMPY_NAMES.keys() & options.keys():
                options[_NUMPY_NAMES[name]] = options.pop(name)
            out = options.pop("out", None)
            if out is None:
                return function(*args, **options)
            if check_out is not None:
                check_out(function.__name__, args[0] if args else options["input"], out)
            from ..autograd.inplace import write_out

            return write_out(function, out, *args, **options)

        public(method=method, aliases=aliases, inplace=inplace)(call)
        return call

    return decorate


def same_dtype_out(function: str, input: Any, out: Any) -> None:
    """RuntimeError unless ``out`` has the input's dtype."""
    given, wanted = out._array.dtype, input._array.dtype
    if given != wanted:
        raise RuntimeError(
            f"Expected the dtype for input and out to match, but got {name_of(wanted)} for "
            f"input's dtype and {name_of(given)} for out's dtype."
        )


def separate_out(function: str, input: Any, out: Any) -> None:
    """RuntimeError where an output shares the input's memory."""
    source = input._array
    for x in out:
        if backend_of(source).may_share_memory(source, x._array):
            raise RuntimeError(
                "unsupported operation: some elements of the input tensor and the written-to "
                "tensor refer to a single memory location. Please clone() the tensor before "
                "performing the operation."
            )


def axes_of(dim: Any, ndim: int) -> tuple[int, ...] | None:
    """The axes meant by ``dim`` (an int, several, none of them); None for all."""
    if dim is None:
        return None
    if type(dim) is int:
        return (normalize_dim(dim, ndim),) if ndim else normalize_dims(dim, 0)
    if isinstance(dim, (list, tuple)) and not dim:
        return None
    return normalize_dims(dim, ndim)


def one_axis(function: str, x: Any, dim: Any) -> int:
    """The axis of a reduction that has no value for an empty dimension: IndexError there."""
    axis = normalize_dim(dim, x.ndim)
    if x.ndim and x.shape[axis] == 0:
        raise IndexError(f"{function}(): Expected reduction dim {axis} to have non-zero size.")
    return axis


def require_values(function: str, x: Any, axes: Sequence[int] | None) -> None:
    """Raise PyTorch's error where a reduction without an identity has nothing to reduce."""
    if x._array.size:
        return
    if axes is None:
        raise RuntimeError(
            f"{function}(): Expected reduction dim to be specified for input.numel() == 0. "
            "Specify the reduction dim with the 'dim' argument."
        )
    for axis in axes:
        one_axis(function, x, axis)


def tensor_argument(function: str, value: Any) -> Any:
    """``input`` if it is a tensor, else PyTorch's TypeError."""
    return value if hasattr(value, "_array") else require_tensor(function, "input", value)


def cast(x: Any, dtype: Any) -> Any:
    """``x`` in the element type that the user asked for (None: its own)."""
    if dtype is None:
        return x
    wanted = to_numpy_dtype(dtype)
    return x if x._array.dtype == wanted else to_dtype(x, dtype=wanted)


def is_inexact(x: Any) -> bool:
    return category(x._array.dtype) >= 2


def not_implemented(kernel: str, x: Any) -> NotImplementedError:
    """PyTorch's error for a dtype that a CPU kernel does not know."""
    return NotImplementedError(f"\"{kernel}\" not implemented for '{name_of(x._array.dtype)}'")


def refuse_kinds(kernel: str, x: Any, kinds: str) -> None:
    """Raise :func:`not_implemented` for dtypes of these kinds ("b" bool, "c" complex)."""
    if x._array.dtype.kind in kinds:
        raise not_implemented(kernel, x)


def scalar_tensor(value: Any, dtype: Any, like: Any) -> Any:
    """A Python number as a 0-d tensor of ``dtype`` on the device of ``like``."""
    from ..autograd.variable import wrap

    return wrap(as_scalar_array(value, dtype, like._array))


# ------------------------------------------------------------- for bodies and gradient rules


def kept_shape(shape: Sequence[int], axes: Sequence[int] | None) -> tuple[int, ...]:
    """``shape`` with the reduced axes at length 1."""
    return tuple(1 if axes is None or i in axes else n for i, n in enumerate(shape))


def restored(g: Any, shape: Sequence[int], axes: Sequence[int] | None, keepdims: bool) -> Any:
    """A reduced array with its axes back at length 1, so that it broadcasts to ``shape``."""
    return g if keepdims or axes is None else g.reshape(kept_shape(shape, axes))


def count_of(shape: Sequence[int], axes: Sequence[int] | None) -> int:
    """How many elements go into each result."""
    count = 1
    for i, n in enumerate(shape):
        if axes is None or i in axes:
            count *= n
    return count


def widened(x: Any) -> Any:
    """Half precision in float32, to add many of them up; anything else as it is."""
    return x.astype("float32") if x.dtype.itemsize == 2 and x.dtype.kind in "fV" else x
