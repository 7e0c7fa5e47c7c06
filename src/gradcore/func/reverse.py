"""Derivatives by backward passes: ``grad``, ``grad_and_value`` and ``vjp``."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ..autograd.inplace import requires_grad
from ..autograd.state import state
from ..autograd.variable import TensorBase
from .arguments import check_outputs, chosen, output_and_aux, replaced
from .level import Level, left, recording
from .tree import change, take_apart

_VALUE = "grad_and_value(f)(*args)"
_VJP = "vjp(f, *primals)"


def grad(func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False) -> Callable:
    """The function that computes the gradient of ``func``, which returns a 0-d tensor.

    Args:
        argnums: which arguments to differentiate: one, or a tuple of them, for which the result
            is a tuple.
        has_aux: ``func`` returns ``(output, aux)``, and the gradient comes as ``(grad, aux)``.

    >>> grad(torch.sin)(torch.tensor(0.0))
    tensor(1.)
    """
    both = grad_and_value(func, argnums, has_aux)

    @functools.wraps(func)
    def gradient(*args: Any, **kwargs: Any) -> Any:
        found, value = both(*args, **kwargs)
        return (found, value[1]) if has_aux else found

    return gradient


def grad_and_value(
    func: Callable, argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable:
    """The function that computes ``(gradient, value)`` of ``func``; see :func:`grad`.

    With ``has_aux`` it gives ``(gradient, (value, aux))``.
    """

    @functools.wraps(func)
    def both(*args: Any, **kwargs: Any) -> Any:
        level = Level()
        with recording():
            leaves, structure = take_apart(chosen(args, argnums))
            inside = structure.put([level.enter(x) for x in leaves])
            result = func(*replaced(args, argnums, inside), **kwargs)
        output, aux = output_and_aux(result, has_aux, _VALUE)
        _check_scalar(output)
        keep = level.keeps([output])
        gradients = level.filled(level.pull([output], None, keep, keep))
        found = structure.put([left(g, keep) for g in gradients])
        value = left(output, keep)
        if not has_aux:
            return found, value
        return found, (value, change(lambda t: left(t, level.keeps([t])), aux))

    return both


def _check_scalar(output: Any) -> None:
    if not isinstance(output, TensorBase):
        raise RuntimeError(f"{_VALUE}: Expected f(*args) to return a Tensor, got {type(output)}")
    if output._array.ndim:
        raise RuntimeError(
            f"{_VALUE}: Expected f(*args) to return a scalar Tensor, got tensor with "
            f"{output._array.ndim} dims. Maybe you wanted to use the vjp or jacrev APIs instead?"
        )


def vjp(func: Callable, *primals: Any, has_aux: bool = False) -> tuple:
    """``func(*primals)``, and a function of vectors for its outputs that gives their gradients.

    Returns ``(output, vjp_fn)``, or ``(output, vjp_fn, aux)`` with ``has_aux``.
    ``vjp_fn(cotangents)`` takes what has the structure and shapes of the output and gives a tuple
    with the vector-Jacobian product for each primal; it may be called repeatedly.
    """
    pulled = Pullback(func, primals, has_aux)
    if has_aux:
        return pulled.value, pulled, pulled.aux
    return pulled.value, pulled


class Pullback:
    """A function's value at some point, and its vector-Jacobian products there."""

    def __init__(self, func: Callable, primals: Any, has_aux: bool, name: str = _VJP) -> None:
        self.level = level = Level()
        with recording():
            leaves, self.inputs = take_apart(primals)
            result = func(*self.inputs.put([level.enter(x) for x in leaves]))
        result, aux = output_and_aux(result, has_aux, name)
        self.tensors, self.outputs = take_apart(result)
        check_outputs(self.tensors, name)
        _check_floating(self.tensors)
        self.keep = level.keeps(self.tensors)
        self.value = self.outputs.put([left(y, self.keep) for y in self.tensors])
        self.aux = change(lambda t: left(t, level.keeps([t])), aux)

    def __call__(
        self, cotangents: Any, retain_graph: bool = True, create_graph: bool | None = None
    ) -> Any:
        """The products; what they were computed from is kept unless ``retain_graph`` is False."""
        vectors, structure = take_apart(cotangents)
        if structure != self.outputs:
            raise RuntimeError(
                "Expected pytree structure of cotangents to be the same as pytree structure of "
                f"outputs to the function. cotangents: {structure}, primal output: {self.outputs}"
            )
        if create_graph is None:
            tracked = any(map(requires_grad, vectors))
            create_graph = state.recording and (self.keep or tracked)
        found = self.level.pull(self.tensors, vectors, create_graph, retain_graph)
        return self.inputs.put(self.level.filled(found))


def _check_floating(tensors: list) -> None:
    for y in tensors:
        if y._array.dtype.kind not in "fcV":
            raise RuntimeError(
                "vjp(f, ...): All outputs of f must be floating-point or complex Tensors, got "
                f"Tensor with dtype {y.dtype}"
            )
