"""Bounding gradients, by their common norm or one by one."""

from __future__ import annotations

import types
import warnings
from collections.abc import Iterable
from typing import Any

from ...autograd.inplace import bump
from ...autograd.modes import no_grad
from ...autograd.variable import TensorBase, is_inference, wrap
from ...backends.registry import backend_of
from ...ops.registry import FUNCTIONS
from ...tensor.creation import tensor

__all__ = [
    "clip_grad_norm",
    "clip_grad_norm_",
    "clip_grad_value_",
    "clip_grads_with_norm_",
    "get_total_norm",
]


def _as_list(tensors: Any) -> list[Any]:
    return [tensors] if isinstance(tensors, TensorBase) else list(tensors)


def _plain_arrays(tensors: list[Any]) -> list[Any] | None:
    """The memory of tensors that kernels may read and write without autograd; None of others.

    They are on one device, have no history and were not made in inference mode.
    """
    device = tensors[0].device
    if any(t._rg or t._view is not None or t.device != device for t in tensors):
        return None
    return None if any(map(is_inference, tensors)) else [t._array for t in tensors]


def _norm_at_once(tensors: list[Any]) -> Any | None:
    """The 2-norm by the backend's kernel for many arrays; None where it has none for these."""
    arrays = _plain_arrays(tensors)
    if arrays is None:
        return None
    backend = backend_of(arrays[0])
    out = backend.xp.empty((), arrays[0].dtype)
    return wrap(out) if backend.update("norm", arrays, out) else None


def _scale_at_once(tensors: list[Any], factor: Any) -> bool:
    """Scale tensors in place by the backend's kernel; False where it has none for these."""
    arrays = _plain_arrays(tensors)
    if arrays is None or factor.device != tensors[0].device:
        return False
    if not backend_of(arrays[0]).update("scale", arrays, factor._array):
        return False
    for each in tensors:
        bump(each)
    return True


def get_total_norm(
    tensors: Any,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """The ``norm_type`` norm of all elements of ``tensors`` together, a 0-d tensor.

    RuntimeError if it is nan or infinite and ``error_if_nonfinite``. ``foreach`` is taken for
    PyTorch's sake: the result does not depend on it.

    >>> nn.utils.get_total_norm([torch.tensor([3.0]), torch.tensor([4.0])])
    tensor(5.)
    """
    tensors = _as_list(tensors)
    norm_type = float(norm_type)
    if not tensors:
        return tensor(0.0)
    total = _norm_at_once(tensors) if norm_type == 2.0 else None
    if total is None:
        with no_grad():
            first = tensors[0].device
            norms = [t.norm(norm_type).to(first) for t in tensors]
            total = FUNCTIONS["stack"](norms).norm(norm_type)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


def clip_grads_with_norm_(
    parameters: Any, max_norm: float, total_norm: Any, foreach: bool | None = None
) -> None:
    """Scale the gradients of ``parameters`` by ``max_norm / total_norm`` if that is below 1.

    >>> x = nn.Parameter(torch.zeros(2))
    >>> x.grad = torch.tensor([3.0, 4.0])
    >>> nn.utils.clip_grads_with_norm_([x], 1.0, total_norm=torch.tensor(10.0))
    >>> x.grad
    tensor([0.3000, 0.4000])
    """
    grads = [p.grad for p in _as_list(parameters) if p.grad is not None]
    if not grads:
        return
    with no_grad():
        # clamped instead of compared: a comparison would wait for the device
        factor = (float(max_norm) / (total_norm + 1e-6)).clamp(max=1.0)
        if not _scale_at_once(grads, factor):
            for grad in grads:
                grad.mul_(factor.to(grad.device))


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """Scale gradients in place so that their common norm is at most ``max_norm``.

    Args:
        parameters: one or several tensors; those without gradients do not count.
        norm_type: of the norm, may be inf.
        error_if_nonfinite: RuntimeError where the norm is nan or infinite.

    Returns:
        The norm before clipping.

    >>> x = nn.Parameter(torch.zeros(2))
    >>> x.grad = torch.tensor([3.0, 4.0])
    >>> nn.utils.clip_grad_norm_([x], max_norm=1.0), x.grad
    (tensor(5.), tensor([0.6000, 0.8000]))
    """
    given = isinstance(parameters, types.GeneratorType)
    parameters = _as_list(parameters)
    if given and not parameters:
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=2
        )
    grads = [p.grad for p in parameters if p.grad is not None]
    total = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


def clip_grad_norm(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Any:
    """The old name of :func:`clip_grad_norm_` (FutureWarning)."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated in favor of "
        "`torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


def clip_grad_value_(
    parameters: Iterable[Any] | Any, clip_value: float, foreach: bool | None = None
) -> None:
    """Hold every element of the gradients within ``±clip_value``, in place.

    >>> x = nn.Parameter(torch.zeros(2))
    >>> x.grad = torch.tensor([3.0, -0.5])
    >>> nn.utils.clip_grad_value_([x], 1.0)
    >>> x.grad
    tensor([ 1.0000, -0.5000])
    """
    limit = float(clip_value)
    with no_grad():
        for parameter in _as_list(parameters):
            if parameter.grad is not None:
                parameter.grad.clamp_(min=-limit, max=limit)
