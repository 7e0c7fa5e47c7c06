"""Products made of the matrix products: sums with them, outer, tensordot, kron, cross …"""

from __future__ import annotations

import itertools
import math
import operator
import warnings
from collections.abc import Sequence
from typing import Any

from .linalg import _check_bool, _check_mm, _mv, addmm_op, bmm, dot, mm
from .moving import roll
from .op import op
from .operand import normalize_dim, require_tensor
from .outputs import takes_exact_out, takes_out
from .promotion import C_NAMES, name_of
from .reduce_arguments import not_implemented
from .registry import public
from .shape import broadcast_shape, diagonal_backward, expand
from .views import expand as expand_method

# ------------------------------------------------------------------------ sums and products


def _truncated(x: Any, *factors: Any) -> tuple:
    """The factors as they multiply integers: cut to integers, as C does."""
    if x._array.dtype.kind in "biu":
        return tuple(int(f) for f in factors)
    return factors


def _fits(input: Any, shape: Sequence[int]) -> Any:
    return input if tuple(input.shape) == tuple(shape) else expand_method(input, tuple(shape))


def _scaled(x: Any, factor: Any) -> Any:
    return x if factor == 1 else x * factor


@public(inplace=True)
@takes_exact_out
def addmm(input, mat1, mat2, *, beta=1, alpha=1):
    """``beta * input + alpha * (mat1 @ mat2)``; ``input`` broadcasts to the product's shape.

    With ``beta=0`` nothing of ``input`` counts, not even nan.
    """
    for i, (name, x) in enumerate((("input", input), ("mat1", mat1), ("mat2", mat2))):
        require_tensor("addmm", name, x, i + 1)
    for name, x in (("mat1", mat1), ("mat2", mat2)):
        if x.ndim != 2:
            raise RuntimeError(f"{name} must be a matrix, got {x.ndim}-D tensor")
    for x in (input, mat1):
        if x._array.dtype != mat2._array.dtype:
            raise RuntimeError(
                f"self and mat2 must have the same dtype, but got {name_of(input._array.dtype)} "
                f"and {name_of(mat2._array.dtype)}"
            )
    _check_mm(mat1, mat2)
    beta, alpha = _truncated(input, beta, alpha)
    input = _fits(input, (mat1.shape[0], mat2.shape[1]))
    return addmm_op(input, mat1, mat2, beta=beta, alpha=alpha)


def _same_inputs(input: Any, batch1: Any, batch2: Any) -> None:
    names = [C_NAMES[x._array.dtype.name] for x in (input, batch1, batch2)]
    if len(set(names)) > 1:
        raise RuntimeError(
            f"Input dtypes must be the same, got: input {names[0]}, batch1: {names[1]}, batch2: "
            f"{names[2]}"
        )


@public(inplace=True)
@takes_exact_out
def baddbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """``beta * input + alpha * (batch1 @ batch2)`` on (b, n, m) and (b, m, p)."""
    for i, (name, x) in enumerate((("input", input), ("batch1", batch1), ("batch2", batch2))):
        require_tensor("baddbmm", name, x, i + 1)
    _same_inputs(input, batch1, batch2)
    beta, alpha = _truncated(input, beta, alpha)
    product = bmm(batch1, batch2)
    if 0 in product.shape:
        return product if beta == 0 else product + _fits(input, product.shape) * beta
    input = _fits(input, product.shape)
    return addmm_op(input, batch1, batch2, beta=beta, alpha=alpha)


@public(inplace=True)
@takes_exact_out
def addbmm(input, batch1, batch2, *, beta=1, alpha=1):
    """``beta * input + alpha * sum(batch1 @ batch2)``, summed over the batch."""
    for i, (name, x) in enumerate((("input", input), ("batch1", batch1), ("batch2", batch2))):
        require_tensor("addbmm", name, x, i + 1)
    if batch1.ndim == batch2.ndim == 3 and batch1.shape[0] != batch2.shape[0]:
        raise RuntimeError(
            "batch1 and batch2 must have same number of batches, got "
            f"{batch1.shape[0]} and {batch2.shape[0]}"
        )
    beta, alpha = _truncated(input, beta, alpha)
    total = _scaled(bmm(batch1, batch2).sum(0), alpha)
    input = _fits(input, total.shape)
    return total if beta == 0 else _scaled(input, beta) + total


