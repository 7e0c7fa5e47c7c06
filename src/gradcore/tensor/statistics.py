"""Covariance, integrals by trapezoids, distances between all rows, and bounded norms."""

from __future__ import annotations

import warnings
from typing import Any

from ..ops.distances import euclidean_distances
from ..ops.operand import normalize_dim, require_tensor, size_tuple
from ..ops.outputs import takes_out
from ..ops.promotion import category, name_of
from ..ops.registry import FUNCTIONS, public
from ..ops.shape import broadcast_shape

# ---------------------------------------------------------------------------- covariance


def _checked_weights(name: str, weights: Any, observations: int, floating: bool) -> Any:
    if weights.ndim > 1:
        raise RuntimeError(
            f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
            f"{weights.ndim} dimensions"
        )
    dtype = weights._array.dtype
    if (category(dtype) == 2) != floating or dtype.kind in "bc":
        kind = "floating point" if floating else "integral"
        raise RuntimeError(
            f"cov(): expected {name} to have {kind} dtype but got {name} with {name_of(dtype)} "
            "dtype"
        )
    if weights.numel() != observations:
        raise RuntimeError(
            f"cov(): expected {name} to have the same numel as there are observations in the input "
            f"but got {weights.numel()} != {observations}"
        )
    if observations and bool(weights.min() < 0):
        raise RuntimeError(f"cov(): {name} cannot be negative")
    return weights


def _normalization(rows: Any, weights: Any, aweights: Any, correction: int) -> tuple[Any, Any]:
    """The sum of the weights, and what the sum of products is divided by."""
    if weights is None:
        total = rows.shape[1]
        return total, max(total - correction, 0)
    total = weights.sum()
    if not bool(total != 0):
        raise RuntimeError("cov(): weights sum to zero, can't be normalized")
    factor = total - correction
    if aweights is not None and correction:
        factor = total - correction * (weights * aweights).sum() / total
    return total, factor.clamp_min(0)


@public
def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance matrix of the rows of ``input``, (V, N) to (V, V) or (N,) to ().

    ``fweights`` says how often each of the N observations counts, ``aweights`` how much; the sum
    of products is divided by their sum less ``correction``.

    >>> torch.cov(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    x = require_tensor("cov", "input", input)
    if x.ndim > 2:
        raise RuntimeError(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{x.ndim} dimensions"
        )
    if x._array.dtype.kind == "b":
        raise RuntimeError("cov(): bool dtype is not supported for input")
    rows = x.reshape((1, -1)) if x.ndim < 2 else x
    given = [
        _checked_weights(name, w, rows.shape[1], name == "aweights")
        for name, w in (("fweights", fweights), ("aweights", aweights))
        if w is not None
    ]
    weights = given[0] * given[1] if len(given) == 2 else (given[0] if given else None)
    total, factor = _normalization(rows, weights, aweights, correction)
    if factor <= 0:
        warnings.warn(
            "cov(): degrees of freedom is <= 0. Correction should be strictly less than the number "
            "of observations.",
            UserWarning,
            stacklevel=2,
        )
    average = (rows if weights is None else rows * weights).sum(1) / total
    rows = rows - average.unsqueeze(1)
    weighted = rows if weights is None else rows * weights
    return (rows.mm(weighted.t().conj()) / factor).squeeze()


@public
def corrcoef(input):
    """Pearson's correlation coefficients of the rows of ``input``, (V, N) to (V, V).

    >>> torch.corrcoef(torch.tensor([[0.0, 1.0, 2.0], [2.0, 1.0, 0.0]]))
    tensor([[ 1., -1.],
            [-1.,  1.]])
    """
    x = require_tensor("corrcoef", "input", input)
    if x.ndim > 2:
        raise RuntimeError(
            "corrcoef(): expected input to have two or fewer dimensions but got an input with "
            f"{x.ndim} dimensions"
        )
    c = cov(x)
    if c.ndim == 0:
        return c / c
    variance = c.diagonal()
    deviation = (variance.real if variance.is_complex() else variance).sqrt()
    c = c / deviation.reshape((-1, 1)) / deviation.reshape((1, -1))
    if not c.is_complex():
        return c.clamp(-1, 1)
    return FUNCTIONS["complex"](c.real.clamp(-1, 1), c.imag.clamp(-1, 1))


# ----------------------------------------------------------------------------- integrals


def _spacing(name: str, y: Any, x: Any, dx: Any, axis: int) -> Any:
    """The distances between neighbouring samples: a number, or a tensor that fits ``y``."""
    for tensor, which in ((y, "`y`"), (x, "`x` or `y`")):
        if tensor is not None and tensor._array.dtype.kind == "b":
            what = which if x is None else "`x` or `y`"
            raise RuntimeError(
                f"{name}: received a bool input for {what}, but bool is not supported"
            )
    if x is None:
        if isinstance(dx, complex):
            raise RuntimeError(f"{name}: Currently, we only support dx as a real number.")
        return dx
    if x.ndim == 1:
        if x.shape[0] != y.shape[axis]:
            raise RuntimeError(f"{name}: There must be one `x` value for each sample point")
        x = x.reshape([-1 if i == axis else 1 for i in range(y.ndim)])
    elif x.ndim < y.ndim:
        x = x.reshape((1,) * (y.ndim - x.ndim) + tuple(x.shape))
    n = x.shape[axis]
    return x.narrow(axis, 1, n - 1) - x.narrow(axis, 0, n - 1) if n else x


def _neighbour_sums(y: Any, axis: int) -> Any:
    n = y.shape[axis]
    return y.narrow(axis, 0, n - 1) + y.narrow(axis, 1, n - 1)


def _integral_arguments(name: str, y: Any, x: Any, dx: Any, dim: int) -> int:
    require_tensor(name, "y", y)
    if x is not None and dx is not None:
        raise TypeError(f"{name}() received an invalid combination of arguments: both 'x' and 'dx'")
    if y.ndim == 0:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    return normalize_dim(dim, y.ndim)


@public(method=False, aliases=("trapz",))
def trapezoid(y, x=None, *, dx=None, dim=-1):
    """The integral of ``y`` along ``dim`` by trapezoids, with samples at ``x`` or ``dx`` apart.

    >>> torch.trapezoid(torch.tensor([1.0, 5.0, 10.0]), dx=2)
    tensor(21.)
    """
    axis = _integral_arguments("trapezoid", y, x, dx, dim)
    if y.shape[axis] == 0:
        return y.new_zeros(y.shape[:axis] + y.shape[axis + 1 :])
    step = _spacing("trapezoid", y, x, 1 if dx is None else dx, axis)
    if x is not None:
        return (_neighbour_sums(y, axis) * step).sum(axis) / 2
    return (y.sum(axis) - (y.select(axis, 0) + y.select(axis, -1)) * 0.5) * step


@public(method=False)
def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """The running integral of ``y`` along ``dim`` by trapezoids; one element shorter than ``y``.

    >>> torch.cumulative_trapezoid(torch.tensor([1.0, 5.0, 10.0]))
    tensor([ 3.0000, 10.5000])
    """
    axis = _integral_arguments("cumulative_trapezoid", y, x, dx, dim)
    step = _spacing("cumulative_trapezoid", y, x, 1 if dx is None else dx, axis)
    if y.shape[axis] == 0:
        return y.new_zeros(y.shape)
    return (step / 2.0 * _neighbour_sums(y, axis)).cumsum(axis)


# ----------------------------------------------------------------------------- distances

_COMPUTE_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)
# From this many rows on PyTorch finds euclidean distances through one matrix product.
_MANY_ROWS = 25


