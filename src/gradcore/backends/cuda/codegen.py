"""Pointwise programs as single CUDA kernels.

Every step becomes one line of C on a variable of the step's dtype; float16 and bfloat16 are
computed in float and rounded where they are stored. CuPy wraps the lines in a loop over broadcast
operands (`ElementwiseKernel`); :func:`global_source` wraps them in a plain kernel, so that NVRTC
can check them where there is no GPU.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from ..program import Operand, Program, Step
from .compile import SOURCE, Array

C_NAMES = {
    "bool": "bool", "int8": "signed char", "int16": "short", "int32": "int", "int64": "long long",
    "uint8": "unsigned char", "uint16": "unsigned short", "uint32": "unsigned int",
    "uint64": "unsigned long long", "float16": "float", "bfloat16": "float", "float32": "float",
    "float64": "double", "complex64": "complex<float>", "complex128": "complex<double>",
}  # fmt: skip
_SCALAR_PARAMETERS = {bool: "bool", int: "int64", float: "float64", complex: "complex128"}


class Unsupported(TypeError):
    """A step has no CUDA form for its dtypes: the op's generic body runs instead."""


def _same(names: str) -> dict[str, str]:
    return {name: f"{name}({{0}})" for name in names.split()}


_FLOAT = {
    **_same("acos acosh asin asinh atan atanh cbrt ceil cos cosh erf erfc erfinv exp exp2 expm1"),
    **_same("fabs floor isfinite isinf isnan lgamma log log10 log1p log2 rint signbit sin sinh"),
    **_same("sqrt tan tanh trunc"),
    "arccos": "acos({0})", "arccosh": "acosh({0})", "arcsin": "asin({0})",
    "arcsinh": "asinh({0})", "arctan": "atan({0})", "arctanh": "atanh({0})",
    "absolute": "fabs({0})", "conjugate": "{0}", "positive": "{0}", "negative": "-{0}",
    "real": "{0}", "imag": "({T})0", "logical_not": "{0} == ({T})0", "square": "{0} * {0}",
    "reciprocal": "({T})1 / {0}", "deg2rad": f"{{0}} * ({{T}}){math.pi / 180!r}",
    "rad2deg": f"{{0}} * ({{T}}){180 / math.pi!r}", "sign": "gc_sign({0})",
    "digamma": "gc_digamma({0})", "expit": "gc_expit({0})", "logit": "gc_logit({0})",
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}",
    "arctan2": "atan2({0}, {1})", "copysign": "copysign({0}, {1})", "fmax": "fmax({0}, {1})",
    "fmin": "fmin({0}, {1})", "fmod": "fmod({0}, {1})", "hypot": "hypot({0}, {1})",
    "nextafter": "nextafter({0}, {1})", "power": "pow({0}, {1})", "float_power": "pow({0}, {1})",
    "heaviside": "gc_heaviside({0}, {1})", "logaddexp": "gc_logaddexp({0}, {1})",
    "logaddexp2": "gc_logaddexp2({0}, {1})", "floor_divide": "gc_floor_divide({0}, {1})",
    "remainder": "gc_remainder({0}, {1})", "maximum": "gc_maximum({0}, {1})",
    "minimum": "gc_minimum({0}, {1})", "clip": "gc_clip({0}, {1}, {2})",
}  # fmt: skip
_COMPARE = {
    "equal": "{0} == {1}", "not_equal": "{0} != {1}", "less": "{0} < {1}",
    "less_equal": "{0} <= {1}", "greater": "{0} > {1}", "greater_equal": "{0} >= {1}",
    "logical_and": "({0} != ({T})0) && ({1} != ({T})0)",
    "logical_or": "({0} != ({T})0) || ({1} != ({T})0)",
    "logical_xor": "({0} != ({T})0) != ({1} != ({T})0)",
    "logical_not": "{0} == ({T})0",
}  # fmt: skip
_INTEGER = {
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "negative": "-{0}",
    "positive": "{0}", "conjugate": "{0}", "real": "{0}", "imag": "({T})0", "square": "{0} * {0}",
    "absolute": "{0} < ({T})0 ? -{0} : {0}", "sign": "gc_sign({0})", "invert": "~{0}",
    "floor": "{0}", "ceil": "{0}", "trunc": "{0}", "rint": "{0}",
    "bitwise_and": "{0} & {1}", "bitwise_or": "{0} | {1}", "bitwise_xor": "{0} ^ {1}",
    "left_shift": "gc_left_shift({0}, {1})", "right_shift": "gc_right_shift({0}, {1})",
    "floor_divide": "gc_int_floor_divide({0}, {1})", "remainder": "gc_int_remainder({0}, {1})",
    "fmod": "gc_int_fmod({0}, {1})", "power": "gc_int_power({0}, {1})",
    "gcd": "gc_gcd({0}, {1})", "lcm": "gc_lcm({0}, {1})", "maximum": "gc_maximum({0}, {1})",
    "minimum": "gc_minimum({0}, {1})", "fmax": "gc_maximum({0}, {1})",
    "fmin": "gc_minimum({0}, {1})", "clip": "gc_clip({0}, {1}, {2})",
    "isfinite": "true", "isinf": "false", "isnan": "false", "signbit": "{0} < ({T})0",
}  # fmt: skip
_BOOL = {
    **_INTEGER, "add": "{0} || {1}", "multiply": "{0} && {1}", "square": "{0}", "invert": "!{0}",
    "absolute": "{0}", "maximum": "{0} || {1}", "minimum": "{0} && {1}", "fmax": "{0} || {1}",
    "fmin": "{0} && {1}", "clip": "({0} || {1}) && {2}",
}  # fmt: skip
_COMPLEX = {
    **_same("acos acosh asin asinh atan atanh cos cosh exp log log10 sin sinh sqrt tan tanh"),
    "arccos": "acos({0})", "arccosh": "acosh({0})", "arcsin": "asin({0})",
    "arcsinh": "asinh({0})", "arctan": "atan({0})", "arctanh": "atanh({0})",
    "absolute": "abs({0})", "conjugate": "conj({0})", "positive": "{0}", "negative": "-{0}",
    "real": "{0}.real()", "imag": "{0}.imag()", "square": "{0} * {0}",
    "reciprocal": "{T}(1) / {0}", "add": "{0} + {1}", "subtract": "{0} - {1}",
    "multiply": "{0} * {1}", "divide": "{0} / {1}", "power": "pow({0}, {1})",
    "float_power": "pow({0}, {1})", "expit": "{T}(1) / ({T}(1) + exp(-{0}))",
    "exp2": "exp({0} * {T}(0.6931471805599453))",
    "log2": "log({0}) * {T}(1.4426950408889634)",
    "isnan": "isnan({0}.real()) || isnan({0}.imag())",
    "isinf": "isinf({0}.real()) || isinf({0}.imag())",
    "isfinite": "isfinite({0}.real()) && isfinite({0}.imag())",
    "sign": "abs({0}) == 0 ? {T}(0) : {0} / {T}(abs({0}))",
}  # fmt: skip
_COMPLEX_COMPARE = ("equal", "not_equal", "logical_and", "logical_or", "logical_xor", "logical_not")
_BY_KIND = {"b": _BOOL, "i": _INTEGER, "u": _INTEGER, "c": _COMPLEX}
# The result says nothing about the dtype that these compute in.
_OPERAND_TYPED = frozenset(_COMPARE) | {
    "isfinite", "isinf", "isnan", "signbit", "absolute", "real", "imag",
}  # fmt: skip


