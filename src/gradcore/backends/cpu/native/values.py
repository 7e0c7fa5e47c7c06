"""Typed values of a kernel under construction: LLVM's instructions behind Python's operators.

A `Function` collects lines of LLVM assembly; a `Value` is a name in it with a dtype. ``x * 2 + y``
with values appends an ``fmul`` and an ``fadd``, so that the mathematics of a kernel reads like
mathematics.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numpy as np

BOOL, INT32, INT64 = np.dtype(bool), np.dtype(np.int32), np.dtype(np.int64)
FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)

# What a value of each dtype is in a register.
_REGISTER = {
    "bool": "i1", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "i8",
    "uint16": "i16", "uint32": "i32", "uint64": "i64", "float32": "float", "float64": "double",
}  # fmt: skip
_SIGNED_COMPARISONS = {"<": "slt", "<=": "sle", ">": "sgt", ">=": "sge"}
_UNSIGNED_COMPARISONS = {"<": "ult", "<=": "ule", ">": "ugt", ">=": "uge"}
_FLOAT_COMPARISONS = {"<": "olt", "<=": "ole", ">": "ogt", ">=": "oge", "==": "oeq", "!=": "une"}


class Unsupported(TypeError):
    """What is asked for has no compiled form: NumPy computes it instead."""


def register_type(dtype: np.dtype) -> str:
    """LLVM's type of a value of `dtype` in a register.

    Raises:
        Unsupported: there is none, as for complex numbers.
    """
    try:
        return _REGISTER[dtype.name]
    except KeyError:
        raise Unsupported(f"no compiled form for {dtype}") from None


class Function:
    """The lines of one LLVM function; names are handed out in order.

    Attributes:
        lines: its instructions so far.
        declarations: what it calls.
        refusals: conditions under which its results are wrong.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.declarations: set[str] = set()
        self.refusals: list[Value] = []
        self._names = 0

    def name(self, stem: str = "v") -> str:
        """A name that was not used before."""
        self._names += 1
        return f"{stem}{self._names}"

    def emit(self, text: str) -> str:
        """Append an instruction and return the name of its result."""
        name = f"%{self.name()}"
        self.lines.append(f"  {name} = {text}")
        return name

    def do(self, text: str) -> None:
        """Append an instruction that has no result."""
        self.lines.append(f"  {text}")

    def label(self, name: str) -> None:
        """Begin a basic block."""
        self.lines.append(f"{name}:")

    def constant(self, value: Any, dtype: np.dtype) -> Value:
        """A number in `dtype`."""
        kind = register_type(dtype)
        if dtype.kind == "f":
            with np.errstate(over="ignore"):
                rounded = float(dtype.type(value))
            # LLVM writes a float as the bits of the double that equals it.
            return Value(self, f"0x{struct.pack('>d', rounded).hex().upper()}", dtype, value)
        text = str(bool(value)).lower() if kind == "i1" else str(int(value))
        return Value(self, text, dtype, value)

    def refuse_where(self, condition: Value) -> None:
        """Have NumPy compute everything again if `condition` holds for any element."""
        self.refusals.append(condition)

    def integer(self, text: str) -> Value:
        """An int64 that is written as `text`: a name or a number."""
        return Value(self, text, INT64)

    def call(self, intrinsic: str, *operands: Value) -> Value:
        """Call an intrinsic function on values of one dtype; the result has it too."""
        first = operands[0]
        kind = first.type
        suffix = {"float": "f32", "double": "f64"}.get(kind, kind)
        arguments = ", ".join(f"{kind} {x.text}" for x in operands)
        name = f"@llvm.{intrinsic}.{suffix}"
        self.declarations.add(f"declare {kind} {name}({', '.join([kind] * len(operands))})")
        return Value(self, self.emit(f"call {kind} {name}({arguments})"), first.dtype)


