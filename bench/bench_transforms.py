"""Pipelines of transforms against torchvision's: ``python bench/bench_transforms.py``.

Both libraries run in turns, as in vs_torch.py, on the same PIL images, with one seed. Needs
torchvision and Pillow; operators of torchvision that do not load beside a CPU build of torch are
declared only, transforms do not use them.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
from vs_torch import arguments, measure
from workloads import Inputs, Workload

MEAN, STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
# Pipeline, height and width of its images, the bound that this project sets itself.
PIPELINES: list[tuple[str, int, Callable[[Any], list], float | None]] = [
    (
        "cifar",
        32,
        lambda T: [
            T.RandomCrop(32, padding=4),
            T.RandomHorizontalFlip(),
            T.ToTensor(),
            T.Normalize(MEAN, STD),
        ],
        0.8,
    ),
    ("mnist", 28, lambda T: [T.ToTensor(), T.Normalize((0.1307,) * 3, (0.3081,) * 3)], None),
    (
        "imagenet",
        256,
        lambda T: [
            T.RandomResizedCrop(224),
            T.RandomHorizontalFlip(),
            T.ToTensor(),
            T.Normalize(MEAN, STD),
        ],
        None,
    ),
    (
        "validation",
        256,
        lambda T: [T.Resize(224), T.CenterCrop(224), T.ToTensor(), T.Normalize(MEAN, STD)],
        None,
    ),
    ("jitter", 64, lambda T: [T.ColorJitter(0.4, 0.4, 0.4, 0.1), T.ToTensor()], None),
    ("trivial", 32, lambda T: [T.TrivialAugmentWide(), T.ToTensor()], None),
    ("rotation", 32, lambda T: [T.RandomRotation(15), T.ToTensor()], None),
    ("erasing", 32, lambda T: [T.ToTensor(), T.RandomErasing(p=1.0)], None),
]
# The same on tensors, where the kernels are the library's own and not Pillow's.
TENSOR_PIPELINES: list[tuple[str, int, Callable[[Any], list]]] = [
    ("crop_flip", 32, lambda T: [T.RandomCrop(32, padding=4), T.RandomHorizontalFlip()]),
    ("resize", 128, lambda T: [T.Resize(64)]),
    ("rotation", 64, lambda T: [T.RandomRotation(15)]),
    ("jitter", 64, lambda T: [T.ColorJitter(0.4, 0.4, 0.4, 0.1)]),
    ("blur", 64, lambda T: [T.GaussianBlur(5)]),
]


def transforms_of(library: Any) -> Any:
    """The transforms that go with gradcore or with PyTorch."""
    if library.__name__ != "torch":
        return importlib.import_module("gradcore.vision.transforms")
    try:
        return importlib.import_module("torchvision.transforms")
    except RuntimeError:
        declared = library.library.Library("torchvision", "DEF")
        for name in ("nms", "qnms"):
            declared.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        transforms_of.declared = declared  # type: ignore[attr-defined]
        return importlib.import_module("torchvision.transforms")


def workload(name: str, side: int, stages: Callable[[Any], list], tensors: bool) -> Workload:
    """A workload: the pipeline on one of eight images."""

    def setup(library: Any, _: Inputs) -> Callable:
        from PIL import Image

        T = transforms_of(library)
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (8, side, side, 3), dtype=np.uint8)
        pictures = [Image.fromarray(image) for image in images]
        inputs = [T.PILToTensor()(p).contiguous() for p in pictures] if tensors else pictures
        pipeline = T.Compose(stages(T))
        library.manual_seed(0)
        state = SimpleNamespace(i=0)

        def run() -> None:
            state.i = (state.i + 1) % len(inputs)
            pipeline(inputs[state.i])

        return run

    group = "tensor" if tensors else "pil"
    return Workload(f"{group}/{name}", group, setup)


def main() -> None:
    options = arguments(__doc__, rounds=9, slot_ms=30)
    cases = [workload(name, side, stages, False) for name, side, stages, _ in PIPELINES]
    cases += [workload(name, side, stages, True) for name, side, stages in TENSOR_PIPELINES]
    rows = {row["workload"]: row for row in measure({w.name: w for w in cases}, options)}
    late = []
    for name, _, _, bound in PIPELINES:
        row = rows.get(f"pil/{name}")
        if row and bound is not None and row["ratio"] > bound:
            late.append(f"pil/{name}: {row['ratio']:.2f}, wanted at most {bound}")
    if late:
        sys.exit("\n".join(late))


if __name__ == "__main__":
    main()
