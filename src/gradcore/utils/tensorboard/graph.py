"""The graph of a model for TensorBoard: the operations that autograd recorded, by module.

The model runs once on the given input. Forward hooks note which module runs at which of the
nodes' sequence numbers; afterwards each node belongs to the module that it was made in.
"""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from ...autograd.modes import enable_grad
from ...autograd.node import Node, sequence
from ...autograd.variable import TensorBase
from ...func.tree import take_apart
from ...nn import Module
from ..viz import attributes, history
from .protobufs import (
    AttrValue,
    DeviceStepStats,
    GraphDef,
    NodeDef,
    RunMetadata,
    StepStats,
    VersionDef,
)
from .summary import shape_proto

_DICT_MESSAGE = (
    "Encountering a {} at the output of the tracer might cause the trace to be incorrect, this is "
    "only valid if the container structure does not change based on the module's inputs. "
    "Consider using a constant container instead (e.g. for `list`, use a `tuple` instead. for "
    "`dict`, use a `NamedTuple` instead). If you absolutely need this and know the side effects, "
    "pass strict=False to trace() to allow this behavior."
)


def graph(
    model: Module, args: Any, verbose: bool = False, use_strict_trace: bool = True
) -> tuple[GraphDef, RunMetadata]:
    """Run ``model`` in eval mode on ``args``, a tensor or a tuple of tensors, and draw what it did.

    A node's name is the path of its module, ``Net/Sequential[features]/Conv2d[0]/convolution``.
    Weights, modes, and what requires grad are as before afterwards.

    Raises RuntimeError without input and, with ``use_strict_trace``, for lists and dicts as
    output; and what the model raises.
    """
    if args is None:
        raise RuntimeError("input_to_model is needed: the graph is drawn of a run of the model")
    args = (args,) if isinstance(args, TensorBase) else tuple(args)
    drawing = Drawing(model)
    with _eval_mode(model), _tracked_parameters(model), enable_grad(), drawing.watch():
        inputs = [drawing.add_input(arg) for arg in args]
        result = model(*inputs)
    if use_strict_trace and isinstance(result, (dict, list)):
        raise RuntimeError(_DICT_MESSAGE.format(type(result).__name__))
    drawing.add_history([x for x in take_apart(result)[0] if isinstance(x, TensorBase)])
    definition = GraphDef(node=drawing.nodes, versions=VersionDef(producer=22))
    if verbose:
        print(definition)
    # TensorBoard wants a device; what is recorded does not depend on it.
    stats = StepStats(dev_stats=[DeviceStepStats(device="/device:CPU:0")])
    return definition, RunMetadata(step_stats=stats)


