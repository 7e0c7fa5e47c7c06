"""User kernels of the fake: the same CUDA source, compiled for the CPU by `tests/cuda_shim`."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import cuda_shim

from . import state
from .arrays import SCALARS, _make, ndarray, unwrap
from .ufuncs import BFLOAT16

C_TYPES = {
    "bool": "bool", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
    "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "unsigned int",
    "uint64": "unsigned long long", "float16": "float16", "bfloat16": "bfloat16",
    "float32": "float", "float64": "double", "complex64": "complex<float>",
    "complex128": "complex<double>",
}  # fmt: skip


class RawKernel:
    """A `__global__` function of CUDA source."""

    def __init__(self, code: str, name: str, options: Sequence[str] = (), backend: str = "nvrtc",
                 *, translate_cucomplex: bool = False, enable_cooperative_groups: bool = False,
                 jitify: bool = False) -> None:  # fmt: skip
        self.code, self.name, self.options = code, name, tuple(options)
        self._kernel: cuda_shim.Kernel | None = None

    def __call__(self, grid: Sequence[int], block: Sequence[int], args: Sequence[Any], *,
                 shared_mem: int = 0) -> None:  # fmt: skip
        if shared_mem:
            raise NotImplementedError("dynamic shared memory is not modelled")
        if self._kernel is None:
            self._kernel = cuda_shim.load(self.code, None, self.options)[self.name]
        device = state.thread.device
        self._kernel(grid, block, [unwrap(arg, device) for arg in args])


class RawModule:
    """CUDA source with several kernels."""

    def __init__(self, *, code: str | None = None, path: str | None = None,
                 options: Sequence[str] = (), backend: str = "nvrtc",
                 translate_cucomplex: bool = False, enable_cooperative_groups: bool = False,
                 name_expressions: Sequence[str] | None = None,
                 jitify: bool = False) -> None:  # fmt: skip
        if code is None or path is not None:
            raise NotImplementedError("only RawModule(code=...) is modelled")
        self.code, self.options = code, tuple(options)
        self.name_expressions = name_expressions
        self._kernels: dict[str, cuda_shim.Kernel] | None = None

    def compile(self, log_stream: Any = None) -> None:
        if self._kernels is None:
            self._kernels = cuda_shim.load(self.code, self.name_expressions, self.options)

    def get_function(self, name: str) -> RawKernel:
        self.compile()
        if name not in self._kernels:
            raise RuntimeError(f"CUDA_ERROR_NOT_FOUND: named symbol not found: {name}")
        kernel = RawKernel(self.code, name, self.options)
        kernel._kernel = self._kernels[name]
        return kernel


@dataclass(frozen=True)
class Parameter:
    """One declared parameter of an elementwise or reduction kernel."""

    type: str
    name: str
    raw: bool

    @property
    def generic(self) -> bool:
        return re.fullmatch(r"[A-Z]\w*", self.type) is not None


def _parameters(text: str) -> list[Parameter]:
    result = []
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        *qualifiers, type_name, name = part.split()
        if set(qualifiers) - {"raw", "const"}:
            raise ValueError(f"unknown qualifier in {part!r}")
        result.append(Parameter(type_name, name, "raw" in qualifiers))
    return result


def _dtype(name: str) -> np.dtype:
    return BFLOAT16 if name == "bfloat16" and BFLOAT16 is not None else np.dtype(name)


def _bind(parameters: list[Parameter], args: Sequence[Any]) -> dict[str, np.dtype]:
    """The dtype of every parameter type, from the arrays first and then from the scalars."""
    bound: dict[str, np.dtype] = {}
    for strong in (True, False):
        for parameter, arg in zip(parameters, args, strict=True):
            if isinstance(arg, np.ndarray) is not strong:
                continue
            if not parameter.generic:
                bound[parameter.type] = _dtype(parameter.type)
            known = bound.get(parameter.type)
            if strong and known is not None and known != arg.dtype:
                raise TypeError(
                    f"Type is mismatched. {parameter.name} {arg.dtype} {known} {parameter.type}"
                )
            if known is None:
                bound[parameter.type] = np.asarray(arg).dtype
    return bound


def _typedefs(bound: dict[str, np.dtype]) -> str:
    names = {name: C_TYPES[dtype.name] for name, dtype in bound.items()}
    generic = [f"typedef {c} {name};" for name, c in names.items() if re.match(r"[A-Z]", name)]
    return "\n".join(generic)


def _declare(parameter: Parameter, position: int, bound: dict, const: bool, at: str) -> str:
    c_type = C_TYPES[bound[parameter.type].name]
    qualifier = "const " if const else ""
    pointer = f"(({qualifier}{c_type}*)args[{position}])"
    if parameter.raw:
        return f"{qualifier}{c_type}* {parameter.name} = {pointer};"
    return f"{qualifier}{c_type}& {parameter.name} = {pointer}[{at}];"


class _Kernel:
    """What elementwise and reduction kernels share: parameters, allocation, the call."""

    def __init__(self, in_params: str, out_params: str, name: str, preamble: str) -> None:
        self.inputs, self.outputs = _parameters(in_params), _parameters(out_params)
        self.name, self.preamble = name, preamble
        self._libraries: dict[tuple, Any] = {}

    def _arguments(self, args: Sequence[Any]) -> tuple[list, list]:
        if len(args) not in (len(self.inputs), len(self.inputs) + len(self.outputs)):
            raise TypeError(f"Wrong number of arguments for {self.name}: {len(args)}")
        device = state.thread.device
        plain = []
        for arg in args:
            if not isinstance(arg, (ndarray, *SCALARS)):
                raise TypeError(f"Unsupported type {type(arg)}")
            plain.append(unwrap(arg, device))
        return plain[: len(self.inputs)], plain[len(self.inputs) :]

    def _library(self, bound: dict[str, np.dtype]) -> Any:
        key = tuple(sorted((name, dtype.name) for name, dtype in bound.items()))
        if key not in self._libraries:
            source = "\n".join([_typedefs(bound), self.preamble, self._source(bound)])
            self._libraries[key] = cuda_shim.build(source).shim_loop
        return self._libraries[key]

    def _source(self, bound: dict[str, np.dtype]) -> str:
        raise NotImplementedError


def _pointers(buffers: Sequence[np.ndarray]) -> Any:
    return (ctypes.c_void_p * len(buffers))(*[b.__array_interface__["data"][0] for b in buffers])


class ElementwiseKernel(_Kernel):
    """A loop body over broadcast operands."""

    def __init__(self, in_params: str, out_params: str, operation: str, name: str = "kernel",
                 reduce_dims: bool = True, preamble: str = "", no_return: bool = False,
                 return_tuple: bool = False, loop_prep: str = "", after_loop: str = "",
                 options: Sequence[str] = ()) -> None:  # fmt: skip
        super().__init__(in_params, out_params, name, preamble)
        self.operation, self.no_return, self.return_tuple = operation, no_return, return_tuple
        self.loop_prep, self.after_loop = loop_prep, after_loop

    def _source(self, bound: dict[str, np.dtype]) -> str:
        lines = [
            _declare(p, i, bound, i < len(self.inputs), "i")
            for i, p in enumerate([*self.inputs, *self.outputs])
        ]
        raw = [line for line in lines if "& " not in line.split("=")[0]]
        each = [line for line in lines if line not in raw]
        return (
            'extern "C" void shim_loop(long long n, void** args) {\n'
            + "\n".join([*raw, self.loop_prep])
            + ";\nfor (ptrdiff_t i = 0; i < n; i++) {\n"
            + "\n".join([*each, self.operation])
            + ";\n}\n" + self.after_loop + ";\n}\n"
        )  # fmt: skip

    def __call__(self, *args: Any, size: int | None = None, block_size: int = 128,
                 stream: Any = None) -> Any:  # fmt: skip
        plain, outs = self._arguments(args)
        bound = _bind([*self.inputs, *self.outputs][: len(args)], [*plain, *outs])
        for parameter in self.outputs:
            if parameter.type not in bound:
                if parameter.generic:
                    raise ValueError(f"cannot determine the type of output {parameter.name}")
                bound[parameter.type] = _dtype(parameter.type)
        shape = self._shape(plain, outs, size)
        if not outs:
            outs = [np.empty(shape, bound[p.type]) for p in self.outputs]
        ins = [
            np.ascontiguousarray(value, bound[p.type]) if p.raw
            else np.ascontiguousarray(np.broadcast_to(np.asarray(value, bound[p.type]), shape))
            for p, value in zip(self.inputs, plain, strict=True)
        ]  # fmt: skip
        for parameter, out in zip(self.outputs, outs, strict=True):
            if not parameter.raw and out.shape != shape:
                raise ValueError(f"Out shape is mismatched: {out.shape} and {shape}")
        # Outputs start from what they hold: a kernel may leave elements alone.
        buffers = [np.array(out, order="C") for out in outs]
        count = int(np.prod(shape)) if size is None else size
        if count:
            function = self._library(bound)
            function(ctypes.c_longlong(count), _pointers([*ins, *buffers]))
        for out, buffer in zip(outs, buffers, strict=True):
            out[...] = buffer
        return self._result(args, outs)

    def _shape(self, plain: list, outs: list, size: int | None) -> tuple[int, ...]:
        pairs = zip([*self.inputs, *self.outputs], [*plain, *outs], strict=False)
        shapes = [np.shape(value) for p, value in pairs if not p.raw and np.ndim(value) >= 0]
        given = [p for p in (*self.inputs, *self.outputs) if not p.raw]
        if size is not None:
            if any(shape for shape in shapes):
                raise ValueError("Specified size can be used only if all of the ndarray are raw.")
            return (size,)
        if not given:
            raise ValueError("Loop size is undecided.")
        return np.broadcast_shapes(*shapes)

    def _result(self, args: Sequence[Any], outs: list) -> Any:
        if self.no_return:
            return None
        if len(args) > len(self.inputs):
            results = list(args[len(self.inputs) :])
        else:
            results = [_make(out, state.thread.device) for out in outs]
        return tuple(results) if self.return_tuple or len(results) != 1 else results[0]


class ReductionKernel(_Kernel):
    """map, combine and finish expressions over some axes."""

    def __init__(self, in_params: str, out_params: str, map_expr: str, reduce_expr: str,
                 post_map_expr: str, identity: str | None, name: str = "reduce_kernel",
                 reduce_type: str | None = None, reduce_dims: bool = True, preamble: str = "",
                 options: Sequence[str] = ()) -> None:  # fmt: skip
        super().__init__(in_params, out_params, name, preamble)
        if identity is None:
            raise NotImplementedError("ReductionKernel without identity is not modelled")
        self.map_expr, self.reduce_expr = map_expr, reduce_expr
        self.post_map_expr, self.identity = post_map_expr, identity
        self.reduce_type = reduce_type

    def _source(self, bound: dict[str, np.dtype]) -> str:
        n_in = len(self.inputs)
        each = [_declare(p, i, bound, True, "i * m + j") for i, p in enumerate(self.inputs)]
        finish = [_declare(p, n_in + i, bound, False, "i") for i, p in enumerate(self.outputs)]
        accumulator = self.reduce_type or C_TYPES[bound[self.outputs[0].type].name]
        return (
            f"typedef {accumulator} type_reduce;\n"
            'extern "C" void shim_loop(long long n, long long m, void** args) {\n'
            "for (ptrdiff_t i = 0; i < n; i++) {\n"
            f"type_reduce total = type_reduce({self.identity});\n"
            "for (ptrdiff_t j = 0; j < m; j++) {\n" + "\n".join(each) + "\n"
            f"type_reduce a = total, b = {self.map_expr}; total = {self.reduce_expr}; }}\n"
            "type_reduce a = total;\n" + "\n".join(finish) + f"\n{self.post_map_expr}; }}\n}}\n"
        )

    def __call__(self, *args: Any, out: Any = None, axis: Any = None, keepdims: bool = False,
                 stream: Any = None) -> Any:  # fmt: skip
        plain, outs = self._arguments(args if out is None else (*args, out))
        bound = _bind([*self.inputs, *self.outputs][: len(plain) + len(outs)], [*plain, *outs])
        for parameter in self.outputs:
            bound.setdefault(parameter.type, _dtype(parameter.type))
        shape = np.broadcast_shapes(*[np.shape(value) for value in plain])
        axes = tuple(range(len(shape))) if axis is None else axis
        axes = tuple(a % len(shape) for a in ((axes,) if isinstance(axes, int) else axes))
        kept = [a for a in range(len(shape)) if a not in axes]
        inner = int(np.prod([shape[a] for a in axes]))
        ins = [
            np.ascontiguousarray(np.broadcast_to(v, shape).transpose(*kept, *axes), bound[p.type])
            for p, v in zip(self.inputs, plain, strict=True)
        ]
        result_shape = tuple(
            (1 if a in axes else n) for a, n in enumerate(shape) if keepdims or a not in axes
        )
        buffers = [np.empty(result_shape, bound[p.type]) for p in self.outputs]
        count = int(np.prod(result_shape))
        self._library(bound)(
            ctypes.c_longlong(count), ctypes.c_longlong(inner), _pointers([*ins, *buffers])
        )
        if outs:
            outs[0][...] = buffers[0]
            return out if out is not None else args[len(self.inputs)]
        results = tuple(_make(buffer, state.thread.device) for buffer in buffers)
        return results[0] if len(results) == 1 else results


PUBLIC = {
    "ElementwiseKernel": ElementwiseKernel,
    "RawKernel": RawKernel,
    "RawModule": RawModule,
    "ReductionKernel": ReductionKernel,
}
