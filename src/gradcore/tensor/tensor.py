"""``gradcore.Tensor``: what users hold.

Methods that compute are the public functions of ``ops`` (attached in ``tensor/methods.py``);
this file has what a tensor is: its attributes, its place in the graph, and Python's protocols.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from ..autograd.backward import backward as _backward
from ..autograd.engine import gradient_edge
from ..autograd.hooks import RemovableHandle
from ..autograd.inplace import bump
from ..autograd.node import AccumulateGrad
from ..autograd.state import state
from ..autograd.variable import (
    TensorBase,
    classes,
    is_inference,
    tracked_version,
    version_counter,
    wrap,
)
from ..autograd.views import refresh
from ..backends.device import device
from ..backends.dtype import dtype, from_numpy_dtype
from ..backends.registry import backend_of
from ..ops.shape import element_strides
from .attached import Attached
from .layout import layout, strided
from .size import Size

_GRAD_NEEDS_FLOAT = "only Tensors of floating point and complex dtype can require gradients"


class Tensor(Attached, TensorBase):
    """A multi-dimensional array on some device that can record its history.

    ``Tensor(data)`` and ``Tensor(*sizes)`` are PyTorch's legacy constructors (default dtype);
    :func:`gradcore.tensor` is the usual way to make one.
    """

    __slots__ = ()
    # Python's operators ask for ours before NumPy's.
    __array_priority__ = 1000

    def __new__(cls, *args: Any, **kwargs: Any) -> Tensor:
        from .creation import legacy_tensor

        return legacy_tensor(cls, *args, **kwargs)

    # ----------------------------------------------------------------- what it is like

    @property
    def shape(self) -> Size:
        return Size(self._array.shape)

    def size(self, dim: int | None = None) -> Any:
        """The shape, or its entry ``dim`` (IndexError out of range)."""
        if dim is None:
            return Size(self._array.shape)
        from ..ops.operand import normalize_dim

        return self._array.shape[normalize_dim(dim, self._array.ndim, wrap_scalar=False)]

    @property
    def ndim(self) -> int:
        return self._array.ndim

    def dim(self) -> int:
        return self._array.ndim

    ndimension = dim

    def numel(self) -> int:
        return self._array.size

    nelement = numel

    @property
    def dtype(self) -> dtype:
        return from_numpy_dtype(self._array.dtype)

    @property
    def device(self) -> device:
        return backend_of(self._array).device_of(self._array)

    @property
    def layout(self) -> layout:
        return strided

    @property
    def itemsize(self) -> int:
        return self._array.itemsize

    def element_size(self) -> int:
        return self._array.itemsize

    @property
    def nbytes(self) -> int:
        return self._array.nbytes

    @property
    def is_cuda(self) -> bool:
        return self.device.type == "cuda"

    @property
    def is_cpu(self) -> bool:
        return self.device.type == "cpu"

    is_sparse = is_sparse_csr = is_quantized = is_mkldnn = is_meta = is_nested = False
    is_ipu = is_maia = is_mps = is_mtia = is_vulkan = is_xla = is_xpu = False

    def get_device(self) -> int:
        """The index of the tensor's CUDA device, -1 on the CPU."""
        index = self.device.index
        return -1 if index is None else index

    def stride(self, dim: int | None = None) -> Any:
        """Steps between neighbours, in elements: all of them, or that of one dimension."""
        strides = element_strides(self._array)
        if dim is None:
            return strides
        from ..ops.operand import normalize_dim

        return strides[normalize_dim(dim, len(strides), wrap_scalar=False)]

    def storage_offset(self) -> int:
        """Elements between the start of the memory and this tensor's first one."""
        owner = self._base if self._base is not None else self
        backend = backend_of(self._array)
        distance = backend.data_ptr(self._array) - backend.data_ptr(owner._array)
        return distance // self._array.itemsize

    def data_ptr(self) -> int:
        """The address of the first element."""
        return backend_of(self._array).data_ptr(self._array) if self._array.size else 0

    def is_contiguous(self, memory_format: Any = None) -> bool:
        from .layout import is_contiguous

        return is_contiguous(self._array, memory_format)

    def is_floating_point(self) -> bool:
        return self.dtype.is_floating_point

    def is_complex(self) -> bool:
        return self._array.dtype.kind == "c"

    def is_signed(self) -> bool:
        return self.dtype.is_signed

    def is_conj(self) -> bool:
        return False

    def is_neg(self) -> bool:
        return False

    def is_pinned(self) -> bool:
        return bool(self.__dict__.get("_pinned", False))

    def is_same_size(self, other: Tensor) -> bool:
        return self._array.shape == other._array.shape

    # ------------------------------------------------------------- its place in the graph

    @property
    def requires_grad(self) -> bool:
        if self._base is not None:
            refresh(self)
        return self._rg

    @requires_grad.setter
    def requires_grad(self, value: bool) -> None:
        self.requires_grad_(value)

    def requires_grad_(self, requires_grad: bool = True) -> Tensor:
        """Set whether operations on this leaf are recorded; returns the tensor itself."""
        if not isinstance(requires_grad, bool):
            raise RuntimeError("requires_grad must be a bool")
        if self._node is not None:
            if not requires_grad:
                raise RuntimeError(
                    "you can only change requires_grad flags of leaf variables. If you want to "
                    "use a computed variable in a subgraph that doesn't require differentiation "
                    "use var_no_grad = var.detach()."
                )
            return self
        if requires_grad and self._array.dtype.kind not in "fcV":
            raise RuntimeError(_GRAD_NEEDS_FLOAT)
        if requires_grad and is_inference(self) and not state.inference:
            raise RuntimeError(
                "Setting requires_grad=True on inference tensor outside InferenceMode is not "
                "allowed."
            )
        self._rg = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        return self.grad_fn is None

    @property
    def grad_fn(self) -> Any:
        if self._base is not None:
            refresh(self)
        return self._node

    @property
    def output_nr(self) -> int:
        return self._nr

    @property
    def _version(self) -> int:
        return tracked_version(self)

    def _is_view(self) -> bool:
        return self._base is not None

    def is_inference(self) -> bool:
        return is_inference(self)

    @property
    def grad(self) -> Tensor | None:
        if self._grad is None and self._node is not None and not self.retains_grad:
            import warnings

            warnings.warn(
                "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its "
                ".grad attribute won't be populated during autograd.backward(). If you indeed "
                "want the .grad field to be populated for a non-leaf Tensor, use "
                ".retain_grad() on the non-leaf Tensor.",
                UserWarning,
                stacklevel=2,
            )
        return self._grad

    @grad.setter
    def grad(self, value: Tensor | None) -> None:
        if value is not None:
            self._check_grad(value)
        self._grad = value

    @grad.deleter
    def grad(self) -> None:
        self._grad = None

    def _check_grad(self, value: Any) -> None:
        if not isinstance(value, TensorBase):
            raise TypeError(
                f"assigned grad expected to be a Tensor or None but got grad of type "
                f"{type(value).__name__}"
            )
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if value._array.shape != self._array.shape:
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of "
                f"size '{list(self.shape)}'. Please ensure that the gradient and the tensor are "
                "the same size"
            )
        if value._array.dtype != self._array.dtype:
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{value.dtype}' to a tensor of dtype "
                f"'{self.dtype}'. The gradient must match the tensor's dtype."
            )
        if backend_of(value._array).device_of(value._array) != self.device:
            raise RuntimeError("assigned grad has data located on a different device")

    def backward(
        self,
        gradient: Tensor | None = None,
        retain_graph: bool | None = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Accumulate the gradients of this tensor into the leaves it came from."""
        _backward(self, gradient, retain_graph, create_graph, inputs=inputs)

    def detach(self) -> Tensor:
        """A tensor of the same memory outside the graph."""
        out = wrap(self._array)
        out._vc = version_counter(self)
        return out

    def detach_(self) -> Tensor:
        """Take this tensor out of its graph."""
        if self._base is not None and self._view.steps:
            raise RuntimeError(
                "Can't detach views in-place. Use detach() instead. If you are using "
                "DistributedDataParallel (DDP) for training, and gradient_as_bucket_view is set "
                "as True, gradients are views of DDP buckets, and hence detach_() cannot be "
                "called on these gradients."
            )
        self._rg, self._node, self._nr = False, None, 0
        return self

    @property
    def data(self) -> Tensor:
        """The same memory, unknown to autograd: writing to it is not noticed."""
        return wrap(self._array)

    @data.setter
    def data(self, value: Tensor) -> None:
        if not isinstance(value, TensorBase):
            raise TypeError(f"Variable data has to be a tensor, but got {type(value).__name__}")
        self._array = value._array

    def register_hook(self, hook: Callable[[Tensor], Tensor | None]) -> RemovableHandle:
        """Call ``hook(grad)`` when the gradient is computed; it may return another one."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._node is None:
            hooks = self.__dict__.setdefault("_backward_hooks", OrderedDict())
        else:
            hooks = self._node.attach().tensor_hooks.setdefault(self._nr, OrderedDict())
        return RemovableHandle.add(hooks, hook)

    def register_post_accumulate_grad_hook(self, hook: Callable) -> RemovableHandle:
        """Call ``hook(tensor)`` after a gradient was added to this leaf's ``grad``."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._node is not None:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        hooks = self.__dict__.setdefault("_post_accumulate_grad_hooks", OrderedDict())
        return RemovableHandle.add(hooks, hook)

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf tensor in ``grad``."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._node is not None and not self.retains_grad:
            import weakref

            self._node.attach().retained[self._nr] = weakref.ref(self)
            self.__dict__["_retains_grad"] = True

    @property
    def retains_grad(self) -> bool:
        return bool(self.__dict__.get("_retains_grad", False))

    def _gradient_edge(self) -> tuple[Any, int]:
        edge, slot = gradient_edge(self)
        return (AccumulateGrad.of(edge) if edge is self else edge), slot

    # ------------------------------------------------------------------ Python's protocols

    # By identity; a function in Python costs optimizers 0.5 us per step on six parameters.
    __hash__ = object.__hash__

    def __len__(self) -> int:
        if self._array.ndim == 0:
            raise TypeError("len() of a 0-d tensor")
        return self._array.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        if self._array.ndim == 0:
            raise TypeError("iteration over a 0-d tensor")
        return iter(self.unbind(0))  # type: ignore[attr-defined]

    def __reversed__(self) -> Tensor:
        """``flip(0)``."""
        return self.flip(0) if self._array.ndim else self

    def item(self) -> Any:
        """The value of a one-element tensor as a Python number."""
        array = self._array
        if array.size != 1:
            raise RuntimeError(f"a Tensor with {array.size} elements cannot be converted to Scalar")
        return array.item()

    def tolist(self) -> Any:
        """Nested lists of Python numbers (a number for a 0-d tensor)."""
        return backend_of(self._array).to_host(self._array).tolist()

    def __bool__(self) -> bool:
        if self._array.size != 1:
            kind = "no values" if self._array.size == 0 else "more than one value"
            raise RuntimeError(f"Boolean value of Tensor with {kind} is ambiguous")
        return bool(self._array.item())

    def __float__(self) -> float:
        return float(self._number("float"))

    def __int__(self) -> int:
        return int(self._number("int"))

    def __complex__(self) -> complex:
        return complex(self._number("complex"))

    def _number(self, target: str) -> Any:
        value = self.item()
        if isinstance(value, complex) and target != "complex":
            raise RuntimeError(f"value cannot be converted to type {target} without overflow")
        return value

    def __index__(self) -> int:
        if self._array.dtype.kind not in "iub" or self._array.size != 1:
            raise TypeError("only integer tensors of a single element can be converted to an index")
        return int(self._array.item())

    def __contains__(self, element: Any) -> bool:
        if isinstance(element, (Tensor, int, float, complex, bool)):
            return bool((element == self).any().item())  # type: ignore[union-attr]
        raise RuntimeError(
            f"Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
            f"{type(element)}."
        )

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        from .printing import format_tensor

        return format_tensor(self, tensor_contents=tensor_contents)

    def __format__(self, spec: str) -> str:
        if self._array.ndim == 0 and self._node is None and type(self) is Tensor:
            return self.item().__format__(spec)
        return object.__format__(self, spec)

    def __setstate__(self, values: Any) -> None:
        self.__dict__.update(values)

    def __dir__(self) -> Sequence[str]:
        return sorted(set(object.__dir__(self)))


classes.tensor = Tensor

__all__ = ["Tensor", "bump", "state"]