class Drawing:
    """The nodes of one graph, with the names that stand for tensors and operations in it."""

    def __init__(self, model: Module) -> None:
        self.model = model
        self.nodes: list[Any] = []
        self.names: dict[int, str] = {}
        self.used: set[str] = set()
        self.untracked: list[Any] = []  # the inputs of integers and bools
        # Sequence numbers at which another module goes on, in growing order, and its scope.
        self.starts: list[int] = [-1]
        self.scopes: list[str] = [type(model).__name__]
        self.kept: list[Any] = []

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Note which module runs, until the end of the block."""
        handles = []
        running = [self.scopes[0]]
        for path, module in self.model.named_modules():
            if module is self.model:
                continue
            scope = self.scope_of(path)

            def enter(module: Any, args: Any, scope: str = scope) -> None:
                running.append(scope)
                self.go_on(scope)

            def leave(module: Any, args: Any, output: Any) -> None:
                running.pop()
                self.go_on(running[-1])

            handles += [
                module.register_forward_pre_hook(enter),
                module.register_forward_hook(leave),
            ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def go_on(self, scope: str) -> None:
        """From now on, nodes belong to ``scope``."""
        self.starts.append(next(sequence))
        self.scopes.append(scope)

    def scope_of(self, path: str) -> str:
        """``Net/Sequential[features]/Conv2d[0]`` of "features.0"."""
        parts = [type(self.model).__name__]
        module: Any = self.model
        for name in path.split("."):
            module = module._modules[name]
            parts.append(f"{type(module).__name__}[{name}]")
        return "/".join(parts)

    def unique(self, name: str) -> str:
        """``name``, with a number if there is one such already."""
        count, result = 0, name
        while result in self.used:
            count += 1
            result = f"{name}_{count}"
        self.used.add(result)
        return result

    def add(self, item: Any, name: str, kind: str, inputs: Any, shape: Any, text: str) -> None:
        """A node that stands for ``item``, a tensor or a node of autograd."""
        name = self.names[id(item)] = self.unique(name)
        self.kept.append(item)
        attr = {"attr": AttrValue(s=text.encode("utf-8"))}
        if shape is not None:
            shapes = AttrValue.ListValue(shape=[shape_proto(shape)])
            attr["_output_shapes"] = AttrValue(list=shapes)
        self.nodes.append(NodeDef(name=name, op=kind, input=inputs, attr=attr))

    def add_input(self, value: Any) -> Any:
        """An input of the model; returns what to pass to it instead, which has a history."""
        if not isinstance(value, TensorBase):
            return value
        name = f"input/input.{len(self.nodes) + 1}"
        # A copy, which may be written to in place although its leaf may not.
        tensor = value.detach()
        tracked = tensor.is_floating_point() or tensor.is_complex()
        tensor = tensor.requires_grad_(tracked).clone()
        self.add(tensor._node or tensor, name, "IO Node", [], value.shape, "{}")
        if not tracked:
            self.untracked.append(tensor)
        return tensor

    def add_history(self, outputs: list[Any]) -> None:
        """All operations and parameters that ``outputs`` were computed of, and the outputs."""
        paths = {id(p): path for path, p in self.model.named_parameters()}
        for node in history(outputs):
            if id(node) not in self.names:
                self.add_operation(node, list(self.sources_of(node, paths)))
        for i, tensor in enumerate(outputs, 1):
            item = tensor if tensor._node is None else tensor._node
            source = self.names.get(id(item))
            inputs = [] if source is None else [_output_name(source, tensor._nr)]
            self.add(object(), f"output/output.{i}", "IO Node", inputs, tensor.shape, "{}")

    def add_operation(self, node: Node, sources: list[str]) -> None:
        """The node of an operation, in the scope of the module that it ran in."""
        scope = self.scopes[bisect.bisect_right(self.starts, node.seq) - 1]
        kind = _snake(re.sub(r"Backward\d*$", "", node.name().rpartition("::")[2]))
        shape = node.shape[0] if isinstance(node.shape, list) else node.shape
        text = str(attributes(node)).replace("'", " ")
        self.add(node, f"{scope}/{kind}", f"aten::{kind}", sources, shape, text)

    def sources_of(self, node: Node, paths: Mapping[int, str]) -> Iterator[str]:
        """The names of the inputs of an operation."""
        slots = node.slots or (0,) * len(node.edges)
        for i, (edge, slot) in enumerate(zip(node.edges, slots, strict=True)):
            item = edge if edge is not None else self.saved_input(node, i)
            if isinstance(item, TensorBase) and id(item) not in self.names:
                self.add_leaf(item, paths.get(id(item)))
            if item is not None:
                yield _output_name(self.names[id(item)], slot)

    def add_leaf(self, leaf: Any, path: str | None) -> None:
        """A parameter, in the scope of its module, or another leaf."""
        if path is None:
            self.add(leaf, f"{self.scopes[0]}/constant", "prim::Constant", [], leaf.shape, "{}")
            return
        owner, _, name = path.rpartition(".")
        scope = self.scope_of(owner) if owner else self.scopes[0]
        text = f"{{ name :  {name} }}"
        self.add(leaf, f"{scope}/{name}", "prim::GetAttr", [], leaf.shape, text)

    def saved_input(self, node: Any, index: int) -> Any:
        """The integer input that argument ``index`` is or is a view of, if the node keeps it.

        There are no edges to what has no gradient, such as the indices of an embedding.
        """
        saved = getattr(node, "saved", None)
        if saved is None or not hasattr(node, "plan"):
            return None
        for (what, where), value in zip(node.plan.saves, saved, strict=True):
            if what == "argument" and where == index and isinstance(value, TensorBase):
                for tensor in self.untracked:
                    # Inputs are contiguous copies: what begins within one is a view of it.
                    start, size = tensor.data_ptr(), tensor.numel() * tensor.element_size()
                    if start <= value.data_ptr() < start + size:
                        return tensor
        return None


def _output_name(name: str, slot: int) -> str:
    return f"{name}:{slot}" if slot else name


def _snake(name: str) -> str:
    """``max_pool2d`` of "MaxPool2D"."""
    name = re.sub(r"(\d)D(?![a-z])", r"\1d", name)
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


@contextmanager
def _eval_mode(model: Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, training in modes:
            module.training = training


@contextmanager
def _tracked_parameters(model: Module) -> Iterator[None]:
    """Frozen parameters require grad within the block, so that the graph shows them."""
    frozen = [p for p in model.parameters() if not p.requires_grad and p.is_floating_point()]
    for parameter in frozen:
        parameter.requires_grad_(True)
    try:
        yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)
