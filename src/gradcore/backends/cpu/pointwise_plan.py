"""Where each value of a pointwise `Program` lives while it runs on NumPy arrays of given dtypes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..instructions import INSTRUCTIONS
from ..program import Operand, Program
from .arithmetic import FASTER

# Nanoseconds per float32 element, measured; the rest takes 0.1.
_COST = {
    "arctan": 0.4, "cos": 0.5, "divide": 0.2, "exp": 0.4, "exp2": 0.3, "expm1": 0.3, "log": 0.4,
    "log1p": 0.4, "maximum": 0.2, "minimum": 0.2, "sign": 0.4, "sin": 0.5, "sqrt": 0.2,
    "tanh": 0.3, "where": 0.4, "arctan2": 2.0, "copysign": 0.4, "floor_divide": 2.0, "fmod": 2.5,
    "hypot": 0.7, "logaddexp": 1.5, "power": 0.7, "remainder": 2.2, "expit": 0.8, "logit": 0.8,
    "digamma": 7.0, "erf": 1.7, "erfc": 3.0, "erfinv": 2.5, "lgamma": 9.0, "gcd": 16.0,
    "logaddexp2": 1.5, "nextafter": 3.0,
}  # fmt: skip
_DEFAULT_COST = 0.1

_FLOAT32 = np.dtype(np.float32)


# (function, registers read, register written)
_PlacedStep = tuple[Callable[..., Any], tuple[int, ...], int]


class Plan:
    """A program made ready for operands of given dtypes.

    Values live in registers: first the arrays, then the scalars, the constants, the steps, and
    16-bit arrays widened to float32. Temporaries live in scratch slots, and in outputs that are
    not yet written.

    Attributes:
        used: positions of the arrays that are read.
        steps: (function, registers read, register written).
        scratch_of: scratch slot (bytes per element before it, dtype) of registers that have one.
        output_of: the output that a register is kept in, for those that are.
        stored: (output index, register) of the outputs that no step writes itself.
        is_ufunc: whether the plan is one ufunc, which writes the only output.
        words: size of the largest values, in units of a float32.
        cost: nanoseconds per element, roughly.
        kernels: compiled forms, by how arrays are stepped through; None where there is none.
        line_outputs: how the results of an ordinary call are stepped through.
    """

    def __init__(
        self,
        program: Program,
        dtypes: tuple[np.dtype, ...],
        scalar_types: tuple[type, ...],
        overlapping: bool,
    ) -> None:
        self.program = program
        self.dtypes = dtypes
        self.scalar_types = scalar_types
        self.overlapping = overlapping
        self.kernels: dict[tuple, Any] = {}
        self.line_outputs = ("unit",) * len(program.outputs)
        self.used = program.used_arrays or tuple(range(len(dtypes)))
        self.output_dtypes = program.output_dtypes(dtypes, scalar_types)
        halves = [i for i in program.used_arrays if _is_half(dtypes[i])]
        widened = tuple(_FLOAT32 if i in halves else d for i, d in enumerate(dtypes))
        self.step_dtypes = program.dtypes(widened, scalar_types)
        self.scalars_at = program.array_count
        self.constants_at = self.scalars_at + program.scalar_count
        constants = [x.value for x in self._operands() if x.kind == "constant"]
        self.steps_at = self.constants_at + len(constants)
        widened_at = self.steps_at + len(program.steps)
        self.widened = {i: widened_at + k for k, i in enumerate(halves)}
        self._template: list[Any] = [None] * (widened_at + len(halves))
        self._template[self.constants_at : self.steps_at] = constants
        self._constants_left = iter(range(self.constants_at, self.steps_at))
        self.slots = _Slots(() if overlapping else self.output_dtypes)
        self.scratch_of: dict[int, tuple[int, np.dtype]] = {}
        self.output_of: dict[int, int] = {}
        self.stored: list[tuple[int, int]] = []
        self.steps = self._widening() + self._placed(self._directly_stored())
        self._store()
        self.is_ufunc = (
            len(self.steps) == 1
            and isinstance(self.steps[0][0], np.ufunc)
            and self.output_of == {self.steps[0][2]: 0}
            and not self.stored
        )
        items = max((np.dtype(d).itemsize for d in self.step_dtypes), default=4)
        self.words = max(1, items // 4)
        costs = sum(_COST.get(step.name, _DEFAULT_COST) for step in program.steps)
        # What passes through memory takes time beside what is computed.
        costs += 0.1 * (len(program.used_arrays) + len(program.outputs))
        self.cost = costs * max(1.0, items / 4)

    def registers(self, scalars: Sequence[Any]) -> list[Any]:
        """Fresh registers that hold the constants and all that is known from the scalars."""
        registers = self._template.copy()
        registers[self.scalars_at : self.constants_at] = scalars
        if self.program.scalar_steps:
            for position, value in self.program.evaluate_scalars(scalars).items():
                registers[self.steps_at + position] = value
        return registers

    def _operands(self) -> list[Operand]:
        program = self.program
        return [*(x for step in program.steps for x in step.operands), *program.outputs]

    def _register(self, operand: Operand) -> int:
        """Constants are asked for once each, in the order of `_operands`."""
        if operand.kind == "constant":
            return next(self._constants_left)
        if operand.kind == "array":
            return self.widened.get(operand.value, operand.value)
        return {"scalar": self.scalars_at, "step": self.steps_at}[operand.kind] + operand.value

    def _widening(self) -> list[_PlacedStep]:
        for register in self.widened.values():
            self._keep(register, _FLOAT32)
        return [(_widen, (i,), register) for i, register in self.widened.items()]

    def _keep(self, register: int, dtype: np.dtype) -> None:
        """Find a place for a temporary."""
        place = self.slots.take(dtype)
        if isinstance(place, _Output):
            self.output_of[register] = place.position
        else:
            self.scratch_of[register] = (place, dtype)

    def _directly_stored(self) -> dict[int, int]:
        """Register -> output, of the steps whose function can write an output itself."""
        direct: dict[int, int] = {}
        for index, operand in enumerate(self.program.outputs):
            if operand.kind != "step" or operand.value in self.program.scalar_steps:
                continue
            if self.step_dtypes[operand.value] == self.output_dtypes[index]:
                direct.setdefault(self.steps_at + operand.value, index)
        return direct

    def _store(self) -> None:
        for index, operand in enumerate(self.program.outputs):
            register = self._register(operand)
            if self.output_of.get(register) != index:
                self.stored.append((index, register))

    def _placed(self, direct: dict[int, int]) -> list[_PlacedStep]:
        """Give each step a place to write to; places are reused after the last use."""
        program = self.program
        placed = []
        for position, step in enumerate(program.steps):
            read = tuple(self._register(operand) for operand in step.operands)
            if position in program.scalar_steps:
                continue
            # Every function may write over what it reads.
            for x in set(step.operands):
                if x.kind == "step" and program.last_use[x.value] == position:
                    self._release(self.steps_at + x.value)
            target = self.steps_at + position
            if target in direct:
                self.output_of[target] = direct[target]
            else:
                self._keep(target, np.dtype(self.step_dtypes[position]))
            function = FASTER.get(step.name) or INSTRUCTIONS[step.name].function
            placed.append((function, read, target))
        return placed

    def _release(self, register: int) -> None:
        if register in self.scratch_of:
            self.slots.give_back(*self.scratch_of[register])
        elif register in self.output_of:
            self.slots.give_back_output(self.output_of[register])


class _Output(NamedTuple):
    """An output as a place for temporaries."""

    position: int


class _Slots:
    """Hands out places for temporaries: a single output of their dtype, or scratch slots.

    A scratch slot is known by the bytes per element of the slots before it.
    """

    def __init__(self, output_dtypes: tuple[np.dtype, ...]) -> None:
        self.width = 0
        self.free: dict[int, list[int]] = {}
        # With several outputs one may be written while a temporary is still in it.
        self.output_dtype = output_dtypes[0] if len(output_dtypes) == 1 else None
        self.output_is_free = True

    def take(self, dtype: np.dtype) -> int | _Output:
        if self.output_is_free and dtype == self.output_dtype:
            self.output_is_free = False
            return _Output(0)
        unused = self.free.get(dtype.itemsize)
        if unused:
            return unused.pop()
        self.width += dtype.itemsize
        return self.width - dtype.itemsize

    def give_back(self, offset: int, dtype: np.dtype) -> None:
        self.free.setdefault(dtype.itemsize, []).append(offset)

    def give_back_output(self, index: int) -> None:
        self.output_is_free = True


def _widen(half: np.ndarray, out: np.ndarray) -> None:
    np.copyto(out, half)


def _is_half(dtype: np.dtype) -> bool:
    return dtype.itemsize == 2 and dtype.kind in "fV"
