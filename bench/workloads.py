"""What is measured: workloads written once over a torch-like module.

A workload takes the module ``T`` and a device name and returns the function to time. Inputs come
from NumPy with a seed of their own, so that both libraries compute on the same numbers.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

WORKLOADS: dict[str, Workload] = {}


@dataclass(frozen=True)
class Workload:
    """A named set-up; ``group`` is what figures are summed over."""

    name: str
    group: str
    setup: Callable[..., Callable[[], Any]]


class Inputs:
    """Makes tensors of one library on one device from the workload's own random numbers."""

    def __init__(self, T: Any, device: str, name: str) -> None:
        self.T = T
        self.device = device
        self.random = np.random.default_rng(zlib.crc32(name.encode()))

    def tensor(self, *shape: int, grad: bool = False, scale: float = 1.0) -> Any:
        values = self.random.standard_normal(shape).astype(np.float32) * np.float32(scale)
        out = self.T.tensor(values).to(self.device)
        return out.requires_grad_(True) if grad else out


def workload(group: str, name: str) -> Callable:
    def register(setup: Callable) -> Callable:
        WORKLOADS[f"{group}/{name}"] = Workload(f"{group}/{name}", group, setup)
        return setup

    return register


def with_backward(forward: Callable[[], Any], leaves: list, inputs: Inputs) -> Callable[[], Any]:
    """Forward and backward, with a fixed incoming gradient."""
    shape = tuple(forward().shape)
    gradient = inputs.tensor(*shape)

    def run() -> Any:
        for leaf in leaves:
            leaf.grad = None
        forward().backward(gradient)
        return leaves[0].grad

    return run


# --------------------------------------------------------------------- tiny tensors


@workload("overhead", "add_with_grad")
def _(T: Any, make: Inputs) -> Callable:
    a, b = make.tensor(10, grad=True), make.tensor(10, grad=True)
    return lambda: a + b


def _mlp(T: Any, make: Inputs) -> tuple:
    nn = T.nn
    model = nn.Sequential(
        nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 1)
    ).to(make.device)
    return model, make.tensor(32, 4), make.tensor(32, 1)


def _mlp_step(T: Any, make: Inputs, optimizer: Callable | None) -> Callable:
    model, x, y = _mlp(T, make)
    parameters = list(model.parameters())
    opt = None if optimizer is None else optimizer(parameters)

    def step() -> Any:
        if opt is None:
            for p in parameters:
                p.grad = None
        else:
            opt.zero_grad()
        loss = T.nn.functional.mse_loss(model(x), y)
        loss.backward()
        if opt is not None:
            opt.step()
        return loss

    return step


@workload("overhead", "mlp_4-16-16-1_forward_backward")
def _(T: Any, make: Inputs) -> Callable:
    return _mlp_step(T, make, None)


@workload("overhead", "mlp_4-16-16-1_sgd_momentum_step")
def _(T: Any, make: Inputs) -> Callable:
    return _mlp_step(T, make, lambda p: T.optim.SGD(p, lr=0.01, momentum=0.9))


@workload("overhead", "mlp_4-16-16-1_adam_step")
def _(T: Any, make: Inputs) -> Callable:
    return _mlp_step(T, make, lambda p: T.optim.Adam(p, lr=1e-3))


@workload("overhead", "scalar_graph_1000_nodes")
def _(T: Any, make: Inputs) -> Callable:
    leaves = [make.tensor(1, grad=True).detach()[0].clone().requires_grad_(True) for _ in range(20)]

    def step() -> Any:
        for leaf in leaves:
            leaf.grad = None
        nodes, i = list(leaves), 0
        while len(nodes) < 1000:
            nodes.append(nodes[-1] * nodes[i])
            nodes.append(nodes[-1] + nodes[i + 7])
            nodes.append(T.tanh(nodes[-1]))
            i += 1
        nodes[-1].backward()
        return nodes[-1]

    return step


@workload("overhead", "chain_of_100000_adds")
def _(T: Any, make: Inputs) -> Callable:
    x = make.tensor(10, grad=True)
    gradient = make.tensor(10)

    def step() -> Any:
        x.grad = None
        y = x
        for _ in range(100_000):
            y = y + 1.0
        y.backward(gradient)
        return x.grad

    return step


# ------------------------------------------------------- elementwise and reductions

