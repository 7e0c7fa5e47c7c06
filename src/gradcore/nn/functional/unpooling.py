"""The partial inverse of max pooling: maxima back to where they were."""

from __future__ import annotations

from typing import Any

from ...ops.operand import require_tensor
from ...ops.pool_windows import max_unpool
from .pooling import as_tuple


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
    kernel = as_tuple(kernel_size, ndim)
    stride = kernel if stride is None else as_tuple(stride, ndim)
    sizes = _unpooled_sizes(input, kernel, stride, as_tuple(padding, ndim), output_size)
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
    """Maxima (N, C, L) put back at their ``indices``, zeros elsewhere.

    >>> values, indices = torch.tensor([[5.0, 3.0]]), torch.tensor([[1, 3]])
    >>> F.max_unpool1d(values, indices, 2)
    tensor([[0., 5., 0., 3.]])
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """Maxima (N, C, H, W) put back at their ``indices``, zeros elsewhere.

    >>> pooled = F.max_pool2d(torch.zeros(1, 3, 8, 8), 2, return_indices=True)
    >>> F.max_unpool2d(*pooled, 2).shape
    torch.Size([1, 3, 8, 8])
    """
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Any,
    indices: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Any:
    """Maxima (N, C, D, H, W) put back at their ``indices``, zeros elsewhere.

    >>> pooled = F.max_pool3d(torch.zeros(1, 3, 8, 8, 8), 2, return_indices=True)
    >>> F.max_unpool3d(*pooled, 2).shape
    torch.Size([1, 3, 8, 8, 8])
    """
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
