"""The faster forms of NumPy's functions against NumPy, and how programs run on tiles."""

from __future__ import annotations

import numpy as np
import pytest

from gradcore.backends.cpu import arithmetic, elementwise, pointwise
from gradcore.backends.instructions import INSTRUCTIONS
from gradcore.backends.program import trace

SPECIAL = np.array(
    [np.inf, -np.inf, np.nan, 0, -0.0, 1, -1, 2, -3, 0.5, 1e-40, -1e-40, 3e38, 1e-30, 1e20], "f4"
)
EXACT = ["copysign", "floor_divide", "fmod", "logical_and", "logical_or", "logical_xor", "maximum",
         "minimum", "nextafter", "remainder"]  # fmt: skip
DTYPES = ["float32", "float64", "int32"]


def random(seed, size=4000):
    return np.random.default_rng(seed).normal(size=size).astype("f4")


def pairs():
    rng = np.random.default_rng(0)
    grid = np.array(np.meshgrid(SPECIAL, SPECIAL)).reshape(2, -1)
    whole = rng.integers(-50, 50, (2, 4000)).astype("f4")
    whole[1][whole[1] == 0] = 7
    tenths = whole / np.float32(10)
    big = np.exp(rng.uniform(-30, 30, (2, 4000))).astype("f4")
    return {"special": grid, "random": np.stack([random(1), random(2)]), "whole": whole,
            "tenths": tenths, "big": big}  # fmt: skip


@pytest.mark.parametrize("values", pairs().values(), ids=pairs().keys())
@pytest.mark.parametrize("name", EXACT)
def test_faster_forms_give_exactly_what_numpy_gives(name, values):
    x, y = values
    function = INSTRUCTIONS[name].function
    with np.errstate(all="ignore"):
        want = function(x, y)
        got = np.empty_like(want)
        arithmetic.FASTER[name](x, y, out=got)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("values", pairs().values(), ids=pairs().keys())
