"""Calling an op with Tensors: run its body on their arrays and record a Node.

``Op.__call__`` is the general path. ``unary`` and ``binary`` make the callables behind operators
and pointwise functions; they handle the common case (Tensors of one dtype, ordinary modes) in a
few lines, because at small sizes a program's time is spent right here, and send the rest on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..backends.registry import device_of, is_array, raise_if_mixed
from ..ops.op import Op
from ..ops.promotion import name_of, unify
from ..ops.shape import broadcast_shape
from .node import OpNode, OutputsNode, Packed, sequence
from .state import GRAD, SPECIAL, state
from .variable import TensorBase, ViewInfo, classes, version_counter, version_of, wrap
from .views import refresh

_new = object.__new__


def call(self: Op, *args: Any, **attributes: Any) -> Any:
    """``Op.__call__``: arrays give arrays; as soon as one argument is a Tensor, Tensors."""
    kernel = self.kernels.get(type(args[0])) if args else None
    if kernel is not None:
        for x in args:
            if isinstance(x, TensorBase):
                break
        else:
            return kernel(*args, **attributes)
    arrays: list[Any] = []
    edges: list[Any] = []
    slots: list[int] | None = None
    tracked = mixed = False
    kind = None
    for x in args:
        edge = None
        if isinstance(x, TensorBase):
            if x._base is not None:
                refresh(x)
            if x._rg:
                tracked = True
                edge = x._node or x
                if x._nr:
                    slots = slots or [0] * len(args)
                    slots[len(edges)] = x._nr
            x = x._array
            if kind is None:
                kind = type(x)
            elif type(x) is not kind:
                mixed = True
        arrays.append(x)
        edges.append(edge)
    if kind is None:
        return self.kernel(args)(*args, **attributes)
    if mixed:
        arrays = bring_together(arrays, self)
    if self.promotion is not None:
        arrays = unify(arrays, self.promotion, self.name)
    kernel = self.kernels.get(kind) or self.kernel(arrays)
    try:
        result = kernel(*arrays, **attributes)
    except (TypeError, ValueError) as error:
        raise explained(self, arrays, error) from error
    if tracked and state.recording and self.differentiable:
        return _record(self, args, attributes, result, edges, slots)
    return _plain(self, args, attributes, result)


def explained(op: Op, operands: Any, error: Exception) -> Exception:
    """PyTorch's error for what the array library refused: a dtype, or shapes that do not fit."""
    arrays = [x for x in operands if is_array(x)]
    if not op.pointwise:
        return error
    if isinstance(error, ValueError):
        try:
            broadcast_shape(*(x.shape for x in arrays))
        except RuntimeError as fitting:
            return fitting
        return error
    name = name_of(arrays[0].dtype)
    return NotImplementedError(f"\"{op.name}_cpu\" not implemented for '{name}'")


def bring_together(arrays: list, op: Op) -> list:
    """0-d CPU tensors among those of another device become numbers; otherwise an error."""
    if op.pointwise:
        where = [device_of(x) for x in arrays if is_array(x) and x.ndim]
        if where and any(w.type != "cpu" for w in where):
            arrays = [
                x.item() if is_array(x) and not x.ndim and device_of(x).type == "cpu" else x
                for x in arrays
            ]
    raise_if_mixed(arrays)
    return arrays


def _plain(op: Op, args: tuple, attributes: dict, result: Any) -> Any:
    """The Tensors of a call that is not recorded."""
    if op.outputs > 1:
        return tuple(map(wrap, result))
    output = wrap(result)
    if op.view:
        link_view(op, args[0], attributes, output, None)
    return output


def record(op: Op, args: tuple, attributes: dict, result: Any) -> Any:
    """Make the Node of a call and the Tensors that it gave."""
    return _record(op, args, attributes, result, *find_edges(args))


def _record(
    op: Op, args: tuple, attributes: dict, result: Any, edges: Sequence, slots: Sequence | None
) -> Any:
    single = op.outputs == 1
    if single and result.dtype.kind not in "fcV":
        return _plain(op, args, attributes, result)
    node = OpNode() if single else OutputsNode()
    node.op, node.seq, node.extras = op, next(sequence), None
    node.edges, node.slots = edges, slots
    node.plan = plan = op.plan(tuple([edge is not None for edge in edges]))
    if single:
        node.shape, node.dtype = result.shape, result.dtype
        outputs = wrap(result)
        outputs._rg, outputs._node = True, node
        if op.view:
            link_view(op, args[0], attributes, outputs, None)
    else:
        node.shape = [r.shape for r in result]
        node.dtype = [r.dtype for r in result]
        outputs = tuple(
            attach(wrap(r), node, i) if i in op.differentiable else wrap(r)
            for i, r in enumerate(result)
        )
    if plan.plain is not None and state.mode is not SPECIAL:
        save_arguments(node, args)
        return outputs
    save(node, args, attributes, outputs)
    if state.anomaly:
        from .anomaly import remember

        remember(node)
    return outputs


