"""Discrete Fourier transforms.

Three primitives (complex to complex, real to complex, complex to real) whose gradients are each
other. ``scale`` is "none", "root" (1 / sqrt(n)) or "full" (1 / n), n the number of elements in
the transformed dimensions.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ..backends.default import default_dtype
from .complex import real_of, to_complex
from .op import op
from .operand import normalize_dim, require_tensor
from .outputs import takes_out
from .promotion import category, name_of
from .shape import basic_index, slice_backward, to_dtype

# NumPy's names of the norms, for transforms that it calls forward and inverse.
_FORWARD = {"none": "backward", "root": "ortho", "full": "forward"}
_INVERSE = {"none": "forward", "root": "ortho", "full": "backward"}


@op(grad_name="FftC2CBackward0")
def fft_c2c(xp, x, *, axes, scale, inverse):
    if x.size == 0:
        return xp.array(x)
    transform = xp.fft.ifftn if inverse else xp.fft.fftn
    norm = (_INVERSE if inverse else _FORWARD)[scale]
    return transform(x, axes=axes, norm=norm).astype(x.dtype, copy=False)


fft_c2c.vjp(
    x=lambda g, axes, scale, inverse: fft_c2c(g, axes=axes, scale=scale, inverse=not inverse)
)


@op(grad_name="FftR2CBackward0")
def fft_r2c(xp, x, *, axes, scale, inverse):
    """The first half along the last of ``axes``; ``inverse`` takes the conjugate's sign."""
    result = xp.fft.rfftn(x, axes=axes, norm=_FORWARD[scale])
    result = result.astype("complex128" if x.dtype.itemsize == 8 else "complex64", copy=False)
    return result.conj() if inverse else result


def _r2c_grad(g, x_shape, axes, scale, inverse):
    # The half that was not kept gets no gradient.
    last = axes[-1]
    shape = (*g.shape[:last], x_shape[last], *g.shape[last + 1 :])
    key = (slice(None),) * last + (slice(0, g.shape[last]),)
    whole = slice_backward(g, key=key, shape=shape)
    return real_of(fft_c2c(whole, axes=axes, scale=scale, inverse=not inverse))


fft_r2c.vjp(x=_r2c_grad)


@op(grad_name="FftC2RBackward0")
def fft_c2r(xp, x, *, axes, scale, inverse, size):
    """Real numbers from the first half of their transform; ``size`` is how many of them."""
    x = x if inverse else x.conj()
    lengths = [x.shape[a] for a in axes[:-1]] + [size]
    result = xp.fft.irfftn(x, s=lengths, axes=axes, norm=_INVERSE[scale])
    return result.astype("float64" if x.dtype.itemsize == 16 else "float32", copy=False)


def _c2r_grad(g, axes, scale, inverse, size):
    # All but the first element, and the middle one of an even size, stand for two.
    half = fft_r2c(g, axes=axes, scale=scale, inverse=not inverse)
    last, n = axes[-1], (size - 1) // 2
    key = (slice(None),) * last + (slice(1, n + 1),)
    twice = basic_index(half, key=key)
    return half + slice_backward(twice, key=key, shape=tuple(half.shape))


fft_c2r.vjp(x=_c2r_grad)

# ------------------------------------------------------------------------------- arguments


def _scale(norm: str | None, forward: bool) -> str:
    if norm not in (None, "backward", "ortho", "forward"):
        raise RuntimeError(f'Invalid normalization mode: "{norm}"')
    if norm == "ortho":
        return "root"
    scaled = (norm or "backward") == ("forward" if forward else "backward")
    return "full" if scaled else "none"


def _floating(x: Any, name: str) -> Any:
    """``x`` in a dtype that can be transformed: integers in the default dtype."""
    require_tensor(f"fft_{name}", "input", x)
    dtype = x._array.dtype
    if category(dtype) < 2:
        return to_dtype(x, dtype=default_dtype())
    if dtype.itemsize == 2:
        raise RuntimeError(f"Unsupported dtype {name_of(dtype)}")
    return x


