"""``autograd.Function``: operations whose gradient the user writes.

``apply`` runs ``forward`` without recording and puts one node, :class:`FunctionNode`, between the
inputs and the outputs. What ``forward`` keeps lives on the context ``ctx``, apart from the node,
so that users may call attributes whatever they like; the node passes them on.
"""

from __future__ import annotations

import functools
import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

from .context import FunctionCtx
from .node import Node, sequence
from .outputs import process_outputs
from .state import state
from .variable import TensorBase, unwrap, wrap
from .views import refresh

__all__ = ["BackwardCFunction", "Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]


class BackwardCFunction(Node):
    """The node of one call of a Function; ``MyFunctionBackward`` is a subclass of it.

    ``metas[i]`` are shape, dtype and device of output i, None where it is no tensor.
    """

    __slots__ = ("ctx", "metas", "outputs", "tensor_inputs")
    takes_none = True
    _forward_cls: type[Function]

    ctx: FunctionCtx
    metas: list
    tensor_inputs: tuple[bool, ...]

    def __getattr__(self, name: str) -> Any:
        if name in BackwardCFunction.__slots__ or name in Node.__slots__:
            raise AttributeError(name)
        return getattr(self.ctx, name)

    def __repr__(self) -> str:
        return object.__repr__(self)

    @property
    def saved_tensors(self) -> tuple:
        return self.ctx.saved_tensors

    def describe(self, outputs: Sequence[Any]) -> None:
        """Remember what gradients of ``outputs`` look like."""
        self.outputs = len(outputs)
        self.metas = [
            (t._array.shape, t._array.dtype, t.device) if isinstance(t, TensorBase) else None
            for t in outputs
        ]
        shapes = [None if m is None else m[0] for m in self.metas]
        dtypes = [None if m is None else m[1] for m in self.metas]
        self.shape, self.dtype = (shapes, dtypes) if self.outputs > 1 else (shapes[0], dtypes[0])

    def run(self, grads: list, create_graph: bool) -> Sequence[Any]:
        given = [g if g is None or create_graph else wrap(g) for g in grads]
        if self.ctx.materialize_grads:
            given = [
                _zeros(*meta) if g is None and meta is not None else g
                for g, meta in zip(given, self.metas, strict=True)
            ]
        results = self._forward_cls._gradient_function()(self.ctx, *given)
        results = self._checked(results if isinstance(results, tuple) else (results,))
        return results if create_graph else list(map(unwrap, results))

    def release(self) -> None:
        self.ctx._release()

    def _checked(self, results: tuple) -> list:
        """The gradients as many as inputs; RuntimeError for what PyTorch refuses too."""
        expected = len(self.edges)
        if all(r is None for r in results[expected:]):
            results = results[:expected]
        if len(results) != expected:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients "
                f"(expected {expected}, got {len(results)})"
            )
        for i, (result, is_tensor) in enumerate(zip(results, self.tensor_inputs, strict=True)):
            if result is None:
                continue
            if not is_tensor:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position "
                    f"{i + 1}, but the corresponding forward input was not a Variable"
                )
            if not isinstance(result, TensorBase):
                raise RuntimeError(f"expected Variable or None (got {type(result).__name__})")
        return list(results)


def _zeros(shape: tuple, dtype: Any, device: Any) -> Any:
    from ..backends.registry import backend_for

    backend = backend_for(device)
    with backend.on(device):
        return wrap(backend.xp.zeros(shape, dtype))


class FunctionMeta(type):
    """Gives every Function the class of its nodes."""

    def __init__(cls, name: str, bases: tuple, attributes: dict) -> None:
        node_class = type(name + "Backward", (BackwardCFunction,), {"__slots__": ()})
        node_class._forward_cls = cls  # type: ignore[attr-defined]
        cls._backward_cls = node_class
        super().__init__(name, bases, attributes)