def attach(tensor: Any, node: Any, slot: int) -> Any:
    """Make ``tensor`` output ``slot`` of ``node``."""
    tensor._rg, tensor._node, tensor._nr = True, node, slot
    return tensor


def link_inputs(node: Any, args: tuple) -> None:
    """Set the edges of a node to where the gradients of its arguments go."""
    node.edges, node.slots = find_edges(args)


def find_edges(args: tuple) -> tuple[Sequence, Sequence | None]:
    """Where the gradients of ``args`` go: nodes or leaves, and the outputs of these nodes."""
    edges = []
    slots = None
    for i, x in enumerate(args):
        if isinstance(x, TensorBase) and x._rg:
            edges.append(x._node or x)
            if x._nr:
                slots = slots or [0] * len(args)
                slots[i] = x._nr
        else:
            edges.append(None)
    return edges, slots


def save_arguments(node: OpNode, args: tuple) -> None:
    """``save`` for the plans that keep arguments and nothing else, which are most of them."""
    node.saved = saved = [args[i] for i in node.plan.plain]  # type: ignore[union-attr]
    node.versions = None
    for x in saved:
        if isinstance(x, TensorBase) and x._vc is not None:
            node.versions = tuple(version_of(v) if isinstance(v, TensorBase) else 0 for v in saved)
            return


def save(node: OpNode, args: tuple, attributes: dict, outputs: Any) -> None:
    """Keep what the node's plan asks for, with the version each tensor has now."""
    saved: list[Any] = []
    versions: list[Any] = []
    hooks = state.saved_hooks
    for what, index in node.plan.saves:
        version: Any = 0
        if what == "argument":
            value = args[index]
            if isinstance(value, TensorBase):
                version = version_of(value)
                if hooks:
                    value = pack(value, hooks[-1])
        elif what == "out":
            tensor = outputs if node.op.outputs == 1 else outputs[index]
            if hooks:
                value = pack(wrap(tensor._array), hooks[-1])
            else:
                counter = tensor._vc
                if counter is None:
                    counter = tensor._vc = [0]
                value = (tensor._array, counter, counter[0])
        elif what == "attribute":
            value = attributes[index] if index in attributes else node.op.default_attributes[index]
        elif what == "shape":
            value = _shape(args[index])
        elif what == "dtype":
            value = args[index]._array.dtype if isinstance(args[index], TensorBase) else None
        elif what == "all argument":
            value = args[index:]
            counts = [version_of(v) if isinstance(v, TensorBase) else 0 for v in value]
            version = tuple(counts) if any(counts) else 0
            if hooks:
                value = tuple(pack(v, hooks[-1]) if isinstance(v, TensorBase) else v for v in value)
        else:
            value = _save_variadic(what, args[index:])
        saved.append(value)
        versions.append(version)
    node.saved = saved
    node.versions = tuple(versions) if any(versions) else None


def _shape(value: Any) -> Any:
    return (
        tuple(value._array.shape) if isinstance(value, TensorBase) else getattr(value, "shape", ())
    )


def _save_variadic(what: str, values: tuple) -> tuple:
    if what == "all shape":
        return tuple(map(_shape, values))
    return tuple(v._array.dtype for v in values)


def pack(tensor: Any, hooks: tuple) -> Packed:
    """A saved tensor turned into what the user's pack hook makes of it."""
    pack_hook, unpack_hook = hooks
    return Packed(pack_hook(tensor), unpack_hook)


def link_view(op: Op, base: Any, attributes: dict, view: Any, creation: str | None) -> None:
    """Make ``view`` a view of the tensor ``base`` (or of its base)."""
    steps = ((op, attributes),)
    if creation is None and not state.recording:
        creation = "inference" if state.inference else "no_grad"
    if base._base is not None:
        steps = base._view.steps + steps
        creation = creation or base._view.creation
    counter = version_counter(base)
    view._vc = counter
    view._base = base if base._base is None else base._base
    view._view = ViewInfo(steps, counter[0], creation)


