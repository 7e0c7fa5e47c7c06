"""Matrix products."""

from __future__ import annotations

from typing import Any

from .op import Op, op
from .operand import require_tensor
from .outputs import write_exact
from .pointwise import conj
from .promotion import C_NAMES, name_of
from .registry import public
from .shape import sum_to


def _product(xp: Any, x: Any, y: Any) -> Any:
    if x.dtype.itemsize == 2 and x.dtype.kind in "fV" and x.ndim:
        # BLAS has no 16-bit floats; NumPy's own loops are 100 times slower than the casts.
        return xp.matmul(x.astype("float32"), y.astype("float32")).astype(x.dtype)
    return xp.matmul(x, y)


def mT(x: Any) -> Any:
    """The last two dimensions swapped (the method is the same on arrays and Tensors)."""
    return x.swapaxes(-2, -1)


def _family(name: str, grad_name: str) -> Op:
    def body(xp, x, y):
        return _product(xp, x, y)

    product = op(body, name=name, grad_name=grad_name)
    product.vjp(
        x=lambda g, y: _matmul(g, mT(y.conj())),
        y=lambda g, x: _matmul(mT(x.conj()), g),
    )
    return product


# One operation under PyTorch's three names for two, three and more dimensions.
_mm = _family("mm", "MmBackward0")
_bmm = _family("bmm", "BmmBackward0")
_matmul = _family("matmul", "UnsafeViewBackward0")


@op(name="mv")
def _mv(xp, x, y):
    return _product(xp, x, y)


_mv.vjp(
    x=lambda g, y: g.reshape((-1, 1)) * y.conj().reshape((1, -1)),
    y=lambda g, x: _mv(mT(x.conj()), g),
)


@op(name="dot")
def _dot(xp, x, y):
    return _product(xp, x, y)


_dot.vjp(x=lambda g, y: g * y.conj(), y=lambda g, x: g * x.conj())


@op(name="linear", grad_name="AddmmBackward0")
def linear_op(xp, x, w, b=None):
    """``x @ w.T + b`` with all leading dimensions of x in one product."""
    rows = x if x.ndim == 2 else x.reshape((-1, x.shape[-1]))
    out = _product(xp, rows, w.T)
    if b is not None:
        out += b
    return out if x.ndim == 2 else out.reshape((*x.shape[:-1], w.shape[0]))


def _rows(x: Any) -> Any:
    return x if x.ndim == 2 else x.reshape((-1, x.shape[-1]))


linear_op.vjp(
    x=lambda g, w: linear_op(g, mT(w.conj())),
    w=lambda g, x: _mm(mT(_rows(g)), _rows(x.conj())),
    b=lambda g: sum_to(_rows(g), shape=(g.shape[-1],)),
)


@op(name="addmm")
def addmm_op(xp, c, x, y, *, beta, alpha):
    out = _product(xp, x, y)
    if alpha != 1:
        out = out * alpha
    if beta == 0:
        return out
    return out + (c if beta == 1 else c * beta)


addmm_op.vjp(
    c=lambda g, beta: g * conj(beta),
    x=lambda g, y, alpha: _matmul(g, mT(y.conj())) * conj(alpha),
    y=lambda g, x, alpha: _matmul(mT(x.conj()), g) * conj(alpha),
)


def _same_dtype(name: str, a: Any, b: Any, first: str, second: str) -> None:
    if a._array.dtype != b._array.dtype:
        names = [C_NAMES[x._array.dtype.name] for x in (a, b)]
        raise RuntimeError(
            f"expected {first} and {second} to have the same dtype, but got: "
            f"{names[0]} != {names[1]}"
        )


def _check_bool(name: str, a: Any) -> None:
    if a._array.dtype.kind == "b":
        raise NotImplementedError(f"\"{name}\" not implemented for 'Bool'")


def _check_mm(a: Any, b: Any) -> None:
    if a.ndim != 2 or b.ndim != 2:
        which, value = ("self", a) if a.ndim != 2 else ("mat2", b)
        raise RuntimeError(f"{which} must be a matrix, got {value.ndim}-D tensor")
    if a.shape[1] != b.shape[0]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and "
            f"{b.shape[0]}x{b.shape[1]})"
        )
    _same_dtype("mm", a, b, "m1", "m2")
    _check_bool("addmm_impl_cpu_", a)


