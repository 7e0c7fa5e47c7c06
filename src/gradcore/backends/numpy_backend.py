"""The CPU backend: NumPy, with threaded kernels for big arrays (``backends/cpu``)."""

from __future__ import annotations

import contextvars
import functools
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from . import special  # noqa: F401  (registers the functions that NumPy lacks)
from .cpu import OVERRIDES, UPDATES, native, pointwise
from .cpu.pointwise import COMPILED_SIZE, SERIAL_SIZE
from .device import device
from .program import Program, trace
from .protocol import Backend
from .symbolic import TraceError

if TYPE_CHECKING:
    from ..ops.op import Op, Rule

CPU = device("cpu")
ndarray = np.ndarray

# Ufuncs return scalars for 0-d operands unless they are told to return arrays (NumPy >= 2.3).
_ARRAY_RESULT: dict[str, Any] = (
    {"out": ...} if tuple(map(int, np.__version__.split(".")[:2])) >= (2, 3) else {}
)


class _Quiet(threading.local):
    """Runs a call with NumPy's floating point warnings off: PyTorch has none.

    Entering a prepared context costs 10 ns, ``np.errstate`` 750 ns. A context cannot be entered
    twice: kernels must not call kernels.
    """

    def __init__(self) -> None:
        context = contextvars.Context()
        context.run(np.seterr, all="ignore")
        self.kernel = context.run


quiet = _Quiet()


class NumpyBackend(Backend):
    device_type = "cpu"
    xp = np
    array_type = np.ndarray
    scalar_types = (np.generic,)

    def compile(self, op: Op) -> Callable[..., Any]:
        tables = (native.OVERRIDES, OVERRIDES) if native.is_available() else (OVERRIDES,)
        bodies = [table[op.name] for table in tables if op.name in table]
        if bodies:
            return _with_fallback(*bodies, op.body)
        if op.pointwise:
            return _pointwise_kernel(op)
        if op.view:
            return functools.partial(op.body, np)  # computes nothing that could warn
        return _plain(op.body)

    def compile_rule(self, rule: Rule) -> Callable[..., Any]:
        return _rule_kernel(rule)

    def device_of(self, array: np.ndarray) -> device:
        return CPU

    def on(self, where: device) -> AbstractContextManager:
        return nullcontext()

    def from_host(self, array: np.ndarray, where: device, non_blocking: bool = False) -> np.ndarray:
        return np.array(array)

    def to_host(self, array: np.ndarray, non_blocking: bool = False) -> np.ndarray:
        return array

    def copy_between(self, array: np.ndarray, where: device) -> np.ndarray:
        return array.copy()

    def generator(self, where: device) -> Any:
        from .cpu.random import MT19937Stream

        return MT19937Stream()

    def random(self, name: str) -> Callable[..., Any]:
        from .cpu import random, random_discrete

        return getattr(random, name, None) or getattr(random_discrete, name)

    def with_index(self, where: device) -> device:
        if where.index:
            raise RuntimeError(f"CPU device index must be -1 or zero, got {where.index}")
        return CPU

    def data_ptr(self, array: np.ndarray) -> int:
        return array.ctypes.data

    def may_share_memory(self, a: np.ndarray, b: np.ndarray) -> bool:
        return np.may_share_memory(a, b)

    def update(self, name: str, *arguments: Any, **options: Any) -> bool:
        for kernel in _updates(name):
            if quiet.kernel(kernel, *arguments, **options):
                return True
        return False


@functools.cache
def _updates(name: str) -> list[Callable[..., bool]]:
    """The fused updates of this name, in the order in which they are tried."""
    tables = (native.UPDATES, UPDATES) if native.is_available() else (UPDATES,)
    return [table[name] for table in tables if name in table]


def _as_arrays(result: Any) -> Any:
    if type(result) is ndarray:
        return result
    if isinstance(result, (tuple, list)):
        return tuple(map(_as_arrays, result))
    # A move to another device gives an array of that device's backend.
    return np.asarray(result) if isinstance(result, np.generic) else result


def _plain(body: Callable[..., Any]) -> Callable[..., Any]:
    def kernel(*arrays: Any, **attributes: Any) -> Any:
        return _as_arrays(quiet.kernel(body, np, *arrays, **attributes))

    return kernel