def unary(op: Op) -> Callable[..., Any]:
    """The function behind ``gradcore.tanh`` and ``Tensor.tanh``."""
    kernels = op.kernels
    characters = "fdFD" if op.promotion == "float" else "fdFDlqihbB?"
    plan = op.plan((True,)) if op.rules else None

    def function(input, *, out=None):
        if isinstance(input, TensorBase) and out is None:
            array = input._array
            mode = state.mode
            kernel = kernels.get(type(array))
            dtype = array.dtype
            if kernel is not None and mode is not SPECIAL and dtype.char in characters:
                if input._base is not None:
                    refresh(input)
                t = _new(classes.tensor)
                try:
                    t._array = result = kernel(array)
                except TypeError as error:
                    raise explained(op, (array,), error) from error
                t._grad = t._base = t._view = t._vc = None
                t._nr = 0
                if input._rg and plan is not None and mode is GRAD:
                    t._rg = True
                    t._node = node = OpNode()
                    node.op, node.plan, node.seq, node.extras = op, plan, next(sequence), None
                    node.edges = (input._node or input,)
                    node.slots = (input._nr,) if input._nr else None
                    node.shape, node.dtype = result.shape, dtype
                    if plan.keeps_output:
                        t._vc = counter = [0]
                        node.saved, node.versions = [(result, counter, 0)], None
                    elif plan.plain is not None:
                        save_arguments(node, (input,))
                    else:
                        save(node, (input,), {}, t)
                else:
                    t._rg = False
                    t._node = None
                return t
        if out is not None:
            from .inplace import write_out

            return write_out(function, out, input)
        return op(_tensor(op, "input", input))

    return function


def binary(op: Op) -> Callable[..., Any]:
    """The function behind ``Tensor.__add__`` and its like."""
    kernels = op.kernels
    characters = "fdFD" if op.promotion == "float" else "fdFDlqihb"
    differentiable = bool(op.rules)
    # the plan for (input needs a gradient) + 2 * (other needs one)
    plans: list[Any] = [None]
    plans += [op.plan(needed) for needed in ((True, False), (False, True), (True, True))]

    def function(input, other):
        if not isinstance(input, TensorBase):
            return op(input, other)
        x = input._array
        dtype = x.dtype
        mode = state.mode
        if isinstance(other, TensorBase):
            y = other._array
            if dtype is not y.dtype or type(x) is not type(y) or dtype.char not in characters:
                return op(input, other)
            if other._base is not None:
                refresh(other)
            tracked = input._rg + 2 * other._rg
        elif type(other) is float or type(other) is int:
            if dtype.char not in "fd":
                return op(input, other)
            y, tracked = other, input._rg
        else:
            other = _operand(other)
            return other if other is NotImplemented else op(input, other)
        kernel = kernels.get(type(x))
        if kernel is None or mode is SPECIAL:
            return op(input, other)
        if input._base is not None:
            refresh(input)
            tracked = tracked or input._rg
        t = _new(classes.tensor)
        try:
            t._array = result = kernel(x, y)
        except (TypeError, ValueError) as error:
            raise explained(op, (x, y), error) from error
        t._grad = t._base = t._view = t._vc = None
        t._nr = 0
        if not (tracked and differentiable and mode is GRAD):
            t._rg = False
            t._node = None
            return t
        t._rg = True
        t._node = node = OpNode()
        node.op, node.seq, node.extras = op, next(sequence), None
        node.shape, node.dtype = result.shape, dtype
        node.plan = plan = plans[tracked]
        if tracked == 1:
            node.edges = (input._node or input, None)
            node.slots = (input._nr, 0) if input._nr else None
        elif tracked == 2:
            node.edges = (None, other._node or other)
            node.slots = (0, other._nr) if other._nr else None
        else:
            node.edges = (input._node or input, other._node or other)
            node.slots = (input._nr, other._nr) if input._nr or other._nr else None
        if plan.plain == ():
            node.saved, node.versions = (), None
        elif plan.plain is not None:
            save_arguments(node, (input, other))
        else:
            save(node, (input, other), {}, t)
        return t

    function.__name__ = op.name
    return function


def _operand(value: Any) -> Any:
    """The other operand of an operator: NumPy scalars become numbers, arrays Tensors."""
    from ..ops.operand import as_operand

    return as_operand(value)


def _tensor(op: Op, name: str, value: Any) -> Any:
    from ..ops.operand import require_tensor

    return require_tensor(op.name, name, value)


Op.__call__ = call  # type: ignore[method-assign]

__all__ = ["attach", "binary", "call", "classes", "link_inputs", "link_view", "record", "unary"]
