"""``backward`` and ``grad``: the public ways into the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..backends.registry import new
from .engine import Engine, gradient_edge
from .node import AccumulateGrad, Node
from .variable import TensorBase, wrap

_NO_GRAD_FN = "element {} of tensors does not require grad and does not have a grad_fn"
_UNBATCHED = (
    "If `is_grads_batched=True`, we interpret the first dimension of each grad_output as the batch "
    "dimension. The sizes of the remaining dimensions are expected to match the shape of "
    "corresponding output, but a mismatch was detected: grad_output[{0}] has a shape of {1} and "
    "output[{0}] has a shape of {2}. If you only want some tensors in `grad_output` to be "
    "considered batched, consider using vmap."
)
_UNUSED = (
    "The differentiated Tensor at index {} appears to not have been used in the graph. Set "
    "allow_unused=True if this is the desired behavior."
)


class GradientEdge(NamedTuple):
    """Output ``output_nr`` of ``node``: stands for a tensor of the graph without holding it."""

    node: Node
    output_nr: int
    ownership_token: Node | None = None


def get_gradient_edge(tensor: Any) -> GradientEdge:
    """The edge at which the gradient of ``tensor`` arrives; RuntimeError if it needs none."""
    node, slot = gradient_edge(tensor)
    if not tensor._rg:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    if node is tensor:
        node = AccumulateGrad.of(tensor)
    return GradientEdge(node, slot)


def backward(
    tensors: Any,
    grad_tensors: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    grad_variables: Any = None,
    inputs: Any = None,
) -> None:
    """Add the gradients of ``tensors`` to ``grad`` of the leaves (or of ``inputs`` alone).

    Args:
        tensors: tensors or gradient edges, or one of them.
        grad_tensors: the vectors of the vector-Jacobian products; None for scalars.
        retain_graph: keep what the graph has saved; as ``create_graph`` where it is None.
        create_graph: record the backward pass, for derivatives of higher order.
        grad_variables: the former name of ``grad_tensors``.
        inputs: the only tensors whose ``grad`` is added to; others than leaves retain theirs.

    Raises:
        RuntimeError: a tensor that needs no gradient, no vector for a non-scalar, a graph that
            an earlier call has freed.
    """
    if grad_variables is not None:
        import warnings

        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.",
            FutureWarning,
            stacklevel=2,
        )
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
                "`backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    inputs = _as_tuple(inputs)
    if inputs is not None and len(inputs) == 0:
        raise RuntimeError("`inputs` argument to `backward()` cannot be empty.")
    tensors = _as_tuple(tensors)
    grads = start_gradients(tensors, _as_tuple(grad_tensors), create_graph)
    engine = Engine(create_graph if retain_graph is None else retain_graph, create_graph)
    roots = [_edge(t) for t in tensors]
    if inputs is not None:
        for tensor in inputs:
            if isinstance(tensor, TensorBase):
                tensor.retain_grad()  # type: ignore[attr-defined]
        engine.restrict([_input_edge(t) for t in inputs], roots)
    engine.run(roots, grads)


def grad(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    retain_graph: bool | None = None,
    create_graph: bool = False,
    only_inputs: bool = True,
    allow_unused: bool | None = None,
    is_grads_batched: bool = False,
    materialize_grads: bool = False,
) -> tuple:
    """The gradients of ``outputs`` with respect to ``inputs``, as a tuple (nothing accumulates).

    Args:
        outputs, inputs: tensors or gradient edges, or one of them.
        grad_outputs: the vectors of the vector-Jacobian product; None for scalars.
        retain_graph: keep what the graph has saved; as ``create_graph`` where it is None.
        create_graph: record the backward pass, for derivatives of higher order.
        only_inputs: deprecated; False warns and is otherwise the same.
        allow_unused: give None for an input that was not used, instead of RuntimeError.
        is_grads_batched: ``grad_outputs`` have a leading dimension, with one backward pass for
            each entry; the results have it too.
        materialize_grads: zeros for an input that was not used.
    """
    if materialize_grads and allow_unused is False:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    if allow_unused is None:
        allow_unused = materialize_grads
    if not only_inputs:
        import warnings

        warnings.warn(
            "only_inputs argument is deprecated and is ignored now (defaults to True). To "
            "accumulate gradient for other parts of the graph, please use torch.autograd.backward.",
            FutureWarning,
            stacklevel=2,
        )
    outputs, inputs = _as_sequence(outputs), _as_sequence(inputs)
    if len(inputs) == 0:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    grad_outputs = _as_tuple(grad_outputs)
    if is_grads_batched:
        found = _batched(outputs, inputs, grad_outputs, retain_graph, create_graph)
    else:
        keep = create_graph if retain_graph is None else retain_graph
        found = _captured(outputs, inputs, grad_outputs, keep, create_graph)
    return tuple(
        _result(gradient, i, inputs[i], allow_unused, materialize_grads)
        for i, gradient in enumerate(found)
    )


def _captured(
    outputs: tuple,
    inputs: tuple,
    grad_outputs: Sequence[Any] | None,
    keep_graph: bool,
    create_graph: bool,
) -> list:
    grads = start_gradients(outputs, grad_outputs, create_graph)
    engine = Engine(keep_graph, create_graph)
    roots = [_edge(t) for t in outputs]
    engine.capture([_input_edge(t) for t in inputs], roots)
    engine.run(roots, grads)
    return [g if create_graph or g is None else wrap(g) for g in engine.captured]


def _result(found: Any, index: int, tensor: Any, allow_unused: bool, materialize: bool) -> Any:
    if found is not None:
        return found
    if not allow_unused:
        raise RuntimeError(_UNUSED.format(index))
    if not materialize:
        return None
    if isinstance(tensor, GradientEdge):
        raise RuntimeError(
            "materialize_grads cannot be used when the given input is a GradientEdge"
        )
    return wrap(new("zeros", tensor._array))


def _batched(
    outputs: tuple,
    inputs: tuple,
    vectors: Sequence[Any] | None,
    retain_graph: bool | None,
    create_graph: bool,
) -> list:
    """One backward pass for each entry of the leading dimension, stacked."""
    from ..ops.registry import FUNCTIONS

    vectors = (None,) * len(outputs) if vectors is None else vectors
    count = _batch_size(outputs, vectors)
    keep_last = create_graph if retain_graph is None else retain_graph
    rows = []
    for i in range(count):
        row = tuple(None if v is None else v[i] for v in vectors)
        rows.append(_captured(outputs, inputs, row, i < count - 1 or keep_last, create_graph))
    return [
        None if column[0] is None else FUNCTIONS["stack"](list(column))
        for column in zip(*rows, strict=True)
    ]


def _batch_size(outputs: tuple, vectors: Sequence[Any]) -> int:
    """The common size of the leading dimension; errors as PyTorch's vmap has them."""
    sizes = []
    for i, (output, vector) in enumerate(zip(outputs, vectors, strict=False)):
        if not isinstance(vector, TensorBase):
            continue
        first = vector[0]  # type: ignore[index]
        if isinstance(output, TensorBase) and first.shape != output.shape:
            raise RuntimeError(_UNBATCHED.format(i, first.shape, output.shape))
        sizes.append(vector._array.shape[0])
    if not sizes:
        raise ValueError("is_grads_batched=True: grad_outputs must have a leading dimension")
    if len(set(sizes)) > 1:
        raise ValueError(
            "vmap: Expected all tensors to have the same size in the mapped dimension, got sizes "
            f"{sizes} for the mapped dimension"
        )
    if sizes[0] == 0:
        raise IndexError("index 0 is out of bounds for dimension 0 with size 0")
    return sizes[0]


