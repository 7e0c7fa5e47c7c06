"""The node behind the pieces that a tensor was cut into."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..ops.joining import cat_op, stack_op
from .node import Node, zeros_for


class PiecesNode(Node):
    """Joins the gradients of consecutive pieces of a tensor along ``dim``.

    One node for all pieces: a slice each would make a zeroed gradient of the whole tensor each.
    """

    __slots__ = ("count", "dim", "label", "stacked")

    def __init__(self, label: str, dim: int, stacked: bool, pieces: Sequence[Any]) -> None:
        self.label, self.dim, self.stacked, self.count = label, dim, stacked, len(pieces)
        self.shape: Any = [p._array.shape for p in pieces]
        self.dtype: Any = [p._array.dtype for p in pieces]
        if self.count == 1:
            self.shape, self.dtype = self.shape[0], self.dtype[0]
        self.extras = None

    @property
    def outputs(self) -> int:  # type: ignore[override]
        return self.count

    def name(self) -> str:
        return self.label

    def run(self, grads: list, create_graph: bool) -> Sequence[Any]:
        known = next(g for g in grads if g is not None)
        full = [
            zeros_for(known, *self.output_meta(i), create_graph) if g is None else g
            for i, g in enumerate(grads)
        ]
        return [(stack_op if self.stacked else cat_op)(*full, dim=self.dim)]
