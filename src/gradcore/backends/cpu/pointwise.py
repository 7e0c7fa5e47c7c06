"""Runs a pointwise `Program` on NumPy arrays: tile by tile, over the threads.

All steps of a tile run before the next tile begins, so that what one step writes is still in the
core's own cache when the next one reads it, and temporaries live in scratch memory that is used
over and over. Measured on a gradient rule of three steps over 1e7 float32: a quarter of the time
of the same expression on whole arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from ..program import Program
from . import layout, memory, native, scratch
from .pointwise_plan import Plan
from .threads import get_num_threads, parallel_for

# From this many elements on a run here is faster than the body on whole arrays.
SERIAL_SIZE = 2 if native.is_eager() else 32_768
# From this many elements on a program that is compiled beats its body on whole arrays.
COMPILED_SIZE = min(SERIAL_SIZE, 2048) if native.is_available() else SERIAL_SIZE

# Elements of 4 bytes per tile. 65,536 of them stay in a core's L2 cache. With several threads every
# step hands the GIL over, up to 30 us when both want it: there longer steps win, until what a
# function like erf keeps beside its result leaves the cache.
_SERIAL_TILE = 65_536
_PARALLEL_TILE = 131_072
# A thread gets at least this many nanoseconds of work. Waking it costs 10 us, in virtual machines
# up to 90, and both then share the memory: relu of a million elements takes 370 us on one thread
# and 620 on two.
_GRAIN_NS = 250_000.0


def run(
    program: Program,
    arrays: Sequence[np.ndarray],
    scalars: Sequence[Any] = (),
    out: np.ndarray | Sequence[np.ndarray] | None = None,
) -> np.ndarray | tuple[np.ndarray, ...]:
    """Compute `program` for these operands.

    Arrays broadcast. 16-bit floats are computed with in float32 and rounded once, at the end.
    Results are C-contiguous, or laid out as the inputs where these are all dense and laid out
    alike. There are no floating-point warnings.

    Args:
        program: what to compute.
        arrays: its operands of kind "array", in order.
        scalars: its operands of kind "scalar": Python numbers.
        out: where to write: an array per output. It may be one of the inputs, or overlap them.

    Returns:
        An array, or a tuple of arrays where the traced function returned a tuple.
    """
    plan = _plan(program, arrays, scalars)
    if out is None and plan.kernels:
        compiled = native.line(plan, arrays, scalars)
        if compiled is not None:
            return compiled[0] if program.single else tuple(compiled)
    with np.errstate(all="ignore"):
        if out is not None:
            return _run_into(program, list(arrays), scalars, out)
        results = _run(plan, list(arrays), scalars, None)
    return results[0] if program.single else tuple(results)


def run_compiled(
    program: Program, arrays: Sequence[np.ndarray], scalars: Sequence[Any]
) -> np.ndarray | tuple[np.ndarray, ...] | None:
    """What `run` gives, for arrays below `SERIAL_SIZE`; None where no kernel is compiled (yet)."""
    plan = _plan(program, arrays, scalars)
    results = native.line(plan, arrays, scalars)
    if results is None:
        return None
    return results[0] if program.single else tuple(results)


def line_runner(program: Program, dtypes: tuple[np.dtype, ...]) -> Callable[..., Any] | None:
    """`program`, compiled for C-contiguous arrays of one shape and these dtypes, or None."""
    if not native.is_available():
        return None
    if all(dtype.kind != "c" for dtype in dtypes):
        program = program.real
    return native.line_runner(Plan(program, dtypes, (), False))


def _plan(
    program: Program,
    arrays: Sequence[np.ndarray],
    scalars: Sequence[Any],
    overlapping: bool = False,
) -> Plan:
    """The plan for these dtypes; with `overlapping` an output may be one of the inputs."""
    # Plans live on the program, so that they go when it goes.
    plans = program.__dict__.setdefault("cpu_plans", {})
    key = (*[a.dtype for a in arrays], *map(type, scalars), overlapping)
    try:
        return plans[key]
    except KeyError:
        dtypes, scalar_types = tuple(a.dtype for a in arrays), tuple(map(type, scalars))
        plan = plans[key] = Plan(program, dtypes, scalar_types, overlapping)
        return plan


def _run_into(
    program: Program, arrays: list[np.ndarray], scalars: Sequence[Any], out: Any
) -> np.ndarray | tuple[np.ndarray, ...]:
    """Write into `out`: directly where it has the result's dtype, else by way of a copy."""
    plan = _plan(program, arrays, scalars)
    if program.single and out.dtype == plan.output_dtypes[0]:
        overlapping = [i for i in program.used_arrays if np.may_share_memory(arrays[i], out)]
        for i in overlapping:
            if not _is_same(arrays[i], out):
                arrays[i] = arrays[i].copy()
        if overlapping:
            plan = _plan(program, arrays, scalars, overlapping=True)
        _run(plan, arrays, scalars, out)
        return out
    targets = (out,) if program.single else tuple(out)
    for target, result in zip(targets, _run(plan, arrays, scalars, None), strict=True):
        np.copyto(target, result, casting="same_kind")
    return out


def _is_same(a: np.ndarray, b: np.ndarray) -> bool:
    return a is b or (
        a.dtype == b.dtype
        and a.shape == b.shape
        and a.strides == b.strides
        and a.__array_interface__["data"] == b.__array_interface__["data"]
    )