def _resized(x: Any, axes: Sequence[int], sizes: Sequence[int]) -> Any:
    """``x`` cut, or filled with zeros, to ``sizes`` along ``axes``."""
    cut = [slice(None)] * x.ndim
    for a, n in zip(axes, sizes, strict=True):
        cut[a] = slice(0, n)
    if any(x.shape[a] > n for a, n in zip(axes, sizes, strict=True)):
        x = basic_index(x, key=(*cut, ...))
    if any(x.shape[a] < n for a, n in zip(axes, sizes, strict=True)):
        shape = list(x.shape)
        for a, n in zip(axes, sizes, strict=True):
            shape[a] = n
        x = slice_backward(x, key=tuple(slice(0, n) for n in x.shape), shape=tuple(shape))
    return x


def _axis(x: Any, dim: Any) -> int:
    if x.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return normalize_dim(operator.index(dim), x.ndim)


def _one_axis(x: Any, n: Any, dim: Any, *, half: bool = False) -> tuple[int, int]:
    """The axis, and how many points (of the full signal, if ``half`` of it is given)."""
    axis = _axis(x, dim)
    if n is None:
        n = 2 * (x.shape[axis] - 1) if half else x.shape[axis]
    n = operator.index(n)
    if n < 1:
        raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return axis, n


def _several_axes(x: Any, s: Any, dim: Any) -> tuple[tuple[int, ...], list[int]]:
    """The axes in the given order, and the sizes asked for."""
    if dim is not None:
        dims = (dim,) if hasattr(dim, "__index__") else tuple(dim)
        axes = tuple(_axis(x, d) for d in dims)
        if len(set(axes)) != len(axes):
            raise RuntimeError("FFT dims must be unique")
    else:
        axes = tuple(range(x.ndim))
    if s is None:
        return axes, [x.shape[a] for a in axes]
    sizes = [s] if hasattr(s, "__index__") else list(s)
    if dim is None:
        if len(sizes) > x.ndim:
            raise RuntimeError(
                f"Got shape with {len(sizes)} values but input tensor only has {x.ndim} dimensions."
            )
        axes = tuple(range(x.ndim - len(sizes), x.ndim))
    if len(sizes) != len(axes):
        raise RuntimeError("When given, dim and shape arguments must have the same length")
    sizes = [x.shape[a] if n == -1 else n for a, n in zip(axes, sizes, strict=True)]
    for n in sizes:
        if n < 1:
            raise RuntimeError(f"Invalid number of data points ({n}) specified")
    return axes, sizes


def _check_points(x: Any, axes: Sequence[int]) -> None:
    for a in axes:
        if x.shape[a] < 1:
            raise RuntimeError(f"Invalid number of data points ({x.shape[a]}) specified")


def _to_complex(x: Any, axes: Any, sizes: Any, norm: Any, inverse: bool) -> Any:
    x = _resized(to_complex(x), axes, sizes)
    _check_points(x, axes)
    if not axes:
        return x.clone()
    return fft_c2c(x, axes=axes, scale=_scale(norm, not inverse), inverse=inverse)


def _from_real(x: Any, axes: Any, sizes: Any, norm: Any, inverse: bool, name: str) -> Any:
    if x._array.dtype.kind == "c":
        raise RuntimeError(f"{name} expects a real input tensor, but got {name_of(x._array.dtype)}")
    if not axes:
        raise RuntimeError(f"{name} must transform at least one axis")
    x = _resized(x, axes, sizes)
    _check_points(x, axes)
    return fft_r2c(x, axes=axes, scale=_scale(norm, not inverse), inverse=inverse)


