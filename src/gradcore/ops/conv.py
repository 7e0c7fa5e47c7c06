"""Convolution, its transpose and its weight gradient: each one's rules are the other two.

The bodies here are the reference: windows by strides and one matrix product per group. The CPU
and CUDA backends override them.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from ..backends.window_count import window_count
from .op import op
from .operand import require_tensor
from .padding import pad
from .promotion import name_of
from .registry import public
from .shape import basic_index, sum_to


def padded(xp: Any, x: Any, padding: Sequence[int]) -> Any:
    if not any(padding):
        return xp.ascontiguousarray(x)
    sizes = [n + 2 * p for n, p in zip(x.shape[2:], padding, strict=True)]
    out = xp.zeros((*x.shape[:2], *sizes), dtype=x.dtype)
    out[inner(x.shape[2:], padding)] = x
    return out


def inner(sizes: Sequence[int], padding: Sequence[int]) -> tuple:
    slices = (slice(p, p + n) for n, p in zip(sizes, padding, strict=True))
    return (slice(None), slice(None), *slices)


def windows(xp: Any, x: Any, kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]):
    """A view (N, C, *out, *kernel) of x (N, C, *sizes): every window that a kernel sees."""
    steps = x.strides[2:]
    out = [
        window_count(n, k, s, 0, d)
        for n, k, s, d in zip(x.shape[2:], kernel, stride, dilation, strict=True)
    ]
    strides = (
        *x.strides[:2],
        *(b * s for b, s in zip(steps, stride, strict=True)),
        *(b * d for b, d in zip(steps, dilation, strict=True)),
    )
    return xp.lib.stride_tricks.as_strided(x, (*x.shape[:2], *out, *kernel), strides)


def _columns(xp: Any, x: Any, kernel, stride, padding, dilation, groups: int) -> tuple[Any, tuple]:
    """x as (groups, N * prod(out), C / groups * prod(kernel)), and the output's sizes."""
    n = len(kernel)
    view = windows(xp, padded(xp, x, padding), kernel, stride, dilation)
    out = view.shape[2 : 2 + n]
    batch, channels = x.shape[:2]
    view = view.reshape((batch, groups, channels // groups, *view.shape[2:]))
    order = (1, 0, *range(3, 3 + n), 2, *range(3 + n, 3 + 2 * n))
    rows = batch * _prod(out)
    return view.transpose(order).reshape((groups, rows, _prod(kernel) * (channels // groups))), out


def _prod(sizes: Sequence[int]) -> int:
    total = 1
    for n in sizes:
        total *= n
    return total


def _channel_last_rows(y: Any, groups: int) -> Any:
    """(N, O, *out) as (groups, N * prod(out), O / groups)."""
    n = y.ndim - 2
    y = y.reshape((y.shape[0], groups, y.shape[1] // groups, *y.shape[2:]))
    order = (1, 0, *range(3, 3 + n), 2)
    y = y.transpose(order)
    return y.reshape((groups, _prod(y.shape[1 : 2 + n]), y.shape[-1]))


def _add_bias(out: Any, b: Any) -> Any:
    return out if b is None else out + b.reshape((1, -1) + (1,) * (out.ndim - 2))


@op(name="conv", grad_name="ConvolutionBackward0", tied=True)
def conv(xp, x, w, b=None, *, stride, padding, dilation, groups):
    """Cross-correlation of x (N, C, *S) with w (O, C / groups, *K), plus b (O,)."""
    kernel = w.shape[2:]
    columns, out = _columns(xp, x, kernel, stride, padding, dilation, groups)
    weights = w.reshape((groups, w.shape[0] // groups, _prod(w.shape[1:])))
    product = xp.matmul(columns, weights.transpose((0, 2, 1)))
    product = product.reshape((groups, x.shape[0], *out, weights.shape[1]))
    n = len(kernel)
    result = product.transpose((1, 0, n + 2, *range(2, n + 2)))
    return _add_bias(xp.ascontiguousarray(result.reshape((x.shape[0], w.shape[0], *out))), b)


@op(name="conv_input", grad_name="ConvolutionBackward0", tied=True)
def conv_input(xp, y, w, b=None, *, input_size, stride, padding, dilation, groups):
    """The adjoint of conv in x, i.e. the transposed convolution of y (N, O, *out)."""
    kernel, n = w.shape[2:], w.ndim - 2
    weights = w.reshape((groups, w.shape[0] // groups, _prod(w.shape[1:])))
    columns = xp.matmul(_channel_last_rows(y, groups), weights)
    batch, out = y.shape[0], y.shape[2:]
    columns = columns.reshape((groups, batch, *out, w.shape[1], *kernel))
    sizes = [s + 2 * p for s, p in zip(input_size, padding, strict=True)]
    # the last windows may end before the padded input does
    x = xp.zeros((batch, groups, w.shape[1], *sizes), dtype=columns.dtype)
    order = (1, 0, n + 2, *range(2, n + 2))
    for offset in itertools.product(*map(range, kernel)):
        part = columns[(..., *offset)].transpose(order)
        where = tuple(
            slice(o * d, o * d + s * (length - 1) + 1, s) if length else slice(0, 0)
            for o, d, s, length in zip(offset, dilation, stride, out, strict=True)
        )
        x[(slice(None), slice(None), slice(None), *where)] += part
    x = x.reshape((batch, groups * w.shape[1], *sizes))
    return _add_bias(xp.ascontiguousarray(x[inner(input_size, padding)]), b)


@op(name="conv_weight", grad_name="ConvolutionBackward0", tied=True)
def conv_weight(xp, x, y, *, kernel_size, stride, padding, dilation, groups):
    """The adjoint of conv in w: from x (N, C, *S) and y (N, O, *out) to (O, C / groups, *K)."""
    out = y.shape[2:]
    columns, full = _columns(xp, x, kernel_size, stride, padding, dilation, groups)
    if tuple(full) != tuple(out):  # y may be shorter where the stride leaves a rest
        columns = columns.reshape((groups, x.shape[0], *full, -1))
        columns = columns[(slice(None), slice(None), *(slice(0, n) for n in out))]
        columns = columns.reshape((groups, x.shape[0] * _prod(out), -1))
    rows = _channel_last_rows(y, groups)
    product = xp.matmul(rows.transpose((0, 2, 1)), columns)
    return product.reshape((y.shape[1], x.shape[1] // groups, *kernel_size))


def _channel_sum(g: Any) -> Any:
    channels = g.shape[1]
    return sum_to(g, shape=(1, channels) + (1,) * (g.ndim - 2)).reshape((channels,))


def _shortened(out: Any, shape: tuple[int, ...]) -> Any:
    """A convolution's output cut to ``shape``.

    An output padding of at least the stride makes the input of a transposed convolution's adjoint
    long enough for further windows.
    """
    if tuple(out.shape) == tuple(shape):
        return out
    return basic_index(out, key=tuple(slice(0, n) for n in shape))


def _geometry(stride, padding, dilation, groups) -> dict:
    return {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}


conv.vjp(
    x=lambda g, w, x_shape, stride, padding, dilation, groups: conv_input(
        g, w.conj(), input_size=x_shape[2:], **_geometry(stride, padding, dilation, groups)
    ),
    w=lambda g, x, w_shape, stride, padding, dilation, groups: conv_weight(
        x.conj(), g, kernel_size=w_shape[2:], **_geometry(stride, padding, dilation, groups)
    ),
    b=_channel_sum,
)
conv_input.vjp(
    y=lambda g, w, y_shape, stride, padding, dilation, groups: _shortened(
        conv(g, w.conj(), **_geometry(stride, padding, dilation, groups)), y_shape
    ),
    w=lambda g, y, w_shape, stride, padding, dilation, groups: conv_weight(
        g, y.conj(), kernel_size=w_shape[2:], **_geometry(stride, padding, dilation, groups)
    ),
    b=_channel_sum,
)
conv_weight.vjp(
    x=lambda g, y, x_shape, stride, padding, dilation, groups: conv_input(
        y.conj(), g, input_size=x_shape[2:], **_geometry(stride, padding, dilation, groups)
    ),
    y=lambda g, x, y_shape, stride, padding, dilation, groups: _shortened(
        conv(x.conj(), g, **_geometry(stride, padding, dilation, groups)), y_shape
    ),
)


# ------------------------------------------------------------------- the public functions


def to_tuple(value: Any, n: int, name: str) -> tuple[int, ...]:
    """An int or a sequence of 1 or n ints as n ints."""
    if isinstance(value, int):
        return (value,) * n
    value = tuple(int(v) for v in value)
    if len(value) == 1:
        return value * n
    if len(value) != n:
        raise RuntimeError(
            f"expected {name} to be a single integer value or a list of {n} values to match the "
            f"convolution dimensions, but got {name}={list(value)}"
        )
    return value


def _check(name: str, n: int, input: Any, weight: Any, bias: Any, transposed: bool) -> bool:
    """Validate ranks and dtypes; returns whether the input has no batch dimension."""
    require_tensor(name, "input", input)
    require_tensor(name, "weight", weight, 2)
    if weight.ndim < 3:
        raise RuntimeError("weight should have at least three dimensions")
    if input.ndim not in (n + 1, n + 2):
        raise RuntimeError(
            f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input "
            f"of size: {list(input.shape)}"
        )
    if weight.ndim != n + 2:
        raise RuntimeError(
            f"Expected {weight.ndim}-dimensional input for {weight.ndim}-dimensional weight "
            f"{list(weight.shape)}, but got {input.ndim}-dimensional input of size "
            f"{list(input.shape)} instead"
        )
    for other, label in ((weight, "weight"), (bias, "bias")):
        if other is not None and other._array.dtype != input._array.dtype:
            raise RuntimeError(
                f"Input type ({name_of(input._array.dtype)}) and {label} type "
                f"({name_of(other._array.dtype)}) should be the same"
            )
    return input.ndim == n + 1


def _check_channels(input: Any, weight: Any, bias: Any, groups: int, transposed: bool) -> None:
    shape = list(weight.shape)
    expected = shape[0] if transposed else shape[1] * groups
    if groups <= 0:
        raise RuntimeError("non-positive groups is not supported")
    if shape[0] < groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be at least {groups} at dimension 0, "
            f"but got weight of size {shape} instead"
        )
    if shape[0] % groups:
        raise RuntimeError(
            f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, "
            f"but got weight of size [{shape}] instead"
        )
    if input.shape[1] != expected:
        raise RuntimeError(
            f"Given {_setting(groups, transposed)}, weight of size {shape}, expected "
            f"input{list(input.shape)} to have {expected} channels, but got {input.shape[1]} "
            "channels instead"
        )
    outputs = shape[1] * groups if transposed else shape[0]
    if bias is not None and (bias.ndim != 1 or bias.shape[0] != outputs):
        raise RuntimeError(
            f"Given {'transposed=1, ' if transposed else ''}weight of size {shape}, expected "
            f"bias to be 1-dimensional with {outputs} elements, but got bias of size "
            f"{list(bias.shape)} instead"
        )


def _setting(groups: int, transposed: bool) -> str:
    return "transposed=1" if transposed else f"groups={groups}"


def _check_positive(stride: Sequence[int], padding: Sequence[int], dilation: Sequence[int]) -> None:
    if any(s <= 0 for s in stride):
        raise RuntimeError("non-positive stride is not supported")
    if any(p < 0 for p in padding):
        raise RuntimeError("negative padding is not supported")
    if any(d <= 0 for d in dilation):
        raise RuntimeError(f"dilation should be greater than zero, but got {list(dilation)}")


def _same_padding(input: Any, weight: Any, stride, dilation) -> tuple[Any, tuple[int, ...]]:
    """padding='same': half on either side; the odd one of an even kernel goes to the right."""
    if any(s != 1 for s in stride):
        raise RuntimeError("padding='same' is not supported for strided convolutions")
    total = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    if any(t % 2 for t in total):
        input = pad(input, [v for t in reversed(total) for v in (0, t % 2)])
    return input, tuple(t // 2 for t in total)


def _convolution(n: int, name: str, input, weight, bias, stride, padding, dilation, groups):
    unbatched = _check(name, n, input, weight, bias, False)
    if unbatched:
        input = input.unsqueeze(0)
    _check_channels(input, weight, bias, groups, False)
    stride = to_tuple(stride, n, "stride")
    dilation = to_tuple(dilation, n, "dilation")
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise RuntimeError(f"Invalid padding string: '{padding}'; expected 'valid' or 'same'")
        if padding == "same":
            input, padding = _same_padding(input, weight, stride, dilation)
        else:
            padding = 0
    padding = to_tuple(padding, n, "padding")
    _check_positive(stride, padding, dilation)
    for size, k, p, d in zip(input.shape[2:], weight.shape[2:], padding, dilation, strict=True):
        if size + 2 * p < d * (k - 1) + 1:
            sizes = [s + 2 * q for s, q in zip(input.shape[2:], padding, strict=True)]
            seen = [e * (m - 1) + 1 for e, m in zip(dilation, weight.shape[2:], strict=True)]
            raise RuntimeError(
                f"Calculated padded input size per channel: ({' x '.join(map(str, sizes))}). "
                f"Kernel size: ({' x '.join(map(str, seen))}). Kernel size can't be greater than "
                "actual input size"
            )
    out = conv(
        input, weight, bias, stride=stride, padding=padding, dilation=dilation, groups=groups
    )
    return out.squeeze(0) if unbatched else out


def _transposed(
    n: int, name: str, input, weight, bias, stride, padding, output_padding, groups, dilation
):
    unbatched = _check(name, n, input, weight, bias, True)
    if unbatched:
        input = input.unsqueeze(0)
    _check_channels(input, weight, bias, groups, True)
    stride = to_tuple(stride, n, "stride")
    padding = to_tuple(padding, n, "padding")
    dilation = to_tuple(dilation, n, "dilation")
    extra = to_tuple(output_padding, n, "output_padding")
    _check_positive(stride, padding, dilation)
    for e, s, d in zip(extra, stride, dilation, strict=True):
        if e < 0:
            raise RuntimeError("negative output_padding is not supported")
        if e >= s and e >= d:
            raise RuntimeError(
                "output padding must be smaller than either stride or dilation, but got "
                f"output_padding: {list(extra)} stride: {list(stride)} dilation: {list(dilation)}"
            )
    size = tuple(
        (i - 1) * s - 2 * p + d * (k - 1) + e + 1
        for i, s, p, d, k, e in zip(
            input.shape[2:], stride, padding, dilation, weight.shape[2:], extra, strict=True
        )
    )
    if any(m <= 0 for m in size):
        raise RuntimeError(
            f"Given input size per channel: {tuple(input.shape[2:])}. Calculated output size per "
            f"channel: {size}. Output size is too small"
        )
    out = conv_input(
        input, weight, bias, input_size=size, stride=stride, padding=padding, dilation=dilation,
        groups=groups,
    )  # fmt: skip
    return out.squeeze(0) if unbatched else out


@public(method=False)
def conv1d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of (N, C, L) with weight (O, C / groups, K); see ``nn.Conv1d``.

    >>> torch.conv1d(torch.tensor([[[1.0, 2.0, 4.0]]]), torch.tensor([[[-1.0, 1.0]]]))
    tensor([[[1., 2.]]])
    """
    return _convolution(1, "conv1d", input, weight, bias, stride, padding, dilation, groups)


@public(method=False)
def conv2d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of (N, C, H, W) with weight (O, C / groups, kH, kW); see ``nn.Conv2d``.

    >>> torch.conv2d(torch.ones(1, 3, 8, 8), torch.ones(5, 3, 3, 3), padding=1).shape
    torch.Size([1, 5, 8, 8])
    """
    return _convolution(2, "conv2d", input, weight, bias, stride, padding, dilation, groups)


@public(method=False)
def conv3d(input, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """Cross-correlation of (N, C, D, H, W); see ``nn.Conv3d``.

    >>> torch.conv3d(torch.ones(1, 2, 4, 4, 4), torch.ones(3, 2, 2, 2, 2)).shape
    torch.Size([1, 3, 3, 3, 3])
    """
    return _convolution(3, "conv3d", input, weight, bias, stride, padding, dilation, groups)


@public(method=False)
def conv_transpose1d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The adjoint of conv1d, with weight (C, O / groups, K); see ``nn.ConvTranspose1d``.

    >>> torch.conv_transpose1d(torch.tensor([[[1.0, 2.0]]]), torch.tensor([[[1.0, 10.0]]]))
    tensor([[[ 1., 12., 20.]]])
    """
    return _transposed(
        1,
        "conv_transpose1d",
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


@public(method=False)
def conv_transpose2d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The adjoint of conv2d, with weight (C, O / groups, kH, kW); see ``nn.ConvTranspose2d``.

    >>> torch.conv_transpose2d(torch.ones(1, 3, 4, 4), torch.ones(3, 5, 2, 2), stride=2).shape
    torch.Size([1, 5, 8, 8])
    """
    return _transposed(
        2,
        "conv_transpose2d",
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )


@public(method=False)
def conv_transpose3d(
    input, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1
):
    """The adjoint of conv3d; see ``nn.ConvTranspose3d``.

    >>> torch.conv_transpose3d(torch.ones(1, 2, 3, 3, 3), torch.ones(2, 1, 2, 2, 2)).shape
    torch.Size([1, 1, 4, 4, 4])
    """
    return _transposed(
        3,
        "conv_transpose3d",
        input,
        weight,
        bias,
        stride,
        padding,
        output_padding,
        groups,
        dilation,
    )
