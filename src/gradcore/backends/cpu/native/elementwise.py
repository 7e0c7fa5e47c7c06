"""A pointwise `Program` as one compiled loop over arrays of any strides.

A kernel computes the elements from `start` to `stop`, counted in C order over the common shape:
``kernel(args, start, stop, slot)``, where `args` holds the addresses of the array objects, the
scalars, unless everything is one line the lengths and strides of the dimensions, and a word that it
sets to 1 where it cannot compute the result of some values: then NumPy has to.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ...program import Operand as ProgramOperand
from ..pointwise_plan import Plan
from .jit import DATA_OFFSET, has_feature
from .loops import storage_type
from .lowering import LOWERINGS
from .values import (
    BOOL,
    FLOAT32,
    FLOAT64,
    INT64,
    Function,
    Unsupported,
    Value,
    register_type,
    select,
)

# Results of these say nothing of the dtype that they are computed in: that of the operands does.
_PREDICATES = frozenset(
    "equal greater greater_equal isfinite isinf isnan less less_equal logical_and logical_not "
    "logical_or logical_xor not_equal signbit".split()
)
_WEAK = {bool: True, int: 1, float: 1.0}
_PARALLEL = "!llvm.access.group !1"


class Operand(NamedTuple):
    """How a kernel steps through one array.

    Attributes:
        dtype: of its elements.
        step: along the last dimension "unit" for neighbours, "none" where it is broadcast, else
            "any".
    """

    dtype: np.dtype
    step: str


class Layout(NamedTuple):
    """What a kernel is compiled for, beside the plan.

    Attributes:
        inputs: (register, how it is stepped through) of the arrays that are read.
        outputs: how the results are stepped through.
        ndim: dimensions that are stepped through; 0 where every array is a line or an element.
    """

    inputs: tuple[tuple[int, Operand], ...]
    outputs: tuple[Operand, ...]
    ndim: int


class _Kernel(Function):
    """The function under construction."""

    def __init__(self, plan: Plan, layout: Layout) -> None:
        super().__init__()
        self.plan = plan
        self.layout = layout
        self.operands = [*(operand for _, operand in layout.inputs), *layout.outputs]
        self.pointers: list[str] = []
        self.scalars: dict[int, Value] = {}

    def assembly(self) -> str:
        """The whole module."""
        self.label("entry")
        self.pointers = [self._pointer(i) for i in range(len(self.operands))]
        self.scalars = self._scalars()
        if self.layout.ndim:
            self._rows()
        else:
            self._line()
        self.lines.insert(1, "  %refused = alloca i1\n  store i1 false, ptr %refused")
        body = "\n".join(self.lines)
        return (
            f"define void @kernel(ptr %args, i64 %start, i64 %stop, i64 %slot) {{\n{body}\n}}\n"
            + "\n".join(sorted(self.declarations))
            + "\n!0 = distinct !{!0, !2}\n!1 = distinct !{}\n"
            + '!2 = !{!"llvm.loop.parallel_accesses", !1}\n'
        )

    # ------------------------------------------------------------------------ arguments

    def _argument(self, position: int, kind: str = "i64") -> str:
        address = self.emit(f"getelementptr i64, ptr %args, i64 {position}")
        return self.emit(f"load {kind}, ptr {address}")

    def _pointer(self, position: int) -> str:
        """The data pointer of the array object whose address is an argument."""
        address = self.emit(
            f"getelementptr i8, ptr {self._argument(position, 'ptr')}, i64 {DATA_OFFSET}"
        )
        return self.emit(f"load ptr, ptr {address}")

    def _scalars(self) -> dict[int, Value]:
        """Register -> value, of the numbers that are only known when the kernel runs."""
        values = {}
        for position, (register, kind) in enumerate(runtime_scalars(self.plan)):
            at = len(self.operands) + position
            if kind is float:
                values[register] = Value(self, self._argument(at, "double"), FLOAT64)
            else:
                values[register] = Value(self, self._argument(at), INT64)
        return values

    # ------------------------------------------------------------------------ loops

    def _line(self) -> None:
        """All elements in one loop."""
        pointers = [
            p if x.step == "none" else self._moved(p, "%start", str(x.dtype.itemsize))
            for p, x in zip(self.pointers, self.operands, strict=True)
        ]
        count = self.emit("sub i64 %stop, %start")
        self._loop(pointers, [""] * len(pointers), count, "entry", "done")
        self._finish()

    def _finish(self) -> None:
        """Tell in the last argument whether the results are of no use."""
        self.label("done")
        refused = self.emit("load i1, ptr %refused")
        self.do(f"br i1 {refused}, label %refuse, label %end")
        self.label("refuse")
        words = self.layout.ndim * (len(self.operands) + 1)
        last = len(self.operands) + len(self.scalars) + words
        place = self.emit(f"getelementptr i64, ptr %args, i64 {last}")
        self.do(f"store i64 1, ptr {place}")
        self.do("br label %end")
        self.label("end")
        self.do("ret void")

    def _moved(self, pointer: str, index: str, stride: str) -> str:
        offset = self.emit(f"mul i64 {index}, {stride}")
        return self.emit(f"getelementptr i8, ptr {pointer}, i64 {offset}")

    def _rows(self) -> None:
        """A loop over rows, the last dimension, around the loop over a row."""
        ndim = self.layout.ndim
        first = len(self.operands) + len(self.scalars)
        lengths = [self._argument(first + d) for d in range(ndim)]
        strides = [
            [self._argument(first + ndim * (k + 1) + d) for d in range(ndim)]
            for k in range(len(self.operands))
        ]
        some = self.emit("icmp slt i64 %start, %stop")
        self.do(f"br i1 {some}, label %row, label %done")
        self.label("row")
        self.do("%at = phi i64 [ %start, %entry ], [ %row_stop, %row_end ]")
        column = self.emit(f"srem i64 %at, {lengths[-1]}")
        rest = self.emit(f"sdiv i64 %at, {lengths[-1]}")
        pointers = [
            self._moved(p, column, s[-1]) for p, s in zip(self.pointers, strides, strict=True)
        ]
        for d in range(ndim - 2, -1, -1):
            index = self.emit(f"srem i64 {rest}, {lengths[d]}") if d else rest
            rest = self.emit(f"sdiv i64 {rest}, {lengths[d]}") if d else rest
            pointers = [self._moved(p, index, s[d]) for p, s in zip(pointers, strides, strict=True)]
        left = self.emit("sub i64 %stop, %at")
        row = self.emit(f"sub i64 {lengths[-1]}, {column}")
        count = self.emit(f"call i64 @llvm.smin.i64(i64 {left}, i64 {row})")
        self.declarations.add("declare i64 @llvm.smin.i64(i64, i64)")
        self.do(f"%row_stop = add i64 %at, {count}")
        self._loop(pointers, [s[-1] for s in strides], count, "row", "row_end")
        self.label("row_end")
        more = self.emit("icmp slt i64 %row_stop, %stop")
        self.do(f"br i1 {more}, label %row, label %done")
        self._finish()

    def _loop(
        self, pointers: list[str], strides: list[str], count: str, before: str, after: str
    ) -> None:
        """The loop over `count` elements of a row."""
        registers: dict[int, Value] = {}
        inputs = list(zip(self.layout.inputs, pointers, strides, strict=False))
        for (register, operand), pointer, _ in inputs:
            if operand.step == "none":
                registers[register] = self._loaded(operand.dtype, pointer)
        some = self.emit(f"icmp sgt i64 {count}, 0")
        self.do(f"br i1 {some}, label %loop, label %{after}")
        self.label("loop")
        self.do(f"%i = phi i64 [ 0, %{before} ], [ %next, %loop ]")
        for (register, operand), pointer, stride in inputs:
            if operand.step != "none":
                address = self._element(operand, pointer, stride)
                registers[register] = self._loaded(operand.dtype, address)
        results = self._results(registers)
        at = len(self.layout.inputs)
        for result, operand, pointer, stride in zip(
            results, self.layout.outputs, pointers[at:], strides[at:], strict=True
        ):
            self._store(result, operand.dtype, self._element(operand, pointer, stride))
        self._note_refusals()
        self.do("%next = add nuw nsw i64 %i, 1")
        more = self.emit(f"icmp slt i64 %next, {count}")
        self.do(f"br i1 {more}, label %loop, label %{after}, !llvm.loop !0")

    def _note_refusals(self) -> None:
        if not self.refusals:
            return
        refused = Value(self, self.emit("load i1, ptr %refused"), BOOL)
        for condition in self.refusals:
            refused = refused | condition
        self.do(f"store i1 {refused.text}, ptr %refused")

    def _element(self, operand: Operand, pointer: str, stride: str) -> str:
        if operand.step == "unit":
            kind = storage_type(operand.dtype)
            return self.emit(f"getelementptr inbounds {kind}, ptr {pointer}, i64 %i")
        return self._moved(pointer, "%i", stride)

    # ------------------------------------------------------------------------ memory

    def _loaded(self, dtype: np.dtype, address: str) -> Value:
        """An element in a register; 16-bit floats become float32."""
        kind = storage_type(dtype)
        text = self.emit(f"load {kind}, ptr {address}, {_PARALLEL}")
        if dtype == BOOL:
            return Value(self, self.emit(f"icmp ne i8 {text}, 0"), BOOL)
        if kind == "half":
            if not has_feature("f16c"):
                raise Unsupported("this processor does not convert float16")
            return Value(self, self.emit(f"fpext half {text} to float"), FLOAT32)
        if dtype.name == "bfloat16":
            wide = Value(self, self.emit(f"zext i16 {text} to i32"), np.dtype(np.int32))
            return (wide << 16).bits()
        return Value(self, text, dtype)

    def _store(self, value: Value, dtype: np.dtype, address: str) -> None:
        kind = storage_type(dtype)
        if kind == "half":
            value = value.to(FLOAT32)
            text = self.emit(f"fptrunc float {value.text} to half")
        elif dtype.name == "bfloat16":
            text = self._rounded_to_bfloat16(value.to(FLOAT32))
        elif dtype == BOOL:
            text = self.emit(f"zext i1 {value.to(BOOL).text} to i8")
        else:
            text = value.to(dtype).text
        self.do(f"store {kind} {text}, ptr {address}, {_PARALLEL}")

    def _rounded_to_bfloat16(self, value: Value) -> str:
        """The upper half of a float32, rounded to nearest even."""
        bits = value.bits()
        rounded = bits + 0x7FFF + ((bits >> 16) & 1)
        high = select(value.is_nan(), 0x7FC0, rounded >> 16)
        return self.emit(f"trunc i32 {high.text} to i16")

    # ------------------------------------------------------------------------ steps

    def _results(self, registers: dict[int, Value]) -> list[Value]:
        """The outputs for one element."""
        plan, program = self.plan, self.plan.program
        scalars = {i: self.scalars[plan.scalars_at + i] for i in range(program.scalar_count)}
        values = {"array": registers, "scalar": scalars, "step": dict[int, Value]()}
        for position, step in enumerate(program.steps):
            if position in program.scalar_steps:
                values["step"][position] = self.scalars[plan.steps_at + position]
                continue
            operands = [
                x.value if x.kind == "constant" else values[x.kind][x.value] for x in step.operands
            ]
            dtype = np.dtype(plan.step_dtypes[position])
            if step.name in _PREDICATES:
                dtype = np.result_type(
                    *(
                        self._promoted_by(*pair)
                        for pair in zip(step.operands, operands, strict=True)
                    )
                )
            values["step"][position] = self._step(step.name, operands, dtype)
        return [
            self.constant(x.value, _wide(dtype))
            if x.kind == "constant"
            else values[x.kind][x.value]
            for x, dtype in zip(program.outputs, plan.output_dtypes, strict=True)
        ]

    def _step(self, name: str, operands: list[Any], dtype: np.dtype) -> Value:
        if name == "astype":
            return operands[0].to(dtype)
        if name == "full_like":
            return self._typed(operands[1], dtype)
        lowered = LOWERINGS.get(name)
        if lowered is None:
            raise Unsupported(name)
        register_type(dtype)
        if name == "where":
            return lowered(operands[0], *(self._typed(x, dtype) for x in operands[1:]))
        return lowered(*(self._typed(x, dtype) for x in operands))

    def _promoted_by(self, operand: ProgramOperand, value: Any) -> Any:
        """What NumPy's promotion sees of an operand; Python numbers are weakly typed."""
        if operand.kind == "constant":
            return value
        plan = self.plan
        if operand.kind == "scalar":
            return _WEAK[plan.scalar_types[operand.value]]
        if operand.kind == "step":
            return _WEAK.get(plan.step_dtypes[operand.value], value.dtype)  # type: ignore[arg-type]
        return value.dtype

    def _typed(self, operand: Any, dtype: np.dtype) -> Value:
        return operand.to(dtype) if isinstance(operand, Value) else self.constant(operand, dtype)


