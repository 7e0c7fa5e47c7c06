"""The public view functions: other shapes of the same memory.

They take PyTorch's arguments, negative dimensions included, and raise its errors; what a result
shares with its input is recorded by the primitives of ``shape.py`` and ``strided.py``.
"""

from __future__ import annotations

from math import prod
from typing import Any

from . import shape as S
from . import strided
from .arguments import int_argument, ints_argument, tensor_arguments, tensor_name, variable_ints
from .operand import normalize_dim, normalize_dims, require_tensor
from .registry import public

# ----------------------------------------------------------------------------- new shapes


@public
def reshape(input, *shape_, shape=None):
    """A tensor of the same elements in another shape: a view where strides allow, else a copy.

    One size may be -1. RuntimeError where the number of elements differs.
    """
    array = require_tensor("reshape", "input", input)._array
    sizes = S.infer_size(variable_ints("reshape", "shape", shape_, shape), array.size)
    if S.can_view(array, sizes):
        return S.view(input, shape=sizes)
    return S.reshape_copy(input, shape=sizes)


@public(function_too=False)
def reshape_as(self, other):
    """``self.reshape(other.shape)``."""
    return reshape(self, require_tensor("reshape_as", "other", other).shape)


@public(function_too=False)
def view(self, *shape, size=None, dtype=None):
    """The same memory in another shape, or with ``view(dtype)`` as another element type.

    RuntimeError where that needs a copy or the sizes do not fit.
    """
    if dtype is not None or (len(shape) == 1 and type(shape[0]).__name__ == "dtype"):
        return strided.view_as_type(self, shape[0] if dtype is None else dtype)
    array = self._array
    sizes = S.infer_size(variable_ints("view", "size", shape, size), array.size)
    if not S.can_view(array, sizes):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return S.view(self, shape=sizes)


@public(function_too=False)
def view_as(self, other):
    """``self.view(other.shape)``."""
    return view(self, require_tensor("view_as", "other", other).shape)


@public
def flatten(input, start_dim=0, end_dim=-1):
    """The dimensions from ``start_dim`` to ``end_dim`` as one; a 0-d tensor becomes 1-d."""
    sizes = require_tensor("flatten", "input", input)._array.shape
    start = normalize_dim(int_argument("flatten", "start_dim", start_dim, 2), len(sizes))
    end = normalize_dim(int_argument("flatten", "end_dim", end_dim, 3), len(sizes))
    if start > end:
        raise RuntimeError("flatten() has invalid args: start_dim cannot come after end_dim")
    if not sizes:
        return reshape(input, (1,))
    if start == end:
        return input
    return reshape(input, (*sizes[:start], prod(sizes[start : end + 1]), *sizes[end + 1 :]))


@public
def unflatten(input, dim, sizes):
    """Dimension ``dim`` as several of ``sizes``; one of them may be -1."""
    shape = tuple(require_tensor("unflatten", "input", input).shape)
    axis = normalize_dim(dim, len(shape))
    sizes = ints_argument("unflatten", "sizes", sizes, 3)
    if not sizes:
        raise RuntimeError("unflatten: sizes must be non-empty")
    if sizes.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    try:
        filled = S.infer_size(sizes, shape[axis])
    except RuntimeError:
        raise RuntimeError(
            f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim "
            f"{axis} ({shape[axis]}) in the input tensor"
        ) from None
    return view(input, (*shape[:axis], *filled, *shape[axis + 1 :]))


@public
def ravel(input):
    """The elements in one dimension."""
    array = require_tensor("ravel", "input", input)._array
    if array.flags.c_contiguous:
        return S.view(input, shape=(array.size,))
    return reshape(input, (array.size,))


@public
def squeeze(input, *dims, dim=None):
    """Without the dimensions of size 1: all of them, or those of ``dim`` (an int or several)."""
    shape = require_tensor("squeeze", "input", input)._array.shape
    given = (dims[0] if len(dims) == 1 else dims) if dims else dim
    axes = normalize_dims(given, len(shape))
    return S.squeeze(input, dims=tuple([d for d in axes if shape[d] == 1]))


@public
def unsqueeze(input, dim):
    """With a new dimension of size 1 at ``dim``."""
    ndim = require_tensor("unsqueeze", "input", input)._array.ndim
    axis = normalize_dim(int_argument("unsqueeze", "dim", dim, 1), ndim + 1)
    return S.unsqueeze(input, dim=axis)


# -------------------------------------------------------------------- orders of dimensions


@public(aliases=("swapdims",))
def transpose(input, dim0, dim1):
    """With dimensions ``dim0`` and ``dim1`` exchanged."""
    ndim = require_tensor("transpose", "input", input)._array.ndim
    first = normalize_dim(int_argument("transpose", "dim0", dim0, 1), ndim)
    second = normalize_dim(int_argument("transpose", "dim1", dim1, 2), ndim)
    if ndim == 0:
        return S.view(input, shape=())
    return S.transpose(input, dim0=first, dim1=second)


