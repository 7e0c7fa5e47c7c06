"""Compiled optimizer steps, norms and scalings against NumPy's kernels in float64."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import gradcore
from gradcore.backends.cpu import native
from gradcore.backends.cpu import optim as numpy_optim
from gradcore.backends.cpu.native import calls, jit, optim

pytestmark = pytest.mark.skipif(not native.is_available(), reason="llvmlite is not installed")

# Empty, 0-d and small ones next to one of several pieces.
SHAPES = [(3, 5), (), (0, 2), (60, 50), (1,), (3, 20_000)]


@pytest.fixture(autouse=True)
def compile_at_once(monkeypatch):
    monkeypatch.setattr(calls, "is_eager", lambda: True)
    for kernel in (optim._sgd, optim._adam, optim._sums_of_squares, optim._scale):
        kernel.cache_clear()


def columns(count, dtype="float32", shapes=SHAPES):
    rng = np.random.default_rng(0)
    return [
        [np.asarray(rng.standard_normal(s)).astype(dtype) for s in shapes] for _ in range(count)
    ]


def wide(arrays):
    return None if arrays is None else [a.astype(np.float64) for a in arrays]


def assert_close(got, want, dtype="float32"):
    tolerance = {"float32": 2e-5, "float64": 1e-12}[dtype]
    for a, b in zip(got, want, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a, b, tolerance, tolerance)


SGD = {
    "plain": {},
    "decay": {"weight_decay": 0.1, "maximize": True},
    "momentum": {"momentum": 0.9},
    "dampening": {"momentum": 0.9, "dampening": 0.3, "weight_decay": 0.1, "maximize": True},
    "nesterov": {"momentum": 0.9, "nesterov": True, "weight_decay": 0.1},
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("options", SGD.values(), ids=SGD)
def test_sgd(dtype, options):
    params, grads = columns(2, dtype)
    buffers = [np.full_like(p, np.nan) for p in params] if "momentum" in options else None
    exact = [wide(x) for x in (params, grads, buffers)]
    memory: dict = {}
    for step in range(3):
        assert optim.sgd(params, grads, buffers, lr=0.1, first=step == 0, memory=memory, **options)
        assert numpy_optim.sgd(*exact, lr=0.1, first=step == 0, **options)
    assert_close(params, exact[0], dtype)
    if buffers is not None:
        assert_close(buffers, exact[2], dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("options", [{}, {"decoupled": True}, {"maximize": True}], ids=str)
def test_adam(dtype, amsgrad, options):
    (params,) = columns(1, dtype)
    states = [[np.zeros_like(p) for p in params] for _ in range(3)]
    if not amsgrad:
        states[2] = None
    exact = [wide(x) for x in (params, *states)]
    options = {"lr": 0.01, "beta1": 0.9, "beta2": 0.99, "eps": 1e-8, "weight_decay": 0.1} | options
    memory: dict = {}
    for step in range(1, 4):
        grads = columns(step, dtype)[-1]
        assert optim.adam(params, grads, *states, step=step, memory=memory, **options)
        assert numpy_optim.adam(exact[0], wide(grads), *exact[1:], step=step, **options)
    for got, want in zip((params, *states), exact, strict=True):
        if got is not None:
            assert_close(got, want, dtype)


def test_gradients_may_have_strides():
    (params,) = columns(1, shapes=[(50, 60), (7,)])
    grads = [np.ones((60, 50), np.float32).T, np.arange(7, dtype=np.float32)[::-1]]
    want = [p - 0.5 * g for p, g in zip(params, grads, strict=True)]
    assert optim.sgd(params, grads, None, lr=0.5)
    assert_close(params, want)


def test_no_decay_leaves_infinite_parameters_alone():
    param = np.array([np.inf, 1.0], np.float32)
    assert optim.sgd([param], [np.ones(2, np.float32)], None, lr=0.5)
    np.testing.assert_array_equal(param, [np.inf, 0.5])


def test_plans_are_kept_while_the_arrays_are():
    params, grads, buffers = columns(3)
    memory: dict = {}
    options = {"lr": 0.1, "momentum": 0.9, "memory": memory}
    optim.sgd(params, grads, buffers, **options)
    plan = memory["compiled"]
    optim.sgd(list(params), columns(2)[1], list(buffers), **options)
    assert memory["compiled"] is plan
    old, params[0] = params[0], params[0].copy()
    kept = old.copy()
    optim.sgd(params, grads, buffers, **options)
    assert memory["compiled"] is not plan
    np.testing.assert_array_equal(old, kept)


def test_what_does_not_fit_is_declined():
    a, b = np.ones((4, 4), np.float32), np.ones((4, 4), np.float32)
    frozen = a.copy()
    frozen.flags.writeable = False
    declined = [
        ([a], [b.astype(np.float64)]),
        ([a], [b[:2]]),
        ([a.astype(np.float16)], [b.astype(np.float16)]),
        ([a[:, ::2]], [b[:, ::2]]),
        ([a, a], [b, b]),
        ([a[:3], a[1:]], [b[:3], b[1:]]),
        ([frozen], [b]),
        ([], []),
    ]
    for params, grads in declined:
        assert optim.sgd(params, grads, None, lr=0.1) is False
    assert a.sum() == 16


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_the_arguments_are_those_of_numpys_kernel(name):
    compiled, plain = (inspect.signature(getattr(m, name)) for m in (optim, numpy_optim))
    assert compiled == plain


def test_nothing_is_compiled_for_few_elements(monkeypatch):
    monkeypatch.setattr(calls, "is_eager", lambda: False)
    params, grads = columns(2, shapes=[(4,)])
    assert optim.sgd(params, grads, None, lr=0.1) is False
    assert optim._sgd(params[0].dtype, False).call is None


# ---- norms and scaling --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_norm(dtype):
    (arrays,) = columns(1, dtype)
    out = np.empty((), dtype)
    assert optim.norm(arrays, out)
    want = np.linalg.norm(np.concatenate([a.ravel() for a in wide(arrays)]))
    np.testing.assert_allclose(out, want, 1e-7 if dtype == "float32" else 1e-14)


def test_norm_of_what_is_no_ordinary_number():
    out = np.empty((), np.float32)
    for value, want in ((np.nan, np.nan), (-np.inf, np.inf), (1e30, np.float32(1e30)), (0, 0)):
        assert optim.norm([np.full(1, value, np.float32), np.zeros(3, np.float32)], out)
        np.testing.assert_array_equal(out, want)


@pytest.mark.parametrize("factor", [0.3, 1.0, np.nan])
def test_scale(factor):
    (arrays,) = columns(1)
    want = [a * np.float32(factor) for a in arrays]
    assert optim.scale(arrays, np.array(factor, np.float32))
    for got, expected in zip(arrays, want, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_scale_declines_what_threads_would_write_twice():
    x = np.ones(1 << 16, np.float32)
    assert not optim.scale([x, x], np.array(0.5, np.float32))
    assert not optim.scale([x[::2]], np.array(0.5, np.float32))
    assert x.sum() == x.size
    small = x[:4]
    assert optim.scale([small, small], np.array(0.5, np.float32))
    np.testing.assert_array_equal(small, 0.25)


def test_clipped_gradients_count_a_write():
    p = gradcore.nn.Parameter(gradcore.zeros(3))
    p.grad = gradcore.tensor([3.0, 0.0, 4.0])
    before = p.grad._version
    assert float(gradcore.nn.utils.clip_grad_norm_([p], 1.0)) == 5.0
    assert p.grad._version > before
    np.testing.assert_allclose(p.grad.numpy(), [0.6, 0.0, 0.8], 1e-5)


def test_without_llvmlite_nothing_is_done(monkeypatch):
    monkeypatch.setattr(calls, "is_available", lambda: False)
    assert jit.is_available()
    assert not optim.norm([np.ones(3, np.float32)], np.empty((), np.float32))
