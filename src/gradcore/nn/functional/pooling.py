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
from ...ops.pool_windows import adaptive_max_pool, fractional_max_pool
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


def _with_indices(function: Callable[..., Any], ndim: int) -> Callable[..., Any]:
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
    pooled.__doc__ = f"""``{function.__name__}(…, return_indices=True)``.

    >>> F.{pooled.__name__}(torch.ones({(1,) * ndim}, dtype=torch.float64), 1)[1].tolist()
    {"[" * ndim}0{"]" * ndim}
    """
    return pooled


max_pool1d_with_indices = _with_indices(max_pool1d, 2)
max_pool2d_with_indices = _with_indices(max_pool2d, 3)
max_pool3d_with_indices = _with_indices(max_pool3d, 4)


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
    """Maxima over ``output_size`` parts of (N, C, L) or (C, L).

    >>> F.adaptive_max_pool1d(torch.tensor([[1.0, 5.0, 2.0, 3.0]]), 2)
    tensor([[5., 3.]])
    """
    return _adaptive(1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over parts of (N, C, H, W) or (C, H, W); None keeps a size.

    >>> F.adaptive_max_pool2d(torch.zeros(1, 3, 8, 8), (2, 4)).shape
    torch.Size([1, 3, 2, 4])
    """
    return _adaptive(2, input, output_size, return_indices)


def adaptive_max_pool3d(input: Any, output_size: Any, return_indices: bool = False) -> Any:
    """Maxima over parts of (N, C, D, H, W) or (C, D, H, W); None keeps a size.

    >>> F.adaptive_max_pool3d(torch.zeros(1, 3, 8, 8, 8), 2).shape
    torch.Size([1, 3, 2, 2, 2])
    """
    return _adaptive(3, input, output_size, return_indices)


def adaptive_max_pool1d_with_indices(
    input: Any, output_size: Any, return_indices: bool = False
) -> Any:
    """``adaptive_max_pool1d(…, return_indices=True)``.

    >>> F.adaptive_max_pool1d_with_indices(torch.tensor([[1.0, 5.0, 2.0]]), 1)
    (tensor([[5.]]), tensor([[1]]))
    """
    return _adaptive(1, input, output_size, True)


def adaptive_max_pool2d_with_indices(
    input: Any, output_size: Any, return_indices: bool = False
) -> Any:
    """``adaptive_max_pool2d(…, return_indices=True)``.

    >>> values, indices = F.adaptive_max_pool2d_with_indices(torch.zeros(1, 3, 8, 8), 2)
    >>> values.shape, indices.dtype
    (torch.Size([1, 3, 2, 2]), torch.int64)
    """
    return _adaptive(2, input, output_size, True)


def adaptive_max_pool3d_with_indices(
    input: Any, output_size: Any, return_indices: bool = False
) -> Any:
    """``adaptive_max_pool3d(…, return_indices=True)``.

    >>> values, indices = F.adaptive_max_pool3d_with_indices(torch.zeros(1, 2, 4, 4, 4), 2)
    >>> values.shape, indices.dtype
    (torch.Size([1, 2, 2, 2, 2]), torch.int64)
    """
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
    kernel = as_tuple(kernel_size, ndim)
    if input.ndim not in (ndim + 1, ndim + 2) or 0 in input.shape[-ndim - 1 :]:
        raise RuntimeError(
            f"{name}: Expected {ndim + 1}D or {ndim + 2}D (batch mode) tensor with optional 0 dim "
            f"batch size for input, but got: {list(input.shape)}"
        )
    spatial = tuple(input.shape[-ndim:])
    if output_size is None:
        if output_ratio is None:
            raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
        ratios = as_tuple(output_ratio, ndim)
        output_size = [int(n * ratio) for n, ratio in zip(spatial, ratios, strict=True)]
    sizes = as_tuple(output_size, ndim)
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


def as_tuple(value: Any, n: int) -> tuple:
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

    >>> F.fractional_max_pool2d(torch.zeros(1, 3, 8, 8), 2, output_size=(3, 4)).shape
    torch.Size([1, 3, 3, 4])
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
    """:func:`fractional_max_pool2d` of (N, C, D, H, W).

    >>> F.fractional_max_pool3d(torch.zeros(1, 3, 8, 8, 8), 2, output_ratio=0.5).shape
    torch.Size([1, 3, 4, 4, 4])
    """
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
    """``fractional_max_pool2d(…, return_indices=True)``.

    >>> pool = F.fractional_max_pool2d_with_indices
    >>> pool(torch.zeros(1, 3, 8, 8), 2, output_size=4)[1].dtype
    torch.int64
    """
    return _fractional(2, input, kernel_size, output_size, output_ratio, True, _random_samples)


def fractional_max_pool3d_with_indices(
    input: Any,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """``fractional_max_pool3d(…, return_indices=True)``.

    >>> pool = F.fractional_max_pool3d_with_indices
    >>> pool(torch.zeros(1, 3, 8, 8, 8), 2, output_size=4)[1].dtype
    torch.int64
    """
    return _fractional(3, input, kernel_size, output_size, output_ratio, True, _random_samples)


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
    for k in as_tuple(kernel_size, ndim):
        count *= k
    means = average(input.pow(norm_type), kernel_size, stride, 0, ceil_mode)
    return (means.sign() * means.abs().relu() * count).pow(1.0 / norm_type)


def lp_pool1d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """``sum(x ** p) ** (1 / p)`` over windows of (N, C, L) or (C, L).

    >>> F.lp_pool1d(torch.tensor([[[3.0, 4.0]]]), 2, 2)
    tensor([[[5.]]])
    """
    return _lp_pool(avg_pool1d, 1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """``sum(x ** p) ** (1 / p)`` over windows of (N, C, H, W) or (C, H, W).

    >>> F.lp_pool2d(torch.ones(1, 1, 2, 2), 2, 2)
    tensor([[[[2.]]]])
    """
    return _lp_pool(avg_pool2d, 2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Any, norm_type: float, kernel_size: Any, stride: Any = None, ceil_mode: bool = False
) -> Any:
    """``sum(x ** p) ** (1 / p)`` over windows of (N, C, D, H, W) or (C, D, H, W).

    >>> F.lp_pool3d(torch.ones(1, 1, 2, 2, 2), 1, 2).item()
    8.0
    """
    return _lp_pool(avg_pool3d, 3, input, norm_type, kernel_size, stride, ceil_mode)
