"""The graph: one Node per recorded call, with edges to where its gradients go."""

from __future__ import annotations

import itertools
import re
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

from ..ops.op import Op, Plan, Rule
from .hooks import RemovableHandle
from .state import state
from .straight import straight
from .variable import TensorBase, unwrap, version_of, wrap

sequence = itertools.count()

FREED_MESSAGE = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been freed). Saved intermediate values of the graph are freed when you "
    "call .backward() or autograd.grad(). Specify retain_graph=True if you need to backward "
    "through the graph a second time or if you need to access saved tensors after calling "
    "backward."
)


class Node:
    """A function in the graph. ``seq`` grows with creation, so it orders backward.

    ``edges[i]`` is where the gradient of input i goes: a Node, a leaf Tensor, or None;
    ``slots[i]`` is which output of that Node input i was. ``shape`` and ``dtype`` describe the
    output (lists of them where there are several).
    """

    __slots__ = ("__weakref__", "dtype", "edges", "extras", "seq", "shape", "slots")
    outputs = 1
    # Whether run() returns arrays that nobody else holds (views and its own input aside).
    makes_new = False
    # Whether run() wants to be called when no output got a gradient.
    takes_none = False

    seq: int
    edges: Sequence
    slots: Sequence | None
    shape: Any
    dtype: Any
    extras: Extras | None

    def run(self, grads: list, create_graph: bool) -> Sequence[Any]:
        """Gradients of the inputs, aligned with ``edges``, from those of the outputs."""
        raise NotImplementedError

    def release(self) -> None:
        """Drop what was saved for backward."""

    def name(self) -> str:
        return type(self).__name__

    def __lt__(self, other: Node) -> bool:
        """Nodes of the same rank in the engine's heap may run in any order."""
        return False

    @property
    def next_functions(self) -> tuple:
        slots = self.slots or (0,) * len(self.edges)
        return tuple(
            (AccumulateGrad.of(edge) if isinstance(edge, TensorBase) else edge, slot)
            for edge, slot in zip(self.edges, slots, strict=True)
        )

    @property
    def requires_grad(self) -> bool:
        return True

    @property
    def metadata(self) -> dict:
        """A dict for the user's own notes on this node."""
        return self.attach().metadata

    def attach(self) -> Extras:
        if self.extras is None:
            self.extras = Extras()
        return self.extras

    def register_hook(self, hook: Callable) -> RemovableHandle:
        """``hook(grad_inputs, grad_outputs)`` runs after this node; it may return new inputs."""
        return RemovableHandle.add(self.attach().post_hooks, hook)

    def register_prehook(self, hook: Callable) -> RemovableHandle:
        """``hook(grad_outputs)`` runs before this node; it may return new grad_outputs."""
        return RemovableHandle.add(self.attach().pre_hooks, hook)

    def output_meta(self, slot: int) -> tuple[Any, Any]:
        if self.outputs == 1:
            return self.shape, self.dtype
        return self.shape[slot], self.dtype[slot]

    def _sequence_nr(self) -> int:
        return self.seq

    def __repr__(self) -> str:
        return f"<{self.name().rpartition('::')[2]} object at {id(self):#x}>"


class Extras:
    """Hooks and notes of one node; most nodes have none.

    ``tensor_hooks[slot]`` are the hooks of the tensor that is output ``slot``; ``retained[slot]``
    is a weak reference to that tensor if it keeps its gradient; ``trace`` is where the forward
    call stood and ``parent`` the node that made this one during backward, under anomaly
    detection.
    """

    __slots__ = (
        "metadata",
        "parent",
        "post_hooks",
        "pre_hooks",
        "retained",
        "tensor_hooks",
        "trace"
    )  # fmt: skip

    def __init__(self) -> None:
        self.pre_hooks: OrderedDict = OrderedDict()
        self.post_hooks: OrderedDict = OrderedDict()
        self.tensor_hooks: dict[int, OrderedDict] = {}
        self.retained: dict[int, weakref.ref] = {}
        self.metadata: dict = {}
        self.trace: str | None = None
        self.parent: Node | None = None


