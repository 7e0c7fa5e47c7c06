"""Pruning: setting parts of a parameter to zero by a mask."""

from __future__ import annotations

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from typing import Any

from ...ops.registry import FUNCTIONS
from ..modules.module import Module
from .convert_parameters import parameters_to_vector

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


class BasePruningMethod(ABC):
    """A hook that multiplies a parameter by its mask before every forward.

    The parameter ``name`` becomes ``name_orig``, the mask is the buffer ``name_mask``, and
    ``name`` is their product. Subclasses define ``PRUNING_TYPE`` ("unstructured", "structured" or
    "global") and :meth:`compute_mask`.
    """

    PRUNING_TYPE: str
    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The mask for the importances ``t``, on top of ``default_mask``."""

    def apply_mask(self, module: Module) -> Any:
        """The masked parameter."""
        mask = getattr(module, f"{self._tensor_name}_mask")
        original = getattr(module, f"{self._tensor_name}_orig")
        return mask.to(original.dtype) * original

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any
    ) -> BasePruningMethod:
        """Prune ``module.<name>``, on top of earlier pruning."""
        method = cls._combined(module, name, cls(*args, **kwargs))
        original = getattr(module, name)
        scores = original if importance_scores is None else importance_scores
        if scores.shape != original.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}, "
                f"got {scores.shape} vs {original.shape}"
            )
        first = not isinstance(method, PruningContainer)
        if first:
            default_mask = FUNCTIONS["ones_like"](original.detach())
            module.register_parameter(f"{name}_orig", original)
            del module._parameters[name]
        else:
            default_mask = getattr(module, f"{name}_mask").detach().clone()
        try:
            mask = method.compute_mask(scores.detach(), default_mask=default_mask)
            module.register_buffer(f"{name}_mask", mask)
            setattr(module, name, method.apply_mask(module))
            module.register_forward_pre_hook(method)
        except Exception:
            if first:
                module.register_parameter(name, original)
                del module._parameters[f"{name}_orig"]
            raise
        return method

    @classmethod
    def _combined(cls, module: Module, name: str, method: BasePruningMethod) -> BasePruningMethod:
        """``method`` with the one that is on the parameter already, whose hook is removed."""
        method._tensor_name = name
        held = {
            key: hook
            for key, hook in module._forward_pre_hooks.items()
            if isinstance(hook, BasePruningMethod) and hook._tensor_name == name
        }
        if len(held) > 1:
            raise AssertionError(
                f"Avoid adding multiple pruning hooks to the same tensor {name} of module "
                f"{module}. Use a PruningContainer."
            )
        for key, hook in held.items():
            del module._forward_pre_hooks[key]
            container = hook if isinstance(hook, PruningContainer) else PruningContainer(hook)
            container.add_pruning_method(method)
            return container
        return method

    def prune(self, t: Any, default_mask: Any = None, importance_scores: Any = None) -> Any:
        """``t`` times its mask, without any module."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError(
                "importance_scores should have the same shape as tensor t, got "
                f"{scores.shape} vs {t.shape}"
            )
        if default_mask is None:
            default_mask = FUNCTIONS["ones_like"](t.detach())
        return t * self.compute_mask(scores.detach(), default_mask=default_mask)

    def remove(self, module: Module) -> None:
        """Make the pruned values those of the ordinary parameter."""
        name = self._tensor_name
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters.pop(f"{name}_orig")
        original.data = weight.data
        del module._buffers[f"{name}_mask"]
        setattr(module, name, original)


class PruningContainer(BasePruningMethod):
    """Several pruning methods on one parameter, one after the other."""

    def __init__(self, *methods: BasePruningMethod) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if len(methods) == 1:
            self._tensor_name = methods[0]._tensor_name
        for method in methods:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: BasePruningMethod | None) -> None:
        """Add a method for the same parameter."""
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is None:
            return
        if getattr(self, "_tensor_name", method._tensor_name) != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: Any) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        """The last method's mask, computed on what the others left."""
        method = self._pruning_methods[-1]
        mask = default_mask.to(t.dtype)
        where = _left_over(method, t, default_mask)
        part = method.compute_mask(t[where], default_mask=default_mask[where])
        mask = mask.clone()
        mask[where] = part.to(mask.dtype)
        return mask


def _left_over(method: Any, t: Any, mask: Any) -> Any:
    """Index of the elements, or channels, that are not pruned yet."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    everything: list[Any] = [slice(None)] * t.dim()
    if method.PRUNING_TYPE == "global":
        return tuple(everything)
    if method.PRUNING_TYPE != "structured":
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
    if not hasattr(method, "dim"):
        raise AttributeError(
            'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.'
        )
    _check_dim(t, method.dim)
    dim = method.dim % t.dim()
    everything[dim] = mask.sum([d for d in range(t.dim()) if d != dim]) != 0
    return tuple(everything)


class Identity(BasePruningMethod):
    """Prunes nothing, but adds the mask."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        return default_mask


class _Amount(BasePruningMethod):
    """What methods with an ``amount`` (a number of units, or their fraction) share."""

    amount: Any

    def __init__(self, amount: Any) -> None:
        _check_amount(amount)
        self.amount = amount

    def _count(self, size: int) -> int:
        """How many of ``size`` units to prune."""
        if isinstance(self.amount, numbers.Integral):
            if int(self.amount) > size:
                raise ValueError(
                    f"amount={self.amount} should be smaller than the number of parameters to "
                    f"prune={size}"
                )
            return int(self.amount)
        return round(self.amount * size)


