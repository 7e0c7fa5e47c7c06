"""Compiled kernels against NumPy: functions, layouts, dtypes, threads, and when there are none.

``GRADCORE_FAST=always pytest tests/test_ops.py`` runs the whole op table through them.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from gradcore.backends.cpu import native, pointwise, threads
from gradcore.backends.cpu.native import object_cache
from gradcore.backends.program import trace
from gradcore.backends.special import special

pytestmark = pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed")


def both(body, *arrays, scalars=()):
    """What the compiled kernel gives, and what NumPy gives."""
    kinds = ("array",) * len(arrays) + ("scalar",) * len(scalars)
    program = trace(body, kinds)
    compiled = pointwise.run(program, arrays, scalars)
    (plan,) = program.cpu_plans.values()
    assert any(plan.kernels.values()), "no kernel was compiled"
    with np.errstate(all="ignore"):
        return compiled, body(np, *arrays, *scalars)


def errors_in_ulp(found, exact):
    """The distance to float64 numbers, in units of the last place of float32."""
    finite = np.isfinite(exact)
    np.testing.assert_array_equal(found[~finite], exact[~finite].astype(np.float32))
    spacing = np.spacing(np.abs(exact[finite]).astype(np.float32)).astype(np.float64)
    return np.abs(found[finite] - exact[finite]) / np.maximum(spacing, 1e-38)


FUNCTIONS = {
    "exp": (np.exp, -86, 88.7, 1.5),
    "exp2": (np.exp2, -124, 127.9, 2),
    "expm1": (np.expm1, -30, 88.7, 2),
    "log": (np.log, 1e-38, 1e38, 2),
    "log2": (np.log2, 1e-38, 1e38, 3),
    "log10": (np.log10, 1e-38, 1e38, 3.5),
    "log1p": (np.log1p, -0.999, 1e38, 3),
    "tanh": (np.tanh, -12, 12, 4.5),
    "sqrt": (np.sqrt, 0, 1e38, 0.51),
    "sin": (np.sin, -1e5, 1e5, 1.5),
    "cos": (np.cos, -1e5, 1e5, 1.5),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_accurate(name):
    reference, low, high, bound = FUNCTIONS[name]
    rng = np.random.default_rng(0)
    x = rng.uniform(low, high, 20_000)
    if low >= 0:
        x = np.concatenate([np.exp(rng.uniform(-86, 86, 20_000)), rng.uniform(0.5, 2, 20_000)])
    else:
        x = np.concatenate(
            [x, rng.uniform(max(low, -1), 1, 20_000), 10.0 ** rng.uniform(-30, 0, 99)]
        )
    x = x.astype(np.float32)
    found, _ = both(lambda xp, x: getattr(xp, name)(x), x)
    assert errors_in_ulp(found, reference(x.astype(np.float64))).max() <= bound


@pytest.mark.parametrize("name", ["erf", "erfc", "erfinv", "expit", "logit"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_special_functions_equal_numpys(name, dtype):
    if name.startswith("erf") and dtype == np.float64:
        pytest.skip("computed by NumPy")
    low, high = {"erfinv": (-1, 1), "logit": (0, 1)}.get(name, (-9, 9))
    x = np.random.default_rng(0).uniform(low, high, 20_000).astype(dtype)
    found, expected = both(lambda xp, x: getattr(special(xp), name)(x), x)
    np.testing.assert_allclose(found, expected, rtol=16 * np.finfo(dtype).eps, atol=1e-37)


EXTREMES = np.array([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0, -1.0, 1e-44, 3e38, -3e38, 88.5])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [*FUNCTIONS, "absolute", "sign", "rint", "isnan", "isfinite"])
def test_what_is_no_ordinary_number(name, dtype):
    if name in ("sin", "cos") and dtype == np.float64:
        pytest.skip("computed by NumPy")
    found, expected = both(lambda xp, x: getattr(xp, name)(x), EXTREMES.astype(dtype))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-37)


def test_nan_wins_in_maximum_and_loses_in_fmax():
    x, y = (a.ravel().astype(np.float32) for a in np.meshgrid(EXTREMES, EXTREMES))
    for name in ("maximum", "minimum", "fmax", "fmin", "logaddexp", "copysign", "less", "equal"):
        found, expected = both(lambda xp, x, y, name=name: getattr(xp, name)(x, y), x, y)
        np.testing.assert_allclose(found, expected, rtol=1e-6)


LAYOUTS = {
    "row": lambda a: (a, a[0]),
    "column": lambda a: (a, a[:, :1]),
    "transposed": lambda a: (a, np.ascontiguousarray(a.T).T),
    "other order": lambda a: (a.T, (a + 1).T),
    "steps": lambda a: (a[:, ::3], a[:, 1::3]),
    "backwards": lambda a: (a[::-1], a[:, ::-1]),
    "0-d": lambda a: (a, np.array(3.0, a.dtype)),
    "three": lambda a: (
        a.reshape(7, 13, 3, 9),
        a.reshape(7, 13, 27)[:, :1, :9].reshape(7, 1, 1, 9),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "uint8", "float16"])
def test_layouts_and_dtypes(layout, dtype):
    a = np.random.default_rng(0).integers(1, 10, (91, 27)).astype(dtype)
    x, y = LAYOUTS[layout](a)
    found, expected = both(lambda xp, x, y: x * y + x, x, y)
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("name", ["fmod", "remainder", "floor_divide"])
def test_division_with_a_remainder(name):
    rng = np.random.default_rng(0)
    x, y = (rng.standard_normal(20_000).astype(np.float32) for _ in range(2))
    x[:100] = y[:100] * 7
    found, expected = both(lambda xp, x, y: getattr(xp, name)(x, y), x * 50, y)
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(np.signbit(found), np.signbit(expected))


@pytest.mark.parametrize("worst", [1e30, math.inf, math.nan])
def test_values_that_a_kernel_refuses_are_computed_by_numpy(worst):
    x = np.linspace(-3, 3, 999, dtype=np.float32)
    x[500] = worst
    for name in ("sin", "cos"):
        found, expected = both(lambda xp, x, name=name: getattr(xp, name)(x), x)
        np.testing.assert_allclose(found, expected, rtol=1e-6)
    found, expected = both(lambda xp, x, y: xp.fmod(x, y), x, np.full_like(x, 1e-9))
    np.testing.assert_array_equal(found, expected)


def test_scalars_are_weakly_typed():
    x = np.arange(5, dtype=np.float32)
    found, expected = both(lambda xp, x, s, t: xp.where(x < s, x * t, s), x, scalars=(2.5, 3))
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, expected)


def test_several_results_and_in_place():
    x = np.arange(9, dtype=np.float32)
    program = trace(lambda xp, x: (x + 1, x * x), ("array",))
    first, second = pointwise.run(program, (x,))
    np.testing.assert_array_equal(first, x + 1)
    np.testing.assert_array_equal(second, x * x)
    double = trace(lambda xp, x: x * 2, ("array",))
    expected = x[::-1] * 2
    pointwise.run(double, (x[::-1],), out=x)
    np.testing.assert_array_equal(x, expected)


def test_bfloat16_rounds_to_even():
    bfloat16 = pytest.importorskip("ml_dtypes").bfloat16
    x = np.random.default_rng(0).standard_normal(1000).astype(bfloat16)
    program = trace(lambda xp, x: x * 3, ("array",))
    expected = (x.astype(np.float32) * 3).astype(bfloat16)
    np.testing.assert_array_equal(pointwise.run(program, (x,)).view("u2"), expected.view("u2"))


def test_what_has_no_kernel_is_left_to_numpy():
    x = np.array([2, 3, 4])
    program = trace(lambda xp, x: xp.gcd(x, 6), ("array",))
    np.testing.assert_array_equal(pointwise.run(program, (x,)), np.gcd(x, 6))
    (plan,) = program.cpu_plans.values()
    assert list(plan.kernels.values()) == [None]


@pytest.fixture
def two_threads():
    before = threads.get_num_threads()
    threads.set_num_threads(2)
    yield
    threads.set_num_threads(before)


def test_many_callers_at_once(two_threads):
    program = trace(lambda xp, x: xp.exp(x) * 2, ("array",))
    x = np.random.default_rng(0).standard_normal(200_000)
    expected = pointwise.run(program, (x,))
    wrong = []

    def work():
        for _ in range(50):
            if not np.array_equal(pointwise.run(program, (x,)), expected):
                wrong.append(1)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_child_has_threads_of_its_own(two_threads):
    program = trace(lambda xp, x: x + 1, ("array",))
    x = np.zeros(300_000)
    pointwise.run(program, (x,))
    child = os.fork()
    if not child:
        correct = all(np.all(pointwise.run(program, (x,)) == 1) for _ in range(20))
        os._exit(0 if correct else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize(("value", "expected"), [("0", "False False"), ("always", "True True")])
def test_the_environment_switches_it(value, expected):
    code = (
        "from gradcore.backends.cpu import native;print(native.is_available(), native.is_eager())"
    )
    environment = {**os.environ, "GRADCORE_FAST": value}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == expected


def test_machine_code_is_kept_between_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("GRADCORE_CACHE", str(tmp_path / "kernels"))
    object_cache.write("key", b"code")
    assert object_cache.read("key") == b"code"
    assert object_cache.read("other") is None
    (file,) = (tmp_path / "kernels").iterdir()
    file.write_bytes(file.read_bytes()[:-1] + b"!")
    assert object_cache.read("key") is None


def test_a_cache_that_cannot_be_written_is_none(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for place in (str(tmp_path / "file" / "below"), ""):
        monkeypatch.setenv("GRADCORE_CACHE", place)
        object_cache.write("key", b"code")
        assert object_cache.read("key") is None


def test_kernels_from_the_cache_compute_the_same(tmp_path):
    code = (
        "import numpy as np, gradcore;print(gradcore.from_numpy(np.arange(9.)).exp().sum().item())"
    )
    environment = {**os.environ, "GRADCORE_FAST": "always", "GRADCORE_CACHE": str(tmp_path)}
    found = [
        subprocess.run(
            [sys.executable, "-c", code],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for _ in range(2)
    ]
    assert found[0] == found[1]
    assert float(found[0]) == pytest.approx(np.exp(np.arange(9.0)).sum())
    assert list(tmp_path.iterdir())
