"""Activation functions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ...autograd.dispatch import unary
from ...autograd.inplace import inplace as make_inplace
from ...ops import activation as A
from ...ops.operand import require_tensor
from ...ops.promotion import name_of
from ...ops.registry import FUNCTIONS


def _floating(name: str, input: Any) -> Any:
    require_tensor(name, "input", input)
    if input._array.dtype.kind not in "fcV":
        raise NotImplementedError(
            f"\"{name}_cpu\" not implemented for '{name_of(input._array.dtype)}'"
        )
    return input


def _either(function: Callable, input: Any, inplace: bool, name: str) -> Any:
    """``function(input)``, written into ``input`` where ``inplace``."""
    return make_inplace(function, name)(input) if inplace else function(input)


def relu(input: Any, inplace: bool = False) -> Any:
    """``max(input, 0)``."""
    return input.relu_() if inplace else FUNCTIONS["relu"](input)


def relu_(input: Any) -> Any:
    """:func:`relu` in place."""
    return input.relu_()


def tanh(input: Any) -> Any:
    """Hyperbolic tangent."""
    return input.tanh()


def sigmoid(input: Any) -> Any:
    """``1 / (1 + exp(-input))``."""
    return input.sigmoid()


_gelu, _gelu_tanh, _silu = unary(A.gelu), unary(A.gelu_tanh), unary(A.silu)


def gelu(input: Any, approximate: str = "none") -> Any:
    """``input * Phi(input)``; ``approximate``: "none", or "tanh" for a formula with a tanh."""
    _floating("gelu", input)
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _gelu(input) if approximate == "none" else _gelu_tanh(input)


def silu(input: Any, inplace: bool = False) -> Any:
    """``input * sigmoid(input)``."""
    return _either(_silu, _floating("silu", input), inplace, "silu_")


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """``input`` above 0, ``negative_slope * input`` below."""
    _floating("leaky_relu", input)
    return _either(
        lambda x: A.leaky_relu(x, slope=negative_slope), input, inplace, "leaky_relu_"
    )


def leaky_relu_(input: Any, negative_slope: float = 0.01) -> Any:
    """:func:`leaky_relu` in place."""
    return leaky_relu(input, negative_slope, inplace=True)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """``input`` above 0, ``alpha * (exp(input) - 1)`` below."""
    return _either(lambda x: A.elu(x, alpha=alpha), _floating("elu", input), inplace, "elu_")


def elu_(input: Any, alpha: float = 1.0) -> Any:
    """:func:`elu` in place."""
    return elu(input, alpha, inplace=True)


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """``log(1 + exp(beta * input)) / beta``; linear where ``beta * input > threshold``."""
    return A.softplus(_floating("softplus", input), beta=beta, threshold=threshold)


def _implicit_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. "
        "Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """``exp(input) / sum(exp(input))`` along ``dim``."""
    if dim is None:
        dim = _implicit_dim("softmax", input.dim(), _stacklevel)
    return FUNCTIONS["softmax"](input, dim, dtype=dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """``log(softmax(input))`` along ``dim``, without overflow."""
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim(), _stacklevel)
    return FUNCTIONS["log_softmax"](input, dim, dtype=dtype)
