"""Reading the arguments of poolings, with PyTorch's errors for those that do not fit.

max_pool1d and avg_pool1d have wordings of their own there, and so they have here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..backends.window_count import window_count
from .operand import require_tensor

_COUNT = {1: "one int", 2: "two ints", 3: "three ints"}
_AXES = {1: "W", 2: "HW", 3: "THW"}


def pool_arguments(
    name: str, n: int, input: Any, kernel: Any, stride: Any, padding: Any, dilation: Any, ceil: bool
) -> tuple[tuple[int, ...], ...]:
    """kernel, stride, padding and dilation as n ints each; RuntimeError for what does not fit."""
    require_tensor(name, "input", input)
    kernel = _ints(name, "kernel_size", kernel, n)
    missing = stride is None or (isinstance(stride, (list, tuple)) and not len(stride))
    stride = kernel if missing else _ints(name, "stride", stride, n)
    padding = _ints(name, "padding", padding, n)
    dilation = _ints(name, "dilation", dilation, n)
    if name == "max_pool1d":
        _check_line(kernel[0], stride[0], padding[0], dilation[0])
    _check_values(n, kernel, stride, padding, dilation)
    _check_shape(name, n, list(input.shape))
    sizes = [
        window_count(m, k, s, p, d, ceil)
        for m, k, s, p, d in zip(input.shape[-n:], kernel, stride, padding, dilation, strict=True)
    ]
    if min(sizes) < 1:
        raise RuntimeError(_too_small(name, n, input, kernel, sizes))
    return kernel, stride, padding, dilation


def _ints(name: str, argument: str, value: Any, n: int) -> tuple[int, ...]:
    if isinstance(value, int):
        return (value,) * n
    value = tuple(int(v) for v in value)
    if len(value) == 1:
        return value * n
    if len(value) == n:
        return value
    if name == "avg_pool1d":
        raise RuntimeError(
            f"{name}() argument '{argument}' should contain one int (got {len(value)})"
        )
    if name == "max_pool1d":
        none = "None, " if argument == "stride" else ""
        comma = "," if argument in ("stride", "padding") else ""
        raise RuntimeError(
            f"{name}() {argument} must be {none}an int, list of ints{comma} or tuple of ints of "
            f"size 1 but got size {len(value)}"
        )
    be = "must be" if name == "avg_pool3d" else "must either be"
    if argument == "dilation":
        be = "must be either"
    omitted = "omitted, " if argument == "stride" else ""
    raise RuntimeError(f"{name}: {argument} {be} {omitted}a single int, or a tuple of {_COUNT[n]}")


def _check_shape(name: str, n: int, shape: list[int]) -> None:
    ndim = len(shape)
    ranks = f"{n + 1}D or {n + 2}D (batch mode)"
    fits = ndim in (n + 1, n + 2)
    empty = fits and 0 in shape[ndim - n - 1 :]
    if fits and not empty:
        return
    if name == "avg_pool1d" and not fits:
        raise RuntimeError(
            f"Expected 2 to 3 dimensions, but got {ndim}-dimensional tensor for argument #1 'self' "
            "(while checking arguments for avg_pool1d)"
        )
    if name == "avg_pool1d":  # PyTorch pools (N, C, 1, L)
        ranks, shape = "3D or 4D (batch mode)", [*shape[:-1], 1, shape[-1]]
    elif not fits and n > 1:
        suffix = " (batch mode) tensor expected for input"
        raise RuntimeError(f"non-empty {n + 1}D or {n + 2}D{suffix}")
    elif n == 3:
        template = "max_pool3d_with_indices_out_cpu_template"
        lead = ndim - 4
        raise RuntimeError(
            f"{template if name == 'max_pool3d' else name}(): Expected input's non-batch "
            f"dimensions to have positive length, but input has a shape of {shape} and non-batch "
            f"dimension {shape[lead:].index(0)} has length zero!"
        )
    prefix = "max_pool1d: " if name == "max_pool1d" else ""
    raise RuntimeError(
        f"{prefix}Expected {ranks} tensor with optional 0 dim batch size for input, but got:{shape}"
    )


def _check_line(kernel: int, stride: int, padding: int, dilation: int) -> None:
    """The values of max_pool1d."""
    for name, value in (("kernel_size", kernel), ("stride", stride), ("dilation", dilation)):
        if value <= 0:
            raise RuntimeError(f"max_pool1d() {name} must be greater than zero, but got {value}")
    if padding < 0:
        raise RuntimeError(f"max_pool1d() padding must be non-negative, but got {padding}")
    if padding > kernel // 2:
        raise RuntimeError(
            "max_pool1d() padding should be at most half of kernel size, but got "
            f"padding={padding} and kernel_size={kernel}"
        )


def _check_values(
    n: int,
    kernel: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> None:
    if min(stride) == 0:
        raise RuntimeError("stride should not be zero")
    if min(kernel) <= 0 or min(stride) < 0:
        raise RuntimeError(
            "kernel size should be greater than zero, but got "
            + " ".join(f"k{axis}: {k}" for axis, k in zip(_AXES[n], kernel, strict=True))
        )
    if min(dilation) <= 0:
        values = zip(_AXES[n], dilation, strict=True)
        raise RuntimeError(
            "dilation should be greater than zero, but got "
            + " ".join(f"dilation{axis}: {d}" for axis, d in values)
        )
    for k, p, d in zip(kernel, padding, dilation, strict=True):
        if p < 0:
            raise RuntimeError(f"pad must be non-negative, but got pad: {p}")
        if p > (d * (k - 1) + 1) // 2:
            raise RuntimeError(
                "pad should be at most half of effective kernel size, but got "
                f"pad={p}, kernel_size={k} and dilation={d}"
            )


def _too_small(name: str, n: int, input: Any, kernel: Sequence[int], sizes: list[int]) -> str:
    if name == "max_pool1d":
        return f"{name}() Invalid computed output size: {sizes[0]}"
    shape = list(input.shape[-n - 1 :])
    if name == "avg_pool3d":
        image = " ".join(f"{axis}: {m}" for axis, m in zip("THW", shape[1:], strict=True))
        windows = " ".join(f"k{axis}: {k}" for axis, k in zip("THW", kernel, strict=True))
        return f"input image ({image}) smaller than kernel size ({windows})"
    result = [shape[0], *sizes]
    if n == 1:  # as (N, C, 1, L)
        shape, result = [shape[0], 1, shape[1]], [shape[0], 1, sizes[0]]
    return (
        f"Given input size: ({'x'.join(map(str, shape))}). Calculated output size: "
        f"({'x'.join(map(str, result))}). Output size is too small"
    )


def adaptive_sizes(name: str, n: int, input: Any, output_size: Any) -> tuple[int, ...]:
    """The sizes of an adaptive pooling's output, those that are None taken from the input."""
    require_tensor(name, "input", input)
    shape = list(input.shape)
    sizes = (output_size,) * n if isinstance(output_size, int) else output_size
    if n > 1 and isinstance(output_size, (list, tuple)) and len(shape) <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    sizes = (None,) * n if sizes is None else tuple(sizes)
    if len(sizes) != n:
        if n == 1:
            raise RuntimeError(
                f"{name}() argument 'output_size' should contain one int (got {len(sizes)})"
            )
        internal = "(): internal error: output_size.size()" if "max" in name else ": output_size"
        raise RuntimeError(f"{name}{internal} must be {n}")
    if len(shape) not in (n + 1, n + 2):
        if n == 1:
            raise RuntimeError(
                f"Expected 2 to 3 dimensions, but got {len(shape)}-dimensional tensor for argument "
                f"#1 'self' (while checking arguments for {name})"
            )
        raise RuntimeError(f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got {shape}")
    for axis in range(len(shape) - n, len(shape)):
        if shape[axis] == 0:
            raise RuntimeError(
                f"{name}(): Expected input to have non-zero size for non-batch dimensions, but "
                f"input has sizes {shape} with dimension {axis} being empty"
            )
    result = tuple(m if s is None else int(s) for s, m in zip(sizes, shape[-n:], strict=True))
    if min(result) < 0:
        if "max" in name:
            whole = [*shape[:-n], *result]
            raise RuntimeError(
                f"Trying to create tensor with negative dimension {min(result)}: {whole}"
            )
        raise RuntimeError(
            f"{name}: elements of output_size must be greater than or equal to 0 but received "
            f"{{{', '.join(map(str, result))}}}"
        )
    return result
