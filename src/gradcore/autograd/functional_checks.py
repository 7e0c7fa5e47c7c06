"""Checks of arguments and strictness for :mod:`gradcore.autograd.functional`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..backends.registry import new, write
from .variable import TensorBase, wrap

_INDEPENDENT = {
    "outputs": (
        "Output {} of the user-provided function does not require gradients. The outputs must be "
        "computed in a differentiable manner from the input when running in strict mode."
    ),
    "grad_inputs": (
        "The gradient with respect to input {} is independent of the inputs of the user-provided "
        "function. This is not allowed in strict mode."
    ),
    "jacobian": (
        "While computing the hessian, found that the jacobian of the user-provided function with "
        "respect to input {} is independent of the input. This is not allowed in strict mode. You "
        "should ensure that your function is twice differentiable and that the jacobian depends on "
        "the inputs (this would be violated by a linear function for example)."
    ),
    "hessian": (
        "The hessian of the user-provided function with respect to input {} is independent of the "
        "input. This is not allowed in strict mode. You should ensure that your function is thrice "
        "differentiable and that the hessian depends on the inputs."
    ),
}
_MISSING = {
    "back": (
        "The output of the user-provided function is independent of input {}. This is not allowed "
        "in strict mode."
    ),
    "back_trick": (
        "The gradient with respect to the input is independent of entry {} in the grad_outputs "
        "when using the double backward trick to compute forward mode gradients. This is not "
        "allowed in strict mode."
    ),
    "double_back": (
        "The jacobian of the user-provided function is independent of input {}. This is not "
        "allowed in strict mode."
    ),
    "double_back_trick": (
        "The hessian of the user-provided function is independent of entry {} in the "
        "grad_jacobian. This is not allowed in strict mode as it prevents from using the double "
        "backward trick to replace forward mode AD."
    ),
}


def as_tensors(value: Any, what: str, function: str) -> tuple[bool, tuple]:
    """Whether ``value`` is a tuple, and its tensors; TypeError for anything else inside."""
    several = isinstance(value, tuple)
    tensors = value if several else (value,)
    for i, tensor in enumerate(tensors):
        if not isinstance(tensor, TensorBase):
            which = f"value at index {i}" if several else f"given {what}"
            raise TypeError(
                f"The {what} given to {function} must be either a Tensor or a tuple of Tensors but "
                f"the {which} has type {type(tensor)}."
            )
    return several, tensors


def check_vector(v: tuple, other: tuple, several: bool) -> None:
    """RuntimeError unless the vectors have the shapes of ``other``."""
    if len(other) != len(v):
        if several:
            raise RuntimeError(
                f"v is a tuple of invalid length: should be {len(other)} but got {len(v)}."
            )
        raise RuntimeError("The given v should contain a single Tensor.")
    for i, (vector, tensor) in enumerate(zip(v, other, strict=True)):
        if vector.shape != tensor.shape:
            which = f"Entry {i} in " if several else ""
            raise RuntimeError(
                f"{which}v has invalid size: should be {tensor.shape} but got {vector.shape}."
            )


def check_requires_grad(tensors: Any, kind: str, strict: bool) -> None:
    """In strict mode, RuntimeError for a tensor that depends on nothing differentiable."""
    if not strict:
        return
    for i, tensor in enumerate((tensors,) if isinstance(tensors, TensorBase) else tensors):
        if tensor is None:
            raise RuntimeError(_MISSING["back"].format(i))
        if not tensor.requires_grad:
            raise RuntimeError(_INDEPENDENT[kind].format(i))


def check_one_number(several: bool, outputs: tuple, function: str) -> None:
    """RuntimeError unless a function returned a single tensor of one element."""
    if several:
        raise RuntimeError(f"The function given to {function} should return a single Tensor")
    if outputs[0].numel() != 1:
        raise RuntimeError(
            f"The Tensor returned by the function given to {function} should contain a single "
            "element"
        )


def fill_in_zeros(grads: tuple, like: tuple, strict: bool, create_graph: bool, stage: str) -> tuple:
    """``grads`` with zeros for None; in strict mode RuntimeError for lack of dependence."""
    filled = []
    for i, gradient in enumerate(grads):
        if gradient is None:
            if strict:
                raise RuntimeError(_MISSING[stage].format(i))
            gradient = zeros_like(like[i])
        elif strict and create_graph and not gradient.requires_grad:
            which = "hessian" if "double" in stage else "jacobian"
            raise RuntimeError(
                f"The {which} of the user-provided function is independent of input {i}. This is "
                "not allowed in strict mode when create_graph=True."
            )
        filled.append(gradient)
    return tuple(filled)


def zeros_like(tensor: Any) -> Any:
    """Contiguous zeros of a tensor's shape, dtype and device."""
    return wrap(new("zeros", tensor._array))


def unit_vectors(tensor: Any) -> Iterator[Any]:
    """The unit vectors of the space of a tensor, in the order of its elements."""
    for i in range(tensor._array.size):
        unit = zeros_like(tensor)
        write(unit._array.reshape(-1)[i : i + 1], 1)
        yield unit