def _check_distance_arguments(x1: Any, x2: Any, p: float, compute_mode: str) -> None:
    for name, x in (("X1", x1), ("X2", x2)):
        require_tensor("cdist", name.lower(), x)
        if x._array.dtype.kind not in "fV":
            raise RuntimeError(
                f"cdist only supports floating-point dtypes, {name} got: {name_of(x._array.dtype)}"
            )
        if x.ndim < 2:
            raise RuntimeError(f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D")
    if x1.shape[-1] != x2.shape[-1]:
        raise RuntimeError(
            f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}"
        )
    if p < 0:
        raise RuntimeError("cdist only supports non-negative p values")
    if compute_mode not in _COMPUTE_MODES:
        raise ValueError(f"{compute_mode} is not a valid value for compute_mode")


@public(method=False)
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The p-norm distances between all rows: (..., P, M) and (..., R, M) to (..., P, R).

    ``compute_mode`` says whether euclidean distances come from one matrix product, which is faster
    and less accurate; without a word it does from 26 rows on.

    >>> torch.cdist(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0], [6.0, 8.0]]))
    tensor([[ 5., 10.]])
    """
    _check_distance_arguments(x1, x2, p, compute_mode)
    batch = broadcast_shape(x1.shape[:-2], x2.shape[:-2])
    x1 = x1.expand(*batch, *x1.shape[-2:])
    x2 = x2.expand(*batch, *x2.shape[-2:])
    if 0 in x1.shape or 0 in x2.shape:
        return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).sum(-1)
    many = max(x1.shape[-2], x2.shape[-2]) > _MANY_ROWS
    mode = _COMPUTE_MODES.index(compute_mode)
    if p == 2 and (mode == 1 or (mode == 0 and many)):
        return euclidean_distances(x1, x2)
    return (x1.unsqueeze(-2) - x2.unsqueeze(-3)).norm(p, -1)


@public(inplace=True)
@takes_out
def renorm(input, p, dim, maxnorm):
    """Each slice along ``dim`` scaled down to the p-norm ``maxnorm`` where its own is larger.

    >>> torch.renorm(torch.tensor([[3.0, 4.0], [0.3, 0.4]]), p=2, dim=0, maxnorm=1)
    tensor([[0.6000, 0.8000],
            [0.3000, 0.4000]])
    """
    x = require_tensor("renorm", "input", input)
    if isinstance(p, complex):
        raise RuntimeError("renorm: p must be real-valued")
    if p <= 0:
        raise RuntimeError("renorm: non-positive-norm not supported")
    if maxnorm < 0:
        raise RuntimeError(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    if x.ndim < 2:
        raise RuntimeError(f"renorm: input needs at least 2 dimensions, got {x.ndim} dimensions")
    axis = normalize_dim(dim, x.ndim)
    norm = x.norm(p, [i for i in range(x.ndim) if i != axis], keepdim=True)
    return x * FUNCTIONS["where"](norm > maxnorm, maxnorm / (norm + 1e-7), 1.0)


@public(function_too=False)
def sum_to_size(self, *size):
    """The sum over the dimensions that ``size`` lacks or has with length 1; ``size`` broadcasts.

    >>> torch.ones(2, 3).sum_to_size(1, 3)
    tensor([[2., 2., 2.]])
    """
    wanted = size_tuple(size)
    shape = tuple(self.shape)
    lead = len(shape) - len(wanted)
    if lead < 0 or any(n not in (1, m) for n, m in zip(wanted, shape[lead:], strict=True)):
        raise RuntimeError(f"size {{{list(wanted)}}} is not expandable to size {{{list(shape)}}}.")
    if wanted == shape:
        return self
    summed = [i for i, n in enumerate(shape) if i < lead or wanted[i - lead] != n]
    return self.sum(summed, keepdim=True).reshape(wanted)
