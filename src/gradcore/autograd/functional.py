"""Derivatives of functions: products with Jacobians and Hessians, and these matrices themselves.

``func`` takes tensors and returns a tensor or a tuple of tensors. Results have the nesting of
PyTorch's: a tuple per output where there are several, and inside one per input likewise.
With ``strict=True`` an input or output that does not take part raises RuntimeError instead of
giving zeros; with ``create_graph=True`` the results can be differentiated.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from .backward import grad
from .functional_checks import (
    as_tensors,
    check_one_number,
    check_requires_grad,
    check_vector,
    fill_in_zeros,
    unit_vectors,
    zeros_like,
)
from .modes import enable_grad, set_grad_enabled
from .state import state

__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]

_NO_V_FOR_OUTPUT = (
    "The vector v can only be None if the user-provided function returns a single Tensor with a "
    "single element."
)
_NO_V_FOR_INPUT = (
    "The vector v can only be None if the input to the user-provided function is a single Tensor "
    "with a single element."
)
_OUTPUTS = "outputs of the user-provided function"


def vjp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)`` and the product of ``v`` with the Jacobian there.

    ``v`` has the shapes of the outputs; it may be None for a single number.
    """
    with enable_grad():
        several_inputs, inputs = as_tensors(inputs, "inputs", "vjp")
        inputs = _fresh_inputs(inputs, create_graph)
        several_outputs, outputs = as_tensors(func(*inputs), _OUTPUTS, "vjp")
        check_requires_grad(outputs, "outputs", strict)
        v = _vector(v, outputs, several_outputs, "vjp", create_graph, _NO_V_FOR_OUTPUT)
    with set_grad_enabled(create_graph or state.grad_enabled):
        found = _grad(outputs, inputs, v, create_graph)
        result = fill_in_zeros(found, inputs, strict, create_graph, "back")
    return (
        _finished(outputs, several_outputs, create_graph),
        _finished(result, several_inputs, create_graph),
    )


def jvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """``func(*inputs)`` and the product of the Jacobian there with ``v``.

    The vector-Jacobian product is linear in its vector, so its own derivative with respect to
    that vector is the product wanted: two backward passes. ``v`` has the shapes of the inputs.
    """
    with enable_grad():
        several_inputs, inputs = as_tensors(inputs, "inputs", "jvp")
        inputs = _fresh_inputs(inputs, create_graph)
        v = _vector(v, inputs, several_inputs, "jvp", create_graph, _NO_V_FOR_INPUT)
        several_outputs, outputs = as_tensors(func(*inputs), _OUTPUTS, "jvp")
        check_requires_grad(outputs, "outputs", strict)
        probes = tuple(zeros_like(y).requires_grad_() for y in outputs)
        grad_inputs = _grad(outputs, inputs, probes, create_graph=True)
        check_requires_grad(grad_inputs, "grad_inputs", strict)
    with set_grad_enabled(create_graph or state.grad_enabled):
        found = _grad(grad_inputs, probes, v, create_graph)
        result = fill_in_zeros(found, outputs, strict, create_graph, "back_trick")
    return (
        _finished(outputs, several_outputs, create_graph),
        _finished(result, several_outputs, create_graph),
    )


def jacobian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    strategy: str = "reverse-mode",
) -> Any:
    """The Jacobian of ``func`` at ``inputs``: of shape ``output.shape + input.shape`` each.

    Args:
        vectorize: PyTorch's option to evaluate all rows at once. Here the rows are computed one
            after the other either way; it gives the same result.
        strategy: "reverse-mode" (a backward pass per output element), or "forward-mode" (a
            :func:`jvp` per input element), which needs ``vectorize=True`` as in PyTorch.
    """
    if strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError(
            'Expected strategy to be either "forward-mode" or "reverse-mode". Hint: If your '
            'function has more outputs than inputs, "forward-mode" tends to be more performant. '
            'Otherwise, prefer to use "reverse-mode".'
        )
    if strategy == "forward-mode":
        return _forward_jacobian(func, inputs, create_graph, strict, vectorize)
    with enable_grad():
        several_inputs, inputs = as_tensors(inputs, "inputs", "jacobian")
        inputs = _fresh_inputs(inputs, create_graph)
        several_outputs, outputs = as_tensors(func(*inputs), _OUTPUTS, "jacobian")
        check_requires_grad(outputs, "outputs", strict)
        if vectorize and strict:
            raise RuntimeError(
                "torch.autograd.functional.jacobian: `strict=True` and `vectorized=True` are not "
                "supported together. Please either set `strict=False` or `vectorize=False`."
            )
        blocks = tuple(
            _jacobian_of(i, y, inputs, create_graph, strict) for i, y in enumerate(outputs)
        )
    return _nested(blocks, several_outputs, several_inputs, create_graph)


