"""Compiled CPU kernels, with the extra `fast` (llvmlite); without it NumPy does everything.

`fill` computes a pointwise program with a kernel that is compiled for it: one pass over memory
and no temporaries, on threads that need no GIL. `OVERRIDES` has kernels for whole operations.

Read `values` (LLVM assembly as mathematics), `maths` (exp, log ...) and `loops` (arrays, variables,
loops) first. `lowering` and `elementwise` make loops of programs; `products` has the inner loop of
`conv_lines`, `conv_weights` and `recurrent`, `gemm` calls the BLAS, `row_loops` serves softmax,
norms and attention. `jit` compiles, `object_cache` keeps machine code, `team` runs kernels on
several threads, and `calls` brings all that together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from ctypes import addressof, c_int64
from typing import Any, NamedTuple

import numpy as np

from .. import layout, memory
from ..pointwise_plan import Plan
from ..threads import get_num_threads, is_inside_parallel_for
from . import (
    attention,
    conv,
    elementwise,
    gemm,
    indexing,
    moments,
    norms,
    optim,
    pool,
    recurrent,
    rows,
    sample,
    scans,
    team,
)
from .calls import KERNEL_TYPE, bits_of
from .jit import compile_functions, is_available, is_eager
from .values import Unsupported

__all__ = ["OVERRIDES", "UPDATES", "conv", "fill", "is_available", "is_eager", "line"]

# Op name -> body with the op's signature (xp first), tried before NumPy's; it may return
# NotImplemented to decline.
OVERRIDES: dict[str, Callable[..., Any]] = {
    **attention.OVERRIDES,
    **gemm.OVERRIDES,
    **indexing.OVERRIDES,
    **moments.OVERRIDES,
    **norms.OVERRIDES,
    **pool.OVERRIDES,
    **recurrent.OVERRIDES,
    **rows.OVERRIDES,
    **sample.OVERRIDES,
    **scans.OVERRIDES,
}

# Name -> fused update of many arrays in place, tried before NumPy's; False declines.
UPDATES: dict[str, Callable[..., bool]] = {**optim.UPDATES}

# From here on work is shared with other threads.
_SHARED_FROM_NS = 5e3
# Elements per chunk at least; a multiple of what two cache lines hold.
_CHUNK = 8192


class _Compiled(NamedTuple):
    """A kernel.

    Attributes:
        address: where it begins.
        call: it as a Python function.
        arguments: the type of what it reads its arguments from.
        scalars: registers of the plan that hold the numbers it takes.
    """

    address: int
    call: Any
    arguments: Any
    scalars: tuple[int, ...]


def line(
    plan: Plan, arrays: Sequence[np.ndarray], scalars: Sequence[Any]
) -> list[np.ndarray] | None:
    """Compute `plan` with a compiled kernel where the arrays are whole lines or single elements.

    The short way to what `fill` does, for the operands that nearly every call has.

    Returns:
        The results; None where there is no such kernel.
    """
    operands = arrays if len(plan.used) == len(arrays) else [arrays[i] for i in plan.used]
    shape = operands[0].shape
    steps = []
    for x in operands:
        if x.shape == shape and x.flags.c_contiguous:
            steps.append("unit")
        else:
            return None
    steps += plan.line_outputs
    key = (0, *steps)
    kernel = plan.kernels.get(key)
    if kernel is None:
        if key in plan.kernels:
            return None
        views = [*operands, *(np.empty(0, dtype) for dtype in plan.output_dtypes)]
        kernel = plan.kernels[key] = _compile(plan, views, 0, steps)
        if kernel is None:
            return None
    results = [memory.empty(shape, dtype) for dtype in plan.output_dtypes]
    done = _start(kernel, plan, [*operands, *results], scalars, [], results[0].size)
    return results if done else None


def line_runner(plan: Plan) -> Callable[..., Any] | None:
    """A function of C-contiguous arrays of one shape that computes `plan`, the shortest way.

    It returns an array (a tuple where there are several results), or None for values that the
    kernel refuses. None where there is no kernel, or one that takes more than arrays.
    """
    views = [np.empty(0, dtype) for dtype in (*plan.dtypes, *plan.output_dtypes)]
    if len(plan.used) != len(plan.dtypes) or plan.scalar_types:
        return None
    kernel = _compile(plan, views, 0, ["unit"] * len(views))
    if kernel is None or kernel.scalars:
        return None
    call, new_arguments, address = kernel.call, kernel.arguments, kernel.address
    dtypes, nanoseconds, empty = plan.output_dtypes, plan.cost / 2, memory.empty
    single = plan.program.single

    def run(*operands: np.ndarray) -> Any:
        first = operands[0]
        size = first.size
        results = [empty(first.shape, dtype) for dtype in dtypes]
        arguments = new_arguments(*map(id, operands), *map(id, results), 0)
        if size * nanoseconds > _SHARED_FROM_NS:
            _share(address, call, addressof(arguments), size, size * nanoseconds)
        else:
            call(addressof(arguments), 0, size, 0)
        if arguments[-1]:
            return None
        return results[0] if single else tuple(results)

    return run


def fill(
    plan: Plan,
    operands: Sequence[np.ndarray],
    scalars: Sequence[Any],
    results: Sequence[np.ndarray],
    order: tuple[int, ...] | None,
) -> bool:
    """Compute `plan` into `results` with a compiled kernel.

    Args:
        plan: what to compute.
        operands: the arrays that it uses; they broadcast to the shape of the results.
        scalars: Python numbers.
        results: where to write.
        order: the axes in memory, or None where all arrays are whole lines or single elements.

    Returns:
        Whether it was done; not where there is no such kernel.
    """
    size = results[0].size
    views, words = _laid_out(operands, results, order)
    if words:
        ndim, steps = views[0].ndim, [elementwise.step_of(x) for x in views]
    else:
        ndim, steps = 0, ["unit" if x.size == size else "none" for x in views]
    key = (ndim, *steps)
    try:
        kernel = plan.kernels[key]
    except KeyError:
        kernel = plan.kernels[key] = _compile(plan, views, ndim, steps)
    if kernel is None:
        return False
    return _start(kernel, plan, views, scalars, words, size)


def _start(
    kernel: _Compiled,
    plan: Plan,
    views: Sequence[np.ndarray],
    scalars: Sequence[Any],
    words: list[int],
    size: int,
) -> bool:
    """Run a kernel over `size` elements; the addresses of `views` are its first arguments.

    Returns:
        Whether the results are right; not where it met values that it refuses.
    """
    numbers: list[int] = []
    if kernel.scalars:
        registers = plan.registers(scalars)
        numbers = [bits_of(registers[i]) for i in kernel.scalars]
    arguments = kernel.arguments(*map(id, views), *numbers, *words, 0)
    nanoseconds = size * plan.cost / 2
    _share(kernel.address, kernel.call, addressof(arguments), size, nanoseconds)
    return not arguments[-1]


def _share(address: int, call: Any, arguments: int, size: int, nanoseconds: float) -> None:
    """Run a kernel over `size` elements, on several threads if it takes long enough."""
    threads = get_num_threads()
    if nanoseconds > _SHARED_FROM_NS and threads > 1 and not is_inside_parallel_for():
        chunk = max(_CHUNK, size // (8 * threads * _CHUNK) * _CHUNK)
        if team.run(address, arguments, size, chunk, nanoseconds):
            return
    call(arguments, 0, size, 0)


def _laid_out(
    operands: Sequence[np.ndarray], results: Sequence[np.ndarray], order: tuple[int, ...] | None
) -> tuple[list[np.ndarray], list[int]]:
    """The arrays as a kernel walks them, and their lengths and strides unless it is one line."""
    views = [*operands, *results]
    if not order:
        return views, []
    shape = results[0].shape
    views = [np.broadcast_to(v, shape) if v.shape != shape else v for v in views]
    views = layout.coalesce([view.transpose(order) for view in views])
    return views, elementwise.geometry(views)


def _compile(
    plan: Plan, views: list[np.ndarray], ndim: int, steps: Sequence[str]
) -> _Compiled | None:
    """A kernel for arrays that are stepped through like this; None where there cannot be one."""
    operands = [elementwise.Operand(x.dtype, s) for x, s in zip(views, steps, strict=True)]
    inputs = len(plan.used)
    form = elementwise.Layout(
        tuple(zip(plan.used, operands[:inputs], strict=True)), tuple(operands[inputs:]), ndim
    )
    try:
        text, may_refuse = elementwise.assembly(plan, form)
    except Unsupported:
        return None
    if may_refuse and plan.overlapping:
        return None  # what NumPy would need may be overwritten then
    (address,) = compile_functions(text, "kernel")
    scalars = tuple(register for register, _ in elementwise.runtime_scalars(plan))
    words = ndim * (len(views) + 1)
    arguments = c_int64 * (len(views) + len(scalars) + words + 1)
    return _Compiled(address, KERNEL_TYPE(address), arguments, scalars)