@pytest.mark.parametrize("name", ["hypot", "logaddexp", "logaddexp2"])
def test_rounded_forms_are_within_two_units(name, values):
    x, y = values
    with np.errstate(all="ignore"):
        want = INSTRUCTIONS[name].function(x.astype("f8"), y.astype("f8")).astype("f4")
        got = np.empty_like(want)
        arithmetic.FASTER[name](x, y, out=got)
        # log(exp(x) + exp(y)) is near 0 where terms of the size of x cancel.
        size = np.maximum(np.abs(want), np.minimum(np.abs(x), np.abs(y)))
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite])
    error = np.abs(got[finite] - want[finite])
    assert (error <= 2.5 * np.spacing(np.maximum(size[finite], 0.5))).all() or name == "hypot"
    if name == "hypot":
        np.testing.assert_array_almost_equal_nulp(got[finite], want[finite], 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", ["sign", "logical_not"])
def test_faster_forms_of_one_argument(name, dtype):
    with np.errstate(all="ignore"):
        x = np.concatenate([SPECIAL, random(0)]).astype(dtype)
    want = INSTRUCTIONS[name].function(x)
    got = np.empty_like(want)
    arithmetic.FASTER[name](x, out=got)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("number", [0, 0.5, -2.0, np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", EXACT)
def test_a_number_as_second_operand(name, dtype, number):
    with np.errstate(all="ignore"):
        x = np.concatenate([SPECIAL, random(0)]).astype(dtype)
        want = INSTRUCTIONS[name].function(x, number)
        got = np.empty_like(want)
        arithmetic.FASTER[name](x, number, out=got)
    np.testing.assert_array_equal(got, want)


@pytest.mark.parametrize("name", ["copysign", "fmod", "remainder", "hypot", "logaddexp", "maximum"])
@pytest.mark.parametrize("position", [0, 1])
def test_out_may_be_an_operand(name, position):
    operands = [random(3), random(4)]
    want = np.empty_like(operands[0])
    arithmetic.FASTER[name](*operands, out=want)
    arithmetic.FASTER[name](*operands, out=operands[position])
    np.testing.assert_array_equal(operands[position], want)


def test_fmod_keeps_the_sign_of_a_zero():
    x, out = np.array([-4, 4, -6], "f4"), np.empty(3, "f4")
    arithmetic.fmod(x, np.array([2, -2, 3], "f4"), out)
    assert np.signbit(out).tolist() == [True, False, True]


def test_quotients_that_are_rounded_to_an_integer():
    """The rest of a division whose quotient is just below an integer, and of its neighbours."""
    rng = np.random.default_rng(7)
    y = rng.uniform(0.5, 2, 20000).astype("f4")
    whole = rng.integers(1, 4000, y.size).astype("f4") * y
    for x in (whole, np.nextafter(whole, np.float32(0)), np.nextafter(whole, np.float32(9e9))):
        for sign_x, sign_y in ((1, 1), (-1, 1), (1, -1), (-1, -1)):
            out = np.empty_like(x)
            for name in ("fmod", "remainder"):
                arithmetic.FASTER[name](x * np.float32(sign_x), y * np.float32(sign_y), out)
                want = getattr(np, name)(x * np.float32(sign_x), y * np.float32(sign_y))
                np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("condition", [True, False, 2.0, 0.0])
@pytest.mark.parametrize("target", ["fresh", "x", "y"])
def test_where_of_one_truth(condition, target):
    x, y = random(8), random(9)
    want = (x if condition else y).copy()
    out = {"fresh": np.empty_like(x), "x": x, "y": y}[target]
    arithmetic.FASTER["where"](np.full(x.shape, condition), x, y, out=out)
    np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int8", "int64", "complex64"])
@pytest.mark.parametrize("target", ["fresh", "x", "y"])
def test_where(dtype, target):
    rng = np.random.default_rng(5)
    condition = rng.random(500) > 0.5
    x, y = rng.integers(-9, 9, (2, 500)).astype(dtype)
    want = np.where(condition, x, y)
    out = {"fresh": np.empty_like(x), "x": x, "y": y}[target]
    np.testing.assert_array_equal(elementwise.where(condition, x, y, out), want)
    for number in (0, 3):
        for first in (True, False):
            operands = (number, y) if first else (y, number)
            want = np.where(condition, *operands).astype(dtype)
            got = elementwise.where(condition, *operands, np.empty_like(y))
            np.testing.assert_array_equal(got, want)


def test_holding_between_two_numbers_is_one_step():
    program = trace(lambda xp, x: xp.minimum(xp.maximum(x, -1), 2) + 1, ("array",))
    assert [step.name for step in program.steps] == ["clip", "add"]
    x = np.concatenate([SPECIAL, random(0)])
    np.testing.assert_array_equal(pointwise.run(program, [x]), np.minimum(np.maximum(x, -1), 2) + 1)


def test_a_maximum_that_is_used_twice_stays():
    def body(xp, x):
        low = xp.maximum(x, -1)
        return xp.minimum(low, 2) * low

    program = trace(body, ("array",))
    assert [step.name for step in program.steps] == ["maximum", "clip", "multiply"]


def layouts():
    base = random(0, 60_000).reshape(200, 300)
    return {
        "contiguous": base, "transposed": base.T, "strided": base[:, ::2], "reversed": base[::-1],
        "row": base[:1], "column": base[:, :1], "element": base[:1, :1],
    }  # fmt: skip


@pytest.mark.parametrize("x", layouts().values(), ids=layouts().keys())
@pytest.mark.parametrize("steps", [1, 3])
def test_every_layout_runs_alike(x, steps):
    other = random(1, x.shape[0] * x.shape[1]).reshape(x.shape)

    def body(xp, x, y):
        return xp.add(x, y) if steps == 1 else xp.maximum(x + y * 2, y)

    program = trace(body, ("array", "array"))
    want = body(np, x, other)
    np.testing.assert_array_equal(pointwise.run(program, [x, other]), want)
    np.testing.assert_array_equal(pointwise.run(program, [other, x]), body(np, other, x))
    out = np.empty(want.shape[::-1], want.dtype).T
    assert pointwise.run(program, [x, other], out=out) is out
    np.testing.assert_array_equal(out, want)


def test_out_of_another_shape_is_refused():
    program = trace(lambda xp, x: xp.sqrt(x), ("array",))
    with pytest.raises(ValueError, match="out has shape"):
        pointwise.run(program, [np.ones(4)], out=np.ones(5))
