"""Attach the registered functions to Tensor: methods, in-place methods and operators."""

from __future__ import annotations

from ..autograd.inplace import inplace
from ..ops.operand import as_operand
from ..ops.registry import FUNCTIONS, INPLACE, METHODS
from .pointwise import INPLACE_OPERATORS, OPERATORS
from .tensor import Tensor

# In-place methods that PyTorch also has as functions.
_INPLACE_FUNCTIONS = """
    abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ as_strided_ asin_
    asinh_ atan_ atanh_ ceil_ clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_
    erf_ erfc_ exp2_ exp_ expm1_ fix_ floor_ frac_ gcd_ i0_ index_put_ lcm_ ldexp_ log10_ log1p_
    log2_ log_ logit_ nan_to_num_ neg_ negative_ rad2deg_ reciprocal_ relu_ round_ rsqrt_ sigmoid_
    sin_ sinc_ sinh_ sqrt_ square_ tan_ tanh_ trunc_ xlogy_
""".split()


def _matmul(self, other):
    if not isinstance(other, Tensor):
        return NotImplemented
    return FUNCTIONS["matmul"](self, other)


def _rmatmul(self, other):
    other = other if isinstance(other, Tensor) else as_operand(other)
    return other if other is NotImplemented else FUNCTIONS["matmul"](other, self)


for _name, _function in (("__matmul__", _matmul), ("__rmatmul__", _rmatmul)):
    setattr(Tensor, _name, _function)

for _name, _function in METHODS.items():
    setattr(Tensor, _name, _function)
for _name, _function in INPLACE.items():
    setattr(Tensor, _name, inplace(_function, _name))
for _name in _INPLACE_FUNCTIONS:
    if hasattr(Tensor, _name):
        FUNCTIONS[_name] = getattr(Tensor, _name)
for _name, _function in OPERATORS.items():
    setattr(Tensor, _name, _function)
for _name, _target in INPLACE_OPERATORS.items():
    setattr(Tensor, _name, getattr(Tensor, _target))
