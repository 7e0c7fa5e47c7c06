"""Attach the registered functions to Tensor: methods, in-place methods and operators."""

from __future__ import annotations

from ..autograd.inplace import inplace
from ..ops.operand import as_operand
from ..ops.registry import FUNCTIONS, INPLACE, METHODS
from .pointwise import INPLACE_OPERATORS, OPERATORS
from .tensor import Tensor


def _matmul(self, other):
    if not isinstance(other, Tensor):
        return NotImplemented
    return FUNCTIONS["matmul"](self, other)


def _rmatmul(self, other):
    other = other if isinstance(other, Tensor) else as_operand(other)
    return other if other is NotImplemented else FUNCTIONS["matmul"](other, self)


Tensor.__matmul__ = _matmul
Tensor.__rmatmul__ = _rmatmul

for _name, _function in METHODS.items():
    setattr(Tensor, _name, _function)
for _name, _function in INPLACE.items():
    setattr(Tensor, _name, inplace(_function, _name))
for _name, _function in OPERATORS.items():
    setattr(Tensor, _name, _function)
for _name, _target in INPLACE_OPERATORS.items():
    setattr(Tensor, _name, getattr(Tensor, _target))