@public
def swapaxes(input, axis0, axis1):
    """``transpose(input, axis0, axis1)``."""
    return transpose(input, axis0, axis1)


@public
def t(input):
    """The transpose of a matrix; tensors of fewer dimensions as they are."""
    ndim = require_tensor("t", "input", input)._array.ndim
    if ndim > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {ndim}D")
    return S.transpose(input, dim0=0, dim1=1) if ndim == 2 else S.view(input, shape=input.shape)


@public
def permute(input, *dims_, dims=None):
    """With the dimensions in the order ``dims``."""
    order = variable_ints("permute", "dims", dims_, dims)
    ndim = require_tensor("permute", "input", input).ndim
    if len(order) != ndim:
        raise RuntimeError(_permute_length(input, len(order)))
    order = tuple([normalize_dim(d, ndim) for d in order])
    if len(set(order)) != ndim:
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return S.permute(input, dims=order)


def _permute_length(input: Any, count: int) -> str:
    return (
        "permute(sparse_coo): number of dimensions in the tensor input does not match the length "
        f"of the desired ordering of dimensions i.e. input.dim() = {input.ndim} is not equal to "
        f"len(dims) = {count}"
    )


@public(aliases=("moveaxis",))
def movedim(input, source, destination):
    """With the dimensions ``source`` at the places ``destination``, the others in order."""
    ndim = require_tensor("movedim", "input", input).ndim
    if hasattr(source, "__index__") != hasattr(destination, "__index__"):
        raise TypeError(
            "movedim() received an invalid combination of arguments: source and destination must "
            f"both be int or tuple of ints, not {type(source).__name__} and "
            f"{type(destination).__name__}"
        )
    source, destination = (
        (v,) if hasattr(v, "__index__") else tuple(v) for v in (source, destination)
    )
    if len(source) != len(destination):
        raise RuntimeError(
            f"movedim: Invalid source or destination dims: source ({list(source)} dims) should "
            f"contain the same number of dims as destination ({list(destination)} dims)"
        )
    start = [normalize_dim(d, ndim) for d in source]
    end = [normalize_dim(d, ndim) for d in destination]
    for name, given, dims in (("source", source, start), ("destination", destination, end)):
        if len(set(dims)) != len(dims):
            raise RuntimeError(f"movedim: repeated dim in `{name}` ({list(given)})")
    if ndim == 0:
        return S.view(input, shape=())
    order = [d for d in range(ndim) if d not in start]
    for place, d in sorted(zip(end, start, strict=True)):
        order.insert(place, d)
    return S.permute(input, dims=tuple(order))


@public
def adjoint(input):
    """The conjugate of the matrices in the last two dimensions, transposed."""
    return _matrix_transpose(input, "adjoint()").conj()


def _matrix_transpose(x: Any, name: str) -> Any:
    if x.ndim < 2:
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. "
            f"Got {x.ndim}-D tensor."
        )
    return S.transpose(x, dim0=x.ndim - 2, dim1=x.ndim - 1)


def _is_deprecated_scalar(x: Any, name: str, advice: str) -> bool:
    if x.ndim:
        return False
    import warnings

    text = f"Tensor.{name} is deprecated on 0-D tensors. {advice}"
    warnings.warn(text, UserWarning, stacklevel=4)
    return True


_IDENTITY = "This function is the identity in these cases."


def property_T(self):
    """The dimensions in reverse order (deprecated except for matrices)."""
    if self.ndim == 2:
        return S.transpose(self, dim0=0, dim1=1)
    if not _is_deprecated_scalar(self, "T", _IDENTITY) and self.ndim != 2:
        import warnings

        warnings.warn(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated and it will throw an error in a future release. Consider `x.mT` to "
            "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
            "reverse the dimensions of a tensor.",
            UserWarning,
            stacklevel=2,
        )
    return S.permute(self, dims=tuple(range(self.ndim - 1, -1, -1)))


def property_mT(self):
    """The matrices in the last two dimensions, transposed."""
    if _is_deprecated_scalar(self, "mT", _IDENTITY):
        return S.view(self, shape=())
    return _matrix_transpose(self, "mT")


def property_H(self):
    """The conjugate transpose of a matrix."""
    if self.ndim not in (0, 2):
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {self.ndim}-D tensor."
            + (" For batches of matrices, consider using tensor.mH" if self.ndim > 2 else "")
        )
    if _is_deprecated_scalar(self, "H", "Consider using x.conj()."):
        return self.conj()
    return S.transpose(self, dim0=0, dim1=1).conj()


def property_mH(self):
    """The conjugate transposes of the matrices in the last two dimensions."""
    if _is_deprecated_scalar(self, "mH", "Consider using x.conj()."):
        return self.conj()
    return _matrix_transpose(self, "mH").conj()


# --------------------------------------------------------------------------- broadcasting