def _with_fallback(*bodies: Callable[..., Any]) -> Callable[..., Any]:
    """The first body that does not decline."""

    def kernel(*arrays: Any, **attributes: Any) -> Any:
        for body in bodies:
            result = quiet.kernel(body, np, *arrays, **attributes)
            if result is not NotImplemented:
                break
        return _as_arrays(result)

    return kernel


def _kinds(operands: tuple) -> tuple[str, ...]:
    return tuple("array" if type(x) is ndarray else "scalar" for x in operands)


class _Programs:
    """The traced programs of one body or rule, by the kinds of operands and the attributes."""

    def __init__(self, fn: Callable[..., Any], needs_xp: bool) -> None:
        self.fn = fn
        self.needs_xp = needs_xp
        self.known: dict[tuple, Program | None] = {}

    def find(self, kinds: tuple[str, ...], attributes: dict[str, Any]) -> Program | None:
        key = (kinds, *attributes.items())
        try:
            return self.known[key]
        except KeyError:
            pass
        try:
            program = trace(self.fn, kinds, attributes, needs_xp=self.needs_xp)
        except TraceError:
            program = None
        self.known[key] = program
        return program


class _Lines:
    """One body or rule of arrays alone as compiled functions, by the arrays' dtypes."""

    def __init__(self, programs: _Programs, count: int) -> None:
        self.programs = programs
        self.count = count
        self.known: dict[tuple, Callable[..., Any] | None] = {}

    def run(self, *arrays: Any) -> Any:
        """The result for C-contiguous arrays of one shape; None where it is not to be had so."""
        shape = arrays[0].shape
        for x in arrays:
            if type(x) is not ndarray or x.shape != shape or not x.flags.c_contiguous:
                return None
        dtypes = tuple([x.dtype for x in arrays])
        try:
            compiled = self.known[dtypes]
        except KeyError:
            compiled = self.known[dtypes] = self._compile(dtypes)
        return None if compiled is None else compiled(*arrays)

    def _compile(self, dtypes: tuple) -> Callable[..., Any] | None:
        program = self.programs.find(("array",) * self.count, {})
        if program is None or program.is_input:
            return None
        return pointwise.line_runner(program, dtypes)


def _run_program(program: Program, operands: tuple, out: Any = None) -> Any:
    arrays = [x for x in operands if type(x) is ndarray]
    if all(x.dtype.kind != "c" for x in arrays):
        program = program.real
    scalars = [x for x in operands if type(x) is not ndarray]
    return pointwise.run(program, arrays, scalars, out=out)


def _run_small(program: Program, operands: tuple) -> Any:
    """The compiled program on arrays below SERIAL_SIZE; None where there is none."""
    arrays = [x for x in operands if type(x) is ndarray]
    if all(x.dtype.kind != "c" for x in arrays):
        program = program.real
    return pointwise.run_compiled(program, arrays, [x for x in operands if type(x) is not ndarray])


def _largest(operands: tuple) -> int:
    size = 0
    for x in operands:
        if type(x) is ndarray and x.size > size:
            size = x.size
    return size


def _pointwise_kernel(op: Op) -> Callable[..., Any]:
    """Small arrays run the ufunc or the body; big ones run tile by tile over the threads."""
    body = op.body
    programs = _Programs(body, needs_xp=True)
    # an op with attributes (the exponent of pow_scalar) is another function for each of them
    plain = None if op.attributes else programs.find(("array",) * op.arity, {})
    ufunc = None if plain is None else plain.ufunc
    if ufunc is not None and _ARRAY_RESULT:
        return _ufunc_kernel(ufunc, programs, op.arity)

    lines = None if op.attributes or not op.arity else _Lines(programs, op.arity)

    def kernel(*operands: Any, out: Any = None, **attributes: Any) -> Any:
        size = _largest(operands)
        if size >= COMPILED_SIZE:
            if lines is not None and out is None and len(operands) == lines.count:
                result = lines.run(*operands)
                if result is not None:
                    return result
            program = programs.find(_kinds(operands), op.default_attributes | attributes)
            if program is not None:
                if size >= SERIAL_SIZE:
                    return _run_program(program, operands, out)
                result = None if out is not None else _run_small(program, operands)
                if result is not None:
                    return result
        result = _as_arrays(quiet.kernel(body, np, *operands, **attributes))
        if out is None:
            return result
        out[...] = result
        return out

    return kernel


