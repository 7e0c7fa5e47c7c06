"""What PyTorch still has from earlier versions, and what only its other layouts need."""

from __future__ import annotations

import warnings

from ..ops.registry import METHODS, public
from ..ops.shape import view
from .creation import legacy_tensor
from .tensor import Tensor


@public(function_too=False)
def new(self, *args, **kwargs):
    """A tensor of the same dtype and device: of sizes, of a sequence, or another tensor.

    >>> torch.tensor([1, 2]).new([3, 4])
    tensor([3, 4])
    """
    kwargs.setdefault("device", self.device)
    return legacy_tensor(Tensor, *args, dtype=self._array.dtype, **kwargs)


@public(function_too=False)
def resize(self, *sizes):
    """``reshape``, under its deprecated name.

    >>> torch.arange(4).resize(2, 2).shape
    torch.Size([2, 2])
    """
    warnings.warn("non-inplace resize is deprecated", stacklevel=2)
    return METHODS["reshape"](self, *sizes)


@public(function_too=False)
def resize_as(self, tensor):
    """``reshape_as``, under its deprecated name.

    >>> torch.arange(4).resize_as(torch.zeros(2, 2)).shape
    torch.Size([2, 2])
    """
    warnings.warn("non-inplace resize_as is deprecated", stacklevel=2)
    return METHODS["reshape"](self, tensor.shape)


@public(function_too=False)
def as_subclass(self, cls):
    """The same elements and history as an instance of ``cls``, a subclass of Tensor.

    >>> class Named(torch.Tensor): pass
    >>> type(torch.zeros(2).as_subclass(Named)).__name__
    'Named'
    """
    if not (isinstance(cls, type) and issubclass(cls, Tensor)):
        raise TypeError(f"as_subclass(): argument 'cls' must be a subclass of Tensor, not {cls!r}")
    result = view(self, shape=tuple(self.shape))
    result.__class__ = cls
    return result


@public(function_too=False)
def is_nonzero(self):
    """Whether the only element is not zero; RuntimeError for other numbers of elements.

    >>> torch.tensor([0.5]).is_nonzero()
    True
    """
    return bool(self)


@public(function_too=False)
def dense_dim(self):
    """The number of dense dims: all, as gradcore has strided tensors only.

    >>> torch.zeros(2, 3).dense_dim()
    2
    """
    return self.ndim


@public(function_too=False)
def sparse_dim(self):
    """The number of sparse dims: none, as gradcore has strided tensors only.

    >>> torch.zeros(2, 3).sparse_dim()
    0
    """
    return 0


@public(function_too=False)
def to_dense(self, dtype=None, *, masked_grad=None):
    """The tensor itself, as gradcore has strided tensors only; cast where ``dtype`` is given.

    >>> torch.tensor([1.5]).to_dense(torch.int64)
    tensor([1])
    """
    return self if dtype is None else self.to(dtype)


@public
def is_distributed(input):
    """Whether a tensor is spread over processes: False.

    >>> torch.is_distributed(torch.zeros(2))
    False
    """
    return False


@public(method=False)
def is_storage(obj):
    """Whether ``obj`` is a storage: what ``x.storage()`` and ``x.untyped_storage()`` give.

    >>> torch.is_storage(torch.zeros(2).untyped_storage())
    True
    """
    from ..serialization.storage import TypedStorage, UntypedStorage

    return isinstance(obj, (TypedStorage, UntypedStorage))