def _jacobian_of(index: int, output: Any, inputs: tuple, create_graph: bool, strict: bool) -> tuple:
    """The Jacobians of one output with respect to every input."""
    rows: list[list] = [[] for _ in inputs]
    flat = output.reshape(-1)
    for j in range(output.numel()):
        found = _grad((flat[j],), inputs, None, create_graph, retain_graph=True)
        for k, (row, gradient) in enumerate(zip(rows, found, strict=True)):
            if gradient is None and strict:
                raise RuntimeError(
                    f"Output {index} of the user-provided function is independent of input {k}. "
                    "This is not allowed in strict mode."
                )
            if gradient is not None and strict and create_graph and not gradient.requires_grad:
                raise RuntimeError(
                    "The jacobian of the user-provided function is independent of input "
                    f"{index}. This is not allowed in strict mode when create_graph=True."
                )
            row.append(zeros_like(inputs[k]) if gradient is None else gradient)
    return tuple(_stacked(row, output, x) for row, x in zip(rows, inputs, strict=True))


def _stacked(rows: list, output: Any, input: Any) -> Any:
    from ..ops.registry import FUNCTIONS

    shape = tuple(output.shape) + tuple(input.shape)
    if not rows:
        return zeros_like(output.reshape(-1).sum().expand(shape))
    return FUNCTIONS["stack"](rows, 0).reshape(shape)


def _forward_jacobian(
    func: Callable, inputs: Any, create_graph: bool, strict: bool, vectorize: bool
) -> Any:
    """The Jacobian column by column."""
    if create_graph:
        raise NotImplementedError(
            "torch.autograd.functional.jacobian: `create_graph=True` and "
            '`strategy="forward-mode"` are not supported together (yet). Please either set '
            '`create_graph=False` or `strategy="reverse-mode"`.'
        )
    if strict:
        raise RuntimeError(
            'torch.autograd.functional.jacobian: `strict=True` and `strategy="forward-mode"` are '
            "not supported together (yet). Please either set `strict=False` or "
            '`strategy="reverse-mode"`.'
        )
    if not vectorize:
        raise NotImplementedError(
            "Computing Jacobian using forward-AD or forward-over-reverse Hessian is"
            "only implemented for `vectorize=True`."
        )
    several_inputs, inputs = as_tensors(inputs, "inputs", "jacobian")
    several_outputs, columns = False, []
    outputs: tuple = ()
    for direction in _directions(inputs):
        values, products = jvp(func, inputs, direction)
        several_outputs, outputs = as_tensors(values, _OUTPUTS, "jacobian")
        columns.append(as_tensors(products, _OUTPUTS, "jacobian")[1])
    blocks = []
    for i, output in enumerate(outputs):
        waiting = iter(columns)
        blocks.append(tuple(_joined([next(waiting)[i] for _ in range(x.numel())], output, x)
                            for x in inputs))  # fmt: skip
    return _nested(tuple(blocks), several_outputs, several_inputs, False)


def _directions(inputs: tuple) -> Iterator[tuple]:
    """Every unit vector of the inputs' space, as a tuple of tensors of their shapes."""
    for i, x in enumerate(inputs):
        for unit in unit_vectors(x):
            yield tuple(unit if j == i else zeros_like(y) for j, y in enumerate(inputs))


def _joined(columns: list, output: Any, input: Any) -> Any:
    """Columns of a Jacobian, one per element of ``input``, as its block."""
    from ..ops.registry import FUNCTIONS

    flat = FUNCTIONS["stack"]([c.reshape(-1) for c in columns], 1)
    return flat.reshape(tuple(output.shape) + tuple(input.shape))


def hessian(
    func: Callable,
    inputs: Any,
    create_graph: bool = False,
    strict: bool = False,
    vectorize: bool = False,
    outer_jacobian_strategy: str = "reverse-mode",
) -> Any:
    """The Hessian of a scalar ``func`` at ``inputs``; ``vectorize`` as in :func:`jacobian`."""
    several, inputs = as_tensors(inputs, "inputs", "hessian")
    if outer_jacobian_strategy not in ("forward-mode", "reverse-mode"):
        raise AssertionError('Expected strategy to be either "forward-mode" or "reverse-mode".')

    def scalar(*xs: Any) -> Any:
        result = func(*xs)
        is_tuple, tensors = as_tensors(result, _OUTPUTS, "hessian")
        check_requires_grad(tensors, "outputs", strict)
        check_one_number(is_tuple, tensors, "hessian")
        return result.reshape(())

    def gradient(*xs: Any) -> Any:
        if outer_jacobian_strategy == "forward-mode":
            xs = tuple(x.requires_grad_(True) for x in xs)
        result = jacobian(scalar, xs, create_graph=True)
        check_requires_grad(result, "jacobian", strict)
        return result

    blocks = jacobian(gradient, inputs, create_graph, strict, vectorize, outer_jacobian_strategy)
    return blocks if several else blocks[0][0]