class Value:
    """A value in a register, or a constant.

    Attributes:
        function: the function that it belongs to.
        text: how LLVM knows it: a name, or a number.
        dtype: its NumPy dtype.
        number: the number that it is, where that is known.
    """

    __slots__ = ("dtype", "function", "number", "text")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, function: Function, text: str, dtype: np.dtype, number: Any = None) -> None:
        self.function = function
        self.text = text
        self.dtype = dtype
        self.number = number

    @property
    def type(self) -> str:
        return register_type(self.dtype)

    def _like(self, text: str) -> Value:
        return Value(self.function, self.function.emit(text), self.dtype)

    def coerced(self, other: Any) -> Value:
        """`other` as a value of this dtype; a number becomes a constant."""
        return other if isinstance(other, Value) else self.function.constant(other, self.dtype)

    def _arithmetic(self, name: str, x: Any, y: Any) -> Value:
        x, y = self.coerced(x), self.coerced(y)
        if self.dtype == BOOL:
            raise Unsupported(f"{name} of bools")
        prefix = "f" if self.dtype.kind == "f" else ""
        return self._like(f"{prefix}{name} {self.type} {x.text}, {y.text}")

    def __add__(self, other: Any) -> Value:
        return self._arithmetic("add", self, other)

    def __sub__(self, other: Any) -> Value:
        return self._arithmetic("sub", self, other)

    def __rsub__(self, other: Any) -> Value:
        return self._arithmetic("sub", other, self)

    def __mul__(self, other: Any) -> Value:
        return self._arithmetic("mul", self, other)

    def __truediv__(self, other: Any) -> Value:
        return self._like(f"fdiv {self.type} {self.text}, {self.coerced(other).text}")

    def __floordiv__(self, other: Any) -> Value:
        """The quotient of integers, rounded towards zero."""
        return self._like(f"{self._signed}div {self.type} {self.text}, {self.coerced(other).text}")

    def __mod__(self, other: Any) -> Value:
        """The remainder of `//`."""
        return self._like(f"{self._signed}rem {self.type} {self.text}, {self.coerced(other).text}")

    @property
    def _signed(self) -> str:
        return "u" if self.dtype.kind == "u" else "s"

    def __rtruediv__(self, other: Any) -> Value:
        return self.coerced(other) / self

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Value:
        if self.dtype.kind != "f":
            return 0 - self
        return self._like(f"fneg {self.type} {self.text}")

    def __abs__(self) -> Value:
        if self.dtype.kind == "f":
            return self.function.call("fabs", self)
        return self if self.dtype.kind in "ub" else select(self < 0, -self, self)

    def _bitwise(self, name: str, other: Any) -> Value:
        return self._like(f"{name} {self.type} {self.text}, {self.coerced(other).text}")

    def __and__(self, other: Any) -> Value:
        return self._bitwise("and", other)

    def __or__(self, other: Any) -> Value:
        return self._bitwise("or", other)

    def __xor__(self, other: Any) -> Value:
        return self._bitwise("xor", other)

    def __lshift__(self, other: Any) -> Value:
        return self._bitwise("shl", other)

    def __rshift__(self, other: Any) -> Value:
        return self._bitwise("lshr" if self.dtype.kind == "u" else "ashr", other)

    def __invert__(self) -> Value:
        return self._bitwise("xor", True if self.dtype == BOOL else -1)

    def _comparison(self, sign: str, other: Any) -> Value:
        other = self.coerced(other)
        if self.dtype.kind == "f":
            name = f"fcmp {_FLOAT_COMPARISONS[sign]}"
        elif sign in ("==", "!="):
            name = "icmp eq" if sign == "==" else "icmp ne"
        else:
            signs = _SIGNED_COMPARISONS if self.dtype.kind == "i" else _UNSIGNED_COMPARISONS
            name = f"icmp {signs[sign]}"
        text = self.function.emit(f"{name} {self.type} {self.text}, {other.text}")
        return Value(self.function, text, BOOL)

    def __lt__(self, other: Any) -> Value:
        return self._comparison("<", other)

    def __le__(self, other: Any) -> Value:
        return self._comparison("<=", other)

    def __gt__(self, other: Any) -> Value:
        return self._comparison(">", other)

    def __ge__(self, other: Any) -> Value:
        return self._comparison(">=", other)

    def __eq__(self, other: Any) -> Value:  # type: ignore[override]
        return self._comparison("==", other)

    def __ne__(self, other: Any) -> Value:  # type: ignore[override]
        return self._comparison("!=", other)

    def is_nan(self) -> Value:
        """Whether it is no number."""
        text = self.function.emit(f"fcmp uno {self.type} {self.text}, {self.text}")
        return Value(self.function, text, BOOL)

    def to(self, dtype: np.dtype) -> Value:
        """The value converted to `dtype`, as NumPy casts."""
        if dtype == self.dtype:
            return self
        if self.number is not None:
            return self.function.constant(self.number, dtype)
        if dtype == BOOL:
            return self != 0
        text = f"{_cast(self.dtype, dtype)} {self.type} {self.text} to {register_type(dtype)}"
        if self.type == register_type(dtype):  # int32 and uint32 have the same bits
            return Value(self.function, self.text, dtype)
        return Value(self.function, self.function.emit(text), dtype)

    def bits(self) -> Value:
        """The bits of a float as an integer of its size, and those of an integer as a float."""
        size = self.dtype.itemsize
        dtype = np.dtype(f"i{size}" if self.dtype.kind == "f" else f"f{size}")
        text = f"bitcast {self.type} {self.text} to {register_type(dtype)}"
        return Value(self.function, self.function.emit(text), dtype)


def _cast(source: np.dtype, target: np.dtype) -> str:
    """LLVM's name for a conversion."""
    if source.kind == "f" and target.kind == "f":
        return "fpext" if target.itemsize > source.itemsize else "fptrunc"
    if source.kind == "f":
        return "fptosi" if target.kind == "i" else "fptoui"
    if target.kind == "f":
        return "sitofp" if source.kind == "i" else "uitofp"
    if target.itemsize < source.itemsize:
        return "trunc"
    return "sext" if source.kind == "i" else "zext"


def select(condition: Value, x: Any, y: Any) -> Value:
    """`x` where `condition` holds, else `y`; one of them may be a number."""
    model = x if isinstance(x, Value) else y
    x, y = model.coerced(x), model.coerced(y)
    kind = model.type
    text = f"select i1 {condition.text}, {kind} {x.text}, {kind} {y.text}"
    return Value(model.function, model.function.emit(text), model.dtype)


def multiply_add(x: Value, y: Any, z: Any) -> Value:
    """`x * y + z`, rounded once where the processor has an instruction for it."""
    return x.function.call("fmuladd", x, x.coerced(y), x.coerced(z))


def polynomial(x: Value, coefficients: tuple[float, ...]) -> Value:
    """Horner's scheme; the coefficient of the highest power comes last."""
    result = x.coerced(coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        result = multiply_add(result, x, coefficient)
    return result


def maximum(x: Value, y: Any) -> Value:
    """The larger one; nan where either is nan."""
    return _extremum(x, y, Value.__gt__)


def minimum(x: Value, y: Any) -> Value:
    """The smaller one; nan where either is nan."""
    return _extremum(x, y, Value.__lt__)


def _extremum(x: Value, y: Any, wins: Callable[[Value, Any], Value]) -> Value:
    if not isinstance(y, Value):
        y = x.coerced(y)
    if x.dtype.kind != "f":
        return select(wins(x, y), x, y)
    if y.number is not None and y.number == y.number:
        return select(wins(y, x), y, x)  # false for nan, which is kept
    return select(wins(x, y) | x.is_nan(), x, y)