@public(inplace=True)
@takes_exact_out
def addmv(input, mat, vec, *, beta=1, alpha=1):
    """``beta * input + alpha * (mat @ vec)``."""
    for i, (name, x) in enumerate((("input", input), ("mat", mat), ("vec", vec))):
        require_tensor("addmv", name, x, i + 1)
    if mat.ndim != 2 or vec.ndim != 1 or input.ndim > 1:
        raise RuntimeError(
            f"vector + matrix @ vector expected, got {input.ndim}, {mat.ndim}, {vec.ndim}"
        )
    size = tuple(input.shape)
    if mat.shape[1] != vec.shape[0] or size not in ((), (1,), (mat.shape[0],)):
        raise RuntimeError(
            f"size mismatch, got input ({math.prod(size)}), mat ({mat.shape[0]}x{mat.shape[1]}), "
            f"vec ({vec.shape[0]})"
        )
    names = [name_of(x._array.dtype) for x in (input, mat, vec)]
    if len(set(names)) > 1:
        raise RuntimeError(
            f"addmv input tensors must have the same dtype, but got {names[0]}, {names[1]}, and "
            f"{names[2]}"
        )
    _check_bool("addmv_impl_cpu", mat)
    beta, alpha = _truncated(input, beta, alpha)
    product = _scaled(_mv(mat, vec), alpha)
    input = _fits(input, product.shape)
    return product if beta == 0 else _scaled(input, beta) + product


@public(inplace=True)
@takes_out
def addr(input, vec1, vec2, *, beta=1, alpha=1):
    """``beta * input + alpha * outer(vec1, vec2)``; logical or and and for bools."""
    require_tensor("addr", "input", input)
    for i, (name, x) in enumerate((("vec1", vec1), ("vec2", vec2))):
        if require_tensor("addr", name, x, i + 2).ndim != 1:
            raise RuntimeError(f"addr: Expected 1-D argument {name}, but got {x.ndim}-D")
    tensors = (input, vec1, vec2)
    if all(x._array.dtype.kind in "biu" for x in tensors):
        for name, factor in (("beta", beta), ("alpha", alpha)):
            if isinstance(factor, float):
                raise RuntimeError(
                    f"For integral input tensors, argument {name} must not be a floating point "
                    "number."
                )
    product = vec1.unsqueeze(1) * vec2.unsqueeze(0)
    input = _fits(input, product.shape)
    if all(x._array.dtype.kind == "b" for x in tensors):
        product = product & bool(alpha)
        return product if beta == 0 else (input & bool(beta)) | product
    product = _scaled(product, alpha)
    return product if beta == 0 else _scaled(input, beta) + product


# ---------------------------------------------------------------------------------- vectors


@public
@takes_exact_out
def vdot(input, other):
    """``dot`` with the first vector conjugated."""
    return dot(require_tensor("vdot", "input", input).conj(), other)


# Kernels choose threads and compiled loops by the size of an operand: expanded, 1000 x 1000 take
# 150 us in place of 400, and 300 x 300 65 in place of 45.
_SMALL_OUTER = 200_000


@public(aliases=("ger",))
@takes_out
def outer(input, vec2):
    """The matrix of all products of two vectors' elements: (n,) and (m,) give (n, m)."""
    for i, (name, value) in enumerate((("self", input), ("vec2", vec2))):
        if require_tensor("outer", name, value, i + 1).ndim != 1:
            raise RuntimeError(f"outer: Expected 1-D argument {name}, but got {value.ndim}-D")
    column, (rows, columns) = input.unsqueeze(1), (len(input), len(vec2))
    if rows * columns > _SMALL_OUTER:
        column = expand(column, shape=(rows, columns))
    return column * vec2


@public
@takes_exact_out
def inner(input, other):
    """Sums of products over the last dimension of both; 0-d tensors just multiply."""
    require_tensor("inner", "input", input)
    require_tensor("inner", "other", other, 2)
    if input.ndim == 0 or other.ndim == 0:
        return input * other
    if input.shape[-1] != other.shape[-1]:
        raise RuntimeError(
            "inner() the last dimension must match on both input tensors but got shapes "
            f"{list(input.shape)} and {list(other.shape)}"
        )
    return tensordot(input, other, dims=([-1], [-1]))


