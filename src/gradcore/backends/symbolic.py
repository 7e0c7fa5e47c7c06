"""Symbolic values: calling a pointwise function with them records what it computes.

`Symbol` has Python's operators with NumPy's meaning, `xp` the elementwise functions of NumPy
under NumPy's names. Each call appends a step to a `Recorder` (or finds the same step again), and
`program.trace` makes a `Program` of what was recorded.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .instructions import ALIASES, INSTRUCTIONS, SPECIAL_NAMES

_NUMBERS = (bool, int, float, complex, np.generic)


class TraceError(TypeError):
    """The function does something that is not elementwise, or that only real values can do."""


class _MissingAttribute(TraceError, AttributeError):
    """Lets `hasattr` and `getattr` with a default work on symbols."""


class Operand(NamedTuple):
    """What a step reads: `kind` is "array", "scalar", "constant" or "step".

    `value` is the position among the arrays, the scalars or the steps; of a constant, itself.
    """

    kind: str
    value: Any

    @property
    def key(self) -> tuple:
        """Hashable, and different for 1, 1.0, True and for 0.0, -0.0."""
        if self.kind == "constant":
            return (self.kind, type(self.value), repr(self.value))
        return (self.kind, self.value)


class Step(NamedTuple):
    """One instruction with what it reads."""

    name: str
    operands: tuple[Operand, ...]

    @property
    def key(self) -> tuple:
        return (self.name, *(operand.key for operand in self.operands))


class Recorder:
    """The steps of one trace in order, each distinct one once."""

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.known: dict[tuple, int] = {}

    def append(self, name: str, operands: tuple[Operand, ...]) -> Operand:
        step = Step(name, operands)
        position = self.known.setdefault(step.key, len(self.steps))
        if position == len(self.steps):
            self.steps.append(step)
        return Operand("step", position)


def _no_truth(self: Any) -> Any:
    raise TraceError("a symbolic value is neither true nor false: use where() instead of `if`")


def _binary(name: str) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """An operator method and its reflected form."""

    def method(self: Symbol, other: Any) -> Any:
        return apply(name, self, other)

    def reflected(self: Symbol, other: Any) -> Any:
        return apply(name, other, self)

    return method, reflected


class Symbol:
    """Stands for an array or a Python number while a function is traced.

    A Symbol has no shape, dtype or truth value: code that needs one is not pointwise, and raises
    TraceError.
    """

    __slots__ = ("operand", "recorder")
    __array_ufunc__ = None  # NumPy scalars on the left leave the operator to the Symbol
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, recorder: Recorder, operand: Operand) -> None:
        self.recorder = recorder
        self.operand = operand

    def __repr__(self) -> str:
        return f"<Symbol {self.operand.kind} {self.operand.value}>"

    __add__, __radd__ = _binary("add")
    __sub__, __rsub__ = _binary("subtract")
    __mul__, __rmul__ = _binary("multiply")
    __truediv__, __rtruediv__ = _binary("divide")
    __floordiv__, __rfloordiv__ = _binary("floor_divide")
    __mod__, __rmod__ = _binary("remainder")
    __pow__, __rpow__ = _binary("power")
    __and__, __rand__ = _binary("bitwise_and")
    __or__, __ror__ = _binary("bitwise_or")
    __xor__, __rxor__ = _binary("bitwise_xor")
    __lshift__, __rlshift__ = _binary("left_shift")
    __rshift__, __rrshift__ = _binary("right_shift")
    __eq__ = _binary("equal")[0]  # type: ignore[assignment]
    __ne__ = _binary("not_equal")[0]  # type: ignore[assignment]
    __lt__ = _binary("less")[0]
    __le__ = _binary("less_equal")[0]
    __gt__ = _binary("greater")[0]
    __ge__ = _binary("greater_equal")[0]
    __bool__ = __len__ = __iter__ = __int__ = __float__ = __complex__ = __index__ = _no_truth

    def __neg__(self) -> Any:
        return apply("negative", self)

    def __pos__(self) -> Any:
        return apply("positive", self)

    def __abs__(self) -> Any:
        return apply("absolute", self)

    def __invert__(self) -> Any:
        return apply("invert", self)

    def __getattr__(self, name: str) -> Any:
        raise _MissingAttribute(f"a symbolic value has no attribute '{name}'")

    @property
    def real(self) -> Any:
        return apply("real", self)

    @property
    def imag(self) -> Any:
        return apply("imag", self)

    def conj(self) -> Any:
        """The complex conjugate."""
        return apply("conjugate", self)

    conjugate = conj

    def astype(self, dtype: Any) -> Any:
        """The value converted to `dtype`."""
        return apply("astype", self, np.dtype(dtype))


def apply(name: str, *operands: Any) -> Any:
    """Record an instruction; one whose operands are all plain numbers is computed at once.

    Raises:
        TraceError: an operand is neither a Symbol nor a number, or their count is wrong.
    """
    instruction = INSTRUCTIONS[name]
    if len(operands) != instruction.arity:
        raise TraceError(f"{name} takes {instruction.arity} operands, got {len(operands)}")
    symbols = [x for x in operands if isinstance(x, Symbol)]
    if not symbols:
        return _fold(name, operands)
    recorder = symbols[0].recorder
    if any(symbol.recorder is not recorder for symbol in symbols):
        raise TraceError("a symbolic value outlived its trace")
    return Symbol(recorder, recorder.append(name, tuple(map(_operand, operands))))


def _operand(value: Any) -> Operand:
    if isinstance(value, Symbol):
        return value.operand
    if isinstance(value, np.ndarray) and value.ndim == 0:
        value = value[()]
    if isinstance(value, (*_NUMBERS, np.dtype)):
        return Operand("constant", value)
    raise TraceError(f"a pointwise function met a {type(value).__name__}, which is no number")


def _fold(name: str, operands: tuple) -> Any:
    """A Python number, weakly typed as its operands are; NumPy numbers keep their dtype."""
    values = [_operand(x).value for x in operands]
    with np.errstate(all="ignore"):
        result = np.asarray(INSTRUCTIONS[name].function(*values))[()]
    return result if any(isinstance(x, np.generic) for x in values) else result.item()


def _where(condition: Any, x: Any, y: Any) -> Any:
    return apply("where", condition, x, y)


def _clip(x: Any, min: Any = None, max: Any = None) -> Any:
    if min is None:
        return x if max is None else apply("minimum", x, max)
    return apply("maximum", x, min) if max is None else apply("clip", x, min, max)


def _astype(x: Any, dtype: Any) -> Any:
    return apply("astype", x, np.dtype(dtype))


def _full_like(x: Any, fill_value: Any) -> Any:
    return apply("full_like", x, fill_value)


class _Namespace:
    """Resolves names against the table of instructions, once each."""

    def __init__(self, kind: str, names: Any, extra: dict[str, Any]) -> None:
        self._kind = kind
        self._names = names
        self.__dict__.update(extra)

    def __getattr__(self, name: str) -> Any:
        full = ALIASES.get(name, name)
        if full not in self._names:
            raise _MissingAttribute(f"{self._kind} has no such pointwise function: {name}")

        def function(*operands: Any) -> Any:
            return apply(full, *operands)

        function.__name__ = function.__qualname__ = name
        setattr(self, name, function)
        return function


_CONSTANTS = {"pi": math.pi, "e": math.e, "inf": math.inf, "nan": math.nan}
_DTYPES = {
    dtype.__name__: dtype
    for dtype in (
        *(np.int8, np.int16, np.int32, np.int64, np.uint8, np.uint16, np.uint32, np.uint64),
        *(np.float16, np.float32, np.float64, np.complex64, np.complex128),
    )
} | {"bool_": np.bool_}
_FUNCTIONS = {
    "where": _where,
    "clip": _clip,
    "astype": _astype,
    "full_like": _full_like,
    "zeros_like": lambda x: _full_like(x, 0),
    "ones_like": lambda x: _full_like(x, 1),
}

xp: Any = _Namespace(
    "xp", INSTRUCTIONS.keys() - SPECIAL_NAMES, {**_CONSTANTS, **_DTYPES, **_FUNCTIONS}
)
special: Any = _Namespace("special(xp)", SPECIAL_NAMES, {})