def _kind(dtype: np.dtype) -> str:
    # bfloat16 has kind "V" or "f", depending on the version of ml_dtypes.
    return "f" if dtype.name == "bfloat16" else dtype.kind


def _promote(dtypes: Sequence[np.dtype | type]) -> np.dtype:
    """NumPy's common dtype, Python numbers weak; bfloat16 as float16 where there is one."""
    bfloat16 = next((d for d in dtypes if getattr(d, "name", "") == "bfloat16"), None)
    plain = [np.dtype(np.float16) if d is bfloat16 else d for d in dtypes]
    result = np.result_type(*[d if isinstance(d, np.dtype) else d() for d in plain])
    return bfloat16 if isinstance(bfloat16, np.dtype) and result == np.float16 else result


def _cast(text: str, source: np.dtype, target: np.dtype) -> str:
    """``text`` of dtype ``source`` as a C value of ``target``."""
    to = C_NAMES[target.name]
    if source.kind == "c" and target.kind != "c":
        if target.kind == "b":
            return f"({text} != {C_NAMES[source.name]}(0))"
        text = f"{text}.real()"
    if C_NAMES[source.name] == to:
        return text
    if target.kind == "b":
        return f"({text} != 0)"
    return f"{to}({text})" if target.kind == "c" else f"(({to}){text})"