def start_gradients(tensors: Sequence[Any], given: Any, create_graph: bool) -> list:
    """The gradient that each root starts with: the one given, or ones for a scalar."""
    given = (None,) * len(tensors) if given is None else given
    if len(given) != len(tensors):
        raise RuntimeError(f"got {len(tensors)} tensors and {len(given)} gradients")
    result = []
    for i, (tensor, gradient) in enumerate(zip(tensors, given, strict=True)):
        if gradient is not None and not isinstance(gradient, TensorBase):
            raise TypeError(
                f"gradients can be either Tensors or None, but got {type(gradient).__name__}"
            )
        if isinstance(tensor, GradientEdge):
            gradient = _start_at_edge(i, tensor, gradient)
        else:
            gradient = _start_at_tensor(i, tensor, gradient)
        result.append(gradient if create_graph else gradient._array)
    return result


def _start_at_tensor(index: int, tensor: Any, gradient: Any) -> Any:
    if not isinstance(tensor, TensorBase):
        raise TypeError(f"expected Tensor as element {index}, got {type(tensor).__name__}")
    if gradient is None and tensor.requires_grad and tensor._array.size != 1:  # type: ignore[attr-defined]
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    if not tensor.requires_grad:  # type: ignore[attr-defined]
        raise RuntimeError(_NO_GRAD_FN.format(index))
    if gradient is None:
        return _ones_like(tensor._array, tensor._array.shape, tensor._array.dtype)
    _check_start(index, tensor, gradient)
    return gradient