def _expand(input: Any, sizes: tuple[int, ...]) -> Any:
    shape = input._array.shape
    lead = len(sizes) - len(shape)
    if lead < 0:
        raise RuntimeError(
            f"expand({tensor_name(input)}{{{list(shape)}}}, size={list(sizes)}): the number of "
            f"sizes provided ({len(sizes)}) must be greater or equal to the number of dimensions "
            f"in the tensor ({len(shape)})"
        )
    full = list(sizes)
    for i, n in enumerate(sizes):
        have = shape[i - lead] if i >= lead else 1
        if n == -1 and i >= lead:
            full[i] = have
        elif n != have and (n < 0 or have != 1):
            raise RuntimeError(_not_expandable(n, have, i, i < lead, sizes, shape))
    return S.expand(input, shape=tuple(full))


def _not_expandable(
    n: int, have: int, i: int, is_new: bool, sizes: tuple[int, ...], shape: tuple[int, ...]
) -> str:
    if n == -1 and is_new:
        return (
            f"The expanded size of the tensor ({n}) isn't allowed in a leading, non-existing "
            f"dimension {i}"
        )
    return (
        f"The expanded size of the tensor ({n}) must match the existing size ({have}) at "
        f"non-singleton dimension {i}.  Target sizes: {list(sizes)}.  Tensor sizes: {list(shape)}"
    )


@public(function_too=False)
def expand(self, *size_, size=None, implicit=False):
    """Dimensions of size 1 (and new leading ones) repeated to ``size`` without copying."""
    return _expand(self, variable_ints("expand", "size", size_, size))


@public(function_too=False)
def expand_as(self, other):
    """``self.expand(other.size())``."""
    return _expand(self, tuple(require_tensor("expand_as", "other", other).shape))


@public
def broadcast_to(input, size):
    """``input`` expanded to ``size``."""
    return _expand(
        require_tensor("broadcast_to", "input", input), ints_argument("broadcast_to", "size", size)
    )


@public(method=False)
def broadcast_shapes(*shapes):
    """The shape that tensors of these shapes (or ints) broadcast to, without any tensor."""
    from ..tensor.size import Size

    rows = [(s,) if hasattr(s, "__index__") else tuple(s) for s in shapes]
    if any(n < 0 for row in rows for n in row):
        raise ValueError("Attempting to broadcast a dimension with negative length!")
    result = [1] * max((len(row) for row in rows), default=0)
    for position, row in enumerate(rows):
        for i in range(-1, -1 - len(row), -1):
            if row[i] == 1 or row[i] == result[i]:
                continue
            if result[i] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {row[i]} at {i}! Mismatching "
                    f"argument at index {position} had {row}; but expected shape should be "
                    f"broadcastable to {result}"
                )
            result[i] = row[i]
    return Size(result)


@public(method=False)
def broadcast_tensors(*tensors):
    """The tensors expanded to their common shape."""
    tensors = tensor_arguments(tensors)
    shape: tuple[int, ...] = ()
    for x in tensors:
        require_tensor("broadcast_tensors", "tensors", x)
        shape = S.broadcast_shape(shape, tuple(x.shape))
    return tuple(S.expand(x, shape=shape) for x in tensors)


# --------------------------------------------------------------------- parts of a tensor


@public
def select(input, dim, index):
    """The slice at ``index`` of dimension ``dim``, which is gone from the result."""
    shape = tuple(require_tensor("select", "input", input).shape)
    if not shape:
        raise IndexError("select() cannot be applied to a 0-dim tensor.")
    axis = normalize_dim(int_argument("select", "dim", dim, 2), len(shape))
    position = int_argument("select", "index", index, 3)
    if not -shape[axis] <= position < shape[axis]:
        raise IndexError(
            f"select(): index {position} out of range for tensor of size {list(shape)} at "
            f"dimension {axis}"
        )
    return S.select(input, key=(slice(None),) * axis + (position, ...))


@public
def narrow(input, dim, start, length):
    """``length`` entries of dimension ``dim`` from ``start`` (an int or a 0-d tensor) on."""
    shape = tuple(require_tensor("narrow", "input", input).shape)
    if not shape:
        raise RuntimeError("narrow() cannot be applied to a 0-dim tensor.")
    axis = normalize_dim(int_argument("narrow", "dim", dim, 2), len(shape))
    if hasattr(start, "_array") and (start.ndim or start._array.dtype.kind not in "iu"):
        raise RuntimeError("start must be an 0-dim integral Tensor.")
    start, length = (int_argument("narrow", "start", v, 3) for v in (start, length))
    n = shape[axis]
    if length < 0:
        raise RuntimeError("narrow(): length must be non-negative.")
    if not -n <= start <= n:
        raise IndexError(
            f"start out of range (expected to be in range of [-{n}, {n}], but got {start})"
        )
    start = start + n if start < 0 else start
    if start + length > n:
        raise RuntimeError(f"start ({start}) + length ({length}) exceeds dimension size ({n}).")
    return S.basic_index(input, key=(slice(None),) * axis + (slice(start, start + length),))


# What ``Tensor`` has as properties.
PROPERTIES = {
    "T": property_T, "mT": property_mT, "H": property_H, "mH": property_mH,
    "real": strided.real_part, "imag": strided.imag_part,
}  # fmt: skip
