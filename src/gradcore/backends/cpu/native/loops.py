"""Loops, variables and memory for compiled kernels: what `values` is for arithmetic.

A kernel is written as Python that runs once and leaves LLVM assembly behind::

    kernel = Kernel()
    x, out, width = kernel.array(FLOAT32), kernel.array(FLOAT32), kernel.integer_argument()
    with kernel.loop(kernel.start, kernel.stop) as row:
        total = kernel.variable(kernel.constant(0, FLOAT32))
        with kernel.loop(0, width) as i:
            total.add(x[row * width + i])
        out[row] = total.value

It computes the items from `start` to `stop`; its arguments are read in the order in which the
kernel asks for them, from `Call.arguments` of the same order.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from .jit import DATA_OFFSET, has_feature
from .values import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT32,
    INT64,
    Function,
    Unsupported,
    Value,
    register_type,
    select,
)

# Loops whose iterations are independent: LLVM need not check whether arrays overlap.
_GROUP = "!llvm.access.group !1"
# What loops refer to; their own nodes have the numbers from `_FIRST_LOOP` on.
_HINTS = """
!1 = distinct !{}
!2 = !{!"llvm.loop.parallel_accesses", !1}
!3 = !{!"llvm.loop.vectorize.predicate.enable", i1 true}
!4 = !{!"llvm.loop.interleave.count", i32 1}
"""
_FIRST_LOOP = 5


def storage_type(dtype: np.dtype) -> str:
    """LLVM's type of an element of `dtype` in memory."""
    if dtype.name == "bfloat16":
        return "i16"
    if dtype == np.float16:
        return "half"
    return "i8" if dtype == BOOL else register_type(dtype)


class Pointer:
    """Elements of one dtype in memory."""

    __slots__ = ("dtype", "kernel", "text")

    def __init__(self, kernel: Kernel, text: str, dtype: np.dtype) -> None:
        self.kernel = kernel
        self.text = text
        self.dtype = dtype

    def __add__(self, index: Value | int) -> Pointer:
        """The elements from `index` on."""
        return Pointer(self.kernel, self._address(index), self.dtype)

    def _address(self, index: Value | int) -> str:
        text = index.text if isinstance(index, Value) else str(index)
        kind = storage_type(self.dtype)
        return self.kernel.emit(f"getelementptr inbounds {kind}, ptr {self.text}, i64 {text}")

    def moved(self, offset: Value) -> Pointer:
        """The elements from `offset` bytes on."""
        text = self.kernel.emit(f"getelementptr i8, ptr {self.text}, i64 {offset.text}")
        return Pointer(self.kernel, text, self.dtype)

    def __getitem__(self, index: Value | int) -> Value:
        """An element in a register; 16-bit floats become float32."""
        kernel = self.kernel
        kind = storage_type(self.dtype)
        text = kernel.emit(f"load {kind}, ptr {self._address(index)}{kernel.group}")
        if self.dtype == BOOL:
            return Value(kernel, kernel.emit(f"icmp ne i8 {text}, 0"), BOOL)
        if kind == "half":
            if not has_feature("f16c"):
                raise Unsupported("this processor does not convert float16")
            return Value(kernel, kernel.emit(f"fpext half {text} to float"), FLOAT32)
        if self.dtype.name == "bfloat16":
            return (Value(kernel, kernel.emit(f"zext i16 {text} to i32"), INT32) << 16).bits()
        return Value(kernel, text, self.dtype)

    def __setitem__(self, index: Value | int, value: Value | float) -> None:
        kernel = self.kernel
        kind = storage_type(self.dtype)
        register = FLOAT32 if kind == "half" or self.dtype.name == "bfloat16" else self.dtype
        number = value if isinstance(value, Value) else kernel.constant(value, register)
        text = number.to(register).text
        if self.dtype == BOOL:
            text = kernel.emit(f"zext i1 {text} to i8")
        elif kind == "half":
            text = kernel.emit(f"fptrunc float {text} to half")
        elif self.dtype.name == "bfloat16":
            text = _rounded_to_bfloat16(number.to(register))
        kernel.do(f"store {kind} {text}, ptr {self._address(index)}{kernel.group}")


def _rounded_to_bfloat16(value: Value) -> str:
    """The upper half of a float32, rounded to nearest even."""
    bits = value.bits()
    rounded = bits + 0x7FFF + ((bits >> 16) & 1)
    high = select(value.is_nan(), 0x7FC0, rounded >> 16)
    return value.function.emit(f"trunc i32 {high.text} to i16")


