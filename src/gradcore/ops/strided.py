"""Views that change how memory is read: strides, windows, element types, complex parts."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from .arguments import int_argument, ints_argument
from .op import op
from .operand import normalize_dim, require_tensor
from .promotion import TYPE_NAMES, name_of
from .registry import public
from .shape import basic_index, contiguous_copy, element_strides, view, view_op

Geometry = tuple[tuple[int, ...], tuple[int, ...], int]  # sizes, strides, offset, in elements


def storage_length(shape: Sequence[int], strides: Sequence[int]) -> int:
    """Elements between the first and the last one that sizes and strides reach, both included."""
    if 0 in shape:
        return 0
    return 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True))


def c_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """The strides, in elements, of a contiguous tensor."""
    steps = [prod(shape[d + 1 :]) for d in range(len(shape))]
    return tuple(steps)


def _restrided(xp: Any, x: Any, shape: Sequence[int], strides: Sequence[int]) -> Any:
    steps = [s * x.itemsize for s in strides]
    return xp.lib.stride_tricks.as_strided(x, shape, steps)


@view_op
def as_strided(xp, x, *, target, source):
    """The elements at ``target`` (sizes, strides, offset) of memory that starts with ``x``.

    ``source`` is the geometry of ``x`` itself, which the gradient needs.
    """
    flat = _restrided(xp, x, (storage_length(*source[:2]),), (1,))
    return _restrided(xp, flat[target[2] :], *target[:2])


def may_overlap(array: Any) -> bool:
    """Whether two elements of the array may share memory, as windows that overlap do."""
    if array.flags.c_contiguous:
        return False
    reach = array.itemsize
    for step, n in sorted(zip(array.strides, array.shape, strict=True)):
        if n > 1:
            if step < reach:
                return True
            reach += (n - 1) * step
    return False


def turns(xp: Any, array: Any) -> tuple[Any, Any]:
    """How many elements before each one share its memory, and how many elements in all do.

    Both are int64 in the shape of the array.
    """
    steps = tuple(s // array.itemsize for s in array.strides)
    place = _positions(xp, (tuple(array.shape), steps, 0)).reshape(-1)
    count = xp.arange(place.size)
    order = (place * place.size + count).argsort()
    place = place[order]
    first = xp.searchsorted(place, place)
    turn, sharers = xp.empty_like(count), xp.empty_like(count)
    turn[order] = count - first
    sharers[order] = xp.searchsorted(place, place, side="right") - first
    return turn.reshape(array.shape), sharers.reshape(array.shape)


def _positions(xp: Any, geometry: Geometry) -> Any:
    sizes, strides, offset = geometry
    positions = xp.full((1,) * len(sizes), offset, dtype="int64")
    for axis, (n, step) in enumerate(zip(sizes, strides, strict=True)):
        along = xp.arange(n, dtype="int64") * step
        positions = positions + along.reshape((n,) + (1,) * (len(sizes) - axis - 1))
    return positions


@op
def restride(xp, x, *, source, target):
    """Add ``x`` into zeroed memory at ``source``, then read it at ``target``: its own adjoint."""
    length = max(storage_length(*g[:2]) + g[2] for g in (source, target))
    memory = xp.zeros(length, dtype=x.dtype)
    xp.add.at(memory, _positions(xp, source), x)
    return memory[_positions(xp, target)]


restride.vjp(x=lambda g, source, target: restride(g, source=target, target=source))


def _as_strided_grad(g, target, source):
    g = restride(g, source=target, target=source)
    # Elements of an expanded input share one memory cell, and with it one gradient.
    shared = prod(n for n, s in zip(*source[:2], strict=True) if s == 0)
    return g if shared == 1 else g / shared


as_strided.vjp(x=_as_strided_grad)


@view_op
def unfold(xp, x, *, axis, size, step):
    """All windows of ``size`` along ``axis``, ``step`` apart, as a new last dimension."""
    shape, strides = list(x.shape), list(x.strides)
    shape[axis] = (shape[axis] - size) // step + 1
    strides[axis] *= step
    return xp.lib.stride_tricks.as_strided(x, (*shape, size), (*strides, x.strides[axis]))


@op
def unfold_backward(xp, x, *, axis, size, step, shape):
    """The adjoint of unfold: every window added to where it came from."""
    out = xp.zeros(shape, dtype=x.dtype)
    moved, windows = xp.moveaxis(out, axis, 0), xp.moveaxis(x, axis, 0)
    reach = (windows.shape[0] - 1) * step + 1
    for k in range(size):
        moved[k : k + reach : step] += windows[..., k]
    return out


unfold.vjp(
    x=lambda g, x_shape, axis, size, step: unfold_backward(
        g, axis=axis, size=size, step=step, shape=x_shape
    )
)
unfold_backward.vjp(x=lambda g, axis, size, step: unfold(g, axis=axis, size=size, step=step))


@view_op(differentiable=())
def view_dtype(xp, x, *, dtype):
    """The same bytes as elements of another type; the last dimension grows or shrinks."""
    if x.dtype.itemsize == dtype.itemsize:
        return x.view(dtype)
    if x.ndim == 0 or x.size == 0:
        last = x.shape[-1] * x.dtype.itemsize // dtype.itemsize
        return x.reshape(-1).view(dtype).reshape((*x.shape[:-1], last))
    return x.view(dtype)


@view_op
def view_as_real(xp, x):
    """A complex tensor as pairs (real, imaginary) along a new last dimension."""
    part = x.real
    strides = (*x.strides, part.dtype.itemsize)
    return xp.lib.stride_tricks.as_strided(part, (*x.shape, 2), strides)


@view_op
def view_as_complex(xp, x):
    """Pairs along the last dimension as complex numbers."""
    dtype = "complex128" if x.dtype.itemsize == 8 else "complex64"
    if x.size == 0:
        return xp.zeros(x.shape[:-1], dtype)
    return x.view(dtype)[..., 0]


view_as_real.vjp(x=lambda g: view_as_complex(contiguous_copy(g)))
view_as_complex.vjp(x=lambda g: view_as_real(g))  # noqa: PLW0108  (a rule names what it keeps)


@view_op
def real(xp, x):
    return x.real


@view_op
def imag(xp, x):
    return x.imag


# The engine casts the real gradient to the complex dtype of x.
real.vjp(x=lambda g: g)
imag.vjp(x=lambda g: g * 1j)


# ------------------------------------------------------------------------------- public


def view_as_type(x: Any, dtype: Any) -> Any:
    """``Tensor.view(dtype)``."""
    from ..backends.dtype import to_numpy_dtype

    new, array = to_numpy_dtype(dtype), x._array
    old, name = array.dtype, TYPE_NAMES.get(dtype.name, dtype.name)
    if old == new:
        return view(x, shape=tuple(array.shape))
    if old.itemsize != new.itemsize:
        which = f"to view {name_of(old)} as {name} (different element sizes)"
        if array.ndim == 0:
            raise RuntimeError(f"self.dim() cannot be 0 {which}")
        step, n = array.strides[-1] // old.itemsize, array.shape[-1]
        if step != 1 and n != 1 and array.size:
            raise RuntimeError(f"self.stride(-1) must be 1 {which}, but got {step}")
        ratio = new.itemsize // old.itemsize
        if ratio > 1 and n % ratio:
            raise RuntimeError(f"self.size(-1) must be divisible by {ratio} {which}, but got {n}")
    return view_dtype(x, dtype=new)


@public(name="unfold", function_too=False)
def unfold_windows(self, dimension, size, step):
    """All windows of ``size`` along ``dimension``, ``step`` apart, as a new last dimension.

    >>> torch.arange(5).unfold(0, 3, 2)
    tensor([[0, 1, 2],
            [2, 3, 4]])
    """
    shape = self._array.shape
    ndim = len(shape)
    axis = normalize_dim(int_argument("unfold", "dimension", dimension, 1), ndim)
    limit = shape[axis] if ndim else 1
    if size > limit:
        raise RuntimeError(
            f"maximum size for tensor at dimension {axis} is {limit} but size is {size}"
        )
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    if ndim == 0:
        return basic_index(view(self, shape=(1,)), key=(slice(0, size),))
    return unfold(self, axis=axis, size=size, step=step)


@public(name="as_strided")
def as_strided_view(input, size, stride, storage_offset=None):
    """A view of the memory under ``input`` with any sizes, strides and offset, in elements.

    RuntimeError where it would reach beyond that memory.

    >>> torch.as_strided(torch.arange(6), (2, 2), (1, 3))
    tensor([[0, 3],
            [1, 4]])
    """
    require_tensor("as_strided", "input", input)
    size = ints_argument("as_strided", "size", size, 2)
    stride = ints_argument("as_strided", "stride", stride, 3)
    if len(size) != len(stride):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(s < 0 for s in stride):
        raise RuntimeError(
            "as_strided: Negative strides are not supported at the moment, got strides: "
            f"{list(stride)}"
        )
    source, start = memory_of(input)
    offset = start if storage_offset is None else storage_offset
    if offset < 0:
        raise RuntimeError(f"Tensor: invalid storage offset {offset}")
    array = source._array
    geometry = (tuple(array.shape), element_strides(array), 0)
    available = storage_length(*geometry[:2])
    needed = storage_length(size, stride) + offset
    if 0 not in size and needed > available:
        item = array.itemsize
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, "
            f"and itemsize {item} requiring a storage size of {needed * item} are out of bounds "
            f"for storage of size {available * item}"
        )
    return as_strided(source, target=(size, stride, offset), source=geometry)


def memory_of(x: Any) -> tuple[Any, int]:
    """The tensor that the memory under ``x`` begins with, and where in it ``x`` begins.

    That is its base, unless only one of the two is part of the graph.
    """
    base = x._base
    if base is None or x.requires_grad != base.requires_grad or (x._rg and x._node is None):
        return x, 0
    return base, x.storage_offset()


@public(name="view_as_real")
def real_pairs(input):
    """A complex tensor as (real, imaginary) in a new last dimension.

    >>> torch.view_as_real(torch.tensor([1 + 2j]))
    tensor([[1., 2.]])
    """
    if require_tensor("view_as_real", "input", input)._array.dtype.kind != "c":
        raise RuntimeError("view_as_real is only supported for complex tensors")
    return view_as_real(input)


@public(name="view_as_complex")
def complex_from_pairs(input):
    """Pairs in the last dimension as complex numbers.

    >>> torch.view_as_complex(torch.tensor([[1.0, 2.0]]))
    tensor([1.+2.j])
    """
    array = require_tensor("view_as_complex", "input", input)._array
    if array.dtype.kind != "f" or array.itemsize < 4:
        raise RuntimeError(
            "view_as_complex is only supported for half, float and double tensors, but got a "
            f"tensor of scalar type: {name_of(array.dtype)}"
        )
    if array.ndim == 0:
        raise RuntimeError("Input tensor must have one or more dimensions")
    if array.shape[-1] != 2:
        raise RuntimeError("Tensor must have a last dimension of size 2")
    if array.strides[-1] != array.itemsize:
        raise RuntimeError("Tensor must have a last dimension with stride 1")
    return view_as_complex(input)


@public(name="real", method=False)
def real_part(input):
    """The real parts of a complex tensor (a view); a real tensor as it is.

    >>> torch.real(torch.tensor([1 + 2j]))
    tensor([1.])
    """
    if require_tensor("real", "input", input)._array.dtype.kind != "c":
        return input
    return real(input)


@public(name="imag", method=False)
def imag_part(input):
    """The imaginary parts of a complex tensor (a view); RuntimeError for a real one.

    >>> torch.imag(torch.tensor([1 + 2j]))
    tensor([2.])
    """
    if require_tensor("imag", "input", input)._array.dtype.kind != "c":
        raise RuntimeError("imag is not implemented for tensors with non-complex dtypes.")
    return imag(input)