class OpNode(Node):
    """A recorded call of an :class:`~gradcore.ops.op.Op` with one result."""

    __slots__ = ("op", "plan", "saved", "versions")
    makes_new = True

    op: Op
    plan: Plan
    saved: Sequence | None
    versions: tuple | None

    def name(self) -> str:
        return self.op.grad_name

    def release(self) -> None:
        if self.plan.keeps_tensors:
            self.saved = None

    def run(self, grads: list, create_graph: bool) -> Sequence[Any]:
        if create_graph:
            return self.run_recorded(grads + self.unpack(create_graph))
        return self.run_raw(grads[0])

    def run_raw(self, g: Any) -> Sequence[Any]:
        """The gradients of the arguments as raw arrays."""
        plan = self.plan
        run = plan.runners.get(type(g))
        if run is None:
            run = plan.runners[type(g)] = straight(plan, len(self.edges), g, _NAMES)
        return run(self, g)

    def run_recorded(self, values: list) -> Sequence[Any]:
        """The gradients of the arguments as Tensors, computed by recorded operations."""
        results = self._call_rules(values, create_graph=True)
        for index, rule, sources in self.plan.calls:
            result = results[index]
            if isinstance(result, TensorBase) and not result._rg and state.recording:
                results[index] = self._tied(result, rule, sources)
        return results

    def _tied(self, result: TensorBase, rule: Rule, sources: tuple) -> TensorBase:
        """``result`` with a history if the rule uses something that has one.

        PyTorch's formulas are operations on what they use, and so require grad with it even
        where the result does not change: the second derivative of relu is zero, not missing.
        """
        names = {"argument", "out", "all argument"}
        used = [self.plan.saves[s - self.outputs] for s in sources if s >= self.outputs]
        used = [(what, index) for what, index in used if what in names]
        if rule.op.tied or any(what != "argument" for what, _ in used):
            positions: Any = range(len(self.edges))
        else:
            positions = [index for _, index in used]
        edges = [(self.edges[i], self.slots[i] if self.slots else 0) for i in positions]
        edges = [edge for edge in edges if edge[0] is not None]
        return Constant.of(result, edges) if edges else result

    def _call_rules(self, values: list, create_graph: bool) -> list:
        results: list[Any] = [None] * len(self.edges)
        for index, rule, sources in self.plan.calls:
            arguments = [values[i] if i >= 0 else index for i in sources]
            function = rule.fn if create_graph else rule.kernel(arguments[0])
            results[index] = function(*arguments)
        return results

    def unpack(self, create_graph: bool) -> list:
        """The saved values: as Tensors for ``create_graph``, as raw arrays otherwise."""
        saved = self.saved
        if saved is None:
            raise RuntimeError(FREED_MESSAGE)
        return [
            self._unpacked(what, index, saved[position], position, create_graph)
            for position, (what, index) in enumerate(self.plan.saves)
        ]

    def _unpacked(
        self, what: str, index: Any, value: Any, position: int, create_graph: bool
    ) -> Any:
        if what == "out":
            return self._output(value, index, create_graph)
        if what == "argument":
            if type(value) is Packed:
                value = value.unpack()
            elif isinstance(value, TensorBase):
                self.check_version(value, position)
            return value if create_graph else unwrap(value)
        if what == "all argument":
            values = self.unpack_all(value, position)
            return values if create_graph else tuple(map(unwrap, values))
        return value

    def unpack_all(self, values: tuple, position: int) -> tuple:
        """The arguments of a variadic call that were saved together at ``position``."""
        expected = (self.versions and self.versions[position]) or (0,) * len(values)
        for value, version in zip(values, expected, strict=True):
            if isinstance(value, TensorBase) and version_of(value) != version:
                made_by = value._node, value._nr
                found = version_of(value)
                raise RuntimeError(stale_message(value._array, *made_by, found, version))
        return tuple(v.unpack() if type(v) is Packed else v for v in values)

    def check_version(self, value: TensorBase, position: int) -> None:
        """RuntimeError if the tensor saved at ``position`` was written to since."""
        expected = 0 if self.versions is None else self.versions[position]
        found = version_of(value)
        if found != expected:
            made_by = value._node, value._nr
            raise RuntimeError(stale_message(value._array, *made_by, found, expected))

    def raise_stale(self, array: Any, slot: int, found: int, expected: int) -> None:
        """The error for an output that was saved and written to since."""
        raise RuntimeError(stale_message(array, self, slot, found, expected))

    def _output(self, value: Any, index: int, create_graph: bool) -> Any:
        if type(value) is Packed:
            array = value.unpack()._array
        else:
            array, counter, expected = value
            if counter[0] != expected:
                self.raise_stale(array, index, counter[0], expected)
        if not create_graph:
            return array
        output = wrap(array)
        if index in self.op.differentiable:
            output._rg, output._node, output._nr = True, self, index
        return output