class Variable:
    """A value that changes: it lives on the stack until LLVM finds it a register."""

    __slots__ = ("dtype", "kernel", "place")

    def __init__(self, kernel: Kernel, initial: Value) -> None:
        self.kernel = kernel
        self.dtype = initial.dtype
        self.place = f"%{kernel.name('var')}"
        kernel.variables.append(f"  {self.place} = alloca {register_type(self.dtype)}")
        self.value = initial

    @property
    def value(self) -> Value:
        text = self.kernel.emit(f"load {register_type(self.dtype)}, ptr {self.place}")
        return Value(self.kernel, text, self.dtype)

    @value.setter
    def value(self, value: Value) -> None:
        self.kernel.do(f"store {value.type} {value.text}, ptr {self.place}")

    def add(self, value: Value) -> None:
        """Add `value`; the order of additions is free, so that a loop of them can be a vector's."""
        old = self.value
        prefix = "fadd reassoc" if self.dtype.kind == "f" else "add"
        text = self.kernel.emit(f"{prefix} {old.type} {old.text}, {value.text}")
        self.value = Value(self.kernel, text, self.dtype)


class Kernel(Function):
    """A function ``kernel(arguments, start, stop, slot)`` under construction.

    Attributes:
        start, stop: the items to compute.
        slot: number of the thread, for scratch memory of its own; below `team.slots()`.
    """

    def __init__(self) -> None:
        super().__init__()
        self.variables: list[str] = []
        self.group = ""
        self.blocks = 0
        self.loop_nodes: list[str] = []
        self.arguments = 0
        self.start, self.stop = self.integer("%start"), self.integer("%stop")
        self.slot = self.integer("%slot")

    # ------------------------------------------------------------------------ arguments

    def _argument(self, kind: str) -> str:
        address = self.emit(f"getelementptr i64, ptr %args, i64 {self.arguments}")
        self.arguments += 1
        return self.emit(f"load {kind}, ptr {address}")

    def array(self, dtype: np.dtype) -> Pointer:
        """The data of an array, whose object's address is the argument."""
        return self.data_of(self.integer_argument(), dtype)

    def data_of(self, address: Value, dtype: np.dtype) -> Pointer:
        """The data of the array object at `address`."""
        place = self.emit(f"inttoptr i64 {(address + DATA_OFFSET).text} to ptr")
        return Pointer(self, self.emit(f"load ptr, ptr {place}"), dtype)

    def integer_argument(self) -> Value:
        """An int64."""
        return Value(self, self._argument("i64"), INT64)

    def number_argument(self, dtype: np.dtype) -> Value:
        """A Python float, as `dtype`."""
        return Value(self, self._argument("double"), FLOAT64).to(dtype)

    def scratch(self, dtype: np.dtype, count: int) -> Pointer:
        """Memory for a few numbers on the stack, on a cache line."""
        place = f"%{self.name('scratch')}"
        self.variables.append(f"  {place} = alloca [{count} x {register_type(dtype)}], align 64")
        return Pointer(self, place, dtype)

    # ------------------------------------------------------------------------ control

    def variable(self, initial: Value) -> Variable:
        """A variable that begins as `initial`."""
        return Variable(self, initial)

    def whole(self, number: Value | int) -> Value:
        """An int64."""
        return number if isinstance(number, Value) else self.constant(number, INT64)

    @contextmanager
    def loop(
        self,
        start: Value | int,
        stop: Value | int,
        step: int = 1,
        *,
        parallel: bool = False,
        masked: bool = False,
    ) -> Iterator[Value]:
        """Repeat what is within for every index.

        `parallel` promises that no turn needs another; `masked` then has vectors of which a part
        may be left out do the last turns, too.
        """
        number = self.blocks
        self.blocks += 1
        head, body, done = (f"{part}{number}" for part in ("head", "body", "done"))
        index = self.variable(self.whole(start))
        end = self.whole(stop)
        self.do(f"br label %{head}")
        self.label(head)
        at = index.value
        self.do(f"br i1 {(at < end).text}, label %{body}, label %{done}")
        self.label(body)
        outside, self.group = self.group, f", {_GROUP}" if parallel else ""
        yield at
        self.group = outside
        text = self.emit(f"add nsw i64 {at.text}, {step}")
        index.value = Value(self, text, INT64)
        self.do(f"br label %{head}{self._loop_hint(masked) if parallel else ''}")
        self.label(done)

    def _loop_hint(self, masked: bool) -> str:
        """A reference to a node of what LLVM is told of one loop."""
        node = f"!{_FIRST_LOOP + len(self.loop_nodes)}"
        hints = "!2, !3, !4" if masked else "!2"
        self.loop_nodes.append(f"{node} = distinct !{{{node}, {hints}}}")
        return f", !llvm.loop {node}"

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """Do what is within if `condition` holds."""
        number = self.blocks
        self.blocks += 1
        self.do(f"br i1 {condition.text}, label %then{number}, label %after{number}")
        self.label(f"then{number}")
        yield
        self.do(f"br label %after{number}")
        self.label(f"after{number}")

    def assembly(self) -> str:
        """The module."""
        lines = ["entry:", *self.variables, *self.lines, "  ret void"]
        head = "define void @kernel(ptr %args, i64 %start, i64 %stop, i64 %slot) {"
        return "\n".join(
            [head, *lines, "}", *sorted(self.declarations), _HINTS, *self.loop_nodes, ""]
        )