def _literal(value: Any, dtype: np.dtype) -> str:
    """A constant in the C type of ``dtype``."""
    to = C_NAMES[dtype.name]
    if dtype.kind == "c":
        part = np.dtype(np.float32 if dtype == np.complex64 else np.float64)
        z = complex(value)
        return f"{to}({_literal(z.real, part)}, {_literal(z.imag, part)})"
    if dtype.kind in "biu":
        if dtype.kind == "b":
            return "true" if value else "false"
        whole = int(value)
        # The most negative number has no literal of its own type.
        text = f"({whole + 1}LL - 1)" if whole == -(2**63) else f"{whole}LL"
        return f"(({to}){text.replace('LL', 'ULL') if whole > 2**63 - 1 else text})"
    number = float(value.real if isinstance(value, complex) else value)
    if math.isnan(number):
        return f"GC_NAN({to})"
    if math.isinf(number):
        return f"({'-' if number < 0 else ''}GC_INFINITY({to}))"
    return f"(({to}){number!r})"


class _Writer:
    """Turns the steps of one program, for given dtypes, into lines of C."""

    def __init__(
        self, program: Program, dtypes: tuple[np.dtype, ...], scalar_types: tuple[type, ...]
    ) -> None:
        self.program = program
        self.arrays = dtypes
        self.scalars = scalar_types
        self.steps = program.dtypes(dtypes, scalar_types)
        self.outputs = program.output_dtypes(dtypes, scalar_types)
        # Scalars and steps that read only scalars are computed on the host and passed in.
        used = [x for s in program.steps for x in s.operands] + list(program.outputs)
        self.parameters = sorted({(x.kind, x.value) for x in used if self._is_passed(x)})

    def _is_passed(self, operand: Operand) -> bool:
        if operand.kind == "scalar":
            return True
        return operand.kind == "step" and operand.value in self.program.scalar_steps

    def type_of(self, operand: Operand) -> np.dtype | type:
        if operand.kind == "array":
            return self.arrays[operand.value]
        if operand.kind == "scalar":
            return self.scalars[operand.value]
        if operand.kind == "step":
            return self.steps[operand.value]
        value = operand.value
        return value.dtype if isinstance(value, np.generic) else type(value)

    def parameter_type(self, operand: tuple[str, int]) -> str:
        kind = self.type_of(Operand(*operand))
        return kind.name if isinstance(kind, np.dtype) else _SCALAR_PARAMETERS[kind]

    def text(self, operand: Operand, target: np.dtype) -> str:
        """The operand as a C expression of dtype ``target``."""
        if operand.kind == "constant":
            return _literal(operand.value, target)
        kind: Any = self.type_of(operand)
        if operand.kind == "array":
            name = f"x{operand.value}"
            if kind.name in ("float16", "bfloat16"):
                name = f"((float){name})"
            return _cast(name, kind, target)
        passed = (operand.kind, operand.value)
        if passed in self.parameters:
            source = np.dtype(self.parameter_type(passed))
            return _cast(f"s{self.parameters.index(passed)}", source, target)
        return _cast(f"t{operand.value}", np.dtype(kind), target)

    def line(self, position: int, step: Step) -> str:
        result: Any = self.steps[position]
        return f"const {C_NAMES[result.name]} t{position} = {self._expression(step, result)};"

    def _expression(self, step: Step, result: np.dtype) -> str:
        name, operands = step
        if name in ("astype", "full_like"):
            return self._convert(name, operands, result)
        if name == "where":
            condition = self.text(operands[0], np.dtype(bool))
            chosen = [self.text(x, result) for x in operands[1:]]
            return f"{condition} ? {chosen[0]} : {chosen[1]}"
        if name == "ldexp":
            exponent = self.text(operands[1], np.dtype(np.int32))
            return f"ldexp({self.text(operands[0], result)}, {exponent})"
        compute = result
        if name in _OPERAND_TYPED:
            compute = _promote([self.type_of(x) for x in operands])
        form = self._form(name, compute)
        texts = [self.text(x, compute) for x in operands]
        return form.replace("{T}", C_NAMES[compute.name]).format(*texts)

    def _convert(self, name: str, operands: tuple[Operand, ...], result: np.dtype) -> str:
        value = operands[0] if name == "astype" else operands[1]
        text = self.text(value, result)
        if name == "full_like" or result.name not in ("float16", "bfloat16"):
            return text
        # A conversion rounds here; other 16-bit steps only round where they are stored.
        if result not in (*self.arrays, *self.outputs):
            raise Unsupported(f"CuPy includes no header for {result} unless an operand has it")
        return f"((float)({result.name})({text}))"

    @staticmethod
    def _form(name: str, compute: np.dtype) -> str:
        kind = _kind(compute)
        if name in _COMPARE and (kind != "c" or name in _COMPLEX_COMPARE):
            return _COMPARE[name].replace("({T})0", "{T}(0)") if kind == "c" else _COMPARE[name]
        form = _BY_KIND.get(kind, _FLOAT).get(name)
        # nextafter is the one function whose result rounding to 16 bits would not save.
        if form is None or (name == "nextafter" and compute.itemsize == 2):
            raise Unsupported(f"{name} has no CUDA form for {compute}")
        return form

    def body(self) -> list[str]:
        """All lines: the steps, then what is stored to y0, y1 …"""
        lines = [
            self.line(position, step)
            for position, step in enumerate(self.program.steps)
            if position not in self.program.scalar_steps
        ]
        for position, operand in enumerate(self.program.outputs):
            value = self.text(operand, self.outputs[position])
            lines.append(f"y{position} = {value};")
        return lines