def _to_real(x: Any, axes: Any, sizes: Any, norm: Any, inverse: bool, name: str) -> Any:
    if not axes:
        raise RuntimeError(f"{name} must transform at least one axis")
    size = sizes[-1]
    x = _resized(to_complex(x), axes, [*sizes[:-1], size // 2 + 1])
    _check_points(x, axes)
    return fft_c2r(x, axes=axes, scale=_scale(norm, not inverse), inverse=inverse, size=size)


def _half_axes(x: Any, s: Any, dim: Any) -> tuple[tuple[int, ...], list[int]]:
    """As :func:`_several_axes`, the last size being that of the real signal."""
    axes, sizes = _several_axes(x, s, dim)
    last = None if s is None or hasattr(s, "__index__") else list(s)[-1]
    if axes and (s is None or last == -1):
        sizes[-1] = 2 * (x.shape[axes[-1]] - 1)
        if sizes[-1] < 1:
            raise RuntimeError(f"Invalid number of data points ({sizes[-1]}) specified")
    return axes, sizes


# ---------------------------------------------------------------------------- one dimension


@takes_out
def fft(input, n=None, dim=-1, norm=None):
    """The transform along ``dim`` of ``input`` cut or padded to ``n`` points.

    norm: "backward" (none), "forward" (divided by n) or "ortho" (divided by sqrt(n)).

    >>> torch.fft.fft(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j, -2.-2.j])
    """
    x = _floating(input, "fft")
    axis, size = _one_axis(x, n, dim)
    return _to_complex(x, (axis,), (size,), norm, False)


@takes_out
def ifft(input, n=None, dim=-1, norm=None):
    """The inverse of :func:`fft`; "backward" divides by n.

    >>> torch.fft.ifft(torch.tensor([4.0, 0.0, 0.0, 0.0])).real
    tensor([1., 1., 1., 1.])
    """
    x = _floating(input, "ifft")
    axis, size = _one_axis(x, n, dim)
    return _to_complex(x, (axis,), (size,), norm, True)


@takes_out
def rfft(input, n=None, dim=-1, norm=None):
    """The first n // 2 + 1 elements of the transform of a real signal.

    >>> torch.fft.rfft(torch.tensor([1.0, 2.0, 3.0, 4.0]))
    tensor([10.+0.j, -2.+2.j, -2.+0.j])
    """
    x = _floating(input, "rfft")
    axis, size = _one_axis(x, n, dim)
    return _from_real(x, (axis,), (size,), norm, False, "rfft")


@takes_out
def irfft(input, n=None, dim=-1, norm=None):
    """The inverse of :func:`rfft`: n real numbers, 2 (m - 1) unless given.

    >>> torch.fft.irfft(torch.tensor([10 + 0j, -2 + 2j, -2 + 0j]))
    tensor([1., 2., 3., 4.])
    """
    x = _floating(input, "irfft")
    axis, size = _one_axis(x, n, dim, half=True)
    return _to_real(x, (axis,), (size,), norm, True, "irfft")


@takes_out
def hfft(input, n=None, dim=-1, norm=None):
    """The real transform of a signal given by the first half of its Hermitian symmetric values.

    >>> torch.fft.hfft(torch.tensor([1.0, 2.0, 3.0]))
    tensor([ 8., -2.,  0., -2.])
    """
    x = _floating(input, "hfft")
    axis, size = _one_axis(x, n, dim, half=True)
    return _to_real(x, (axis,), (size,), norm, False, "hfft")


@takes_out
def ihfft(input, n=None, dim=-1, norm=None):
    """The inverse of :func:`hfft`.

    >>> torch.fft.ihfft(torch.tensor([1.0, 2.0, 3.0, 4.0])).shape
    torch.Size([3])
    """
    x = _floating(input, "ihfft")
    axis, size = _one_axis(x, n, dim)
    return _from_real(x, (axis,), (size,), norm, True, "ihfft")


# ----------------------------------------------------------------------- several dimensions


@takes_out
def fftn(input, s=None, dim=None, norm=None):
    """The transform along several dimensions (all unless ``dim`` or ``s`` says).

    >>> torch.fft.fftn(torch.ones(2, 2)).real
    tensor([[4., 0.],
            [0., 0.]])
    """
    x = _floating(input, "fftn")
    return _to_complex(x, *_several_axes(x, s, dim), norm, False)


@takes_out
def ifftn(input, s=None, dim=None, norm=None):
    """The inverse of :func:`fftn`.

    >>> torch.fft.ifftn(torch.ones(2, 2)).real
    tensor([[1., 0.],
            [0., 0.]])
    """
    x = _floating(input, "ifftn")
    return _to_complex(x, *_several_axes(x, s, dim), norm, True)


@takes_out
def rfftn(input, s=None, dim=None, norm=None):
    """The transform of a real signal: half of it along the last dimension.

    >>> torch.fft.rfftn(torch.ones(3, 4, 6)).shape
    torch.Size([3, 4, 4])
    """
    x = _floating(input, "rfftn")
    return _from_real(x, *_several_axes(x, s, dim), norm, False, "rfftn")


@takes_out
def irfftn(input, s=None, dim=None, norm=None):
    """The inverse of :func:`rfftn`.

    >>> torch.fft.irfftn(torch.ones(3, 4, 4)).shape
    torch.Size([3, 4, 6])
    """
    x = _floating(input, "irfftn")
    return _to_real(x, *_half_axes(x, s, dim), norm, True, "irfftn")


@takes_out
def hfftn(input, s=None, dim=None, norm=None):
    """The real transform of a signal that is Hermitian symmetric in the last dimension.

    >>> torch.fft.hfftn(torch.ones(3, 4)).shape
    torch.Size([3, 6])
    """
    x = _floating(input, "hfftn")
    axes, sizes = _half_axes(x, s, dim)
    if len(axes) > 1:
        x = _to_complex(x, axes[:-1], sizes[:-1], norm, False)
    return _to_real(x, axes[-1:], sizes[-1:], norm, False, "hfftn")


@takes_out
def ihfftn(input, s=None, dim=None, norm=None):
    """The inverse of :func:`hfftn`.

    >>> torch.fft.ihfftn(torch.ones(3, 6)).shape
    torch.Size([3, 4])
    """
    x = _floating(input, "ihfftn")
    axes, sizes = _several_axes(x, s, dim)
    result = _from_real(x, axes[-1:], sizes[-1:], norm, True, "ihfftn")
    if len(axes) == 1:
        return result
    return _to_complex(result, axes[:-1], sizes[:-1], norm, True)


def _two_dimensional(function: Any, name: str, of: str) -> Any:
    def call(input, s=None, dim=(-2, -1), norm=None, *, out=None):
        return function(input, s, dim, norm, out=out)

    call.__name__ = call.__qualname__ = name
    call.__doc__ = f":func:`{of}` over the last two dimensions."
    return call


fft2 = _two_dimensional(fftn, "fft2", "fftn")
ifft2 = _two_dimensional(ifftn, "ifft2", "ifftn")
rfft2 = _two_dimensional(rfftn, "rfft2", "rfftn")
irfft2 = _two_dimensional(irfftn, "irfft2", "irfftn")
hfft2 = _two_dimensional(hfftn, "hfft2", "hfftn")
ihfft2 = _two_dimensional(ihfftn, "ihfft2", "ihfftn")


# --------------------------------------------------------------------------------- shifting


def _shifted(input: Any, dim: Any, name: str, amount: Any) -> Any:
    from .moving import roll

    require_tensor(f"fft_{name}", "input", input)
    if dim is None:
        axes = tuple(range(input.ndim))
    else:
        dims = (dim,) if hasattr(dim, "__index__") else tuple(dim)
        axes = tuple(normalize_dim(operator.index(d), input.ndim) for d in dims)
    return roll(input, [amount(input.shape[a]) for a in axes], list(axes))


def fftshift(input, dim=None):
    """The zero frequency moved to the middle of ``dim`` (all dimensions if None).

    >>> torch.fft.fftshift(torch.tensor([0, 1, 2, -2, -1]))
    tensor([-2, -1,  0,  1,  2])
    """
    return _shifted(input, dim, "fftshift", lambda n: n // 2)


def ifftshift(input, dim=None):
    """The inverse of :func:`fftshift`.

    >>> torch.fft.ifftshift(torch.tensor([-2, -1, 0, 1, 2]))
    tensor([ 0,  1,  2, -2, -1])
    """
    return _shifted(input, dim, "ifftshift", lambda n: (n + 1) // 2)
