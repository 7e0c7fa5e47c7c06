"""Whole training steps against PyTorch's: ``python bench/bench_nn.py [--filter TEXT]``.

A step clears the gradients, runs forward and backward and updates the parameters. Both libraries
run in turns, as in vs_torch.py, from the same random inputs.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from vs_torch import _MALLOC, compare
from workloads import Inputs, Workload


def mlp(T: Any) -> Any:
    nn = T.nn
    layers: list[Any] = []
    for inner, outer in ((784, 512), (512, 512)):
        layers += [nn.Linear(inner, outer), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(512, 10))


def lenet(T: Any) -> Any:
    nn = T.nn
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def cnn(T: Any) -> Any:
    nn = T.nn
    layers: list[Any] = []
    for inner, outer in ((3, 32), (32, 64), (64, 128)):
        layers += [nn.Conv2d(inner, outer, 3, padding=1, bias=False), nn.BatchNorm2d(outer)]
        layers += [nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(2048, 10))


def resnet18(T: Any) -> Any:
    nn = T.nn

    class Block(nn.Module):
        def __init__(self, inner: int, outer: int, stride: int) -> None:
            super().__init__()
            self.body = nn.Sequential(
                *(nn.Conv2d(inner, outer, 3, stride, 1, bias=False), nn.BatchNorm2d(outer)),
                *(nn.ReLU(), nn.Conv2d(outer, outer, 3, 1, 1, bias=False), nn.BatchNorm2d(outer)),
            )
            self.shortcut = nn.Sequential()
            if inner != outer:
                convolution = nn.Conv2d(inner, outer, 1, stride, bias=False)
                self.shortcut = nn.Sequential(convolution, nn.BatchNorm2d(outer))

        def forward(self, x: Any) -> Any:
            return T.relu(self.body(x) + self.shortcut(x))

    layers: list[Any] = [nn.Conv2d(3, 64, 3, padding=1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    inner = 64
    for outer, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Block(inner, outer, stride), Block(outer, outer, 1)]
        inner = outer
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10))


def lstm(T: Any) -> Any:
    class Tagger(T.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = T.nn.LSTM(128, 256, batch_first=True)
            self.last = T.nn.Linear(256, 10)

        def forward(self, x: Any) -> Any:
            return self.last(self.lstm(x)[0][:, -1])

    return Tagger()


def transformer(T: Any) -> Any:
    class Encoder(T.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            layer = T.nn.TransformerEncoderLayer(256, 8, 1024, batch_first=True)
            self.layers = T.nn.TransformerEncoder(layer, 4)
            self.last = T.nn.Linear(256, 10)

        def forward(self, x: Any) -> Any:
            return self.last(self.layers(x).mean(1))

    return Encoder()


# Network, shape of its input, optimizer, the bound that this project sets itself.
CASES: dict[str, tuple[Callable, tuple[int, ...], str, float]] = {
    "mlp": (mlp, (128, 784), "SGD", 0.9),
    "lenet": (lenet, (128, 1, 28, 28), "SGD", 1.0),
    "cnn": (cnn, (64, 3, 32, 32), "SGD", 0.9),
    "resnet18": (resnet18, (16, 3, 32, 32), "SGD", 1.0),
    "lstm": (lstm, (32, 50, 128), "Adam", 1.0),
    "transformer": (transformer, (16, 128, 256), "AdamW", 0.8),
}


def training(build: Callable, shape: tuple[int, ...], optimizer: str) -> Callable:
    """A workload: one training step."""

    def setup(T: Any, make: Inputs) -> Callable:
        T.manual_seed(0)
        model = build(T).to(make.device)
        inputs = make.tensor(*shape)
        target = T.tensor(make.random.integers(0, 10, shape[0])).to(make.device)
        updates = getattr(T.optim, optimizer)(model.parameters(), lr=1e-4)

        def run() -> None:
            updates.zero_grad()
            T.nn.functional.cross_entropy(model(inputs), target).backward()
            updates.step()

        return run

    return setup


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--filter", default="", help="only networks whose name contains this")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slot-ms", type=float, default=60)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if any(os.environ.get(k) != v for k, v in _MALLOC.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | _MALLOC)
    import torch

    import gradcore

    libraries = {"gradcore": gradcore, "torch": torch}
    for T in libraries.values():
        T.set_num_threads(options.threads)
    for name, (build, shape, optimizer, goal) in CASES.items():
        if options.filter not in name:
            continue
        step = Workload(name, "training", training(build, shape, optimizer))
        row = compare(step, libraries, options.device, options.rounds, options.slot_ms / 1e3)
        print(
            f"{name:12s} {row['gradcore_us'] / 1e3:9.2f} ms {row['torch_us'] / 1e3:9.2f} ms"
            f"   ratio {row['ratio']:5.2f}   goal {goal}",
            flush=True,
        )


if __name__ == "__main__":
    main()