@takes_exact_out
def vecdot(x, y, *, dim=-1):
    """``sum(conj(x) * y)`` along ``dim``, with broadcasting."""
    if x._array.dtype != y._array.dtype:
        raise RuntimeError(
            "linalg.vecdot: Expected x and y to have the same dtype, but found x of type "
            f"{name_of(x._array.dtype)} and y of type {name_of(y._array.dtype)} instead"
        )
    if x.ndim == y.ndim == 1:
        return vdot(x, y)
    if x._array.dtype.kind == "c":
        x = x.conj()
    return (x * y).sum(dim)


# ------------------------------------------------------------------------------ contractions


def _contracted_dims(dims: Any, a: Any, b: Any) -> tuple[list[int], list[int]]:
    if hasattr(dims, "tolist"):
        dims = dims.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise RuntimeError(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(a.ndim, b.ndim):
            raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return list(range(-dims, 0)), list(range(dims))
    first, second = ([d] if isinstance(d, int) else list(d) for d in dims)
    if len(first) != len(second):
        raise RuntimeError("both dimension lists should have same length")
    return first, second


def _check_repeated(dims: list[int]) -> None:
    for i, d in enumerate(dims):
        if d in dims[:i]:
            raise RuntimeError(f"dim {d} appears multiple times in the list of dims")


@public(method=False)
@takes_exact_out
def tensordot(a, b, dims=2):
    """Contract ``dims`` dimensions: the last n of a with the first n of b, or two lists."""
    first, second = _contracted_dims(dims, a, b)
    if a._array.dtype != b._array.dtype:
        raise RuntimeError("both inputs should have same dtype")
    for i, j in zip(first, second, strict=True):
        n, m = a.shape[i], b.shape[j]
        if n != m and 1 not in (n, m):
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {n} in dim {i} and "
                f"second has size {m} in dim {j}"
            )
        if n != m:
            a, b = (a.sum(i, keepdim=True), b) if m == 1 else (a, b.sum(j, keepdim=True))
    first = [normalize_dim(d, a.ndim) for d in first]
    second = [normalize_dim(d, b.ndim) for d in second]
    _check_repeated(first)
    _check_repeated(second)
    rest_a = [d for d in range(a.ndim) if d not in first]
    rest_b = [d for d in range(b.ndim) if d not in second]
    shape_a, shape_b = [a.shape[d] for d in rest_a], [b.shape[d] for d in rest_b]
    shared = math.prod(a.shape[d] for d in first)
    left = a.permute((*rest_a, *first)).reshape((math.prod(shape_a), shared))
    right = b.permute((*second, *rest_b)).reshape((shared, math.prod(shape_b)))
    return mm(left, right).reshape((*shape_a, *shape_b))


def _best_split(shapes: list[tuple[int, int]]) -> list[list[int]]:
    """Where to split each run of matrices so that multiplying costs least (dynamic programming)."""
    n = len(shapes)
    sizes = [shapes[0][0]] + [columns for _, columns in shapes]
    cost = [[0] * n for _ in range(n)]
    split = [[0] * n for _ in range(n)]
    for length in range(1, n):
        for i in range(n - length):
            j = i + length
            prices = [
                cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1]
                for k in range(i, j)
            ]
            best = min(range(len(prices)), key=prices.__getitem__)
            cost[i][j], split[i][j] = prices[best], i + best
    return split


def _multiply_run(matrices: list, split: list[list[int]], i: int, j: int) -> Any:
    if i == j:
        return matrices[i]
    k = split[i][j]
    return mm(_multiply_run(matrices, split, i, k), _multiply_run(matrices, split, k + 1, j))


def _check_chain(tensors: Sequence[Any]) -> None:
    count = len(tensors)
    if count < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {count}")
    for i, x in enumerate(tensors):
        if i in (0, count - 1):
            if x.ndim not in (1, 2):
                place = "first" if i == 0 else "last"
                raise RuntimeError(
                    f"multi_dot(): the {place} tensor must be 1D or 2D but got {x.ndim}D"
                )
        elif x.ndim != 2:
            raise RuntimeError(f"multi_dot(): tensor {i} must be 2D but got {x.ndim}D")
        if x._array.dtype != tensors[0]._array.dtype:
            raise RuntimeError(
                "multi_dot(): all tensors must have be the same dtype but tensor 0 is "
                f"{C_NAMES[tensors[0]._array.dtype.name]} and tensor {i} "
                f"{C_NAMES[x._array.dtype.name]}"
            )
    for i, (x, y) in enumerate(itertools.pairwise(tensors)):
        if x.shape[-1] != y.shape[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {i} and {i + 1} with shapes {list(x.shape)} and "
                f"{list(y.shape)} cannot be multiplied"
            )


