"""Calling a view op with a Tensor.

Views are what programs make most of, and NumPy makes one in 150 ns. The general ``Op.__call__``
(1.7 us) looks for mixed devices, dtypes to promote and floating point errors, none of which a view
can have; what is left is here.
"""

from __future__ import annotations

from typing import Any

from ..autograd.dispatch import call, link_view, save
from ..autograd.node import OpNode, sequence
from ..autograd.state import GRAD, SPECIAL, state
from ..autograd.variable import TensorBase, wrap
from ..autograd.views import refresh
from ..ops.shape import ViewOp

_TRACKED = (True,)


def call_view(self: ViewOp, x: Any, **attributes: Any) -> Any:
    """``ViewOp.__call__``: a Tensor gives a Tensor, an array an array."""
    if state.mode is SPECIAL or not isinstance(x, TensorBase):
        return call(self, x, **attributes)
    array = x._array
    kernel = self.kernels.get(type(array)) or self.kernel((array,))
    return view_of(self, x, attributes, kernel(array, **attributes))


def view_of(op: ViewOp, x: Any, attributes: dict, result: Any) -> Any:
    """The Tensor around ``result``, which ``op`` made of the array of ``x``, and its history."""
    if x._base is not None:
        refresh(x)
    view = wrap(result)
    if x._rg and state.mode is GRAD and op.differentiable:
        view._rg = True
        view._node = node = OpNode()
        node.op, node.plan, node.seq, node.extras = op, op.plan(_TRACKED), next(sequence), None
        node.edges = (x._node or x,)
        node.slots = (x._nr,) if x._nr else None
        node.shape, node.dtype = result.shape, result.dtype
        save(node, (x,), attributes, view)
    link_view(op, x, attributes, view, None)
    return view


ViewOp.__call__ = call_view  # type: ignore[method-assign,assignment]
