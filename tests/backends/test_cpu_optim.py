"""The fused optimizer steps on the CPU against the same formulas in float64."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from gradcore.backends.cpu import optim
from gradcore.backends.cuda import optim as cuda_optim

# Small ones, which are gathered, next to empty, 0-d and tiled ones.
SHAPES = [(3, 5), (7,), (), (0, 2), (60, 50), (4,), (1,)]


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch):
    """Tiles of 1 KB, so that arrays of the tests have many."""
    monkeypatch.setattr(optim, "_TILE_BYTES", 1024)
    monkeypatch.setattr(optim, "_scratch", optim._Scratch())


def normal(shape, dtype="float32", seed=0):
    return np.asarray(np.random.default_rng(seed).standard_normal(shape)).astype(dtype)


def columns(count, dtype="float32", shapes=SHAPES):
    return [[normal(s, dtype, 10 * k + i) for i, s in enumerate(shapes)] for k in range(count)]


def packed_zeros(dtype="float32", shapes=SHAPES):
    """Zeros that lie side by side."""
    sizes = [int(np.prod(s)) for s in shapes]
    flat, ends = np.zeros(sum(sizes), dtype), np.cumsum([0, *sizes])
    pieces = zip(ends[:-1], ends[1:], shapes, strict=True)
    return [flat[a:b].reshape(s) for a, b, s in pieces]


def wide(arrays):
    return [a.astype(np.float64) for a in arrays]


def assert_close(got, want, dtype):
    tolerance = {"float16": 2e-2, "float32": 2e-5, "float64": 1e-12}[dtype]
    for a, b in zip(got, want, strict=True):
        assert a.dtype == dtype
        np.testing.assert_allclose(a.astype(np.float64), b, tolerance, tolerance)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("nesterov", [False, True])
def test_sgd(dtype, packed, nesterov):
    params, grads = columns(2, dtype)
    buffers = packed_zeros(dtype) if packed else [np.zeros_like(p) for p in params]
    p, v = wide(params), wide(buffers)
    options = {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01, "nesterov": nesterov}
    memory = {}
    for step in range(4):
        dampening = 0.0 if nesterov else 0.2
        assert optim.sgd(
            params, grads, buffers, first=step == 0, dampening=dampening, memory=memory, **options
        )
        for i, grad in enumerate(wide(grads)):
            g = grad + 0.01 * p[i]
            v[i] = g if step == 0 else 0.9 * v[i] + (1 - dampening) * g
            p[i] = p[i] - 0.1 * (g + 0.9 * v[i] if nesterov else v[i])
    assert_close(params, p, dtype)
    assert_close(buffers, v, dtype)


@pytest.mark.parametrize("maximize", [False, True])
def test_sgd_without_momentum(maximize):
    params, grads = columns(2)
    before = wide(params)
    assert optim.sgd(params, grads, None, lr=0.5, weight_decay=0.1, maximize=maximize)
    sign = -1 if maximize else 1
    want = [p - 0.5 * (sign * g + 0.1 * p) for p, g in zip(before, wide(grads), strict=True)]
    assert_close(params, want, "float32")


@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("amsgrad", [False, True])
@pytest.mark.parametrize("packed", [False, True])
def test_adam(decoupled, amsgrad, packed):
    params = columns(1)[0]
    state = [packed_zeros() if packed else [np.zeros_like(p) for p in params] for _ in range(3)]
    p, m, v, top = wide(params), *map(wide, state)
    memory = {}
    for step in range(1, 5):
        grads = columns(2)[1] if step % 2 else columns(3)[2]
        assert optim.adam(
            params, grads, *state[:2], state[2] if amsgrad else None, step=step, lr=0.01,
            beta1=0.9, beta2=0.99, eps=1e-8, weight_decay=0.1, decoupled=decoupled, memory=memory,
        )  # fmt: skip
        for i, g in enumerate(wide(grads)):
            if decoupled:
                p[i] = p[i] * (1 - 0.01 * 0.1)
            else:
                g = g + 0.1 * p[i]
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.99 * v[i] + 0.01 * g * g
            top[i] = np.maximum(top[i], v[i]) if amsgrad else v[i]
            root = np.sqrt(top[i] / (1 - 0.99**step)) + 1e-8
            p[i] = p[i] - 0.01 / (1 - 0.9**step) * m[i] / root
    assert_close(params, p, "float32")


def test_plans_are_kept_while_the_arrays_are():
    params, grads, buffers = columns(3)
    memory = {}
    options = {"lr": 0.1, "momentum": 0.9, "memory": memory}
    optim.sgd(params, grads, buffers, **options)
    plan = memory["plan"]
    optim.sgd(list(params), columns(2)[1], list(buffers), **options)
    assert memory["plan"] is plan
    old, params[0] = params[0], params[0].copy()
    kept = old.copy()
    optim.sgd(params, grads, buffers, **options)
    assert memory["plan"] is not plan
    np.testing.assert_array_equal(old, kept)
    optim.sgd(params[1:], grads[1:], buffers[1:], **options)
    assert len(memory["plan"].columns[0]) == len(params) - 1


def test_small_neighbours_are_one_run():
    params = columns(1, shapes=[(3, 5), (7,), (2,)])[0]
    memory = {}
    optim.sgd(params, params, packed_zeros(shapes=[(3, 5), (7,), (2,)]), lr=0.0, memory=memory)
    (run,) = memory["plan"].runs
    assert (run.start, run.stop) == (0, 3)
    apart = [np.zeros_like(p) for p in params]
    optim.sgd(params, params, apart, lr=0.0, memory=memory)
    assert memory["plan"].singles == [0, 1, 2]


def test_arrays_with_strides():
    param, grad = normal((50, 60)), normal((50, 60), seed=1)
    want = param.T - 0.5 * grad.T
    assert optim.sgd([param.T], [np.ascontiguousarray(grad.T)], None, lr=0.5)
    np.testing.assert_allclose(param.T, want, 1e-6, 1e-6)
    flat = normal((3000,))
    want = flat - 0.5 * grad.reshape(-1)[::-1]
    assert optim.sgd([flat], [grad.reshape(-1)[::-1]], None, lr=0.5)
    np.testing.assert_allclose(flat, want, 1e-6, 1e-6)


def test_what_does_not_fit_is_declined():
    a, b = np.ones((4, 4), np.float32), np.ones((4, 4), np.float32)
    frozen = a.copy()
    frozen.flags.writeable = False
    declined = [
        ([a], [b.astype(np.float64)]),
        ([a], [b[:2]]),
        ([a.astype(np.complex64)], [b.astype(np.complex64)]),
        ([a.astype(np.int64)], [b.astype(np.int64)]),
        ([a, a], [b, b]),
        ([a[:3], a[1:]], [b[:3], b[1:]]),
        ([frozen], [b]),
    ]
    for params, grads in declined:
        assert optim.sgd(params, grads, None, lr=0.1) is False
    assert optim.sgd([], [], None, lr=0.1) is True
    assert a.sum() == 16


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_both_devices_take_the_same_arguments(name):
    cpu = inspect.signature(getattr(optim, name)).parameters
    cuda = inspect.signature(getattr(cuda_optim, name)).parameters
    assert [(p.name, p.kind, p.default) for p in cpu.values()] == [
        (p.name, p.kind, p.default) for p in list(cuda.values())[1:]
    ]


# ---- norms and scaling --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_norm(dtype):
    (arrays,) = columns(1, dtype)
    out = np.empty((), dtype)
    assert optim.norm(arrays, out)
    want = np.linalg.norm(np.concatenate([a.ravel() for a in wide(arrays)]))
    np.testing.assert_allclose(out, want, 1e-6 if dtype == "float32" else 1e-14)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e30, 1e-30, 0])
def test_norm_declines_squares_that_are_no_ordinary_numbers(value):
    with np.errstate(over="ignore"):
        assert not optim.norm([np.full(3, value, np.float32)], np.empty((), np.float32))


def test_norm_declines_other_arrays():
    x, out = np.ones((4, 4), np.float32), np.empty((), np.float32)
    for arrays in ([x, x.astype(np.float64)], [x.astype(np.float16)], [x.T[1:]]):
        assert not optim.norm(arrays, out)


def test_scale():
    (arrays,) = columns(1, shapes=[(3, 5), (), (0, 2), (7,)])
    want = [a * np.float32(0.3) for a in arrays]
    assert optim.scale(arrays, np.array(0.3, np.float32))
    assert optim.scale(arrays, np.array(1, np.float32))
    for got, expected in zip(arrays, want, strict=True):
        np.testing.assert_array_equal(got, expected)


def test_scale_leaves_large_and_other_arrays_alone():
    large, small = np.ones(5000, np.float32), np.ones(3, np.float32)
    half = np.array(0.5, np.float32)
    assert not optim.scale([small, large], half)
    assert not optim.scale([small.astype(np.float64)], half)
    small.flags.writeable = False
    assert not optim.scale([small], half)
    assert small.sum() == 3
