"""Diagonals: as views, and matrices made of them."""

from __future__ import annotations

from .arguments import int_argument
from .operand import normalize_dim, require_tensor
from .registry import public
from .shape import clone, diagonal_backward
from .shape import diagonal as diagonal_op
from .views import ravel


def diagonal_dims(name: str, ndim: int, dim1: int, dim2: int) -> tuple[int, int]:
    """Both dimensions of a diagonal as non-negative numbers; they must differ."""
    first, second = normalize_dim(dim1, ndim), normalize_dim(dim2, ndim)
    if first == second:
        raise RuntimeError(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return first, second


@public
def diagonal(input, offset=0, dim1=0, dim2=1):
    """The diagonal of dimensions ``dim1`` and ``dim2``, as the last dimension.

    >>> torch.diagonal(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    shape = require_tensor("diagonal", "input", input)._array.shape
    offset = int_argument("diagonal", "offset", offset, 2)
    first, second = diagonal_dims("diagonal", len(shape), dim1, dim2)
    if offset:
        # NumPy has no empty diagonals: an offset beyond the edge is the same as one at it.
        offset = max(-shape[first], min(shape[second], offset))
    return diagonal_op(input, offset=offset, dim1=first, dim2=second)


@public
def diag_embed(input, offset=0, dim1=-2, dim2=-1):
    """Zeros with the last dimension of ``input`` on the diagonal of ``dim1`` and ``dim2``.

    >>> torch.diag_embed(torch.tensor([1, 2]))
    tensor([[1, 0],
            [0, 2]])
    """
    require_tensor("diag_embed", "input", input)
    ndim, n = input.ndim + 1, input.shape[-1]
    first, second = diagonal_dims("diag_embed", ndim, dim1, dim2)
    shape = list(input.shape[:-1])
    for d in sorted((first, second)):
        shape.insert(d, n + abs(offset))
    return diagonal_backward(input, offset=offset, dim1=first, dim2=second, shape=tuple(shape))


@public
def diag(input, diagonal=0, *, out=None):
    """The diagonal of a matrix (a copy), or the matrix with a vector on its diagonal.

    >>> torch.diag(torch.tensor([[1, 2], [3, 4]]))
    tensor([1, 4])
    """
    if out is not None:
        from ..autograd.inplace import write_out

        return write_out(diag, out, input, diagonal)
    ndim = require_tensor("diag", "input", input).ndim
    if ndim == 1:
        return diag_embed(input, diagonal)
    if ndim != 2:
        raise RuntimeError(f"diag(): Supports 1D or 2D tensors. Got {ndim}D")
    return clone(_diagonal(input, diagonal))


_diagonal = diagonal


@public
def diagflat(input, offset=0):
    """A matrix with the elements of ``input`` on its diagonal.

    >>> torch.diagflat(torch.tensor([1, 2]), 1)
    tensor([[0, 1, 0],
            [0, 0, 2],
            [0, 0, 0]])
    """
    return diag_embed(ravel(input), offset)
