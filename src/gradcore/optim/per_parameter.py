"""The base of optimizers that update one parameter after the other by tensor operations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..autograd.variable import TensorBase
from ..ops.registry import FUNCTIONS
from .kernels import advance, new_step
from .optimizer import Optimizer
from .options import check_capturable, number


class PerParameter(Optimizer):
    """Subclasses say what the state of a parameter is, and how it takes a step."""

    # Options that groups saved by older versions may lack.
    _later_options: dict[str, Any] = {
        "foreach": None,
        "maximize": False,
        "differentiable": False,
        "capturable": False,
    }

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            for name, value in self._later_options.items():
                group.setdefault(name, value)
            for param in group["params"]:
                held = self.state.get(param)
                if held and "step" in held and not isinstance(held["step"], TensorBase):
                    held["step"] = new_step(param, group).fill_(float(held["step"]))

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step; ``closure`` recomputes the loss, which is returned."""
        return self._run_step(closure)

    def _begin(self, param: Any, state: dict[str, Any], group: dict[str, Any]) -> None:
        """Fill the state of a parameter at its first step."""
        raise NotImplementedError

    def _update_one(self, param: Any, grad: Any, state: dict[str, Any], group: dict) -> None:
        """The step of one parameter, in place; ``grad`` has its sign turned for ``maximize``."""
        raise NotImplementedError

    def _update(self, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p._grad is not None]
        if group.get("foreach") and group.get("differentiable"):
            raise AssertionError("_foreach ops don't support autograd")
        with self._mode():
            for param in params:
                grad = param._grad
                if grad.is_sparse:
                    name = type(self).__name__
                    raise RuntimeError(f"{name} does not support sparse gradients")
                state = self.state[param]
                if not state:
                    self._begin(param, state, group)
                if group.get("capturable"):
                    check_capturable(param, state["step"])
                self._update_one(param, -grad if group.get("maximize") else grad, state, group)


def zeros_like(param: Any) -> Any:
    """New state that looks like ``param``."""
    return FUNCTIONS["zeros_like"](param.detach())


def full_like(param: Any, value: float) -> Any:
    """New state filled with ``value``; both parts of complex numbers are."""
    filled = complex(value, value) if param.is_complex() else value
    return FUNCTIONS["full_like"](param.detach(), filled)


def count(state: dict[str, Any], group: dict[str, Any]) -> Any:
    """Count this step; its number from 1, a tensor only while steps are captured."""
    step = state["step"]
    return step.add_(1) if group.get("capturable") else advance([step])[0]


def rate(group: dict[str, Any]) -> Any:
    """The learning rate: a number, or the tensor itself while steps are captured."""
    return group["lr"] if group.get("capturable") else number(group["lr"])


def as_real(*tensors: Any) -> tuple[Any, ...]:
    """Complex tensors as pairs of real numbers, which then are treated alike."""
    if not tensors[0].is_complex():
        return tensors
    return tuple(map(FUNCTIONS["view_as_real"], tensors))


def move(param: Any, numerator: Any, denominator: Any, factor: Any) -> None:
    """``param -= factor * numerator / denominator``; ``factor`` may be a tensor."""
    if isinstance(factor, TensorBase):
        param.sub_(numerator / denominator * factor)
    else:
        param.addcdiv_(numerator, denominator, value=-factor)
