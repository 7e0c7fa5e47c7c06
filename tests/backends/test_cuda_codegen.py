"""Pointwise programs as CUDA source, run on the CPU shim, against the instructions in NumPy."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

import cuda_shim
import fakecupy
from cuda_shim import nvrtc_check
from gradcore.backends.cuda import codegen
from gradcore.backends.instructions import INSTRUCTIONS
from gradcore.backends.program import trace

ml_dtypes = pytest.importorskip("ml_dtypes")
BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
needs_compiler = pytest.mark.skipif(not cuda_shim.have_compiler(), reason="g++ runs the kernels")
DTYPES = ["bool", "int8", "int32", "int64", "uint8", "float16", "float32", "float64", BFLOAT16,
          "complex64", "complex128"]  # fmt: skip
# These take operands of other dtypes, or have tests of their own.
SPECIAL = {"astype", "full_like", "where", "ldexp"}
TOLERANCE = {"float32": 4e-6, "float64": 1e-12, "float16": 2e-3, "bfloat16": 2e-2,
             "complex64": 1e-5, "complex128": 1e-12}  # fmt: skip


@pytest.fixture
def cp():
    return fakecupy.install(2)


def values(dtype, seed=0):
    """Ordinary and extreme values of a dtype."""
    dtype = np.dtype(dtype)
    rng = np.random.default_rng(seed)
    if dtype.kind == "b":
        return rng.integers(0, 2, 64).astype(bool)
    if dtype.kind in "iu":
        low = 0 if dtype.kind == "u" else -9
        return rng.integers(low, 10, 64).astype(dtype)
    x = rng.uniform(-3, 3, 64)
    x[:32] = rng.uniform(0.05, 0.95, 32)
    x[-9:] = [0, -0.0, 1, -1, 2.5, -2.5, np.inf, -np.inf, np.nan]
    if dtype.kind == "c":
        return (x[:32] + 1j * rng.uniform(-2, 2, 32)).astype(dtype)
    return rng.permutation(x).astype(dtype)


def close(got, want, tolerance, what):
    want = np.asarray(want)
    if want.dtype.kind in "biu":
        np.testing.assert_array_equal(got, want, what)
        return
    wide = np.complex128 if want.dtype.kind == "c" else np.float64
    np.testing.assert_allclose(
        got.astype(wide), want.astype(wide), tolerance, tolerance, err_msg=what
    )


def supported(name, dtype):
    """Whether the instruction exists for operands of one dtype, in NumPy and in CUDA."""
    program = trace(lambda xp, *xs: apply(name, xs), ("array",) * INSTRUCTIONS[name].arity)
    try:
        codegen._Writer(program, (dtype,) * program.array_count, ()).body()
    except (TypeError, ValueError):
        return False
    return True


def apply(name, operands):
    from gradcore.backends.symbolic import apply as record

    return record(name, *operands)


def bundle(dtype):
    """One program with every instruction that `dtype` has as an output, and their names."""
    names = [name for name in INSTRUCTIONS if name not in SPECIAL and supported(name, dtype)]

    def everything(xp, x, y, z):
        return tuple(apply(n, (x, y, z)[: INSTRUCTIONS[n].arity]) for n in names)

    return trace(everything, ("array",) * 3), names


def computed_in(name, dtype):
    """16-bit floats are computed in float32."""
    return np.dtype(np.float32) if dtype.itemsize == 2 and dtype.kind not in "iu" else dtype


@needs_compiler
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
def test_every_instruction(cp, dtype):
    dtype = np.dtype(dtype)
    program, names = bundle(dtype)
    operands = [values(dtype, seed) for seed in range(3)]
    if dtype.kind == "i":
        operands[1] = np.abs(operands[1])  # negative exponents are an error in NumPy
    got = codegen.run(cp, program, [cp.asarray(x) for x in operands])
    tolerance = TOLERANCE.get(dtype.name, 1e-6)
    for name, result in zip(names, got, strict=True):
        instruction = INSTRUCTIONS[name]
        arrays = [x.astype(computed_in(name, dtype)) for x in operands[: instruction.arity]]
        with np.errstate(all="ignore"):
            want = np.asarray(instruction.function(*arrays))
            if name == "lgamma" and dtype.kind != "b":
                want = np.where(np.isneginf(arrays[0]), np.inf, want)  # as C and PyTorch have it
            expected = program.output_dtypes((dtype,) * 3)[names.index(name)]
            want = want.astype(expected)
        if dtype != BFLOAT16:
            with np.errstate(all="ignore"):
                plain = np.asarray(instruction.function(*operands[: instruction.arity]))
            assert result.dtype == plain.dtype, name
        loose = 1e-3 if name in ("erfinv", "digamma", "lgamma") and tolerance < 1e-3 else tolerance
        close(result.get(), want, max(loose if dtype != np.float64 else 1e-9, tolerance), name)


def test_float32_has_every_instruction_but_the_bitwise():
    missing = {name for name in INSTRUCTIONS if name not in SPECIAL} - set(
        bundle(np.dtype(np.float32))[1]
    )
    missing -= {"bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "invert", "lcm", "left_shift"}
    assert missing == {"right_shift"}


@needs_compiler
def test_conversions_and_choices(cp):
    def body(xp, x, n, s):
        chosen = xp.where(x > s, x, n)
        return (
            chosen, xp.full_like(x, 2.5), x.astype(np.int32), (x * 3).astype(np.bool_),
            xp.ldexp(x, n), xp.where(n, 1.0, x), x.astype(np.complex64) * 2j, n + 1, x - 1.5,
            (s * 2) * x,
        )  # fmt: skip

    program = trace(body, ("array", "array", "scalar"))
    x = np.random.default_rng(0).uniform(-2, 2, (3, 4)).astype(np.float32)
    n = np.array([0, 1, 2, 3], np.int32)
    got = codegen.run(cp, program, [cp.asarray(x), cp.asarray(n)], [0.25])
    want = (
        np.where(x > 0.25, x, n), np.full_like(x, 2.5), x.astype(np.int32), x * 3 != 0,
        np.ldexp(x, n), np.where(n, np.float32(1), x), x * np.complex64(2j), n + 1,
        x - np.float32(1.5), np.float32(0.5) * x,
    )  # fmt: skip
    for i, (a, b) in enumerate(zip(got, want, strict=True)):
        assert a.shape == (3, 4)
        close(a.get(), np.broadcast_to(b, (3, 4)), 1e-6, str(i))


@needs_compiler
def test_nan_wins_and_integers_keep_numpys_rules(cp):
    program = trace(lambda xp, x, y: (xp.maximum(x, y), xp.minimum(x, y)), ("array",) * 2)
    x = np.array([np.nan, 1, np.nan, 2], np.float32)
    y = np.array([1, np.nan, np.nan, 3], np.float32)
    high, low = codegen.run(cp, program, [cp.asarray(x), cp.asarray(y)])
    np.testing.assert_array_equal(high.get(), np.maximum(x, y))
    np.testing.assert_array_equal(low.get(), np.minimum(x, y))
    program = trace(lambda xp, x, y: (x // y, x % y, x << y, x >> y), ("array",) * 2)
    x = np.array([7, -7, 5, -128, -1], np.int8)
    y = np.array([-2, 2, 0, -1, 9], np.int8)
    with np.errstate(all="ignore"):
        want = (x // y, x % y, x << y, x >> y)
    for a, b in zip(codegen.run(cp, program, [cp.asarray(x), cp.asarray(y)]), want, strict=True):
        np.testing.assert_array_equal(a.get(), b)


@needs_compiler
def test_one_kernel_per_program_and_dtypes(cp, monkeypatch):
    built = []
    real = cp.ElementwiseKernel
    monkeypatch.setattr(cp, "ElementwiseKernel", lambda *a, **k: built.append(a) or real(*a, **k))
    program = trace(lambda xp, x, y: xp.tanh(x) * y + 0.125, ("array",) * 2)
    same = trace(lambda xp, x, y: xp.tanh(x) * y + 0.125, ("array",) * 2)
    a = cp.asarray(np.ones((2, 1), np.float32))
    b = cp.asarray(np.ones((1, 3), np.float32))
    for p in (program, program, same):
        assert codegen.run(cp, p, [a, b]).shape == (2, 3)
    assert len(built) == 1
    codegen.run(cp, program, [a.astype("float64"), b])
    assert len(built) == 2


@needs_compiler
def test_out_and_views(cp):
    program = trace(lambda xp, x, y: x * y, ("array",) * 2)
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    left, right = cp.asarray(x).T[::2], cp.asarray(x[:, 0])
    out = cp.zeros((2, 3), "float32")
    assert codegen.run(cp, program, [left, right], out=out) is out
    np.testing.assert_array_equal(out.get(), x.T[::2] * x[:, 0])
    wide = cp.zeros((2, 3), "float64")
    assert codegen.run(cp, program, [left, right], out=wide) is wide
    np.testing.assert_array_equal(wide.get(), x.T[::2] * x[:, 0])
    in_place = left
    codegen.run(cp, program, [in_place, right], out=in_place)
    np.testing.assert_array_equal(in_place.get(), x.T[::2] * x[:, 0])
    assert codegen.run(cp, program, [cp.empty((0, 3), "float32"), right]).shape == (0, 3)


def test_unsupported_steps_say_so(cp):
    program = trace(lambda xp, x, y: xp.less(x, y), ("array",) * 2)
    z = cp.ones(3, "complex64")
    with pytest.raises(codegen.Unsupported, match="less has no CUDA form for complex64"):
        codegen.run(cp, program, [z, z])


@pytest.mark.parametrize("dtype", [d for d in DTYPES if "complex" not in str(d)], ids=str)
def test_programs_compile_for_hopper(dtype):
    nvrtc_check.require()
    program, _ = bundle(np.dtype(dtype))
    try:
        source = codegen.global_source(program, (np.dtype(dtype),) * 3)
    except codegen.Unsupported as reason:
        pytest.skip(str(reason))
    assert nvrtc_check.compile_cubin(source)[:4] == b"\x7fELF"


REAL_CUPY = """
import sys
import cupy, ml_dtypes, numpy as np
if not hasattr(cupy._core._kernel, "_get_elementwise_kernel_code"):
    sys.exit("this CuPy keeps its source to itself")
from cuda_shim.cupy_source import compile_elementwise
from gradcore.backends.cuda import codegen
import test_cuda_codegen as tests

for name in tests.DTYPES:
    dtype = np.dtype(name)
    program, _ = tests.bundle(dtype)
    writer = codegen._Writer(program, (dtype,) * 3, ())
    kernel = codegen._Compiled(cupy, writer).kernel
    cubin = compile_elementwise(
        cupy, kernel, (*(dtype,) * len(program.used_arrays), *writer.outputs), ml_dtypes.bfloat16
    )
    assert cubin[:4] == b"\\x7fELF", name
print("compiled")
"""


def test_programs_compile_for_hopper_inside_cupys_own_loop():
    """The whole source that real CuPy would build, complex numbers and 16-bit classes included."""
    nvrtc_check.require()
    if subprocess.run([sys.executable, "-c", "import cupy"], capture_output=True).returncode:
        pytest.skip("CuPy is not installed")
    paths = [str(Path(__file__).parents[1]), str(Path(__file__).parent), *sys.path]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))}
    done = subprocess.run(
        [sys.executable, "-c", REAL_CUPY], capture_output=True, text=True, env=environment
    )
    if "keeps its source" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.stdout.strip() == "compiled", done.stderr[-3000:]
