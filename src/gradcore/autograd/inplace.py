"""In-place writes: any function becomes ``f_`` and takes ``out=`` through these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..backends.registry import backend_of, write
from ..backends.registry import new as new_array
from ..ops.op import OPS, Op
from ..ops.pointwise import add, div, mul, sub
from ..ops.promotion import can_cast, name_of
from ..ops.shape import clone
from ..ops.strided import may_overlap, turns
from .node import OpNode
from .state import state
from .variable import INFERENCE_WRITTEN, InferenceCounter, TensorBase, version_counter, wrap
from .views import forbidden_write, rebase, refresh, same_history, set_history

LEAF_MESSAGE = "a leaf Variable that requires grad is being used in an in-place operation."
VIEW_OF_LEAF_MESSAGE = (
    "a view of a leaf Variable that requires grad is being used in an in-place operation."
)


def check_writable(tensor: Any, recording: bool) -> None:
    """Raise PyTorch's error if ``tensor`` must not be written in place now."""
    if type(tensor._vc) is InferenceCounter and not state.inference:
        raise RuntimeError(INFERENCE_WRITTEN)
    if not state.grad_enabled:
        return
    base = tensor._base
    if base is not None:
        if tensor._view.creation is not None and (recording or tensor._rg or base._rg):
            raise forbidden_write(tensor, "is being")
        refresh(tensor)
        if base._rg and base._node is None:
            raise RuntimeError(VIEW_OF_LEAF_MESSAGE)
    if tensor._rg and tensor._node is None:
        raise RuntimeError(LEAF_MESSAGE)


def bump(tensor: TensorBase) -> None:
    """Count one write into the tensor's memory."""
    if tensor._vc is None:
        tensor._vc = [1]
    else:
        tensor._vc[0] += 1


def writable(array: Any) -> Any:
    """``array`` if it can be written; expanded memory raises PyTorch's error."""
    flags = getattr(array, "flags", None)
    if flags is not None and not getattr(flags, "writeable", True):
        refuse_expanded(array)
        array.flags.writeable = True
    return array


def refuse_expanded(array: Any) -> None:
    """PyTorch's error for an array with a dimension along which all elements are one."""
    if any(s == 0 and n > 1 for s, n in zip(array.strides, array.shape, strict=True)):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to "
            "a single memory location. Please clone() the tensor before performing the "
            "operation."
        )


def inplace(function: Callable[..., Any], name: str) -> Callable[..., Any]:
    """The method ``f_`` of a function ``f``."""
    direct = _DIRECT.get(name)
    pointwise = getattr(OPS.get(function.__name__), "pointwise", False)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        needed = any(map(requires_grad, (*args, *kwargs.values())))
        check_writable(self, needed)
        recorded = state.grad_enabled and (needed or self._rg)
        if self._base is not None and pointwise and may_overlap(self._array):
            return _write_in_turns(self, function, args, kwargs)
        if direct is not None and not recorded and len(args) == 1 and not kwargs:
            if _write_directly(direct, self, args[0]):
                return self
        before = same_history(self)
        if recorded:
            # Rules may need the old value, which is about to be overwritten.
            before._array = clone(self._array)
            before._vc = None
        return assign(self, function(before, *args, **kwargs))

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = f"In-place version of ``{name.rstrip('_')}``."
    return method


# What is written by its kernel at once, where the operands allow it.
_DIRECT: dict[str, Op] = {"add_": add, "sub_": sub, "mul_": mul, "div_": div}


def _write_directly(op: Op, self: TensorBase, other: Any) -> bool:
    """``self op= other`` by the op's kernel, without a temporary; False where that is not possible.

    Possible are floating point operands of one dtype, of one shape or with a number: half the
    memory traffic of computing the result and copying it.
    """
    x = self._array
    y = other._array if isinstance(other, TensorBase) else other
    if x.dtype.kind != "f" or type(self._vc) is InferenceCounter:
        return False
    if isinstance(other, TensorBase):
        if type(y) is not type(x) or y.dtype is not x.dtype or y.shape not in (x.shape, ()):
            return False
    elif type(y) is not float and type(y) is not int:
        return False
    kernel = op.kernels.get(type(x))
    if kernel is None:
        return False
    kernel(x, y, out=writable(x))
    bump(self)
    return True


