"""Parameter and Buffer: the tensors that a module registers when they are set as attributes."""

from __future__ import annotations

from typing import Any

from ..autograd.variable import TensorBase, version_counter
from ..tensor.tensor import Tensor

_new = object.__new__


def alias_as(cls: type, source: TensorBase) -> Any:
    """A leaf of class ``cls`` that shares ``source``'s memory and its version counter."""
    out: Any = _new(cls)
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

    >>> nn.Parameter(torch.zeros(2)).requires_grad
    True
    """

    __slots__ = ()
    _flag = "_is_param"

    def __new__(cls, data: Any = None, requires_grad: bool = True) -> Parameter:
        data = _checked(data, "Parameter")
        if requires_grad and data._array.dtype.kind not in "fcV":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
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

    def __repr__(self, **options: Any) -> str:  # type: ignore[override]
        return "Parameter containing:\n" + Tensor.__repr__(self, **options)


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

    >>> nn.Buffer(torch.zeros(2)).persistent
    True
    """

    __slots__ = ()
    _flag = "_is_buffer"

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        data = _checked(data, "Buffer")
        out = data.detach().requires_grad_(data.requires_grad)  # type: ignore[attr-defined]
        out.__dict__["persistent"] = persistent
        out.__dict__["_is_buffer"] = True
        return out


_UNINITIALIZED = (
    "Attempted to use an uninitialized parameter. This error happens when you are using a "
    "`LazyModule` or explicitly manipulating `nn.parameter.{}` objects. When using LazyModules "
    "Call `forward` with a dummy batch to initialize the parameters before calling torch functions"
)
_NO_SHAPE = (
    "Can't access the shape of an uninitialized parameter or buffer. This error usually happens in "
    "`load_state_dict` when trying to load an uninitialized parameter into an initialized one. "
    "Call `forward` to initialize the parameters before accessing their attributes."
)


class UninitializedTensorMixin:
    """A tensor without a shape yet: it knows its dtype and device only.

    Whatever reads its values raises ValueError, until :meth:`materialize` gives it a shape.
    """

    __slots__ = ()
    cls_to_become: type

    def _prepare(self: Any, requires_grad: bool, device: Any, dtype: Any) -> None:
        from ..ops.registry import FUNCTIONS

        attributes = self.__dict__
        attributes["_placeholder"] = FUNCTIONS["empty"](0, device=device, dtype=dtype)
        self._rg = requires_grad
        self._node = self._grad = self._base = self._view = self._vc = None
        self._nr = 0

    @property
    def _array(self) -> Any:
        raise ValueError(_UNINITIALIZED.format(type(self).__name__))

    @property
    def data(self) -> Any:
        """A tensor of no elements, with this one's dtype and device."""
        return self.__dict__["_placeholder"]

    @data.setter
    def data(self, value: Any) -> None:
        self.__dict__["_placeholder"] = value.data if is_lazy(value) else value

    @property
    def dtype(self) -> Any:
        return self.data.dtype

    @property
    def device(self) -> Any:
        return self.data.device

    @property
    def shape(self) -> Any:
        raise RuntimeError(_NO_SHAPE)

    def is_floating_point(self) -> bool:
        """Whether the dtype is floating point."""
        return self.data.is_floating_point()

    def is_complex(self) -> bool:
        """Whether the dtype is complex."""
        return self.data.is_complex()

    def detach(self) -> Any:
        """Itself: there is nothing to share yet."""
        return self

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Another uninitialized tensor, with the dtype and device of ``Tensor.to``."""
        return self._with(self.data.to(*args, **kwargs))

    def _with(self: Any, data: Any) -> Any:
        return type(self)(self._rg, data.device, data.dtype)

    def materialize(self, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary (uninitialized) tensor of ``shape``, the same object."""
        from ..ops.registry import FUNCTIONS

        held = self.__dict__.pop("_placeholder")
        new = FUNCTIONS["empty"](
            shape,
            device=held.device if device is None else device,
            dtype=held.dtype if dtype is None else dtype,
        )
        self.__class__ = self.cls_to_become
        self._array = new._array  # type: ignore[misc]

    def share_memory_(self) -> Any:
        """RuntimeError: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return f"<{type(self).__name__}>"

    def __deepcopy__(self, memo: dict) -> Any:
        if id(self) not in memo:
            memo[id(self)] = self._with(self.data)
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple:
        return type(self), (self._rg, self.data.device, self.data.dtype)


def _converting(name: str) -> Any:
    def method(self: Any, *args: Any) -> Any:
        return self._with(getattr(self.data, name)(*args))

    method.__name__ = name
    method.__doc__ = f"Another uninitialized tensor, converted as by ``Tensor.{name}``."
    return method


for _name in ("half", "bfloat16", "float", "double", "cpu", "cuda", "type"):
    setattr(UninitializedTensorMixin, _name, _converting(_name))


def is_lazy(param: Any) -> bool:
    """Whether ``param`` is an uninitialized parameter or buffer."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):  # type: ignore[misc]
    """A parameter whose shape is not known yet; see :class:`UninitializedTensorMixin`.

    >>> nn.UninitializedParameter().requires_grad
    True
    """

    __slots__ = ()
    cls_to_become = Parameter

    def __new__(
        cls, requires_grad: bool = True, device: Any = None, dtype: Any = None
    ) -> UninitializedParameter:
        out = _new(cls)
        out._prepare(requires_grad, device, dtype)
        return out

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        pass


class UninitializedBuffer(UninitializedTensorMixin, Tensor):  # type: ignore[misc]
    """A buffer whose shape is not known yet; see :class:`UninitializedTensorMixin`.

    >>> nn.UninitializedBuffer().requires_grad
    False
    """

    __slots__ = ()
    cls_to_become = Tensor

    def __new__(
        cls,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> UninitializedBuffer:
        out = _new(cls)
        out._prepare(requires_grad, device, dtype)
        out.__dict__["persistent"] = persistent
        out.__dict__["_is_buffer"] = True
        return out

    def __init__(
        self,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> None:
        pass