class Function(metaclass=FunctionMeta):
    """Base class of operations with a gradient of their own.

    Subclasses define the static methods ``forward(ctx, *args)`` and ``backward(ctx, *grads)``, or
    ``forward(*args)``, ``setup_context(ctx, inputs, output)`` and ``backward``. ``backward`` gets
    one gradient per output and returns one per argument of ``forward``, None for those that need
    none. Call them through ``apply``.
    """

    _backward_cls: type[BackwardCFunction]
    generate_vmap_rule = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        warnings.warn(
            f"{self.__class__} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args: Any, **kwargs: Any) -> Any:
        """The operation; see the class. NotImplementedError unless it is overridden."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple, output: Any) -> Any:
        """Keep on ``ctx`` what ``backward`` needs, where ``forward`` takes no ``ctx``."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Any) -> Any:
        """The gradients of the inputs. NotImplementedError unless it or ``vjp`` is overridden."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    # vjp and backward are two names of one method
    vjp = backward

    @staticmethod
    def jvp(ctx: Any, *grad_inputs: Any) -> Any:
        """Forward-mode gradients: NotImplementedError, gradcore has backward mode only."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @classmethod
    def _gradient_function(cls) -> Callable[..., Any]:
        own_vjp = cls.vjp is not Function.vjp
        if own_vjp and cls.backward is not Function.backward:
            raise RuntimeError(
                "Implementing both 'backward' and 'vjp' for a custom Function is not allowed. You "
                "should only implement one of them."
            )
        return cls.vjp if own_vjp else cls.backward

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run the operation, and record it where an argument requires grad.

        Keyword arguments take their places among ``forward``'s positional parameters.
        """
        separate = cls.setup_context is not Function.setup_context
        if separate:
            args = _in_order(cls.forward, args, kwargs)
        elif kwargs:
            args = _in_order(cls.forward, (None, *args), kwargs)[1:]
        node = cls._prepare(args)
        ctx = node.ctx
        previous = state.grad_enabled
        recorded = state.recording and any(ctx.needs_input_grad)
        state.set_grad(False)
        try:
            if separate:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args)
        finally:
            state.set_grad(previous)
        outputs = output if isinstance(output, tuple) else (output,)
        outputs = process_outputs(node, args, outputs, recorded, separate)
        if recorded:
            ctx._keep(node)
            if state.anomaly:
                from .anomaly import remember

                remember(node)
        return outputs if isinstance(output, tuple) else outputs[0]

    @classmethod
    def _prepare(cls, args: tuple) -> BackwardCFunction:
        """The node of a call, linked to the inputs, with a fresh context."""
        from .dispatch import link_inputs

        for x in args:
            if isinstance(x, TensorBase) and x._base is not None:
                refresh(x)
        node = cls._backward_cls()
        node.seq = next(sequence)
        node.extras = None
        node.tensor_inputs = tuple(isinstance(x, TensorBase) for x in args)
        link_inputs(node, args)
        node.ctx = FunctionCtx(tuple(isinstance(x, TensorBase) and x._rg for x in args))
        return node


def _in_order(forward: Callable, args: tuple, kwargs: dict) -> tuple:
    """The arguments in the order of ``forward``'s signature, with its defaults filled in.

    TypeError for keyword-only parameters, which have no place among the gradients.
    """
    bound = inspect.signature(forward).bind(*args, **kwargs)
    bound.apply_defaults()
    if bound.kwargs:
        name = next(iter(bound.kwargs))
        raise TypeError(f"forward() got an unexpected keyword argument '{name}'")
    return bound.args


class InplaceFunction(Function):
    """A Function with a flag for work in place; kept for code that names it as its base."""

    def __init__(self, inplace: bool = False) -> None:
        super().__init__()
        self.inplace = inplace


class DelayedError(Node):
    """Stands for gradients that cannot be differentiated again: running it raises."""

    __slots__ = ("message",)

    def run(self, grads: list, create_graph: bool) -> Sequence[Any]:
        raise RuntimeError(self.message)

    def name(self) -> str:
        return "torch::autograd::Error"


def once_differentiable(fn: Callable) -> Callable:
    """Decorates a ``backward`` whose operations do not give second derivatives.

    It runs without recording; differentiating its results again raises RuntimeError.
    """

    @functools.wraps(fn)
    def backward(ctx: Any, *args: Any) -> Any:
        recording = state.grad_enabled
        state.set_grad(False)
        try:
            results = fn(ctx, *args)
        finally:
            state.set_grad(recording)
        needed = [x for x in args if isinstance(x, TensorBase) and x._rg]
        if not recording or not needed:
            return results
        return tuple(
            None if r is None else _undifferentiable(r, needed)
            for r in (results if isinstance(results, tuple) else (results,))
        )

    return backward


def _undifferentiable(result: Any, sources: list) -> Any:
    from .dispatch import attach, link_inputs

    node = DelayedError()
    node.seq, node.extras = next(sequence), None
    node.message = (
        "trying to differentiate twice a function that was marked with @once_differentiable"
    )
    link_inputs(node, tuple(sources))
    node.shape, node.dtype = result._array.shape, result._array.dtype
    return attach(wrap(result._array), node, 0)
