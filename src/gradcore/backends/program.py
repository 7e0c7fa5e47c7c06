"""Pointwise programs: what a pointwise op body or gradient rule computes, as data.

A `Program` is a list of elementwise steps in single-assignment form. The CPU executor
(`cpu/pointwise.py`) runs it tile by tile over threads, the CUDA backend compiles it to one kernel.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from .instructions import INSTRUCTIONS
from .symbolic import Operand, Recorder, Step, Symbol, TraceError, xp

__all__ = ["Operand", "Program", "Step", "TraceError", "trace"]

_ONE = {bool: True, int: 1, float: 1.0, complex: 1.0 + 0.0j}
_HALF = np.dtype(np.float16)


def trace(
    fn: Callable[..., Any],
    kinds: Sequence[str],
    attributes: dict[str, Any] | None = None,
    *,
    needs_xp: bool = True,
) -> Program:
    """Call `fn` with one symbol per operand and return what it computes.

    Args:
        fn: an op body `fn(xp, *operands, **attributes)`, or with `needs_xp=False` a gradient rule
            `fn(*operands)` in which attributes are parameters anywhere in the list.
        kinds: "array" or "scalar" for each operand. A scalar is a Python number that is only known
            when the program runs, weakly typed as in NumPy's promotion rules.
        attributes: values that are fixed in the program.

    Raises:
        TraceError: `fn` is not pointwise.
    """
    recorder = Recorder()
    counts = {"array": 0, "scalar": 0}
    symbols = []
    for kind in kinds:
        symbols.append(Symbol(recorder, Operand(kind, counts[kind])))
        counts[kind] += 1
    attributes = attributes or {}
    if needs_xp:
        result = fn(xp, *symbols, **attributes)
    elif attributes:
        names = fn.__code__.co_varnames[: fn.__code__.co_argcount]
        free = (name for name in names if name not in attributes)
        result = fn(**dict(zip(free, symbols, strict=True)), **attributes)
    else:
        result = fn(*symbols)
    single = not isinstance(result, (tuple, list))
    outputs = tuple(_output(value) for value in ((result,) if single else result))
    steps = _with_clips(recorder.steps)
    return Program(tuple(kinds), *_without_dead_steps(steps, outputs), single)


def _output(value: Any) -> Operand:
    if isinstance(value, Symbol):
        return value.operand
    if isinstance(value, (bool, int, float, complex, np.generic)):
        return Operand("constant", value)
    raise TraceError(f"a pointwise function returned a {type(value).__name__}")


def _with_clips(steps: list[Step]) -> list[Step]:
    """The steps with `minimum(maximum(x, low), high)` as one: `clip(x, low, high)`."""
    result = list(steps)
    for position, (name, operands) in enumerate(steps):
        if name != "minimum" or operands[0].kind != "step" or operands[1].kind != "constant":
            continue
        inner = steps[operands[0].value]
        if inner.name == "maximum" and inner.operands[1].kind == "constant":
            result[position] = Step("clip", (*inner.operands, operands[1]))
    return result


def _without_dead_steps(
    steps: list[Step], outputs: tuple[Operand, ...]
) -> tuple[tuple[Step, ...], tuple[Operand, ...]]:
    """The steps that the outputs need, renumbered."""
    needed = {operand.value for operand in outputs if operand.kind == "step"}
    for position in reversed(range(len(steps))):
        if position in needed:
            needed.update(x.value for x in steps[position].operands if x.kind == "step")
    renumbered = {old: Operand("step", new) for new, old in enumerate(sorted(needed))}

    def moved(operand: Operand) -> Operand:
        return renumbered[operand.value] if operand.kind == "step" else operand

    kept = tuple(
        Step(steps[old].name, tuple(map(moved, steps[old].operands))) for old in renumbered
    )
    return kept, tuple(map(moved, outputs))


class Program:
    """Elementwise steps over arrays and Python numbers.

    Attributes:
        kinds: "array" or "scalar" for each operand, in the order of the traced function's.
        steps: the instructions with what they read, in order; a step only reads earlier ones.
        outputs: what is returned; a step, or an operand or constant that is passed through.
        single: whether the function returned one value, not a tuple.
    """

    def __init__(
        self,
        kinds: tuple[str, ...],
        steps: tuple[Step, ...],
        outputs: tuple[Operand, ...],
        single: bool,
    ) -> None:
        self.kinds = kinds
        self.steps = steps
        self.outputs = outputs
        self.single = single
        self._dtypes: dict[tuple, tuple[np.dtype | type, ...]] = {}

    def __repr__(self) -> str:
        def text(operand: Operand) -> str:
            if operand.kind == "constant":
                return repr(operand.value)
            return f"{ {'array': 'x', 'scalar': 's', 'step': 't'}[operand.kind] }{operand.value}"

        lines = [
            f"t{position} = {step.name}({', '.join(map(text, step.operands))})"
            for position, step in enumerate(self.steps)
        ]
        return "; ".join([*lines, f"return {', '.join(map(text, self.outputs))}"])

    @cached_property
    def key(self) -> tuple:
        """Equal for programs that compute the same from the same operands."""
        return (
            self.kinds,
            tuple(step.key for step in self.steps),
            tuple(output.key for output in self.outputs),
            self.single,
        )

    @cached_property
    def real(self) -> Program:
        """The program for real arrays, which are their own conjugates."""
        if all(step.name != "conjugate" for step in self.steps):
            return self
        same: dict[int, Operand] = {}

        def resolved(operand: Operand) -> Operand:
            return same.get(operand.value, operand) if operand.kind == "step" else operand

        steps = []
        for position, step in enumerate(self.steps):
            operands = tuple(map(resolved, step.operands))
            if step.name == "conjugate":
                same[position] = operands[0]
            steps.append(Step(step.name, operands))
        outputs = tuple(map(resolved, self.outputs))
        return Program(self.kinds, *_without_dead_steps(steps, outputs), self.single)

    @property
    def array_count(self) -> int:
        return self.kinds.count("array")

    @property
    def scalar_count(self) -> int:
        return self.kinds.count("scalar")

    @property
    def is_input(self) -> bool:
        """Whether nothing is computed: the outputs are operands or constants."""
        return not self.steps

    @cached_property
    def ufunc(self) -> np.ufunc | None:
        """The NumPy ufunc that the whole program is, applied to its operands in order, or None."""
        if len(self.steps) != 1 or not self.single or self.outputs[0].kind != "step":
            return None
        instruction = INSTRUCTIONS[self.steps[0].name]
        if not instruction.is_ufunc or self.steps[0].operands != self._operands_in_order():
            return None
        return instruction.function  # type: ignore[return-value]

    def _operands_in_order(self) -> tuple[Operand, ...]:
        return tuple(
            Operand(kind, self.kinds[:position].count(kind))
            for position, kind in enumerate(self.kinds)
        )

    @cached_property
    def used_arrays(self) -> tuple[int, ...]:
        """Positions of the arrays that the steps or outputs read."""
        reads = [operand for step in self.steps for operand in step.operands]
        return tuple(sorted({x.value for x in (*reads, *self.outputs) if x.kind == "array"}))

    @cached_property
    def last_use(self) -> tuple[int, ...]:
        """For each step the position of the last step that reads it; len(steps) for outputs."""
        last = list(range(len(self.steps)))
        for position, step in enumerate(self.steps):
            for operand in step.operands:
                if operand.kind == "step":
                    last[operand.value] = position
        for operand in self.outputs:
            if operand.kind == "step":
                last[operand.value] = len(self.steps)
        return tuple(last)

    @cached_property
    def scalar_steps(self) -> frozenset[int]:
        """Steps that read no array, not even through other steps: computed once per run."""
        found: set[int] = set()
        for position, step in enumerate(self.steps):
            if all(
                x.kind in ("scalar", "constant") or (x.kind == "step" and x.value in found)
                for x in step.operands
            ):
                found.add(position)
        return frozenset(found)

    def dtypes(
        self, array_dtypes: tuple[np.dtype, ...], scalar_types: tuple[type, ...] = ()
    ) -> tuple[np.dtype | type, ...]:
        """The dtype of every step, by NumPy's promotion rules.

        Python numbers are weakly typed, and so are steps that read nothing else: for these the
        entry is a Python type.

        Raises:
            TypeError: a step does not exist for its dtypes, as NumPy says it.
        """
        key = (array_dtypes, scalar_types)
        known = self._dtypes.get(key)
        if known is None:
            # bfloat16 promotes as float16 does, and ml_dtypes lacks some of the functions.
            bfloat16 = next((d for d in array_dtypes if d.name == "bfloat16"), None)
            stand_ins = tuple(
                _HALF if bfloat16 is not None and d == bfloat16 else d for d in array_dtypes
            )
            known = self._infer(stand_ins, scalar_types)
            if bfloat16 is not None:
                known = tuple(bfloat16 if d == _HALF else d for d in known)
            self._dtypes[key] = known
        return known

    def _infer(
        self, array_dtypes: tuple[np.dtype, ...], scalar_types: tuple[type, ...]
    ) -> tuple[np.dtype | type, ...]:
        values: dict[str, Sequence[Any]] = {
            "array": [np.ones(1, dtype) for dtype in array_dtypes],
            "scalar": [_ONE.get(kind, kind(1)) for kind in scalar_types],
            "step": (results := []),
        }
        with np.errstate(all="ignore"):
            for position, step in enumerate(self.steps):
                operands = [_value(x, values) for x in step.operands]
                result = INSTRUCTIONS[step.name].function(*operands)
                results.append(_as_number(result) if position in self.scalar_steps else result)
        return tuple(x.dtype if isinstance(x, np.ndarray) else type(x) for x in results)

    def output_dtypes(
        self, array_dtypes: tuple[np.dtype, ...], scalar_types: tuple[type, ...] = ()
    ) -> tuple[np.dtype, ...]:
        """The dtype of every output."""
        found = self.dtypes(array_dtypes, scalar_types)
        kinds: dict[str, Sequence[Any]] = {
            "array": array_dtypes,
            "scalar": scalar_types,
            "step": found,
        }
        return tuple(
            np.asarray(x.value).dtype if x.kind == "constant" else np.dtype(kinds[x.kind][x.value])
            for x in self.outputs
        )

    def evaluate_scalars(self, scalars: Sequence[Any]) -> dict[int, Any]:
        """The values of `scalar_steps` for these Python numbers."""
        values: dict[str, Any] = {"scalar": scalars, "step": {}}
        for position in sorted(self.scalar_steps):
            step = self.steps[position]
            operands = [_value(x, values) for x in step.operands]
            values["step"][position] = _as_number(INSTRUCTIONS[step.name].function(*operands))
        return values["step"]


def _value(operand: Operand, values: dict[str, Any]) -> Any:
    return operand.value if operand.kind == "constant" else values[operand.kind][operand.value]


def _as_number(result: Any) -> Any:
    """A result of Python numbers as one, so that it stays weakly typed."""
    return np.asarray(result).item()
