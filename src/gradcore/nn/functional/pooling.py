"""Pooling that is not one op: with indices, adaptive and fractional maxima, norms, unpooling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ...ops.operand import require_tensor
from ...ops.pool import (
    avg_pool1d,
    avg_pool2d,
    avg_pool3d,
    max_pool1d,
    max_pool2d,
    max_pool3d,
)
from ...ops.pool_checks import adaptive_sizes
from ...ops.pool_windows import adaptive_max_pool, fractional_max_pool, max_unpool
from ...ops.promotion import name_of
from ...ops.registry import FUNCTIONS


def _batched(function: Callable[..., Any], input: Any, ndim: int) -> Any:
    """``function`` of an input that may lack its batch dimension; a tensor or a pair."""
    if input.ndim == ndim + 2:
        return function(input)
    result = function(input.unsqueeze(0))
    if isinstance(result, tuple):
        return tuple(r.squeeze(0) for r in result)
    return result.squeeze(0)


def _with_indices(function: Callable[..., Any]) -> Callable[..., Any]:
    def pooled(
        input: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = True,
    ) -> Any:
        return function(input, kernel_size, stride, padding, dilation, ceil_mode, True)

    pooled.__name__ = pooled.__qualname__ = f"{function.__name__}_with_indices"
    pooled.__doc__ = f"``{function.__name__}(…, return_indices=True)``."
    return pooled


max_pool1d_with_indices = _with_indices(max_pool1d)
max_pool2d_with_indices = _with_indices(max_pool2d)
max_pool3d_with_indices = _with_indices(max_pool3d)


# ---------------------------------------------------------------------- adaptive maxima


def _adaptive(ndim: int, input: Any, output_size: Any, return_indices: bool) -> Any:
    name = f"adaptive_max_pool{ndim}d"
    sizes = adaptive_sizes(name, ndim, input, output_size)
    if input._array.dtype.kind in "bc":
        dtype = name_of(input._array.dtype)
        raise NotImplementedError(f"\"{name}_cpu\" not implemented for '{dtype}'")
    values, indices = _batched(lambda x: adaptive_max_pool(x, output_size=sizes), input, ndim)
    return (values, indices) if return_indices else values


def adaptive_max_pool1d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over ``output_size`` parts of (N, C, L) or (C, L)."""
    return _adaptive(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over parts of (N, C, H, W) or (C, H, W); None keeps a size."""
    return _adaptive(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over parts of (N, C, D, H, W) or (C, D, H, W); None keeps a size."""
    return _adaptive(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(
    input: Any, output_size: Any, return_indices: bool = False
) -> Any:
    """``adaptive_max_pool1d(…, return_indices=True)``."""
    return _adaptive(1, input, output_size, True)


def adaptive_max_pool2d_with_indices(
    input: Any, output_size: Any, return_indices: bool = False
) -> Any:
    """``adaptive_max_pool2d(…, return_indices=True)``."""
    return _adaptive(2, input, output_size, True)


def adaptive_max_pool3d_with_indices(
    input: Any, output_size: Any, return_indices: bool = False
) -> Any:
    """``adaptive_max_pool3d(…, return_indices=True)``."""
    return _adaptive(3, input, output_size, True)


# -------------------------------------------------------------------- fractional maxima


def _fractional(
    ndim: int,
    input: Any,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    return_indices: bool,
    samples: Any,
) -> Any:
    name = f"fractional_max_pool{ndim}d"
    require_tensor(name, "input", input)
    kernel = _tuple(kernel_size, ndim)
    if input.ndim not in (ndim + 1, ndim + 2) or 0 in input.shape[-ndim - 1 :]:
        raise RuntimeError(
            f"{name}: Expected {ndim + 1}D or {ndim + 2}D (batch mode) tensor with optional 0 dim "
            f"batch size for input, but got: {list(input.shape)}"
        )
    spatial = tuple(input.shape[-ndim:])
    if output_size is None:
        if output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        ratios = _tuple(output_ratio, ndim)
        output_size = [int(n * ratio) for n, ratio in zip(spatial, ratios, strict=True)]
    sizes = _tuple(output_size, ndim)
    for label, n, k, m in zip(
        ("T", "height", "width")[-ndim:], spatial, kernel, sizes, strict=True
    ):
        if m + k - 1 > n:
            raise RuntimeError(
                f"{name}_out(): pool {label} {k} too large relative to input {label} {n}"
            )
    lead = tuple(input.shape[: input.ndim - ndim])
    if samples is None:
        batch = 1 if len(lead) == 1 else lead[0]
        options = {"dtype": input.dtype, "device": input.device}
        samples = FUNCTIONS["rand"](batch, lead[-1], ndim, **options)
    # PyTorch's samples for planes are (x, y), those for volumes (t, y, x)
    samples = samples.flip(-1) if ndim == 2 else samples
    samples = samples[: 1 if len(lead) == 1 else lead[0]]
    values, indices = _batched(
        lambda x: fractional_max_pool(x, samples, kernel=kernel, output_size=sizes), input, ndim
    )
    return (values, indices) if return_indices else values


def _tuple(value: Any, n: int) -> tuple:
    return tuple(value) if isinstance(value, Sequence) else (value,) * n


def fractional_max_pool2d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """Maxima over windows at random distances of (N, C, H, W) (Graham, arXiv 1412.6071).

    ``output_size`` or ``output_ratio`` (of the input's sizes) must be given.
    """
    return _fractional(
        2, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


def fractional_max_pool3d(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """:func:`fractional_max_pool2d` of (N, C, D, H, W)."""
    return _fractional(
        3, input, kernel_size, output_size, output_ratio, return_indices, _random_samples
    )


def fractional_max_pool2d_with_indices(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """``fractional_max_pool2d(…, return_indices=True)``."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, True, _random_samples)


def fractional_max_pool3d_with_indices(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """``fractional_max_pool3d(…, return_indices=True)``."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, True, _random_samples)


# ---------------------------------------------------------------------------- unpooling


def _unpool(
    ndim: int,
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Any:
    name = f"max_unpool{ndim}d"
    require_tensor(name, "input", input)
    require_tensor(name, "indices", indices, 2)
    kernel = _tuple(kernel_size, ndim)
    stride = kernel if stride is None else _tuple(stride, ndim)
    sizes = _unpooled_sizes(input, kernel, stride, _tuple(padding, ndim), output_size)
    _check_unpool(name, ndim, input, indices, stride, sizes)
    if input.ndim == ndim + 1:
        return max_unpool(input.unsqueeze(0), indices.unsqueeze(0), spatial=sizes).squeeze(0)
    return max_unpool(input, indices, spatial=sizes)


def _unpooled_sizes(
    input: Any, kernel: tuple, stride: tuple, padding: tuple, output_size: Any
) -> tuple[int, ...]:
    n = len(kernel)
    default = [
        (size - 1) * s + k - 2 * p
        for size, k, s, p in zip(input.shape[-n:], kernel, stride, padding, strict=True)
    ]
    if output_size is None:
        return tuple(default)
    sizes = list(output_size)
    if len(sizes) == n + 2:
        sizes = sizes[2:]
    if len(sizes) != n:
        raise ValueError(
            f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a "
            f"length of '{len(sizes)}'"
        )
    low = [m - s for m, s in zip(default, stride, strict=True)]
    high = [m + s for m, s in zip(default, stride, strict=True)]
    if not all(a < size < b for a, size, b in zip(low, sizes, high, strict=True)):
        raise ValueError(
            f'invalid output_size "{sizes}" (dim {_outside(low, sizes, high)} must be between '
            f"{low[_outside(low, sizes, high)]} and {high[_outside(low, sizes, high)]})"
        )
    return tuple(int(size) for size in sizes)


def _outside(low: list, sizes: list, high: list) -> int:
    """The first dimension whose size is not possible."""
    return next(
        d for d, (a, size, b) in enumerate(zip(low, sizes, high, strict=True)) if not a < size < b
    )


def _check_unpool(
    name: str, ndim: int, input: Any, indices: Any, stride: tuple, sizes: tuple
) -> None:
    shape = list(input.shape)
    if indices._array.dtype.name != "int64":
        raise RuntimeError(
            "elements in indices should be type int64 but got: "
            f"{str(indices.dtype).rpartition('.')[2].capitalize()}"
        )
    if len(shape) not in (ndim + 1, ndim + 2):
        raise RuntimeError(
            f"Input to {name} should be a {ndim + 1}d or {ndim + 2}d Tensor, but got a tensor with "
            f"{len(shape)} dimensions"
        )
    if indices.shape != input.shape:
        raise RuntimeError(
            "Expected shape of indices to be same as that of the input tensor "
            f"({shape}) but got indices tensor with shape: {list(indices.shape)}"
        )
    if min(stride) <= 0:
        raise RuntimeError(f"strides should be greater than zero, but got stride: {list(stride)}")
    if 0 in shape[1:]:
        raise RuntimeError(
            f"{name}(): Expected input to have non-zero size for non-batch dimensions, but got "
            f"{shape} with dimension {shape.index(0, 1)} being empty."
        )
    total = 1
    for size in sizes:
        total *= size
    if input.device.type == "cpu" and input.numel():
        low, high = int(indices.min()), int(indices.max())
        if low < 0 or high >= total:
            raise RuntimeError(
                f"Found an invalid max index: {low if low < 0 else high} (output volumes are of "
                f"size {'x'.join(map(str, sizes))}"
            )


def max_unpool1d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """Maxima (N, C, L) put back at their ``indices``, zeros elsewhere."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """Maxima (N, C, H, W) put back at their ``indices``, zeros elsewhere."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """Maxima (N, C, D, H, W) put back at their ``indices``, zeros elsewhere."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)


# -------------------------------------------------------------------------------- norms


def _lp_pool(
    average: Callable[..., Any],
    ndim: int,
    input: Any,
    norm_type: float,
    kernel_size: Any,
    stride: Any,
    ceil_mode: bool,
) -> Any:
    count = 1
    for k in _tuple(kernel_size, ndim):
        count *= k
    means = average(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return (means.sign() * means.abs().relu() * count).pow(1.0 / norm_type)


def lp_pool1d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """``sum(x ** p) ** (1 / p)`` over windows of (N, C, L) or (C, L)."""
    return _lp_pool(avg_pool1d, 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """``sum(x ** p) ** (1 / p)`` over windows of (N, C, H, W) or (C, H, W)."""
    return _lp_pool(avg_pool2d, 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """``sum(x ** p) ** (1 / p)`` over windows of (N, C, D, H, W) or (C, D, H, W)."""
    return _lp_pool(avg_pool3d, 3, input, norm_type, kernel_size, stride, ceil_mode)
