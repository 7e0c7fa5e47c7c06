"""Activation functions that are also methods of a tensor: hardshrink and prelu."""

from __future__ import annotations

from ..ops import activation
from ..ops.operand import require_tensor
from ..ops.outputs import takes_out
from ..ops.promotion import name_of
from ..ops.registry import public


@public
@takes_out
def hardshrink(input, lambd=0.5):
    """0 within ``lambd`` of 0, ``input`` elsewhere; floating point.

    >>> torch.hardshrink(torch.tensor([-1.0, 0.25, 2.0]))
    tensor([-1.,  0.,  2.])
    """
    require_tensor("hardshrink", "input", input)
    if input._array.dtype.kind not in "fcV":
        raise NotImplementedError(
            f"\"hardshrink_cpu\" not implemented for '{name_of(input._array.dtype)}'"
        )
    return activation.hardshrink(input, limit=lambd)


@public
def prelu(input, weight):
    """``input`` above 0, ``weight * input`` below; one weight, or one per channel (dim 1).

    RuntimeError for another number of weights, or for other dtypes than the input's.

    >>> torch.prelu(torch.tensor([-4.0, 2.0]), torch.tensor(0.25))
    tensor([-1.,  2.])
    """
    require_tensor("prelu", "input", input)
    require_tensor("prelu", "weight", weight, 2)
    if input._array.dtype != weight._array.dtype:
        raise RuntimeError(
            "prelu: Type promoting not supported. Got "
            f"{name_of(input._array.dtype)} and {name_of(weight._array.dtype)}"
        )
    if weight.numel() != 1:
        if input.ndim == 0:
            raise RuntimeError("Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.ndim > 1 else 1
        if channels != weight.numel():
            raise RuntimeError(
                "Mismatch of parameter numbers and input channel size. Found parameter numbers = "
                f"{weight.numel()} and channel size = {channels}."
            )
    if weight.ndim > 1:
        raise RuntimeError(
            f"prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = {weight.ndim}"
        )
    shape = [1] * input.ndim
    if input.ndim > 1:
        shape[1] = weight.numel()
    return activation.prelu(input, weight.reshape(shape) if weight.ndim != input.ndim else weight)
