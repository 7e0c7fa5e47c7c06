"""Optimizer steps against PyTorch's: ``python bench/bench_optim.py [--filter TEXT]``.

``tiny``: the six parameters of a 4-16-16-1 network, where a step costs its Python; ``large``: 11.2
million parameters in 62 tensors, a ResNet-18, where it costs memory traffic. Both libraries run in
turns, as in vs_torch.py, and step with their default choice of kernel.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from typing import Any

from vs_torch import _MALLOC, compare
from workloads import Inputs, Workload

TINY = [(16, 4), (16,), (16, 16), (16,), (1, 16), (1,)]
# Optimizer, options, the bounds that this project sets itself for tiny and large.
CASES: list[tuple[str, dict[str, Any], float | None, float | None]] = [
    ("SGD", {"lr": 1e-4}, 0.5, 0.7),
    ("SGD", {"lr": 1e-4, "momentum": 0.9}, 0.5, 0.7),
    ("SGD", {"lr": 1e-4, "momentum": 0.9, "nesterov": True, "weight_decay": 1e-4}, None, None),
    ("Adam", {}, 0.5, 0.7),
    ("Adam", {"amsgrad": True, "weight_decay": 1e-4}, None, None),
    ("AdamW", {}, 0.5, 0.7),
    ("Adamax", {}, None, None),
    ("NAdam", {}, None, None),
    ("RAdam", {}, None, None),
    ("Adagrad", {}, None, None),
    ("Adadelta", {}, None, None),
    ("RMSprop", {}, None, None),
    ("Rprop", {}, None, None),
    ("ASGD", {}, None, None),
    ("Adafactor", {}, None, None),
]


def resnet18_shapes() -> list[tuple[int, ...]]:
    """The parameters of torchvision's resnet18 with ten classes."""
    shapes: list[tuple[int, ...]] = [(64, 3, 7, 7), (64,), (64,)]
    inner = 64
    for outer in (64, 128, 256, 512):
        for block in range(2):
            before = inner if block == 0 else outer
            shapes += [(outer, before, 3, 3), (outer,), (outer,)]
            shapes += [(outer, outer, 3, 3), (outer,), (outer,)]
            if before != outer:
                shapes += [(outer, before, 1, 1), (outer,), (outer,)]
        inner = outer
    return [*shapes, (10, 512), (10,)]


def stepping(name: str, options: dict, shapes: list[tuple[int, ...]]) -> Callable:
    """A workload: a step with one of two sets of gradients, as a new backward pass brings them."""

    def setup(T: Any, make: Inputs) -> Callable:
        params = [make.tensor(*shape, grad=True, scale=0.1) for shape in shapes]
        gradients = [[make.tensor(*shape, scale=0.1) for shape in shapes] for _ in range(2)]
        optimizer = getattr(T.optim, name)(params, **options)

        def run() -> None:
            gradients.reverse()
            for param, grad in zip(params, gradients[0], strict=True):
                param.grad = grad
            optimizer.step()

        return run

    return setup


def only_step(name: str, options: dict) -> Callable:
    """A workload: the step alone, with gradients that stay."""

    def setup(T: Any, make: Inputs) -> Callable:
        params = [make.tensor(*shape, grad=True, scale=0.1) for shape in TINY]
        for param in params:
            param.grad = make.tensor(*param.shape, scale=0.1)
        return getattr(T.optim, name)(params, **options).step

    return setup


def zeroing(T: Any, make: Inputs) -> Callable:
    return T.optim.SGD([make.tensor(*shape, grad=True) for shape in TINY]).zero_grad


def workloads() -> list[tuple[Workload, float | None]]:
    """All workloads with their bounds."""
    found = [(Workload("tiny/zero_grad", "tiny", zeroing), 0.5)]
    for name, options, tiny, large in CASES:
        title = name + "".join(f" {key}={value}" for key, value in options.items())
        found.append((Workload(f"tiny/{title}", "tiny", only_step(name, options)), tiny))
        setup = stepping(name, options, resnet18_shapes())
        found.append((Workload(f"large/{title}", "large", setup), large))
    return sorted(found, key=lambda pair: pair[0].group, reverse=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--filter", default="", help="only workloads whose name contains this")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--slot-ms", type=float, default=40)
    options = parser.parse_args()
    if any(os.environ.get(k) != v for k, v in _MALLOC.items()):
        os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | _MALLOC)
    import torch

    import gradcore

    torch.set_num_threads(gradcore.get_num_threads())
    libraries = {"gradcore": gradcore, "torch": torch}
    for workload, bound in workloads():
        if options.filter not in workload.name:
            continue
        row = compare(workload, libraries, options.device, options.rounds, options.slot_ms / 1e3)
        goal = "" if bound is None else f"   goal {bound}"
        print(
            f"{row['workload']:64s} {row['gradcore_us']:10.1f} us {row['torch_us']:10.1f} us"
            f"   ratio {row['ratio']:5.2f}{goal}",
            flush=True,
        )


if __name__ == "__main__":
    main()