def _start_at_edge(index: int, edge: GradientEdge, gradient: Any) -> Any:
    shape, dtype = edge.node.output_meta(edge.output_nr)
    if gradient is not None:
        if tuple(gradient._array.shape) != tuple(shape):
            raise RuntimeError(
                f"Mismatch in shape: grad_output[{index}] has a shape of {gradient.shape} and "
                f"output[{index}] has a shape of {type(gradient.shape)(shape)}."
            )
        return gradient
    size = 1
    for n in shape:
        size *= n
    if size != 1:
        raise RuntimeError("grad can be implicitly created only for scalar outputs")
    return _ones_like(_some_array(edge.node), shape, dtype)


def _some_array(node: Any) -> Any:
    """An array on the device of the graph behind ``node``: that of the next leaf."""
    stack, seen = [node], set()
    while stack:
        edge = stack.pop()
        if isinstance(edge, AccumulateGrad):
            edge = edge.variable
        if isinstance(edge, TensorBase):
            return edge._array
        if edge is not None and edge not in seen:
            seen.add(edge)
            stack.extend(edge.edges)
    raise RuntimeError("a GradientEdge without leaves behind it needs its gradient given")


def _ones_like(array: Any, shape: tuple, dtype: Any) -> Any:
    if dtype.kind not in "fV":
        from ..backends.dtype import from_numpy_dtype

        raise RuntimeError(
            "grad can be implicitly created only for real scalar outputs but got "
            f"{from_numpy_dtype(dtype)}"
        )
    return wrap(new("ones", array, shape, dtype))


def _check_start(index: int, tensor: Any, gradient: Any) -> None:
    if tuple(gradient._array.shape) != tuple(tensor._array.shape):
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{index}] has a shape of {gradient.shape} and "
            f"output[{index}] has a shape of {tensor.shape}."
        )
    if type(gradient._array) is not type(tensor._array) or gradient.device != tensor.device:
        raise RuntimeError(
            f"invalid gradient at index {index} - expected device {tensor.device} but got "
            f"{gradient.device}"
        )
    if (gradient._array.dtype.kind == "c") != (tensor._array.dtype.kind == "c"):
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same "
            f"dtype. Mismatch in dtype: grad_output[{index}] has a dtype of {gradient.dtype} and "
            f"output[{index}] has a dtype of {tensor.dtype}."
        )


def _edge(value: Any) -> tuple[Any, int]:
    """The engine's edge of a tensor or a GradientEdge: leaves stand for their own nodes."""
    if not isinstance(value, GradientEdge):
        return gradient_edge(value)
    node = value.node
    return (node.variable if isinstance(node, AccumulateGrad) else node), value.output_nr


def _input_edge(value: Any) -> tuple[Any, int]:
    if isinstance(value, GradientEdge):
        return _edge(value)
    if not isinstance(value, TensorBase):
        raise RuntimeError(
            f"all inputs have to be Tensors or GradientEdges, but got {type(value).__name__}"
        )
    if not value.requires_grad:  # type: ignore[attr-defined]
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return gradient_edge(value)


def _as_sequence(value: Any) -> tuple:
    """One tensor or edge, or an iterable of them, as a tuple."""
    if isinstance(value, (TensorBase, GradientEdge)):
        return (value,)
    return tuple(value)


def _as_tuple(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, GradientEdge):
        return (value,)
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)