def _write_in_turns(self: Any, function: Callable[..., Any], args: tuple, kwargs: dict) -> Any:
    """``self.f_()`` where elements share memory: each is computed from what the last one left.

    So does PyTorch, which goes through the elements one by one. Its gradient is as if each had
    been written once, which the mean over those that share it gives.
    """
    array = self._array
    refuse_expanded(array)
    backend = backend_of(array)
    with backend.on(backend.device_of(array)):
        turn, sharers = turns(backend.xp, array)
        old = same_history(self)
        before = mul(old, wrap((1 / sharers).astype(array.dtype)))
        before._array = old._array = clone(array)
        before._vc = None
        assign(self, function(before, *args, **kwargs))
        write(array, old._array)
        previous = state.grad_enabled
        state.update(grad_enabled=False)
        try:
            for k in range(int(turn.max()) + 1 if turn.size else 0):
                new = function(wrap(array), *args, **kwargs)._array
                array[turn == k] = new[turn == k]
        finally:
            state.update(grad_enabled=previous)
    return self


def requires_grad(value: Any) -> bool:
    """Whether ``value`` is a Tensor that requires grad, by what its base's history is now."""
    if not isinstance(value, TensorBase):
        return False
    if value._base is not None and value._view.creation is None:
        refresh(value)
    return value._rg


def assign(tensor: Any, result: Any) -> Any:
    """Write ``result`` into ``tensor`` and give it that history."""
    array, new = writable(tensor._array), result._array
    if tuple(new.shape) != tuple(array.shape):
        raise RuntimeError(
            f"output with shape {list(array.shape)} doesn't match the broadcast shape "
            f"{list(new.shape)}"
        )
    check_cast(new.dtype, array.dtype)
    write(array, new)
    bump(tensor)
    if result._rg:
        adopt(tensor, result)
    return tensor


def adopt(tensor: Any, written: Any) -> None:
    """Make the history of ``written`` that of ``tensor``, and of its base where it is a view."""
    if written._array.dtype != tensor._array.dtype:
        from ..ops.shape import to_dtype

        written = to_dtype(written, dtype=tensor._array.dtype)
    _move_output_counter(tensor, written)
    if tensor._base is not None:
        rebase(tensor, written)
        tensor._view.version = -1
        refresh(tensor)
    else:
        set_history(tensor, written._node, written._nr)


def _move_output_counter(tensor: Any, written: Any) -> None:
    """A rule that keeps ``out`` must now watch the memory that was written to."""
    node = written._node
    if not isinstance(node, OpNode) or not node.saved:
        return
    saved: Any = node.saved
    counter = version_counter(tensor)
    for i, (what, _) in enumerate(node.plan.saves):
        if what == "out" and type(saved[i]) is tuple:
            saved[i] = (tensor._array, counter, counter[0])


def check_cast(source: Any, target: Any) -> None:
    if not can_cast(source, target):
        raise RuntimeError(
            f"result type {name_of(source)} can't be cast to the desired output type "
            f"{name_of(target)}"
        )


def write_out(function: Callable[..., Any], out: Any, *args: Any, **kwargs: Any) -> Any:
    """``function(*args, out=out)``: write the result into ``out`` (or a tuple of tensors)."""
    if state.grad_enabled and any(map(requires_grad, (*args, *_flat(out), *kwargs.values()))):
        raise RuntimeError(
            f"{getattr(function, '__name__', 'function')}(): functions with out=... arguments "
            "don't support automatic differentiation, but one of the arguments requires grad."
        )
    result = function(*args, **kwargs)
    if isinstance(result, tuple):
        written = [_write(o, r) for o, r in zip(out, result, strict=True)]
        return type(result)(written) if type(result) is not tuple else tuple(written)
    return _write(out, result)


def _flat(out: Any) -> tuple:
    return tuple(out) if isinstance(out, (tuple, list)) else (out,)


def _write(out: Any, result: Any) -> Any:
    if not isinstance(out, TensorBase):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    array = result._array
    check_cast(array.dtype, out._array.dtype)
    if tuple(out._array.shape) != tuple(array.shape):
        out._array = new_array("empty", array, dtype=out._array.dtype)
    write(writable(out._array), array)
    bump(out)
    return out


__all__ = ["adopt", "assign", "bump", "check_writable", "inplace", "write_out"]
