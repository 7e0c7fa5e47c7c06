"""All parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ...autograd.variable import TensorBase
from ...ops.registry import FUNCTIONS
from ..typename import typename

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def _check_devices(parameters: list[Any]) -> None:
    if len({str(p.device) for p in parameters}) > 1:
        raise TypeError(
            "Found two parameters on different devices, this is currently not supported."
        )


def parameters_to_vector(parameters: Iterable[Any]) -> Any:
    """The elements of all parameters, one after the other; TypeError for several devices.

    >>> nn.utils.parameters_to_vector(nn.Linear(3, 2).parameters()).shape
    torch.Size([8])
    """
    parameters = list(parameters)
    _check_devices(parameters)
    return FUNCTIONS["cat"]([p.reshape((-1,)) for p in parameters])


def vector_to_parameters(vec: Any, parameters: Iterable[Any]) -> None:
    """Give the parameters the values of ``vec``, whose memory they then share.

    >>> layer = nn.Linear(2, 1)
    >>> nn.utils.vector_to_parameters(torch.tensor([1.0, 2.0, 3.0]), layer.parameters())
    >>> layer.bias.data
    tensor([3.])
    """
    if not isinstance(vec, TensorBase):
        raise TypeError(f"expected torch.Tensor, but got: {typename(vec)}")
    parameters = list(parameters)
    _check_devices(parameters)
    start = 0
    for parameter in parameters:
        stop = start + parameter.numel()
        parameter.data = vec[start:stop].reshape(parameter.shape).data  # type: ignore[index]
        start = stop