class OutputsNode(OpNode):
    """A recorded call of an Op with several results."""

    __slots__ = ()

    @property
    def outputs(self) -> int:  # type: ignore[override]
        return self.op.outputs

    def run(self, grads: list, create_graph: bool) -> Sequence[Any]:
        values = grads + self.unpack(create_graph)
        self._materialize(values, len(grads), create_graph)
        return self.run_recorded(values) if create_graph else self._call_rules(values, False)

    def _materialize(self, values: list, count: int, create_graph: bool) -> None:
        """Zeros for the gradients of outputs that nothing used, where a rule asks for them."""
        asked = {i for _, _, sources in self.plan.calls for i in sources if 0 <= i < count}
        known = next(v for v in values[:count] if v is not None)
        for i in asked:
            if values[i] is None:
                values[i] = zeros_for(known, *self.output_meta(i), create_graph)


class Constant(Node):
    """The history of a tensor that was computed from others but does not change with them."""

    __slots__ = ()

    @classmethod
    def of(cls, tensor: TensorBase, edges: list[tuple[Any, int]]) -> TensorBase:
        """``tensor`` anew, depending on what ``edges`` lead to with a derivative of zero."""
        node = cls()
        node.seq, node.extras = next(sequence), None
        node.edges = tuple(edge for edge, _ in edges)
        node.slots = tuple(slot for _, slot in edges)
        node.shape, node.dtype = tensor._array.shape, tensor._array.dtype
        out = wrap(tensor._array)
        out._rg, out._node = True, node
        return out

    def run(self, grads: list, create_graph: bool) -> Sequence[Any]:
        zeros = []
        for edge, slot in zip(self.edges, self.slots or (), strict=True):
            leaf = isinstance(edge, TensorBase)
            like: Any = edge._array if leaf else None
            shape, dtype = (like.shape, like.dtype) if leaf else edge.output_meta(slot)
            zeros.append(zeros_for(grads[0], shape, dtype, create_graph))
        return zeros


class Packed:
    """A saved tensor that saved-tensor hooks turned into something else."""

    __slots__ = ("unpack_hook", "value")

    def __init__(self, value: Any, unpack_hook: Callable) -> None:
        self.value = value
        self.unpack_hook = unpack_hook

    def unpack(self) -> Any:
        return self.unpack_hook(self.value)


# What the code of ``straight`` refers to.
_NAMES = {
    "FREED_MESSAGE": FREED_MESSAGE, "Packed": Packed, "TensorBase": TensorBase, "unwrap": unwrap,
}  # fmt: skip


