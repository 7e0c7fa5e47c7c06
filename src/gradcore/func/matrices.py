"""Jacobians and Hessians: ``jacrev``, ``jacfwd`` and ``hessian``."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from ..autograd.functional_checks import unit_vectors, zeros_like
from ..ops.registry import FUNCTIONS
from .arguments import chosen, reject_complex, replaced
from .forward import Pushforward
from .randomness import watched
from .reverse import Pullback
from .tree import take_apart


def jacrev(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    *,
    has_aux: bool = False,
    chunk_size: int | None = None,
    _preallocate_and_copy: bool = False,
) -> Callable:
    """The function that computes the Jacobian of ``func``, by a backward pass per output element.

    Its result has the structure of the output, with the structure of the arguments at
    ``argnums`` in place of each tensor; the blocks are of shape ``output.shape + input.shape``.

    Args:
        has_aux: ``func`` returns ``(output, aux)``; the result is ``(jacobian, aux)``.
        chunk_size: how many rows PyTorch computes at once; here each comes alone, so that no
            more memory than that of one row is used, whatever it is. ValueError unless positive.
    """
    if chunk_size is not None and chunk_size <= 0:
        raise ValueError("jacrev: `chunk_size` should be greater than 0.")

    @functools.wraps(func)
    def jacobian(*args: Any) -> Any:
        reject_complex("jacrev", args, "inputs")
        pulled = Pullback(_of(func, args, argnums), (chosen(args, argnums),), has_aux)
        reject_complex("jacrev", pulled.tensors, "outputs")
        blocks = [_rows(pulled, k, y) for k, y in enumerate(pulled.tensors)]
        result = pulled.outputs.put(blocks)
        return (result, pulled.aux) if has_aux else result

    return jacobian


def _of(func: Callable, args: tuple, argnums: Any) -> Callable:
    """``func`` as a function of the arguments at ``argnums``."""
    return lambda values: func(*replaced(args, argnums, values))


def _rows(pulled: Pullback, index: int, output: Any) -> Any:
    """The blocks of one output, in the structure of the differentiated arguments."""
    vectors = [zeros_like(y) for y in pulled.tensors]
    rows = []
    for unit in unit_vectors(output):
        vectors[index] = unit
        rows.append(take_apart(pulled(pulled.outputs.put(vectors)))[0])
    inputs = pulled.level.inputs
    columns = zip(*rows, strict=True) if rows else ((),) * len(inputs)
    blocks = [_stacked(column, 0, output, x) for column, x in zip(columns, inputs, strict=True)]
    return pulled.inputs.put(blocks)[0]


def _stacked(parts: Sequence[Any], dim: int, output: Any, input: Any) -> Any:
    """Rows (dim 0) or columns (dim -1) as a block of shape ``output.shape + input.shape``."""
    shape = tuple(output.shape) + tuple(input.shape)
    if not parts:
        return zeros_like(output).sum().expand(shape)
    return FUNCTIONS["stack"](list(parts), dim).reshape(shape)


def jacfwd(
    func: Callable,
    argnums: int | tuple[int, ...] = 0,
    has_aux: bool = False,
    *,
    randomness: str = "error",
) -> Callable:
    """The function that computes the Jacobian of ``func``, by a product per input element.

    The result is that of :func:`jacrev`. ``func`` runs once; with ``randomness="error"`` it must
    not draw random numbers, for which PyTorch asks whether all columns are to share them.
    """

    @functools.wraps(func)
    def jacobian(*args: Any) -> Any:
        reject_complex("jacfwd", args, "inputs")
        one = _of(func, args, argnums)
        with watched(randomness, args):
            pushed = Pushforward(one, (chosen(args, argnums),), has_aux)
        reject_complex("jacfwd", pushed.tensors, "outputs")
        columns = [_columns(pushed, i, x) for i, x in enumerate(pushed.level.inputs)]
        blocks = [
            pushed.inputs.put(
                [
                    _stacked([c[k] for c in column], -1, output, x)
                    for column, x in zip(columns, pushed.level.inputs, strict=True)
                ]
            )[0]
            for k, output in enumerate(pushed.tensors)
        ]
        result = pushed.outputs.put(blocks)
        return (result, pushed.aux) if has_aux else result

    return jacobian


def _columns(pushed: Pushforward, index: int, input: Any) -> list:
    """The product with each unit vector of one input: a list of one tensor per output."""
    vectors = [zeros_like(x) for x in pushed.level.inputs]
    columns = []
    for unit in unit_vectors(input):
        vectors[index] = unit
        columns.append(pushed.push(vectors))
    return columns


def hessian(func: Callable, argnums: int | tuple[int, ...] = 0) -> Callable:
    """The function that computes the Hessian of ``func``: ``jacfwd(jacrev(func))``."""
    return jacfwd(jacrev(func, argnums), argnums)
