"""The CUDA backend: CuPy arrays, loaded when CUDA is first asked for.

Every kernel enters the device of its inputs itself, since CuPy computes on the thread's current
device. Kernels that CuPy lacks are in ``backends/cuda``.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from .determinism import alert_not_deterministic
from .device import device
from .program import Program, trace
from .protocol import Backend
from .registry import register
from .symbolic import TraceError

if TYPE_CHECKING:
    from ..ops.op import Op, Rule

INSTALL = "pip install 'gradcore[cuda12]' or 'gradcore[cuda13]', after the CUDA of your driver"

_backend: CupyBackend | None = None


def load() -> CupyBackend:
    """The CUDA backend; an error that says whether CuPy, a driver or a device is missing."""
    global _backend
    if _backend is not None:
        return _backend
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(f"CUDA was asked for, but CuPy is not installed: {INSTALL}") from error
    try:
        count = cupy.cuda.runtime.getDeviceCount()
    except Exception as error:
        raise RuntimeError(
            "Found no NVIDIA driver on your system. CuPy is installed, but cannot reach a driver "
            f"({error}): install one from https://www.nvidia.com/Download/index.aspx"
        ) from error
    if count == 0:
        raise RuntimeError("No CUDA GPUs are available: CuPy and a driver are, but no device")
    _backend = CupyBackend(cupy, count)
    register(_backend)
    return _backend


def is_available() -> bool:
    """Whether CUDA can be used."""
    try:
        load()
    except RuntimeError:
        return False
    return True


class CupyBackend(Backend):
    device_type = "cuda"

    def __init__(self, cupy: Any, count: int) -> None:
        self.xp = cupy
        self.array_type = cupy.ndarray
        self.count = count
        self.devices = tuple(device("cuda", i) for i in range(count))

    # ------------------------------------------------------------------------- running

    def compile(self, op: Op) -> Callable[..., Any]:
        from .cuda import ATOMIC, OVERRIDES

        if op.pointwise:
            return self._pointwise(op)
        kernel = self._on_device(op.body, OVERRIDES.get(op.name))
        return _alerting(kernel, op.name) if op.name in ATOMIC else kernel

    def compile_rule(self, rule: Rule) -> Callable[..., Any]:
        if rule.op.pointwise:
            return self._pointwise_rule(rule)
        fn = rule.fn

        def kernel(*values: Any) -> Any:
            with self._entered(values):
                return self._as_arrays(fn(*values))

        return kernel

    def _entered(self, values: Any) -> AbstractContextManager:
        """The device of the arrays among ``values``; RuntimeError if they are on several."""
        index = None
        for x in values:
            if isinstance(x, self.array_type):
                if index is None:
                    index = x.device.id
                elif x.device.id != index:
                    self.check_same_device([v for v in values if isinstance(v, self.array_type)])
        return self.xp.cuda.Device(index)

    def _on_device(self, body: Callable, override: Callable | None) -> Callable[..., Any]:
        xp = self.xp

        def kernel(*arrays: Any, **attributes: Any) -> Any:
            with self._entered(arrays):
                result = NotImplemented
                if override is not None:
                    result = override(xp, *arrays, **attributes)
                if result is NotImplemented:
                    result = body(xp, *arrays, **attributes)
                return self._as_arrays(result)

        return kernel

    def _as_arrays(self, result: Any) -> Any:
        if isinstance(result, self.array_type):
            return result
        if isinstance(result, (tuple, list)):
            return tuple(self.xp.asarray(r) for r in result)
        return self.xp.asarray(result) if isinstance(result, np.generic) else result

    def _pointwise(self, op: Op) -> Callable[..., Any]:
        """One ElementwiseKernel per op, traced from its body."""
        plain = self._on_device(op.body, None)
        programs: dict[tuple, Program | None] = {}

        def kernel(*operands: Any, out: Any = None, **attributes: Any) -> Any:
            attributes = op.default_attributes | attributes
            key = (self._kinds(operands), *attributes.items())
            if key not in programs:
                programs[key] = self._trace(op.body, key[0], attributes, True)
            program = programs[key]
            if program is not None:
                result = self._run(program, operands, out)
                if result is not NotImplemented:
                    return result
            result = plain(*operands, **attributes)
            if out is None:
                return result
            with self._entered((out,)):
                out[...] = result
            return out

        return kernel

    def _pointwise_rule(self, rule: Rule) -> Callable[..., Any]:
        fn, names, attribute_names = rule.fn, rule.names, rule.op.attributes
        programs: dict[tuple, Program | None] = {}

        def kernel(*values: Any) -> Any:
            fixed = {n: v for n, v in zip(names, values, strict=True) if n in attribute_names}
            operands = tuple(
                v for n, v in zip(names, values, strict=True) if n not in attribute_names
            )
            if all(isinstance(v, (self.array_type, int, float, complex)) for v in operands):
                key = (self._kinds(operands), *fixed.items())
                if key not in programs:
                    programs[key] = self._trace(fn, key[0], fixed, False)
                program = programs[key]
                if program is not None and not program.is_input:
                    result = self._run(program, operands, None)
                    if result is not NotImplemented:
                        return result
            with self._entered(values):
                return self._as_arrays(fn(*values))

        return kernel

    def _kinds(self, operands: tuple) -> tuple[str, ...]:
        return tuple("array" if isinstance(x, self.array_type) else "scalar" for x in operands)

    @staticmethod
    def _trace(fn: Callable, kinds: tuple, attributes: dict, needs_xp: bool) -> Program | None:
        try:
            return trace(fn, kinds, attributes, needs_xp=needs_xp)
        except TraceError:
            return None

    def _run(self, program: Program, operands: tuple, out: Any) -> Any:
        from .cuda import codegen

        arrays = [x for x in operands if isinstance(x, self.array_type)]
        scalars = [x for x in operands if not isinstance(x, self.array_type)]
        with self._entered(arrays):
            try:
                return codegen.run(self.xp, program, arrays, scalars, out=out)
            except codegen.Unsupported:
                return NotImplemented

    def update(self, name: str, *arguments: Any, **options: Any) -> bool:
        from .cuda import UPDATES

        kernel = UPDATES.get(name)
        if kernel is None:
            return False
        first = next((a for a in arguments if isinstance(a, (list, tuple)) and a), ())
        with self._entered(first):
            return kernel(self.xp, *arguments, **options) is not False

    # ------------------------------------------------------------------------- devices

    def with_index(self, where: device) -> device:
        index = self.xp.cuda.Device().id if where.index is None else where.index
        if index >= self.count:
            raise RuntimeError(
                f"CUDA error: invalid device ordinal: cuda:{index} was asked for, but there "
                f"{'is' if self.count == 1 else 'are'} {self.count} device"
                f"{'' if self.count == 1 else 's'}"
            )
        return self.devices[index]

    def device_of(self, array: Any) -> device:
        return self.devices[array.device.id]

    def on(self, where: device) -> AbstractContextManager:
        return self.xp.cuda.Device(self.with_index(where).index)

    def from_host(self, array: np.ndarray, where: device, non_blocking: bool = False) -> Any:
        with self.on(where):
            result = self.xp.array(array)  # the copy is queued on the current stream
            if not non_blocking:
                self.xp.cuda.get_current_stream().synchronize()
            return result

    def to_host(self, array: Any, non_blocking: bool = False) -> np.ndarray:
        with self._entered((array,)):
            return self.xp.asnumpy(array)

    def copy_between(self, array: Any, where: device) -> Any:
        with self.on(where):
            return self.xp.array(array)

    def pinned(self, array: Any) -> np.ndarray:
        """A copy of a host array in page-locked memory."""
        import cupyx

        out = cupyx.empty_pinned(array.shape, array.dtype)
        out[...] = array
        return out

    # -------------------------------------------------------------- randomness and memory

    def generator(self, where: device) -> Any:
        from .cuda.random import PhiloxStream

        with self.on(where):
            return PhiloxStream(self.xp)

    def random(self, name: str) -> Callable[..., Any]:
        from .cuda import random

        if not hasattr(random, name):
            raise NotImplementedError(
                f"'{name}' has no CUDA implementation: draw on the CPU and move the result"
            )
        return getattr(random, name)

    def data_ptr(self, array: Any) -> int:
        return array.data.ptr

    def may_share_memory(self, a: Any, b: Any) -> bool:
        return bool(self.xp.may_share_memory(a, b))


def _alerting(kernel: Callable[..., Any], name: str) -> Callable[..., Any]:
    """``kernel``, which adds atomically: refused in deterministic mode."""

    def checked(*arrays: Any, **attributes: Any) -> Any:
        if attributes.get("accumulate", True):
            alert_not_deterministic(f"{name}_cuda")
        return kernel(*arrays, **attributes)

    return checked