def _ufunc_kernel(ufunc: Any, programs: _Programs, arity: int) -> Callable[..., Any]:
    """The kernel of an op that is one ufunc, as short as it can be for small arrays."""

    def big(operands: tuple, out: Any) -> Any:
        program = programs.find(_kinds(operands), {})
        return _run_program(program, operands, None if out is ... else out)  # type: ignore[arg-type]

    def one(x: Any, out: Any = ...) -> Any:
        if x.size >= SERIAL_SIZE:
            return big((x,), out)
        return quiet.kernel(ufunc, x, out=out)

    def two(x: Any, y: Any, out: Any = ...) -> Any:
        if type(x) is ndarray is type(y):
            if x.size >= SERIAL_SIZE or y.size >= SERIAL_SIZE:
                return big((x, y), out)
        elif _largest((x, y)) >= SERIAL_SIZE:
            return big((x, y), out)
        return quiet.kernel(ufunc, x, y, out=out)

    return one if arity == 1 else two


def _rule_kernel(rule: Rule) -> Callable[..., Any]:
    """The rule; the engine that calls it has turned floating point warnings off."""
    fn = rule.fn
    if not rule.op.pointwise:

        def plain(*values: Any) -> Any:
            return _as_arrays(fn(*values))

        return plain
    programs = _Programs(fn, needs_xp=False)
    attribute_positions = [i for i, name in enumerate(rule.names) if name in rule.op.attributes]

    lines = None if attribute_positions else _Lines(programs, len(rule.names))

    def big(*values: Any) -> Any:
        if lines is not None:
            result = lines.run(*values)
            if result is not None:
                return result
        result = _run_rule_program(programs, rule.names, attribute_positions, values)
        return _as_arrays(fn(*values)) if result is None else result

    ufunc = _real_ufunc(programs, len(rule.names)) if not attribute_positions else None
    if ufunc is not None and len(rule.names) == 2:
        return _ufunc_rule(ufunc, fn, big)

    # What is saved broadcasts to the shape of g, so that g alone tells the size. Fixed numbers
    # of parameters save packing and unpacking them, 0.1 us.
    def one(g: Any) -> Any:
        if g.size >= COMPILED_SIZE:
            return big(g)
        result = fn(g)
        return result if type(result) is ndarray else _as_arrays(result)

    def two(g: Any, x: Any) -> Any:
        if g.size >= COMPILED_SIZE:
            return big(g, x)
        result = fn(g, x)
        return result if type(result) is ndarray else _as_arrays(result)

    def several(g: Any, *values: Any) -> Any:
        if g.size >= COMPILED_SIZE:
            return big(g, *values)
        return _as_arrays(fn(g, *values))

    by_count: dict[int, Callable[..., Any]] = {1: one, 2: two}
    return by_count.get(len(rule.names), several)


def _real_ufunc(programs: _Programs, count: int) -> Any:
    """The ufunc that a rule of ``count`` real arrays is, if it is one."""
    program = programs.find(("array",) * count, {})
    return None if program is None else program.real.ufunc


def _ufunc_rule(ufunc: Any, fn: Callable[..., Any], big: Callable[..., Any]) -> Callable[..., Any]:
    """The kernel of a rule like ``g * conj(x)``: one ufunc call where nothing is complex."""

    def kernel(g: Any, x: Any) -> Any:
        if g.size >= SERIAL_SIZE:
            return big(g, x)
        if g.dtype.kind == "f" and type(x) is ndarray and x.dtype is g.dtype:
            return ufunc(g, x, **_ARRAY_RESULT)
        return _as_arrays(fn(g, x))

    return kernel


def _run_rule_program(
    programs: _Programs, names: tuple[str, ...], attribute_positions: list[int], values: tuple
) -> Any:
    """A pointwise rule as one pass over the arrays; None where it cannot be traced."""
    fixed = {names[i]: values[i] for i in attribute_positions}
    operands = tuple(v for i, v in enumerate(values) if i not in attribute_positions)
    if any(not isinstance(v, (ndarray, bool, int, float, complex)) for v in operands):
        return None
    try:
        program = programs.find(_kinds(operands), fixed)
    except TypeError:  # an attribute that cannot be hashed
        return None
    if program is None or program.is_input:
        return None
    run = _run_program if values[0].size >= SERIAL_SIZE else _run_small
    return run(program, operands)