def _run(
    plan: Plan, arrays: list[np.ndarray], scalars: Sequence[Any], target: np.ndarray | None
) -> list[np.ndarray]:
    operands = [arrays[i] for i in plan.used]
    shape = _common_shape(operands)
    if target is not None and target.shape != shape:
        raise ValueError(f"out has shape {target.shape}, but the result has shape {shape}")
    order = None  # the axes in memory; None where everything is C-contiguous
    if not all(_is_flat(x, shape) for x in operands) or not _is_flat(target, shape):
        full = [x for x in operands if x.shape == shape]
        if target is not None:
            order = layout.memory_order(target)
        else:
            order = layout.common_order(full) if full else tuple(range(len(shape)))
    if target is not None:
        results = [target]
    else:
        results = [_empty(shape, dtype, order) for dtype in plan.output_dtypes]
    if results[0].size:
        _fill(plan, operands, scalars, results, order)
    return results


def _common_shape(operands: list[np.ndarray]) -> tuple[int, ...]:
    shape = operands[0].shape
    for x in operands:
        if x.shape != shape:
            return np.broadcast_shapes(*(x.shape for x in operands))
    return shape


def _is_flat(x: np.ndarray | None, shape: tuple[int, ...]) -> bool:
    """Whether `x` can be walked as one line: it is whole and C-contiguous, or one element."""
    return x is None or (x.flags.c_contiguous and x.shape == shape) or x.size == 1


def _empty(shape: tuple[int, ...], dtype: np.dtype, order: tuple[int, ...] | None) -> np.ndarray:
    """An array whose axes lie in memory in the order of `order`."""
    if order is None or order == tuple(range(len(shape))):
        return memory.empty(shape, dtype)
    permuted = memory.empty(tuple(shape[axis] for axis in order), dtype)
    return permuted.transpose(np.argsort(order))


def _fill(
    plan: Plan,
    operands: list[np.ndarray],
    scalars: Sequence[Any],
    results: list[np.ndarray],
    order: tuple[int, ...] | None,
) -> None:
    """Lay the operands out for tiling and run the tiles over the threads."""
    if native.is_available() and native.fill(plan, operands, scalars, results, order):
        return
    registers = plan.registers(scalars)
    tiled = []
    views = []
    for i, x in zip(plan.used, operands, strict=True):
        if x.size == 1:
            registers[i] = x.reshape(())
        else:
            tiled.append(i)
            views.append(x)
    views += results
    shape, size = results[0].shape, results[0].size
    if order is None:
        views = [view.reshape(-1) for view in views]
    else:
        views = [np.broadcast_to(v, shape) if v.shape != shape else v for v in views]
        views = layout.coalesce([view.transpose(order) for view in views])
    grain_elements = _GRAIN_NS / plan.cost
    if size >= 2 * grain_elements and get_num_threads() > 1:
        job = _Tiles(plan, registers, tiled, views, _PARALLEL_TILE // plan.words)
        grain = max(1, int(grain_elements * job.items / size))
        parallel_for(job.run, job.items, grain, uses_blas=False)
    elif plan.is_ufunc:
        for i, view in zip(tiled, views, strict=False):
            registers[i] = view
        function, read, _ = plan.steps[0]
        function(*[registers[i] for i in read], out=views[-1])
    else:
        job = _Tiles(plan, registers, tiled, views, _SERIAL_TILE // plan.words)
        job.run(0, job.items)


class _Tiles:
    """The tiles of one run: blocks along one axis, for each index of the axes before it."""

    def __init__(
        self,
        plan: Plan,
        registers: list[Any],
        tiled: list[int],
        views: list[np.ndarray],
        tile: int,
    ) -> None:
        self.plan = plan
        self.registers = registers
        self.inputs = list(zip(tiled, views, strict=False))
        self.outputs = views[len(tiled) :]
        shape = views[0].shape
        axis = 0
        while axis + 1 < len(shape) and prod(shape[axis + 1 :]) > tile:
            axis += 1
        self.outer = shape[:axis]
        self.length = shape[axis]
        self.inner = shape[axis + 1 :]
        self.items = prod(self.outer) * self.length
        self.block = max(1, tile // prod(self.inner))
        # Slots start on cache lines.
        self.slot_size = -(-self.block * prod(self.inner) // 64) * 64
        if plan.is_ufunc:
            self.block = self.length  # without temporaries a tile need not fit a cache

    def run(self, start: int, stop: int) -> None:
        """Compute the items from `start` to `stop`, counted over the outer axes and the axis."""
        width = self.plan.slots.width
        if not width:
            self._run_tiles(start, stop, None)
            return
        with scratch.borrow(width * self.slot_size) as block:
            self._run_tiles(start, stop, block)

    def _run_tiles(self, start: int, stop: int, block: np.ndarray | None) -> None:
        registers = list(self.registers)
        rows = 0
        while start < stop:
            index, low = divmod(start, self.length)
            high = min(low + self.block, self.length, low + stop - start)
            if block is not None and high - low != rows:
                rows = high - low
                self._bind_scratch(registers, block, rows)
            where: Any = slice(low, high)
            if self.outer:
                where = (*np.unravel_index(index, self.outer), where)
            self._run_tile(registers, where)
            start += high - low

    def _bind_scratch(self, registers: list[Any], block: np.ndarray, rows: int) -> None:
        shape = (rows, *self.inner)
        for register, (before, dtype) in self.plan.scratch_of.items():
            registers[register] = np.ndarray(shape, dtype, block, before * self.slot_size)

    def _run_tile(self, registers: list[Any], where: Any) -> None:
        plan = self.plan
        for i, view in self.inputs:
            registers[i] = view[where]
        outputs = [view[where] for view in self.outputs]
        for register, index in plan.output_of.items():
            registers[register] = outputs[index]
        for function, read, target in plan.steps:
            function(*[registers[i] for i in read], out=registers[target])
        for index, register in plan.stored:
            np.copyto(outputs[index], registers[register], casting="unsafe")