@takes_exact_out
def multi_dot(tensors):
    """The product of two or more matrices, in the order that costs least.

    The first may be a row vector and the last a column vector of one dimension.
    """
    tensors = list(tensors)
    _check_chain(tensors)
    first, last = tensors[0].ndim == 1, tensors[-1].ndim == 1
    if first:
        tensors[0] = tensors[0].unsqueeze(0)
    if last:
        tensors[-1] = tensors[-1].unsqueeze(1)
    split = _best_split([tuple(x.shape) for x in tensors])
    result = _multiply_run(tensors, split, 0, len(tensors) - 1)
    if last:
        result = result.squeeze(-1)
    return result.squeeze(0) if first else result


@public(method=False)
@takes_exact_out
def chain_matmul(*matrices):
    """The product of several matrices, in the order that costs least."""
    for x in matrices:
        if x.ndim != 2:
            raise RuntimeError(f"Tensor dimension is {x.ndim}, expected 2 instead.")
    return matrices[0] if len(matrices) == 1 else multi_dot(matrices)


@public
@takes_out
def kron(input, other):
    """The Kronecker product: each element of ``input`` times all of ``other``."""
    require_tensor("kron", "input", input)
    require_tensor("kron", "other", other, 2)
    ndim = max(input.ndim, other.ndim)
    shapes = [(1,) * (ndim - x.ndim) + tuple(x.shape) for x in (input, other)]
    first = input.reshape([n for size in shapes[0] for n in (size, 1)])
    second = other.reshape([n for size in shapes[1] for n in (1, size)])
    return (first * second).reshape([a * b for a, b in zip(*shapes, strict=True)])


# ------------------------------------------------------------------------------------ cross


@takes_exact_out
def linalg_cross(input, other, *, dim=-1):
    """The cross product of vectors of length 3 along ``dim``, with broadcasting."""
    if input.ndim != other.ndim:
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    axis = normalize_dim(dim, input.ndim)
    if input.shape[axis] != 3 or other.shape[axis] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[axis]} "
            f"and {other.shape[axis]}"
        )
    shape = broadcast_shape(tuple(input.shape), tuple(other.shape))
    a, b = (x if tuple(x.shape) == shape else expand(x, shape=shape) for x in (input, other))
    ahead = [roll(x, -1, axis) for x in (a, b)]
    behind = [roll(x, -2, axis) for x in (a, b)]
    return ahead[0] * behind[1] - behind[0] * ahead[1]


@public
@takes_exact_out
def cross(input, other, dim=None):
    """The cross product along ``dim``, by default the first dimension of size 3."""
    require_tensor("cross", "input", input)
    require_tensor("cross", "other", other, 2)
    if dim is None:
        warnings.warn(
            "Using torch.cross without specifying the dim arg is deprecated.\nPlease either pass "
            "the dim explicitly or simply use torch.linalg.cross.\nThe default value of dim will "
            "change to agree with that of linalg.cross in a future release.",
            UserWarning,
            stacklevel=3,
        )
        dim = next((i for i, n in enumerate(input.shape) if n == 3), None)
        if dim is None:
            raise RuntimeError("no dimension of size 3 in input")
    return linalg_cross(input, other, dim=operator.index(dim))


# ------------------------------------------------------------------------------------ trace


@op(name="trace")
def trace_op(xp, x):
    return xp.add.reduce(x.diagonal(), 0, "int64" if x.dtype.kind in "iu" else x.dtype)


def _trace_grad(g, x_shape):
    n = min(x_shape)
    return diagonal_backward(expand(g, shape=(n,)), offset=0, dim1=0, dim2=1, shape=tuple(x_shape))


trace_op.vjp(x=_trace_grad)


@public
def trace(input):
    """The sum of a matrix's diagonal; int64 for integers."""
    array = require_tensor("trace", "input", input)._array
    if array.ndim != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {array.ndim}")
    if array.dtype.kind == "b":
        raise not_implemented("trace", input)
    return trace_op(input)