def vhp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of a scalar ``func`` and the product of ``v`` with its Hessian."""
    with enable_grad():
        several, inputs, v, outputs, jac = _gradient(func, inputs, v, create_graph, strict, "vhp")
    with set_grad_enabled(create_graph or state.grad_enabled):
        found = _grad(jac, inputs, v, create_graph)
        result = fill_in_zeros(found, inputs, strict, create_graph, "double_back")
    return _finished(outputs, False, create_graph), _finished(result, several, create_graph)


def hvp(
    func: Callable, inputs: Any, v: Any = None, create_graph: bool = False, strict: bool = False
) -> tuple[Any, Any]:
    """The value of a scalar ``func`` and the product of its Hessian with ``v``.

    Three backward passes; the Hessian is symmetric, so :func:`vhp` gives the same in two.
    """
    with enable_grad():
        several, inputs, v, outputs, jac = _gradient(func, inputs, v, create_graph, strict, "hvp")
        probes = tuple(zeros_like(x).requires_grad_() for x in inputs)
        double_back = _grad(jac, inputs, probes, create_graph=True)
        check_requires_grad(jac, "hessian", strict)
    with set_grad_enabled(create_graph or state.grad_enabled):
        found = _grad(double_back, probes, v, create_graph)
        result = fill_in_zeros(found, inputs, strict, create_graph, "double_back_trick")
    return _finished(outputs, False, create_graph), _finished(result, several, create_graph)


def _gradient(
    func: Callable, inputs: Any, v: Any, create_graph: bool, strict: bool, name: str
) -> tuple:
    """What vhp and hvp begin with: the value of a scalar function and its gradient."""
    several, inputs = as_tensors(inputs, "inputs", name)
    inputs = _fresh_inputs(inputs, create_graph)
    v = _vector(v, inputs, several, name, create_graph, _NO_V_FOR_INPUT)
    several_outputs, outputs = as_tensors(func(*inputs), _OUTPUTS, name)
    check_requires_grad(outputs, "outputs", strict)
    check_one_number(several_outputs, outputs, name)
    jac = _grad(outputs, inputs, None, create_graph=True)
    check_requires_grad(jac, "jacobian", strict)
    return several, inputs, v, outputs, jac


def _fresh_inputs(inputs: tuple, create_graph: bool) -> tuple:
    """The inputs as tensors whose gradients nobody else asks for."""
    return tuple(
        x.view_as(x) if create_graph and x.requires_grad else x.detach().requires_grad_()
        for x in inputs
    )


def _vector(
    v: Any, like: tuple, several: bool, name: str, create_graph: bool, message: str
) -> tuple | None:
    """The tuple of vectors of a product; RuntimeError unless it has the shapes of ``like``."""
    if v is None:
        if len(like) != 1 or like[0].numel() != 1:
            raise RuntimeError(message)
        return None
    _, v = as_tensors(v, "v", name)
    v = tuple(e.view_as(e) if create_graph and e.requires_grad else e.detach() for e in v)
    check_vector(v, like, several)
    return v


def _grad(
    outputs: Sequence[Any],
    inputs: tuple,
    grad_outputs: tuple | None,
    create_graph: bool,
    retain_graph: bool | None = None,
) -> tuple:
    """``grad`` that passes over outputs without a gradient, and gives None for lack of one."""
    vectors = (None,) * len(outputs) if grad_outputs is None else grad_outputs
    used = [
        (y, v) for y, v in zip(outputs, vectors, strict=True) if y is not None and y.requires_grad
    ]
    if not used:
        return (None,) * len(inputs)
    return grad(
        tuple(y for y, _ in used),
        inputs,
        tuple(v for _, v in used),
        allow_unused=True,
        create_graph=create_graph,
        retain_graph=retain_graph,
    )


def _finished(tensors: tuple, several: bool, create_graph: bool) -> Any:
    """Results as the user gets them: detached unless they are to be differentiated."""
    if not create_graph:
        tensors = tuple(t.detach() for t in tensors)
    return tensors if several else tensors[0]


def _nested(blocks: tuple, several_outputs: bool, several_inputs: bool, create_graph: bool) -> Any:
    rows = tuple(_finished(row, several_inputs, create_graph) for row in blocks)
    return rows if several_outputs else rows[0]
