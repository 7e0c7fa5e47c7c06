"""Forward derivatives: ``jvp`` and ``linearize``.

The vector-Jacobian product is linear in its vector, so its own derivative with respect to that
vector is the Jacobian-vector product: two backward passes instead of a forward mode.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..autograd.functional_checks import zeros_like
from ..autograd.inplace import requires_grad
from ..autograd.state import state
from ..autograd.variable import TensorBase
from .arguments import check_outputs, output_and_aux
from .level import Level, left, recording
from .tree import change, take_apart

_JVP = "jvp(f, primals, tangents)"


def jvp(
    func: Callable, primals: tuple, tangents: tuple, *, strict: bool = False, has_aux: bool = False
) -> tuple:
    """``func(*primals)`` and the product of its Jacobian with ``tangents``.

    Args:
        tangents: of the structure and shapes of ``primals``.
        strict: RuntimeError for an output that does not depend on the primals, instead of zeros.
        has_aux: ``func`` returns ``(output, aux)``; the result is ``(output, tangent, aux)``.
    """
    if not isinstance(primals, tuple):
        raise RuntimeError(
            f"{_JVP}: Expected primals to be a tuple. E.g. it should be valid to call f(*primals)."
        )
    leaves, structure = take_apart(primals)
    vectors, given = take_apart(tangents)
    if given != structure:
        raise RuntimeError(
            f"{_JVP}: Expected primals and tangents to have the same python structure. For "
            "example, if primals is a tuple of 3 tensors, tangents also must be. Got primals with "
            f"structure {structure} and tangents with structure {given}"
        )
    for values, what in ((leaves, "primals"), (vectors, "tangents")):
        _check_tensors(values, what)
    pushed = Pushforward(func, primals, has_aux, strict)
    result = pushed.value, pushed.outputs.put(pushed.push(vectors))
    return (*result, pushed.aux) if has_aux else result


def _check_tensors(values: Sequence[Any], what: str) -> None:
    if not values:
        raise RuntimeError(f"{_JVP}: Expected {what} to contain at least one Tensor.")
    for value in values:
        if not isinstance(value, TensorBase):
            raise RuntimeError(
                f"{_JVP}: Expected {what} to only contain Tensors, got {type(value)}"
            )


def linearize(func: Callable, *primals: Any) -> tuple[Any, Callable]:
    """``func(*primals)``, and the function of tangents that gives the Jacobian's products there.

    What ``func`` computed is kept, so each further product costs one backward pass.
    """
    pushed = Pushforward(func, primals)

    def jvp_fn(*tangents: Any) -> Any:
        vectors, structure = take_apart(tangents)
        if structure != pushed.inputs:
            raise RuntimeError(
                f"Expected the tangents {structure} to have the same argspec as the primals "
                f"{pushed.inputs}"
            )
        for i, (vector, x) in enumerate(zip(vectors, pushed.level.inputs, strict=True)):
            for what in ("shape", "device", "dtype"):
                got, expected = getattr(vector, what), getattr(x, what)
                if got != expected:
                    raise RuntimeError(
                        f"tangent:{i} with {what} {got} in flattened pytree doesn't match the "
                        f"{what} {expected} of the corresponding primal."
                    )
        return pushed.outputs.put(pushed.push(vectors))

    return pushed.value, jvp_fn


class Pushforward:
    """A function's value at some point, and its Jacobian-vector products there."""

    def __init__(
        self, func: Callable, primals: tuple, has_aux: bool = False, strict: bool = False
    ) -> None:
        self.level = level = Level()
        with recording():
            leaves, self.inputs = take_apart(primals)
            result = func(*self.inputs.put([level.enter(x) for x in leaves]))
        result, aux = output_and_aux(result, has_aux, _JVP)
        self.tensors, self.outputs = take_apart(result)
        check_outputs(self.tensors, _JVP)
        self.keep = level.keeps(self.tensors)
        self.value = self.outputs.put([left(y, self.keep) for y in self.tensors])
        self.aux = change(lambda t: left(t, level.keeps([t])), aux)
        self.vectors = Level()
        probes = [self._probe(y) for y in self.tensors]
        pulled = level.pull(self.tensors, probes, True)
        # (position of the input, its gradient), which is linear in the probes
        self.pulled = [(i, g) for i, g in enumerate(pulled) if g is not None and g.requires_grad]
        if strict:
            self._expect_dependence()

    def _probe(self, output: Any) -> Any:
        zeros = zeros_like(output)
        return self.vectors.enter(zeros) if output.requires_grad else zeros

    def _expect_dependence(self) -> None:
        for output in self.tensors:
            alone = output.requires_grad and self.level.pull(
                [output], [zeros_like(output)], False, True
            )
            if not alone or all(g is None for g in alone):
                raise RuntimeError(
                    "jvp(f, primals, tangents, strict=True): The output of f is independent of "
                    "the inputs. This is not allowed with strict=True."
                )

    def push(self, vectors: Sequence[Any]) -> list:
        """The product with the tangents of all inputs, for each output."""
        tracked = any(map(requires_grad, vectors))
        create_graph = state.recording and (self.keep or tracked)
        found = self.vectors.pull(
            [g for _, g in self.pulled], [vectors[i] for i, _ in self.pulled], create_graph, True
        )
        products = iter(found)
        results = [next(products) if y.requires_grad else None for y in self.tensors]
        return [
            zeros_like(y) if r is None else r for r, y in zip(results, self.tensors, strict=True)
        ]