def _parameter(dtype_name: str, name: str) -> str:
    # CuPy reads one capital letter as "the dtype of what is passed"; it knows no name "bfloat16".
    return f"{'B' if dtype_name == 'bfloat16' else dtype_name} {name}"


@cache
def _preamble() -> str:
    return (SOURCE / "pointwise.cuh").read_text()


class _Compiled:
    """A program for certain dtypes: CuPy's kernel and what it is called with."""

    def __init__(self, xp: ModuleType, writer: _Writer) -> None:
        self.used = writer.program.used_arrays
        self.parameters = writer.parameters
        self.outputs = writer.outputs
        inputs = [_parameter(writer.arrays[i].name, f"x{i}") for i in self.used]
        inputs += [
            _parameter(writer.parameter_type(p), f"s{i}") for i, p in enumerate(writer.parameters)
        ]
        outputs = [_parameter(d.name, f"y{i}") for i, d in enumerate(writer.outputs)]
        lines = "\n".join(writer.body())
        self.kernel = xp.ElementwiseKernel(
            ", ".join(inputs),
            ", ".join(outputs),
            lines,
            "gradcore_pointwise",
            preamble=_preamble(),
        )


_compiled: dict[tuple[Any, ...], _Compiled] = {}


def run(
    xp: ModuleType,
    program: Program,
    arrays: Sequence[Array],
    scalars: Sequence[Any] = (),
    out: Array | None = None,
) -> Any:
    """Run ``program`` as one kernel over broadcast ``arrays`` on the current device.

    ``out``, for programs of one output, must have the broadcast shape; its dtype may differ.

    Raises:
        Unsupported: a step has no CUDA form for these dtypes.
    """
    dtypes = tuple(array.dtype for array in arrays)
    scalar_types = tuple(map(type, scalars))
    key = (program, dtypes, scalar_types)
    compiled = _compiled.get(key)
    if compiled is None:
        compiled = _compile(xp, program, dtypes, scalar_types)
        _compiled[key] = compiled
    shape = np.broadcast_shapes(*[array.shape for array in arrays])
    results = [xp.empty(shape, dtype) for dtype in compiled.outputs]
    direct = out is not None and out.dtype == compiled.outputs[0]
    if direct:
        results = [out]
    values = _scalar_values(program, scalars, compiled.parameters)
    inputs = [arrays[i] for i in compiled.used]
    # An output's own shape sets the loop, where no input has all the dimensions.
    compiled.kernel(*inputs, *values, *results)
    if out is not None and not direct:
        out[...] = results[0]
        return out
    return results[0] if program.single else tuple(results)