_ELEMENTWISE = {
    "add": lambda T, x, y: x + y,
    "relu": lambda T, x, y: T.relu(x),
    "sigmoid": lambda T, x, y: T.sigmoid(x),
    "tanh": lambda T, x, y: T.tanh(x),
    "exp": lambda T, x, y: T.exp(x),
}
_REDUCTIONS = {
    "sum": lambda T, x: x.sum(),
    "mean_rows": lambda T, x: x.mean(1),
    "sum_columns": lambda T, x: x.sum(0),
    "max_rows": lambda T, x: x.max(1)[0],
    "var_rows": lambda T, x: x.var(1),
}


def _elementwise(name: str, function: Callable, size: int) -> None:
    @workload("elementwise", f"{name}_{size:.0e}[forward]")
    def _(T: Any, make: Inputs) -> Callable:
        x, y = make.tensor(size), make.tensor(size)
        return lambda: function(T, x, y)

    @workload("elementwise", f"{name}_{size:.0e}[forward+backward]")
    def _(T: Any, make: Inputs) -> Callable:
        x, y = make.tensor(size, grad=True), make.tensor(size)
        return with_backward(lambda: function(T, x, y), [x], make)


def _reduction(name: str, function: Callable, rows: int, columns: int) -> None:
    @workload("reductions", f"{name}_{rows}x{columns}[forward]")
    def _(T: Any, make: Inputs) -> Callable:
        x = make.tensor(rows, columns)
        return lambda: function(T, x)

    @workload("reductions", f"{name}_{rows}x{columns}[forward+backward]")
    def _(T: Any, make: Inputs) -> Callable:
        x = make.tensor(rows, columns, grad=True)
        return with_backward(lambda: function(T, x), [x], make)


for _name, _function in _ELEMENTWISE.items():
    for _size in (10_000, 1_000_000, 10_000_000):
        _elementwise(_name, _function, _size)
for _name, _function in _REDUCTIONS.items():
    for _shape in ((100, 100), (1000, 1000), (1000, 10_000)):
        _reduction(_name, _function, *_shape)

# ---------------------------------------------------------------------- convolutions

# N, C, H, out channels, kernel, stride, padding
CONVOLUTIONS = (
    (128, 1, 28, 6, 5, 1, 2),
    (128, 6, 14, 16, 5, 1, 0),
    (64, 3, 32, 32, 3, 1, 1),
    (64, 32, 28, 64, 3, 1, 1),
    (16, 64, 32, 64, 3, 1, 1),
    (16, 128, 16, 128, 3, 1, 1),
    (16, 256, 8, 256, 3, 1, 1),
    (16, 512, 4, 512, 3, 1, 1),
    (16, 64, 32, 128, 3, 2, 1),
    (16, 64, 56, 256, 1, 1, 0),
)


def _convolution(shape: tuple) -> None:
    n, c, h, o, k, s, p = shape

    def setup(T: Any, make: Inputs, backward: bool) -> Callable:
        # the first convolution of a network needs no gradient of its input
        x = make.tensor(n, c, h, h, grad=backward and c > 3)
        w = make.tensor(o, c, k, k, grad=backward, scale=(c * k * k) ** -0.5)
        b = make.tensor(o, grad=backward)

        def forward() -> Any:
            return T.nn.functional.conv2d(x, w, b, stride=s, padding=p)

        if not backward:
            return forward
        return with_backward(forward, [t for t in (x, w, b) if t.requires_grad], make)

    name = f"{n}x{c}x{h}x{h}_o{o}k{k}s{s}p{p}"
    workload("conv2d", f"{name}[forward]")(lambda T, make: setup(T, make, False))
    workload("conv2d", f"{name}[forward+backward]")(lambda T, make: setup(T, make, True))


for _shape in CONVOLUTIONS:
    _convolution(_shape)


# -------------------------------------------------------------------------- products


@workload("products", "matmul_1024[forward]")
def _(T: Any, make: Inputs) -> Callable:
    a, b = make.tensor(1024, 1024), make.tensor(1024, 1024)
    return lambda: a @ b


@workload("products", "linear_128x784-512[forward+backward]")
def _(T: Any, make: Inputs) -> Callable:
    x, w, b = make.tensor(128, 784), make.tensor(512, 784, grad=True), make.tensor(512, grad=True)
    return with_backward(lambda: T.nn.functional.linear(x, w, b), [w, b], make)


@workload("products", "softmax_256x1000[forward+backward]")
def _(T: Any, make: Inputs) -> Callable:
    x = make.tensor(256, 1000, grad=True)
    return with_backward(lambda: T.softmax(x, 1), [x], make)
