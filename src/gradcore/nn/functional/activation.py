"""Activation functions."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from ...autograd.dispatch import unary
from ...autograd.inplace import inplace as make_inplace
from ...backends.dtype import finfo
from ...ops import activation as A
from ...ops.operand import normalize_dim, require_tensor
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
    """``max(input, 0)``.

    >>> F.relu(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    return input.relu_() if inplace else FUNCTIONS["relu"](input)


def relu_(input: Any) -> Any:
    """:func:`relu` in place.

    >>> F.relu_(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    return input.relu_()


def tanh(input: Any) -> Any:
    """Hyperbolic tangent.

    >>> F.tanh(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.7616,  0.0000,  0.9640])
    """
    return input.tanh()


def sigmoid(input: Any) -> Any:
    """``1 / (1 + exp(-input))``.

    >>> F.sigmoid(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0.2689, 0.5000, 0.8808])
    """
    return input.sigmoid()


_gelu, _gelu_tanh, _silu = unary(A.gelu), unary(A.gelu_tanh), unary(A.silu)


def gelu(input: Any, approximate: str = "none") -> Any:
    """``input * Phi(input)``; ``approximate``: "none", or "tanh" for a formula with a tanh.

    >>> F.gelu(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.1587,  0.0000,  1.9545])
    """
    _floating("gelu", input)
    if approximate not in ("none", "tanh"):
        raise RuntimeError("approximate argument must be either none or tanh.")
    return _gelu(input) if approximate == "none" else _gelu_tanh(input)


def silu(input: Any, inplace: bool = False) -> Any:
    """``input * sigmoid(input)``.

    >>> F.silu(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2689,  0.0000,  1.7616])
    """
    return _either(_silu, _floating("silu", input), inplace, "silu_")


def leaky_relu(input: Any, negative_slope: float = 0.01, inplace: bool = False) -> Any:
    """``input`` above 0, ``negative_slope * input`` below.

    >>> F.leaky_relu(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.0100,  0.0000,  2.0000])
    """
    _floating("leaky_relu", input)
    return _either(lambda x: A.leaky_relu(x, slope=negative_slope), input, inplace, "leaky_relu_")


def leaky_relu_(input: Any, negative_slope: float = 0.01) -> Any:
    """:func:`leaky_relu` in place.

    >>> F.leaky_relu_(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.0100,  0.0000,  2.0000])
    """
    return leaky_relu(input, negative_slope, inplace=True)


def elu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """``input`` above 0, ``alpha * (exp(input) - 1)`` below.

    >>> F.elu(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.6321,  0.0000,  2.0000])
    """
    return _elu("elu", input, inplace, alpha, 1.0, 1.0)


def elu_(input: Any, alpha: float = 1.0) -> Any:
    """:func:`elu` in place.

    >>> F.elu_(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.6321,  0.0000,  2.0000])
    """
    return elu(input, alpha, inplace=True)


def celu(input: Any, alpha: float = 1.0, inplace: bool = False) -> Any:
    """``input`` above 0, ``alpha * (exp(input / alpha) - 1)`` below: smooth for every alpha.

    >>> F.celu(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.6321,  0.0000,  2.0000])
    """
    if alpha == 0:
        raise RuntimeError("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _elu("celu", input, inplace, alpha, 1.0, 1.0 / alpha)


def celu_(input: Any, alpha: float = 1.0) -> Any:
    """:func:`celu` in place.

    >>> F.celu_(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.6321,  0.0000,  2.0000])
    """
    return celu(input, alpha, inplace=True)


# The fixed point of mean 0 and variance 1 (Klambauer et al., 2017, arXiv 1706.02515).
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805


def selu(input: Any, inplace: bool = False) -> Any:
    """:func:`elu` scaled so that it keeps mean 0 and variance 1.

    >>> F.selu(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.1113,  0.0000,  2.1014])
    """
    return _elu("selu", input, inplace, _SELU_ALPHA, _SELU_SCALE, 1.0)


def selu_(input: Any) -> Any:
    """:func:`selu` in place.

    >>> F.selu_(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.1113,  0.0000,  2.1014])
    """
    return selu(input, inplace=True)


def _elu(
    name: str, input: Any, inplace: bool, alpha: float, scale: float, input_scale: float
) -> Any:
    options = {"alpha": alpha, "scale": scale, "input_scale": input_scale}
    return _either(lambda x: A.elu(x, **options), _floating(name, input), inplace, f"{name}_")


def softplus(input: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    """``log(1 + exp(beta * input)) / beta``; linear where ``beta * input > threshold``.

    >>> F.softplus(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0.3133, 0.6931, 2.1269])
    """
    return A.softplus(_floating("softplus", input), beta=beta, threshold=threshold)


_logsigmoid, _mish = unary(A.log_sigmoid), unary(A.mish)
_hardsigmoid, _hardswish = unary(A.hardsigmoid), unary(A.hardswish)


def logsigmoid(input: Any) -> Any:
    """``log(sigmoid(input))`` without overflow.

    >>> F.logsigmoid(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.3133, -0.6931, -0.1269])
    """
    return _logsigmoid(_floating("log_sigmoid", input))


def mish(input: Any, inplace: bool = False) -> Any:
    """``input * tanh(softplus(input))``.

    >>> F.mish(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.3034,  0.0000,  1.9440])
    """
    return _either(_mish, _floating("mish", input), inplace, "mish_")


def hardsigmoid(input: Any, inplace: bool = False) -> Any:
    """``(input + 3) / 6``, held between 0 and 1.

    >>> F.hardsigmoid(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0.3333, 0.5000, 0.8333])
    """
    return _either(_hardsigmoid, _floating("hardsigmoid", input), inplace, "hardsigmoid_")


def hardswish(input: Any, inplace: bool = False) -> Any:
    """``input * hardsigmoid(input)``.

    >>> F.hardswish(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.3333,  0.0000,  1.6667])
    """
    return _either(_hardswish, _floating("hardswish", input), inplace, "hardswish_")


def hardtanh(input: Any, min_val: float = -1.0, max_val: float = 1.0, inplace: bool = False) -> Any:
    """``input``, held between ``min_val`` and ``max_val``.

    >>> F.hardtanh(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """
    if min_val > max_val:
        raise ValueError("min_val cannot be greater than max_val")
    return _hardtanh(input, min_val, max_val, inplace, "hardtanh")


def hardtanh_(input: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    """:func:`hardtanh` in place.

    >>> F.hardtanh_(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-1.,  0.,  1.])
    """
    return hardtanh(input, min_val, max_val, inplace=True)


def relu6(input: Any, inplace: bool = False) -> Any:
    """``input``, held between 0 and 6.

    >>> F.relu6(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([0., 0., 2.])
    """
    return _hardtanh(input, 0.0, 6.0, inplace, "relu6")


def _hardtanh(input: Any, low: float, high: float, inplace: bool, name: str) -> Any:
    require_tensor(name, "input", input)
    kind = input._array.dtype.kind
    if kind == "b":
        raise RuntimeError("Bool inputs not supported for hardtanh")
    if kind == "c":
        raise NotImplementedError("clamp is not supported for complex types")
    if kind in "iu":
        low, high = int(low), int(high)
        if kind == "u" and (low < 0 or high < 0):
            raise RuntimeError("cannot do hardtanh on an unsigned type with negative limits")
    return _either(lambda x: A.hardtanh(x, low=low, high=high), input, inplace, f"{name}_")


def threshold(input: Any, threshold: float, value: float, inplace: bool = False) -> Any:
    """``input`` above ``threshold``, ``value`` elsewhere.

    >>> F.threshold(torch.tensor([-1.0, 0.0, 2.0]), 0.5, 9.0)
    tensor([9., 9., 2.])
    """
    require_tensor("threshold", "input", input)
    if input._array.dtype.kind in "bc":
        raise NotImplementedError(
            f"\"threshold_cpu\" not implemented for '{name_of(input._array.dtype)}'"
        )
    if input._array.dtype.kind in "iu":
        threshold, value = int(threshold), int(value)
    return _either(
        lambda x: A.threshold(x, limit=threshold, value=value), input, inplace, "threshold_"
    )


def threshold_(input: Any, threshold: float, value: float) -> Any:
    """:func:`threshold` in place.

    >>> F.threshold_(torch.tensor([-1.0, 0.0, 2.0]), 0.5, 9.0)
    tensor([9., 9., 2.])
    """
    return globals()["threshold"](input, threshold, value, inplace=True)


def softshrink(input: Any, lambd: float = 0.5) -> Any:
    """``input`` moved towards 0 by ``lambd``; 0 where it is nearer.

    >>> F.softshrink(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.5000,  0.0000,  1.5000])
    """
    _floating("softshrink", input)
    if lambd < 0:
        highest = float(finfo(input.dtype).max)
        raise RuntimeError(
            f"lambda must be in range [0, {highest:g}] for input dtype "
            f"{name_of(input._array.dtype)}, but found {lambd:g}"
        )
    return A.softshrink(input, limit=lambd)


def softsign(input: Any) -> Any:
    """``input / (1 + |input|)``.

    >>> F.softsign(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.5000,  0.0000,  0.6667])
    """
    return input / (input.abs() + 1)


def tanhshrink(input: Any) -> Any:
    """``input - tanh(input)``.

    >>> F.tanhshrink(torch.tensor([-1.0, 0.0, 2.0]))
    tensor([-0.2384,  0.0000,  1.0360])
    """
    return input - input.tanh()


def rrelu(
    input: Any,
    lower: float = 1.0 / 8,
    upper: float = 1.0 / 3,
    training: bool = False,
    inplace: bool = False,
) -> Any:
    """``input`` above 0, below times a slope: in training one of U(lower, upper) for each element,
    else the mean of both.

    >>> F.rrelu(torch.tensor([-8.0, 2.0]), 0.25, 0.75)
    tensor([-4.,  2.])
    """
    if lower > upper:
        raise RuntimeError("Lower bound should be less than or equal to the upper bound")
    _floating("rrelu", input)
    if training:
        noise = FUNCTIONS["empty_like"](input.detach()).uniform_(lower, upper)
        return _either(lambda x: A.prelu(x, noise), input, inplace, "rrelu_")
    return leaky_relu(input, (lower + upper) / 2, inplace)


def rrelu_(
    input: Any, lower: float = 1.0 / 8, upper: float = 1.0 / 3, training: bool = False
) -> Any:
    """:func:`rrelu` in place.

    >>> F.rrelu_(torch.tensor([-8.0, 2.0]), 0.25, 0.75)
    tensor([-4.,  2.])
    """
    return rrelu(input, lower, upper, training, inplace=True)


def glu(input: Any, dim: int = -1) -> Any:
    """``a * sigmoid(b)`` for the halves a and b of ``input`` along ``dim``.

    >>> F.glu(torch.tensor([1.0, 2.0, 0.0, 0.0]))
    tensor([0.5000, 1.0000])
    """
    require_tensor("glu", "self", input)
    if input.ndim == 0:
        raise RuntimeError("glu does not support scalars because halving size must be even")
    axis = normalize_dim(dim, input.ndim)
    if input.shape[axis] % 2:
        raise RuntimeError(
            f"Halving dimension must be even, but dimension {axis} is size {input.shape[axis]}"
        )
    first, second = input.chunk(2, axis)
    return first * second.sigmoid()


def _implicit_dim(name: str, ndim: int, stacklevel: int) -> int:
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. "
        "Change the call to include dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """``exp(input) / sum(exp(input))`` along ``dim``.

    >>> F.softmax(torch.tensor([0.0, 0.0, 2.0]), dim=0)
    tensor([0.1065, 0.1065, 0.7870])
    """
    if dim is None:
        dim = _implicit_dim("softmax", input.dim(), _stacklevel)
    return FUNCTIONS["softmax"](input, dim, dtype=dtype)


def log_softmax(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """``log(softmax(input))`` along ``dim``, without overflow.

    >>> F.log_softmax(torch.tensor([0.0, 0.0, 2.0]), dim=0)
    tensor([-2.2395, -2.2395, -0.2395])
    """
    if dim is None:
        dim = _implicit_dim("log_softmax", input.dim(), _stacklevel)
    return FUNCTIONS["log_softmax"](input, dim, dtype=dtype)


def softmin(input: Any, dim: int | None = None, _stacklevel: int = 3, dtype: Any = None) -> Any:
    """``softmax(-input)`` along ``dim``.

    >>> F.softmin(torch.tensor([0.0, 0.0, 2.0]), dim=0)
    tensor([0.4683, 0.4683, 0.0634])
    """
    if dim is None:
        dim = _implicit_dim("softmin", input.dim(), _stacklevel)
    return FUNCTIONS["softmax"](-input, dim, dtype=dtype)


def gumbel_softmax(
    logits: Any, tau: float = 1, hard: bool = False, eps: float = 1e-10, dim: int = -1
) -> Any:
    """A sample of the Gumbel-softmax distribution (Jang et al., 2016, arXiv 1611.01144).

    Args:
        logits: unnormalized log-probabilities of any shape.
        tau: the temperature.
        hard: return a one-hot tensor whose gradient is that of the soft sample.
        eps: no longer has an effect, as in PyTorch (UserWarning unless it is the default).

    >>> F.gumbel_softmax(torch.zeros(2, 3), hard=True).sum(-1)
    tensor([1., 1.])
    """
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    noise = -FUNCTIONS["empty_like"](logits.detach()).exponential_().log()
    soft = FUNCTIONS["softmax"]((logits + noise) / tau, dim)
    if not hard:
        return soft
    index = soft.argmax(dim, keepdim=True)
    one_hot = FUNCTIONS["zeros_like"](soft.detach()).scatter(dim, index, 1.0)
    return one_hot - soft.detach() + soft