def _compile(
    xp: ModuleType,
    program: Program,
    dtypes: tuple[np.dtype, ...],
    scalar_types: tuple[type, ...],
) -> _Compiled:
    """The kernel of an equal program where one was compiled before."""
    key = (program.key, dtypes, scalar_types)
    if key not in _compiled:
        _compiled[key] = _Compiled(xp, _Writer(program, dtypes, scalar_types))
    return _compiled[key]


def _scalar_values(
    program: Program, scalars: Sequence[Any], parameters: list[tuple[str, int]]
) -> list[Any]:
    if not parameters:
        return []
    steps = program.evaluate_scalars(scalars)
    return [scalars[i] if kind == "scalar" else steps[i] for kind, i in parameters]


def global_source(
    program: Program, dtypes: tuple[np.dtype, ...], scalar_types: tuple[type, ...] = ()
) -> str:
    """The program as a plain kernel over contiguous arrays of one size, for compile checks.

    Complex dtypes need CuPy's own headers and are left out: Unsupported.
    """
    writer = _Writer(program, dtypes, scalar_types)
    found = [*dtypes, *writer.outputs, *(d for d in writer.steps if isinstance(d, np.dtype))]
    if any(d.kind == "c" for d in found):
        raise Unsupported("complex numbers come with CuPy's headers")
    memory = {**C_NAMES, "float16": "__half", "bfloat16": "__nv_bfloat16"}
    used = program.used_arrays
    parameters = [f"const {memory[writer.arrays[i].name]}* x{i}_" for i in used]
    parameters += [
        f"{C_NAMES[writer.parameter_type(p)]} s{i}" for i, p in enumerate(writer.parameters)
    ]
    parameters += [f"{memory[d.name]}* y{i}_" for i, d in enumerate(writer.outputs)]
    loads = [f"const {memory[writer.arrays[i].name]} x{i} = x{i}_[i];" for i in used]
    stores = [f"{memory[d.name]}& y{i} = y{i}_[i];" for i, d in enumerate(writer.outputs)]
    return "\n".join([
        "#include <cuda_fp16.h>",
        "#include <cuda_bf16.h>",
        "typedef __half float16;",
        "typedef __nv_bfloat16 bfloat16;",
        _preamble(),
        f"extern \"C\" __global__ void pointwise({', '.join(parameters)}, long long n) {{",
        "for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n;",
        "     i += (long long)blockDim.x * gridDim.x) {",
        *loads, *stores, *writer.body(), "}", "}",
    ])  # fmt: skip
