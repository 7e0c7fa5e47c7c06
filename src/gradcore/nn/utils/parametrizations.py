"""Ready-made parametrizations: weight norm, spectral norm and orthogonal matrices."""

from __future__ import annotations

from typing import Any

from ...autograd.modes import no_grad
from ...autograd.variable import TensorBase
from ...ops.registry import FUNCTIONS
from .. import functional as F
from ..modules.module import Module
from .parametrize import register_parametrization
from .spectral_norm import as_matrix, default_dim, power_iterations
from .weight_norm import norm_except_dim, normed_weight

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    """A weight of its length (original0) and its direction (original1)."""

    def __init__(self, dim: int | None = 0) -> None:
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g: Any, weight_v: Any) -> Any:
        return normed_weight(weight_v, weight_g, self.dim)

    def right_inverse(self, weight: Any) -> tuple[Any, Any]:
        """The length and the weight itself."""
        return norm_except_dim(weight, self.dim), weight


def weight_norm(module: Module, name: str = "weight", dim: int | None = 0) -> Module:
    """Learn the length of ``name`` (along all dimensions but ``dim``) and its direction apart.

    They become ``module.parametrizations.<name>.original0`` and ``original1`` (arXiv 1602.07868).
    """
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename_old(state_dict: Any, prefix: str, *rest: Any) -> None:
        """Load what ``nn.utils.weight_norm`` saved."""
        old = [f"{prefix}{name}_g", f"{prefix}{name}_v"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                new = f"{prefix}parametrizations.{name}.original{i}"
                state_dict[new] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename_old)
    return module


