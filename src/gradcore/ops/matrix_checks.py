"""What linear algebra refuses, in PyTorch's words, and the parts of matrices that rules need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .linalg import _matmul, mT
from .moving import tril_op, triu_op
from .op import op
from .operand import require_tensor
from .pointwise import where
from .promotion import category, name_of
from .shape import basic_index, broadcast_shape, diagonal, diagonal_backward, expand


class LinAlgError(RuntimeError):
    """A matrix that the computation cannot go on with: singular, not positive definite …"""


def matrices(function: str, x: Any, argument: str = "A") -> Any:
    """``x`` if it has two dimensions or more, else PyTorch's RuntimeError."""
    if require_tensor(function, argument, x).ndim < 2:
        raise RuntimeError(
            f"{function}: The input tensor {argument} must have at least 2 dimensions."
        )
    return x


def square(function: str, x: Any, argument: str = "A") -> Any:
    """``x`` if it is a batch of square matrices, else PyTorch's RuntimeError."""
    rows, columns = matrices(function, x, argument).shape[-2:]
    if rows != columns:
        raise RuntimeError(
            f"{function}: {argument} must be batches of square matrices, but they are {rows} by "
            f"{columns} matrices"
        )
    return x


def inexact(function: str, x: Any, low: bool = False) -> Any:
    """``x`` if it is floating point (16 bits only where ``low`` says so) or complex."""
    dtype = x._array.dtype
    if category(dtype) < 2:
        raise RuntimeError(
            f"{function}: Expected a floating point or complex tensor as input. Got "
            f"{name_of(dtype)}"
        )
    if dtype.itemsize == 2 and not low:
        raise RuntimeError(f"{function}: Low precision dtypes not supported. Got {name_of(dtype)}")
    return x


def same_dtype(function: str, a: Any, b: Any, names: Sequence[str] = ("A", "B")) -> None:
    """RuntimeError where two matrices differ in dtype."""
    first, second = (x._array.dtype for x in (a, b))
    if first != second:
        raise RuntimeError(
            f"{function}: Expected {names[0]} and {names[1]} to have the same dtype, but found "
            f"{names[0]} of type {name_of(first)} and {names[1]} of type {name_of(second)} instead"
        )


def raise_for(function: str, info: Any, explain: Any) -> None:
    """:class:`LinAlgError` for the first matrix whose LAPACK ``info`` is not 0.

    ``explain(info)`` is the end of the message.
    """
    codes = info.detach().cpu().reshape((-1,)).tolist()
    for position, code in enumerate(codes):
        if code:
            batch = f" (Batch element {position}):" if info.ndim else ""
            raise LinAlgError(f"{function}:{batch} {explain(code)}")


# ------------------------------------------------------------------------- parts of matrices


def adjoint(x: Any) -> Any:
    """The conjugate transpose of matrices, for arrays and Tensors."""
    return mT(x).conj()


def product(*matrices: Any) -> Any:
    """The matrix product of arrays or Tensors, left to right."""
    result = matrices[0]
    for x in matrices[1:]:
        result = _matmul(result, x)
    return result


def column(x: Any) -> Any:
    """Numbers (…, n) as columns (…, n, 1)."""
    return x.reshape((*x.shape, 1))


def row(x: Any) -> Any:
    """Numbers (…, n) as rows (…, 1, n)."""
    return x.reshape((*x.shape[:-1], 1, x.shape[-1]))


def diagonal_of(x: Any) -> Any:
    """The main diagonals, (…, k)."""
    return diagonal(x, offset=0, dim1=x.ndim - 2, dim2=x.ndim - 1)


def diagonal_matrix(x: Any) -> Any:
    """Square matrices with these diagonals."""
    n, ndim = x.shape[-1], x.ndim + 1
    return diagonal_backward(x, offset=0, dim1=ndim - 2, dim2=ndim - 1, shape=(*x.shape[:-1], n, n))


@op(differentiable=())
def unit_matrix(xp, x):
    """Unit matrices in the shape and dtype of ``x``."""
    return xp.array(xp.broadcast_to(xp.eye(*x.shape[-2:], dtype=x.dtype), x.shape))


def off_diagonal(x: Any) -> Any:
    """``x`` with zeros on the diagonal."""
    return tril_op(x, diagonal=-1) + triu_op(x, diagonal=1)


def rows(x: Any, start: int | None, stop: int | None) -> Any:
    """Rows ``start`` to ``stop`` of matrices."""
    return basic_index(x, key=(..., slice(start, stop), slice(None)))


def columns(x: Any, start: int | None, stop: int | None) -> Any:
    """Columns ``start`` to ``stop`` of matrices."""
    return basic_index(x, key=(..., slice(start, stop)))


def quotient(x: Any, y: Any) -> Any:
    """``x / y``, and 0 where x is 0, whatever y: a gradient that nobody sent divides by nothing."""
    nothing = x == 0
    return where(nothing, 0.0, x / where(nothing & (y == 0), 1.0, y))


def broadcast_batches(a: Any, b: Any) -> tuple[Any, Any]:
    """Two tensors of matrices with their batch dimensions broadcast."""
    shape = broadcast_shape(tuple(a.shape[:-2]), tuple(b.shape[:-2]))
    return tuple(
        x if tuple(x.shape[:-2]) == shape else expand(x, shape=(*shape, *x.shape[-2:]))
        for x in (a, b)
    )