@public
def mm(input, mat2, *, out=None):
    """The product of two matrices: (n, m) and (m, p) give (n, p).

    >>> torch.mm(torch.tensor([[1, 2], [3, 4]]), torch.tensor([[5], [6]]))
    tensor([[17],
            [39]])
    """
    if out is not None:
        return write_exact(mm, out, input, mat2)
    _check_mm(require_tensor("mm", "input", input), require_tensor("mm", "mat2", mat2, 2))
    return _mm(input, mat2)


@public
def bmm(input, mat2, *, out=None):
    """Products of matrices in two batches: (b, n, m) and (b, m, p) give (b, n, p).

    >>> torch.bmm(torch.ones(3, 2, 4), torch.ones(3, 4, 5)).shape
    torch.Size([3, 2, 5])
    """
    if out is not None:
        return write_exact(bmm, out, input, mat2)
    require_tensor("bmm", "input", input)
    require_tensor("bmm", "mat2", mat2, 2)
    if input.ndim != 3 or mat2.ndim != 3:
        which = "batch1" if input.ndim != 3 else "batch2"
        raise RuntimeError(f"{which} must be a 3D tensor")
    expected = [input.shape[0], input.shape[2]]
    if list(mat2.shape[:2]) != expected:
        raise RuntimeError(
            f"Expected size for first two dimensions of batch2 tensor to be: {expected} but got: "
            f"{list(mat2.shape[:2])}."
        )
    _same_dtype("bmm", input, mat2, "batch1", "batch2")
    _check_bool("baddbmm_with_gemm", input)
    return _bmm(input, mat2)


@public
def mv(input, vec, *, out=None):
    """A matrix (n, m) times a vector (m,).

    >>> torch.mv(torch.tensor([[1, 2], [3, 4]]), torch.tensor([1, 10]))
    tensor([21, 43])
    """
    if out is not None:
        return write_exact(mv, out, input, vec)
    require_tensor("mv", "input", input)
    require_tensor("mv", "vec", vec, 2)
    if input.ndim != 2 or vec.ndim != 1:
        raise RuntimeError(f"vector + matrix @ vector expected, got 1, {input.ndim}, {vec.ndim}")
    if input.shape[1] != vec.shape[0]:
        raise RuntimeError(
            f"size mismatch, got input ({input.shape[0]}), mat "
            f"({input.shape[0]}x{input.shape[1]}), vec ({vec.shape[0]})"
        )
    _same_dtype("mv", input, vec, "self", "vec")
    _check_bool("addmv_impl_cpu", input)
    return _mv(input, vec)


@public
def dot(input, tensor, *, out=None):
    """The sum of the products of two vectors' elements.

    >>> torch.dot(torch.tensor([1, 2]), torch.tensor([3, 4]))
    tensor(11)
    """
    if out is not None:
        return write_exact(dot, out, input, tensor)
    require_tensor("dot", "input", input)
    require_tensor("dot", "tensor", tensor, 2)
    if input.ndim != 1 or tensor.ndim != 1:
        raise RuntimeError(f"1D tensors expected, but got {input.ndim}D and {tensor.ndim}D tensors")
    if input._array.dtype != tensor._array.dtype:
        raise RuntimeError(
            f"dot : expected both vectors to have same dtype, but found "
            f"{name_of(input._array.dtype)} and {name_of(tensor._array.dtype)}"
        )
    if input.shape != tensor.shape:
        raise RuntimeError(
            f"inconsistent tensor size, expected tensor {list(input.shape)} and src "
            f"{list(tensor.shape)} to have the same number of elements, but got "
            f"{input.numel()} and {tensor.numel()} elements respectively"
        )
    _check_bool("dot", input)
    return _dot(input, tensor)