class _SpectralNorm(Module):
    """A weight divided by its largest singular value, which power iterations find."""

    _u: Any
    _v: Any

    def __init__(
        self, weight: Any, n_power_iterations: int = 1, dim: int = 0, eps: float = 1e-12
    ) -> None:
        super().__init__()
        ndim = weight.ndim
        if not -ndim <= dim < ndim:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [-{ndim}, {ndim - 1}] but "
                f"got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, but got "
                f"n_power_iterations={n_power_iterations}"
            )
        self.dim = dim % ndim
        self.eps = eps
        if ndim == 1:
            return
        self.n_power_iterations = n_power_iterations
        matrix = as_matrix(weight.detach(), self.dim)
        rows, columns = matrix.shape
        u, v = matrix.new_empty((rows,)), matrix.new_empty((columns,))
        self.register_buffer("_u", F.normalize(u.normal_(0, 1), dim=0, eps=eps))
        self.register_buffer("_v", F.normalize(v.normal_(0, 1), dim=0, eps=eps))
        self._power_method(matrix, 15)

    def _power_method(self, matrix: Any, count: int) -> None:
        """As :func:`power_iterations`, but u first, as PyTorch does here."""
        matrix = matrix.detach()
        with no_grad():
            self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
            power_iterations(matrix.t(), self._v, self._u, count - 1, self.eps)
            self._v.copy_(F.normalize(matrix.t().mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight: Any) -> Any:
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = as_matrix(weight, self.dim)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # the next forward changes them, and backward may come after it
        u, v = self._u.clone(), self._v.clone()
        return weight / FUNCTIONS["dot"](u, matrix.mv(v))

    def right_inverse(self, value: Any) -> Any:
        """The value itself: it is normalized anyway."""
        return value


def spectral_norm(
    module: Module,
    name: str = "weight",
    n_power_iterations: int = 1,
    eps: float = 1e-12,
    dim: int | None = None,
) -> Module:
    """Divide ``name`` by its largest singular value (Miyato et al., arXiv 1802.05957).

    Args:
        n_power_iterations: how often the singular vectors are improved in each training forward.
        dim: the dimension of the rows; the output channels' where it is None.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, TensorBase):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    dim = default_dim(module) if dim is None else dim
    register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
    return module


_MAPS = ("matrix_exp", "cayley", "householder")


def _transposed(x: Any) -> Any:
    return x.transpose(-2, -1)


class _Orthogonal(Module):
    """A matrix with orthonormal columns (or rows, where it is wider than high)."""

    base: Any

    def __init__(self, weight: Any, orthogonal_map: str, *, use_trivialization: bool = True):
        super().__init__()
        if weight.is_complex() and orthogonal_map == "householder":
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            self.register_buffer("base", None)

    def forward(self, X: Any) -> Any:
        wide = X.size(-2) < X.size(-1)
        x = _transposed(X) if wide else X
        q = self._reflected(x) if self.orthogonal_map == "householder" else self._rotated(x)
        if "base" in self._buffers:
            q = self.base @ q
        return _transposed(q) if wide else q

    def _rotated(self, x: Any) -> Any:
        """A function of the skew-symmetric matrix that the lower triangle of x makes."""
        from ... import linalg  # above this layer: only needed here

        rows, columns = x.size(-2), x.size(-1)
        x = x.tril()
        if rows != columns:
            missing = x.new_zeros((*x.shape[:-1], rows - columns))
            x = FUNCTIONS["cat"]((x, missing), -1)
        skew = x - _transposed(x).conj()
        if self.orthogonal_map == "matrix_exp":
            return linalg.matrix_exp(skew)[..., :columns]
        eye = FUNCTIONS["eye"](rows, dtype=x.dtype, device=x.device)
        return linalg.solve(eye - skew * 0.5, eye + skew * 0.5)[..., :columns]

    def _reflected(self, x: Any) -> Any:
        """The product of the Householder reflections below the diagonal of x."""
        columns = x.size(-1)
        vectors = x.tril(-1)
        eye = FUNCTIONS["eye"](x.size(-2), columns, dtype=x.dtype, device=x.device)
        q = eye.expand(x.shape)
        for k in reversed(range(columns)):
            v = vectors[..., k : k + 1] + eye[:, k : k + 1]
            tau = 2.0 / (v * v).sum(-2, keepdim=True)
            q = q - tau * v @ (_transposed(v) @ q)
        signs = x.detach().diagonal(dim1=-2, dim2=-1).sign().unsqueeze(-2)
        return q * signs

    def right_inverse(self, Q: Any) -> Any:
        """The matrix that :meth:`forward` maps to the orthogonal matrix nearest to Q's span."""
        if Q.shape != self.shape:
            raise ValueError(
                f"Expected a matrix or batch of matrices of shape {self.shape}. Got a tensor of "
                f"shape {Q.shape}."
            )
        wide = Q.size(-2) < Q.size(-1)
        with no_grad():
            q = _transposed(Q) if wide else Q
            if "base" not in self._buffers:
                reflectors = self._reflectors(q)
                return _transposed(reflectors) if wide else reflectors
            rows, columns = q.size(-2), q.size(-1)
            if rows != columns:
                more = q.new_empty((*q.shape[:-1], rows - columns)).normal_(0, 1)
                q = FUNCTIONS["cat"]((q, more), -1)
            self.base = _orthogonalized(q)
            # this is mapped to the identity: householder has its signs on the diagonal, where the
            # others ignore them
            start = FUNCTIONS["zeros_like"](Q)
            start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
            return start

    def _reflectors(self, q: Any) -> Any:
        """The Householder vectors of q's QR factorisation, with R's signs on the diagonal."""
        if self.orthogonal_map != "householder":
            raise NotImplementedError(
                "It is not possible to assign to the matrix exponential or the Cayley "
                "parametrizations when use_trivialization=False."
            )
        reflectors, tau = FUNCTIONS["geqrf"](q)
        signs = reflectors.diagonal(dim1=-2, dim2=-1).sign()
        # LAPACK gives 0 where it leaves a reflection out, and forward cannot
        signs = FUNCTIONS["where"](tau == 0, -signs, signs)
        reflectors.diagonal(dim1=-2, dim2=-1).copy_(signs)
        return reflectors


def _orthogonalized(q: Any) -> Any:
    """q itself where its columns are orthonormal, else those of its QR factorisation."""
    from ... import linalg  # above this layer: only needed here

    factor, triangle = linalg.qr(q)
    return factor * triangle.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def orthogonal(
    module: Module,
    name: str = "weight",
    orthogonal_map: str | None = None,
    *,
    use_trivialization: bool = True,
) -> Module:
    """Keep the matrix (or batch of matrices) ``name`` orthogonal.

    Args:
        orthogonal_map: "matrix_exp", "cayley" or "householder"; None: the first for square and
            complex matrices, the last for others.
        use_trivialization: start from the matrix as it is (arXiv 1909.09501).
    """
    weight: Any = getattr(module, name, None)
    if not isinstance(weight, TensorBase):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _MAPS:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". Got: '
            f"{orthogonal_map}"
        )
    parametrization = _Orthogonal(weight, orthogonal_map, use_trivialization=use_trivialization)
    return register_parametrization(module, name, parametrization, unsafe=True)
