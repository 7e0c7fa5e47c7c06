"""Tables of a model's layers: ``gradcore.summary(model, input_size)``.

Without ``depth`` the text is that of ``torchsummary.summary``; with it, a tree of the modules
with their parameters and multiply-adds, in the manner of torchinfo. The module itself can be
called: ``gradcore.summary`` is the function for those who only import gradcore.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import prod
from types import ModuleType
from typing import Any

from . import no_grad, rand
from .cuda import is_available
from .nn import Module, ModuleList, Sequential

_MEGABYTE = 1024**2
_WIDTH = 90
_FLOAT_BYTES = 4  # the table counts every number as a float32, as torchsummary does


@dataclass
class Layer:
    """What one call of a module showed.

    ``shape`` is the output's, its first entry the batch size asked for; ``parameters`` counts
    weight and bias of the module itself; ``multiply_adds`` is for one sample, of all calls so far.
    """

    name: str
    module: Module
    depth: int
    shape: Any = None
    parameters: int = 0
    trainable: int = 0
    multiply_adds: int = 0
    numbers: int = 0


def summary(
    model: Module,
    input_size: Sequence[Any],
    batch_size: int = -1,
    device: str = "cuda",
    dtypes: Sequence[Any] | None = None,
    *,
    depth: int | None = None,
) -> None:
    """Print the layers of ``model`` with their output shapes and numbers of parameters.

    Args:
        input_size: the shape of an input without the batch; a list of shapes for several.
        batch_size: shown as the first dimension.
        device: "cuda" or "cpu"; the CPU also serves "cuda" where there is no GPU.
        dtypes: of the inputs; floating point by default.
        depth: print a tree down to this depth, with multiply-adds, instead of the flat table.

    Raises:
        AssertionError: for another device.
    """
    assert str(device).lower() in ("cuda", "cpu"), (
        "Input device is not valid, please specify 'cuda' or 'cpu'"
    )
    where = "cuda" if str(device).lower() == "cuda" and is_available() else "cpu"
    sizes = [input_size] if isinstance(input_size[0], int) else list(input_size)
    tree, calls = record(model, sizes, batch_size, where, dtypes)
    megabytes = abs(sum(map(prod, sizes)) * batch_size * _FLOAT_BYTES / _MEGABYTE)
    if depth is None:
        # torchsummary has no line for containers, nor for the model that is no layer itself.
        shown = [
            x
            for x in calls
            if not isinstance(x.module, (Sequential, ModuleList)) and x.module is not model
        ]
        lines = [*_table(shown), *_totals(shown, sum(x.numbers for x in shown), megabytes, 64)]
    else:
        kept = sum(x.numbers for x in calls if not list(x.module.children()))
        lines = [*_tree(tree, depth), *_totals(tree, kept, megabytes, _WIDTH)]
    print("\n".join(lines))


def record(
    model: Module,
    sizes: Sequence[Sequence[int]],
    batch_size: int = -1,
    device: str = "cpu",
    dtypes: Sequence[Any] | None = None,
) -> tuple[list[Layer], list[Layer]]:
    """What a run of ``model`` on random inputs calls.

    The first list has each module once, parents before their children; the second one has each
    call, in the order in which they end. Two samples are run, which is what batch normalization
    needs. Hooks and mode are as before afterwards, also when the run fails.
    """
    kinds: Sequence[Any] = dtypes or [None] * len(sizes)
    inputs = [
        rand(2, *size, device=device).to(kind)
        if kind is not None
        else rand(2, *size, device=device)
        for size, kind in zip(sizes, kinds, strict=True)
    ]
    tree: list[Layer] = []
    calls: list[Layer] = []
    handles = []
    for path, module in model.named_modules():
        level = 0 if not path else path.count(".") + 1
        layer = Layer(path.rpartition(".")[2], module, level)
        handles.append(module.register_forward_pre_hook(_entered(tree, layer)))
        handles.append(module.register_forward_hook(_left(calls, layer, batch_size)))
    try:
        with no_grad():
            model(*inputs)
    finally:
        for handle in handles:
            handle.remove()
    return tree, calls


def _entered(tree: list[Layer], layer: Layer) -> Callable:
    def hook(module: Module, inputs: Any) -> None:
        if not any(layer is each for each in tree):
            tree.append(layer)

    return hook


def _left(calls: list[Layer], layer: Layer, batch_size: int) -> Callable:
    def hook(module: Module, inputs: Any, output: Any) -> None:
        outputs = list(_tensors(output))
        shapes = [[batch_size, *tuple(t.shape)[1:]] for t in outputs]
        layer.shape = shapes if isinstance(output, (list, tuple)) else (shapes or [[]])[0]
        layer.numbers = sum(prod(shape) for shape in shapes)
        layer.parameters = layer.trainable = 0
        for parameter in _own_parameters(module):
            layer.parameters += parameter.numel()
            layer.trainable += parameter.numel() if parameter.requires_grad else 0
        if outputs:
            layer.multiply_adds += _multiply_adds(module, tuple(outputs[0].shape))
        calls.append(replace(layer))

    return hook


def _own_parameters(module: Module) -> Iterator[Any]:
    return (p for p in module._parameters.values() if p is not None)


def _tensors(value: Any) -> Iterator[Any]:
    if hasattr(value, "numel"):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _tensors(each)
    elif isinstance(value, (list, tuple)):
        for each in value:
            yield from _tensors(each)


def _multiply_adds(module: Module, shape: tuple[int, ...]) -> int:
    """Multiply-adds for one sample: each weight is used once per place that it is moved to."""
    weight = module._parameters.get("weight")
    if weight is None:
        return 0
    kind = type(module).__name__
    if "Conv" in kind:
        return weight.numel() * prod(shape[2:])
    if kind in ("Linear", "Bilinear"):
        return weight.numel() * prod(shape[1:-1])
    return weight.numel()


def _table(layers: list[Layer]) -> list[str]:
    lines = ["-" * 64, f"{'Layer (type)':>20}  {'Output Shape':>25} {'Param #':>15}", "=" * 64]
    for number, layer in enumerate(layers, 1):
        name = f"{type(layer.module).__name__}-{number}"
        lines.append(f"{name:>20}  {layer.shape!s:>25} {layer.parameters:>15,}")
    return [*lines, "=" * 64]


def _tree(layers: list[Layer], depth: int) -> list[str]:
    lines = ["=" * _WIDTH]
    lines.append(
        f"{'Layer (type:name)':<38} {'Output Shape':<22} {'Param #':>12} {'Mult-Adds':>14}"
    )
    lines.append("=" * _WIDTH)
    for layer in layers:
        if layer.depth > depth:
            continue
        name = type(layer.module).__name__ + (f": {layer.name}" if layer.name else "")
        label = "   " * (layer.depth - 1) + ("├─" if layer.depth else "") + name
        count, work = layer.parameters, layer.multiply_adds
        if layer.depth == depth:  # the leaves of the tree stand for all below them
            inside = set(layer.module.modules())
            below = [x for x in layers if x.module in inside]
            count = sum(x.parameters for x in below)
            work = sum(x.multiply_adds for x in below)
        lines.append(f"{label:<38} {layer.shape!s:<22} {_or_dash(count):>12} {_or_dash(work):>14}")
    work = sum(x.multiply_adds for x in layers)
    return [*lines, "=" * _WIDTH, f"Mult-adds per sample: {work:,}"]


def _or_dash(count: int) -> str:
    return f"{count:,}" if count else "--"


def _totals(layers: list[Layer], numbers: int, input_size: float, width: int) -> list[str]:
    parameters = sum(layer.parameters for layer in layers)
    trainable = sum(layer.trainable for layer in layers)
    # Each output is kept for backward, and its gradient is as big.
    passes = abs(2.0 * numbers * _FLOAT_BYTES / _MEGABYTE)
    held = abs(parameters * _FLOAT_BYTES / _MEGABYTE)
    return [
        f"Total params: {parameters:,}",
        f"Trainable params: {trainable:,}",
        f"Non-trainable params: {parameters - trainable:,}",
        "-" * width,
        f"Input size (MB): {input_size:0.2f}",
        f"Forward/backward pass size (MB): {passes:0.2f}",
        f"Params size (MB): {held:0.2f}",
        f"Estimated Total Size (MB): {passes + held + input_size:0.2f}",
        "-" * width,
    ]


class _CallableModule(ModuleType):
    """Lets ``gradcore.summary(model, …)`` work although ``gradcore.summary`` is this module."""

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        return summary(*args, **kwargs)


sys.modules[__name__].__class__ = _CallableModule