class RandomUnstructured(_Amount):
    """Prunes random elements."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        return self._smallest(FUNCTIONS["rand_like"](t), default_mask, largest=True)

    def _smallest(self, scores: Any, default_mask: Any, largest: bool) -> Any:
        count = self._count(scores.numel())
        mask = default_mask.clone()
        if count:
            chosen = scores.reshape((-1,)).topk(count, largest=largest)[1]
            mask = mask.reshape((-1,)).index_fill(0, chosen, 0).reshape(default_mask.shape)
        return mask


class L1Unstructured(RandomUnstructured):
    """Prunes the elements of least absolute value."""

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        return self._smallest(t.abs(), default_mask, largest=False)


class _Structured(_Amount):
    """What methods that prune whole channels along ``dim`` share."""

    PRUNING_TYPE = "structured"
    dim: int

    def _mask(self, scores: Any, t: Any, default_mask: Any, count: int) -> Any:
        """0 in the ``count`` channels of the smallest scores."""
        if count == 0:
            return default_mask
        kept = scores.topk(scores.numel() - count, largest=True)[1]
        mask = FUNCTIONS["zeros_like"](t).index_fill(self.dim % t.dim(), kept, 1)
        return mask * default_mask.to(mask.dtype)

    def _checked_count(self, t: Any) -> int:
        if t.dim() <= 1:
            raise ValueError(
                "Structured pruning can only be applied to multidimensional tensors. Found tensor "
                f"of shape {t.shape} with {t.dim()} dims"
            )
        _check_dim(t, self.dim)
        return self._count(t.shape[self.dim])


class RandomStructured(_Structured):
    """Prunes random channels along ``dim``."""

    def __init__(self, amount: Any, dim: int = -1) -> None:
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        count = self._checked_count(t)
        scores = FUNCTIONS["rand"](t.shape[self.dim]) if count else None
        return self._mask(scores, t, default_mask, count)


class LnStructured(_Structured):
    """Prunes the channels along ``dim`` with the smallest ``n``-norm."""

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount)
        self.n = n
        self.dim = dim

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        count = self._checked_count(t)
        others = tuple(d for d in range(t.dim()) if d != self.dim % t.dim())
        return self._mask(t.norm(self.n, others), t, default_mask, count)


class CustomFromMask(BasePruningMethod):
    """Prunes by a given mask."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Any) -> None:
        self.mask = mask

    def compute_mask(self, t: Any, default_mask: Any) -> Any:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape "
                f"{self.mask.shape}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


def _check_amount(amount: Any) -> None:
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    negative = isinstance(amount, numbers.Integral) and amount < 0
    if negative or (not isinstance(amount, numbers.Integral) and not 0.0 <= float(amount) <= 1.0):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
            "integer"
        )


def _check_dim(t: Any, dim: int) -> None:
    if not -t.dim() <= dim < t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


# ---------------------------------------------------------------------------- functions


def identity(module: Module, name: str) -> Module:
    """Add the mask of ones to ``module.<name>``; returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: Any) -> Module:
    """Prune ``amount`` random elements (a number, or a fraction)."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(
    module: Module, name: str, amount: Any, importance_scores: Any = None
) -> Module:
    """Prune the ``amount`` elements of least absolute value (or score)."""
    L1Unstructured.apply(module, name, amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: Any, dim: int) -> Module:
    """Prune ``amount`` random channels along ``dim``."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: Any, n: Any, dim: int, importance_scores: Any = None
) -> Module:
    """Prune the ``amount`` channels along ``dim`` with the smallest ``n``-norm."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Any) -> Module:
    """Prune by ``mask``."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Any, pruning_method: Any, importance_scores: Any = None, **kwargs: Any
) -> None:
    """Prune the (module, name) pairs together, as if they were one parameter.

    ``pruning_method`` is an unstructured method's class and ``kwargs`` are its arguments;
    ``importance_scores`` maps pairs to scores.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    pairs = [tuple(pair) for pair in parameters]
    importances = [scores.get(pair, getattr(*pair)).detach() for pair in pairs]
    masks = [
        getattr(module, f"{name}_mask", FUNCTIONS["ones_like"](getattr(module, name).detach()))
        for module, name in pairs
    ]
    method = pruning_method(**kwargs)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    method._tensor_name = "temp"
    container = PruningContainer(method)
    whole = container.compute_mask(parameters_to_vector(importances), parameters_to_vector(masks))
    start = 0
    for (module, name), part in zip(pairs, importances, strict=True):
        mask = whole[start : start + part.numel()].reshape(part.shape)
        custom_from_mask(module, name, mask=mask)
        start += part.numel()


def remove(module: Module, name: str) -> Module:
    """Make the pruning of ``module.<name>`` permanent; ValueError where there is none."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(
        f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
    )


def is_pruned(module: Module) -> bool:
    """Whether a parameter of ``module`` or of a module inside it is pruned."""
    return any(
        isinstance(hook, BasePruningMethod)
        for submodule in module.modules()
        for hook in submodule._forward_pre_hooks.values()
    )
