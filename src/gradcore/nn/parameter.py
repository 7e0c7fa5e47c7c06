"""Parameter and Buffer: the tensors that a module registers when they are set as attributes."""

from __future__ import annotations

from typing import Any

from ..autograd.variable import TensorBase, version_counter
from ..tensor.tensor import Tensor

_new = object.__new__


def alias_as(cls: type, source: TensorBase) -> Any:
    """A leaf of class ``cls`` that shares ``source``'s memory and its version counter."""
    out = _new(cls)
    out._array = source._array
    out._rg = False
    out._node = out._grad = out._base = out._view = None
    out._nr = 0
    out._vc = version_counter(source)
    return out


class _Flagged(type):
    """Lets ``isinstance`` also find tensors of other classes that carry the class's flag."""

    def __instancecheck__(cls, instance: Any) -> bool:
        if type.__instancecheck__(cls, instance):
            return True
        flag = cls.__dict__.get("_flag")
        return flag is not None and flag in getattr(instance, "__dict__", ())


def _checked(data: Any, function: str) -> TensorBase:
    if data is None:
        return Tensor()
    if not isinstance(data, TensorBase):
        raise TypeError(
            f"{function}(): argument 'data' (position 1) must be Tensor, not {type(data).__name__}"
        )
    return data


class Parameter(Tensor, metaclass=_Flagged):
    """A tensor that requires grad and that modules list in ``parameters()``.

    Args:
        data: the values; the parameter shares their memory. None: an empty tensor.
        requires_grad: whether gradients are computed for it.

    Raises:
        TypeError: ``data`` is no tensor.
        RuntimeError: ``requires_grad`` for an integer or bool tensor.
    """

    __slots__ = ()
    _flag = "_is_param"

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        data = _checked(data, "Parameter")
        if type(data) is Tensor or isinstance(data, Parameter) or not isinstance(data, Tensor):
            out = alias_as(cls, data)
        else:
            out = _keep_class(data)
        return out.requires_grad_(requires_grad)

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        pass

    def __deepcopy__(self, memo: dict) -> Parameter:
        if id(self) in memo:
            return memo[id(self)]
        result = type(self)(self.data.clone(), self.requires_grad)  # type: ignore[attr-defined]
        memo[id(self)] = result
        return result

    def __reduce_ex__(self, protocol: Any) -> tuple:
        notes = {k: v for k, v in self.__dict__.items() if not k.startswith("_")}
        return rebuild_parameter, (type(self), self.data, self.requires_grad, notes)

    def __repr__(self, *, tensor_contents: str | None = None) -> str:
        return "Parameter containing:\n" + super().__repr__(tensor_contents=tensor_contents)


def _keep_class(data: Any) -> Any:
    """A parameter of a tensor subclass: its detached self, flagged."""
    out = data.detach()
    if type(out) is not type(data):
        raise RuntimeError(
            f"Creating a Parameter from an instance of type {type(data).__name__} requires that "
            f"detach() returns an instance of the same type, but return type {type(out).__name__} "
            "was found instead. To use the type as a Parameter, please correct the detach() "
            "semantics defined by its __torch_dispatch__() implementation."
        )
    out.__dict__["_is_param"] = True
    return out


def rebuild_parameter(cls: type, data: Tensor, requires_grad: bool, notes: dict) -> Any:
    """What unpickling a parameter calls."""
    out = cls(data, requires_grad)
    out.__dict__.update(notes)
    return out


class Buffer(Tensor, metaclass=_Flagged):
    """A tensor that modules list in ``buffers()``.

    Args:
        data: the values. None: an empty tensor.
        persistent: whether it is part of ``state_dict()``.

    As in PyTorch, the object made is a plain tensor that carries a flag.
    """

    __slots__ = ()
    _flag = "_is_buffer"

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        data = _checked(data, "Buffer")
        out = data.detach().requires_grad_(data.requires_grad)  # type: ignore[attr-defined]
        out.__dict__["persistent"] = persistent
        out.__dict__["_is_buffer"] = True
        return out