def stale_message(array: Any, node: Node | None, slot: int, found: int, expected: int) -> str:
    """The error for a saved tensor, output ``slot`` of ``node``, that was written to since."""
    which = ""
    if node is not None:
        which = f", which is output {slot} of {re.sub(r'Backward[0-9]*$', '', node.name())},"
    if state.anomaly:
        hint = (
            "the backtrace further above shows the operation that failed to compute its gradient. "
            "The variable in question was changed in there or anywhere later. Good luck!"
        )
    else:
        hint = (
            "enable anomaly detection to find the operation that failed to compute its gradient, "
            "with torch.autograd.set_detect_anomaly(True, check_nan=False)."
        )
    return (
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{type_string(array)} {list(array.shape)}]{which} is at version {found}; "
        f"expected version {expected} instead. Hint: {hint}"
    )


_TYPE_NAMES = {
    "bool": "Bool", "uint8": "Byte", "int8": "Char", "int16": "Short", "int32": "Int",
    "int64": "Long", "float16": "Half", "bfloat16": "BFloat16", "float32": "Float",
    "float64": "Double", "complex64": "ComplexFloat", "complex128": "ComplexDouble",
}  # fmt: skip


def type_string(array: Any) -> str:
    """What ``Tensor.type()`` says of a tensor of this array, such as "torch.FloatTensor"."""
    from ..backends.registry import device_of

    where = device_of(array).type
    prefix = "torch." if where == "cpu" else f"torch.{where}."
    name = array.dtype.name
    return f"{prefix}{_TYPE_NAMES.get(name, name.capitalize())}Tensor"


def zeros_for(like: Any, shape: tuple, dtype: Any, create_graph: bool) -> Any:
    """Zeros on the device of the gradient ``like``."""
    from ..backends.registry import new

    zeros = new("zeros", unwrap(like), shape, dtype)
    return wrap(zeros) if create_graph else zeros


class AccumulateGrad(Node):
    """The end of the graph at a leaf, as users see it through ``next_functions``.

    Edges lead to the leaf itself and the engine adds to its ``grad`` at once, except where hooks
    must see the whole gradient: then it gathers the gradient at this node. The hooks are kept by
    the leaf, as the node is made anew when somebody looks.
    """

    __slots__ = ("variable",)
    takes_none = True

    variable: TensorBase

    @classmethod
    def of(cls, leaf: TensorBase) -> AccumulateGrad:
        """The node of a leaf, with the hooks that the leaf has now."""
        attributes = leaf.__dict__
        reference = attributes.get("_accumulate_grad")
        node = reference() if reference is not None else None
        if node is None:
            node = cls()
            node.variable = leaf
            node.seq = -1
            node.edges, node.slots = (), None
            attributes["_accumulate_grad"] = weakref.ref(node)
        node.shape, node.dtype = leaf._array.shape, leaf._array.dtype
        node.extras = attributes.get("_accumulate_extras")
        hooks = attributes.get("_backward_hooks")
        if hooks:
            node.attach().tensor_hooks[0] = hooks
        return node

    def attach(self) -> Extras:
        extras = self.variable.__dict__.setdefault("_accumulate_extras", self.extras or Extras())
        self.extras = extras
        return extras

    def run(self, grads: list, create_graph: bool) -> Sequence[Any]:
        from .engine import accumulate

        leaf = self.variable
        if grads[0] is None or not leaf._rg:
            return ()
        accumulate(leaf, grads[0], False, create_graph)
        for hook in list(leaf.__dict__.get("_post_accumulate_grad_hooks", {}).values()):
            result = hook(leaf)
            if result is not None:
                raise TypeError(f"expected Variable, but hook returned '{type(result).__name__}'")
        return ()

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"


def has_hooks(leaf: TensorBase) -> bool:
    """Whether something wants to see the gradient of this leaf as a whole."""
    attributes = leaf.__dict__
    return (
        bool(attributes.get("_backward_hooks"))
        or "_accumulate_extras" in attributes
        or bool(attributes.get("_post_accumulate_grad_hooks"))
    )
