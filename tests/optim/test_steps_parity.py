"""Twenty steps of every optimizer beside PyTorch's: parameters and state."""

from __future__ import annotations

import functools

import numpy as np
import pytest

import gradcore

torch = pytest.importorskip("torch")

# PyTorch's threads spin while others use the cores.
torch.set_num_threads(1)

STEPS = 20
# 0-d, empty, small, and larger than the tiles that the CPU kernels cut arrays into.
SHAPES = [(3, 4), (5,), (), (0, 3), (4, 1, 2), (190, 180)]

SGD = [
    {},
    {"lr": 0.1, "momentum": 0.9},
    {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "weight_decay": 0.05},
    {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.05},
    {"lr": 0.1, "momentum": 0.8, "nesterov": True, "maximize": True},
    {"lr": 0.1, "weight_decay": 0.2, "maximize": True},
    {"lr": 0.05, "momentum": 0.5, "weight_decay": 0.1, "maximize": True, "foreach": True},
    {"lr": 0.05, "momentum": 0.5, "fused": True},
]
ADAM = [
    {},
    {"lr": 0.05, "betas": (0.8, 0.95), "eps": 1e-4},
    {"lr": 0.05, "weight_decay": 0.1},
    {"lr": 0.05, "weight_decay": 0.1, "amsgrad": True},
    {"lr": 0.05, "weight_decay": 0.1, "maximize": True},
    {"lr": 0.05, "amsgrad": True, "foreach": True},
    {"lr": 0.05, "fused": True},
]
OTHERS = [
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "eps": 1e-4, "weight_decay": 0.1, "maximize": True}),
    ("Adagrad", {}),
    ("Adagrad", {"lr": 0.1, "lr_decay": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("Adagrad", {"lr": 0.1, "initial_accumulator_value": 0.5, "eps": 1e-3, "foreach": True}),
    ("Adagrad", {"fused": True}),
    ("Adamax", {}),
    ("Adamax", {"lr": 0.05, "betas": (0.8, 0.9), "weight_decay": 0.1, "maximize": True}),
    ("ASGD", {}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "alpha": 0.5, "t0": 5, "weight_decay": 0.1}),
    ("ASGD", {"lr": 0.1, "maximize": True}),
    ("ASGD", {"lr": 0.1, "lambd": 0.1, "foreach": True}),
    ("NAdam", {}),
    ("NAdam", {"lr": 0.05, "momentum_decay": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RAdam", {}),
    ("RAdam", {"lr": 0.05, "betas": (0.8, 0.9), "weight_decay": 0.1, "maximize": True}),
    ("RAdam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.05, "alpha": 0.8, "momentum": 0.9, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.05, "centered": True, "eps": 1e-3, "maximize": True}),
    ("RMSprop", {"lr": 0.05, "centered": True, "momentum": 0.5, "eps": 1e-3}),
    ("Rprop", {}),
    ("Rprop", {"lr": 0.05, "etas": (0.4, 1.5), "step_sizes": (1e-3, 0.2), "maximize": True}),
]
CASES = [
    *(("SGD", options) for options in SGD),
    *(("Adam", options) for options in ADAM),
    ("Adam", {"lr": 0.05, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    *(("AdamW", options) for options in ADAM),
]
TOLERANCE = {"float32": 2e-5, "float64": 1e-11, "complex64": 2e-5}


def described(case):
    name, options = case
    return f"{name}-{'-'.join(map(str, options))}"


@functools.cache
def values(shape, dtype, seed):
    rng = np.random.default_rng(seed)
    drawn = rng.standard_normal(shape)
    if dtype.startswith("complex"):
        drawn = drawn + 1j * rng.standard_normal(shape)
    return np.asarray(drawn).astype(dtype)


class Run:
    """One library's parameters, optimizer and gradients."""

    def __init__(self, library, name, options, dtype, device="cpu", shapes=SHAPES):
        self.library, self.dtype, self.device = library, dtype, device
        self.params = [self.tensor(shape, i) for i, shape in enumerate(shapes)]
        for param in self.params:
            param.requires_grad_(True)
        self.optimizer = getattr(library.optim, name)(self.params, **options)

    def tensor(self, shape, seed):
        made = self.library.tensor(values(shape, self.dtype, seed))
        return made.to(self.device)

    def step(self, number):
        for i, param in enumerate(self.params):
            # Now and then a parameter has no gradient and falls behind in its step count.
            missing = number % 5 == 3 and i % 2
            param.grad = None if missing else self.tensor(tuple(param.shape), 1000 * number + i)
        self.optimizer.step()

    def arrays(self):
        return [param.detach().cpu().numpy() for param in self.params]

    def state(self):
        return [self.optimizer.state[param] for param in self.params]


def assert_same(got, want, dtype, what):
    for i, (a, b) in enumerate(zip(got, want, strict=True)):
        assert a.shape == b.shape
        tolerance = TOLERANCE[dtype]
        np.testing.assert_allclose(a, b, tolerance, tolerance, err_msg=f"{what}, parameter {i}")


def assert_same_state(ours, theirs, dtype):
    for i, (mine, other) in enumerate(zip(ours, theirs, strict=True)):
        assert set(mine) == set(other)
        for key, value in other.items():
            if not torch.is_tensor(value):
                assert mine[key] == value
                continue
            assert str(mine[key].dtype).split(".")[1] == str(value.dtype).split(".")[1]
            got = [mine[key].detach().cpu().numpy()]
            assert_same(got, [value.numpy()], dtype, f"state {key} of {i}")


def run_both(name, options, dtype, device, shapes=SHAPES):
    ours = Run(gradcore, name, options, dtype, device, shapes)
    theirs = Run(torch, name, options, dtype, shapes=shapes)
    for number in range(STEPS):
        ours.step(number)
        theirs.step(number)
        assert_same(ours.arrays(), theirs.arrays(), dtype, f"step {number}")
    assert repr(ours.optimizer) == repr(theirs.optimizer)
    assert_same_state(ours.state(), theirs.state(), dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES, ids=described)
def test_real_parameters(case, dtype, device, path):
    run_both(*case, dtype, device)


@pytest.mark.parametrize("case", CASES, ids=described)
def test_complex_parameters(case, device, path):
    name, options = case
    options = {k: v for k, v in options.items() if k != "fused"}
    run_both(name, options, "complex64", device, [(3, 4), (), (50, 60)])


@pytest.mark.parametrize("case", CASES, ids=described)
def test_parameters_and_gradients_with_strides(case, device, path):
    name, options = case
    results = []
    for library, where in ((gradcore, device), (torch, "cpu")):
        if library is torch:  # its fused CPU kernel reads parameter and gradient in memory order
            options = {**options, "fused": None}
        run = Run(library, name, options, "float32", where, [(4, 6), (80, 60)])
        run.params = [p.detach().t().requires_grad_(True) for p in run.params]
        run.optimizer = getattr(library.optim, name)(run.params, **options)
        for number in range(4):
            for i, param in enumerate(run.params):
                grad = run.tensor(tuple(param.shape), 100 * number + i)
                param.grad = grad.t().contiguous().t() if number % 2 else grad
            run.optimizer.step()
        assert not run.params[0].is_contiguous()
        results.append(run.arrays())
    assert_same(*results, "float32", "strided")


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", OTHERS, ids=described)
def test_other_optimizers(case, dtype, device):
    run_both(*case, dtype, device)


@pytest.mark.parametrize("case", OTHERS, ids=described)
def test_other_optimizers_of_complex_parameters(case, device):
    name, options = case
    options = {k: v for k, v in options.items() if k != "fused"}
    run_both(name, options, "complex64", device, [(3, 4), ()])


ADAFACTOR = [
    {},
    {"lr": 0.1, "beta2_decay": -0.5, "eps": (1e-6, 0.1), "d": 1.5, "weight_decay": 0.1},
    {"lr": 0.1, "maximize": True, "foreach": False},
]


@pytest.mark.parametrize("options", ADAFACTOR)
def test_adafactor(options, device):
    run_both("Adafactor", options, "float32", device, [(3, 4), (5,), (), (2, 3, 4), (30, 50)])


MUON = [
    {},
    {"lr": 0.1, "nesterov": False, "weight_decay": 0.0, "momentum": 0.5},
    {"lr": 0.1, "adjust_lr_fn": "match_rms_adamw", "ns_steps": 3, "eps": 1e-3},
]


@pytest.mark.parametrize("options", MUON)
def test_muon(options, device):
    """PyTorch iterates in bfloat16: steps agree to two decimals of their size."""
    ours = Run(gradcore, "Muon", options, "float32", device, [(3, 4), (7, 2)])
    theirs = Run(torch, "Muon", options, "float32", shapes=[(3, 4), (7, 2)])
    for number in range(5):
        ours.step(number)
        theirs.step(number)
    lr = options.get("lr", 1e-3)
    for a, b in zip(ours.arrays(), theirs.arrays(), strict=True):
        np.testing.assert_allclose(a, b, atol=5 * lr * 0.04)


LBFGS = [
    {},
    {"lr": 0.5, "max_iter": 5, "history_size": 3},
    {"line_search_fn": "strong_wolfe"},
    {"line_search_fn": "strong_wolfe", "max_iter": 4, "history_size": 2, "lr": 2.0},
    {"max_iter": 7, "max_eval": 4, "line_search_fn": "strong_wolfe"},
]


def rosenbrock_run(library, options, steps):
    """The parameters after each of some steps, and how often the closure was called."""
    x = library.tensor([-1.5, 2.0], dtype=library.float64, requires_grad=True)
    y = library.tensor([[0.5]], dtype=library.float64, requires_grad=True)
    optimizer = library.optim.LBFGS([x, y], **options)
    calls, seen = 0, []

    def closure():
        nonlocal calls
        calls += 1
        optimizer.zero_grad()
        loss = (1 - x[0]) ** 2 + 10 * (x[1] - x[0] ** 2) ** 2 + ((y - x[0]) ** 2).sum()
        loss.backward()
        return loss

    for _ in range(steps):
        loss = optimizer.step(closure)
        seen.append(np.array([*x.detach().numpy(), y.item(), loss.item()]))
    return seen, calls, optimizer.state[x]


@pytest.mark.parametrize("options", LBFGS)
def test_lbfgs(options):
    ours, our_calls, our_state = rosenbrock_run(gradcore, options, 3)
    theirs, calls, state = rosenbrock_run(torch, options, 3)
    for a, b in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(a, b, 1e-6, 1e-8)
    assert our_calls == calls
    assert set(our_state) == set(state)
    assert our_state["n_iter"] == state["n_iter"]
    assert our_state["func_evals"] == state["func_evals"]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_half_precision(name, dtype, device, path):
    pytest.importorskip("ml_dtypes")
    start, grads = values((40,), "float32", 0), values((10, 40), "float32", 1)
    results = []
    for library, where in ((gradcore, device), (torch, "cpu")):
        kind = getattr(library, dtype)
        param = library.tensor(start).to(kind).to(where).requires_grad_(True)
        optimizer = getattr(library.optim, name)([param], lr=0.05)
        for grad in grads:
            param.grad = library.tensor(grad).to(kind).to(where)
            optimizer.step()
        results.append(param.detach().cpu().float().numpy())
    np.testing.assert_allclose(*results, rtol=0, atol=0.01 if dtype == "float16" else 0.08)


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_options_that_are_tensors(name, device, path):
    results = []
    for library, where in ((gradcore, device), (torch, "cpu")):
        run = Run(
            library, name, {"lr": library.tensor(0.05, dtype=library.float64)}, "float64", where
        )
        for number in range(4):
            run.step(number)
            run.optimizer.param_groups[0]["lr"].mul_(0.5)
        results.append(run.arrays())
    assert_same(*results, "float64", "tensor lr")


@pytest.mark.parametrize("name", ["Adam", "AdamW"])
def test_betas_that_are_tensors(name, path):
    results = []
    for library in (gradcore, torch):
        betas = tuple(library.tensor(b, dtype=library.float64) for b in (0.7, [0.9]))
        run = Run(library, name, {"betas": betas}, "float64")
        for number in range(4):
            run.step(number)
        results.append(run.arrays())
    assert_same(*results, "float64", "tensor betas")


def differentiable_run(library, name, options):
    """Three steps on a non-leaf, and the gradients of their result by start, gradients and lr."""
    start = library.tensor(values((4,), "float64", 0)).requires_grad_(True)
    lr = library.tensor(0.05, dtype=library.float64, requires_grad=True)
    grads = [library.tensor(values((4,), "float64", i)).requires_grad_(True) for i in (1, 2, 3)]
    param = start.clone()
    # PyTorch takes a rate that requires grad in these, and then not with a momentum buffer.
    recorded = name in ("SGD", "Adam", "AdamW") and "momentum" not in options
    rate = lr if recorded else 0.05
    optimizer = getattr(library.optim, name)([param], lr=rate, differentiable=True, **options)
    for grad in grads:
        param.grad = grad
        optimizer.step()
    (param**2).sum().backward()
    found = [t.grad for t in (start, lr, *grads)]
    return [np.zeros(4) if grad is None else grad.numpy() for grad in found]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("SGD", {}),
        ("SGD", {"momentum": 0.9, "weight_decay": 0.1}),
        ("SGD", {"momentum": 0.9, "nesterov": True, "maximize": True}),
        ("Adam", {}),
        ("Adam", {"weight_decay": 0.1}),
        ("AdamW", {"weight_decay": 0.1, "maximize": True}),
        ("Adadelta", {"weight_decay": 0.1}),
        ("Adagrad", {"lr_decay": 0.1}),
        ("NAdam", {}),
        ("RAdam", {}),
        ("RMSprop", {"eps": 1e-3}),
        ("RMSprop", {"momentum": 0.5, "eps": 1e-3}),
        ("ASGD", {"weight_decay": 0.1}),
    ],
)
def test_differentiable(name, options):
    ours = differentiable_run(gradcore, name, options)
    theirs = differentiable_run(torch, name, options)
    # PyTorch's NAdam divides by a product that it keeps in float32.
    assert_same(ours, theirs, "float32" if name == "NAdam" else "float64", "gradients")