@public
def matmul(input, other, *, out=None):
    """The matrix product, with batches broadcast; 1-D tensors are vectors.

    Raises RuntimeError where the inner sizes differ or a tensor has no dimension.

    >>> torch.matmul(torch.ones(3, 2, 4), torch.ones(4)).shape
    torch.Size([3, 2])
    """
    if out is not None:
        return write_exact(matmul, out, input, other)
    require_tensor("matmul", "input", input)
    require_tensor("matmul", "other", other, 2)
    a, b = input.ndim, other.ndim
    if a == 2 and b == 2:
        _check_mm(input, other)
        return _mm(input, other)
    if a == 0 or b == 0:
        raise RuntimeError(
            f"both arguments to matmul need to be at least 1D, but they are {a}D and {b}D"
        )
    if a == 1 and b == 1:
        return dot(input, other)
    if b == 1:
        return mv(input, other) if a == 2 else _fold_matmul(input, other.unsqueeze(1)).squeeze(-1)
    if a == 1:
        return matmul(input.unsqueeze(0), other).squeeze(-2)
    if b == 2:
        return _fold_matmul(input, other)
    return _batched(input, other)


def _fold_matmul(input: Any, other: Any) -> Any:
    """A batch times one matrix: all rows in a single product."""
    rows = input.reshape((-1, input.shape[-1])) if input.numel() else None
    if rows is None or input.shape[-1] != other.shape[0]:
        return _batched(input, other)
    return mm(rows, other).reshape((*input.shape[:-1], other.shape[-1]))


def _batched(input: Any, other: Any) -> Any:
    if input.shape[-1] != other.shape[-2]:
        if input.ndim == other.ndim == 3 or min(input.ndim, other.ndim) >= 3:
            raise RuntimeError(
                "Expected size for first two dimensions of batch2 tensor to be: "
                f"[{_count(input.shape[:-2])}, {input.shape[-1]}] but got: "
                f"[{_count(other.shape[:-2])}, {other.shape[-2]}]."
            )
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({_count(input.shape[:-1])}x"
            f"{input.shape[-1]} and {other.shape[-2]}x{other.shape[-1]})"
        )
    from .shape import broadcast_shape

    broadcast_shape(input.shape[:-2], other.shape[:-2])
    _same_dtype("bmm", input, other, "batch1", "batch2")
    _check_bool("baddbmm_with_gemm", input)
    if input.ndim == other.ndim == 3 and input.shape[0] == other.shape[0]:
        return _bmm(input, other)
    return _matmul(input, other)


def _count(sizes: Any) -> int:
    total = 1
    for n in sizes:
        total *= n
    return total


@public(method=False)
def linear(input, weight, bias=None):
    """``input @ weight.T + bias`` on the last dimension (``torch.nn.functional.linear``).

    Shapes: input (*, in), weight (out, in) or (in,), bias (out,); the result is (*, out).

    >>> F.linear(torch.tensor([1.0, 2.0]), torch.tensor([[3.0, 4.0]]), torch.tensor([0.5]))
    tensor([11.5000])
    """
    require_tensor("linear", "input", input)
    require_tensor("linear", "weight", weight, 2)
    x, w = input._array, weight._array
    if w.ndim != 2 or x.ndim < 2 or (bias is not None and bias._array.ndim != 1):
        return _unusual_linear(input, weight, bias)
    if x.shape[-1] != w.shape[1]:
        raise RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({_count(x.shape[:-1])}x"
            f"{x.shape[-1]} and {w.shape[1]}x{w.shape[0]})"
        )
    if x.dtype is not w.dtype:
        names = ("m1", "m2") if bias is None else ("mat1", "mat2")
        _same_dtype("linear", input, weight, *names)
    return linear_op(input, weight, bias)


def _unusual_linear(input: Any, weight: Any, bias: Any) -> Any:
    if weight.ndim > 2 or weight.ndim == 0:
        raise RuntimeError(f"linear(): weight must be 1-D or 2-D, got {weight.ndim}-D")
    if input.ndim == 1 and weight.ndim == 2 and (bias is None or bias.ndim == 1):
        return linear(input.unsqueeze(0), weight, bias).squeeze(0)
    out = matmul(input, weight.t() if weight.ndim == 2 else weight)
    return out if bias is None else out + bias