def _wide(dtype: np.dtype) -> np.dtype:
    return FLOAT32 if dtype.itemsize == 2 and dtype.kind in "fV" else dtype


def runtime_scalars(plan: Plan) -> list[tuple[int, type]]:
    """(register, Python type) of the numbers that a kernel takes when it runs.

    Raises:
        Unsupported: one is complex.
    """
    program = plan.program
    found: list[tuple[int, Any]]
    found = [(plan.scalars_at + i, kind) for i, kind in enumerate(plan.scalar_types)]
    found += [(plan.steps_at + i, plan.step_dtypes[i]) for i in sorted(program.scalar_steps)]
    if any(kind not in _WEAK for _, kind in found):
        raise Unsupported("a scalar that is no real number")
    return found


def assembly(plan: Plan, layout: Layout) -> tuple[str, bool]:
    """The LLVM module of a kernel, and whether it may refuse some values.

    Raises:
        Unsupported: a step has no compiled form for its dtypes.
    """
    kernel = _Kernel(plan, layout)
    return kernel.assembly(), bool(kernel.refusals)


def step_of(view: np.ndarray) -> str:
    """How `view` is stepped through along its last dimension."""
    stride = view.strides[-1]
    if stride == view.itemsize:
        return "unit"
    return "none" if stride == 0 else "any"


def geometry(views: Sequence[np.ndarray]) -> list[int]:
    """The lengths and the strides of views of one shape, as a kernel reads them."""
    return [*views[0].shape, *(stride for view in views for stride in view.strides)]
