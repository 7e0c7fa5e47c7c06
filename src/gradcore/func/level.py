"""One differentiation of a function: its inputs, and how gradients get back to them.

The function runs on stand-ins of its inputs, each with a node of its own, so that nothing the
caller did with the inputs is in the way. A node leads on to where its input came from, which is
how an outer transform, or plain autograd, sees through an inner one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from ..autograd.backward import GradientEdge
from ..autograd.backward import grad as _grad
from ..autograd.engine import gradient_edge
from ..autograd.functional_checks import zeros_like
from ..autograd.inplace import requires_grad
from ..autograd.modes import enable_grad, inference_mode
from ..autograd.node import Node, sequence
from ..autograd.state import state
from ..autograd.variable import TensorBase, is_inference, version_counter, wrap


class InputNode(Node):
    """Stands at an input of a differentiated function and passes gradients on."""

    __slots__ = ()

    def run(self, grads: list, create_graph: bool) -> Sequence[Any]:
        return grads


def recording() -> Any:
    """A context in which operations are recorded, whatever mode the caller is in."""
    return inference_mode(False) if state.inference else enable_grad()


class Level:
    """The inputs of one differentiation.

    ``wanted`` says whether the caller's mode asks for a record of the results at all.
    """

    def __init__(self) -> None:
        self.nodes: list[InputNode] = []
        self.inputs: list[Any] = []
        self.wanted = state.recording

    def enter(self, tensor: Any) -> Any:
        """A stand-in of an input; ValueError for what is no tensor."""
        if not isinstance(tensor, TensorBase):
            raise ValueError(f"Thing passed to transform API must be Tensor, got {type(tensor)}")
        array = tensor._array
        if array.dtype.kind not in "fcV":
            raise RuntimeError("only Tensors of floating point dtype can require gradients")
        edge, slot = gradient_edge(tensor)
        node = InputNode()
        node.seq, node.extras = next(sequence), None
        node.edges, node.slots = (edge if tensor._rg else None,), (slot,)
        node.shape, node.dtype = array.shape, array.dtype
        inside = wrap(array)
        if not is_inference(tensor):
            inside._vc = version_counter(tensor)
        inside._rg, inside._node = True, node
        self.nodes.append(node)
        self.inputs.append(tensor)
        return inside

    def hangs_on_more(self, tensors: Iterable[Any]) -> bool:
        """Whether the tensors depend on anything differentiable but this level's inputs.

        That is a leaf, or an input of a level around this one, which was made before it. Inputs of
        levels inside only lead on.
        """
        if any(node.edges[0] is not None for node in self.nodes):
            return True
        own = set(self.nodes)
        start = min((node.seq for node in own), default=0)
        seen: set[Any] = set(own)
        stack = [t._node or t for t in tensors if requires_grad(t)]
        while stack:
            found = stack.pop()
            if found in seen:
                continue
            if isinstance(found, TensorBase) or (
                isinstance(found, InputNode) and found.seq < start
            ):
                return True
            seen.add(found)
            stack += [edge for edge in found.edges if edge is not None]
        return False

    def keeps(self, tensors: Iterable[Any]) -> bool:
        """Whether results are to have a history outside of this level."""
        return self.wanted and self.hangs_on_more(tensors)

    def pull(
        self,
        outputs: Sequence[Any],
        vectors: Sequence[Any] | None,
        create_graph: bool,
        retain_graph: bool | None = None,
    ) -> list:
        """The gradients of the inputs for these vectors; None where there is no dependence."""
        vectors = (None,) * len(outputs) if vectors is None else vectors
        used = [(y, v) for y, v in zip(outputs, vectors, strict=True) if y.requires_grad]
        if not used:
            return [None] * len(self.nodes)
        with recording():
            found = _grad(
                [y for y, _ in used],
                [GradientEdge(node, 0) for node in self.nodes],
                [v for _, v in used],
                retain_graph=retain_graph,
                create_graph=create_graph,
                allow_unused=True,
            )
        return list(found)

    def filled(self, gradients: Sequence[Any]) -> list:
        """Gradients of the inputs with zeros for None."""
        return [
            zeros_like(x) if g is None else g for g, x in zip(gradients, self.inputs, strict=True)
        ]


def left(value: Any, keep: bool) -> Any:
    """A result as the caller gets it: with its history if that is to be kept."""
    if keep or not isinstance(value, TensorBase) or not value.requires_grad:  # type: ignore[attr-defined]
        return value
    return value.detach()  # type: ignore[attr-defined]
